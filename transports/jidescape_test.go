package component

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
		if got := escape(plain); got != want {
			t.Errorf("escape(%q) = %q, want %q", plain, got, want)
		}
		if got := unescape(want); got != plain {
			t.Errorf("unescape(%q) = %q, want %q", want, got, plain)
		}
	}
}

// FuzzEscape checks that what was escaped can be read again, and has nothing that a local part may not have.
func FuzzEscape(f *testing.F) {
	for _, s := range []string{"#b@byfoot", `\40`, `\5c`, `\`, `\\40`, `a\`, " ", "é@", "\xff@"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		e := escape(s)
		if got := unescape(e); got != s {
			t.Fatalf("%q was escaped as %q and read as %q", s, e, got)
		}
		if strings.ContainsAny(e, " \"&'/:<>@") {
			t.Fatalf("%q was escaped as %q", s, e)
		}
	})
}
