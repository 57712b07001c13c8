package component

import (
	"context"
	"slices"
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

// What the database says of a user is waited for relationsWait at most, which holds up nobody but him; then it is not asked again for
// relationsAgain.
const (
	relationsWait  = 2 * time.Second
	relationsAgain = 5 * time.Second
)

// relations are what his traffic depends on of what the database knows of a user: whom he has to do with, what he wants to be archived,
// and where he wants to stay. It belongs to the user's goroutine.
type relations struct {
	contacts map[string]struct{} // local parts of those that are in his contact list; "" is the domain
	blocked  map[string]struct{} // JIDs that he wants to hear nothing from
	archive  *archivePrefs
	persists map[string]bool // by scope, see stay.go
	numbers  map[number]int  // see retention.go; nil for none

	choices map[number]string // see formatting.go; nil for none

	forgotten map[string]time.Time // until when what he heard is forgotten, by archiveScopeOf; nil for nothing

	changes  []relationChange // that wait to be written
	writing  bool
	blocking int // addresses on their way into blocked
	requests int // to block or unblock, on their way
}

// relationChange is a change on its way into the database. done is told what became of it.
type relationChange struct {
	write func(tx *store.Tx, id store.UserID) error
	done  func(err error)
}

// related reads the user's relations, once as long as he is remembered. It is the first thing that a session does, and none is opened
// where the database does not answer: who is not known to be blocked would get through, and what nobody wants to be kept would be.
// What is open already goes on without the database.
func (u *user) related() (*relations, *transports.Error) {
	if u.relations != nil {
		return u.relations, nil
	}
	if u.g.opt.Store == nil {
		u.relations = &relations{archive: keepsAll}
		return u.relations, nil
	}
	if now().Before(u.relatedAt) {
		return nil, errUnread(nil)
	}
	r, err := u.g.readRelations(u.ctx, u.jid)
	if err != nil {
		u.relatedAt = now().Add(relationsAgain)
		u.g.log.Error("what is known of a user could not be read", u.logID(), "error", err)
		return nil, errUnread(err)
	}
	u.relations = r
	return r, nil
}

func errUnread(err error) *transports.Error {
	return transports.NewError(transports.Busy, "What you have set up here cannot be read just now. Try again in a moment.", err)
}

// relationSettings are the settings that his traffic depends on.
var relationSettings = slices.Concat(numberSettings[:], choiceSettings[:], archiveSettings[:], []string{SettingPersistent, forgottenName})

func (g *Gateway) readRelations(ctx context.Context, jid transports.Address) (*relations, error) {
	ctx, cancel := g.opt.Store.Within(ctx, g.opt.Timing.Relations)
	defer cancel()
	known, err := g.opt.Store.Relations(ctx, g.userID(jid), relationSettings...)
	if err != nil {
		return nil, err
	}
	r, set := &relations{archive: keepsAll}, known.Settings
	r.persists, r.numbers = readPersists(set[SettingPersistent]), readNumbers(set)
	r.choices = readChoices(set)
	if g.archive != nil {
		r.archive = g.readArchivePrefs(map[string]string{
			archiveDefault: set[archiveDefault][archiveScope], archiveAlways: set[archiveAlways][archiveScope], archiveNever: set[archiveNever][archiveScope],
		})
		r.forgotten = readForgotten(set[forgottenName])
	}
	for _, c := range known.Contacts {
		add(&r.contacts, c)
	}
	for _, b := range known.Blocks {
		add(&r.blocked, b)
	}
	return r, nil
}

// add puts s into a set that is nil as long as it is empty: most users have no contacts here and block nobody.
func add(set *map[string]struct{}, s string) {
	if *set == nil {
		*set = make(map[string]struct{})
	}
	(*set)[s] = struct{}{}
}

// change writes a change down, and says what became of it. Those that come while the database is busy go there together.
func (u *user) change(r *relations, c relationChange) {
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
	changes := r.changes
	r.changes = nil
	u.write(func(tx *store.Tx, id store.UserID) error {
		for _, c := range changes {
			if err := c.write(tx, id); err != nil {
				return err
			}
		}
		return nil
	}, func(err error) {
		r.writing = false
		for _, c := range changes {
			c.done(err)
		}
		u.writeRelations(r)
	})
}

// write writes something of the user down in the background, and says what became of it. While he is being removed nothing is: it would
// bring him back.
func (u *user) write(write func(tx *store.Tx, id store.UserID) error, done func(err error)) {
	switch {
	case u.removing > 0:
		done(errRemoving())
		return
	case u.g.opt.Store == nil:
		done(nil)
		return
	}
	id := u.g.userID(u.jid)
	u.writes++
	u.background(func(ctx context.Context) func() {
		err := u.g.opt.Store.Write(ctx, func(tx *store.Tx) error { return write(tx, id) })
		return func() {
			u.wrote()
			done(err)
		}
	})
}

// wrote notes that a write is over.
func (u *user) wrote() {
	if u.writes--; u.writes == 0 && u.quiet != nil {
		close(u.quiet)
		u.quiet = nil
	}
}

// writing is write for work that runs in the background already: it may write something of the user down until it calls done.
func (g *Gateway) writing(ctx context.Context, jid transports.Address) (done func(), err error) {
	begun, removing := false, false // both of the user's goroutine
	jid = jid.Bare()
	ok := g.on(ctx, jid, func(u *user) {
		if removing = u.removing > 0; !removing {
			begun = true
			u.writes++
			u.awaited++
		}
	})
	done = func() {
		g.onUser(jid, func(u *user) {
			if begun {
				u.awaited--
				u.wrote()
			}
		})
	}
	switch {
	case !ok:
		done() // it may have begun all the same, or begin yet
		return nil, transports.NewError(transports.Busy, stoppingText, context.Cause(ctx))
	case removing:
		return nil, errRemoving()
	}
	return done, nil
}

func errRemoving() *transports.Error {
	return transports.NewError(transports.Gone, "You are being removed from this gateway.", nil)
}

// blocks reports whether the user wants to hear nothing from an address of ours (XEP-0191 §2): it, its bare form, the network that it is
// on, or the domain.
func (u *user) blocks(a transports.Address) bool {
	r, err := u.related()
	if err != nil {
		return true // nobody asks without a session, which has read them
	}
	if len(r.blocked) == 0 {
		return false
	}
	is := func(s string) bool { _, ok := r.blocked[s]; return ok }
	if is(a.String()) || is(a.Bare().String()) || is(a.Domain) {
		return true
	}
	e, errEntity := u.g.entity(a)
	return errEntity == nil && e.target.Network != "" && is(u.g.address(transports.Target{Kind: transports.TargetNetwork, Network: e.target.Network}).String())
}

// hears reports whether the user wants to hear from somebody of a network who writes to him from an address.
func (n *network) hears(nick string, from transports.Address) bool {
	if r, err := n.u.related(); err == nil && len(r.blocked) == 0 {
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
