package component

import (
	"context"
	"time"

	"passerelle/transports"
)

// When what about whom is done.

// resume has everybody looked at, since the stream is back, and again now and then. It ends with the stream.
func (fs *feeds) resume(stream context.Context) {
	fs.mu.Lock()
	fs.link = stream
	fs.mu.Unlock()
	for first := true; ; first = false {
		fs.lookAtAll(stream, first)
		timer := time.NewTimer(feedCheck)
		select {
		case <-timer.C:
		case <-stream.Done():
			timer.Stop()
			return
		}
	}
}

// lookAtAll has everybody looked at. What users tell of themselves their servers say by themselves when the stream is back, so it is read once.
func (fs *feeds) lookAtAll(stream context.Context, back bool) {
	fs.mu.Lock()
	all := make([]transports.Address, 0, len(fs.users))
	for user, f := range fs.users {
		f.due |= dueSubscribe | dueItems
		if !back || !f.profiled {
			f.due |= dueProfile
		}
		f.failed = 0
		all = append(all, user)
	}
	fs.mu.Unlock()
	for _, user := range all {
		select {
		case fs.fills <- struct{}{}:
		case <-stream.Done():
			return
		}
		// Who is there is to know that the gateway is: see presence.
		fs.sayPresence(user, "probe")
		if !fs.lanes.Post(user, 0, func() {
			defer func() { <-fs.fills }()
			fs.fill(user)
		}) {
			<-fs.fills
			fs.fillLater(user)
		}
	}
}

// nobodyKnown forgets who knows that the gateway is there, since the stream is lost.
func (fs *feeds) nobodyKnown() {
	if fs == nil {
		return
	}
	fs.mu.Lock()
	defer fs.mu.Unlock()
	for _, f := range fs.users {
		f.clients = nil
	}
}

// fillSoon does what is due about somebody, in his lane.
func (fs *feeds) fillSoon(user transports.Address) {
	if !fs.lanes.Post(user, 0, func() { fs.fillInTurn(user) }) {
		fs.fillLater(user)
	}
}

// fillInTurn does it once few others are being looked at.
func (fs *feeds) fillInTurn(user transports.Address) {
	select {
	case fs.fills <- struct{}{}:
	case <-fs.life().Done():
		return
	}
	defer func() { <-fs.fills }()
	fs.fill(user)
}

// fillLater does it in some time.
func (fs *feeds) fillLater(user transports.Address) {
	f := fs.get(user)
	if f == nil || !f.waiting.CompareAndSwap(false, true) {
		return
	}
	fs.mu.Lock()
	wait := feedAgain(fs.g.opt.Timing.FillAgain, f.failed)
	f.failed++
	fs.mu.Unlock()
	time.AfterFunc(wait, func() {
		if !fs.lanes.Post(user, 0, func() { fs.fillInTurn(user) }) {
			f.waiting.Store(false)
			if fs.life().Err() == nil { // his lane is full
				fs.fillLater(user)
			}
		}
	})
}

// lookAgain reads a user's node once more soon: between the time when it is read and that when his server has learnt what the gateway wants to be told
// (XEP-0115 §6.2) something may be published.
func (fs *feeds) lookAgain(user transports.Address) {
	time.AfterFunc(fs.g.opt.Timing.KeptLate, func() {
		if f := fs.get(user); f != nil && fs.life().Err() == nil {
			fs.mu.Lock()
			f.due |= dueItems
			fs.mu.Unlock()
			fs.fillSoon(user)
		}
	})
}

// feedAgain is how long it takes until something is done again that did not work, the n-th time from 0: a server that never answers is not to take the
// turns of others.
func feedAgain(first time.Duration, n int) time.Duration {
	for range n {
		if first *= 2; first >= maxFeedAgain {
			return maxFeedAgain
		}
	}
	return first
}

// fill does what is due about somebody. It runs in his lane.
func (fs *feeds) fill(user transports.Address) {
	ctx, f := fs.life(), fs.get(user)
	if f == nil {
		return
	}
	f.waiting.Store(false)
	if ctx.Err() != nil || !fs.g.Connected() || !fs.g.access.admits(user) { // once the stream is back, all are looked at
		return
	}
	fs.mu.Lock()
	d := f.due
	f.due = 0
	fs.mu.Unlock()
	err := fs.look(ctx, user, f, d)
	switch e := transports.AsError(err); {
	case e == nil:
		fs.mu.Lock()
		f.failed = 0
		fs.mu.Unlock()
	case e.Kind.Temporary() || ctx.Err() != nil:
		fs.mu.Lock()
		f.due |= d
		fs.mu.Unlock()
		if fs.g.Connected() && ctx.Err() == nil {
			fs.g.log.Info("what a user publishes is not known yet", fs.g.opt.Identity(user.String()), "error", err)
			fs.fillLater(user)
		}
	default: // he lets the gateway see nothing, or not yet
		fs.g.log.Info("what a user publishes cannot be read", fs.g.opt.Identity(user.String()), "error", err)
	}
}

// look does what is due about somebody.
func (fs *feeds) look(ctx context.Context, user transports.Address, f *feed, d due) error {
	if err := fs.tellWithdrawn(ctx, user, f); err != nil {
		return err
	}
	if d&dueAsk != 0 {
		fs.askPresence(ctx, user)
	}
	if d&dueSubscribe != 0 {
		if err := fs.subscribe(ctx, user); err != nil {
			return err
		}
	}
	if err := fs.readAsked(ctx, user, f); err != nil {
		return err
	}
	var denied error
	if d&dueItems != 0 {
		fs.mu.Lock()
		f.looked = now()
		fs.mu.Unlock()
		if err := fs.readNode(ctx, user, f); err != nil {
			if transports.AsError(err).Kind.Temporary() {
				return err
			}
			denied = err
		}
	}
	if d&dueProfile != 0 {
		if err := fs.readProfile(ctx, user, f); err != nil {
			return err
		}
		fs.mu.Lock()
		f.profiled = true
		fs.mu.Unlock()
	}
	return denied
}
