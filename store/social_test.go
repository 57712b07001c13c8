package store

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"
)

// addSocial gives a user something in each table of the social web that has users.
func addSocial(tx *Tx, id UserID) error {
	own, err := tx.AddSocialActor(SocialActor{Domain: id.Domain, URI: "https://s.example/u/" + id.JID, JID: id.JID, Name: id.JID, Acct: id.JID + ".s.example"}, "key")
	if err != nil {
		return err
	}
	post, err := tx.AddSocialPost(SocialPost{Domain: id.Domain, URI: "https://s.example/n/" + id.JID, Item: id.JID, Actor: own, Note: "{}", Public: true})
	if err != nil {
		return err
	}
	_, err = tx.AddSocialEntry(own, post, testStart, 0)
	_, err2 := tx.FollowSocial(SocialFollowing{UserID: id, Actor: own})
	return errors.Join(err, err2,
		tx.SubscribeSocial(id, post, true),
		tx.BlockSocial(SocialBlock{UserID: id, Who: "spam.example", Kind: SocialMuted}),
		tx.AddSocialLetter(SocialLetter{UserID: id, Letter: "l", Post: post}),
		tx.HoldSocialLetter(id, "{}"),
		tx.SetSocialRegard(SocialRegard{Post: post, Actor: own, Noticed: true, Signs: []string{"❤"}}),
	)
}

// remote adds an actor of another server.
func remote(tb testing.TB, db *DB, name string) (id int64) {
	tb.Helper()
	write(tb, db, func(tx *Tx) (err error) {
		id, err = tx.AddSocialActor(SocialActor{Domain: testDomain, URI: "https://r.example/" + name, Acct: name + "@r.example"}, "")
		return err
	})
	return id
}

func items(posts []SocialPost) (all []string) {
	for _, p := range posts {
		all = append(all, p.Item)
	}
	return all
}

// Pages of a feed are in the order in which posts were published, from either end, and what is beyond its bound leaves it.
func TestSocialFeed(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, opts Options) {
		db := openTest(t, opts)
		alice := remote(t, db, "alice")
		for i, at := range []int{3, 1, 2, 5, 4, 4} {
			write(t, db, func(tx *Tx) error {
				published := testStart.Add(time.Duration(at) * time.Second)
				id, err := tx.AddSocialPost(SocialPost{Domain: testDomain, URI: fmt.Sprint("u", i), Item: fmt.Sprint("i", i), Actor: alice, Note: "{}", Public: true, Published: published})
				if err == nil {
					_, err = tx.AddSocialEntry(alice, id, published, 5)
				}
				return err
			})
		}
		for _, c := range []struct {
			q     PostQuery
			want  []string
			first int
		}{
			{PostQuery{Max: 2}, []string{"i3", "i5"}, 0},
			{PostQuery{Max: 2, After: "i5"}, []string{"i4", "i0"}, 2},
			{PostQuery{Max: 9, After: "i0"}, []string{"i2"}, 4},
			{PostQuery{Max: 2, Before: "i0"}, []string{"i5", "i4"}, 1},
			{PostQuery{Max: 2, Last: true}, []string{"i0", "i2"}, 3},
			{PostQuery{Max: 9, After: "i2"}, nil, 0},
		} {
			page, err := db.SocialFeed(t.Context(), alice, c.q)
			if err != nil || !slices.Equal(items(page.Posts), c.want) || page.Count != 5 || page.First != c.first {
				t.Errorf("%+v: got %v of %d at %d, %v, want %v at %d", c.q, items(page.Posts), page.Count, page.First, err, c.want, c.first)
			}
		}
		if _, err := db.SocialFeed(t.Context(), alice, PostQuery{Max: 1, After: "nowhere"}); !IsNoSuchItem(err) {
			t.Errorf("a page behind nothing: %v", err)
		}
	})
}

// What accounts have published lately is theirs alone, is public and is there.
func TestSocialPublished(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, opts Options) {
		db := openTest(t, opts)
		alice := remote(t, db, "alice")
		write(t, db, func(tx *Tx) error {
			own, err := tx.AddSocialActor(SocialActor{Domain: testDomain, URI: "https://s.example/u/romeo", JID: "romeo@example.org", Name: "romeo", Acct: "romeo@s.example"}, "key")
			for i, p := range []SocialPost{{Actor: own, Public: true}, {Actor: own}, {Actor: alice, Public: true}, {Actor: own, Public: true}, {Actor: own, Public: true}} {
				p.Domain, p.URI, p.Item, p.Note = testDomain, fmt.Sprint("u", i), fmt.Sprint("i", i), "{}"
				id, err2 := tx.AddSocialPost(p)
				if err = errors.Join(err, err2); i == 3 {
					err = errors.Join(err, tx.DeleteSocialPost(id))
				}
			}
			return err
		})
		posts, err := db.SocialPublished(t.Context(), testDomain)
		if want := []string{"i4", "i0"}; err != nil || !slices.Equal(items(posts), want) {
			t.Errorf("got %v, %v, want %v", items(posts), err, want)
		}
		if posts, err := db.SocialPublished(t.Context(), "other.example"); err != nil || len(posts) != 0 {
			t.Errorf("of another gateway: %v, %v", items(posts), err)
		}
	})
}

// What is gone of an account leaves its name, its URI and its key, which goes later.
func TestEndSocialAccount(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, opts Options) {
		db := openTest(t, opts)
		write(t, db, func(tx *Tx) error { return addSocial(tx, user(1)) })
		key := SocialKey{JID: user(1).JID}
		a, ok, err := db.SocialActor(t.Context(), testDomain, key)
		if err != nil || !ok {
			t.Fatal(ok, err)
		}
		write(t, db, func(tx *Tx) error { return tx.EndSocialAccount(a.ID) })
		if _, ok, err := db.SocialActor(t.Context(), testDomain, key); ok || err != nil {
			t.Errorf("the user has the account still: %v, %v", ok, err)
		}
		gone, ok, err := db.SocialActor(t.Context(), testDomain, SocialKey{Name: a.Name})
		if err != nil || !ok || gone.URI != a.URI || gone.GoneAt.IsZero() || gone.Profile != "" {
			t.Errorf("the name has %+v, %v, %v", gone, ok, err)
		}
		if p, ok, err := db.SocialPost(t.Context(), testDomain, PostKey{Item: user(1).JID}); err != nil || !ok || p.DeletedAt.IsZero() || p.Note != "" {
			t.Errorf("the post is %+v, %v, %v", p, ok, err)
		}
		if k, ok, err := db.SocialPrivateKey(t.Context(), &gone); err != nil || !ok || k.Reveal() != "key" {
			t.Errorf("the key is gone at once: %v, %v", ok, err)
		}
		write(t, db, func(tx *Tx) error { return tx.ForgetSocialKeys(testStart.Add(time.Hour)) })
		if _, ok, err := db.SocialPrivateKey(t.Context(), &gone); ok || err != nil {
			t.Errorf("the key stays: %v, %v", ok, err)
		}
	})
}

// A sealed key opens in its own row alone.
func TestSocialKeyIsSealedForItsRow(t *testing.T) {
	t.Parallel()
	db := openTest(t, testOptions(t))
	write(t, db, func(tx *Tx) error { return errors.Join(addSocial(tx, user(1)), addSocial(tx, user(2))) })
	raw(t, db, `UPDATE social_actors SET private_key = (SELECT private_key FROM social_actors WHERE name = $1) WHERE name = $2`, user(1).JID, user(2).JID)
	a, _, err := db.SocialActor(t.Context(), testDomain, SocialKey{JID: user(2).JID})
	if err != nil {
		t.Fatal(err)
	}
	if k, _, err := db.SocialPrivateKey(t.Context(), &a); err == nil {
		t.Errorf("the key of somebody else opened: %v", k.Reveal())
	}
}

// Followers, regards, an acct that moves on, and what nobody refers to any more.
func TestSocialRelations(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, opts Options) {
		db := openTest(t, opts)
		ctx := context.Background()
		write(t, db, func(tx *Tx) error { return addSocial(tx, user(1)) })
		own, _, _ := db.SocialActor(ctx, testDomain, SocialKey{JID: user(1).JID})
		alice, bob := remote(t, db, "alice"), remote(t, db, "bob")
		var changes []bool
		write(t, db, func(tx *Tx) error {
			for _, state := range []FollowerState{FollowerWaits, FollowerWaits, FollowerIs, FollowerIs, FollowerWaits} {
				changed, err := tx.SetSocialFollower(own.ID, alice, state)
				if err != nil {
					return err
				}
				changes = append(changes, changed)
			}
			return nil
		})
		if !slices.Equal(changes, []bool{true, false, true, false, false}) {
			t.Errorf("the follower changed: %v", changes)
		}
		all, err := db.SocialFollowers(ctx, testDomain, own.ID, FollowerIs, 0, 10)
		if err != nil || len(all) != 2 || all[1].ID != alice { // and who follows himself
			t.Errorf("followers: %+v, %v", all, err)
		}
		if n, m, err := db.CountSocialFollowers(ctx, &own); err != nil || n != 2 || m != 1 {
			t.Errorf("%d followers, %d followees, %v", n, m, err)
		}
		p, _, _ := db.SocialPost(ctx, testDomain, PostKey{Item: user(1).JID})
		write(t, db, func(tx *Tx) error {
			return tx.SetSocialRegard(SocialRegard{Post: p.ID, Actor: bob, Signs: []string{"❤", "👍"}})
		})
		if regards, err := db.SocialRegards(ctx, p.ID, 10); err != nil || len(regards) != 2 {
			t.Errorf("regards: %+v, %v", regards, err)
		}
		write(t, db, func(tx *Tx) error { return tx.SetSocialRegard(SocialRegard{Post: p.ID, Actor: bob}) })
		if c, err := db.CountsOfPost(ctx, &p); err != nil || c.Likes != 1 {
			t.Errorf("counts: %+v, %v", c, err)
		}
		write(t, db, func(tx *Tx) error {
			_, err := tx.AddSocialActor(SocialActor{Domain: testDomain, URI: "https://r.example/new", Acct: "bob@r.example"}, "")
			return err
		})
		if a, ok, err := db.SocialActor(ctx, testDomain, SocialKey{Acct: "bob@r.example"}); err != nil || !ok || a.ID == bob {
			t.Errorf("bob@r.example is %+v, %v, %v", a, ok, err)
		}
		write(t, db, func(tx *Tx) error {
			id, err := tx.AddSocialPost(SocialPost{Domain: testDomain, URI: "https://r.example/stranger", Item: "stranger", Actor: bob, Public: true, Note: "{}"})
			if err == nil {
				_, err = tx.AddSocialEntry(bob, id, testStart, 100)
			}
			return err
		})
		var more bool
		write(t, db, func(tx *Tx) (err error) {
			more, err = tx.CollectSocial(testDomain, testStart.Add(time.Hour), 100)
			return err
		})
		// What strangers said is not kept for ever, whether or not it was for everybody.
		if _, ok, _ := db.SocialPost(ctx, testDomain, PostKey{Item: "stranger"}); ok {
			t.Error("a post of somebody whom nobody follows stays")
		}
		if _, ok, _ := db.SocialActor(ctx, testDomain, SocialKey{ID: bob}); ok || more {
			t.Error("somebody whom nobody refers to stays")
		}
		if _, ok, _ := db.SocialActor(ctx, testDomain, SocialKey{ID: alice}); !ok {
			t.Error("a follower was forgotten")
		}
	})
}

// What is asked for of the social web is answered by each database alike.
func TestSocialQuestions(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, opts Options) {
		db := openTest(t, opts)
		ctx := context.Background()
		id := user(1)
		write(t, db, func(tx *Tx) error { return addSocial(tx, id) })
		own, _, _ := db.SocialActor(ctx, testDomain, SocialKey{JID: id.JID})
		alice := remote(t, db, "alice")
		var post int64
		write(t, db, func(tx *Tx) (err error) {
			if _, err = tx.FollowSocial(SocialFollowing{UserID: id, Actor: alice}); err != nil {
				return err
			}
			post, err = tx.AddSocialPost(SocialPost{
				Domain: testDomain, URI: "https://r.example/1", Item: "1", Actor: alice, Note: `{"mentions":[{"uri":"` + own.URI + `"}]}`, Public: true, Proven: true,
				ReplyTo: "https://s.example/n/" + id.JID, Conversation: "c", Published: testStart,
			})
			if err == nil {
				_, err = tx.AddSocialEntry(alice, post, testStart, 10)
			}
			return errors.Join(err, tx.WatchSocialActor(alice, true), tx.SawSocialActor(alice))
		})
		check := func(what string, got, want any, err error) {
			t.Helper()
			if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%s: got %v, %v, want %v", what, got, err, want)
			}
		}
		outbox, err := db.SocialOutbox(ctx, own.ID, 0, 10)
		check("outbox", len(outbox), 1, err)
		outbox, err = db.SocialOutbox(ctx, own.ID, outbox[0].ID, 10)
		check("outbox behind the last", len(outbox), 0, err)
		said, err := db.SocialConversation(ctx, testDomain, "c", 10)
		check("conversation", len(said), 1, err)
		answers, err := db.SocialAnswers(ctx, testDomain, "https://s.example/n/"+id.JID, PostQuery{Max: 10})
		check("answers", items(answers.Posts), []string{"1"}, err)
		accounts, posts, err := db.CountSocial(ctx, testDomain)
		check("count", []int64{accounts, posts}, []int64{1, 1}, err)
		found, err := db.FindSocialActors(ctx, testDomain, "ALICE@", 10)
		check("found", len(found), 1, err)
		all, err := db.SocialAccounts(ctx, testDomain, "", 10)
		check("accounts", len(all), 1, err)
		subscribed, err := db.SocialSubscriptions(ctx, id, 0, 10)
		check("subscriptions", len(subscribed), 1, err)
		write(t, db, func(tx *Tx) error {
			news, err := tx.SocialNews(id, testStart.Add(-time.Hour), 10)
			check("news", len(news), 2, err)
			n, err := tx.CountSocialPosts(own.ID, testStart.Add(-time.Hour))
			check("posts of an hour", n, 1, err)
			of, err := tx.SocialPostsOf(own.ID, 10)
			check("posts", len(of), 1, err)
			mentioned, err := tx.MentionedSocial(id, "https://nobody.example/")
			check("mentioned", mentioned, false, err)
			idle, err := tx.UnfollowedSocialActors(testDomain, 10)
			check("whom nobody follows", len(idle), 0, err)
			kind, err := tx.SocialBlockOf(id, "a@spam.example", "https://spam.example/a", "spam.example")
			check("blocked", kind, SocialMuted, err)
			untold, err := tx.UntoldFollowing(id, 10)
			check("untold", len(untold), 2, err)
			readers, err := tx.SocialReaders(testDomain, alice, "", 10)
			check("readers", readers, []string{id.JID}, err)
			to, err := tx.SocialSubscribers(testDomain, subscribed[0].ID, 10)
			check("subscribers", to, []string{id.JID}, err)
			letter, err := tx.LetterOfPost(id, subscribed[0].ID)
			check("letter", letter, "l", err)
			p, ok, err := tx.SocialPost(testDomain, PostKey{OwnItem: "none", Actor: own.ID})
			check("no own item", fmt.Sprint(p.ID, ok), "0 false", err)
			f, was, err := tx.UnfollowSocial(id, alice)
			check("unfollowed", fmt.Sprint(f.Actor, was), fmt.Sprint(alice, true), err)
			idle, err = tx.UnfollowedSocialActors(testDomain, 10)
			check("whom nobody follows any more", len(idle), 1, err)
			check("deleted", nil, nil, tx.DeleteSocialPost(post))
			denied := true
			return errors.Join(
				tx.SetSocialHost(testDomain, "h.example", &denied), tx.SetSocialHost(testDomain, "h.example", nil), tx.SetSocialHost(testDomain, "i.example", &denied),
				tx.SetSocialPicture(SocialPicture{Actor: alice, URL: "https://r.example/a.png", Hash: "h", Image: []byte{1}}), tx.DropSocialLetter(id, "l"),
				tx.CollectSocialLetters(testDomain, testStart), tx.DeleteSocialEntries(post),
			)
		})
		hosts, err := db.SocialHosts(ctx, testDomain)
		check("hosts", hosts, []SocialHost{{"i.example", true}}, err)
		picture, err := db.SocialPicture(ctx, alice)
		check("picture", picture.Image, []byte{1}, err)
		gone, ok, err := db.SocialPost(ctx, testDomain, PostKey{Item: "1"})
		check("a deleted post", fmt.Sprint(ok, gone.DeletedAt.IsZero(), gone.Note), "true false", err)
	})
}

// What no database would store is not there, and who asks for it is told so by each.
func TestSocialNotText(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, opts Options) {
		db := openTest(t, opts)
		for _, s := range []string{"\xff", "a\x00"} {
			for _, key := range []SocialKey{{URI: s}, {Acct: s}, {Name: s}, {JID: s}} {
				if _, ok, err := db.SocialActor(t.Context(), testDomain, key); ok || err != nil {
					t.Errorf("%#v: %v, %v", key, ok, err)
				}
			}
			for _, key := range []PostKey{{URI: s}, {Item: s}, {OwnItem: s}, {RepeatOf: s}} {
				if _, ok, err := db.SocialPost(t.Context(), testDomain, key); ok || err != nil {
					t.Errorf("%#v: %v, %v", key, ok, err)
				}
			}
			if _, ok, err := db.SocialSubscriptionByToken(t.Context(), s); ok || err != nil {
				t.Errorf("%q: %v, %v", s, ok, err)
			}
		}
	})
}

// Numbers of pages are strangers' to choose: however large one is, it is a place behind which there may be posts.
func TestSocialOutboxPages(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, opts Options) {
		db := openTest(t, opts)
		write(t, db, func(tx *Tx) error { return addSocial(tx, user(1)) })
		own, _, err := db.SocialActor(t.Context(), testDomain, SocialKey{JID: user(1).JID})
		if err != nil {
			t.Fatal(err)
		}
		for before, want := range map[int64]int{0: 1, 1: 0, 1 << 31: 1, math.MaxInt64: 1, -1: 0} {
			if posts, err := db.SocialOutbox(t.Context(), own.ID, before, 10); err != nil || len(posts) != want {
				t.Errorf("before %d: %d posts, %v, want %d", before, len(posts), err, want)
			}
		}
	})
}
