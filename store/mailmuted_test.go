package store

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

func testMailMuted(t *testing.T, db *DB, clock *testClock) {
	since := clock.now
	write(t, db, func(tx *Tx) error {
		for n := 1; n <= 2; n++ {
			if err := tx.MeetMailContact(MailContact{UserID: user(n), Contact: "bob@x", Mailbox: "bob@x"}); err != nil {
				return err
			}
		}
		return tx.MuteMailContact(user(1), "bob@x", since)
	})
	muted := func(n int) time.Time {
		t.Helper()
		c, ok, err := db.MailContact(t.Context(), user(n), "bob@x")
		s, err2 := db.MailStanding(t.Context(), user(n), "s", [3]string{"bob@x"})
		if err != nil || err2 != nil || !ok || !s.Contacts["bob@x"].Muted.Equal(c.Muted) {
			t.Errorf("got %+v and %+v, %v, %v", c, s, err, err2)
		}
		return c.Muted
	}
	if got := muted(1); !got.Equal(since) {
		t.Errorf("muted since %v, want %v", got, since)
	}
	if got := muted(2); !got.IsZero() {
		t.Errorf("somebody else's is muted since %v", got)
	}
	clock.advance(time.Hour)
	write(t, db, func(tx *Tx) error {
		for i := range 5 {
			if err := tx.AddMailMessage(MailMessage{UserID: user(1), Contact: "bob@x", XMPPID: fmt.Sprint(i), Muted: map[bool]string{true: "bob@x"}[i > 0]}); err != nil {
				return err
			}
		}
		if _, err := tx.CollectMail(clock.now.Add(-time.Minute)); err != nil {
			return err
		}
		return tx.MeetMailContact(MailContact{UserID: user(1), Contact: "bob@x", Mailbox: "bob@x", Name: "Bob"})
	})
	if got := muted(1); !got.Equal(since) {
		t.Errorf("who is muted and unknown is muted since %v after a collection, want %v", got, since)
	}
	take := func(n int, want ...string) (all int64) {
		t.Helper()
		var ids []string
		write(t, db, func(tx *Tx) error {
			last, came, err := tx.TakeMailMuted(user(n), "bob@x", 3)
			for i := range last {
				ids = append(ids, last[i].XMPPID)
			}
			all = came
			return err
		})
		if !slices.Equal(ids, want) {
			t.Errorf("got the letters %q, want %q", ids, want)
		}
		return all
	}
	take(2)
	if n := take(1, "2", "3", "4"); n != 4 {
		t.Errorf("%d came, want 4", n)
	}
	if n := take(1); n != 0 {
		t.Errorf("%d are taken again", n)
	}
	write(t, db, func(tx *Tx) error { return tx.MuteMailContact(user(1), "bob@x", time.Time{}) })
	if got := muted(1); !got.IsZero() {
		t.Errorf("it is muted since %v still", got)
	}
}
