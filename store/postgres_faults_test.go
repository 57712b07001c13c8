package store

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"passerelle/internal/realservers"
	"passerelle/internal/realservers/realtest"
)

// onWay opens a database of its own by a way on which something can happen.
func onWay(t *testing.T) (*DB, *realservers.PostgresWay, *realservers.Postgres) {
	t.Helper()
	server := realtest.Postgres(t, realservers.PostgresOptions{Fast: true})
	way := realtest.PostgresWay(t, server)
	opts := testOptions(t)
	opts.Path, opts.URL = "", way.URL
	opts.WriteTime, opts.CloseTime = 2*time.Second, time.Second
	db, err := Open(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() }) // the way may hang
	return db, way, server
}

// TestCommitWithoutReply: where the connection breaks during a commit, who wrote is told what became of it, not that it broke.
func TestCommitWithoutReply(t *testing.T) {
	t.Parallel()
	db, way, _ := onWay(t)
	write(t, db, touch(1))
	way.Next(realservers.PostgresNoReply)
	write(t, db, touch(2)) // it was made
	if err := way.Await(t.Context()); err != nil {
		t.Fatal(err)
	}
	way.Next(realservers.PostgresNoAsk)
	if err := db.Write(t.Context(), touch(3)); err == nil || errors.Is(err, ErrUnknown) {
		t.Errorf("a write that was not made: got %v, want an error", err)
	}
	if err := way.Await(t.Context()); err != nil {
		t.Fatal(err)
	}
	write(t, db, touch(4))
	if got, want := jids(t, db, testDomain), []string{user(1).JID, user(2).JID, user(4).JID}; !slices.Equal(got, want) {
		t.Errorf("users: got %q, want %q", got, want)
	}
}

// TestCommitAcrossCrash: the server is killed and started again before anybody can ask what became of a commit. Who wrote is told once it is
// back; other writes meanwhile are refused at once.
func TestCommitAcrossCrash(t *testing.T) {
	t.Parallel()
	db, way, server := onWay(t)
	write(t, db, touch(1))
	way.Next(realservers.PostgresNoReply)
	answer := make(chan error, 1)
	go func() { answer <- db.Write(t.Context(), touch(2)) }()
	if err := way.Await(t.Context()); err != nil {
		t.Fatal(err)
	}
	server.Kill()
	for { // the connection that the commit broke may be made anew before the end of the server
		err := db.Write(t.Context(), touch(3))
		if err != nil {
			break
		}
	}
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-answer; err != nil {
		t.Errorf("the write that was made: got %v", err)
	}
}

// TestWriteHangs: a server that does not answer any more fails a write after some time, and the next one works once it answers again.
func TestWriteHangs(t *testing.T) {
	t.Parallel()
	db, way, _ := onWay(t)
	write(t, db, touch(1))
	way.Hang()
	if err := db.Write(t.Context(), touch(2)); err == nil || !strings.Contains(err.Error(), "does not answer") {
		t.Errorf("got %v, want an error that says that the database does not answer", err)
	}
	way.Mend()
	for db.Write(t.Context(), touch(3)) != nil && t.Context().Err() == nil {
	}
	if got := jids(t, db, testDomain); !slices.Contains(got, user(3).JID) || slices.Contains(got, user(2).JID) {
		t.Errorf("users: got %q", got)
	}
}

// TestCloseHangs: a server that does not answer does not hold up the end, and who waits for a write is told.
func TestCloseHangs(t *testing.T) {
	t.Parallel()
	db, way, _ := onWay(t)
	write(t, db, touch(1))
	way.Hang()
	answers := make(chan error, 2)
	for n := range 2 {
		go func() { answers <- db.Write(t.Context(), touch(2+n)) }()
	}
	if err := db.Close(); err == nil || !strings.Contains(err.Error(), "does not answer") {
		t.Errorf("close: got %v, want an error that says that the database does not answer", err)
	}
	for range 2 {
		if err := <-answers; err == nil {
			t.Error("a write was answered as if it were made")
		}
	}
}
