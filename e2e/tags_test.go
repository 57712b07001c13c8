package e2e

import (
	"strings"
	"testing"

	"passerelle/internal/ircd"
	"passerelle/internal/realservers"
)

// tagCaps are what a network has that carries more than text.
func tagCaps() []string {
	return []string{
		"batch", "echo-message", "extended-join", "labeled-response", "message-tags", "multi-prefix", "server-time", "userhost-in-names",
		"draft/message-redaction",
	}
}

// TestTags runs each scenario of what messages carry beside text: between servers in this process, and with -short with those alone; and with
// InspIRCd between either XMPP server. InspIRCd takes nothing back, so what is about that has the IRC server of this process there too.
func TestTags(t *testing.T) {
	t.Parallel()
	program := build(t)
	for _, xmpp := range []string{"fake", "prosody", "ejabberd"} {
		t.Run(xmpp, func(t *testing.T) {
			runScenarios(t, "tags/*.txtar", program, all, func(t *testing.T, name string) *servers {
				if xmpp == "fake" {
					return fakesWith(t, tagCaps())
				}
				s := xmppServer(t, xmpp, false)
				if strings.HasPrefix(name, "redact") {
					irc := newFakeIRC(t, ircd.Options{NickLen: 30, Caps: tagCaps()})
					s.irc, s.ircAddr = irc, irc.addr
				} else {
					inspircd(t, s, realservers.InspircdOptions{})
				}
				return s
			})
		})
	}
}
