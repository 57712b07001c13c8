package mailbridge

import (
	"context"
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"passerelle/internal/dnstest"
	"passerelle/internal/postaltest"
	"passerelle/mailbridge/address"
	"passerelle/mailbridge/content"
	"passerelle/mailbridge/judge"
	"passerelle/mailbridge/receive"
	"passerelle/store"
	"passerelle/transports"
)

// speaking is the XMPP side where it speaks for users, and learns only of what is written to their aliases.
type speaking struct {
	*xmppSide
	spoken chan transports.Speech
}

func (x *speaking) Speak(tx *store.Tx, _ transports.Address, s transports.Speech) (bool, error) {
	tx.OnCommit(func() { x.spoken <- s })
	return true, nil
}

func (x *speaking) Offers(context.Context, transports.Address, string) ([]transports.Offer, error) {
	return []transports.Offer{{Way: transports.WayAlias, Speaks: true, Whole: true}}, nil
}

func (x *speaking) Follow(context.Context, transports.Address, transports.Way, transports.Following, string) error {
	return nil
}
func (x *speaking) Unfollow(context.Context, transports.Address) error { return nil }
func (x *speaking) Followed(context.Context, transports.Address) (transports.Way, transports.Following, error) {
	return transports.WayAlias, transports.FollowAll, nil
}

func (x *speaking) ReadMarks(context.Context, transports.Address) ([]transports.ReadMark, error) {
	return nil, nil
}
func (x *speaking) Fill(context.Context, transports.Address) error { return nil }
func (x *speaking) Online(transports.Address) (online, known bool) { return false, false }

// answeredRig is a gateway with a redirect of romeo's, whose mail is judged by the mail server in front.
func answeredRig(t *testing.T) *rig {
	t.Helper()
	dns := dnstest.Start(t, dnstest.Zone{"example.net": {"TXT v=spf1 -all"}, "broken.example": {"SERVFAIL"}})
	rules := &RedirectRules{Sender: "redirect", PerHour: 20, PerDay: 100, Kept: 1000, Gateways: []string{"mail.example"}, LeaveURL: "https://gw.example/leave/"}
	r := rigOf(t, func(o *Options) { o.Redirect = rules }, func(o *receive.Options) {
		o.Judge = judge.New(judge.Options{Resolver: dns.Resolver(), Log: o.Log})
		o.Rules.Trusted, o.Rules.Results = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, []string{"front.example"}
	})
	r.redirects()
	return r
}

// mailed has a message of bob's mailed, and returns the address for answers.
func (r *rig) mailed() string {
	r.t.Helper()
	r.copied(transports.Copy{Way: transports.WayAlias, ID: "b1", Thread: "t", Nick: "Bob", Body: "Are you there?"})
	r.pass(time.Hour)
	to := field(r.sent(), "Reply-To")
	return strings.TrimSuffix(to[strings.IndexByte(to, '<')+1:], ">")
}

// spoke is what is said in the name of a user next.
func (r *rig) spoke() transports.Speech {
	r.t.Helper()
	select {
	case s := <-r.spoken:
		return s
	case <-time.After(postaltest.Patience):
		r.t.Fatal("nothing was said")
		return transports.Speech{}
	}
}

// answerMail is an answer of romeo's that his domain speaks for.
func answerMail(to, header, said string) string {
	return "Authentication-Results: front.example; " + strings.ReplaceAll(bySignature, "DOMAIN", "example.net") + "\nFrom: Romeo <me@example.net>\nTo: <" + to +
		">\nMessage-ID: <a@example.net>\nIn-Reply-To: <m@example.org>\nSubject: Re: Messages from Bob\n" + header + "\n" + said
}

func TestAnswer(t *testing.T) {
	t.Parallel()
	r := answeredRig(t)
	to := r.mailed()
	raw := answerMail(to, "", "I am here.\n\nOn Mon, 2 Mar 2026, Bob wrote:\n> Are you there?\n")
	r.accepted("me@example.net", raw, to)
	s := r.spoke()
	want := transports.Speech{ID: s.ID, To: bob.Bare(), Body: "I am here.", Thread: "t", ReplyTo: "b1", Alias: s.Alias, Name: "romeo"}
	if s.ID == "" || !strings.HasPrefix(s.Alias, "romeo-") || fmt.Sprintf("%+v", s) != fmt.Sprintf("%+v", want) {
		t.Errorf("said\n%+v\nwant\n%+v", s, want)
	}
	// The same mail again, also by somebody who has got hold of it, is the same message: what comes next is another one.
	r.accepted("me@example.net", raw, to)
	r.accepted("me@example.net", strings.ReplaceAll(answerMail(to, "", "And now?\n"), "<a@", "<b@"), to)
	if s := r.spoke(); s.Body != "And now?" {
		t.Errorf("said %+v", s)
	}
}

func TestAnswerWithFiles(t *testing.T) {
	t.Parallel()
	r := answeredRig(t)
	to := r.mailed()
	r.accepted("me@example.net", answerMail(to, "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n",
		"--b\n\nLook.\n--b\nContent-Type: image/png; name=rose.png\nContent-Disposition: attachment\nContent-Transfer-Encoding: base64\n\niVBORw0KGgo=\n--b--\n"), to)
	s := r.spoke()
	if s.Body != "Look." || len(s.Files) != 1 || s.Files[0].Name != "rose.png" || s.Files[0].Type != "image/png" || s.Files[0].URL == "" {
		t.Errorf("said %+v", s)
	}
}

// Whoever is not proven to be the owner of the mailbox says nothing, and is told so while he hands his mail over.
func TestAnswersRefused(t *testing.T) {
	t.Parallel()
	other := "r+aaaaaaaaaaaaafyaaaaf2vqk3m5d7wq2e4yh@example.org"
	for _, c := range []struct {
		name, from string
		change     func(to, raw string) string
		want       string
		after      time.Duration
	}{
		{"forged", "me@example.net", func(_, raw string) string { return strings.ReplaceAll(raw, "=pass", "=fail") }, "550", 0},
		{"nobody has looked", "me@example.net", func(_, raw string) string { return raw[strings.Index(raw, "From:"):] }, "550", 0},
		{"the DNS is broken", "me@example.net", func(_, raw string) string { return strings.ReplaceAll(raw, "=pass", "=temperror") }, "451", 0},
		{"of somebody else", "eve@evil.example", func(_, raw string) string {
			return strings.ReplaceAll(strings.ReplaceAll(raw, "example.net", "evil.example"), "me@", "eve@")
		}, "550 This address takes answers only from the mailbox", 0},
		{"of a neighbour", "eve@example.net", func(_, raw string) string { return strings.ReplaceAll(raw, "me@", "eve@") }, "550 ", 0},
		{"of two", "me@example.net", func(_, raw string) string { return strings.Replace(raw, "<me@", "<eve@example.net>, <me@", 1) }, "550 ", 0},
		{"another mail of his, brought by who has got it", "me@example.net", func(to, raw string) string { return strings.ReplaceAll(raw, to, "eve@evil.example") }, "550 The address for answers", 0},
		{"a holiday answer", "me@example.net", func(_, raw string) string { return "Auto-Submitted: auto-replied\n" + raw }, "550 This address takes what a person", 0},
		{"by a list", "me@example.net", func(_, raw string) string { return "List-Id: <l.example.net>\n" + raw }, "550 ", 0},
		{"of nobody", "", func(_, raw string) string { return raw }, "550 ", 0},
		{"nothing new", "me@example.net", func(_, raw string) string {
			return strings.Replace(raw, "yes\n", "On Mon, 2 Mar 2026, Bob wrote:\n> Are you there?\n", 1)
		}, "501 There is nothing in this answer", 0},
		{"encrypted", "me@example.net", func(_, raw string) string {
			return strings.Replace(raw, "Subject:", "MIME-Version: 1.0\nContent-Type: multipart/encrypted; protocol=\"application/pgp-encrypted\"; boundary=b\nSubject:", 1) +
				"--b\nContent-Type: application/pgp-encrypted\n\nVersion: 1\n--b\nContent-Type: application/octet-stream\n\nx\n--b--\n"
		}, "502 The answer is encrypted", 0},
		{"too late", "me@example.net", func(_, raw string) string { return raw }, "550 This address was for answers within a month", 32 * 24 * time.Hour},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := answeredRig(t)
			to := r.mailed()
			r.clock.Advance(c.after)
			answers := r.bring(c.from, c.change(to, answerMail(to, "", "yes\n")), to)
			code, said, _ := strings.Cut(c.want, " ")
			if got := fmt.Sprint(answers[to]); !strings.Contains(got, code) || !strings.Contains(got, said) {
				t.Errorf("answered %v, want %s", answers[to], c.want)
			}
			if answers := r.bring("me@example.net", answerMail(other, "", "yes\n"), other); answers[other] == nil {
				t.Error("an address that nobody made is taken")
			}
			r.saysNothing()
		})
	}
}

func TestAnswerStop(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, subject, said string }{
		{"in words", "Re: Messages from Bob", "STOP.\n\nOn Mon, 2 Mar 2026, Bob wrote:\n> Are you there?\n"},
		{"by the button of a mail program", "stop", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := answeredRig(t)
			to := r.mailed()
			r.accepted("me@example.net", strings.Replace(answerMail(to, "", c.said), "Re: Messages from Bob", c.subject, 1), to)
			if e, ok := r.next().(transports.Remark); !ok || !strings.Contains(e.Text, "go to me@example.net no more") {
				t.Errorf("he is told %+v", e)
			}
			if _, ok, err := r.db.Redirect(t.Context(), r.mail.userID(romeo)); ok || err != nil {
				t.Errorf("the redirect is there still: %v", err)
			}
			r.saysNothing()
		})
	}
}

// TestStopAnswersACode: whose mailbox it is gets no other code, by whatever name of his, and what went elsewhere goes on.
func TestStopAnswersACode(t *testing.T) {
	t.Parallel()
	r := answeredRig(t)
	if _, err := r.mail.redirectTo(t.Context(), "en", romeo, "you+x@example.net"); err != nil {
		t.Fatal(err)
	}
	to := field(r.sent(), "Reply-To")
	to = strings.TrimSuffix(to[strings.IndexByte(to, '<')+1:], ">")
	r.accepted("you+x@example.net", strings.ReplaceAll(answerMail(to, "", "Stop\n"), "me@", "you+x@"), to)
	if e, ok := r.next().(transports.Remark); !ok || e.Text != "The owner of you+x@example.net wants no such mail. Your messages go on to me@example.net." {
		t.Errorf("he is told %+v", e)
	}
	for _, name := range []string{"you+x@example.net", "you+y@example.net", "You@example.net"} {
		if _, err := r.mail.redirectTo(t.Context(), "en", romeo, name); transports.AsError(err).Kind != transports.Denied {
			t.Errorf("a code to %s: %v", name, err)
		}
	}
	if to := r.mailed(); to == "" {
		t.Error("nothing is mailed any more")
	}
}

// TestStopAnswersAFirstCode: as above, where nothing is confirmed yet.
func TestStopAnswersAFirstCode(t *testing.T) {
	t.Parallel()
	r := answeredRig(t)
	other := transports.Address{Local: "admin", Domain: "xmpp.example"}
	if _, err := r.mail.redirectTo(t.Context(), "en", other, "you@example.net"); err != nil {
		t.Fatal(err)
	}
	to := field(r.sent(), "Reply-To")
	to = strings.TrimSuffix(to[strings.IndexByte(to, '<')+1:], ">")
	r.accepted("you@example.net", strings.ReplaceAll(answerMail(to, "", "stop\n"), "me@", "you@"), to)
	r.next() // he is told
	if _, ok, err := r.db.Redirect(t.Context(), r.mail.userID(other)); ok || err != nil {
		t.Errorf("it waits still: %v", err)
	}
	if _, err := r.mail.redirectTo(t.Context(), "en", romeo, "you@example.net"); transports.AsError(err).Kind != transports.Denied {
		t.Errorf("another user: %v", err)
	}
}

func TestLeaveLink(t *testing.T) {
	t.Parallel()
	r := answeredRig(t)
	r.copied(transports.Copy{Way: transports.WayAlias, ID: "b1", Nick: "Bob", Body: "Are you there?"})
	r.pass(time.Hour)
	m := r.sent()
	ways, link := field(m, "List-Unsubscribe"), leaveLinks.FindStringSubmatch(plainPart(m))
	if link == nil || !strings.HasPrefix(ways, "<https://gw.example/leave/"+link[1]+">, <mailto:r+") || field(m, "List-Unsubscribe-Post") != "List-Unsubscribe=One-Click" {
		t.Fatalf("the ways out are %s and\n%s", ways, m.Body)
	}
	for token, want := range map[string]bool{link[1]: true, link[1][1:]: false, "": false, strings.Repeat("a", len(link[1])): false} {
		if mailbox, ok, err := r.mail.LeavesFrom(t.Context(), token); ok != want || err != nil || ok && mailbox != "me@example.net" {
			t.Errorf("%q leaves from %q, %v, %v", token, mailbox, ok, err)
		}
	}
	for range 2 { // a program may press twice
		if err := r.mail.Leave(t.Context(), link[1]); err != nil {
			t.Error(err)
		}
	}
	if _, ok, err := r.db.Redirect(t.Context(), r.mail.userID(romeo)); ok || err != nil {
		t.Errorf("the redirect is there still: %v", err)
	}
}

var leaveLinks = regexp.MustCompile(`https://gw\.example/leave/([a-z2-7]+)`)

// saysNothing checks that nothing waits to be said.
func (r *rig) saysNothing() {
	r.t.Helper()
	waiting, err := r.db.WaitingJobs(r.t.Context(), kindAnswer, 10)
	if err != nil || len(waiting) > 0 || len(r.spoken) > 0 {
		r.t.Errorf("%d answers wait, %d were said, %v", len(waiting), len(r.spoken), err)
	}
}

// TestOwnMessagesWithoutID: what a user writes without an id says that he has read the conversation, as with one; the file beside something that he
// has answered by mail says no such thing.
func TestOwnMessagesWithoutID(t *testing.T) {
	t.Parallel()
	r := answeredRig(t)
	to := r.mailed()
	r.accepted("me@example.net", answerMail(to, "", "yes\n"), to)
	said := r.spoke()
	r.copied(transports.Copy{Way: transports.WayModule, ID: "b2", Body: "And now?", Offline: true})
	for _, c := range []struct {
		id   string
		want int
	}{{said.ID, 1}, {"", 0}} {
		r.copied(transports.Copy{Way: transports.WayModule, Sent: true, ID: c.id, Body: "yes"})
		if n := r.waiting(); n != c.want {
			t.Errorf("after his own message %q %d messages wait, want %d", c.id, n, c.want)
		}
	}
}

// TestAnswersThatNobodyTakes: the user is told on XMPP.
func TestAnswersThatNobodyTakes(t *testing.T) {
	t.Parallel()
	r := answeredRig(t)
	to := r.mailed()
	r.accepted("me@example.net", answerMail(to, "", "yes\n"), to)
	s := r.spoke()
	if err := r.db.Write(t.Context(), func(tx *store.Tx) error {
		return r.mail.Returned(tx, romeo, transports.Returned{ID: s.ID, Err: transports.NewError(transports.Denied, "He has blocked you.", nil)})
	}); err != nil {
		t.Fatal(err)
	}
	if e, ok := r.next().(transports.Remark); !ok || !strings.Contains(e.Text, "He has blocked you.") {
		t.Errorf("he is told %+v", e)
	}
}

// TestAnswersThatComeBack: who has answered by mail is told by mail that nobody took it, once, and can answer that. Only who has got it can refuse it.
func TestAnswersThatComeBack(t *testing.T) {
	t.Parallel()
	r := answeredRig(t)
	to := r.mailed()
	r.accepted("me@example.net", answerMail(to, "", "yes\n"), to)
	s := r.spoke()
	back := func(from transports.Address) {
		t.Helper()
		if err := r.db.Write(t.Context(), func(tx *store.Tx) error {
			return r.mail.Returned(tx, romeo, transports.Returned{ID: s.ID, From: from, Err: transports.NewError(transports.NotFound, "There is nobody of this name.", nil)})
		}); err != nil {
			t.Fatal(err)
		}
	}
	back(transports.Address{Local: "eve", Domain: "evil.example"})
	if len(r.xmpp.Delivered) > 0 {
		t.Errorf("he is told what somebody else says: %+v", r.next())
	}
	back(bob.Bare())
	back(bob.Bare())
	if e, ok := r.next().(transports.Remark); !ok || !strings.Contains(e.Text, "There is nobody of this name.") {
		t.Errorf("he is told %+v", e)
	}
	m := r.sent()
	if got := string(m.Body); field(m, "To") != "me@example.net" || field(m, "Subject") != "Your answer to Bob did not arrive" || field(m, "In-Reply-To") != "<a@example.net>" ||
		field(m, "Auto-Submitted") != "auto-replied" || !strings.Contains(got, "There is nobody of") {
		t.Errorf("the mail is\n%s", got)
	}
	again := field(m, "Reply-To")
	again = strings.TrimSuffix(again[strings.IndexByte(again, '<')+1:], ">")
	r.accepted("me@example.net", strings.ReplaceAll(answerMail(again, "", "And now?\n"), "<a@", "<b@"), again)
	if s := r.spoke(); s.Body != "And now?" || s.To != bob.Bare() || s.ReplyTo != "b1" {
		t.Errorf("said %+v", s)
	}
	if len(r.xmpp.Delivered) > 0 || len(r.relay.mails) > 0 {
		t.Error("he is told more than once")
	}
}

// TestAnswersToRooms: what cannot be said in a room from here is refused while the answer is handed over.
func TestAnswersToRooms(t *testing.T) {
	t.Parallel()
	r := answeredRig(t)
	r.mustSay("add rooms yes do unread 1")
	room := transports.Address{Local: "verona", Domain: "rooms.example", Resource: "Tybalt"}
	for _, c := range []transports.Copy{{Way: transports.WayModule, Peer: room, Room: true, ID: "1", Body: "to all"}, {Way: transports.WayModule, Peer: room, ID: "2", Body: "to him", Offline: true}} {
		r.copied(c)
		r.pass(time.Hour)
		to := field(r.sent(), "Reply-To")
		to = strings.TrimSuffix(to[strings.IndexByte(to, '<')+1:], ">")
		if err := r.bring("me@example.net", answerMail(to, "", "yes\n"), to)[to]; err == nil || !strings.Contains(err.Error(), "can only be answered there") {
			t.Errorf("%s: answered %v", c.Body, err)
		}
	}
	r.saysNothing()
}

// TestAddedFields: who has got another mail of the user, which his domain signed, cannot bring it here by adding a field.
func TestAddedFields(t *testing.T) {
	t.Parallel()
	signed := func(header ...string) judge.Verdict {
		return judge.Verdict{From: "example.net", DMARC: judge.Pass, SPF: judge.Fail, DKIM: []judge.Signature{{Domain: "example.net", Result: judge.Pass, Aligned: true, Header: header}}}
	}
	const to = "r+aaaaaaaaaaaaafyaaaaf2vqk3m5d7wq2e4yh@example.org"
	at, err := address.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	own := answerMail(to, "", "yes\n")
	for _, c := range []struct {
		name, raw string
		verdict   judge.Verdict
		want      bool
	}{
		{"an answer that is signed", own, signed("from", "to", "message-id"), true},
		{"an answer from a server of his", own, judge.Verdict{From: "example.net", DMARC: judge.Pass, SPF: judge.Pass, SPFAligned: true}, true},
		{"whom it is for is not signed", own, signed("from", "message-id"), false},
		{"which mail it is, is not signed", own, signed("from", "to"), false},
		{"Cc was added", strings.Replace(own, "To: <"+to, "Cc: <"+to+">\nTo: <eve@evil.example", 1), signed("from", "to", "message-id"), false},
		{"To was added", "To: <" + to + ">\n" + strings.Replace(own, "To: <"+to, "To: <eve@evil.example", 1), signed("from", "to", "message-id"), false},
		{"only another server has looked", own, judge.Verdict{From: "example.net", DMARC: judge.Pass, DKIM: []judge.Signature{{Domain: "example.net", Result: judge.Pass, Aligned: true}}}, false},
	} {
		m, err := content.Read([]byte(strings.ReplaceAll(c.raw, "\n", "\r\n")), content.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		err = fromOwner(&store.RedirectMail{Mailbox: "me@example.net"}, at, &receive.Incoming{Envelope: receive.Envelope{From: address.Mailbox{Local: "me", Domain: "example.net"}}, Verdict: c.verdict}, m)
		if (err == nil) != c.want {
			t.Errorf("%s: %v, want it taken: %v", c.name, err, c.want)
		}
	}
}
