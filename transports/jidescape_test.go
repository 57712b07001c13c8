package transports

import (
	"strings"
	"testing"
)

func TestEscape(t *testing.T) {
	t.Parallel()
	for plain, want := range map[string]string{
		"#go%net": "#go%net", "#b@byfoot%net": `#b\40byfoot%net`, "*!*@*%net": `*!*\40*%net`, "#a/b:c%n": `#a\2fb\3ac%n`,
		`a b"c&d'e<f>g`: `a\20b\22c\26d\27e\3cf\3eg`, `a\b%n`: `a\b%n`, `c\40d`: `c\5c40d`, `\`: `\`, `\5c`: `\5c5c`,
		"#café@x": `#café\40x`,
	} {
		if got := Escape(plain); got != want {
			t.Errorf("Escape(%q) = %q, want %q", plain, got, want)
		}
		if got := Unescape(want); got != plain {
			t.Errorf("Unescape(%q) = %q, want %q", want, got, plain)
		}
	}
}

// FuzzEscape checks that what was escaped can be read again, and has nothing that a local part may not have.
func FuzzEscape(f *testing.F) {
	for _, s := range []string{"#b@byfoot", `\40`, `\5c`, `\`, `\\40`, `a\`, " ", "é@", "\xff@"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		e := Escape(s)
		if got := Unescape(e); got != s {
			t.Fatalf("%q was escaped as %q and read as %q", s, e, got)
		}
		if strings.ContainsAny(e, " \"&'/:<>@") {
			t.Fatalf("%q was escaped as %q", s, e)
		}
	})
}
