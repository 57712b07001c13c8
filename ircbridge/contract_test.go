package ircbridge

import (
	"testing"

	"passerelle/internal/ircd"
	"passerelle/transports"
	"passerelle/transports/transporttest"
)

func TestContract(t *testing.T) {
	t.Parallel()
	for name, caps := range capSets() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := startServer(t, ircd.Options{Caps: caps})
			bob := ircd.Dial(t, server.Addr(), "bob")
			bob.Send(t, "JOIN #test")
			bob.Expect(t, " 366 ")
			stalled := ircd.NewScript(t, nil) // nobody accepts: the kernel does
			transporttest.Run(t, transporttest.Harness{
				Transport: newTransport(t, Options{Open: true, Networks: []Network{
					{ID: testNet, Addresses: []string{server.Addr()}, Plain: true},
					{ID: "stalled.test", Addresses: []string{stalled.Addr}, Plain: true},
				}}),
				Locals: []string{"irc.example.org", "#chan%irc.example.org", "#50%off%" + testNet, "nick%" + testNet},
				Faulty: []string{"", "#chan", "%", "a b%" + testNet},
				User:   alice,
				Nick:   "alice",
				Room:   roomOf("#test"),
				Say: func(bodies ...string) {
					for _, body := range bodies {
						bob.Send(t, "PRIVMSG #test :"+body)
					}
				},
				Stalled: transports.Target{Kind: transports.TargetRoom, Network: "stalled.test", ID: "#test"},
			})
		})
	}
}
