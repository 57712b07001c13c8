package muc

import (
	"sync"

	"passerelle/component/downgrade"
	"passerelle/component/stanza"
	"passerelle/transports"
)

// KeepHow says who is shown a message as it is kept.
type KeepHow uint8

const (
	KeepHeard KeepHow = iota // everybody who hears the line of the network, the user among them
	KeepOwn                  // the user alone: his own message, which the network carried otherwise, or in several lines
	KeepPart                 // everybody but the user, whose own message the line is a part of
	KeepNot                  // the user alone, who does not want it to be kept
)

// Archive takes what the room shows.
type Archive interface {
	// Keep takes each message before it is shown, and returns the stanza id that it is shown with. It holds nothing of Kept.
	Keep(Kept) string
	// Withdraw takes back a message that the network did not deliver after all, by its stanza id, and how it was kept. Where others have heard
	// it nevertheless it stays.
	Withdraw(how KeepHow, id string)
	// Find finds a message of the room that is not remembered any more, by its stanza id or else by the network's id. It takes a moment at most,
	// and finds nothing where it would take longer.
	Find(stanzaID, networkID string) (Past, bool)
	// Retract puts another message, without addresses, in place of one that was taken back, as this user reads it.
	Retract(stanzaID, message string)
	// Keeps reports whether messages are kept at all.
	Keeps() bool
}

// Archive is where what the room shows is kept; nil where it is not.
func (r *Room) Archive() Archive { return r.opt.Archive }

// KeepIn has what the room shows from now on kept elsewhere.
func (r *Room) KeepIn(a Archive) { r.opt.Archive = a }

// Kept is a message on its way into an archive, which keeps it before it is shown, so that it is shown with its id.
type Kept struct {
	How   KeepHow
	Event *transports.Message // the line of the network; the last one where there are several
	room  *Room
	line  *line
}

// Nick is who said it, empty for the room itself.
func (k *Kept) Nick() string { return k.line.nick }

// Subject reports whether it is a change of the subject.
func (k *Kept) Subject() bool { return k.line.subject }

// NetworkID is what the network calls it; empty where it gives it no name, or one for each part.
func (k *Kept) NetworkID() string {
	switch {
	case k.How == KeepOwn && len(k.line.netIDs) == 1:
		return k.line.netIDs[0]
	case k.How == KeepOwn:
		return ""
	}
	return k.Event.ID
}

// Bare is all of a message that has no text of its own, but says something about another one; empty for one that has.
func (k *Kept) Bare() string {
	if k.line.body != "" {
		return ""
	}
	return k.line.payload
}

// Append writes the message without addresses, as it is kept under an id (XEP-0313 §5.2).
func (k *Kept) Append(b *stanza.Builder, id string) {
	l := *k.line
	if l.id == "" {
		l.id = id
	}
	b.Start("message").Attr("id", l.id).Attr("type", "groupchat")
	l.appendContent(b)
	k.room.appendOrigin(b, &l, false)
	b.End()
}

// keep hands a message to the archive and returns its stanza id.
func (r *Room) keep(how KeepHow, e *transports.Message, l *line) string {
	if r.opt.Archive == nil {
		return r.opt.NewID()
	}
	l.kept = how != KeepNot && r.opt.Archive.Keeps()
	c := keeping.Get().(*kept)
	c.e, c.l = *e, *l
	id := r.opt.Archive.Keep(Kept{How: how, Event: &c.e, room: r, line: &c.l})
	*c = kept{}
	keeping.Put(c)
	return id
}

// kept is a message while it is handed to the archive.
type kept struct {
	e transports.Message
	l line
}

// keeping is the memory of those that are not at the moment.
var keeping = sync.Pool{New: func() any { return new(kept) }}

// sameForAll reports whether a message that went out as text shows no more than the text to those who get all of it, so that the line
// of the network and the message of the client are one.
func sameForAll(m *stanza.Element) bool {
	if !downgrade.ReadHints(m).Archived(true) {
		return false
	}
	bodies := 0
	for c := range m.Children() {
		switch c.Space {
		case stanza.NSComponent:
			if c.Name == "body" {
				bodies++
			} else if c.Name != "thread" {
				return false
			}
		case nsSID, nsChatStates, nsMarkers, nsReceipts, nsHints:
		default:
			return false
		}
	}
	return bodies == 1
}
