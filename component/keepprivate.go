package component

import (
	"maps"

	"passerelle/component/downgrade"
	"passerelle/component/markup"
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

// keepHeard keeps what somebody said to the user alone, or he with another client of his, under the id that it is shown with. It reports
// whether it is kept.
func (n *network) keepHeard(e transports.Message, id string, content func(*stanza.Builder, markup.Show)) bool {
	contact, own := n.contactAddress(e.From.Nick), e.To != transports.Target{}
	if own {
		contact = n.u.g.address(e.To)
	}
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
	return n.u.g.archive.offerPrivate(&store.PrivateLine{
		Owner: n.u.g.userID(n.u.jid), With: contact.Local, Outgoing: own, ID: id, Time: at, NetworkID: e.ID, Stanza: n.u.g.archive.render(func(b *stanza.Builder) {
			b.Start("message").Attr("id", id).Attr("type", "chat")
			content(b, markup.ShowXHTML)
			if !own && now().Sub(at) > muc.FarPast {
				muc.Delay(b, contact, at)
			}
			b.End()
		}),
	}, n.u.archiveShare())
}

// maxGaps is of how many conversations it is remembered that lines are missing in them. Of more it is not said.
const maxGaps = 10_000

// conversation is what a user and a contact write each other.
type conversation struct {
	owner store.UserID
	with  string
}

func conversationOf(l *store.PrivateLine) conversation { return conversation{l.Owner, l.With} }

// offerPrivate queues a line of a conversation, behind one that says so where lines before it are missing. It reports whether there was
// room.
func (a *archiver) offerPrivate(l *store.PrivateLine, share *keptShare) bool {
	c := conversationOf(l)
	a.mu.Lock()
	_, gap := a.gaps[c]
	delete(a.gaps, c)
	a.mu.Unlock()
	if gap {
		id := newID()
		gap = !a.offer(keepItem{share: share, private: &store.PrivateLine{Owner: l.Owner, With: l.With, ID: id, Time: now(), Stanza: a.render(func(b *stanza.Builder) {
			b.Start("message").Attr("id", id).Attr("type", "chat").Start("body").Text(lostText).End().End()
		})}}, nil)
	}
	kept := a.offer(keepItem{share: share, private: l}, nil)
	if gap || !kept {
		a.missing(c)
	}
	return kept
}

// missing notes that lines of a conversation are missing.
func (a *archiver) missing(c conversation) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.gaps) < maxGaps {
		a.gaps[c] = struct{}{}
	}
}

// forgetGaps forgets what is missing of a user who is being removed.
func (a *archiver) forgetGaps(user store.UserID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	maps.DeleteFunc(a.gaps, func(c conversation, _ struct{}) bool { return c.owner == user })
}
