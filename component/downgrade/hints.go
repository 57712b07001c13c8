package downgrade

import "passerelle/component/stanza"

const nsHints = "urn:xmpp:hints"

// Hints are what the sender of a message wants done with it (XEP-0334 §4).
type Hints struct {
	NoPermanentStore bool // no archive
	NoStore          bool // no memory of any kind
	NoCopy           bool // nobody but whom it is addressed to
	Store            bool // worth keeping, whatever it looks like
}

// ReadHints reads the hints of a message.
func ReadHints(m *stanza.Element) Hints {
	return Hints{
		NoPermanentStore: m.Child(nsHints, "no-permanent-store") != nil,
		NoStore:          m.Child(nsHints, "no-store") != nil,
		NoCopy:           m.Child(nsHints, "no-copy") != nil,
		Store:            m.Child(nsHints, "store") != nil,
	}
}

// Archived reports whether an archive should take the message; worth says whether it would without hints. Where they contradict each
// other nothing is kept: that can be mended by who said it, the contrary cannot.
func (h Hints) Archived(worth bool) bool {
	return !h.NoStore && !h.NoPermanentStore && (worth || h.Store)
}
