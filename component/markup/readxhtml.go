package markup

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"passerelle/component/stanza"
	"passerelle/transports"
)

// rich is text with looks, as XHTML-IM has it: what white space it has says little.
type rich struct {
	text  string
	spans []transports.Span
}

// readXHTML reads the text of a body of XHTML-IM and how it looks. What it does not know it takes for what is in it (XEP-0071 §8), and of what is
// no text it reads nothing. How deep it is the parser of stanzas has bounded.
func readXHTML(body *stanza.Element) rich {
	var p painter
	p.addXHTML(body, transports.Look{})
	return rich{p.text.String(), p.spans}
}

func (p *painter) addXHTML(e *stanza.Element, look transports.Look) {
	look = elementLook(e, look)
	for child, text := range e.Content() {
		switch {
		case child == nil:
			p.add(strings.ReplaceAll(string(text), "\u00a0", " "), look)
		case child.Space != nsXHTML:
		case child.Name == "br":
			p.add("\n", look)
		case child.Name == "script", child.Name == "style", child.Name == "head", child.Name == "title", child.Name == "object":
		default:
			p.addXHTML(child, look)
		}
	}
}

// elementLook is how the content of an element looks in surroundings that look so.
func elementLook(e *stanza.Element, look transports.Look) transports.Look {
	switch e.Name {
	case "strong", "b":
		look.Style |= transports.StyleBold
	case "em", "i", "cite", "dfn", "var":
		look.Style |= transports.StyleItalic
	case "u", "ins":
		look.Style |= transports.StyleUnderline
	case "s", "strike", "del":
		look.Style |= transports.StyleStrike
	case "code", "pre", "tt", "kbd", "samp":
		look.Style |= transports.StyleMono
	}
	for declaration := range strings.SplitSeq(e.Attr("style"), ";") {
		name, value, _ := strings.Cut(declaration, ":")
		look = declared(look, strings.ToLower(strings.TrimSpace(name)), strings.ToLower(strings.TrimSpace(value)))
	}
	return look
}

// declared is a look with a style of CSS1; of those that XHTML-IM has, these are known.
func declared(look transports.Look, name, value string) transports.Look {
	set := func(style transports.Style, on bool) {
		look.Style &^= style
		if on {
			look.Style |= style
		}
	}
	switch name {
	case "font-weight":
		n, err := strconv.Atoi(value)
		set(transports.StyleBold, value == "bold" || value == "bolder" || err == nil && n >= 600)
	case "font-style":
		set(transports.StyleItalic, value == "italic" || value == "oblique")
	case "font-family":
		set(transports.StyleMono, strings.Contains(value, "mono") || strings.Contains(value, "courier"))
	case "text-decoration":
		for word := range strings.FieldsSeq(value) {
			switch word {
			case "underline":
				look.Style |= transports.StyleUnderline
			case "line-through":
				look.Style |= transports.StyleStrike
			}
		}
	case "color":
		if c := readColour(value); c != 0 {
			look.Fore = c
		}
	case "background-color", "background":
		if c := readColour(value); c != 0 {
			look.Back = c
		}
	}
	return look
}

// colourNames are those of CSS1 §6.3, and orange of CSS 2.1.
var colourNames = map[string]uint32{
	"aqua": 0x00ffff, "black": 0x000000, "blue": 0x0000ff, "fuchsia": 0xff00ff, "gray": 0x808080, "grey": 0x808080, "green": 0x008000,
	"lime": 0x00ff00, "maroon": 0x800000, "navy": 0x000080, "olive": 0x808000, "orange": 0xffa500, "purple": 0x800080, "red": 0xff0000,
	"silver": 0xc0c0c0, "teal": 0x008080, "white": 0xffffff, "yellow": 0xffff00,
}

// readColour reads a colour of CSS1 §6.3; zero where it is none.
func readColour(value string) transports.Colour {
	if rgb, ok := colourNames[value]; ok {
		return transports.RGB(rgb)
	}
	if digits, ok := strings.CutPrefix(value, "#"); ok {
		if len(digits) == 3 {
			digits = string([]byte{digits[0], digits[0], digits[1], digits[1], digits[2], digits[2]})
		}
		if rgb, err := strconv.ParseUint(digits, 16, 32); err == nil && len(digits) == 6 {
			return transports.RGB(uint32(rgb))
		}
		return 0
	}
	list, ok := strings.CutPrefix(value, "rgb(")
	parts := strings.Split(strings.TrimSuffix(list, ")"), ",")
	if !ok || len(parts) != 3 {
		return 0
	}
	var rgb uint32
	for _, part := range parts {
		n, err := strconv.ParseUint(strings.TrimSpace(part), 10, 8)
		if err != nil {
			return 0
		}
		rgb = rgb<<8 | uint32(n)
	}
	return transports.RGB(rgb)
}

// behind is what stands behind a prefix, where it does.
func (r rich) behind(prefix string) rich {
	rest := strings.TrimLeft(r.text, " \t\r\n")
	if !strings.HasPrefix(rest, prefix) {
		return r
	}
	from := len(r.text) - len(rest) + len(prefix)
	return rich{r.text[from:], transports.CutSpans(r.spans, from, len(r.text), 0)}
}

// align finds the looks in a text that says the same, which is what counts (XEP-0071 §3): exactly, or but for white space. With signs, those that
// only the text has are left out: clients write them for others in place of the looks, as XEP-0393 has them or Markdown.
func (r rich) align(text string, withSigns bool) (transports.Styled, bool) {
	if r.text == text {
		return transports.Styled{Text: text, Spans: r.spans}, true
	}
	var p painter
	var last transports.Look
	var space []byte // that is not placed yet
	i, next := 0, 0
	for at := 0; at < len(text); {
		c, n := utf8.DecodeRuneInString(text[at:])
		piece := text[at : at+n]
		at += n
		if isSpace(c) {
			space = append(space, piece...)
			continue
		}
		i = skipSpace(r.text, i)
		if d, m := utf8.DecodeRuneInString(r.text[i:]); c != d || n != m {
			if withSigns && signStyle(piece[0]) != 0 {
				continue
			}
			return transports.Styled{}, false
		}
		for next < len(r.spans) && r.spans[next].To <= i {
			next++
		}
		look := transports.Look{}
		if next < len(r.spans) && r.spans[next].From <= i {
			look = r.spans[next].Look
		}
		if look != last {
			last = transports.Look{}
		}
		p.add(string(space), last)
		p.add(piece, look)
		space, last = space[:0], look
		i += n
	}
	p.add(string(space), transports.Look{})
	return transports.Styled{Text: p.text.String(), Spans: p.spans}, skipSpace(r.text, i) == len(r.text)
}

func skipSpace(s string, i int) int {
	for i < len(s) {
		r, n := utf8.DecodeRuneInString(s[i:])
		if !isSpace(r) {
			break
		}
		i += n
	}
	return i
}
