// Package client is in charge of a minimal XMPP client for end-to-end tests: a plain TCP stream with SASL PLAIN and a bound
// resource, on which stanzas go in and out as they are. It answers nothing by itself and keeps no state of roster, rooms or
// conversations: a test says what a client does.
//
// Documents: RFC 6120 §4 (streams), §6 (SASL), §7 (resource binding), RFC 6121 §4.2 (initial presence).
package client

import (
	"bufio"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	"passerelle/internal/xmpptest"
)

// Namespaces of the negotiation.
const (
	nsStream = "http://etherx.jabber.org/streams"
	nsSASL   = "urn:ietf:params:xml:ns:xmpp-sasl"
	nsBind   = "urn:ietf:params:xml:ns:xmpp-bind"
)

const (
	loginTime = time.Minute
	writeTime = 10 * time.Second // until a server that does not read is given up
	// inboxSize is how many stanzas wait for the test. At the bound the client stops reading, as a slow one does.
	inboxSize = 4096
)

// Client is a client that is logged in and available. Its methods are safe to call from any goroutine.
type Client struct {
	conn   net.Conn
	domain string
	d      *xml.Decoder
	jid    string

	inbox  chan *xmpptest.Element // closed by the reader at the end
	err    error                  // why the reader ended, once inbox is closed
	cancel context.CancelFunc
	ctx    context.Context // ends with Close; the reader waits for the test no longer
	wg     sync.WaitGroup

	writing sync.Mutex
}

// Login connects to a server without TLS and logs a user in with a resource: "alice" of "localhost", or "alice@b.example". It
// returns once the server takes the client for available, so that what is sent to the bare JID arrives.
func Login(ctx context.Context, addr, user, password, resource string) (*Client, error) {
	ctx, cancelLogin := context.WithTimeout(ctx, loginTime)
	defer cancelLogin()
	user, domain, _ := strings.Cut(user, "@")
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("log in as %s: %w", user, err)
	}
	c := &Client{conn: conn, domain: cmp.Or(domain, "localhost"), inbox: make(chan *xmpptest.Element, inboxSize)}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() }) // makes the negotiation fail
	err = c.negotiate(user, password, resource)
	if !stop() || err != nil {
		return nil, errors.Join(fmt.Errorf("log in as %s: %w", user, errors.Join(err, context.Cause(ctx))), ignoreClosed(conn.Close()))
	}
	c.ctx, c.cancel = context.WithCancel(context.WithoutCancel(ctx))
	c.wg.Go(c.read)
	return c, nil
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

func (c *Client) negotiate(user, password, resource string) error {
	in := bufio.NewReader(c.conn)
	if err := c.open(in); err != nil {
		return err
	}
	// RFC 4616 §2: no authorization identity, user, password.
	plain := base64.StdEncoding.EncodeToString([]byte("\x00" + user + "\x00" + password))
	if err := c.write("<auth xmlns='" + nsSASL + "' mechanism='PLAIN'>" + plain + "</auth>"); err != nil {
		return err
	}
	answer, err := c.next()
	if err != nil {
		return err
	}
	if answer.Name != (xml.Name{Space: nsSASL, Local: "success"}) {
		return fmt.Errorf("the server refuses: %s", answer)
	}
	// RFC 6120 §6.4.6: a new stream, which is a new document.
	if err := c.open(in); err != nil {
		return err
	}
	var name strings.Builder
	_ = xml.EscapeText(&name, []byte(resource)) // a strings.Builder never fails
	if err := c.write("<iq type='set' id='bind'><bind xmlns='" + nsBind + "'><resource>" + name.String() + "</resource></bind></iq>"); err != nil {
		return err
	}
	answer, err = c.next()
	if err != nil {
		return err
	}
	bind := answer.Child(nsBind, "bind")
	if bind == nil || bind.Child(nsBind, "jid") == nil {
		return fmt.Errorf("bind the resource: %s", answer)
	}
	c.jid = bind.Child(nsBind, "jid").Text()
	// The server handles stanzas in order, so its pong says that it took the presence.
	if err := c.write("<presence/><iq type='get' id='available'><ping xmlns='urn:xmpp:ping'/></iq>"); err != nil {
		return err
	}
	for {
		answer, err := c.next()
		if err != nil {
			return err
		}
		if answer.Get("id") == "available" {
			return nil
		}
		if !c.isOwn(answer) {
			c.inbox <- answer // nobody else sends yet, and it has room
		}
	}
}

// open begins a stream and reads the server's header and features.
func (c *Client) open(in *bufio.Reader) error {
	if err := c.write("<?xml version='1.0'?><stream:stream xmlns='" + xmpptest.NSClient + "' xmlns:stream='" + nsStream +
		"' to='" + c.domain + "' version='1.0'>"); err != nil {
		return err
	}
	c.d = xml.NewDecoder(in)
	for {
		token, err := c.d.Token()
		if err != nil {
			return err
		}
		if _, ok := token.(xml.StartElement); ok {
			break
		}
	}
	_, err := c.next() // the features: what is used here is in each server
	return err
}

// next reads one element of the stream.
func (c *Client) next() (*xmpptest.Element, error) {
	for {
		token, err := c.d.Token()
		if err != nil {
			return nil, err
		}
		switch t := token.(type) {
		case xml.StartElement:
			e, err := xmpptest.ReadElement(c.d, t)
			if err == nil && e.Name == (xml.Name{Space: nsStream, Local: "error"}) {
				return nil, fmt.Errorf("the server ends the stream: %s", e)
			}
			return e, err
		case xml.EndElement:
			return nil, io.EOF
		}
	}
}

// isOwn reports whether e is presence of the user's own clients, which a server shows to all of them. Tests are about gateways.
func (c *Client) isOwn(e *xmpptest.Element) bool {
	bare, _, _ := strings.Cut(c.jid, "/")
	from, _, _ := strings.Cut(e.Get("from"), "/")
	return e.Name.Local == "presence" && from == bare
}

func (c *Client) read() {
	defer close(c.inbox)
	for {
		e, err := c.next()
		if err != nil {
			c.err = err
			return
		}
		if c.isOwn(e) {
			continue
		}
		select {
		case c.inbox <- e:
		case <-c.ctx.Done():
			c.err = net.ErrClosed
			return
		}
	}
}

// JID is the full JID.
func (c *Client) JID() string { return c.jid }

// Send sends one stanza, given as XML. The server stamps it with the client's JID.
func (c *Client) Send(_ context.Context, stanza string) error {
	if _, err := xmpptest.Parse(stanza); err != nil {
		return err // it would end the stream
	}
	if err := c.write(stanza); err != nil {
		return fmt.Errorf("send as %s: %w", c.jid, err)
	}
	return nil
}

func (c *Client) write(s string) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	if err := c.conn.SetWriteDeadline(time.Now().Add(writeTime)); err != nil {
		return err
	}
	_, err := io.WriteString(c.conn, s)
	return err
}

// Receive returns the next stanza in the order in which they came, and waits for it until ctx ends.
func (c *Client) Receive(ctx context.Context) (*xmpptest.Element, error) {
	select {
	case e, ok := <-c.inbox:
		if !ok {
			return nil, fmt.Errorf("receive as %s: %w", c.jid, c.err)
		}
		return e, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("receive as %s: %w", c.jid, context.Cause(ctx))
	}
}

// Drop loses the connection, as a client does that is out of reach: the server is not told.
func (c *Client) Drop() error {
	c.cancel()
	err := ignoreClosed(c.conn.Close())
	c.wg.Wait()
	return err
}

// Close logs out and waits until the server has closed the stream. Closing twice, or after the server went away, is safe.
func (c *Client) Close() error {
	if c.ctx.Err() == nil && c.write("</stream:stream>") == nil {
		// The server's end tag comes after all that it had sent; a server that hangs is left to itself.
		_ = c.conn.SetReadDeadline(time.Now().Add(writeTime))
	}
	c.cancel()
	c.wg.Wait()
	return ignoreClosed(c.conn.Close())
}
