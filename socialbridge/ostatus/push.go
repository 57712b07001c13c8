package ostatus

import (
	"context"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // WebSub §7 has it, and everybody takes it and little else
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strconv"
	"sync"
	"time"

	"passerelle/internal/jobs"
	"passerelle/internal/safehttp"
	"passerelle/socialbridge"
	"passerelle/socialbridge/activity"
	"passerelle/socialbridge/atom"
	"passerelle/store"
)

const (
	// fanBatch is how many subscribers one transaction has told: all writers wait for it.
	fanBatch = 500
	// failingFor is how long a subscriber may not be told anything before it is none any more.
	failingFor = 7 * 24 * time.Hour
	// maxTold is what is read of the answer of who was told something, in bytes.
	maxTold = 4 << 10
)

// Send implements socialbridge.Wire.
func (w *Wire) Send(tx *store.Tx, s socialbridge.Sending) error {
	f := w.feed(s.By, append([]activity.Activity{*s.Activity}, s.More...))
	w.tidyUp(tx)
	if s.Everybody {
		if err := w.publish(tx, s.By, f); err != nil {
			return err
		}
	}
	return w.tell(tx, s, &f.Entries[0])
}

// publish has all subscribers of an account told: what they are told is written once, and a job for each of them that says little more than his
// number. The first some are added here, and the others by a job of their own.
func (w *Wire) publish(tx *store.Tx, a *socialbridge.Account, f *atom.Feed) error {
	if has, err := tx.HasSocialTargets(a.ID); err != nil || !has {
		return err
	}
	push, err := tx.AddSocialPush(a.ID, atom.AppendFeed(nil, f))
	if err != nil {
		return err
	}
	p := fanJob{Domain: w.domain, Account: a.ID, Push: push}
	waits, err := tx.JobsWait(laneOf(kindFan, strconv.FormatInt(a.ID, 10))) // behind what was published before
	if err != nil {
		return err
	}
	if waits {
		return w.enqueueFan(tx, p)
	}
	return w.fan(tx, p)
}

// fanJob has those subscribers of an account told that come behind one.
type fanJob struct {
	Domain        string
	Account, Push int64
	After         store.SocialTarget
}

// pushJob tells a subscriber.
type pushJob struct {
	Domain           string
	Push, Subscriber int64
}

func (w *Wire) enqueueFan(tx *store.Tx, p fanJob) error {
	return w.enqueue(tx, kindFan, strconv.FormatInt(p.Account, 10), "", p, fanFor)
}

// fan adds the jobs of some subscribers, and one for the others.
func (w *Wire) fan(tx *store.Tx, p fanJob) error {
	targets, err := tx.SocialTargets(p.Account, p.After, p.Push, fanBatch)
	if err != nil || len(targets) == 0 {
		return err
	}
	all := make([]jobs.NewJob, len(targets))
	for i, t := range targets {
		payload, err := json.Marshal(pushJob{Domain: w.domain, Push: p.Push, Subscriber: t.ID})
		if err != nil {
			return err
		}
		all[i] = w.job(kindPush, strconv.FormatInt(t.ID, 10), t.Site, payload, tx.Now(), pushFor)
	}
	if err := tx.AddJobs(all); err != nil {
		return err
	}
	if len(targets) < fanBatch {
		return nil
	}
	p.After = targets[len(targets)-1]
	return w.enqueueFan(tx, p)
}

func (w *Wire) fanOut(_ context.Context, j jobs.Job) jobs.Outcome {
	var p fanJob
	if err := json.Unmarshal(j.Payload, &p); err != nil {
		return failed(err)
	}
	return jobs.Outcome{Verdict: jobs.Done, Then: func(tx *store.Tx) error { return w.fan(tx, p) }}
}

// push tells a subscriber (WebSub §7).
func (w *Wire) push(ctx context.Context, j jobs.Job) jobs.Outcome {
	var p pushJob
	if err := json.Unmarshal(j.Payload, &p); err != nil {
		return failed(err)
	}
	s, ok, err := w.db.SocialSubscriber(ctx, p.Subscriber)
	if err != nil {
		return jobs.Outcome{Err: err}
	}
	if !ok || !w.now().Before(s.Until) || !w.core.Allowed(hostOf(s.Callback)) {
		return jobs.Outcome{Verdict: jobs.Done} // it is none any more
	}
	body, ok, err := w.bodies.read(ctx, w.db, p.Push)
	if err != nil {
		return jobs.Outcome{Err: err}
	}
	if !ok {
		return jobs.Outcome{Verdict: jobs.Done} // too old
	}
	header := http.Header{"Content-Type": {"application/atom+xml"}, "Link": {`<` + w.hubURL() + `>; rel="hub", <` + body.topic + `>; rel="self"`}}
	if s.Secret != "" {
		header.Set("X-Hub-Signature", "sha1="+sign(s.Secret, body.text))
	}
	a, err := w.http.Ask(ctx, safehttp.Request{
		Method: http.MethodPost, URL: s.Callback, Header: header, Body: body.text, Limit: safehttp.Limit{Bytes: maxTold, Time: askTime}, HTTPS: !w.plain,
	})
	if err == nil {
		err = a.Err()
	}
	switch {
	case err == nil && s.Failing.IsZero():
		return jobs.Outcome{Verdict: jobs.Done}
	case err == nil:
		return jobs.Outcome{Verdict: jobs.Done, Then: func(tx *store.Tx) error { return tx.SocialSubscriberFails(s.ID, false) }}
	case a != nil && a.Status == http.StatusGone || !s.Failing.IsZero() && w.now().Sub(s.Failing) >= failingFor:
		return jobs.Outcome{Verdict: jobs.Done, Then: func(tx *store.Tx) error { return tx.DropSocialSubscriber(s.ID) }}
	}
	fails := func(tx *store.Tx) error { return tx.SocialSubscriberFails(s.ID, true) }
	o := w.refused(err, fails)
	o.Then = fails
	return o
}

func (w *Wire) pushGaveUp(tx *store.Tx, j jobs.Job) error {
	var p pushJob
	if err := json.Unmarshal(j.Payload, &p); err != nil {
		return nil //nolint:nilerr // there is nobody whom it concerns
	}
	return tx.SocialSubscriberFails(p.Subscriber, true)
}

func sign(secret store.Secret, body []byte) string {
	h := hmac.New(sha1.New, []byte(secret.Reveal()))
	h.Write(body)
	return hex.EncodeToString(h.Sum(nil))
}

// bodies remembers what was read last of what others are told: thousands are told the same.
type bodies struct {
	mu   sync.Mutex
	kept map[int64]*told
}

// told is what others are told, and the topic that it is of.
type told struct {
	text  []byte
	topic string
}

const maxBodies = 16

func newBodies() bodies { return bodies{kept: make(map[int64]*told)} }

func (b *bodies) read(ctx context.Context, db *store.DB, push int64) (*told, bool, error) {
	b.mu.Lock()
	t := b.kept[push]
	b.mu.Unlock()
	if t != nil {
		return t, true, nil
	}
	_, text, ok, err := db.SocialPush(ctx, push)
	if err != nil || !ok {
		return nil, false, err
	}
	t = &told{text: text}
	if f, err := atom.ParseFeed(text); err == nil {
		t.topic = f.Self
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.kept) >= maxBodies {
		clear(b.kept)
	}
	b.kept[push] = t
	return t, true, nil
}
