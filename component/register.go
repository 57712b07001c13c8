package component

import (
	"context"

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
	switch query := root.Child(nsRegister, "query"); {
	case root.AttrIs("type", "get"):
		id := u.g.userID(u.jid)
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
			finish, err := u.g.removeUser(ctx, u.jid, text.Say(lang, "You are no longer registered here."))
			return func() {
				if err != nil {
					u.answerIQ(r.from, r.to, r.id, u.sayError(err))
					return
				}
				u.answerIQ(r.from, r.to, r.id, nil)
				finish()
			}
		})
	case query.Child(nsForm, "x").AttrIs("type", "cancel"):
		u.answerIQ(r.from, r.to, r.id, nil)
	default:
		u.write(func(tx *store.Tx, id store.UserID) error {
			if err := tx.TouchUser(id); err != nil {
				return err
			}
			if err := tx.AddContact(store.Contact{UserID: id, Contact: u.g.domain.Local}); err != nil {
				return err
			}
			return tx.Set(id, registerScope, registerName, "1")
		}, func(err error) {
			if err != nil {
				u.answerIQ(r.from, r.to, r.id, u.sayError(err))
				return
			}
			if u.relations != nil {
				add(&u.relations.contacts, u.g.domain.Local)
			}
			u.answerIQ(r.from, r.to, r.id, nil)
			// XEP-0100 §4.1.1: the gateway shows itself.
			u.showTo(u.g.own(entityGateway), u.g.domain, u.jid)
			u.background(u.enlist(r.from))
		})
	}
}

// enlist gets the gateway and its bot into the contact list of a user who registered by that client: by the server's leave (XEP-0356);
// else by having the client offer it (XEP-0144); else by asking to see the user, which most clients answer with the same question
// (XEP-0100 §4.1.1).
func (u *user) enlist(client transports.Address) func(context.Context) func() {
	return func(ctx context.Context) func() {
		if u.g.addContacts(ctx, u.jid, u.g.suggestions()) == nil {
			return func() { u.listSuggestions(u.g.suggestions()) }
		}
		if u.g.suggest(ctx, client, u.g.suggestions()) == nil {
			return func() {}
		}
		return func() {
			b := u.out.Stanzas.Start("presence").JID("from", u.g.domain).JID("to", u.jid).Attr("type", "subscribe")
			appendNick(b, u.g.about().Name) // XEP-0172 §4.1
			b.End()
		}
	}
}

// listSuggestions notes that addresses of ours are in the user's contact list, and shows those that he has not been shown.
func (u *user) listSuggestions(listed []suggestion) {
	known, err := u.related()
	if err != nil {
		u.g.log.Error("a contact could not be written", u.logID(), "error", err)
		return // his server asks about it
	}
	for _, s := range listed {
		e, err := u.g.entity(s.jid)
		if err != nil {
			continue
		}
		u.addContact(known, e, s.jid, func(err error) {
			if err != nil {
				u.g.log.Error("a contact could not be written", u.logID(), "error", err)
			}
		})
		if e.kind&entityGateway == 0 {
			u.showTo(e, s.jid, u.jid)
		}
	}
}

// registerForm answers a get with the form and, for clients that know no forms, the fields beside it (XEP-0077 §3.1.1).
func (u *user) registerForm(r reply, lang string, registered bool) {
	instructions := text.Say(lang, "Register to have this gateway in your contact list. You can join rooms without.")
	if !u.g.about().Rooms {
		instructions = text.Say(lang, "Register to have this gateway in your contact list. You can write to people without.")
	}
	b := u.out.Stanzas.Start("iq").JID("from", r.to).JID("to", r.from).Attr("type", "result").Attr("id", r.id).StartNS("query", nsRegister)
	if registered {
		b.Start("registered").End()
		instructions = text.Say(lang, "You are registered. Removing the registration deletes everything that is kept about you here.")
	}
	b.Start("instructions").Text(instructions).End()
	appendForm(b, lang, nsRegister, &transports.Form{Title: u.g.about().Name, Instructions: instructions})
	b.End().End()
}
