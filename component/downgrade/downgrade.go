// Package downgrade says in plain text what a network without the riches of XMPP cannot carry: one short readable line for a reply, a
// correction, a reaction, a retraction or a file, and a clear refusal for what must not be sent at all.
//
// It is pure, and in charge of reading one message: what the network gets of it, what others of the sender's clients should see though
// the network gets nothing, and what its sender wants kept. What the room or the conversation makes of that is not its business.
//
// Documents: XEP-0066 1.5, XEP-0085 2.1, XEP-0245 1.0, XEP-0249 1.2, XEP-0308 1.2.1, XEP-0333 0.4, XEP-0334 0.4, XEP-0364 0.3.2, XEP-0374 0.2,
// XEP-0380 0.4, XEP-0384 0.8, XEP-0424 0.4.2, XEP-0426 0.3, XEP-0428 0.2.0, XEP-0444 0.2, XEP-0446 0.1, XEP-0447 0.2,
// XEP-0448 0.2, XEP-0461 0.2.
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
	nsRetract0  = "urn:xmpp:message-retract:0"
	nsFasten    = "urn:xmpp:fasten:0"
	nsInvite    = "jabber:x:conference"
	nsStates    = "http://jabber.org/protocol/chatstates"
	nsMarkers   = "urn:xmpp:chat-markers:0"
)

// Features are the namespaces that a conversation can announce, since this package makes them readable.
func Features() []string { return []string{NSCorrect, NSRetract, NSReply, NSReactions, NSFallback} }

// Quoted is a message that another one refers to, as it stands by now.
type Quoted struct {
	Nick string // empty where it need not be said
	Body string // without what it quotes itself
	Own  bool   // the sender of the reference wrote it
	// Reacted are the signs with which the sender of the reference reacted to it, as Text has them.
	Reacted string
}

// Text is what the network gets. An empty Body with a nil Refused means that there is nothing to send.
type Text struct {
	Body    string
	Action  bool // "/me": the body is what the sender does
	Refused *transports.Error
	// Shown says that the sender's other clients should see the message though there is nothing to send.
	Shown bool
	// Passing is of the moment: nothing is to be remembered of the message.
	Passing bool
	// Said is what the message itself says, for those that refer to it later.
	Said string
	// Corrects is the id of a message that says Said from now on, ReactsTo that of one to which the sender reacts with Reacted.
	Corrects, ReactsTo string
	Reacted            string // signs with spaces between them
	// Added and Removed are what makes Reacted of what it was. Retracts is the id of a message that is taken back, Answers that of
	// one that is answered: for networks that can carry those.
	Added, Removed    []string
	Retracts, Answers string
	// Writes is how far its sender is with what he writes, where the message says that; nil where it does not.
	Writes *transports.Composing
}

// Read makes text of a message. lookup finds the messages that it refers to by their ids; it may know none.
func Read(m *stanza.Element, lookup func(id string) (Quoted, bool)) Text {
	t := read(m, lookup)
	if hasKey(t.Body) {
		return Text{Refused: keyRefused()}
	}
	if t.Said != "" {
		t.Answers = m.Child(NSReply, "reply").Attr("id")
	}
	t.Passing = t.Passing || ReadHints(m).NoStore
	return t
}

func read(m *stanza.Element, lookup func(id string) (Quoted, bool)) Text {
	body := m.Child(stanza.NSComponent, "body").Text()
	switch encryption(m, body) {
	case encrypted:
		return Text{Refused: Encrypted(m)}
	case onlyKeys:
		return Text{}
	}
	if r := m.Child(NSReactions, "reactions"); r != nil {
		return reaction(r, lookup)
	}
	if id, ok := Retracted(m); ok {
		return retraction(id, lookup)
	}
	if isState(m) && body == "" {
		return Text{Shown: true, Passing: true, Writes: writes(m)}
	}
	replied, prefix := m.Child(NSReply, "reply"), ""
	if replied != nil {
		body = withoutFallback(m, body, isReply)
	}
	body, refused := withFiles(m, body)
	if refused != nil {
		return Text{Refused: refused}
	}
	if replied != nil && body != "" {
		prefix = addressed(replied, body, lookup)
	}
	if r := m.Child(NSCorrect, "replace"); r != nil {
		return correction(body, prefix, r.Attr("id"), lookup)
	}
	if jid := m.Child(nsInvite, "x").Attr("jid"); jid != "" && body == "" { // XEP-0249 §2
		return Text{Body: "invites you to " + jid, Action: true}
	}
	t := action(prefix + body)
	t.Said = body
	return t
}

func action(body string) Text {
	if rest, ok := strings.CutPrefix(body, "/me "); ok { // XEP-0245 §2
		return Text{Body: rest, Action: true}
	}
	return Text{Body: body}
}

// isState reports whether a message tells what its sender is doing: writing (XEP-0085), having read (XEP-0333).
func isState(m *stanza.Element) bool {
	for c := range m.Children() {
		if c.Space == nsStates || c.Space == nsMarkers && c.Name != "markable" {
			return true
		}
	}
	return false
}

// writes is the chat state of a message (XEP-0085 §4); nil for none.
func writes(m *stanza.Element) *transports.Composing {
	for c := range m.Children() {
		if c.Space != nsStates {
			continue
		}
		state := transports.ComposingNot // active, inactive, gone
		switch c.Name {
		case "composing":
			state = transports.ComposingActive
		case "paused":
			state = transports.ComposingPaused
		}
		return &state
	}
	return nil
}

// quoteBytes is how much of a message is repeated so that people know which one is meant.
const quoteBytes = 40

// Quote is the beginning of a message, on one line, for somebody who is to know which one is meant.
func Quote(body string) string { return cut(strings.Join(strings.Fields(body), " "), 2*quoteBytes) }

// quote is the beginning of a message, on one line.
func quote(body string) string {
	return "“" + cut(strings.Join(strings.Fields(body), " "), quoteBytes) + "”"
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
