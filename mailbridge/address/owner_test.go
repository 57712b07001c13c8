package address

import "testing"

func TestOwner(t *testing.T) {
	t.Parallel()
	for said, want := range map[string]string{
		"Me@Example.net":               "me@example.net",
		"me+a+b@example.net":           "me@example.net",
		"+me@example.net":              "+me@example.net",
		"me-a@example.net":             "me-a@example.net",
		"m.e@example.net":              "m.e@example.net",
		"M.e+x@googlemail.com":         "me@gmail.com",
		"me@gmail.com":                 "me@gmail.com",
		`"a b+c"@example.net`:          "a b@example.net",
		"Zoë+x@xn--bcher-kva.example":  "zoë@bücher.example",
		`"me+x@example.org"@gmail.com`: "me@gmail.com",
	} {
		m, err := Parse(said)
		if err != nil {
			t.Fatal(err)
		}
		if got := m.Owner(); got != want {
			t.Errorf("%s: got %s, want %s", said, got, want)
		}
	}
}

func TestOrganisation(t *testing.T) {
	t.Parallel()
	for domain, want := range map[string]string{
		"example.net": "example.net", "a.b.example.net": "example.net", "example.co.uk": "example.co.uk", "x.example.co.uk": "example.co.uk", "co.uk": "co.uk",
	} {
		if got := Organisation(domain); got != want {
			t.Errorf("%s: got %s, want %s", domain, got, want)
		}
	}
}
