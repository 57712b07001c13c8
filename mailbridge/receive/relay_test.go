package receive

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

// relays are the ways in which people look for an open relay, and other addresses that are not of our users. None may lead anywhere.
var relays = []string{
	"<alice@elsewhere.test>", "alice@elsewhere.test", "<@xmpp.test:alice@elsewhere.test>", "<@elsewhere.test:alice@xmpp.test>", "<@a.test,@b.test:alice@xmpp.test>",
	"<@a,@b:c@d.test>", "<alice%elsewhere.test@elsewhere.test>", "<elsewhere.test!alice>", "<elsewhere.test!alice@elsewhere.test>", "<@xmpp.test:alice%elsewhere.test@elsewhere.test>",
	"<alice@elsewhere.test@xmpp.test>", "<alice@xmpp.test@elsewhere.test>", "<\"alice@xmpp.test\"@elsewhere.test>", "<\"alice@xmpp.test\">", "<\"alice@elsewhere.test\">", "<alice@xmpp.test >", "<alice @xmpp.test>",
	"<alice@[127.0.0.1]>", "<alice@[IPv6:::1]>", "<alice@127.0.0.1>", "<alice@localhost>", "<alice@mx.xmpp.test>", "<alice@sub.xmpp.test>", "<alice@xmpp.test.elsewhere.test>", "<alice@xmpp.testelsewhere>",
	"<alice@xmpp.test,bob@elsewhere.test>", "<alice@elsewhere.test>,<alice@xmpp.test>", "<alice@xmpp.test><bob@elsewhere.test>", "<alice>", "<>", "<@xmpp.test>", "<alice@>", "<\"\"@xmpp.test>",
	"<alice@xmpp.test\\>", "<\"alice@xmpp.test>", "<alice\\@elsewhere.test@xmpp.test>", "<alice@xmpp.test(elsewhere.test)>", "<(x)alice@xmpp.test>", "<alice@xmpp.test;elsewhere.test>", "<alice@xmpp..test>", "<alice@.xmpp.test>",
	"<postmaster@elsewhere.test>", "<postmaster@>", "<\"postmaster\">", "<abuse>", "<|/bin/sh@elsewhere.test>", "< alice@xmpp.test>", "<alice@xmpp.test\t>", "<<alice@xmpp.test>>", "alice", "",
	"<alice@xmpp.test> NOTIFY=NEVER ORCPT=rfc822;bob@elsewhere.test X=y", "<alice@xn--xmpp.test>", "<alice@\xff\xfe.test>", "<al\xefice@xmpp.test>", "<jürgen@xmpp.test>", "<alice@ⅹmpp.test>", "<alice@xmpp.test\x00@elsewhere.test>",
	"<alice@xmpp.test@>", "<" + strings.Repeat("a", 300) + "@xmpp.test>", "<alice@" + strings.Repeat("a.", 130) + "test>",
}

// TestNoRelay: in each configuration mail is taken for our own users, and for nobody else, whoever asks.
func TestNoRelay(t *testing.T) {
	t.Parallel()
	for _, lmtp := range []bool{false, true} {
		for _, trusted := range []bool{false, true} {
			if lmtp && !trusted {
				continue // nobody is let in
			}
			for _, postmaster := range []bool{false, true} {
				t.Run(fmt.Sprintf("LMTP %v, trusted %v, postmaster %v", lmtp, trusted, postmaster), func(t *testing.T) {
					t.Parallel()
					h := &house{}
					o := options(h)
					o.Rules.Limits = Limits{PerMinute: 10_000, PerPeer: 1000, Connections: 1000}
					if trusted {
						o.Rules.Trusted = ours
					}
					if !postmaster {
						o.Rules.Postmaster.Local, o.Rules.Postmaster.Domain = "", ""
					}
					_, addr := serve(t, o, lmtp)
					for i, to := range relays {
						c := dial(t, addr)
						c.want("220 ")
						c.say(map[bool]string{false: "EHLO", true: "LHLO"}[lmtp]+" there.example", "250")
						from := []string{"bob@example.com", "", "alice@xmpp.test", "postmaster@xmpp.test"}[i%4] // nobody is believed for his address
						c.say("MAIL FROM:<"+from+">", "250")
						c.write("RCPT TO:" + to + "\r\n")
						if got := c.reply(); !strings.HasPrefix(got, "5") {
							t.Errorf("RCPT TO:%s: got %q, want a refusal for ever", to, got)
						}
						c.write("DATA\r\n")
						if got := c.reply(); !strings.HasPrefix(got, "5") {
							t.Errorf("after RCPT TO:%s DATA: got %q", to, got)
						}
					}
					c := dial(t, addr)
					c.want("220 ")
					c.say(map[bool]string{false: "EHLO", true: "LHLO"}[lmtp]+" there.example", "250")
					c.say("MAIL FROM:<bob@example.com>", "250")
					c.say("RCPT TO:<postmaster>", map[bool]string{false: "501", true: "250"}[postmaster])
					if h.count() != 0 {
						t.Error("a mail was taken")
					}
				})
			}
		}
	}
}

// TestAddresses: these are mailboxes, and what they mean reaches the Backend.
func TestAddresses(t *testing.T) {
	t.Parallel()
	h := &house{}
	_, addr := serve(t, options(h), false)
	for written, want := range map[string]string{
		"<alice@xmpp.test>": "alice@xmpp.test", "alice@xmpp.test": "alice@xmpp.test", "<Alice+tag@XMPP.Test.>": "Alice+tag@xmpp.test", `<"john doe"@xmpp.test>`: `"john doe"@xmpp.test`,
		`<"a@b"@xmpp.test>`: `"a@b"@xmpp.test`, `<"a> NOTIFY=NEVER"@xmpp.test>`: `"a> NOTIFY=NEVER"@xmpp.test`, `<"a\"b\\c"@xmpp.test>`: `"a\"b\\c"@xmpp.test`,
		"<a.b.@xmpp.test>": `"a.b."@xmpp.test`, "<user%elsewhere.test@xmpp.test>": "user%elsewhere.test@xmpp.test", "<elsewhere!user@xmpp.test>": "elsewhere!user@xmpp.test",
		"<POSTMASTER> NOTIFY=NEVER": "postmaster@xmpp.test", "<d'artagnan@xmpp.test>": "d'artagnan@xmpp.test", " <alice@xmpp.test>": "alice@xmpp.test",
	} {
		c := greeted(t, addr)
		c.say("MAIL FROM:<bob@example.com>", "250")
		c.say("RCPT TO:"+written, "250")
		c.say("DATA", "354")
		c.write("A: b\r\n.\r\n")
		c.want("250")
		if m := h.last(t); len(m.to) != 1 || m.to[0] != want {
			t.Errorf("RCPT TO:%s is %q, want %q", written, m.to, want)
		}
	}
	c := greeted(t, addr)
	c.say("MAIL FROM:<jürgen@bücher.example>", "553 5.6.7")
	c.say("MAIL FROM:<jürgen@bücher.example> SMTPUTF8", "250")
	c.say("RCPT TO:<jürgen@xmpp.test>", "250")
	c.say("DATA", "354")
	c.write("A: b\r\n.\r\n")
	c.want("250")
	if m := h.last(t); m.from != "jürgen@bücher.example" || !m.in.UTF8 || !strings.Contains(m.text, " with UTF8SMTP id ") || !strings.Contains(m.text, "\tfor <jürgen@xmpp.test>;") {
		t.Errorf("got %+v", m)
	}
	for _, from := range []string{"bob", "<bob>", "<bob@[192.0.2.1]>", "<@a.test:bob@example.com>", "<bob@example.com", "bob@example.com>", "<a b@example.com>", "<bob@example.com>SIZE=1"} {
		c.write("MAIL FROM:" + from + "\r\n")
		if got := c.reply(); !strings.HasPrefix(got, "5") {
			t.Errorf("MAIL FROM:%s: got %q, want a refusal", from, got)
			c.say("RSET", "250")
		}
	}
}

// FuzzSession: whatever a peer sends, the session ends, nothing leaves for others, and a mail that was taken is one.
func FuzzSession(f *testing.F) {
	const start = "EHLO a\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<alice@xmpp.test>\r\n"
	for _, s := range []string{
		start + "DATA\r\nA: b\r\n\r\nx\r\n.\r\nQUIT\r\n", start + "DATA\r\n.\n.\r\n\r\n.\rRCPT TO:<a@b>\r\n.\r\n", "STARTTLS\r\nEHLO a\r\n", "XFORWARD ADDR=1.2.3.4 NAME=+\r\n",
		start + "BDAT 5\r\nA: b\r\nBDAT 0 LAST\r\n", "RCPT TO:<postmaster>\r\n", "HELO\r\nAUTH PLAIN\r\n\r\n\r\n\r\n", start + "RSET\r\nDATA\r\nVRFY\r\nNOOP\r\n",
	} {
		f.Add([]byte(s), false)
		f.Add([]byte(strings.Replace(s, "EHLO", "LHLO", 1)), true)
	}
	f.Fuzz(func(t *testing.T, said []byte, lmtp bool) {
		h := &house{}
		o := options(h)
		s, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		l := make(pipes)
		served := make(chan error, 1)
		run := s.ServeSMTP
		if lmtp {
			run = s.ServeLMTP
			o.Rules.Trusted = append(o.Rules.Trusted, network(remote(stranded{})))
			s.Reload(o.Rules)
		}
		go func() { served <- run(l) }()
		server, peer := net.Pipe()
		l <- server
		ended := make(chan bool)
		go func() {
			defer close(ended)
			buf := make([]byte, 4096)
			for {
				if _, err := peer.Read(buf); err != nil {
					return
				}
			}
		}()
		_ = peer.SetWriteDeadline(time.Now().Add(10 * time.Second))
		_, _ = peer.Write(said) // the server may have had enough
		_ = peer.Close()
		<-ended
		close(l)
		if err := s.Close(t.Context()); err != nil {
			t.Error(err)
		}
		<-served
		for _, m := range h.mails {
			for _, to := range m.to {
				if !strings.HasSuffix(to, "@xmpp.test") {
					t.Errorf("a mail was taken for %q", to)
				}
			}
			if text := strings.ReplaceAll(m.text, "\r\n", ""); strings.ContainsAny(text, "\r\n\x00") || !strings.HasPrefix(m.text, "Received: ") {
				t.Errorf("the mail %q was taken", m.text)
			}
		}
	})
}
