package config

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Fault is one thing that is wrong with a configuration file.
type Fault struct {
	File string // as it was given to Load
	Line int    // starting at 1; 0 where nothing in the file is to blame
	Key  string // such as irc[0].secret; empty where no key is to blame
	Text string // what is wrong
	Fix  string // what to do about it
}

// String is the fault as one line: names and messages may quote what stands in the file, line ends included.
func (f Fault) String() string {
	var b strings.Builder
	b.WriteString(f.File)
	if f.Line > 0 {
		fmt.Fprintf(&b, ":%d", f.Line)
	}
	if f.Key != "" {
		b.WriteString(": " + f.Key)
	}
	b.WriteString(": " + f.Text + " — fix: " + f.Fix)
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return unicode.ReplacementChar
		}
		return r
	}, b.String())
}

// Faults is the error of a configuration that cannot be used: everything that is wrong with it, in the order of the file. It is
// never empty.
type Faults []Fault

// Error has one line for each fault.
func (fs Faults) Error() string {
	lines := make([]string, len(fs))
	for i, f := range fs {
		lines[i] = f.String()
	}
	return strings.Join(lines, "\n")
}

// report collects the faults of a file while it is read. It belongs to one call of Parse.
type report struct {
	file   string
	lines  map[string]int
	faults Faults
	seen   map[string]bool // keys that have a fault, so that nothing that follows from it is reported too
}

func newReport(file string, lines map[string]int) *report {
	return &report{file: file, lines: lines, seen: make(map[string]bool)}
}

// add records a fault. Key is the full path of a key or table; one that is not in the file gets the line of the table that it
// is missing from.
func (r *report) add(key, text, fix string) {
	r.seen[key] = true
	r.faults = append(r.faults, Fault{File: r.file, Line: r.line(key), Key: key, Text: text, Fix: fix})
}

// mute says that a key has a fault that is reported under another name.
func (r *report) mute(key string) { r.seen[key] = true }

// relabel lets everything that is in the table at from be found under the path to, too.
func (r *report) relabel(from, to string) {
	for path, line := range maps.Clone(r.lines) {
		if rest, ok := strings.CutPrefix(path, from); ok && (rest == "" || rest[0] == '.') {
			r.lines[to+rest] = line
		}
	}
}

// ok reports whether key has no fault yet.
func (r *report) ok(key string) bool { return !r.seen[key] }

// has reports whether key is in the file.
func (r *report) has(key string) bool { return r.lines[key] > 0 }

func (r *report) line(key string) int {
	for key != "" {
		if n := r.lines[key]; n > 0 {
			return n
		}
		key = parent(key)
	}
	return 0
}

// parent is the path of the table or list that path is in, empty at the top.
func parent(path string) string {
	i := strings.LastIndexAny(path, ".[")
	if i < 0 {
		return ""
	}
	return path[:i]
}

// err is what was found, nil if nothing was.
func (r *report) err() error {
	if len(r.faults) == 0 {
		return nil
	}
	slices.SortStableFunc(r.faults, func(a, b Fault) int { return cmp.Compare(a.Line, b.Line) })
	return r.faults
}

// maxNearest is how long a name may be that nearest looks at; its work grows with the square of it.
const maxNearest = 64

// nearest is the one of names that name was probably meant to be, empty if none is near.
func nearest(name string, names []string) string {
	if utf8.RuneCountInString(name) > maxNearest {
		return ""
	}
	best, bestDistance := "", 0
	for _, n := range names {
		d := distance(strings.ToLower(name), n)
		if d > (max(len(name), len(n))+1)/3 {
			continue
		}
		if best == "" || d < bestDistance {
			best, bestDistance = n, d
		}
	}
	return best
}

// distance is how many letters to insert, drop, change or swap with the next one to make b out of a (optimal string alignment).
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	// rows[i][j] is the distance of the first i letters of a from the first j of b.
	rows := make([][]int, len(x)+1)
	for i := range rows {
		rows[i] = make([]int, len(y)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(x); i++ {
		for j := 1; j <= len(y); j++ {
			change := rows[i-1][j-1]
			if x[i-1] != y[j-1] {
				change++
			}
			rows[i][j] = min(change, rows[i-1][j]+1, rows[i][j-1]+1)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(x)][len(y)]
}
