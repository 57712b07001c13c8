package ircbridge

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"passerelle/internal/ircd"
	"passerelle/transports"
)

// TestMultiline: a message of several lines is one, to its sender and to others, as long as the network takes it.
func TestMultiline(t *testing.T) {
	t.Parallel()
	server := startServer(t, ircd.Options{Caps: []string{
		"batch", "echo-message", "labeled-response", "message-tags", "draft/multiline=max-bytes=300,max-lines=5",
	}})
	bob := ircd.Dial(t, server.Addr(), "bob")
	bob.Send(t, "JOIN #test")
	bob.Expect(t, " 366 ")
	tr := newTransport(t, Options{Networks: plainNet(server.Addr())})
	s, h := open(t, tr, alice)
	enter(t, s, h, "#test", "alice")
	other, heard := open(t, tr, transports.Address{Local: "carol", Domain: "example.org"})
	enter(t, other, heard, "#test", "carol")
	long := strings.Repeat("word after word ", 40) // 640 bytes, of which the network takes 300 in a batch
	for i, c := range []struct {
		body  string
		parts []string // as the sender hears it
	}{
		{"one line", []string{"one line"}},
		{"two\nlines", []string{"two\nlines"}},
		{"\n\n  indented\n\n\tand blank between\r\n \n", []string{"  indented\n\n\tand blank between"}},
		{strings.Repeat("ö", 250), nil}, // 500 bytes
		{"1\n2\n3\n4\n5", []string{"1\n2\n3\n4\n5"}},
		{"1\n2\n3\n4\n5\n6", []string{"1", "2", "3", "4", "5", "6"}}, // more lines than it takes
		{long, nil},
	} {
		ref := transports.Ref(i + 10)
		do(t, s, transports.Send{Ref: ref, To: roomOf("#test"), Body: c.body})
		var got []string
		for of := 1; len(got) < of; {
			m := await(t, h, func(m transports.Message) bool { return m.Ref == ref })
			if of = m.Of; m.Part != len(got)+1 || !utf8.ValidString(m.Body) {
				t.Errorf("%q: got %s", c.body, describe(m))
			}
			got = append(got, m.Body)
			if there := await(t, heard, func(m transports.Message) bool { return m.From.Nick == "alice" }); there.Body != m.Body {
				t.Errorf("%q: others get %q, its sender %q", c.body, there.Body, m.Body)
			}
		}
		if c.parts != nil && strings.Join(got, "|") != strings.Join(c.parts, "|") {
			t.Errorf("%q: got %q, want %q", c.body, got, c.parts)
		}
		if strings.ReplaceAll(strings.Join(got, ""), " ", "") != strings.ReplaceAll(cleanLines(strings.TrimSpace(strings.ReplaceAll(c.body, "\r", ""))), " ", "") && c.parts == nil {
			t.Errorf("%q: got %q", c.body, got)
		}
	}
}

// TestMultilineConcat: a line that is too long goes on in the next of the batch, whose end has the space between two words.
func TestMultilineConcat(t *testing.T) {
	t.Parallel()
	script := ircd.NewScript(t, nil)
	s, h := open(t, newTransport(t, Options{Networks: plainNet(script.Addr)}), alice)
	do(t, s, transports.Join{Ref: 1, Room: roomOf("#test"), Nick: "alice"})
	p := script.Accept(t)
	p.Send(t, ":irc.test CAP * LS :batch message-tags draft/multiline=max-bytes=4096")
	p.Send(t, ":irc.test CAP * ACK :"+strings.TrimPrefix(p.Expect(t, "CAP REQ :"), "CAP REQ :"))
	p.Expect(t, "CAP END")
	p.Send(t, ":irc.test 001 alice :Welcome", ":irc.test 376 alice :End of MOTD")
	p.EnterChannel(t, "alice")
	await[transports.Entered](t, h)
	do(t, s, transports.Send{Ref: 2, To: roomOf("#test"), Body: strings.Repeat("word ", 150) + "end\nnext"})
	first := p.Expect(t, "BATCH +")
	id := strings.Fields(first)[1][1:]
	if first != "BATCH +"+id+" draft/multiline #test" {
		t.Errorf("got %q", first)
	}
	var text strings.Builder
	lines := 0
	for {
		line, err := p.Line()
		if err != nil {
			t.Fatal(err)
		}
		if line == "BATCH -"+id {
			break
		}
		tags, rest, _ := strings.Cut(line, " PRIVMSG #test :")
		switch tags {
		case "@batch=" + id:
			if lines > 0 {
				text.WriteByte('\n')
			}
		case "@batch=" + id + ";draft/multiline-concat":
			if !strings.HasSuffix(text.String(), " ") {
				t.Errorf("cut within a word: %q", text.String())
			}
		default:
			t.Fatalf("got %q within a batch", line)
		}
		if len(rest)+len(":alice!u@h PRIVMSG #test :\r\n") > 512 {
			t.Errorf("a line of %d bytes", len(rest))
		}
		lines++
		text.WriteString(rest)
	}
	if want := strings.Repeat("word ", 150) + "end\nnext"; text.String() != want || lines < 3 {
		t.Errorf("got %q in %d lines", text.String(), lines)
	}
	if m := await[transports.Message](t, h); m.Ref != 2 || m.Of != 1 {
		t.Errorf("got %s", describe(m))
	}
	// What the network does not take after all comes back.
	do(t, s, transports.Send{Ref: 3, To: roomOf("#test"), Body: "a\nb"})
	p.Expect(t, "BATCH -")
	await(t, h, func(m transports.Message) bool { return m.Ref == 3 })
	p.Send(t, ":irc.test FAIL BATCH MULTILINE_MAX_BYTES 10 :Too much")
	if d := await[transports.Done](t, h); d.Ref != 3 || d.Err == nil {
		t.Errorf("got %+v", d)
	}
}

// TestReadMarker: how far one has read goes to the network once, and comes from it where it is news.
func TestReadMarker(t *testing.T) {
	t.Parallel()
	p, s, h := scripted(t, "message-tags server-time draft/read-marker")
	p.EnterChannel(t, "alice")
	await[transports.Entered](t, h)
	at := time.Date(2024, 5, 6, 7, 8, 9, 123e6, time.UTC)
	do(t, s, transports.MarkRead{In: roomOf("#test"), Time: at})
	p.Expect(t, "MARKREAD #test timestamp=2024-05-06T07:08:09.123Z")
	do(t, s, transports.MarkRead{In: roomOf("#test"), Time: at.Add(-time.Second)})
	do(t, s, transports.MarkRead{In: roomOf("#elsewhere"), Time: at})
	do(t, s, transports.MarkRead{In: contact("bob"), Time: at})
	p.Expect(t, "MARKREAD bob timestamp=2024-05-06T07:08:09.123Z")
	p.Send(t, ":irc.test MARKREAD #test timestamp=2024-05-06T07:08:09.123Z", ":irc.test MARKREAD #test *", ":irc.test MARKREAD #test timestamp=x",
		":irc.test MARKREAD #other timestamp=2024-05-06T07:08:09.123Z", ":irc.test MARKREAD #test timestamp=2999-05-06T07:08:09.123Z",
		":irc.test FAIL MARKREAD INTERNAL_ERROR #test :No", ":irc.test MARKREAD #test timestamp=2024-05-06T08:00:00.000Z",
		":irc.test MARKREAD Carol timestamp=2024-05-06T08:00:00.000Z")
	p.Send(t, ":irc.test MARKREAD Carol *", ":irc.test MARKREAD Dave *")
	for _, want := range []transports.Target{roomOf("#test"), contact("carol")} {
		if e, ok := h.next(t).(transports.Read); !ok || e.In != want || !e.Time.Equal(at.Truncate(time.Hour).Add(time.Hour)) {
			t.Errorf("got %+v, want that %s is read", e, want.ID)
		}
	}
	if e, ok := h.next(t).(transports.Read); !ok || e.In != contact("dave") || !e.Time.IsZero() { // and of Carol more is known
		t.Errorf("got %+v, want that nothing of Dave is read", e)
	}
}
