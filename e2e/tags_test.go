package e2e

import (
	"path/filepath"
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
	files, err := filepath.Glob("tags/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatal("there are no scenarios")
	}
	program := build(t)
	for _, xmpp := range []string{"fake", "prosody", "ejabberd"} {
		t.Run(xmpp, func(t *testing.T) {
			for _, file := range files {
				name := strings.TrimSuffix(filepath.Base(file), ".txtar")
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					steps := readScenario(t, file)
					var s *servers
					switch {
					case xmpp == "fake":
						s = fakesWith(t, tagCaps())
					case strings.HasPrefix(name, "redact"):
						s = xmppServer(t, xmpp, false)
						irc := newFakeIRC(t, ircd.Options{NickLen: 30, Caps: tagCaps()})
						s.irc, s.ircAddr = irc, irc.addr
					default:
						s = xmppServer(t, xmpp, false)
						inspircd(t, s, realservers.InspircdOptions{})
					}
					runScenario(t, steps, program, s)
				})
			}
		})
	}
}
