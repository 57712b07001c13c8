package freeport_test

import (
	"net"
	"testing"
	"time"

	"passerelle/internal/realservers/freeport"
)

// TestChoose: a chosen port can be listened on, and stays below those of outgoing connections.
func TestChoose(t *testing.T) {
	t.Parallel()
	var err error
	for range 5 { // somebody may be quicker, but not every time
		var port int
		if port, err = freeport.Choose(); err != nil {
			t.Fatal(err)
		}
		if port < 1024 || port >= 32768 {
			t.Errorf("port %d is out of range", port)
		}
		var l net.Listener
		if l, err = net.Listen("tcp", freeport.Address(port)); err == nil {
			if err := l.Close(); err != nil {
				t.Error(err)
			}
			return
		}
	}
	t.Errorf("no chosen port is free: %v", err)
}

// TestListenAgain: the address comes back even if it is held for a moment longer.
func TestListenAgain(t *testing.T) {
	t.Parallel()
	held, err := freeport.Listen()
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(50*time.Millisecond, func() { _ = held.Close() })
	l, err := freeport.ListenAgain(held.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if got, want := l.Addr().String(), held.Addr().String(); got != want {
		t.Errorf("it listens on %s, want %s", got, want)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}
