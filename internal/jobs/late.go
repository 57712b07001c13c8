package jobs

import (
	"context"
	"errors"
	"fmt"

	"passerelle/store"
)

// errWaited is what a job fails with that expired before any attempt came to an end.
var errWaited = errors.New("it could not be tried in time")

// tellLate has everybody told whose jobs are late or have expired, each in a transaction of its own.
func (r *run) tellLate(ctx context.Context) error {
	defer clear(r.skip)
	for ctx.Err() == nil {
		var late store.LateJob
		var found bool
		err := r.Store.Write(context.Background(), func(tx *store.Tx) (err error) {
			late, found, err = tx.NextLateJob(func(lane string) bool { return r.lanes[lane] || r.skip[lane] })
			if err != nil || !found {
				return err
			}
			if late.Over {
				return r.expire(tx, late.Job)
			}
			if k := r.Kinds[late.Kind]; k.Late != nil {
				err = k.Late(tx, late.Job)
			}
			return err
		})
		switch {
		case err == nil && !found:
			return r.Store.Write(context.Background(), func(tx *store.Tx) error {
				turn, err := tx.TurnJobs(nil, store.JobClaim{})
				r.next, r.late = turn.Next, turn.Late
				return err
			})
		case err != nil && (!found || r.skip[late.Lane]):
			return err
		case errors.Is(err, errUnknown):
			r.skip[late.Lane] = true
		case err != nil:
			r.Log.Error("nobody could be told that a job is late; trying again", "kind", late.Kind, "job", late.ID, "error", err)
			r.skip[late.Lane] = true
		}
	}
	return nil
}

func (r *run) expire(tx *store.Tx, j Job) error {
	if _, known := r.Kinds[j.Kind]; !known {
		return errUnknown
	}
	if j.Error == "" {
		j.Error = errWaited.Error()
	}
	if err := r.gaveUp(tx, j, j.Error); err != nil {
		return err
	}
	_, err := tx.TurnJobs([]store.JobEnd{{Job: j, What: store.JobExpired, Error: j.Error}}, store.JobClaim{})
	return err
}

// forgetOld forgets jobs that were over long ago.
func (r *run) forgetOld(ctx context.Context) error {
	for more := true; more && ctx.Err() == nil; {
		err := r.Store.Write(context.Background(), func(tx *store.Tx) (err error) {
			more, err = tx.ForgetJobs(tx.Now().Add(-keptFor))
			return err
		})
		if err != nil {
			return fmt.Errorf("forget jobs: %w", err)
		}
	}
	r.forget = r.Now().Add(forgetEach)
	return nil
}
