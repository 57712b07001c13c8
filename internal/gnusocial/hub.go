package gnusocial

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // as GNU social has it
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// subscriber is somebody who wants to be told what a user publishes.
type subscriber struct {
	user                    *User
	callback, secret, token string
}

// hub takes a subscription, and asks back later.
func (s *Site) hub(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		http.Error(w, "no form", http.StatusBadRequest)
		return
	}
	f := r.PostForm
	s.mu.Lock()
	var u *User
	for _, x := range s.users {
		if x.Feed() == f.Get("hub.topic") {
			u = x
		}
	}
	s.mu.Unlock()
	mode := f.Get("hub.mode")
	if u == nil || mode != "subscribe" && mode != "unsubscribe" {
		http.Error(w, "Unsupported hub.topic or hub.mode", http.StatusBadRequest)
		return
	}
	sub := &subscriber{u, f.Get("hub.callback"), f.Get("hub.secret"), f.Get("hub.verify_token")}
	s.work.Go(func() { s.verify(sub, mode) })
	w.WriteHeader(http.StatusAccepted)
}

// verify asks back, and is content with any answer of success.
func (s *Site) verify(sub *subscriber, mode string) {
	q := url.Values{"hub.mode": {mode}, "hub.topic": {sub.user.Feed()}, "hub.challenge": {token()}}
	if mode == "subscribe" {
		q.Set("hub.lease_seconds", "2592000")
	}
	if sub.token != "" {
		q.Set("hub.verify_token", sub.token)
	}
	if _, err := s.get(context.Background(), sub.callback+"?"+q.Encode(), ""); err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key := sub.user.Feed() + " " + sub.callback
	if mode == "subscribe" {
		s.subscribers[key] = sub
	} else {
		delete(s.subscribers, key)
	}
	s.tell()
}

// Subscribers is how many are told what somebody publishes.
func (u *User) Subscribers() int {
	u.site.mu.Lock()
	defer u.site.mu.Unlock()
	n := 0
	for _, sub := range u.site.subscribers {
		if sub.user == u {
			n++
		}
	}
	return n
}

// Push tells the subscribers of a user what is new, and returns the first error.
func (u *User) Push(ctx context.Context, entries ...string) error {
	body := []byte(u.feedXML(entries...))
	u.site.mu.Lock()
	var subs []*subscriber
	for _, sub := range u.site.subscribers {
		if sub.user == u {
			subs = append(subs, sub)
		}
	}
	u.site.mu.Unlock()
	var first error
	for _, sub := range subs {
		h := hmac.New(sha1.New, []byte(sub.secret))
		h.Write(body)
		a, err := u.site.post(ctx, sub.callback, "application/atom+xml", "X-Hub-Signature: sha1="+hex.EncodeToString(h.Sum(nil))+"\r\n", body)
		if err == nil && a.status/100 != 2 {
			err = fmt.Errorf("a push to %s: status %d, %s", sub.callback, a.status, a.body)
		}
		if first == nil {
			first = err
		}
	}
	return first
}

// feedSub is a feed of another server that a user follows.
type feedSub struct {
	id     int
	topic  string
	secret string
	state  string // subscribe or active, unsubscribe
	users  []*User
}

func (s *Site) feedSub(id string) *feedSub {
	for _, f := range s.feedSubs {
		if fmt.Sprint(f.id) == id {
			return f
		}
	}
	return nil
}

func (s *Site) callbackVerify(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := r.URL.Query()
	f := s.feedSub(r.PathValue("id"))
	mode := q.Get("hub.mode")
	if f == nil || f.topic != q.Get("hub.topic") || mode != f.state && (mode != "subscribe" || f.state != "active") || q.Get("hub.verify_token") != verifyToken {
		http.Error(w, "Unexpected "+mode+" request for "+q.Get("hub.topic")+".", http.StatusNotFound)
		return
	}
	if f.state = "active"; mode == "unsubscribe" {
		f.state = "inactive"
	}
	s.tell()
	fmt.Fprint(w, q.Get("hub.challenge"))
}

func (s *Site) callbackPush(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.feedSub(r.PathValue("id"))
	if f == nil {
		http.Error(w, "no such feed", http.StatusNotFound)
		return
	}
	h := hmac.New(sha1.New, []byte(f.secret))
	h.Write(body)
	doc, err := parseFeed(body)
	// A push that is not signed, or is no feed with an author, is answered as any other and forgotten.
	if r.Header.Get("X-Hub-Signature") != "sha1="+hex.EncodeToString(h.Sum(nil)) || err != nil || doc.Author.URI == "" || f.state != "active" ||
		!strings.HasPrefix(r.Header.Get("Content-Type"), "application/atom+xml") {
		return
	}
	for _, e := range doc.Entries {
		if e.Author.URI == "" {
			e.Author = doc.Author
		}
		if id := e.ID + e.Published + e.Verb; !s.seen[fmt.Sprint(f.id, " ", id)] { // the same once more is ignored
			s.seen[fmt.Sprint(f.id, " ", id)] = true
			for _, u := range f.users {
				u.pushed = append(u.pushed, e)
			}
		}
	}
	s.tell()
}

const verifyToken = "Deprecated-since-PuSH-0.4"

// ask has a hub tell the site what is new, or not any more, and waits until it has asked back.
func (s *Site) ask(ctx context.Context, mode string, rm *remote, f *feedSub) error {
	s.mu.Lock()
	if f.state = mode; mode == "subscribe" {
		f.secret = token()
	}
	secret := f.secret
	s.mu.Unlock()
	form := url.Values{
		"hub.mode": {mode}, "hub.callback": {fmt.Sprintf("%s/main/push/callback/%d", s.base, f.id)}, "hub.verify": {"async"}, "hub.verify_token": {verifyToken},
		"hub.lease_seconds": {"2592000"}, "hub.secret": {secret}, "hub.topic": {rm.feed},
	}
	a, err := s.post(ctx, rm.hub, "application/x-www-form-urlencoded", "", []byte(form.Encode()))
	if err != nil {
		return err
	}
	if a.status != http.StatusAccepted && a.status != http.StatusNoContent {
		return fmt.Errorf("the hub %s answers %d: %s", rm.hub, a.status, a.body)
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	return s.Wait(ctx, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return f.state == map[string]string{"subscribe": "active", "unsubscribe": "inactive"}[mode]
	})
}

func token() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}
