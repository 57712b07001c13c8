package component

import (
	"errors"
	"path/filepath"
	"testing"

	"passerelle/e2e/client"
	"passerelle/internal/realservers"
)

// TestGatewayKilledBesideServers kills gateways one after the other while they deliver letters to somebody who is not there.
func TestGatewayKilledBesideServers(t *testing.T) {
	t.Parallel()
	for name, start := range outboxServers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, []realservers.Account{{Name: "alice", Password: "pw"}})
			if name == "ejabberd" { // which has to be running for long enough that its uptime, in whole seconds, says that it was not started anew
				alice, err := client.Login(t.Context(), s.clients, "alice", "pw", "phone")
				if err != nil {
					t.Fatal(err)
				}
				if err := errors.Join(client.AwaitUptime(t.Context(), alice, 2*maxDrift), alice.Close()); err != nil {
					t.Fatal(err)
				}
			}
			const kills = 4
			path := filepath.Join(t.TempDir(), "db")
			written := killedGateways(t, s.components, path, kills, 100, 1)
			w := newOutboxWorldAt(t, path, func(o *Options) { o.Server, o.Timing.Routed = s.components, 0 })
			w.deliver(outboxUser, letterTo("end"))
			last, err := w.db.LastOutgoing(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			w.waitFor("the answer", func(o *outbox) bool { return o.answeredFor(last) })
			checkKilled(t, collect(t, s, len(written)), written, kills)
		})
	}
}
