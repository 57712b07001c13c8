package ircbridge

import (
	"slices"
	"strings"
	"testing"
	"time"

	"passerelle/internal/ircd"
	"passerelle/transports"
)

// A thousand users who want in at the same moment come one after the other, and none far from his turn; who comes later does not wait.
func TestGateSpreadsAHerd(t *testing.T) {
	t.Parallel()
	g := gates{every: 100 * time.Millisecond}
	now := time.Unix(1e9, 0)
	waits := make([]time.Duration, 1000)
	for i := range waits {
		waits[i] = g.turn("irc.example.org", now)
		if due := time.Duration(i) * g.every; waits[i] > due || waits[i] < due-g.every {
			t.Errorf("turn %d is in %v", i, waits[i])
		}
	}
	if !slices.IsSorted(waits) {
		t.Error("somebody overtakes")
	}
	for i := range waits {
		if j := i + 12; j < len(waits) && waits[j]-waits[i] < time.Second {
			t.Fatalf("13 connections within %v", waits[j]-waits[i])
		}
	}
	if w := g.turn("other.example.org", now); w != 0 {
		t.Errorf("the first one to another network waits %v", w)
	}
	if w := g.turn("irc.example.org", now.Add(time.Hour)); w != 0 {
		t.Errorf("after the herd one waits %v", w)
	}
}

// Whoever names networks without end does not fill the memory.
func TestGatesAreSwept(t *testing.T) {
	t.Parallel()
	g := gates{every: time.Millisecond}
	now := time.Unix(1e9, 0)
	for i := range 10 * freeGates {
		now = now.Add(time.Second)
		g.turn(strings.Repeat("x", i), now)
	}
	if len(g.next) > freeGates {
		t.Errorf("%d networks are kept", len(g.next))
	}
}

// Who has to wait is told for how long, and does not connect; who gives up ends at once.
func TestGateTellsWhoWaits(t *testing.T) {
	t.Parallel()
	server := startServer(t, ircd.Options{})
	tr := newTransport(t, Options{Networks: plainNet(server.Addr()), ConnectRate: 0.001})
	first, h1 := open(t, tr, alice)
	enter(t, first, h1, "#test", "alice")
	second, h2 := open(t, tr, transports.Address{Local: "bob", Domain: "example.org"})
	do(t, second, transports.Join{Ref: 1, Room: roomOf("#test"), Nick: "bob"})
	n := await[transports.Notice](t, h2)
	if !strings.HasPrefix(n.Text, "Many people are connecting to net.test at the moment. Your turn is in about ") {
		t.Errorf("told %q", n.Text)
	}
	second.Close("")
}
