package webpage

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"testing"
)

func TestDocument(t *testing.T) {
	t.Parallel()
	var d Document
	d.Add(Markup(`<b title="`), `"<>&`, Markup(`">`), "</b><script>", 7)
	d.AddIf(true, "<i>")
	d.AddIf(false, "<u>")
	if got, want := d.String(), `<b title="&#34;&lt;&gt;&amp;">&lt;/b&gt;&lt;script&gt;7<i>`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestPolicy(t *testing.T) {
	t.Parallel()
	sum := sha256.Sum256([]byte("p{}"))
	got := Policy("p{}", "form-action 'self'")
	if !strings.HasPrefix(got, "default-src 'none'; style-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'; form-action 'self'; ") {
		t.Error(got)
	}
}

func TestLanguage(t *testing.T) {
	t.Parallel()
	for accept, want := range map[string]string{
		"": "en", "*": "en", "fr": "fr", "FR-ca": "fr", "en-GB, fr;q=0.9": "en", "fr;q=0.2, en;q=0.1": "fr", "de, it": "en", "de;q=1, fr;q=0.1": "fr",
		"fr;q=0, de": "en", "fr;q=2": "en", "fr;q=x, en": "en", "fr ; q=0.5": "fr", ",,;": "en",
	} {
		if got := Language(accept); got != want {
			t.Errorf("%q: got %q, want %q", accept, got, want)
		}
	}
}

func FuzzLanguage(f *testing.F) {
	for _, seed := range []string{"", "fr-CH, fr;q=0.9, en;q=0.8, de;q=0.7, *;q=0.5", ";q=", "fr;q=NaN", "fr;q=-0"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, accept string) {
		if got := Language(accept); got != "en" && got != "fr" {
			t.Errorf("%q: got %q", accept, got)
		}
	})
}
