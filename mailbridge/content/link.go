package content

import (
	"net/url"
	"strings"
	"unicode"

	"golang.org/x/net/publicsuffix"
)

// linkWarning stands between the text of a link and where it leads, where the text names another host.
const linkWarning = " ⚠"

// link writes where a link leads, behind its text.
func (rd *renderer) link(e openTag) {
	if e.href == "" {
		return
	}
	text, whole := visible(rd.out[e.start:])
	shown := e.href
	for _, scheme := range []string{"mailto:", "tel:", "sms:"} {
		if rest, ok := strings.CutPrefix(shown, scheme); ok {
			rest, _, _ = strings.Cut(rest, "?")
			if u, err := url.PathUnescape(rest); err == nil {
				rest = cleanLine(u)
			}
			if strings.EqualFold(digits(text, scheme), digits(rest, scheme)) || rest == "" {
				return
			}
			shown = rest
		}
	}
	if text == "" {
		if e.image && len(rd.images) < maxImages && shown != rd.last {
			rd.images = append(rd.images, shown)
			rd.last = shown
		}
		return
	}
	if whole && sameURL(text, shown) {
		rd.last = shown
		return
	}
	warn := ""
	if whole {
		if host := hostOf(text); host != "" && strings.HasPrefix(shown, "http") {
			if to := urlHost(shown); to != "" && !sameSite(host, to) {
				warn = linkWarning
				if rd.r != nil {
					rd.r.m.odd(OddLink, to)
				}
			}
		}
	}
	if warn == "" && shown == rd.last && strings.HasPrefix(shown, "http") { // title, picture and "read more" of one article
		return
	}
	rd.last = shown
	// The link belongs to the last line of its text.
	end := len(rd.out)
	for end > e.start && (rd.out[end-1] <= markSpace || rd.out[end-1] == ' ' || rd.out[end-1] == '\n') {
		end--
	}
	tail := string(rd.out[end:])
	rd.out = append(rd.out[:end], warn...)
	rd.out = append(rd.out, " <"...)
	rd.out = append(rd.out, shown...)
	rd.out = append(rd.out, '>')
	rd.out = append(rd.out, tail...)
}

// digits is text without what people put between the digits of a telephone number, where it is one.
func digits(s, scheme string) string {
	if scheme == "mailto:" {
		return s
	}
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(" -/().\u00a0", r) {
			return -1
		}
		return r
	}, s)
}

// visible is the text of a piece of the stream, without marks; whole is false where there is more than is compared.
func visible(stream []byte) (text string, whole bool) {
	var b strings.Builder
	space := false
	for i := 0; i < len(stream); i++ {
		c := stream[i]
		switch {
		case c >= markStyle && c <= markItem:
			i++
		case c <= ' ':
			space = b.Len() > 0
		default:
			if space {
				b.WriteByte(' ')
				space = false
			}
			b.WriteByte(c)
			if b.Len() > maxLinkText {
				return b.String(), false
			}
		}
	}
	return b.String(), true
}

// cleanURL is a URL that people can follow, as it is shown; empty where it leads nowhere. What other servers put around links is taken off.
func cleanURL(s string) string {
	s = strings.Map(func(r rune) rune {
		if r <= ' ' || !kept(r) || reorders(r) || unicode.IsSpace(r) {
			if r == ' ' {
				return r
			}
			return -1
		}
		return r
	}, strings.ToValidUTF8(strings.TrimSpace(s), ""))
	if strings.ContainsAny(s, " <>") {
		s = strings.NewReplacer(" ", "%20", "<", "%3C", ">", "%3E").Replace(s)
	}
	if len(s) > maxURL {
		return ""
	}
	scheme, rest, ok := strings.Cut(s, ":")
	if !ok || rest == "" {
		return ""
	}
	scheme = strings.ToLower(scheme)
	switch scheme {
	case "http", "https":
		if !strings.HasPrefix(rest, "//") || len(rest) < 4 {
			return ""
		}
		return unwrap(scheme + ":" + rest)
	case "mailto", "tel", "sms", "xmpp", "ftp", "geo", "matrix", "irc", "ircs", "sip", "webcal":
		return scheme + ":" + rest
	}
	return ""
}

// unwrap takes off what mail servers and mail programs put around links, which hides from people where they lead.
func unwrap(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return s
	}
	host := strings.ToLower(u.Hostname())
	inner := ""
	switch {
	case strings.HasSuffix(host, ".safelinks.protection.outlook.com"):
		inner = u.Query().Get("url")
	case host == "www.google.com" && u.Path == "/url":
		if inner = u.Query().Get("q"); inner == "" {
			inner = u.Query().Get("url")
		}
	case (host == "urldefense.com" || host == "urldefense.proofpoint.com") && strings.HasPrefix(u.Path, "/v3/__"):
		inner, _, _ = strings.Cut(strings.TrimPrefix(s[strings.Index(s, "/v3/__"):], "/v3/__"), "__;")
		if strings.Contains(inner, "*") { // characters that are elsewhere
			inner = ""
		}
	}
	if !strings.HasPrefix(inner, "http://") && !strings.HasPrefix(inner, "https://") || strings.ContainsAny(inner, " <>\"") || cleanLine(inner) != inner {
		return s
	}
	return inner
}

// sameURL reports whether a text is the URL that it leads to, as people write it.
func sameURL(text, href string) bool {
	bare := func(s string) string {
		s = strings.ToLower(strings.Trim(s, "<>()[] "))
		s = strings.TrimPrefix(s, "https://")
		s = strings.TrimPrefix(s, "http://")
		s = strings.TrimPrefix(s, "mailto:")
		return strings.TrimSuffix(s, "/")
	}
	t, h := bare(text), bare(href)
	if t == h {
		return true
	}
	if u, err := url.PathUnescape(h); err == nil && u == t {
		return true
	}
	return !strings.HasPrefix(t, "www.") && "www."+t == h
}

// hostOf is the host that a text names which looks like a URL or a host; empty where it does not.
func hostOf(text string) string {
	t := strings.ToLower(strings.Trim(text, "<>()[]\"'.,:;! "))
	scheme := false
	for _, p := range []string{"https://", "http://"} {
		if rest, ok := strings.CutPrefix(t, p); ok {
			t, scheme = rest, true
		}
	}
	if strings.ContainsAny(t, " @") {
		if !scheme {
			return ""
		}
		t, _, _ = strings.Cut(t, " ")
	}
	end := strings.IndexAny(t, "/?#:")
	path := end >= 0
	if path {
		t = t[:end]
	}
	dot := strings.LastIndexByte(t, '.')
	if dot <= 0 || dot == len(t)-1 {
		return ""
	}
	if scheme || strings.HasPrefix(t, "www.") {
		return t
	}
	switch t[dot+1:] { // names of files and programs
	case "md", "py", "sh", "rs", "pl", "cc", "ps", "so", "zip", "mov", "app":
		if !path {
			return ""
		}
	}
	if _, icann := publicsuffix.PublicSuffix(t); !icann {
		return ""
	}
	return t
}

func urlHost(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return ""
	}
	return strings.ToLower(u.Hostname())
}

// sameSite reports whether two hosts belong to one owner, as far as names say.
func sameSite(a, b string) bool {
	a, b = strings.TrimSuffix(a, "."), strings.TrimSuffix(b, ".")
	if a == b {
		return true
	}
	x, err1 := publicsuffix.EffectiveTLDPlusOne(a)
	y, err2 := publicsuffix.EffectiveTLDPlusOne(b)
	return err1 == nil && err2 == nil && x == y
}

func hasLetter(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) })
}

// looksFileName reports whether the text of a picture is but the name of its file.
func looksFileName(s string) bool {
	s = strings.ToLower(s)
	if strings.Contains(s, " ") {
		return false
	}
	for _, ext := range []string{".png", ".jpg", ".jpeg", ".gif", ".webp", ".svg", ".bmp"} {
		if strings.HasSuffix(s, ext) {
			return true
		}
	}
	return s == "image" || s == "img" || s == "logo" || s == "spacer" || s == "bild" || s == "photo"
}
