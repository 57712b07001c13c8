package component

import (
	"context"
	"maps"
	"slices"

	"passerelle/component/stanza"
	"passerelle/transports"
)

// audience is those who have the gateway or something of it in their contact list, each with the local parts; who registered has the
// domain itself.
type audience struct {
	contacts   map[transports.Address]map[string]struct{}
	registered map[transports.Address]bool
}

// audience reads who is to be told of the gateway's presence.
func (g *Gateway) audience() audience {
	l := audience{make(map[transports.Address]map[string]struct{}), make(map[transports.Address]bool)}
	if g.opt.Store == nil {
		return l
	}
	note := func(user, contact string) (transports.Address, bool) {
		jid, err := transports.ParseAddress(user)
		if err != nil || !g.access.admits(jid) {
			return jid, false
		}
		set := l.contacts[jid]
		add(&set, contact)
		l.contacts[jid] = set
		return jid, true
	}
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
	defer cancel()
	users, err := g.opt.Store.UsersWith(ctx, g.opt.Domain, registerScope, registerName)
	if err == nil {
		for _, user := range users {
			if jid, ok := note(user, ""); ok {
				l.registered[jid] = true
			}
		}
		contacts, errContacts := g.opt.Store.AllContacts(ctx, g.opt.Domain)
		for _, c := range contacts {
			note(c.JID, c.Contact)
		}
		err = errContacts
	}
	if err != nil {
		g.log.Error("not everybody can be told of the gateway's presence: contacts could not be read", "error", err)
	}
	return l
}

// tellComing tells everybody who has the gateway in his contact list that it is there, and asks those who registered whether they are
// (XEP-0100 §4.4). At the first start all else is shown as it is too: an earlier process may have died and left it as available.
func (g *Gateway) tellComing(first bool) {
	all := g.audience()
	for to, contacts := range all.contacts {
		u, ok := g.user(to)
		if !ok {
			return
		}
		u.post(func() {
			for _, local := range slices.Sorted(maps.Keys(contacts)) {
				a := transports.Address{Local: local, Domain: g.domain.Domain}
				if e, err := g.entity(a); err == nil && (first || e.kind&(entityGateway|entityBot) != 0) {
					u.showTo(e, a, to)
				}
			}
			if all.registered[to] {
				u.out.Stanzas.Start("presence").JID("from", g.domain).JID("to", to).Attr("type", "probe").End()
			}
		})
	}
}

// tellGoing tells everybody who has the gateway in his contact list that it goes (XEP-0100 §4.5); networks and people go with their
// sessions. It writes by itself, since no new work is taken for users by then.
func (g *Gateway) tellGoing() {
	if !g.Connected() {
		return
	}
	var b stanza.Builder
	for to, contacts := range g.audience().contacts {
		for _, local := range []string{"", botLocal} {
			if _, there := contacts[local]; there {
				b.Start("presence").JID("from", transports.Address{Local: local, Domain: g.domain.Domain}).JID("to", to).Attr("type", "unavailable").End()
			}
		}
		if b.Len() > flushBytes { // where the queue is full, only what does not fit is lost
			g.offer(&b)
			b.Reset()
		}
	}
	if b.Len() > 0 {
		g.offer(&b)
	}
}
