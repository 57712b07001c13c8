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
	for {
		fs.lookAtAll(stream)
		timer := time.NewTimer(feedCheck)
		select {
		case <-timer.C:
		case <-stream.Done():
			timer.Stop()
			return
		}
	}
}

func (fs *feeds) lookAtAll(stream context.Context) {
	fs.mu.Lock()
	all := make([]transports.Address, 0, len(fs.users))
	for user, f := range fs.users {
		f.due |= dueAll
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
		if !fs.lanes.post(user, 0, func() {
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
	if !fs.lanes.post(user, 0, func() { fs.fillInTurn(user) }) {
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
	time.AfterFunc(fs.g.opt.Timing.FillAgain, func() {
		if !fs.lanes.post(user, 0, func() { fs.fillInTurn(user) }) {
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

// fill does what is due about somebody. It runs in his lane.
func (fs *feeds) fill(user transports.Address) {
	ctx, f := fs.life(), fs.get(user)
	if f == nil {
		return
	}
	f.waiting.Store(false)
	if ctx.Err() != nil || !fs.g.Connected() { // then all are looked at
		return
	}
	fs.mu.Lock()
	d := f.due
	f.due = 0
	fs.mu.Unlock()
	err := fs.look(ctx, user, f, d)
	switch e := transports.AsError(err); {
	case e == nil:
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
	}
	return denied
}
