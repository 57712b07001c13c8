package store

import (
	"fmt"
	"testing"
	"time"
)

func testLinks(t *testing.T, db *DB, clock *testClock) {
	link := func(n int) Link {
		return Link{UserID: user(n), Command: "configure", Target: "irc.example", ExpiresAt: clock.now.Add(10 * time.Minute)}
	}
	works := func(token Secret) bool {
		t.Helper()
		l, ok, err := db.Link(t.Context(), token)
		if err != nil || ok && l.Command != "configure" {
			t.Fatalf("link %s: %+v, %v", token.Reveal(), l, err)
		}
		return ok
	}
	take := func(token Secret) (taken bool) {
		t.Helper()
		write(t, db, func(tx *Tx) (err error) { taken, err = tx.TakeLink(token); return err })
		return taken
	}
	want := link(1)
	write(t, db, func(tx *Tx) error { return tx.AddLink("one", want) })
	if got, ok, err := db.Link(t.Context(), "one"); err != nil || !ok || got != want {
		t.Errorf("got %+v, %v, %v, want %+v", got, ok, err, want)
	}
	if works("other") || take("other") {
		t.Error("a link that nobody made works")
	}
	if !works("one") || !take("one") || works("one") || take("one") {
		t.Error("it does not work just once")
	}
	// What was taken for nothing is put back, whatever came meanwhile, unless its user was removed.
	write(t, db, func(tx *Tx) error { return tx.AddLink("other", link(2)) })
	back := func() { write(t, db, func(tx *Tx) error { return tx.ReturnLink("one") }) }
	back()
	back()
	if !works("one") || !take("one") {
		t.Error("it was put back and does not work")
	}
	write(t, db, func(tx *Tx) error { return tx.RemoveUser(user(1)) })
	if back(); works("one") {
		t.Error("a link of somebody who was removed works")
	}
	write(t, db, func(tx *Tx) error { return tx.AddLink("one", want) })
	clock.advance(10 * time.Minute)
	if works("one") || take("one") {
		t.Error("it works after its time")
	}
	// A user has a few at a time, and they take none of another user.
	write(t, db, func(tx *Tx) error { return tx.AddLink("of another", link(2)) })
	for i := range maxLinks + 1 {
		clock.advance(time.Second)
		write(t, db, func(tx *Tx) error { return tx.AddLink(Secret(fmt.Sprint(i)), link(1)) })
	}
	if works("0") || !works("1") || !works(Secret(fmt.Sprint(maxLinks))) || !works("of another") {
		t.Error("other links than the first of too many ended")
	}
	if n := count(t, db, "links"); n != maxLinks+1 {
		t.Errorf("there are %d links: those that expired were not deleted", n)
	}
	var open bool
	err := db.pool.read.QueryRowContext(t.Context(), `SELECT EXISTS (SELECT 1 FROM links WHERE hash LIKE '%another%')`).Scan(&open)
	if err != nil || open {
		t.Errorf("the token is in the database: %v, %v", open, err)
	}
}
