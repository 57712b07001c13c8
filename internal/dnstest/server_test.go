package dnstest

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestServer: Go's resolver reads what the zone says, over UDP and, where it is long, over TCP.
func TestServer(t *testing.T) {
	t.Parallel()
	long := "v=DKIM1; p=" + strings.Repeat("A", 900)
	s := Start(t, Zone{
		"example.org":              {"MX 20 b.example.org", "MX 10 a.example.org", "TXT v=spf1 mx -all", "TXT " + long},
		"a.example.org":            {"A 192.0.2.1", "AAAA 2001:db8::1"},
		"alias.example.org":        {"CNAME a.example.org"},
		"null.example.org":         {"MX 0 ."},
		"deep.below.example.org":   {"A 192.0.2.2"},
		"_sip._tcp.example.org":    {"SRV 20 0 5061 b.example.org", "SRV 10 1 5060 a.example.org"},
		"1.2.0.192.in-addr.arpa":   {"PTR a.example.org"},
		"broken.example.org":       {"SERVFAIL"},
		"silent.example.org":       {"SILENCE"},
		"faulty.example.org":       {"A not-an-address"},
		"around.example.org":       {"CNAME around.example.org"},
		"Upper.Example.ORG":        {"TXT folded"},
		"other.example.org":        {"TXT"},
		"_mta-sts.example.org":     {"TXT v=STSv1; id=1"},
		"x._domainkey.example.org": {"TXT v=DKIM1; k=ed25519; p=AAAA"},
	})
	r, ctx := s.Resolver(), t.Context()
	texts := func(name string, want ...string) {
		t.Helper()
		if got, err := r.LookupTXT(ctx, name); err != nil || !cmp.Equal(got, want) {
			t.Errorf("TXT of %s: got %q, %v, want %q", name, got, err, want)
		}
	}
	mx, err := r.LookupMX(ctx, "example.org")
	if want := []*net.MX{{Host: "a.example.org.", Pref: 10}, {Host: "b.example.org.", Pref: 20}}; err != nil || !cmp.Equal(mx, want) {
		t.Errorf("MX: got %v, %v, want %v", mx, err, want)
	}
	if mx, err := r.LookupMX(ctx, "null.example.org"); err != nil || len(mx) != 1 || mx[0].Host != "." {
		t.Errorf("a null MX: got %v, %v", mx, err)
	}
	_, srv, err := r.LookupSRV(ctx, "sip", "tcp", "example.org")
	if want := []*net.SRV{{Target: "a.example.org.", Port: 5060, Priority: 10, Weight: 1}, {Target: "b.example.org.", Port: 5061, Priority: 20}}; err != nil || !cmp.Equal(srv, want) {
		t.Errorf("SRV: got %v, %v, want %v", srv, err, want)
	}
	texts("example.org", "v=spf1 mx -all", long)
	texts("upper.example.org", "folded")
	texts("_mta-sts.example.org", "v=STSv1; id=1")
	texts("x._domainkey.example.org", "v=DKIM1; k=ed25519; p=AAAA")
	for _, name := range []string{"a.example.org", "alias.example.org"} {
		addrs, err := r.LookupHost(ctx, name)
		if want := []string{"192.0.2.1", "2001:db8::1"}; err != nil || !cmp.Equal(addrs, want) {
			t.Errorf("addresses of %s: got %v, %v, want %v", name, addrs, err, want)
		}
	}
	if names, err := r.LookupAddr(ctx, "192.0.2.1"); err != nil || !cmp.Equal(names, []string{"a.example.org."}) {
		t.Errorf("PTR: got %v, %v", names, err)
	}
	for name, missing := range map[string]bool{
		"gone.example.org": true, "below.example.org": true, "broken.example.org": false, "faulty.example.org": false, "around.example.org": false,
	} {
		_, err := r.LookupHost(ctx, name)
		e, ok := errors.AsType[*net.DNSError](err)
		if !ok || e.IsNotFound != missing {
			t.Errorf("%s: got %v, want an error with IsNotFound %v", name, err, missing)
		}
	}
	short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	if _, err := r.LookupHost(short, "silent.example.org"); err == nil {
		t.Error("a silent name: no error")
	}
	if s.Asked("silent.example.org") == 0 || s.Asked("never.example.org") != 0 {
		t.Error("Asked counts wrongly")
	}
	s.Set(Zone{"gone.example.org": {"A 192.0.2.3"}})
	if addrs, err := r.LookupHost(ctx, "gone.example.org"); err != nil || len(addrs) != 1 {
		t.Errorf("after Set: got %v, %v", addrs, err)
	}
}
