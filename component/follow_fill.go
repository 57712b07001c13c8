package component

import (
	"context"
	"hash/maphash"
	"slices"
	"time"

	"passerelle/store"
	"passerelle/transports"
)

// Asking for what came while the gateway was away, or did not take what came.

// followCheck is how often everybody is asked for while nothing happens: a server may have forgotten that he is followed.
const followCheck = 6 * time.Hour

// taken are the messages of a user that were taken last, by hashes of their ids in his archive. When they are asked for once more they are not told
// again: of the past a server only knows whether somebody is there by now.
type taken struct {
	hashes [maxTaken]uint64
	next   int
}

// maxTaken is how many of them are known, a user.
const maxTaken = 64

var takenSeed = maphash.MakeSeed()

func (t *taken) add(archiveID string) {
	if archiveID != "" && !t.has(archiveID) {
		t.hashes[t.next%maxTaken] = maphash.String(takenSeed, archiveID)
		t.next++
	}
}

func (t *taken) has(archiveID string) bool {
	return archiveID != "" && slices.Contains(t.hashes[:min(t.next, maxTaken)], maphash.String(takenSeed, archiveID))
}

// keptLate is how long after a message came a server may take to keep it: ejabberd does so beside the traffic, so that what came just before the
// stream was back is in no answer yet.
const keptLate = 10 * time.Second

// resume asks for everybody, since the stream is back, soon once more, and again now and then. It ends with the stream.
func (fs *followers) resume(stream context.Context) {
	wait := fs.g.opt.Timing.KeptLate
	for {
		fs.askForAll(stream)
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-stream.Done():
			timer.Stop()
			return
		}
		wait = followCheck
	}
}

func (fs *followers) askForAll(stream context.Context) {
	fs.mu.Lock()
	all := make([]transports.Address, 0, len(fs.users))
	for user, f := range fs.users {
		f.behind.Store(true)
		all = append(all, user)
	}
	fs.mu.Unlock()
	if fs.logins != nil {
		fs.logins.gap()
	}
	for _, user := range all {
		if row, _ := fs.of(user); transports.Way(row.Way) == transports.WayLogin { // he is visited in his turn
			fs.probe(user)
			continue
		}
		select {
		case fs.fills <- struct{}{}:
		case <-stream.Done():
			return
		}
		fs.probe(user)
		if !fs.lanes.Post(user, 0, func() {
			defer func() { <-fs.fills }()
			fs.fill(user)
		}) {
			<-fs.fills
			fs.fillLater(user)
		}
	}
}

// fillLater has somebody asked for in some time.
func (fs *followers) fillLater(user transports.Address) {
	f := fs.get(user)
	if f == nil {
		return
	}
	f.behind.Store(true)
	if !f.waiting.CompareAndSwap(false, true) {
		return
	}
	time.AfterFunc(fs.g.opt.Timing.FillAgain, func() {
		if !fs.lanes.Post(user, 0, func() {
			select {
			case fs.fills <- struct{}{}:
			case <-fs.life().Done():
				return
			}
			defer func() { <-fs.fills }()
			fs.fill(user)
		}) {
			f.waiting.Store(false)
			if fs.life().Err() == nil { // his lane is full
				fs.fillLater(user)
			}
		}
	})
}

// life ends with the gateway.
func (fs *followers) life() context.Context {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if fs.ctx == nil {
		return context.Background()
	}
	return fs.ctx
}

// fill asks for what came for somebody. It runs in his lane.
func (fs *followers) fill(user transports.Address) {
	ctx, f := fs.life(), fs.get(user)
	if f == nil {
		return
	}
	f.waiting.Store(false)
	row, _ := fs.of(user)
	way := fs.ways[transports.Way(row.Way)]
	if way == nil || ctx.Err() != nil || !fs.g.Connected() {
		return
	}
	f.behind.Store(false) // before the question: what is lost from now on is not in the answer
	err := way.fill(ctx, &row)
	fs.reach(user, row)
	switch e := transports.AsError(err); {
	case e == nil:
		f.failed = 0
	case ctx.Err() != nil || !fs.g.Connected(): // then all are asked for
		f.behind.Store(true)
	case e.Kind.Temporary():
		fs.g.log.Info("what came for a user is not known yet", fs.g.opt.Identity(user.String()), "error", err)
		fs.fillLater(user)
	default:
		if f.failed++; f.failed < fillTries {
			fs.fillLater(user)
			return
		}
		fs.lose(ctx, user, row, err)
	}
}

// lose gives a way up.
func (fs *followers) lose(ctx context.Context, user transports.Address, row store.Followed, err error) {
	fs.g.log.Warn("a way to learn of a user's messages is lost", fs.g.opt.Identity(user.String()), "error", err)
	if err := fs.drop(ctx, user, row); err != nil {
		fs.g.log.Error("that a way is lost could not be written", fs.g.opt.Identity(user.String()), "error", err)
	}
	fs.to.WayLost(ctx, user, transports.Way(row.Way), err)
}

// reach notes up to where everything of somebody is known. It is written soon, with what is of others: until then it would be asked for again.
func (fs *followers) reach(user transports.Address, row store.Followed) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	f := fs.users[user]
	if f == nil || f.row.Way != row.Way || f.row.Reached == row.Reached && f.row.ReachedAt.Equal(row.ReachedAt) {
		return
	}
	f.row.Reached, f.row.ReachedAt = row.Reached, row.ReachedAt
	fs.reached[user] = f.row
	poke(fs.wake)
}

// write writes up to where everything is known, until stop is closed, and then once more.
func (fs *followers) write(ctx context.Context, stop <-chan struct{}) {
	again := stoppedTimer()
	defer again.Stop()
	for last := false; !last; {
		select {
		case <-fs.wake:
		case <-again.C:
		case <-stop:
			last = true
		}
		fs.mu.Lock()
		rows := fs.reached
		fs.reached = make(map[transports.Address]store.Followed)
		fs.mu.Unlock()
		if len(rows) == 0 {
			continue
		}
		if err := fs.g.opt.Store.Write(ctx, func(tx *store.Tx) error {
			for _, row := range rows {
				if err := tx.Reach(row); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			fs.g.log.Error("how far users are followed could not be written", "error", err, "again_in", outboxAgain)
			fs.mu.Lock()
			for user, row := range rows {
				if _, newer := fs.reached[user]; !newer && fs.users[user] != nil {
					fs.reached[user] = row
				}
			}
			fs.mu.Unlock()
			again.Reset(outboxAgain)
		}
	}
}
