package c2s

import (
	"bytes"
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"passerelle/component/stanza"
)

// scripted is a connection on which a server says what it says whatever we say.
type scripted struct {
	net.Conn // nil: nothing else is asked of it
	in       io.Reader
	out      bytes.Buffer
}

func (c *scripted) Read(p []byte) (int, error)       { return c.in.Read(p) }
func (c *scripted) Write(p []byte) (int, error)      { return c.out.Write(p) }
func (c *scripted) SetDeadline(time.Time) error      { return nil }
func (c *scripted) SetReadDeadline(time.Time) error  { return nil }
func (c *scripted) SetWriteDeadline(time.Time) error { return nil }
func (c *scripted) Close() error                     { return nil }

const (
	testHeader = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' id='1' version='1.0'>"
	testOffer  = "<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>SCRAM-SHA-1</mechanism></mechanisms></stream:features>"
)

// Whatever a server says, nobody is logged in without its proof, no password is said, and every error is typed.
func FuzzLogin(f *testing.F) {
	for _, s := range []string{
		"", testHeader, testHeader + testOffer, testHeader + testOffer + "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>" + testHeader,
		testHeader + testOffer + "<challenge xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>cj0x</challenge>",
		testHeader + testOffer + "<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><not-authorized/></failure>",
		testHeader + "<stream:error><host-unknown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>",
		testHeader + "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features><proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
		"<stream xmlns='http://etherx.jabber.org/streams' a='>'><features/>", "<a:b xmlns:a='http://etherx.jabber.org/streams'/>", "HTTP/1.1 400 no\r\n\r\n",
		"<?xml?><?xml?>", "<!DOCTYPE a>", "\xef\xbb\xbf<stream:stream>",
	} {
		f.Add(s, false)
		f.Add(s, true)
	}
	c := New(Options{})
	f.Fuzz(func(t *testing.T, said string, plain bool) {
		if strings.Contains(said, "challenge") && len(said) > 1000 {
			return // deriving keys is not what is looked at
		}
		conn := &scripted{in: strings.NewReader(said)}
		s, err := c.login(t.Context(), newWire(conn), testDomain, way{plain: plain}, Account{User: romeo, Password: testPassword})
		err = asError(context.Background(), err)
		if err == nil {
			t.Fatalf("logged in as %s by %q", s.User(), said)
		}
		if _, ok := err.(*Error); !ok {
			t.Errorf("%T is no error of ours", err)
		}
		if out := conn.out.String(); strings.Contains(out, testPassword.Reveal()) || strings.Contains(out, "PLAIN") || !plain && strings.Contains(out, "<auth") {
			t.Errorf("said %q", out)
		}
	})
}

// Whatever a server sends to who is logged in, its errors are typed, what is handed on has an id, and nobody is shown as present.
func FuzzSession(f *testing.F) {
	for _, s := range []string{
		"", result("ID", "1", "", "hi"), "<iq type='result' id='ID'/>", "<iq type='error' id='ID'/>", "</stream:stream>",
		"<iq type='get' from='example.org' id='x'><ping xmlns='urn:xmpp:ping'/></iq>",
		result("ID", "1", " from='mallory@example.org'", "hi") + "<iq type='result' id='ID'><fin xmlns='urn:xmpp:mam:2'><set xmlns='http://jabber.org/protocol/rsm'><last>1</last></set></fin></iq>",
		"<message><offline xmlns='http://jabber.org/protocol/offline'><item node='1'/></offline></message>",
		"<iq type='result' id='ID'><query xmlns='http://jabber.org/protocol/disco#items'><item node='1'/></query></iq>",
		"<iq type='result' id='ID'><pubsub xmlns='http://jabber.org/protocol/pubsub'><items><item id='a@b'><displayed xmlns='urn:xmpp:mds:displayed:0'>" +
			"<stanza-id xmlns='urn:xmpp:sid:0' by='c@d' id='1'/></displayed></item></items></pubsub></iq>",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, said string) {
		var conn *scripted
		session := func() *Session {
			// The id of what was asked stands in for ID: a server knows it.
			conn = &scripted{}
			conn.in = &answering{conn: conn, said: said}
			w := newWire(conn)
			w.reader = stanza.NewClientReader(w, stanza.Limits{Bytes: maxStanza})
			return &Session{user: romeo, full: romeo.WithResource("r"), w: w, pages: maxPages}
		}
		each := func(k Kept) error {
			if k.ID == "" || len(k.ID) > maxID || k.Message == nil {
				t.Errorf("got %q of %q", k.ID, said)
			}
			return nil
		}
		ctx := t.Context()
		_, errArchive := session().Archive(ctx, Place{}, each)
		_, _, errLast := session().Last(ctx)
		errOffline := session().Offline(ctx, func(string) bool { return false }, each)
		errDisplayed := session().Displayed(ctx, func(*stanza.Element) {})
		_, errFeatures := session().Features(ctx)
		errSend := session().Send(ctx, "m", []byte("<message id='m'/>"))
		for _, err := range []error{errArchive, errLast, errOffline, errDisplayed, errFeatures, errSend} {
			if _, ok := err.(*Error); err != nil && err != ErrNoArchive && !ok {
				t.Errorf("%T (%v) is no error of ours", err, err)
			}
		}
		if strings.Contains(conn.out.String(), "<presence") {
			t.Error("sent a presence")
		}
	})
}

// answering says something once a request came, with the request's id in it.
type answering struct {
	conn *scripted
	said string
	next string
	done bool
}

func (a *answering) Read(p []byte) (int, error) {
	if !a.done {
		a.done = true
		asked := a.conn.out.String()
		id := ""
		if i := strings.LastIndex(asked, " id='"); i >= 0 {
			id, _, _ = strings.Cut(asked[i+5:], "'")
		}
		a.next = strings.ReplaceAll(a.said, "ID", id)
	}
	if a.next == "" {
		return 0, io.EOF
	}
	n := copy(p, a.next)
	a.next = a.next[n:]
	return n, nil
}
