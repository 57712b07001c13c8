package socialbridge

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"passerelle/socialbridge/activity"
	"passerelle/store"
	"passerelle/transports"
)

// What came to a user, by kinds.
func (r *rig) counted(user transports.Address) (letters, remarks int) {
	for _, d := range r.drained() {
		switch d.event.(type) {
		case transports.Letter:
			letters++
		case transports.Remark:
			remarks++
		}
		if d.user != user {
			r.t.Errorf("%s is told %+v", d.user, d.event)
		}
	}
	return letters, remarks
}

// Strangers have so many letters an hour, and each server of them fewer. What is more is kept, and the user is told once. Whom he follows that does
// not concern.
func TestManyStrangers(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a := r.joined(romeo)
	r.following(romeo, alice)
	r.drained()
	named := func(n *activity.Note) { n.Mentions = []activity.Mention{{URI: a.URI}} }
	many := func(from, hosts, each int) {
		for h := range hosts {
			for i := range each {
				by := actorAt(fmt.Sprint("bob", i), fmt.Sprint("h", h, ".test"))
				in := r.note(by, i, "hello", named)
				in.Note.ID = fmt.Sprintf("tag:h%d.test,2026:%d", h, from+i)
				in.ID = in.Note.ID
				r.mustReceive(in, &romeo)
				if p, ok, err := r.db.SocialPost(t.Context(), r.s.opt.Domain, store.PostKey{URI: in.ID}); err != nil || !ok || p.Note == "" {
					t.Fatalf("%s is not kept: %v, %v", in.ID, ok, err)
				}
			}
		}
	}
	many(0, 1, maxOfHost+5)
	if letters, remarks := r.counted(romeo); letters != maxOfHost || remarks != 1 {
		t.Errorf("of one server came %d letters and %d remarks", letters, remarks)
	}
	many(100, 5, maxOfHost)
	if letters, remarks := r.counted(romeo); letters != maxStrangers-maxOfHost || remarks != 0 {
		t.Errorf("of all others came %d letters and %d remarks", letters, remarks)
	}
	r.mustReceive(r.note(r.actor("alice@gs1.test"), 1, "whom he follows", named), &romeo)
	delivered[transports.Letter](r, romeo)
	r.mustReceive(r.note(r.actor("alice@gs1.test"), 2, "between us", func(n *activity.Note) { n.Public = false }), &romeo)
	delivered[transports.Letter](r, romeo)
	r.clock.advance(strangersTime + time.Second)
	many(200, 1, maxOfHost+1)
	if letters, remarks := r.counted(romeo); letters != maxOfHost || remarks != 1 {
		t.Errorf("an hour later came %d letters and %d remarks", letters, remarks)
	}
}

// Of how many users that is counted has a bound.
func TestStrangersAreBounded(t *testing.T) {
	t.Parallel()
	var s strangers
	now := time.Now()
	for i := range 2*maxCounted + 10 {
		if may, _, _ := s.may(fmt.Sprint(i), "h.test", now); !may {
			t.Fatalf("user %d gets nothing", i)
		}
	}
	if len(s.all) > maxCounted {
		t.Errorf("%d users are counted", len(s.all))
	}
}

// Who follows and likes and stops it again all day long is told of once a day, and is what he is at the end.
func TestFlapping(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a := r.joined(romeo)
	by := r.actor("alice@gs1.test")
	if _, err := r.s.Keep(t.Context(), by); err != nil {
		t.Fatal(err)
	}
	mine := r.published(romeo, "hello")
	r.drained()
	for day := range 2 {
		for i := range 10 {
			for _, c := range []struct {
				verb   activity.Verb
				object string
			}{{activity.Follow, a.URI}, {activity.Favorite, mine.ID}, {activity.Unfollow, a.URI}, {activity.Unfavorite, mine.ID}} {
				if i == 9 && (c.verb == activity.Unfollow || c.verb == activity.Unfavorite) {
					continue
				}
				r.clock.advance(time.Second)
				in := r.act(by, c.verb, c.object)
				in.ID += fmt.Sprint(day, i)
				r.mustReceive(in, &romeo)
			}
		}
		follows, likes, remarks := false, false, 0
		for _, d := range r.drained() {
			switch e := d.event.(type) {
			case transports.FollowedBy:
				follows = e.On
			case transports.EntryRegarded:
				likes = e.Regard.Noticed
			case transports.Remark:
				remarks++
			}
		}
		if !follows || !likes || remarks != 3 { // that she follows, that she does not any more, and that she likes it
			t.Errorf("on day %d she follows: %v, likes: %v, and he is told %d times", day, follows, likes, remarks)
		}
		for _, verb := range []activity.Verb{activity.Unfollow, activity.Unfavorite} {
			object := a.URI
			if verb == activity.Unfavorite {
				object = mine.ID
			}
			r.mustReceive(r.act(by, verb, object), &romeo)
		}
		r.drained()
		r.clock.advance(24 * time.Hour)
	}
}

// What waits for its user to say that it may be public waits on where it cannot be published at the moment, and nothing else is public by then.
func TestHeldAndRefused(t *testing.T) {
	t.Parallel()
	r := rigWith(t, func(o *Options) { o.PerHour = 1 })
	r.joined(romeo)
	if _, err := r.s.Keep(t.Context(), r.actor("alice@gs1.test")); err != nil {
		t.Fatal(err)
	}
	r.published(romeo, "hello")
	if err := r.post(romeo, transports.Letter{ID: "m1", With: alice, Body: "good evening"}); kindOf(err) != transports.Policy {
		t.Fatal(err)
	}
	if said, err := r.s.publishHeld(t.Context(), "en", romeo); kindOf(err) != transports.Policy {
		t.Fatalf("%q, %v", said, err)
	}
	if prefs, err := r.s.preferences(t.Context(), romeo); err != nil || prefs.Mention == mentionPublic {
		t.Errorf("what he writes is public now: %+v, %v", prefs, err)
	}
	r.clock.advance(time.Hour + time.Minute)
	if said, err := r.s.publishHeld(t.Context(), "en", romeo); err != nil {
		t.Fatalf("%q, %v", said, err)
	}
	if n := r.sent(activity.Post).Activity.Note; !strings.Contains(n.HTML, "good evening") {
		t.Errorf("published is %q", n.HTML)
	}
}

// Nothing of a user's own node is published that is from before he took part, or that does not say from when it is.
func TestBeforeOptIn(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.clock.advance(300 * time.Millisecond)
	a := r.joined(romeo)
	for i, e := range []transports.Entry{
		{},
		{Published: a.Since.Add(-30 * time.Second)},
		{Published: a.Since.Add(-time.Millisecond)},
		{Published: a.Since.Truncate(time.Second).Add(-time.Second)},
		{Updated: a.Since.Add(-time.Second)},
	} {
		e.Item, e.Body = fmt.Sprint("old", i), "of before"
		if err := r.s.Published(t.Context(), romeo, e); err != nil {
			t.Fatal(err)
		}
		r.unsent()
	}
	for i, at := range []time.Time{a.Since, a.Since.Truncate(time.Second), a.Since.Add(time.Second)} {
		if err := r.s.Published(t.Context(), romeo, transports.Entry{Item: fmt.Sprint("new", i), Body: "of now", Published: at}); err != nil {
			t.Fatal(err)
		}
		r.sent(activity.Post)
	}
}
