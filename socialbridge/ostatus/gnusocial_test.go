package ostatus

import (
	"strings"
	"testing"

	"passerelle/internal/gnusocial"
	"passerelle/socialbridge/activity"
)

// Everything that GNU social does with one of ours, in both directions.
func TestGNUSocial(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{accounts: []string{"romeo"}})
	site, users := r.site("alice")
	alice := users[0]
	romeo := "romeo@" + r.wire.host

	if err := alice.Follow(t.Context(), romeo); err != nil {
		t.Fatal(err)
	}
	got := r.until(1)[0]
	if a := got.Activity; a.Verb != activity.Follow || a.Actor.URI != alice.URI() || a.Object != r.base+"/u/romeo" || got.For == nil || got.For.Name != "romeo" {
		t.Fatalf("follow is %+v", got)
	}
	if k, ok, _ := r.core.Known(t.Context(), alice.URI()); !ok || k.Acct != alice.Acct() || k.Key == nil || k.Key.N.BitLen() != 1024 {
		t.Errorf("alice is known as %+v", k)
	}
	known := r.find(alice.Acct())
	post := r.post("romeo", "abcdefghijklmnop1", "Hello <b>world</b>", *known)
	r.eventually(site, "the post is pushed and slapped", func() bool { return len(alice.Pushed()) == 1 && len(alice.Slaps()) == 1 })
	for _, e := range []gnusocial.Entry{alice.Pushed()[0], alice.Slaps()[0]} {
		if e.ID != post.ID || e.Content != "Hello <b>world</b>" || e.Author.URI != r.base+"/u/romeo" || e.Author.Nick() != "romeo" || e.Title == "" {
			t.Errorf("alice got %+v", e)
		}
	}

	// She answers, likes it, changes her mind, and takes something back.
	reply, err := alice.Reply(t.Context(), post.ID, "nice", romeo)
	if err != nil {
		t.Fatal(err)
	}
	if a := r.until(2)[1].Activity; a.Verb != activity.Post || a.Note.ID != reply.ID || a.Note.ReplyTo != post.ID || !strings.Contains(a.Note.HTML, "nice") {
		t.Errorf("the reply is %+v", a.Note)
	}
	if err := alice.Favorite(t.Context(), romeo, post.ID); err != nil {
		t.Fatal(err)
	}
	if a := r.until(3)[2].Activity; a.Verb != activity.Favorite || a.Object != post.ID {
		t.Errorf("the favorite is %+v", a)
	}
	if err := alice.Unfavorite(t.Context(), romeo, post.ID); err != nil {
		t.Fatal(err)
	}
	if a := r.until(4)[3].Activity; a.Verb != activity.Unfavorite || a.Object != post.ID {
		t.Errorf("the unfavorite is %+v", a)
	}

	// Romeo likes what she said, and tells her that he follows her, after which her feed comes.
	r.does("romeo", activity.Favorite, reply.ID, known)
	r.does("romeo", activity.Follow, alice.URI(), known)
	r.watch(known, true)
	r.eventually(site, "favorite and follow", func() bool {
		all := alice.Slaps()
		return len(all) == 3 && all[1].Does("favorite") && all[1].Object.ID == reply.ID && all[2].Does("follow") && all[2].Object.ID == alice.URI()
	})
	r.eventually(site, "a subscriber", func() bool { return alice.Subscribers() == 1 })
	backlog := r.until(5)[4]
	if !backlog.Backlog || backlog.Feed == nil || backlog.Activity.Note.ID != reply.ID {
		t.Errorf("the backlog is %+v", backlog)
	}
	note, err := alice.Post(t.Context(), "Good morning")
	if err != nil {
		t.Fatal(err)
	}
	if got := r.until(6)[5]; got.Backlog || got.Feed.URI != alice.URI() || got.Activity.Note.ID != note.ID || got.Activity.Actor.Acct != alice.Acct() {
		t.Errorf("the push is %+v", got)
	}
	if err := alice.Delete(t.Context(), note); err != nil {
		t.Fatal(err)
	}
	if got := r.until(7)[6]; got.Activity.Verb != activity.Delete || got.Activity.Object != note.ID || got.Feed == nil {
		t.Errorf("the delete is %+v", got.Activity)
	}
	// A repeat of what somebody of a third server has said is not believed, but fetched from there.
	other, users := r.site("bob")
	bob := users[0]
	original, err := bob.Post(t.Context(), "What bob said")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := alice.Share(t.Context(), original.ID, bob.URI(), "What alice says that bob said", original.Self()); err != nil {
		t.Fatal(err)
	}
	if got := r.until(8)[7]; got.Activity.Verb != activity.Share || got.Activity.Actor.URI != alice.URI() || got.Activity.Note.HTML != "What bob said" || got.Activity.Note.Author.URI != bob.URI() {
		t.Errorf("the repeat is %+v, %+v", got.Activity, got.Activity.Note)
	}
	_ = other

	// What is taken back is told in the feed; to whom it was told he says that he does not take it.
	r.does("romeo", activity.Delete, post.ID, nil)
	r.eventually(site, "the delete is pushed", func() bool {
		all := alice.Pushed()
		last := all[len(all)-1]
		return last.Does("delete") && last.ID == post.ID && last.Object.ID == post.ID
	})

	// The end of it all. Her unfollow has the same id each time.
	if err := alice.Unfollow(t.Context(), romeo); err != nil {
		t.Fatal(err)
	}
	if got := r.until(9)[8]; got.Activity.Verb != activity.Unfollow || !strings.Contains(got.Activity.ID, "1970") {
		t.Errorf("the unfollow is %+v", got.Activity)
	}
	r.clock.add(2e9)
	if err := alice.Follow(t.Context(), romeo); err != nil {
		t.Fatal(err)
	}
	r.until(10)
	r.clock.add(2e9)
	if err := alice.Unfollow(t.Context(), romeo); err != nil {
		t.Fatal(err)
	}
	if got := r.until(11)[10]; got.Activity.Verb != activity.Unfollow {
		t.Errorf("the second unfollow is %+v", got.Activity)
	}
	r.watch(known, false)
	r.does("romeo", activity.Unfollow, alice.URI(), known)
	r.eventually(site, "no subscriber, and unfollow", func() bool {
		all := alice.Slaps()
		return alice.Subscribers() == 0 && all[len(all)-1].Does("unfollow")
	})
}
