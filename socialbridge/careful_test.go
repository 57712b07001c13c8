package socialbridge

import (
	"strings"
	"testing"
	"time"

	"passerelle/socialbridge/activity"
	"passerelle/store"
	"passerelle/transports"
)

// Who likes what is not for everybody tells its author, and nobody else that there is such a thing.
func TestLikeInPrivate(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.joined(romeo)
	by := r.actor("alice@gs1.test")
	if _, err := r.s.Keep(t.Context(), by); err != nil {
		t.Fatal(err)
	}
	r.mustReceive(r.note(by, 1, "between us", func(n *activity.Note) { n.Public = false }), &romeo)
	l := delivered[transports.Letter](r, romeo)
	for i, verb := range []activity.Verb{activity.Favorite, activity.Unfavorite} {
		if err := r.do(romeo, func(ref transports.Ref) transports.Request {
			return transports.React{Ref: ref, On: l.ID, Add: []string{heart}[i:]}
		}); err != nil {
			t.Fatal(err)
		}
		if s := r.sent(verb); s.Everybody || s.Activity.Public || len(s.To) != 1 || s.To[0].URI != by.URI {
			t.Errorf("%+v is told to %+v, to everybody: %v", s.Activity, s.To, s.Everybody)
		}
	}
}

// Of whom a user wants to hear nothing he does not hear by those who repeat him.
func TestBlockedByOthers(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.following(romeo, alice)
	r.drained()
	by, bob := r.actor("alice@gs1.test"), r.actor("bob@gs2.test")
	repeat := func(n int) {
		original := r.note(bob, n, "what bob says", nil).Note
		r.mustReceive(&activity.Activity{
			ID: "tag:gs1.test,2026-11-26:noticeId=" + numeral(n), Verb: activity.Share, Actor: activity.Actor{URI: by.URI, Nick: by.Nick, Name: by.Name}, Published: r.clock.Now(), Public: true, Note: original,
		}, nil)
	}
	repeat(1)
	delivered[transports.Letter](r, romeo)
	for i, who := range []string{"mute bob@gs2.test", "mute gs2.test"} {
		if _, err := r.s.Keep(t.Context(), bob); err != nil {
			t.Fatal(err)
		}
		r.drained()
		r.must(romeo, who)
		repeat(2 + i)
		r.quiet()
		r.must(romeo, "un"+strings.Replace(who, "mute", "block", 1))
	}
}

// What is taken back while those whom it names are looked for is never published.
func TestTakenBackEarly(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.joined(romeo)
	if err := r.db.Write(t.Context(), r.publicFor(romeo)); err != nil {
		t.Fatal(err)
	}
	r.wire.mu.Lock() // so that nobody is found
	if err := r.post(romeo, transports.Letter{ID: "m1", With: alice, Body: "by mistake"}); err != nil {
		t.Fatal(err)
	}
	if err := r.s.Published(t.Context(), romeo, transports.Entry{Item: "item-1", Body: "another mistake @bob@gs2.test", Published: r.clock.Now()}); err != nil {
		t.Fatal(err)
	}
	if err := r.do(romeo, func(ref transports.Ref) transports.Request {
		return transports.Redact{Ref: ref, Messages: []string{"m1"}}
	}); err != nil {
		t.Errorf("it cannot be taken back: %v", err)
	}
	if err := r.s.Withdrawn(t.Context(), romeo, "item-1"); err != nil {
		t.Fatal(err)
	}
	if err := r.post(romeo, transports.Letter{ID: "m2", With: contact("club@gs2.test"), Body: "on purpose"}); err != nil {
		t.Fatal(err)
	}
	r.wire.mu.Unlock()
	if n := r.sent(activity.Post).Activity.Note; n.HTML == "" || strings.Contains(n.HTML, "mistake") {
		t.Errorf("published is %q", n.HTML)
	}
	r.unsent()
}

// A message that was not sent is not published weeks later, when somebody else may be written to in public.
func TestHeldTooLong(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.joined(romeo)
	if _, err := r.s.Keep(t.Context(), r.actor("alice@gs1.test")); err != nil {
		t.Fatal(err)
	}
	if err := r.post(romeo, transports.Letter{ID: "m1", With: alice, Body: "between us"}); kindOf(err) != transports.Policy {
		t.Fatal(err)
	}
	r.clock.Advance(heldFor + time.Minute)
	if said, err := r.s.publishHeld(t.Context(), "en", romeo); err != nil || !strings.Contains(said, "from now on") {
		t.Errorf("said %q, %v", said, err)
	}
	r.unsent()
}

// What looks like much is kept as what it says: what cannot be kept would hold up all that comes behind it.
func TestMuchMarkup(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.following(romeo, alice)
	r.drained()
	by := *r.actor("alice@gs1.test")
	for range maxPictures {
		by.Pictures = append(by.Pictures, activity.Picture{URL: "https://gs1.test/" + strings.Repeat(`%22&`, 490)})
	}
	by.Home, by.Page, by.Note = by.Pictures[0].URL, by.Pictures[0].URL, strings.Repeat("&quot;", maxAbout)
	for i, html := range []string{strings.Repeat("<b>a</b> ", 25_000), strings.Repeat("&lt;", 60_000), strings.Repeat(`&quot;<br>`, 25_000)} {
		in := r.note(&by, i+1, html, func(n *activity.Note) {
			for range maxMentions {
				n.Mentions = append(n.Mentions, activity.Mention{URI: "https://gs1.test/" + strings.Repeat(`"`, 1900)})
			}
		})
		in.Actor = by
		r.mustReceive(in, nil)
		if l := delivered[transports.Letter](r, romeo); len(l.Body) < 20_000 {
			t.Errorf("the letter has %d bytes", len(l.Body))
		}
	}
	if p, ok, err := r.db.SocialPost(t.Context(), r.s.opt.Domain, store.PostKey{Item: itemOf(r.note(&by, 1, "", nil).ID)}); err != nil || !ok || len(p.Note) == 0 {
		t.Errorf("kept is %v, %v", ok, err)
	}
}
