package socialbridge

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"passerelle/socialbridge/activity"
	"passerelle/store"
	"passerelle/transports"
)

// A post waits for those whom it names to be found; whom nobody finds stays text.
func TestNamesAreFound(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.joined(romeo)
	said := r.must(romeo, "post hi @bob@gs2.test and @nobody@gs2.test")
	if !strings.Contains(said, "once those are found") {
		t.Errorf("said %q", said)
	}
	s := r.sent(activity.Post)
	if n := s.Activity.Note; len(s.To) != 1 || s.To[0].Acct != "bob@gs2.test" || !strings.Contains(n.HTML, "https://gs2.test/user/bob") || !strings.HasSuffix(n.HTML, "@nobody@gs2.test") {
		t.Errorf("sent %+v\n%s", s.To, n.HTML)
	}
	r.unsent()
}

// What is written to somebody whom nobody finds is not published.
func TestWrittenToNobody(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.joined(romeo)
	if err := r.db.Write(t.Context(), r.publicFor(romeo)); err != nil {
		t.Fatal(err)
	}
	desk := romeo.WithResource("desk")
	if err := r.post(romeo, transports.Letter{ID: "m1", With: contact("nobody@gs1.test"), Body: "hi", Client: desk}); err != nil {
		t.Fatal(err)
	}
	if f := delivered[transports.Failure](r, romeo); f.ID != "m1" || f.Client != desk || kindOf(f.Err) != transports.NotFound {
		t.Errorf("the failure is %+v", f)
	}
	if said := delivered[transports.Remark](r, romeo); said.With != contact("nobody@gs1.test") || !strings.Contains(said.Text, "not published") {
		t.Errorf("said %+v", said)
	}
	r.unsent()
	// A group is written to as a person is.
	if err := r.post(romeo, transports.Letter{ID: "m2", With: contact("club@gs2.test"), Body: "hello all"}); err != nil {
		t.Fatal(err)
	}
	if s := r.sent(activity.Post); len(s.To) != 1 || !s.To[0].Group || len(s.Activity.Note.Mentions) != 1 || !s.Activity.Note.Mentions[0].Group {
		t.Errorf("sent %+v to %+v", s.Activity.Note, s.To)
	}
}

// Who is not found is not followed, and that is said; who is found by the address of his page is followed under the one that is his.
func TestFinding(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	if err := r.s.Subscribe(t.Context(), romeo, contact("nobody@gs1.test"), transports.NodeFeed, true); err != nil {
		t.Fatal(err)
	}
	if said := delivered[transports.Remark](r, romeo); said.With != contact("nobody@gs1.test") || !strings.Contains(said.Text, "was not found") {
		t.Errorf("said %+v", said)
	}
	r.must(romeo, "follow https://gs2.test/user/bob")
	if said := delivered[transports.Remark](r, romeo); !strings.Contains(said.Text, "You follow Bob (bob@gs2.test) now") {
		t.Errorf("said %q", said.Text)
	}
	r.must(romeo, "lookup alice@gs1.test")
	if said := delivered[transports.Remark](r, romeo); !strings.Contains(said.Text, "Alice (alice@gs1.test)") || !strings.Contains(said.Text, `xmpp:alice\40gs1.test@social.xmpp.example`) {
		t.Errorf("said %q", said.Text)
	}
	if _, err := r.run(romeo, "follow who is that"); kindOf(err) != transports.BadRequest {
		t.Errorf("nothing: %v", err)
	}
	if _, err := r.run(romeo, "follow juliet@social.example"); kindOf(err) != transports.NotFound {
		t.Errorf("nobody here: %v", err)
	}
	if said := r.must(romeo, "unfollow bob@gs2.test"); !strings.Contains(said, "any more") {
		t.Errorf("said %q", said)
	}
	if r.wire.watches("https://gs2.test/user/bob") {
		t.Error("he is watched still")
	}
	for in, want := range map[string]string{
		"@Alice@GS1.test": "alice@gs1.test", "acct:alice@gs1.test": "alice@gs1.test", "https://gs1.test/@alice": "alice@gs1.test", "!club@gs2.test": "club@gs2.test", "https://gs1.test/u/alice": "alice@gs1.test",
		"https://gs1.test/notice/1/2": "", "alice": "", "bücher@bücher.example": "bücher@xn--bcher-kva.example", "a@раураl.example": "a@xn--l-7sba6dbr.example",
	} {
		got, err := r.s.Find("en", in, transports.TargetContact)
		if got.ID != want || (err == nil) != (want != "") {
			t.Errorf("%s is %q, %v", in, got.ID, err)
		}
	}
}

// Who wants that is told once a day of all that came.
func TestDigest(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.following(romeo, alice)
	r.following(romeo, contact("bob@gs2.test"))
	if err := r.db.Write(t.Context(), func(tx *store.Tx) error { return tx.Set(r.s.userID(romeo), scope, SettingPosts, postsDigest) }); err != nil {
		t.Fatal(err)
	}
	for i, by := range []string{"alice@gs1.test", "bob@gs2.test", "alice@gs1.test"} {
		r.mustReceive(r.note(r.actor(by), i, fmt.Sprint("post ", i), nil), nil)
		r.clock.Advance(time.Minute)
	}
	for _, d := range r.drained() {
		if _, ok := d.Event.(transports.EntryPublished); !ok {
			t.Errorf("at once came %+v", d.Event)
		}
	}
	r.clock.Advance(digestEach)
	if err := r.db.Write(t.Context(), func(tx *store.Tx) error { return r.s.enqueue(tx, kindWatch, "", task{User: romeo.String()}) }); err != nil { // the dispatcher looks at its clock
		t.Fatal(err)
	}
	said := delivered[transports.Remark](r, romeo)
	for i := range 3 {
		if !strings.Contains(said.Text, fmt.Sprint("post ", i)) {
			t.Errorf("the digest lacks post %d: %s", i, said.Text)
		}
	}
	r.quiet()
}

// Strangers write to those alone who let them.
func TestStrangers(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a := r.joined(romeo)
	by, bob := r.actor("alice@gs1.test"), r.actor("bob@gs2.test")
	named := func(n *activity.Note) { n.Mentions = []activity.Mention{{URI: a.URI}} }
	set := func(name, value string) {
		if err := r.db.Write(t.Context(), func(tx *store.Tx) error { return tx.Set(r.s.userID(romeo), scope, name, value) }); err != nil {
			t.Fatal(err)
		}
	}
	r.mustReceive(r.note(by, 1, "everybody", named), &romeo)
	delivered[transports.Letter](r, romeo)
	set(SettingMentions, mentionsNone)
	r.mustReceive(r.note(by, 2, "nobody", named), &romeo)
	r.quiet()
	set(SettingMentions, mentionsKnown)
	r.mustReceive(r.note(by, 3, "unknown", named), &romeo)
	r.quiet()
	if _, err := r.s.Keep(t.Context(), by); err != nil {
		t.Fatal(err)
	}
	r.published(romeo, "hello @alice@gs1.test")
	r.mustReceive(r.note(by, 4, "known now", named), &romeo)
	delivered[transports.Letter](r, romeo)
	r.mustReceive(r.note(bob, 5, "not known", named), &romeo)
	r.quiet()
	// A whole server.
	r.must(romeo, "mute gs1.test")
	r.mustReceive(r.note(by, 6, "muted", named), &romeo)
	r.quiet()
	if said := r.must(romeo, "report mallory@evil.test"); !strings.Contains(said, "is told") {
		t.Errorf("said %q", said)
	}
	if said := delivered[transports.Remark](r, transports.Address{Local: "admin", Domain: "xmpp.example"}); !strings.Contains(said.Text, "romeo@xmpp.example reports mallory@evil.test") {
		t.Errorf("the report says %q", said.Text)
	}
}

// What is kept of somebody has a bound, and so has what a user publishes.
func TestBounds(t *testing.T) {
	t.Parallel()
	r := rigWith(t, func(o *Options) { o.Kept, o.PerHour, o.Follows = 5, 3, 1 })
	r.joined(romeo)
	r.following(romeo, alice)
	by := r.actor("alice@gs1.test")
	for i := range 20 {
		r.mustReceive(r.note(by, i, strings.Repeat("x ", 100_000), func(n *activity.Note) {
			for j := range 500 {
				n.Mentions = append(n.Mentions, activity.Mention{URI: fmt.Sprint("https://x.test/", j)})
				n.Tags = append(n.Tags, fmt.Sprint("tag", j))
				n.Files = append(n.Files, activity.File{URL: fmt.Sprint("https://x.test/", j)})
			}
		}), nil)
		r.drained()
	}
	page, err := r.s.Items(t.Context(), romeo, alice, transports.ItemQuery{Node: transports.NodeFeed, Max: 50})
	if err != nil || page.Count != 5 || len(page.Entries) != 5 {
		t.Fatalf("kept are %d, %v", page.Count, err)
	}
	if e := page.Entries[0]; len(e.Files) != maxFiles || len(e.Tags) != maxTags || len(e.Body) > 64<<10 {
		t.Errorf("an entry has %d files, %d tags, %d bytes", len(e.Files), len(e.Tags), len(e.Body))
	}
	for i := range 4 {
		_, err := r.run(romeo, fmt.Sprint("post ", i))
		if want := i == 3; want != (kindOf(err) == transports.Policy) {
			t.Errorf("post %d: %v", i, err)
		}
	}
	r.must(romeo, "follow bob@gs2.test")
	if said := delivered[transports.Remark](r, romeo); !strings.Contains(said.Text, "no more are allowed") {
		t.Errorf("said %q", said.Text)
	}
	if _, err := r.run(romeo, "post "+strings.Repeat("x", maxPost+1)); kindOf(err) != transports.TooLarge {
		t.Errorf("too much: %v", err)
	}
	// Nothing of it lasts.
	r.clock.Advance(2 * keepPosts)
	for more := true; more; {
		if more, err = r.s.tidy(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if p, ok, err := r.db.SocialPost(t.Context(), "social.xmpp.example", store.PostKey{URI: r.note(by, 0, "", nil).ID}); ok || err != nil {
		t.Errorf("what is in no feed any more stays: %+v, %v", p, err)
	}
}

// What a feed has no room for any more is not told again when it comes again: by a group, or in a feed that is read when it was forgotten long ago.
func TestTrimmedIsOld(t *testing.T) {
	t.Parallel()
	r := rigWith(t, func(o *Options) { o.Kept = 2 })
	club := contact("club@gs2.test")
	r.following(romeo, alice)
	r.following(romeo, club)
	by := r.actor("alice@gs1.test")
	group, _, err := r.s.Known(t.Context(), "https://gs2.test/user/club")
	if err != nil {
		t.Fatal(err)
	}
	other := actorAt("carol", "gs2.test")
	var posts, inGroup []*activity.Activity
	for i := range 5 {
		r.clock.Advance(time.Hour)
		posts = append(posts, r.note(by, i, "hello", nil))
		in := r.note(other, 10+i, "hello, club", nil)
		in.Actor = *other
		inGroup = append(inGroup, in)
	}
	share := r.note(r.actor("bob@gs2.test"), 20, "what bob said", nil)
	share.Verb, share.Actor, share.ID = activity.Share, *by, "tag:gs1.test,2026:share"
	share.Published = posts[0].Published
	posts = append([]*activity.Activity{share}, posts...)
	read := func() (letters int) {
		for _, in := range posts {
			r.mustReceive(in, nil)
		}
		for _, in := range inGroup {
			if err := r.s.Receive(t.Context(), Received{Activity: in, Feed: group}); err != nil {
				t.Fatal(err)
			}
		}
		for _, d := range r.drained() {
			if _, ok := d.Event.(transports.Letter); ok {
				letters++
			}
		}
		return letters
	}
	r.drained()
	if n := read(); n != len(posts)+len(inGroup) {
		t.Fatalf("%d letters of %d posts", n, len(posts)+len(inGroup))
	}
	if n := read(); n != 0 {
		t.Errorf("%d letters come again", n)
	}
	r.clock.Advance(2 * keepPosts)
	for more := true; more; {
		if more, err = r.s.tidy(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if _, ok, err := r.db.SocialPost(t.Context(), r.s.opt.Domain, store.PostKey{URI: posts[1].Note.ID}); ok || err != nil {
		t.Fatalf("it is not forgotten: %v", err)
	}
	if n := read(); n != 0 {
		t.Errorf("%d letters come again when they were forgotten", n)
	}
	mine := r.joined(romeo)
	r.drained()
	r.mustReceive(r.note(by, 30, "from long ago, and to him", func(n *activity.Note) {
		n.Published, n.Mentions = posts[0].Published, []activity.Mention{{URI: mine.URI}}
	}), &romeo)
	delivered[transports.Letter](r, romeo)
}

// The same thing that comes from everywhere at once is told once.
func TestAtOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a := r.joined(romeo)
	r.following(romeo, alice)
	by := r.actor("alice@gs1.test")
	in := r.note(by, 1, "once", func(n *activity.Note) { n.Mentions = []activity.Mention{{URI: a.URI}} })
	known, _, err := r.s.Known(t.Context(), by.URI)
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			got := Received{Activity: in, Feed: known}
			if i%2 == 0 {
				got = Received{Activity: in, For: a}
			}
			if err := r.s.Receive(context.Background(), got); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	letters := 0
	for _, d := range r.drained() {
		if _, ok := d.Event.(transports.Letter); ok {
			letters++
		}
	}
	if letters != 1 {
		t.Errorf("%d letters", letters)
	}
}

// What could not be delivered is not received either: it comes again.
func TestReceivedWithItsLetters(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.joined(romeo)
	r.following(romeo, alice)
	in := r.note(r.actor("alice@gs1.test"), 1, "x", nil)
	r.s.Serve(broken{r.xmpp})
	if err := r.receive(in, nil); err == nil {
		t.Fatal("it was taken without its letter")
	}
	r.s.Serve(r.xmpp)
	if _, ok, err := r.db.SocialPost(t.Context(), "social.xmpp.example", store.PostKey{URI: in.ID}); ok || err != nil {
		t.Fatalf("it was written down all the same: %v", err)
	}
	r.mustReceive(in, nil)
	delivered[transports.Letter](r, romeo)
}

// broken delivers nothing.
type broken struct{ *xmppSide }

func (broken) Deliver(*store.Tx, transports.Address, transports.Event) error {
	return transports.NewError(transports.Internal, "", errors.New("no"))
}

// Who is removed by the operator leaves as if he had said so himself.
func TestRemoved(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.joined(romeo)
	r.following(romeo, alice)
	own := r.published(romeo, "hello")
	if err := r.db.Write(t.Context(), func(tx *store.Tx) error {
		return errors.Join(r.s.Leaves(tx, romeo), tx.RemoveUser(r.s.userID(romeo)))
	}); err != nil {
		t.Fatal(err)
	}
	if d := r.sent(activity.Delete); d.Activity.Object != own.ID {
		t.Errorf("the delete is %+v", d)
	}
	if _, err := r.s.Account(t.Context(), "romeo"); kindOf(err) != transports.Gone {
		t.Errorf("the account: %v", err)
	}
}

// Pages show what is public, and who wants that.
func TestSite(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a := r.joined(romeo)
	r.following(romeo, alice)
	own := r.published(romeo, "on my page")
	by := r.actor("alice@gs1.test")
	r.mustReceive(r.note(by, 1, "an <b>answer</b>", func(n *activity.Note) { n.ReplyTo = own.ID }), nil)
	r.mustReceive(r.act(by, activity.Favorite, own.ID), &romeo)
	site := r.s.Site()
	p, err := site.Person(t.Context(), a.Name, 0)
	if err != nil || len(p.Posts) != 1 || p.Following != 1 || p.XMPP != "" || p.Posts[0].Answers != 1 || p.Posts[0].Likes != 1 {
		t.Fatalf("the page has %+v, %v", p, err)
	}
	thread, err := site.Thread(t.Context(), strings.TrimPrefix(own.ID, "https://social.example/n/"))
	if err != nil || len(thread.Replies) != 1 || thread.Replies[0].HTML != "an <b>answer</b>" || thread.Replies[0].Author.URI != by.URI {
		t.Fatalf("the thread is %+v, %v", thread, err)
	}
	found, err := site.Find(t.Context(), "alice@gs1.test")
	if err != nil || found.JID != `alice\40gs1.test@social.xmpp.example` {
		t.Errorf("found %+v, %v", found, err)
	}
}

// What a user has said of himself, and his picture, is in what others get.
func TestProfiled(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.joined(romeo)
	name, note := "Romeo \u202eM", "in Verona"
	if err := r.s.Profiled(t.Context(), romeo, transports.Profile{Name: &name, Note: &note, Picture: onePixel}); err != nil {
		t.Fatal(err)
	}
	a, err := r.s.Account(t.Context(), "romeo")
	if err != nil || a.Actor.Name != "Romeo M" || a.Note != "in Verona" || a.Nick != "romeo" || len(a.Pictures) != 1 || !strings.HasPrefix(a.Pictures[0].URL, "https://social.example/avatar/romeo/") {
		t.Fatalf("the account is %+v, %v", a, err)
	}
	file, err := r.s.Site().Avatar(t.Context(), "romeo", a.Pictures[0].URL[strings.LastIndexByte(a.Pictures[0].URL, '/')+1:])
	if err != nil || file.Type != a.Pictures[0].Type {
		t.Fatalf("the picture is %+v, %v", file, err)
	}
	if image, err := r.s.Picture(t.Context(), contact("romeo@social.example")); err != nil || len(image) == 0 {
		t.Errorf("the picture has %d bytes, %v", len(image), err)
	}
	s := r.published(romeo, "x")
	if s.Author.Name != "Romeo M" || len(s.Author.Pictures) != 1 {
		t.Errorf("the author is %+v", s.Author)
	}
}

// Everything that users can run is in their language.
func TestCommands(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.joined(romeo)
	r.following(romeo, alice)
	r.published(romeo, "x")
	r.mustReceive(r.act(r.actor("bob@gs2.test"), activity.Follow, "https://social.example/u/romeo"), &romeo)
	r.must(romeo, "mute evil.test")
	rows := map[string]int{}
	for _, c := range r.s.Commands() {
		if c.List == nil {
			if c.Run == nil {
				t.Errorf("%s does nothing", c.Name)
			}
			continue
		}
		table, err := c.List(t.Context(), transports.Call{User: romeo, Lang: "fr"}, transports.Page{Max: 10})
		if err != nil {
			t.Fatalf("%s: %v", c.Name, err)
		}
		rows[c.Name] = len(table.Rows)
		if !slices.IsSortedFunc(table.Rows, func(a, b transports.Row) int { return strings.Compare(a.Key, b.Key) }) {
			t.Errorf("%s is in no order", c.Name)
		}
	}
	for name, want := range map[string]int{"following": 1, "followers": 1, "blocked": 1, "posts": 1, "social-accounts": 1} {
		if rows[name] != want {
			t.Errorf("%s has %d rows", name, rows[name])
		}
	}
}
