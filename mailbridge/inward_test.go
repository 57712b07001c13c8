package mailbridge

import (
	"slices"
	"strings"
	"testing"
	"time"

	"passerelle/internal/postaltest"
	"passerelle/mailbridge/address"
	"passerelle/store"
	"passerelle/transports"
)

// plainMail is a mail with some fields before the rest.
func plainMail(fields, body string) string {
	return fields + "Date: Thu, 26 Nov 2026 09:00:00 +0000\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\n" + body + "\n"
}

const fromJuliet = "From: Juliet <Juliet@example.com>\nTo: romeo@example.org\n"

func TestMailBecomesALetter(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.accepted("juliet@example.com", plainMail(fromJuliet+"Cc: Nurse <nurse@example.net>\nSubject: Tonight\nMessage-ID: <m1@example.com>\n", "Come to the balcony."), "romeo@example.org")
	l := r.letter()
	if l.With != juliet || l.Nick != "Juliet" || l.Subject != "Tonight" || l.Body != "Come to the balcony." || l.Thread == "" || l.Formal || l.ID == "" {
		t.Errorf("got %+v", l)
	}
	if len(l.Others) != 1 || l.Others[0].Who.ID != "nurse@example.net" || l.Others[0].Kind != transports.RecipientCc || !l.Others[0].Delivered {
		t.Errorf("the others are %+v", l.Others)
	}
	// The answer goes into its thread, to her address as she spells it.
	r.say("1", "I come.")
	r.flush()
	m := r.sent()
	if field(m, "In-Reply-To") != "<m1@example.com>" || field(m, "Subject") != "Re: Tonight" || field(m, "To") != `"Juliet" <Juliet@example.com>` {
		t.Errorf("the answer is\n%s", m.Body)
	}
	// Hers to that says what it answers, and its subject is not said again.
	r.accepted("juliet@example.com", plainMail(fromJuliet+"Subject: Re: Tonight\nMessage-ID: <m2@example.com>\nIn-Reply-To: "+field(m, "Message-ID")+
		"\nReferences: <m1@example.com> "+field(m, "Message-ID")+"\n", "Good."), "romeo@example.org")
	again := r.letter()
	if again.ReplyTo != "1" || again.Thread != l.Thread || again.Subject != "" || again.Body != "Good." {
		t.Errorf("got %+v", again)
	}
}

func TestMailThatComesTwice(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	raw := plainMail(fromJuliet+"Subject: Tonight\nMessage-ID: <m1@example.com>\n", "Come.")
	r.accepted("juliet@example.com", raw, "romeo@example.org")
	first := r.letter()
	r.accepted("juliet@example.com", raw, "romeo@example.org")
	// The same Message-ID on something else is something else.
	r.accepted("juliet@example.com", strings.Replace(raw, "Come.", "Stay.", 1), "romeo@example.org")
	if l := r.letter(); l.Body != "Stay." || l.ID == first.ID {
		t.Errorf("got %+v", l)
	}
}

func TestRecipients(t *testing.T) {
	t.Parallel()
	r := rigWith(t, func(o *Options) {
		o.Aliases = map[string][]transports.Address{"info@example.org": {romeo, {Local: "admin", Domain: "xmpp.example"}}}
	})
	raw := plainMail(fromJuliet+"Subject: x\n", "x")
	for to, want := range map[string]string{
		"Romeo@EXAMPLE.org": "", "romeo+books@example.org": "", "d'artagnan@example.org": "", "postmaster@example.org": "", "info@example.org": "",
		"nobody@example.org": "550", "romeo@example.com": "550", "b+aaaa@example.org": "550",
	} {
		err := r.bring("juliet@example.com", raw, to)[to]
		if got := ""; err != nil && !strings.Contains(err.Error(), want) || (err == nil) != (want == "") {
			t.Errorf("%s: %v%s, want %q", to, err, got, want)
		}
	}
	r.xmpp.mu.Lock()
	r.xmpp.down = true
	r.xmpp.mu.Unlock()
	if err := r.bring("juliet@example.com", raw, "romeo@example.org")["romeo@example.org"]; err == nil || !strings.Contains(err.Error(), "451") {
		t.Errorf("while the XMPP server is away: %v", err)
	}
}

func TestStrangersWait(t *testing.T) {
	t.Parallel()
	r := rigWith(t, func(o *Options) { o.Strangers = StrangersAsk })
	r.accepted("eve@example.com", plainMail("From: Eve <eve@example.com>\nSubject: Buy\nMessage-ID: <1@x>\n", "now"), "romeo@example.org")
	r.accepted("bob@example.com", plainMail("From: Bob <bob@example.com>\nSubject: Old friend\nMessage-ID: <2@x>\n", "remember?"), "romeo@example.org")
	waits := func(n int) {
		t.Helper()
		for deadline := time.Now().Add(postaltest.Patience); ; {
			all, err := r.db.MailWaitingOf(t.Context(), r.mail.userID(romeo), "", 10)
			if err != nil || time.Now().After(deadline) {
				t.Fatalf("%d wait, %v", len(all), err)
			}
			if len(all) == n {
				return
			}
		}
	}
	waits(2)
	r.clock.Advance(askAfter)
	r.posted(transports.Letter{ID: "0", With: contact("zoe@example.com"), Formal: true, Subject: "x", Body: "x"}) // whose job has others looked at
	r.sent()
	remark, ok := r.next().(transports.Remark)
	if !ok || !strings.Contains(remark.Text, "1. Eve <eve@example.com>: “Buy”\n2. Bob <bob@example.com>: “Old friend”\n") {
		t.Fatalf("got %+v", remark)
	}
	run := func(f func(transports.Call) (string, error), who string) string {
		t.Helper()
		said, err := f(transports.Call{User: romeo, Values: transports.Values{"who": {who}}})
		if err != nil {
			t.Fatal(err)
		}
		return said
	}
	run(func(c transports.Call) (string, error) { return r.mail.runBlock(t.Context(), c) }, "1")
	run(func(c transports.Call) (string, error) { return r.mail.runAccept(t.Context(), c) }, "2")
	if l := r.letter(); l.Body != "remember?" {
		t.Errorf("got %+v", l)
	}
	waits(0)
	r.accepted("bob@example.com", plainMail("From: Bob <bob@example.com>\nMessage-ID: <3@x>\n", "again"), "romeo@example.org")
	if l := r.letter(); l.Body != "again" {
		t.Errorf("got %+v", l)
	}
	if err := r.bring("eve@example.com", plainMail("From: Eve <eve@example.com>\n", "more"), "romeo@example.org")["romeo@example.org"]; err == nil {
		t.Error("mail of somebody who is blocked is taken")
	}
	// Who was written to is no stranger, and neither is who answers.
	r.say("1", "Hello Juliet")
	r.flush()
	m := r.sent()
	r.accepted("juliet@example.com", plainMail(fromJuliet+"Message-ID: <4@x>\n", "hello"), "romeo@example.org")
	r.letter()
	r.accepted("nurse@example.net", plainMail("From: nurse@example.net\nMessage-ID: <5@x>\nIn-Reply-To: "+field(m, "Message-ID")+"\n", "for her"), "romeo@example.org")
	if l := r.letter(); l.Body != "for her" {
		t.Errorf("got %+v", l)
	}
}

func TestBounce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.say("1", "Hello")
	r.flush()
	m := r.sent()
	verp := m.From.String()
	report := "From: MAILER-DAEMON@far.example\nTo: " + verp + "\nSubject: Undelivered\nMIME-Version: 1.0\n" +
		"Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\nContent-Type: text/plain\n\nsorry\n" +
		"--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; far.example\n\nFinal-Recipient: rfc822; juliet@example.com\nAction: failed\n" +
		"Status: 5.2.2\nDiagnostic-Code: smtp; 552 mailbox full\n\n--b--\n"
	if err := r.bring("", report, "romeo@example.org")["romeo@example.org"]; err == nil {
		t.Error("a report about mail that nobody sent is taken")
	}
	r.accepted("", report, verp)
	f, ok := r.next().(transports.Failure)
	if e := transports.AsError(f.Err); !ok || f.ID != "1" || e.Kind != transports.Full || !strings.Contains(e.Text, "the mailbox is full") {
		t.Errorf("got %+v", f)
	}
	if remark, ok := r.next().(transports.Remark); !ok || remark.With != juliet {
		t.Errorf("got %+v", remark)
	}
	r.accepted("", report, verp) // a second one is no news
	// A holiday answer comes to the same address.
	r.accepted("", plainMail(fromJuliet+"Subject: Away\nAuto-Submitted: auto-replied\nMessage-ID: <9@x>\n", "I am away."), verp)
	if l := r.letter(); l.Body != "I am away." || l.With != juliet {
		t.Errorf("got %+v", l)
	}
}

func TestFilesAndFolds(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	raw := fromJuliet + "Subject: Files\nMessage-ID: <m1@example.com>\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n" +
		"--b\nContent-Type: text/plain\n\nHere.\n\nOn Monday Romeo wrote:\n> What?\n> Really?\n\n-- \nJuliet\n--b\nContent-Type: text/csv; name=a.csv\n" +
		"Content-Disposition: attachment; filename=a.csv\n\n1,2\n--b--\n"
	r.accepted("juliet@example.com", raw, "romeo@example.org")
	l := r.letter()
	if l.Body != "Here.\n[…]" || len(l.Files) != 1 || l.Files[0].Name != "a.csv" || !strings.HasPrefix(r.xmpp.uploads[l.Files[0].URL], "1,2") {
		t.Errorf("got %+v, %q", l, r.xmpp.uploads)
	}
	r.say("1", "/quote")
	if got := r.told(); !strings.Contains(got, "Really?") || strings.Contains(got, "Here.") {
		t.Errorf("the quote is %q", got)
	}
	r.say("2", "/full")
	if got := r.told(); !strings.Contains(got, "Here.") || !strings.Contains(got, "Really?") {
		t.Errorf("the whole is %q", got)
	}
	r.say("3", "/original")
	if got := r.xmpp.uploads[r.told()]; !strings.Contains(got, "Content-Disposition: attachment") {
		t.Errorf("the original is %q", got)
	}
	r.accepted("juliet@example.com", plainMail(fromJuliet+"Message-ID: <m2@example.com>\n", strings.Repeat("A line of some length.\n", 2000)), "romeo@example.org")
	l = r.letter()
	if len(l.Body) > maxBody || len(l.Files) != 1 || l.Files[0].Name != "message.txt" || len(r.xmpp.uploads[l.Files[0].URL]) < 40000 {
		t.Errorf("a long mail has a body of %d bytes and the files %+v", len(l.Body), l.Files)
	}
}

func TestAnswerToAll(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.accepted("juliet@example.com", plainMail("From: juliet@example.com\nTo: romeo@example.org, Bob <bob@example.com>\nCc: nurse@example.net\nSubject: All\nMessage-ID: <m1@example.com>\n", "x"), "romeo@example.org")
	r.letter()
	r.say("1", "/all")
	if got := r.told(); !strings.Contains(got, "bob@example.com, nurse@example.net") {
		t.Errorf("it says %q", got)
	}
	r.say("2", "/all Yes")
	r.flush()
	m := r.sent()
	to, from := names(m.To), map[string]bool{m.From.String(): true}
	for range 2 { // each has an address for reports of his own
		next := r.sent()
		to, from[next.From.String()] = append(to, names(next.To)...), true
		if string(next.Body) != string(m.Body) {
			t.Errorf("it says something else to %v", next.To)
		}
	}
	slices.Sort(to)
	if !slices.Equal(to, []string{"bob@example.com", "juliet@example.com", "nurse@example.net"}) || len(from) != 3 {
		t.Errorf("it went to %q from %v", to, from)
	}
	if got := said(m); got != "Yes" || field(m, "To") != `juliet@example.com, "Bob" <bob@example.com>` || field(m, "Cc") != "nurse@example.net" {
		t.Errorf("it says %q\n%s", got, m.Body)
	}
}

func TestCircles(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for i := range maxEqual + 2 {
		raw := plainMail(fromJuliet+"Message-ID: <"+numeral(i)+"@x>\nSubject: Away\n", "I am away.")
		if err := r.bring("juliet@example.com", raw, "romeo@example.org")["romeo@example.org"]; (err == nil) != (i < maxEqual) {
			t.Errorf("mail %d: %v", i, err)
		}
	}
	r.clock.Advance(equalTime)
	r.accepted("juliet@example.com", plainMail(fromJuliet+"Message-ID: <later@x>\nSubject: Away\n", "I am away."), "romeo@example.org")
	if err := r.bring("juliet@example.com", plainMail(fromJuliet+"X-Loop: mail.example\n", "x"), "romeo@example.org")["romeo@example.org"]; err == nil {
		t.Error("what was here already is taken")
	}
}

func TestBlockedByTheClient(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	err := r.db.Write(t.Context(), func(tx *store.Tx) error {
		return tx.Block(store.Block{UserID: r.mail.userID(romeo), Blocked: `juliet\40example.com@mail.example`})
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.bring("juliet@example.com", plainMail(fromJuliet, "x"), "romeo@example.org")["romeo@example.org"]; err == nil || !strings.Contains(err.Error(), "550") {
		t.Errorf("mail of somebody who is blocked: %v", err)
	}
}

// What a user's server refuses is reported to who sent it, where that is proven.
func TestReturned(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.accepted("juliet@example.com", plainMail(fromJuliet+"Message-ID: <m1@example.com>\n", "x"), "romeo@example.org")
	l := r.letter()
	give := func(proven bool) {
		t.Helper()
		err := r.db.Write(t.Context(), func(tx *store.Tx) error {
			m, _, err := tx.MailMessage(r.mail.userID(romeo), store.MailKey{XMPPID: l.ID})
			if err != nil {
				return err
			}
			id, err := tx.AddMailIn(store.MailIn{
				Domain: "mail.example", Raw: []byte("From: juliet@example.com\r\nMessage-ID: <m1@example.com>\r\n\r\nx\r\n"),
				Envelope: toJSON(came{From: "juliet@example.com", Proven: proven}),
			})
			if err != nil {
				return err
			}
			m.XMPPID, m.Mail = numeral(int(id)), id
			if err := tx.AddMailMessage(m); err != nil {
				return err
			}
			return r.mail.Returned(tx, romeo, transports.Returned{ID: m.XMPPID, Err: transports.NewError(transports.Gone, "", nil)})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	give(false)
	give(true)
	m := r.sent()
	if !m.From.IsZero() || field(m, "In-Reply-To") != "<m1@example.com>" || field(m, "Auto-Submitted") != "auto-replied" || !strings.Contains(string(m.Body), "Status: 5.1.6") {
		t.Errorf("the report is from %q:\n%s", m.From, m.Body)
	}
	select {
	case m := <-r.relay.mails:
		t.Errorf("a second one went out:\n%s", m.Body)
	default:
	}
}

// Who asks for it hears that his mail has arrived, once a client says so; else after a day that it was handed on.
func TestNotified(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	bring := func(id string) transports.Letter {
		t.Helper()
		raw := strings.ReplaceAll(plainMail(fromJuliet+"Message-ID: <"+id+">\n", "x"), "\n", "\r\n")
		err := r.db.Write(t.Context(), func(tx *store.Tx) error {
			to := delivery{user: romeo, recipient: address.Mailbox{Local: "romeo", Domain: "example.org"}, notify: true}
			return r.mail.keep(tx, []byte(raw), came{ID: id, From: "juliet@example.com", Hash: id, Proven: true, EnvID: "env-" + id}, []delivery{to}, nil, nil)
		})
		if err != nil {
			t.Fatal(err)
		}
		return r.letter()
	}
	l := bring("1@x")
	if !l.Receipt {
		t.Errorf("no receipt is asked for: %+v", l)
	}
	r.mail.acknowledged(t.Context(), romeo, transports.Acknowledge{With: juliet, ID: l.ID})
	r.mail.acknowledged(t.Context(), romeo, transports.Acknowledge{With: juliet, ID: l.ID}) // another client
	m := r.sent()
	if body := string(m.Body); !strings.Contains(body, "Action: delivered") || !strings.Contains(body, "Original-Envelope-Id: env-1@x") || field(m, "To") != "juliet@example.com" {
		t.Errorf("the report is\n%s", body)
	}
	bring("2@x")
	r.clock.Advance(relayedAfter)
	bring("3@x") // whose job has others looked at
	if body := string(r.sent().Body); !strings.Contains(body, "Action: relayed") || !strings.Contains(body, "env-2@x") {
		t.Errorf("the report is\n%s", body)
	}
}

func TestReactionComes(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.say("1", "Shall I come?")
	r.flush()
	id := field(r.sent(), "Message-ID")
	r.accepted("juliet@example.com", fromJuliet+"Message-ID: <m1@example.com>\nIn-Reply-To: "+id+"\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n"+
		"Content-Disposition: reaction\n\n👍\n", "romeo@example.org")
	if l := r.letter(); l.ReplyTo != "1" || len(l.Reactions) != 1 || l.Reactions[0] != "👍" || l.Body != "👍" || l.Subject != "" {
		t.Errorf("got %+v", l)
	}
}
