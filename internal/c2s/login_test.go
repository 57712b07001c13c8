package c2s

import (
	"crypto/tls"
	"errors"
	"slices"
	"testing"

	"passerelle/store"
	"passerelle/transports"
)

var all = []string{"PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS", "SCRAM-SHA-512", "SCRAM-SHA-512-PLUS", "EXTERNAL"}

// Who is let in, by what, and what is said of a server where nobody is.
func TestLogin(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	good, other := ca.issue(t, testDomain), ca.issue(t, "elsewhere.example")
	foreign := newAuthority(t).issue(t, testDomain)
	for name, c := range map[string]struct {
		server   *fake
		password store.Secret
		plain    bool
		said     []string // mechanisms and flags of the tries
		want     Reason
		works    bool
	}{
		"exporter":              {server: &fake{mechanisms: all, bindings: []string{"tls-server-end-point", "tls-exporter", "x"}}, works: true, said: []string{"SCRAM-SHA-512-PLUS p=tls-exporter"}},
		"exporter, at once":     {server: &fake{mechanisms: all, bindings: []string{"tls-exporter"}, direct: true}, works: true, said: []string{"SCRAM-SHA-512-PLUS p=tls-exporter"}},
		"certificate":           {server: &fake{mechanisms: all, bindings: []string{"tls-server-end-point"}}, works: true, said: []string{"SCRAM-SHA-512-PLUS p=tls-server-end-point"}},
		"unique":                {server: &fake{mechanisms: all, maxTLS: tls.VersionTLS12}, works: true, said: []string{"SCRAM-SHA-512-PLUS p=tls-unique"}},
		"no binding in common":  {server: &fake{mechanisms: all, bindings: []string{"tls-unique"}}, works: true, said: []string{"SCRAM-SHA-512 n"}},
		"bindings unsaid":       {server: &fake{mechanisms: all}, works: true, said: []string{"SCRAM-SHA-512 n"}},
		"without binding":       {server: &fake{mechanisms: []string{"SCRAM-SHA-1", "SCRAM-SHA-256"}}, works: true, said: []string{"SCRAM-SHA-256 y"}},
		"SHA-1":                 {server: &fake{mechanisms: []string{"PLAIN", "SCRAM-SHA-1"}}, works: true, said: []string{"SCRAM-SHA-1 y"}},
		"bound by SHA-1 alone":  {server: &fake{mechanisms: []string{"SCRAM-SHA-1-PLUS", "SCRAM-SHA-256"}, bindings: []string{"tls-exporter"}}, works: true, said: []string{"SCRAM-SHA-1-PLUS p=tls-exporter"}},
		"a mechanism less":      {server: &fake{mechanisms: []string{"SCRAM-SHA-512", "!SCRAM-SHA-512", "SCRAM-SHA-256"}}, works: true, said: []string{"SCRAM-SHA-512 y", "SCRAM-SHA-256 y"}},
		"on this machine":       {server: &fake{mechanisms: []string{"SCRAM-SHA-256"}, noTLS: true}, plain: true, works: true, said: []string{"SCRAM-SHA-256 n"}},
		"wrong password":        {server: &fake{mechanisms: all}, password: "pen", want: Password, said: []string{"SCRAM-SHA-512 n"}},
		"account locked":        {server: &fake{mechanisms: all, failure: "account-disabled"}, want: Password, said: []string{"SCRAM-SHA-512 n"}},
		"not now":               {server: &fake{mechanisms: all, failure: "temporary-auth-failure"}, want: Away, said: []string{"SCRAM-SHA-512 n"}},
		"a refusal of no sense": {server: &fake{mechanisms: all, failure: "what"}, want: Garbled, said: []string{"SCRAM-SHA-512 n"}},
		"the password itself":   {server: &fake{mechanisms: []string{"PLAIN", "LOGIN", "DIGEST-MD5"}}, want: Insecure},
		"no mechanism":          {server: &fake{}, want: Insecure},
		"no TLS":                {server: &fake{mechanisms: all, noTLS: true}, want: Insecure},
		"TLS refused":           {server: &fake{mechanisms: all, proceed: "<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:stream>"}, want: Insecure},
		// What was said before TLS must not be taken for what is said in it.
		"injection":            {server: &fake{mechanisms: all, proceed: "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/><stream:stream>"}, want: Garbled},
		"another's name":       {server: &fake{mechanisms: all, cert: other}, want: Untrusted},
		"another's at once":    {server: &fake{mechanisms: all, cert: other, direct: true}, want: Untrusted},
		"nobody vouches":       {server: &fake{mechanisms: all, cert: foreign}, want: Untrusted},
		"an old TLS":           {server: &fake{mechanisms: all, maxTLS: tls.VersionTLS11}, want: Insecure},
		"no proof":             {server: &fake{mechanisms: all, final: "-"}, want: Untrusted, said: []string{"SCRAM-SHA-512 n"}},
		"a wrong proof":        {server: &fake{mechanisms: all, final: "v=AAAA"}, want: Untrusted, said: []string{"SCRAM-SHA-512 n"}},
		"refused by the proof": {server: &fake{mechanisms: all, final: "e=invalid-proof"}, want: Password, said: []string{"SCRAM-SHA-512 n"}},
		"bindings differ":      {server: &fake{mechanisms: all, final: "e=channel-bindings-dont-match"}, want: Garbled, said: []string{"SCRAM-SHA-512 n"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := c.server
			f.password = testPassword
			if f.cert.Certificate == nil {
				f.cert = good
			}
			f.start(t)
			client := New(Options{RootCAs: ca.pool, Hosts: map[string]Host{testDomain: {Addr: f.addr, Direct: f.direct, Plain: c.plain}}})
			password := testPassword
			if c.password != "" {
				password = c.password
			}
			s, err := client.Dial(t.Context(), Account{User: romeo, Password: password})
			if err == nil {
				if s.User() != romeo {
					t.Errorf("logged in as %s", s.User())
				}
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			}
			if _, typed := errors.AsType[*Error](err); c.works != (err == nil) || err != nil && (!typed || ReasonOf(err) != c.want) {
				t.Errorf("got the error %v (%v), want %v (works: %v)", err, ReasonOf(err), c.want, c.works)
			}
			f.mu.Lock()
			defer f.mu.Unlock()
			if !slices.Equal(f.said, c.said) {
				t.Errorf("tried %q, want %q", f.said, c.said)
			}
		})
	}
}

func TestDialNobody(t *testing.T) {
	t.Parallel()
	c := New(Options{})
	for _, user := range []transports.Address{{}, {Domain: testDomain}, romeo.WithResource("x"), {Local: "a", Domain: "a..b"}} {
		if _, err := c.Dial(t.Context(), Account{User: user, Password: "x"}); ReasonOf(err) != NoServer {
			t.Errorf("%v: got %v", user, err)
		}
	}
}
