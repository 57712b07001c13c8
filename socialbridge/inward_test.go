package socialbridge

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"passerelle/internal/postaltest"
	"passerelle/socialbridge/activity"
	"passerelle/store"
	"passerelle/transports"
)

func (r *rig) actor(name string) *activity.Actor { return r.wire.actors[name] }

// post is what a user publishes by a command, as others get it.
func (r *rig) published(user transports.Address, said string) *activity.Note {
	r.t.Helper()
	r.must(user, "post "+said)
	n := r.sent(activity.Post).Activity.Note
	postaltest.Await(r.t, "the entry", r.xmpp.shown)
	return n
}

// What somebody publishes comes to those who follow him, as a letter and in his feed, once, by whatever way it came first.
func TestPostComes(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.joined(romeo)
	r.following(romeo, alice)
	r.sent(activity.Follow)
	by := r.actor("alice@gs1.test")
	in := r.note(by, 1, `hi @<a href="https://social.example/u/romeo">romeo</a> <b>bold</b><script>x</script>`, func(n *activity.Note) {
		n.Mentions = []activity.Mention{{URI: "https://social.example/u/romeo"}}
		n.Tags = []string{"Go"}
		n.Files = []activity.File{{URL: "https://gs1.test/file/1.png", Type: "image/png", Size: 10}, {URL: "javascript:alert(1)"}}
	})
	r.mustReceive(in, &romeo) // by Salmon, as he is named
	e := delivered[transports.EntryPublished](r, romeo)
	if e.Of != alice || e.Node != transports.NodeFeed || e.Entry.ID != in.ID || e.Entry.Author.Who != alice || e.Entry.Title != "" || len(e.Entry.Files) != 1 || strings.Contains(e.Entry.HTML, "script") || len(e.Entry.Mentions) != 1 {
		t.Errorf("the entry is %+v", e)
	}
	l := delivered[transports.Letter](r, romeo)
	if l.With != alice || l.ID != e.Entry.Item || !strings.HasPrefix(l.Body, "hi @romeo bold\n") || !strings.Contains(l.Body, "https://gs1.test/notice/01") || len(l.Files) != 1 || l.Nick != "Alice" || len(l.Spans) != 1 {
		t.Errorf("the letter is %+v", l)
	}
	r.mustReceive(in, nil) // and by push
	r.mustReceive(in, &romeo)
	r.quiet()
	page, err := r.s.Items(t.Context(), juliet, alice, transports.ItemQuery{Node: transports.NodeFeed})
	if err != nil || page.Count != 1 {
		t.Errorf("the feed has %+v, %v", page, err)
	}
	// Deleted by its author, and by nobody else.
	mallory := r.actor("mallory@evil.test")
	if err := r.receive(r.act(mallory, activity.Delete, in.ID), nil); kindOf(err) != transports.Denied {
		t.Errorf("a delete of somebody else: %v", err)
	}
	r.quiet()
	r.mustReceive(r.act(by, activity.Delete, in.ID), nil)
	if w := delivered[transports.EntryWithdrawn](r, romeo); w.Of != alice || w.Item != l.ID || w.Letter != l.ID {
		t.Errorf("taken back: %+v", w)
	}
	r.mustReceive(r.act(by, activity.Delete, in.ID), nil)
	r.mustReceive(in, nil) // it does not come back
	r.quiet()
	if page, err := r.s.Items(t.Context(), juliet, alice, transports.ItemQuery{Node: transports.NodeFeed, Max: 10}); err != nil || page.Count != 0 {
		t.Errorf("the feed has %+v, %v", page, err)
	}
}

// An answer comes to whom it answers, at his message, and into the comments of his post; his own answer goes back to who wrote it.
func TestAnswers(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.joined(romeo)
	r.following(romeo, alice)
	if err := r.db.Write(t.Context(), r.publicFor(romeo)); err != nil {
		t.Fatal(err)
	}
	if err := r.post(romeo, transports.Letter{ID: "m1", With: alice, Body: "question"}); err != nil {
		t.Fatal(err)
	}
	question := r.sent(activity.Post).Activity.Note
	by := r.actor("alice@gs1.test")
	in := r.note(by, 2, "answer", func(n *activity.Note) {
		n.Kind, n.ReplyTo, n.ReplyPage, n.Conversation = activity.KindComment, question.ID, question.Page, question.Conversation
		n.Mentions = []activity.Mention{{URI: "https://social.example/u/romeo"}}
	})
	r.drained()
	r.mustReceive(in, &romeo)
	var letter transports.Letter
	var comment transports.EntryPublished
	for _, d := range r.drained() {
		switch e := d.Event.(type) {
		case transports.Letter:
			letter = e
		case transports.EntryPublished:
			if strings.HasPrefix(e.Node, transports.NodeComments) {
				comment = e
			}
		}
	}
	if letter.With != alice || letter.ReplyTo != "m1" || !strings.HasPrefix(letter.Body, "answer") {
		t.Errorf("the letter is %+v", letter)
	}
	if comment.Of != contact("romeo@social.example") || comment.Node != transports.NodeComments+itemOf(question.ID) || comment.Entry.ReplyTo == nil || comment.Entry.ReplyTo.Item != itemOf(question.ID) {
		t.Errorf("the comment is %+v", comment)
	}
	// Answered by message, and by a client that shows comments.
	if err := r.post(romeo, transports.Letter{ID: "m2", With: alice, Body: "thanks", ReplyTo: letter.ID}); err != nil {
		t.Fatal(err)
	}
	s := r.sent(activity.Post)
	if n := s.Activity.Note; n.ReplyTo != in.ID || n.Kind != activity.KindComment || n.Conversation != question.Conversation || n.ReplyPage != in.Note.Page || len(n.Mentions) != 1 || len(s.To) != 1 {
		t.Errorf("the answer is %+v", n)
	}
	item, err := r.s.Comment(t.Context(), romeo, alice, transports.NodeComments+letter.ID, transports.Entry{Item: "c1", Body: "and more"})
	if err != nil || item == "" {
		t.Fatalf("a comment: %q, %v", item, err)
	}
	if n := r.sent(activity.Post).Activity.Note; n.ReplyTo != in.ID {
		t.Errorf("the comment answers %q", n.ReplyTo)
	}
	if again, err := r.s.Comment(t.Context(), romeo, alice, transports.NodeComments+letter.ID, transports.Entry{Item: "c1", Body: "and more"}); err != nil || again != item {
		t.Errorf("the same comment again is %q, %v", again, err)
	}
	page, err := r.s.Items(t.Context(), romeo, alice, transports.ItemQuery{Node: transports.NodeComments + letter.ID})
	if err != nil || page.Count != 2 {
		t.Errorf("the comments are %+v, %v", page, err)
	}
	if err := r.s.Uncomment(t.Context(), romeo, alice, transports.NodeComments+letter.ID, item); err != nil {
		t.Fatal(err)
	}
	r.sent(activity.Delete)
	// What was not for everybody is not answered.
	private := r.note(by, 3, "psst", func(n *activity.Note) {
		n.Public = false
		n.Mentions = []activity.Mention{{URI: "https://social.example/u/romeo"}}
	})
	r.mustReceive(private, &romeo)
	l := delivered[transports.Letter](r, romeo)
	if !strings.Contains(l.Body, "not for everybody") {
		t.Errorf("the letter is %+v", l)
	}
	if err := r.post(romeo, transports.Letter{ID: "m3", With: alice, Body: "ok", ReplyTo: l.ID}); kindOf(err) != transports.Unsupported {
		t.Errorf("an answer to what is private: %v", err)
	}
	if err := r.post(romeo, transports.Letter{ID: "m4", With: alice, Body: "/repeat", ReplyTo: l.ID}); kindOf(err) != transports.Unsupported {
		t.Errorf("a repeat of what is private: %v", err)
	}
}

// Likes and repeats, both ways.
func TestLikesAndRepeats(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.joined(romeo)
	r.following(romeo, alice)
	by, bob := r.actor("alice@gs1.test"), r.actor("bob@gs2.test")
	in := r.note(by, 1, "a note", nil)
	r.mustReceive(in, nil)
	l := delivered[transports.Letter](r, romeo)
	react := func(signs ...string) error {
		return r.do(romeo, func(ref transports.Ref) transports.Request {
			return transports.React{Ref: ref, To: alice, On: l.ID, Add: signs}
		})
	}
	if err := react("🎉"); kindOf(err) != transports.Unsupported {
		t.Errorf("another sign: %v", err)
	}
	for range 2 {
		if err := react("❤️"); err != nil {
			t.Fatal(err)
		}
	}
	s := r.sent(activity.Favorite)
	if s.Activity.Object != in.ID || s.Activity.Owner != by.URI || len(s.To) != 1 || !s.Everybody {
		t.Errorf("the favourite is %+v", s)
	}
	if regards, err := r.s.Regards(t.Context(), juliet, alice, l.ID); err != nil || len(regards) != 1 || regards[0].By.User != romeo {
		t.Errorf("the regards are %+v, %v", regards, err)
	}
	if err := react(); err != nil {
		t.Fatal(err)
	}
	if s := r.sent(activity.Unfavorite); s.Activity.Object != in.ID {
		t.Errorf("the unfavourite is %+v", s)
	}
	if err := r.s.Regarded(t.Context(), romeo, alice, l.ID, transports.Regard{Noticed: true}); err != nil {
		t.Fatal(err)
	}
	r.sent(activity.Favorite)
	if err := r.post(romeo, transports.Letter{ID: "m1", With: alice, Body: "repeat", ReplyTo: l.ID}); err != nil {
		t.Fatal(err)
	}
	share := r.sent(activity.Share)
	if n := share.Activity.Note; n.ID != in.ID || n.Author.URI != by.URI || share.Activity.ID == in.ID || len(share.To) != 1 || n.HTML != "a note" || n.Page != in.Note.Page {
		t.Errorf("the repeat is %+v\n%+v", share, n)
	}
	shown := postaltest.Await(t, "the entry", r.xmpp.shown)
	if shown.Via == nil || shown.Via.ID != in.ID || shown.Author.Who != alice {
		t.Errorf("the own node shows %+v", shown)
	}
	if err := r.post(romeo, transports.Letter{ID: "m2", With: alice, Body: "/repeat"}); err != nil { // the same once more
		t.Fatal(err)
	}
	r.unsent()

	own := r.published(romeo, "of my own")
	if _, err := r.s.Keep(t.Context(), bob); err != nil {
		t.Fatal(err)
	}
	r.drained()
	for range 2 {
		r.mustReceive(r.act(bob, activity.Favorite, own.ID), &romeo)
	}
	events := r.drained()
	if len(events) != 2 {
		t.Fatalf("a favourite is told as %+v", events)
	}
	g := events[0].Event.(transports.EntryRegarded)
	if g.By != contact("bob@gs2.test") || g.Item == "" || !g.Regard.Noticed || !strings.Contains(events[1].Event.(transports.Remark).Text, "likes “of my own”") {
		t.Errorf("bob likes it: %+v", events)
	}
	r.mustReceive(r.act(bob, activity.Unfavorite, own.ID), &romeo)
	repeated := &activity.Activity{
		ID: "tag:gs2.test,2026-11-26:share=1", Verb: activity.Share, Actor: activity.Actor{URI: bob.URI, Nick: "bob"}, Published: r.clock.Now(), Public: true,
		Note: &activity.Note{ID: own.ID, Author: activity.Actor{URI: own.Author.URI, Name: "somebody"}, HTML: "other words", Page: own.Page},
	}
	r.drained()
	for range 2 {
		r.mustReceive(repeated, nil)
	}
	if said := delivered[transports.Remark](r, romeo); !strings.Contains(said.Text, "repeats “of my own”") {
		t.Errorf("said %q", said.Text)
	}
	r.quiet()
}

// Followers, with and without approval, and blocks.
func TestFollowers(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a := r.joined(romeo)
	by := r.actor("alice@gs1.test")
	if _, err := r.s.Keep(t.Context(), by); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		r.mustReceive(r.act(by, activity.Follow, a.URI), &romeo)
	}
	if f := delivered[transports.FollowedBy](r, romeo); !f.On || f.With != alice {
		t.Errorf("followed: %+v", f)
	}
	if said := delivered[transports.Remark](r, romeo); !strings.Contains(said.Text, "follows you") {
		t.Errorf("said %q", said.Text)
	}
	r.quiet()
	if all, err := r.s.Followers(t.Context(), romeo, transports.Target{}); err != nil || len(all) != 1 || all[0].Who != alice {
		t.Errorf("followers: %+v, %v", all, err)
	}
	r.mustReceive(r.act(by, activity.Unfollow, a.URI), &romeo)
	if f := delivered[transports.FollowedBy](r, romeo); f.On {
		t.Errorf("unfollowed: %+v", f)
	}
	r.drained()
	if err := r.db.Write(t.Context(), func(tx *store.Tx) error { return tx.Set(r.s.userID(romeo), scope, SettingApprove, "true") }); err != nil {
		t.Fatal(err)
	}
	r.s.SettingsChanged(t.Context(), romeo, transports.Target{})
	r.mustReceive(r.act(by, activity.Follow, a.URI), &romeo)
	if said := delivered[transports.Remark](r, romeo); !strings.Contains(said.Text, "accept alice@gs1.test") {
		t.Errorf("said %q", said.Text)
	}
	if all, err := r.s.Followers(t.Context(), romeo, transports.Target{}); err != nil || len(all) != 0 {
		t.Errorf("who waits is among the followers: %+v, %v", all, err)
	}
	r.must(romeo, "accept alice@gs1.test")
	if f := delivered[transports.FollowedBy](r, romeo); !f.On {
		t.Errorf("accepted: %+v", f)
	}
	r.must(romeo, "block alice@gs1.test")
	r.mustReceive(r.act(by, activity.Follow, a.URI), &romeo)
	r.mustReceive(r.note(by, 1, "you", func(n *activity.Note) { n.Mentions = []activity.Mention{{URI: a.URI}} }), &romeo)
	if all, err := r.s.Followers(t.Context(), romeo, transports.Target{}); err != nil || len(all) != 0 {
		t.Errorf("who is blocked follows: %+v, %v", all, err)
	}
	r.quiet()
}

// What is forged, or not its sender's to say, changes nothing.
func TestForged(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a := r.joined(romeo)
	r.following(romeo, alice)
	by, mallory := r.actor("alice@gs1.test"), r.actor("mallory@evil.test")
	good := r.note(by, 1, "mine", nil)
	r.mustReceive(good, nil)
	r.drained()
	for name, in := range map[string]*activity.Activity{
		"the id of somebody else":       r.note(mallory, 1, "x", func(n *activity.Note) { n.ID = good.ID }),
		"an id of another server":       r.note(mallory, 2, "x", func(n *activity.Note) { n.ID = "tag:gs1.test,2026:noticeId=9" }),
		"another author":                r.note(mallory, 3, "x", func(n *activity.Note) { n.Author = *by }),
		"a delete":                      r.act(mallory, activity.Delete, good.ID),
		"a share with somebody's id":    {ID: good.ID, Verb: activity.Share, Actor: activity.Actor{URI: mallory.URI}, Note: &activity.Note{ID: "tag:evil.test,2026:1"}},
		"an id that is no id":           r.note(mallory, 4, "x", func(n *activity.Note) { n.ID = "x" }),
		"nothing":                       {Actor: activity.Actor{URI: mallory.URI}, Verb: activity.Post},
		"names that are much too long":  {Actor: activity.Actor{URI: "https://evil.test/" + strings.Repeat("x", 5000)}, Verb: activity.Post},
		"an actor without a server":     {Actor: activity.Actor{URI: "mailto:x@evil.test"}, Verb: activity.Follow, Object: a.URI},
		"an id of the server above":     r.note(r.actor("mallory@evil.test"), 6, "x", func(n *activity.Note) { n.ID = "tag:test,2026-11-26:1" }),
		"an id of a server below":       r.note(r.actor("mallory@evil.test"), 7, "x", func(n *activity.Note) { n.ID = "https://a.evil.test/1" }),
		"the name of a server in front": r.note(mallory, 5, "x", func(n *activity.Note) { n.ID = "https://evil.test@gs1.test/1" }),
	} {
		if err := r.receive(in, &romeo); err == nil {
			t.Errorf("%s: was taken", name)
		}
	}
	for _, d := range r.drained() {
		t.Errorf("%v was told %+v", d.User, d.Event)
	}
	// Of ourselves, by way of somebody.
	if err := r.s.Receive(t.Context(), Received{Activity: &activity.Activity{Verb: activity.Post, Actor: activity.Actor{URI: a.URI}, Note: &activity.Note{ID: a.URI + "/x"}}, For: a}); err != nil {
		t.Errorf("an echo: %v", err)
	}
	if page, err := r.s.Items(t.Context(), juliet, contact("romeo@social.example"), transports.ItemQuery{Node: transports.NodeFeed}); err != nil || page.Count != 0 {
		t.Errorf("romeo's feed has %+v, %v", page, err)
	}
}

// A group's feed has what others write; what it says of them gives way to what they say themselves.
func TestGroup(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.joined(romeo)
	club := contact("club@gs2.test")
	r.following(romeo, club)
	if s := r.sent(activity.Join); s.Activity.Object != "https://gs2.test/user/club" {
		t.Errorf("the join is %+v", s)
	}
	by := r.actor("alice@gs1.test")
	group, ok, err := r.s.Known(t.Context(), "https://gs2.test/user/club")
	if err != nil || !ok || !group.Group {
		t.Fatalf("the group is %+v, %v", group, err)
	}
	in := r.note(by, 1, "forged by the group", nil)
	in.Actor = *r.actor("alice@gs1.test")
	if err := r.s.Receive(t.Context(), Received{Activity: in, Feed: group}); err != nil {
		t.Fatal(err)
	}
	e := delivered[transports.EntryPublished](r, romeo)
	if e.Of != club || e.Entry.Author.URI != by.URI {
		t.Errorf("the entry is %+v", e)
	}
	l := delivered[transports.Letter](r, romeo)
	if l.With != club || !strings.HasPrefix(l.Body, "Alice (") {
		t.Errorf("the letter is %+v", l)
	}
	r.mustReceive(r.note(by, 1, "her own words", nil), nil)
	p, _, err := r.db.SocialPost(t.Context(), "social.xmpp.example", store.PostKey{URI: in.ID})
	if err != nil || !p.Proven || noteOf(&p).Text != "her own words" {
		t.Errorf("the post is %+v, %v", p, err)
	}
	if err := r.s.Subscribe(t.Context(), romeo, club, transports.NodeFeed, false); err != nil {
		t.Fatal(err)
	}
	r.sent(activity.Leave)
	if r.wire.watches("https://gs2.test/user/club") {
		t.Error("the group is watched still")
	}
}

// Users here follow, answer and like each other, without anybody else.
func TestEachOther(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.joined(romeo)
	r.joined(juliet)
	if err := r.s.Subscribe(t.Context(), juliet, contact("romeo@social.example"), transports.NodeFeed, true); err != nil {
		t.Fatal(err)
	}
	if f := delivered[transports.FollowedBy](r, romeo); f.With != contact("juliet@social.example") {
		t.Errorf("followed: %+v", f)
	}
	own := r.published(romeo, "wherefore @juliet")
	l := delivered[transports.Letter](r, juliet)
	if l.With != contact("romeo@social.example") || !strings.HasPrefix(l.Body, "wherefore @juliet") {
		t.Errorf("the letter is %+v", l)
	}
	if err := r.post(juliet, transports.Letter{ID: "j1", With: l.With, Body: "here", ReplyTo: l.ID}); err != nil {
		t.Fatal(err)
	}
	if back := delivered[transports.Letter](r, romeo); back.With != contact("juliet@social.example") || back.ReplyTo != itemOf(own.ID) {
		t.Errorf("the answer is %+v", back)
	}
	if err := r.do(juliet, func(ref transports.Ref) transports.Request {
		return transports.React{Ref: ref, To: l.With, On: l.ID, Add: []string{"👍"}}
	}); err != nil {
		t.Fatal(err)
	}
	if g := delivered[transports.EntryRegarded](r, romeo); g.By != contact("juliet@social.example") || len(g.Regard.Reactions) != 1 {
		t.Errorf("regarded: %+v", g)
	}
	r.must(romeo, "delete-post "+own.ID)
	if w := delivered[transports.EntryWithdrawn](r, juliet); w.Letter != l.ID {
		t.Errorf("withdrawn: %+v", w)
	}
}

// Users here ask each other as well, where one wants to be asked.
func TestAsked(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.joined(romeo)
	r.joined(juliet)
	if err := r.db.Write(t.Context(), func(tx *store.Tx) error { return tx.Set(r.s.userID(romeo), scope, SettingApprove, "true") }); err != nil {
		t.Fatal(err)
	}
	r.s.SettingsChanged(t.Context(), romeo, transports.Target{})
	for range 2 {
		r.must(juliet, "follow romeo@social.example")
	}
	if said := delivered[transports.Remark](r, romeo); !strings.Contains(said.Text, "accept juliet@social.example") {
		t.Errorf("said %q", said.Text)
	}
	r.published(romeo, "not for her yet")
	r.quiet()
	r.must(romeo, "accept juliet@social.example")
	if f := delivered[transports.FollowedBy](r, romeo); !f.On || f.With != contact("juliet@social.example") {
		t.Errorf("followed: %+v", f)
	}
	r.published(romeo, "for her")
	delivered[transports.Letter](r, juliet)
	if all, err := r.s.Followers(t.Context(), romeo, transports.Target{}); err != nil || len(all) != 1 {
		t.Errorf("followers: %+v, %v", all, err)
	}
	r.must(romeo, "block juliet@social.example")
	r.drained()
	r.published(romeo, "not for her any more")
	r.must(juliet, "follow romeo@social.example")
	r.quiet()
}

// Who leaves is gone for ever: others are told, and his name is nobody else's.
func TestDeleteAccount(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a := r.joined(romeo)
	r.following(romeo, alice)
	own := r.published(romeo, "last words")
	r.must(romeo, "delete-account sure=true")
	if d := r.sent(activity.Delete); d.Activity.Object != own.ID {
		t.Errorf("the delete is %+v", d)
	}
	r.sent(activity.Unfollow)
	if got := postaltest.Await(t, "unwatching", r.xmpp.watched); got != "-romeo@xmpp.example" {
		t.Errorf("%s", got)
	}
	if _, err := r.s.Account(t.Context(), "romeo"); kindOf(err) != transports.Gone {
		t.Errorf("the account: %v", err)
	}
	if _, err := r.s.Sign(t.Context(), a, []byte("x")); err != nil {
		t.Errorf("others cannot be told any more: %v", err)
	}
	if b := r.joined(romeo); b.Name != "romeo_2" || b.URI == a.URI {
		t.Errorf("he comes back as %+v", b)
	}
}

// Of everything that somebody has published who leaves others are told that it is gone, of each post once.
func TestDeleteLargeAccount(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a := r.joined(romeo)
	const n = maxTold + 2*toldAtOnce + 7
	if err := r.db.Write(t.Context(), func(tx *store.Tx) error {
		for i := range n + 1 {
			uri := fmt.Sprint(r.s.base, pathNote, i)
			p := store.SocialPost{Domain: r.s.opt.Domain, URI: uri, Item: itemOf(uri), Actor: a.ID, Proven: true, Public: true, Note: "{}", Published: tx.Now()}
			id, err := tx.AddSocialPost(p)
			if err == nil && i == 3 { // long ago
				err = tx.DeleteSocialPost(id)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	r.clock.Advance(time.Hour)
	r.must(romeo, "delete-account sure=true")
	told := map[string]int{}
	for len(told) < n {
		s := r.sent(activity.Delete)
		for _, d := range append([]activity.Activity{*s.Activity}, s.More...) {
			if told[d.Object]++; d.Object != d.ID || d.Actor.URI != a.URI || !s.Everybody || s.By.Name != a.Name {
				t.Fatalf("the delete is %+v", d)
			}
		}
	}
	r.unsent()
	for uri, times := range told {
		if times != 1 || uri == fmt.Sprint(r.s.base, pathNote, 3) {
			t.Errorf("of %s others are told %d times", uri, times)
		}
	}
}

// The operator and administrators exclude servers.
func TestHosts(t *testing.T) {
	t.Parallel()
	r := rigWith(t, func(o *Options) { o.DenyHosts = []string{"*.evil.test", "evil.test"} })
	r.joined(romeo)
	for host, want := range map[string]bool{"evil.test": false, "a.evil.test": false, "notevil.test": true, "gs1.test": true, "gs1.test:8443": true, "": false} {
		if got := r.s.Allowed(host); got != want {
			t.Errorf("%q: %v", host, got)
		}
	}
	if err := r.receive(r.note(r.actor("mallory@evil.test"), 1, "x", nil), &romeo); kindOf(err) != transports.Policy {
		t.Errorf("from there: %v", err)
	}
	if _, err := r.run(romeo, "follow mallory@evil.test"); kindOf(err) != transports.Policy {
		t.Errorf("to there: %v", err)
	}
	r.must(romeo, "exclude-host gs1.test")
	r.must(romeo, "admit-host evil.test")
	if r.s.Allowed("gs1.test") || !r.s.Allowed("evil.test") || r.s.Allowed("a.evil.test") {
		t.Error("what administrators say does not count")
	}
	again, err := New(r.s.opt)
	if err != nil {
		t.Fatal(err)
	}
	if again.Allowed("gs1.test") || !again.Allowed("evil.test") {
		t.Error("it is forgotten with a restart")
	}
}
