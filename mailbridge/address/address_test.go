package address

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	t.Parallel()
	tests := []struct {
		in   string
		want Mailbox
		smtp string // without SMTPUTF8; empty for ErrNeedsUTF8
	}{
		{"bob@example.com", Mailbox{"bob", "example.com"}, "bob@example.com"},
		{"Bob.Smith+tag@Example.COM.", Mailbox{"Bob.Smith+tag", "example.com"}, "Bob.Smith+tag@example.com"},
		{`"john doe"@example.com`, Mailbox{"john doe", "example.com"}, `"john doe"@example.com`},
		{`"a\"b\\c"@example.com`, Mailbox{`a"b\c`, "example.com"}, `"a\"b\\c"@example.com`},
		{`"plain"@example.com`, Mailbox{"plain", "example.com"}, "plain@example.com"},
		{`"v@x.test> NOTIFY=NEVER"@example.com`, Mailbox{"v@x.test> NOTIFY=NEVER", "example.com"}, `"v@x.test> NOTIFY=NEVER"@example.com`},
		{"dots..in.places.@example.com", Mailbox{"dots..in.places.", "example.com"}, `"dots..in.places."@example.com`},
		{"bob@bücher.example", Mailbox{"bob", "bücher.example"}, "bob@xn--bcher-kva.example"},
		{"bob@xn--bcher-kva.example", Mailbox{"bob", "bücher.example"}, "bob@xn--bcher-kva.example"},
		{"jürgen@bücher.example", Mailbox{"jürgen", "bücher.example"}, ""},
		{"d'artagnan@example.com", Mailbox{"d'artagnan", "example.com"}, "d'artagnan@example.com"},
		{"user%other.example@example.com", Mailbox{"user%other.example", "example.com"}, "user%other.example@example.com"},
	}
	for _, tt := range tests {
		got, err := Parse(tt.in)
		if err != nil || got != tt.want {
			t.Errorf("Parse(%q) = %+v, %v, want %+v", tt.in, got, err, tt.want)
			continue
		}
		smtp, err := got.SMTPString(false)
		if smtp != tt.smtp || (err != nil) != (tt.smtp == "") {
			t.Errorf("SMTPString(%+v) = %q, %v, want %q", got, smtp, err, tt.smtp)
		}
		if again, err := Parse(got.String()); err != nil || again != got {
			t.Errorf("Parse(%q) = %+v, %v, want %+v again", got.String(), again, err, got)
		}
	}
	for _, bad := range []string{
		"", "@", "bob", "bob@", "@example.com", "bob@[192.0.2.1]", "bob@192.0.2.1", "bob@exa mple.com", "a b@example.com", "a>b@example.com",
		`"open@example.com`, `"a"b@example.com`, "bob@-example.com", "bob@example..com", "a\r\nb@example.com", "\"a\r\nRCPT\"@example.com", "a\x00@example.com",
		"a\u202eb@example.com", "\xff@example.com", strings.Repeat("a", 300) + "@example.com", "a@" + strings.Repeat("b.", 200) + "com", "bob@_dmarc.example.com",
	} {
		if got, err := Parse(bad); err == nil {
			t.Errorf("Parse(%q) = %+v, want an error", bad, got)
		}
	}
}

func TestParseLoose(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]Mailbox{
		"bob@example.com":                       {"bob", "example.com"},
		"bob%example.com":                       {"bob", "example.com"},
		"bob%example.com@relay.test":            {"bob%example.com", "relay.test"},
		"john doe@example.com":                  {"john doe", "example.com"},
		"v> notify=never@evil.test":             {"v> notify=never", "evil.test"},
		`bob\40example.com@example.org`:         {`bob\40example.com`, "example.org"},
		"100%%example.com":                      {"100%", "example.com"},
		"postmaster%" + "xn--bcher-kva.example": {"postmaster", "bücher.example"},
	} {
		if got, err := ParseLoose(in); err != nil || got != want {
			t.Errorf("ParseLoose(%q) = %+v, %v, want %+v", in, got, err, want)
		}
	}
	for _, bad := range []string{"", "bob", "bob%", "%example.com", "bob%-"} {
		if got, err := ParseLoose(bad); err == nil {
			t.Errorf("ParseLoose(%q) = %+v, want an error", bad, got)
		}
	}
}

func TestJIDLocal(t *testing.T) {
	t.Parallel()
	tests := []struct {
		in    Mailbox
		want  string
		exact bool
	}{
		{Mailbox{"Bob", "example.com"}, "bob@example.com", true},
		{Mailbox{"john doe", "example.com"}, "john doe@example.com", true},
		{Mailbox{"jürgen", "bücher.example"}, "jürgen@bücher.example", true},
		{Mailbox{"☃", "example.com"}, "x-", false},
		{Mailbox{strings.Repeat("a/", 128), "example.com"}, strings.Repeat("a/", 128) + "@example.com", true},
	}
	for _, tt := range tests {
		got, exact := tt.in.JIDLocal()
		if exact != tt.exact || exact && got != tt.want || !exact && !IsAlias(got) {
			t.Errorf("JIDLocal(%+v) = %q, %v, want %q, %v", tt.in, got, exact, tt.want, tt.exact)
		}
		if exact {
			back, err := ParseLoose(got)
			if again, _ := back.JIDLocal(); err != nil || again != got {
				t.Errorf("ParseLoose(%q) = %+v, %v, which does not lead back", got, back, err)
			}
		}
	}
}

// TestPlainMailboxes: what is taken for plain is what RFC 7622 leaves as it is.
func TestPlainMailboxes(t *testing.T) {
	t.Parallel()
	plain := 0
	for c := range 256 {
		for _, s := range []string{string([]byte{byte(c)}) + "@", "a" + string([]byte{byte(c)}) + "@x.example", strings.Repeat(string([]byte{byte(c)}), maxPlain)} {
			if !isPlain(s) {
				continue
			}
			plain++
			// RFC 7622 §3.3.1: something has to be left beside what is escaped.
			if got := mapsToItself(s); !got && strings.Trim(s, "@") != "" {
				t.Errorf("%.20q is taken for plain", s)
			}
		}
	}
	if plain != 3*(26+10+6) {
		t.Errorf("%d are plain", plain)
	}
}

func BenchmarkJIDLocal(b *testing.B) {
	m := Mailbox{Local: "juliet.capulet+news", Domain: "example.org"}
	b.ReportAllocs()
	for b.Loop() {
		if _, exact := m.JIDLocal(); !exact {
			b.Fatal("it has an alias")
		}
	}
}

func TestTokens(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	tokens, other := NewTokens([]byte("key")), NewTokens([]byte("another"))
	for _, row := range []int64{0, 1, 1<<62 + 5, -1} {
		for _, kind := range []TokenKind{TokenBounce, TokenReply, TokenLeave} {
			local := tokens.Local(kind, row, now)
			if len(local) > 64 { // RFC 5321 §4.5.3.1.1: some servers take no more
				t.Errorf("the local part %q is %d bytes long", local, len(local))
			}
			if k, r, err := tokens.Row(strings.ToUpper(local), now.Add(tokenDays*24*time.Hour)); err != nil || k != kind || r != row {
				t.Errorf("Row(%q) = %c, %d, %v, want %c, %d", local, k, r, err, kind, row)
			}
			if _, r, err := tokens.Row(local, now.Add((tokenDays+2)*24*time.Hour)); !errors.Is(err, ErrExpired) || r != row {
				t.Errorf("after %d days Row(%q) = %d, %v, want %d and ErrExpired", tokenDays+2, local, r, err, row)
			}
			if _, _, err := other.Row(local, now); !errors.Is(err, ErrToken) {
				t.Errorf("with another key Row(%q) gives %v, want ErrToken", local, err)
			}
			swapped := string("brl"[strings.IndexByte("rlb", local[0])]) + local[1:]
			if _, _, err := tokens.Row(swapped, now); !errors.Is(err, ErrToken) {
				t.Errorf("Row(%q) gives %v, want ErrToken: it is of the other kind", swapped, err)
			}
			for i := 2; i < len(local); i++ {
				c := byte('a')
				if local[i] == c {
					c = 'b'
				}
				if _, _, err := tokens.Row(local[:i]+string(c)+local[i+1:], now); !errors.Is(err, ErrToken) {
					t.Errorf("Row with another character %d gives %v, want ErrToken", i, err)
				}
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"bob@example.com", `"a\"b"@example.com`, "bob@bücher.example", "v> NOTIFY=NEVER@x.test", "a%b@c.example", "☃@example.com"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, parse := range []func(string) (Mailbox, error){Parse, ParseLoose} {
			m, err := parse(s)
			if err != nil {
				continue
			}
			if again, err := Parse(m.String()); err != nil || again != m {
				t.Errorf("Parse(%q) = %+v, %v, want %+v", m.String(), again, err, m)
			}
			for _, utf8 := range []bool{false, true} {
				smtp, err := m.SMTPString(utf8)
				if err == nil && injects(smtp) {
					t.Errorf("SMTPString(%+v) = %q ends the argument that it stands in", m, smtp)
				}
			}
			if local, exact := m.JIDLocal(); exact {
				if back, err := ParseLoose(local); err != nil {
					t.Errorf("ParseLoose(%q) = %+v, %v", local, back, err)
				}
			} else if !IsAlias(local) {
				t.Errorf("JIDLocal(%+v) = %q is neither exact nor an alias", m, local)
			}
		}
	})
}

// injects reports whether a path would end within s: a bracket, a space or a control outside of quotes.
func injects(s string) bool {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c < ' ' || c == 0x7f:
			return true
		case c == '\\' && quoted:
			i++
		case c == '"':
			quoted = !quoted
		case (c == '>' || c == '<' || c == ' ') && !quoted:
			return true
		}
	}
	return quoted
}

func FuzzTokens(f *testing.F) {
	tokens, now := NewTokens([]byte("key")), time.Unix(1_800_000_000, 0)
	f.Add(tokens.Local(TokenBounce, 7, now))
	f.Add("b+aaaa")
	f.Fuzz(func(t *testing.T, local string) {
		kind, row, err := tokens.Row(local, now)
		if err == nil && tokens.Local(kind, row, now) != strings.ToLower(local) {
			// Another day within the month is right as well.
			if _, _, err := tokens.Row(local, now.Add((tokenDays+1)*24*time.Hour)); err == nil {
				t.Errorf("Row(%q) = %c, %d, which Local writes otherwise", local, kind, row)
			}
		}
	})
}

func TestMentionsToken(t *testing.T) {
	t.Parallel()
	local := NewTokens([]byte("key")).Local(TokenReply, 7, time.Unix(1_800_000_000, 0))
	for text, want := range map[string]bool{
		"Juliet <" + local + "@example.org> wrote:": true, local + "@x": true, "mailto:" + strings.ToUpper(local) + "@x": true,
		local: false, local[1:] + "@x": false, local[:30] + "@x": false, "a+b@example.org": false, "": false, "+": false,
	} {
		if got := MentionsToken(text); got != want {
			t.Errorf("%q mentions one: %v, want %v", text, got, want)
		}
	}
}
