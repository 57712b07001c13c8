package mailbridge

import (
	"slices"
	"strings"
	"testing"
	"time"

	"passerelle/internal/postaltest"
	"passerelle/mailbridge/relay"
	"passerelle/transports"
)

func TestLinesBecomeOneMail(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.say("1", "Hello")
	r.clock.Advance(10 * time.Second)
	r.posted(transports.Letter{ID: "2", Body: "are you there?", Receipt: true})
	r.flush()
	m := r.sent()
	if got := said(m); got != "Hello\nare you there?" {
		t.Errorf("it says %q", got)
	}
	for name, want := range map[string]string{
		"From": `"romeo" <romeo@example.org>`, "To": "juliet@example.com", "Subject": "Message from romeo", "Auto-Submitted": "no", "In-Reply-To": "",
	} {
		if got := field(m, name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	if !slices.Equal(names(m.To), []string{"juliet@example.com"}) || !strings.HasPrefix(m.From.Local, "b+") || m.From.Domain != "example.org" {
		t.Errorf("the envelope is %v to %v", m.From, m.To)
	}
	if e, ok := r.next().(transports.Receipt); !ok || e.ID != "2" || e.With != juliet || e.Client != client {
		t.Errorf("got %+v in place of a receipt", e)
	}
	// The next line goes on in the same thread.
	first := field(m, "Message-ID")
	r.say("3", "Well?")
	r.flush()
	m = r.sent()
	if field(m, "In-Reply-To") != first || field(m, "References") != first || field(m, "Subject") != "Re: Message from romeo" {
		t.Errorf("it does not go on:\n%s", m.Body)
	}
}

func TestSameLetterTwice(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.say("1", "Hello")
	r.say("1", "Hello")
	r.flush()
	if got := said(r.sent()); got != "Hello" {
		t.Errorf("it says %q", got)
	}
}

func TestCorrectionInTimeAndLate(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.say("1", "Helo")
	r.say("2", "you")
	r.posted(transports.Letter{ID: "3", Replaces: "1", Body: "Hello"})
	r.flush()
	m := r.sent()
	if got := said(m); got != "Hello\nyou" {
		t.Errorf("it says %q", got)
	}
	r.posted(transports.Letter{ID: "4", Replaces: "1", Body: "Hullo"})
	r.flush()
	late := r.sent()
	if got := said(late); got != "Correction: Hullo" || field(late, "In-Reply-To") != field(m, "Message-ID") {
		t.Errorf("it says %q:\n%s", got, late.Body)
	}
	if err := r.post(transports.Letter{ID: "5", Replaces: "unknown", Body: "x"}); transports.AsError(err).Kind != transports.NotFound {
		t.Errorf("to correct what is not known: %v", err)
	}
}

func TestTakenBackInTimeAndLate(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	redact := func(id string) error {
		return r.do(func(ref transports.Ref) transports.Request {
			return transports.Redact{Ref: ref, To: juliet, Messages: []string{id}}
		})
	}
	r.say("1", "Hello")
	if err := redact("1"); err != nil {
		t.Fatal(err)
	}
	r.say("2", "one")
	r.say("3", "two")
	if err := redact("2"); err != nil {
		t.Fatal(err)
	}
	r.flush()
	if got := said(r.sent()); got != "two" {
		t.Errorf("it says %q", got)
	}
	if err := redact("3"); transports.AsError(err).Kind != transports.Unsupported {
		t.Errorf("what has gone out is taken back: %v", err)
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.relay.fate("juliet@example.com", relay.Result{Outcome: relay.Permanent, Code: 550, Enhanced: "5.1.1", Text: "No such user\r\nhere"})
	r.posted(transports.Letter{ID: "1", Body: "Hello", Receipt: true})
	r.flush()
	r.sent()
	f, ok := r.next().(transports.Failure)
	if e := transports.AsError(f.Err); !ok || f.ID != "1" || f.Client != client || e.Kind != transports.NotFound ||
		e.Text != "Your mail to juliet@example.com did not arrive: there is no such address. The server said: No such user here" {
		t.Errorf("got %+v", f)
	}
	if remark, ok := r.next().(transports.Remark); !ok || remark.With != juliet || remark.ID == "" {
		t.Errorf("got %+v", remark)
	}
}

func TestRefusedLetters(t *testing.T) {
	t.Parallel()
	r := rigWith(t, func(o *Options) { o.PerMinute, o.PerDay = 3, 5 })
	for name, c := range map[string]struct {
		l    transports.Letter
		want transports.Kind
	}{
		"nothing":                    {transports.Letter{ID: "1"}, transports.BadRequest},
		"to somebody who is unknown": {transports.Letter{ID: "1", With: contact("x-abcdefghijklmnopqrstuvwxyz"), Body: "x"}, transports.NotFound},
	} {
		if err := r.post(c.l); transports.AsError(err).Kind != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
	for i, want := range []bool{true, true, true, false} {
		err := r.post(transports.Letter{ID: string(rune('a' + i)), Formal: true, Subject: "x", Body: "x"})
		if (err == nil) != want {
			t.Errorf("mail %d: %v", i, err)
		}
	}
	r.clock.Advance(time.Minute)
	for i, want := range []bool{true, true, false} {
		if err := r.post(transports.Letter{ID: string(rune('k' + i)), Formal: true, Subject: "x", Body: "x"}); (err == nil) != want {
			t.Errorf("mail %d of the next minute: %v", i, err)
		}
	}
}

func TestSeveralRecipients(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.relay.mx = true
	bob, eve, carol := contact("bob@example.com"), contact("eve@example.net"), contact("carol@example.net")
	r.posted(transports.Letter{ID: "1", Subject: "Party", Body: "Come!", Formal: true, Others: []transports.Recipient{
		{Kind: transports.RecipientTo, Who: bob},
		{Kind: transports.RecipientCc, Who: eve, Name: "Eve"},
		{Kind: transports.RecipientBcc, Who: carol},
		{Kind: transports.RecipientCc, User: romeo, Delivered: true},
	}})
	m := r.sent()
	all := slices.Concat(names(m.To), names(r.sent().To), names(r.sent().To))
	slices.Sort(all)
	if !slices.Equal(all, []string{"bob@example.com", "carol@example.net", "eve@example.net"}) {
		t.Errorf("it goes to %v", all)
	}
	if to, cc := field(m, "To"), field(m, "Cc"); !strings.Contains(to, "bob@example.com") || cc != `"Eve" <eve@example.net>, romeo@example.org` || strings.Contains(string(m.Body), "carol") {
		t.Errorf("the header has To: %s, Cc: %s", to, cc)
	}
}

func TestSettingsOfWhatGoesOut(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for name, value := range map[string]string{
		SettingName: "Roméo M.", SettingSignature: "Verona", SettingHTML: "true", SettingOrigin: "true", SettingReceipts: receiptsQueued, SettingCoalesce: "0",
	} {
		r.set(name, value)
	}
	r.posted(transports.Letter{
		ID: "1", Body: "Really bold", Receipt: true, Spans: []transports.Span{{From: 7, To: 11, Look: transports.Look{Style: transports.StyleBold}}},
	})
	if e, ok := r.next().(transports.Receipt); !ok || e.ID != "1" {
		t.Errorf("got %+v in place of a receipt", e)
	}
	m := r.sent()
	for name, want := range map[string]string{"From": "=?utf-8?b?Um9tw6lvIE0u?= <romeo@example.org>", "X-Originating-JID": "romeo@xmpp.example"} {
		if got := field(m, name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	for _, want := range []string{"Really *bold*\r\n\r\n--=20\r\nVerona", "<div>Really <b>bold</b></div>"} {
		if !strings.Contains(string(m.Body), want) {
			t.Errorf("it has no %q:\n%s", want, m.Body)
		}
	}
}

func TestReactions(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.accepted("juliet@example.com", plainMail(fromJuliet+"Subject: Hi\nMessage-ID: <m1@example.com>\n", "x"), "romeo@example.org")
	on := r.letter().ID
	react := func(signs ...string) error {
		return r.do(func(ref transports.Ref) transports.Request {
			return transports.React{Ref: ref, To: juliet, On: on, Add: signs}
		})
	}
	if err := react("👍"); transports.AsError(err).Kind != transports.Unsupported {
		t.Errorf("without the setting: %v", err)
	}
	r.set(SettingReactions, "true")
	if err := react("👍", "🎉"); err != nil {
		t.Fatal(err)
	}
	m := r.sent()
	if field(m, "In-Reply-To") != "<m1@example.com>" || field(m, "Content-Disposition") != "reaction" || !strings.Contains(said(m), "=F0=9F=91=8D =F0=9F=8E=89") {
		t.Errorf("the reaction is\n%s", m.Body)
	}
}

// Who shall get the answers in place of the user gets no mail, and stands in it.
func TestAnswersToOthers(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.posted(transports.Letter{ID: "1", With: juliet, Body: "Tell us", Others: []transports.Recipient{
		{Kind: transports.RecipientReplyTo, Who: contact("bob@example.com"), Name: "Bob"}, {Kind: transports.RecipientReplyTo, User: romeo},
	}})
	r.flush()
	m := r.sent()
	if got := field(m, "Reply-To"); got != `"Bob" <bob@example.com>, romeo@example.org` || !slices.Equal(names(m.To), []string{"juliet@example.com"}) {
		t.Errorf("it goes to %v, and answers to %s", m.To, got)
	}
}

// The list of what waits says why a mail has not gone out and when that is tried again.
func TestQueueSaysWhy(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.relay.fate("juliet@example.com", relay.Result{Outcome: relay.Temporary, Code: 451, Enhanced: "4.7.1", Text: "Greylisted, come back"})
	r.say("1", "Hello")
	r.flush()
	r.sent()
	for deadline := time.Now().Add(postaltest.Patience); ; {
		table, err := r.mail.listQueue(t.Context(), transports.Call{User: romeo, Lang: "en"}, transports.Page{})
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("it lists %+v, %v", table, err)
		}
		if len(table.Rows) == 1 && strings.Contains(table.Rows[0].Cells[1], "Greylisted, come back") && strings.Contains(table.Rows[0].Cells[1], "next attempt 2026-11-26 10:01 UTC") {
			return
		}
	}
}
