package ircbridge

import (
	"context"
	"fmt"
	"runtime"
	"testing"

	"passerelle/internal/ircd"
	"passerelle/transports"
)

// BenchmarkLineToEvents is the way of a channel message from the socket's bytes to an event.
func BenchmarkLineToEvents(b *testing.B) {
	for name, line := range map[string]string{
		"plain": ":bob!~bob@host.example.org PRIVMSG #test :The quick brown fox jumps over the lazy dog, again and again.",
		"tags":  "@time=2026-01-01T00:00:00.000Z;msgid=abcdef :bob!~bob@host.example.org PRIVMSG #test :The quick brown fox jumps.",
		"join":  ":bob!~bob@host.example.org JOIN #test",
	} {
		b.Run(name, func(b *testing.B) {
			s, c := idleSession(b)
			raw := []byte(line)
			b.ReportAllocs()
			for b.Loop() {
				s.handle(c, decode(raw, s.decode))
				if len(s.out) != 1 {
					b.Fatalf("got %d events", len(s.out))
				}
				s.out = s.out[:0]
			}
		})
	}
}

// BenchmarkIdleSessions reports what a session costs that is in one channel and hears nothing. The server is in this process, so
// what its side of a connection costs is measured first, with bare sockets, and taken off.
func BenchmarkIdleSessions(b *testing.B) {
	const n = 1000
	for b.Loop() {
		bare := measure(b, func(addr string) {
			for i := range n {
				p := ircd.Dial(b, addr, fmt.Sprintf("bare%d", i))
				p.Send(b, fmt.Sprintf("JOIN #c%d", i))
				p.Expect(b, " 366 ")
			}
		})
		ours := measure(b, func(addr string) {
			tr := newTransport(b, Options{Networks: plainNet(addr)})
			h := newRecorder()
			for i := range n {
				user := transports.Address{Local: fmt.Sprintf("user%d", i), Domain: "example.org"}
				s, err := tr.Open(context.Background(), user, testNet, h)
				if err != nil {
					b.Fatal(err)
				}
				if err := s.Do(context.Background(), transports.Join{Ref: 1, Room: roomOf(fmt.Sprintf("#c%d", i)), Nick: user.Local}); err != nil {
					b.Fatal(err)
				}
				await[transports.Entered](b, h)
			}
		})
		b.ReportMetric(float64(ours-bare)/n, "B/session")
	}
}

// measure gives by how much heap and stacks grow while the server and its clients are up.
func measure(b *testing.B, connect func(addr string)) int64 {
	b.Helper()
	used := func() int64 {
		for range 3 {
			runtime.GC() // stacks shrink by halves, one each time
		}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc + m.StackInuse)
	}
	server := startServer(b, ircd.Options{})
	before := used()
	connect(server.Addr())
	return used() - before
}
