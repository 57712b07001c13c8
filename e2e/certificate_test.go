package e2e

import (
	"crypto/sha1"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"net"
	"strings"
	"testing"

	"passerelle/internal/realservers"
	"passerelle/internal/xmpptest"
)

// A server whose certificate nobody known has signed is refused with its fingerprint, and taken once that is set: SHA-1 as in biboumi or
// SHA-256, with colons and in capitals or without.
func TestPinnedCertificate(t *testing.T) {
	t.Parallel()
	program := build(t)
	s := xmppServer(t, "prosody", false)
	n := inspircd(t, s, realservers.InspircdOptions{})
	conn, err := tls.Dial("tcp", n.TLSAddr, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	certificate := conn.ConnectionState().PeerCertificates[0].Raw
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	s1, s256 := sha1.Sum(certificate), sha256.Sum256(certificate)
	_, port, err := net.SplitHostPort(n.TLSAddr)
	if err != nil {
		t.Fatal(err)
	}
	colons := strings.ReplaceAll(fmt.Sprintf("% X", s256), " ", ":")
	s.vars = xmpptest.Vars{"TLSPORT": port, "SHA1": hex.EncodeToString(s1[:]), "SHA256": colons, "OTHER": strings.Repeat("0", 64)}
	set := func(name, fields string) string { return strings.ReplaceAll(accountsSet(name, fields), "$NET", "own") }
	const (
		join = `
alice > <presence to='#go%own@$GW/alice'><x xmlns='http://jabber.org/protocol/muc'/></presence>
`
		refused = join + `
alice <* <presence from='#go%own@$GW/alice' type='error'><error><remote-server-timeout xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>
         <text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>The certificate of own (127.0.0.1) is not trusted*fingerprint (SHA-256) is $SHA256: *configure*</text></error></presence>
irc bob <! :alice!* JOIN *
`
		in = join + `
irc bob < :alice!* JOIN *#go
alice <* <presence from='#go%own@$GW/alice'><x xmlns='http://jabber.org/protocol/muc#user'><status code='110'/></x></presence>
alice > <presence type='unavailable' to='#go%own@$GW/alice'/>
irc bob < :alice!* QUIT*
`
	)
	steps, err := parseScript(`
gateway set allow_addresses = ["127.0.0.0/8"]
gateway restart
` + accountsBegin +
		set("a", field("address", "127.0.0.1")+field("tls_ports", "$TLSPORT")) + refused +
		set("b", field("fingerprint", "$OTHER")) + refused +
		set("c", field("fingerprint", "$SHA256")) + in +
		set("d", field("fingerprint", "$SHA1")) + in)
	if err != nil {
		t.Fatal(err)
	}
	runScenario(t, steps, program, s)
}
