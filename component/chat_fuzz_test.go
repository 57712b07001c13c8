package component

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"passerelle/transports"
)

// Whatever somebody writes while he fills in a form: what is taken is of a field that is no secret and passes the checks of that field
// (an answer that is required may still be missing), and what is shown has few lines.
func FuzzChat(f *testing.F) {
	for _, seed := range []string{
		"1 ally", "nick=ally the second", "colour 2", "3 perhaps", "pass hunter2", "many 1,red", "lines a, b", "jid xmpp:a@b/c", "jid @@",
		"-", "9999999999999999999", "= =", "0 x", "nick", "\x00 \xff", "ok", "“ok”", "more more", "é=é",
	} {
		f.Add(seed, false)
		f.Add(seed, true)
	}
	options := []transports.Option{{Value: "red", Label: "Red"}, {Value: "blue", Label: "Blue"}}
	f.Fuzz(func(t *testing.T, line string, single bool) {
		words := strings.Fields(line)
		if len(words) == 0 || !utf8.ValidString(line) {
			return
		}
		fields := []transports.Field{
			{Name: "nick", Label: "Nick"},
			{Name: "colour", Label: "Colour", Type: transports.FieldChoice, Options: options},
			{Name: "away", Label: "Away", Type: transports.FieldBool},
			{Name: "pass", Label: "Password", Type: transports.FieldSecret},
			{Name: "many", Label: "Many", Type: transports.FieldChoices, Options: options},
			{Name: "lines", Label: "Lines", Type: transports.FieldLines},
			{Name: "jid", Label: "JID", Type: transports.FieldAddress},
			{Name: "key", Label: "Key", Type: transports.FieldSecretLines},
		}
		if single {
			i := len(line) % len(fields)
			fields = fields[i : i+1]
		}
		c := &chatForm{x: &execution{}, form: &transports.Form{Title: "T", Fields: fields}, changes: transports.Values{}}
		readWord(words[0])
		for _, p := range append(pairs(words), words) {
			if wrong := c.take(p); wrong != "" {
				continue
			}
			for name, vs := range c.changes {
				field := fields[c.index(name)]
				if field.Type.Secret() {
					t.Fatalf("%q is taken as the secret %s", p, name)
				}
				if again, wrong := checkField(&field, vs); wrong != "" && strings.Join(vs, "") != "" || wrong == "" && !slices.Equal(again, vs) && len(vs) > 0 {
					t.Fatalf("%q gives %s the values %q, which a form would not take: %q %s", p, name, vs, again, wrong)
				}
			}
		}
		u := &user{}
		for range 3 {
			if shown := u.showPage(said{}, c); strings.Count(shown, "\n") >= chatLines {
				t.Fatalf("the page has many lines:\n%s", shown)
			}
			c.turn("", true)
		}
	})
}
