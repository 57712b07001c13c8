package publish

import (
	"fmt"
	"io"
	"strings"
)

// PrintZone writes the records as a zone file has them.
func PrintZone(w io.Writer, records []Record) error {
	for _, r := range records {
		line := r.Zone()
		if strings.Contains(r.Value, "(") && r.Type != "TXT" { // something that only the operator knows
			line = "; " + r.Type + " " + r.Name + ": " + r.Value
		}
		if _, err := fmt.Fprintf(w, "%s\n", line); err != nil {
			return err
		}
	}
	return nil
}

// PrintFindings writes what was found line by line, and under what is not right what to do.
func PrintFindings(w io.Writer, domain string, findings []Finding) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", domain)
	for _, f := range findings {
		state := string(f.State)
		if f.State == Missing && f.Record.Extra {
			state = "optional"
		}
		fmt.Fprintf(&b, "  %-8s  %-8s %s\n", state, f.Record.Kind, f.Record.Name)
		for _, found := range f.Found {
			fmt.Fprintf(&b, "            found    %s\n", shorten(found))
		}
		if f.Says != "" {
			fmt.Fprintf(&b, "            note     %s\n", f.Says)
		}
		if f.State == Right {
			continue
		}
		if f.State != Unknown {
			fmt.Fprintf(&b, "            publish  %s %s\n", f.Record.Type, strings.ReplaceAll(strings.TrimSpace(f.Record.Value), "\n", "\n                     "))
			fmt.Fprintf(&b, "            without  %s\n", f.Record.Why)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// shorten leaves out the middle of what is long, such as a key, and what a terminal would obey.
func shorten(s string) string {
	const longest = 100
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return '?'
		}
		return r
	}, s)
	if len(s) <= longest {
		return s
	}
	return strings.ToValidUTF8(s[:longest/2], "") + " … " + strings.ToValidUTF8(s[len(s)-longest/4:], "")
}
