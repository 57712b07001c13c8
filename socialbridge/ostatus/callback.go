package ostatus

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // WebSub §8 has it, and most hubs take nothing else
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/hex"
	"hash"
	"net/http"
	"strconv"
	"strings"
	"time"

	"passerelle/socialbridge/atom"
	"passerelle/store"
	"passerelle/transports"
)

// servePushVerify answers a hub that asks whether we have asked it for what it does (WebSub §5.3).
func (w *Wire) servePushVerify(rw http.ResponseWriter, r *http.Request) {
	if len(r.URL.RawQuery) > maxQuery {
		say(rw, http.StatusBadRequest, "The query is too long.")
		return
	}
	q := r.URL.Query()
	s, ok, err := w.db.SocialSubscriptionByToken(r.Context(), r.PathValue("token"))
	if err != nil {
		w.fail(rw, err)
		return
	}
	mode, challenge := q.Get("hub.mode"), q.Get("hub.challenge")
	if !ok || q.Get("hub.topic") != s.Topic {
		say(rw, http.StatusNotFound, "Nobody here has asked for that.")
		return
	}
	var change func(tx *store.Tx) error
	switch {
	case mode == "subscribe" && (s.State == store.SocialAsking || s.State == store.SocialTold) && challenge != "":
		s.State, s.Until = store.SocialTold, w.now().Add(leaseGiven(q.Get("hub.lease_seconds")))
		change = func(tx *store.Tx) error { return tx.SetSocialSubscription(s) }
	case mode == "unsubscribe" && s.State == store.SocialLeaving && challenge != "":
		change = func(tx *store.Tx) error { return tx.DropSocialSubscription(s.Actor) }
	case mode == "denied": // WebSub §5.2: it is fetched then
		s.State = store.SocialAlone
		change = func(tx *store.Tx) error { return tx.SetSocialSubscription(s) }
	default:
		say(rw, http.StatusNotFound, "Nobody here has asked for that.")
		return
	}
	if err := w.db.Write(r.Context(), func(tx *store.Tx) error {
		if now, ok, err := tx.SocialSubscription(s.Actor); err != nil || !ok || now.Token != s.Token {
			return err
		}
		return change(tx)
	}); err != nil {
		w.fail(rw, err)
		return
	}
	rw.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = rw.Write([]byte(challenge))
}

// leaseGiven is how long a hub tells us. One that does not say does so for as long as we have asked for, or not: it is asked again early.
func leaseGiven(seconds string) time.Duration {
	n, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil || n <= 0 {
		return leaseUsual
	}
	return min(time.Duration(min(n, 1<<31))*time.Second, leaseMost)
}

// servePush takes what a hub says is new in a feed (WebSub §7).
func (w *Wire) servePush(rw http.ResponseWriter, r *http.Request) {
	s, ok, err := w.db.SocialSubscriptionByToken(r.Context(), r.PathValue("token"))
	if err != nil {
		w.fail(rw, err)
		return
	}
	if !ok || s.State == store.SocialLeaving {
		say(rw, http.StatusNotFound, "Nobody here has asked for that.") // so that it ends
		return
	}
	body, err := readBody(r)
	if f, ok := err.(*fault); ok { //nolint:errorlint // readBody wraps nothing
		say(rw, f.status, f.text)
		return
	}
	// WebSub §8: a wrong signature is answered as a right one, and what is signed by it is nothing.
	if !signedBy(s.Secret, r.Header.Get("X-Hub-Signature"), body) {
		w.log.Debug("a push was not signed by its hub", "host", hostOf(s.Topic))
		rw.WriteHeader(http.StatusAccepted)
		return
	}
	f, err := atom.ParseFeed(body)
	if err != nil {
		w.log.Debug("a push is no feed", "host", hostOf(s.Topic), "error", err)
		say(rw, http.StatusBadRequest, "That is no feed.")
		return
	}
	actor, err := w.watchedURI(r.Context(), s.URI)
	if err == nil {
		err = w.takeFeed(r.Context(), actor, f, false)
	}
	if err != nil {
		if transports.AsError(err).Kind.Temporary() {
			rw.Header().Set("Retry-After", "60")
		}
		w.fail(rw, err)
		return
	}
	rw.WriteHeader(http.StatusOK)
}

// signedBy reports whether a hub that knows a secret has signed a body, with any of the hashes that WebSub §8 has.
func signedBy(secret store.Secret, header string, body []byte) bool {
	method, signature, _ := strings.Cut(strings.TrimSpace(header), "=")
	var h func() hash.Hash
	switch strings.ToLower(method) {
	case "sha1":
		h = sha1.New
	case "sha256":
		h = sha256.New
	case "sha384":
		h = sha512.New384
	case "sha512":
		h = sha512.New
	default:
		return false
	}
	got, err := hex.DecodeString(signature)
	if err != nil || secret == "" {
		return false
	}
	m := hmac.New(h, []byte(secret.Reveal()))
	m.Write(body)
	return subtle.ConstantTimeCompare(m.Sum(nil), got) == 1
}
