package content

import (
	"slices"
	"strings"
)

// Answer is what the sender of a mail says to the one that he answers, and nothing that was said before: no quote above or below it, and no
// line that introduces one. Lines between quotes keep those that they answer. It is empty where he says nothing.
//
// Where ours reports that a line has something in it which only the mail that is answered can bring, such as an address that was made for the
// answer, the quote begins there, whatever his program or its language puts around it.
func (m *Message) Answer(ours func(line string) bool) string {
	a := answer{ours: ours}
	for l := range strings.SplitSeq(m.Text[m.Quoted:], "\n") {
		a.lines = append(a.lines, l)
	}
	var said []string
	above, answers := 0, false // how many lines stand above the first that answers
	for i := 0; i < len(a.lines); {
		end, whole := a.introduction(i)
		if whole {
			break
		}
		if end > i {
			i = end
			continue
		}
		if !answers && ownWords(a.lines[i]) {
			above, answers = len(said), true
		}
		said = append(said, a.lines[i])
		i++
	}
	if !answers {
		return ""
	}
	// What is quoted last is answered by nothing.
	for !ownWords(said[len(said)-1]) {
		said = said[:len(said)-1]
	}
	between := slices.ContainsFunc(said[above:], func(l string) bool { return strings.HasPrefix(l, ">") })
	if !between { // the answer stands below: all above it is known
		said = said[above:]
	}
	return strings.Trim(strings.Join(said, "\n"), "\n")
}

// ownWords reports whether a line has text that is no quote.
func ownWords(l string) bool { return strings.TrimSpace(l) != "" && !strings.HasPrefix(l, ">") }

type answer struct {
	lines []string
	ours  func(string) bool
}

// maxIntroduction is how many lines a program makes of one that introduces a quote.
const maxIntroduction = 3

// introduction is where one ends that begins at a line, else that line; whole says that everything from there on is a quote.
func (a *answer) introduction(i int) (end int, whole bool) {
	if strings.HasPrefix(a.lines[i], ">") {
		return i, false
	}
	joined := ""
	for j := i; j < len(a.lines) && j < i+maxIntroduction && ownWords(a.lines[j]); j++ {
		joined += " " + strings.TrimSpace(a.lines[j])
		follows := a.quoteFollows(j + 1)
		switch {
		case a.ours(a.lines[j]) && (j == i || continued(a.lines[j-1])):
			return j + 1, !follows
		case j == i && follows && endsIntroduction(a.lines[j]) && introduces(strings.TrimSpace(joined), true):
			return j + 1, false
		}
	}
	return i, false
}

// continued reports whether a line looks like one that a program has cut before an address.
func continued(l string) bool {
	l = strings.TrimSpace(l)
	return strings.HasSuffix(l, "<") || strings.HasSuffix(l, ",") || strings.HasSuffix(l, ")") || strings.ContainsAny(l, "0123456789")
}

// quoteFollows reports whether the next line with text is one of a quote.
func (a *answer) quoteFollows(i int) bool {
	for ; i < len(a.lines); i++ {
		if strings.TrimSpace(a.lines[i]) != "" {
			return strings.HasPrefix(a.lines[i], ">")
		}
	}
	return false
}
