package ostatus

import (
	"fmt"
	"net/url"
	"testing"
	"time"

	"passerelle/socialbridge"
	"passerelle/socialbridge/activity"
	"passerelle/socialbridge/atom"
	"passerelle/store"
)

// A hub that does not ask back any more, or gives no time at all, is asked every now and then, and once its lease is over the feed is fetched in its place.
func TestLeaseOver(t *testing.T) {
	t.Parallel()
	for name, lease := range map[string]string{"ten days": "864000", "a second": "1"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, rigOptions{})
			p, bob := r.publisher()
			r.watch(bob, true)
			p.wait("asked", func() bool { return len(p.asked) == 1 })
			if status, _ := p.confirm("subscribe", p.asked[0], url.Values{"hub.lease_seconds": {lease}}); status != 200 {
				t.Fatal(status)
			}
			r.polled(bob)
			for range 12 { // it takes what it is asked, and does not ask back
				r.later(24 * time.Hour)
				r.polled(bob)
			}
			p.mu.Lock()
			asked, fetched := len(p.asked), len(p.fetched)
			p.mu.Unlock()
			if asked > 30 {
				t.Errorf("it was asked %d times in twelve days", asked)
			}
			if s := r.subscription(bob); s.State != store.SocialAsking {
				t.Errorf("it is in the state %d", s.State)
			}
			r.later(pollMost + time.Minute)
			p.wait("fetched", func() bool { return len(p.fetched) > fetched })
			r.polled(bob)
			p.mu.Lock()
			form := p.asked[len(p.asked)-1]
			p.mu.Unlock()
			if status, _ := p.confirm("subscribe", form, nil); status != 200 {
				t.Fatalf("it asks back at last: %d", status)
			}
			if s := r.subscription(bob); s.State != store.SocialTold || !s.Until.After(r.clock.Now().Add(9*24*time.Hour)) {
				t.Errorf("it is in the state %d until %v", s.State, s.Until)
			}
		})
	}
}

// What somebody says directly that somebody else has said is fetched from there, as what is in his feed.
func TestForgedRepeat(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{accounts: []string{"romeo"}})
	_, users := r.site("mallory")
	_, others := r.site("alice")
	mallory, alice := users[0], others[0]
	n, err := alice.Post(t.Context(), "what alice says")
	if err != nil {
		t.Fatal(err)
	}
	repeat := func(id string) words {
		return r.words(mallory, "share", mentioned(r.base+"/u/romeo")+`<link rel="self" type="application/atom+xml" href="`+n.Self()+`"/><activity:object><activity:object-type>`+schemaURI+`activity</activity:object-type><id>`+id+`</id><activity:verb>`+schemaURI+
			`post</activity:verb><author><uri>`+alice.URI()+`</uri><name>alice</name></author><content type="html">what mallory says that alice says</content><activity:object><activity:object-type>`+
			schemaURI+`note</activity:object-type><id>`+id+`</id><content type="html">what mallory says that alice says</content></activity:object><link rel="self" type="application/atom+xml" href="`+n.Self()+`"/></activity:object>`)
	}
	for _, id := range []string{n.ID + "x", n.ID} {
		if status, text, err := mallory.SlapRaw(t.Context(), r.base+"/salmon/romeo", repeat(id).String()); err != nil || status != 200 {
			t.Errorf("%d %s %v", status, text, err)
		}
	}
	old := repeat(n.ID)
	old.published = r.clock.Now().Add(-oldPost - time.Hour).UTC().Format(time.RFC3339)
	if status, text, err := mallory.SlapRaw(t.Context(), r.base+"/salmon/romeo", old.String()); err != nil || status != 400 {
		t.Errorf("one of long ago: %d %s %v", status, text, err)
	}
	r.until(1)
	r.idle(kindOrigin)
	if got := r.core.got(); len(got) != 1 || got[0].Activity.Verb != activity.Share || got[0].Activity.Note.HTML != "what alice says" {
		t.Errorf("taken was %v: %+v", verbs(got), got[0].Activity.Note)
	}
}

// A group does not say who somebody of another server is.
func TestGroupLies(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{idle: true, accounts: []string{"romeo"}})
	own := r.post("romeo", "abcdefghijklmnop1", "Hello")
	group := &socialbridge.KnownActor{ID: 7, Actor: activity.Actor{URI: "https://group.example/club", Group: true}}
	alice := activity.Actor{URI: "https://victim.example/alice", Name: "Forged"}
	member := activity.Actor{URI: "https://group.example/bob"}
	for name, a := range map[string]*activity.Activity{
		"a post of a member": {ID: "https://group.example/1", Verb: activity.Post, Actor: alice, Note: &activity.Note{ID: "https://group.example/1", Author: member}},
		"a delete":           {ID: "https://group.example/2", Verb: activity.Delete, Actor: alice, Object: "https://group.example/2"},
		"a post of ours":     {ID: own.ID, Verb: activity.Post, Actor: alice, Note: &activity.Note{ID: own.ID, Author: own.Actor}},
	} {
		_ = r.wire.takeEntry(t.Context(), group, a, false)
		for _, got := range r.core.got() {
			if got.Activity.Actor.URI == alice.URI {
				t.Errorf("%s is taken as of %+v", name, got.Activity.Actor)
			}
		}
	}
	// What is of ours comes as what the group has.
	if err := r.wire.takeEntry(t.Context(), group, &activity.Activity{ID: own.ID, Verb: activity.Post, Actor: own.Actor, Note: &activity.Note{ID: own.ID, Author: own.Actor}}, false); err != nil {
		t.Error(err)
	}
	if got := r.core.got(); len(got) == 0 || got[len(got)-1].Activity.Actor.URI != group.URI || got[len(got)-1].Activity.Note.HTML != "Hello" {
		t.Errorf("taken were %v", verbs(got))
	}
}

// However much of others a document has, so much of it is fetched: the newest.
func TestMuchOfOthers(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{idle: true})
	group := &socialbridge.KnownActor{ID: 7, Actor: activity.Actor{URI: "https://group.example/club", Group: true}}
	f := &atom.Feed{}
	for i := range 3 * maxOrigins {
		host := fmt.Sprintf("https://h%d.example", i)
		by := activity.Actor{URI: host + "/u"}
		f.Entries = append(f.Entries, activity.Activity{ID: host + "/1", Verb: activity.Post, Actor: by, Note: &activity.Note{ID: host + "/1", Author: by}})
	}
	if err := r.wire.takeFeed(t.Context(), group, f, false); err != nil {
		t.Fatal(err)
	}
	jobs, err := r.db.WaitingJobs(t.Context(), kindOrigin, 10*maxOrigins)
	if err != nil || len(jobs) != maxOrigins {
		t.Errorf("%d notes are fetched, %v", len(jobs), err)
	}
	for _, j := range jobs {
		var n int
		if _, err := fmt.Sscanf(j.Site, "https://h%d.example", &n); err != nil || n >= maxOrigins {
			t.Errorf("%s is asked: %v", j.Site, err)
		}
	}
}

// Strangers do not have a server asked for more people than it may have, nor do they take the place of users who look for somebody.
func TestStrangersLookups(t *testing.T) {
	t.Parallel()
	f := newFinding()
	now := time.Now()
	n := 0
	for i := range 10 * maxHostTried {
		if f.may(fmt.Sprintf("https://victim.example/%d", i), now) {
			n++
		}
	}
	if n != maxHostTried || !f.may("https://other.example/1", now) {
		t.Errorf("%d people of a server may be asked for", n)
	}
	if !f.may("https://victim.example/1x", now.Add(searchAgain)) {
		t.Error("it is asked no more at all")
	}
	for i := range 100 {
		leave, err := f.enterStranger()
		if i < maxStrangers && err != nil || i >= maxStrangers && err == nil {
			t.Fatalf("look-up %d: %v", i, err)
		}
		_ = leave
	}
	if leave, err := f.enter(t.Context()); err != nil {
		t.Errorf("nobody else has a turn: %v", err)
	} else {
		leave()
	}
}
