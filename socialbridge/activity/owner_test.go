package activity

import "testing"

// An id is of who has its authority, and of nobody else, however near his name is.
func TestOwns(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		uri, id string
		want    bool
	}{
		{"https://gs1.test/user/1", "tag:gs1.test,2026-11-21:noticeId=4:objectType=note", true},
		{"https://gs1.test/user/1", "https://gs1.test/n/1", true},
		{"https://gs1.test/user/1", "http://GS1.test./n/1", true},
		{"https://gs1.test/user/1", "https://gs1.test:443/n/1", true},
		{"http://gs1.test/user/1", "http://gs1.test:80/n/1", true},
		{"https://bücher.example/u/1", "https://xn--bcher-kva.example/n/1", true},
		{"https://bücher.example/u/1", "tag:xn--bcher-kva.example,2026:1", true},
		{"https://gs1.test:8443/user/1", "tag:gs1.test,2026:1", true},
		{"https://gs1.test:8443/user/1", "https://gs1.test:8443/n/1", true},
		{"https://gs1.test/user/1", "tag:alice@gs1.test,2026:1", true},
		{"https://social.example/u/1", "https://www.social.example/n/1", true},
		{"https://www.social.example/u/1", "tag:social.example,2026:1", true},
		{"https://[2001:db8::1]/u/1", "https://[2001:DB8::1]/n/1", true},

		// Other people of one host, each with a name of his own.
		{"https://eve.github.io/u/1", "https://alice.github.io/n/1", false},
		{"https://eve.github.io/u/1", "https://github.io/n/1", false},
		{"https://www.github.io/u/1", "https://github.io/n/1", false},
		{"https://github.io/u/1", "https://www.github.io/n/1", false},
		{"https://www.co.uk/u/1", "tag:co.uk,2026:1", false},
		{"https://eve.social.example/u/1", "https://social.example/n/1", false},
		{"https://eve.social.example/u/1", "tag:social.example,2026:1", false},
		{"https://social.example/u/1", "https://alice.social.example/n/1", false},
		{"https://social.example/u/1", "tag:alice.social.example,2026:1", false},
		{"https://eve.social.example/u/1", "tag:alice.social.example,2026:1", false},
		{"https://example/u/1", "https://social.example/n/1", false},
		{"https://evilgs1.test/u/1", "https://gs1.test/n/1", false},
		{"https://gs1.test/u/1", "https://gs1.test:8443/n/1", false},
		{"https://gs1.test:8443/u/1", "https://gs1.test/n/1", false},
		{"https://gs1.test:8443/u/1", "https://gs1.test:8444/n/1", false},
		{"https://gs1.test/u/1", "https://alice@gs1.test/n/1", false},
		{"https://gs1.test@eve.test/u/1", "https://gs1.test/n/1", false},
		{"https://gs1.test/u/1", "tag:gs1.test", false},
		{"https://gs1.test/u/1", "urn:uuid:1", false},
		{"https://gs1.test/u/1", "", false},
		{"", "", false},
		{"acct:alice@gs1.test", "tag:gs1.test,2026:1", false},
	} {
		if got := Owns(test.uri, test.id); got != test.want {
			t.Errorf("Owns(%q, %q) = %v", test.uri, test.id, got)
		}
	}
}

func TestOrganisation(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]string{
		"social.example": "social.example", "a.b.social.example": "social.example", "a.social.example:8443": "social.example", "alice.github.io": "alice.github.io",
		"x.alice.github.io": "alice.github.io", "github.io": "github.io", "127.0.0.1:80": "127.0.0.1:80", "[2001:db8::1]:80": "[2001:db8::1]:80", "": "",
	} {
		if got := Organisation(host); got != want {
			t.Errorf("Organisation(%q) = %q, want %q", host, got, want)
		}
	}
}

func FuzzOwns(f *testing.F) {
	f.Add("https://gs1.test/user/1", "tag:gs1.test,2026:1")
	f.Add("https://www.a.test/u", "http://a.test/n")
	f.Add("https://[::1]/u", "https://%zz/")
	f.Fuzz(func(t *testing.T, uri, id string) {
		if host, _ := hostOf(uri); Owns(uri, id) && host == "" {
			t.Errorf("%q owns %q and is nobody", uri, id)
		}
		if host, _ := hostOf(uri); host != "" && !Owns(uri, uri) {
			t.Errorf("%q does not own itself", uri)
		}
	})
}
