package store

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// contactContract is what every database must do with contacts and blocks.
var contactContract = []behaviour{
	{"contacts are added and removed", testContacts},
	{"addresses are blocked and unblocked", testBlocks},
	{"contacts and blocks have limits", testContactLimits},
}

func wantContacts(t *testing.T, db *DB, n int, want ...string) {
	t.Helper()
	got, err := db.Contacts(t.Context(), user(n))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("contacts of user %d (-want +got):\n%s", n, diff)
	}
}

func wantBlocks(t *testing.T, db *DB, n int, want ...string) {
	t.Helper()
	got, err := db.Blocks(t.Context(), user(n))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("blocks of user %d (-want +got):\n%s", n, diff)
	}
}

func testContacts(t *testing.T, db *DB, _ *testClock) {
	wantContacts(t, db, 1)
	write(t, db, func(tx *Tx) error {
		return errors.Join(tx.AddContact(Contact{user(1), "bob%net"}), tx.AddContact(Contact{user(1), ""}), tx.AddContact(Contact{user(1), "bob%net"}),
			tx.AddContact(Contact{user(2), "carol%net"}), tx.AddContact(Contact{UserID{"other.example.org", user(1).JID}, "elsewhere"}))
	})
	wantContacts(t, db, 1, "", "bob%net")
	var all []Contact
	for after := (Contact{UserID: UserID{Domain: testDomain}}); ; after = all[len(all)-1] {
		page, err := db.ContactsAfter(t.Context(), after, 1)
		if err != nil {
			t.Fatal(err)
		}
		if all = append(all, page...); len(page) == 0 {
			break
		}
	}
	if diff := cmp.Diff([]Contact{{user(1), ""}, {user(1), "bob%net"}, {user(2), "carol%net"}}, all); diff != "" {
		t.Errorf("all contacts (-want +got):\n%s", diff)
	}
	write(t, db, func(tx *Tx) error {
		return errors.Join(tx.RemoveContact(Contact{user(1), ""}), tx.RemoveContact(Contact{user(1), "nobody"}))
	})
	wantContacts(t, db, 1, "bob%net")
	wantContacts(t, db, 2, "carol%net")
}

func testBlocks(t *testing.T, db *DB, _ *testClock) {
	write(t, db, func(tx *Tx) error {
		return errors.Join(tx.Block(Block{user(1), "spam%net@" + testDomain}), tx.Block(Block{user(1), testDomain}), tx.Block(Block{user(1), testDomain}),
			tx.Block(Block{user(1), "#a%net@" + testDomain + "/Spam"}), tx.Block(Block{user(2), testDomain}))
	})
	wantBlocks(t, db, 1, "#a%net@"+testDomain+"/Spam", testDomain, "spam%net@"+testDomain)
	write(t, db, func(tx *Tx) error {
		return errors.Join(tx.Unblock(Block{user(1), testDomain}), tx.Unblock(Block{user(1), "nobody"}))
	})
	wantBlocks(t, db, 1, "#a%net@"+testDomain+"/Spam", "spam%net@"+testDomain)
	write(t, db, func(tx *Tx) error { return tx.UnblockAll(user(1)) })
	wantBlocks(t, db, 1)
	wantBlocks(t, db, 2, testDomain)
}

func testContactLimits(t *testing.T, db *DB, _ *testClock) {
	for name, f := range map[string]func(*Tx) error{
		"a long contact": func(tx *Tx) error { return tx.AddContact(Contact{user(1), strings.Repeat("x", maxPart+1)}) },
		"no user":        func(tx *Tx) error { return tx.AddContact(Contact{UserID{}, "x"}) },
		"a long block":   func(tx *Tx) error { return tx.Block(Block{user(1), strings.Repeat("x", maxJID+maxPart+2)}) },
		"an empty block": func(tx *Tx) error { return tx.Block(Block{user(1), ""}) },
	} {
		if err := db.Write(t.Context(), f); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}
