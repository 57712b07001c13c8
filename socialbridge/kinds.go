package socialbridge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"passerelle/internal/jobs"
	"passerelle/internal/text"
	"passerelle/socialbridge/activity"
	"passerelle/store"
	"passerelle/transports"
)

// The kinds of jobs of the core.
const (
	kindFind    = "social.find"    // somebody is looked for
	kindPublish = "social.publish" // a post waits for those whom it names to be found
	kindWatch   = "social.watch"   // the node of a user is to be watched, or not any more
	kindShow    = "social.show"    // a user's own node is to show what he has published here
	kindPicture = "social.picture" // an avatar is fetched
	kindLeave   = "social.leave"   // others are told that what an account that is gone has published is gone
	kindDigest  = "social.digest"  // a user is told at once of all that came in a day
)

// Times of jobs.
const (
	findTime  = 2 * time.Minute
	watchTime = 7 * 24 * time.Hour
	jobTime   = 2 * time.Minute
)

// task is what is to be done.
type task struct {
	Domain string   `json:"domain"`
	User   string   `json:"user,omitempty"`
	Lang   string   `json:"lang,omitempty"`
	Ref    string   `json:"ref,omitempty"`  // whom to find
	Then   string   `json:"then,omitempty"` // and what to do with him
	Draft  *draft   `json:"draft,omitempty"`
	Names  []string `json:"names,omitempty"` // that the draft waits for
	Post   int64    `json:"post,omitempty"`
	Actor  int64    `json:"actor,omitempty"`
	URL    string   `json:"url,omitempty"`
	Stop   bool     `json:"stop,omitempty"`
	Since  int64    `json:"since,omitempty"` // Unix milliseconds

	Expires time.Duration `json:"-"`
	After   time.Duration `json:"-"` // not before
}

// enqueue adds a job; those of a lane are done one after the other.
func (t *Transport) enqueue(tx *store.Tx, kind, lane string, what task) error {
	what.Domain = t.opt.Domain
	if lane == "" {
		lane = what.User
	}
	j := jobs.NewJob{Kind: kind, Lane: t.lane(kind, lane), Payload: []byte(toJSON(&what))}
	if what.Expires == 0 {
		what.Expires = watchTime
	}
	from := tx.Now()
	if what.After > 0 {
		j.NotBefore = from.Add(what.After)
		from = j.NotBefore
	}
	j.Expires = from.Add(what.Expires)
	_, err := jobs.Enqueue(tx, j)
	return err
}

func (t *Transport) lane(kind, lane string) string { return kind + ":" + t.opt.Domain + ":" + lane }

func fromJSON[T any](s string) (v T, err error) {
	err = json.Unmarshal([]byte(s), &v)
	return v, err
}

// Kinds are the kinds of jobs of some gateways to the social web, without those of their wires. A job of a gateway that is not there any more waits
// for its end.
func Kinds(all ...*Transport) map[string]jobs.Kind {
	find := func(j jobs.Job) (*Transport, task, error) {
		what, err := fromJSON[task](string(j.Payload))
		if err != nil {
			return nil, what, fmt.Errorf("read a job: %w", err)
		}
		for _, t := range all {
			if t.opt.Domain == what.Domain {
				return t, what, nil
			}
		}
		return nil, what, errors.New("its gateway is not configured any more")
	}
	kind := func(run func(*Transport, context.Context, task) jobs.Outcome, gaveUp func(*Transport, *store.Tx, task) error) jobs.Kind {
		k := jobs.Kind{Time: jobTime, Do: func(ctx context.Context, j jobs.Job) jobs.Outcome {
			t, what, err := find(j)
			if err != nil {
				return jobs.Outcome{Err: err}
			}
			return run(t, ctx, what)
		}}
		if gaveUp != nil {
			k.GaveUp = func(tx *store.Tx, j jobs.Job) error {
				t, what, err := find(j)
				if err != nil {
					return nil // there is nobody to tell
				}
				return gaveUp(t, tx, what)
			}
		}
		return k
	}
	return map[string]jobs.Kind{
		kindFind:    kind((*Transport).doFind, (*Transport).notFound),
		kindPublish: kind((*Transport).doPublish, (*Transport).publishAnyhow),
		kindWatch:   kind((*Transport).doWatch, nil),
		kindShow:    kind((*Transport).doShow, nil),
		kindPicture: kind((*Transport).doPicture, nil),
		kindLeave:   kind((*Transport).doLeave, nil),
		kindDigest:  kind((*Transport).doDigest, nil),
	}
}

// What is done with somebody who was found.
const (
	thenFollow = "follow"
	thenTell   = "tell"
)

// doFind looks for somebody.
func (t *Transport) doFind(ctx context.Context, what task) jobs.Outcome {
	user := userOf(what.User)
	found, err := t.wire.Find(ctx, what.Ref)
	if err != nil {
		e := transports.AsError(err)
		if e.Kind.Temporary() && e.Kind != transports.Offline { // who waits wants to know
			return jobs.Outcome{Err: err}
		}
		return jobs.Outcome{Verdict: jobs.Failed, Err: errors.New("nobody was found")}
	}
	return jobs.Outcome{Verdict: jobs.Done, Then: func(tx *store.Tx) error { return t.found(tx, user, &what, found) }}
}

// found does what somebody was looked for for.
func (t *Transport) found(tx *store.Tx, user transports.Address, what *task, found *activity.Actor) error {
	row, err := t.keep(tx, found, true)
	if err != nil {
		return err
	}
	say := func(said string) error {
		return t.deliver(tx, user, transports.Remark{ID: digest("found", what.Ref, said, tx.Now().UTC().String()), Text: said})
	}
	who := t.actor(&row)
	if row.Acct == "" {
		return say(text.Say(what.Lang, "%s is %s, whose server does not say under which address he is there: he cannot be a contact.", what.Ref, displayName(&who)))
	}
	if what.Then != thenFollow {
		return say(t.sayCard(what.Lang, &row))
	}
	a, err := t.accountIn(tx, user)
	if err != nil {
		return err
	}
	if err := t.follow(tx, what.Lang, user, a, &row); err != nil {
		if e := transports.AsError(err); e.Kind != transports.Internal {
			return say(e.Text)
		}
		return err
	}
	return say(text.Say(what.Lang, "You follow %s (%s) now.", displayName(&who), row.Acct))
}

// notFound tells a user that somebody was not found.
func (t *Transport) notFound(tx *store.Tx, what task) error {
	with := transports.Target{}
	if acct, ok := readAcct(what.Ref); ok && what.Then == thenFollow {
		with = contact(acct)
	}
	return t.deliver(tx, userOf(what.User), transports.Remark{
		ID: digest("not found", what.Ref, tx.Now().UTC().String()), With: with, Text: text.Say(what.Lang, "%s was not found on the social web, or its server does not answer.", what.Ref),
	})
}

// doPublish publishes what waited for people to be found.
func (t *Transport) doPublish(ctx context.Context, what task) jobs.Outcome {
	for _, name := range what.Names {
		found, err := t.wire.Find(ctx, name)
		if err != nil {
			continue // it stays text
		}
		if _, err := t.Keep(ctx, found); err != nil && transports.AsError(err).Kind.Temporary() {
			return jobs.Outcome{Err: errors.New("the database does not take it")}
		}
	}
	return jobs.Outcome{Verdict: jobs.Done, Then: func(tx *store.Tx) error { return t.publishAnyhow(tx, what) }}
}

// publishAnyhow publishes it, whoever was found.
func (t *Transport) publishAnyhow(tx *store.Tx, what task) error {
	user := userOf(what.User)
	a, err := t.accountIn(tx, user)
	if err != nil || a == nil {
		return err
	}
	if what.Draft.OwnItem != "" { // it came again meanwhile
		if _, done, err := tx.SocialPost(t.opt.Domain, store.PostKey{OwnItem: what.Draft.OwnItem, Actor: a.ID}); err != nil || done {
			return err
		}
	}
	if what.Draft.Letter != "" {
		l, ok, err := tx.SocialLetter(t.userID(user), what.Draft.Letter)
		if err != nil || !ok || l.Hash != what.Draft.Hash {
			return err // he has taken it back
		}
	}
	if what.Draft.OwnItem == "" { // to whom it is written has to get it
		for _, acct := range what.Draft.To {
			if _, known, err := tx.SocialActor(t.opt.Domain, store.SocialKey{Acct: acct}); err != nil || !known {
				return t.notWritten(tx, user, &what, acct, err)
			}
		}
	}
	_, err = t.publishNow(tx, a, what.Draft)
	if e := transports.AsError(err); err != nil && e.Kind != transports.Internal {
		return t.deliver(tx, user, transports.Remark{ID: digest("not published", what.Draft.Hash), Text: e.Text})
	}
	return err
}

// notWritten tells a user that what he wrote to somebody is not published, since nobody found him.
func (t *Transport) notWritten(tx *store.Tx, user transports.Address, what *task, acct string, err error) error {
	if err != nil {
		return err
	}
	if err := tx.DropSocialLetter(t.userID(user), what.Draft.Letter); err != nil {
		return err
	}
	said := text.Say(what.Lang, "This was not published: %s was not found on the social web, or its server does not answer.", acct)
	with := contact(acct)
	if err := t.deliver(tx, user, transports.Failure{With: with, ID: what.Draft.Letter, Client: userOf(what.Draft.Client), Err: transports.NewError(transports.NotFound, said, nil)}); err != nil {
		return err
	}
	return t.deliver(tx, user, transports.Remark{ID: digest("not written", what.Draft.Letter, what.Draft.Hash), With: with, Text: said})
}

// doWatch has the node of a user be watched.
func (t *Transport) doWatch(ctx context.Context, what task) jobs.Outcome {
	user := userOf(what.User)
	_, ok, err := t.opt.Store.SocialActor(ctx, t.opt.Domain, store.SocialKey{JID: what.User})
	switch {
	case err != nil:
		return jobs.Outcome{Err: err}
	case !ok:
		t.gateway.Unwatch(ctx, user)
	default:
		if err := t.gateway.Watch(ctx, user); err != nil {
			if transports.AsError(err).Kind.Temporary() {
				return jobs.Outcome{Err: err}
			}
			return jobs.Outcome{Verdict: jobs.Failed, Err: err}
		}
	}
	return jobs.Outcome{Verdict: jobs.Done}
}

// doShow has a user's own node show what he has published here, where his server lets us.
func (t *Transport) doShow(ctx context.Context, what task) jobs.Outcome {
	user := userOf(what.User)
	from := &outside{ctx: ctx, db: t.opt.Store}
	p, ok, err := from.SocialPost(t.opt.Domain, store.PostKey{ID: what.Post})
	if err != nil {
		return jobs.Outcome{Err: err}
	}
	if !ok || !p.DeletedAt.IsZero() {
		return jobs.Outcome{Verdict: jobs.Done}
	}
	row, ok, err := from.SocialActor(t.opt.Domain, store.SocialKey{ID: p.Actor})
	if err != nil || !ok {
		return jobs.Outcome{Verdict: jobs.Done, Err: err}
	}
	n := noteOf(&p)
	e, err := t.entry(from, &p, &n, &row)
	if err != nil {
		return jobs.Outcome{Err: err}
	}
	if e.Item = p.OwnItem; p.RepeatOf == "" {
		e.Author = transports.Author{Name: e.Author.Name, User: user, URI: e.Author.URI}
	}
	if _, err := t.gateway.Publish(ctx, user, *e); err != nil && transports.AsError(err).Kind.Temporary() {
		return jobs.Outcome{Err: err}
	}
	return jobs.Outcome{Verdict: jobs.Done}
}
