package transports

// Style is how a piece of text is set: any number of them together.
type Style uint8

// The styles.
const (
	StyleBold Style = 1 << iota
	StyleItalic
	StyleUnderline
	StyleStrike  // struck through
	StyleMono    // of one width, as code is
	StyleReverse // its colour and the one behind it swapped
)

// Has reports whether s has all styles of t.
func (s Style) Has(t Style) bool { return s&t == t }

// Colour is a colour of text, or of what is behind it. The zero Colour is the one that its reader has anyhow.
type Colour uint32

// RGB is the colour of red, green and blue, from the highest byte of three to the lowest.
func RGB(rgb uint32) Colour { return Colour(rgb&0xffffff | 1<<24) }

// RGB is red, green and blue of a colour that is not zero.
func (c Colour) RGB() uint32 { return uint32(c) & 0xffffff }

// Look is how a piece of text looks. The zero Look is that of plain text.
type Look struct {
	Style      Style
	Fore, Back Colour
}

// Span is a piece of a text that looks otherwise than plain text: the bytes from From up to, but without, To. Spans of one text stand in its
// order, do not overlap, and begin and end between characters.
type Span struct {
	From, To int
	Look     Look
}

// MaxSpans bounds the spans of one text; what comes behind them is plain.
const MaxSpans = 128

// AppendSpan appends a span to those of the text before it; text that looks like the piece right before it becomes one with it, and what
// looks plain is no span.
func AppendSpan(spans []Span, from, to int, look Look) []Span {
	if from >= to || look == (Look{}) {
		return spans
	}
	if n := len(spans); n > 0 && spans[n-1].To == from && spans[n-1].Look == look {
		spans[n-1].To = to
		return spans
	}
	if len(spans) >= MaxSpans {
		return spans
	}
	return append(spans, Span{from, to, look})
}

// CutSpans gives the spans of the piece of a text from from to to, as those of a text of its own that begins at byte at.
func CutSpans(spans []Span, from, to, at int) []Span {
	var cut []Span
	for _, s := range spans {
		cut = AppendSpan(cut, max(s.From, from)-from+at, min(s.To, to)-from+at, s.Look)
	}
	return cut
}

// Styled is text with how it looks.
type Styled struct {
	Text  string
	Spans []Span
}
