package e2e

import (
	"path/filepath"
	"strings"
	"testing"

	"passerelle/internal/realservers"
	"passerelle/internal/realservers/realtest"
)

// TestModern runs each scenario of what only newer IRC has, with InspIRCd and its services between either XMPP server.
func TestModern(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("modern/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatal("there are no scenarios")
	}
	program := build(t)
	for _, xmpp := range []string{"prosody", "ejabberd"} {
		t.Run(xmpp, func(t *testing.T) {
			for _, file := range files {
				t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
					t.Parallel()
					steps := readScenario(t, file)
					s := xmppServer(t, xmpp, false)
					n := inspircd(t, s, realservers.InspircdOptions{Services: true})
					s.services = realtest.Atheme(t, realservers.AthemeOptions{Server: n})
					runScenario(t, steps, program, s)
				})
			}
		})
	}
}
