// Package copies is in charge of reading messages that users got or wrote elsewhere, as those tell of them who know: a copy that is forwarded
// (XEP-0297), what an archive has (XEP-0313), what a push says (XEP-0357). It is not in charge of how they come here, nor of whether anybody is to
// be told.
//
// Documents: XEP-0045 1.35, XEP-0172 1.1, XEP-0203 2.0, XEP-0297 1.0, XEP-0308 1.2.1, XEP-0333 0.4, XEP-0357 0.4.1, XEP-0359 0.7, XEP-0380 0.4,
// XEP-0424 0.4.2, XEP-0490 1.0.
package copies

import (
	"strings"
	"time"
	"unicode/utf8"

	"passerelle/component/downgrade"
	"passerelle/component/markup"
	"passerelle/component/stanza"
	"passerelle/transports"
)

const (
	nsClient  = "jabber:client"
	nsForward = "urn:xmpp:forward:0"
	nsDelay   = "urn:xmpp:delay"
	nsSID     = "urn:xmpp:sid:0"
	nsMarkers = "urn:xmpp:chat-markers:0"
	nsNick    = "http://jabber.org/protocol/nick"
	nsMUCUser = "http://jabber.org/protocol/muc#user"
	nsEME     = "urn:xmpp:eme:0"
	nsCarbons = "urn:xmpp:carbons:2"
)

// Bounds of what is read, in bytes; what is longer is cut, and an id that is longer is none.
const (
	maxBody    = 64 << 10
	maxSubject = 1 << 10
	maxName    = 100
	maxID      = 256
)

// Found is what a message is to the user whom it concerns: a copy, a sign that he has read something, or both.
type Found struct {
	Copy *transports.Copy
	Mark *transports.ReadMark
}

// Forwarded reads the message that an element forwarded has in it. When is the time where it does not say one.
func Forwarded(e *stanza.Element, user transports.Address, when time.Time) Found {
	m := e.Child(nsClient, "message")
	if m == nil {
		m = e.Child(stanza.NSComponent, "message")
	}
	if stamp, ok := stampOf(e.Child(nsDelay, "delay")); ok {
		return read(m, user, stamp)
	}
	return Message(m, user, when)
}

// Message reads a message. When is the time where it does not say one.
func Message(m *stanza.Element, user transports.Address, when time.Time) Found {
	if stamp, ok := stampOf(m.Child(nsDelay, "delay")); ok {
		when = stamp
	}
	return read(m, user, when)
}

// stampOf reads when something was sent (XEP-0203 §3).
func stampOf(delay *stanza.Element) (time.Time, bool) {
	t, err := time.Parse(time.RFC3339, delay.Attr("stamp"))
	return t, err == nil
}

// read reads a message of a time. Nothing is found in one that is not of the user, or that says nothing.
func read(m *stanza.Element, user transports.Address, when time.Time) Found {
	if m == nil || m.Name != "message" {
		return Found{}
	}
	if m.Space == nsClient {
		if m = inComponent(m); m == nil {
			return Found{}
		}
	}
	c := transports.Copy{User: user.Bare(), Time: when, ID: id(m.Attr("id"))}
	if c.ID == "" {
		c.ID = id(m.Child(nsSID, "origin-id").Attr("id"))
	}
	c.Room = m.AttrIs("type", "groupchat")
	from, to := address(m, "from", user), address(m, "to", user)
	switch {
	case m.AttrIs("type", "error") || m.AttrIs("type", "headline") || m.Child(nsCarbons, "sent") != nil || m.Child(nsCarbons, "received") != nil:
		return Found{}
	case from.IsZero() || to.IsZero() || from.Bare() == to.Bare():
		return Found{}
	case from.Bare() == user.Bare():
		c.Sent, c.Peer = true, peer(m, to)
	case to.Bare() == user.Bare():
		c.Peer = peer(m, from)
	default:
		return Found{}
	}
	c.ArchiveID = archiveID(m, user)
	var found Found
	if c.Sent {
		found.Mark = mark(m, &c)
	}
	if content(&c, m) {
		found.Copy = &c
	}
	return found
}

// inComponent is a message as it would come on our stream, where elements of XMPP have another namespace; nil where it is too large.
func inComponent(m *stanza.Element) *stanza.Element {
	s, err := stanza.Parse(m.AppendXML(nil, nsClient), stanza.NSComponent, stanza.Limits{})
	if err != nil {
		return nil
	}
	return s.Root
}

// address is the user where there is none: his own server leaves it out.
func address(m *stanza.Element, name string, user transports.Address) transports.Address {
	if !m.HasAttr(name) {
		return user.Bare()
	}
	a, err := transports.ParseAddress(m.Attr(name))
	if err != nil {
		return transports.Address{}
	}
	return a
}

// peer is who somebody is to the user: in a room an occupant of it, else a bare JID.
func peer(m *stanza.Element, a transports.Address) transports.Address {
	if m.AttrIs("type", "groupchat") || m.Child(nsMUCUser, "x") != nil && m.Child(nsMUCUser, "x").Child(nsMUCUser, "invite") == nil {
		return a
	}
	return a.Bare()
}

// archiveID is the id of the archive of the user, whose server takes away what others say to be one (XEP-0359 §6).
func archiveID(m *stanza.Element, user transports.Address) string {
	for e := range m.Children() {
		if e.Is(nsSID, "stanza-id") {
			if by, err := transports.ParseAddress(e.Attr("by")); err == nil && by == user.Bare() {
				return id(e.Attr("id"))
			}
		}
	}
	return ""
}

func id(s string) string {
	if len(s) > maxID || !utf8.ValidString(s) {
		return ""
	}
	return s
}

// mark reads that the user has displayed a message (XEP-0333 §4); nil where he has not.
func mark(m *stanza.Element, c *transports.Copy) *transports.ReadMark {
	for e := range m.Children() {
		if !e.Is(nsMarkers, "displayed") && !e.Is(nsMarkers, "acknowledged") || id(e.Attr("id")) == "" {
			continue
		}
		r := &transports.ReadMark{User: c.User, Peer: c.Peer, Time: c.Time}
		if c.Room {
			r.Peer = c.Peer.Bare()
		}
		r.ID = id(e.Attr("id"))
		return r
	}
	return nil
}

// content reads what a message says, and reports whether it says anything.
func content(c *transports.Copy, m *stanza.Element) bool {
	if c.Nick = cut(m.Child(nsNick, "nick").Text(), maxName); c.Nick == "" && c.Room && !c.Sent {
		c.Nick = cut(c.Peer.Resource, maxName)
	}
	c.Thread = id(m.Child(stanza.NSComponent, "thread").Text())
	c.Replaces = id(m.Child(downgrade.NSCorrect, "replace").Attr("id"))
	if downgrade.Encrypted(m) != nil {
		c.Encrypted = encryption(m)
		return true
	}
	if retracted, ok := downgrade.Retracted(m); ok {
		c.Replaces = id(retracted)
		return c.Replaces != ""
	}
	c.Subject = cut(strings.Join(strings.Fields(m.Child(stanza.NSComponent, "subject").Text()), " "), maxSubject)
	said := downgrade.Said(m)
	body, files, refused := downgrade.Attached(m, said)
	if refused != nil { // with a key in it: that is as good as encrypted
		c.Encrypted = "XEP-0448"
		return true
	}
	c.Body, c.Files = body, files
	if styled := markup.Read(m, c.Body, false, func() markup.Settings { return markup.Settings{} }); styled != nil {
		c.Body, c.Spans = styled.Text, styled.Spans
	}
	if len(c.Body) > maxBody {
		c.Body = cut(c.Body, maxBody)
		c.Spans = transports.CutSpans(c.Spans, 0, len(c.Body)-len("…"), 0)
	}
	if c.Room && c.Body == "" && len(files) == 0 {
		return c.Replaces != "" // the subject of a room
	}
	return strings.TrimSpace(c.Body) != "" || len(c.Files) > 0 || c.Subject != "" || c.Replaces != ""
}

// encryption is what a message is encrypted with, in words (XEP-0380 §3).
func encryption(m *stanza.Element) string {
	if name := cut(strings.Join(strings.Fields(m.Child(nsEME, "encryption").Attr("name")), " "), maxName); name != "" {
		return name
	}
	for e := range m.Children() {
		ns := e.Space
		if ns == nsEME {
			ns = e.Attr("namespace")
		}
		for _, kind := range [...]struct{ part, name string }{
			{"axolotl", "OMEMO"}, {":omemo:", "OMEMO"}, {":openpgp:", "OpenPGP"}, {"jabber:x:encrypted", "PGP"}, {":otr:", "OTR"},
		} {
			if strings.Contains(ns, kind.part) {
				return kind.name
			}
		}
	}
	return "OTR" // which only its body shows
}

// cut cuts a text to n bytes, between characters, and says so.
func cut(s string, n int) string {
	s = strings.ToValidUTF8(s, "")
	if len(s) <= n {
		return s
	}
	n -= len("…")
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}
