package ircbridge

import (
	"strings"
	"time"

	"github.com/lrstanley/girc"

	"passerelle/transports"
)

// handle takes one line of the network. It is called with mu held.
func (s *session) handle(c *conn, line string) {
	e := parse(line)
	if e == nil {
		s.t.metrics.dropped.WithLabelValues(dropGarbage).Inc()
		return
	}
	switch in := c.batchOf(e).gatherer(); {
	case c.stale(e):
		s.t.metrics.dropped.WithLabelValues(dropFull).Inc()
	case in != nil && e.Command != "BATCH":
		s.gather(c, in, e, len(line))
	default:
		s.event(c, e)
	}
}

// event takes a line that is not gathered with others, or the message that several of them are.
func (s *session) event(c *conn, e *girc.Event) {
	if s.overhears != nil {
		s.overhears(e)
	}
	if s.hearServices(c, e) {
		return
	}
	self := e.Source != nil && c.isup.casemap.equal(e.Source.Name, s.nick)
	switch e.Command {
	case girc.PING: // RFC 2812 §3.7.2
		c.answerPing(e.Last())
		s.startWriter(c)
		return
	case girc.ERROR: // RFC 2812 §3.7.4
		c.lastWords(plain(e.Last()))
		return
	case girc.CAP:
		s.capability(c, e.Params)
		return
	case girc.AUTHENTICATE:
		if len(e.Params) > 0 {
			s.authenticate(c, e.Params[0])
		}
		return
	case girc.AWAY:
		s.awayChanged(c, e)
		return
	case "METADATA":
		s.metadata(c, e.Params)
		return
	case girc.PONG:
		s.pong(c, e.Last())
		return
	case girc.MODE:
		s.noteModes(c, e)
	case "BATCH":
		s.batch(c, e)
		return
	case "ACK": // IRCv3 labeled-response: nothing else is said to it
		s.answeredJoin(c, c.label(e))
		return
	case "MARKREAD":
		s.readUpTo(c, e)
		return
	case "RENAME":
		s.moved(c, e)
		return
	case "FAIL", "WARN", "NOTE":
		if s.standardReply(c, e) {
			return
		}
	case girc.JOIN:
		if self && len(e.Params) > 0 && c.isup.isChannel(e.Params[0]) && printable(e.Params[0]) {
			s.selfJoined(c, e, e.Params[0])
			return
		}
	case girc.PART:
		if self && len(e.Params) > 0 && s.leftAlready(c, e.Params[0]) {
			return
		}
	case girc.KICK:
		if len(e.Params) > 1 && c.isup.casemap.equal(e.Params[1], s.nick) {
			c.forgetElsewhere(e.Params[0])
		}
	case girc.INVITE: // of others (IRCv3 invite-notify)
		if len(e.Params) > 1 && !c.isup.casemap.equal(e.Params[0], s.nick) && !pacedBy(&c.nextTold) {
			return
		}
	case girc.PRIVMSG:
		if !self && len(e.Params) > 1 && c.isup.casemap.equal(e.Params[0], s.nick) {
			c.lastUse = time.Now()
			s.answerCTCP(c, e)
		}
	case girc.NOTICE:
		if len(e.Params) > 1 && c.isup.casemap.equal(e.Params[0], s.nick) {
			s.heardCTCP(c, e)
		}
	default:
		if len(e.Command) == 3 && isDigit(e.Command[0]) {
			s.numeric(c, e)
			return
		}
	}
	label := c.label(e)
	var room [4]transports.Event
	for _, event := range s.translator(c).translate(room[:0], e) {
		if m, ok := event.(transports.Message); ok && self {
			if m = c.echoed(m, label); m.Ref == 0 && c.isup.casemap.equal(m.To.ID, s.nick) {
				m.To = transports.Target{} // from the user to himself: this copy is the one that he receives
			} else if m.Ref == 0 && c.toldAfterConnect(m.To) {
				m.Services = true
			}
			event = m
		}
		if p, ok := event.(transports.Parted); ok {
			c.batchOf(e).split(&p)
			event = p
		}
		if n, ok := event.(transports.Notice); ok && e.Command == girc.NOTICE && n.Room == (transports.Target{}) && s.greetedSo(c, n.Text) {
			continue
		}
		s.dispatch(c, event, self)
	}
	if self && e.Command == girc.MODE && len(e.Params) > 0 {
		s.changed(e.Params[0])
	}
}

// translator is what translates lines, with all that it needs to know.
func (s *session) translator(c *conn) translator {
	return translator{
		network: s.net.ID, nick: s.nick, isup: c.isup, now: time.Now(),
		room: s.present, person: s.t.people.intern,
	}
}

// present finds a room that the user is in, for the translator.
func (s *session) present(name string) (transports.Target, bool) {
	if r := s.lookup(name); r != nil && (r.state == roomIn || r.state == roomEntering) {
		return r.target, true
	}
	return transports.Target{}, false
}

// dispatch keeps the session's own state in step with an event and posts it. By says that the user caused it.
func (s *session) dispatch(c *conn, event transports.Event, by bool) {
	s.noticed(c, event)
	switch e := event.(type) {
	case transports.Message:
		if e.Room == (transports.Target{}) {
			c.heardPrivately(&e)
		}
		s.postIn(e.Room, event)
		if !by {
			s.saidIt(c, e.Room, e.From.Nick)
		}
	case transports.Typing:
		s.heardTyping(c, e)
	case transports.Reacted:
		s.postIn(e.Room, event)
	case transports.Redacted:
		s.postIn(e.Room, event)
	case transports.Joined:
		s.postIn(e.Room, event)
	case transports.PersonChanged:
		s.personChanged(c, e, by)
	case transports.RoleChanged:
		s.postIn(e.Room, event)
	case transports.ModesChanged:
		s.room(e.Room).keepKey(e)
		s.postIn(e.Room, event)
	case transports.Invited:
		if _, in := s.present(e.Room.ID); !in {
			s.post(event)
		}
	case transports.Notice:
		s.postIn(e.Room, event)
	case transports.Subject:
		if by {
			e.Ref, _ = s.answer(func(p *pending) bool { return p.kind == requestTopic && p.room.target == e.Room })
		}
		s.postIn(e.Room, e)
	case transports.Renamed:
		c.forgetTyper(transports.Target{}, e.Old)
		s.renamed(c, e)
	case transports.Parted:
		c.forgetTyper(e.Room, e.Nick)
		switch {
		case e.Room == transports.Target{}:
			for _, r := range s.rooms {
				if r.enter != nil {
					r.enter.remove(c.isup.casemap, e.Nick)
				}
			}
			s.post(e)
			s.nickFreed(c, e.Nick)
		default:
			kicked := e.How == transports.PartKicked
			if kicked && s.room(e.Room).isBan(c.isup.casemap, e.By, e.Nick) {
				e.How = transports.PartBanned
			}
			if e.Self {
				s.selfParted(e)
				return
			}
			s.postIn(e.Room, e)
			if by && kicked {
				s.kicked(c, e.Room, e.Nick)
			}
		}
	}
}

// postIn posts an event of a room; while the room is being entered it waits until the host knows the room.
func (s *session) postIn(t transports.Target, e transports.Event) {
	if t.Kind == transports.TargetRoom {
		r, size := s.room(t), 0
		if m, ok := e.(transports.Message); ok && r != nil {
			r.catch.heard(&m)
			size = pastSize(&m)
		}
		if r != nil && r.state == roomEntering && r.enter != nil {
			if len(r.enter.held) >= maxHeld || r.enter.heldFor+size > maxHeldFor {
				s.t.metrics.dropped.WithLabelValues(dropFull).Inc()
				return
			}
			r.enter.held, r.enter.heldFor = append(r.enter.held, e), r.enter.heldFor+size
			return
		}
	}
	s.post(e)
}

// renamed follows a change of nick, ours included, which services may force on us.
func (s *session) renamed(c *conn, e transports.Renamed) {
	for _, r := range s.rooms {
		if r.enter != nil {
			r.enter.rename(c.isup.casemap, e.Old, s.t.people.intern(transports.Person{Nick: e.New}))
		}
	}
	if e.Self {
		s.nick = strings.Clone(e.New)
		s.wishOver(c)
		var asked bool
		if e.Ref, asked = s.answer(func(p *pending) bool { return p.kind == requestNick }); asked {
			s.wanted = s.nick
		}
	}
	s.post(e)
	s.nickFreed(c, e.Old)
}

// leftAlready swallows the answer to a PART of ours.
func (s *session) leftAlready(c *conn, name string) bool {
	r := s.lookup(name)
	switch {
	case r == nil:
		c.forgetElsewhere(name)
		return true
	case r.parts > 0:
		r.parts--
		return true
	case r.state == roomLeaving:
		s.removeRoom(r)
		return true
	}
	return false
}

// selfParted takes us out of a room that the network removed us from.
func (s *session) selfParted(e transports.Parted) {
	r := s.room(e.Room)
	if r == nil {
		return
	}
	if r.enter != nil {
		r.enter.fail(s, refused(transports.Denied, "You were removed from %s.", r.name))
	}
	if r.entered || r.lasting {
		s.post(e)
	}
	s.dropPending(r)
	s.removeRoom(r)
}
