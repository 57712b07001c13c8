package store

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

var outboxContract = []behaviour{
	{"stanzas are sent in the order of commits", testOutgoingOrder},
	{"what was sent is forgotten", testSent},
	{"numbers of stanzas are not given twice", testOutgoingNumbers},
	{"pages of stanzas are bounded", testOutgoingPages},
	{"stanzas have limits", testOutgoingLimits},
}

func outgoing(n int, text string) *Outgoing {
	return &Outgoing{UserID: user(n), Letter: "l" + text, Message: "m" + text, Stanza: "<" + text + "/>", Time: testStart}
}

// outgoingTexts are what is to be sent behind a number.
func outgoingTexts(t *testing.T, db *DB, domain string, after OutgoingNumber) []string {
	t.Helper()
	page, err := db.Outgoing(t.Context(), domain, after)
	if err != nil {
		t.Fatal(err)
	}
	texts := []string{}
	for _, o := range page {
		texts = append(texts, strings.Trim(o.Stanza, "</>"))
	}
	return texts
}

func testOutgoingOrder(t *testing.T, db *DB, _ *testClock) {
	first := outgoing(2, "a")
	write(t, db, func(tx *Tx) error { return errors.Join(tx.Send(first), tx.Send(outgoing(1, "b"))) })
	elsewhere := outgoing(1, "x")
	elsewhere.Domain = "mail.example.org"
	write(t, db, func(tx *Tx) error { return tx.Send(elsewhere) })
	if err := db.Write(t.Context(), func(tx *Tx) error { return errors.Join(tx.Send(outgoing(1, "no")), errors.New("no")) }); err == nil {
		t.Error("a failed write gave no error")
	}
	write(t, db, func(tx *Tx) error { return tx.Send(outgoing(2, "c")) })
	if got, want := outgoingTexts(t, db, testDomain, 0), []string{"a", "b", "c"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	page, err := db.Outgoing(t.Context(), testDomain, 0)
	if err != nil {
		t.Fatal(err)
	}
	if page[0] != *first || first.Number == 0 {
		t.Errorf("got %+v, want %+v", page[0], *first)
	}
	if got, want := outgoingTexts(t, db, testDomain, page[0].Number), []string{"b", "c"}; !slices.Equal(got, want) {
		t.Errorf("behind the first: got %q, want %q", got, want)
	}
	last, err := db.LastOutgoing(t.Context())
	if err != nil || last != page[2].Number {
		t.Errorf("the last is %d, %v, want %d", last, err, page[2].Number)
	}
}

func testSent(t *testing.T, db *DB, _ *testClock) {
	elsewhere := outgoing(1, "x")
	elsewhere.Domain = "mail.example.org"
	write(t, db, func(tx *Tx) error {
		return errors.Join(tx.Send(outgoing(1, "a")), tx.Send(elsewhere), tx.Send(outgoing(1, "b")), tx.Send(outgoing(1, "c")))
	})
	page, err := db.Outgoing(t.Context(), testDomain, 0)
	if err != nil {
		t.Fatal(err)
	}
	write(t, db, func(tx *Tx) error { return tx.Sent(testDomain, page[0].Number, page[1].Number) })
	if got, want := outgoingTexts(t, db, testDomain, 0), []string{"a", "c"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	write(t, db, func(tx *Tx) error { return tx.Sent(testDomain, 0, page[2].Number) })
	if got := outgoingTexts(t, db, testDomain, 0); len(got) != 0 {
		t.Errorf("got %q, want none", got)
	}
	if got, want := outgoingTexts(t, db, elsewhere.Domain, 0), []string{"x"}; !slices.Equal(got, want) {
		t.Errorf("elsewhere: got %q, want %q", got, want)
	}
}

func testOutgoingNumbers(t *testing.T, db *DB, _ *testClock) {
	var last OutgoingNumber
	for range 3 {
		write(t, db, func(tx *Tx) error { return tx.Send(outgoing(1, "a")) })
		page, err := db.Outgoing(t.Context(), testDomain, 0)
		if err != nil || len(page) != 1 {
			t.Fatalf("got %v, %v, want one", page, err)
		}
		if page[0].Number <= last {
			t.Errorf("the number %d came after %d", page[0].Number, last)
		}
		last = page[0].Number
		write(t, db, func(tx *Tx) error { return tx.Sent(testDomain, 0, last) })
	}
}

// TestOutgoingNumbersGoOn: what waits when a process starts comes before what is written then.
func TestOutgoingNumbersGoOn(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, opts Options) {
		db := openTest(t, opts)
		write(t, db, func(tx *Tx) error { return errors.Join(tx.Send(outgoing(1, "a")), tx.Send(outgoing(1, "b"))) })
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		db = openTest(t, opts)
		write(t, db, func(tx *Tx) error { return tx.Send(outgoing(1, "c")) })
		if got, want := outgoingTexts(t, db, testDomain, 0), []string{"a", "b", "c"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func testOutgoingPages(t *testing.T, db *DB, _ *testClock) {
	write(t, db, func(tx *Tx) error {
		for i := range outgoingRows + 1 {
			if err := tx.Send(outgoing(1, fmt.Sprint(i))); err != nil {
				return err
			}
		}
		return nil
	})
	if got := outgoingTexts(t, db, testDomain, 0); len(got) != outgoingRows {
		t.Errorf("a page of small stanzas has %d, want %d", len(got), outgoingRows)
	}
	write(t, db, func(tx *Tx) error {
		large := outgoing(1, strings.Repeat("x", MaxOutgoing-3))
		large.Letter, large.Message = "", ""
		return errors.Join(tx.Sent(testDomain, 0, *tx.lastOutgoing), tx.Send(large), tx.Send(large), tx.Send(large))
	})
	if got := outgoingTexts(t, db, testDomain, 0); len(got) != 2 {
		t.Errorf("a page of large stanzas has %d, want 2", len(got))
	}
}

func testOutgoingLimits(t *testing.T, db *DB, _ *testClock) {
	for name, o := range map[string]*Outgoing{
		"no user":   {Stanza: "<a/>"},
		"no JID":    {UserID: UserID{Domain: testDomain}},
		"large":     {UserID: user(1), Stanza: strings.Repeat("x", MaxOutgoing+1)},
		"a NUL":     outgoing(1, "a\x00"),
		"a long id": {UserID: user(1), Letter: strings.Repeat("x", maxPart+1)},
	} {
		if err := db.Write(t.Context(), func(tx *Tx) error { return tx.Send(o) }); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
