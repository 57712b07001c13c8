package ircbridge

import (
	"strings"
	"unicode"

	"github.com/lrstanley/girc"
)

// parse reads a line (RFC 2812 §2.3.1); it gives nil for what is no line of IRC. The parser cuts parameters at every space that
// Unicode knows, but on IRC only U+0020 separates: a no-break space or a tab may be part of a channel's name.
func parse(line string) *girc.Event {
	e := girc.ParseEvent(line)
	if e == nil || e.Command == "" {
		return nil
	}
	if len(e.Params) > 1 && !printableASCII(line) && strings.ContainsFunc(line, isOtherSpace) {
		e.Params = cutParams(line)
	}
	fixTags(e, line)
	return e
}

func isOtherSpace(r rune) bool { return r != ' ' && unicode.IsSpace(r) }

// cutParams gives the parameters of a line behind its tags, its source and its command.
func cutParams(line string) []string {
	skip := func() { _, line, _ = strings.Cut(line, " ") }
	if strings.HasPrefix(line, "@") {
		skip()
	}
	if strings.HasPrefix(line, ":") {
		skip()
	}
	skip()
	var params []string
	for line != "" {
		if trailing, ok := strings.CutPrefix(line, ":"); ok {
			return append(params, trailing)
		}
		var p string
		if p, line, _ = strings.Cut(line, " "); p != "" {
			params = append(params, p)
		}
	}
	return params
}
