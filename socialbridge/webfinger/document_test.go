package webfinger

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func sample(tb testing.TB, name string) []byte {
	tb.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// What GNU social says of somebody is the same in both forms.
func TestParseGNUSocial(t *testing.T) {
	t.Parallel()
	jrd, err := Parse(sample(t, "gnusocial.jrd"))
	if err != nil {
		t.Fatal(err)
	}
	xrd, err := Parse(sample(t, "gnusocial.xrd"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(jrd, xrd); diff != "" {
		t.Errorf("JSON and XML differ:\n%s", diff)
	}
	if jrd.Subject != "acct:bob@gs2.test" || !slices.Contains(jrd.Aliases, "https://gs2.test/user/1") {
		t.Errorf("names = %q", jrd.Names())
	}
	for rel, want := range map[string]string{
		RelFeed: "https://gs2.test/api/statuses/user_timeline/1.atom", RelSalmon: "https://gs2.test/main/salmon/user/1", RelProfile: "https://gs2.test/bob",
	} {
		if l, ok := jrd.Find(rel); !ok || l.Href != want {
			t.Errorf("%s is at %+v", rel, l)
		}
	}
	if l, ok := jrd.Find(RelKey); !ok || !strings.HasPrefix(l.Href, "data:application/magic-public-key,RSA.qKQg") {
		t.Errorf("the key is %+v", l)
	}
	if l, ok := jrd.Find(RelSubscribe); !ok || Expand(l.Template, "acct:a@b.example") != "https://gs2.test/main/ostatussub?profile=acct%3Aa%40b.example" {
		t.Errorf("subscribe is %+v", l)
	}
	for _, name := range []string{"hostmeta.xrd", "hostmeta.jrd"} {
		d, err := Parse(sample(t, name))
		if err != nil {
			t.Fatal(err)
		}
		if l, ok := d.Find(RelLRDD, TypeXRD); !ok || Expand(l.Template, "https://gs2.test/user/1") != "https://gs2.test/.well-known/webfinger?resource=https%3A%2F%2Fgs2.test%2Fuser%2F1" {
			t.Errorf("%s: lrdd is %+v", name, l)
		}
	}
}

func TestWriteIsRead(t *testing.T) {
	t.Parallel()
	want := &Document{
		Subject: "acct:alice@social.example", Aliases: []string{"https://social.example/u/alice", `a<&>"'`},
		Links: []Link{
			{Rel: RelFeed, Type: "application/atom+xml", Href: "https://social.example/u/alice.atom?a=1&b=2"},
			{Rel: RelSubscribe, Template: "https://social.example/authorize?uri={uri}"},
		},
	}
	for name, written := range map[string][]byte{"JRD": want.JRD(), "XRD": want.XRD()} {
		got, err := Parse(written)
		if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, written)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if s := string(want.JRD()); !strings.Contains(s, "a=1&b=2") {
		t.Errorf("a URL is escaped for no reason: %s", s)
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	root := `<XRD xmlns="` + nsXRD + `">`
	for name, s := range map[string]string{
		"nothing":        "",
		"text":           "no such user",
		"a page":         "<!DOCTYPE html><html><body>No such user found.</body></html>",
		"an XHTML page":  `<html xmlns="http://www.w3.org/1999/xhtml"/>`,
		"entities":       `<!DOCTYPE x [<!ENTITY a "b">]>` + root + `<Subject>&a;</Subject></XRD>`,
		"an entity":      root + `<Subject>&a;</Subject></XRD>`,
		"half":           root + `<Subject>a`,
		"two roots":      root + `</XRD>` + root + `</XRD>`,
		"depth":          root + strings.Repeat("<a>", 20) + strings.Repeat("</a>", 20) + `</XRD>`,
		"another set":    `<?xml version="1.0" encoding="EBCDIC"?>` + root + `</XRD>`,
		"wrong types":    `{"subject": 1}`,
		"links no list":  `{"links": {"rel": "x"}}`,
		"too large":      `{"subject": "` + strings.Repeat("a", MaxBytes) + `"}`,
		"a long string":  `{"subject": "` + strings.Repeat("a", maxString+1) + `"}`,
		"a long element": root + "<Subject>" + strings.Repeat("a", maxString+1) + "</Subject></XRD>",
	} {
		if d, err := Parse([]byte(s)); err == nil {
			t.Errorf("%s: %+v", name, d)
		}
	}
	d, err := Parse([]byte(`{"aliases": ["` + strings.Repeat(`a","`, 1000) + `"], "links": [` + strings.Repeat(`{"rel":"x"},`, 1000) + `{"rel":"x"}]}`))
	if err != nil || len(d.Aliases) != maxAliases || len(d.Links) != maxLinks {
		t.Errorf("%d aliases, %d links, %v", len(d.Aliases), len(d.Links), err)
	}
}

func TestPrefersXRD(t *testing.T) {
	t.Parallel()
	for accept, want := range map[string]bool{
		"": false, "*/*": false, "application/jrd+json": false, "application/json": false, "application/xrd+xml": true,
		"application/xrd+xml, application/jrd+json;q=0.5": true, "application/xrd+xml;q=0.5, application/jrd+json": false,
		"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8": true, "application/jrd+json, application/xrd+xml": false,
		"application/xrd+xml;q=0": false, "application/xrd+xml;q=x": false,
	} {
		if got := PrefersXRD(accept); got != want {
			t.Errorf("PrefersXRD(%q) = %v", accept, got)
		}
	}
}

func TestLinks(t *testing.T) {
	t.Parallel()
	for header, want := range map[string][]Link{
		`<https://gs2.test/.well-known/webfinger?resource=x>; rel="lrdd"; type="application/jrd+json"`: {
			{Rel: "lrdd", Type: "application/jrd+json", Href: "https://gs2.test/.well-known/webfinger?resource=x"},
		},
		`<https://a.example/hub>; rel=hub, <https://a.example/feed?a,b>; title="x\", <y>"; rel="self alternate"`: {
			{Rel: "hub", Href: "https://a.example/hub"}, {Rel: "self", Href: "https://a.example/feed?a,b"}, {Rel: "alternate", Href: "https://a.example/feed?a,b"},
		},
		`nonsense, <a>; REL=x; rel=y`: {{Rel: "x", Href: "a"}},
		`<a`:                          nil, `<a>`: nil, `<a>; rel="`: nil, `<a>; rel=x; type="\`: {{Rel: "x", Href: "a"}}, ",,,": nil,
	} {
		if diff := cmp.Diff(want, HeaderLinks([]string{header})); diff != "" {
			t.Errorf("%s: %s", header, diff)
		}
	}
	page := `<!DOCTYPE html><head><LINK REL="LRDD" type="application/xrd+xml" href=" /.well-known/webfinger?a=1&amp;b=2 "><link rel=alternate
		type=application/atom+xml href=/u/alice.atom><!-- <link rel=lrdd href=/commented> --></head><a rel=lrdd href=x>`
	want := []Link{
		{Rel: "lrdd", Type: "application/xrd+xml", Href: "/.well-known/webfinger?a=1&b=2"},
		{Rel: "alternate", Type: "application/atom+xml", Href: "/u/alice.atom"},
		{Rel: "lrdd", Href: "x"},
	}
	if diff := cmp.Diff(want, HTMLLinks([]byte(page))); diff != "" {
		t.Error(diff)
	}
	if u, err := Resolve("https://a.example/u/alice", "/x?a=1"); err != nil || u != "https://a.example/x?a=1" {
		t.Errorf("%s, %v", u, err)
	}
	for _, href := range []string{"javascript:alert(1)", "file:///etc/passwd", "https://", "http:a"} {
		if u, err := Resolve("https://a.example/u/alice", href); err == nil && !strings.HasPrefix(u, "http") {
			t.Errorf("%s leads to %s", href, u)
		}
	}
	if Expand("https://a.example/", "x") != "" {
		t.Error("a template without a place for a URI leads somewhere")
	}
}

func TestAcct(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]string{
		"alice@social.example": "alice@social.example", "acct:Alice@Social.Example": "alice@social.example", "@alice@social.example": "alice@social.example",
		" acct:alice%40social.example ": "alice@social.example", "alice@social.example.": "alice@social.example", "a.b-c@x.example:8443": "a.b-c@x.example:8443",
		"alice@bücher.example": "alice@xn--bcher-kva.example", "alice@social.example:443": "alice@social.example", "alice@[::1]:8443": "alice@[::1]:8443",
		"alice@ｓｏｃｉａｌ。example": "alice@social.example", "alice@127.0.0.1:8443": "alice@127.0.0.1:8443",
		// It looks like apple.example, and never is called so.
		"alice@аpple.example": "alice@xn--pple-43d.example",

		"": "", "alice": "", "@alice": "", "alice@": "", "@social.example": "", "acct:": "", "al ice@social.example": "", "alice@social example": "",
		"алиса@social.example": "", "alice@social.example/x": "", "alice@so_cial.example": "", "alice@a@b.example": "", "alice@social.example:0": "",
		"alice@social.example:https": "", "alice@social.example:123456": "", "acct:%zz@a.example": "", "alice%40a@b.example": "", "alice@a..example": "",
		"alice@social.example⁄x": "", "alice@\u202esocial.example": "", "alice@[::1": "", "alice@[x]": "",
		strings.Repeat("a", 65) + "@social.example": "",
	} {
		a, err := ParseAcct(s)
		if got := a.String(); err == nil && got != want || err != nil && want != "" {
			t.Errorf("ParseAcct(%q) = %q, %v, want %q", s, got, err, want)
		}
	}
}

func TestNodeInfo(t *testing.T) {
	t.Parallel()
	got := string(NodeInfo{Version: "1.0", Protocol: "ostatus", Users: 2, Posts: 30}.JSON("2.1"))
	want := `{"version":"2.1","software":{"name":"passerelle","version":"1.0"},"protocols":["ostatus"],"services":{"inbound":[],"outbound":["xmpp"]},` +
		`"openRegistrations":false,"usage":{"users":{"total":2},"localPosts":30},"metadata":{}}` + "\n"
	if got != want {
		t.Errorf("got\n%s, want\n%s", got, want)
	}
}
