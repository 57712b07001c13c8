package content

import (
	"bytes"
	"strconv"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"passerelle/transports"
)

// skipped are elements whose content nobody reads.
var skipped = map[atom.Atom]bool{
	atom.Script: true, atom.Style: true, atom.Title: true, atom.Template: true, atom.Svg: true, atom.Math: true, atom.Object: true, atom.Applet: true,
	atom.Audio: true, atom.Video: true, atom.Iframe: true, atom.Noembed: true, atom.Noframes: true, atom.Select: true, atom.Textarea: true, atom.Datalist: true,
	atom.Canvas: true, atom.Map: true, atom.Xmp: true,
}

// blocks are elements that begin and end lines, or paragraphs.
var blocks = map[atom.Atom]byte{
	atom.Div: markBlock, atom.Table: markBlock, atom.Tr: markBlock, atom.Li: markBlock, atom.Ul: markBlock, atom.Ol: markBlock, atom.Dt: markBlock, atom.Dd: markBlock,
	atom.Center: markBlock, atom.Section: markBlock, atom.Article: markBlock, atom.Header: markBlock, atom.Footer: markBlock, atom.Main: markBlock, atom.Nav: markBlock,
	atom.Aside: markBlock, atom.Address: markBlock, atom.Fieldset: markBlock, atom.Form: markBlock, atom.Caption: markBlock, atom.Figcaption: markBlock,
	atom.Thead: markBlock, atom.Tbody: markBlock, atom.Tfoot: markBlock, atom.Details: markBlock, atom.Summary: markBlock, atom.Legend: markBlock,
	atom.P: markPara, atom.Blockquote: markPara, atom.Pre: markPara, atom.Dl: markPara, atom.Figure: markPara, atom.Listing: markPara,
	atom.H1: markPara, atom.H2: markPara, atom.H3: markPara, atom.H4: markPara, atom.H5: markPara, atom.H6: markPara,
}

// styles are elements that say how text looks.
var styles = map[atom.Atom]transports.Style{
	atom.B: transports.StyleBold, atom.Strong: transports.StyleBold,
	atom.H1: transports.StyleBold, atom.H2: transports.StyleBold, atom.H3: transports.StyleBold, atom.H4: transports.StyleBold, atom.H5: transports.StyleBold, atom.H6: transports.StyleBold,
	atom.I: transports.StyleItalic, atom.Em: transports.StyleItalic, atom.Cite: transports.StyleItalic, atom.Dfn: transports.StyleItalic, atom.Var: transports.StyleItalic,
	atom.S: transports.StyleStrike, atom.Del: transports.StyleStrike, atom.Strike: transports.StyleStrike,
	atom.U: transports.StyleUnderline, atom.Ins: transports.StyleUnderline,
	atom.Code: transports.StyleMono, atom.Pre: transports.StyleMono, atom.Kbd: transports.StyleMono, atom.Samp: transports.StyleMono, atom.Tt: transports.StyleMono,
}

// attributes are what the attributes of an element say.
type attributes struct {
	href, alt, src string
	classes, id    string
	hidden         bool
	tiny           bool // a picture that counts readers
	tight          bool // a paragraph without space around it
	indent         bool // a quote that is none
	start          int
	set, clear     transports.Style
	cite           bool // it repeats another mail
	citeRest       bool // everything behind it does
	sig            bool
}

// maxAttribute bounds what is read of an attribute.
const maxAttribute = 4 << 10

func readAttributes(z *html.Tokenizer, more bool) (a attributes) {
	for more {
		var key, value []byte
		key, value, more = z.TagAttr()
		if len(value) > maxAttribute {
			if bytes.Equal(key, []byte("href")) || bytes.Equal(key, []byte("src")) {
				continue
			}
			value = value[:maxAttribute]
		}
		switch string(key) {
		case "href":
			a.href = string(value)
		case "alt":
			a.alt = string(value)
		case "src":
			a.src = string(value)
		case "hidden":
			a.hidden = true
		case "aria-hidden": // icons, and previews
		case "class":
			a.classes = string(value)
			a.readClasses()
		case "id":
			a.id = string(value)
			a.readID()
		case "width", "height":
			if n, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(string(value)), "px")); err == nil && n <= 2 {
				a.tiny = true
			}
		case "start":
			if n, err := strconv.Atoi(string(value)); err == nil && n > 0 && n < 1e6 {
				a.start = n
			}
		case "type":
			if bytes.EqualFold(value, []byte("cite")) {
				a.indent = false
			}
		case "name":
			if bytes.Equal(value, []byte("quote")) { // GMX, web.de
				a.cite = true
			}
		case "style":
			a.readStyle(string(value))
		}
	}
	return a
}

// readClasses knows the classes of mail programs. Those that answer in Outlook's Web put "x_" before what others wrote.
func (a *attributes) readClasses() {
	for c := range strings.FieldsSeq(a.classes) {
		switch strings.TrimPrefix(c, "x_") {
		case "gmail_quote", "gmail_quote_container", "yahoo_quoted", "protonmail_quote", "zmail_extra", "tutanota_quote", "moz-cite-prefix",
			"OutlookMessageHeader", "ms-outlook-mobile-reference-message":
			a.cite = true
		case "gmail_signature", "moz-signature", "protonmail_signature_block", "tutanota_signature", "ms-outlook-mobile-signature":
			a.sig = true
		case "MsoNormal", "MsoPlainText", "MsoListParagraph", "MsoNoSpacing", "MsoListParagraphCxSpFirst", "MsoListParagraphCxSpMiddle", "MsoListParagraphCxSpLast":
			a.tight = true
		}
	}
}

// readID knows the ids that mail programs give.
func (a *attributes) readID() {
	switch strings.TrimPrefix(a.id, "x_") {
	case "divRplyFwdMsg", "appendonsend", "mail-editor-reference-message-container", "reply-intro", "oriMsgHtmlSeperator", "OLK_SRC_BODY_SECTION":
		a.citeRest = strings.TrimPrefix(a.id, "x_") == a.id
	case "ms-outlook-mobile-signature", "AppleMailSignature", "Signature", "ymail_android_signature":
		a.sig = true
	}
}

// readStyle reads what of an element's style matters: whether it is shown, and how its text looks.
func (a *attributes) readStyle(s string) {
	var font, height, width, overflow, above, below string
	for d := range strings.SplitSeq(s, ";") {
		name, value, ok := strings.Cut(d, ":")
		if !ok {
			continue
		}
		name = strings.ToLower(strings.TrimSpace(name))
		value = strings.ToLower(strings.TrimSpace(value))
		value = strings.TrimSpace(strings.TrimSuffix(value, "!important"))
		switch name {
		case "display":
			a.hidden = value == "none"
		case "visibility":
			a.hidden = a.hidden || value == "hidden"
		case "mso-hide":
			a.hidden = a.hidden || value == "all"
		case "opacity":
			a.hidden = a.hidden || zero(value)
		case "font-size":
			font = value
		case "max-height", "height":
			if height == "" || zero(value) {
				height = value
			}
		case "max-width", "width":
			if width == "" || zero(value) {
				width = value
			}
		case "overflow":
			overflow = value
		case "font-weight":
			switch value {
			case "bold", "bolder", "600", "700", "800", "900":
				a.set |= transports.StyleBold
			case "normal", "lighter", "300", "400", "500":
				a.clear |= transports.StyleBold
			}
		case "font-style":
			switch value {
			case "italic", "oblique":
				a.set |= transports.StyleItalic
			case "normal":
				a.clear |= transports.StyleItalic
			}
		case "text-decoration", "text-decoration-line":
			if strings.Contains(value, "line-through") {
				a.set |= transports.StyleStrike
			}
		case "margin":
			if sides := strings.Fields(value); len(sides) > 0 {
				above, below = sides[0], sides[min(2, len(sides)-1)&^1]
			}
		case "margin-top", "margin-block-start":
			above = value
		case "margin-bottom", "margin-block-end":
			below = value
		case "border", "border-left":
			if value == "none" || strings.HasPrefix(value, "none ") || zero(value) {
				a.indent = true
			}
		}
	}
	if zero(font) || font == "1px" || overflow == "hidden" && (zero(height) || zero(width)) || zero(height) && zero(width) {
		a.hidden = true
	}
	a.tight = a.tight || zero(above) && zero(below)
	if small(height) && small(width) {
		a.tiny = true
	}
}

// zero reports whether a length is nothing.
func zero(s string) bool {
	return s != "" && strings.TrimRight(strings.TrimSuffix(strings.TrimRight(s, "abcdefghijklmnopqrstuvwxyz%"), "."), "0.") == "" && s[0] == '0'
}

func small(s string) bool { return zero(s) || s == "1px" || s == "2px" }

// hiding are the classes and ids that a style sheet of the mail hides, as it does with previews.
type hiding struct {
	selectors map[string]bool // ".name" and "#name"
	size      int             // bytes read
	tight     bool            // paragraphs have no space around them
}

// Limits of style sheets.
const (
	maxSheets    = 256 << 10 // bytes of all of them
	maxSelectors = 200
)

func (h *hiding) room() bool { return h.size < maxSheets }

// read reads a style sheet. Rules within others, such as those for small screens, are not for us.
func (h *hiding) read(sheet []byte) {
	sheet = cutBytes(sheet, maxSheets-h.size)
	h.size += len(sheet) + 1
	s := withoutComments(string(sheet))
	for s != "" {
		open := strings.IndexAny(s, "{};")
		switch {
		case open < 0:
			return
		case s[open] != '{':
			s = s[open+1:]
		case strings.HasPrefix(strings.TrimSpace(s[:open]), "@"):
			depth := 0
			end := strings.IndexFunc(s[open:], func(r rune) bool {
				switch r {
				case '{':
					depth++
				case '}':
					depth--
				}
				return depth == 0
			})
			if end < 0 {
				return
			}
			s = s[open+end+1:]
		default:
			end := strings.IndexByte(s[open:], '}')
			if end < 0 {
				return
			}
			h.rule(s[:open], s[open+1:open+end])
			s = s[open+end+1:]
		}
	}
}

func withoutComments(s string) string {
	var b strings.Builder
	for {
		before, after, ok := strings.Cut(s, "/*")
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		if _, s, ok = strings.Cut(after, "*/"); !ok {
			return b.String()
		}
	}
}

func (h *hiding) rule(selectors, declarations string) {
	if !strings.Contains(declarations, "none") && !strings.Contains(declarations, "hid") && !strings.Contains(declarations, "0") {
		return
	}
	var a attributes
	if a.readStyle(cut(declarations, maxAttribute)); !a.hidden && !a.tight {
		return
	}
	for s := range strings.SplitSeq(cut(selectors, maxAttribute), ",") {
		s = strings.TrimSpace(s)
		if !a.hidden {
			h.tight = h.tight || strings.EqualFold(s, "p") // as Outlook's Web has each line of a mail
			continue
		}
		if i := strings.IndexAny(s, ".#"); i > 0 { // div.preview
			s = s[i:]
		}
		if len(s) < 2 || s[0] != '.' && s[0] != '#' || strings.ContainsAny(s[1:], " .#:>[+~*") || len(h.selectors) >= maxSelectors {
			continue
		}
		if h.selectors == nil {
			h.selectors = make(map[string]bool)
		}
		h.selectors[s] = true
	}
}

func (h *hiding) hides(a attributes) bool {
	if len(h.selectors) == 0 {
		return false
	}
	if a.id != "" && h.selectors["#"+a.id] {
		return true
	}
	for c := range strings.FieldsSeq(a.classes) {
		if h.selectors["."+c] {
			return true
		}
	}
	return false
}
