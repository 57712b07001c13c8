package component

import (
	"passerelle/component/downgrade"
	"passerelle/component/muc"
	"passerelle/component/stanza"
	"passerelle/store"
	"passerelle/transports"
)

// Private conversations are kept in the archive of the user, under the contact, also where they are held in a room; what is said to
// services of the network and by them is not, since passwords are among it.

// keepSent prepares a message of the user for the archive; nil where it is not to be kept.
func (n *network) keepSent(to transports.Target, m *stanza.Element) *store.PrivateLine {
	contact := n.u.g.address(to)
	if n.u.g.archive == nil || !n.u.keeps(contact) || !downgrade.ReadHints(m).Archived(true) {
		return nil
	}
	payload := muc.Payload(m)
	if payload == "" {
		return nil
	}
	id := newID()
	return &store.PrivateLine{
		Owner: n.u.g.userID(n.u.jid), With: contact.Local, Outgoing: true, ID: id, Stanza: n.u.g.archive.render(func(b *stanza.Builder) {
			b.Start("message").Attr("id", m.Attr("id")).Attr("type", "chat").Raw([]byte(payload)).End()
		}),
	}
}

// keepHeard keeps what somebody said to the user alone, under the id that it is shown with. It reports whether it is kept.
func (n *network) keepHeard(e transports.Message, id, body string) bool {
	contact := n.contactAddress(e.From.Nick)
	if n.u.g.archive == nil || e.Services || !n.u.keeps(contact) {
		return false
	}
	at := e.Time
	if at.IsZero() {
		at = now()
	}
	if n.u.forgot(contact.Local, at) {
		return false
	}
	return n.u.g.archive.offer(keepItem{private: &store.PrivateLine{
		Owner: n.u.g.userID(n.u.jid), With: contact.Local, ID: id, Time: at, Stanza: n.u.g.archive.render(func(b *stanza.Builder) {
			b.Start("message").Attr("id", id).Attr("type", "chat").Start("body").Text(body).End()
			if now().Sub(at) > muc.FarPast {
				muc.Delay(b, contact, at)
			}
			b.End()
		}),
	}})
}
