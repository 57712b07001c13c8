package mailbridge

import (
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/semaphore"

	"passerelle/internal/postaltest"
	"passerelle/internal/safehttp"
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
		r.clock.Advance(time.Second)
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
	for deadline := time.Now().Add(postaltest.Patience); ; {
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

// Who has got a mail knows his own address for reports, and can say with it what became of his, and of nobody else's.
func TestReportsAboutOthers(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	eve := contact("eve@example.com")
	r.posted(transports.Letter{ID: "1", With: juliet, Body: "Hello", Receipt: true, Others: []transports.Recipient{{Kind: transports.RecipientTo, Who: eve}}})
	r.flush()
	verp := make(map[string]string)
	for range 2 {
		m := r.sent()
		verp[m.To[0].String()] = m.From.String()
	}
	r.next() // the receipt
	report := func(from, about, id string) {
		r.accepted("", "From: mailer-daemon@example.com\nMessage-ID: <"+id+"@x>\nMIME-Version: 1.0\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\n\n"+
			"--b\nContent-Type: text/plain\n\nIt failed.\n--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; example.com\n\n"+
			"Final-Recipient: rfc822; "+about+"\nAction: failed\nStatus: 5.1.1\n\n--b--\n", from)
	}
	report(verp["eve@example.com"], "juliet@example.com", "1")
	if f, ok := r.next().(transports.Failure); !ok || !strings.Contains(f.Err.Error(), "eve@example.com") {
		t.Errorf("a report of eve about juliet says %+v", f)
	}
	r.next() // the same as a remark
	report(verp["juliet@example.com"], "juliet@example.com", "2")
	if f, ok := r.next().(transports.Failure); !ok || !strings.Contains(f.Err.Error(), "juliet@example.com") {
		t.Errorf("a report of juliet says %+v", f)
	}
}

// A server that answers nothing holds up those who name it, and neither what else they write nor others.
func TestSlowFiles(t *testing.T) {
	t.Parallel()
	asked, release := make(chan bool, 100), make(chan bool)
	slow := serveOn(t, "127.0.0.1", false, func(w http.ResponseWriter, _ *http.Request) {
		asked <- true
		<-release
		_, _ = io.WriteString(w, "secret")
	})
	files := safehttp.New(safehttp.Options{Permit: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	t.Cleanup(files.Close)
	r := rigWith(t, func(o *Options) { o.Files, o.OwnFiles, o.FileHosts = files, files, []string{slow.URL} })
	const n = 10
	for i := range n {
		r.posted(transports.Letter{ID: "f" + numeral(i), With: contact(fmt.Sprintf("bob%d@example.com", i)), Files: []transports.Attachment{{URL: slow.URL + "/file"}}})
	}
	r.flush()
	for range maxFetchingUser {
		<-asked
	}
	r.say("1", "Hello")
	r.flush()
	if got := said(r.sent()); got != "Hello" {
		t.Errorf("it says %q", got)
	}
	select {
	case <-asked:
		t.Error("more files are fetched at a time")
	default:
	}
	close(release)
	for deadline, sent := time.Now().Add(postaltest.Patience), 0; sent < n; {
		if time.Now().After(deadline) {
			t.Fatalf("of %d mails with files %d went out", n, sent)
		}
		r.clock.Advance(fetchAgain)
		r.say(newMessageID(""), "x") // whose job has others looked at
		r.flush()
		for other := false; !other; {
			m := r.sent()
			if other = said(m) == "x"; !other {
				sent++
				if !strings.Contains(string(m.Body), "c2VjcmV0") {
					t.Errorf("its file is missing:\n%s", m.Body)
				}
			}
		}
	}
}

// Who takes mail of all is not flooded by people who are new to him, and those who have written before still can.
func TestManyStrangers(t *testing.T) {
	t.Parallel()
	l := newLimits(func() time.Time { return time.Unix(0, 0) })
	for i := range maxStrange {
		if l.stranger("romeo", 1, 1000) {
			t.Fatalf("%d are too many", i)
		}
	}
	if !l.stranger("romeo", 1, 1000) || l.stranger("juliet", 1, 1000) {
		t.Error("the bound is another, or that of all")
	}
	if l.stranger("nurse", 6000, 1000) || !l.stranger("nurse", 5000, 1000) {
		t.Error("the bound of bytes is another")
	}
	r := newRig(t)
	r.accepted("bob@example.com", plainMail("From: bob@example.com\nMessage-ID: <1@x>\n", "first"), "romeo@example.org")
	r.letter()
	for range maxStrange {
		r.mail.limits.stranger("romeo@xmpp.example", 1, 1000)
	}
	r.accepted("bob@example.com", plainMail("From: bob@example.com\nMessage-ID: <2@x>\n", "second"), "romeo@example.org")
	if err := r.bring("eve@example.com", plainMail("From: eve@example.com\n", "me too"), "romeo@example.org")["romeo@example.org"]; err == nil || !strings.Contains(err.Error(), "452") {
		t.Errorf("one more is answered %v", err)
	}
}

// Mails that are said once make nobody forget what is said again and again.
func TestCirclesOutliveFloods(t *testing.T) {
	t.Parallel()
	l := newLimits(func() time.Time { return time.Unix(0, 0) })
	for i := range 2*maxCounted + 10 {
		if i%(maxCounted/4) == 0 && l.circles("romeo", "robot", "I am away") != (i/(maxCounted/4) >= maxEqual) {
			t.Errorf("mail %d", i)
		}
		l.circles("romeo", numeral(i), "buy")
		if len(l.equal) > maxCounted {
			t.Fatalf("%d are counted", len(l.equal))
		}
	}
	for range maxEqual {
		l.circles("romeo", "robot", "I am away")
	}
	if !l.circles("romeo", "robot", "I am away") {
		t.Error("it goes in circles, and nobody says so")
	}
}

// Large mails are rendered one after the other, so that many at a time do not take all of the memory.
func TestLargeMailsTakeTurns(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.mail.memory, r.mail.rendering = semaphore.NewWeighted(perByte*3<<19), semaphore.NewWeighted(perByte*3<<19) // of one mail
	names := []string{"romeo", "admin", "d'artagnan"}
	var now, most atomic.Int32
	r.xmpp.uploading = func() func() {
		most.Store(max(most.Load(), now.Add(1)))
		return func() { now.Add(-1) }
	}
	file := strings.Repeat(strings.Repeat("QUJD", 19)+"\n", 1<<20/77)
	var wg sync.WaitGroup
	for i := range 9 {
		wg.Go(func() {
			raw := fmt.Sprintf("From: juliet@example.com\nMessage-ID: <%d@x>\nContent-Type: image/png; name=a.png\nContent-Transfer-Encoding: base64\n\n", i) + file
			if answers := r.bring("juliet@example.com", raw, names[i%3]+"@example.org"); len(answers) > 0 {
				t.Errorf("it is not taken: %v", answers)
			}
		})
	}
	wg.Wait()
	for range 9 {
		if l := r.letter(); len(l.Files) != 1 {
			t.Errorf("its file is missing: %+v", l)
		}
	}
	if most.Load() != 1 {
		t.Errorf("%d were rendered at a time", most.Load())
	}
}
