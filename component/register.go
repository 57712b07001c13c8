package component

import (
	"context"

	"passerelle/component/stanza"
	"passerelle/internal/text"
	"passerelle/store"
	"passerelle/transports"
)

const nsRegister = "jabber:iq:register"

// Where it is kept that somebody registered.
const (
	registerScope = "gateway"
	registerName  = "registered"
)

// register answers XEP-0077 with XEP-0100 §4: registration adds the gateway to the contact list and has it tell when it comes and
// goes; it is never needed to join a room. Removal forgets everything about the user.
func (u *user) register(in *inbound, _ entity) {
	if u.g.opt.Store == nil {
		u.refuse(in, transports.NewError(transports.Unsupported, "", nil))
		return
	}
	root := in.root()
	lang := root.Attr("xml:lang")
	r := reply{from: in.from, to: in.to, id: root.Attr("id")}
	id := u.g.userID(u.jid)
	switch query := root.Child(nsRegister, "query"); {
	case root.AttrIs("type", "get"):
		u.background(func(ctx context.Context) func() {
			set, err := u.g.opt.Store.Settings(ctx, id, registerScope)
			return func() {
				if err != nil {
					u.answerIQ(r.from, r.to, r.id, u.sayError(err))
					return
				}
				u.registerForm(r, lang, set[registerName] != "")
			}
		})
	case query.Child(nsRegister, "remove") != nil:
		// XEP-0077 §3.2, XEP-0100 §4.3.
		u.background(func(ctx context.Context) func() {
			err := u.g.removeUser(ctx, u.jid, text.Say(lang, "You are no longer registered here."))
			return func() {
				if err != nil {
					u.answerIQ(r.from, r.to, r.id, u.sayError(err))
					return
				}
				u.answerIQ(r.from, r.to, r.id, nil)
				u.sayRemoved()
			}
		})
	case query.Child(nsForm, "x").AttrIs("type", "cancel"):
		u.answerIQ(r.from, r.to, r.id, nil)
	default:
		u.background(func(ctx context.Context) func() {
			err := u.g.opt.Store.Write(ctx, func(tx *store.Tx) error {
				if err := tx.TouchUser(id); err != nil {
					return err
				}
				return tx.Set(id, registerScope, registerName, "1")
			})
			// Where the server lets us, the contact is just there (XEP-0356); else the user is asked.
			contact := u.g.addContact(ctx, u.jid, u.g.domain, u.g.about.Name) == nil
			return func() {
				if err != nil {
					u.answerIQ(r.from, r.to, r.id, u.sayError(err))
					return
				}
				u.answerIQ(r.from, r.to, r.id, nil)
				// XEP-0100 §4.1.1: the gateway asks to see the user, and shows itself.
				if !contact {
					appendNick(u.out.Stanzas.Start("presence").JID("from", u.g.domain).JID("to", u.jid).Attr("type", "subscribe"), u.g.about.Name) // XEP-0172 §4.1
					u.out.Stanzas.End()
				}
				u.sendAvailable(entity{kind: entityGateway}, u.g.domain, u.jid)
			}
		})
	}
}

// registerForm answers a get with the form and, for clients that know no forms, the fields beside it (XEP-0077 §3.1.1).
func (u *user) registerForm(r reply, lang string, registered bool) {
	instructions := text.Say(lang, "Register to have this gateway in your contact list. You can join rooms without.")
	b := u.out.Stanzas.Start("iq").JID("from", r.to).JID("to", r.from).Attr("type", "result").Attr("id", r.id).StartNS("query", nsRegister)
	if registered {
		b.Start("registered").End()
		instructions = text.Say(lang, "You are registered. Removing the registration deletes everything that is kept about you here.")
	}
	b.Start("instructions").Text(instructions).End()
	appendForm(b, lang, nsRegister, &transports.Form{Title: u.g.about.Name, Instructions: instructions})
	b.End().End()
}

// tellComing tells everybody who registered that the gateway is there, and asks who is (XEP-0100 §4.4).
func (g *Gateway) tellComing() {
	for _, to := range g.registered() {
		if u, ok := g.user(to); ok {
			u.post(func() {
				u.sendAvailable(entity{kind: entityGateway}, g.domain, to)
				u.out.Stanzas.Start("presence").JID("from", g.domain).JID("to", to).Attr("type", "probe").End()
			})
		}
	}
}

// tellGoing tells everybody who registered that the gateway goes (XEP-0100 §4.5). It writes by itself, since no new work is taken
// for users by then.
func (g *Gateway) tellGoing() {
	if !g.Connected() {
		return
	}
	var b stanza.Builder
	for _, to := range g.registered() {
		b.Start("presence").JID("from", g.domain).JID("to", to).Attr("type", "unavailable").End()
	}
	if b.Len() > 0 {
		g.offer(&b)
	}
}

// registered are those who registered.
func (g *Gateway) registered() []transports.Address {
	if g.opt.Store == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
	defer cancel()
	users, err := g.opt.Store.UsersWith(ctx, g.opt.Domain, registerScope, registerName)
	if err != nil {
		g.log.Error("who registered could not be read, so nobody is told of the gateway's presence", "error", err)
		return nil
	}
	var all []transports.Address
	for _, jid := range users {
		if to, err := transports.ParseAddress(jid); err == nil {
			all = append(all, to)
		}
	}
	return all
}
