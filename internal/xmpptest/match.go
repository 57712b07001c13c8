package xmpptest

import (
	"fmt"
	"maps"
	"strings"
)

// Vars are the values that patterns have captured, by name.
type Vars map[string]string

// Match reports why got is not what the pattern expects, or nil if it is; then the pattern's captures are in vars.
//
// A pattern is a part of a stanza. Name and namespace are equal. The attributes and elements of the pattern are in the stanza,
// in any order, each element of the pattern another element of the stanza. Text in the pattern is the text of the stanza, white
// space around it aside; no text in the pattern means any. What else the stanza has is of no interest, with one exception: a
// stanza whose pattern names no type has none, so that an error or a leave does not pass for a message or a join.
//
// In a value or a text, * stands for anything or nothing, \* for an asterisk, and {name} as the whole of it captures the value
// the first time and stands for the captured one afterwards.
func Match(pattern, got *Element, vars Vars) error {
	captured := maps.Clone(vars)
	if captured == nil {
		captured = Vars{}
	}
	if pattern.Get("type") == "" && got.Get("type") != "" && pattern.Name.Space == NSClient {
		return fmt.Errorf("it has the type %q, expected none", got.Get("type"))
	}
	if err := match(pattern, got, captured); err != nil {
		return err
	}
	maps.Copy(vars, captured)
	return nil
}

func match(pattern, got *Element, vars Vars) error {
	if pattern.Name != got.Name {
		return fmt.Errorf("it is <%s xmlns='%s'>, expected <%s xmlns='%s'>",
			got.Name.Local, got.Name.Space, pattern.Name.Local, pattern.Name.Space)
	}
	for _, want := range pattern.Attr {
		if err := matchAttr(pattern, got, want.Name.Local, want.Value, vars); err != nil {
			return err
		}
	}
	children := pattern.Elements()
	if want := strings.TrimSpace(pattern.Text()); want != "" {
		if text := strings.TrimSpace(got.Text()); !MatchText(want, text, vars) {
			return fmt.Errorf("the text of <%s> is %q, expected %q", got.Name.Local, text, want)
		}
	}
	return matchChildren(children, got, got.Elements(), vars)
}

func matchAttr(pattern, got *Element, name, want string, vars Vars) error {
	for _, a := range got.Attr {
		if a.Name.Local != name {
			continue
		}
		if !MatchText(want, a.Value, vars) {
			return fmt.Errorf("%s of <%s> is %q, expected %q", name, got.Name.Local, a.Value, want)
		}
		return nil
	}
	if want == "*" && name == "type" && pattern.Name.Space == NSClient {
		return nil // any type, none included
	}
	return fmt.Errorf("<%s> has no attribute %s, expected %q", got.Name.Local, name, want)
}

// matchChildren finds a different element for each pattern. It tries all ways, because a pattern that says little could take
// the only element that fits a pattern that says more.
func matchChildren(patterns []*Element, parent *Element, left []*Element, vars Vars) error {
	if len(patterns) == 0 {
		return nil
	}
	var first error
	for i, candidate := range left {
		tried := maps.Clone(vars)
		err := match(patterns[0], candidate, tried)
		if err == nil {
			rest := append(append([]*Element{}, left[:i]...), left[i+1:]...)
			if err = matchChildren(patterns[1:], parent, rest, tried); err == nil {
				maps.Copy(vars, tried)
				return nil
			}
		}
		// The fault of an element with the right name says more than that of any other.
		if first == nil || candidate.Name == patterns[0].Name {
			first = err
		}
	}
	name := patterns[0].Name
	if first == nil || parent.Child(name.Space, name.Local) == nil {
		return fmt.Errorf("<%s> has no <%s xmlns='%s'>", parent.Name.Local, name.Local, name.Space)
	}
	return first
}

// MatchText reports whether a value is as the pattern says: see Match. A capture is added to vars.
func MatchText(pattern, value string, vars Vars) bool {
	if name, ok := capture(pattern); ok {
		if known, ok := vars[name]; ok {
			return known == value
		}
		vars[name] = value
		return true
	}
	return glob(pattern, value)
}

// capture is the name in a pattern that is {name}.
func capture(pattern string) (string, bool) {
	name, ok := strings.CutPrefix(pattern, "{")
	if !ok {
		return "", false
	}
	name, ok = strings.CutSuffix(name, "}")
	return name, ok && name != "" && !strings.ContainsAny(name, "{} ")
}

// glob matches with the two-pointer method, which is linear enough for any pattern: after a mismatch it goes back to the last
// asterisk alone.
func glob(pattern, value string) bool {
	type piece struct {
		any  bool
		char byte
	}
	var pieces []piece
	for i := 0; i < len(pattern); i++ {
		switch {
		case pattern[i] == '\\' && i+1 < len(pattern) && pattern[i+1] == '*':
			i++
			pieces = append(pieces, piece{char: '*'})
		case pattern[i] == '*':
			pieces = append(pieces, piece{any: true})
		default:
			pieces = append(pieces, piece{char: pattern[i]})
		}
	}
	p, v, star, mark := 0, 0, -1, 0
	for v < len(value) {
		switch {
		case p < len(pieces) && pieces[p].any:
			star, mark = p, v
			p++
		case p < len(pieces) && pieces[p].char == value[v]:
			p++
			v++
		case star >= 0:
			mark++
			p, v = star+1, mark
		default:
			return false
		}
	}
	for p < len(pieces) && pieces[p].any {
		p++
	}
	return p == len(pieces)
}
