package content

import (
	"strings"
	"unicode"

	"passerelle/transports"
)

// maxKeptQuote is how many lines of quote above an answer stay: so many are a line that is answered, more are the whole mail.
const maxKeptQuote = 6

// kind is what a line of a mail is.
type kind uint8

const (
	own kind = iota
	quoted
	signature
)

// line is a line of a text, without its end.
type line struct {
	from, to int
	kind     kind
	blank    bool
}

// cutting is a text with what its lines are.
type cutting struct {
	text    string
	lines   []line
	forward bool // the mail passes on another one, which is what its reader wants
	reply   bool // it answers another one
	later   bool // another text stands before it
	proven  bool // a program says so in the text
}

// cutUp finds out what of a text its sender wrote himself.
func (r *reader) cutUp(doc rich) cutting {
	c := cutting{text: doc.Text, forward: r.forward, reply: r.reply, later: r.later}
	at := 0
	for l := range strings.SplitSeq(doc.Text, "\n") {
		ln := line{from: at, to: at + len(l), blank: strings.TrimLeft(l, " \t\u00a0>") == ""}
		if strings.HasPrefix(l, ">") {
			ln.kind = quoted
		}
		c.lines = append(c.lines, ln)
		at += len(l) + 1
	}
	for _, s := range doc.sigs {
		c.paint(s, signature)
	}
	for _, s := range doc.cites {
		c.paint(s, quoted)
		c.proven = true
	}
	c.passedOn()
	c.separators()
	c.introductions()
	c.rules()
	c.signatures()
	return c
}

// paint says what the lines of a piece of the text are.
func (c *cutting) paint(piece [2]int, k kind) {
	for i := range c.lines {
		if l := &c.lines[i]; l.from >= piece[0] && l.to <= piece[1] && l.kind != quoted {
			l.kind = k
		}
	}
}

// at is a line without the signs of quotes and the space around it.
func (c *cutting) at(i int) string {
	l := c.lines[i]
	s := strings.TrimLeft(c.text[l.from:l.to], "> \t\u00a0")
	return strings.TrimRight(s, " \t\u00a0")
}

// passedOn finds where a mail passes on another one: from there on nothing is a quote.
func (c *cutting) passedOn() {
	for i := range c.lines {
		if !c.lines[i].blank && forwardLine(c.at(i)) {
			if c.lines[i].kind == quoted && c.reply && !c.forward && i > 0 && c.introduced(i-1) { // an answer to one that passed it on
				return
			}
			for j := i; j < len(c.lines); j++ {
				c.lines[j].kind = own
			}
			c.forward = true
			return
		}
		if c.lines[i].kind == quoted && !c.lines[i].blank && !strings.HasSuffix(c.at(i), ":") { // within the quote it is no news
			return
		}
	}
}

// introduced reports whether the last line with text up to i introduces a quote.
func (c *cutting) introduced(i int) bool {
	for i > 0 && c.lines[i].blank {
		i--
	}
	return endsIntroduction(c.at(i))
}

// separators finds the lines above the mail that is answered, as Outlook and others put them: all behind them is a quote.
func (c *cutting) separators() {
	for i := range c.lines {
		if c.lines[i].kind != own || c.lines[i].blank {
			continue
		}
		s := c.at(i)
		block := i
		if !originalLine(s) {
			if !c.headerBlock(i) {
				continue
			}
			// The line that Outlook puts above them.
			for block > 0 && (c.lines[block-1].blank || strings.Trim(c.at(block-1), "_-—*") == "") {
				block--
			}
		}
		if c.forward {
			return
		}
		for j := block; j < len(c.lines); j++ {
			c.lines[j].kind = quoted
		}
		c.proven = true
		return
	}
}

// headerBlock reports whether the lines from i on are the fields of a mail that is answered: From first, then two others of a kind.
func (c *cutting) headerBlock(i int) bool {
	if fieldOf(c.at(i)) != fieldFrom {
		return false
	}
	seen := 1 << fieldFrom
	found := 1
	for j := i + 1; j < len(c.lines) && j < i+10; j++ {
		if c.lines[j].blank {
			if found > 1 {
				break
			}
			continue
		}
		f := fieldOf(c.at(j))
		if f == fieldNone { // a long one goes on
			continue
		}
		if seen&(1<<f) == 0 {
			seen |= 1 << f
			found++
		}
	}
	return found >= 3 && seen&(1<<fieldDate|1<<fieldSubject) != 0
}

// introductions makes the line above a quote, which says who wrote it when, a part of it.
func (c *cutting) introductions() {
	for i := 0; i < len(c.lines); i++ {
		if c.lines[i].kind != own || c.lines[i].blank {
			continue
		}
		if c.reply && !c.forward && introducesInLine(c.at(i)) { // Yahoo on Android: the quote goes on in the line
			for j := i; j < len(c.lines); j++ {
				c.lines[j].kind = quoted
			}
			c.proven = true
			return
		}
		if !endsIntroduction(c.at(i)) {
			continue
		}
		next := i + 1
		for next < len(c.lines) && c.lines[next].blank {
			next++
		}
		follows := next < len(c.lines) && c.lines[next].kind == quoted
		// The line may be cut in pieces, of which this one is the last.
		from := -1
		joined := ""
		for j := i; j >= 0 && j > i-4 && !c.lines[j].blank && c.lines[j].kind == own; j-- {
			joined = strings.TrimSpace(c.at(j) + " " + joined)
			first := startsIntroduction(c.at(j)) && strings.ContainsAny(c.at(j), "0123456789") || j < i && strings.HasSuffix(c.at(j), "<")
			if introduces(joined, follows) && (from < 0 || first) {
				if from = j; first {
					break
				}
			}
		}
		if from < 0 {
			continue
		}
		end := i
		if !follows { // a program that has no signs for quotes: all behind it is one
			if c.forward || !c.reply || next >= len(c.lines) {
				continue
			}
			end = len(c.lines) - 1
		}
		for j := from; j <= end; j++ {
			c.lines[j].kind = quoted
		}
		c.proven = true
	}
}

// rules makes the rule above a quote a part of it.
func (c *cutting) rules() {
	for i := len(c.lines) - 1; i > 0; i-- {
		if c.lines[i].kind != quoted || c.lines[i-1].kind == quoted {
			continue
		}
		j := i - 1
		for j >= 0 && c.lines[j].kind == own && c.lines[j].blank {
			j--
		}
		if j >= 0 && c.lines[j].kind == own && strings.Trim(c.at(j), "_-—") == "" {
			for ; j < i; j++ {
				c.lines[j].kind = quoted
			}
		}
	}
}

// maxSignature is how many lines a signature has that is not marked as one, or not quite.
const maxSignature = 12

// ownUntil is where the lines of one's own end that begin at i. It looks at no more than limit lines and one.
func (c *cutting) ownUntil(i, limit int) int {
	end := i + 1
	for end < len(c.lines) && end-i <= limit && c.lines[end].kind == own {
		end++
	}
	return end
}

// signatures finds what stands below the text: behind "-- " (RFC 3676 §4.3), and the advertisement of a phone.
func (c *cutting) signatures() {
	for i := range c.lines {
		l := c.lines[i]
		if l.kind != own || c.forward && i > len(c.lines)/2 {
			continue
		}
		raw := c.text[l.from:l.to]
		var end int
		switch {
		case raw == "-- ":
			end = c.ownUntil(i, len(c.lines))
		case raw == "--":
			if end = c.ownUntil(i, maxSignature); end-i > maxSignature {
				continue
			}
		case listFooter(raw) && (i > 0 || c.later):
			if end = c.ownUntil(i, maxSignature); end != len(c.lines) || end-i > maxSignature {
				continue
			}
		default:
			continue
		}
		for j := i; j < end; j++ {
			if c.forward && j > i && forwardLine(c.at(j)) {
				break
			}
			c.lines[j].kind = signature
		}
	}
	// The last paragraph of one's own before a quote or the end.
	last := -1
	for i := len(c.lines) - 1; i >= 0; i-- {
		if c.lines[i].kind == own && !c.lines[i].blank {
			last = i
			break
		}
	}
	for n := 0; last >= 0 && n < 2; n++ {
		if phoneLine(c.at(last)) {
			c.lines[last].kind = signature
		}
		// Above a quote that ends in text of one's own, too: look at what stands before it.
		i := last - 1
		for i >= 0 && c.lines[i].kind == own {
			i--
		}
		for i >= 0 && (c.lines[i].kind != own || c.lines[i].blank) {
			i--
		}
		last = i
	}
}

// split takes a mail apart. Where answers stand between quotes, all of it stays but the last quote.
func (c *cutting) split() (text, quote, sig []line, kept int) {
	// Blocks of own and quoted lines; blank lines belong to what stands before them.
	var blocks []struct {
		kind     kind
		from, to int // lines
		lines    int // that are not blank
	}
	for i, l := range c.lines {
		if l.kind == signature {
			sig = append(sig, l)
			continue
		}
		n := len(blocks)
		switch {
		case n > 0 && (l.blank || blocks[n-1].kind == l.kind):
			blocks[n-1].to = i + 1
			if !l.blank {
				blocks[n-1].lines++
			}
		case !l.blank:
			blocks = append(blocks, struct {
				kind     kind
				from, to int
				lines    int
			}{l.kind, i, i + 1, 1})
		}
	}
	take := func(from, to int) (ls []line) {
		for _, l := range c.lines[from:to] {
			if l.kind != signature {
				ls = append(ls, l)
			}
		}
		return ls
	}
	if !c.reply && !c.proven { // somebody quotes something
		return take(0, len(c.lines)), nil, sig, 0
	}
	if n := len(blocks); n > 0 && blocks[n-1].kind == quoted { // what stands below the last word
		quote = take(blocks[n-1].from, len(c.lines))
		blocks = blocks[:n-1]
	}
	if len(blocks) == 2 && blocks[0].kind == quoted && quote == nil { // an answer below
		if blocks[0].lines > maxKeptQuote {
			quote = take(blocks[0].from, blocks[0].to)
			blocks = blocks[1:]
		} else {
			kept = len(take(blocks[0].from, blocks[0].to))
		}
	}
	if len(blocks) == 0 {
		return nil, quote, sig, 0
	}
	return take(blocks[0].from, blocks[len(blocks)-1].to), quote, sig, kept
}

// join makes a text of lines, with its looks, without blank lines around it and with one where there are several.
func (c *cutting) join(lines []line, spans []transports.Span) (text string, cut []transports.Span) {
	var b strings.Builder
	blank := true // a line without text is not needed here
	last := 0     // where the last text ends
	next := 0     // the first span that may be in what comes
	for i := 0; i < len(lines); {
		l := lines[i]
		if strings.TrimSpace(c.text[l.from:l.to]) == "" {
			if !blank {
				b.WriteByte('\n')
				blank = true
			}
			i++
			continue
		}
		j := i // a run of lines that follow each other
		for j+1 < len(lines) && lines[j+1].from == lines[j].to+1 && strings.TrimSpace(c.text[lines[j+1].from:lines[j+1].to]) != "" {
			j++
		}
		if b.Len() > 0 {
			b.WriteByte('\n')
		}
		from, to := l.from, lines[j].to
		for next < len(spans) && spans[next].To <= from {
			next++
		}
		for k := next; k < len(spans) && spans[k].From < to; k++ {
			cut = transports.AppendSpan(cut, max(spans[k].From, from)-from+b.Len(), min(spans[k].To, to)-from+b.Len(), spans[k].Look)
		}
		b.WriteString(c.text[from:to])
		last = b.Len()
		blank = false
		i = j + 1
	}
	text = strings.TrimRightFunc(b.String()[:last], unicode.IsSpace)
	return text, transports.CutSpans(cut, 0, len(text), 0)
}
