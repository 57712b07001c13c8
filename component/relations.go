package component

import (
	"context"
	"time"

	"passerelle/store"
	"passerelle/transports"
)

// Bounds of what a user may keep of people, and of the changes that wait to be written.
const (
	MaxContacts  = 1000
	maxBlocked   = 1000
	maxUnwritten = 2000
)

// relationsWait is how long a user waits for the database to say whom he knows.
const relationsWait = 5 * time.Second

// relations are what a user has to do with people, as far as the database knows. It belongs to the user's goroutine.
type relations struct {
	contacts map[string]struct{} // local parts of those that are in his contact list; "" is the domain
	blocked  map[string]struct{} // JIDs that he wants to hear nothing from
	changes  []relationChange    // that wait to be written
	writing  bool
}

// relationChange is a change on its way into the database. done is told what became of it.
type relationChange struct {
	write func(tx *store.Tx, id store.UserID) error
	done  func(err error)
}

// known reads what the user has to do with people, once as long as he is remembered. Where the database does not answer, nobody is
// known, and the next one who asks looks again.
func (u *user) known() *relations {
	if u.relations != nil {
		return u.relations
	}
	r := &relations{}
	if u.g.opt.Store == nil {
		u.relations = r
		return r
	}
	ctx, cancel := context.WithTimeout(u.ctx, relationsWait)
	defer cancel()
	contacts, err := u.g.opt.Store.Contacts(ctx, u.g.userID(u.jid))
	var blocked []string
	if err == nil {
		blocked, err = u.g.opt.Store.Blocks(ctx, u.g.userID(u.jid))
	}
	if err != nil {
		u.g.log.Error("whom a user knows could not be read", u.logID(), "error", err)
		return r
	}
	for _, c := range contacts {
		add(&r.contacts, c)
	}
	for _, b := range blocked {
		add(&r.blocked, b)
	}
	u.relations = r
	return r
}

// add puts s into a set that is nil as long as it is empty: most users have no contacts here and block nobody.
func add(set *map[string]struct{}, s string) {
	if *set == nil {
		*set = make(map[string]struct{})
	}
	(*set)[s] = struct{}{}
}

// change writes a change down, and says what became of it. Those that come while the database is busy go there together.
func (u *user) change(c relationChange) {
	r := u.known()
	if len(r.changes) >= maxUnwritten {
		c.done(transports.NewError(transports.Busy, "", nil))
		return
	}
	r.changes = append(r.changes, c)
	u.writeRelations(r)
}

func (u *user) writeRelations(r *relations) {
	if r.writing || len(r.changes) == 0 {
		return
	}
	r.writing = true
	changes, id := r.changes, u.g.userID(u.jid)
	r.changes = nil
	u.background(func(ctx context.Context) func() {
		var err error
		if u.g.opt.Store != nil {
			err = u.g.opt.Store.Write(ctx, func(tx *store.Tx) error {
				for _, c := range changes {
					if err := c.write(tx, id); err != nil {
						return err
					}
				}
				return nil
			})
		}
		return func() {
			r.writing = false
			for _, c := range changes {
				c.done(err)
			}
			u.writeRelations(r)
		}
	})
}

// blocks reports whether the user wants to hear nothing from an address of ours (XEP-0191 §2): it, its bare form, the network that it is
// on, or the domain.
func (u *user) blocks(a transports.Address) bool {
	blocked := u.known().blocked
	if len(blocked) == 0 {
		return false
	}
	is := func(s string) bool { _, ok := blocked[s]; return ok }
	if is(a.String()) || is(a.Bare().String()) || is(a.Domain) {
		return true
	}
	e, err := u.g.entity(a)
	return err == nil && e.target.Network != "" && is(u.g.address(transports.Target{Kind: transports.TargetNetwork, Network: e.target.Network}).String())
}

// hears reports whether the user wants to hear from somebody of a network who writes to him from an address.
func (n *network) hears(nick string, from transports.Address) bool {
	if len(n.u.known().blocked) == 0 {
		return true
	}
	contact := n.contactAddress(nick)
	return !n.u.blocks(contact) && (from.Bare() == contact || !n.u.blocks(from))
}

// ours reports whether an address stands for something here, and gives it as it is kept.
func (u *user) ours(jid string) (string, bool) {
	a, err := transports.ParseAddress(jid)
	if err != nil || a.Domain != u.g.domain.Domain {
		return "", false
	}
	if _, err := u.g.entity(a); err != nil {
		return "", false
	}
	return a.String(), true
}
