package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"passerelle/component"
	"passerelle/internal/ircd"
	"passerelle/internal/realservers"
	"passerelle/internal/xmpptest"
	"passerelle/ircbridge"
)

// The servers of these benchmarks do as little as they can, so that the gateway is what is measured.

// BenchmarkIRCLineToStanza takes lines of an IRC server through the whole gateway to the XMPP server: parse, translate, user,
// room, stanza, both sockets included.
func BenchmarkIRCLineToStanza(b *testing.B) {
	xmpp := xmpptest.NewRaw(b)
	irc, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = irc.Close() }()
	log := slog.New(slog.DiscardHandler)
	t, err := ircbridge.New(ircbridge.Options{Networks: []ircbridge.Network{{ID: "irc.bench", Addresses: []string{irc.Addr().String()}, Plain: true}}, Log: log})
	if err != nil {
		b.Fatal(err)
	}
	g, err := component.New(component.Options{
		Domain: "irc.localhost", Secret: "s", Server: xmpp.Addr, Transport: t, Log: log,
		Metrics: component.NewMetrics(prometheus.NewRegistry()),
	})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = g.Run(ctx) }()
	x := <-xmpp.Conns
	defer func() {
		cancel()
		_ = x.Close()
		<-done
		_ = t.Shutdown(context.Background(), "")
	}()

	if _, err := io.WriteString(x, `<presence from='alice@localhost/phone' to='#go%irc.bench@irc.localhost/alice'><x xmlns='http://jabber.org/protocol/muc'/></presence>`); err != nil {
		b.Fatal(err)
	}
	i, err := irc.Accept()
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = i.Close() }()
	p := ircd.NewPeer(i)
	p.Welcome(b, "alice")
	p.Expect(b, "JOIN #go")
	p.Send(b, ":alice!~a@h JOIN #go", ":s 353 alice = #go :alice @bob", ":s 366 alice #go :End")
	c := xmpptest.NewCounter(x, "<subject")
	if err := c.Until(1); err != nil {
		b.Fatal(err)
	}

	c = xmpptest.NewCounter(x, "</body>")
	lines := bytes.Repeat([]byte(":bob!~bob@host.example PRIVMSG #go :"+strings.Repeat("hello ", 15)+"\r\n"), 100)
	b.ReportAllocs()
	b.ResetTimer()
	go func() {
		for left := b.N; left > 0; left -= 100 {
			chunk := lines
			if left < 100 {
				chunk = lines[:len(lines)/100*left]
			}
			if _, err := i.Write(chunk); err != nil {
				return // the counter tells
			}
		}
	}()
	if err := c.Until(b.N); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "stanzas/s")
}

// BenchmarkIdleSessions measures the program's memory with 1,000 users at rest, each in a channel of his own: all of the process,
// read from the kernel. Either a client of theirs is there, or they stay while none is; and either nothing is said, or so many lines in
// each channel.
func BenchmarkIdleSessions(b *testing.B) {
	for _, clients := range []string{"there", "away"} {
		for _, lines := range []int{0, 50} {
			b.Run(fmt.Sprintf("clients=%s,lines=%d", clients, lines), func(b *testing.B) { benchIdleSessions(b, clients == "away", lines) })
		}
	}
}

func benchIdleSessions(b *testing.B, away bool, lines int) {
	const (
		users = 1000
		rest  = 25 * time.Second
	)
	if testing.Short() {
		b.Skip("takes more than a minute")
	}
	for b.Loop() {
		xmpp := xmpptest.NewRaw(b)
		irc := ircd.New(ircd.Options{Name: "irc.bench"})
		if err := irc.Start(); err != nil {
			b.Fatal(err)
		}
		options := "connects_per_second = 0"
		if away {
			options += "\nalways_on = \"default\""
		}
		process := startBare(b, xmpp.Addr, irc.Addr(), options)
		x := <-xmpp.Conns
		answers := xmpptest.NewCounter(x, "<subject")
		joinAll := func(from, to int) {
			var join strings.Builder
			for i := from; i < to; i++ {
				fmt.Fprintf(&join, `<presence from='user%d@localhost/phone' to='#room%d%%irc.bench@irc.localhost/user%d'><x xmlns='http://jabber.org/protocol/muc'/></presence>`, i, i, i)
			}
			go func() { _, _ = io.WriteString(x, join.String()) }() // the counter tells
			if err := answers.Until(to); err != nil {
				b.Fatalf("%v\n%s", err, process.Tail())
			}
			if !away {
				return
			}
			var leave strings.Builder
			for i := from; i < to; i++ {
				fmt.Fprintf(&leave, `<presence type='unavailable' from='user%d@localhost/phone' to='#room%d%%irc.bench@irc.localhost/user%d'/>`, i, i, i)
			}
			if _, err := io.WriteString(x, leave.String()); err != nil {
				b.Fatal(err)
			}
		}
		// One user first: the code that joining takes is then in memory, and is not counted as the sessions'.
		joinAll(0, 1)
		time.Sleep(rest)
		before := residentKiB(b, process)
		start := time.Now()
		joinAll(1, users+1)
		b.ReportMetric(float64(users)/time.Since(start).Seconds(), "joins/s")
		if lines > 0 {
			talkForBench(b, irc.Addr(), users, lines)
		}
		busy := cpuTime(b, process)
		// The time at rest is part of what is measured: what the joins left behind goes with the garbage.
		time.Sleep(rest)
		after := residentKiB(b, process)
		b.ReportMetric(float64(before)/1024, "MiB-one")
		b.ReportMetric(float64(after)/1024, "MiB-joined")
		b.ReportMetric(float64(after-before)/users, "KiB/session")
		b.ReportMetric((cpuTime(b, process)-busy).Seconds()/rest.Seconds(), "cores-at-rest")
		process.Stop()
		_ = x.Close()
		if err := irc.Stop(); err != nil {
			b.Fatal(err)
		}
	}
}

// talkForBench has somebody say so many lines in each of the channels.
func talkForBench(b *testing.B, addr string, rooms, lines int) {
	b.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		b.Fatal(err)
	}
	var said bytes.Buffer
	said.WriteString("NICK bob\r\nUSER bob 0 * :bob\r\n")
	for i := range rooms {
		fmt.Fprintf(&said, "JOIN #room%d\r\n", i)
		said.WriteString(strings.Repeat(fmt.Sprintf("PRIVMSG #room%d :%s\r\n", i, strings.Repeat("hello ", 15)), lines))
	}
	said.WriteString("QUIT\r\n")
	go func() { _, _ = c.Write(said.Bytes()) }() // the end of the connection tells
	if _, err := io.Copy(io.Discard, c); err != nil {
		b.Fatal(err)
	}
	if err := c.Close(); err != nil {
		b.Fatal(err)
	}
}

// startBare builds the program and runs it, with an operator's defaults and the settings.
func startBare(b testing.TB, xmpp, irc, settings string) *realservers.Process {
	b.Helper()
	dir := b.TempDir()
	binary := build(b)
	file := filepath.Join(dir, "passerelle.toml")
	text := fmt.Sprintf("[[irc]]\ndomain = %q\nsecret = %q\nserver = %q\n%s\n[[irc.network]]\nname = %q\naddresses = [%q]\ntls = false\n[store]\npath = %q\n[admin]\nlisten = \"\"\n",
		"irc.localhost", "s", xmpp, settings, "irc.bench", irc, filepath.Join(dir, "p.db"))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	p, err := realservers.Spawn(exec.Command(binary, "serve", "-config", file), nil)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(p.Stop)
	return p
}

// residentKiB is the memory of a program.
func residentKiB(b testing.TB, p *realservers.Process) int {
	b.Helper()
	n, err := p.ResidentKiB()
	if err != nil {
		b.Fatal(err)
	}
	return n
}

// cpuTime is the processor time of a program.
func cpuTime(b *testing.B, p *realservers.Process) time.Duration {
	b.Helper()
	d, err := p.CPU()
	if err != nil {
		b.Fatal(err)
	}
	return d
}
