package component

import (
	"cmp"
	"context"
	"sync"

	"passerelle/transports"
)

// SettingEnlist is whether those to whom the user writes get into his contact list.
const SettingEnlist = "add_contacts"

// postalSettings are the gateway's own settings where its transport is a Postal one, beside those of how text looks.
func postalSettings() []transports.Field {
	return []transports.Field{
		{Name: SettingEnlist, Label: "Put people to whom you write into your contact list", Type: transports.FieldBool, Values: []string{choiceFalse}},
	}
}

// maxOffered is of how many contacts it is remembered that they were offered, of all users.
const maxOffered = 100_000

// offers are the contacts that were offered to clients for their lists: who does not want one is not asked again. Safe to call from any
// goroutine.
type offers struct {
	mu sync.Mutex
	m  map[[2]transports.Address]struct{} // user and contact
}

// take reports whether a contact was not offered yet, and notes that it is.
func (o *offers) take(user, contact transports.Address) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	key := [2]transports.Address{user, contact}
	if _, offered := o.m[key]; offered {
		return false
	}
	if o.m == nil || len(o.m) >= maxOffered {
		o.m = make(map[[2]transports.Address]struct{})
	}
	o.m[key] = struct{}{}
	return true
}

// enlistContact gets somebody to whom the user has written into his contact list, where he wants that: by the server's leave (XEP-0356), else by
// having the client offer it (XEP-0144).
func (u *user) enlistContact(client transports.Address, t transports.Target) {
	known, err := u.related()
	if err != nil || t.Kind != transports.TargetContact || u.awaited >= maxAwaited {
		return
	}
	wants, _ := transports.ParseBool(known.choices[number{SettingEnlist, u.g.scope(transports.Target{})}])
	jid := u.g.address(t)
	if !wants || u.inContacts(jid) || len(known.contacts) >= MaxContacts || !u.g.offered.take(u.jid, jid) {
		return
	}
	u.background(func(ctx context.Context) func() {
		c, err := u.g.postal.Card(ctx, u.jid, t)
		if err != nil {
			u.g.log.Error("a contact could not be read", u.logID(), "error", err)
		}
		wanted := []suggestion{{jid, cmp.Or(c.Name, c.Email, u.g.opt.Transport.Format(t))}}
		if u.g.addContacts(ctx, u.jid, wanted) == nil {
			return func() { u.listSuggestions(wanted) }
		}
		if err := u.g.suggest(ctx, client, wanted); err != nil {
			u.g.log.Debug("a contact could not be offered", u.logID(), "error", err)
		}
		return func() {}
	})
}
