package store

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// mailContract is what every database must do with mail.
var mailContract = []behaviour{
	{"mail is kept for who has not got it", testMailIn},
	{"a mail is written line by line", testMailOut},
	{"a mail that changed is not composed", testMailEdits},
	{"what became of a mail leads forward", testMailRecipients},
	{"letters are found by what they are called", testMailMessages},
	{"contacts of mail", testMailContacts},
	{"how a user stands towards who writes to him", testMailStanding},
	{"mail of strangers waits", testMailWaiting},
	{"letters of who is muted are kept apart", testMailMuted},
}

func testMailIn(t *testing.T, db *DB, clock *testClock) {
	var id int64
	m := MailIn{Domain: testDomain, Envelope: "{}", Raw: []byte{0, 255}, Open: 2, KeepUntil: clock.now.Add(time.Hour), ReceivedAt: clock.now}
	write(t, db, func(tx *Tx) (err error) { id, err = tx.AddMailIn(m); return err })
	m.ID = id
	if got, ok, err := db.MailIn(t.Context(), id); err != nil || !ok || !cmp.Equal(got, m) {
		t.Errorf("got %+v, %v, %v, want %+v", got, ok, err, m)
	}
	collect := func(want bool) {
		t.Helper()
		write(t, db, func(tx *Tx) error { _, err := tx.CollectMail(clock.now.Add(-time.Hour)); return err })
		if _, ok, err := db.MailIn(t.Context(), id); err != nil || ok != want {
			t.Errorf("it is there: %v, %v, want %v", ok, err, want)
		}
	}
	clock.advance(2 * time.Hour)
	write(t, db, func(tx *Tx) error { return tx.CloseMailIn(id) })
	collect(true)
	write(t, db, func(tx *Tx) error { return errors.Join(tx.CloseMailIn(id), tx.CloseMailIn(id)) })
	collect(false)
	var next int64
	write(t, db, func(tx *Tx) (err error) { next, err = tx.AddMailIn(m); return err })
	if next <= id {
		t.Errorf("the id %d is used again", next)
	}
}

// begin begins a mail of two lines.
func begin(t *testing.T, db *DB) (id int64) {
	t.Helper()
	write(t, db, func(tx *Tx) (err error) {
		if id, err = tx.AddMailOut(MailOut{UserID: user(1), Contact: "bob@x", MessageID: "m@x", Bundle: "b", Head: "{}"}); err != nil {
			return err
		}
		return errors.Join(tx.SetMailJob(id, 7),
			tx.AddMailLine(MailLine{Mail: id, XMPPID: "1", Client: "a@b/c", Receipt: true, Letter: "one"}),
			tx.AddMailLine(MailLine{Mail: id, XMPPID: "2", Client: "a@b/c", Letter: "two"}))
	})
	return id
}

func testMailOut(t *testing.T, db *DB, clock *testClock) {
	id := begin(t, db)
	want := MailOut{ID: id, UserID: user(1), Contact: "bob@x", MessageID: "m@x", Bundle: "b", Head: "{}", Job: 7, Edits: 2, BegunAt: clock.now}
	if got, ok, err := db.MailOut(t.Context(), id); err != nil || !ok || !cmp.Equal(got, want) {
		t.Errorf("got %+v, %v, %v, want %+v", got, ok, err, want)
	}
	write(t, db, func(tx *Tx) error {
		if got, ok, err := tx.GatheringMail(user(1), "bob@x"); err != nil || !ok || got.ID != id {
			t.Errorf("it is not found: %+v, %v, %v", got, ok, err)
		}
		if _, ok, err := tx.GatheringMail(user(2), "bob@x"); err != nil || ok {
			t.Errorf("it is found for another: %v, %v", ok, err)
		}
		return nil
	})
	lines, err := db.MailLines(t.Context(), id)
	if want := []MailLine{{id, 1, "1", "a@b/c", true, "one"}, {id, 2, "2", "a@b/c", false, "two"}}; err != nil || !cmp.Equal(lines, want) {
		t.Errorf("got %+v, %v, want %+v", lines, err, want)
	}
	if n := pending(t, db); n != 1 {
		t.Errorf("%d mails wait", n)
	}
	write(t, db, func(tx *Tx) error {
		for _, c := range []struct {
			id, letter string
			found      bool
			left       int
		}{{"1", "ONE", true, 2}, {"3", "x", false, 2}, {"1", "", true, 1}, {"1", "", false, 1}, {"2", "", true, 0}} {
			if found, left, err := tx.ChangeMailLine(id, c.id, c.letter); err != nil || found != c.found || left != c.left {
				t.Errorf("%+v: got %v, %d, %v", c, found, left, err)
			}
		}
		return tx.DropMailOut(id)
	})
	if n := pending(t, db); n != 0 {
		t.Errorf("%d mails wait that are gone", n)
	}
}

func pending(t *testing.T, db *DB) int {
	t.Helper()
	all, err := db.PendingMail(t.Context(), user(1), 10)
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

func testMailEdits(t *testing.T, db *DB, _ *testClock) {
	id := begin(t, db)
	write(t, db, func(tx *Tx) error {
		if _, _, err := tx.ChangeMailLine(id, "1", "ONE"); err != nil {
			return err
		}
		for _, c := range []struct {
			edits int64
			want  bool
		}{{2, false}, {3, true}, {3, false}} {
			if same, err := tx.ComposeMail(id, c.edits, []byte("raw"), []string{"bob@x"}); err != nil || same != c.want {
				t.Errorf("%+v: got %v, %v", c, same, err)
			}
		}
		if _, ok, err := tx.GatheringMail(user(1), "bob@x"); err != nil || ok {
			t.Errorf("it takes further lines: %v, %v", ok, err)
		}
		return nil
	})
	if got, _, err := db.MailOut(t.Context(), id); err != nil || string(got.Raw) != "raw" {
		t.Errorf("got %q, %v", got.Raw, err)
	}
}

func testMailRecipients(t *testing.T, db *DB, clock *testClock) {
	id := begin(t, db)
	write(t, db, func(tx *Tx) error {
		_, err := tx.ComposeMail(id, 2, []byte("raw"), []string{"a@x", "b@x"})
		return err
	})
	set := func(who string, state MailState, want bool) {
		t.Helper()
		write(t, db, func(tx *Tx) error {
			news, err := tx.SetMailRecipient(id, who, state, "said")
			if news != want {
				t.Errorf("%s to %v: news %v, want %v", who, state, news, want)
			}
			return errors.Join(err, tx.EmptyMailOut(id))
		})
	}
	raw := func(want string) {
		t.Helper()
		if got, _, err := db.MailOut(t.Context(), id); err != nil || string(got.Raw) != want || !got.Composed {
			t.Errorf("got %q, %v, want %q", got.Raw, err, want)
		}
	}
	set("a@x", MailDelayed, true)
	set("a@x", MailDelayed, false)
	set("a@x", MailSent, true)
	set("a@x", MailQueued, false)
	raw("raw")
	if n := pending(t, db); n != 1 {
		t.Errorf("%d mails wait", n)
	}
	collect := func() {
		write(t, db, func(tx *Tx) error { _, err := tx.CollectMailOut(clock.now); return err })
	}
	collect()
	set("b@x", MailFailed, true)
	set("b@x", MailDelivered, false)
	set("c@x", MailSent, false)
	raw("")
	if n := pending(t, db); n != 0 {
		t.Errorf("%d mails wait that nobody is sent", n)
	}
	got, err := db.MailRecipients(t.Context(), id)
	if want := []MailRecipient{{"a@x", MailSent, "said"}, {"b@x", MailFailed, "said"}}; err != nil || !cmp.Equal(got, want) {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	write(t, db, func(tx *Tx) error {
		if n, err := tx.CountMailOut(user(1), clock.now.Add(-time.Second)); n != 1 || err != nil {
			t.Errorf("counted %d, %v", n, err)
		}
		if n, err := tx.CountMailOut(user(1), clock.now); n != 0 || err != nil {
			t.Errorf("counted %d, %v", n, err)
		}
		return nil
	})
	collect()
	if _, ok, err := db.MailOut(t.Context(), id); ok || err != nil {
		t.Errorf("it is still there: %v", err)
	}
}

func testMailMessages(t *testing.T, db *DB, clock *testClock) {
	m := MailMessage{
		UserID: user(1), Contact: "bob@x", XMPPID: "s1", MessageID: "m1@x", Thread: "t", Subject: "Hi", Refs: "r@x", Others: "[]", Hash: "h", Mail: 3,
	}
	own := m
	own.Outward, own.XMPPID, own.MessageID, own.Hash = true, "s2", "m2@x", ""
	write(t, db, func(tx *Tx) error { return errors.Join(tx.AddMailMessage(m), tx.AddMailMessage(own)) })
	for _, c := range []struct {
		key  MailKey
		want string
	}{
		{MailKey{XMPPID: "s1"}, "s1"},
		{MailKey{MessageID: "m2@x"}, "s2"},
		{MailKey{Thread: "t"}, "s2"},
		{MailKey{Contact: "bob@x"}, "s2"},
		{MailKey{XMPPID: "none", Thread: "t"}, ""},
	} {
		got, ok, err := db.MailMessage(t.Context(), user(1), c.key)
		if err != nil || ok != (c.want != "") || got.XMPPID != c.want {
			t.Errorf("%+v: got %+v, %v, %v", c.key, got, ok, err)
		}
		if _, ok, err := db.MailMessage(t.Context(), user(2), c.key); ok || err != nil {
			t.Errorf("%+v is found by another: %v", c.key, err)
		}
	}
	if _, _, err := db.MailMessage(t.Context(), user(1), MailKey{}); err == nil {
		t.Error("a letter is found by nothing")
	}
	write(t, db, func(tx *Tx) error {
		got, ok, err := tx.MailMessage(user(1), MailKey{XMPPID: "s1"})
		want := m
		want.ID, want.At = got.ID, clock.now
		if err != nil || !ok || got != want {
			t.Errorf("got %+v, %v, %v, want %+v", got, ok, err, want)
		}
		for _, c := range []struct {
			id, hash string
			since    time.Time
			want     bool
		}{
			{"m1@x", "h", clock.now.Add(-time.Hour), true},
			{"m1@x", "h", clock.now, false},
			{"m1@x", "other", clock.now.Add(-time.Hour), false},
			{"m2@x", "", clock.now.Add(-time.Hour), false},
		} {
			for id, want := range map[string]bool{"s1": true, "s3": false} {
				if came, taken, err := tx.MailCame(user(1), c.id, c.hash, c.since, id); err != nil || came != c.want || taken != want {
					t.Errorf("%+v, %s: got %v, %v, %v", c, id, came, taken, err)
				}
			}
		}
		return tx.DropMailMessage(user(1), 3, "s2")
	})
	if _, ok, err := db.MailMessage(t.Context(), user(1), MailKey{XMPPID: "s2"}); ok || err != nil {
		t.Errorf("a letter that was dropped is there: %v", err)
	}
}

func testMailContacts(t *testing.T, db *DB, clock *testClock) {
	meet := func(contact, mailbox, name string, state MailContactState) {
		t.Helper()
		clock.advance(time.Second)
		write(t, db, func(tx *Tx) error {
			return tx.MeetMailContact(MailContact{UserID: user(1), Contact: contact, Mailbox: mailbox, Name: name, State: state})
		})
	}
	meet("bob@x", "bob@x", "Bob_", MailKnown)
	meet("bob@x", "Bob@x", "", MailWaits)
	meet("eve@x", "eve@x", "Eve", MailWaits)
	meet("zoe@x", "zoe@x", "", MailWaits)
	write(t, db, func(tx *Tx) error {
		return errors.Join(tx.NumberMailContact(user(1), "eve@x"), tx.NumberMailContact(user(1), "zoe@x"), tx.NumberMailContact(user(1), "eve@x"))
	})
	find := func(part string) (found []string) {
		all, err := db.FindMailContacts(t.Context(), user(1), part, 10)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range all {
			found = append(found, c.Contact)
		}
		return found
	}
	for part, want := range map[string][]string{"BOB": {"bob@x"}, "b_": {"bob@x"}, "%": nil, "eve": nil} {
		if got := find(part); !cmp.Equal(got, want) {
			t.Errorf("%q finds %q", part, got)
		}
	}
	bob, ok, err := db.MailContact(t.Context(), user(1), "bob@x")
	if err != nil || !ok || bob.Mailbox != "Bob@x" || bob.Name != "Bob_" || bob.State != MailKnown {
		t.Errorf("got %+v, %v, %v", bob, ok, err)
	}
	waits, err := db.MailContacts(t.Context(), user(1), MailWaits, 10)
	if err != nil || len(waits) != 2 || waits[0].Contact != "zoe@x" || waits[0].Number != 2 || waits[1].Number != 1 {
		t.Errorf("got %+v, %v", waits, err)
	}
	write(t, db, func(tx *Tx) error {
		if err := tx.SetMailContact(user(1), "eve@x", MailBlocked); err != nil {
			return err
		}
		c, ok, err := tx.MailContact(user(1), "eve@x")
		if err != nil || !ok || c.State != MailBlocked {
			t.Errorf("got %+v, %v, %v", c, ok, err)
		}
		_, err = tx.CollectMail(clock.now) // strangers are forgotten, and nobody else
		return err
	})
	if n := count(t, db, "mail_contacts"); n != 2 {
		t.Errorf("there are %d contacts", n)
	}
}

// testMailStanding also has somebody write often: that is noted once in a while.
func testMailStanding(t *testing.T, db *DB, clock *testClock) {
	meet := func(who int, contact, name string, state MailContactState) {
		t.Helper()
		write(t, db, func(tx *Tx) error {
			return tx.MeetMailContact(MailContact{UserID: user(who), Contact: contact, Mailbox: contact, Name: name, State: state})
		})
	}
	seen := func(want time.Time, name string) {
		t.Helper()
		if c, ok, err := db.MailContact(t.Context(), user(1), "bob@x"); err != nil || !ok || !c.SeenAt.Equal(want) || c.Name != name {
			t.Errorf("got %+v, %v, %v, want %s, seen at %s", c, ok, err, name, want)
		}
	}
	first := clock.now
	meet(1, "bob@x", "Bob", MailKnown)
	clock.advance((metAgain - 1) * time.Millisecond)
	meet(1, "bob@x", "Bob", MailKnown)
	meet(1, "bob@x", "", MailKnown)
	seen(first, "Bob")
	clock.advance(2 * time.Millisecond)
	meet(1, "bob@x", "", MailKnown)
	seen(clock.now, "Bob")
	clock.advance(time.Millisecond)
	meet(1, "bob@x", "Bobby", MailKnown)
	seen(clock.now, "Bobby")
	clock.advance(time.Millisecond)
	write(t, db, func(tx *Tx) error {
		return tx.MeetMailContact(MailContact{UserID: user(1), Contact: "bob@x", Mailbox: "bob@x", Proof: 2})
	})
	seen(clock.now, "Bobby")
	clock.advance(-time.Hour) // somebody has set it
	meet(1, "bob@x", "", MailKnown)
	seen(clock.now, "Bobby")

	meet(1, "eve@x", "", MailWaits)
	meet(1, "zoe@x", "", MailKnown)
	meet(2, "list@x", "", MailKnown)
	write(t, db, func(tx *Tx) error {
		return errors.Join(tx.Set(user(1), "s", "a", "1"), tx.Set(user(1), "other", "b", "2"), tx.Set(user(2), "s", "c", "3"),
			tx.SetSecret(user(1), "s", "d", "4"), tx.Block(Block{user(1), "b"}), tx.Block(Block{user(1), "a"}), tx.Block(Block{user(2), "c"}))
	})
	got, err := db.MailStanding(t.Context(), user(1), "s", [3]string{"list@x", "eve@x", "bob@x"})
	want := MailStanding{
		Settings: map[string]string{"a": "1"}, Blocked: []string{"a", "b"},
		Contacts: map[string]MailContact{"eve@x": {}, "bob@x": {State: MailKnown, Proof: 2}},
	}
	slices.Sort(got.Blocked)
	if err != nil || !cmp.Equal(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
}

func testMailWaiting(t *testing.T, db *DB, clock *testClock) {
	w := MailWaiting{UserID: user(1), Contact: "eve@x", Recipient: "{}", Subject: "Hi", ReceivedAt: clock.now}
	write(t, db, func(tx *Tx) (err error) {
		w.Mail, err = tx.AddMailIn(MailIn{Domain: "mail.example", Raw: []byte("12345"), Open: 1, KeepUntil: clock.now.Add(time.Hour)})
		return err
	})
	write(t, db, func(tx *Tx) error {
		return errors.Join(tx.MeetMailContact(MailContact{UserID: user(1), Contact: "eve@x", Mailbox: "eve@x"}), tx.AddMailWaiting(w), tx.AddMailWaiting(w))
	})
	if n, size, err := db.CountMailWaiting(t.Context(), user(1)); n != 1 || size != 5 || err != nil {
		t.Errorf("counted %d of %d bytes, %v", n, size, err)
	}
	write(t, db, func(tx *Tx) error {
		for contact, want := range map[string][]MailWaiting{"eve@x": {w}, "": {w}, "bob@x": nil} {
			if got, err := tx.MailWaiting(user(1), contact, 10); err != nil || !cmp.Equal(got, want) {
				t.Errorf("%q: got %+v, %v", contact, got, err)
			}
		}
		if got, err := tx.ExpireMailWaiting(clock.now.Add(-time.Second), 10); err != nil || len(got) != 0 {
			t.Errorf("got %+v, %v", got, err)
		}
		if got, err := tx.ExpireMailWaiting(clock.now, 10); err != nil || !cmp.Equal(got, []MailWaiting{w}) {
			t.Errorf("got %+v, %v", got, err)
		}
		return tx.DropMailWaiting(user(1), w.Mail)
	})
	if got, err := db.MailWaitingOf(t.Context(), user(1), "", 10); err != nil || len(got) != 0 {
		t.Errorf("got %+v, %v", got, err)
	}
}

// addMail gives a user a row in each table of mail, see testRemoveUser.
func addMail(tx *Tx, id UserID) error {
	mail, err := tx.AddMailOut(MailOut{UserID: id, MessageID: "m@x"})
	if err == nil {
		err = tx.AddMailLine(MailLine{Mail: mail, XMPPID: "1"})
	}
	if err == nil {
		_, err = tx.ComposeMail(mail, 1, []byte("raw"), []string{"a@x"})
	}
	return errors.Join(err, tx.AddMailMessage(MailMessage{UserID: id, XMPPID: "s"}), tx.MeetMailContact(MailContact{UserID: id, Contact: "c"}),
		tx.AddMailWaiting(MailWaiting{UserID: id, Mail: 5}))
}
