package e2e

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"passerelle/internal/realservers"
	"passerelle/internal/realservers/realtest"
)

// TestOwnServerSplits has the server of the network that the gateway is on lose the other one, which comes back, and then die, while the
// other one lives: a client gets two sentences for the first, nobody is lost, and it is not told anew of everybody who is there.
func TestOwnServerSplits(t *testing.T) {
	besideOthers(t)
	people := 40
	if thorough() {
		people = 400
	}
	const otherName = "other.test.example"
	own := realtest.Ngircd(t, realservers.NgircdOptions{Name: networkName, Peer: otherName})
	way := newCable(t, own.Addr)
	other := realtest.Ngircd(t, realservers.NgircdOptions{Name: otherName, Peer: networkName, Uplink: way.Addr})
	s := xmppServer(t, "prosody", false)
	s.irc, s.ircAddr = own, own.Addr
	g := newGateway(t, build(t), s)
	g.configure(t, "[[irc.network]]", fmt.Sprintf("addresses = [%q, %q]", own.Addr, other.Addr))
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	if err := g.Restart(ctx); err != nil {
		t.Fatal(err)
	}
	var first *ircActor
	for i := range people {
		a, err := dialIRC(ctx, other.Addr, fmt.Sprint("far", i))
		if err == nil {
			err = a.send(ctx, "JOIN #big")
		}
		if err == nil {
			err = a.expect(ctx, "*JOIN *#big", nil, true)
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = a.conn.Close() })
		if first == nil {
			first = a
		}
	}
	watch := newWatcher(ctx, t, s, "carol", "#big%"+networkName)
	watch.until("all are there", func(w *watcher) bool { return w.present >= people })
	says := func(words string) func(*watcher) bool {
		return func(w *watcher) bool {
			return slices.ContainsFunc(w.words, func(said string) bool { return strings.HasPrefix(said, words) })
		}
	}
	heard := func(words string) {
		t.Helper()
		if err := first.send(ctx, "PRIVMSG #big :"+words); err != nil {
			t.Fatal(err)
		}
		watch.until("somebody on the other server is heard", func(w *watcher) bool { return slices.Contains(w.heard, words) })
	}
	heard("before")
	watch.reset()

	way.Cut()
	watch.until("it is said", says("Netsplit: "))
	way.Mend()
	watch.until("it is over", says("After the netsplit "))
	heard("after the split")
	t.Logf("the own server was split from one with %d people: a client got %d presences, and was told %q", people, watch.presences, watch.words)
	if watch.presences > people/10 || len(watch.words) != 2 {
		t.Errorf("a client got %d presences, and was told %q", watch.presences, watch.words)
	}
	watch.reset()

	own.Kill()
	watch.until("she is back", says("You are back in this room."))
	heard("by way of the other server")
	t.Logf("the own server died: a client got %d presences, and was told %q", watch.presences, watch.words)
	if watch.presences > people/10 {
		t.Errorf("a client got %d presences", watch.presences)
	}
}
