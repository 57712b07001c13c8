package c2s_test

import (
	"crypto/x509"
	"syscall"
	"testing"
	"time"

	"passerelle/component/stanza"
	"passerelle/internal/c2s"
	"passerelle/internal/realservers"
	"passerelle/internal/realservers/realtest"
)

// BenchmarkVisit is what it costs to log in, to see that nothing came and what was read, and to leave: the time with a Prosody on the same
// machine, and the processor's time of our side alone.
func BenchmarkVisit(b *testing.B) {
	p := realtest.Prosody(b, realservers.ProsodyOptions{Users: []realservers.Account{{Name: "alice", Password: password}}, TLS: true})
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(p.Authority)) {
		b.Fatal("no certificate of an authority")
	}
	for name, h := range map[string]c2s.Host{"direct": {Addr: p.TLSAddr, Direct: true}, "starttls": {Addr: p.C2SAddr}, "plain": {Addr: p.C2SAddr, Plain: true}} {
		b.Run(name, func(b *testing.B) {
			c := c2s.New(c2s.Options{Hosts: map[string]c2s.Host{"localhost": h}, RootCAs: pool})
			before := processorTime(b)
			for b.Loop() {
				s, err := c.Dial(b.Context(), c2s.Account{User: alice, Password: password})
				if err != nil {
					b.Fatal(err)
				}
				if _, err := s.Archive(b.Context(), c2s.Place{Time: time.Now()}, nil); err != nil {
					b.Fatal(err)
				}
				if err := s.Displayed(b.Context(), func(*stanza.Element) {}); err != nil {
					b.Fatal(err)
				}
				if err := s.Close(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(processorTime(b)-before)/float64(b.N)/1e6, "cpu-ms/op")
		})
	}
}

// processorTime is what this process has used so far.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
