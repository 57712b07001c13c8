package ircbridge

import (
	"cmp"
	"strings"
	"time"

	"passerelle/transports"
)

// register sends what opens a connection (RFC 2812 §3.1, IRCv3 capability negotiation). NICK and USER do not wait for the
// capabilities: a server without them answers 421 and goes on.
func (s *session) register(c *conn, set map[string]string) {
	s.nick = s.wanted
	if nick := set[SettingNick]; nick != "" {
		s.nick = sanitizeNick(nick, maxNickName)
	}
	c.asked = s.nick
	username, realname := s.t.rules().Identity.names(s.user, s.nick, set)
	var lines []string
	if c.to.WebIRC != "" { // before anything else
		lines = append(lines, s.t.rules().Identity.webirc(c.to.WebIRC, s.user, !c.to.Plain))
	}
	lines = append(lines, "CAP LS 302")
	if password := cmp.Or(set[SettingPassword], c.to.Password); password != "" {
		lines = append(lines, "PASS :"+cutControls(password))
	}
	c.realName = cutControls(realname)
	lines = append(lines, "NICK "+s.nick, "USER "+username+" 0 * :"+c.realName)
	c.urgent = append(c.urgent, lines...)
	s.startWriter(c)
}

// nextNick offers another nick to a network that refused the last one.
func (s *session) nextNick(c *conn) {
	c.nickTries++
	if c.nickTries > maxNickTries {
		c.refuse(refused(transports.Conflict, "%s took none of the nicks that were tried, %s being the first.", s.net.Name, c.asked), false)
		return
	}
	s.nick = alternateNick(c.asked, int(c.nickTries), c.isup.nickLen)
	c.urgent = append(c.urgent, "NICK "+s.nick)
	s.startWriter(c)
}

// welcome ends the registration (001); its first parameter is the nick that the network gave us.
func (s *session) welcome(c *conn, nick string) {
	if c.registered {
		return
	}
	if c.login.early() {
		if s.loginMissing(c); c.fault != nil { // a network that waits for no capabilities
			return
		}
	}
	c.registered = true
	if validNick(nick) && nick != "*" && nick != s.nick {
		s.nick = strings.Clone(nick)
	}
	c.readyBy = time.Now().Add(motdTimeout)
	s.wakeBy(c, c.readyBy)
}

// ready begins the session's work on a fresh connection: the greeting is over, so what the network supports is known.
func (s *session) ready(c *conn) {
	if c.login.pending() {
		c.readyBy = time.Time{}
		s.startIdentifying(c)
		return
	}
	c.ready = true
	c.since = time.Now()
	c.lastUse = c.since
	s.queued = false
	s.t.gates.letIn(s.gate)
	s.setPhase(phaseOnline)
	s.t.metrics.connects.WithLabelValues(s.net.label(), "ok").Inc()
	s.log.Debug("irc session online", "network", s.net.ID)
	s.post(transports.State{Online: true, Nick: s.nick, Link: linkOf(c.nc, c.since, c.to.origin(s.user, c.nc))})
	s.describeNetwork(c)
	s.subscribe(c)
	s.showGreeting(c)
	s.sayAfterConnect(c)
	s.joinAll(c)
	s.sendUnsent()
	s.beginPrivatePast(c)
	s.watchAll(c)
	s.wishFor(c)
	s.awayAnew(c)
	if s.list != nil {
		s.askList(c)
	}
	s.wakeBy(c, c.lastUse.Add(idleTimeout))
}

// joinAll joins what the user wants to be in, several channels a line where no key is needed.
func (s *session) joinAll(c *conn) {
	const most = 400 // bytes of a line, to be safe of every server's limit
	var batch outLine
	flush := func() {
		if batch.text != "" {
			c.enqueueJoin(batch)
			batch = outLine{}
		}
	}
	for _, r := range s.rooms { // refuse leaves the slice that is walked over alone
		r.name = r.target.ID
		if c.isup.tooLong(r.name) {
			s.refuse(r, s.nameTooLong(c))
			continue
		}
		if twin := s.lookup(r.name); twin != r {
			s.refuse(r, s.sameChannel(r.target, twin))
			continue
		}
		r.state = roomJoining
		if r.enter == nil {
			r.enter = &entering{}
		}
		switch {
		case r.key != "":
			c.enqueueJoin(outLine{text: "JOIN " + r.name + " :" + r.key, rooms: []*room{r}})
			continue
		case len(batch.text)+1+len(r.name) > most || len(batch.rooms) >= c.isup.joinTargets:
			flush()
		}
		if batch.text == "" {
			batch.text = "JOIN " + r.name
		} else {
			batch.text += "," + r.name
		}
		batch.rooms = append(batch.rooms, r)
	}
	flush()
	s.startWriter(c)
}
