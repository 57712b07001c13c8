package ircbridge

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http/httptest"
	"os"
	"testing"
	"time"
)

// TestRest: a connection at rest hears what comes, keeps its deadlines, and has no buffer meanwhile.
func TestRest(t *testing.T) {
	t.Parallel()
	lender := httptest.NewTLSServer(nil) // its certificate is for 127.0.0.1
	t.Cleanup(lender.Close)
	roots := x509.NewCertPool()
	roots.AddCert(lender.Certificate())
	for name, wrap := range map[string]func(ours, theirs net.Conn) (net.Conn, net.Conn){
		"plain": func(ours, theirs net.Conn) (net.Conn, net.Conn) { return ours, theirs },
		"TLS": func(ours, theirs net.Conn) (net.Conn, net.Conn) {
			return tls.Client(ours, &tls.Config{RootCAs: roots, ServerName: "127.0.0.1", MinVersion: tls.VersionTLS12}),
				tls.Server(theirs, &tls.Config{Certificates: lender.TLS.Certificates, MinVersion: tls.VersionTLS12})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = l.Close() }()
			ours, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			theirs, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			ours, theirs = wrap(ours, theirs)
			defer func() { _, _ = ours.Close(), theirs.Close() }()
			say := func(text string) {
				t.Helper()
				if _, err := theirs.Write([]byte(text)); err != nil {
					t.Error(err)
				}
			}
			go say("one\r\n") // with TLS it waits for our side of the handshake
			c := newConn(ours, new(Network), new(lineBuffers), 1)
			hear := func(want string) {
				t.Helper()
				if line, err := c.next(); err != nil || string(line) != want {
					t.Fatalf("got %q, %v, want %q", line, err, want)
				}
			}
			hear("one")
			if !c.mayRest() {
				t.Fatal("it may not rest")
			}
			for range 2 {
				c.expireAt(time.Unix(1, 0))
				if _, err := c.next(); !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Fatalf("behind the deadline: got %v", err)
				}
				c.resting = true
				c.lines.rest()
				if c.lines.buf != nil {
					t.Error("it rests with a buffer")
				}
			}
			c.expireAt(time.Time{})
			say("two\r\nthree\r\nfo")
			hear("two")
			if c.resting {
				t.Error("it rests while it is talked to")
			}
			hear("three")
			c.expireAt(time.Unix(1, 0))
			if _, err := c.next(); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatalf("in the middle of a line: got %v", err)
			}
			c.resting = true
			c.lines.rest()
			c.expireAt(time.Time{})
			say("ur\r\n")
			hear("four")
			c.resting = true
			_ = theirs.Close()
			if line, err := c.next(); err == nil {
				t.Errorf("behind the end: got %q", line)
			}
		})
	}
}
