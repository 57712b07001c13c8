package component

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"passerelle/store"
	"passerelle/transports"
)

// A line that the archive would not take, since its sender gave it an id of a size, costs nobody else's lines.
func TestArchiveOfHugeLines(t *testing.T) {
	t.Parallel()
	w, db := newArchiveWorld(t)
	alice, carol := w.client("alice@localhost/phone"), w.client("carol@localhost/phone")
	a, c := w.join(alice, "alice"), w.join(carol, "carol")
	release := holdCommits(t, db)
	c.emit(t, roomLine("bob", "before"))
	carol.receive()
	const overhead = len(`<body>one</body><x xmlns="urn:example:x"></x>`)
	alice.send(`<message type='groupchat' id='` + strings.Repeat("i", 65_420) + `' to='` + goJID + `'><body>one</body><x xmlns='urn:example:x'>` +
		strings.Repeat("x", 64<<10-overhead) + `</x></message>`)
	e := roomLine("alice", "one")
	e.Ref, e.Part, e.Of, e.Time = next[transports.Send](t, a).Ref, 1, 1, now().Add(-time.Hour)
	a.emit(t, e)
	alice.receive()
	a.emit(t, roomLine("bob", "after"))
	alice.receive()
	c.emit(t, roomLine("bob", "after"))
	carol.receive()
	release()
	wantLines(t, spoken(carol.page(goJID, "")), "bob: before", "bob: after")
	wantLines(t, spoken(alice.page(goJID, "")), ": "+lostText, "bob: after")
}

// Where lines are in the database is known for a bounded number of them, also behind a gap.
func TestArchivePlacesAreBounded(t *testing.T) {
	t.Parallel()
	r := &keptRoom{first: 1}
	r.place(1, 1001)
	r.place(1_000_000, 2_000_000)
	for n := int64(1_000_001); n < 1_010_000; n++ {
		r.place(n, store.LineID(n+1_000_000))
		if len(r.ids) > 2*keepPlaces || cap(r.ids) > 8*keepPlaces {
			t.Fatalf("after line %d there are %d places, room for %d", n, len(r.ids), cap(r.ids))
		}
		for _, back := range []int64{0, keepPlaces - 1} {
			want := store.LineID(0)
			if n-back >= 1_000_000 {
				want = store.LineID(n - back + 1_000_000)
			}
			if got := r.line(n - back); got != want {
				t.Fatalf("line %d is said to be at %d, want %d", n-back, got, want)
			}
		}
	}
}

// holdCommits holds up the committer until its result is called, or the test is over.
func holdCommits(t *testing.T, db *store.DB) (release func()) {
	t.Helper()
	over, held := make(chan struct{}), make(chan struct{})
	release = sync.OnceFunc(func() { close(over) })
	t.Cleanup(release)
	go func() {
		_ = db.Write(context.Background(), func(*store.Tx) error { close(held); <-over; return nil })
	}()
	<-held
	return release
}
