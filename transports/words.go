package transports

import "fmt"

// Say says a text of the catalogue, with its arguments filled in, in a language.
type Say = func(text string, args ...any) string

// Words are a text of the catalogue and what is filled in, for whoever knows in which language they are read. Of the arguments those that
// are such words, or errors, are said in that language too.
type Words struct {
	Text string
	Args []any
}

// In says the words.
func (w Words) In(say Say) string {
	filled := make([]any, len(w.Args))
	for i, a := range w.Args {
		if said, ok := a.(interface{ In(say Say) string }); ok {
			a = said.In(say)
		}
		filled[i] = a
	}
	return say(w.Text, filled...)
}

func inEnglish(text string, args ...any) string {
	if len(args) == 0 {
		return text
	}
	return fmt.Sprintf(text, args...)
}
