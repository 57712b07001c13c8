package ircbridge

import (
	"strings"
	"unicode/utf8"

	"passerelle/transports"
)

// Formatting codes (https://modern.ircdocs.horse/formatting). Those of styles switch one on and off again.
const (
	codeBold      = '\x02'
	codeColour    = '\x03'
	codeHexColour = '\x04'
	codeReset     = '\x0f'
	codeMono      = '\x11'
	codeReverse   = '\x16'
	codeItalic    = '\x1d'
	codeStrike    = '\x1e'
	codeUnderline = '\x1f'
)

// styleCodes are the codes of styles, in the order in which they are written.
var styleCodes = [...]struct {
	code  byte
	style transports.Style
}{
	{codeBold, transports.StyleBold},
	{codeItalic, transports.StyleItalic},
	{codeUnderline, transports.StyleUnderline},
	{codeStrike, transports.StyleStrike},
	{codeMono, transports.StyleMono},
	{codeReverse, transports.StyleReverse},
}

func styleOf(code byte) transports.Style {
	for _, s := range styleCodes {
		if s.code == code {
			return s.style
		}
	}
	return 0
}

// plain removes the formatting codes and every other control character but the tab: text without a look.
func plain(s string) string {
	text, _ := readCodes(s, false)
	return text
}

// styled is plain, and says how the text looks.
func styled(s string) (string, []transports.Span) { return readCodes(s, true) }

// readCodes takes the codes out of a line, which most lines have none of.
func readCodes(s string, looks bool) (string, []transports.Span) {
	if printableASCII(s) {
		return s, nil
	}
	i := strings.IndexFunc(s, isControl)
	if i < 0 {
		return s, nil
	}
	var b strings.Builder
	b.Grow(len(s))
	b.WriteString(s[:i])
	var spans []transports.Span
	var look transports.Look
	from := i // where the text begins that looks so
	for i < len(s) {
		was := look
		switch c := s[i]; c {
		case codeColour:
			i = readColours(s, i+1, 2, isDigit, paletteColour, &look)
		case codeHexColour:
			i = readColours(s, i+1, 6, isHex, hexColour, &look)
		case codeReset:
			look = transports.Look{}
			i++
		default:
			if style := styleOf(c); style != 0 {
				look.Style ^= style
				i++
				break
			}
			r, n := utf8.DecodeRuneInString(s[i:])
			if !isControl(r) {
				b.WriteString(s[i : i+n])
			}
			i += n
		}
		if looks && look != was {
			spans = transports.AppendSpan(spans, from, b.Len(), was)
			from = b.Len()
		}
	}
	if looks {
		spans = transports.AppendSpan(spans, from, b.Len(), look)
	}
	return b.String(), spans
}

// readColours reads "fg[,bg]" into a look and gives the index behind it. Each is of at most n digits, of which a hexadecimal one has all. A code
// without a colour ends the colours; what is behind it, be it a comma, is text.
func readColours(s string, i, n int, digit func(byte) bool, colour func(string) transports.Colour, look *transports.Look) int {
	read := func(i int) (transports.Colour, int) {
		end := i
		for end < len(s) && end < i+n && digit(s[end]) {
			end++
		}
		if end == i || n > 2 && end < i+n {
			return 0, i
		}
		return colour(s[i:end]), end
	}
	fore, end := read(i)
	if end == i {
		look.Fore, look.Back = 0, 0
		return i
	}
	look.Fore = fore
	if end < len(s) && s[end] == ',' {
		if back, after := read(end + 1); after > end+1 {
			look.Back = back
			return after
		}
	}
	return end
}

// writeCodes is a line of text with the codes of its spans. Nothing ends what is on at its end: the line does.
func writeCodes(text string, spans []transports.Span) string {
	if len(spans) == 0 {
		return text
	}
	b := make([]byte, 0, len(text)+8*len(spans))
	var look transports.Look
	at := 0
	for _, s := range spans {
		if s.From > at {
			b = appendLook(b, look, transports.Look{}, text[at:])
			look = transports.Look{}
			b = append(b, text[at:s.From]...)
		}
		b = appendLook(b, look, s.Look, text[s.From:])
		b = append(b, text[s.From:s.To]...)
		look, at = s.Look, s.To
	}
	if at < len(text) {
		b = appendLook(b, look, transports.Look{}, text[at:])
		b = append(b, text[at:]...)
	}
	return string(b)
}

// appendLook appends the codes that lead from one look to another one, in front of text that must not be taken for a part of them.
func appendLook(b []byte, from, to transports.Look, text string) []byte {
	switch {
	case from == to:
		return b
	case to == transports.Look{}:
		return append(b, codeReset)
	}
	fore, back := paletteIndex(to.Fore), paletteIndex(to.Back)
	wasFore, wasBack := paletteIndex(from.Fore), paletteIndex(from.Back)
	if fore != wasFore || back != wasBack {
		switch {
		case fore == noColour && back == noColour, back == noColour && wasBack != noColour:
			b = append(b, codeColour) // what is behind text goes with its colour only
			if fore != noColour {
				b = appendColour(append(b, codeColour), fore)
			}
		default:
			b = appendColour(append(b, codeColour), fore) // noColour: the one that the reader has anyhow
			if back != wasBack {
				b = appendColour(append(b, ','), back)
			}
		}
	} else {
		text = "" // of which nothing could be taken for a colour
	}
	last := len(b)
	for _, s := range styleCodes {
		if (from.Style^to.Style)&s.style != 0 {
			b = append(b, s.code)
		}
	}
	if len(b) == last && text != "" && (isDigit(text[0]) || text[0] == ',') {
		b = append(b, codeBold, codeBold) // "Mistaken Eating of Text"
	}
	return b
}

func appendColour(b []byte, index uint8) []byte { return append(b, '0'+index/10, '0'+index%10) }
