package mailbridge

import (
	"strings"
	"testing"
)

// TestWarnings: what a user has to know of who wrote a mail stands above it, in his language, and nothing where there is nothing to say.
func TestWarnings(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, lang, raw, want string }{
		{"proven", "en", found(1, "juliet@example.com", bySignature), ""},
		{"its domain says nothing", "en", found(1, "juliet@unknown.example", blind), ""},
		{"not verified", "en", found(1, "juliet@example.com", byNothing), "⚠ Not verified: nothing shows that this is from example.com."},
		{"not verified", "fr", found(1, "juliet@example.com", byNothing), "⚠ Non vérifié : rien ne montre que ceci vient de example.com."},
		{"forged", "en", found(1, "juliet@strict.example", byNothing), "⚠ Probably forged: strict.example says that its own mail can be told apart, and this is not."},
		{"the DNS does not answer", "en", found(1, "juliet@broken.example", byNobody), "⚠ It could not be verified just now that this is from broken.example."},
		{
			"called as somebody else", "en",
			strings.Replace(found(1, "juliet@example.com", bySignature), "From: juliet@example.com", `From: "boss@bank.example" <juliet@example.com>`, 1),
			"⚠ The sender calls himself by the address of somebody else: boss@bank.example",
		},
		{
			"a link that lies", "en",
			strings.Replace(strings.Replace(found(1, "juliet@example.com", bySignature), "text/plain", "text/html", 1), "number 1", `number 1 <a href="https://evil.example/x">https://bank.example</a>`, 1),
			"⚠ A link leads elsewhere than it says: ",
		},
	} {
		t.Run(c.name+", "+c.lang, func(t *testing.T) {
			t.Parallel()
			r := judgedRig(t, StrangersPass)
			r.set(SettingLanguage, c.lang)
			r.accepted("juliet@example.com", c.raw, "romeo@example.org")
			var warnings []string
			for line := range strings.Lines(r.letter().Body) {
				if strings.HasPrefix(line, "⚠") {
					warnings = append(warnings, strings.TrimSpace(line))
				}
			}
			if got := strings.Join(warnings, "\n"); c.want == "" && got != "" || !strings.HasPrefix(got, c.want) || len(warnings) > 1 {
				t.Errorf("the warnings are %q, want %q", got, c.want)
			}
		})
	}
}
