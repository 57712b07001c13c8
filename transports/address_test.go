package transports

import (
	"errors"
	"strings"
	"testing"
)

func TestParseAddress(t *testing.T) {
	t.Parallel()
	tests := []struct {
		in   string
		want Address
		err  error
	}{
		{in: "localhost", want: Address{Domain: "localhost"}},
		{in: "Alice@LOCALHOST/Phone", want: Address{"alice", "localhost", "Phone"}},
		{in: "#go%irc.libera.chat@irc.example.org/nick/with@odd", want: Address{"#go%irc.libera.chat", "irc.example.org", "nick/with@odd"}},
		{in: "#CAFÉ%irc@d", want: Address{"#café%irc", "d", ""}},
		{in: "a♥b@evil.example/x", want: Address{"a♥b", "evil.example", "x"}},
		{in: "☃@under_score.example", want: Address{"☃", "under_score.example", ""}},
		{in: "x@d/zero\u200bwidth\ufeff", want: Address{"x", "d", "zero\u200bwidth\ufeff"}},
		{in: "x@d./r", want: Address{"x", "d", "r"}},
		{in: "x@[::1]", want: Address{"x", "[::1]", ""}},
		{in: "", err: ErrNoDomain},
		{in: ".", err: ErrNoDomain},
		{in: "/r", err: ErrNoDomain},
		{in: "x@", err: ErrNoDomain},
		{in: "@d", err: ErrEmptyLocal},
		{in: "d/", err: ErrEmptyResource},
		{in: "a@b@c", err: ErrBadCharacter},
		{in: "a b@c", err: ErrBadCharacter},
		{in: "a@b c", err: ErrBadCharacter},
		{in: "a\x00@b", err: ErrBadCharacter},
		{in: "a@b/\x1f", err: ErrBadCharacter},
		{in: "a@b/\u0085", err: ErrBadCharacter},
		{in: "a\xff@b", err: ErrBadCharacter},
		{in: "a@b/\ufffe", err: ErrBadCharacter},
		{in: strings.Repeat("a", 1024) + "@b", err: ErrPartTooLong},
		{in: "a@b/" + strings.Repeat("r", 1024), err: ErrPartTooLong},
		{in: strings.Repeat("a", 1023) + "@b", want: Address{strings.Repeat("a", 1023), "b", ""}},
	}
	for _, tt := range tests {
		got, err := ParseAddress(tt.in)
		if got != tt.want || !errors.Is(err, tt.err) {
			t.Errorf("ParseAddress(%.60q) = %+v, %v; want %+v, %v", tt.in, got, err, tt.want, tt.err)
		}
	}
}

// FuzzAddress checks that an address that was written and read again is the same address.
func FuzzAddress(f *testing.F) {
	for _, s := range []string{
		"localhost", "alice@localhost/Phone", "#café%irc.libera.chat@irc.example.org/n", "a♥b@evil.example", "x_y@a_b/\u200b", "ﬁ@d", "İ@d", "ẞ@D.",
		"a@b@c", "@", "/", "a@/", "\x00@d", "a\xff@d", "ﾊﾟ@d/ﾟ", "x@d..", strings.Repeat("İ", 400) + "@d",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := ParseAddress(s)
		if err != nil {
			if a != (Address{}) {
				t.Fatalf("%q: an address beside the error %v", s, err)
			}
			return
		}
		b, err := ParseAddress(a.String())
		if err != nil || b != a {
			t.Fatalf("%q was read as %+v, written as %q and read as %+v, %v", s, a, a.String(), b, err)
		}
		if got := string(a.Append(nil)); got != a.String() {
			t.Fatalf("Append writes %q, String %q", got, a.String())
		}
		if bare := a.Bare(); !bare.IsBare() || bare.WithResource(a.Resource) != a {
			t.Fatalf("%+v falls apart as %+v", a, bare)
		}
	})
}

func TestAsError(t *testing.T) {
	t.Parallel()
	if AsError(nil) != nil {
		t.Error("no error became one")
	}
	secret := errors.New("open /var/lib/secret: permission denied")
	if e := AsError(secret); e.Kind != Internal || e.Text != "" || !errors.Is(e, secret) {
		t.Errorf("an unclassified error became %+v", e)
	}
	typed := NewError(Conflict, "The name is taken.", secret)
	if e := AsError(errors.Join(typed)); e != typed {
		t.Errorf("a typed error became %+v", e)
	}
}
