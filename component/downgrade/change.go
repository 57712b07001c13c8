package downgrade

import (
	"slices"
	"strings"

	"passerelle/component/stanza"
	"passerelle/transports"
)

// Bounds of what one message reacts with.
const (
	MaxSigns  = 8
	signBytes = 64 // a family of four with skin tones takes 41
)

// reaction says which message was reacted to and how. The element has all signs that hold from now on (XEP-0444 §2.2), so only the new
// ones are said, and taking some back is not.
func reaction(r *stanza.Element, lookup func(string) (Quoted, bool)) Text {
	id := r.Attr("id")
	q, known := lookup(id)
	var all, fresh []string
	for c := range r.Children() {
		sign := strings.Join(strings.Fields(c.Text()), "")
		if !c.Is(NSReactions, "reaction") || sign == "" || len(all) == MaxSigns || slices.Contains(all, cut(sign, signBytes)) {
			continue
		}
		sign = cut(sign, signBytes)
		if all = append(all, sign); !slices.Contains(strings.Fields(q.Reacted), sign) {
			fresh = append(fresh, sign)
		}
	}
	t := Text{ReactsTo: id, Reacted: strings.Join(all, " "), Added: fresh}
	for sign := range strings.FieldsSeq(q.Reacted) {
		if !slices.Contains(all, sign) {
			t.Removed = append(t.Removed, sign)
		}
	}
	if len(fresh) == 0 {
		t.Shown = true
		return t
	}
	t.Body, t.Action = "reacts with "+strings.Join(fresh, " "), true
	switch {
	case !known:
	case q.Own || q.Nick == "":
		t.Body += " to " + quote(q.Body)
	default:
		t.Body += " to " + q.Nick + ": " + quote(q.Body)
	}
	return t
}

// Signs are all the signs of a reaction as they are kept, with spaces between them.
func Signs(r *stanza.Element) string {
	return reaction(r, func(string) (Quoted, bool) { return Quoted{}, false }).Reacted
}

// AllSigns are the signs of a reaction, for a network that carries them.
func AllSigns(r *stanza.Element) []string {
	return reaction(r, func(string) (Quoted, bool) { return Quoted{}, false }).Added
}

// Retracted is the id of the message that another one takes back (XEP-0424 §3; before version 0.4 it was wrapped).
func Retracted(m *stanza.Element) (id string, ok bool) {
	if r := m.Child(NSRetract, "retract"); r != nil {
		return r.Attr("id"), true
	}
	if a := m.Child(nsFasten, "apply-to"); a.Child(nsRetract0, "retract") != nil {
		return a.Attr("id"), true
	}
	return "", false
}

// retraction says that somebody takes back what he said. The network has shown it already.
func retraction(id string, lookup func(string) (Quoted, bool)) Text {
	switch q, ok := lookup(id); {
	case !ok:
		return Text{Body: "takes back an earlier message", Action: true, Retracts: id}
	case !q.Own: // XEP-0424 §5: only who wrote it may
		return Text{Refused: transports.NewError(transports.Denied, "Only your own messages can be taken back.", nil)}
	default:
		return Text{Body: "takes back: " + quote(q.Body), Action: true, Retracts: id}
	}
}

// correction says what changed (XEP-0308 §3): as people of IRC do, only the new words where few changed.
func correction(body, prefix, id string, lookup func(string) (Quoted, bool)) Text {
	if strings.TrimSpace(body) == "" { // clients that know no retraction do it so
		return retraction(id, lookup)
	}
	t := action(prefix + body)
	t.Body += " (corrected)"
	t.Said, t.Corrects = body, id
	q, ok := lookup(id)
	if !ok || !q.Own { // XEP-0308 §4: nobody corrects others
		return t
	}
	before, after := strings.Fields(q.Body), strings.Fields(body)
	all := len(after)
	for len(before) > 0 && len(after) > 0 && before[0] == after[0] {
		before, after = before[1:], after[1:]
	}
	for len(before) > 0 && len(after) > 0 && before[len(before)-1] == after[len(after)-1] {
		before, after = before[:len(before)-1], after[:len(after)-1]
	}
	switch {
	case len(after) == 0 && len(before) == 0: // nothing that one could see
		t.Body, t.Action, t.Shown = "", false, true
	case len(after) > 0 && len(after) <= 3 && len(before) <= 3 && len(after) < all:
		t.Body, t.Action = "*"+strings.Join(after, " "), false
	}
	return t
}
