package mailbridge

import (
	"strings"
	"testing"
	"time"

	"passerelle/mailbridge/address"
	"passerelle/mailbridge/content"
	"passerelle/mailbridge/judge"
	"passerelle/store"
	"passerelle/transports"
)

func (r *rig) block(who transports.Target, mailbox string) {
	r.t.Helper()
	err := r.db.Write(r.t.Context(), func(tx *store.Tx) error {
		return r.mail.block(tx, r.mail.userID(romeo), store.MailContact{Contact: who.ID, Mailbox: mailbox})
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

// Who is blocked stays so, whatever list he says that he writes to.
func TestBlockedBehindAList(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.block(juliet, "juliet@example.com")
	raw := plainMail(fromJuliet+"List-Id: <friends.example.net>\nList-Post: <mailto:friends@example.net>\n", "it is me")
	if err := r.bring("juliet@example.com", raw, "romeo@example.org")["romeo@example.org"]; err == nil {
		t.Error("mail of somebody who is blocked is taken, since it says that it came by a list")
	}
}

// The address for reports lets nobody in who is blocked.
func TestBlockedAtTheAddressForReports(t *testing.T) {
	t.Parallel()
	r := rigWith(t, func(o *Options) { o.Strangers = StrangersAsk })
	r.say("1", "Hello")
	r.flush()
	verp := r.sent().From.String()
	r.block(juliet, "juliet@example.com")
	r.accepted("juliet@example.com", plainMail(fromJuliet+"Message-ID: <1@x>\n", "me again"), verp)
	r.accepted("nurse@example.net", plainMail("From: nurse@example.net\nMessage-ID: <2@x>\n", "for her"), verp)
	if l := r.letter(); l.Body != "for her" {
		t.Errorf("got %+v", l)
	}
}

// The name of a list that a user knows is no key: everybody can write it.
func TestListHasToSpeakForItsMail(t *testing.T) {
	t.Parallel()
	m := &content.Message{
		From: []content.Person{{Mailbox: address.Mailbox{Local: "eve", Domain: "evil.example"}}},
		List: &content.List{Post: "friends@lists.example.net"},
	}
	for _, c := range []struct {
		passed []string
		want   string
	}{
		{nil, "friends@lists.example.net"},
		{[]string{}, "eve@evil.example"},
		{[]string{"evil.example", "notlists.example.net"}, "eve@evil.example"},
		{[]string{"evil.example", "example.net"}, "friends@lists.example.net"},
		{[]string{"bounces.lists.example.net"}, "friends@lists.example.net"},
	} {
		kept, err := fromJSON[came](toJSON(came{Passed: c.passed}))
		if err != nil {
			t.Fatal(err)
		}
		if got := gateOf(m, &kept); got.ID != c.want {
			t.Errorf("where %q passed, %s has to be known, want %s", c.passed, got.ID, c.want)
		}
	}
}

// A report goes to the envelope's address: it has to be proven as well, or everybody could have reports sent to others.
func TestReportsReachNobodyElse(t *testing.T) {
	t.Parallel()
	victim := address.Mailbox{Local: "victim", Domain: "example.com"}
	signed := judge.Verdict{From: "evil.example", DMARC: judge.Pass, SPF: judge.Fail, SPFDomain: "example.com", DKIM: []judge.Signature{{Domain: "evil.example", Result: judge.Pass, Aligned: true}}}
	bySPF := signed
	bySPF.SPF = judge.Pass
	own := signed
	own.From = "example.com"
	for _, c := range []struct {
		verdict judge.Verdict
		want    bool
	}{{signed, false}, {bySPF, true}, {own, true}} {
		var what came
		if what.judged(&c.verdict, victim); what.Proven != c.want {
			t.Errorf("%+v proves the sender: %v, want %v", c.verdict, what.Proven, c.want)
		}
	}
}

// What comes to one address for reports and has to wait lets that to others pass.
func TestReportsWaitForNobody(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.say("1", "Hello")
	r.flush()
	first := r.sent().From.String()
	r.say("2", "Hello again")
	r.flush()
	second := r.sent().From.String()
	r.xmpp.mu.Lock()
	r.xmpp.refuseAll = transports.NewError(transports.Busy, "later", nil)
	r.xmpp.mu.Unlock()
	r.accepted("juliet@example.com", plainMail(fromJuliet+"Message-ID: <1@x>\nContent-Type: image/png; name=a.png\n", "png"), first)
	r.accepted("juliet@example.com", plainMail(fromJuliet+"Message-ID: <2@x>\n", "I am away"), second)
	if l := r.letter(); l.Body != "I am away" {
		t.Errorf("got %+v", l)
	}
}

// What waits for a user's word is bounded in bytes: strangers would fill the disk with a thousand large mails for each user.
func TestStrangersFillNoDisk(t *testing.T) {
	t.Parallel()
	r := rigWith(t, func(o *Options) { o.Strangers, o.Rules.MaxSize = StrangersAsk, 1000 })
	refused := 0
	for i := range 3 * maxWaitingSize {
		who := "eve" + numeral(i) + "@example.com"
		r.clock.advance(time.Second)
		if err := r.bring(who, plainMail("From: "+who+"\n", strings.Repeat("x", 900)), "romeo@example.org")["romeo@example.org"]; err != nil {
			refused++
			continue
		}
		r.waits(i + 1)
	}
	if refused < maxWaitingSize {
		t.Errorf("%d of %d mails were refused", refused, 3*maxWaitingSize)
	}
	if _, size, err := r.db.CountMailWaiting(t.Context(), r.mail.userID(romeo)); err != nil || size < 9000 || size > 12000 {
		t.Errorf("%d bytes wait, %v", size, err)
	}
}

// waits waits until so many mails wait for the user's word.
func (r *rig) waits(want int) {
	r.t.Helper()
	for deadline := time.Now().Add(patienceOfTests); ; {
		n, _, err := r.db.CountMailWaiting(r.t.Context(), r.mail.userID(romeo))
		if err != nil || time.Now().After(deadline) {
			r.t.Fatalf("%d wait, %v", n, err)
		}
		if n == want {
			return
		}
	}
}

// Lines that go into a mail that is being written are counted for no limit: there are not more than that mail can have.
func TestManyLines(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for i := range maxLines + 1 {
		r.say(numeral(i), "x")
	}
	if got := strings.Count(said(r.sent()), "x"); got != maxLines {
		t.Errorf("the first mail has %d lines, want %d", got, maxLines)
	}
	r.flush()
	if got := said(r.sent()); got != "x" {
		t.Errorf("the next says %q", got)
	}
}
