package main

import (
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"strings"

	"passerelle/e2e/client"
	"passerelle/internal/xmpptest"
)

// aliceMailbox is where alice reads what she gets on XMPP while she is away.
const aliceMailbox = "alice@mailbox.example"

// Patterns of what alice finds in her mailbox.
var (
	codePattern   = regexp.MustCompile(`redirect code (\S+)`)
	answerPattern = regexp.MustCompile(`<(r\+[a-z2-7]+@[a-z.]+)>`)
)

// away is a message to somebody offline that arrives in her mailbox, and is answered from there.
func (p *play) away(ctx context.Context, xmpp, password string, m *mailServers) error {
	title := "guest and alice, with XMPP clients"
	fmt.Fprintf(p.out, "\n  %s%salice, with a mail program\n  %s%s%s\n", title, strings.Repeat(" ", width-len(title)),
		strings.Repeat("─", 44), strings.Repeat(" ", width-44), strings.Repeat("─", 44))
	if err := p.redirects(ctx, xmpp, password, m); err != nil {
		return err
	}
	c, err := client.Login(ctx, xmpp, "guest", password, "demo")
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }() // everything was said by then
	guest := &xmppActor{c: c}
	if err := guest.send(ctx, `<presence/>`); err != nil {
		return err
	}
	p.does(xmppSide, "guest says to alice, who is offline: Are you there?")
	if err := guest.send(ctx, `<message type='chat' id='g1' to='alice@localhost'><body>Are you there?</body></message>`); err != nil {
		return err
	}
	p.line(otherSide, " ", "… mails wait for half a minute, for more to say", "")
	mail, err := m.await(ctx, aliceMailbox, "Are you there?", gathering)
	if err != nil {
		return err
	}
	p.sees(otherSide, "a mail, "+headerLine(mail, "Subject")+": Are you there?")
	to := answerPattern.FindStringSubmatch(mail)
	if to == nil {
		return fmt.Errorf("the mail has no address for an answer:\n%s", mail)
	}
	p.does(otherSide, "answers it: On my way!")
	answer := exec.CommandContext(ctx, "swaks", "--server", m.postfix.Addr, "--from", aliceMailbox, "--to", to[1], "--silent", "1",
		"--header", "Subject: Re: "+headerLine(mail, "Subject"), "--header", "From: Alice <"+aliceMailbox+">", "--header", "In-Reply-To: "+headerLine(mail, "Message-ID"),
		"--body", "On my way!\n\nOn Mon, 2 Mar 2026, guest (XMPP) wrote:\n> Are you there?\n")
	if out, err := answer.CombinedOutput(); err != nil {
		return fmt.Errorf("swaks: %w: %s", err, out)
	}
	e, err := guest.expect(ctx, `<message type='chat' from='alice@localhost'><body>On my way!</body></message>`)
	if err != nil {
		return err
	}
	p.sees(xmppSide, "guest sees alice say: "+e.Child(xmpptest.NSClient, "body").Text())
	return nil
}

// redirects has alice's messages go to her mailbox, and alice offline.
func (p *play) redirects(ctx context.Context, xmpp, password string, m *mailServers) error {
	c, err := client.Login(ctx, xmpp, "alice", password, "demo")
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }() // she goes offline
	alice := &xmppActor{c: c}
	if err := alice.send(ctx, `<presence/>`); err != nil {
		return err
	}
	say := func(words, answer string) error {
		p.does(xmppSide, "alice says to "+mailDomain+": "+words)
		if err := alice.send(ctx, `<message type='chat' to='`+mailDomain+`'><body>`+words+`</body></message>`); err != nil {
			return err
		}
		_, err := alice.expect(ctx, `<message type='chat' from='`+mailDomain+`'><body>`+answer+`</body></message>`)
		return err
	}
	if err := say("redirect to "+aliceMailbox, "A mail with a code goes to *"); err != nil {
		return err
	}
	mail, err := m.await(ctx, aliceMailbox, "redirect code", arrival)
	if err != nil {
		return err
	}
	code := codePattern.FindStringSubmatch(mail)
	if code == nil {
		return fmt.Errorf("the mail has no code:\n%s", mail)
	}
	p.sees(otherSide, "a mail with a code, which proves that the mailbox is hers")
	if err := say("redirect code "+code[1], "Your messages go to "+aliceMailbox+"*"); err != nil {
		return err
	}
	if _, err := alice.expect(ctx, `<message type='chat' from='`+mailDomain+`'><body>Your messages go to `+aliceMailbox+`. They are learnt of so: *</body></message>`); err != nil {
		return err
	}
	return say("redirect add do offline", "*")
}

// headerLine is a field of a mail.
func headerLine(mail, name string) string {
	for line := range strings.Lines(mail) {
		if k, v, ok := strings.Cut(line, ": "); ok && strings.EqualFold(k, name) {
			return strings.TrimSpace(v)
		}
	}
	return ""
}
