package ostatus

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"passerelle/internal/jobs"
	"passerelle/internal/killtest"
	"passerelle/internal/safehttp"
	"passerelle/socialbridge"
	"passerelle/socialbridge/activity"
	"passerelle/socialbridge/atom"
	"passerelle/store"
)

func TestMain(m *testing.M) {
	killtest.Main(func() { goleak.VerifyTestMain(m) }, map[string]func([]string) error{"tell": tellUntilKilled})
}

// killWire is a wire over a database whose clock is ahead.
func killWire(path string, later time.Duration) (*Wire, *store.DB, func() time.Time, error) {
	now := func() time.Time { return time.Now().Add(later) }
	db, err := store.Open(context.Background(), store.Options{Path: path, Key: make([]byte, store.KeySize), Log: slog.New(slog.DiscardHandler), Now: now})
	if err != nil {
		return nil, nil, nil, err
	}
	core := &testCore{db: db, changed: make(chan struct{}), accounts: map[string]*testAccount{}, known: map[string]*socialbridge.KnownActor{}, denied: map[string]bool{}}
	w, err := New(Options{
		Domain: "social.test", Base: &url.URL{Scheme: "https", Host: "social.example"}, Store: db, Core: core, Plain: true, Log: slog.New(slog.DiscardHandler), Now: now,
		HTTP: safehttp.New(safehttp.Options{Permit: loopback, UserAgent: "test", PerHost: 4, Keep: 64}),
	})
	return w, db, now, err
}

// tellUntilKilled tells subscribers of a database what they are to know, in some time.
func tellUntilKilled(args []string) error {
	later, err := time.ParseDuration(args[1])
	if err != nil {
		return err
	}
	w, db, now, err := killWire(args[0], later)
	if err != nil {
		return err
	}
	d := &jobs.Dispatcher{Store: db, Kinds: w.Kinds(), Log: slog.New(slog.DiscardHandler), Now: now}
	d.Run(context.Background())
	return nil
}

// A gateway that is killed while it tells thousands tells each of them everything, and again only what it was telling at that moment.
func TestKillDuringFanOut(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it kills programs")
	}
	const hosts, perHost, posts, kills = 20, 20, 5, 6
	var mu sync.Mutex
	told, count, changed := map[string]int{}, 0, make(chan struct{})
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // it was killed while it said it
		}
		f, err := atom.ParseFeed(body)
		if err != nil || len(f.Entries) != 1 {
			t.Errorf("a push is %s", body)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		told[r.Host+r.URL.Path+" "+f.Entries[0].ID]++
		count++
		close(changed)
		changed = make(chan struct{})
	})
	path := filepath.Join(t.TempDir(), "db")
	w, db, _, err := killWire(path, 0)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{TB: t, db: db}
	var urls []string
	for range hosts {
		s := httptest.NewServer(handler)
		t.Cleanup(s.Close)
		for i := range perHost {
			urls = append(urls, fmt.Sprintf("%s/%d", s.URL, i))
		}
	}
	r.subscribe(1, urls)
	romeo := &socialbridge.Account{ID: 1, Name: "romeo", Actor: activity.Actor{URI: "https://social.example/u/romeo"}}
	var ids []string
	for i := range posts {
		id := fmt.Sprintf("https://social.example/n/%d", i)
		ids = append(ids, id)
		a := &activity.Activity{ID: id, Verb: activity.Post, Actor: romeo.Actor, Public: true, Published: time.Now(), Note: &activity.Note{ID: id, Author: romeo.Actor, HTML: "x", Public: true}}
		if err := db.Write(t.Context(), func(tx *store.Tx) error {
			return w.Send(tx, socialbridge.Sending{By: romeo, Activity: a, Everybody: true})
		}); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	all := len(urls) * posts
	wait := func(n int) {
		end := time.After(time.Minute)
		for {
			mu.Lock()
			c, now := changed, len(told)
			mu.Unlock()
			if now >= n {
				return
			}
			select {
			case <-c:
			case <-end:
				t.Fatalf("told were %d of %d", now, n)
			}
		}
	}
	for i := range kills + 1 {
		child := killtest.Start(t, "tell", path, (time.Duration(i) * 5 * time.Hour).String())
		if i < kills {
			wait(all * (i + 1) / (kills + 1))
		} else {
			wait(all)
		}
		child.Kill()
	}
	mu.Lock()
	defer mu.Unlock()
	for _, u := range urls {
		for _, id := range ids {
			if told[strings.TrimPrefix(u, "http://")+" "+id] == 0 {
				t.Errorf("%s was not told %s", u, id)
			}
		}
	}
	// In flight are 64 at the most, and as many may have ended since the last commit.
	if again := count - all; again > kills*128 {
		t.Errorf("%d were told again", again)
	} else {
		t.Logf("%d of %d were told again after %d kills", again, all, kills)
	}
}
