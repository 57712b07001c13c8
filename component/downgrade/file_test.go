package downgrade

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"passerelle/component/stanza"
	"passerelle/transports"
)

func TestFiles(t *testing.T) {
	t.Parallel()
	const (
		url     = "https://files.example/x/summit.jpg"
		file    = `<file xmlns='urn:xmpp:file:metadata:0'><media-type>image/jpeg</media-type><name>summit.jpg</name><size>3032449</size></file>`
		oob     = `<x xmlns='jabber:x:oob'><url>` + url + `</url></x>`
		urlData = `<url-data xmlns='http://jabber.org/protocol/url-data' target='` + url + `'/>`
		jingle  = `<jinglepub xmlns='urn:xmpp:jinglepub:1' from='a@b/c' id='x'/>`
		keys    = `<encrypted xmlns='urn:xmpp:esfs:0' cipher='x'><key>SECRET</key><sources xmlns='urn:xmpp:sfs:0'>` + urlData + `</sources></encrypted>`
	)
	share := func(file, sources string) string {
		return `<file-sharing xmlns='urn:xmpp:sfs:0' disposition='inline'>` + file + `<sources>` + sources + `</sources></file-sharing>`
	}
	body := func(s string) string { return `<body>` + s + `</body>` }
	secret := fmt.Sprintf("refused (%v): %s", transports.Unsupported, keyRefused().Text)
	checkRead(t, map[string]struct{ in, want string }{
		"alone":                      {share(file, urlData), "summit.jpg (2.8 MiB) " + url},
		"its address as body":        {body(url) + share(file, urlData) + oob, "summit.jpg (2.8 MiB) " + url},
		"in a sentence":              {body("Photo: "+url) + share(file, urlData) + oob, "Photo: " + url},
		"beside words":               {body("look") + share(file, urlData) + oob, "look|summit.jpg (2.8 MiB) " + url},
		"nothing known":              {share("", urlData), url},
		"a size alone":               {share(`<file xmlns='urn:xmpp:file:metadata:0'><size>10</size></file>`, urlData), "(10 B) " + url},
		"a wrong size":               {share(`<file xmlns='urn:xmpp:file:metadata:0'><name>a</name><size>-1</size></file>`, urlData), "a " + url},
		"a name of lines":            {share("<file xmlns='urn:xmpp:file:metadata:0'><name>a\n QUIT\u202e</name></file>", urlData), "a QUIT " + url},
		"several sources":            {share(file, jingle+urlData), "summit.jpg (2.8 MiB) " + url},
		"several files":              {share(file, urlData) + share("", strings.Replace(urlData, "summit", "other", 1)), "summit.jpg (2.8 MiB) " + url + "|" + strings.Replace(url, "summit", "other", 1)},
		"no source for others":       {share(file, jingle), fmt.Sprintf("refused (%v): People outside of XMPP cannot fetch this file. Upload it and send its link.", transports.Unsupported)},
		"no source, but words":       {body("a file") + share(file, jingle), "a file"},
		"no address of the web":      {body("a file") + share(file, strings.Replace(urlData, "https", "file", 1)), "a file"},
		"an address of two words":    {share("", strings.Replace(urlData, "/x/", "/x&#10;QUIT/", 1)), "https://files.example/xQUIT/summit.jpg"},
		"a key for it":               {body("a file") + share(file, keys), secret},
		"a key, and without":         {share(file, keys+urlData), "summit.jpg (2.8 MiB) " + url},
		"a link with the key":        {body("aesgcm://files.example/x.jpg#0123"), secret},
		"a link with the key, aside": {body("look: AESGCM://files.example/x.jpg#0123 nice"), secret},
		"a link with the key, OOB":   {`<x xmlns='jabber:x:oob'><url>aesgcm://files.example/x.jpg#0123</url></x>`, secret},
		"a link with the key, SFS":   {share(file, strings.Replace(urlData, "https", "aesgcm", 1)), secret},
		"a key in a correction":      {body("aesgcm://a/b#c") + correct, secret},
		"a key in a reply":           {body("aesgcm://a/b#c") + replyTo, secret},
		"talk about the scheme":      {body("what is aesgcm:// good for?"), "what is aesgcm:// good for?"},
		"sources of another message": {`<sources xmlns='urn:xmpp:sfs:0'>` + urlData + `</sources>`, ""},
	})
}

// Whatever a message says of files, no link with a key goes out, and a file is one line.
func FuzzFiles(f *testing.F) {
	f.Add("look", "summit.jpg", "100", "https://files.example/x.jpg", "https://files.example/x.jpg")
	f.Add("", "a\nb", "-1", "aesgcm://a/b#c", "aes\ngcm://a/b#c")
	f.Add("aesgcm://", "x", "", "", "a/b#c")
	f.Fuzz(func(t *testing.T, body, name, size, target, url string) {
		var b stanza.Builder
		b.Start("message").Start("body").Text(body).End()
		b.StartNS("file-sharing", NSSharing)
		b.StartNS("file", NSFile).Start("name").Text(name).End().Start("size").Text(size).End().End()
		b.Start("sources").StartNS("url-data", NSURLData).Attr("target", target).End().End().End()
		b.StartNS("x", NSOOB).Start("url").Text(url).End().End().End()
		st, err := stanza.Parse(b.Bytes(), stanza.NSComponent, stanza.Limits{})
		if err != nil {
			return
		}
		defer st.Release()
		got := Read(st.Root, lookup)
		if !utf8.ValidString(got.Body) || keyed.MatchString(got.Body) || strings.Count(got.Body, "\n") > strings.Count(body, "\n")+2 {
			t.Errorf("got %q", got.Body)
		}
	})
}
