package component

import (
	"maps"
	"slices"

	"passerelle/component/stanza"
	"passerelle/internal/text"
	"passerelle/store"
	"passerelle/transports"
)

// contactKinds are what has a presence for those who have it in their contact list.
const contactKinds = entityGateway | entityBot | entityNetwork | entityContact

// subscribe takes an address of ours into a user's contact list (RFC 6121 §3.1.3, XEP-0100 §5.1): everything here may be in one.
func (u *user) subscribe(in *inbound, e entity) {
	contact := in.to.Bare()
	accept := func() {
		u.out.Stanzas.Start("presence").JID("from", contact).JID("to", u.jid).Attr("type", "subscribed").End()
		u.showTo(e, contact, u.jid)
	}
	if e.kind&contactKinds == 0 {
		accept()
		if e.kind == entityRoom {
			lang := in.root().Attr("xml:lang")
			u.sayWayIn(saidTo(contact, u.jid, lang), text.Say(lang, "This is a room and no contact."), u.meantRoom(lang, e.target))
		}
		return
	}
	known, err := u.related()
	if err != nil {
		u.refuse(in, err)
		return
	}
	_, there := known.contacts[contact.Local]
	switch {
	case there && (u.g.social == nil || e.kind != entityContact):
		accept()
	case u.hides(e, contact):
		u.refuseBlocked(in)
	case !there && len(known.contacts) >= MaxContacts:
		u.refuse(in, transports.NewError(transports.Policy, text.Say(in.root().Attr("xml:lang"), "You have as many contacts here as can be kept. Remove some first."), nil))
	case u.g.social != nil && e.kind == entityContact:
		u.subscribeToFeed(in, e, accept)
	default:
		r := reply{from: in.from, to: in.to, id: in.root().Attr("id")}
		u.addContact(known, e, contact, func(err error) {
			if err != nil {
				u.out.Stanzas.Start("presence").JID("from", r.to).JID("to", r.from).Attr("type", "error").Attr("id", r.id).Error(u.sayError(err)).End()
				return
			}
			if u.inContacts(contact) { // else he has gone back on it meanwhile, and was told
				accept()
				if e.kind&(entityGateway|entityBot) != 0 {
					u.welcome(contact)
				}
			}
		})
	}
}

// addContact notes that an address is in the user's contact list.
func (u *user) addContact(known *relations, e entity, contact transports.Address, done func(error)) {
	add(&known.contacts, contact.Local)
	u.change(known, relationChange{
		write: func(tx *store.Tx, id store.UserID) error {
			return tx.AddContact(store.Contact{UserID: id, Contact: contact.Local})
		},
		done: func(err error) {
			if err != nil {
				delete(known.contacts, contact.Local)
			} else if n := u.networks.of(e.target.Network); n != nil && e.kind == entityContact && u.inContacts(contact) {
				n.watch(false, e.target)
			}
			done(err)
		},
	})
}

// unsubscribe takes an address of ours out of a user's contact list (RFC 6121 §3.3.3, XEP-0100 §5.3). The registration stays: who
// tidies up his list does not want to lose his settings.
func (u *user) unsubscribe(e entity, contact transports.Address) {
	known, err := u.related()
	if err != nil {
		// He is not asked twice, and what he does not have any more may be shown to him until the next time.
		u.g.log.Error("that a contact was removed could not be written", u.logID(), "error", err)
	} else if _, there := known.contacts[contact.Local]; there {
		delete(known.contacts, contact.Local)
		u.change(known, relationChange{
			write: func(tx *store.Tx, id store.UserID) error {
				return tx.RemoveContact(store.Contact{UserID: id, Contact: contact.Local})
			},
			done: func(err error) {
				if err != nil {
					u.g.log.Error("that a contact was removed could not be written", u.logID(), "error", err)
				}
			},
		})
		if n := u.networks.of(e.target.Network); n != nil && e.kind == entityContact {
			n.watch(true, e.target)
			delete(n.present, e.target.ID)
		}
	}
	if u.g.social != nil && e.kind == entityContact {
		u.unsubscribeFromFeed(e.target)
	}
	for _, typ := range []string{"unsubscribed", "unavailable"} {
		u.out.Stanzas.Start("presence").JID("from", contact).JID("to", u.jid).Attr("type", typ).End()
	}
}

// probe answers a server that asks how an address is (RFC 6121 §4.3.2). It asks for those that are in the contact list, so one that we
// do not know to be there is taken in: the database may be younger than the list.
func (u *user) probe(in *inbound, e entity) {
	if e.kind&contactKinds == 0 {
		return
	}
	contact := in.to.Bare()
	if known, err := u.related(); err == nil && !u.inContacts(contact) && len(known.contacts) < MaxContacts {
		u.addContact(known, e, contact, func(err error) {
			if err != nil {
				u.g.log.Error("a contact could not be written", u.logID(), "error", err)
			}
		})
	}
	u.showTo(e, contact, in.from)
}

// showTo tells how an address is at the moment. Contacts have no resources (XEP-0100 §5.2).
func (u *user) showTo(e entity, from, to transports.Address) {
	if e.kind&contactKinds == 0 {
		return
	}
	there := u.inContacts(from)
	u.look(e, func() {
		if !there || u.inContacts(from) { // else he has been told meanwhile that it is gone
			u.showNow(e, from, to)
		}
	})
}

func (u *user) showNow(e entity, from, to transports.Address) {
	n := u.networks.of(e.target.Network)
	p, online := transports.Presence{}, true
	switch e.kind {
	case entityGateway | entityNetwork: // it can be talked to in any case
		if n == nil || !n.online {
			p.Away, p.Text = true, text.Say(u.lang, "You are not connected to %s.", e.target.Network)
		}
	case entityNetwork:
		online = n != nil && n.online
	case entityContact:
		if u.g.postal != nil {
			p.Text = u.statusOfContacts()
			break
		}
		if n == nil {
			online = false
			break
		}
		p, online = n.present[e.target.ID], n.present[e.target.ID].Online
	}
	if online && u.hides(e, from) {
		online = false
	}
	if !online {
		u.out.Stanzas.Start("presence").JID("from", from).JID("to", to).Attr("type", "unavailable").End()
		return
	}
	b := u.out.Stanzas.Start("presence").JID("from", from).JID("to", to)
	if p.Away {
		b.Start("show").Text("away").End()
	}
	if p.Text != "" {
		b.Start("status").Text(p.Text).End()
	}
	u.appendWhat(b, e)
}

// appendWhat ends an available presence: what its sender can do, and which picture it has.
func (u *user) appendWhat(b *stanza.Builder, e entity) {
	u.g.appendCaps(b, e.kind)
	u.avatarOf(e, "").AppendUpdate(b)
	b.End()
}

// inList are the user's contacts on a network.
func (n *network) inList(known *relations) []transports.Target {
	var who []transports.Target
	for _, local := range slices.Sorted(maps.Keys(known.contacts)) { // where there are too many it is always the same ones
		if local == "" {
			continue
		}
		e, err := n.u.g.entity(transports.Address{Local: local, Domain: n.u.g.domain.Domain})
		if err == nil && e.kind == entityContact && e.target.Network == n.id {
			who = append(who, e.target)
		}
	}
	return who
}

// watch has the network tell of people, or not any more.
func (n *network) watch(stop bool, who ...transports.Target) {
	if len(who) == 0 {
		return
	}
	if err := n.session.Do(n.u.ctx, transports.Watch{Who: who, Stop: stop}); err != nil {
		// They stay unavailable, as they are on networks that know nothing of presence.
		n.u.g.log.Debug("contacts are not watched", n.u.logID(), "network", n.id, "error", err)
	}
}

// presence takes how somebody in the contact list is.
func (n *network) presence(e transports.Presence) {
	contact := n.u.g.address(e.Who)
	if !n.u.inContacts(contact) || n.present[e.Who.ID] == e {
		return
	}
	if e.Online {
		if n.present == nil {
			n.present = make(map[string]transports.Presence)
		}
		n.present[e.Who.ID] = e
	} else {
		delete(n.present, e.Who.ID)
	}
	n.u.showContact(entity{entityContact, e.Who}, contact)
}

// hides reports whether the user wants to see nothing of a network or somebody on it. The gateway itself stays where it can be
// talked to, or nobody could be unblocked.
func (u *user) hides(e entity, a transports.Address) bool {
	return e.kind&entityGateway == 0 && e.kind&(entityNetwork|entityContact) != 0 && u.blocks(a)
}

// showContact tells the user's clients how a contact is, unless he wants to hear nothing of it.
func (u *user) showContact(e entity, contact transports.Address) {
	if !u.blocks(contact) {
		u.showTo(e, contact, u.jid)
	}
}

// setOnline follows the link to the network: while there is none, neither the network nor anybody on it is there (XEP-0100 §5.2).
func (n *network) setOnline(online bool) {
	if n.online == online {
		return
	}
	n.online = online
	n.notSlow()
	gone := n.present
	n.present = nil
	for id := range gone {
		t := transports.Target{Kind: transports.TargetContact, Network: n.id, ID: id}
		n.u.showContact(entity{entityContact, t}, n.u.g.address(t))
	}
	self := n.u.g.network(n.id)
	if contact := n.u.g.address(self.target); n.u.inContacts(contact) {
		n.u.showContact(self, contact)
	}
}

// inContacts reports whether the user is known to have an address in his contact list.
func (u *user) inContacts(a transports.Address) bool {
	r, err := u.related()
	if err != nil {
		return false
	}
	_, there := r.contacts[a.Local]
	return there
}

// shownContacts are those whom the user's clients see as available.
func (u *user) shownContacts() map[transports.Address]entity {
	shown := make(map[transports.Address]entity)
	note := func(e entity) {
		if a := u.g.address(e.target); e.kind&entityGateway == 0 && u.inContacts(a) && !u.blocks(a) {
			shown[a] = e
		}
	}
	if u.g.postal != nil && u.relations != nil {
		for local := range u.relations.contacts {
			if e, err := u.g.entity(transports.Address{Local: local, Domain: u.g.domain.Domain}); err == nil && e.kind == entityContact {
				note(e)
			}
		}
		return shown
	}
	for _, n := range u.networks {
		if n.online {
			note(u.g.network(n.id))
		}
		for id := range n.present {
			note(entity{entityContact, transports.Target{Kind: transports.TargetContact, Network: n.id, ID: id}})
		}
	}
	return shown
}

// showChanged tells of those whom the user saw before and does not want to see any more, and the other way round.
func (u *user) showChanged(before map[transports.Address]entity) {
	after := u.shownContacts()
	for a, e := range before {
		if _, still := after[a]; !still {
			u.showTo(e, a, u.jid)
		}
	}
	for a, e := range after {
		if _, already := before[a]; !already {
			u.showTo(e, a, u.jid)
		}
	}
}
