package ircbridge

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"passerelle/transports"
	"passerelle/transports/transporttest"
)

func TestStyled(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"plain":                            "plain",
		"a\x02b\x02c":                      "a{b}b{}c",
		"\x02b\x1di\x02t\x1d":              "{b}b{}{bi}i{}{i}t{}",
		"\x1du\x1d\x1fv\x1f\x1ew\x1e\x11x": "{i}u{}{u}v{}{s}w{}{m}x{}",
		"\x16r\x0fx":                       "{r}r{}x",
		"\x0304red\x03 \x034x":             "{#ff0000}red{} {#ff0000}x{}",
		"\x0304,01both\x03":                "{#ff0000/000000}both{}",
		"\x0304,01a\x033b":                 "{#ff0000/000000}a{}{#009300/000000}b{}", // what is behind it stays
		"\x0304a\x0399b":                   "{#ff0000}a{}b",
		"\x0304,02a\x0399,99b":             "{#ff0000/00007f}a{}b",
		"\x0316x\x0398y":                   "{#470000}x{}{#ffffff}y{}",
		"\x03123":                          "{#0000fc}3{}", // two digits are always one code
		"\x0399,":                          ",",
		"\x03,5":                           ",5",
		"\x0304,x":                         "{#ff0000},x{}",
		"\x0304,01\x02\x02":                "",
		"\x04ff8000,00ff7Fhex\x04x":        "{#ff8000/00ff7f}hex{}x",
		"\x04ff80":                         "ff80",
		"\x04ff8000,00f":                   "{#ff8000},00f{}",
		"\x02a\x0fb\x02":                   "{b}a{}b",
		"a\x02\x02b\x02":                   "ab",
	} {
		text, spans := styled(in)
		if got := transporttest.Looks(text, spans); got != want {
			t.Errorf("styled(%q) = %q, want %q", in, got, want)
		}
		if text != plain(in) {
			t.Errorf("styled(%q) has the text %q, plain %q", in, text, plain(in))
		}
	}
}

func TestWriteCodes(t *testing.T) {
	t.Parallel()
	// What comes back is what was read, in fewer codes.
	for in, want := range map[string]string{
		"plain":                       "plain",
		"a\x02b\x02c":                 "a\x02b\x0fc",
		"\x02b\x1di\x02t\x1d":         "\x02b\x1di\x02t",
		"\x034red\x03 x":              "\x0304red\x0f x",
		"\x0304,01both":               "\x0304,01both",
		"\x0304\x02\x02,5 apples":     "\x0304\x02\x02,5 apples", // which are no colour behind the text
		"\x0304a\x02\x033b":           "\x0304a\x0303\x02b",
		"\x02\x0304a\x035 b":          "\x0304\x02a\x0305 b",
		"\x02\x0304,02a\x03\x02\x025": "\x0304,02\x02a\x03\x02\x025",
		"\x04ff0101x":                 "\x0304x", // the nearest
		"\x0399,04x":                  "\x0399,04x",
		"\x0301,04x\x0399y":           "\x0301,04x\x0399y",
	} {
		text, spans := styled(in)
		got := writeCodes(text, spans)
		if again, s := styled(got); again != text || len(s) != len(spans) {
			t.Errorf("%q became %q, which says %q", in, got, transporttest.Looks(again, s))
		}
		if got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

// A line that is cut goes on as it looked, and its codes count.
func TestSplitStyled(t *testing.T) {
	t.Parallel()
	text, spans := styled("\x02" + strings.Repeat("x", 60) + " \x0304,01" + strings.Repeat("y", 70) + "\x03z")
	parts, err := splitBody(nil, transports.Styled{Text: "up\n" + text, Spans: transports.CutSpans(spans, 0, len(text), 3)}, 64, nil)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range parts {
		got = append(got, writeCodes(p.Text, p.Spans))
	}
	want := []string{"up", "\x02" + strings.Repeat("x", 60), "\x0304,01\x02" + strings.Repeat("y", 57), "\x0304,01\x02" + strings.Repeat("y", 13) + "\x03z"}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	// Lines of which codes would leave no room go out without them.
	var rainbow strings.Builder
	for i := range 100 {
		fmt.Fprintf(&rainbow, "\x03%02d,%02d\x02x", i%90, i%80)
	}
	text, spans = styled(rainbow.String())
	parts, err = splitBody(nil, transports.Styled{Text: text, Spans: spans}, 64, nil)
	if err != nil || len(parts) != 2 || parts[0].Spans != nil {
		t.Errorf("got %d parts, %v", len(parts), err)
	}
}

// A message with a look goes out with codes, but to a channel that takes none as its sender wrote it. What becomes of it is told without codes.
func TestSendStyled(t *testing.T) {
	t.Parallel()
	p, s, h := scripted(t, "")
	p.Expect(t, "JOIN #test")
	p.Send(t, ":alice!a@h JOIN #test", ":irc.test 353 alice = #test :alice bob", ":irc.test 366 alice #test :End")
	await[transports.Entered](t, h)
	text, spans := styled("\x02bold\x02 words")
	send := func(ref transports.Ref) transports.Request {
		return transports.Send{Ref: ref, To: roomOf("#test"), Body: "*bold* words", Styled: &transports.Styled{Text: text, Spans: spans}, Action: ref%2 == 0}
	}
	for i, step := range []struct{ mode, want, body string }{
		{"", "PRIVMSG #test :\x01ACTION \x02bold\x0f words\x01", "bold words"},
		{":bob!b@h MODE #test +mc", "PRIVMSG #test :*bold* words", "*bold* words"},
		{":bob!b@h MODE #test -c+S", "PRIVMSG #test :\x01ACTION *bold* words\x01", "*bold* words"},
		{":bob!b@h MODE #test -S", "PRIVMSG #test :\x02bold\x0f words", "bold words"},
		{":irc.test 324 alice #test +ntc", "PRIVMSG #test :\x01ACTION *bold* words\x01", "*bold* words"},
		{":irc.test 324 alice #test +nt", "PRIVMSG #test :\x02bold\x0f words", "bold words"},
	} {
		if step.mode != "" {
			p.Send(t, step.mode, ":bob!b@h PRIVMSG #test :that is so now")
			await[transports.Message](t, h)
		}
		ref := transports.Ref(10 + i)
		do(t, s, send(ref))
		if got := p.Expect(t, "PRIVMSG"); got != step.want {
			t.Errorf("%s: got %q, want %q", step.mode, got, step.want)
		}
		if m := await[transports.Message](t, h); m.Ref != ref || m.Body != step.body || (m.Spans != nil) != (step.body == text) {
			t.Errorf("%s: got %s", step.mode, describe(m))
		}
	}
}

// FuzzCodes checks that what is read of codes is written as codes that say the same, in pieces of a line as well, and that neither breaks
// anything.
func FuzzCodes(f *testing.F) {
	for _, seed := range []string{
		"a\x02b\x1dc\x1fd\x1ee\x11f\x16g\x0fh", "\x034,12x\x03,5\x0399,\x030", "\x04ff0000,00ff00x\x04ab", "\x0304,5\x02\x02,5", "\x03\x03\x02\x02\x035",
		"漢\x02字\x1d👨‍👩‍👧‍👦", "\x02\n\x02\x01\x00", strings.Repeat("\x0304a\x0305b", 300), strings.Repeat("\x02 \x1d", 100),
	} {
		f.Add(seed, 70)
	}
	f.Fuzz(func(t *testing.T, line string, limit int) {
		if !utf8.ValidString(line) {
			return // decode sees to that
		}
		text, spans := styled(line)
		check(t, text, spans)
		if text != plain(line) || plain(text) != text {
			t.Errorf("%q: text %q, plain %q", line, text, plain(line))
		}
		coded := writeCodes(text, spans)
		again, spansAgain := styled(coded)
		check(t, again, spansAgain)
		if again != text {
			t.Errorf("%q: %q became %q", line, text, again)
		}
		if len(spans) < transports.MaxSpans && !slices.Equal(spansAgain, nearest(spans)) {
			t.Errorf("%q: %q became %q by %q", line, transporttest.Looks(text, spans), transporttest.Looks(again, spansAgain), coded)
		}
		if len(coded) > len(text)+16*(2*len(spans)+1) {
			t.Errorf("%q: %d bytes of text and %d spans make %d bytes", line, len(text), len(spans), len(coded))
		}
		parts, err := splitBody(nil, transports.Styled{Text: text, Spans: spans}, limit, nil)
		if err != nil {
			return
		}
		for _, p := range parts {
			check(t, p.Text, p.Spans)
			if n := len(writeCodes(p.Text, p.Spans)); n > max(limit, minRoom) {
				t.Errorf("%q: a line of %d bytes, %d is the most", line, n, limit)
			}
		}
	})
}

// nearest are spans with the colours that codes have.
func nearest(spans []transports.Span) []transports.Span {
	var near []transports.Span
	at := func(c transports.Colour) transports.Colour {
		if i := paletteIndex(c); i != noColour {
			return transports.RGB(palette[i])
		}
		return 0
	}
	for _, s := range spans {
		s.Look.Fore, s.Look.Back = at(s.Look.Fore), at(s.Look.Back)
		near = transports.AppendSpan(near, s.From, s.To, s.Look)
	}
	return near
}

// check reports what is wrong with spans.
func check(t *testing.T, text string, spans []transports.Span) {
	t.Helper()
	at := 0
	for _, s := range spans {
		if s.From < at || s.To <= s.From || s.To > len(text) || s.Look == (transports.Look{}) || !utf8.ValidString(text[s.From:s.To]) {
			t.Fatalf("bad span %+v in %q", s, text)
		}
		at = s.To
	}
	if len(spans) > transports.MaxSpans {
		t.Fatalf("%d spans", len(spans))
	}
}
