package e2e

import (
	"testing"

	"passerelle/internal/ircd"
)

// historyCaps are those of a network that keeps what is said, with what clients need to read it.
func historyCaps() []string {
	return []string{
		"batch", "echo-message", "labeled-response", "message-tags", "multi-prefix", "server-time", "userhost-in-names", "draft/chathistory", "draft/event-playback",
		"draft/read-marker", "draft/channel-rename", "draft/multiline=max-bytes=4096,max-lines=24",
	}
}

// TestHistory runs each scenario of networks that keep what is said, behind each XMPP server.
func TestHistory(t *testing.T) {
	t.Parallel()
	program := build(t)
	for _, xmpp := range []string{"fake", "prosody", "ejabberd"} {
		t.Run(xmpp, func(t *testing.T) {
			runScenarios(t, "history/*.txtar", program, all, func(t *testing.T, _ string) *servers {
				var s *servers
				if xmpp == "fake" {
					s = fakeServers(t)
				} else {
					s = xmppServer(t, xmpp, false)
				}
				irc := newFakeIRC(t, ircd.Options{NickLen: 30, Caps: historyCaps(), History: &ircd.History{Limit: 5}})
				s.irc, s.ircAddr = irc, irc.addr
				return s
			})
		})
	}
}
