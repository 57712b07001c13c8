package store

import (
	"os"
	"testing"
	"time"
)

// TestAnswered: what was noted counts for the next process, and only for that one.
func TestAnswered(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, opts Options) {
		opts.Answered = t.TempDir() + "/answered"
		const other = "b.example"
		said := Answered{Stored: 1, Routed: 7, At: time.Hour, Up: -time.Hour}
		reopen := func(db *DB, o Options) *DB {
			t.Helper()
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			return openTest(t, o)
		}
		want := func(db *DB, domain string, want Answered) {
			t.Helper()
			if got := db.Answered(domain); got != want {
				t.Errorf("%s: got %+v, want %+v", domain, got, want)
			}
		}
		note := func(db *DB, domain string, a Answered) {
			t.Helper()
			if err := db.NoteAnswered(domain, a); err != nil {
				t.Fatal(err)
			}
			want(db, domain, a)
		}
		db := openTest(t, opts)
		want(db, testDomain, Answered{})
		note(db, testDomain, Answered{Stored: 1, Routed: 2})
		note(db, other, Answered{Stored: 3, Routed: 3})
		note(db, testDomain, said)
		db = reopen(db, opts)
		want(db, testDomain, said)
		want(db, other, Answered{Stored: 3, Routed: 3})
		db = reopen(db, opts) // which has noted nothing
		want(db, testDomain, said)

		// A number that was answered for is given to no other stanza.
		write(t, db, func(tx *Tx) error { return tx.Send(outgoing(1, "a")) })
		if page, err := db.Outgoing(t.Context(), testDomain, 0); err != nil || len(page) != 1 || page[0].Number <= said.Routed {
			t.Errorf("the next stanza is %+v, %v", page, err)
		}

		// A process without the file comes between: what it has sent has the numbers of others.
		without := opts
		without.Answered = t.TempDir() + "/answered"
		db = reopen(reopen(db, without), opts)
		want(db, testDomain, Answered{})
		note(db, testDomain, said)

		// The machine ends: what is in the file may be newer than what servers have on their disks.
		db.answered.boot = "another"
		note(db, testDomain, said)
		db = reopen(db, opts)
		want(db, testDomain, Answered{})
		note(db, testDomain, said)

		if err := os.WriteFile(opts.Answered, []byte("not ours"), 0o600); err != nil {
			t.Fatal(err)
		}
		want(reopen(db, opts), testDomain, Answered{})
	})
}

// TestAnsweredBetween: a process is killed while it takes over what the one before has noted.
func TestAnsweredBetween(t *testing.T) {
	t.Parallel()
	opts := testOptions(t)
	said := Answered{Stored: 5, Routed: 6}
	db := openTest(t, opts)
	if err := db.NoteAnswered(testDomain, said); err != nil {
		t.Fatal(err)
	}
	// It has written the file, and not the database.
	r := answeredRecord{Domain: testDomain, Run: db.answered.run, Next: "killed", Boot: db.answered.boot, Answered: said}
	if err := db.answered.write(r, 0); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if got := openTest(t, opts).Answered(testDomain); got != said {
		t.Errorf("got %+v, want %+v", got, said)
	}
}

// TestAnsweredRoom: the file has a bound, and so has a name in it.
func TestAnsweredRoom(t *testing.T) {
	t.Parallel()
	db := openTest(t, testOptions(t))
	for i := range maxAnswered {
		if err := db.NoteAnswered(string(rune('a'+i)), Answered{Stored: 1}); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.NoteAnswered("one more", Answered{Stored: 1}); err == nil {
		t.Error("there was room for one more domain")
	}
	long := make([]byte, answeredSlot)
	if err := db.NoteAnswered(string(long), Answered{Stored: 1}); err == nil {
		t.Error("a name without an end was taken")
	}
}
