package ostatus

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"passerelle/socialbridge"
	"passerelle/socialbridge/activity"
	"passerelle/store"
	"passerelle/transports"
)

// publisher is a server with a feed and a hub, of which a test says all that they do.
type publisher struct {
	*peer
	rig *rig

	mu      sync.Mutex
	changed chan struct{}
	asked   []url.Values // of the hub
	status  int          // with which the hub answers
	verify  bool         // it asks back
	lease   string
	entries []string
	fetched []string // with which If-None-Match
	etag    string
}

func (r *rig) publisher() (*publisher, *socialbridge.KnownActor) {
	r.Helper()
	p := &publisher{peer: newPeer(r), rig: r, changed: make(chan struct{}), status: 202, verify: true, lease: "864000", etag: `"1"`}
	uri := p.url + "/bob"
	p.says("/.well-known/webfinger", "application/jrd+json", p.peer.document(r, uri, "acct:bob@"+p.host))
	p.mux.HandleFunc("GET /feed", func(w http.ResponseWriter, q *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		defer p.tell()
		p.fetched = append(p.fetched, q.Header.Get("If-None-Match"))
		w.Header().Set("ETag", p.etag)
		if q.Header.Get("If-None-Match") == p.etag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		w.Header().Set("Content-Type", "application/atom+xml")
		_, _ = io.WriteString(w, p.document())
	})
	p.mux.HandleFunc("POST /hub", func(w http.ResponseWriter, q *http.Request) {
		_ = q.ParseForm()
		p.mu.Lock()
		defer p.mu.Unlock()
		defer p.tell()
		p.asked = append(p.asked, q.PostForm)
		w.WriteHeader(p.status)
	})
	return p, r.find(uri)
}

// document is the feed; the caller holds mu.
func (p *publisher) document(entries ...string) string {
	if entries == nil {
		entries = p.entries
	}
	return strings.Replace(p.feed(p.url+"/bob"), "</feed>", strings.Join(entries, "")+"</feed>", 1)
}

func (p *publisher) tell() { close(p.changed); p.changed = make(chan struct{}) }

func (p *publisher) wait(what string, is func() bool) {
	p.rig.Helper()
	end := time.After(patience)
	for {
		p.mu.Lock()
		changed, ok := p.changed, is()
		p.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-changed:
		case <-end:
			p.rig.Fatalf("%s: the hub was asked %v, the feed fetched %v", what, p.asked, p.fetched)
		}
	}
}

// confirm asks back as a hub, and returns status and answer.
func (p *publisher) confirm(mode string, form url.Values, more url.Values) (int, string) {
	p.rig.Helper()
	q := url.Values{"hub.mode": {mode}, "hub.topic": {form.Get("hub.topic")}, "hub.challenge": {"ch<a>llenge"}, "hub.lease_seconds": {p.lease}}
	for k, v := range more {
		q[k] = v
	}
	resp, body := p.rig.get(form.Get("hub.callback") + "?" + q.Encode())
	return resp.StatusCode, body
}

// push tells what is new as a hub, signed or not, and returns the status.
func (p *publisher) push(form url.Values, signature string, body string) int {
	p.rig.Helper()
	if signature == "" {
		h := hmac.New(sha1.New, []byte(form.Get("hub.secret")))
		h.Write([]byte(body))
		signature = "sha1=" + hex.EncodeToString(h.Sum(nil))
	}
	req, err := http.NewRequestWithContext(p.rig.Context(), http.MethodPost, form.Get("hub.callback"), strings.NewReader(body))
	if err != nil {
		p.rig.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/atom+xml")
	req.Header.Set("X-Hub-Signature", signature)
	resp, _ := p.rig.do(req)
	return resp.StatusCode
}

func entryOf(id, author, verb, more string) string {
	s := "<entry><id>" + id + `</id><title>t</title><content type="html">hello</content><activity:verb xmlns:activity="http://activitystrea.ms/spec/1.0/">` + schemaURI + verb +
		"</activity:verb><published>2026-11-23T01:50:06Z</published>"
	if author != "" {
		s += "<author><uri>" + author + "</uri><name>x</name></author>"
	}
	return s + more + "</entry>"
}

// A hub is believed where it signs and says what the feed's owner says, and nothing else.
func TestPushes(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{accounts: []string{"romeo"}})
	p, bob := r.publisher()
	r.watch(bob, true)
	p.wait("asked", func() bool { return len(p.asked) == 1 && len(p.fetched) == 2 })
	form := p.asked[0]
	if form.Get("hub.mode") != "subscribe" || form.Get("hub.topic") != p.url+"/feed" || form.Get("hub.lease_seconds") != "2592000" || len(form.Get("hub.secret")) < 32 ||
		!strings.HasPrefix(form.Get("hub.callback"), r.base+"/push/") || form.Get("hub.verify") != "async" {
		t.Errorf("the hub was asked %v", form)
	}
	for name, test := range map[string]struct {
		mode string
		more url.Values
	}{
		"another topic": {"subscribe", url.Values{"hub.topic": {p.url + "/x"}}}, "another mode": {"unsubscribe", nil}, "no challenge": {"subscribe", url.Values{"hub.challenge": nil}},
	} {
		if status, body := p.confirm(test.mode, form, test.more); status != 404 || strings.Contains(body, "ch<a>") {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
	if status, body := p.confirm("subscribe", form, nil); status != 200 || body != "ch<a>llenge" {
		t.Fatalf("%d %q", status, body)
	}
	victim := newPeer(t)
	own := func(n int) string { return fmt.Sprintf("%s/%d", p.url, n) }
	good := p.document(entryOf(own(1), "", "post", ""), entryOf(own(2), p.url+"/bob", "post", ""))
	for name, test := range map[string]struct {
		signature, body string
		status          int
	}{
		"not signed":              {"x", good, 202},
		"of another secret":       {"sha1=" + strings.Repeat("00", 20), good, 202},
		"of another method":       {"md5=" + strings.Repeat("00", 16), good, 202},
		"no feed":                 {"", "hello", 400},
		"entities":                {"", strings.Replace(good, "<feed", "<!DOCTYPE x><feed", 1), 400},
		"too large":               {"", good + strings.Repeat(" ", maxBody), 413},
		"of somebody else":        {"", p.document(entryOf(own(3), victim.url+"/eve", "post", "")), 200},
		"of one of ours":          {"", p.document(entryOf(own(3), r.base+"/u/romeo", "post", "")), 200},
		"an id of somebody else":  {"", p.document(entryOf(victim.url+"/1", "", "post", "")), 200},
		"an id of ours":           {"", p.document(entryOf(r.base+"/n/x", "", "post", "")), 200},
		"a delete of others":      {"", p.document(entryOf(victim.url+"/1", "", "delete", object(victim.url+"/1"))), 200},
		"a follow of one of ours": {"", p.document(entryOf(own(4), r.base+"/u/romeo", "follow", object(p.url+"/bob"))), 200},
	} {
		if status := p.push(form, test.signature, test.body); status != test.status {
			t.Errorf("%s: %d, want %d", name, status, test.status)
		}
	}
	if got := r.core.got(); len(got) != 0 {
		t.Fatalf("taken were %v", verbs(got))
	}
	h := hmac.New(sha256.New, []byte(form.Get("hub.secret")))
	h.Write([]byte(good))
	if status := p.push(form, "sha256="+hex.EncodeToString(h.Sum(nil)), good); status != 200 {
		t.Errorf("signed with SHA-256: %d", status)
	}
	if got := r.core.got(); len(got) != 2 || got[0].Activity.Note.ID != own(2) || got[1].Feed.URI != bob.URI || got[1].Activity.Actor.Acct != bob.Acct {
		t.Errorf("taken were %v", verbs(got))
	}
	// What cannot be written down is not taken.
	r.core.mu.Lock()
	r.core.fail = transports.NewError(transports.Busy, "", nil)
	r.core.mu.Unlock()
	if status := p.push(form, "", good); status != 429 {
		t.Errorf("while there is no room: %d", status)
	}
	r.core.mu.Lock()
	r.core.fail = nil
	r.core.mu.Unlock()
	for _, path := range []string{"/push/x", "/push/" + strings.Repeat("a", 64)} {
		if resp, _ := r.get(r.base + path + "?hub.mode=subscribe&hub.challenge=x"); resp.StatusCode != 404 {
			t.Errorf("%s: %d", path, resp.StatusCode)
		}
	}
	// Nobody wants to know any more: the hub is told, and what it still says is not heard.
	r.watch(bob, false)
	p.wait("asked", func() bool { return len(p.asked) == 2 && p.asked[1].Get("hub.mode") == "unsubscribe" })
	if status := p.push(form, "", good); status != 404 {
		t.Errorf("after the end: %d", status)
	}
	if status, _ := p.confirm("subscribe", form, nil); status != 404 {
		t.Errorf("a subscription after the end: %d", status)
	}
	if status, _ := p.confirm("unsubscribe", form, nil); status != 200 {
		t.Errorf("the end is not confirmed: %d", status)
	}
	if _, ok, err := r.db.SocialSubscription(t.Context(), bob.ID); ok || err != nil {
		t.Errorf("it is still there: %v", err)
	}
}

func (r *rig) subscription(k *socialbridge.KnownActor) store.SocialSubscription {
	r.Helper()
	s, ok, err := r.db.SocialSubscription(r.Context(), k.ID)
	if err != nil || !ok {
		r.Fatalf("the subscription of %s: %v, %v", k.URI, ok, err)
	}
	return s
}

// A lease is renewed when four fifths of it are over. A hub that does not ask back is asked again, and one that does not want to is left alone for a day,
// while the feed is fetched.
func TestRenewal(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{})
	p, bob := r.publisher()
	r.watch(bob, true)
	p.wait("asked", func() bool { return len(p.asked) == 1 })
	r.polled(bob)
	r.later(askedBackIn + time.Minute)
	p.wait("asked once more", func() bool { return len(p.asked) == 2 })
	r.polled(bob)
	if status, _ := p.confirm("subscribe", p.asked[1], nil); status != 200 { // for ten days
		t.Fatal(status)
	}
	asked := r.subscription(bob).AskedAt
	for range 20 {
		r.later(12 * time.Hour)
		r.polled(bob)
		if len(p.asked) == 3 {
			break
		}
	}
	if d := r.clock.Now().Sub(asked); len(p.asked) != 3 || d < 7*24*time.Hour || d > 9*24*time.Hour {
		t.Fatalf("it was asked %d times, for the last time after %v", len(p.asked), d)
	}
	if p.asked[2].Get("hub.callback") != p.asked[0].Get("hub.callback") || p.asked[2].Get("hub.mode") != "subscribe" {
		t.Errorf("it was asked %v", p.asked[2])
	}
	p.mu.Lock()
	p.status = 422
	p.mu.Unlock()
	r.later(10 * 24 * time.Hour) // it has not confirmed, and now it does not want to
	p.wait("asked", func() bool { return len(p.asked) >= 4 })
	r.idle(kindSubscribe)
	n, fetched := len(p.asked), len(p.fetched)
	if s := r.subscription(bob); s.State != store.SocialAlone {
		t.Errorf("it is in the state %d", s.State)
	}
	r.later(pollMost + time.Hour)
	p.wait("fetched", func() bool { return len(p.fetched) > fetched })
	r.polled(bob)
	if len(p.asked) != n {
		t.Errorf("it was asked %d times more", len(p.asked)-n)
	}
	p.mu.Lock()
	p.status = 202
	p.mu.Unlock()
	r.later(askAgain)
	p.wait("asked", func() bool { return len(p.asked) > n })
}

// polled waits until a feed is looked after and waits for its next time.
func (r *rig) polled(k *socialbridge.KnownActor) {
	r.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); {
		waiting, err := r.db.WaitingJobs(r.Context(), kindPoll, 10)
		if err != nil {
			r.Fatal(err)
		}
		if len(waiting) == 1 && waiting[0].Attempts == 0 && waiting[0].Next.After(r.clock.Now()) {
			r.idle(kindSubscribe)
			return
		}
		r.settle()
	}
	r.Fatalf("the feed of %s is not looked after", k.URI)
}

// A feed without a hub is fetched more and more rarely while nothing is new in it, and what is in it at first is of before.
func TestPolling(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{})
	p, bob := r.publisher()
	own := func(n int) string { return fmt.Sprintf("%s/%d", p.url, n) }
	p.mux.HandleFunc("GET /alone", func(w http.ResponseWriter, q *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.fetched = append(p.fetched, q.Header.Get("If-None-Match"))
		w.Header().Set("Content-Type", "application/atom+xml")
		if w.Header().Set("ETag", p.etag); q.Header.Get("If-None-Match") == p.etag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		_, _ = io.WriteString(w, strings.Replace(p.document(), `rel="hub"`, `rel="none"`, 1))
	})
	bob.Routes.Feed, bob.Routes.Hub = p.url+"/alone", ""
	p.entries = []string{entryOf(own(2), "", "post", ""), entryOf(own(1), "", "post", "")}
	p.fetched = nil
	r.watch(bob, true)
	got := r.until(2)
	if !got[0].Backlog || got[0].Activity.Note.ID != own(1) || !got[1].Backlog {
		t.Errorf("taken were %v", verbs(got))
	}
	for range 40 { // ten hours
		r.polled(bob)
		r.later(15*time.Minute + time.Second)
	}
	r.polled(bob)
	p.mu.Lock()
	n := len(p.fetched)
	if n < 4 || n > 12 || !slices.Equal(p.fetched[1:], slices.Repeat([]string{`"1"`}, n-1)) {
		t.Errorf("it was fetched %d times: %q", n, p.fetched)
	}
	p.etag = `"2"`
	p.entries = append([]string{entryOf(own(3), "", "post", "")}, p.entries...)
	p.mu.Unlock()
	r.later(pollMost + time.Second)
	got = r.until(5) // the whole feed once more; what is known changes nothing
	if last := got[4]; last.Backlog || last.Activity.Note.ID != own(3) {
		t.Errorf("taken were %v", verbs(got))
	}
	if len(p.asked) != 0 {
		t.Errorf("a hub was asked: %v", p.asked)
	}
	r.polled(bob)
	r.watch(bob, false)
	if _, ok, err := r.db.SocialSubscription(t.Context(), bob.ID); ok || err != nil {
		t.Errorf("it is still there: %v", err)
	}
}

// In the feed of a group others speak. What they say is fetched from where they have published it.
func TestGroupFeed(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{})
	home, _ := r.site()
	group := home.AddGroup("testgroup")
	member := home.AddUser("carol")
	_, users := r.site("alice")
	alice := users[0]
	r.watch(r.find(group.URI()), true)
	r.eventually(home, "a subscriber", func() bool { return group.Subscribers() == 1 })
	n, err := alice.Post(t.Context(), "what alice says")
	if err != nil {
		t.Fatal(err)
	}
	local, err := member.Post(t.Context(), "what carol says")
	if err != nil {
		t.Fatal(err)
	}
	withAuthor := func(u interface{ URI() string }, entry string) string {
		return entry + "<author><uri>" + u.URI() + "</uri><name>x</name></author>"
	}
	forged := strings.ReplaceAll(n.Entry(), "what alice says", "what the group says that alice says")
	if err := group.Push(t.Context(), withAuthor(alice, forged), withAuthor(member, local.Entry())); err != nil {
		t.Fatal(err)
	}
	for _, got := range r.until(2) {
		if got.Feed == nil || got.Feed.URI != group.URI() || !got.Feed.Group || got.Activity.Verb != activity.Post {
			t.Errorf("taken was %+v", got)
		}
		if html := got.Activity.Note.HTML; html != "what alice says" && html != "what carol says" {
			t.Errorf("somebody says %q", html)
		}
	}
}

// A hub that takes a renewal and never confirms it is asked again and again, and not all the time; its feed is fetched meanwhile.
func TestSilentHub(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{})
	p, bob := r.publisher()
	r.watch(bob, true)
	p.wait("asked", func() bool { return len(p.asked) == 1 })
	r.polled(bob)
	if status, _ := p.confirm("subscribe", p.asked[0], nil); status != 200 { // for ten days
		t.Fatal(status)
	}
	for range 4 * 14 {
		r.later(6 * time.Hour)
		r.polled(bob)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.asked); n < 8 || n > 40 {
		t.Errorf("it was asked %d times in 14 days", n)
	}
	if s := r.subscription(bob); s.State != store.SocialAsking {
		t.Errorf("it is in the state %d", s.State)
	}
	if n := len(p.fetched); n < 20 || n > 60 {
		t.Errorf("the feed was fetched %d times", n)
	}
	for _, asked := range []time.Duration{0, time.Hour, 9 * 24 * time.Hour, 10 * 24 * time.Hour, 30 * 24 * time.Hour} {
		at := testTime.Add(asked)
		if next := nextAsk(&store.SocialSubscription{Hub: "x", State: store.SocialTold, AskedAt: at, Until: testTime.Add(10 * 24 * time.Hour)}); next.Sub(at) < askedBackIn {
			t.Errorf("asked after %v, it is asked again %v later", asked, next.Sub(at))
		}
	}
}

var testTime = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
