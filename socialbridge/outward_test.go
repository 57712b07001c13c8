package socialbridge

import (
	"strings"
	"testing"

	"passerelle/internal/postaltest"
	"passerelle/socialbridge/activity"
	"passerelle/store"
	"passerelle/transports"
)

// publicFor has a user have set that messages to people are published.
func (r *rig) publicFor(user transports.Address) func(*store.Tx) error {
	return func(tx *store.Tx) error { return tx.Set(r.s.userID(user), scope, SettingMention, mentionPublic) }
}

func kindOf(err error) transports.Kind {
	if err == nil {
		return 255
	}
	return transports.AsError(err).Kind
}

func TestAccountName(t *testing.T) {
	t.Parallel()
	for jid, want := range map[string]string{
		"romeo@xmpp.example": "romeo", "ju.liet@xmpp.example": "ju_2eliet", "a_b@xmpp.example": "a_b", "a_bc@xmpp.example": "a_5fbc", "_2e@xmpp.example": "_5f2e",
		"é@xmpp.example": "_c3_a9", `d\27art@xmpp.example`: "d_5c27art", "romeo@other.example": "romeo_", strings.Repeat("x", 100) + "@xmpp.example": strings.Repeat("x", 55) + "_",
	} {
		user, err := transports.ParseAddress(jid)
		if err != nil {
			t.Fatal(err)
		}
		got := accountName(user, "xmpp.example")
		if got != want && !(strings.HasSuffix(want, "_") && strings.HasPrefix(got, want) && len(got) == len(want)+8) {
			t.Errorf("%s: got %q, want %q", jid, got, want)
		}
	}
}

// Nothing of a user is published before he says so, and what he does then is.
func TestNothingBeforeOptIn(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.following(romeo, alice)
	if !r.wire.watches("https://gs1.test/user/alice") {
		t.Error("whom he reads is not watched")
	}
	for name, err := range map[string]error{
		"post":      func() error { _, err := r.run(romeo, "post hello"); return err }(),
		"message":   r.post(romeo, transports.Letter{ID: "1", With: alice, Body: "hi"}),
		"published": r.s.Published(t.Context(), romeo, transports.Entry{Item: "1", Body: "x"}),
		"profiled":  r.s.Profiled(t.Context(), romeo, transports.Profile{}),
		"withdrawn": r.s.Withdrawn(t.Context(), romeo, "1"),
	} {
		want := transports.Kind(255)
		if name == "post" || name == "message" {
			want = transports.NotRegistered
		}
		if kindOf(err) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
	r.unsent()
	if said := r.must(romeo, "social"); !strings.Contains(said, "romeo@social.example") || !strings.Contains(said, "public") {
		t.Errorf("the sentence says %q", said)
	}
	r.joined(romeo)
	// Whom he has read he follows now.
	if s := r.sent(activity.Follow); s.Activity.Object != "https://gs1.test/user/alice" || len(s.To) != 1 || s.To[0].Routes.Slap == "" || s.By.URI != "https://social.example/u/romeo" {
		t.Errorf("the follow is %+v", s)
	}
	if said := r.must(romeo, "social on"); !strings.Contains(said, "already") {
		t.Errorf("twice: %q", said)
	}
}

// An account has a key that signs, and all its names lead to it.
func TestAccount(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a := r.joined(romeo)
	for _, ref := range []string{"acct:romeo@social.example", "romeo@social.example", "https://social.example/u/romeo", "https://social.example/u/romeo.atom", "xmpp:romeo@xmpp.example"} {
		if got, err := r.s.Resolve(t.Context(), ref); err != nil || got.ID != a.ID {
			t.Errorf("%s: %+v, %v", ref, got, err)
		}
	}
	for _, ref := range []string{"acct:juliet@social.example", "acct:romeo@other.example", "https://social.example/n/romeo", "https://other.example/u/romeo", "xmpp:juliet@xmpp.example", "", "romeo"} {
		if _, err := r.s.Resolve(t.Context(), ref); kindOf(err) != transports.NotFound {
			t.Errorf("%s: %v", ref, err)
		}
	}
	first, err := r.s.Sign(t.Context(), a, []byte("x"))
	if err != nil || len(first) != keyBits/8 || a.Key == nil || a.Key.N.BitLen() != keyBits {
		t.Fatalf("a signature of %d bytes, %v", len(first), err)
	}
	// Hidden, only who knows his address gets there.
	if err := r.db.Write(t.Context(), func(tx *store.Tx) error { return tx.Set(r.s.userID(romeo), scope, SettingHidden, "true") }); err != nil {
		t.Fatal(err)
	}
	r.s.SettingsChanged(t.Context(), romeo, transports.Target{})
	if _, err := r.s.Resolve(t.Context(), "xmpp:romeo@xmpp.example"); kindOf(err) != transports.NotFound {
		t.Errorf("a hidden account by its JID: %v", err)
	}
	if cards, err := r.s.SearchCards(t.Context(), juliet, "romeo", 10); err != nil || len(cards) != 0 {
		t.Errorf("a hidden account is found: %+v, %v", cards, err)
	}
}

// A post goes to everybody, and to whom it names; it is in the outbox, in the feed, on its page, and in the user's own node.
func TestPost(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a := r.joined(romeo)
	r.following(romeo, alice)
	r.sent(activity.Follow)
	said := r.must(romeo, "post hello @alice@gs1.test, see https://x.example/ #Go <b>")
	s := r.sent(activity.Post)
	n := s.Activity.Note
	if !s.Everybody || len(s.To) != 1 || s.To[0].URI != "https://gs1.test/user/alice" || len(n.Mentions) != 1 || n.Mentions[0].URI != s.To[0].URI || !n.Public || len(n.Tags) != 1 || n.Tags[0] != "go" {
		t.Errorf("sent %+v\n%+v", s, n)
	}
	want := `hello @<a href="https://gs1.test/user/alice" class="h-card u-url mention">alice@gs1.test</a>, see <a href="https://x.example/" rel="nofollow noopener">https://x.example/</a> ` +
		`<a href="https://social.example/tag/go" class="hashtag" rel="tag">#Go</a> &lt;b&gt;`
	if n.HTML != want {
		t.Errorf("got\n%s\nwant\n%s", n.HTML, want)
	}
	if !strings.HasPrefix(n.ID, "https://social.example/n/") || !strings.Contains(said, n.ID) || n.Page != n.ID {
		t.Errorf("the id is %q, said %q", n.ID, said)
	}
	all, next, err := r.s.Outbox(t.Context(), a, 0, 10)
	if err != nil || next != 0 || len(all) != 1 || all[0].Note.ID != n.ID {
		t.Errorf("the outbox has %+v, %d, %v", all, next, err)
	}
	if got, by, err := r.s.Note(t.Context(), strings.TrimPrefix(n.ID, "https://social.example/n/")); err != nil || got.Note.HTML != n.HTML || by.ID != a.ID {
		t.Errorf("the page has %+v, %v", got, err)
	}
	shown := postaltest.Await(t, "the entry", r.xmpp.shown)
	if shown.ID != n.ID || shown.Item == "" || shown.Body == "" {
		t.Errorf("the own node shows %+v", shown)
	}
	// What comes back from there is the same post.
	if err := r.s.Published(t.Context(), romeo, shown); err != nil {
		t.Fatal(err)
	}
	r.unsent()
	page, err := r.s.Items(t.Context(), juliet, contact("romeo@social.example"), transports.ItemQuery{Node: transports.NodeFeed, Max: 10})
	if err != nil || len(page.Entries) != 1 || page.Entries[0].ID != n.ID || page.Count != 1 {
		t.Errorf("the feed has %+v, %v", page, err)
	}
	// Taken back.
	r.must(romeo, "delete-post "+n.ID)
	if d := r.sent(activity.Delete); d.Activity.Object != n.ID || !d.Everybody || len(d.To) != 1 {
		t.Errorf("the delete is %+v", d)
	}
	if _, _, err := r.s.Note(t.Context(), strings.TrimPrefix(n.ID, "https://social.example/n/")); kindOf(err) != transports.Gone {
		t.Errorf("after it was taken back: %v", err)
	}
}

// What was posted by a message to the bot is taken back by taking back that.
func TestPostTakenBack(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.joined(romeo)
	for _, c := range r.s.Commands() {
		if c.Name != "post" {
			continue
		}
		for range 2 { // a client that sends it again
			if _, err := c.Say(t.Context(), transports.Call{User: romeo, Lang: "en", ID: "p1", Said: "hello\n world"}, []string{"hello", "world"}); err != nil {
				t.Fatal(err)
			}
		}
	}
	n := r.sent(activity.Post).Activity.Note
	if n.HTML != "hello<br/> world" {
		t.Errorf("published is %q", n.HTML)
	}
	r.unsent()
	// His own node shows it as the client of his server writes it; that is no change.
	shown := postaltest.Await(t, "the entry", r.xmpp.shown)
	shown.Body = "hello world"
	if err := r.s.Published(t.Context(), romeo, shown); err != nil {
		t.Fatal(err)
	}
	r.quiet()
	bob := r.actor("bob@gs2.test")
	if _, err := r.s.Keep(t.Context(), bob); err != nil {
		t.Fatal(err)
	}
	r.mustReceive(r.act(bob, activity.Favorite, n.ID), &romeo)
	if g := delivered[transports.EntryRegarded](r, romeo); g.Letter != "p1" || g.By != contact("bob@gs2.test") {
		t.Errorf("regarded: %+v", g)
	}
	if said := delivered[transports.Remark](r, romeo); !strings.Contains(said.Text, "likes") {
		t.Errorf("said %+v", said)
	}
	if err := r.do(romeo, func(ref transports.Ref) transports.Request {
		return transports.Redact{Ref: ref, Messages: []string{"p1"}}
	}); err != nil {
		t.Fatal(err)
	}
	if d := r.sent(activity.Delete); d.Activity.Object != n.ID {
		t.Errorf("the delete is %+v", d)
	}
}

// An item of the user's own node is published once, is not changed, and goes with it.
func TestOwnNode(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.joined(romeo)
	e := transports.Entry{Item: "item-1", Title: "hello", Published: r.clock.Now()}
	for range 3 {
		if err := r.s.Published(t.Context(), romeo, e); err != nil {
			t.Fatal(err)
		}
	}
	if s := r.sent(activity.Post); s.Activity.Note.HTML != "hello" || s.Activity.Note.Kind != activity.KindNote {
		t.Errorf("sent %+v", s.Activity.Note)
	}
	r.unsent()
	e.Title = "changed"
	for range 2 {
		if err := r.s.Published(t.Context(), romeo, e); err != nil {
			t.Fatal(err)
		}
	}
	if said := delivered[transports.Remark](r, romeo); !strings.Contains(said.Text, "cannot change") {
		t.Errorf("said %q", said.Text)
	}
	r.quiet()
	r.unsent()
	if err := r.s.Published(t.Context(), romeo, transports.Entry{Item: "old", Body: "x", Published: r.clock.Now().Add(-48 * 3600 * 1e9)}); err != nil {
		t.Fatal(err)
	}
	r.unsent()
	for range 2 {
		if err := r.s.Withdrawn(t.Context(), romeo, "item-1"); err != nil {
			t.Fatal(err)
		}
	}
	r.sent(activity.Delete)
	r.unsent()
	// A node that not everybody reads, where he has set that.
	if err := r.db.Write(t.Context(), func(tx *store.Tx) error { return tx.Set(r.s.userID(romeo), scope, SettingOwnFeed, ownOpen) }); err != nil {
		t.Fatal(err)
	}
	if err := r.s.Published(t.Context(), romeo, transports.Entry{Item: "private", Body: "x", Private: true}); err != nil {
		t.Fatal(err)
	}
	r.unsent()
}

// What a user writes to somebody is public, of which he is told first.
func TestMessagesArePublic(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.joined(romeo)
	l := transports.Letter{ID: "m1", With: alice, Body: "hi there"}
	if err := r.post(romeo, l); kindOf(err) != transports.Policy || !strings.Contains(transports.AsError(err).Text, "no private messages") {
		t.Errorf("the first message: %v", err)
	}
	r.unsent()
	if err := r.post(romeo, transports.Letter{ID: "m2", With: alice, Body: "public"}); err != nil {
		t.Fatal(err)
	}
	postaltest.Await(t, "what became of it", r.xmpp.Told)
	s := r.sent(activity.Post)
	if s.Activity.Note.HTML != "hi there" || len(s.To) != 1 || s.To[0].Acct != "alice@gs1.test" {
		t.Errorf("sent %+v", s)
	}
	// The next ones go out; one that a client sends again does not.
	for range 2 {
		if err := r.post(romeo, transports.Letter{ID: "m3", With: alice, Body: "again"}); err != nil {
			t.Fatal(err)
		}
	}
	r.sent(activity.Post)
	r.unsent()
	if err := r.post(romeo, transports.Letter{ID: "m4", With: alice, Body: "better", Replaces: "m3"}); kindOf(err) != transports.Unsupported {
		t.Errorf("a correction: %v", err)
	}
	r.unsent()
	if err := r.do(romeo, func(ref transports.Ref) transports.Request {
		return transports.Redact{Ref: ref, To: alice, Messages: []string{"m3"}}
	}); err != nil {
		t.Fatal(err)
	}
	if d := r.sent(activity.Delete); len(d.To) != 1 {
		t.Errorf("the delete is %+v", d)
	}
}
