package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"time"

	"passerelle/e2e/client"
	"passerelle/internal/dnstest"
	"passerelle/internal/realservers"
	"passerelle/internal/realservers/freeport"
	"passerelle/internal/xmpptest"
)

// Names of the demonstration of email.
const (
	mailDomain = "mail.localhost"      // of the gateway
	aliceMail  = "alice@chat.example"  // where people write to alice
	bobMail    = "bob@mailbox.example" // who has a mailbox, and no XMPP
	bobJID     = `bob\40mailbox.example@` + mailDomain
)

// mailServers are what an operator has: Postfix, which passes mail on, and Dovecot, where people read it.
type mailServers struct {
	postfix *realservers.Postfix
	dovecot *realservers.Dovecot
	lmtp    string // where the gateway takes mail
	dns     *dnstest.Server
	stopDNS func()
}

// startMail starts them. They can be started by root alone: for somebody else there is nil.
func startMail(ctx context.Context, password string) (m *mailServers, err error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	m = new(mailServers)
	defer func() {
		if err != nil {
			err = errors.Join(err, m.stop())
		}
	}()
	// These domains are not of the internet. That mail of one of them is its own is proven by where it comes from: answers need that.
	if m.dns, m.stopDNS, err = dnstest.Listen(dnstest.Zone{"mailbox.example": {"TXT v=spf1 ip4:127.0.0.1 -all"}}); err != nil {
		return nil, err
	}
	port, err := freeport.Choose()
	if err != nil {
		return nil, err
	}
	m.lmtp = freeport.Address(port)
	if m.dovecot, err = realservers.StartDovecot(ctx, realservers.DovecotOptions{Users: map[string]string{bobMail: password, aliceMailbox: password}}); err != nil {
		return nil, err
	}
	m.postfix, err = realservers.StartPostfix(ctx, realservers.PostfixOptions{Routes: map[string]string{
		"mailbox.example": "lmtp:" + bracketed(m.dovecot.LMTP),
		"chat.example":    "lmtp:" + bracketed(m.lmtp),
	}, Settings: []string{"lmtp_send_xforward_command = yes"}})
	return m, err
}

// bracketed is an address as Postfix wants it where it is not to ask the DNS.
func bracketed(addr string) string {
	host, port, _ := net.SplitHostPort(addr)
	return "[" + host + "]:" + port
}

func (m *mailServers) stop() error {
	var errs []error
	if m != nil && m.stopDNS != nil {
		m.stopDNS()
	}
	if m != nil && m.postfix != nil {
		errs = append(errs, m.postfix.Stop())
	}
	if m != nil && m.dovecot != nil {
		errs = append(errs, m.dovecot.Stop())
	}
	return errors.Join(errs...)
}

// config is the table of the gateway; empty where there is none.
func (m *mailServers) config(secret, xmpp string) string {
	if m == nil {
		return ""
	}
	return fmt.Sprintf(`
[[mail]]
domain = %q
secret = %q
server = %q
lmtp = %q
smarthost = %q
smarthost_tls = "none" # only because it is on this machine
resolver = %q
strangers = "pass"

[[mail.addresses]]
domain = "chat.example"
users = "localhost"

[mail.redirect]
enabled = true
`, mailDomain, secret, xmpp, m.lmtp, m.postfix.Addr, m.dns.Addr)
}

// byMail plays what goes by mail.
func (p *play) byMail(ctx context.Context, xmpp, password string, m *mailServers) error {
	if err := p.correspondence(ctx, xmpp, password, m); err != nil {
		return err
	}
	return p.away(ctx, xmpp, password, m)
}

// correspondence is a mail that arrives as a chat, and its answer in a mailbox.
func (p *play) correspondence(ctx context.Context, xmpp, password string, m *mailServers) error {
	title := "alice, with an XMPP client"
	fmt.Fprintf(p.out, "\n  %s%sbob, with a mail program\n  %s%s%s\n", title, strings.Repeat(" ", width-len(title)),
		strings.Repeat("─", 44), strings.Repeat(" ", width-44), strings.Repeat("─", 44))
	c, err := client.Login(ctx, xmpp, "alice", password, "demo")
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }() // everything was said by then
	alice := &xmppActor{c: c}
	if err := alice.send(ctx, `<presence/>`); err != nil {
		return err
	}

	p.does(otherSide, "writes to "+aliceMail+": Lunch?")
	write := exec.CommandContext(ctx, "swaks", "--server", m.postfix.Addr, "--from", bobMail, "--to", aliceMail, "--silent", "1",
		"--header", "Subject: Lunch?", "--header", "From: Bob <"+bobMail+">",
		"--body", "Hello Alice,\n\nat noon, at the usual place?\n\n-- \nBob")
	if out, err := write.CombinedOutput(); err != nil {
		return fmt.Errorf("swaks: %w: %s", err, out)
	}
	e, err := alice.expect(ctx, `<message type='chat' from='`+bobJID+`'><subject>Lunch?</subject><body>*</body></message>`)
	if err != nil {
		return err
	}
	p.sees(xmppSide, "a chat, Lunch?: "+flat(e.Child(xmpptest.NSClient, "body").Text()))

	thread := ""
	if t := e.Child(xmpptest.NSClient, "thread"); t != nil {
		thread = "<thread>" + t.Text() + "</thread>"
	}
	for _, said := range []string{"Gladly! ☕", "I bring the book.", "/send"} {
		p.does(xmppSide, "says: "+said)
		if err := alice.send(ctx, `<message type='chat' id='a`+fmt.Sprint(len(said))+`' to='`+bobJID+`'><body>`+said+`</body>`+thread+`</message>`); err != nil {
			return err
		}
	}
	mail, err := m.await(ctx, bobMail, "I bring the book.", arrival)
	if err != nil {
		return err
	}
	for _, want := range []string{"Subject: Re: Lunch?", "In-Reply-To: <", "<" + aliceMail + ">"} {
		if !strings.Contains(mail, want) {
			return fmt.Errorf("the answer in bob's mailbox has no %q:\n%s", want, mail)
		}
	}
	p.sees(otherSide, "one mail in his mailbox, Re: Lunch?, from "+aliceMail)
	return nil
}

// otherSide is the right one, whatever is there.
const otherSide = ircSide

func flat(s string) string { return strings.Join(strings.Fields(s), " ") }

// gathering is how long a mail may take that waits for more to say.
const gathering = time.Minute

// await looks into a mailbox until there is a mail with a text.
func (m *mailServers) await(ctx context.Context, mailbox, text string, patience time.Duration) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		mails, err := m.dovecot.Inbox(ctx, mailbox)
		if err != nil {
			return "", err
		}
		for _, mail := range mails {
			if strings.Contains(mail, text) {
				return mail, nil
			}
		}
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("this did not arrive in the mailbox of %s: %q, but only:\n%s", mailbox, text, strings.Join(mails, "\n\n"))
		case <-time.After(100 * time.Millisecond):
		}
	}
}
