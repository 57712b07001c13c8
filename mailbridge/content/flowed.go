package content

import "strings"

// unflow makes whole paragraphs of format=flowed (RFC 3676 §4): a line that ends in a space goes on in the next one of the same depth of quotes.
func unflow(text string, delsp bool) string {
	var out strings.Builder
	out.Grow(len(text))
	open, depth := false, 0 // the paragraph before goes on, in so many quotes
	first := true
	for line := range strings.SplitSeq(text, "\n") {
		quotes := 0
		for quotes < len(line) && line[quotes] == '>' {
			quotes++
		}
		line = line[quotes:]
		line = strings.TrimPrefix(line, " ") // stuffing (§4.4)
		signature := line == "-- "           // §4.3: a line of its own, never flowed
		if !open || quotes != depth || signature {
			if !first {
				out.WriteByte('\n')
			}
			if quotes > 0 {
				out.WriteString(strings.Repeat(">", min(quotes, maxLines)))
				out.WriteByte(' ')
			}
		}
		first = false
		open, depth = strings.HasSuffix(line, " ") && !signature, quotes
		if open && delsp { // §4.1: the space is no text, as between signs of Chinese
			line = line[:len(line)-1]
		}
		out.WriteString(line)
	}
	return out.String()
}
