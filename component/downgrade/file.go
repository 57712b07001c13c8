package downgrade

import (
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"passerelle/component/stanza"
	"passerelle/transports"
)

// Namespaces of what refers to files.
const (
	NSOOB      = "jabber:x:oob"
	NSSharing  = "urn:xmpp:sfs:0"
	NSFile     = "urn:xmpp:file:metadata:0"
	NSURLData  = "http://jabber.org/protocol/url-data"
	nsKeyedSFS = "urn:xmpp:esfs:0"
)

// Bounds of what is said of files.
const (
	maxFiles    = 10
	maxFileName = 80 // bytes
)

// keyed finds the link to an encrypted file that has the key in it ("OMEMO media sharing").
var keyed = regexp.MustCompile(`(?i)aesgcm://\S`)

// hasKey reports whether a text has such a link. Nearly all have no link at all, which is seen sooner.
func hasKey(s string) bool { return strings.Contains(s, "://") && keyed.MatchString(s) }

// withFiles adds to a body the files that a message refers to, each on a line with its name and size. An address that the body has
// already is not said twice; where the body is nothing else, the line stands in its place.
func withFiles(m *stanza.Element, body string) (string, *transports.Error) {
	files := 0
	for share := range m.Children() {
		if !share.Is(NSSharing, "file-sharing") { // XEP-0447 §3.1
			continue
		}
		url, secret := source(share.Child(NSSharing, "sources"))
		line := describe(share.Child(NSFile, "file"))
		if files++; files > maxFiles {
			break
		}
		switch {
		case url == "" && secret:
			return "", keyRefused() // XEP-0448: the message has the key, which says nothing to anybody without one
		case url == "" && body == "":
			return "", notFetched()
		case url == "":
			// The body says what there is to say.
		case strings.TrimSpace(body) == url:
			body = line + url
		case !strings.Contains(body, url):
			body = strings.TrimSpace(body + "\n" + line + url)
		}
	}
	if url := oneWord(m.Child(NSOOB, "x").Child(NSOOB, "url").Text()); url != "" && !strings.Contains(body, url) {
		body = strings.TrimSpace(body + "\n" + url)
	}
	return body, nil
}

// source is the first address of a file that anybody can fetch, and whether there is one for people with a key (XEP-0448 §2.1).
func source(sources *stanza.Element) (url string, secret bool) {
	for s := range sources.Children() {
		switch {
		case s.Is(nsKeyedSFS, "encrypted"):
			secret = true
		case s.Is(NSURLData, "url-data"): // XEP-0103 §2.1
			target := oneWord(s.Attr("target"))
			if isWeb(target) {
				return target, false
			}
			secret = secret || hasKey(target)
		}
	}
	return "", secret
}

// describe says what a file is called and how large it is (XEP-0446 §3), with a space behind it; nothing where that is not known.
func describe(file *stanza.Element) string {
	name := cut(words(file.Child(NSFile, "name").Text()), maxFileName)
	if size, err := strconv.ParseInt(strings.TrimSpace(file.Child(NSFile, "size").Text()), 10, 64); err == nil && size >= 0 {
		name = strings.TrimSpace(name + " (" + transports.FormatSize(size) + ")")
	}
	if name == "" {
		return ""
	}
	return name + " "
}

// words are what somebody wrote as a name, on one line and without characters that nobody sees.
func words(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && !unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, s)
	return strings.Join(strings.Fields(s), " ")
}

func notFetched() *transports.Error {
	return transports.NewError(transports.Unsupported, "People outside of XMPP cannot fetch this file. Upload it and send its link.", nil)
}

// oneWord is an address without what would make it several words.
func oneWord(s string) string { return strings.Join(strings.Fields(s), "") }

// Secret refuses a subject that would show everybody the key of an encrypted file, or that comes with something encrypted.
func Secret(m *stanza.Element, subject string) *transports.Error {
	if hasKey(subject) {
		return keyRefused()
	}
	return Encrypted(m)
}

func keyRefused() *transports.Error {
	return transports.NewError(transports.Unsupported,
		"This file is encrypted, and to send its link here would show the key to everybody. Switch encryption off here and send the file again.", nil)
}
