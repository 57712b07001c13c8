package store

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func onEachClock(t *testing.T, f func(t *testing.T, db *DB, now *time.Time)) {
	t.Helper()
	onEach(t, func(t *testing.T, opts Options) {
		now := testStart
		opts.Now = func() time.Time { return now }
		f(t, openTest(t, opts), &now)
	})
}

// A subscriber has what it asked for once it was asked back, and until then what it had.
func TestSocialSubscriber(t *testing.T) {
	t.Parallel()
	onEachClock(t, func(t *testing.T, db *DB, now *time.Time) {
		ask := func(callback string, a SocialAsk) int64 {
			t.Helper()
			var id int64
			write(t, db, func(tx *Tx) (err error) {
				id, err = tx.AskSocialSubscriber(7, callback, "https://a.example", a)
				return err
			})
			return id
		}
		get := func(id int64) SocialSubscriber {
			t.Helper()
			s, _, err := db.SocialSubscriber(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		targets := func(after SocialTarget, push int64) (ids []int64) {
			t.Helper()
			write(t, db, func(tx *Tx) error {
				all, err := tx.SocialTargets(7, after, push, 10)
				for _, s := range all {
					ids = append(ids, s.ID)
				}
				return err
			})
			return ids
		}
		one := ask("https://a.example/1", SocialAsk{Subscribe: true, Secret: "s3cret", Lease: time.Hour, Token: "x"})
		s := get(one)
		if s.Asked == nil || s.Asked.Secret != "s3cret" || s.Asked.Token != "x" || s.Secret != "" || targets(SocialTarget{}, 1<<40) != nil {
			t.Fatalf("it is %+v, %+v", s, s.Asked)
		}
		write(t, db, func(tx *Tx) error { return tx.SettleSocialSubscriber(&s, time.Hour) })
		if s = get(one); s.Asked != nil || s.Secret != "s3cret" || !s.Until.Equal(now.Add(time.Hour)) {
			t.Errorf("it is %+v", s)
		}
		*now = now.Add(time.Minute)
		// Somebody else asks for it with a secret of his own, and is not believed.
		if again := ask("https://a.example/1", SocialAsk{Subscribe: true, Secret: "another", Lease: time.Hour}); again != one {
			t.Errorf("one callback has the ids %d and %d", one, again)
		}
		s = get(one)
		write(t, db, func(tx *Tx) error { return tx.RefuseSocialSubscriber(&s) })
		if s = get(one); s.Secret != "s3cret" || s.Asked != nil {
			t.Errorf("it is %+v", s)
		}
		// What was settled is not what it asks for by now.
		ask("https://a.example/1", SocialAsk{})
		old := get(one)
		*now = now.Add(time.Second)
		ask("https://a.example/1", SocialAsk{Subscribe: true, Secret: "new"})
		write(t, db, func(tx *Tx) error { return tx.SettleSocialSubscriber(&old, 0) })
		if s = get(one); s.Asked == nil || s.Asked.Secret != "new" || s.Secret != "s3cret" {
			t.Errorf("it is %+v", s)
		}
		two := ask("https://a.example/2", SocialAsk{Subscribe: true})
		s = get(two)
		write(t, db, func(tx *Tx) error { return tx.SettleSocialSubscriber(&s, 2*time.Hour) })
		if diff := cmp.Diff([]int64{one, two}, targets(SocialTarget{}, two+1)); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]int64{two}, targets(SocialTarget{ID: one, Site: s.Site}, two+1)); diff != "" {
			t.Error(diff)
		}
		if got := targets(SocialTarget{}, two); len(got) != 1 {
			t.Errorf("targets before the second are %v", got)
		}
		fails := func(on bool) time.Time {
			write(t, db, func(tx *Tx) error { return tx.SocialSubscriberFails(two, on) })
			return get(two).Failing
		}
		since := fails(true)
		*now = now.Add(time.Minute)
		if !since.Equal(now.Add(-time.Minute)) || !fails(true).Equal(since) || !fails(false).IsZero() {
			t.Errorf("it fails since %v", since)
		}
		*now = now.Add(time.Hour) // the lease of the first has ended
		if got := targets(SocialTarget{}, two+1); len(got) != 1 || got[0] != two {
			t.Errorf("targets are %v", got)
		}
		write(t, db, func(tx *Tx) error { _, err := tx.TidySocialWire(*now, *now, *now); return err })
		if _, ok, err := db.SocialSubscriber(t.Context(), one); ok || err != nil {
			t.Errorf("it is there after its lease: %v", err)
		}
		write(t, db, func(tx *Tx) error { return tx.DropSocialSubscriber(two) })
		{
			has := true
			write(t, db, func(tx *Tx) (err error) { has, err = tx.HasSocialTargets(7); return err })
			if has {
				t.Error("there are subscribers")
			}
		}
	})
}

// Subscribers of one site are told one after the other, each once, and those who came behind a push are not told of it.
func TestSocialTargets(t *testing.T) {
	t.Parallel()
	onEachClock(t, func(t *testing.T, db *DB, _ *time.Time) {
		var want []SocialTarget
		add := func(i int) (added SocialTarget) {
			added.Site = fmt.Sprintf("https://%c.example", 'a'+i%3)
			write(t, db, func(tx *Tx) (err error) {
				added.ID, err = tx.AskSocialSubscriber(7, fmt.Sprintf("%s/%d", added.Site, i), added.Site, SocialAsk{Subscribe: true})
				return err
			})
			s, _, err := db.SocialSubscriber(t.Context(), added.ID)
			if err != nil {
				t.Fatal(err)
			}
			write(t, db, func(tx *Tx) error { return tx.SettleSocialSubscriber(&s, time.Hour) })
			return added
		}
		for i := range 9 {
			want = append(want, add(i))
		}
		slices.SortStableFunc(want, func(a, b SocialTarget) int { return strings.Compare(a.Site, b.Site) })
		var push int64
		write(t, db, func(tx *Tx) (err error) { push, err = tx.AddSocialPush(7, []byte("<feed/>")); return err })
		add(9)
		var got []SocialTarget
		for after := (SocialTarget{}); ; after = got[len(got)-1] {
			n := len(got)
			write(t, db, func(tx *Tx) error {
				some, err := tx.SocialTargets(7, after, push, 2)
				got = append(got, some...)
				return err
			})
			if len(got) == n {
				break
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

// Who asks again and again in the name of one site gets no further than its bound, and others do.
func TestManySocialSubscribers(t *testing.T) {
	t.Parallel()
	onEachClock(t, func(t *testing.T, db *DB, _ *time.Time) {
		ask := func(account, i int64, site string) error {
			return db.Write(t.Context(), func(tx *Tx) error {
				_, err := tx.AskSocialSubscriber(account, fmt.Sprintf("%s/%d", site, i), site, SocialAsk{Subscribe: true})
				return err
			})
		}
		for i := range int64(maxSubscribersSite) {
			if err := ask(1, i, "https://a.example"); err != nil {
				t.Fatal(err)
			}
		}
		if err := ask(1, maxSubscribersSite, "https://a.example"); !errors.Is(err, ErrSocialFull) {
			t.Errorf("one more of an account: %v", err)
		}
		for i := range int64(maxSubscribersAsked - maxSubscribersSite) {
			if err := ask(2+i, 0, "https://a.example"); err != nil {
				t.Fatal(err)
			}
		}
		if err := ask(999, 0, "https://a.example"); !errors.Is(err, ErrSocialFull) {
			t.Errorf("one more of a site: %v", err)
		}
		if err := ask(1, 0, "https://a.example"); err != nil {
			t.Errorf("the same once more: %v", err)
		}
		if err := ask(1, 0, "https://b.example"); err != nil {
			t.Errorf("of another site: %v", err)
		}
	})
}

func TestSocialPushAndSeen(t *testing.T) {
	t.Parallel()
	onEachClock(t, func(t *testing.T, db *DB, now *time.Time) {
		var id int64
		write(t, db, func(tx *Tx) (err error) {
			if id, err = tx.AddSocialPush(7, []byte("<feed/>")); err == nil {
				err = errors.Join(tx.AddSocialSeen("x"), tx.AddSocialSeen("x"))
				for key, want := range map[string]bool{"x": false, "y": true} {
					first, err2 := tx.FirstSocialSeen(key)
					if err = errors.Join(err, err2); first != want {
						t.Errorf("%s is the first: %v", key, first)
					}
				}
			}
			return err
		})
		if account, body, ok, err := db.SocialPush(t.Context(), id); account != 7 || string(body) != "<feed/>" || !ok || err != nil {
			t.Errorf("%d %q %v %v", account, body, ok, err)
		}
		if seen, err := db.SocialSeen(t.Context(), "x"); !seen || err != nil {
			t.Errorf("%v, %v", seen, err)
		}
		*now = now.Add(time.Hour)
		write(t, db, func(tx *Tx) error {
			more, err := tx.TidySocialWire(*now, now.Add(-time.Hour), now.Add(-time.Hour))
			if more {
				t.Error("there is more")
			}
			return err
		})
		if _, _, ok, err := db.SocialPush(t.Context(), id); ok || err != nil {
			t.Errorf("%v, %v", ok, err)
		}
		if seen, err := db.SocialSeen(t.Context(), "x"); seen || err != nil {
			t.Errorf("%v, %v", seen, err)
		}
	})
}

func TestSocialSubscription(t *testing.T) {
	t.Parallel()
	onEachClock(t, func(t *testing.T, db *DB, _ *time.Time) {
		want := SocialSubscription{
			Actor: 3, URI: "https://b.example/bob", Token: "abc", Topic: "https://b.example/feed", Hub: "https://b.example/hub", Secret: "s3cret", State: SocialTold,
			Until: testStart.Add(time.Hour), AskedAt: testStart, Fetched: testStart, Pause: time.Minute, ETag: `"x"`, Modified: "yesterday",
		}
		for range 2 {
			write(t, db, func(tx *Tx) error { return tx.SetSocialSubscription(want) })
			for name, read := range map[string]func() (SocialSubscription, bool, error){
				"by actor": func() (SocialSubscription, bool, error) { return db.SocialSubscription(t.Context(), 3) },
				"by token": func() (SocialSubscription, bool, error) { return db.SocialSubscriptionByToken(t.Context(), "abc") },
				"in a transaction": func() (s SocialSubscription, ok bool, err error) {
					err = db.Write(t.Context(), func(tx *Tx) (err error) { s, ok, err = tx.SocialSubscription(3); return err })
					return s, ok, err
				},
			} {
				if got, ok, err := read(); !ok || err != nil || cmp.Diff(want, got) != "" {
					t.Errorf("%s: %v, %v, %s", name, ok, err, cmp.Diff(want, got))
				}
			}
			want.State, want.Hub, want.Fetched, want.Secret = SocialAlone, "", time.Time{}, ""
		}
		write(t, db, func(tx *Tx) error { return tx.DropSocialSubscription(3) })
		if _, ok, err := db.SocialSubscription(t.Context(), 3); ok || err != nil {
			t.Errorf("%v, %v", ok, err)
		}
	})
}

// Many jobs that are added together are taken as those that were added one by one.
func TestAddJobs(t *testing.T) {
	t.Parallel()
	onEachClock(t, func(t *testing.T, db *DB, now *time.Time) {
		var all []NewJob
		for i := range 100 {
			all = append(all, NewJob{Lane: fmt.Sprint("k ", i%50), Site: fmt.Sprintf("s%d", i%7), Kind: "k", Payload: fmt.Append(nil, i), Expires: now.Add(time.Hour)})
		}
		write(t, db, func(tx *Tx) error { return tx.AddJobs(all) })
		<-db.JobsAdded()
		claim := JobClaim{
			Own: 1, Free: 1000, PerSite: 1000, Sites: map[string]int{}, Trying: func(string) bool { return false },
			After: func(string, int) time.Duration { return time.Hour }, SiteAfter: func(int) time.Duration { return time.Hour },
		}
		seen := map[string]int{}
		var ends []JobEnd
		for round := 0; len(seen) < 100; round++ {
			var turn JobTurn
			write(t, db, func(tx *Tx) (err error) { turn, err = tx.TurnJobs(ends, claim); return err })
			if ends = nil; len(turn.Jobs) == 0 {
				t.Fatalf("%d jobs were taken", len(seen))
			}
			for _, j := range turn.Jobs {
				seen[string(j.Payload)] = round
				ends = append(ends, JobEnd{Job: j, What: JobDone})
			}
			*now = now.Add(time.Second)
		}
		if seen["0"] != 0 || seen["50"] <= seen["0"] {
			t.Errorf("the first of a lane was taken in round %d, the second in %d", seen["0"], seen["50"])
		}
		if err := db.Write(t.Context(), func(tx *Tx) error { return tx.AddJobs([]NewJob{{Lane: "x", Kind: "k"}}) }); err == nil {
			t.Error("a job that never expires was taken")
		}
	})
}
