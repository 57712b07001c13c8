package mailbridge

import (
	"strings"
	"testing"

	"passerelle/transports"
)

func bare(t testing.TB) *Transport {
	t.Helper()
	m, err := New(Options{Domain: "mail.example", Rules: Rules{Name: "Email", Domains: []Domain{{Name: "example.org", Users: "xmpp.example"}}}})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestParse(t *testing.T) {
	t.Parallel()
	m := bare(t)
	for local, want := range map[string]string{
		"bob@example.com": "bob@example.com", "bob%example.com": "bob@example.com", "Bob@EXAMPLE.com": "bob@example.com", "a%b@example.com": "a%b@example.com",
		"bob@münchen.example": "bob@münchen.example", "bob@xn--mnchen-3ya.example": "bob@münchen.example", "x-abcdefghijklmnopqrstuvwxyz": "x-abcdefghijklmnopqrstuvwxyz",
		`o'neil "jr"@example.com`: `o'neil "jr"@example.com`,
	} {
		got, err := m.Parse(local)
		if err != nil || got != contact(want) {
			t.Errorf("%q: %+v, %v", local, got, err)
		}
	}
	for _, local := range []string{"", "bob", "@example.com", "bob@", "bob@localhost@", "bob@[192.0.2.1]", "bob@1.2.3.4", "v@x.test> NOTIFY=NEVER", "a\r\n@b.example", strings.Repeat("x", 2000) + "@example.com"} {
		if got, err := m.Parse(local); err == nil {
			t.Errorf("%q is taken for %+v", local, got)
		} else if transports.AsError(err).Kind != transports.BadRequest {
			t.Errorf("%q: %v", local, err)
		}
	}
}

func TestFind(t *testing.T) {
	t.Parallel()
	m := bare(t)
	for _, said := range []string{"bob@example.com", " Bob@Example.com ", "Bob <bob@example.com>", "mailto:bob@example.com?subject=x", "bob%example.com"} {
		if got, err := m.Find("", said, transports.TargetDomain); err != nil || got != contact("bob@example.com") {
			t.Errorf("%q: %+v, %v", said, got, err)
		}
	}
	if _, err := m.Find("fr", "bob", transports.TargetContact); err == nil || !strings.Contains(err.Error(), "Écrivez") {
		t.Errorf("got %v", err)
	}
}

// FuzzParse: whatever stands in an address, what Parse makes of it has one name, and that leads back.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"bob@example.com", "bob%example.com", `a"b\c@d.example`, "x-abcdefghijklmnopqrstuvwxyz", "é@ß.example", "a@b@c.example", "İ@x.example", "%", "\xff@x.y"} {
		f.Add(s)
	}
	m := bare(f)
	f.Fuzz(func(t *testing.T, local string) {
		target, err := m.Parse(local)
		if err != nil {
			return
		}
		name := m.Format(target)
		again, err := m.Parse(name)
		if err != nil || again != target || len(transports.Escape(name)) > maxLocal {
			t.Errorf("%q is %+v, whose name %q is %+v, %v", local, target, name, again, err)
		}
	})
}
