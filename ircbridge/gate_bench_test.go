package ircbridge

import (
	"fmt"
	"testing"
	"time"

	"passerelle/internal/ircd"
	"passerelle/transports"
)

// BenchmarkHerd has a network with 1,000 users restart, without a limit and with the default's, and says within how many seconds they are back,
// and how many connected in the busiest second.
func BenchmarkHerd(b *testing.B) {
	const users = 1000
	for _, rate := range []float64{0, 100} {
		b.Run(fmt.Sprintf("rate=%v", rate), func(b *testing.B) {
			server := startServer(b, ircd.Options{})
			tr := newTransport(b, Options{Networks: plainNet(server.Addr()), ConnectRate: rate})
			hosts := make([]*recorder, users)
			for i := range hosts {
				var s transports.Session
				s, hosts[i] = open(b, tr, transports.Address{Local: fmt.Sprint("u", i), Domain: "example.org"})
				hosts[i].timeout = time.Minute
				do(b, s, transports.Join{Ref: 1, Room: roomOf(fmt.Sprint("#", i)), Nick: fmt.Sprint("n", i)})
			}
			for _, h := range hosts {
				await[transports.Entered](b, h)
			}
			for b.Loop() {
				if err := server.Stop(); err != nil {
					b.Fatal(err)
				}
				for _, h := range hosts {
					await(b, h, func(s transports.State) bool { return !s.Online })
				}
				start := time.Now()
				if err := server.Start(); err != nil {
					b.Fatal(err)
				}
				back := make(chan time.Duration, users)
				for _, h := range hosts {
					go func() {
						for late := time.After(time.Minute); ; {
							select {
							case e := <-h.events:
								if s, ok := e.(transports.State); !ok || !s.Online {
									continue
								}
							case <-late:
							}
							back <- time.Since(start)
							return
						}
					}()
				}
				perSecond := make(map[int]int)
				var last time.Duration
				for range hosts {
					d := <-back
					perSecond[int(d.Seconds())]++
					last = max(last, d)
				}
				most := 0
				for _, n := range perSecond {
					most = max(most, n)
				}
				b.ReportMetric(0, "ns/op")
				b.ReportMetric(last.Seconds(), "s/herd")
				b.ReportMetric(float64(most), "most/s")
			}
		})
	}
}
