package ircbridge

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/rivo/uniseg"

	"passerelle/transports"
)

// Limits of one message, so that a paste does not keep the user's connection busy for minutes.
const (
	maxParts = 50
	maxBody  = 64 << 10
)

// minRoom is the least number of bytes that a line offers to its text, whatever the network says of itself.
const minRoom = 64

// splitBody cuts a body into what fits into lines with room for limit bytes of text each, written in a charset. A line feed begins a new line, blank
// lines are skipped. A long line is cut at a space where there is one, else between two grapheme clusters, and within one only
// where a single cluster is longer than a line. Nothing that could end a line early or begin a CTCP is left in the pieces.
func splitBody(body string, limit int, c *charset) ([]string, error) {
	if len(body) > maxBody {
		return nil, tooLong()
	}
	limit = max(limit, minRoom)
	var parts []string
	for line := range strings.SplitSeq(oneLineEnding(body), "\n") {
		line = cutControls(line)
		if strings.TrimSpace(line) == "" {
			continue
		}
		for line != "" {
			if len(parts) == maxParts {
				return nil, tooLong()
			}
			var part string
			part, line = cutLine(line, limit, c)
			parts = append(parts, part)
		}
	}
	if len(parts) == 0 {
		return nil, transports.NewError(transports.BadRequest, "The message is empty.", nil)
	}
	return parts, nil
}

func tooLong() error {
	return transports.NewError(transports.TooLarge,
		fmt.Sprintf("The message is too long for IRC: it would take more than %d lines.", maxParts), nil)
}

func oneLineEnding(s string) string {
	if strings.IndexByte(s, '\r') < 0 {
		return s
	}
	return strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
}

// cutControls drops what would end a line (RFC 2812 §2.3.1), begin a CTCP or a formatting code, and bytes that are no UTF-8.
func cutControls(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 && r != '\t' || r == 0x7f || r == utf8.RuneError {
			return -1
		}
		return r
	}, s)
}

// oneLine makes s fit for a single line: reasons and topics have no second one.
func oneLine(s string, limit int) string {
	s = strings.TrimSpace(cutControls(strings.ReplaceAll(oneLineEnding(s), "\n", " ")))
	part, _ := cutLine(s, limit, nil)
	return part
}

// cutLine takes a piece of at most limit bytes off the front of line. The space at which it cuts belongs to neither half.
func cutLine(line string, limit int, c *charset) (part, rest string) {
	if c.size(line) <= limit {
		return line, ""
	}
	// One character behind the limit is enough to see where the last cluster ends. Without the bound a message of combining
	// accents alone would be walked through once for every piece.
	most := limit
	if !c.utf8() {
		most *= utf8.UTFMax // of UTF-8 may be one byte
	}
	window := line[:min(len(line), most+utf8.UTFMax)]
	cut, size, space, state := 0, 0, 0, -1
	for cut < len(window) {
		cluster, _, _, next := uniseg.FirstGraphemeClusterInString(window[cut:], state)
		if cluster == " " && cut > 0 {
			space = cut
		}
		if size += c.size(cluster); size > limit {
			break
		}
		cut += len(cluster)
		state = next
	}
	if space > 0 {
		return line[:space], line[space+1:]
	}
	if cut == 0 {
		// One cluster longer than a line, such as a letter under a hundred accents: between two characters then.
		for size = 0; size <= limit; {
			_, n := utf8.DecodeRuneInString(line[cut:])
			if size += c.size(line[cut : cut+n]); size <= limit {
				cut += n
			}
		}
	}
	return line[:cut], line[cut:]
}
