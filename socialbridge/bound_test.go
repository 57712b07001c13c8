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
		switch d.Event.(type) {
		case transports.Letter:
			letters++
		case transports.Remark:
			remarks++
		}
		if d.User != user {
			r.t.Errorf("%s is told %+v", d.User, d.Event)
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
	many(0, 1, maxOfSite+5)
	if letters, remarks := r.counted(romeo); letters != maxOfSite || remarks != 1 {
		t.Errorf("of one server came %d letters and %d remarks", letters, remarks)
	}
	many(100, 5, maxOfSite)
	if letters, remarks := r.counted(romeo); letters != maxStrangers-maxOfSite || remarks != 0 {
		t.Errorf("of all others came %d letters and %d remarks", letters, remarks)
	}
	r.mustReceive(r.note(r.actor("alice@gs1.test"), 1, "whom he follows", named), &romeo)
	delivered[transports.Letter](r, romeo)
	r.mustReceive(r.note(r.actor("alice@gs1.test"), 2, "between us", func(n *activity.Note) { n.Public = false }), &romeo)
	delivered[transports.Letter](r, romeo)
	r.clock.Advance(meterTime + time.Second)
	many(200, 1, maxOfSite+1)
	if letters, remarks := r.counted(romeo); letters != maxOfSite || remarks != 1 {
		t.Errorf("an hour later came %d letters and %d remarks", letters, remarks)
	}
}

// Of how many users that is counted has a bound.
func TestStrangersAreBounded(t *testing.T) {
	t.Parallel()
	m := meter{most: maxStrangers, ofSite: maxOfSite}
	now := time.Now()
	for i := range 2*maxCounted + 10 {
		if may, _, _ := m.may(fmt.Sprint(i), "h.test", "", 1, now); !may {
			t.Fatalf("user %d gets nothing", i)
		}
	}
	if len(m.all) > maxCounted {
		t.Errorf("%d users are counted", len(m.all))
	}
}

// What others do about what a user does he is told of so often in an hour, of one server and about one post less often, and once that there is more. What
// is so is kept.
func TestManyNotices(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a := r.joined(romeo)
	var posts []*activity.Note
	for i := range 4 {
		posts = append(posts, r.published(romeo, fmt.Sprint("number ", i)))
	}
	r.drained()
	n := 0
	does := func(host string, verb activity.Verb, object string, times int) {
		for range times {
			n++
			by := actorAt(fmt.Sprint("bob", n), host)
			if _, err := r.s.Keep(t.Context(), by); err != nil {
				t.Fatal(err)
			}
			in := r.act(by, verb, object)
			in.ID += fmt.Sprint(n)
			r.mustReceive(in, &romeo)
		}
	}
	told := func() (regards, follows, remarks int) {
		for _, d := range r.drained() {
			switch d.Event.(type) {
			case transports.EntryRegarded:
				regards++
			case transports.FollowedBy:
				follows++
			case transports.Remark:
				remarks++
			}
		}
		return regards, follows, remarks
	}
	does("h0.test", activity.Favorite, posts[0].ID, maxNoticesOfSite+7)
	if regards, _, remarks := told(); regards != maxNoticesOfSite || remarks != maxNoticesOfSite+1 {
		t.Errorf("of likes of one server he is told %d times, with %d remarks", regards, remarks)
	}
	for h := range maxNoticesOfPost + 7 {
		does(fmt.Sprint("a", h, ".test"), activity.Favorite, posts[1].ID, 1)
	}
	if regards, _, remarks := told(); regards != maxNoticesOfPost || remarks != maxNoticesOfPost {
		t.Errorf("of likes of one post he is told %d times, with %d remarks", regards, remarks)
	}
	for h := range maxNotices {
		does(fmt.Sprint("b", h, ".test"), activity.Follow, a.URI, 1)
	}
	if _, follows, remarks := told(); follows != maxNotices-maxNoticesOfSite-maxNoticesOfPost || remarks != follows {
		t.Errorf("of followers he is told %d times, with %d remarks", follows, remarks)
	}
	for i, want := range []int{maxNoticesOfSite + 7, maxNoticesOfPost + 7} {
		p, _, err := r.db.SocialPost(t.Context(), r.s.opt.Domain, store.PostKey{URI: posts[i].ID})
		if err != nil {
			t.Fatal(err)
		}
		if c, err := r.db.CountsOfPost(t.Context(), &p); err != nil || c.Likes != want {
			t.Errorf("post %d has %d likes, %v; want %d", i, c.Likes, err, want)
		}
	}
	r.clock.Advance(meterTime + time.Second)
	does("h0.test", activity.Favorite, posts[2].ID, 1)
	if regards, _, remarks := told(); regards != 1 || remarks != 1 {
		t.Errorf("an hour later he is told %d times, with %d remarks", regards, remarks)
	}
}

// Who tells accounts more than is kept in an hour is told to come again, whatever names he has below his own, and nobody else is.
func TestIntake(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.joined(romeo)
	long := strings.Repeat("x", 40*pieceSize)
	say := func(host string, i int) error {
		in := r.note(actorAt("bob", host), i, long, func(n *activity.Note) { n.HTML = long })
		in.Note.ID = fmt.Sprintf("tag:%s,2026:%d", host, i)
		in.ID = in.Note.ID
		return r.receive(in, &romeo)
	}
	taken := 0
	for ; taken < maxIntakeOfSite; taken++ {
		if err := say(fmt.Sprint("h", taken, ".evil.example"), taken); err != nil {
			if kindOf(err) != transports.Busy {
				t.Fatal(err)
			}
			break
		}
	}
	if taken > maxIntakeOfSite/40 {
		t.Errorf("%d long posts of one site are taken", taken)
	}
	if err := say("other.example", 1); err != nil {
		t.Errorf("of another site: %v", err)
	}
	r.clock.Advance(meterTime + time.Second)
	if err := say("h0.evil.example", taken+1); err != nil {
		t.Errorf("an hour later: %v", err)
	}
}

// How many like a post and follow an account, as far as that is kept, has bounds.
func TestKeptOfPosts(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a := r.joined(romeo)
	mine := r.published(romeo, "hello")
	p, _, err := r.db.SocialPost(t.Context(), r.s.opt.Domain, store.PostKey{URI: mine.ID})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.db.Write(t.Context(), func(tx *store.Tx) error {
		for i := range 6 {
			by, err := r.s.keep(tx, actorAt(fmt.Sprint("bob", i), fmt.Sprint("h", i/4, ".test")), false)
			if err != nil {
				return err
			}
			if err := tx.SetSocialRegard(store.SocialRegard{Post: p.ID, Actor: by.ID, Noticed: true}); err != nil {
				return err
			}
			if _, err := tx.SetSocialFollower(a.ID, by.ID, store.FollowerIs); err != nil {
				return err
			}
		}
		for _, c := range []struct {
			most, ofHost int
			host         string
			want         bool
		}{{6, 6, "h0.test", true}, {7, 4, "h0.test", true}, {7, 4, "h1.test", false}, {7, 5, "h0.test", false}, {7, 3, "h9.test", false}} {
			if full, err := tx.SocialRegardsFull(p.ID, actorAt("eve", c.host).URI, c.most, c.ofHost); err != nil || full != c.want {
				t.Errorf("%+v: full: %v, %v", c, full, err)
			}
		}
		for most, want := range map[int]bool{6: true, 7: false} {
			if full, err := tx.SocialFollowersFull(a.ID, most); err != nil || full != want {
				t.Errorf("with %d followers it is full: %v, %v", most, full, err)
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
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
				r.clock.Advance(time.Second)
				in := r.act(by, c.verb, c.object)
				in.ID += fmt.Sprint(day, i)
				r.mustReceive(in, &romeo)
			}
		}
		follows, likes, remarks := false, false, 0
		for _, d := range r.drained() {
			switch e := d.Event.(type) {
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
		r.clock.Advance(24 * time.Hour)
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
	r.clock.Advance(time.Hour + time.Minute)
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
	r.clock.Advance(300 * time.Millisecond)
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
	// One that says nothing is of when it was seen to be new.
	r.clock.Advance(time.Hour)
	if err := r.s.Published(t.Context(), romeo, transports.Entry{Item: "undated", Body: "of now", Fresh: r.clock.Now()}); err != nil {
		t.Fatal(err)
	}
	if s := r.sent(activity.Post); !s.Activity.Published.Equal(r.clock.Now()) {
		t.Errorf("it is of %v", s.Activity.Published)
	}
	if err := r.s.Published(t.Context(), romeo, transports.Entry{Item: "long ago", Body: "of then", Published: a.Since.Add(-time.Hour), Fresh: r.clock.Now()}); err != nil {
		t.Fatal(err)
	}
	r.unsent()
}
