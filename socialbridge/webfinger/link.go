package webfinger

import (
	"bytes"
	"errors"
	"io"
	"net/url"
	"strconv"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// quality is the weight among the parameters of an Accept header (RFC 9110 §12.4.2).
func quality(params string) float64 {
	for p := range strings.SplitSeq(params, ";") {
		if v, ok := strings.CutPrefix(strings.TrimSpace(p), "q="); ok {
			if q, err := strconv.ParseFloat(v, 64); err == nil && q >= 0 && q <= 1 {
				return q
			}
			return 0
		}
	}
	return 1
}

// Expand is where a template leads with a URI in it (RFC 6415 §3.1.1.1); empty where there is no place for one.
func Expand(template, uri string) string {
	before, after, ok := strings.Cut(template, "{uri}")
	if !ok {
		return ""
	}
	return before + url.QueryEscape(uri) + after
}

// HeaderLinks reads Link headers (RFC 8288 §3). What is no link is passed over. A link of several relations is one of each.
func HeaderLinks(values []string) []Link {
	var all []Link
	for _, v := range values[:min(len(values), maxLinks)] {
		for v = strings.TrimLeft(v, " \t,"); v != "" && len(all) < maxLinks; v = strings.TrimLeft(v, " \t,") {
			var links []Link
			if links, v = headerLink(v); len(links) > 0 {
				all = append(all, links...)
			}
		}
	}
	return all
}

// headerLink reads one link and returns what follows it.
func headerLink(s string) (links []Link, rest string) {
	inside, ok := strings.CutPrefix(s, "<")
	if !ok {
		_, rest, _ = strings.Cut(s, ",")
		return nil, rest
	}
	href, rest, ok := strings.Cut(inside, ">")
	if !ok || len(href) > maxString {
		return nil, rest
	}
	l := Link{Href: strings.TrimSpace(href)}
	var rels string
	for {
		rest = strings.TrimLeft(rest, " \t")
		after, ok := strings.CutPrefix(rest, ";")
		if !ok {
			break
		}
		var name, value string
		name, value, rest = parameter(after)
		switch {
		case name == "rel" && rels == "":
			rels = value
		case name == "type" && l.Type == "":
			l.Type = value
		}
	}
	for i, rel := range strings.Fields(rels) {
		if i == maxDepth {
			break
		}
		l.Rel = rel
		links = append(links, l)
	}
	return links, rest
}

// parameter reads name=value or name="value", and returns what follows it.
func parameter(s string) (name, value, rest string) {
	end := strings.IndexAny(s, "=;,")
	if end < 0 {
		return strings.ToLower(strings.TrimSpace(s)), "", ""
	}
	name = strings.ToLower(strings.TrimSpace(s[:end]))
	if s[end] != '=' {
		return name, "", s[end:]
	}
	s = strings.TrimLeft(s[end+1:], " \t")
	if !strings.HasPrefix(s, `"`) {
		if end = strings.IndexAny(s, ";,"); end < 0 {
			end = len(s)
		}
		return name, strings.TrimSpace(s[:end]), s[end:]
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '"':
			return name, b.String(), s[i+1:]
		case '\\':
			if i++; i == len(s) {
				return name, b.String(), ""
			}
		}
		b.WriteByte(s[i])
	}
	return name, b.String(), ""
}

// HTMLLinks are the links of a page, in its head or wherever they stand; relative ones as they are. Relations are in lower case.
func HTMLLinks(page []byte) []Link {
	var all []Link
	z := html.NewTokenizer(bytes.NewReader(page))
	z.SetMaxBuf(2 * maxString)
	for len(all) < maxLinks {
		switch z.Next() {
		case html.ErrorToken:
			return all // at its end, or where it is none any more
		case html.StartTagToken, html.SelfClosingTagToken:
			if t := z.Token(); t.DataAtom == atom.Link || t.DataAtom == atom.A {
				all = append(all, htmlLink(t.Attr)...)
			}
		}
	}
	return all
}

func htmlLink(attrs []html.Attribute) []Link {
	var l Link
	var rels []string
	for _, a := range attrs {
		if len(a.Val) > maxString {
			return nil
		}
		switch a.Key {
		case "rel":
			rels = strings.Fields(strings.ToLower(a.Val))
		case "href":
			l.Href = strings.TrimSpace(a.Val)
		case "type":
			l.Type = strings.ToLower(strings.TrimSpace(a.Val))
		}
	}
	var all []Link
	for _, rel := range rels[:min(len(rels), maxDepth)] {
		l.Rel = rel
		all = append(all, l)
	}
	return all
}

var errNoURL = errors.New("it is no http or https URL")

// Resolve is where a link of a document at a URL leads.
func Resolve(base, href string) (string, error) {
	b, err := url.Parse(base)
	if err != nil {
		return "", errNoURL
	}
	u, err := b.Parse(href)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return "", errNoURL
	}
	return u.String(), nil
}

// ReadAll reads a document, up to MaxBytes.
func ReadAll(r io.Reader) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, MaxBytes+1))
	if err == nil && len(b) > MaxBytes {
		err = errors.New("the document is too large")
	}
	return b, err
}
