package ostatus

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"passerelle/internal/jobs"
	"passerelle/internal/safehttp"
	"passerelle/store"
)

// Leases (WebSub §5.1). GNU social asks for 30 days.
const (
	leaseLeast   = 24 * time.Hour
	leaseMost    = 30 * 24 * time.Hour
	leaseUsual   = 10 * 24 * time.Hour
	verifyFor    = 2 * time.Hour // it is tried to ask back
	maxSecret    = 199           // bytes (WebSub §5.1)
	maxToken     = 255
	maxChallenge = 4 << 10
)

// serveHub takes what somebody asks of the hub (WebSub §5.1): 202, and then he is asked back.
func (w *Wire) serveHub(rw http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		say(rw, http.StatusBadRequest, "That is no form, or it is too large.")
		return
	}
	form := r.PostForm
	var ask store.SocialAsk
	switch mode := form.Get("hub.mode"); mode {
	case "subscribe":
		ask.Subscribe = true
	case "unsubscribe":
	default: // GNU social answers "publish" so too
		say(rw, http.StatusBadRequest, "hub.mode must be subscribe or unsubscribe.")
		return
	}
	topic, callback := form.Get("hub.topic"), form.Get("hub.callback")
	name, ok := w.topicName(topic)
	if !ok {
		say(rw, http.StatusBadRequest, "This hub serves the feeds of "+w.host+" only.")
		return
	}
	site, ok := w.callback(callback)
	if !ok {
		say(rw, http.StatusBadRequest, "hub.callback cannot be called.")
		return
	}
	ask.Secret, ask.Token = store.Secret(form.Get("hub.secret")), form.Get("hub.verify_token")
	if len(ask.Secret) > maxSecret || len(ask.Token) > maxToken {
		say(rw, http.StatusBadRequest, "hub.secret or hub.verify_token is too long.")
		return
	}
	if token := ask.Token; !utf8.ValidString(token) || strings.IndexByte(token, 0) >= 0 || !utf8.ValidString(string(ask.Secret)) || strings.IndexByte(string(ask.Secret), 0) >= 0 {
		say(rw, http.StatusBadRequest, "hub.secret or hub.verify_token is no text.")
		return
	}
	ask.Lease = lease(form.Get("hub.lease_seconds"))
	account, err := w.core.Account(r.Context(), name)
	if err != nil {
		w.fail(rw, err)
		return
	}
	err = w.db.Write(r.Context(), func(tx *store.Tx) error {
		id, err := tx.AskSocialSubscriber(account.ID, callback, site, ask)
		if err != nil {
			return err
		}
		w.tidyUp(tx)
		return w.enqueue(tx, kindVerify, strconv.FormatInt(id, 10), site, verifyJob{Domain: w.domain, Subscriber: id, Topic: topic}, verifyFor)
	})
	switch {
	case errors.Is(err, store.ErrSocialFull):
		rw.Header().Set("Retry-After", "3600")
		say(rw, http.StatusTooManyRequests, "There are too many subscriptions of your host.")
	case err != nil:
		w.fail(rw, err)
	default:
		rw.WriteHeader(http.StatusAccepted)
	}
}

// topicName is whose feed a topic is.
func (w *Wire) topicName(topic string) (string, bool) {
	path, ok := strings.CutPrefix(topic, w.base+"/u/")
	if !ok {
		return "", false
	}
	return strings.CutSuffix(path, ".atom")
}

// callback is the site of a callback, where one may be called.
func (w *Wire) callback(s string) (site string, ok bool) {
	u, err := url.Parse(s)
	host := hostOf(s)
	if err != nil || !utf8.ValidString(s) || host == "" || host == w.host || u.Fragment != "" || u.Scheme != "https" && !w.plain || !w.core.Allowed(host) {
		return "", false
	}
	return siteOf(s), true
}

func lease(seconds string) time.Duration {
	n, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil || n <= 0 {
		return leaseUsual
	}
	return min(max(time.Duration(min(n, 1<<31))*time.Second, leaseLeast), leaseMost)
}

// verifyJob asks a subscriber back.
type verifyJob struct {
	Domain     string
	Subscriber int64
	Topic      string
}

func (w *Wire) verify(ctx context.Context, j jobs.Job) jobs.Outcome {
	var p verifyJob
	if err := json.Unmarshal(j.Payload, &p); err != nil {
		return failed(err)
	}
	s, ok, err := w.db.SocialSubscriber(ctx, p.Subscriber)
	if err != nil {
		return jobs.Outcome{Err: err}
	}
	if !ok || s.Asked == nil {
		return jobs.Outcome{Verdict: jobs.Done}
	}
	challenge := randomToken()
	a, err := w.http.Ask(ctx, safehttp.Request{
		Method: http.MethodGet, URL: verifyURL(&s, p.Topic, challenge), Limit: safehttp.Limit{Bytes: maxChallenge, Time: askTime}, HTTPS: !w.plain,
	})
	if err == nil {
		err = a.Err()
	}
	if err != nil {
		return w.refused(err, func(tx *store.Tx) error { return tx.RefuseSocialSubscriber(&s) })
	}
	// WebSub §5.3. GNU social is content with 2xx, which an unconcerned page answers as well.
	if strings.TrimSpace(string(a.Body)) != challenge {
		return jobs.Outcome{
			Verdict: jobs.Failed, Err: errors.New("the subscriber did not repeat the challenge"),
			Then: func(tx *store.Tx) error { return tx.RefuseSocialSubscriber(&s) },
		}
	}
	return jobs.Outcome{Verdict: jobs.Done, Then: func(tx *store.Tx) error { return tx.SettleSocialSubscriber(&s, s.Asked.Lease) }}
}

// verifyURL is where a subscriber is asked back: his callback, whose query stays (WebSub §5.3).
func verifyURL(s *store.SocialSubscriber, topic, challenge string) string {
	q := url.Values{"hub.mode": {"unsubscribe"}, "hub.topic": {topic}, "hub.challenge": {challenge}}
	if s.Asked.Subscribe {
		q.Set("hub.mode", "subscribe")
		q.Set("hub.lease_seconds", strconv.FormatInt(int64(s.Asked.Lease/time.Second), 10))
	}
	if s.Asked.Token != "" {
		q.Set("hub.verify_token", s.Asked.Token)
	}
	sign := "?"
	if strings.Contains(s.Callback, "?") {
		sign = "&"
	}
	return s.Callback + sign + q.Encode()
}

// refused is what becomes of a job that a server did not take: then is for what is over by that.
func (w *Wire) refused(err error, then func(*store.Tx) error) jobs.Outcome {
	e, ok := errors.AsType[*safehttp.Error](err)
	switch {
	case !ok || e.Reason == safehttp.Unreachable || e.Reason == safehttp.Slow || e.Status == http.StatusServiceUnavailable || e.Status == http.StatusBadGateway:
		return jobs.Outcome{Err: err, Away: true}
	case e.Temporary():
		return jobs.Outcome{Err: err, After: e.RetryAfter}
	}
	return jobs.Outcome{Verdict: jobs.Failed, Err: err, Then: then}
}

func failed(err error) jobs.Outcome { return jobs.Outcome{Verdict: jobs.Failed, Err: err} }

// randomToken is what nobody guesses.
func randomToken() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}
