package e2e

import (
	"flag"
	"net"
	"os"
	"strings"
	"testing"

	"passerelle/internal/realservers"
	"passerelle/internal/realservers/realtest"
)

// comparison is where TestCompare writes what it found.
var comparison = flag.String("comparison", "", "a file for the table of what differs from biboumi, in Markdown, with the name of an IRC server at its end")

// TestCompare plays the same script with biboumi and with passerelle: all that clients get is the same, or is different for a reason that
// testdata/compare/differences.txt gives.
func TestCompare(t *testing.T) {
	t.Parallel()
	program := build(t)
	parts, err := parseParts(readFile(t, "testdata/compare/script.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for _, irc := range []string{"ngircd", "inspircd"} {
		t.Run(irc, func(t *testing.T) {
			t.Parallel()
			reasons, err := parseReasons(readFile(t, "testdata/compare/differences.txt"))
			if err != nil {
				t.Fatal(err)
			}
			theirs, ours := withBiboumi(t, irc, parts), withPasserelle(t, program, irc, parts)
			var all []*compared
			for i := range parts {
				c := &compared{played: ours[i]}
				c.same, c.found = compare(theirs[i], ours[i])
				for _, d := range c.found {
					r := find(reasons, irc, d)
					if r == nil {
						t.Errorf("%s", d)
					}
					c.reasons = append(c.reasons, r)
				}
				all = append(all, c)
			}
			for _, glob := range unused(reasons, irc) {
				t.Errorf("nothing differs so any more: %s", glob)
			}
			if *comparison != "" {
				if err := os.WriteFile(*comparison+"-"+irc+".md", []byte(compareReport(irc, all)), 0o600); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// TestCompareFixed does so where both are for one network, which addresses leave out.
func TestCompareFixed(t *testing.T) {
	t.Parallel()
	parts, err := parseParts(readFile(t, "testdata/compare/fixed.txt"))
	if err != nil {
		t.Fatal(err)
	}
	reasons, err := parseReasons(readFile(t, "testdata/compare/differences.txt"))
	if err != nil {
		t.Fatal(err)
	}
	theirs, ours := withFixedBiboumi(t, parts), withFixedPasserelle(t, build(t), parts)
	for i := range parts {
		_, found := compare(theirs[i], ours[i])
		for _, d := range found {
			if find(reasons, comparedFixed, d) == nil {
				t.Errorf("%s", d)
			}
		}
	}
	for _, r := range reasons {
		for _, p := range r.patterns {
			if p.irc == comparedFixed && !p.used {
				t.Errorf("nothing differs so any more: %s", p.glob)
			}
		}
	}
}

// comparedFixed is in front of patterns of what differs where both are for one network.
const comparedFixed = "fixed"

// withFixedBiboumi plays parts with biboumi for one network.
func withFixedBiboumi(t *testing.T, parts []part) []*played {
	t.Helper()
	s := realServers(t, "prosody", "ngircd")
	r := newRunner(t, s, nil)
	realtest.Biboumi(t, realservers.BiboumiOptions{
		Dir: t.TempDir(), Component: realservers.Component{Domain: gatewayDomain, Secret: gatewaySecret}, ComponentAddr: s.componentAddr, Fixed: fixedName,
	})
	_, port, err := net.SplitHostPort(s.ircAddr)
	if err != nil {
		t.Fatal(err)
	}
	r.playScript(t, strings.NewReplacer("USER", "alice", "PORT", port, "$NET@$GW", "$GW", "node='configure'", "node='server-configure'").Replace(biboumiNetwork))
	return playParts(t, r, parts, fenceNick+"@"+gatewayDomain)
}

// withFixedPasserelle plays parts with passerelle for one network.
func withFixedPasserelle(t *testing.T, program string, parts []part) []*played {
	t.Helper()
	s := realServers(t, "prosody", "ngircd")
	r := newRunner(t, s, newGateway(t, program, s))
	r.gateway.configure(t, "[[irc.network]]", `name = "`+fixedName+`"`)
	r.gateway.configure(t, "[[irc]]", `fixed = "`+fixedName+`"`)
	if err := r.gateway.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	return playParts(t, r, parts, fenceNick+"@"+gatewayDomain)
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// withBiboumi plays parts with biboumi.
func withBiboumi(t *testing.T, irc string, parts []part) []*played {
	t.Helper()
	s := realServers(t, "prosody", irc)
	r := newRunner(t, s, nil)
	realtest.Biboumi(t, realservers.BiboumiOptions{
		Dir: t.TempDir(), Component: realservers.Component{Domain: gatewayDomain, Secret: gatewaySecret}, ComponentAddr: s.componentAddr,
	})
	_, port, err := net.SplitHostPort(s.ircAddr)
	if err != nil {
		t.Fatal(err)
	}
	for _, user := range []string{"alice", "bob", "carol"} {
		r.playScript(t, strings.NewReplacer("USER", user, "PORT", port).Replace(biboumiNetwork))
	}
	return playParts(t, r, parts, fenceNick+"%"+networkName+"@"+gatewayDomain)
}

// biboumiNetwork is how a user tells biboumi where the network is, and that it may be written to as fast as he likes.
const biboumiNetwork = `
xmpp USER
USER > <iq type='set' id='a' to='$NET@$GW'><command xmlns='http://jabber.org/protocol/commands' node='configure' action='execute'/></iq>
USER <* <iq type='result' id='a'><command xmlns='http://jabber.org/protocol/commands' sessionid='{USER0}'/></iq>
USER > <iq type='set' id='b' to='$NET@$GW'><command xmlns='http://jabber.org/protocol/commands' node='configure' sessionid='$USER0' action='next'>
  <x xmlns='jabber:x:data' type='submit'><field var='address'><value>127.0.0.1</value></field><field var='ports'><value>PORT</value></field>
  <field var='tls_ports'/><field var='throttle_limit'><value>-1</value></field></x></command></iq>
USER <* <iq type='result' id='b'><command xmlns='http://jabber.org/protocol/commands' status='completed'/></iq>
USER close
`

// withPasserelle plays parts with passerelle.
func withPasserelle(t *testing.T, program, irc string, parts []part) []*played {
	t.Helper()
	s := realServers(t, "prosody", irc)
	r := newRunner(t, s, newGateway(t, program, s))
	if err := r.gateway.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	return playParts(t, r, parts, fenceNick+"%"+networkName+"@"+gatewayDomain)
}

// playParts plays parts with somebody of the network at that JID.
func playParts(t *testing.T, r *runner, parts []part, at string) []*played {
	t.Helper()
	irc, err := dialIRC(t.Context(), r.servers.ircAddr, fenceNick)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := irc.conn.Close(); err != nil {
			t.Error(err)
		}
	})
	p := &player{r: r, irc: irc, at: at}
	all, err := p.play(t.Context(), parts)
	if err != nil {
		t.Fatal(err)
	}
	return all
}
