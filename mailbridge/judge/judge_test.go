package judge

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"io"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-msgauth/dkim"
	"go.uber.org/goleak"

	"passerelle/internal/dnstest"
	"passerelle/mailbridge/address"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const text = "From: Bob <bob@%>\r\nTo: alice@xmpp.test\r\nSubject: Hello\r\n\r\nHello\r\n"

// signer makes keys and signs with them.
type signer struct {
	rsa *rsa.PrivateKey
	ed  ed25519.PrivateKey
}

func newSigner(t *testing.T) signer {
	t.Helper()
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, e, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return signer{r, e}
}

func (s signer) records(t *testing.T) (rsaRecord, edRecord string) {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(s.rsa.Public())
	if err != nil {
		t.Fatal(err)
	}
	pub, ok := s.ed.Public().(ed25519.PublicKey)
	if !ok {
		t.Fatal("no key")
	}
	return "TXT v=DKIM1; p=" + base64.StdEncoding.EncodeToString(der), "TXT v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(pub)
}

func (s signer) sign(t *testing.T, mail, domain, selector string) string {
	t.Helper()
	o := &dkim.SignOptions{
		Domain: domain, Selector: selector, Signer: s.rsa,
		HeaderCanonicalization: dkim.CanonicalizationRelaxed, BodyCanonicalization: dkim.CanonicalizationRelaxed,
	}
	if selector == "ed" {
		o.Signer = s.ed
	}
	var b bytes.Buffer
	if err := dkim.Sign(&b, strings.NewReader(mail), o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestJudge(t *testing.T) {
	t.Parallel()
	s := newSigner(t)
	rsaRecord, edRecord := s.records(t)
	dns := dnstest.Start(t, dnstest.Zone{
		"good.example":                      {"TXT v=spf1 ip4:192.0.2.1 ip6:2001:db8::/32 -all", "TXT something else"},
		"_dmarc.good.example":               {"TXT other=1", "TXT v=DMARC1; p=reject; sp=quarantine"},
		"rsa._domainkey.good.example":       {rsaRecord},
		"ed._domainkey.good.example":        {edRecord},
		"strict.example":                    {"TXT v=spf1 include:good.example ~all"},
		"bounces.strict.example":            {"TXT v=spf1 ip4:192.0.2.1 -all"},
		"_dmarc.strict.example":             {"TXT v=DMARC1; p=none; adkim=s; aspf=s"},
		"rsa._domainkey.sub.strict.example": {rsaRecord},
		"plain.example":                     {"MX 10 mx.plain.example"},
		"onlyspf.example":                   {"TXT v=spf1 -all"},
		"soft.example":                      {"TXT v=spf1 ~all"},
		"down.example":                      {"SERVFAIL"},
		"_dmarc.down.example":               {"SERVFAIL"},
		"_dmarc.nokey.example":              {"TXT v=DMARC1; p=reject"},
		"ed._domainkey.nokey.example":       {"SERVFAIL"},
		"_dmarc.odd.example":                {"TXT v=DMARC1; p=sometimes"},
		"_dmarc.two.example":                {"TXT v=DMARC1; p=reject", "TXT v=DMARC1; p=none"},
		"loop.example":                      {"TXT v=spf1 include:loop.example -all"},
		"bücher.example":                    {"TXT v=spf1 -all"},
		"xn--bcher-kva.example":             {"TXT v=spf1 ip4:192.0.2.1 -all"},
		"_dmarc.xn--bcher-kva.example":      {"TXT v=DMARC1; p=reject"},
	})
	j := New(Options{Resolver: dns.Resolver(), Log: slog.New(slog.DiscardHandler)})
	from := func(domain string) string { return strings.Replace(text, "%", domain, 1) }
	tests := []struct {
		name    string
		mail    string
		sender  string // good.example if empty
		addr    string // 192.0.2.1 if empty
		results []string
		spf     Result
		dkim    string // of each signature
		dmarc   Result
		policy  string
		proven  bool
		says    string
	}{
		{name: "SPF", mail: from("good.example"), spf: Pass, dmarc: Pass, policy: "reject", proven: true},
		{name: "SPF over IPv6, of a name below", mail: from("news.good.example"), addr: "2001:db8::7", spf: Pass, dmarc: Pass, policy: "quarantine", proven: true},
		{name: "forged", mail: from("good.example"), addr: "192.0.2.9", spf: Fail, dmarc: Fail, policy: "reject", says: "Probably forged"},
		{name: "SPF of another", mail: from("good.example"), sender: "strict.example", spf: Pass, dmarc: Fail, policy: "reject", says: "Probably forged"},
		{name: "RSA", mail: s.sign(t, from("good.example"), "good.example", "rsa"), addr: "192.0.2.9", spf: Fail, dkim: "pass", dmarc: Pass, policy: "reject", proven: true},
		{name: "both", mail: s.sign(t, s.sign(t, from("good.example"), "good.example", "rsa"), "good.example", "ed"), sender: "plain.example", spf: None, dkim: "pass pass", dmarc: Pass, policy: "reject", proven: true},
		{name: "changed", mail: s.sign(t, from("good.example"), "good.example", "ed") + "more\r\n", addr: "192.0.2.9", spf: Fail, dkim: "fail", dmarc: Fail, policy: "reject", says: "Probably forged"},
		{name: "signed by another", mail: s.sign(t, from("good.example"), "plain.example", "rsa"), addr: "192.0.2.9", spf: Fail, dkim: "permerror", dmarc: Fail, policy: "reject", says: "Probably forged"},
		{name: "a strict domain and the one below", mail: s.sign(t, from("strict.example"), "sub.strict.example", "rsa"), sender: "bounces.strict.example", spf: Pass, dkim: "pass", dmarc: Fail, policy: "none", says: "Not verified"},
		{name: "nothing published", mail: from("plain.example"), sender: "plain.example", spf: None, dmarc: None},
		{name: "no DMARC but SPF", mail: from("onlyspf.example"), sender: "onlyspf.example", spf: Fail, dmarc: None, says: "Not verified"},
		{name: "softfail", mail: from("soft.example"), sender: "soft.example", spf: SoftFail, dmarc: None},
		{name: "no DNS", mail: from("down.example"), sender: "down.example", spf: TempError, dmarc: TempError, says: "could not be verified"},
		{name: "no DNS for the key", mail: s.sign(t, from("nokey.example"), "nokey.example", "ed"), spf: Pass, dkim: "temperror", dmarc: TempError, policy: "reject", says: "could not be verified"},
		{name: "an odd record", mail: from("odd.example"), spf: Pass, dmarc: PermError, says: "Not verified"},
		{name: "two records", mail: from("two.example"), spf: Pass, dmarc: None},
		{name: "a loop", mail: from("plain.example"), sender: "loop.example", spf: PermError, dmarc: None},
		{name: "another script", mail: from("xn--bcher-kva.example"), sender: "bücher.example", spf: Pass, dmarc: Pass, policy: "reject", proven: true},
		{name: "another script, as it is", mail: from("bücher.example"), sender: "xn--bcher-kva.example", spf: Pass, dmarc: Pass, policy: "reject", proven: true},
		{name: "two From", mail: "From: a@good.example\r\n" + from("good.example"), spf: Pass, dmarc: PermError, says: "does not say clearly"},
		{name: "two addresses", mail: "From: a@good.example, b@plain.example\r\n\r\n", spf: Pass, dmarc: PermError, says: "does not say clearly"},
		{name: "no From", mail: "To: a@good.example\r\n\r\n", spf: Pass, dmarc: PermError, says: "does not say clearly"},
		{name: "a name without quotes", mail: "from : Bob @ work: x\r\n <bob@good.example>\r\n\r\n", spf: Pass, dmarc: Pass, policy: "reject", proven: true},
		{name: "no address known", mail: from("good.example"), addr: "none", spf: None, dmarc: TempError, policy: "reject", says: "could not be verified"},
		{
			name: "by a server of ours", mail: from("good.example"), addr: "none", spf: Pass, dmarc: Pass, policy: "reject", proven: true,
			results: []string{" mx.ours.example (a server) 1; spf=pass (x; y) smtp.mailfrom=bob@good.example;\r\n\tiprev=pass"},
		},
		{
			name: "DKIM by a server of ours", mail: from("good.example"), addr: "none", spf: None, dkim: "pass", dmarc: Pass, policy: "reject", proven: true,
			results: []string{"mx; dkim = pass header.d = \"good.example\"; dkim=fail header.d=plain.example"},
		},
		{
			name: "DMARC by a server of ours", mail: from("good.example"), addr: "none", spf: None, dmarc: Pass, policy: "reject", proven: true,
			results: []string{"mx; dmarc=pass header.from=good.example; dmarc=fail header.from=plain.example"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := Mail{Hello: "mx.good.example", Sender: address.Mailbox{Local: "a@b", Domain: "good.example"}, Results: tt.results}
			if tt.sender != "" {
				m.Sender.Domain = tt.sender
			}
			switch tt.addr {
			case "":
				m.Addr = netip.MustParseAddr("192.0.2.1")
			case "none":
			default:
				m.Addr = netip.MustParseAddr(tt.addr)
			}
			head, _, _ := strings.Cut(tt.mail, "\r\n\r\n")
			m.Header, m.Open = []byte(head+"\r\n\r\n"), func() io.Reader { return strings.NewReader(tt.mail) }
			v := j.Judge(t.Context(), m)
			var signatures []string
			for _, s := range v.DKIM {
				signatures = append(signatures, string(s.Result))
			}
			says, args := v.Sentence()
			if v.SPF != tt.spf || strings.Join(signatures, " ") != tt.dkim || v.DMARC != tt.dmarc || v.Policy != tt.policy || v.Proven() != tt.proven {
				t.Errorf("got %+v, want SPF %s, DKIM %q, DMARC %s (%s), proven %v", v, tt.spf, tt.dkim, tt.dmarc, tt.policy, tt.proven)
			}
			if (tt.says == "") != (says == "") || !strings.Contains(says, tt.says) || strings.Count(says, "%s") != len(args) {
				t.Errorf("it says %q, %v, want %q", says, args, tt.says)
			}
		})
	}
}

// TestJudgeNull: a bounce has no sender, so what the server calls itself counts (RFC 7208 §2.4).
func TestJudgeNull(t *testing.T) {
	t.Parallel()
	dns := dnstest.Start(t, dnstest.Zone{
		"mx.good.example":     {"TXT v=spf1 a -all", "A 192.0.2.1"},
		"_dmarc.good.example": {"TXT v=DMARC1; p=reject"},
	})
	j := New(Options{Resolver: dns.Resolver(), Log: slog.New(slog.DiscardHandler)})
	mail := strings.Replace(text, "%", "good.example", 1)
	m := Mail{
		Addr: netip.MustParseAddr("::ffff:192.0.2.1"), Hello: "MX.good.example.", Header: []byte(mail), Open: func() io.Reader { return strings.NewReader(mail) },
	}
	v := j.Judge(t.Context(), m)
	if v.SPF != Pass || v.DMARC != Pass {
		t.Errorf("got %+v", v)
	}
	want := "Authentication-Results: mx.ours.example;\r\n\tspf=pass smtp.mailfrom=mx.good.example;\r\n\tdkim=none;\r\n\tdmarc=pass (p=reject) header.from=good.example\r\n"
	if got := v.Field("mx.ours.example"); got != want {
		t.Errorf("got the field %q, want %q", got, want)
	}
	for _, hello := range []string{"[192.0.2.1]", "", "a b", "localhost\x00"} {
		m.Hello = hello
		if v := j.Judge(t.Context(), m); v.SPF != None {
			t.Errorf("who calls itself %q: got %+v", hello, v)
		}
	}
}

// TestBudget: a name server that does not answer costs no more than the budget, and proves nothing.
func TestBudget(t *testing.T) {
	t.Parallel()
	s := newSigner(t)
	dns := dnstest.Start(t, dnstest.Zone{
		"good.example": {"SILENCE"}, "_dmarc.good.example": {"SILENCE"}, "rsa._domainkey.good.example": {"SILENCE"}, "ed._domainkey.good.example": {"SILENCE"},
	})
	j := New(Options{Resolver: dns.Resolver(), Budget: 100 * time.Millisecond, Log: slog.New(slog.DiscardHandler)})
	mail := s.sign(t, s.sign(t, strings.Replace(text, "%", "good.example", 1), "good.example", "rsa"), "good.example", "ed")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	v := j.Judge(ctx, Mail{
		Addr: netip.MustParseAddr("192.0.2.1"), Hello: "x.example", Sender: address.Mailbox{Local: "a", Domain: "good.example"},
		Header: []byte(mail), Open: func() io.Reader { return strings.NewReader(mail) },
	})
	if ctx.Err() != nil {
		t.Fatal("it took for ever")
	}
	if v.SPF != TempError || len(v.DKIM) != 2 || v.DKIM[0].Result != TempError || v.DKIM[1].Result != TempError || v.DMARC != TempError || v.Proven() {
		t.Errorf("got %+v", v)
	}
}

func FuzzParseResults(f *testing.F) {
	for _, s := range []string{
		"mx.example; spf=pass smtp.mailfrom=a@b.example; dkim=pass (2048 (x) \\) bit) header.d=\"b.example\"", "a;b=c", ";;(", `"`, "x; dkim = pass",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		found := parseResults(s)
		if len(found) > maxResults {
			t.Errorf("%d results, more than the limit", len(found))
		}
		v := Verdict{SPF: None}
		v.take([]string{s})
		for line := range strings.Lines(v.Field("mx.example")) {
			if strings.ContainsAny(strings.TrimSuffix(line, "\r\n"), "\r\n\x00") {
				t.Errorf("%q brings %q into the header", s, line)
			}
		}
	})
}

func FuzzFromDomain(f *testing.F) {
	for _, s := range []string{"From: a@b.example\r\n\r\n", "from:\r\n a <a@b.example>\r\nX: y\r\n", "From: a@b.example\r\nFrom: c@d.example", "From: x:a@b.example;"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, header []byte) {
		if domain, ok := fromDomain(header); ok != (domain != "") || domain != fold(domain) {
			t.Errorf("fromDomain(%q) = %q, %v", header, domain, ok)
		}
	})
}
