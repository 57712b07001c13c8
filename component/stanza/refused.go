package stanza

import (
	"bytes"
	"fmt"
)

// Refused is the error for a stanza that broke a limit or a rule; the stream goes on behind it. Kind, Type, ID, From and To hold
// what could be read of the root's start tag, so that the sender can be answered; they are empty where nothing could.
type Refused struct {
	Kind, Type, ID, From, To string // Kind is the root's name as written
	Condition                string // of RFC 6120 §8.3.3
	Text                     string // a sentence
}

func (r *Refused) Error() string { return "stanza refused: " + r.Condition + ": " + r.Text }

// StreamError is what the server said in <stream:error/> before it ends the stream (RFC 6120 §4.9).
type StreamError struct{ Condition, Text string }

func (e *StreamError) Error() string {
	if e.Text == "" {
		return "stream error: " + e.Condition
	}
	return "stream error: " + e.Condition + ": " + e.Text
}

// streamError reads a <stream:error/> (RFC 6120 §4.9.2).
func streamError(root *Element) *StreamError {
	e := &StreamError{
		Condition: "undefined-condition",
		Text:      root.Child(NSStreamErrors, "text").Text(),
	}
	for c := range root.Children() {
		if c.Space == NSStreamErrors && c.Name != "text" {
			e.Condition = c.Name
			break
		}
	}
	return e
}

// badRequest refuses what is not well-formed or forbidden by RFC 6120 §11.1.
func badRequest(text string) *Refused { return &Refused{Condition: "bad-request", Text: text} }

// overLimit refuses what is well-formed but too much.
func overLimit(text string) *Refused { return &Refused{Condition: "policy-violation", Text: text} }

// The refusals of constructs that RFC 6120 §11.1 forbids; both paths give the same.
func refuseComment() *Refused { return badRequest("Comments are not allowed.") }
func refusePI() *Refused      { return badRequest("Processing instructions are not allowed.") }
func refuseDTD() *Refused     { return badRequest("Document type declarations are not allowed.") }

// The refusals of what is not well-formed. On the cold path encoding/xml finds some of it first, and the text says less.
func refuseChar() *Refused { return badRequest("There is a character that XML does not allow.") }

func refuseReference() *Refused { return badRequest("There is an unknown entity or a bad reference.") }
func refuseTag() *Refused       { return badRequest("A tag is not well-formed.") }
func refuseMismatch() *Refused  { return badRequest("The end tags do not match the start tags.") }
func refuseDuplicate() *Refused { return badRequest("An element has the same attribute twice.") }
func refuseReserved() *Refused  { return badRequest("A reserved namespace is declared.") }
func refusePrefix() *Refused    { return badRequest("A prefix is not declared.") }
func refuseCDEnd() *Refused     { return badRequest("There is a ]]> outside of a CDATA section.") }

func refuseDepth() *Refused    { return overLimit("The elements are nested too deep.") }
func refuseAttrs() *Refused    { return overLimit("An element has too many attributes.") }
func refuseElements() *Refused { return overLimit("There are too many elements.") }

// refuseBytes refuses a stanza of more than limit bytes.
func refuseBytes(limit int) *Refused {
	return overLimit(fmt.Sprintf("The stanza is larger than %d bytes.", limit))
}

// readHead fills in what can be read of the start tag at the beginning of frame. It goes as far as the tag makes sense and leaves
// out values that do not.
func (r *Refused) readHead(frame []byte) {
	if len(frame) == 0 || frame[0] != '<' {
		return
	}
	// The zero byte ends every scan, as in tree.go.
	b := append(bytes.Clone(frame[:min(len(frame), maxHead)]), 0)
	i := nameEnd(b, 1)
	if charsOK, _ := checkChars(b[1:i]); charsOK {
		r.Kind = string(b[1:i])
	}
	for {
		start := skipSpace(b, i)
		end := nameEnd(b, start)
		if end == start {
			return
		}
		from, to := valueAt(b, end)
		if to < 0 {
			return
		}
		i = to + 1
		var field *string
		switch string(b[start:end]) {
		case "type":
			field = &r.Type
		case "id":
			field = &r.ID
		case "from":
			field = &r.From
		case "to":
			field = &r.To
		default:
			continue
		}
		value := b[from:to]
		if charsOK, _ := checkChars(value); !charsOK || bytes.IndexByte(value, '<') >= 0 {
			continue
		}
		if value, ok := expand(value); ok && *field == "" {
			*field = string(value)
		}
	}
}
