package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
)

// TestGather: those who ask while answers are on their way are asked for together, and each gets his own.
func TestGather(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const n = maxAskers + 2*maxGathered
		asked := make(chan []int, n)
		goOn := make(chan struct{})
		g := newGatherer(func(keys []int, answers []string) error {
			asked <- keys
			<-goOn
			for i, key := range keys {
				answers[i] = fmt.Sprint(key)
			}
			return nil
		})
		var waiting sync.WaitGroup
		find := func(key int) {
			waiting.Go(func() {
				if got, err := g.find(t.Context(), key); err != nil || got != fmt.Sprint(key) {
					t.Errorf("got %q and error %v, want %d", got, err, key)
				}
			})
			synctest.Wait()
		}
		for key := range n {
			find(key)
		}
		if len(asked) != maxAskers {
			t.Errorf("%d questions are under way, want %d", len(asked), maxAskers)
		}
		close(goOn)
		waiting.Wait()
		g.close()
		if want := maxAskers + 2; len(asked) != want {
			t.Errorf("got %d questions for %d who asked, want %d", len(asked), n, want)
		}
		if _, err := g.find(t.Context(), 1); !errors.Is(err, ErrClosed) {
			t.Errorf("after the end: got error %v, want %v", err, ErrClosed)
		}
	})
}

// TestGatherFails: all who are asked for together get the error, and who gives up does not wait for it.
func TestGatherFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		failed, goOn := errors.New("failed"), make(chan struct{})
		g := newGatherer(func(_ []int, answers []string) error {
			<-goOn
			answers[0] = "half an answer"
			return failed
		})
		hasty, giveUp := context.WithCancelCause(t.Context())
		gaveUp := errors.New("gave up")
		giveUp(gaveUp)
		if _, err := g.find(hasty, 0); !errors.Is(err, gaveUp) {
			t.Errorf("who gives up: got error %v", err)
		}
		var waiting sync.WaitGroup
		for key := range 2 * maxAskers {
			waiting.Go(func() {
				if got, err := g.find(t.Context(), key); got != "" || !errors.Is(err, failed) {
					t.Errorf("got %q and error %v, want the error alone", got, err)
				}
			})
		}
		synctest.Wait()
		close(goOn)
		waiting.Wait()
		g.close()
	})
}

// testManyAsk has very many ask at once what is asked of everybody who comes.
func testManyAsk(t *testing.T, db *DB, _ *testClock) {
	const n = 3 * maxGathered
	write(t, db, func(tx *Tx) error {
		var errs []error
		for i := range n {
			name := fmt.Sprint(i)
			line, err := tx.AppendRoomLines([]RoomLine{{Domain: testDomain, Room: "#" + name, ID: "id" + name, Time: testStart, Stanza: "<message/>"}})
			if err != nil {
				return err
			}
			errs = append(errs, tx.ExtendSeen(user(i), "#"+name, line[0], line[0]), tx.Set(user(i), "scope", "nick", name), tx.AddContact(Contact{UserID: user(i), Contact: name}))
		}
		return errors.Join(errs...)
	})
	var asking sync.WaitGroup
	for i := range n {
		asking.Go(func() {
			name := fmt.Sprint(i)
			if r, err := db.Relations(t.Context(), user(i), "nick"); err != nil || len(r.Contacts) != 1 || r.Contacts[0] != name || r.Settings["nick"]["scope"] != name {
				t.Errorf("relations of %s: got %v and error %v", name, r, err)
			}
		})
		asking.Go(func() {
			name := fmt.Sprint(i)
			if s, err := db.AllSettings(t.Context(), user(i), "scope", "nick"); err != nil || s.Plain["nick"] != name || s.Named["nick"]["scope"] != name {
				t.Errorf("settings of %s: got %v and error %v", name, s, err)
			}
		})
		asking.Go(func() {
			name := fmt.Sprint(i)
			if r, err := db.Relations(t.Context(), UserID{Domain: testDomain, JID: name + "\x00@example.org"}); err != nil || len(r.Contacts) > 0 {
				t.Errorf("of somebody whose name no row may have: got %v and error %v", r, err)
			}
		})
		asking.Go(func() {
			name := fmt.Sprint(i)
			if p, err := db.QueryRoom(t.Context(), RoomQuery{User: user(i), Room: "#" + name, Query: Query{Max: 1}}); err != nil || len(p.Lines) != 1 || p.Lines[0].ID != "id"+name {
				t.Errorf("the archive of #%s: got %v and error %v", name, p, err)
			}
		})
	}
	asking.Wait()
}
