package webfinger

import (
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// What is read is within the limits and, where XML has all of its characters, written and read again the same in both forms.
func FuzzParse(f *testing.F) {
	for _, name := range []string{"gnusocial.jrd", "gnusocial.xrd", "hostmeta.jrd", "hostmeta.xrd"} {
		f.Add(sample(f, name))
	}
	f.Add([]byte(`<!DOCTYPE x [<!ENTITY a "aaaa">]><XRD xmlns="` + nsXRD + `"><Subject>&a;&a;</Subject></XRD>`))
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := Parse(b)
		if err != nil {
			return
		}
		if len(d.Aliases) > maxAliases || len(d.Links) > maxLinks {
			t.Fatalf("%d aliases, %d links", len(d.Aliases), len(d.Links))
		}
		if len(d.JRD()) > MaxBytes {
			return
		}
		if again, err := Parse(d.JRD()); err != nil || cmp.Diff(len(d.Links), len(again.Links)) != "" || again.Subject != d.Subject {
			t.Errorf("%+v is written as %s: %v", d, d.JRD(), err)
		}
		if len(d.XRD()) > MaxBytes {
			return
		}
		if again, err := Parse(d.XRD()); err != nil || len(d.Links) != len(again.Links) {
			t.Errorf("%+v is written as %s: %v", d, d.XRD(), err)
		}
	})
}

func FuzzHeaderLinks(f *testing.F) {
	f.Add(`<https://a.example/>; rel="lrdd"; type="application/jrd+json", <b>;rel=x`)
	f.Add(`<a>;rel="x\`)
	f.Fuzz(func(t *testing.T, s string) {
		if n := len(HeaderLinks([]string{s})); n > maxLinks+maxDepth {
			t.Errorf("%d links", n)
		}
	})
}

func FuzzHTMLLinks(f *testing.F) {
	f.Add([]byte(`<head><link rel=lrdd href="/x"><link rel="alternate" type="application/atom+xml" href=x.atom>`))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, l := range HTMLLinks(b) {
			if len(l.Href) > maxString {
				t.Errorf("a link of %d bytes", len(l.Href))
			}
			if u, err := Resolve("https://a.example/", l.Href); err == nil && !strings.HasPrefix(u, "http") {
				t.Errorf("%q leads to %q", l.Href, u)
			}
		}
	})
}

// A name that is read is read again as it is written, and stands in a URL as it is.
func FuzzAcct(f *testing.F) {
	for _, s := range []string{"acct:alice@social.example", "@a@b.example:8443", "a@bücher.example", "a@[::1]"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := ParseAcct(s)
		if err != nil {
			return
		}
		if again, err := ParseAcct(a.URI()); err != nil || again != a {
			t.Errorf("%q is %v, and that %v, %v", s, a, again, err)
		}
		if u, err := url.Parse("https://" + a.Host + "/"); err != nil || u.Host != a.Host || u.Path != "/" || !utf8.ValidString(a.Host) {
			t.Errorf("%q has the host %q", s, a.Host)
		}
	})
}
