package receive

import (
	"log/slog"
	"strings"
	"testing"

	"passerelle/internal/dnstest"
	"passerelle/mailbridge/judge"
)

// TestJudged: what was found stands on the mail, and what a stranger wrote in our name does not.
func TestJudged(t *testing.T) {
	t.Parallel()
	dns := dnstest.Start(t, dnstest.Zone{
		"example.com": {"TXT v=spf1 ip4:192.0.2.1 ip4:127.0.0.1 -all"}, "_dmarc.example.com": {"TXT v=DMARC1; p=reject"},
	})
	h := &house{}
	o := options(h)
	o.Judge = judge.New(judge.Options{Resolver: dns.Resolver(), Log: slog.New(slog.DiscardHandler)})
	forged := "AUTHENTICATION-RESULTS : (a \\) (b)) MX.xmpp.test 1;\r\n dmarc=pass header.from=example.com\r\n"
	other := "Authentication-Results: mx.example.net; dmarc=pass header.from=example.com\r\n"
	body := "Subject: x\r\nFrom: b@example.com\r\n\r\n" + forged

	_, addr := serve(t, o, false)
	c := dial(t, addr)
	c.want("220 ")
	c.say("EHLO there.example", "250")
	c.send("bob@example.com", []string{"alice@xmpp.test"}, forged+other+forged+body, "250")
	m := h.last(t)
	trace := "Authentication-Results: mx.xmpp.test;\r\n\tspf=pass smtp.mailfrom=example.com;\r\n\tdkim=none;\r\n\tdmarc=pass (p=reject) header.from=example.com\r\nReceived: from there.example"
	if !strings.HasPrefix(m.text, trace) || !strings.HasSuffix(m.text, other+body+"\r\n") || !m.in.Verdict.Proven() {
		t.Errorf("got %q, %+v, want %q at its beginning", m.text, m.in.Verdict, trace)
	}
	c.send("bob@example.net", []string{"alice@xmpp.test"}, forged+other+body, "250")
	if m := h.last(t); !m.in.Verdict.Forged() {
		t.Errorf("with results of strangers: got %+v", m.in.Verdict)
	}

	// Of a server of ours its own address says nothing, what it found does, and whom it says the mail comes from.
	o.Rules.Trusted, o.Rules.Results = ours, []string{"mx.example.net"}
	_, addr = serve(t, o, true)
	c = dial(t, addr)
	c.want("220 ")
	c.say("LHLO mx.example.net", "250")
	c.send("bob@example.com", []string{"alice@xmpp.test"}, body, "250")
	if m := h.last(t); m.in.Verdict.SPF != judge.None || m.in.Verdict.Proven() {
		t.Errorf("of a server of ours: got %+v", m.in.Verdict)
	}
	c.send("bob@example.com", []string{"alice@xmpp.test"}, forged+body, "250")
	if m := h.last(t); m.in.Verdict.Proven() || strings.Count(m.text, "(b)") != 1 {
		t.Errorf("with our own name before it: got %+v, %q", m.in.Verdict, m.text)
	}
	c.send("bob@example.com", []string{"alice@xmpp.test"}, other+body, "250")
	if m := h.last(t); !m.in.Verdict.Proven() || !strings.Contains(m.text, other) {
		t.Errorf("with what it found: got %+v", m.in.Verdict)
	}
	for from, want := range map[string]judge.Result{"192.0.2.1": judge.Pass, "192.0.2.2": judge.Fail} {
		c.say("XFORWARD ADDR="+from+" HELO=there.example", "250")
		c.send("bob@example.com", []string{"alice@xmpp.test"}, body, "250")
		if m := h.last(t); m.in.Verdict.SPF != want || m.in.Verdict.Proven() != (want == judge.Pass) {
			t.Errorf("forwarded from %s: got %+v", from, m.in.Verdict)
		}
	}
}

// FuzzWithoutResults: no field with our name is left, whatever it is written like, and nothing else goes.
func FuzzWithoutResults(f *testing.F) {
	for _, s := range []string{
		"Authentication-Results: mx.xmpp.test; spf=pass\r\nA: b\r\n\r\n", "authentication-results :\r\n (c \\) (d)) \"MX.xmpp.test\" 1; none\r\n\r\n", "A\r\n b\r\n", "\r\n",
		"Authentication-Results: (mx\r\n", "Authentication-Results: mx.xmpp.test.evil\r\n\r\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, head []byte) {
		const name = "mx.xmpp.test"
		left := withoutResults(head, name)
		if got := results(left, []string{name}); len(got) > 0 {
			t.Errorf("of %q %q is left", head, got)
		}
		if len(results(head, []string{name})) == 0 && string(left) != string(head) {
			t.Errorf("%q became %q", head, left)
		}
	})
}
