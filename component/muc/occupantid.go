package muc

import (
	"passerelle/component/stanza"
	"passerelle/transports"
)

// NSOccupantID is the namespace of XEP-0421.
const NSOccupantID = "urn:xmpp:occupant-id:0"

// named is somebody with his opaque name, which takes a while to find out: the same person mostly says more than one thing.
type named struct {
	person *transports.Person
	id     string
}

// occupantID is the opaque name of somebody. It hangs on what was known of him when he came, so that it outlives his nick.
func (r *Room) occupantID(o occupant) string {
	if o.first == nil {
		return ""
	}
	if r.named.person != o.first {
		r.named = named{o.first, r.opt.Host.OccupantID(r.opt.Target, o.first)}
	}
	return r.named.id
}

// OccupantID is the opaque name of somebody in the room, empty where he is not in it.
func (r *Room) OccupantID(nick string) string { return r.occupantID(r.occupants.get(nick)) }

// speakerID is the opaque name of whoever says something, in the room or from outside.
func (r *Room) speakerID(nick string, from *transports.Person) string {
	o, ok := r.occupants.find(nick)
	if !ok {
		o.first = from
	}
	return r.occupantID(o)
}

// AppendOccupantID appends XEP-0421's element, unless id is empty.
func AppendOccupantID(b *stanza.Builder, id string) {
	if id != "" {
		b.StartNS("occupant-id", NSOccupantID).Attr("id", id).End()
	}
}

// ReadOccupantID is what AppendOccupantID wrote to a message.
func ReadOccupantID(m *stanza.Element) string { return m.Child(NSOccupantID, "occupant-id").Attr("id") }
