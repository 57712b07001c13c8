package component

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"passerelle/component/stanza"
	"passerelle/internal/xmpptest"
	"passerelle/store"
	"passerelle/transports"
)

// The generator is in the same process and on the same cores as what is measured, as a server would be on the same machine.

// message450 is a message as a server delivers it, of about 450 bytes.
func message450(from, to string) string {
	return `<message xml:lang='en' type='chat' id='9f1c2d3e-4b5a-6978-8899-aabbccddeeff' from='` + from + `' to='` + to + `'><body>` +
		`It&apos;s a message of the usual length &amp; with the usual entities in it, as people write them all day long.</body>` +
		`<origin-id xmlns='urn:xmpp:sid:0' id='9f1c2d3e-4b5a-6978-8899-aabbccddeeff'/><active xmlns='http://jabber.org/protocol/chatstates'/>` +
		`<markable xmlns='urn:xmpp:chat-markers:0'/></message>`
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
	server := xmpptest.NewRaw(b)
	s, err := dial(context.Background(), server.Addr, "irc.localhost", "s3cret")
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
	conn := <-server.Conns
	defer conn.Close()
	one := message450("alice@localhost/phone", "irc.localhost")
	b.SetBytes(int64(len(one)))
	b.ReportAllocs()
	b.ResetTimer()
	go blast(b, conn, []string{one}, b.N)
	if err := xmpptest.NewCounter(conn, "</message>").Until(b.N); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "stanzas/s")
}

func benchGateway(b *testing.B, t transports.Transport) net.Conn {
	_, conn := startBenchGateway(b, t, nil)
	return conn
}

// startBenchGateway starts a gateway, with an archive where there is a database, and returns the server's end of its stream.
func startBenchGateway(b *testing.B, t transports.Transport, db *store.DB) (*Gateway, net.Conn) {
	server := xmpptest.NewRaw(b)
	g, err := New(Options{
		Domain: "irc.localhost", Secret: "s3cret", Server: server.Addr, Transport: t, Log: slog.New(slog.DiscardHandler),
		Metrics: NewMetrics(prometheus.NewRegistry()), Store: db, Archive: db != nil, Rules: Rules{OwnDomains: []string{"localhost"}},
	})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { _ = g.Run(ctx); close(done) }()
	conn := <-server.Conns
	b.Cleanup(func() {
		cancel()
		_ = conn.Close()
		<-done
	})
	return g, conn
}

// maxOpenRequests is how many requests wait for their answers at a time: fewer than the queues of their users hold, since what is beyond
// is refused.
const maxOpenRequests = 50_000

// benchRequests sends a request of a thousand users through the whole gateway: router, user goroutine, table of services, answer.
func benchRequests(b *testing.B, to, payload string) {
	conn := benchGateway(b, newScripted())
	stanzas := make([]string, 1000)
	for i := range stanzas {
		stanzas[i] = fmt.Sprintf(`<iq type='get' id='p%d' from='user%d@localhost/phone' to='%s'>%s</iq>`, i, i, to, payload)
	}
	b.ReportAllocs()
	b.ResetTimer()
	answers := xmpptest.NewCounter(conn, "<iq ")
	for done := 0; done < b.N; {
		n := min(b.N-done, maxOpenRequests)
		go blast(b, conn, stanzas, n)
		done += n
		if err := answers.Until(done); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "stanzas/s")
}

func BenchmarkEchoGateway(b *testing.B) {
	benchRequests(b, "irc.localhost", `<ping xmlns='urn:xmpp:ping'/>`)
}

// BenchmarkWhatIsIt asks each kind of address what clients ask of everybody they see: what it is, and for its card and picture.
func BenchmarkWhatIsIt(b *testing.B) {
	for _, what := range []struct{ name, payload string }{
		{"disco", `<query xmlns='http://jabber.org/protocol/disco#info'/>`},
		{"vcard", `<vCard xmlns='vcard-temp'/>`},
		{"vcard4", `<vcard xmlns='urn:ietf:params:xml:ns:vcard-4.0'/>`},
		{"avatar", `<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:xmpp:avatar:metadata'/></pubsub>`},
	} {
		for _, of := range []struct{ name, jid string }{
			{"gateway", "irc.localhost"}, {"room", "#go%irc.example@irc.localhost"}, {"contact", "bob%irc.example@irc.localhost"},
		} {
			if what.name == "avatar" && of.name == "room" {
				continue // rooms show theirs in the vCard
			}
			b.Run(what.name+"/"+of.name, func(b *testing.B) { benchRequests(b, of.jid, what.payload) })
		}
	}
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
	go func() {
		for range b.N {
			if s.host.Emit(s.ctx, e) != nil {
				return // the counter tells
			}
		}
	}()
	if err := xmpptest.NewCounter(conn, "</body>").Until(b.N); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "stanzas/s")
}

// welcoming is a network that lets everybody in at once.
type welcoming struct{ *scripted }

func (w welcoming) Open(_ context.Context, _ transports.Address, _ string, host transports.Host) (transports.Session, error) {
	return welcome{host}, nil
}

type welcome struct{ host transports.Host }

func (w welcome) Do(_ context.Context, q transports.Request) error {
	if j, ok := q.(transports.Join); ok {
		go func() { _ = w.host.Emit(context.Background(), entered(j)) }() // what is missing is told by who counts
	}
	return nil
}

func (welcome) Features(transports.Target) transports.Features { return transports.Features{} }
func (welcome) Close(string)                                   {}

// BenchmarkJoin has users enter a room each, a thousand of them at once, with a database and an archive: from the presence on the stream to the
// subject.
func BenchmarkJoin(b *testing.B) {
	benchStores(b, benchJoin)
}

func benchJoin(b *testing.B, db *store.DB) {
	_, conn := startBenchGateway(b, welcoming{newScripted()}, db)
	joins := make([]string, b.N)
	for i := range joins {
		joins[i] = fmt.Sprintf(`<presence from='user%[1]d@localhost/phone' to='#room%[1]d%%irc.example@irc.localhost/user%[1]d'><x xmlns='http://jabber.org/protocol/muc'/></presence>`, i)
	}
	b.ReportAllocs()
	b.ResetTimer()
	in := xmpptest.NewCounter(conn, "<subject")
	for done := 0; done < b.N; {
		n := min(b.N-done, 1000)
		go blast(b, conn, joins[done:done+n], n)
		done += n
		if err := in.Until(done); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "joins/s")
}
