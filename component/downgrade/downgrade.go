// Package downgrade says in plain text what a network without the riches of XMPP cannot carry: one short readable line for a reply, a
// correction, a reaction, a retraction or a file, and a clear refusal for what must not be sent at all.
//
// It is pure, and in charge of reading one message. What the room or the conversation makes of the text is not its business.
//
// Documents: XEP-0245 1.0, XEP-0308 1.2, XEP-0380 0.3, XEP-0424 0.4, XEP-0428 0.2, XEP-0444 0.1, XEP-0461 0.2, XEP-0066 1.5.
package downgrade

import (
	"strings"
	"unicode/utf8"

	"passerelle/component/stanza"
	"passerelle/transports"
)

// Namespaces of what is read.
const (
	NSCorrect   = "urn:xmpp:message-correct:0"
	NSRetract   = "urn:xmpp:message-retract:1"
	NSReply     = "urn:xmpp:reply:0"
	NSReactions = "urn:xmpp:reactions:0"
	NSFallback  = "urn:xmpp:fallback:0"
	NSEME       = "urn:xmpp:eme:0"
	nsOMEMO1    = "eu.siacs.conversations.axolotl"
	nsOMEMO2    = "urn:xmpp:omemo:2"
	nsOOB       = "jabber:x:oob"
)

// Features are the namespaces that a conversation can announce, since this package makes them readable.
func Features() []string { return []string{NSCorrect, NSRetract, NSReply, NSReactions, NSFallback} }

// Quoted is a message that another one refers to.
type Quoted struct {
	Nick string
	Body string
	Own  bool // the sender of the reference wrote it
}

// Text is what the network gets. An empty Body with a nil Refused means that there is nothing to send.
type Text struct {
	Body    string
	Action  bool // "/me": the body is what the sender does
	Refused *transports.Error
}

// Read makes text of a message. lookup finds the messages that it refers to by their ids; it may know none.
func Read(m *stanza.Element, lookup func(id string) (Quoted, bool)) Text {
	if encrypted(m) {
		// XEP-0380 §1: the body is only a hint for clients that cannot decrypt.
		return Text{Refused: transports.NewError(transports.Unsupported,
			"This conversation cannot carry encrypted messages. Switch encryption off here and send it again.", nil)}
	}
	if r := m.Child(NSReactions, "reactions"); r != nil {
		return reaction(r, lookup)
	}
	if r := m.Child(NSRetract, "retract"); r != nil {
		if q, ok := lookup(r.Attr("id")); ok {
			return Text{Body: "takes back: “" + quote(q.Body) + "”", Action: true}
		}
		return Text{Body: "takes back an earlier message", Action: true}
	}
	body := m.Child(stanza.NSComponent, "body").Text()
	if reply := m.Child(NSReply, "reply"); reply != nil {
		body = answer(m, reply, body, lookup)
	}
	if r := m.Child(NSCorrect, "replace"); r != nil {
		return correction(body, r.Attr("id"), lookup)
	}
	if url := m.Child(nsOOB, "x").Child(nsOOB, "url").Text(); url != "" && !strings.Contains(body, url) {
		body = strings.TrimSpace(body + "\n" + url)
	}
	return action(body)
}

func action(body string) Text {
	if rest, ok := strings.CutPrefix(body, "/me "); ok { // XEP-0245 §2
		return Text{Body: rest, Action: true}
	}
	return Text{Body: body}
}

// encrypted reports whether only somebody with a key can read a message.
func encrypted(m *stanza.Element) bool {
	return m.Child(NSEME, "encryption") != nil || m.Child(nsOMEMO1, "encrypted") != nil || m.Child(nsOMEMO2, "encrypted") != nil
}

// reaction says which message was reacted to and how (XEP-0444 §4). Taking reactions back says nothing.
func reaction(r *stanza.Element, lookup func(string) (Quoted, bool)) Text {
	var signs []string
	for c := range r.Children() {
		if s := strings.TrimSpace(c.Text()); c.Is(NSReactions, "reaction") && s != "" && len(signs) < 8 {
			signs = append(signs, cut(s, 16))
		}
	}
	if len(signs) == 0 {
		return Text{}
	}
	said := strings.Join(signs, " ")
	q, ok := lookup(r.Attr("id"))
	switch {
	case !ok:
		return Text{Body: "reacts with " + said, Action: true}
	case q.Own:
		return Text{Body: "reacts with " + said + " to “" + quote(q.Body) + "”", Action: true}
	}
	return Text{Body: "reacts with " + said + " to " + q.Nick + ": “" + quote(q.Body) + "”", Action: true}
}

// answer makes of a reply what people of IRC write: the nick in front, without the quotation that clients put there for others
// (XEP-0461 §3.1 with XEP-0428).
func answer(m, reply *stanza.Element, body string, lookup func(string) (Quoted, bool)) string {
	for c := range m.Children() {
		if !c.Is(NSFallback, "fallback") || c.Attr("for") != NSReply {
			continue
		}
		span := c.Child(NSFallback, "body")
		if span == nil {
			continue
		}
		body = remove(body, span.Attr("start"), span.Attr("end"))
	}
	body = strings.TrimSpace(body)
	nick := ""
	if q, ok := lookup(reply.Attr("id")); ok {
		if q.Own {
			return body
		}
		nick = q.Nick
	} else if to, err := transports.ParseAddress(reply.Attr("to")); err == nil {
		nick = to.Resource
	}
	if nick == "" || strings.HasPrefix(strings.ToLower(body), strings.ToLower(nick)) || strings.HasPrefix(body, "/me ") {
		return body
	}
	return nick + ": " + body
}

// remove takes characters start to end out of a text, counted in code points (XEP-0426 §2). What is no such span is left alone.
func remove(s, start, end string) string {
	from, ok1 := number(start)
	to, ok2 := number(end)
	runes := []rune(s)
	if start == "" && end == "" {
		return ""
	}
	if !ok1 || !ok2 || from > to || to > len(runes) {
		return s
	}
	return string(runes[:from]) + string(runes[to:])
}

func number(s string) (int, bool) {
	n := 0
	for _, c := range []byte(s) {
		if c < '0' || c > '9' || n > 1<<20 {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, s != ""
}

// correction says what changed (XEP-0308 §3): as people of IRC do, only the new words where few changed.
func correction(body, id string, lookup func(string) (Quoted, bool)) Text {
	q, ok := lookup(id)
	if !ok {
		t := action(body)
		t.Body += " (corrected)"
		return t
	}
	before, after := strings.Fields(q.Body), strings.Fields(body)
	for len(before) > 0 && len(after) > 0 && before[0] == after[0] {
		before, after = before[1:], after[1:]
	}
	for len(before) > 0 && len(after) > 0 && before[len(before)-1] == after[len(after)-1] {
		before, after = before[:len(before)-1], after[:len(after)-1]
	}
	if len(after) > 0 && len(after) <= 3 && len(before) <= 3 && len(after) < len(strings.Fields(body)) {
		return Text{Body: "*" + strings.Join(after, " ")}
	}
	if len(after) == 0 && len(before) == 0 {
		return Text{} // nothing that one could see
	}
	t := action(body)
	t.Body += " (corrected)"
	return t
}

// quoteBytes is how much of a message is repeated so that people know which one is meant.
const quoteBytes = 40

// quote is the beginning of a message, on one line.
func quote(body string) string {
	return cut(strings.Join(strings.Fields(body), " "), quoteBytes)
}

// cut shortens a text to at most n bytes, between words where there are some.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	if i := strings.LastIndexByte(s[:n], ' '); i > n/2 {
		n = i
	}
	return s[:n] + "…"
}
