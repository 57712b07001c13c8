package stanza

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"testing"

	"passerelle/transports"
)

// plain is a chat message of 450 bytes as Prosody passes it to a component.
const plain = `<message xml:lang='en' id='0b3f9a52-7c1e-4f6e-9f5d-2a4c6d8e0f13' type='chat' from='juliet@capulet.example/balcony'` +
	` to='romeo%irc.example.org@irc.capulet.example'><body>Wherefore art thou Romeo? Deny thy father &amp; refuse thy name, it&apos;s only mine enemy</body>` +
	`<origin-id xmlns='urn:xmpp:sid:0' id='0b3f9a52-7c1e-4f6e-9f5d-2a4c6d8e0f13'/>` +
	`<active xmlns='http://jabber.org/protocol/chatstates'/><markable xmlns='urn:xmpp:chat-markers:0'/></message>`

func BenchmarkTree450(b *testing.B) {
	frame := []byte(plain)
	lim := Limits{}.orDefault()
	s := new(Stanza)
	b.SetBytes(int64(len(frame)))
	b.ReportAllocs()
	for b.Loop() {
		if ref := s.parse(frame, NSComponent, &lim); ref != nil {
			b.Fatal(ref)
		}
		s.reset()
	}
}

func BenchmarkSplit450(b *testing.B) {
	frame := []byte(plain)
	b.SetBytes(int64(len(frame)))
	b.ReportAllocs()
	for b.Loop() {
		var s splitter
		if n, done := s.scan(frame); n != len(frame) || !done {
			b.Fatal(n, done)
		}
	}
}

// endless is a stream that says the same again and again.
type endless struct {
	data []byte
	at   int
}

func (e *endless) Read(p []byte) (int, error) {
	n := copy(p, e.data[e.at:])
	if e.at += n; e.at == len(e.data) {
		e.at = 0
	}
	return n, nil
}

func BenchmarkReader450(b *testing.B) {
	r := NewReader(&endless{data: bytes.Repeat([]byte(plain), 100)}, Limits{})
	b.SetBytes(int64(len(plain)))
	b.ReportAllocs()
	for b.Loop() {
		s, err := r.Next()
		if err != nil {
			b.Fatal(err)
		}
		s.Release()
	}
}

// BenchmarkEncodingXML is the tokens of encoding/xml for the same message, for comparison.
func BenchmarkEncodingXML(b *testing.B) {
	b.SetBytes(int64(len(plain)))
	b.ReportAllocs()
	for b.Loop() {
		dec := xml.NewDecoder(bytes.NewReader([]byte(plain)))
		for {
			if _, err := dec.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				b.Fatal(err)
			}
		}
	}
}

func BenchmarkBuilder(b *testing.B) {
	from := transports.Address{Local: "romeo%irc.example.org", Domain: "irc.capulet.example"}
	to := transports.Address{Local: "juliet", Domain: "capulet.example", Resource: "balcony"}
	var x Builder
	build := func() {
		x.Reset()
		x.Start("message").Attr("type", "chat").Attr("id", "0b3f9a52-7c1e-4f6e-9f5d-2a4c6d8e0f13").JID("from", from).JID("to", to)
		x.Start("body").Text("Wherefore art thou Romeo? Deny thy father & refuse thy name, it's only mine enemy").End()
		x.StartNS("origin-id", "urn:xmpp:sid:0").Attr("id", "0b3f9a52-7c1e-4f6e-9f5d-2a4c6d8e0f13").End()
		x.StartNS("active", "http://jabber.org/protocol/chatstates").End()
		x.End()
	}
	build()
	b.SetBytes(int64(x.Len()))
	b.ReportAllocs()
	for b.Loop() {
		build()
	}
}
