package ostatus

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"passerelle/internal/jobs"
	"passerelle/internal/safehttp"
	"passerelle/socialbridge"
	"passerelle/socialbridge/activity"
	"passerelle/socialbridge/atom"
	"passerelle/socialbridge/salmon"
	"passerelle/store"
	"passerelle/transports"
)

// slapJob tells an actor what an account does.
type slapJob struct {
	Domain  string
	Account string // name
	Push    int64  // the entry
	To      string // URI
	URL     string // where he is told; empty where that is to be found out
}

// tell has actors told what an account does, each of them in the order in which it does it. It is signed when it is sent.
func (w *Wire) tell(tx *store.Tx, s socialbridge.Sending, a *activity.Activity) error {
	var entry int64
	done := make(map[string]bool)
	for i := range s.To {
		to := &s.To[i]
		host := hostOf(to.URI)
		if host == "" || host == w.host || done[to.URI] || !w.core.Allowed(host) {
			continue
		}
		done[to.URI] = true
		if entry == 0 {
			body := atom.AppendEntry(nil, a)
			if len(body) > salmon.MaxEntry {
				return transports.NewError(transports.TooLarge, "That is too long for other servers.", nil)
			}
			var err error
			if entry, err = tx.AddSocialPush(s.By.ID, body); err != nil {
				return err
			}
		}
		site := to.URI
		if to.Routes.Slap != "" {
			site = to.Routes.Slap
		}
		p := slapJob{Domain: w.domain, Account: s.By.Name, Push: entry, To: to.URI, URL: to.Routes.Slap}
		lane := strconv.FormatInt(s.By.ID, 10) + " " + strconv.FormatInt(to.ID, 10)
		if err := w.enqueue(tx, kindSlap, lane, siteOf(site), p, slapFor); err != nil {
			return err
		}
	}
	return nil
}

// slap tells an actor. GNU social answers 500 to what it has already, and 400 to what it will never take: either is final.
func (w *Wire) slap(ctx context.Context, j jobs.Job) jobs.Outcome {
	var p slapJob
	if err := json.Unmarshal(j.Payload, &p); err != nil {
		return failed(err)
	}
	if p.URL == "" {
		found, err := w.slapURL(ctx, p.To)
		if err != nil {
			return asOutcome(err)
		}
		if p.URL = found; p.URL == "" {
			return failed(errors.New("the actor has nowhere to be told anything"))
		}
	}
	_, body, ok, err := w.db.SocialPush(ctx, p.Push)
	if err != nil {
		return jobs.Outcome{Err: err}
	}
	if !ok {
		return failed(errors.New("it is too old"))
	}
	account, err := w.core.Account(ctx, p.Account)
	if err != nil && (account == nil || transports.AsError(err).Kind != transports.Gone) { // one that has ended says so itself
		return asOutcome(err)
	}
	envelope, err := salmon.Seal(body, func(signed []byte) ([]byte, error) { return w.core.Sign(ctx, account, signed) })
	if err != nil {
		return jobs.Outcome{Err: err}
	}
	a, err := w.post(ctx, p.URL, envelope)
	if a != nil && (a.Status == http.StatusNotFound || a.Status == http.StatusGone || a.Status/100 == 3) {
		if now, moved := w.movedTo(ctx, p); moved {
			a, err = w.post(ctx, now, envelope)
		}
	}
	switch {
	case err == nil, a != nil && a.Status == http.StatusInternalServerError && strings.Contains(string(a.Body), "already exists"):
		return jobs.Outcome{Verdict: jobs.Done}
	case a != nil && a.Status == http.StatusInternalServerError && j.Attempts >= slapFaults:
		return failed(err)
	default:
		return w.refused(err, nil)
	}
}

// post hands an envelope over; the answer is there also where it is a refusal.
func (w *Wire) post(ctx context.Context, u string, envelope []byte) (*safehttp.Answer, error) {
	a, err := w.http.Ask(ctx, safehttp.Request{
		Method: http.MethodPost, URL: u, Header: http.Header{"Content-Type": {salmon.MediaType}}, Body: envelope,
		Limit: safehttp.Limit{Bytes: maxTold, Time: tellTime}, HTTPS: !w.plain,
	})
	if err == nil {
		err = a.Err()
	}
	return a, err
}

// movedTo is where an actor is told something by now, if that is elsewhere.
func (w *Wire) movedTo(ctx context.Context, p slapJob) (string, bool) {
	found, err := w.refresh(ctx, p.To)
	if err != nil || found.Routes.Slap == "" || found.Routes.Slap == p.URL {
		return "", false
	}
	_, err = w.core.Keep(ctx, found)
	return found.Routes.Slap, err == nil
}

// slapFaults is how often an actor is told what his server has a fault with, which GNU social has with each unfavorite: others wait behind it.
const slapFaults = 3

// slapURL is where an actor is told something, as he is known or as his server says now.
func (w *Wire) slapURL(ctx context.Context, uri string) (string, error) {
	known, ok, err := w.core.Known(ctx, uri)
	if err != nil {
		return "", err
	}
	if ok && known.Routes.Slap != "" {
		return known.Routes.Slap, nil
	}
	a, err := w.refresh(ctx, uri)
	if err != nil {
		return "", err
	}
	if known, err = w.core.Keep(ctx, a); err != nil {
		return "", err
	}
	return known.Routes.Slap, nil
}

// asOutcome is what becomes of a job for which something could not be found out.
func asOutcome(err error) jobs.Outcome {
	e := transports.AsError(err)
	switch {
	case e.Kind == transports.Offline:
		return jobs.Outcome{Err: err, Away: true}
	case e.Kind.Temporary():
		return jobs.Outcome{Err: err}
	}
	return failed(err)
}
