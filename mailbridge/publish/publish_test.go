package publish

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"passerelle/internal/dnstest"
	"passerelle/mailbridge/sign"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	rsaKey = "v=DKIM1; k=rsa; p=" + strings.Repeat("MIIB", 100)
	direct = Options{
		Domain: "example.org", Hostname: "mx.example.org", MX: true, TLS: true, Direct: true,
		Keys: []sign.Record{{Name: "p-rsa._domainkey.example.org", Text: rsaKey}, {Name: "p-ed._domainkey.example.org", Text: "v=DKIM1; k=ed25519; p=AAAA"}},
	}
	behind = Options{Domain: "example.org", Hostname: "example.org", Smarthost: "smtp.provider.example", Keys: direct.Keys[1:]}
)

// web has one file on it.
func web(text string) func(context.Context, string, int64) ([]byte, error) {
	return func(_ context.Context, url string, _ int64) ([]byte, error) {
		if text == "" || url != "https://mta-sts.example.org/.well-known/mta-sts.txt" {
			return nil, errors.New("the web server says 404 Not Found")
		}
		return []byte(text), nil
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	good := func() dnstest.Zone {
		return dnstest.Zone{
			"example.org":            {"MX 10 MX.example.org", "TXT google-site-verification=1", "TXT v=spf1 mx -all"},
			"mx.example.org":         {"A 192.0.2.1", "AAAA 2001:db8::1"},
			"1.2.0.192.in-addr.arpa": {"PTR mx.example.org"},
			"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa": {"PTR mx.example.org"},
			"p-rsa._domainkey.example.org":                                             {"TXT " + strings.Replace(rsaKey, "k=rsa; ", "", 1)},
			"p-ed._domainkey.example.org":                                              {"TXT v=DKIM1;k=ed25519;p=A A A A"},
			"_dmarc.example.org":                                                       {"TXT v=DMARC1; p=reject"},
			"_mta-sts.example.org":                                                     {"TXT v=STSv1; id=1"},
			"_smtp._tls.example.org":                                                   {"TXT v=TLSRPTv1; rua=mailto:x@example.org"},
		}
	}
	const policy = "version: STSv1\r\nmode: enforce\r\nmx: *.example.org\r\nmax_age: 604800\r\n"
	right := map[string]string{
		"MX": "right", "address": "right", "reverse": "right", "SPF": "right", "DKIM": "right", "DMARC": "right", "MTA-STS": "right", "policy": "right", "TLS-RPT": "right",
	}
	for _, tt := range []struct {
		name    string
		options Options
		change  dnstest.Zone
		policy  string
		want    map[string]string // what is not right: the state and something of the sentence
		bad     bool
	}{
		{name: "all is right", options: direct, policy: policy},
		{name: "nothing is there", options: direct, bad: true, change: dnstest.Zone{
			"example.org": nil, "mx.example.org": nil, "1.2.0.192.in-addr.arpa": nil, "p-rsa._domainkey.example.org": nil, "p-ed._domainkey.example.org": nil,
			"_dmarc.example.org": nil, "_mta-sts.example.org": nil, "_smtp._tls.example.org": nil,
		}, want: map[string]string{
			"MX": "missing", "address": "missing", "reverse": "missing", "SPF": "missing", "DKIM": "missing", "DMARC": "missing", "MTA-STS": "missing", "policy": "missing 404",
			"TLS-RPT": "missing",
		}},
		{name: "what is not needed is missing", options: direct, change: dnstest.Zone{"_mta-sts.example.org": nil, "_smtp._tls.example.org": nil}, want: map[string]string{
			"MTA-STS": "missing", "policy": "missing", "TLS-RPT": "missing",
		}},
		{name: "the DNS does not answer", options: direct, policy: policy, bad: true, change: dnstest.Zone{"example.org": {"SERVFAIL"}}, want: map[string]string{
			"MX": "unknown", "SPF": "unknown",
		}},
		{name: "another MX", options: direct, policy: policy, bad: true, change: dnstest.Zone{"example.org": {"MX 10 other.example", "TXT v=spf1 a:mx.example.org -all"}}, want: map[string]string{
			"MX": "wrong another server",
		}},
		{name: "a null MX", options: direct, policy: policy, bad: true, change: dnstest.Zone{"example.org": {"MX 0 .", "TXT v=spf1 a:mx.example.org -all"}}, want: map[string]string{
			"MX": "wrong no mail at all",
		}},
		{name: "a second MX", options: direct, policy: policy, change: dnstest.Zone{"example.org": {"MX 10 mx.example.org", "MX 20 other.example", "TXT v=spf1 a:mx.example.org -all"}}, want: map[string]string{
			"MX": "right other servers",
		}},
		{name: "no public address", options: direct, policy: policy, bad: true, change: dnstest.Zone{"mx.example.org": {"A 10.0.0.1"}}, want: map[string]string{
			"address": "wrong 10.0.0.1", "reverse": "missing",
		}},
		{name: "another name", options: direct, policy: policy, bad: true, change: dnstest.Zone{"1.2.0.192.in-addr.arpa": {"PTR host1.provider.example"}}, want: map[string]string{
			"reverse": "wrong",
		}},
		{name: "two of SPF", options: direct, policy: policy, bad: true, change: dnstest.Zone{"example.org": {"MX 10 mx.example.org", "TXT v=spf1 mx -all", "TXT v=spf1 -all"}}, want: map[string]string{
			"SPF": "wrong several",
		}},
		{name: "SPF without us", options: direct, policy: policy, bad: true, change: dnstest.Zone{"example.org": {"MX 10 mx.example.org", "TXT v=spf1 -all"}}, want: map[string]string{
			"SPF": "wrong this machine",
		}},
		{name: "SPF with a fault", options: direct, policy: policy, bad: true, change: dnstest.Zone{"example.org": {"MX 10 mx.example.org", "TXT v=spf1 ip4:300.0.0.1 -all"}}, want: map[string]string{
			"SPF": "wrong cannot be read",
		}},
		{name: "keys", options: direct, policy: policy, bad: true, change: dnstest.Zone{
			"p-rsa._domainkey.example.org": {"TXT " + rsaKey[:255]}, "p-ed._domainkey.example.org": {"TXT v=DKIM1; k=ed25519; p=BBBB"},
		}, want: map[string]string{"DKIM": "wrong cut off, wrong another key"}},
		{name: "more of keys", options: direct, policy: policy, bad: true, change: dnstest.Zone{
			"p-rsa._domainkey.example.org": {"TXT v=DKIM1; p="}, "p-ed._domainkey.example.org": {"TXT v=DKIM1; k=rsa; p=AAAA"},
		}, want: map[string]string{"DKIM": "wrong revokes, wrong kind"}},
		{name: "keys of tests", options: direct, policy: policy, change: dnstest.Zone{"p-ed._domainkey.example.org": {"TXT v=DKIM1; k=ed25519; t=y; p=AAAA"}}, want: map[string]string{
			"DKIM": "right, right t=y",
		}},
		{name: "DMARC that asks for nothing", options: direct, policy: policy, change: dnstest.Zone{"_dmarc.example.org": {"TXT v=DMARC1; p=none"}}, want: map[string]string{"DMARC": "right reports alone"}},
		{name: "DMARC with a fault", options: direct, policy: policy, bad: true, change: dnstest.Zone{"_dmarc.example.org": {"TXT v=DMARC1; p=maybe"}}, want: map[string]string{"DMARC": "wrong invalid policy"}},
		{name: "a policy for others", options: direct, bad: true, policy: "version: STSv1\nmode: enforce\nmx: a.mx.example.org\n", want: map[string]string{"policy": "wrong does not name"}},
		{name: "a careful policy", options: direct, policy: "version: STSv1\nmode: testing\nmx: mx.example.org\n", want: map[string]string{"policy": "right protects nobody"}},
		{name: "a policy of an unknown mode", options: direct, bad: true, policy: "version: STSv1\nmode: strict\nmx: mx.example.org\n", want: map[string]string{"policy": "wrong strict"}},
		{name: "no policy", options: direct, bad: true, policy: "<html>mx: mx.example.org</html>", want: map[string]string{"policy": "wrong no policy"}},
		{name: "behind a mail server", options: behind, change: dnstest.Zone{
			"example.org": {"MX 10 mail.example.org", "TXT v=spf1 include:_spf.provider.example ~all"}, "_spf.provider.example": {"TXT v=spf1 ip4:198.51.100.0/24 -all"},
			"smtp.provider.example": {"A 198.51.100.1"},
		}, want: map[string]string{"MX": "right LMTP"}},
		{name: "a smarthost that is not known to send", options: behind, change: dnstest.Zone{
			"example.org": {"MX 10 mail.example.org", "TXT v=spf1 mx -all"}, "smtp.provider.example": {"A 198.51.100.1"},
		}, want: map[string]string{"MX": "right", "SPF": "right ask who runs it"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			zone := good()
			for name, records := range tt.change {
				if zone[name] = records; records == nil {
					delete(zone, name)
				}
			}
			dns := dnstest.Start(t, zone)
			findings := Checker{Resolver: dns.Resolver(), Get: web(tt.policy)}.Check(t.Context(), tt.options)
			got := map[string]string{}
			bad := false
			for _, f := range findings {
				kind := string(f.Record.Kind)
				if got[kind] != "" {
					got[kind] += ", "
				}
				got[kind] += strings.TrimSpace(string(f.State) + " " + f.Says)
				bad = bad || f.Bad()
			}
			for kind, said := range got {
				want := right[kind]
				if kind == "DKIM" && len(tt.options.Keys) == 2 {
					want = "right, right"
				}
				if w, ok := tt.want[kind]; ok {
					want = w
				}
				if !saysSo(said, want) {
					t.Errorf("%s: got %q, want %q", kind, said, want)
				}
			}
			if bad != tt.bad {
				t.Errorf("bad is %v, want %v: %v", bad, tt.bad, got)
			}
			if len(findings) != len(tt.options.Records()) {
				t.Errorf("%d findings for %d records", len(findings), len(tt.options.Records()))
			}
		})
	}
}

// saysSo reports whether each piece of a text begins with the state that is wanted and has the rest of it within; a state without more is all.
func saysSo(said, want string) bool {
	wants := strings.Split(want, ", ")
	for _, w := range wants {
		state, words, _ := strings.Cut(w, " ")
		i := strings.Index(said, state)
		if i < 0 {
			return false
		}
		if said = said[i+len(state):]; words != "" {
			if i = strings.Index(said, words); i < 0 {
				return false
			}
			said = said[i+len(words):]
		}
	}
	return true
}

func TestPrint(t *testing.T) {
	t.Parallel()
	var zone strings.Builder
	if err := PrintZone(&zone, direct.Records()); err != nil {
		t.Fatal(err)
	}
	key := strings.Repeat("MIIB", 100)
	want := `example.org. IN MX 10 mx.example.org.
; A mx.example.org: (the public address of this machine)
; PTR mx.example.org: mx.example.org
example.org. IN TXT "v=spf1 mx -all"
p-rsa._domainkey.example.org. IN TXT "v=DKIM1; k=rsa; p=` + key[:237] + `" "` + key[237:] + `"
p-ed._domainkey.example.org. IN TXT "v=DKIM1; k=ed25519; p=AAAA"
_dmarc.example.org. IN TXT "v=DMARC1; p=quarantine; rua=mailto:postmaster@example.org"
_mta-sts.example.org. IN TXT "v=STSv1; id=ID"
; URL https://mta-sts.example.org/.well-known/mta-sts.txt: version: STSv1
;   mode: testing
;   mx: mx.example.org
;   max_age: 604800
_smtp._tls.example.org. IN TXT "v=TLSRPTv1; rua=mailto:postmaster@example.org"
`
	got := zone.String()
	if i := strings.Index(got, "id="); i > 0 {
		got = got[:i+3] + "ID" + got[i+3+20:]
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the zone (-want +got):\n%s", diff)
	}
	var report strings.Builder
	records := direct.Records()
	if err := PrintFindings(&report, "example.org", []Finding{
		{Record: records[0], State: Right, Found: []string{"10 mx.example.org"}},
		{Record: records[3], State: Wrong, Found: []string{"v=spf1 \x1b[31m-all"}, Says: "it is red"},
		{Record: records[9], State: Missing},
	}); err != nil {
		t.Fatal(err)
	}
	want = `example.org
  right     MX       example.org
            found    10 mx.example.org
  wrong     SPF      example.org
            found    v=spf1 ?[31m-all
            note     it is red
            publish  TXT v=spf1 mx -all
            without  others cannot tell mail that your server sends from forged mail
  optional  TLS-RPT  _smtp._tls.example.org
            publish  TXT v=TLSRPTv1; rua=mailto:postmaster@example.org
            without  other servers do not tell you when they cannot reach yours with encryption
`
	if diff := cmp.Diff(want, report.String()); diff != "" {
		t.Errorf("the report (-want +got):\n%s", diff)
	}
}
