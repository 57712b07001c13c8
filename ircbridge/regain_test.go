package ircbridge

import (
	"testing"

	"passerelle/internal/realservers"
	"passerelle/transports"
)

// Services take a nick from a ghost for whom it belongs to, and he has it.
func TestRegainAtRealServices(t *testing.T) {
	t.Parallel()
	n := withServices(t, realservers.InspircdOptions{}, realservers.AthemeOptions{})
	n.set.set(map[string]string{SettingNick: "liddell", SettingAccount: "liddell", SettingAccountPassword: "sesame"})
	s, h := open(t, n.tr, alice)
	do(t, s, transports.Join{Ref: 1, Room: roomOf("#test"), Nick: "alice"})
	if e := await[transports.Entered](t, h); e.Nick == "liddell" {
		t.Fatalf("got %s", describe(e))
	}
	n.owner.Expect(t, "GHOST command used by")
	await(t, h, func(e transports.Renamed) bool { return e.Self && e.New == "liddell" })
}
