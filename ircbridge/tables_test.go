package ircbridge

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"passerelle/transports"
)

func TestParse(t *testing.T) {
	t.Parallel()
	tr := newTransport(t, Options{Open: true, Networks: []Network{{ID: "libera"}}})
	target := func(kind transports.TargetKind, network, id string) transports.Target {
		return transports.Target{Kind: kind, Network: network, ID: id}
	}
	for _, tc := range []struct {
		local string
		want  transports.Target
	}{
		{"irc.example.org", target(transports.TargetNetwork, "irc.example.org", "")},
		{"libera", target(transports.TargetNetwork, "libera", "")},
		{"IRC.Example.org", target(transports.TargetNetwork, "irc.example.org", "")},
		{"#chan%irc.example.org", target(transports.TargetRoom, "irc.example.org", "#chan")},
		{"#%libera", target(transports.TargetRoom, "libera", "#")},
		{"##C++%libera", target(transports.TargetRoom, "libera", "##c++")},
		{"&local%libera", target(transports.TargetRoom, "libera", "&local")},
		{"#50%off%libera", target(transports.TargetRoom, "libera", "#50%off")},
		{"#true/false:x%libera", target(transports.TargetRoom, "libera", "#true/false:x")},
		{"#café%libera", target(transports.TargetRoom, "libera", "#café")},
		{"Bob%libera", target(transports.TargetContact, "libera", "bob")},
		{"bob[m]/away%libera", target(transports.TargetContact, "libera", "bob[m]/away")},
		{"a%b%libera", target(transports.TargetContact, "libera", "a%b")},
	} {
		got, err := tr.Parse(tc.local)
		if err != nil || got != tc.want {
			t.Errorf("Parse(%q) = %+v, %v; want %+v", tc.local, got, err, tc.want)
			continue
		}
		if again, err := tr.Parse(tr.Format(got)); err != nil || again != got {
			t.Errorf("Parse(Format(%+v)) = %+v, %v", got, again, err)
		}
	}
	for _, local := range []string{
		"", "#chan", "&chan", "%libera", "#chan%", "nick%", "nick%-bad", "nick%bad-.x", "nick%a..b", "nick%.a", "nick%a.", "nick%a b",
		"nick%" + strings.Repeat("a.", 127), "nick%" + strings.Repeat("a", 64), "#a,b%libera", "#a b%libera", "#a\x07%libera",
		"#" + strings.Repeat("x", 200) + "%libera", "@#chan%libera", "+voiced%libera", "$$host%libera", "a!b@c%libera", "*%libera",
		"a\r\nquit%libera", "a\u0085%libera", "nick%irc.example.org:6667", "nick%[::1]", "nick%ïrc", ":x%libera",
	} {
		if got, err := tr.Parse(local); err == nil {
			t.Errorf("Parse(%q) = %+v, want an error", local, got)
		} else {
			wantKind(t, err, transports.BadRequest)
		}
	}
}

func TestSanitizeNick(t *testing.T) {
	t.Parallel()
	for want, nick := range map[string]string{
		"Alice": "Alice", "José Ñandú": "Jose_Nandu", "": "guest", "♥♥": "guest", "__": "guest", "9lives": "_9lives", "-dash": "_-dash",
		"a@b!c": "abc", "a\r\nQUIT": "aQUIT", "[m]^_`{}|\\": "[m]^_`{}|\\", "jean.paul": "jean_paul", strings.Repeat("x", 40): strings.Repeat("x", 16),
	} {
		if got := sanitizeNick(want, 16); got != nick {
			t.Errorf("sanitizeNick(%q) = %q, want %q", want, got, nick)
		}
	}
	for n := 1; n <= maxNickTries; n++ {
		if got := alternateNick("averylongnick", n, 13); len(got) > 13 || got == "averylongnick" {
			t.Errorf("alternate %d is %q", n, got)
		}
	}
}

func TestCasemap(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		value, a, b string
		equal       bool
	}{
		{"rfc1459", "#A[]\\^", "#a{}|~", true},
		{"strict-rfc1459", "#A[]\\", "#a{}|", true},
		{"rfc1459-strict", "^", "~", false},
		{"ascii", "[", "{", false},
		{"ascii", "ABC", "abc", true},
		{"rfc7613", "ABC", "abc", true},
		{"rfc1459", "a", "ab", false},
	} {
		m := parseCasemap(tc.value)
		if m.equal(tc.a, tc.b) != tc.equal || (m.fold(tc.a) == m.fold(tc.b)) != tc.equal {
			t.Errorf("%s: %q and %q: got equal %t, folded %q and %q", tc.value, tc.a, tc.b, m.equal(tc.a, tc.b), m.fold(tc.a), m.fold(tc.b))
		}
	}
}

func TestSplit(t *testing.T) {
	t.Parallel()
	family := "👨‍👩‍👧‍👦" // one grapheme of 25 bytes
	zalgo := "z" + strings.Repeat("\u0301", 100)
	words := strings.TrimSpace(strings.Repeat("word ", 30))
	for name, tc := range map[string]struct {
		body string
		want []string
	}{
		"one line":        {"hello", []string{"hello"}},
		"lines":           {"a\n\n \nb\r\nc\rd", []string{"a", "b", "c", "d"}},
		"keeps spaces":    {"  indented  text ", []string{"  indented  text "}},
		"injection":       {"a\x00b\x01ACTION\x01\x02c\td\x7f", []string{"abACTIONc\td"}},
		"bad utf-8":       {"a\xffb\ufffdc", []string{"abc"}},
		"at spaces":       {words, []string{words[:64], words[65:129], words[130:]}},
		"cjk":             {strings.Repeat("漢", 50), []string{strings.Repeat("漢", 21), strings.Repeat("漢", 21), strings.Repeat("漢", 8)}},
		"graphemes":       {strings.Repeat(family, 4), []string{strings.Repeat(family, 2), strings.Repeat(family, 2)}},
		"long grapheme":   {zalgo, []string{zalgo[:63], zalgo[63:127], zalgo[127:191], zalgo[191:]}},
		"flags":           {strings.Repeat("🇫🇷", 10), []string{strings.Repeat("🇫🇷", 8), strings.Repeat("🇫🇷", 2)}},
		"keycaps":         {strings.Repeat("1\ufe0f\u20e3", 10), []string{strings.Repeat("1\ufe0f\u20e3", 9), "1\ufe0f\u20e3"}},
		"hangul":          {strings.Repeat("\u1112\u1161\u11ab", 10), []string{strings.Repeat("\u1112\u1161\u11ab", 7), strings.Repeat("\u1112\u1161\u11ab", 3)}},
		"accents":         {strings.Repeat("e\u0301", 30), []string{strings.Repeat("e\u0301", 21), strings.Repeat("e\u0301", 9)}},
		"word whole":      {"see https://example.org/" + strings.Repeat("x", 44), []string{"see", "https://example.org/" + strings.Repeat("x", 44)}},
		"cut in any case": {"你好 " + strings.Repeat("漢", 40), []string{"你好 " + strings.Repeat("漢", 19), strings.Repeat("漢", 21)}},
		"exact":           {strings.Repeat("x", 64), []string{strings.Repeat("x", 64)}},
		"space behind":    {strings.Repeat("x", 64) + " y", []string{strings.Repeat("x", 64), "y"}},
	} {
		got, err := splitPlain(tc.body, 64, nil)
		if err != nil || !slices.Equal(got, tc.want) {
			t.Errorf("%s: got %q, %v; want %q", name, got, err, tc.want)
		}
	}
	for _, body := range []string{strings.Repeat("a\n", maxParts+1), strings.Repeat("x", 64*maxParts+1), strings.Repeat("x", maxBody+1)} {
		_, err := splitPlain(body, 64, nil)
		wantKind(t, err, transports.TooLarge)
	}
	_, err := splitPlain(" \n\x00\r", 64, nil)
	wantKind(t, err, transports.BadRequest)
}

// splitPlain is splitBody for text without a look.
func splitPlain(body string, limit int, c *charset) ([]string, error) {
	pieces, err := splitBody(nil, transports.Styled{Text: body}, limit, c)
	var parts []string
	for _, p := range pieces {
		parts = append(parts, p.Text)
	}
	return parts, err
}

func TestPlain(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"plain":                                "plain",
		"\x02b\x02 \x1di\x1d \x1fu\x1f":        "b i u",
		"\x11mono\x11 \x16rev\x16 \x1es\x1e":   "mono rev s",
		"\x034,12red\x03 \x0399x \x034,text":   "red x ,text",
		"\x03123":                              "3",
		"\x04ff0000,00ff00hex\x04":             "hex",
		"\x04ff00":                             "ff00",
		"a\x00\x07\tb\x0f\x1b[31m\u0085\u200b": "a\tb[31m\u200b",
		"\x03,4x":                              ",4x",
		"a\uffffb":                             "ab",
	} {
		if got := plain(in); got != want {
			t.Errorf("plain(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestDecode(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"café":               "café",
		"caf\xe9":            "café",
		"\x80 \x93quote\x94": "€ “quote”",
		"漢漢\xe6\xbc":         "漢漢", // cut in half by a server
		"a\xe9":              "aé", // no UTF-8 before it: a letter of Latin-1
		"漢\xe6 x":            "æ¼¢æ x",
		"a\x00b":             "ab",
	} {
		if got := decode([]byte(in), (*charset)(nil).decode); got != want {
			t.Errorf("decode(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestLineReader(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("y", maxLine-1)
	input := "one\r\n\r\n\n two\n" + strings.Repeat("x", 3*maxLine) + "\n" + long + "\n" + strings.Repeat("z", 700) + "\r\nlast\nunfinished"
	want := []string{"one", " two", long, strings.Repeat("z", 700), "last"}
	for name, src := range map[string]io.Reader{
		"whole": strings.NewReader(input), "bytes": iotest.OneByteReader(strings.NewReader(input)),
		"halves": iotest.HalfReader(strings.NewReader(input)), "eof with data": iotest.DataErrReader(strings.NewReader(input)),
	} {
		skipped := 0
		l := newLineReader(src, &lineBuffers{tooLong: func() { skipped++ }})
		var got []string
		for {
			line, err := l.next()
			if err != nil {
				if err != io.EOF {
					t.Errorf("%s: %v", name, err)
				}
				break
			}
			got = append(got, string(line))
		}
		if !slices.Equal(got, want) || skipped != 1 {
			t.Errorf("%s: got %d lines %.200q, %d skipped", name, len(got), got, skipped)
		}
	}
}

// FuzzAddr checks that what Parse takes, Format gives back, and that it can stand in a line.
func FuzzAddr(f *testing.F) {
	for _, seed := range []string{"#chan%irc.example.org", "nick%irc.example.org", "irc.example.org", "#50%off%a", "%", "#", "a\r\n%b", "\xff%a"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, local string) {
		for _, n := range []Naming{{}, {Fixed: testNet}} {
			target, err := n.Parse(local)
			if err != nil {
				wantKind(t, err, transports.BadRequest)
				continue
			}
			again, err := n.Parse(n.Format(target))
			if err != nil || again != target {
				t.Errorf("%q: %+v became %+v, %v", local, target, again, err)
			}
			if strings.ContainsAny(target.ID+target.Network, " \r\n\x00") || !utf8.ValidString(target.ID) {
				t.Errorf("%q: %+v cannot stand in a line", local, target)
			}
			if n.Fixed != "" && n.Format(target) == transports.BotName {
				t.Errorf("%q: %+v is called like the bot", local, target)
			}
		}
	})
}

// FuzzSplit checks that the pieces of a body fit, are clean, and are the body.
func FuzzSplit(f *testing.F) {
	for _, seed := range []string{"a b\nc", "漢字", "e\u0301\u0301", "👨‍👩‍👧‍👦", "a\r\nQUIT :x\x00\x01", strings.Repeat("long ", 100), "\xff\xfe"} {
		f.Add(seed, 70, "")
		f.Add(seed, 70, "GB18030")
	}
	f.Fuzz(func(t *testing.T, body string, limit int, name string) {
		c, err := readCharset(name)
		if err != nil {
			c = nil
		}
		parts, err := splitPlain(body, limit, c)
		if err != nil {
			return
		}
		limit = max(limit, minRoom)
		for _, p := range parts {
			if p == "" || len(c.encode(p)) > limit || !utf8.ValidString(p) || strings.ContainsAny(p, "\r\n\x00\x01") {
				t.Errorf("%q: bad piece %q of %d bytes, limit %d", body, p, len(p), limit)
			}
		}
		squeeze := func(s string) string {
			return strings.Join(strings.Fields(cutControls(strings.NewReplacer("\r", " ", "\n", " ").Replace(s))), "")
		}
		if got, want := squeeze(strings.Join(parts, "")), squeeze(body); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

// FuzzLine checks that no line of a server breaks a session, and that its events carry clean text only.
func FuzzLine(f *testing.F) {
	f.Add([]byte(":bob!u@h PRIVMSG #test :hello"))
	f.Add([]byte("@time=2020-01-01T00:00:00.000Z;account=b;label=1 :bob!u@h JOIN #test acc :Real"))
	f.Add([]byte(":alice!u@h NICK :\x02new"))
	f.Add([]byte(":s 353 alice = #test :@+bob!u@h carol"))
	f.Add([]byte(":s 433 * alice :in use"))
	f.Add([]byte(":bob MODE #test +ov-k a b c"))
	f.Add([]byte(":bob PRIVMSG alice :\x01VERSION\x01"))
	f.Add([]byte(":s 005 alice PREFIX=(ov)@+ CHANTYPES=# :x"))
	f.Add([]byte("@+draft/react=\xf0\x9f\x91\x8d;+draft/reply=a;+typing=active;msgid=b\\:\\ :bob!u@h TAGMSG #test"))
	f.Add([]byte("@bot;+reply=a :bob!u@h REDACT #test a :why"))
	f.Add([]byte("CAP * LS * :sasl"))
	f.Add(bytes.Repeat([]byte("\xff\x00 :"), 20))
	f.Fuzz(func(t *testing.T, line []byte) {
		if len(line) > maxLine || bytes.ContainsAny(line, "\r\n") {
			return
		}
		s, c := idleSession(t)
		s.handle(c, decode(line, s.decode))
		for _, e := range s.out {
			for _, text := range texts(e) {
				if !utf8.ValidString(text) || plain(text) != text {
					t.Errorf("%q: unclean text %q in %s", line, text, describe(e))
				}
			}
		}
		for _, urgent := range c.urgent {
			if got := appendLine(nil, urgent); bytes.Count(got, []byte("\n")) != 1 || len(got) > 512 {
				t.Errorf("%q: bad answer %q", line, got)
			}
		}
	})
}

// texts are all strings of an event.
func texts(e transports.Event) []string {
	switch e := e.(type) {
	case transports.Message:
		return []string{e.Body, e.From.Nick, e.From.Ident, e.From.Host, e.From.Account, e.From.RealName, e.To.ID}
	case transports.Joined:
		p := e.Member.Person
		return []string{p.Nick, p.Ident, p.Host, p.Account, p.RealName}
	case transports.Entered:
		all := []string{e.Nick, e.Subject, e.SubjectBy}
		for _, m := range e.Members {
			all = append(all, m.Person.Nick, m.Person.Ident, m.Person.Host)
		}
		return all
	case transports.Parted:
		return []string{e.Nick, e.By, e.Reason}
	case transports.Renamed:
		return []string{e.Old, e.New}
	case transports.RoleChanged:
		return []string{e.Nick, e.By}
	case transports.Subject:
		return []string{e.Text, e.By}
	case transports.Notice:
		return []string{e.Text}
	case transports.Done:
		return []string{transports.AsError(e.Err).Text}
	case transports.State:
		return []string{e.Nick}
	}
	return nil
}

// idleSession is a session in #test whose network is nobody: lines are handed to it by hand.
func idleSession(t testing.TB) (*session, *conn) {
	t.Helper()
	tr, err := New(Options{Networks: plainNet("test:1")})
	if err != nil {
		t.Fatal(err)
	}
	s := newSession(tr, tr.rules().byID[testNet], alice, newRecorder())
	c := newConn(deafConn{}, new(Network), &tr.buffers, 10)
	c.registered, c.ready = true, true
	c.writing = true // by nobody
	s.conn, s.phase, s.nick, s.wanted = c, phaseOnline, "alice", "alice"
	s.rooms = []*room{
		{target: roomOf("#test"), name: "#test", state: roomIn, entered: true},
		{target: roomOf("#new"), name: "#new", state: roomEntering, enter: &entering{refs: []transports.Ref{1}}},
	}
	return s, c
}
