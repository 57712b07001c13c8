package ircbridge

import (
	"testing"

	"passerelle/internal/ircd"
	"passerelle/transports"
)

// Who leaves and comes back at once gets his nick back: the new session waits until the old one has left the network.
func TestComingBackAtOnceKeepsTheNick(t *testing.T) {
	t.Parallel()
	server := startServer(t, ircd.Options{})
	tr := newTransport(t, Options{Networks: plainNet(server.Addr())})
	for range 2 {
		s, h := open(t, tr, alice)
		do(t, s, transports.Join{Ref: 1, Room: roomOf("#test"), Nick: "alice"})
		if e := await[transports.Entered](t, h); e.Nick != "alice" {
			t.Fatalf("came back as %s", e.Nick)
		}
		s.Close("back in a moment")
	}
}
