package ircbridge

import (
	"context"
	"net"
	"testing"
	"time"

	"passerelle/transports"
)

// A lasting join goes on while the network is down, answers nothing meanwhile, and ends with the channel or with its refusal.
func TestLastingJoin(t *testing.T) {
	withClock(t, Options{}, func(t *testing.T, n *pipeNet, s transports.Session, h *recorder) {
		tries := 0
		s.(*session).t.opt.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
			if tries++; tries < 4 {
				return nil, errDown
			}
			return n.dial(ctx, network, addr)
		}
		do(t, s, transports.Join{Room: roomOf("#test"), Nick: "alice", Password: "key", Lasting: true})
		for range 3 {
			if e, ok := h.next(t).(transports.State); !ok || e.Online || e.Retry == 0 {
				t.Fatalf("got %s", describe(e))
			}
		}
		// A second one while it waits does not hurry.
		before := time.Now()
		do(t, s, transports.Join{Room: roomOf("#more"), Nick: "alice", Lasting: true})
		p := n.accept(t)
		if time.Since(before) < time.Second {
			t.Errorf("it was tried again after %v", time.Since(before))
		}
		p.Welcome(t, "alice")
		p.Expect(t, "JOIN #test :key")
		p.Send(t, ":alice!a@h JOIN #test", ":irc.test 353 alice = #test :alice", ":irc.test 366 alice #test :End")
		if e := await[transports.Entered](t, h); e.Ref != 0 || e.Room != roomOf("#test") {
			t.Errorf("entered %s", describe(e))
		}
		p.Expect(t, "JOIN #more")
		p.Send(t, ":irc.test 473 alice #more :Cannot join channel (+i)")
		if e := await[transports.Parted](t, h); !e.Self || e.How != transports.PartLost || e.Room != roomOf("#more") || transports.AsError(e.Err).Kind != transports.NotRegistered {
			t.Errorf("got %s", describe(e))
		}
	})
}
