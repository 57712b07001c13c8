package ostatus

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"passerelle/internal/jobs"
	"passerelle/internal/safehttp"
	"passerelle/socialbridge"
	"passerelle/socialbridge/atom"
	"passerelle/store"
)

// When hubs are asked, and feeds fetched.
const (
	askedBackIn = 2 * time.Hour    // by the hub; then it is asked once more
	askAgain    = 24 * time.Hour   // a hub that did not want to
	toldPoll    = 24 * time.Hour   // a feed whose hub tells us what is new: it may forget something
	pollFirst   = 15 * time.Minute // one that nobody tells us of, and longer and longer while nothing is new
	pollMost    = 6 * time.Hour
	leaveWithin = 48 * time.Hour // a hub is waited for that shall not tell us any more
)

// actorJob is about the subscription of an actor.
type actorJob struct {
	Domain string
	Actor  int64
}

func (w *Wire) enqueueActor(tx *store.Tx, kind string, actor int64, site string, at time.Time, expires time.Duration) error {
	return w.enqueueAt(tx, kind, strconv.FormatInt(actor, 10), siteOf(site), actorJob{w.domain, actor}, at, expires)
}

// Watch implements socialbridge.Wire.
func (w *Wire) Watch(tx *store.Tx, actor socialbridge.KnownActor) error {
	s, ok, err := tx.SocialSubscription(actor.ID)
	if err != nil {
		return err
	}
	if ok && s.State != store.SocialLeaving {
		return nil
	}
	if !ok { // else its hub may still know the one before
		s = store.SocialSubscription{Actor: actor.ID, URI: actor.URI, Token: randomToken(), Secret: store.Secret(randomToken())}
	}
	s.Topic, s.Hub, s.State, s.AskedAt = actor.Routes.Feed, actor.Routes.Hub, store.SocialAlone, tx.Now()
	if s.Hub != "" {
		s.State = store.SocialAsking
	}
	if err := tx.SetSocialSubscription(s); err != nil {
		return err
	}
	if s.Hub != "" {
		if err := w.enqueueActor(tx, kindSubscribe, actor.ID, s.Hub, tx.Now(), hubFor); err != nil {
			return err
		}
	}
	return w.enqueuePoll(tx, &s, tx.Now())
}

// enqueuePoll has a feed looked after at a time, unless it is already.
func (w *Wire) enqueuePoll(tx *store.Tx, s *store.SocialSubscription, at time.Time) error {
	if waits, err := tx.JobsWait(laneOf(kindPoll, strconv.FormatInt(s.Actor, 10))); err != nil || waits {
		return err
	}
	return w.enqueueActor(tx, kindPoll, s.Actor, s.Topic, at, pollFor)
}

// Unwatch implements socialbridge.Wire.
func (w *Wire) Unwatch(tx *store.Tx, actor socialbridge.KnownActor) error {
	s, ok, err := tx.SocialSubscription(actor.ID)
	if err != nil || !ok || s.State == store.SocialLeaving {
		return err
	}
	if s.Hub == "" {
		return tx.DropSocialSubscription(actor.ID)
	}
	s.State, s.AskedAt = store.SocialLeaving, tx.Now()
	if err := tx.SetSocialSubscription(s); err != nil {
		return err
	}
	return w.enqueueActor(tx, kindSubscribe, actor.ID, s.Hub, tx.Now(), hubFor)
}

// change writes a subscription down as a job has left it, unless it is another by now; then is for what follows from it.
func change(was store.SocialSubscription, s store.SocialSubscription, then func(tx *store.Tx) error) func(tx *store.Tx) error {
	return func(tx *store.Tx) error {
		now, ok, err := tx.SocialSubscription(s.Actor)
		if err != nil || !ok || now.State == store.SocialLeaving != (was.State == store.SocialLeaving) {
			return err
		}
		if now.State != was.State || !now.Until.Equal(was.Until) { // the hub was quicker
			s.State, s.Until = now.State, now.Until
		}
		if err := tx.SetSocialSubscription(s); err != nil || then == nil {
			return err
		}
		return then(tx)
	}
}

// subscribe asks a hub to tell us what is new in a feed, or not any more (WebSub §5.1; the two fields that begin with verify are of 0.3).
func (w *Wire) subscribe(ctx context.Context, j jobs.Job) jobs.Outcome {
	var p actorJob
	if err := json.Unmarshal(j.Payload, &p); err != nil {
		return failed(err)
	}
	s, ok, err := w.db.SocialSubscription(ctx, p.Actor)
	if err != nil {
		return jobs.Outcome{Err: err}
	}
	if !ok || s.Hub == "" {
		return jobs.Outcome{Verdict: jobs.Done}
	}
	was := s
	form := url.Values{
		"hub.callback": {w.pushURL(s.Token)}, "hub.topic": {s.Topic}, "hub.verify": {"async"}, "hub.mode": {"unsubscribe"},
		"hub.secret": {s.Secret.Reveal()},
	}
	if s.State != store.SocialLeaving {
		form.Set("hub.mode", "subscribe")
		form.Set("hub.lease_seconds", strconv.FormatInt(int64(leaseMost/time.Second), 10))
	}
	a, err := w.tellHub(ctx, s.Hub, form)
	if err == nil {
		err = a.Err()
	}
	s.AskedAt = w.now()
	switch {
	case err == nil:
		return jobs.Outcome{Verdict: jobs.Done, Then: change(was, s, func(tx *store.Tx) error { return w.enqueuePoll(tx, &s, tx.Now().Add(askedBackIn)) })}
	case s.State == store.SocialLeaving:
		return w.refused(err, func(tx *store.Tx) error { return tx.DropSocialSubscription(s.Actor) })
	}
	if o := w.refused(err, nil); o.Verdict == jobs.Retry {
		return o
	}
	// It does not want to, or is none any more: the feed may have another by now.
	if found, err := w.refresh(ctx, s.URI); err == nil && (found.Routes.Hub != s.Hub || found.Routes.Feed != s.Topic) {
		if _, err := w.core.Keep(ctx, found); err != nil {
			return asOutcome(err)
		}
		return jobs.Outcome{Verdict: jobs.Done, Then: w.moved(was, s, found.Routes.Feed, found.Routes.Hub)}
	}
	s.State = store.SocialAlone
	return jobs.Outcome{Verdict: jobs.Failed, Err: err, Then: change(was, s, func(tx *store.Tx) error { return w.enqueuePoll(tx, &s, tx.Now()) })}
}

// moved notes that a feed is elsewhere or has another hub, which is asked.
func (w *Wire) moved(was, s store.SocialSubscription, topic, hub string) func(tx *store.Tx) error {
	if topic != "" {
		s.Topic = topic
	}
	s.Hub, s.State, s.ETag, s.Modified = hub, store.SocialAlone, "", ""
	if hub != "" {
		s.State = store.SocialAsking
	}
	return change(was, s, func(tx *store.Tx) error {
		if hub == "" {
			return nil
		}
		return w.enqueueActor(tx, kindSubscribe, s.Actor, hub, tx.Now(), hubFor)
	})
}

func (w *Wire) tellHub(ctx context.Context, hub string, form url.Values) (*safehttp.Answer, error) {
	if host := hostOf(hub); host == "" || host == w.host || !w.core.Allowed(host) {
		return nil, &safehttp.Error{Reason: safehttp.BadURL, Err: errDenied}
	}
	return w.http.Ask(ctx, safehttp.Request{
		Method: http.MethodPost, URL: hub, Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, Body: []byte(form.Encode()),
		Limit: safehttp.Limit{Bytes: maxTold, Time: askTime}, HTTPS: !w.plain,
	})
}

// poll looks after a subscription: whether its hub has to be asked, and whether the feed has to be fetched.
func (w *Wire) poll(ctx context.Context, j jobs.Job) jobs.Outcome {
	var p actorJob
	if err := json.Unmarshal(j.Payload, &p); err != nil {
		return failed(err)
	}
	s, ok, err := w.db.SocialSubscription(ctx, p.Actor)
	if err != nil {
		return jobs.Outcome{Err: err}
	}
	now := w.now()
	switch {
	case !ok:
		return jobs.Outcome{Verdict: jobs.Done}
	case s.State == store.SocialLeaving && now.Sub(s.AskedAt) >= leaveWithin:
		return jobs.Outcome{Verdict: jobs.Done, Then: func(tx *store.Tx) error { return tx.DropSocialSubscription(s.Actor) }}
	case s.State == store.SocialLeaving:
		return w.again(&s, s.AskedAt.Add(leaveWithin), nil)
	}
	was := s
	moved := false
	if s.State == store.SocialTold && !now.Before(s.Until) { // it was not asked back, so nobody tells us
		s.State = store.SocialAsking
	}
	if !now.Before(nextFetch(&s)) {
		done, err := w.read(ctx)
		if err != nil {
			return jobs.Outcome{Err: err}
		}
		defer done()
		if moved, err = w.fetchFeed(ctx, &s); err != nil {
			if isAway(err) {
				return jobs.Outcome{Err: err, Away: true}
			}
			w.log.Debug("a feed could not be fetched", "host", hostOf(s.Topic), "error", err)
			s.Fetched, s.Pause = now, min(max(2*s.Pause, pollFirst), toldPoll)
			if was.Fetched.IsZero() { // what is in it has still to come
				return jobs.Outcome{Err: err}
			}
		}
	}
	ask := s.Hub != "" && (moved || !now.Before(nextAsk(&s)))
	if ask && s.State == store.SocialAlone {
		s.State = store.SocialAsking
	}
	if ask {
		s.AskedAt = now
	}
	return w.again(&s, earlier(nextFetch(&s), nextAsk(&s)), change(was, s, func(tx *store.Tx) error {
		if !ask {
			return nil
		}
		// One that is away is being asked still.
		if waits, err := tx.JobsWait(laneOf(kindSubscribe, strconv.FormatInt(s.Actor, 10))); err != nil || waits {
			return err
		}
		return w.enqueueActor(tx, kindSubscribe, s.Actor, s.Hub, tx.Now(), hubFor)
	}))
}

// again has a subscription looked after at a time once more.
func (w *Wire) again(s *store.SocialSubscription, at time.Time, then func(tx *store.Tx) error) jobs.Outcome {
	return jobs.Outcome{Verdict: jobs.Done, Then: func(tx *store.Tx) error {
		if then != nil {
			if err := then(tx); err != nil {
				return err
			}
		}
		return w.enqueueActor(tx, kindPoll, s.Actor, s.Topic, at, pollFor)
	}}
}

// pollGaveUp goes on looking after a subscription whose server was away for days.
func (w *Wire) pollGaveUp(tx *store.Tx, j jobs.Job) error {
	var p actorJob
	if err := json.Unmarshal(j.Payload, &p); err != nil {
		return nil //nolint:nilerr // there is nobody whom it concerns
	}
	s, ok, err := tx.SocialSubscription(p.Actor)
	if err != nil || !ok {
		return err
	}
	return w.enqueueActor(tx, kindPoll, s.Actor, s.Topic, tx.Now().Add(toldPoll), pollFor)
}

func earlier(a, b time.Time) time.Time {
	if b.IsZero() || a.Before(b) {
		return a
	}
	return b
}

// nextFetch is when a feed is fetched next.
func nextFetch(s *store.SocialSubscription) time.Time {
	if s.Fetched.IsZero() {
		return time.Time{}
	}
	if s.State == store.SocialTold {
		return s.Fetched.Add(toldPoll)
	}
	return s.Fetched.Add(max(s.Pause, pollFirst))
}

// nextAsk is when a hub is asked next; the zero Time for never.
func nextAsk(s *store.SocialSubscription) time.Time {
	switch {
	case s.Hub == "":
		return time.Time{}
	case s.State == store.SocialTold: // when four fifths of the lease are over
		given := s.Until.Sub(s.AskedAt)
		at := earlier(s.AskedAt.Add(given/5*4), s.Until.Add(-given/10))
		if least := s.AskedAt.Add(askedBackIn); at.Before(least) { // however short it is, and however near its end
			return least
		}
		return at
	case s.State == store.SocialAsking:
		return s.AskedAt.Add(askedBackIn)
	default:
		return s.AskedAt.Add(askAgain)
	}
}

// fetchFeed fetches a feed and takes what is in it, and reports whether it has another hub.
func (w *Wire) fetchFeed(ctx context.Context, s *store.SocialSubscription) (moved bool, err error) {
	of, err := w.watchedURI(ctx, s.URI)
	if err != nil {
		return false, err
	}
	if s.Topic == "" {
		s.Topic, s.Hub = of.Routes.Feed, of.Routes.Hub
	}
	header := http.Header{"Accept": {typesAtom}}
	if s.ETag != "" && s.ETag[0] != '#' {
		header.Set("If-None-Match", s.ETag)
	}
	if s.Modified != "" {
		header.Set("If-Modified-Since", s.Modified)
	}
	a, err := w.fetch(ctx, s.Topic, header, atom.MaxFeed)
	if err != nil {
		return false, err
	}
	first := s.Fetched.IsZero()
	s.Fetched = w.now()
	sum := sha256.Sum256(a.Body)
	mark := "#" + hex.EncodeToString(sum[:]) // of a server that has no ETag
	if a.Status == http.StatusNotModified || mark == s.ETag {
		s.Pause = min(max(s.Pause, pollFirst)*3/2, pollMost)
		return false, nil
	}
	f, err := atom.ParseFeed(a.Body)
	if err != nil {
		return false, err
	}
	if f.Author.URI != "" && f.Author.URI != s.URI {
		return false, errors.New("the feed is somebody else's")
	}
	if err := w.takeFeed(ctx, of, f, first); err != nil {
		return false, err
	}
	s.Pause = pollFirst
	if s.ETag = strings.TrimSpace(a.Header.Get("ETag")); s.ETag == "" || len(s.ETag) > maxToken || bytes.HasPrefix([]byte(s.ETag), []byte("#")) {
		s.ETag = mark
	}
	if s.Modified = a.Header.Get("Last-Modified"); len(s.Modified) > maxToken {
		s.Modified = ""
	}
	if hub := webURL(f.Hub); hub != s.Hub && hostOf(hub) != w.host {
		s.Hub, s.State = hub, store.SocialAlone
		return true, nil
	}
	return false, nil
}
