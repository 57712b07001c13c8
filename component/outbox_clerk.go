package component

import (
	"context"
	"errors"
	"fmt"
	"time"

	"passerelle/store"
)

// clerk forgets what the server has and gives back what it refused, until stop is closed; then it does what is due once more.
func (o *outbox) clerk(ctx context.Context, stop <-chan struct{}) {
	timer := stoppedTimer()
	defer timer.Stop()
	var c clerking
	wait := outboxAgain
	var rest <-chan time.Time
	for last := false; !last; {
		work := o.work
		if rest != nil {
			work = nil
		}
		select {
		case <-work:
		case <-rest:
			rest = nil
			continue
		case <-timer.C:
		case <-stop:
			last = true
		}
		timer.Stop()
		next := o.take(&c)
		o.note()
		if linger := c.lingers(); linger > 0 && !last {
			if next > 0 {
				linger = min(linger, next)
			}
			timer.Reset(linger)
			continue
		}
		switch err := o.write(ctx, &c); {
		case err != nil:
			o.g.log.Error("what the XMPP server has of the outbox cannot be written down", "error", err, "again_in", wait)
			timer.Reset(wait)
			rest = time.After(wait) // however much there is to do: a transport is asked again a few times only
			wait = min(2*wait, maxOutboxAgain)
			continue
		case next > 0:
			timer.Reset(next)
		}
		wait, rest = outboxAgain, time.After(clerkWait)
	}
}

// clerking is what the clerk has taken and not written down.
type clerking struct {
	returned   []returnedLetter
	done, last store.OutgoingNumber // all up to done is forgotten, up to last is to be
	since      time.Time            // when last was done still; zero where it is
}

// lingers is for how long what is to be forgotten waits for more of it. What came back does not.
func (c *clerking) lingers() time.Duration {
	if len(c.returned) > 0 || c.last == c.done {
		return 0
	}
	if c.since.IsZero() {
		c.since = now()
	}
	return clerkLinger - now().Sub(c.since)
}

// take adds what is due, and returns how long it takes until more is; 0 where nothing waits.
func (o *outbox) take(c *clerking) time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	c.returned = append(c.returned, o.returned...)
	o.returned, o.giving = nil, len(c.returned)
	t := now()
	for len(o.settled) > 0 && !o.settled[0].due.After(t) {
		c.last = max(c.last, o.settled[0].last)
		o.settled = o.settled[1:]
	}
	o.handed = max(o.handed, c.last)
	if len(o.settled) == 0 {
		o.settled = nil
		return 0
	}
	return max(o.settled[0].due.Sub(t), time.Millisecond)
}

// errNotTaken says that the transport failed to take a letter back.
var errNotTaken = errors.New("the transport did not take back a letter")

// write writes down what the clerk has taken. All letters come back in one transaction, or each in one of its own where that fails.
func (o *outbox) write(ctx context.Context, c *clerking) error {
	if len(c.returned) == 0 && c.last == c.done {
		return nil
	}
	full := len(c.returned) >= maxReturned
	err := o.g.opt.Store.Write(ctx, func(tx *store.Tx) error {
		for i := range c.returned {
			if err := o.giveBack(tx, &c.returned[i]); err != nil {
				return err
			}
		}
		return tx.Sent(o.g.opt.Domain, c.done, c.last)
	})
	if errors.Is(err, errNotTaken) {
		if err = o.giveBackEach(ctx, c); err == nil {
			return o.write(ctx, c)
		}
	}
	if err != nil {
		return err
	}
	*c = clerking{done: c.last, last: c.last}
	o.gave(0)
	if full {
		poke(o.wake)
	}
	return nil
}

// giveBackEach gives back each letter by itself. One that a transport cannot take is given up in the end.
func (o *outbox) giveBackEach(ctx context.Context, c *clerking) error {
	var left []returnedLetter
	var failed error
	for _, r := range c.returned {
		err := o.g.opt.Store.Write(ctx, func(tx *store.Tx) error { return o.giveBack(tx, &r) })
		if errors.Is(err, errNotTaken) {
			if r.tries++; r.tries >= returnTries {
				o.g.log.Error("a letter that came back is given up", "error", err)
				err = o.g.opt.Store.Write(ctx, func(tx *store.Tx) error { return tx.Sent(o.g.opt.Domain, r.number-1, r.number) })
			}
		}
		if err != nil {
			left, failed = append(left, r), err
		}
	}
	c.returned = left
	o.gave(len(left))
	return failed
}

// giveBack gives a letter back to the transport and forgets it.
func (o *outbox) giveBack(tx *store.Tx, r *returnedLetter) error {
	o.g.people.forget(r.user) // he may be gone
	taken := func() (err error) {
		defer o.g.mendPanic(&err)
		return o.g.postal.Returned(tx, r.user, r.Returned)
	}
	if err := taken(); err != nil {
		return fmt.Errorf("%w: %w", errNotTaken, err)
	}
	return tx.Sent(o.g.opt.Domain, r.number-1, r.number)
}
