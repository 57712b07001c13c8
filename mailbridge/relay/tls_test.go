package relay

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"net"
	"strings"
	"testing"
	"time"

	"passerelle/internal/realservers"
	"passerelle/internal/realservers/realtest"
)

// A smarthost is spoken to as the operator wants, or not at all.
func TestSmarthostTLS(t *testing.T) {
	t.Parallel()
	pool, issue := authority(t)
	strangers, _ := authority(t)
	const sent, noTLS = "sent 250 2.0.0 queued as 1", "later 451 4.7.5 "
	for _, c := range []struct {
		name   string
		mode   TLSMode
		server string // how the server is: plain, start, implicit
		cert   string
		trust  *x509.CertPool
		want   string
	}{
		{"STARTTLS", TLSStart, "start", "127.0.0.1", pool, sent},
		{"STARTTLS that is not offered", TLSStart, "plain", "127.0.0.1", pool, noTLS + "no encrypted connection: the server does not offer STARTTLS"},
		{"STARTTLS that is refused", TLSStart, "refuse", "127.0.0.1", pool, noTLS},
		{"a certificate for another name", TLSStart, "start", "127.0.0.2", pool, noTLS},
		{"a certificate of somebody else's", TLSStart, "start", "127.0.0.1", strangers, noTLS},
		{"TLS from the first byte", TLSImplicit, "implicit", "127.0.0.1", pool, sent},
		{"the same for another name", TLSImplicit, "implicit", "127.0.0.2", pool, noTLS},
		{"the same of a server without", TLSImplicit, "plain", "127.0.0.1", pool, noTLS},
		{"no TLS", TLSNone, "start", "127.0.0.1", pool, sent},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			config := &tls.Config{Certificates: []tls.Certificate{issue(c.cert)}}
			offers, answers := "SIZE", map[string]string{}
			switch c.server {
			case "start":
				offers += ";STARTTLS"
			case "refuse":
				offers, answers = "STARTTLS", map[string]string{"STARTTLS": "454 4.7.0 no"}
			}
			serve := behave(offers, answers)
			p := listen(t, func(k *talk) {
				if c.server == "implicit" {
					k.secure()
				}
				serve(k)
			})
			p.certify(config)
			o := plain(p.addr)
			o.Smarthost.TLS, o.RootCAs, o.times = c.mode, c.trust, &impatience
			got := send(t, start(t, o), envelope(t, "bob@example.com"))
			if !strings.HasPrefix(brief(got[0]), "bob@example.com "+c.want) {
				t.Errorf("got %s, want %s", brief(got[0]), c.want)
			}
			if strings.HasPrefix(c.want, noTLS) != got[0].Away {
				t.Errorf("away is %v", got[0].Away)
			}
			for _, line := range p.said() {
				if strings.HasPrefix(c.want, noTLS) && strings.HasPrefix(line, "MAIL") {
					t.Errorf("it heard %q without TLS", line)
				}
			}
		})
	}
}

// What somebody has put in front of TLS counts for nothing (RFC 3207 §4.2, CVE-2011-0411).
func TestInjectedReplies(t *testing.T) {
	t.Parallel()
	pool, issue := authority(t)
	p := listen(t, func(k *talk) {
		k.say("220 x")
		k.hear()
		k.say("250-x", "250 STARTTLS")
		k.hear()
		k.say("220 go", "250-x", "250 AUTH PLAIN", "235 fine", "250 fine", "250 fine")
		k.secure()
		for line := k.hear(); line != ""; line = k.hear() {
			k.say("550 5.7.1 no")
		}
	})
	p.certify(&tls.Config{Certificates: []tls.Certificate{issue("127.0.0.1")}})
	o := plain(p.addr)
	o.Smarthost.TLS, o.Smarthost.User, o.Smarthost.Password, o.RootCAs = TLSStart, "me", "secret", pool
	wantResults(t, send(t, start(t, o), envelope(t, "bob@example.com")), "bob@example.com later 451 4.3.0 EHLO: no (away)")
}

func TestLogin(t *testing.T) {
	t.Parallel()
	plainLine := "AUTH PLAIN " + base64.StdEncoding.EncodeToString([]byte("\x00me\x00secret"))
	const sent = "sent 250 2.0.0 queued as 1"
	for _, c := range []struct {
		name, offers string
		answers      map[string]string
		want, heard  string
	}{
		{"PLAIN", "AUTH LOGIN PLAIN", map[string]string{plainLine: "235 2.7.0 fine"}, sent, plainLine},
		{"of old", "AUTH=PLAIN", map[string]string{plainLine: "235 2.7.0 fine"}, sent, plainLine},
		{
			"LOGIN", "AUTH LOGIN CRAM-MD5", map[string]string{
				"AUTH LOGIN": "334 " + base64.StdEncoding.EncodeToString([]byte("Username:")), "bWU=": "334 " + base64.StdEncoding.EncodeToString([]byte("Password:")),
				"c2VjcmV0": "235 2.7.0 fine",
			}, sent, "c2VjcmV0",
		},
		{"a wrong password", "AUTH PLAIN", map[string]string{"AUTH": "535 5.7.8 bad credentials"}, "later 451 4.3.0 AUTH: bad credentials (away)", plainLine},
		{"an echo", "AUTH PLAIN", map[string]string{"AUTH": "501 5.5.4 what is " + plainLine + "?"}, "later 451 4.3.0 AUTH: … (away)", plainLine},
		{"an echo in clear", "AUTH PLAIN", map[string]string{"AUTH": "535-5.7.8 no\r\n535 5.7.8 secret is wrong"}, "later 451 4.3.0 AUTH: no … (away)", plainLine},
		{"no way", "AUTH GSSAPI", nil, "later 451 4.4.1 it offers no way to log in that is known here (away)", "EHLO gw.example.org"},
		{"endless questions", "AUTH PLAIN", map[string]string{"AUTH": "334 "}, "later 451 4.4.1 AUTH: it asks for more than a name and a password (away)", plainLine},
		{"a login that is wanted", "SIZE;AUTH PLAIN", map[string]string{plainLine: "235 fine", "MAIL": "530 5.7.0 Authentication required"}, "later 530 5.7.0 Authentication required (away)", plainLine},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := listen(t, behave(c.offers, c.answers))
			o := plain(p.addr)
			o.Smarthost.User, o.Smarthost.Password = "me", "secret"
			wantResults(t, send(t, start(t, o), envelope(t, "bob@example.com")), "bob@example.com "+c.want)
			found := false
			for _, line := range p.said() {
				found = found || line == c.heard
			}
			if !found {
				t.Errorf("the server heard %q, want %q among them", p.said(), c.heard)
			}
		})
	}
	for addr, ok := range map[string]bool{"127.0.0.1:25": true, "[::1]:25": true, "localhost:25": true, "abc.onion:25": true, "192.0.2.1:25": false, "smtp.example.org:25": false, "nowhere": false} {
		_, err := New(Options{Smarthost: &Smarthost{Addr: addr, TLS: TLSNone, User: "me", Password: "secret"}})
		if (err == nil) != ok {
			t.Errorf("a password to %s without TLS: %v", addr, err)
		}
	}
}

// Through a real smarthost to a real mailbox, encrypted.
func TestPostfixToDovecot(t *testing.T) {
	t.Parallel()
	dovecot := realtest.Dovecot(t, realservers.DovecotOptions{Users: map[string]string{"bob@there.test": "secret", "carol@there.test": "secret"}})
	host, port, _ := net.SplitHostPort(dovecot.LMTP)
	postfix := realtest.Postfix(t, realservers.PostfixOptions{TLS: true, Routes: map[string]string{"there.test": "lmtp:[" + host + "]:" + port}})
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(postfix.Authority))
	r := start(t, Options{Smarthost: &Smarthost{Addr: postfix.Addr, TLS: TLSStart}, RootCAs: pool})
	e := envelope(t, "bob@there.test", "carol@there.test", "bob@elsewhere.test")
	e.Notify = true
	got := send(t, r, e)
	for i, want := range []Outcome{Sent, Sent, Permanent} {
		if got[i].Outcome != want || got[i].Reports != (want == Sent) {
			t.Errorf("got %s, reports %v", brief(got[i]), got[i].Reports)
		}
	}
	for _, name := range []string{"bob@there.test", "carol@there.test"} {
		mails := arrived(t, dovecot, name)
		if len(mails) != 1 || !strings.HasSuffix(mails[0], "\r\n\r\nHello\r\n.\r\n..two\r\n") || !strings.Contains(mails[0], "with ESMTPS") {
			t.Errorf("%s has %q", name, mails)
		}
	}
}

// arrived waits until there is something in a mailbox.
func arrived(t *testing.T, dovecot *realservers.Dovecot, name string) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for tick := time.Tick(20 * time.Millisecond); ; {
		mails, err := dovecot.Inbox(ctx, name)
		if err != nil || len(mails) > 0 {
			if err != nil {
				t.Errorf("nothing came to %s: %v", name, err)
			}
			return mails
		}
		select {
		case <-tick:
		case <-ctx.Done():
		}
	}
}
