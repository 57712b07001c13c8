package component

import (
	"context"
	"errors"
	"slices"
	"time"

	"passerelle/component/copies"
	"passerelle/component/stanza"
	"passerelle/store"
	"passerelle/transports"
)

// nsRedirect is what our modules for servers (deploy/prosody, deploy/ejabberd) speak, see docs/redirect-protocol.md.
const nsRedirect = "urn:passerelle:redirect:0"

const nsDelay = "urn:xmpp:delay" // XEP-0203

// Bounds of asking for what came before.
const (
	maxCatchUps = 1000            // pages
	catchUpOver = 2 * time.Second // before the time up to which everything is known: servers keep times in seconds
	knowServer  = 10 * time.Minute
	maxServers  = 1000
)

// moduleWay is a module of ours on a user's server.
type moduleWay struct{ fs *followers }

// knownFeatures are what a server has said that it has.
type knownFeatures struct {
	redirect bool
	until    time.Time
}

// hasModule reports whether a server has our module.
func (w moduleWay) hasModule(ctx context.Context, domain string) (bool, error) {
	fs := w.fs
	fs.mu.Lock()
	k, ok := fs.features[domain]
	fs.mu.Unlock()
	if ok && now().Before(k.until) {
		return k.redirect, nil
	}
	k = knownFeatures{until: now().Add(knowServer)}
	err := fs.g.ask(ctx, "get", fs.g.domain, transports.Address{Domain: domain}, followWait, func(b *stanza.Builder) {
		b.StartNS("query", nsDiscoInfo).End()
	}, func(iq *stanza.Element) {
		for c := range iq.Child(nsDiscoInfo, "query").Children() {
			k.redirect = k.redirect || c.Is(nsDiscoInfo, "feature") && c.AttrIs("var", nsRedirect)
		}
	})
	if err != nil && !errors.Is(err, errAnsweredError) {
		return false, noAnswer(err)
	}
	fs.mu.Lock()
	defer fs.mu.Unlock()
	remember(fs.features, maxServers, domain, k)
	return k.redirect, nil
}

// noAnswer says that a server did not answer.
func noAnswer(err error) *transports.Error {
	return transports.NewError(transports.Offline, "Your XMPP server does not answer at the moment.", err)
}

func (w moduleWay) offer(ctx context.Context, user transports.Address, _ string) (transports.Offer, error) {
	has, err := w.hasModule(ctx, user.Domain)
	if err != nil || !has {
		return transports.Offer{}, err
	}
	return transports.Offer{Way: transports.WayModule, Speaks: true, Marks: true, Whole: true}, nil
}

// modes are what is followed, as the modules say it.
var modes = map[transports.Following]string{
	transports.FollowNothing: "none", transports.FollowOffline: "offline", transports.FollowAll: "all", transports.FollowRooms: "rooms",
}

func (w moduleWay) follow(ctx context.Context, f *store.Followed, _ string) error {
	at, err := w.setMode(ctx, f, modes[transports.Following(f.Kind)])
	if err == nil && f.ReachedAt.IsZero() {
		f.ReachedAt = at
	}
	return err
}

// setMode tells the server what is followed, and returns its time.
func (w moduleWay) setMode(ctx context.Context, f *store.Followed, mode string) (time.Time, error) {
	user, err := transports.ParseAddress(f.JID)
	if err != nil {
		return time.Time{}, err
	}
	at := now()
	err = w.fs.g.ask(ctx, "set", w.fs.g.domain, user, followWait, func(b *stanza.Builder) {
		b.StartNS("redirect", nsRedirect).Attr("mode", mode).End()
	}, func(iq *stanza.Element) {
		if t, err := time.Parse(time.RFC3339, iq.Child(nsRedirect, "redirect").Attr("now")); err == nil {
			at = t
		}
	})
	return at, w.refused(err)
}

// refused is why a module does not do what it was asked for.
func (w moduleWay) refused(err error) error {
	e, answered := errors.AsType[*iqError](err)
	switch {
	case err == nil:
		return nil
	case !answered:
		return noAnswer(err)
	case e.condition == "forbidden":
		return transports.NewError(transports.Denied, "You have told your server that this gateway is to get nothing of you. Allow it there first.", err)
	case e.typ == "wait" || e.condition == "remote-server-not-found" || e.condition == "internal-server-error":
		return noAnswer(err)
	default:
		return transports.NewError(transports.Unsupported, "Your server's module for this gateway is not there any more.", err)
	}
}

func (w moduleWay) unfollow(ctx context.Context, f *store.Followed) error {
	_, err := w.setMode(ctx, f, modes[transports.FollowNothing])
	return err
}

// copied is what a module says of a message.
type copied struct {
	copies.Found
	refused   *transports.Returned // what the user has said by way of the gateway came back
	archiveID string
	time      time.Time
}

// size is about how much memory it takes.
func (c *copied) size() int {
	if c.Copy == nil {
		return 512
	}
	return 1024 + len(c.Copy.Body) + len(c.Copy.Subject) + 256*len(c.Copy.Files)
}

// readCopy reads a copy of a module.
func readCopy(e *stanza.Element, user transports.Address) copied {
	f := e.Child(nsForward, "forwarded")
	c := copied{Found: copies.Forwarded(f, user, now()), refused: readRefused(f.Child(stanza.NSClient, "message"), user), archiveID: e.Attr("archive-id")}
	if len(c.archiveID) > maxLetterID {
		c.archiveID = ""
	}
	if t, err := time.Parse(time.RFC3339, f.Child(nsDelay, "delay").Attr("stamp")); err == nil {
		c.time = t
	}
	if c.Copy != nil {
		c.Copy.Way, c.Copy.Offline, c.Copy.Contact = transports.WayModule, e.AttrIs("offline", "true"), e.AttrIs("contact", "true")
		if c.archiveID != "" {
			c.Copy.ArchiveID = c.archiveID
		}
	}
	return c
}

// readRefused reads an error that came back to a user for something that he may have said by way of the gateway; nil for anything else.
func readRefused(m *stanza.Element, user transports.Address) *transports.Returned {
	if m == nil || !m.AttrIs("type", "error") || m.Attr("id") == "" || len(m.Attr("id")) > maxLetterID {
		return nil
	}
	from, err := transports.ParseAddress(m.Attr("from"))
	if to, toErr := transports.ParseAddress(m.Attr("to")); err != nil || toErr != nil || to.Bare() != user {
		return nil
	}
	return &transports.Returned{ID: letterID(m.Attr("id")), Err: readRefusal(m), From: from.Bare()}
}

// take hands on what was found. It runs in the user's lane.
func (fs *followers) take(ctx context.Context, found copies.Found) error {
	if found.Copy != nil {
		if err := fs.to.Copied(ctx, ofSpeech(*found.Copy)); err != nil {
			return err
		}
	}
	if found.Mark != nil {
		return fs.to.WasRead(ctx, *found.Mark)
	}
	return nil
}

// ofSpeech names a file that a user has said with something, by way of the gateway, by what that is called, see saySpeech.
func ofSpeech(c transports.Copy) transports.Copy {
	if c.Sent {
		c.ID = letterID(c.ID)
	}
	return c
}

// moduleCopy takes a message of a module: copies, and what a user has told his server himself. It runs on the reader's goroutine.
func (fs *followers) moduleCopy(from transports.Address, m *stanza.Element) {
	for e := range m.Children() {
		if e.Space != nsRedirect {
			continue
		}
		user, err := transports.ParseAddress(e.Attr("user"))
		if err != nil || user.Domain != from.Domain || !user.IsBare() {
			continue
		}
		f := fs.get(user)
		if f == nil {
			fs.unwanted(user)
			return // a server that copies many is told of one at a time
		}
		switch e.Name {
		case "copy":
			c := readCopy(e, user)
			if !fs.lanes.Post(user, c.size(), func() { fs.takeCopy(user, f, &c) }) {
				fs.fillLater(user)
			}
		case "redirect":
			if mode := e.Attr("mode"); mode == modes[transports.FollowNothing] {
				fs.lanes.Post(user, 0, func() { fs.wasRefused(user) }) // else the next fill finds it out
			}
		}
	}
}

// unwanted tells the server of somebody who is not followed that nothing is wanted of him, now and then: it was not told, or did not hear it.
func (fs *followers) unwanted(user transports.Address) {
	fs.mu.Lock()
	last, told := fs.told[user]
	if told = told && now().Sub(last) < knowServer; !told {
		remember(fs.told, maxServers, user, now())
	}
	fs.mu.Unlock()
	if told {
		return
	}
	// One after the other of a server's, and in the lane of the user: anybody's server may say this of as many users as it likes.
	fs.lanes.Post(transports.Address{Domain: user.Domain}, 0, func() {
		err := fs.inLane(fs.life(), user, func(ctx context.Context) error {
			if fs.get(user) != nil {
				return nil // by now he is
			}
			row := store.Followed{UserID: fs.g.userID(user)}
			return (moduleWay{fs}).unfollow(ctx, &row)
		})
		if err != nil {
			fs.g.log.Debug("a server copies messages that nobody wants", "server", user.Domain, "error", err)
		}
	})
}

// takeCopy takes a copy as it comes.
func (fs *followers) takeCopy(user transports.Address, f *followed, c *copied) {
	ctx := fs.life()
	row, ok := fs.of(user)
	if !ok || row.Way != int(transports.WayModule) {
		return
	}
	err := fs.take(ctx, c.Found)
	if c.refused != nil {
		err = fs.g.opt.Store.Write(ctx, func(tx *store.Tx) error { return fs.to.Returned(tx, user, *c.refused) })
	}
	if err != nil {
		if transports.AsError(err).Kind.Temporary() && ctx.Err() == nil {
			fs.fillLater(user)
			return
		}
		fs.g.log.Error("a copy of a message could not be taken", fs.g.opt.Identity(user.String()), "error", err)
		if ctx.Err() != nil {
			return // it is asked for again at the next start
		}
	}
	f.taken.add(c.archiveID)
	if !f.behind.Load() {
		fs.reach(user, c.behind(row))
	}
}

// behind is how far is known what came up to the copy.
func (c *copied) behind(row store.Followed) store.Followed {
	if c.archiveID != "" {
		row.Reached = c.archiveID
	}
	if c.time.After(row.ReachedAt) {
		row.ReachedAt = c.time
	}
	return row
}

// wasRefused ends what a user has told his server to end.
func (fs *followers) wasRefused(user transports.Address) {
	row, ok := fs.of(user)
	if ok && row.Way == int(transports.WayModule) {
		fs.lose(fs.life(), user, row, transports.NewError(transports.Denied, "You have told your server that this gateway is to get nothing of you.", nil))
	}
}

// catchUp is an answer to the question what came.
type catchUp struct {
	mode, cursor, archiveID string
	complete                bool
	all                     []copied
}

func (w moduleWay) fill(ctx context.Context, f *store.Followed) error {
	user, err := transports.ParseAddress(f.JID)
	if err != nil {
		return err
	}
	known := w.fs.get(user)
	if known == nil {
		return nil
	}
	cursor, set := "", false
	for range maxCatchUps {
		c, err := w.catchUp(ctx, user, f, cursor)
		if err != nil {
			return err
		}
		if c.mode != modes[transports.Following(f.Kind)] && !set { // the server has lost it, or the user does not want it
			set = true
			if _, err := w.setMode(ctx, f, modes[transports.Following(f.Kind)]); err != nil {
				return err
			}
			if c.mode == modes[transports.FollowNothing] {
				continue // it has told nothing
			}
		}
		for i := range c.all {
			past := &c.all[i]
			if !known.taken.has(past.archiveID) {
				if err := w.fs.take(ctx, past.Found); err != nil && transports.AsError(err).Kind.Temporary() {
					return err
				}
				known.taken.add(past.archiveID)
			}
			*f = past.behind(*f)
		}
		if c.archiveID != "" {
			f.Reached = c.archiveID
		}
		if w.fs.reach(user, *f); c.complete || c.cursor == "" || c.cursor == cursor {
			return nil
		}
		cursor = c.cursor
	}
	return transports.NewError(transports.Busy, "", errors.New("what came for a user has no end"))
}

// catchUp asks for what came, a page of it.
func (w moduleWay) catchUp(ctx context.Context, user transports.Address, f *store.Followed, cursor string) (catchUp, error) {
	var c catchUp
	err := w.fs.g.ask(ctx, "get", w.fs.g.domain, user, followWait, func(b *stanza.Builder) {
		b.StartNS("catch-up", nsRedirect).Attr("since", stanza.Time(f.ReachedAt.Add(-catchUpOver)))
		if f.Reached != "" {
			b.Attr("after", f.Reached)
		}
		if cursor != "" {
			b.Attr("cursor", cursor)
		}
		b.End()
	}, func(iq *stanza.Element) {
		e := iq.Child(nsRedirect, "catch-up")
		c = catchUp{mode: e.Attr("mode"), cursor: e.Attr("cursor"), archiveID: e.Attr("archive-id"), complete: !e.AttrIs("complete", "false")}
		for m := range e.Children() {
			if m.Is(nsRedirect, "copy") {
				c.all = append(c.all, readCopy(m, user))
			}
		}
		c.all = slices.Clip(c.all)
	})
	if len(c.archiveID) > maxLetterID || len(c.cursor) > maxLetterID {
		c.archiveID, c.cursor = "", ""
	}
	return c, w.refused(err)
}

func (w moduleWay) pushed(context.Context, *store.Followed, copies.Found) error { return nil } // of a way that was before

// marks come as they are set.
func (w moduleWay) marks(ctx context.Context, f *store.Followed) ([]transports.ReadMark, error) {
	return w.fs.g.marksAs(ctx, f)
}
