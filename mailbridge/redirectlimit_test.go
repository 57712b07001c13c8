package mailbridge

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"passerelle/internal/postaltest"
	"passerelle/mailbridge/relay"
	"passerelle/store"
	"passerelle/transports"
)

func TestNothingGoesToAMailboxThatIsNotConfirmed(t *testing.T) {
	t.Parallel()
	r := redirectRig(t, nil)
	if _, err := r.command("to me@example.net"); err != nil {
		t.Fatal(err)
	}
	m := r.sent()
	code := codeInMail.FindStringSubmatch(string(m.Body))[1]
	r.copied(copyOf("1", "too early"))
	if n := r.waiting(); n != 0 {
		t.Errorf("%d messages wait", n)
	}
	err := r.mail.Copied(t.Context(), transports.Copy{Way: transports.WayAlias, User: romeo, Peer: bob, Body: "x"})
	if transports.AsError(err).Kind != transports.Gone {
		t.Errorf("who writes to his alias is told %v", err)
	}
	for i := range maxTries {
		if _, err := r.command("code WRNG-CDE2"); transports.AsError(err).Kind != transports.NeedPassword {
			t.Errorf("wrong code %d: %v", i, err)
		}
	}
	if _, err := r.command("code " + code); transports.AsError(err).Kind != transports.NotFound {
		t.Errorf("the right one behind too many wrong ones: %v", err)
	}
}

func TestCodesAreReadAsPeopleWriteThem(t *testing.T) {
	t.Parallel()
	for i, write := range []func(string) string{
		strings.ToLower, func(s string) string { return strings.ReplaceAll(s, "-", "") }, func(s string) string { return strings.ReplaceAll(s, "-", " ") },
	} {
		r := redirectRig(t, nil)
		r.mustSay("to me@example.net")
		code := codeInMail.FindStringSubmatch(string(r.sent().Body))[1]
		if _, err := r.command("code " + write(code)); err != nil {
			t.Errorf("%d: %v", i, err)
		}
	}
}

func TestCodeIsOldAfterADay(t *testing.T) {
	t.Parallel()
	r := redirectRig(t, nil)
	r.mustSay("to me@example.net")
	code := codeInMail.FindStringSubmatch(string(r.sent().Body))[1]
	r.clock.Advance(25 * time.Hour)
	if _, err := r.command("code " + code); transports.AsError(err).Kind != transports.NotFound {
		t.Errorf("got %v", err)
	}
}

func TestMailboxesThatNoCodeGoesTo(t *testing.T) {
	t.Parallel()
	r := redirectRig(t, nil)
	for _, to := range []string{
		"juliet@example.org", "romeo@EXAMPLE.ORG", "x@mail.example", "x@mx.example", // ours
		"postmaster@example.net", "No-Reply@example.net", // of nobody
		"me", "me@", "a@b@c", "me@example.net, you@example.net", "me@example.net\r\nBcc: all@example.net", "",
	} {
		if _, err := r.mail.redirectTo(t.Context(), "en", romeo, to); transports.AsError(err).Kind != transports.BadRequest {
			t.Errorf("%q: %v", to, err)
		}
	}
	stranger := transports.Address{Local: "eve", Domain: "elsewhere.example"}
	if _, err := r.mail.redirectTo(t.Context(), "en", stranger, "me@example.net"); transports.AsError(err).Kind != transports.NotRegistered {
		t.Errorf("somebody from elsewhere: %v", err)
	}
	off := newRig(t)
	if _, err := off.mail.redirectTo(t.Context(), "en", romeo, "me@example.net"); transports.AsError(err).Kind != transports.Unsupported {
		t.Errorf("where it is not on: %v", err)
	}
}

func TestCodesAreLimited(t *testing.T) {
	t.Parallel()
	r := redirectRig(t, nil)
	busy := func(err error) bool { return err != nil && transports.AsError(err).Kind == transports.Busy }
	user := func(n int) transports.Address {
		return transports.Address{Local: fmt.Sprint("u", n), Domain: "xmpp.example"}
	}
	for i := range askedUser + 1 {
		if _, err := r.mail.redirectTo(t.Context(), "en", user(0), fmt.Sprintf("me%d@example%d.net", i, i)); busy(err) != (i == askedUser) {
			t.Errorf("code %d of a user: %v", i, err)
		}
	}
	for i := range askedBox + 1 {
		if _, err := r.mail.redirectTo(t.Context(), "en", user(10+i), "me@victim.example"); busy(err) != (i == askedBox) {
			t.Errorf("code %d to a mailbox: %v", i, err)
		}
	}
	for i := range askedSite - askedBox + 1 {
		if _, err := r.mail.redirectTo(t.Context(), "en", user(100+i), fmt.Sprintf("me%d@victim.example", i)); busy(err) != (i == askedSite-askedBox) {
			t.Errorf("code %d to a domain: %v", i, err)
		}
	}
	// Other names of the same people are the same.
	for i, to := range []string{"you+a@victim2.example", "You+b@victim2.example", "you@victim2.example", "you+c@victim2.example"} {
		if _, err := r.mail.redirectTo(t.Context(), "en", user(200+i), to); busy(err) != (i == askedBox) {
			t.Errorf("code %d to a mailbox of several names: %v", i, err)
		}
	}
	if _, err := r.mail.redirectTo(t.Context(), "en", user(210), "me@mx.victim.example"); !busy(err) {
		t.Errorf("a code more to a domain, by another name: %v", err)
	}
	// A user who leaves and comes back has asked still.
	if err := r.db.Write(t.Context(), func(tx *store.Tx) error { return tx.RemoveUser(r.mail.userID(user(0))) }); err != nil {
		t.Fatal(err)
	}
	if _, err := r.mail.redirectTo(t.Context(), "en", user(0), "me@other.example"); !busy(err) {
		t.Errorf("after he was removed: %v", err)
	}
	r.clock.Advance(25 * time.Hour)
	if _, err := r.mail.redirectTo(t.Context(), "en", user(0), "me@other.example"); err != nil {
		t.Errorf("on the next day: %v", err)
	}
}

// TestMailBomb: however many messages somebody sends to a user, few mails go out, little is kept, and he is told how many there were.
func TestMailBomb(t *testing.T) {
	t.Parallel()
	r, _ := followedRig(t, nil)
	const many = 1000
	for i := range many {
		r.copied(copyOf(fmt.Sprint(i), fmt.Sprint("buy ", i)))
	}
	if n := r.waiting(); n != 200 {
		t.Errorf("%d messages wait", n)
	}
	r.pass(time.Hour)
	if got := plainPart(r.sent()); !strings.Contains(got, "and 800 more") {
		t.Errorf("it ends with\n%s", got[max(0, len(got)-500):])
	}
	r.silent()
}

func TestMailBombOfManySenders(t *testing.T) {
	t.Parallel()
	r, _ := followedRig(t, func(rules *RedirectRules) { rules.PerHour, rules.PerDay = 3, 5 })
	const many = 150
	for i := range many {
		c := copyOf(fmt.Sprint(i), "buy")
		c.Peer = transports.Address{Local: fmt.Sprint("spam", i), Domain: "spam.example"}
		r.copied(c)
	}
	if n := r.waiting(); n != maxTalks {
		t.Errorf("%d messages wait", n)
	}
	total, dropped := 0, false
	for _, c := range []struct {
		after time.Duration
		mails int
	}{{time.Hour, 2}, {time.Hour, 1}, {23 * time.Hour, 2}} { // half of them is for those whom he knows
		r.pass(c.after)
		for range c.mails {
			m := r.sent()
			dropped = dropped || strings.Contains(plainPart(m), "50 messages of others were not kept")
			total++
		}
		r.settled()
	}
	if !dropped {
		t.Error("he is not told that messages were dropped")
	}
	select {
	case m := <-r.relay.mails:
		t.Errorf("one more went out:\n%s", m.Body)
	default:
	}
	if n := r.waiting(); n != maxTalks-total {
		t.Errorf("%d messages wait", n)
	}
}

// TestStrangersShutOutNobody: whoever writes to a user besides, those whom he knows are mailed.
func TestStrangersShutOutNobody(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		do   func(r *rig, friend transports.Address)
	}{
		{"he has written to him", func(r *rig, friend transports.Address) {
			c := copyOf("s", "hello")
			c.Peer, c.Sent, c.Time = friend, true, r.clock.Now().Add(-time.Hour)
			r.copied(c)
		}},
		{"he has read him", func(r *rig, friend transports.Address) {
			r.read(transports.ReadMark{User: romeo, Peer: friend, Time: r.clock.Now().Add(-time.Hour)})
		}},
		{"he has named him", func(r *rig, _ transports.Address) { r.mustSay("add from friend@xmpp.example do unread 10") }},
		{"he is in his contact list", nil},
		{"he has named his server", func(r *rig, _ transports.Address) { r.mustSay("add from *@xmpp.example do unread 10") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r, _ := followedRig(t, func(rules *RedirectRules) { rules.PerHour, rules.PerDay, rules.Kept = 4, 4, maxTalks })
			friend := transports.Address{Local: "friend", Domain: "xmpp.example"}
			if c.do != nil {
				c.do(r, friend)
			}
			for i := range maxTalks {
				c := copyOf(fmt.Sprint(i), "buy")
				c.Peer = transports.Address{Local: fmt.Sprint("spam", i), Domain: "spam.example"}
				r.copied(c)
			}
			r.pass(time.Hour)
			r.sent()
			r.sent()
			m := copyOf("f", "It is me")
			m.Peer, m.Contact = friend, c.do == nil
			r.copied(m)
			r.pass(time.Hour)
			if m := r.sent(); !strings.Contains(plainPart(m), "It is me") {
				t.Errorf("the mail is\n%s", plainPart(m))
			}
		})
	}
}

// settled waits until no job is due.
func (r *rig) settled() {
	r.t.Helper()
	for end := time.Now().Add(postaltest.Patience); time.Now().Before(end); {
		all, err := r.db.WaitingJobs(r.t.Context(), kindDue, 10_000)
		if err != nil {
			r.t.Fatal(err)
		}
		due := 0
		for _, j := range all {
			if !j.Next.After(r.clock.Now()) {
				due++
			}
		}
		if due == 0 {
			return
		}
	}
	r.t.Fatal("jobs go on and on")
}

func TestKeptMessagesAreBounded(t *testing.T) {
	t.Parallel()
	r, _ := followedRig(t, func(rules *RedirectRules) { rules.Kept = 5 })
	for i := range 8 {
		r.copied(copyOf(fmt.Sprint(i), fmt.Sprint("line ", i)))
	}
	if n := r.waiting(); n != 5 {
		t.Errorf("%d messages wait", n)
	}
	// What comes to the alias is nowhere else: its sender has to know.
	err := r.mail.Copied(t.Context(), transports.Copy{Way: transports.WayAlias, User: romeo, Peer: bob, ID: "x", Body: "x"})
	if transports.AsError(err).Kind != transports.Full {
		t.Errorf("got %v", err)
	}
	r.pass(time.Hour)
	if got := plainPart(r.sent()); !strings.Contains(got, "line 4") || !strings.Contains(got, "and 3 more") {
		t.Errorf("it says\n%s", got)
	}
}

// TestMailboxIsChanged: the old one gets messages until the new one is confirmed.
func TestMailboxIsChanged(t *testing.T) {
	t.Parallel()
	r, _ := followedRig(t, nil)
	r.mustSay("to new@example.net")
	first := r.sent()
	if said := r.mustSay("status"); !strings.Contains(said, "go to me@example.net.") || !strings.Contains(said, "A code was mailed to new@example.net.") {
		t.Errorf("the state is %q", said)
	}
	r.copied(copyOf("1", "meanwhile"))
	r.pass(time.Hour)
	if m := r.sent(); field(m, "To") != "me@example.net" || !strings.Contains(plainPart(m), "meanwhile") {
		t.Errorf("the mail is\n%s", m.Body)
	}
	// He thinks better of it, and then again.
	if _, err := r.command("to me@example.net"); transports.AsError(err).Kind != transports.Conflict {
		t.Errorf("back to the old one: %v", err)
	}
	if _, err := r.command("code " + codeInMail.FindStringSubmatch(string(first.Body))[1]); transports.AsError(err).Kind != transports.NotFound {
		t.Errorf("the code of the new one: %v", err)
	}
	if said := r.mustSay("status"); strings.Contains(said, "new@example.net") {
		t.Errorf("the state is %q", said)
	}
	r.mustSay("to new@example.net")
	r.mustSay("code " + codeInMail.FindStringSubmatch(string(r.sent().Body))[1])
	r.copied(copyOf("2", "later"))
	r.pass(time.Hour)
	if m := r.sent(); field(m, "To") != "new@example.net" || !strings.Contains(plainPart(m), "later") {
		t.Errorf("the mail is\n%s", m.Body)
	}
}

func TestMailsThatComeBackPauseIt(t *testing.T) {
	t.Parallel()
	r, f := followedRig(t, nil)
	r.relay.fate("me@example.net", relay.Result{Outcome: relay.Permanent, Code: 550, Enhanced: "5.1.1", Text: "No such user here"})
	for i := range maxFailures {
		r.copied(copyOf(fmt.Sprint(i), "one"))
		r.pass(time.Hour)
		r.sent()
		e, ok := r.next().(transports.Remark)
		if !ok || !strings.Contains(e.Text, "A mail with messages of bob did not reach you.") || strings.Contains(e.Text, "go there no more") != (i == maxFailures-1) {
			t.Errorf("mail %d: he is told %+v", i, e)
		}
	}
	r.copied(copyOf("9", "nobody"))
	if n := r.waiting(); n != 0 {
		t.Errorf("%d messages wait", n)
	}
	r.jobsDone(kindFollow)
	if did := f.did(); did != "module 2, nothing" {
		t.Errorf("followed was %q", did)
	}
	r.relay.fate("me@example.net", relay.Result{Outcome: relay.Sent, Code: 250})
	r.redirects()
	r.copied(copyOf("10", "again"))
	r.pass(time.Hour)
	r.sent()
}

// jobsDone waits until no job of a kind is there.
func (r *rig) jobsDone(kind string) {
	r.t.Helper()
	for end := time.Now().Add(postaltest.Patience); time.Now().Before(end); {
		all, err := r.db.WaitingJobs(r.t.Context(), kind, 10)
		if err != nil {
			r.t.Fatal(err)
		}
		if len(all) == 0 {
			return
		}
	}
	r.t.Fatal("jobs are not done")
}

func TestReportsOfRedirectsAreNoLetters(t *testing.T) {
	t.Parallel()
	r, _ := followedRig(t, nil)
	r.copied(copyOf("1", "one"))
	r.pass(time.Hour)
	m := r.sent()
	r.accepted("", "From: me@example.net\nTo: "+m.From.String()+"\nSubject: I am away\nAuto-Submitted: auto-replied\n\nBack on Monday\n", m.From.String())
	r.jobsDone(kindIn)
	select {
	case d := <-r.xmpp.Delivered:
		t.Errorf("he is told %+v", d.Event)
	default:
	}
}

func TestMailOfARedirectDoesNotComeBackIn(t *testing.T) {
	t.Parallel()
	r, _ := followedRig(t, nil)
	r.copied(copyOf("1", "one"))
	r.pass(time.Hour)
	m := r.sent()
	if answers := r.bring("list@example.net", strings.ReplaceAll(string(m.Body), "\r\n", "\n"), "romeo@example.org"); len(answers) != 1 {
		t.Error("a list that he has his messages go to brings them back to him")
	}
	if answers := r.bring("list@example.net", "From: x@example.net\n\nx\n", "redirect@example.org"); len(answers) != 1 {
		t.Error("mail to the sender is taken")
	}
}

func TestRedirectEndsWithAllThatWaits(t *testing.T) {
	t.Parallel()
	r, f := followedRig(t, nil)
	r.copied(copyOf("1", "one"))
	r.mustSay("off")
	r.jobsDone(kindFollow)
	if did := f.did(); did != "module 2, nothing" {
		t.Errorf("followed was %q", did)
	}
	r.pass(time.Hour)
	r.jobsDone(kindDue)
	if _, ok, err := r.db.Redirect(t.Context(), r.mail.userID(romeo)); ok || err != nil {
		t.Errorf("it is there still: %v", err)
	}
	select {
	case m := <-r.relay.mails:
		t.Errorf("a mail went out:\n%s", m.Body)
	default:
	}
	if _, err := r.command("off"); transports.AsError(err).Kind != transports.NotFound {
		t.Errorf("a second time: %v", err)
	}
}
