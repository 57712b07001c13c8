package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// figure is something that was measured, with its unit.
type figure struct {
	value float64
	text  string
	more  bool // the more the better
}

func pace(perSecond float64) figure { return figure{perSecond, thousands(perSecond) + "/s", true} }

func micros(d time.Duration, n int) figure {
	us := float64(d.Microseconds()) / float64(n)
	if us < 100 {
		return figure{us, fmt.Sprintf("%.1f µs", us), false}
	}
	return figure{us, fmt.Sprintf("%.0f µs", us), false}
}

func millis(d time.Duration) figure {
	return figure{float64(d), fmt.Sprintf("%.2f ms", float64(d.Microseconds())/1000), false}
}

func seconds(d time.Duration) figure {
	return figure{float64(d), fmt.Sprintf("%.2f s", d.Seconds()), false}
}

func cores(share float64) figure { return figure{share, fmt.Sprintf("%.3f core", share), false} }

func megabytes(kib int) figure {
	return figure{float64(kib), fmt.Sprintf("%.1f MB", float64(kib)*1024/1e6), false}
}

func kibibytes(kib float64) figure { return figure{kib, fmt.Sprintf("%.1f KiB", kib), false} }

// table is what was measured, by row and program, the rows in the order in which they came.
type table struct {
	programs []program
	rows     []string
	cells    map[[2]string][]figure
}

func newTable(programs []program) *table {
	return &table{programs: programs, cells: map[[2]string][]figure{}}
}

func (t *table) set(row string, p program, cells []figure) {
	if !slices.Contains(t.rows, row) {
		t.rows = append(t.rows, row)
	}
	t.cells[[2]string{row, p.String()}] = cells
}

// markdown writes the table: of each two programs that follow one another what they need, and how many times better the second one is.
func (t *table) markdown() string {
	var b strings.Builder
	b.WriteString("| work |")
	for i, p := range t.programs {
		fmt.Fprintf(&b, " %s |", p)
		if i%2 == 1 {
			b.WriteString(" times better |")
		}
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(t.programs)*3/2) + "\n")
	for _, row := range t.rows {
		fmt.Fprintf(&b, "| %s |", row)
		var before []figure
		for i, p := range t.programs {
			cell := t.cells[[2]string{row, p.String()}]
			texts := make([]string, len(cell))
			for i, f := range cell {
				texts[i] = f.text
			}
			fmt.Fprintf(&b, " %s |", strings.Join(texts, ", "))
			if i%2 == 1 {
				fmt.Fprintf(&b, " %s |", better(before, cell))
			}
			before = cell
		}
		b.WriteString("\n")
	}
	return b.String()
}

// better says how many times better figures are than others.
func better(a, b []figure) string {
	if len(a) != len(b) {
		return ""
	}
	var times []string
	for i := range a {
		over, under := a[i].value, b[i].value
		if b[i].more {
			over, under = under, over
		}
		switch {
		case under == 0:
			times = append(times, "–")
		default:
			times = append(times, strconv.FormatFloat(over/under, 'f', 1, 64))
		}
	}
	return strings.Join(times, ", ")
}

// thousands writes a number with three digits that count, as people read it.
func thousands(f float64) string {
	n := int(f)
	for unit := 1; ; unit *= 10 {
		if n/unit < 1000 {
			n = n / unit * unit
			break
		}
	}
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
