package relay

import (
	"log/slog"
	"strings"
	"testing"

	"passerelle/internal/realservers"
	"passerelle/internal/realservers/realtest"
	"passerelle/mailbridge/address"
)

// BenchmarkSend sends mails of 4 KiB to smtp-sink, on four connections.
func BenchmarkSend(b *testing.B) {
	sink := realtest.Sink(b, realservers.SinkOptions{})
	r, err := New(Options{Hostname: "gw.example.org", Smarthost: &Smarthost{Addr: sink.Addr, TLS: TLSNone}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	e := Envelope{From: address.Mailbox{Local: "alice", Domain: "gw.example.org"}, To: []address.Mailbox{{Local: "bob", Domain: "example.com"}}}
	mail := []byte("Subject: x\r\n\r\n" + strings.Repeat(strings.Repeat("x", 62)+"\r\n", 64))
	b.SetParallelism(4)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if got := r.Send(b.Context(), e, mail); got[0].Outcome != Sent {
				b.Error(got[0].Err())
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "mails/s")
}
