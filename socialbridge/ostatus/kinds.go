package ostatus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"passerelle/internal/jobs"
	"passerelle/store"
)

// Kinds of jobs.
const (
	kindVerify    = "social.verify"    // asking a subscriber back
	kindFan       = "social.fan"       // having more subscribers told
	kindPush      = "social.push"      // telling a subscriber
	kindSlap      = "social.slap"      // telling an actor
	kindSubscribe = "social.subscribe" // asking a hub to tell us, or not any more
	kindPoll      = "social.poll"      // fetching a feed, and looking whether its hub tells us
	kindOrigin    = "social.origin"    // fetching what was said in another's feed from where it was published
)

// How long it is tried to tell somebody something, and what an attempt may take.
const (
	pushFor   = 3 * 24 * time.Hour
	slapFor   = 3 * 24 * time.Hour
	hubFor    = 2 * 24 * time.Hour
	pollFor   = 5 * 24 * time.Hour
	originFor = 24 * time.Hour
	fanFor    = 5 * 24 * time.Hour
	tellTime  = 30 * time.Second
)

// Kinds implements socialbridge.Wire.
func (w *Wire) Kinds() map[string]jobs.Kind { return Kinds(w) }

// Kinds are the jobs of several wires, each of which finds its own by its domain.
func Kinds(all ...*Wire) map[string]jobs.Kind {
	byDomain := make(map[string]*Wire)
	for _, w := range all {
		byDomain[w.domain] = w
	}
	of := func(j jobs.Job) (*Wire, error) {
		var p struct{ Domain string }
		if err := json.Unmarshal(j.Payload, &p); err != nil {
			return nil, fmt.Errorf("read a job: %w", err)
		}
		w := byDomain[p.Domain]
		if w == nil {
			return nil, errNoGateway
		}
		return w, nil
	}
	kind := func(do func(*Wire, context.Context, jobs.Job) jobs.Outcome, gaveUp func(*Wire, *store.Tx, jobs.Job) error, limit time.Duration) jobs.Kind {
		k := jobs.Kind{Time: limit, Do: func(ctx context.Context, j jobs.Job) jobs.Outcome {
			w, err := of(j)
			if err != nil {
				return jobs.Outcome{Err: err, After: time.Hour}
			}
			return do(w, ctx, j)
		}}
		if gaveUp != nil {
			k.GaveUp = func(tx *store.Tx, j jobs.Job) error {
				w, err := of(j)
				if err != nil {
					return nil //nolint:nilerr // the gateway is not there any more
				}
				return gaveUp(w, tx, j)
			}
		}
		return k
	}
	return map[string]jobs.Kind{
		kindVerify:    kind((*Wire).verify, nil, tellTime),
		kindFan:       kind((*Wire).fanOut, nil, tellTime),
		kindPush:      kind((*Wire).push, (*Wire).pushGaveUp, tellTime),
		kindSlap:      kind((*Wire).slap, nil, 2*findTime),
		kindSubscribe: kind((*Wire).subscribe, nil, 2*findTime),
		kindPoll:      kind((*Wire).poll, (*Wire).pollGaveUp, 2*findTime),
		kindOrigin:    kind((*Wire).origin, nil, 2*findTime),
	}
}

var errNoGateway = errors.New("its gateway is not configured any more")

// enqueue adds a job. Its lane is one of its kind.
func (w *Wire) enqueue(tx *store.Tx, kind, lane, site string, payload any, expires time.Duration) error {
	return w.enqueueAt(tx, kind, lane, site, payload, tx.Now(), expires)
}

func (w *Wire) enqueueAt(tx *store.Tx, kind, lane, site string, payload any, at time.Time, expires time.Duration) error {
	b, err := json.Marshal(payload)
	if err != nil {
		return fmt.Errorf("write a job: %w", err)
	}
	_, err = jobs.Enqueue(tx, w.job(kind, lane, site, b, at, expires))
	return err
}

// job is a job that nobody is told of when it is late: a server of the social web may be away for a day.
func (w *Wire) job(kind, lane, site string, payload []byte, at time.Time, expires time.Duration) jobs.NewJob {
	end := at.Add(expires)
	return jobs.NewJob{Lane: laneOf(kind, lane), Site: site, Kind: kind, Payload: payload, NotBefore: at, Warn: end, Expires: end}
}

func laneOf(kind, lane string) string { return kind + " " + lane }

// tidyUp forgets by the way what was kept for long enough.
func (w *Wire) tidyUp(tx *store.Tx) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := tx.Now()
	if now.Before(w.tidy) {
		return
	}
	more, err := tx.TidySocialWire(now.Add(-2*verifyFor), now.Add(-pushFor-slapFor), now.Add(-seenFor))
	if w.tidy = now.Add(time.Hour); more || err != nil {
		w.tidy = now.Add(time.Minute)
	}
}
