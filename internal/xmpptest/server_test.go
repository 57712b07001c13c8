package xmpptest

import (
	"bufio"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const domain = "irc.localhost"

// deadline ends a test whose event never comes.
func deadline(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// component is the other side of XEP-0114, by hand.
type component struct {
	t    *testing.T
	conn net.Conn
	d    *xml.Decoder
}

// open sends a stream header and reads the server's.
func open(t *testing.T, s *Server, to string) (*component, string) {
	t.Helper()
	conn, err := net.Dial("tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	c := &component{t: t, conn: conn, d: xml.NewDecoder(bufio.NewReader(conn))}
	c.send("<?xml version='1.0'?><stream:stream xmlns='" + nsComponent + "' xmlns:stream='" + nsStream + "' to='" + to + "'>")
	for {
		token, err := c.d.Token()
		if err != nil {
			t.Fatalf("read the stream header: %v", err)
		}
		if start, ok := token.(xml.StartElement); ok {
			return c, (&Element{Attr: start.Attr}).Get("id")
		}
	}
}

// join connects and authenticates.
func join(t *testing.T, s *Server, domain, secret string) *component {
	t.Helper()
	c, id := open(t, s, domain)
	sum := sha1.Sum([]byte(id + secret))
	c.send("<handshake>" + hex.EncodeToString(sum[:]) + "</handshake>")
	return c
}

func (c *component) send(s string) {
	c.t.Helper()
	if _, err := io.WriteString(c.conn, s); err != nil {
		c.t.Fatalf("send %s: %v", s, err)
	}
}

// expect reads the next element and compares it.
func (c *component) expect(pattern string) *Element {
	c.t.Helper()
	e, err := next(c.d)
	if err != nil {
		c.t.Fatalf("read %s: %v", pattern, err)
	}
	e = e.in(nsComponent, NSClient)
	check(c.t, pattern, e)
	return e
}

func check(t *testing.T, pattern string, got *Element) {
	t.Helper()
	want, err := Parse(pattern)
	if err != nil {
		t.Fatal(err)
	}
	if err := Match(want, got, Vars{}); err != nil {
		t.Fatalf("%v\ngot\n%s\nwant\n%s", err, got, want)
	}
}

func login(t *testing.T, s *Server, jid string) *Client {
	t.Helper()
	c, err := s.Client(jid)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func send(t *testing.T, c *Client, stanza string) {
	t.Helper()
	if err := c.Send(deadline(t), stanza); err != nil {
		t.Fatal(err)
	}
}

func receive(t *testing.T, c *Client, pattern string) {
	t.Helper()
	e, err := c.Receive(deadline(t))
	if err != nil {
		t.Fatalf("wait for %s: %v", pattern, err)
	}
	check(t, pattern, e)
}

func newServer(t *testing.T) *Server {
	t.Helper()
	return New(t, Options{Components: map[string]string{domain: "s3cret", "mail.localhost": "other"}})
}

// connected is a server with one component.
func connected(t *testing.T) (*Server, *component) {
	t.Helper()
	s := newServer(t)
	c := join(t, s, domain, "s3cret")
	c.expect("<handshake/>")
	return s, c
}

func TestHandshakeErrors(t *testing.T) {
	t.Parallel()
	s, first := connected(t)
	tests := []struct {
		name      string
		connect   func(t *testing.T) *component
		condition string
	}{
		{"wrong secret", func(t *testing.T) *component { return join(t, s, "mail.localhost", "s3cret") }, "not-authorized"},
		{"unknown domain", func(t *testing.T) *component { c, _ := open(t, s, "web.localhost"); return c }, "host-unknown"},
		{"second connection", func(t *testing.T) *component { return join(t, s, domain, "s3cret") }, "conflict"},
		{"stanza before the handshake", func(t *testing.T) *component {
			c, _ := open(t, s, domain)
			c.send("<message from='irc.localhost' to='alice@localhost'/>")
			return c
		}, "not-authorized"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := test.connect(t)
			c.expect(fmt.Sprintf("<error xmlns='%s'><%s xmlns='%s'/></error>", nsStream, test.condition, nsStreams))
			if _, err := next(c.d); !errors.Is(err, io.EOF) {
				t.Errorf("after the error: got %v, want the end tag", err)
			}
		})
	}
	// The first connection is not touched by any of that.
	first.send("<iq type='get' id='1' from='irc.localhost' to='irc.localhost'><ping xmlns='urn:xmpp:ping'/></iq>")
	first.expect("<iq type='get' id='1' from='irc.localhost' to='irc.localhost'><ping xmlns='urn:xmpp:ping'/></iq>")
}

func TestKickOld(t *testing.T) {
	t.Parallel()
	s := New(t, Options{Components: map[string]string{domain: "s3cret"}, KickOld: true})
	old := join(t, s, domain, "s3cret")
	old.expect("<handshake/>")
	second := join(t, s, domain, "s3cret")
	second.expect("<handshake/>")
	old.expect("<error xmlns='" + nsStream + "'><conflict xmlns='" + nsStreams + "'/></error>")
	alice := login(t, s, "alice@localhost/phone")
	send(t, alice, "<message to='irc.localhost'/>")
	second.expect("<message from='alice@localhost/phone'/>")
}

// TestStreamErrors: what a component must not send ends its stream, with the error first.
func TestStreamErrors(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, sent, condition string }{
		{"no from", "<message to='alice@localhost'/>", "improper-addressing"},
		{"no to", "<message from='irc.localhost'/>", "improper-addressing"},
		{"foreign from", "<message from='mail.localhost' to='alice@localhost'/>", "invalid-from"},
		{"no stanza", "<hello from='irc.localhost' to='alice@localhost'/>", "unsupported-stanza-type"},
		{"control character", "<message from='irc.localhost' to='a@localhost'><body>\x01</body></message>", "not-well-formed"},
		{"broken XML", "<message></iq>", "not-well-formed"},
		{"comment", "<message from='irc.localhost' to='alice@localhost'><!-- --></message>", "restricted-xml"},
		{"document type", "<!DOCTYPE x>", "restricted-xml"},
		{"too large", "<message from='irc.localhost' to='a@localhost'><body>" + strings.Repeat("x", maxStanza), "not-well-formed"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s, c := connected(t)
			c.send(test.sent)
			c.expect("<error xmlns='" + nsStream + "'><" + test.condition + " xmlns='" + nsStreams + "'/></error>")
			if errs := s.StreamErrors(); len(errs) != 1 || !strings.Contains(errs[0], test.condition) {
				t.Errorf("StreamErrors: got %q, want one %s", errs, test.condition)
			}
		})
	}
}

func TestRouting(t *testing.T) {
	t.Parallel()
	s, irc := connected(t)
	phone, laptop := login(t, s, "alice@localhost/phone"), login(t, s, "Alice@localhost/laptop")
	bob := login(t, s, "bob@remote.example/x")

	send(t, phone, "<message to='#go%net@irc.localhost' from='mallory@localhost' type='groupchat'><body>a &amp; b</body></message>")
	irc.expect("<message from='alice@localhost/phone' to='#go%net@irc.localhost' type='groupchat'><body>a &amp; b</body></message>")
	send(t, bob, "<presence to='irc.localhost'/>")
	irc.expect("<presence from='bob@remote.example/x'/>")

	// To a full JID, to a bare one, to a client that is gone while another is there.
	for i := range 3 {
		irc.send(fmt.Sprintf("<message from='x@irc.localhost' to='alice@localhost/phone' id='%d'/>", i))
	}
	for i := range 3 {
		receive(t, phone, fmt.Sprintf("<message id='%d'/>", i))
	}
	irc.send("<message from='x@irc.localhost' to='alice@localhost' type='chat'/>")
	receive(t, phone, "<message type='chat' to='alice@localhost'/>")
	receive(t, laptop, "<message type='chat' to='alice@localhost'/>")
	if err := laptop.Close(); err != nil {
		t.Fatal(err)
	}
	irc.send("<message from='x@irc.localhost' to='alice@localhost/laptop' type='chat' id='moved'/>")
	receive(t, phone, "<message type='chat' id='moved'/>")

	// Bounces.
	bounces := []struct{ sent, want string }{
		{"<message type='groupchat' id='b1' from='x@irc.localhost' to='alice@localhost/laptop'/>", "service-unavailable"},
		{"<iq type='get' id='b2' from='x@irc.localhost' to='alice@localhost/laptop'><q xmlns='q'/></iq>", "service-unavailable"},
		{"<message id='b3' from='x@irc.localhost' to='nobody@localhost'/>", "service-unavailable"},
		{"<iq type='set' id='b4' from='x@irc.localhost' to='localhost'><q xmlns='q'/></iq>", "service-unavailable"},
		{"<message id='b5' from='x@irc.localhost' to='a@nowhere.example'/>", "remote-server-not-found"},
		{"<message id='b6' from='x@irc.localhost' to='a@mail.localhost'/>", "remote-server-timeout"},
	}
	for _, b := range bounces {
		irc.send(b.sent)
		irc.expect("<" + strings.Fields(b.sent)[0][1:] + " type='error' to='x@irc.localhost'><error><" + b.want + " xmlns='" + nsStanzas + "'/></error></" + strings.Fields(b.sent)[0][1:] + ">")
	}
	// Errors and answers never bounce: the ping's answer is what comes next.
	irc.send("<message type='error' from='x@irc.localhost' to='nobody@localhost'/>" +
		"<iq type='result' id='9' from='x@irc.localhost' to='nobody@localhost/x'/>" +
		"<iq type='get' id='p' from='irc.localhost' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>")
	irc.expect("<iq type='result' id='p' from='localhost' to='irc.localhost'/>")
	if errs := s.StreamErrors(); len(errs) != 0 {
		t.Errorf("StreamErrors: got %q, want none", errs)
	}
}

func TestNoComponent(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	alice := login(t, s, "alice@localhost/phone")
	send(t, alice, "<message to='#go@irc.localhost' id='1' type='groupchat'/>")
	receive(t, alice, "<message type='error' id='1' from='#go@irc.localhost'><error type='wait'><remote-server-timeout xmlns='"+nsStanzas+"'/></error></message>")
}

func TestHostAnswers(t *testing.T) {
	t.Parallel()
	s, irc := connected(t)
	ask := func(id, ns, what string) {
		irc.send("<iq type='get' id='" + id + "' from='irc.localhost' to='localhost'><" + what + " xmlns='" + ns + "'/></iq>")
	}
	ask("1", nsInfo, "query")
	irc.expect("<iq type='result' id='1' from='localhost'><query xmlns='" + nsInfo + "'><identity category='server' type='im'/></query></iq>")
	ask("2", nsItems, "query")
	irc.expect("<iq type='result' id='2'><query xmlns='" + nsItems + "'><item jid='irc.localhost'/><item jid='mail.localhost'/></query></iq>")
	s.AnswerAs("mallory@evil.example")
	ask("3", nsPing, "ping")
	irc.expect("<iq type='result' id='3' from='mallory@evil.example' to='irc.localhost'/>")
	s.AnswerAs("")
	ask("4", nsPing, "ping")
	irc.expect("<iq type='result' id='4' from='localhost'/>")
	alice := login(t, s, "alice@localhost/phone")
	send(t, alice, "<iq type='get' id='5'><query xmlns='jabber:iq:roster'/></iq>")
	receive(t, alice, "<iq type='result' id='5'><query xmlns='jabber:iq:roster'/></iq>")
}

// TestDirectedPresence: RFC 6121 §4.6.3.
func TestDirectedPresence(t *testing.T) {
	t.Parallel()
	s, irc := connected(t)
	alice := login(t, s, "alice@localhost/phone")
	for _, room := range []string{"#a", "#b", "#c"} {
		send(t, alice, "<presence to='"+room+"@irc.localhost/alice'/>")
		irc.expect("<presence/>")
	}
	send(t, alice, "<presence to='#b@irc.localhost/alice' type='unavailable'/>")
	irc.expect("<presence type='unavailable' to='#b@irc.localhost/alice'/>")
	if err := alice.Close(); err != nil {
		t.Fatal(err)
	}
	irc.expect("<presence type='unavailable' from='alice@localhost/phone' to='#a@irc.localhost/alice'/>")
	irc.expect("<presence type='unavailable' from='alice@localhost/phone' to='#c@irc.localhost/alice'/>")
	if err := alice.Send(deadline(t), "<presence/>"); !errors.Is(err, ErrClosed) {
		t.Errorf("Send after Close: got %v, want ErrClosed", err)
	}
	if _, err := alice.Receive(deadline(t)); !errors.Is(err, ErrClosed) {
		t.Errorf("Receive after Close: got %v, want ErrClosed", err)
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	t.Run("drop", func(t *testing.T) {
		t.Parallel()
		s, irc := connected(t)
		if err := s.Drop(domain); err != nil {
			t.Fatal(err)
		}
		if _, err := next(irc.d); err == nil || errors.Is(err, io.EOF) {
			t.Errorf("read: got %v, want a broken connection", err)
		}
		if err := s.WaitDisconnected(deadline(t), domain); err != nil {
			t.Fatal(err)
		}
		join(t, s, domain, "s3cret").expect("<handshake/>")
	})
	t.Run("close", func(t *testing.T) {
		t.Parallel()
		s, irc := connected(t)
		if err := s.CloseStream(domain); err != nil {
			t.Fatal(err)
		}
		if _, err := next(irc.d); !errors.Is(err, io.EOF) {
			t.Errorf("read: got %v, want the end tag", err)
		}
	})
	t.Run("the component closes", func(t *testing.T) {
		t.Parallel()
		s, irc := connected(t)
		irc.send("</stream:stream>")
		if _, err := next(irc.d); !errors.Is(err, io.EOF) {
			t.Errorf("read: got %v, want the end tag", err)
		}
		if err := s.WaitDisconnected(deadline(t), domain); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("raw", func(t *testing.T) {
		t.Parallel()
		s, irc := connected(t)
		if err := s.SendRaw(domain, "<x:y xmlns:x='urn:z'>&#65;</x:y>"); err != nil {
			t.Fatal(err)
		}
		irc.expect("<y xmlns='urn:z'>A</y>")
	})
	t.Run("stall", func(t *testing.T) {
		t.Parallel()
		s, irc := connected(t)
		alice := login(t, s, "alice@localhost/phone")
		if err := s.Stall(domain); err != nil {
			t.Fatal(err)
		}
		// More than the sockets hold: the write cannot end before Resume.
		if err := irc.conn.SetWriteDeadline(time.Now().Add(500 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		stanza := "<message from='x@irc.localhost' to='alice@localhost/phone'><body>" + strings.Repeat("x", 100<<10) + "</body></message>"
		n, err := io.WriteString(irc.conn, strings.Repeat(stanza, 200))
		if err == nil {
			t.Fatal("20 MB were taken from a component that is stalled")
		}
		if err := s.Resume(domain); err != nil {
			t.Fatal(err)
		}
		for range n / len(stanza) {
			receive(t, alice, "<message/>")
		}
	})
	t.Run("restart", func(t *testing.T) {
		t.Parallel()
		s, irc := connected(t)
		alice := login(t, s, "alice@localhost/phone")
		addr := s.Addr()
		s.Stop()
		if _, err := next(irc.d); err == nil {
			t.Error("the stream lives after Stop")
		}
		if _, err := alice.Receive(deadline(t)); !errors.Is(err, ErrClosed) {
			t.Errorf("Receive after Stop: got %v, want ErrClosed", err)
		}
		if err := s.Start(); err != nil {
			t.Fatal(err)
		}
		if s.Addr() != addr {
			t.Errorf("the address is %s, was %s", s.Addr(), addr)
		}
		join(t, s, domain, "s3cret").expect("<handshake/>")
		login(t, s, "alice@localhost/phone")
	})
}
