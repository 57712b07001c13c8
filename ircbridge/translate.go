package ircbridge

import (
	"fmt"
	"strings"
	"time"

	"github.com/lrstanley/girc"

	"passerelle/transports"
)

// translator says what a line of the network means, without remembering anything: what the session knows is in its fields.
// Numerics are not its business, and neither are the lines that only the session understands (PING, CAP, its own JOIN).
type translator struct {
	network string
	nick    string // the user's own
	isup    *isupport
	now     time.Time
	room    func(name string) (transports.Target, bool) // the rooms that the user is in
	person  func(transports.Person) *transports.Person
}

// translate appends the events of a line to dst.
func (t translator) translate(dst []transports.Event, e *girc.Event) []transports.Event {
	switch e.Command {
	case girc.PRIVMSG, girc.NOTICE:
		return t.message(dst, e)
	case "TAGMSG": // IRCv3 message-tags
		return t.tagmsg(dst, e)
	case "REDACT": // IRCv3 message-redaction
		return t.redaction(dst, e)
	case girc.WALLOPS:
		return t.notice(dst, transports.Target{}, e.Last())
	case "FAIL", "WARN", "NOTE": // IRCv3 standard replies, where they answer nothing
		for i := 2; i < len(e.Params)-1; i++ {
			if room, ok := t.room(e.Params[i]); ok {
				return t.notice(dst, room, e.Last())
			}
		}
		return t.notice(dst, transports.Target{}, e.Last())
	}
	who, ok := t.author(e)
	if !ok {
		if e.Command == girc.MODE {
			return t.modes(dst, e) // a server may set modes
		}
		if e.Command != girc.TOPIC && e.Command != girc.KICK || e.Source == nil {
			return dst
		}
		who.Nick = plain(e.Source.Name)
	}
	self := t.isup.casemap.equal(who.Nick, t.nick)
	param := func(i int) string {
		if i < len(e.Params) {
			return e.Params[i]
		}
		return ""
	}
	switch e.Command {
	case girc.QUIT: // RFC 2812 §3.1.7
		if !self { // our own is the end of the link, which says so itself
			dst = append(dst, quit(who.Nick, plain(param(0))))
		}
		return dst
	case girc.NICK: // RFC 2812 §3.1.2
		if validNick(param(0)) {
			dst = append(dst, transports.Renamed{Old: who.Nick, New: param(0), Self: self})
		}
		return dst
	case girc.INVITE: // RFC 2812 §3.2.7
		if !t.isup.casemap.equal(param(0), t.nick) {
			return t.noticeIn(dst, param(1), fmt.Sprintf("%s has been invited by %s", param(0), who.Nick))
		}
		if !t.isup.isChannel(param(1)) || !validChannel(param(1)) {
			return dst // it could not be joined from here
		}
		return append(dst, transports.Invited{
			Room: transports.Target{Kind: transports.TargetRoom, Network: t.network, ID: lowerASCII(param(1))}, From: t.person(who),
		})
	}
	if changed := t.personChanged(e, who); changed != nil {
		return append(dst, *changed)
	}
	room, ok := t.room(param(0))
	if !ok {
		return dst
	}
	switch e.Command {
	case girc.JOIN: // RFC 2812 §3.2.1, IRCv3 extended-join
		if self {
			return dst
		}
		if len(e.Params) > 2 {
			who.RealName = realName(param(2))
			who.Account, _ = accountName(param(1))
		}
		return append(dst, transports.Joined{Room: room, Member: transports.Member{Person: t.person(who)}})
	case girc.PART: // RFC 2812 §3.2.2
		return append(dst, transports.Parted{Room: room, Nick: who.Nick, Self: self, How: transports.PartLeft, Reason: plain(param(1))})
	case girc.KICK: // RFC 2812 §3.2.8
		if !validNick(param(1)) {
			return dst
		}
		return append(dst, transports.Parted{
			Room: room, Nick: param(1), Self: t.isup.casemap.equal(param(1), t.nick),
			How: transports.PartKicked, By: who.Nick, Reason: plain(param(2)),
		})
	case girc.TOPIC: // RFC 2812 §3.2.4
		at, _ := t.time(e)
		return append(dst, transports.Subject{Room: room, Text: plain(param(1)), By: who.Nick, Time: at})
	case girc.MODE:
		return t.modes(dst, e)
	}
	return dst
}

// author is the person that a line is from; false if it is from a server or from nobody.
func (t translator) author(e *girc.Event) (transports.Person, bool) {
	s := e.Source
	if s == nil || !validNick(s.Name) || s.Ident == "" && s.Host == "" && strings.IndexByte(s.Name, '.') >= 0 {
		return transports.Person{}, false
	}
	p := transports.Person{Nick: s.Name, Ident: plain(s.Ident), Host: plain(s.Host), Bot: isBot(e)}
	if account, ok := tag(e, "account"); ok { // IRCv3 account-tag
		p.Account, _ = accountName(account)
	}
	return p, true
}

// time is when the line was said, and whether the network says so (IRCv3 server-time). A network cannot say things in the future.
func (t translator) time(e *girc.Event) (at time.Time, told bool) {
	if _, told = tag(e, "time"); told && e.Timestamp.Before(t.now) {
		return e.Timestamp.UTC(), true
	}
	return t.now.UTC(), false
}

// message translates PRIVMSG and NOTICE (RFC 2812 §3.3).
func (t translator) message(dst []transports.Event, e *girc.Event) []transports.Event {
	if len(e.Params) < 2 {
		return dst
	}
	to, text := e.Params[0], e.Params[len(e.Params)-1]
	who, fromPerson := t.author(e)
	if !fromPerson {
		if t.isup.isChannel(to) {
			return t.noticeIn(dst, to, text)
		}
		return t.notice(dst, transports.Target{}, text)
	}
	m := transports.Message{Notice: e.Command == girc.NOTICE, ID: msgID(e), ReplyTo: replyTo(e)}
	m.Time, m.Clocked = t.time(e)
	if command, body, ok := cutCTCP(text); ok {
		if command != girc.CTCP_ACTION {
			return dst // requests are the session's, answers nobody's
		}
		m.Action = true
		text = body
	}
	if m.Body, m.Spans = styledLines(text); strings.TrimSpace(m.Body) == "" {
		return dst
	}
	// "@#channel" is for those in the channel who have the rank (STATUSMSG).
	if channel, some := t.isup.ranksOf(to); some {
		prefix := "(to " + to + ") "
		m.Spans = transports.CutSpans(m.Spans, 0, len(m.Body), len(prefix))
		m.Body = prefix + m.Body
		to = channel
	}
	self := t.isup.casemap.equal(who.Nick, t.nick)
	switch {
	case t.isup.isChannel(to):
		room, ok := t.room(to)
		if !ok {
			return dst
		}
		m.Room = room
	case self: // IRCv3 echo-message
		m.To = transports.Target{Kind: transports.TargetContact, Network: t.network, ID: lowerASCII(to)}
		m.Services = isServices(to)
	case m.Notice && m.Body[0] == '[':
		// Services greet with "[#channel] …": that belongs into the channel.
		if name, greeting, ok := strings.Cut(m.Body[1:], "] "); ok {
			if room, ok := t.room(name); ok {
				return t.notice(dst, room, who.Nick+": "+greeting)
			}
		}
	}
	m.From = t.person(who)
	m.Services = m.Services || m.Room == transports.Target{} && isServices(who.Nick)
	return append(dst, m)
}

func (t translator) notice(dst []transports.Event, room transports.Target, text string) []transports.Event {
	if text = plain(text); strings.TrimSpace(text) != "" {
		dst = append(dst, transports.Notice{Room: room, Text: text})
	}
	return dst
}

// noticeIn is a notice in a channel, and none where the user is not in it.
func (t translator) noticeIn(dst []transports.Event, channel, text string) []transports.Event {
	if room, ok := t.room(channel); ok {
		return t.notice(dst, room, text)
	}
	return dst
}
