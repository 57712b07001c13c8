package ostatus

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"passerelle/internal/gnusocial"
	"passerelle/socialbridge/activity"
	"passerelle/transports"
)

const (
	schemaURI = "http://activitystrea.ms/schema/1.0/"
	atomNS    = `xmlns="http://www.w3.org/2005/Atom" xmlns:activity="http://activitystrea.ms/spec/1.0/" xmlns:thr="http://purl.org/syndication/thread/1.0" xmlns:ostatus="http://ostatus.org/schema/1.0"`
)

// words is an entry that somebody says to somebody.
type words struct {
	id, author, verb, published, more string
}

func (r *rig) words(u *gnusocial.User, verb, more string) words {
	return words{
		id: fmt.Sprintf("tag:127.0.0.1,2026:%d", time.Now().UnixNano()), author: "<author><uri>" + u.URI() + "</uri><name>" + u.Nick + "</name></author>",
		verb: schemaURI + verb, published: r.clock.Now().UTC().Format(time.RFC3339), more: more,
	}
}

func (w words) String() string {
	return `<?xml version="1.0"?><entry ` + atomNS + `><id>` + w.id + `</id><title>t</title><content type="html">hello</content><activity:verb>` + w.verb +
		`</activity:verb><published>` + w.published + `</published>` + w.author + w.more + `</entry>`
}

func mentioned(uri string) string {
	return `<link rel="mentioned" ostatus:object-type="` + schemaURI + `person" href="` + uri + `"/>`
}

func object(id string) string { return `<activity:object><id>` + id + `</id></activity:object>` }

// What is not from whom it says it is, or nobody here has to do with, is not taken.
func TestForgedSlaps(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{accounts: []string{"romeo"}, idle: true})
	_, users := r.site("alice", "mallory")
	alice, mallory := users[0], users[1]
	elsewhere, others := r.site("eve")
	_ = elsewhere
	romeo, endpoint := r.base+"/u/romeo", r.base+"/salmon/romeo"
	post := r.post("romeo", "abcdefghijklmnop1", "Hello")
	good := r.words(alice, "post", mentioned(romeo))
	good.published = r.clock.Now().Add(time.Hour - oldPost).UTC().Format(time.RFC3339) // not yet too old
	if status, text, err := alice.SlapRaw(t.Context(), endpoint, good.String()); err != nil || status != 200 {
		t.Fatalf("%d %s %v", status, text, err)
	}
	r.until(1)
	foreign := func(w words, id string) words { w.id = id; return w }
	at := func(w words, when time.Time) words { w.published = when.UTC().Format(time.RFC3339); return w }
	authored := func(w words, author string) words { w.author = author; return w }
	now := r.clock.Now()
	for name, test := range map[string]struct {
		by     *gnusocial.User
		entry  string
		status int
	}{
		"of another key":               {mallory, good.String(), 403},
		"of somebody elsewhere":        {others[0], good.String(), 403},
		"by nobody":                    {alice, authored(good, "").String(), 400},
		"by one of ours":               {alice, authored(good, "<author><uri>"+romeo+"</uri><name>romeo</name></author>").String(), 403},
		"by a local file":              {alice, authored(good, "<author><uri>file:///etc/passwd</uri><name>x</name></author>").String(), 400},
		"by somebody who is not there": {alice, authored(good, "<author><uri>"+strings.Replace(alice.URI(), "/user/1", "/user/99", 1)+"</uri><name>x</name></author>").String(), 403},
		"by a neighbour":               {alice, authored(good, "<author><uri>http://127.0.0.2:8080/u</uri><name>x</name></author>").String(), 403},
		"by two":                       {alice, authored(good, good.author+"<author><uri>"+mallory.URI()+"</uri><name>m</name></author>").String(), 400},
		"an actor who is not the author": {
			alice, authored(good, good.author+"<activity:actor><activity:object-type>"+schemaURI+"person</activity:object-type><id>"+mallory.URI()+"</id><uri>"+mallory.URI()+"</uri></activity:actor>").String(), 400,
		},
		"entities":            {alice, strings.Replace(good.String(), "<entry", "<!DOCTYPE entry [<!ENTITY a 'aaaaaaaaaa'>]><entry", 1), 400},
		"no entry":            {alice, "<html/>", 400},
		"to somebody else":    {alice, r.words(alice, "post", mentioned(alice.URI())).String(), 400},
		"an id of others":     {alice, foreign(good, "https://victim.example/1").String(), 403},
		"an id of ours":       {alice, foreign(good, post.ID+"x").String(), 403},
		"an id of nobody":     {alice, foreign(good, "urn:uuid:1").String(), 403},
		"a delete of others":  {alice, foreign(r.words(alice, "delete", object("https://victim.example/1")), "https://victim.example/1").String(), 403},
		"an old favorite":     {alice, at(r.words(alice, "favorite", object(post.ID)), now.Add(-8*24*time.Hour)).String(), 400},
		"a post of long ago":  {alice, at(r.words(alice, "post", mentioned(romeo)), now.Add(-oldPost-time.Hour)).String(), 400},
		"a post of no time":   {alice, strings.Replace(r.words(alice, "post", mentioned(romeo)).String(), "<published>", "<published>x", 1), 400},
		"one of tomorrow":     {alice, at(r.words(alice, "favorite", object(post.ID)), now.Add(24*time.Hour)).String(), 400},
		"one without a time":  {alice, strings.Replace(r.words(alice, "favorite", object(post.ID)).String(), "<published>", "<published>x", 1), 400},
		"a like of another's": {alice, r.words(alice, "favorite", object("tag:127.0.0.1,2026:x")).String(), 400},
	} {
		status, text, err := test.by.SlapRaw(t.Context(), endpoint, test.entry)
		if err != nil || status != test.status {
			t.Errorf("%s: %d %s %v, want %d", name, status, strings.TrimSpace(text), err, test.status)
		}
	}
	if got := r.core.got(); len(got) != 1 {
		t.Errorf("taken were %v", verbs(got))
	}
	for _, uri := range r.core.uris() {
		if uri != alice.URI() {
			t.Errorf("%s is known now", uri)
		}
	}
	// What nobody here knows is nothing, and no fault.
	if status, _, err := alice.SlapRaw(t.Context(), endpoint, r.words(alice, "dance", mentioned(romeo)).String()); err != nil || status != 200 {
		t.Errorf("an unknown verb: %d %v", status, err)
	}
	// A favorite that lacks all but its object is known by that.
	if status, text, err := alice.SlapRaw(t.Context(), endpoint, r.words(alice, "unfavorite", object(post.ID)).String()); err != nil || status != 200 {
		t.Errorf("a bare unfavorite: %d %s %v", status, text, err)
	}
	if a := r.until(2)[1].Activity; a.Actor.Acct != alice.Acct() || a.Actor.Routes.Slap == "" {
		t.Errorf("the actor is %+v", a.Actor)
	}
}

// Only what is as it should be reaches a parser at all.
func TestSlapRequests(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{accounts: []string{"romeo"}, idle: true})
	_, users := r.site("alice")
	good := string(users[0].Envelope(r.words(users[0], "post", mentioned(r.base+"/u/romeo")).String()))
	for name, test := range map[string]struct {
		path, contentType, body string
		status                  int
	}{
		"as it should be":   {"/salmon/romeo", "application/magic-envelope+xml", good, 200},
		"with parameters":   {"/salmon/romeo", "application/magic-envelope+xml; charset=utf-8", good, 200},
		"another type":      {"/salmon/romeo", "application/atom+xml", good, 400},
		"no type":           {"/salmon/romeo", "", good, 400},
		"nobody":            {"/salmon/nobody", "application/magic-envelope+xml", good, 404},
		"nothing":           {"/salmon/romeo", "application/magic-envelope+xml", "", 400},
		"too large":         {"/salmon/romeo", "application/magic-envelope+xml", good + strings.Repeat(" ", maxBody), 413},
		"entities":          {"/salmon/romeo", "application/magic-envelope+xml", strings.Replace(good, "<me:env", "<!DOCTYPE x><me:env", 1), 400},
		"another algorithm": {"/salmon/romeo", "application/magic-envelope+xml", strings.Replace(good, "RSA-SHA256", "none", 1), 400},
		"no signature":      {"/salmon/romeo", "application/magic-envelope+xml", good[:strings.Index(good, "<me:sig>")] + "</me:env>", 400},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.base+test.path, strings.NewReader(test.body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", test.contentType)
		if resp, body := r.do(req); resp.StatusCode != test.status {
			t.Errorf("%s: %d %s, want %d", name, resp.StatusCode, body, test.status)
		}
	}
}

// What was said once is taken once; what the database does not take is not answered as taken.
func TestReplays(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{accounts: []string{"romeo"}, idle: true})
	_, users := r.site("alice")
	alice, endpoint := users[0], r.base+"/salmon/romeo"
	follow := r.words(alice, "follow", object(r.base+"/u/romeo")).String()
	r.core.mu.Lock()
	r.core.fail = transports.NewError(transports.Internal, "", nil)
	r.core.mu.Unlock()
	if status, _, err := alice.SlapRaw(t.Context(), endpoint, follow); err != nil || status != 503 {
		t.Errorf("what cannot be written down is answered %d, %v", status, err)
	}
	r.core.mu.Lock()
	r.core.fail = nil
	r.core.mu.Unlock()
	for range 3 {
		if status, text, err := alice.SlapRaw(t.Context(), endpoint, follow); err != nil || status != 200 {
			t.Errorf("%d %s %v", status, text, err)
		}
	}
	if got := r.core.got(); len(got) != 1 || got[0].Activity.Verb != activity.Follow {
		t.Errorf("taken were %v", verbs(got))
	}
}

// A key that does not fit is asked for once more, and not again and again.
func TestNewKey(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{accounts: []string{"romeo"}, idle: true})
	site, users := r.site("alice", "mallory")
	alice, mallory, endpoint := users[0], users[1], r.base+"/salmon/romeo"
	// She is known with the key of before.
	known := r.find(alice.Acct())
	r.core.known[known.URI].Key = &r.core.accounts["romeo"].key.PublicKey
	r.core.known[known.URI].FetchedAt = r.clock.Now().Add(-time.Hour)
	say := func() int {
		status, _, err := alice.SlapRaw(t.Context(), endpoint, r.words(alice, "post", mentioned(r.base+"/u/romeo")).String())
		if err != nil {
			t.Fatal(err)
		}
		return status
	}
	if status := say(); status != 200 {
		t.Errorf("with a new key: %d", status)
	}
	asked := func() (n int) {
		for _, q := range site.Requests() {
			if strings.Contains(q, "webfinger") {
				n++
			}
		}
		return n
	}
	before := asked()
	forged := strings.ReplaceAll(r.words(alice, "post", mentioned(r.base+"/u/romeo")).String(), "hello", "forged")
	for range 20 {
		if status, _, err := mallory.SlapRaw(t.Context(), endpoint, forged); err != nil || status != 403 {
			t.Errorf("forged: %d %v", status, err)
		}
	}
	if n := asked() - before; n != 0 {
		t.Errorf("her server was asked %d times for what mallory says", n)
	}
	r.clock.add(time.Hour)
	for range 20 {
		if status, _, err := mallory.SlapRaw(t.Context(), endpoint, forged); err != nil || status != 403 {
			t.Errorf("forged: %d %v", status, err)
		}
	}
	if n := asked() - before; n == 0 || n > 4 {
		t.Errorf("an hour later her server was asked %d times", n)
	}
}
