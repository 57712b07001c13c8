package ircbridge

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"

	"passerelle/internal/ircd"
	"passerelle/transports"
)

// Who is online is told by what: the certificate that a network shows can be compared with the one that it is said to have.
func TestLink(t *testing.T) {
	t.Parallel()
	conf, pool := ircd.NewTLS(t, "127.0.0.1")
	sum := sha256.Sum256(conf.Certificates[0].Certificate[0])
	for name, tc := range map[string]struct {
		server      *ircd.Server
		plain       bool
		tls         string // its beginning
		fingerprint string
	}{
		"TLS":   {startServer(t, ircd.Options{TLS: conf}), false, "TLS 1.3, TLS_", hex.EncodeToString(sum[:])},
		"plain": {startServer(t, ircd.Options{}), true, "", ""},
	} {
		tr := newTransport(t, Options{Networks: []Network{{ID: testNet, Addresses: []string{tc.server.Addr()}, Plain: tc.plain, RootCAs: pool}}})
		s, h := open(t, tr, alice)
		do(t, s, transports.Join{Ref: 1, Room: roomOf("#test"), Nick: "alice"})
		e := await(t, h, func(e transports.State) bool { return e.Online })
		l := e.Link
		if l.Address != tc.server.Addr() || !strings.HasPrefix(l.TLS, tc.tls) || tc.plain && l.TLS != "" || l.Fingerprint != tc.fingerprint || l.Since.IsZero() {
			t.Errorf("%s: got %+v, want the fingerprint %q", name, l, tc.fingerprint)
		}
	}
}
