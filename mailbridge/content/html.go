package content

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"passerelle/transports"
)

// The renderer of HTML reads tokens, never a tree, in two passes: the first makes of tags a stream of text and marks, bytes that text does not
// have, and the second (layout.go) lays that out. What it remembers is the stack of open elements, which has a bound, so that it takes time in
// proportion to what it reads.

// Limits of the renderer.
const (
	maxOpen     = 256     // elements that are open; those in them change nothing
	maxStream   = 4 << 20 // bytes of text and marks
	maxLines    = 16      // levels of quotes, and of lists
	maxRow      = 400     // bytes of a row of a table that is one line
	maxLinkText = 400     // bytes of the text of a link that are compared with where it leads
	maxImages   = 8       // linked pictures that stand for a mail without text
)

// Marks of the stream. Those from markStyle on have an argument, a byte from 0x80 on.
const (
	markBreak = 0x01 // <br>
	markBlock = 0x02 // a line begins
	markPara  = 0x03 // a paragraph begins
	markCell  = 0x04 // a cell of a table begins
	markSpace = 0x05 // a space that does not break, which may be all that a line has

	markStyle = 0x0e // text looks so from here on
	markQuote = 0x0f // it is in so many quotes from here on
	markPre   = 0x10 // its spaces and lines are as they are, or not
	markCite  = 0x11 // a quote of another mail begins or ends
	markSig   = 0x12 // a signature begins or ends
	markItem  = 0x13 // an item begins, of a list in so many lists
)

// rich is a text with how it looks, and what markup said of its parts.
type rich struct {
	transports.Styled
	cites, sigs [][2]int // pieces of the text
	truncated   bool
}

// element is an open element.
type openTag struct {
	tag        atom.Atom
	name       string // where tag is 0
	set, clear transports.Style
	style      transports.Style // of the text in it
	hidden     bool
	quote      bool // it is one level of quotes
	pre        bool
	cite, sig  bool
	end        byte // what ends it: markBlock, markPara or 0

	href  string // of a link
	start int    // in the stream: where a link's text or a row begins
	image bool   // the link shows a picture
	cells int    // of a row
	items int    // of a list
}

type renderer struct {
	out    []byte
	stack  []openTag
	open   map[atom.Atom]int // how many of stack there are
	quotes int
	lists  int
	pre    int
	hidden int // of stack
	css    hiding
	sheet  bool    // what follows is a style sheet
	r      *reader // for what is odd; may be nil
	text   bool    // something that is read was written
	images []string
	last   string // the last link written
	full   bool
}

// renderHTML makes text of HTML.
func (r *reader) renderHTML(src []byte) rich {
	rd := renderer{open: make(map[atom.Atom]int), r: r, out: make([]byte, 0, len(src)/4+64)}
	z := html.NewTokenizer(bytes.NewReader(src))
	for !rd.full && len(rd.out) <= maxStream {
		switch z.Next() {
		case html.ErrorToken:
			rd.closeAll()
			return rd.finish(r.limits.Text)
		case html.TextToken:
			if rd.sheet {
				rd.css.read(z.Text())
			}
			rd.write(z.Text())
		case html.StartTagToken, html.SelfClosingTagToken:
			name, more := z.TagName()
			rd.start(z, name, more)
		case html.EndTagToken:
			name, _ := z.TagName()
			rd.sheet = false
			rd.end(atom.Lookup(name), name)
		}
	}
	rd.closeAll()
	doc := rd.finish(r.limits.Text)
	doc.truncated = true
	return doc
}

func (rd *renderer) finish(limit int) rich {
	if !rd.text { // a mail that is a picture: at least where that leads
		for _, u := range rd.images {
			rd.out = append(rd.out, markBlock)
			rd.out = append(rd.out, "<"+u+">"...)
		}
	}
	return layOut(rd.out, limit)
}

// mark appends a mark.
func (rd *renderer) mark(m byte) { rd.out = append(rd.out, m) }

func (rd *renderer) markWith(m byte, arg int) { rd.out = append(rd.out, m, 0x80|byte(arg)) }

// style is that of text here.
func (rd *renderer) style() transports.Style {
	if len(rd.stack) == 0 {
		return 0
	}
	return rd.stack[len(rd.stack)-1].style
}

// write appends text.
func (rd *renderer) write(text []byte) {
	if rd.hidden > 0 || len(text) == 0 {
		return
	}
	if len(rd.out)+len(text) > maxStream {
		text = text[:max(0, maxStream-len(rd.out))]
		rd.full = true
	}
	for i := 0; i < len(text); {
		c := text[i]
		if c < utf8.RuneSelf {
			if c > ' ' && c != 0x7f {
				rd.text = true
				rd.out = append(rd.out, c)
			} else if c == ' ' || c == '\t' || c == '\n' {
				rd.out = append(rd.out, c)
			} else if c == '\r' {
				rd.out = append(rd.out, '\n')
			}
			i++
			continue
		}
		r, n := utf8.DecodeRune(text[i:])
		switch {
		case r == 0xa0 || r == 0x2007 || r == 0x202f: // spaces that do not break
			rd.mark(markSpace)
		case r == 0xad || r == 0x34f || r == 0x200b || r == 0x2060 || r == 0x180e: // padding of previews, hyphens that are not shown
		case r == utf8.RuneError:
			rd.out = append(rd.out, "\ufffd"...)
		case kept(r):
			rd.text = true
			rd.out = append(rd.out, text[i:i+n]...)
		}
		i += n
	}
}

// start opens an element.
func (rd *renderer) start(z *html.Tokenizer, name []byte, more bool) {
	tag := atom.Lookup(name)
	e := openTag{tag: tag}
	if tag == 0 {
		e.name = string(cutBytes(name, 40))
	}
	a := readAttributes(z, more)
	e.hidden = skipped[tag] || rd.css.hides(a) || a.hidden
	rd.sheet = tag == atom.Style && rd.css.room()
	switch tag {
	case atom.Br, atom.Hr, atom.Img, atom.Input, atom.Meta, atom.Link, atom.Wbr, atom.Col, atom.Area, atom.Base, atom.Embed, atom.Source, atom.Track, atom.Param:
		if rd.hidden == 0 && !e.hidden {
			rd.void(tag, a)
		}
		return
	case atom.Html, atom.Body, atom.Head:
		return // there are mails with several
	}
	if len(rd.stack) >= maxOpen {
		if blocks[tag] != 0 {
			rd.mark(markBlock)
		}
		return
	}
	rd.imply(tag)
	e.set, e.clear = a.set|styles[tag], a.clear
	e.style = (rd.style() | e.set) &^ e.clear
	e.end = blocks[tag]
	if e.end == markPara && (a.tight || tag == atom.P && (rd.css.tight || rd.open[atom.Li] > 0)) {
		e.end = markBlock
	}
	if rd.hidden > 0 || e.hidden {
		e.hidden = true
		rd.hidden++
		rd.push(e)
		return
	}
	if e.end != 0 {
		rd.mark(e.end)
	}
	e.cite, e.sig = a.cite, a.sig
	if a.citeRest {
		rd.markWith(markCite, 1)
	}
	if e.cite {
		rd.markWith(markCite, 1)
	}
	if e.sig {
		rd.markWith(markSig, 1)
	}
	switch tag {
	case atom.Blockquote:
		if e.quote = !a.indent; e.quote {
			rd.quotes++
			rd.markWith(markQuote, min(rd.quotes, maxLines))
		}
	case atom.Pre:
		e.pre = true
		if rd.pre++; rd.pre == 1 {
			rd.markWith(markPre, 1)
		}
	case atom.Ul, atom.Ol:
		rd.lists++
		if tag == atom.Ol {
			e.items = max(a.start, 1)
		}
	case atom.Li:
		rd.item()
	case atom.A:
		e.href = cleanURL(a.href)
		e.start = len(rd.out)
	case atom.Tr:
		e.start = len(rd.out)
	case atom.Td, atom.Th:
		if i := rd.find(atom.Tr); i >= 0 {
			if rd.stack[i].cells > 0 {
				rd.mark(markCell)
			}
			rd.stack[i].cells++
		} else {
			rd.mark(markBlock)
		}
	case atom.Q:
		rd.write([]byte("“"))
	}
	rd.push(e)
	if e.style != 0 || e.clear != 0 {
		rd.markWith(markStyle, int(e.style))
	}
}

func (rd *renderer) push(e openTag) {
	rd.stack = append(rd.stack, e)
	rd.open[e.tag]++
}

// item begins an item of a list.
func (rd *renderer) item() {
	rd.markWith(markItem, min(max(rd.lists, 1), maxLines))
	for i := len(rd.stack) - 1; i >= 0; i-- {
		switch e := &rd.stack[i]; e.tag {
		case atom.Ol:
			rd.out = append(rd.out, strconv.Itoa(e.items)...)
			rd.out = append(rd.out, ". "...)
			e.items++
			return
		case atom.Ul:
			i = 0
		}
	}
	rd.out = append(rd.out, "• "...)
}

// void renders an element that has nothing in it.
func (rd *renderer) void(tag atom.Atom, a attributes) {
	switch tag {
	case atom.Br:
		rd.mark(markBreak)
	case atom.Hr:
		rd.mark(markBlock)
		rd.out = append(rd.out, "———"...)
		rd.mark(markBlock)
	case atom.Img:
		if a.tiny {
			return
		}
		link := rd.find(atom.A)
		if link >= 0 {
			rd.stack[link].image = true
		}
		alt := cleanLine(a.alt)
		switch {
		case alt == "" || len(alt) > 300 || strings.HasPrefix(strings.ToLower(a.src), "cid:") || looksFileName(alt):
		case link >= 0 || !hasLetter(alt): // the picture is a word, or an emoji
			rd.write([]byte(alt))
		default:
			rd.write([]byte("[" + alt + "]"))
		}
	}
}

// find is the innermost open element of a tag within its table; -1 where there is none.
func (rd *renderer) find(tag atom.Atom) int {
	if rd.open[tag] == 0 {
		return -1
	}
	for i := len(rd.stack) - 1; i >= 0; i-- {
		if rd.stack[i].tag == tag {
			return i
		}
		if rd.stack[i].tag == atom.Table {
			return -1
		}
	}
	return -1
}

// imply ends what the beginning of an element ends (HTML §13.1.2.4).
func (rd *renderer) imply(tag atom.Atom) {
	if n := len(rd.stack); n > 0 && blocks[tag] != 0 && rd.stack[n-1].tag == atom.P {
		rd.popTo(n - 1)
	}
	switch tag {
	case atom.Li:
		rd.endWithin(atom.Ul, atom.Ol, atom.Li)
	case atom.Dt, atom.Dd:
		rd.endWithin(atom.Dl, atom.Dl, atom.Dt, atom.Dd)
	case atom.Td, atom.Th:
		rd.endWithin(atom.Tr, atom.Table, atom.Td, atom.Th)
	case atom.Tr:
		rd.endWithin(atom.Table, atom.Table, atom.Tr)
	}
}

// endWithin ends the innermost element of tags that is within no other scope.
func (rd *renderer) endWithin(scope1, scope2 atom.Atom, tags ...atom.Atom) {
	n := 0
	for _, t := range tags {
		n += rd.open[t]
	}
	if n == 0 {
		return
	}
	for i := len(rd.stack) - 1; i >= 0; i-- {
		switch t := rd.stack[i].tag; {
		case t == tags[0] || len(tags) > 1 && t == tags[1]:
			rd.popTo(i)
			return
		case t == scope1 || t == scope2:
			return
		}
	}
}

// end ends an element: what is open in it too, but where it only says how text looks.
func (rd *renderer) end(tag atom.Atom, name []byte) {
	if tag == atom.Br { // as browsers have it
		rd.mark(markBreak)
		return
	}
	if tag == atom.P && rd.open[tag] == 0 && rd.hidden == 0 {
		rd.mark(markPara)
		return
	}
	if rd.open[tag] == 0 {
		return
	}
	for i := len(rd.stack) - 1; i >= 0; i-- {
		e := &rd.stack[i]
		if e.tag != tag || tag == 0 && e.name != string(cutBytes(name, 40)) {
			if e.tag == atom.Td && styles[tag] != 0 { // <b> around a table is not closed in it
				return
			}
			continue
		}
		if i == len(rd.stack)-1 || blocks[tag] != 0 || styles[tag] == 0 {
			rd.popTo(i)
			return
		}
		// <b><i></b></i>: the others stay open.
		rd.remove(i)
		return
	}
}

// remove takes an element that styles text out of the middle of the stack.
func (rd *renderer) remove(i int) {
	e := rd.stack[i]
	rd.open[e.tag]--
	if e.hidden {
		rd.hidden--
	}
	rd.stack = append(rd.stack[:i], rd.stack[i+1:]...)
	for ; i < len(rd.stack); i++ {
		var outer transports.Style
		if i > 0 {
			outer = rd.stack[i-1].style
		}
		rd.stack[i].style = (outer | rd.stack[i].set) &^ rd.stack[i].clear
	}
	rd.markWith(markStyle, int(rd.style()))
}

// popTo ends all elements from the one at i on.
func (rd *renderer) popTo(i int) {
	for len(rd.stack) > i {
		rd.pop()
	}
}

func (rd *renderer) closeAll() { rd.popTo(0) }

func (rd *renderer) pop() {
	e := rd.stack[len(rd.stack)-1]
	rd.stack = rd.stack[:len(rd.stack)-1]
	rd.open[e.tag]--
	if e.hidden {
		rd.hidden--
		return
	}
	switch e.tag {
	case atom.A:
		rd.link(e)
	case atom.Tr:
		rd.row(e)
	case atom.Ul, atom.Ol:
		rd.lists--
	case atom.Q:
		rd.write([]byte("”"))
	}
	if e.quote {
		rd.quotes--
		rd.mark(markBlock)
		rd.markWith(markQuote, min(rd.quotes, maxLines))
	}
	if e.pre {
		if rd.pre--; rd.pre == 0 {
			rd.markWith(markPre, 0)
		}
	}
	if e.cite {
		rd.mark(markBlock)
		rd.markWith(markCite, 0)
	}
	if e.sig {
		rd.mark(markBlock)
		rd.markWith(markSig, 0)
	}
	if e.style != rd.style() {
		rd.markWith(markStyle, int(rd.style()))
	}
	if e.end != 0 {
		rd.mark(e.end)
	}
}

// row makes one line of a short row whose cells have one line each; in others each cell begins a line.
func (rd *renderer) row(e openTag) {
	cells := rd.out[e.start:]
	if e.cells < 2 {
		return
	}
	line := len(cells) <= maxRow
	if line {
		text, pending := false, false // of this cell
		filled := 0
		for i := 0; i < len(cells) && line; i++ {
			switch c := cells[i]; {
			case c == markCell:
				text, pending = false, false
			case c == markBreak || c == markBlock || c == markPara:
				pending = pending || text
			case c == markItem || c == markQuote:
				line = false
			case c >= markStyle && c <= markItem:
				i++
			case c > ' ':
				if !text {
					filled++
				}
				text, line = true, !pending
			}
		}
		line = line && filled > 1
	}
	for i := 0; i < len(cells); i++ {
		switch c := cells[i]; {
		case c == markCell && !line:
			cells[i] = markBlock
		case (c == markBreak || c == markBlock || c == markPara) && line:
			cells[i] = ' '
		case c >= markStyle && c <= markItem:
			i++
		}
	}
	if line {
		rd.mark(markBlock)
	}
}
