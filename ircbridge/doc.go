// Package ircbridge joins users to IRC networks: it implements transports.Transport and transports.Session over IRC.
//
// It is in charge of one connection per (user, network): dialling, registering, joining channels, sending within the network's
// limits, coming back after a lost link, and saying what happened as transports events. It knows nothing of XMPP, keeps no
// roster of channels and archives nothing; package component does the first two, package store the last.
//
// One goroutine serves a session: it dials, reads, keeps the session's timers as the read deadline of its socket, and waits out
// the back-off between two connections. A second one writes, only while lines wait. The session's state is behind one mutex
// that is never held across the network or Emit; events are put in order under it and handed to the host by whoever comes first.
//
// Documents:
//   - RFC 1459, RFC 2812 (IRC), RFC 7194 (the TLS port)
//   - draft-brocklesby-irc-isupport-03 and https://modern.ircdocs.horse (RPL_ISUPPORT, numerics, CTCP)
//   - IRCv3: capability negotiation 302, message-tags, server-time, echo-message, labeled-response, batch, multi-prefix,
//     userhost-in-names, extended-join, account-tag, account-notify, chghost, setname, whox, invite-notify, sasl 3.1 and 3.2, account-registration (a draft)
//   - RFC 4422 (SASL), RFC 4616 (PLAIN), RFC 5802 and RFC 7677 (SCRAM), RFC 4013 (SASLprep)
package ircbridge
