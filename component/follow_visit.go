package component

import (
	"cmp"
	"context"
	"errors"
	"hash/maphash"
	"strings"
	"time"

	"passerelle/component/copies"
	"passerelle/component/stanza"
	"passerelle/internal/c2s"
	"passerelle/store"
	"passerelle/transports"
)

// What a visit does, in this order: it has the server push where it has to, so that what comes from now on is told; it reads what came since
// the last one, and what was read; it brings out what the user says; it goes.

// Bounds of a visit.
const (
	keptMarks   = 4000 // conversations of which it is known up to where they were told to be read
	maxSayTries = 20   // of saying something, over about a day
)

// waitingPlace begins a place in what waits for a user (XEP-0013), where his server has no archive.
const waitingPlace = "0013 "

var (
	errNotFollowed = errors.New("the user is followed in no such way")
	errNoPassword  = errors.New("there is no password of the user")
	// errNotYet is of a visit that comes while his password is being tried (logins.follow), and kept only then.
	errNotYet = errors.New("the password of the user is not kept yet")
)

// visit is one visit, and when the next one is due.
func (l *logins) visit(ctx context.Context, n *guest) (v visit, next time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, visitTime)
	defer cancel()
	v = l.look(ctx, n)
	l.fs.g.metrics.visited(v.err)
	if errors.Is(v.err, errNotFollowed) {
		l.end(n.user)
		return v, 0
	}
	if v.err == nil {
		n.fails, n.failing = 0, time.Time{}
		return v, l.nextVisit(n, v.more)
	}
	if ctx.Err() != nil && context.Cause(ctx) != context.DeadlineExceeded {
		return v, 0 // the gateway stops
	}
	n.fails++
	_, theirs := errors.AsType[*c2s.Error](v.err)
	switch {
	case !theirs: // our database, which is no reason to give anybody up
		n.failing = time.Time{}
	case n.failing.IsZero():
		n.failing = time.Now()
	}
	lasting := theirs && time.Since(n.failing) > l.fs.g.opt.Timing.VisitGiveUp
	l.fs.g.log.Warn("a visit as a user has failed", l.fs.g.opt.Identity(n.user.String()), "reason", v.err, "fails", n.fails)
	// A wrong password is not tried again: the server may lock the account, or us out.
	if lasting || lostBy(v.err) {
		l.lose(n, v.err)
	}
	return v, jitter(min(l.fs.g.opt.Timing.VisitPoll<<min(n.fails-1, 10), maxVisitWait))
}

// lostBy reports whether a failure will not go away by itself.
func lostBy(err error) bool {
	e, ok := errors.AsType[*c2s.Error](err)
	return errors.Is(err, errNoPassword) || ok && e.Reason == c2s.Password
}

// nextVisit is how long it takes until the next one after one that has worked.
func (l *logins) nextVisit(n *guest, more bool) time.Duration {
	switch {
	case more:
		return 0
	case n.confirm:
		return l.fs.g.opt.Timing.VisitLater
	case n.pushes:
		return jitter(visitCheck)
	default:
		return jitter(l.fs.g.opt.Timing.VisitPoll)
	}
}

// look logs in and does what a visit does.
func (l *logins) look(ctx context.Context, n *guest) (v visit) {
	row, ok := l.fs.of(n.user)
	if !ok || transports.Way(row.Way) != transports.WayLogin {
		return visit{err: errNotFollowed}
	}
	n.row = row
	password, err := l.fs.g.opt.Store.FollowPassword(ctx, row.UserID)
	if err != nil {
		return visit{err: err}
	}
	if password == "" {
		stored, err := l.fs.g.opt.Store.Followed(ctx, row.UserID)
		if err == nil && transports.Way(stored.Way) != transports.WayLogin {
			err = errNotYet
		}
		return visit{err: cmp.Or(err, errNoPassword)}
	}
	s, err := l.client.Dial(ctx, c2s.Account{User: n.user, Password: password})
	if err != nil {
		return visit{err: err}
	}
	defer func() { _ = s.Close() }() // everything that matters was answered
	confirming := n.confirm
	n.confirm = false
	if n.register {
		if err := l.register(ctx, n, s); err != nil {
			return visit{err: err}
		}
	}
	r := reading{n: n}
	if r.tried, v.err = l.tried(ctx, n); v.err != nil {
		return v
	}
	if v.more, v.err = l.read(ctx, s, &r); v.err != nil {
		return v
	}
	if s.Skipped > 0 {
		l.fs.g.log.Warn("what a user's server sends cannot all be read", l.fs.g.opt.Identity(n.user.String()), "stanzas", s.Skipped)
	}
	if n.pushes && !n.alerted && !confirming && !n.confirm && r.missed {
		// Something came and nobody has told: the server does not push any more.
		l.fs.g.log.Info("a user's server has ceased to push and is asked again", l.fs.g.opt.Identity(n.user.String()))
		if v.err = l.register(ctx, n, s); v.err != nil {
			return v
		}
	}
	if v.marks, v.err = l.readMarks(ctx, s, n); v.err != nil {
		return v
	}
	if !v.more { // what was tried before may be in what is still to be read
		v.err = l.say(ctx, s, n)
	}
	return v
}

// register has the server push. One that cannot is visited often instead.
func (l *logins) register(ctx context.Context, n *guest, s *c2s.Session) error {
	err := s.EnablePush(ctx, l.fs.g.domain, n.row.Node)
	if err != nil && c2s.ReasonOf(err) != c2s.Refused {
		return err
	}
	n.register = false
	n.pushes = err == nil
	n.confirm = n.pushes
	return nil
}

// reading is what is read in a visit.
type reading struct {
	n      *guest
	tried  map[string]store.Said // what the user says and was tried before, by its id
	missed bool                  // something came that his server should have pushed
}

// tried is what a user says and what was tried before.
func (l *logins) tried(ctx context.Context, n *guest) (map[string]store.Said, error) {
	said, err := l.fs.g.opt.Store.Said(ctx, n.row.UserID)
	if err != nil {
		return nil, err
	}
	all := make(map[string]store.Said)
	for _, one := range said {
		if one.Tries > 0 {
			all[messageID(one.Stanza)] = one
		}
	}
	return all, nil
}

// heard notes that what a user has said is in his archive: his server had it, whatever became of its answer.
func (l *logins) heard(ctx context.Context, r *reading, id string) error {
	one, ok := r.tried[id]
	if !ok || id == "" {
		return nil
	}
	delete(r.tried, id)
	return l.fs.g.opt.Store.Write(ctx, func(tx *store.Tx) error { return tx.Unsay(one) })
}

// read brings what came since the last visit to who wants it.
func (l *logins) read(ctx context.Context, s *c2s.Session, r *reading) (more bool, err error) {
	since := c2s.Place{ID: r.n.row.Reached, Time: r.n.row.ReachedAt}
	if strings.HasPrefix(since.ID, waitingPlace) {
		since.ID = "" // the server has got an archive meanwhile, if it has one
	}
	done, err := s.Archive(ctx, since, func(k c2s.Kept) error {
		return l.bring(ctx, r, k, false)
	})
	if errors.Is(err, c2s.ErrNoArchive) {
		reached, _ := strings.CutPrefix(r.n.row.Reached, waitingPlace)
		done = true
		err = s.Offline(ctx, func(id string) bool { return !laterID(id, reached) }, func(k c2s.Kept) error {
			return l.bring(ctx, r, k, true)
		})
	}
	return !done, err
}

// laterID reports whether a message that waits came after another: ejabberd numbers them by their time.
func laterID(id, reached string) bool {
	return len(id) > len(reached) || len(id) == len(reached) && id > reached
}

// bring brings one message to who wants it. What cannot be taken just now ends the visit.
func (l *logins) bring(ctx context.Context, r *reading, k c2s.Kept, waiting bool) error {
	n := r.n
	found := copies.Message(k.Message, n.user, k.Time)
	if c := found.Copy; c != nil {
		c.Way, c.Offline = transports.WayLogin, waiting
		if !waiting {
			c.ArchiveID = k.ID
			if online, known := l.fs.online(n.user); known {
				c.Offline = !online
			}
		}
		if c.Sent {
			if err := l.heard(ctx, r, c.ID); err != nil {
				return err
			}
		}
		if !c.Sent && time.Since(k.Time) > l.fs.g.opt.Timing.VisitLater {
			r.missed = true
		}
		if err := l.taken(n, l.fs.to.Copied(ctx, ofSpeech(*c))); err != nil {
			return err
		}
	}
	if found.Mark != nil {
		if err := l.taken(n, l.fs.to.WasRead(ctx, *found.Mark)); err != nil {
			return err
		}
	}
	n.row.Reached = k.ID
	if waiting {
		n.row.Reached = waitingPlace + k.ID
	}
	if !k.Time.IsZero() {
		n.row.ReachedAt = k.Time
	}
	l.fs.reach(n.user, n.row) // it is taken
	return nil
}

// taken is an error where something could not be taken and may be later. What is never taken is passed over.
func (l *logins) taken(n *guest, err error) error {
	if err == nil || transports.AsError(err).Kind.Temporary() {
		return err
	}
	l.fs.g.log.Warn("something of a user is not taken", l.fs.g.opt.Identity(n.user.String()), "error", err)
	return nil
}

// readMarks tells what the user has read since the last visit, and is what he has read at all.
func (l *logins) readMarks(ctx context.Context, s *c2s.Session, n *guest) ([]transports.ReadMark, error) {
	var marks []transports.ReadMark
	if err := s.Displayed(ctx, func(pubsub *stanza.Element) { marks = copies.Displayed(pubsub, n.user) }); err != nil {
		return nil, err
	}
	for _, m := range marks {
		peer, id := maphash.String(l.seed, m.Peer.String()), maphash.String(l.seed, m.ArchiveID)
		if n.marks[peer] == id {
			continue
		}
		if err := l.taken(n, l.fs.to.WasRead(ctx, m)); err != nil {
			return nil, err
		}
		if n.marks == nil {
			n.marks = make(map[uint64]uint64)
		}
		if len(n.marks) < keptMarks {
			n.marks[peer] = id
		}
	}
	return marks, nil
}

// say brings out what the user says. It comes when everything was read: what his server has of it is not among that any more.
func (l *logins) say(ctx context.Context, s *c2s.Session, n *guest) error {
	said, err := l.fs.g.opt.Store.Said(ctx, n.row.UserID)
	for i := 0; i < len(said) && err == nil; i++ {
		err = l.sayOne(ctx, s, n, said[i])
	}
	return err
}

// messageID is the id of a message of ours.
func messageID(xml string) string {
	s, err := stanza.Parse([]byte(xml), stanza.NSClient, stanza.Limits{})
	if err != nil {
		return ""
	}
	return s.Root.Attr("id")
}

func (l *logins) sayOne(ctx context.Context, s *c2s.Session, n *guest, one store.Said) error {
	db := l.fs.g.opt.Store
	if err := db.Write(ctx, func(tx *store.Tx) error { return tx.TrySaying(one) }); err != nil {
		return err
	}
	err := s.Send(ctx, messageID(one.Stanza), []byte(one.Stanza))
	refused, ok := errors.AsType[*c2s.Error](err)
	switch {
	case err == nil:
		return db.Write(context.WithoutCancel(ctx), func(tx *store.Tx) error { return tx.Unsay(one) })
	case ok && refused.Reason == c2s.Refused || one.Tries >= maxSayTries:
		back := transports.NewError(transports.Offline, "Your XMPP server does not answer at the moment.", err)
		if ok && refused.Condition != "" {
			back = refusedFor(refused.Condition, "", err)
		}
		return l.giveBack(context.WithoutCancel(ctx), n.user, one, back)
	default:
		return err
	}
}

// giveBack tells who said it that something was not said.
func (l *logins) giveBack(ctx context.Context, user transports.Address, one store.Said, back *transports.Error) error {
	return l.fs.g.opt.Store.Write(ctx, func(tx *store.Tx) error {
		if err := tx.Unsay(one); err != nil {
			return err
		}
		if one.Letter == "" { // what stands before it is given back for both
			return nil
		}
		return l.fs.to.Returned(tx, user, transports.Returned{ID: one.Letter, Err: back})
	})
}
