package e2e

import (
	"fmt"
	"slices"
	"strings"

	"passerelle/internal/xmpptest"
)

// reason says why something differs between biboumi and passerelle, and of which differences it is the reason.
type reason struct {
	verdict  string // one of verdicts
	text     string
	patterns []*pattern
}

// verdicts are what a difference can be: something that only passerelle has, or has right; the same to whoever sees it; something that was
// decided otherwise; something that passerelle still lacks.
var verdicts = []string{"better", "equal", "other", "gap"}

type pattern struct {
	irc  string // the IRC server with which it is so; empty for each
	glob string // of a difference, see xmpptest.Match
	used bool
}

// parseReasons reads the list of differences: "[verdict] text", then a pattern a line further in, where "ngircd|" in front says that it is so
// with that server alone.
func parseReasons(list string) ([]*reason, error) {
	var all []*reason
	for i, line := range strings.Split(list, "\n") {
		text := strings.TrimSpace(line)
		verdict, rest, isReason := strings.Cut(strings.TrimPrefix(line, "["), "] ")
		switch {
		case text == "" || text[0] == '#':
		case strings.HasPrefix(line, "[") && isReason && slices.Contains(verdicts, verdict):
			all = append(all, &reason{verdict: verdict, text: rest})
		case line == text || len(all) == 0:
			return nil, fmt.Errorf("line %d: neither a reason nor a pattern: %s", i+1, line)
		default:
			irc, glob, only := strings.Cut(text, "| ")
			if !only {
				irc, glob = "", text
			}
			last := all[len(all)-1]
			last.patterns = append(last.patterns, &pattern{irc: irc, glob: glob})
		}
	}
	return all, nil
}

// find gives the reason for a difference with an IRC server, nil if there is none. The first one counts.
func find(all []*reason, irc string, d difference) *reason {
	for _, r := range all {
		for _, p := range r.patterns {
			if (p.irc == "" || p.irc == irc) && xmpptest.MatchText(p.glob, d.String(), nil) {
				p.used = true
				return r
			}
		}
	}
	return nil
}

// unused are the patterns that fit no difference with an IRC server.
func unused(all []*reason, irc string) []string {
	var out []string
	for _, r := range all {
		for _, p := range r.patterns {
			if (p.irc == "" || p.irc == irc) && !p.used {
				out = append(out, p.glob)
			}
		}
	}
	return out
}

// compared is a part of a script, with what differs in it and why.
type compared struct {
	*played
	same    int
	found   []difference
	reasons []*reason // of each difference; nil where there is none
}

// compareReport is what came of a comparison, in Markdown: the reasons, with the parts of the script that they are of, and then part by part what was
// done and what differs.
func compareReport(irc string, all []*compared) string {
	var b strings.Builder
	same, counts := 0, map[string]int{}
	var order []*reason
	parts := map[*reason][]string{}
	for _, c := range all {
		same += c.same
		for _, r := range c.reasons {
			if r == nil {
				counts["unexplained"]++
				continue
			}
			counts[r.verdict]++
			if parts[r] == nil {
				order = append(order, r)
			}
			if !slices.Contains(parts[r], c.title) {
				parts[r] = append(parts[r], c.title)
			}
		}
	}
	fmt.Fprintf(&b, "# biboumi 9.0 and passerelle, with %s\n\nThe same: %d stanzas and lines.", irc, same)
	for _, verdict := range append(slices.Clone(verdicts), "unexplained") {
		fmt.Fprintf(&b, " %s: %d.", verdict, counts[verdict])
	}
	b.WriteString("\n\n| verdict | reason | in |\n|---|---|---|\n")
	for _, verdict := range verdicts {
		for _, r := range order {
			if r.verdict == verdict {
				fmt.Fprintf(&b, "| %s | %s | %s |\n", verdict, tableCell.Replace(r.text), strings.Join(parts[r], "; "))
			}
		}
	}
	for _, c := range all {
		c.write(&b)
	}
	return b.String()
}

// tableCell makes text fit for a table.
var tableCell = strings.NewReplacer("|", "\\|", "`", "'")

// write adds a part to a report.
func (c *compared) write(b *strings.Builder) {
	fmt.Fprintf(b, "\n## %s\n\n", c.title)
	for _, s := range c.steps {
		fmt.Fprintf(b, "    %s\n", strings.ReplaceAll(s, "\n", "\n    "))
	}
	fmt.Fprintf(b, "\nThe same: %d.\n", c.same)
	if len(c.found) == 0 {
		return
	}
	b.WriteString("\n| who sees it | difference | verdict | reason |\n|---|---|---|---|\n")
	for i, d := range c.found {
		r := c.reasons[i]
		if r == nil {
			r = &reason{verdict: "unexplained"}
		}
		fmt.Fprintf(b, "| %s | `%s` | %s | %s |\n", strings.Join(d.clients, ", "), tableCell.Replace(d.what), r.verdict, tableCell.Replace(r.text))
	}
}
