package ircbridge

import (
	"strings"
	"testing"
	"unicode/utf8"

	"passerelle/internal/ircd"
	"passerelle/transports"
)

func TestCharsets(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ text, wire string }{
		"ISO-8859-1":   {"café", "caf\xe9"},
		"latin1":       {"café", "caf\xe9"},
		"ISO-8859-15":  {"5 €", "5 \xa4"},
		"windows-1251": {"мир", "\xec\xe8\xf0"},
		"CP1251":       {"мир", "\xec\xe8\xf0"},
		"koi8-r":       {"мир", "\xcd\xc9\xd2"},
		"Shift_JIS":    {"ソ~\\", "\x83\x5c~\\"},
		"EUC-JP":       {"日本", "\xc6\xfc\xcb\xdc"},
		"GB18030":      {"中ø", "\xd6\xd0\x81\x30\x8b\x33"},
		"Big5":         {"中", "\xa4\xa4"},
		"EUC-KR":       {"한", "\xc7\xd1"},
	} {
		c, err := readCharset(name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := c.encode(tc.text); got != tc.wire || c.size(tc.text) != len(tc.wire) {
			t.Errorf("%s: %q is written %q (%d bytes), want %q", name, tc.text, got, c.size(tc.text), tc.wire)
		}
		if got := c.decode([]byte(tc.wire)); got != tc.text {
			t.Errorf("%s: %q is read %q, want %q", name, tc.wire, got, tc.text)
		}
		if r, found := c.lacks(tc.text + "\U0001f600"); found != (name != "GB18030") || found && r != '\U0001f600' {
			t.Errorf("%s lacks %q, %t", name, r, found)
		}
	}
	for _, name := range []string{"", "UTF-16", "UTF-16LE", "utf-32", "ISO-2022-JP", "hz-gb-2312", "utf-7", "replacement", "IBM037", "no such", "x\x00"} {
		if c, err := readCharset(name); err == nil {
			t.Errorf("%q is taken: %+v", name, c)
		}
	}
	for _, name := range []string{"UTF-8", "utf8"} {
		if c, err := readCharset(name); err != nil || !c.utf8() || c.encode("é") != "é" {
			t.Errorf("%q: %+v, %v", name, c, err)
		}
	}
	// What is called ISO-8859-1 is read as windows-1252, and written as what it is.
	c, err := readCharset("ISO-8859-1")
	if err != nil {
		t.Fatal(err)
	}
	if got := c.decode([]byte("\x80")); got != "€" {
		t.Errorf("read %q", got)
	}
	if got := c.encode("ä€"); got != "\xe4?" {
		t.Errorf("written %q", got)
	}
}

// A channel is read and written as is set for it, the rest of the network as is set for that.
func TestCharsetOfChannel(t *testing.T) {
	t.Parallel()
	server := ircd.NewScript(t, nil)
	settings := &memorySettings{}
	settings.set(map[string]string{SettingEncodingIn: "KOI8-R"})
	room := func(channel string) string {
		return alice.String() + " " + transports.Scope(transports.TargetRoom, channel+"%"+testNet)
	}
	settings.values[room("#west")] = map[string]string{SettingEncodingOut: "ISO-8859-2"}
	settings.values[room("#modern")] = map[string]string{SettingEncodingIn: "UTF-8"}
	tr := newTransport(t, Options{Networks: plainNet(server.Addr), Settings: settings})
	s, h := open(t, tr, alice)
	do(t, s, transports.Join{Ref: 1, Room: roomOf("#west"), Nick: "alice"})
	p := server.Accept(t)
	p.Expect(t, "USER ")
	p.Send(t, ":irc.test CAP * LS :", ":irc.test 001 alice :hi", ":irc.test 422 alice :none")
	for i, channel := range []string{"#west", "#east", "#modern"} {
		if i > 0 {
			do(t, s, transports.Join{Ref: transports.Ref(1 + i), Room: roomOf(channel), Nick: "alice"})
		}
		p.Expect(t, "JOIN "+channel)
		p.Send(t, ":alice!a@h JOIN "+channel, ":irc.test 353 alice = "+channel+" :alice bob", ":irc.test 366 alice "+channel+" :end")
		await(t, h, func(e transports.Entered) bool { return e.Room == roomOf(channel) })
	}
	hear := func(line, want string) {
		t.Helper()
		p.Send(t, line)
		if m := await[transports.Message](t, h); m.Body != want {
			t.Errorf("%q is read %q, want %q", line, m.Body, want)
		}
	}
	hear(":bob!b@h PRIVMSG #west :\xb3\xf3d\xbc", "łódź")
	hear(":bob!b@h PRIVMSG #west :łódź", "łódź")
	hear(":bob!b@h PRIVMSG #east :\xcd\xc9\xd2", "мир")
	hear(":bob!b@h PRIVMSG alice :\xcd\xc9\xd2", "мир")
	hear(":bob!b@h PRIVMSG #modern :caf\xe9", "café")
	say := func(to transports.Target, body, want string) {
		t.Helper()
		do(t, s, transports.Send{Ref: 9, To: to, Body: body})
		if line := p.Expect(t, "PRIVMSG "); !strings.HasSuffix(line, ":"+want) {
			t.Errorf("%q is written %q, want %q", body, line, want)
		}
		if m := await[transports.Message](t, h); m.Body != body {
			t.Errorf("reflected %q, want %q", m.Body, body)
		}
	}
	say(roomOf("#west"), "łódź", "\xb3\xf3d\xbc")
	say(roomOf("#east"), "мир", "мир")
	err := wantKind(t, s.Do(t.Context(), transports.Send{Ref: 10, To: roomOf("#west"), Body: "5 €"}), transports.BadRequest)
	if !strings.Contains(err.Text, "ISO-8859-2, which has no “€”") {
		t.Errorf("got %q", err.Text)
	}
	wantKind(t, s.Do(t.Context(), transports.SetSubject{Ref: 10, Room: roomOf("#west"), Subject: "€"}), transports.BadRequest)
	// A long line is cut by what it takes on the wire, never within a character.
	long := strings.Repeat("łódź", 250)
	do(t, s, transports.Send{Ref: 11, To: roomOf("#west"), Body: long})
	var got strings.Builder
	for part := 0; got.Len() < len(long); part++ {
		line := p.Expect(t, "PRIVMSG ")
		if len(line) > 512-len("\r\n:alice!a@h ") || part == 0 && len(line) < 400 {
			t.Errorf("a line of %d bytes", len(line))
		}
		m := await[transports.Message](t, h)
		if !utf8.ValidString(m.Body) {
			t.Errorf("reflected %q", m.Body)
		}
		got.WriteString(m.Body)
	}
	if got.String() != long {
		t.Errorf("got %q", got.String())
	}

	// A change takes effect at once.
	settings.mu.Lock()
	settings.values[room("#west")] = map[string]string{SettingEncodingOut: "UTF-8"}
	settings.mu.Unlock()
	tr.SettingsChanged(t.Context(), alice, roomOf("#west"))
	say(roomOf("#west"), "5 €", "5 €")
}
