package store

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// redirectContract is what every database must do with redirects.
var redirectContract = []behaviour{
	{"redirects and their aliases", testRedirects},
	{"messages wait once", testRedirectLines},
	{"a redirect ends with all that waits", testDropRedirect},
	{"codes are counted", testRedirectAsked},
	{"what was mailed is forgotten in time", testCollectRedirects},
}

func redirect(n int) Redirect {
	return Redirect{
		UserID: user(n), Mailbox: "me@example.net", State: RedirectOn, Alias: fmt.Sprint("alias", n), Rules: "do always", Settings: "{}", Code: "c",
		CodedAt: testStart, Tries: 1, Failures: 2, FailedAt: testStart, Dropped: 3,
	}
}

func testRedirects(t *testing.T, db *DB, _ *testClock) {
	write(t, db, func(tx *Tx) error { return errors.Join(tx.SetRedirect(redirect(1)), tx.SetRedirect(redirect(2))) })
	changed := redirect(2)
	changed.Mailbox, changed.State = "other@example.net", RedirectPaused
	write(t, db, func(tx *Tx) error { return tx.SetRedirect(changed) })
	if got, ok, err := db.Redirect(t.Context(), user(2)); err != nil || !ok || !cmp.Equal(got, changed) {
		t.Errorf("got %+v, %v, %v, want %+v", got, ok, err, changed)
	}
	if _, ok, err := db.Redirect(t.Context(), user(3)); err != nil || ok {
		t.Errorf("somebody without one has one: %v", err)
	}
	for alias, want := range map[string]UserID{"alias1": user(1), "alias2": user(2), "alias3": {}} {
		if got, _, err := db.RedirectByAlias(t.Context(), testDomain, alias); err != nil || got.UserID != want {
			t.Errorf("%s is of %v, %v, want %v", alias, got.UserID, err, want)
		}
	}
	all, err := db.RedirectsAfter(t.Context(), testDomain, user(1).JID, 10)
	if err != nil || len(all) != 1 || all[0].UserID != user(2) {
		t.Errorf("got %+v, %v", all, err)
	}
	stolen := redirect(3)
	stolen.Alias = "alias1"
	if err := db.Write(t.Context(), func(tx *Tx) error { return tx.SetRedirect(stolen) }); err == nil {
		t.Error("two users have the same alias")
	}
}

func testRedirectLines(t *testing.T, db *DB, clock *testClock) {
	line := func(n int) RedirectLine {
		return RedirectLine{
			UserID: user(1), Peer: "bob@x", XMPPID: fmt.Sprint("x", n), ArchiveID: fmt.Sprint("a", n), Hash: fmt.Sprint("h", n), Copy: fmt.Sprint("copy", n),
			Partial: n == 2, SaidAt: clock.now.Add(time.Duration(n) * time.Second), TakenAt: clock.now,
		}
	}
	ids := map[int]int64{}
	write(t, db, func(tx *Tx) (err error) {
		if err := tx.SetRedirect(redirect(1)); err != nil {
			return err
		}
		for n := 1; n <= 3 && err == nil; n++ {
			ids[n], err = tx.AddRedirectLine(line(n))
		}
		talk := RedirectTalk{UserID: user(1), Peer: "bob@x", Job: 7, Due: clock.now, Edits: 3, Waiting: 3, More: 1, MessageID: "m@x", Refs: "r@x"}
		return errors.Join(err, tx.SetRedirectTalk(talk))
	})
	write(t, db, func(tx *Tx) error {
		for _, c := range []struct {
			key  RedirectLineKey
			want int
		}{
			{RedirectLineKey{ArchiveID: "a2", Peer: "bob@x"}, 2},
			{RedirectLineKey{ArchiveID: "a2", Peer: "eve@x"}, 0},
			{RedirectLineKey{XMPPID: "x1", Peer: "bob@x"}, 1},
			{RedirectLineKey{XMPPID: "x1", Peer: "bob@x", Author: "nick"}, 0},
			{RedirectLineKey{Hash: "h3", Since: clock.now.Add(-time.Second)}, 3},
			{RedirectLineKey{Hash: "h3", Since: clock.now}, 0},
			{RedirectLineKey{Hash: "h2", Since: clock.now.Add(-time.Second), Said: clock.now, Near: 2 * time.Second}, 2},
			{RedirectLineKey{Hash: "h2", Since: clock.now.Add(-time.Second), Said: clock.now, Near: time.Second}, 0},
			{RedirectLineKey{Hash: "h3", Since: clock.now.Add(-time.Second), Said: clock.now, Near: time.Hour}, 0},
		} {
			got, ok, err := tx.RedirectLine(user(1), c.key)
			if err != nil || ok != (c.want != 0) || got.ID != ids[c.want] {
				t.Errorf("%+v: got %+v, %v, %v", c.key, got, ok, err)
			}
		}
		for known, want := range map[bool]int{false: 1, true: 0} {
			if talks, lines, err := tx.CountRedirect(user(1), known); talks != want || lines != 3*want || err != nil {
				t.Errorf("known %v: counted %d and %d, %v", known, talks, lines, err)
			}
		}
		whole := line(2)
		whole.ID, whole.Partial, whole.Copy = ids[2], false, "whole"
		if err := tx.ChangeRedirectLine(whole); err != nil {
			return err
		}
		if left, err := tx.EndRedirectLines(user(1), "bob@x", ids[1], time.Time{}); left != 2 || err != nil {
			t.Errorf("%d are left, %v", left, err)
		}
		return nil
	})
	got, err := db.RedirectLines(t.Context(), user(1), "bob@x")
	two, three := line(2), line(3)
	two.ID, two.Partial, two.Copy, three.ID = ids[2], false, "whole", ids[3]
	if want := []RedirectLine{two, three}; err != nil || !cmp.Equal(got, want) {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	if page, err := db.RedirectLinesAfter(t.Context(), user(1), ids[2]); err != nil || !cmp.Equal(page, []RedirectLine{three}) {
		t.Errorf("got %+v, %v", page, err)
	}
	write(t, db, func(tx *Tx) error {
		if left, err := tx.EndRedirectLines(user(1), "bob@x", 0, two.SaidAt); left != 1 || err != nil {
			t.Errorf("%d are left, %v", left, err)
		}
		if left, err := tx.EndRedirectLines(user(1), "bob@x", 0, time.Time{}); left != 0 || err != nil {
			t.Errorf("%d are left, %v", left, err)
		}
		// What was mailed is known still.
		if l, ok, err := tx.RedirectLine(user(1), RedirectLineKey{ArchiveID: "a3", Peer: "bob@x"}); err != nil || !ok || l.Copy != "" {
			t.Errorf("got %+v, %v, %v", l, ok, err)
		}
		return nil
	})
}

func testDropRedirect(t *testing.T, db *DB, clock *testClock) {
	write(t, db, func(tx *Tx) error { return errors.Join(addRedirect(tx, user(1)), addRedirect(tx, user(2))) })
	if talks, err := db.RedirectTalksAfter(t.Context(), user(1), ""); err != nil || len(talks) != 1 || talks[0].Peer != "bob@x" {
		t.Errorf("its conversations are %+v, %v", talks, err)
	}
	if mails, err := db.RedirectMailsAfter(t.Context(), user(1), 0); err != nil || len(mails) != 1 || mails[0].Peer != "bob@x" {
		t.Errorf("its mails are %+v, %v", mails, err)
	} else if m, ok, err := db.RedirectMail(t.Context(), mails[0].Mail); err != nil || !ok || m != mails[0] {
		t.Errorf("got %+v, %v, %v, want %+v", m, ok, err, mails[0])
	}
	times, err := db.RedirectMailTimes(t.Context(), user(1), clock.now.Add(-time.Hour), 10)
	if err != nil || len(times) != 1 || !times[0].Equal(clock.now) {
		t.Errorf("it has mailed at %v, %v", times, err)
	}
	write(t, db, func(tx *Tx) error {
		for _, want := range []bool{true, false} {
			if was, err := tx.DropRedirect(user(1)); was != want || err != nil {
				t.Errorf("there was one: %v, %v, want %v", was, err, want)
			}
		}
		return nil
	})
	for _, table := range []string{"redirects", "redirect_talks", "redirect_lines", "redirect_mails", "mail_out"} {
		if n := count(t, db, table); n != 1 {
			t.Errorf("%s has %d rows, not that of the other user", table, n)
		}
	}
}

func testRedirectAsked(t *testing.T, db *DB, clock *testClock) {
	write(t, db, func(tx *Tx) error { return errors.Join(tx.AskRedirect("user", "mailbox"), tx.AskRedirect("user")) })
	write(t, db, func(tx *Tx) error {
		for who, want := range map[string]int{"user": 2, "mailbox": 1, "other": 0} {
			if n, err := tx.CountRedirectAsked(who, clock.now.Add(-time.Hour)); n != want || err != nil {
				t.Errorf("%s: counted %d, %v, want %d", who, n, err, want)
			}
		}
		if n, err := tx.CountRedirectAsked("user", clock.now); n != 0 || err != nil {
			t.Errorf("counted %d, %v", n, err)
		}
		for _, want := range []bool{false, true} {
			if refused, err := tx.RefusesRedirect("mailbox"); refused != want || err != nil {
				t.Errorf("refused: %v, %v, want %v", refused, err, want)
			}
			if err := errors.Join(tx.RefuseRedirect("mailbox"), tx.RefuseRedirect("mailbox")); err != nil {
				return err
			}
		}
		return nil
	})
}

func testCollectRedirects(t *testing.T, db *DB, clock *testClock) {
	write(t, db, func(tx *Tx) error { return errors.Join(addRedirect(tx, user(1)), tx.AskRedirect("user")) })
	collect := func() {
		t.Helper()
		write(t, db, func(tx *Tx) error {
			more, err := tx.CollectRedirects(clock.now, clock.now, clock.now)
			if more {
				t.Error("there is more")
			}
			return err
		})
	}
	collect() // what waits stays
	for table, want := range map[string]int{"redirect_lines": 1, "redirect_talks": 1, "redirect_asked": 0} {
		if n := count(t, db, table); n != want {
			t.Errorf("%s has %d rows, want %d", table, n, want)
		}
	}
	write(t, db, func(tx *Tx) error {
		_, err := tx.EndRedirectLines(user(1), "bob@x", 0, time.Time{})
		return errors.Join(err, tx.SetRedirectTalk(RedirectTalk{UserID: user(1), Peer: "bob@x"}))
	})
	collect()
	for _, table := range []string{"redirect_lines", "redirect_talks"} {
		if n := count(t, db, table); n != 0 {
			t.Errorf("%s has %d rows", table, n)
		}
	}
}

// addRedirect gives a user a row in each table of redirects, see testRemoveUser.
func addRedirect(tx *Tx, id UserID) error {
	err := tx.SetRedirect(Redirect{UserID: id, Mailbox: "m@x", Alias: id.JID})
	mail := int64(0)
	if err == nil {
		_, err = tx.AddRedirectLine(RedirectLine{UserID: id, Peer: "bob@x", Copy: "{}"})
	}
	if err == nil {
		mail, err = tx.AddMailOut(MailOut{UserID: id, MessageID: "m@x"})
	}
	return errors.Join(err, tx.SetRedirectTalk(RedirectTalk{UserID: id, Peer: "bob@x", Waiting: 1}),
		tx.AddRedirectMail(RedirectMail{Mail: mail, UserID: id, Mailbox: "m@x", Peer: "bob@x"}))
}
