package ircbridge

import (
	"slices"
	"time"

	"github.com/lrstanley/girc"

	"passerelle/transports"
)

// Who does not get his nick, since somebody has it (often his own ghost of before a lost link), goes by another one and gets his own when it
// is free. Channels that he is in show when that is, and so does MONITOR where the network has it; else the nick is simply tried for
// now and then, which costs a network no more than asking for it with ISON would.

const (
	regainInterval = time.Minute     // between two tries for a nick
	regainRarely   = 5 * time.Minute // and where the network tells when it is free
	ghostTime      = 5 * time.Second // for services to take a nick from a ghost
)

// wish is a nick that somebody else has.
type wish struct {
	nick string // empty for none
	next time.Time
}

// taken reports whether an answer to NICK says that somebody has the nick, now or until a moment ago.
func taken(code string) bool {
	return code == girc.ERR_NICKNAMEINUSE || code == girc.ERR_NICKCOLLISION || code == girc.ERR_UNAVAILRESOURCE
}

// wishFor begins to wait for the nick that the user wanted, where he did not get it because somebody has it.
func (s *session) wishFor(c *conn) {
	if !c.nickTaken || c.isup.casemap.equal(s.nick, c.asked) || len(c.asked) > c.isup.nickLen {
		return
	}
	c.wish = wish{nick: c.asked, next: time.Now().Add(regainInterval)}
	s.post(transports.NoticeOf(transports.Target{}, "The nick %s is taken on %s, so you are %s for now. You get it when it is free.", c.asked, s.net.Name, s.nick))
	if c.isup.monitor > 0 {
		c.enqueue(outLine{text: "MONITOR + " + c.wish.nick})
		c.wish.next = time.Now().Add(regainRarely)
	}
	if c.account != "" {
		// Services take the nick from whoever has it, if it belongs to the account. Atheme, Anope and ergo know this word.
		c.enqueue(outLine{text: "PRIVMSG NickServ :GHOST " + c.wish.nick})
		c.wish.next = time.Now().Add(ghostTime)
	}
	s.startWriter(c)
	s.wakeBy(c, c.wish.next)
}

// regain asks for the nick. Nobody waits for the answer.
func (s *session) regain(c *conn) {
	c.wish.next = time.Now().Add(regainInterval)
	if c.isup.monitor > 0 {
		c.wish.next = time.Now().Add(regainRarely)
	}
	if s.mayAsk() != nil || slices.ContainsFunc(s.pending, func(p pending) bool { return p.kind == requestNick && p.ref == 0 }) {
		return
	}
	s.wait(pending{kind: requestNick, nick: c.wish.nick})
	c.enqueue(outLine{text: "NICK " + c.wish.nick})
	s.startWriter(c)
}

// nickFreed takes the nick where it is the one that the user wants.
func (s *session) nickFreed(c *conn, nick string) {
	if c.ready && c.wish.nick != "" && c.isup.casemap.equal(nick, c.wish.nick) {
		s.regain(c)
	}
}

// wishOver ends the wait: the user has his nick, or chose another one, or services gave him one.
func (s *session) wishOver(c *conn) {
	if c.wish.nick == "" {
		return
	}
	if p := s.watched(c, c.wish.nick); c.isup.monitor > 0 && (p == nil || !p.told) {
		c.enqueue(outLine{text: "MONITOR - " + c.wish.nick})
		s.startWriter(c)
	}
	c.wish = wish{}
}
