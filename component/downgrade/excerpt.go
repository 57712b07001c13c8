package downgrade

import (
	"fmt"
	"strings"
)

// minExcerpt is how much of a text is said at least, in bytes, however long its link is.
const minExcerpt = 40

// Excerpt says in about one line of room bytes what a long text begins with, how long it is, and where all of it can be read.
func Excerpt(body, link string, room int) string {
	first, lines := "", 0
	for line := range strings.Lines(body) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		lines++
		if first == "" && !strings.HasPrefix(line, "```") { // XEP-0393 §5.1.3: the fence of a block says nothing
			first = line
		}
	}
	where := " (" + link + ")"
	if lines > 1 {
		where = fmt.Sprintf(" (%d lines: %s)", lines, link)
	}
	return strings.TrimSpace(cut(first, max(room-len(where)-len("…"), minExcerpt)) + where)
}
