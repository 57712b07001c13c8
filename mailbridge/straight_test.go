package mailbridge

import (
	"fmt"
	"testing"
	"time"

	"passerelle/store"
)

// rendered are how many mails jobs have rendered.
func (r *rig) rendered() int {
	r.t.Helper()
	ended, err := r.db.EndedJobs(r.t.Context(), kindIn, 100)
	if err != nil {
		r.t.Fatal(err)
	}
	return len(ended)
}

// TestMailGoesStraight: a plain mail is in the outbox with the commit that takes it, and no job is left to do for it.
func TestMailGoesStraight(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.accepted("juliet@example.com", plainMail(fromJuliet+"Subject: a\nMessage-ID: <m1@example.com>\n", "Come."), "romeo@example.org")
	select {
	case <-r.xmpp.Delivered:
	default:
		t.Error("the mail was taken without its letter")
	}
	in, ok, err := r.db.MailIn(t.Context(), 1)
	if err != nil || !ok || in.Open != 0 || len(in.Raw) == 0 {
		t.Errorf("it is kept as %+v, %v, %v; want it whole and closed", in, ok, err)
	}
	if n := r.rendered(); n != 0 {
		t.Errorf("%d jobs were done for it", n)
	}
	// Files are uploaded while nobody waits.
	r.accepted("juliet@example.com", "From: juliet@example.com\nMessage-ID: <m2@example.com>\nMIME-Version: 1.0\nContent-Type: application/pdf; name=a.pdf\n\nx\n", "romeo@example.org")
	if l := r.letter(); len(l.Files) != 1 {
		t.Errorf("got %+v", l)
	}
}

// TestMailBehindOthers: a mail does not overtake one of its user's that waits.
func TestMailBehindOthers(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	// A mail of his waits for longer than the test.
	if err := r.db.Write(t.Context(), func(tx *store.Tx) error {
		_, err := r.mail.enqueue(tx, kindIn, "romeo@xmpp.example", "", r.clock.Now().Add(time.Hour), task{Mail: 1000, User: "romeo@xmpp.example"})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	r.accepted("juliet@example.com", plainMail(fromJuliet+"Message-ID: <m1@example.com>\n", "Behind."), "romeo@example.org")
	r.accepted("juliet@example.com", plainMail(fromJuliet+"Message-ID: <m2@example.com>\n", "Beside."), "admin@example.org")
	if l := r.letter(); l.Body != "Beside." {
		t.Errorf("got %q first", l.Body)
	}
	if in, ok, err := r.db.MailIn(t.Context(), 1); err != nil || !ok || in.Open != 1 {
		t.Errorf("the one that waits is kept as %+v, %v, %v", in, ok, err)
	}
}

// TestMailToMany: a mail to as many as one may name is kept once, goes straight to all of them, and their letters are one message.
func TestMailToMany(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var to []string
	for i := range 50 {
		r.xmpp.mu.Lock()
		r.xmpp.users[fmt.Sprintf("user%d@xmpp.example", i)] = true
		r.xmpp.mu.Unlock()
		to = append(to, fmt.Sprintf("user%d@example.org", i))
	}
	r.accepted("juliet@example.com", plainMail(fromJuliet+"Message-ID: <m1@example.com>\n", "To all."), to...)
	message := r.letter().Message
	if message == "" {
		t.Error("the letter stands for itself")
	}
	for range len(to) - 1 {
		if l := r.letter(); l.Message != message || l.Body != "To all." {
			t.Errorf("got %+v, want one of the message %s", l, message)
		}
	}
	if n := r.rendered(); n != 0 {
		t.Errorf("%d jobs were done for it", n)
	}
	if _, ok, err := r.db.MailIn(t.Context(), 1); err != nil || !ok {
		t.Errorf("it is not kept: %v", err)
	}
	r.accepted("juliet@example.com", plainMail(fromJuliet+"Message-ID: <m2@example.com>\n", "Another."), to[0])
	if l := r.letter(); l.Message == message {
		t.Error("another mail is the same message")
	}
}
