package mailbridge

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"passerelle/store"
	"passerelle/transports"
)

// echoing is the XMPP side where what a user says to another one is brought to that one, as by the module of their server.
type echoing struct {
	*speaking
	copies chan transports.Copy
}

func (x *echoing) Speak(tx *store.Tx, user transports.Address, s transports.Speech) (bool, error) {
	tx.OnCommit(func() {
		x.copies <- transports.Copy{Way: transports.WayModule, User: s.To, Peer: user, ID: s.ID, Body: s.Body, Offline: true}
	})
	return true, nil
}

func (x *echoing) Offers(context.Context, transports.Address, string) ([]transports.Offer, error) {
	return bestOffers, nil
}

// TestTwoRedirectsInALoop: two users have redirects to mailboxes where a program answers everything. Where it says that it is one, nothing of it is
// taken; where it does not, it answers a few times, and then nothing more goes out.
func TestTwoRedirectsInALoop(t *testing.T) {
	t.Parallel()
	other := transports.Address{Local: "admin", Domain: "xmpp.example"}
	for _, c := range []struct {
		name, header string
		most         int
	}{{"as RFC 3834 has it", "Auto-Submitted: auto-replied\n", 1}, {"in a header of old", "Precedence: bulk\n", 1}, {"without saying so", "", 2*sameAnswers + 1}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := answeredRig(t)
			x := &echoing{speaking: &speaking{r.xmpp, r.spoken}, copies: make(chan transports.Copy, 10)}
			r.mail.Serve(x)
			if _, err := r.mail.redirectTo(t.Context(), "en", other, "you@example.net"); err != nil {
				t.Fatal(err)
			}
			if _, err := r.mail.confirmRedirect(t.Context(), "en", other, codeInMail.FindStringSubmatch(string(r.sent().Body))[1]); err != nil {
				t.Fatal(err)
			}
			r.next() // how his messages are learnt of
			r.copied(transports.Copy{Way: transports.WayModule, Peer: other, ID: "first", Body: "Are you there?", Offline: true})
			mails := 0
			for refused := false; !refused; {
				r.pass(time.Hour)
				m := r.sent()
				if mails++; mails > 100 {
					t.Fatal("it goes on and on")
				}
				to := field(m, "Reply-To")
				to = strings.TrimSuffix(to[strings.IndexByte(to, '<')+1:], ">")
				owner := strings.TrimSuffix(field(m, "To"), "@example.net")
				raw := strings.NewReplacer("<me@", "<"+owner+"@", "<a@", fmt.Sprintf("<a%d@", mails)).Replace(answerMail(to, c.header, "I am on holiday until the first of May, and read nothing.\n"))
				if refused = r.bring(owner+"@example.net", raw, to)[to] != nil; !refused {
					r.copied(<-x.copies)
				}
			}
			if mails != c.most {
				t.Errorf("%d mails went out, want %d", mails, c.most)
			}
			r.saysNothing()
		})
	}
}

// TestRedirectToAMailingList: a user has his messages go to a list (RFC 2919) on which his own address here is, and the address for answers too. What
// comes back by it goes nowhere, whatever the list does to it.
func TestRedirectToAMailingList(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		list func(mail string) string
	}{
		{"it forwards", func(mail string) string { return mail }},
		{"as RFC 2369 has it", func(mail string) string {
			return "List-Id: <l.example.net>\nList-Post: <mailto:me@example.net>\nPrecedence: list\n" + strings.Replace(mail, "Subject: ", "Subject: [l] ", 1)
		}},
		{"it takes away what it does not know", func(mail string) string {
			return "List-Id: <l.example.net>\n" + without(mail, "X-Loop", "Auto-Submitted", "Received", "DKIM-Signature")
		}},
		{"it writes in its own name", func(mail string) string {
			return "From: Bob via L <me@example.net>\nList-Id: <l.example.net>\n" + without(mail, "From", "X-Loop", "Auto-Submitted", "Reply-To", "DKIM-Signature")
		}},
		{"it does not say that it is one", func(mail string) string {
			return "From: me@example.net\n" + without(mail, "From", "X-Loop", "Auto-Submitted", "Reply-To", "DKIM-Signature", "List-Unsubscribe", "List-Unsubscribe-Post")
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := answeredRig(t)
			r.copied(transports.Copy{Way: transports.WayAlias, ID: "b1", Nick: "Bob", Body: "Are you there?"})
			r.pass(time.Hour)
			m := r.sent()
			answers := field(m, "Reply-To")
			answers = strings.TrimSuffix(answers[strings.IndexByte(answers, '<')+1:], ">")
			raw := c.list(strings.ReplaceAll(string(m.Body), "\r\n", "\n"))
			// The one that it brings to his address may be a letter of the list's, which is of this gateway then, and not mailed again.
			r.bring("me-bounces@example.net", raw, "romeo@example.org")
			for to, err := range r.bring("me-bounces@example.net", raw, answers) {
				if err == nil {
					t.Errorf("the mail to %s is taken", to)
				}
			}
			r.jobsDone(kindIn)
			for len(r.xmpp.Delivered) > 0 {
				if l, ok := r.next().(transports.Letter); ok {
					r.copied(transports.Copy{Way: transports.WayModule, Peer: transports.Address{Local: `me\40example.net`, Domain: "mail.example"}, ID: l.ID, Body: "back", Offline: true})
				}
			}
			r.saysNothing()
			if n := r.waiting(); n != 0 {
				t.Errorf("%d messages wait", n)
			}
		})
	}
}

// without is a mail without some fields.
func without(mail string, fields ...string) string {
	head, rest, _ := strings.Cut(mail, "\n\n")
	var kept []string
	drop := false
	for line := range strings.SplitSeq(head, "\n") {
		if !strings.HasPrefix(line, " ") && !strings.HasPrefix(line, "\t") {
			drop = false
			for _, f := range fields {
				drop = drop || strings.HasPrefix(line, f+":")
			}
		}
		if !drop {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "\n") + "\n\n" + rest
}
