package benchrig

import (
	"context"
	"errors"
	"io"
	"net"
	"time"

	"passerelle/internal/realservers/freeport"
	"passerelle/internal/xmpptest"
)

// Link is the end of a component's stream that an XMPP server has.
type Link struct {
	Addr     string   // where the component connects to
	Conn     net.Conn // set once it has, see Await
	listener net.Listener
	joined   chan struct{} // closed then
}

// NewLink listens on loopback.
func NewLink() (*Link, error) {
	l, err := freeport.Listen()
	if err != nil {
		return nil, err
	}
	return &Link{Addr: l.Addr().String(), listener: l, joined: make(chan struct{})}, nil
}

// Serve lets the first component in that says it is one, and reads what that says; its secret is not looked at (XEP-0114 §3).
func (k *Link) Serve(read func(io.Reader)) {
	for {
		conn, err := k.listener.Accept()
		if err != nil {
			return
		}
		r, err := xmpptest.AcceptRaw(conn)
		if err != nil {
			continue // somebody tried whether the port is open
		}
		k.Conn = conn
		close(k.joined)
		read(r)
		return
	}
}

// Await waits for the component.
func (k *Link) Await(ctx context.Context) error {
	select {
	case <-k.joined:
		return nil
	case <-time.After(30 * time.Second):
		return errors.New("the gateway did not join the XMPP server")
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close ends the stream, if there is one, and stops listening.
func (k *Link) Close() error {
	select {
	case <-k.joined:
		_ = k.Conn.Close() // the gateway may have been quicker
	default:
	}
	return k.listener.Close()
}
