package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"passerelle/internal/realservers"
	"passerelle/internal/realservers/freeport"
	"passerelle/internal/realservers/realtest"
	"passerelle/internal/xmpptest"
)

// TestMutt: what a user of XMPP writes lies in a mailbox of Dovecot; who reads it there with mutt and answers, quoting it all as people do, is in the same
// conversation, without the quote. What is answered to that goes on in his thread.
func TestMutt(t *testing.T) {
	t.Parallel()
	program := build(t)
	s := xmppServer(t, "prosody", false)
	const bob, password = "bob@friend.example", "secret"
	mailboxes := realtest.Dovecot(t, realservers.DovecotOptions{Users: map[string]string{bob: password}})
	m := newMailGateway(t, program, s, "")
	postfix := realtest.Postfix(t, realservers.PostfixOptions{
		Routes:   map[string]string{"example.org": "lmtp:unix:" + m.lmtp(), "friend.example": "lmtp:[127.0.0.1]:" + freeport.Port(mailboxes.LMTP)},
		Settings: inFront,
	})
	m.setSmarthost(postfix.Addr)
	m.start()
	alice := m.client("alice")
	ctx, cancel := context.WithTimeout(t.Context(), 3*mailTime)
	defer cancel()
	inbox := func(n int) string {
		t.Helper()
		var last string
		if err := poll(ctx, func() error {
			all, err := mailboxes.Inbox(ctx, bob)
			if err == nil && len(all) < n {
				err = fmt.Errorf("there are %d mails, want %d", len(all), n)
			}
			if err == nil {
				last = strings.ReplaceAll(all[n-1], "\r\n", "\n")
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return last
	}

	to := `bob\40friend.example@` + gatewayDomain
	sendStanza(t, alice, `<message type='chat' id='a1' to='`+to+`'><thread>t1</thread><body>Are you coming tonight?</body></message>`)
	sendStanza(t, alice, `<message type='chat' id='a2' to='`+to+`'><body>/send</body></message>`)
	inbox(1)

	screen := replyWithMutt(ctx, t, correspondent{"Bob", bob, password}, mailboxes, postfix, "echo 'At nine.'; echo; cat \"$1\"")
	e := await(t, alice, "the answer", func(e *xmpptest.Element) bool { return strings.Contains(body(e), "nine") })
	if got := body(e); got != "At nine.\n[…]" || e.Get("from") != to {
		t.Errorf("the answer is %s", e)
	}
	if thread, reply := e.Child("", "thread"), e.Child("urn:xmpp:reply:0", "reply"); thread == nil || thread.Text() != "t1" || reply == nil || reply.Get("id") != "a1" {
		t.Errorf("it is in no conversation: %s", e)
	}
	screen.awaitEnd(ctx)

	sendStanza(t, alice, `<message type='chat' id='a3' to='`+to+`'><thread>t1</thread><body>/quote</body></message>`)
	await(t, alice, "what was quoted", func(e *xmpptest.Element) bool { return strings.Contains(body(e), "> Are you coming tonight?") })
	sendStanza(t, alice, `<message type='chat' id='a4' to='`+to+`'><thread>t1</thread><body>Good.</body></message>`)
	sendStanza(t, alice, `<message type='chat' id='a5' to='`+to+`'><body>/send</body></message>`)
	first, last := inbox(1), inbox(2)
	if root := headerOf(first, "Message-ID"); root == "" || !strings.HasPrefix(headerOf(last, "References"), root+" ") || !strings.HasPrefix(headerOf(last, "Subject"), "Re: ") {
		t.Errorf("it is not in the thread of\n%s\nbut\n%s", first, last)
	}
}

// inFront are settings of a Postfix in front of the gateway, which tries again soon.
var inFront = []string{"lmtp_send_xforward_command = yes", "relay_recipient_maps =", "queue_run_delay = 2s", "minimal_backoff_time = 2s", "maximal_backoff_time = 4s"}

// correspondent is somebody who reads and writes mail.
type correspondent struct{ name, mailbox, password string }

// replyWithMutt answers the last mail of a mailbox with mutt. The editor's file, $1, has the quote; what edit prints takes its place.
func replyWithMutt(ctx context.Context, t *testing.T, who correspondent, mailboxes *realservers.Dovecot, postfix *realservers.Postfix, edit string) *terminal {
	t.Helper()
	dir := shortTempDir(t)
	writeHome(t, dir, "answer", "#!/bin/sh\n{ %s; } >\"$1.new\" && mv \"$1.new\" \"$1\"\n", edit)
	if err := os.Chmod(filepath.Join(dir, "answer"), 0o700); err != nil {
		t.Fatal(err)
	}
	writeHome(t, dir, ".muttrc", `
set imap_user=%q imap_pass=%q spoolfile="imap://%s/INBOX" smtp_url="smtp://%s/" from=%q folder=%q
set ssl_starttls=no ssl_force_tls=no use_from=yes envelope_from=yes realname=%q record="" copy=no postponed=""
set fast_reply=yes include=yes autoedit=yes edit_headers=no editor=%q sendmail_wait=0 quit=yes delete=no confirmcreate=no reply_to=yes
`, who.mailbox, who.password, mailboxes.IMAP, postfix.Addr, who.mailbox, dir, who.name, filepath.Join(dir, "answer"))
	return openTerminal(ctx, t, dir, findProgram(t, "mutt"), "-n", "-F", filepath.Join(dir, ".muttrc"), "-e", "push '<last-entry><reply><send-message><quit>'")
}

// headerOf is a field of a mail, on one line.
func headerOf(mail, name string) string {
	head, _, _ := strings.Cut(mail, "\n\n")
	head = strings.NewReplacer("\n\t", " ", "\n ", " ").Replace(head)
	for line := range strings.SplitSeq(head, "\n") {
		if k, v, ok := strings.Cut(line, ":"); ok && strings.EqualFold(k, name) {
			return strings.TrimSpace(v)
		}
	}
	return ""
}
