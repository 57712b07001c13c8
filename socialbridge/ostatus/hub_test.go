package ostatus

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"passerelle/socialbridge"
	"passerelle/socialbridge/activity"
	"passerelle/socialbridge/atom"
	"passerelle/store"
)

// listener is a subscriber as strangers write one.
type listener struct {
	rig     *rig
	url     string
	mu      sync.Mutex
	changed chan struct{}
	queries []url.Values // with which it was asked back
	pushes  []push
	answer  func(n int) int // to the nth push
	echo    func(challenge string) (int, string)
}

type push struct {
	entries          []string
	signature, type_ string
	link             string
	body             []byte
}

func (r *rig) listener(on string) *listener {
	r.Helper()
	l := &listener{rig: r, changed: make(chan struct{})}
	s := httptest.NewUnstartedServer(l)
	if on != "" {
		nl, err := net.Listen("tcp", on+":0")
		if err != nil {
			r.Fatal(err)
		}
		_ = s.Listener.Close()
		s.Listener = nl
	}
	s.Start()
	r.Cleanup(s.Close)
	l.url = s.URL
	return l
}

func (l *listener) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	defer func() { close(l.changed); l.changed = make(chan struct{}) }()
	if r.Method == http.MethodGet {
		l.queries = append(l.queries, r.URL.Query())
		status, text := 200, r.URL.Query().Get("hub.challenge")
		if l.echo != nil {
			status, text = l.echo(text)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, text)
		return
	}
	p := push{signature: r.Header.Get("X-Hub-Signature"), type_: r.Header.Get("Content-Type"), link: r.Header.Get("Link"), body: body}
	f, err := atom.ParseFeed(body)
	if err != nil {
		l.rig.Errorf("a push is no feed: %v", err)
		return
	}
	for _, e := range f.Entries {
		p.entries = append(p.entries, e.ID)
	}
	l.pushes = append(l.pushes, p)
	if l.answer != nil {
		w.WriteHeader(l.answer(len(l.pushes)))
	}
}

func (l *listener) wait(what string, is func() bool) {
	l.rig.Helper()
	end := time.After(patience)
	for {
		l.mu.Lock()
		changed, ok := l.changed, is()
		l.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-changed:
		case <-end:
			l.rig.Fatalf("%s: it was asked %v and told %d times", what, l.queries, len(l.pushes))
		}
	}
}

// hub asks the hub for something, and returns the status of the answer.
func (r *rig) hub(form url.Values) int {
	r.Helper()
	req, err := http.NewRequestWithContext(r.Context(), http.MethodPost, r.base+"/hub", strings.NewReader(form.Encode()))
	if err != nil {
		r.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, _ := r.do(req)
	return resp.StatusCode
}

func (r *rig) asking(callback string) url.Values {
	return url.Values{"hub.mode": {"subscribe"}, "hub.callback": {callback}, "hub.topic": {r.base + "/u/romeo.atom"}, "hub.secret": {"s3cret"}}
}

// subscribed waits until a subscriber has a lease, and returns it.
func (r *rig) subscribed(id int64) store.SocialSubscriber {
	r.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); {
		s, ok, err := r.db.SocialSubscriber(r.Context(), id)
		if err != nil {
			r.Fatal(err)
		}
		if ok && !s.Until.Equal(time.UnixMilli(0)) && s.Asked == nil {
			return s
		}
		r.settle()
	}
	r.Fatalf("the subscriber %d has no lease", id)
	return store.SocialSubscriber{}
}

// settle waits for a commit, behind which others are too.
func (r *rig) settle() {
	r.Helper()
	if err := r.db.Write(r.Context(), func(tx *store.Tx) error { return nil }); err != nil {
		r.Fatal(err)
	}
}

// Who subscribes is asked back with what he said, and then told what is new, signed with his secret.
func TestHub(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{accounts: []string{"romeo"}})
	l := r.listener("")
	form := r.asking(l.url + "/cb?x=1&y=%26")
	form.Set("hub.verify_token", "tok")
	form.Set("hub.lease_seconds", "600") // GNU social makes a day of it
	if status := r.hub(form); status != 202 {
		t.Fatalf("%d", status)
	}
	l.wait("asked back", func() bool { return len(l.queries) == 1 })
	q := l.queries[0]
	for key, want := range map[string]string{
		"x": "1", "y": "&", "hub.mode": "subscribe", "hub.topic": r.base + "/u/romeo.atom", "hub.verify_token": "tok", "hub.lease_seconds": "86400",
	} {
		if q.Get(key) != want {
			t.Errorf("%s is %q, want %q", key, q.Get(key), want)
		}
	}
	if s := r.subscribed(1); s.Until.Sub(r.clock.Now()) > 24*time.Hour {
		t.Errorf("the lease ends %v", s.Until)
	}
	a := r.post("romeo", "abcdefghijklmnop1", "Hello")
	l.wait("told", func() bool { return len(l.pushes) == 1 })
	h := hmac.New(sha1.New, []byte("s3cret"))
	h.Write(l.pushes[0].body)
	if p := l.pushes[0]; p.signature != "sha1="+hex.EncodeToString(h.Sum(nil)) || p.type_ != "application/atom+xml" || !slices.Equal(p.entries, []string{a.ID}) ||
		p.link != `<`+r.base+`/hub>; rel="hub", <`+r.base+`/u/romeo.atom>; rel="self"` {
		t.Errorf("told was %+v", p)
	}
	form = r.asking(l.url + "/cb?x=1&y=%26")
	form.Set("hub.mode", "unsubscribe")
	if status := r.hub(form); status != 202 {
		t.Fatalf("%d", status)
	}
	l.wait("asked back", func() bool { return len(l.queries) == 2 && l.queries[1].Get("hub.mode") == "unsubscribe" })
	for {
		if _, ok, err := r.db.SocialSubscriber(t.Context(), 1); err != nil {
			t.Fatal(err)
		} else if !ok {
			break
		}
		r.settle()
	}
}

// What is told together is one push, and a server that reads it as GNU social does finds all of it.
func TestPushOfMany(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{accounts: []string{"romeo"}})
	l := r.listener("")
	r.hub(r.asking(l.url + "/"))
	r.subscribed(1)
	account, err := r.core.Account(t.Context(), "romeo")
	if err != nil {
		t.Fatal(err)
	}
	var all []activity.Activity
	var ids []string
	for i := range 100 {
		id := fmt.Sprintf("%s/n/abcdefghijklmnop%d", r.base, i)
		ids = append(ids, id)
		all = append(all, activity.Activity{ID: id, Verb: activity.Delete, Actor: account.Actor, Object: id, Published: r.clock.Now().UTC().Truncate(time.Second), Public: true})
	}
	r.send(socialbridge.Sending{By: account, Activity: &all[0], More: all[1:], Everybody: true})
	l.wait("told", func() bool { return len(l.pushes) == 1 })
	if p := l.pushes[0]; !slices.Equal(p.entries, ids) || len(p.body) > 256<<10 {
		t.Errorf("told was %d entries in %d bytes", len(p.entries), len(p.body))
	}
}

// What the hub does not take: others' feeds, what cannot be called, what has no answer.
func TestHubRefuses(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{accounts: []string{"romeo"}, idle: true})
	r.core.denied["denied.example"] = true
	for name, change := range map[string]func(f url.Values){
		"a mode":             func(f url.Values) { f.Set("hub.mode", "publish") },
		"no mode":            func(f url.Values) { f.Del("hub.mode") },
		"another's topic":    func(f url.Values) { f.Set("hub.topic", "https://x.test/a") },
		"a page":             func(f url.Values) { f.Set("hub.topic", r.base+"/u/romeo") },
		"no callback":        func(f url.Values) { f.Del("hub.callback") },
		"a file":             func(f url.Values) { f.Set("hub.callback", "file:///etc/passwd") },
		"a name in it":       func(f url.Values) { f.Set("hub.callback", "https://user@a.example/") },
		"ourselves":          func(f url.Values) { f.Set("hub.callback", r.base+"/push/x") },
		"a long one":         func(f url.Values) { f.Set("hub.callback", "https://a.example/"+strings.Repeat("a", maxURL)) },
		"a long secret":      func(f url.Values) { f.Set("hub.secret", strings.Repeat("a", 200)) },
		"a long token":       func(f url.Values) { f.Set("hub.verify_token", strings.Repeat("a", 300)) },
		"no UTF-8":           func(f url.Values) { f.Set("hub.callback", "https://a.example/\xff") },
		"a secret of none":   func(f url.Values) { f.Set("hub.secret", "\x00\xff") },
		"a token of none":    func(f url.Values) { f.Set("hub.verify_token", "a\x00") },
		"who is kept out":    func(f url.Values) { f.Set("hub.callback", "https://denied.example/") },
		"a form that is too": func(f url.Values) { f.Set("x", strings.Repeat("a", 2*maxForm)) },
	} {
		form := r.asking("https://a.example/cb")
		change(form)
		if status := r.hub(form); status != 400 {
			t.Errorf("%s: %d", name, status)
		}
	}
	form := r.asking("https://a.example/cb")
	form.Set("hub.topic", r.base+"/u/nobody.atom")
	if status := r.hub(form); status != 404 {
		t.Errorf("nobody's feed: %d", status)
	}
	// More of one host than it is due, until the first are asked back.
	refused := 0
	for i := range 300 {
		if status := r.hub(r.asking(fmt.Sprintf("https://flood.example/%d", i))); status == 429 {
			refused++
		}
	}
	if refused == 0 {
		t.Error("a host can ask for as much as it wants")
	}
	if status := r.hub(r.asking("https://quiet.example/1")); status != 202 {
		t.Errorf("another host is answered %d meanwhile", status)
	}
}

// A subscriber who does not say that he wants to be told is not told, and nobody makes the hub call where nobody may.
func TestHubBelievesNobody(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{accounts: []string{"romeo"}})
	page, neighbour, real := r.listener(""), r.listener("127.0.0.2"), r.listener("")
	page.echo = func(string) (int, string) { return 200, "<html>Welcome!</html>" }
	for _, l := range []*listener{page, neighbour, real} {
		if status := r.hub(r.asking(l.url + "/")); status != 202 {
			t.Fatalf("%d", status)
		}
	}
	r.subscribed(3)
	page.wait("asked back", func() bool { return len(page.queries) == 1 })
	// Somebody else asks in its name, with a secret of his own, and then that it ends. It does not confirm either.
	real.mu.Lock()
	real.echo = func(string) (int, string) { return 404, "" }
	real.mu.Unlock()
	form := r.asking(real.url + "/")
	form.Set("hub.secret", "mallory")
	r.hub(form)
	real.wait("asked back", func() bool { return len(real.queries) == 2 })
	form.Set("hub.mode", "unsubscribe")
	r.hub(form)
	real.wait("asked back", func() bool { return len(real.queries) == 3 })
	r.post("romeo", "abcdefghijklmnop1", "Hello")
	real.wait("told", func() bool { return len(real.pushes) == 1 })
	h := hmac.New(sha1.New, []byte("s3cret"))
	h.Write(real.pushes[0].body)
	if real.pushes[0].signature != "sha1="+hex.EncodeToString(h.Sum(nil)) {
		t.Error("it was signed with another secret")
	}
	if len(page.pushes) != 0 || len(neighbour.pushes) != 0 || len(neighbour.queries) != 0 {
		t.Errorf("told were %d and %d, asked %d", len(page.pushes), len(neighbour.pushes), len(neighbour.queries))
	}
}

// Who is gone is told no more, who was away is told everything when it is back, in order; who is away for very long is forgotten, and so is a lease.
func TestSubscribersAway(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{accounts: []string{"romeo"}})
	gone, away, never := r.listener(""), r.listener(""), r.listener("")
	for i, l := range []*listener{gone, away, never} {
		form := r.asking(l.url + "/")
		form.Set("hub.lease_seconds", "2592000")
		r.hub(form)
		r.subscribed(int64(i + 1))
	}
	up := false
	posted := make(chan struct{})
	gone.answer = func(int) int {
		<-posted // who is gone is not told of what is published then
		return 410
	}
	away.answer = func(int) int {
		if up {
			return 200
		}
		return 503
	}
	never.answer = func(int) int { return 404 }
	var ids []string
	for i := range 3 {
		ids = append(ids, r.post("romeo", fmt.Sprintf("abcdefghijklmnop%d", i), "Hello").ID)
	}
	close(posted)
	gone.wait("told", func() bool { return len(gone.pushes) == 1 })
	away.wait("told", func() bool { return len(away.pushes) >= 1 })
	never.wait("told", func() bool { return len(never.pushes) == 3 })
	r.eventuallyOver(kindPush, 6) // of the two others
	away.mu.Lock()
	up, away.pushes = true, nil
	away.mu.Unlock()
	r.later(24 * time.Hour)
	away.wait("told a day later", func() bool { return len(away.pushes) == 3 })
	var got []string
	for _, p := range away.pushes {
		got = append(got, p.entries...)
	}
	if !slices.Equal(got, ids) {
		t.Errorf("told was %q, want %q", got, ids)
	}
	if len(gone.pushes) != 1 {
		t.Errorf("who is gone was told %d times", len(gone.pushes))
	}
	r.idle(kindPush) // what is cut short is told once more
	r.later(7 * 24 * time.Hour)
	r.post("romeo", "abcdefghijklmnop8", "Hello")
	never.wait("told for the last time", func() bool { return len(never.pushes) == 4 })
	away.wait("told", func() bool { return len(away.pushes) == 4 })
	r.idle(kindPush)
	r.later(30 * 24 * time.Hour)
	r.post("romeo", "abcdefghijklmnop9", "Hello")
	r.stop()
	if len(never.pushes) != 4 || len(away.pushes) != 4 {
		t.Errorf("told were %d and %d times", len(never.pushes), len(away.pushes))
	}
	for id := range int64(3) {
		if s, ok, err := r.db.SocialSubscriber(t.Context(), id+1); err != nil || ok && r.clock.Now().Before(s.Until) {
			t.Errorf("the subscriber %d is there: %+v, %v", id+1, s, err)
		}
	}
}

// What is told to a server that is away comes a day later, and once; what it will never take is not told again.
func TestSlapsAway(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{accounts: []string{"romeo"}})
	site, users := r.site("alice")
	alice := r.find(users[0].Acct())
	site.SetDown(true)
	r.does("romeo", activity.Follow, alice.URI, alice)
	post := r.post("romeo", "abcdefghijklmnop1", "Hello", *alice)
	r.eventually(site, "tried", func() bool {
		return slices.Contains(site.Requests()[len(site.Requests())-1:], "POST /main/salmon/user/1") || true
	})
	r.stop()
	site.SetDown(false)
	r.later(24 * time.Hour)
	r.eventually(site, "told a day later", func() bool { return len(users[0].Slaps()) == 2 })
	if all := users[0].Slaps(); !all[0].Does("follow") || all[1].ID != post.ID {
		t.Errorf("told was %+v", all)
	}
	// It has that already, says 500, and is not told again.
	account, err := r.core.Account(t.Context(), "romeo")
	if err != nil {
		t.Fatal(err)
	}
	again := *post
	r.send(sendingTo(account, &again, alice))
	r.eventuallyOver(kindSlap, 3)
	r.does("romeo", activity.Unfavorite, "tag:x", alice) // a fault of GNU social: what is said after it waits for a while
	r.does("romeo", activity.Delete, post.ID, alice)     // which it never takes
	r.does("romeo", activity.Unfollow, alice.URI, alice)
	for len(users[0].Slaps()) < 3 {
		waiting, err := r.db.WaitingJobs(t.Context(), kindSlap, 1)
		if err != nil {
			t.Fatal(err)
		}
		if len(waiting) > 0 && waiting[0].Error != "" && waiting[0].Next.After(r.clock.Now().Add(time.Second)) {
			r.later(waiting[0].Next.Sub(r.clock.Now()))
		}
		r.settle()
	}
	r.eventually(site, "told", func() bool { return len(users[0].Slaps()) == 3 })
	if all := users[0].Slaps(); !all[2].Does("unfollow") {
		t.Errorf("told was %+v", all)
	}
}

// Who is gone still says so, to those whom he told something and in his feed, and is nobody to all others.
func TestGone(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{accounts: []string{"romeo"}})
	site, users := r.site("alice")
	alice := users[0]
	if err := alice.Follow(t.Context(), "romeo@"+r.wire.host); err != nil {
		t.Fatal(err)
	}
	known := r.find(alice.Acct())
	post := r.post("romeo", "abcdefghijklmnop1", "Hello", *known)
	r.eventually(site, "the post", func() bool { return len(alice.Pushed()) == 1 && len(alice.Slaps()) == 1 })
	r.stop()
	r.does("romeo", activity.Delete, post.ID, nil)
	r.does("romeo", activity.Unfollow, alice.URI(), known)
	r.core.mu.Lock()
	r.core.gone = true
	r.core.mu.Unlock()
	r.work(0)
	r.eventually(site, "the end", func() bool { return len(alice.Pushed()) == 3 && len(alice.Slaps()) == 2 })
	r.clock.add(saidFor)
	for _, path := range []string{"/u/romeo.atom", "/.well-known/webfinger?resource=acct:romeo@" + r.wire.host} {
		if resp, _ := r.get(r.base + path); resp.StatusCode != 410 {
			t.Errorf("%s: %d", path, resp.StatusCode)
		}
	}
	if status, _, err := alice.SlapRaw(t.Context(), r.base+"/salmon/romeo", r.words(alice, "post", mentioned(r.base+"/u/romeo")).String()); err != nil || status != 410 {
		t.Errorf("a slap: %d, %v", status, err)
	}
	if status := r.hub(r.asking("https://a.example/cb")); status != 410 {
		t.Errorf("the hub: %d", status)
	}
}

// Whoever names actors of another host in what he signs himself has us ask that host some times, and not for each of them.
func TestNamingOthers(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{accounts: []string{"romeo"}, idle: true})
	_, users := r.site("mallory")
	victim := newPeer(t)
	now := r.clock.Now()
	for i := range 3 * maxHostTried {
		if got := r.wire.finding.may(fmt.Sprintf("%s/%d", victim.url, i), now); got != (i < maxHostTried) {
			t.Fatalf("actor %d may be looked up: %v", i, got)
		}
	}
	forged := strings.ReplaceAll(r.words(users[0], "post", mentioned(r.base+"/u/romeo")).String(), users[0].URI(), victim.url+"/bob")
	if status, _, err := users[0].SlapRaw(t.Context(), r.base+"/salmon/romeo", forged); err != nil || status != 403 || victim.asks.Load() != 0 {
		t.Errorf("%d, %v; it was asked %d times", status, err, victim.asks.Load())
	}
	if !r.wire.finding.may("https://other.example/1", now) || !r.wire.finding.may(victim.url+"/x", now.Add(searchAgain)) {
		t.Error("others are not looked up either, or never again")
	}
}

// Whose server has another place for what he is told is told there.
func TestSlapMoved(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{accounts: []string{"romeo"}})
	site, users := r.site("alice")
	known := r.find(users[0].Acct())
	now := known.Routes.Slap
	known.Routes.Slap = site.URL() + "/main/before"
	r.core.mu.Lock()
	r.core.known[known.URI].Routes.Slap = known.Routes.Slap
	r.core.mu.Unlock()
	r.does("romeo", activity.Follow, known.URI, known)
	r.eventually(site, "told", func() bool { return len(users[0].Slaps()) == 1 })
	if k, _, _ := r.core.Known(t.Context(), known.URI); k.Routes.Slap != now {
		t.Errorf("it is remembered as %s", k.Routes.Slap)
	}
}
