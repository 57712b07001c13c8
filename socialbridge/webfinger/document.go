package webfinger

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Document says who somebody is and where what is.
type Document struct {
	Subject string   `json:"subject,omitempty"`
	Aliases []string `json:"aliases,omitempty"`
	Links   []Link   `json:"links,omitempty"`
}

// Link says where something is: at Href, or at Template when something is put into that.
type Link struct {
	Rel      string `json:"rel"`
	Type     string `json:"type,omitempty"`
	Href     string `json:"href,omitempty"`
	Template string `json:"template,omitempty"`
}

// What links lead to.
const (
	RelProfile   = "http://webfinger.net/rel/profile-page"
	RelFeed      = "http://schemas.google.com/g/2010#updates-from"
	RelSalmon    = "salmon"
	RelReplies   = "http://salmon-protocol.org/ns/salmon-replies" // of StatusNet, as the next one
	RelMention   = "http://salmon-protocol.org/ns/salmon-mention"
	RelKey       = "magic-public-key"
	RelSubscribe = "http://ostatus.org/schema/1.0/subscribe"
	RelSelf      = "self"
	RelLRDD      = "lrdd" // RFC 6415 §3.1.1
)

// Types of the two forms.
const (
	TypeJRD = "application/jrd+json"
	TypeXRD = "application/xrd+xml"
)

// Limits of a document that somebody else wrote.
const (
	MaxBytes   = 256 << 10 // of all of it
	maxAliases = 64        // what is beyond them is not read
	maxLinks   = 256
	maxString  = 8 << 10 // bytes of one of its strings; a key of 16,384 bits has 2,740
	maxDepth   = 16
)

// Find is the first link of a relation, of one of the types if there are any; a link that does not say its type has every.
func (d *Document) Find(rel string, types ...string) (Link, bool) {
	for _, l := range d.Links {
		if l.Rel == rel && (len(types) == 0 || l.Type == "" || among(l.Type, types)) {
			return l, true
		}
	}
	return Link{}, false
}

// Names are its subject and its aliases.
func (d *Document) Names() []string {
	var all []string
	if d.Subject != "" {
		all = append(all, d.Subject)
	}
	return append(all, d.Aliases...)
}

func among(s string, all []string) bool {
	s, _, _ = strings.Cut(s, ";")
	for _, a := range all {
		if strings.EqualFold(strings.TrimSpace(s), a) {
			return true
		}
	}
	return false
}

// Parse reads a document in either form, whatever it was called: servers call a JRD application/json, and an XRD text/xml.
func Parse(body []byte) (*Document, error) {
	if len(body) > MaxBytes {
		return nil, fmt.Errorf("the document has more than %d bytes", MaxBytes)
	}
	body = bytes.TrimSpace(bytes.TrimPrefix(body, []byte("\ufeff")))
	var d *Document
	var err error
	switch {
	case len(body) == 0:
		return nil, errors.New("the document is empty")
	case body[0] == '{':
		d, err = parseJRD(body)
	case body[0] == '<':
		d, err = parseXRD(body)
	default:
		return nil, errors.New("the document is neither JSON nor XML")
	}
	if err != nil {
		return nil, err
	}
	return d, d.check()
}

// check keeps what is within the limits. Too long a string is a fault of the whole: cut, it would be another.
func (d *Document) check() error {
	d.Aliases = d.Aliases[:min(len(d.Aliases), maxAliases)]
	d.Links = d.Links[:min(len(d.Links), maxLinks)]
	all := d.Names()
	for _, l := range d.Links {
		all = append(all, l.Rel, l.Type, l.Href, l.Template)
	}
	for _, s := range all {
		if len(s) > maxString || !utf8.ValidString(s) {
			return fmt.Errorf("a string of the document has more than %d bytes, or is no text", maxString)
		}
	}
	return nil
}

// parseJRD reads JSON (RFC 7033 §4.4). What has another type than it should makes it no document: nobody can tell what it means.
func parseJRD(body []byte) (*Document, error) {
	d := new(Document)
	if err := json.Unmarshal(body, d); err != nil {
		return nil, errors.New("the document is no JRD") // the error of encoding/json repeats some of it
	}
	return d, nil
}

const nsXRD = "http://docs.oasis-open.org/ns/xri/xrd-1.0"

var errNoXRD = errors.New("the document is no XRD")

// parseXRD reads XML (XRD 1.0 §2). There are no DTD and no entities in it that XML has not by itself.
func parseXRD(body []byte) (*Document, error) {
	dec := xml.NewDecoder(bytes.NewReader(body))
	dec.CharsetReader = func(string, io.Reader) (io.Reader, error) { return nil, errNoXRD }
	d := new(Document)
	var depth int
	var text *strings.Builder // of the element of depth 2 that is being read
	var name string
	for {
		t, err := dec.Token()
		switch {
		case errors.Is(err, io.EOF) && d != nil && depth == 0 && name != "":
			return d, nil
		case err != nil:
			return nil, errNoXRD
		}
		switch t := t.(type) {
		case xml.Directive:
			return nil, errors.New("there is a DTD in the document")
		case xml.StartElement:
			if depth++; depth > maxDepth || depth == 1 && (t.Name.Space != nsXRD || t.Name.Local != "XRD" || name != "") {
				return nil, errNoXRD
			}
			if depth == 1 {
				name = "XRD"
			}
			if depth != 2 || t.Name.Space != nsXRD {
				continue
			}
			name = t.Name.Local
			switch name {
			case "Subject", "Alias":
				text = new(strings.Builder)
			case "Link":
				if len(d.Links) < maxLinks {
					d.Links = append(d.Links, xrdLink(t.Attr))
				}
			}
		case xml.CharData:
			if text != nil && depth == 2 && text.Len() <= maxString {
				text.Write(t)
			}
		case xml.EndElement:
			if depth--; depth != 1 || text == nil {
				continue
			}
			s := strings.TrimSpace(text.String())
			switch text = nil; {
			case name == "Subject" && d.Subject == "":
				d.Subject = s
			case name == "Alias" && len(d.Aliases) < maxAliases:
				d.Aliases = append(d.Aliases, s)
			}
		}
	}
}

func xrdLink(attrs []xml.Attr) Link {
	var l Link
	for _, a := range attrs {
		if a.Name.Space != "" {
			continue
		}
		switch a.Name.Local {
		case "rel":
			l.Rel = a.Value
		case "type":
			l.Type = a.Value
		case "href":
			l.Href = a.Value
		case "template":
			l.Template = a.Value
		}
	}
	return l
}

// JRD is the document as JSON.
func (d *Document) JRD() []byte { return writeJSON(d) }

func writeJSON(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // strings, numbers and what is made of them alone always are JSON
	}
	return b.Bytes()
}

// XRD is the document as XML.
func (d *Document) XRD() []byte {
	var b bytes.Buffer
	b.WriteString(xml.Header + `<XRD xmlns="` + nsXRD + "\">\n")
	element := func(name, s string) {
		b.WriteString(" <" + name + ">")
		escape(&b, s)
		b.WriteString("</" + name + ">\n")
	}
	if d.Subject != "" {
		element("Subject", d.Subject)
	}
	for _, a := range d.Aliases {
		element("Alias", a)
	}
	for _, l := range d.Links {
		b.WriteString(" <Link")
		for _, a := range [][2]string{{"rel", l.Rel}, {"type", l.Type}, {"href", l.Href}, {"template", l.Template}} {
			if a[1] != "" {
				b.WriteString(" " + a[0] + `="`)
				escape(&b, a[1])
				b.WriteString(`"`)
			}
		}
		b.WriteString("/>\n")
	}
	b.WriteString("</XRD>\n")
	return b.Bytes()
}

func escape(b *bytes.Buffer, s string) {
	if err := xml.EscapeText(b, []byte(s)); err != nil {
		panic(err) // a bytes.Buffer takes everything
	}
}

// PrefersXRD reports whether who sends such an Accept header wants XML rather than JSON, which is what WebFinger has for who does not say
// (RFC 7033 §10.2).
func PrefersXRD(accept string) bool {
	best, xrd := 0.0, false
	for i, part := range strings.Split(accept, ",") {
		if i == maxAliases {
			break
		}
		t, params, _ := strings.Cut(part, ";")
		q := quality(params)
		var is bool
		switch strings.ToLower(strings.TrimSpace(t)) {
		case TypeXRD, "application/xml", "text/xml":
			is = true
		case TypeJRD, "application/json", "application/*", "*/*":
		default:
			continue
		}
		if q > best {
			best, xrd = q, is
		}
	}
	return xrd
}
