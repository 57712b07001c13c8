package ircbridge

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/lrstanley/girc"

	"passerelle/transports"
)

// Reactions to messages (IRCv3 client tags react and reply) and taking messages back (IRCv3 message-redaction).

// maxSign bounds a reaction, in bytes: an emoji of many parts has 41, and people react with words too.
const maxSign = 80

// reaction translates the reaction that a line of tags has.
func (t translator) reaction(dst []transports.Event, e *girc.Event, who transports.Person, room, to transports.Target) []transports.Event {
	on := replyTo(e)
	add, remove := sign(e, tagReactDraft, tagReact), sign(e, tagUnreactDraft, tagUnreact)
	if on == "" || (add == "") == (remove == "") { // both: there is no telling which is meant
		return dst
	}
	r := transports.Reacted{Room: room, From: t.person(who), To: to, On: on, ID: msgID(e)}
	r.Time, r.Clocked = t.time(e)
	if add != "" {
		r.Add = []string{add}
	} else {
		r.Remove = []string{remove}
	}
	return append(dst, r)
}

// sign is what a tag reacts with, on one line; empty where that is nothing, or no sign.
func sign(e *girc.Event, names ...string) string {
	v, _ := tag(e, names...)
	if len(v) > maxSign || !utf8.ValidString(v) {
		return ""
	}
	return strings.Clone(strings.TrimSpace(plain(v)))
}

// redaction translates that a message is taken back: REDACT target id, and a reason.
func (t translator) redaction(dst []transports.Event, e *girc.Event) []transports.Event {
	if e.Source == nil || len(e.Params) < 2 || !validMsgID(e.Params[1]) {
		return dst
	}
	who, person := t.author(e)
	if !person {
		who = transports.Person{Nick: plain(e.Source.Name)} // the network itself
	}
	room, to, ok := t.conversation(e.Params[0], who.Nick)
	if !ok {
		return dst
	}
	r := transports.Redacted{Room: room, By: t.person(who), To: to, Message: strings.Clone(e.Params[1]), ID: msgID(e)}
	r.Time, r.Clocked = t.time(e)
	if len(e.Params) > 2 {
		r.Reason = oneLine(plain(e.Params[2]), maxSetting)
	}
	return append(dst, r)
}

// react puts signs to a message, each by a line of its own.
func (s *session) react(q transports.React) *transports.Error {
	p, name, err := s.about(requestReact, q.Ref, q.To)
	if err != nil {
		return err
	}
	c := s.conn
	if f := c.features(); !validMsgID(q.On) || len(q.Add) > 0 && !f.Reacts || len(q.Remove) > 0 && !f.Unreacts {
		return refused(transports.Unsupported, "%s carries no reactions.", s.net.Name)
	}
	var lines []outLine
	put := func(key string, signs []string) *transports.Error {
		for _, sign := range signs {
			tags := key + "=" + escapeTag(sign) + ";" + c.replyTags(q.On)
			if len(sign) > maxSign || len(tags) > maxTagData {
				return refused(transports.TooLarge, "The reaction is too long: it has up to %d bytes.", maxSign)
			}
			lines = append(lines, outLine{tags: tags, text: "TAGMSG " + name})
		}
		return nil
	}
	if err := put(c.passed(tagUnreactDraft, tagUnreact), q.Remove); err != nil {
		return err
	}
	if err := put(c.passed(tagReactDraft, tagReact), q.Add); err != nil {
		return err
	}
	return s.ask(p, lines)
}

// redact takes messages back.
func (s *session) redact(q transports.Redact) *transports.Error {
	p, name, err := s.about(requestRedact, q.Ref, q.To)
	if err != nil {
		return err
	}
	if !s.conn.features().Redacts || slices.ContainsFunc(q.Messages, func(id string) bool { return !validMsgID(id) }) {
		return refused(transports.Unsupported, "On %s nothing can be taken back.", s.net.Name)
	}
	lines := make([]outLine, 0, len(q.Messages))
	for _, id := range q.Messages {
		line := "REDACT " + name + " " + id
		if reason := oneLine(q.Reason, maxSetting); reason != "" {
			line += " :" + reason
		}
		lines = append(lines, outLine{text: line})
	}
	return s.ask(p, lines)
}

// about begins a request about a message of a conversation.
func (s *session) about(kind requestKind, ref transports.Ref, to transports.Target) (p pending, name string, err *transports.Error) {
	if err := s.mayAsk(); err != nil {
		return pending{}, "", err
	}
	p = pending{kind: kind, ref: ref}
	switch {
	case to.Kind == transports.TargetRoom:
		if p.room, err = s.inRoom(to); err != nil {
			return pending{}, "", err
		}
		return p, p.room.name, nil
	case to.Kind != transports.TargetContact || to.Network != s.net.ID || !validContact(to.ID):
		return pending{}, "", refused(transports.BadRequest, "%q is nobody on %s.", to.ID, s.net.Name)
	}
	p.nick = to.ID
	return p, to.ID, nil
}

// ask sends lines of which a network says something only where it does not like them: the answer to a PING behind them says that it did. A
// bouncer would answer that by itself, so there they count as done.
func (s *session) ask(p pending, lines []outLine) *transports.Error {
	c := s.conn
	if c.full(len(lines) + 1) {
		return s.busy()
	}
	p.label(c, lines)
	if len(lines) > 0 && !c.bouncer {
		p.fence = c.nextFence()
		lines = append(lines, outLine{text: "PING :" + p.fence})
		s.wait(p)
	} else {
		s.post(transports.Done{Ref: p.ref})
	}
	c.enqueue(lines...)
	s.startWriter(c)
	return nil
}

// tagFailed ends the reaction or what takes something back that an error numeric is about, unless a message to the same place is on its way.
func (s *session) tagFailed(c *conn, r *room, name string, err *transports.Error) bool {
	if slices.ContainsFunc(c.inflight, func(p *sentPart) bool { return c.isup.casemap.equal(p.name, name) }) {
		return false
	}
	ref, ok := s.answer(func(p *pending) bool {
		return (p.kind == requestReact || p.kind == requestRedact) && p.room == r && (r != nil || c.isup.casemap.equal(p.nick, name))
	})
	if ok && ref != 0 {
		s.post(transports.Done{Ref: ref, Err: err})
	}
	return ok
}

// redactFailed takes why nothing was taken back (IRCv3 message-redaction, standard replies): FAIL REDACT code target, and more.
func (s *session) redactFailed(c *conn, e *girc.Event) bool {
	if len(e.Params) < 4 || e.Params[0] != "REDACT" && e.Params[0] != "TAGMSG" {
		return false
	}
	name, why := e.Params[2], sentence(e)
	var err *transports.Error
	switch e.Params[1] {
	case "UNKNOWN_MSGID":
		err = refused(transports.NotFound, "%s does not know this message any more: %s.", s.net.Name, why)
	case "REDACT_WINDOW_EXPIRED":
		err = refused(transports.Policy, "It is too late to take this back: %s.", why)
	default: // INVALID_TARGET, REDACT_FORBIDDEN
		err = refused(transports.Denied, "%s does not do this: %s.", s.net.Name, why)
	}
	if i := s.byLabel(c.label(e)); i >= 0 {
		s.endRefused(i, err)
		return true
	}
	_, r := s.subject([]string{name})
	return c.isOver(c.label(e)) || s.tagFailed(c, r, name, err)
}
