package webpage

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"html"
	"strconv"
)

// Markup is HTML that is written in the program, or cleaned by it. Everything else is a string, and goes into a document escaped.
//
// This takes the place of html/template: with that in a program the linker keeps all exported methods of all packages, since a template may
// name any of them, and they were a tenth of passerelle.
type Markup string

// Document is a page that is being written.
type Document struct{ bytes.Buffer }

// Add writes markup as it is, and text escaped, which is safe between elements and in attributes between quotes.
func (d *Document) Add(parts ...any) {
	for _, part := range parts {
		switch part := part.(type) {
		case Markup:
			d.WriteString(string(part))
		case string:
			d.WriteString(html.EscapeString(part))
		case int:
			d.WriteString(strconv.Itoa(part))
		}
	}
}

// AddIf writes markup if something is so.
func (d *Document) AddIf(so bool, m Markup) {
	if so {
		d.Add(m)
	}
}

// Policy lets a page have its own style, and nothing else but what more says: neither scripts nor anything of other sites (Content Security
// Policy Level 3).
func Policy(style, more string) string {
	sum := sha256.Sum256([]byte(style))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; " + more + "; base-uri 'none'; frame-ancestors 'none'"
}
