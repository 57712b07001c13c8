package component

import (
	"context"
	"errors"
	"strings"
	"time"

	"passerelle/component/copies"
	"passerelle/component/stanza"
	"passerelle/internal/c2s"
	"passerelle/internal/text"
	"passerelle/store"
	"passerelle/transports"
)

// What is asked of following by login, see follower. What a visit brings it brings by itself: what is asked for here waits for one.

// emptyArchive is from when on an archive is read that is empty: clocks differ, and nothing is read that is not new.
const emptyArchive = 24 * time.Hour

func (l *logins) offer(_ context.Context, _ transports.Address, lang string) (transports.Offer, error) {
	return transports.Offer{
		Way: transports.WayLogin, Speaks: true, Marks: true, Whole: true,
		Note: text.Say(lang, "This gateway keeps your password, sealed, and logs in as you for a moment when something comes. Nobody sees it."),
	}, nil
}

// follow tries the password at once, keeps it where it works, and finds out where the archive ends.
func (l *logins) follow(ctx context.Context, f *store.Followed, password string) error {
	user, err := transports.ParseAddress(f.JID)
	if err != nil {
		return transports.NewError(transports.NotFound, "", err)
	}
	ctx, cancel := context.WithTimeout(ctx, visitTime)
	defer cancel()
	secret := store.Secret(password)
	if secret == "" {
		if secret, err = l.fs.g.opt.Store.FollowPassword(ctx, f.UserID); err != nil {
			return notWritten(err)
		}
	}
	if secret == "" {
		return transports.NewError(transports.NeedPassword, "Your password is needed for that.", nil)
	}
	if err := l.tryLogin(ctx, user, secret, f); err != nil {
		return err
	}
	if err := l.fs.g.opt.Store.Write(ctx, func(tx *store.Tx) error { return tx.SetFollowPassword(f.UserID, secret) }); err != nil {
		return notWritten(err)
	}
	l.fs.lanes.Post(user, 0, func() { // once he is followed so, which is known by then
		if row, ok := l.fs.of(user); ok && transports.Way(row.Way) == transports.WayLogin {
			l.begin(user, 0)
		}
	})
	return nil
}

// tryLogin logs in. Where the archive is not read yet it says in f where that ends.
func (l *logins) tryLogin(ctx context.Context, user transports.Address, password store.Secret, f *store.Followed) error {
	s, err := l.client.Dial(ctx, c2s.Account{User: user, Password: password})
	if err != nil {
		return visitError(err)
	}
	defer func() { _ = s.Close() }()
	if f.Reached != "" {
		return nil // it goes on where it was
	}
	last, ok, err := s.Last(ctx)
	switch {
	case errors.Is(err, c2s.ErrNoArchive):
		f.Reached, f.ReachedAt = waitingPlace, now()
		if err = s.Offline(ctx, func(id string) bool {
			if reached, _ := strings.CutPrefix(f.Reached, waitingPlace); laterID(id, reached) {
				f.Reached = waitingPlace + id
			}
			return true // what waits already is not what is followed
		}, nil); errors.Is(err, c2s.ErrNoArchive) {
			return transports.NewError(transports.Unsupported, "Your server keeps no archive of messages that could be read.", err)
		}
	case err == nil && ok:
		f.Reached, f.ReachedAt = last.ID, last.Time
	case err == nil:
		f.ReachedAt = now().Add(-emptyArchive)
	}
	if err != nil {
		return visitError(err)
	}
	return nil
}

// unfollow visits a user no more. His server is told, and what he says still is said, as far as he can be logged in as; the password is forgotten
// in any case.
func (l *logins) unfollow(ctx context.Context, f *store.Followed) error {
	user, err := transports.ParseAddress(f.JID)
	if err != nil {
		return err
	}
	if over := l.end(user); over != nil { // two visits would say the same
		select {
		case <-over:
		case <-ctx.Done():
			return transports.NewError(transports.Busy, "", context.Cause(ctx))
		}
	}
	db := l.fs.g.opt.Store
	if password, err := db.FollowPassword(ctx, f.UserID); err == nil && password != "" {
		if err := l.leave(ctx, user, password, f); err != nil {
			l.fs.g.log.Warn("a user's server may push to this gateway still, which takes no notice", l.fs.g.opt.Identity(f.JID), "error", err)
		}
	}
	if err := l.giveBackAll(ctx, user, f.UserID, transports.NewError(transports.Offline, "Your XMPP server does not answer at the moment.", nil)); err != nil {
		return notWritten(err)
	}
	if err := db.Write(ctx, func(tx *store.Tx) error { return tx.SetFollowPassword(f.UserID, "") }); err != nil {
		return notWritten(err)
	}
	return nil
}

// leave is the last visit.
func (l *logins) leave(ctx context.Context, user transports.Address, password store.Secret, f *store.Followed) error {
	ctx, cancel := context.WithTimeout(ctx, visitTime)
	defer cancel()
	s, err := l.client.Dial(ctx, c2s.Account{User: user, Password: password})
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	err = s.DisablePush(ctx, l.fs.g.domain, f.Node)
	if err != nil && c2s.ReasonOf(err) != c2s.Refused { // else it does not push at all
		return err
	}
	n := &guest{user: user, row: *f}
	if err := l.hear(ctx, s, n); err != nil {
		return err
	}
	return l.say(ctx, s, n)
}

// hear finds out what of what a user says his server has already. Nothing that is read is told.
func (l *logins) hear(ctx context.Context, s *c2s.Session, n *guest) error {
	r := reading{n: n}
	var err error
	if r.tried, err = l.tried(ctx, n); err != nil {
		return err
	}
	since, done := c2s.Place{ID: n.row.Reached, Time: n.row.ReachedAt}, false
	if strings.HasPrefix(since.ID, waitingPlace) {
		since.ID = ""
	}
	for !done && len(r.tried) > 0 && err == nil {
		done, err = s.Archive(ctx, since, func(k c2s.Kept) error {
			since = c2s.Place{ID: k.ID, Time: k.Time}
			if c := copies.Message(k.Message, n.user, k.Time).Copy; c != nil && c.Sent {
				return l.heard(ctx, &r, c.ID)
			}
			return nil
		})
	}
	if errors.Is(err, c2s.ErrNoArchive) {
		return nil
	}
	return err
}

// fill visits a user now.
func (l *logins) fill(ctx context.Context, f *store.Followed) error {
	_, err := l.visitNow(ctx, f)
	return err
}

// marks are what a visit now says that he has read.
func (l *logins) marks(ctx context.Context, f *store.Followed) ([]transports.ReadMark, error) {
	v, err := l.visitNow(ctx, f)
	return v.marks, err
}

func (l *logins) visitNow(ctx context.Context, f *store.Followed) (visit, error) {
	user, err := transports.ParseAddress(f.JID)
	if err != nil {
		return visit{}, err
	}
	v, err := l.now(ctx, user)
	if row, ok := l.fs.of(user); ok {
		f.Reached, f.ReachedAt = row.Reached, row.ReachedAt
	}
	if err != nil {
		return v, visitError(err)
	}
	return v, nil
}

// pushed has a user visited soon. What the push says he gets whole then.
func (l *logins) pushed(_ context.Context, f *store.Followed, _ copies.Found) error {
	user, err := transports.ParseAddress(f.JID)
	if err == nil {
		l.alert(user)
	}
	return err
}

// speak has a user say something at his next visit, which is at once.
func (l *logins) speak(tx *store.Tx, user transports.Address, s *transports.Speech) (bool, error) {
	later := func(tx *store.Tx, o store.Outgoing) error {
		if len(o.Stanza) > store.MaxOutgoing {
			return transports.NewError(transports.TooLarge, "This is too large for XMPP.", nil)
		}
		return tx.Say(store.Said{UserID: o.UserID, Letter: o.Letter, Stanza: o.Stanza, Time: o.Time})
	}
	if err := l.fs.g.saySpeech(tx, user, transports.Address{}, s, s.Body, later, func(b *stanza.Builder, id string, content func()) {
		b.Start("message").JID("to", s.To.Bare()).Attr("type", "chat").Attr("id", id)
		content()
		b.End()
	}); err != nil {
		return false, err
	}
	tx.OnCommit(func() { l.said(user) })
	return true, nil
}

// lose gives a user up, and gives back what he still says.
func (l *logins) lose(n *guest, err error) {
	l.end(n.user)
	lost := visitError(err)
	do := func() {
		row, ok := l.fs.of(n.user)
		if !ok || transports.Way(row.Way) != transports.WayLogin {
			return
		}
		ctx := context.WithoutCancel(l.fs.life())
		if err := l.giveBackAll(ctx, n.user, row.UserID, lost); err != nil {
			l.fs.g.log.Error("what a user says cannot be given back", l.fs.g.opt.Identity(n.user.String()), "error", err)
		}
		l.fs.lose(ctx, n.user, row, lost)
	}
	if !l.fs.lanes.Post(n.user, 0, do) {
		do()
	}
}

// giveBackAll tells who said it that nothing of what a user says was said.
func (l *logins) giveBackAll(ctx context.Context, user transports.Address, id store.UserID, back *transports.Error) error {
	for {
		waiting, err := l.fs.g.opt.Store.Said(ctx, id)
		if err != nil || len(waiting) == 0 {
			return err
		}
		for _, one := range waiting {
			if err := l.giveBack(ctx, user, one, back); err != nil {
				return err
			}
		}
	}
}

// visitError is what a user is told of a login that does not work.
func visitError(err error) *transports.Error {
	if e, ok := errors.AsType[*transports.Error](err); ok {
		return e
	}
	if errors.Is(err, errNoPassword) {
		return transports.NewError(transports.NeedPassword, "Your password is needed for that.", err)
	}
	if _, ok := errors.AsType[*c2s.Error](err); !ok { // of the database
		return transports.NewError(transports.Busy, "", err)
	}
	switch c2s.ReasonOf(err) {
	case c2s.Password:
		return transports.NewError(transports.NeedPassword, "Your server refuses the password.", err)
	case c2s.Untrusted:
		return transports.NewError(transports.Denied, "Nobody vouches that it is really your server that answers there, so your password is not used.", err)
	case c2s.Insecure:
		return transports.NewError(transports.Denied, "Your server cannot be logged in to without giving the password away, so this is not done.", err)
	case c2s.Forbidden:
		return transports.NewError(transports.Policy, "Your server is at an address where the operator of this gateway lets nobody log in.", err)
	case c2s.NoServer:
		return transports.NewError(transports.NoServer, "Your server cannot be found in the DNS.", err)
	case c2s.Garbled, c2s.Refused:
		return transports.NewError(transports.Unsupported, "Your server answers what this gateway does not understand.", err)
	default:
		return transports.NewError(transports.Offline, "Your XMPP server does not answer at the moment.", err)
	}
}
