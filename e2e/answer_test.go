package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"passerelle/internal/dnstest"
	"passerelle/internal/realservers"
	"passerelle/internal/realservers/freeport"
	"passerelle/internal/realservers/realtest"
	"passerelle/internal/xmpptest"
)

const (
	home         = "alice@home.example" // where alice reads what she gets on XMPP
	homePassword = "secret"
)

// redirectTime is how long a mail may take that waits for more to say.
const redirectTime = 90 * time.Second

var answerAddress = regexp.MustCompile(`<(r\+[a-z2-7]+@example\.org)>`)

// redirectRig is a gateway between an XMPP server with our module, Postfix and a mailbox of alice's.
type redirectRig struct {
	*mailGateway
	postfix   *realservers.Postfix
	mailboxes *realservers.Dovecot
}

func newRedirectRig(t *testing.T, xmpp string) *redirectRig {
	t.Helper()
	dns := dnstest.Start(t, dnstest.Zone{"home.example": {"TXT v=spf1 ip4:127.0.0.1 -all"}})
	s := xmppServerWith(t, xmpp, xmppExtras{privileged: true, redirect: true})
	r := &redirectRig{mailboxes: realtest.Dovecot(t, realservers.DovecotOptions{Users: map[string]string{home: homePassword}})}
	r.mailGateway = newMailGateway(t, build(t), s, fmt.Sprintf("resolver = %q\n[mail.redirect]\nenabled = true\n", dns.Addr))
	r.postfix = realtest.Postfix(t, realservers.PostfixOptions{
		Routes:   map[string]string{"example.org": "lmtp:unix:" + r.lmtp(), "home.example": "lmtp:[127.0.0.1]:" + freeport.Port(r.mailboxes.LMTP)},
		Settings: inFront,
	})
	r.setSmarthost(r.postfix.Addr)
	r.start()
	return r
}

// inbox is alice's mailbox, once it has so many mails.
func (r *redirectRig) inbox(n int) []string {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), redirectTime)
	defer cancel()
	var all []string
	if err := poll(ctx, func() (err error) {
		if all, err = r.mailboxes.Inbox(ctx, home); err == nil && len(all) < n {
			err = fmt.Errorf("there are %d mails, want %d", len(all), n)
		}
		return err
	}); err != nil {
		r.t.Fatalf("%v:\n%s", err, strings.Join(all, "\n\n"))
	}
	for i := range all {
		all[i] = strings.ReplaceAll(all[i], "\r\n", "\n")
	}
	return all
}

// redirects has alice's messages go to her mailbox, and leaves her offline.
func (r *redirectRig) redirects() {
	r.t.Helper()
	alice := r.client("alice")
	tell := func(words, answer string) {
		r.t.Helper()
		sendStanza(r.t, alice, `<message type='chat' to='`+gatewayDomain+`'><body>`+words+`</body></message>`)
		await(r.t, alice, "the answer to "+words, func(e *xmpptest.Element) bool { return strings.Contains(body(e), answer) })
	}
	tell("redirect to "+home, "A mail with a code goes to")
	code := mailedCode.FindStringSubmatch(r.inbox(1)[0])
	if code == nil {
		r.t.Fatal("the mail has no code")
	}
	tell("redirect code "+code[1], "They are learnt of so: a module on your server")
	tell("redirect add do offline", "offline")
	if err := alice.Close(); err != nil {
		r.t.Fatal(err)
	}
}

// TestRedirectAnswered: what somebody gets who is offline lies in her mailbox once, and what she answers there, with mutt or with a phone, she says on
// XMPP. What she got while she was online is not mailed, and who writes to her learns nothing of it all.
func TestRedirectAnswered(t *testing.T) {
	t.Parallel()
	answers := map[string]func(*redirectRig, string){"prosody": (*redirectRig).answerWithMutt, "ejabberd": (*redirectRig).answerWithPhone}
	for _, xmpp := range []string{"prosody", "ejabberd"} {
		t.Run(xmpp, func(t *testing.T) {
			t.Parallel()
			r := newRedirectRig(t, xmpp)
			r.redirects()
			carol := r.client("carol")
			say := func(id, words string) {
				t.Helper()
				sendStanza(t, carol, `<message type='chat' id='`+id+`' to='alice@localhost'><body>`+words+`</body><request xmlns='urn:xmpp:receipts'/></message>`)
			}
			say("c1", "Are you there?")
			say("c2", "It is me.")
			mail := r.inbox(2)[1]
			for _, want := range []string{"Are you there?", "It is me.", "Subject: Messages from carol", "Auto-Submitted: auto-generated", "To: " + home} {
				if !strings.Contains(mail, want) {
					t.Errorf("the mail has no %q:\n%s", want, mail)
				}
			}
			answers[xmpp](r, mail)
			e := await(t, carol, "the answer", isMessage)
			if body(e) != "At nine." || e.Get("from") != "alice@localhost" {
				t.Errorf("carol got %s", e)
			}

			alice := r.client("alice")
			say("c3", "Good.")
			await(t, alice, "the message", func(e *xmpptest.Element) bool { return body(e) == "Good." })
			if err := alice.Close(); err != nil {
				t.Fatal(err)
			}
			say("c4", "Bring wine.")
			all := r.inbox(3)
			if n := strings.Count(strings.Join(all, ""), "Good."); n != 0 || len(all) != 3 || !strings.Contains(all[2], "Bring wine.") {
				t.Errorf("what she got online is mailed %d times, and there are %d mails:\n%s", n, len(all), all[len(all)-1])
			}
			// Nobody tells carol anything but that answer.
			sendStanza(t, carol, `<iq type='get' id='last' to='localhost'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>`)
			await(t, carol, "the end", func(e *xmpptest.Element) bool {
				if isMessage(e) || e.Name.Local == "presence" {
					t.Errorf("carol got %s", e)
				}
				return e.Get("id") == "last"
			})
		})
	}
}

// isMessage reports whether a stanza is a message, and not what Prosody says to everybody of privileges (XEP-0356) that nobody has.
func isMessage(e *xmpptest.Element) bool { return e.Name.Local == "message" && !has(e, "privilege") }

// answerWithMutt answers the last mail as a user of mutt does, below the quote.
func (r *redirectRig) answerWithMutt(string) {
	t := r.t.(*testing.T)
	ctx, cancel := context.WithTimeout(t.Context(), mailTime)
	defer cancel()
	replyWithMutt(ctx, t, correspondent{"Alice", home, homePassword}, r.mailboxes, r.postfix, "cat \"$1\"; echo; echo 'At nine.'").awaitEnd(ctx)
}

// answerWithPhone answers a mail as the mail program of a phone does: in HTML alone, above the quote, with what it advertises.
func (r *redirectRig) answerWithPhone(mail string) {
	to := answerAddress.FindStringSubmatch(mail)
	if to == nil {
		r.t.Fatalf("there is no address for answers in\n%s", mail)
	}
	data := strings.Join([]string{
		"From: Alice <" + home + ">", "To: <" + to[1] + ">", "Subject: Re: " + headerOf(mail, "Subject"), "Message-ID: <phone@home.example>",
		"In-Reply-To: " + headerOf(mail, "Message-ID"), "MIME-Version: 1.0", "Content-Type: text/html; charset=utf-8", "Content-Transfer-Encoding: quoted-printable", "",
		"<div dir=3D\"auto\">At nine.</div><div dir=3D\"auto\">Sent from my phone</div><br><div class=3D\"gmail_quote\"><div class=3D\"gmail_attr\">Le lun. 2 =",
		"mars 2026 =C3=A0 10:05, carol (XMPP) &lt;" + strings.Replace(to[1], "@", "=40", 1) + "&gt; a =C3=A9crit=C2=A0:</div><blockquote class=3D\"gmail_quote\">Are you there?</blockquote></div>", "",
	}, "\n")
	file := filepath.Join(r.t.TempDir(), "answer.eml")
	if err := os.WriteFile(file, []byte(data), 0o600); err != nil {
		r.t.Fatal(err)
	}
	args := []string{"--server", r.postfix.Addr, "--from", home, "--to", to[1], "--data", "@" + file, "--silent", "1"}
	if out, err := exec.CommandContext(r.t.Context(), "swaks", args...).CombinedOutput(); err != nil {
		r.t.Fatalf("swaks: %v: %s", err, out)
	}
}
