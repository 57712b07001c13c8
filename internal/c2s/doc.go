// Package c2s is in charge of being a user's client for a moment: it logs in to his XMPP server with his password, never shows that he is
// there, reads what his server keeps for him, has it push, says something in his name, and leaves.
//
// The server is a stranger, and so is whatever its name leads to. What it may send, and for how long, is bounded everywhere; without an
// encryption that vouches for its name, or where it wants to be told the password itself, nobody is logged in. The package does not know what
// messages mean, keeps nothing, and never tries anything again: that is up to whoever asks.
//
// Documents: RFC 6120, RFC 6121 §4 (no presence is ever sent), RFC 7590 and XEP-0368 (TLS), RFC 5802 with RFC 9266, RFC 5929 and XEP-0440 (SCRAM),
// XEP-0030, XEP-0013, XEP-0059, XEP-0199, XEP-0313, XEP-0357, XEP-0490.
package c2s
