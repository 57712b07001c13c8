package mailbridge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"passerelle/internal/jobs"
	"passerelle/store"
	"passerelle/transports"
)

// Kinds are the kinds of jobs of some gateways to email. A job of a gateway that is not there any more waits for its end.
func Kinds(all ...*Transport) map[string]jobs.Kind {
	find := func(j jobs.Job) (*Transport, task, error) {
		var what task
		if err := json.Unmarshal(j.Payload, &what); err != nil {
			return nil, what, fmt.Errorf("read a job: %w", err)
		}
		what.attempts = j.Attempts
		for _, t := range all {
			if t.opt.Domain == what.Domain {
				return t, what, nil
			}
		}
		return nil, what, errors.New("its gateway is not configured any more")
	}
	do := func(run func(*Transport, context.Context, task) jobs.Outcome) func(context.Context, jobs.Job) jobs.Outcome {
		return func(ctx context.Context, j jobs.Job) jobs.Outcome {
			t, what, err := find(j)
			if err != nil {
				return jobs.Outcome{Err: err}
			}
			return run(t, ctx, what)
		}
	}
	then := func(run func(*Transport, *store.Tx, jobs.Job, task) error) func(*store.Tx, jobs.Job) error {
		return func(tx *store.Tx, j jobs.Job) error {
			t, what, err := find(j)
			if err != nil {
				return nil // there is nobody to tell
			}
			return run(t, tx, j, what)
		}
	}
	return map[string]jobs.Kind{
		kindCompose: {
			Do:     do((*Transport).composed),
			GaveUp: then(func(t *Transport, tx *store.Tx, _ jobs.Job, what task) error { return t.notComposed(tx, what) }),
		},
		kindSend: {Do: do((*Transport).send), Late: then((*Transport).late), GaveUp: then((*Transport).gaveUp), Time: 15 * time.Minute},
		kindIn: {
			Do:     do((*Transport).inward),
			GaveUp: then(func(t *Transport, tx *store.Tx, _ jobs.Job, what task) error { return t.notRendered(tx, what) }),
		},
		kindAnswer: {
			Do:     do((*Transport).answer),
			GaveUp: then(func(t *Transport, tx *store.Tx, _ jobs.Job, what task) error { return t.notAnswered(tx, what) }),
		},
		kindAsk:    {Do: do((*Transport).ask)},
		kindReport: {Do: do((*Transport).report)},
		kindDue: {
			Do:     do((*Transport).mailDue),
			GaveUp: then(func(t *Transport, tx *store.Tx, _ jobs.Job, what task) error { return t.dueGivenUp(tx, what) }),
		},
		kindFollow: {Do: do((*Transport).follow)},
		kindUnsaid: {Do: do((*Transport).mailUnsaid)},
	}
}

// langOf is the language of a user, in a transaction.
func (t *Transport) langOf(tx *store.Tx, user transports.Address) string {
	lang, err := tx.Setting(t.userID(user), scope, SettingLanguage)
	if err != nil || lang == "" {
		return "en"
	}
	return lang
}
