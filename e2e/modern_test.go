package e2e

import (
	"testing"

	"passerelle/internal/realservers"
	"passerelle/internal/realservers/realtest"
)

// TestModern runs each scenario of what only newer IRC has, with InspIRCd and its services between either XMPP server.
func TestModern(t *testing.T) {
	t.Parallel()
	program := build(t)
	for _, xmpp := range []string{"prosody", "ejabberd"} {
		t.Run(xmpp, func(t *testing.T) {
			runScenarios(t, "modern/*.txtar", program, all, func(t *testing.T, _ string) *servers {
				s := xmppServer(t, xmpp, false)
				n := inspircd(t, s, realservers.InspircdOptions{Services: true})
				s.services = realtest.Atheme(t, realservers.AthemeOptions{Server: n})
				return s
			})
		})
	}
}
