package component

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"passerelle/component/stanza"
	"passerelle/transports"
)

// The generator is in the same process and on the same cores as what is measured, as a server would be on the same machine.

// fakeServer accepts one component, without checking its handshake, and gives the connection behind it.
func fakeServer(b *testing.B) (addr string, accepted <-chan net.Conn) {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = l.Close() })
	c := make(chan net.Conn, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		r := bufio.NewReader(conn)
		_, _ = r.ReadString('>') // the stream header; a failure shows as a benchmark that does not start
		_, _ = io.WriteString(conn, `<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' id='1' from='irc.localhost'>`)
		for s := ""; !strings.Contains(s, "</handshake"); s, _ = r.ReadString('>') {
		}
		_, _ = io.WriteString(conn, `<handshake/>`)
		c <- conn
	}()
	return l.Addr().String(), c
}

// message450 is a message as a server delivers it, of about 450 bytes.
func message450(from, to string) string {
	return `<message xml:lang='en' type='chat' id='9f1c2d3e-4b5a-6978-8899-aabbccddeeff' from='` + from + `' to='` + to + `'><body>` +
		`It&apos;s a message of the usual length &amp; with the usual entities in it, as people write them all day long.</body>` +
		`<origin-id xmlns='urn:xmpp:sid:0' id='9f1c2d3e-4b5a-6978-8899-aabbccddeeff'/><active xmlns='http://jabber.org/protocol/chatstates'/>` +
		`<markable xmlns='urn:xmpp:chat-markers:0'/></message>`
}

// countAnswers reads until n times mark was seen.
func countAnswers(b *testing.B, conn net.Conn, mark string, n int, done chan<- struct{}) {
	buf := make([]byte, 256<<10)
	keep, seen := 0, 0
	m := []byte(mark)
	for seen < n {
		k, err := conn.Read(buf[keep:])
		if err != nil {
			b.Errorf("read answers: %v", err)
			break
		}
		data := buf[:keep+k]
		seen += bytes.Count(data, m)
		// A mark that is cut in two by the end of the read is counted with the next one.
		rest := min(len(m)-1, len(data))
		if i := bytes.LastIndex(data, m); i >= 0 {
			rest = min(rest, len(data)-i-len(m))
		}
		keep = copy(buf, data[len(data)-rest:])
	}
	close(done)
}

// blast writes n stanzas, cycling through them, in large writes.
func blast(b *testing.B, conn net.Conn, stanzas []string, n int) {
	var buf []byte
	for i := range n {
		buf = append(buf, stanzas[i%len(stanzas)]...)
		if len(buf) > 64<<10 || i == n-1 {
			if _, err := conn.Write(buf); err != nil {
				b.Errorf("write: %v", err)
				return
			}
			buf = buf[:0]
		}
	}
}

// BenchmarkEchoStream answers each message with one of the same size on a real loopback stream: read, tree, encode, write.
func BenchmarkEchoStream(b *testing.B) {
	addr, accepted := fakeServer(b)
	s, err := dial(context.Background(), addr, "irc.localhost", "s3cret")
	if err != nil {
		b.Fatal(err)
	}
	q := newSendQueue(64 << 20)
	q.setUp(true)
	var bld stanza.Builder
	go func() {
		_ = s.run(context.Background(), q, func(st *stanza.Stanza) {
			e := st.Root
			bld.Reset()
			bld.Start("message").Attr("type", "chat").Attr("id", "echo").Attr("from", "irc.localhost").Attr("to", "alice@localhost/phone")
			for c := range e.Children() {
				bld.Element(c, stanza.NSComponent)
			}
			bld.End()
			_ = q.put(context.Background(), bld.Bytes())
			st.Release()
		}, func(*stanza.Refused) {})
	}()
	conn := <-accepted
	defer conn.Close()
	one := message450("alice@localhost/phone", "irc.localhost")
	b.SetBytes(int64(len(one)))
	b.ReportAllocs()
	b.ResetTimer()
	done := make(chan struct{})
	go countAnswers(b, conn, "</message>", b.N, done)
	blast(b, conn, []string{one}, b.N)
	<-done
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "stanzas/s")
}

func benchGateway(b *testing.B, t transports.Transport) net.Conn {
	addr, accepted := fakeServer(b)
	g, err := New(Options{
		Domain: "irc.localhost", Secret: "s3cret", Server: addr, Transport: t, Log: slog.New(slog.DiscardHandler),
		Metrics: NewMetrics(prometheus.NewRegistry()),
	})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { _ = g.Run(ctx); close(done) }()
	conn := <-accepted
	b.Cleanup(func() {
		cancel()
		_ = conn.Close()
		<-done
	})
	return conn
}

// BenchmarkEchoGateway sends pings of many users through the whole gateway: router, user goroutine, table of services, answer.
func BenchmarkEchoGateway(b *testing.B) {
	conn := benchGateway(b, newScripted())
	stanzas := make([]string, 1000)
	for i := range stanzas {
		stanzas[i] = fmt.Sprintf(`<iq type='get' id='p%d' from='user%d@localhost/phone' to='irc.localhost'><ping xmlns='urn:xmpp:ping'/></iq>`, i, i)
	}
	b.ReportAllocs()
	b.ResetTimer()
	done := make(chan struct{})
	go countAnswers(b, conn, "type='result'", b.N, done)
	blast(b, conn, stanzas, b.N)
	<-done
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "stanzas/s")
}

// BenchmarkEventToStanza takes messages of a network through the user goroutine and the room to the stream.
func BenchmarkEventToStanza(b *testing.B) {
	tr := newScripted()
	conn := benchGateway(b, tr)
	if _, err := io.WriteString(conn, `<presence from='alice@localhost/phone' to='#go%irc.example@irc.localhost/alice'><x xmlns='http://jabber.org/protocol/muc'/></presence>`); err != nil {
		b.Fatal(err)
	}
	s := <-tr.opened
	j := (<-s.requests).(transports.Join)
	if err := s.host.Emit(s.ctx, entered(j)); err != nil {
		b.Fatal(err)
	}
	e := transports.Message{Room: j.Room, From: &transports.Person{Nick: "bob"}, Body: strings.Repeat("hello ", 15)}
	b.ReportAllocs()
	b.ResetTimer()
	done := make(chan struct{})
	go countAnswers(b, conn, "</body>", b.N, done)
	for range b.N {
		if err := s.host.Emit(s.ctx, e); err != nil {
			b.Fatal(err)
		}
	}
	<-done
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "stanzas/s")
}
