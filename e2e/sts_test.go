package e2e

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"net"
	"strings"
	"testing"

	"passerelle/internal/realservers"
	"passerelle/internal/xmpptest"
)

// A server of a user's own that he reaches without TLS, and that asks to be reached with (IRCv3 sts), is reached so at once and ever after.
func TestStrictTransport(t *testing.T) {
	t.Parallel()
	program := build(t)
	s := xmppServer(t, "ejabberd", false)
	n := inspircd(t, s, realservers.InspircdOptions{STS: "localhost"})
	conn, err := tls.Dial("tcp", n.TLSAddr, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(conn.ConnectionState().PeerCertificates[0].Raw)
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(n.Addr)
	if err != nil {
		t.Fatal(err)
	}
	s.vars = xmpptest.Vars{"PLAINPORT": port, "SHA256": hex.EncodeToString(sum[:])}
	set := strings.ReplaceAll(accountsSet("a", field("address", "localhost")+field("ports", "$PLAINPORT")+field("fingerprint", "$SHA256")), "$NET", "own")
	const join = `
alice > <presence to='#go%own@$GW/alice'><x xmlns='http://jabber.org/protocol/muc'/></presence>
alice <* <presence from='#go%own@$GW/alice'><x xmlns='http://jabber.org/protocol/muc#user'><status code='110'/></x></presence>
irc bob < :alice!* JOIN *#go
irc bob > WHOIS alice
irc bob <* :* 671 bob alice :is using a secure connection
`
	steps, err := parseScript(`
gateway set allow_addresses = ["127.0.0.0/8", "::1/128"]
gateway set user_plain = true
gateway restart
` + accountsBegin + set + join + `
alice > <presence type='unavailable' to='#go%own@$GW/alice'/>
irc bob < :alice!* QUIT*
gateway restart
` + join)
	if err != nil {
		t.Fatal(err)
	}
	runScenario(t, steps, program, s)
}
