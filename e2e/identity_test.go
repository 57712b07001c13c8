package e2e

import (
	"testing"

	"passerelle/internal/realservers"
)

// identityJoin has alice enter a room where bob can ask the network who she is.
const identityJoin = `
irc bob
irc bob > JOIN #go
irc bob < :bob!* JOIN *#go
xmpp alice
alice > <presence to='#go%$NET@$GW/alice'><x xmlns='http://jabber.org/protocol/muc'/></presence>
irc bob < :alice!* JOIN *#go
irc bob > WHOIS alice
`

// TestIdentity: what networks see of a user: his token, vouched for by our identd (RFC 1413), without the tilde of those for whom nobody
// vouches; an address of his own; and over WEBIRC the address that stands for him.
func TestIdentity(t *testing.T) {
	t.Parallel()
	program := build(t)
	for name, tc := range map[string]struct {
		server    realservers.InspircdOptions
		configure func(t *testing.T, g *gateway)
		script    string
	}{
		"ident": {
			realservers.InspircdOptions{Ident: true},
			func(t *testing.T, g *gateway) {
				// Port 113 of an address that no other test has.
				g.configure(t, "[[irc]]", `source_prefix = "127.88.0.1/32"`)
				g.configure(t, "[identd]", `listen = "127.88.0.1:113"`)
			},
			"irc bob <* :$NET 311 bob alice u* 127.88.0.1 \\* :alice\n",
		},
		"webirc": {
			realservers.InspircdOptions{WebIRC: "sesame"},
			func(t *testing.T, g *gateway) {
				g.configure(t, "[[irc.network]]", "webirc_password_file = "+g.secret(t, "webirc", "sesame"))
			},
			"irc bob <* :$NET 311 bob alice *u* fd*:* \\* :alice\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := xmppServer(t, "prosody", false)
			inspircd(t, s, tc.server)
			g := newGateway(t, program, s)
			tc.configure(t, g)
			steps, err := parseScript(identityJoin + tc.script)
			if err != nil {
				t.Fatal(err)
			}
			runOn(t, steps, s, g)
		})
	}
}
