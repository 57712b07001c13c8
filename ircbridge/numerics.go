package ircbridge

import (
	"strconv"
	"strings"
	"time"

	"github.com/lrstanley/girc"

	"passerelle/transports"
)

// numeric handles a numeric reply (RFC 2812 §5): it answers what is pending, or is shown to the user, or is dropped.
func (s *session) numeric(c *conn, e *girc.Event) {
	param := func(i int) string {
		if i < len(e.Params) {
			return e.Params[i]
		}
		return ""
	}
	if e.Command == "335" && validNick(param(1)) { // IRCv3 bot-mode: RPL_WHOISBOT
		who := s.t.people.intern(transports.Person{Nick: param(1), Bot: true})
		s.personChanged(c, transports.PersonChanged{Who: who, Known: transports.KnownBot}, false)
	}
	if s.heardRaw(e) || s.loginNumeric(c, e) || s.watchNumeric(c, e) || s.metadataNumeric(c, e) {
		return
	}
	switch e.Command {
	case girc.RPL_WELCOME:
		s.welcome(c, param(0))
	case girc.RPL_ISUPPORT:
		if len(e.Params) > 2 {
			s.supports(c, e.Params[1:len(e.Params)-1])
		}
	case girc.RPL_ENDOFMOTD, girc.ERR_NOMOTD:
		if c.registered && !c.ready {
			s.ready(c)
		}
	case "396": // RPL_VISIBLEHOST: what others see behind the "@"
		s.visibleHost(c, param(1))
	case girc.RPL_TOPIC, girc.RPL_NOTOPIC:
		if r := s.lookup(param(1)); r != nil && r.enter != nil {
			r.enter.topic = ""
			if e.Command == girc.RPL_TOPIC {
				r.enter.topic = plain(param(2))
			}
		}
	case girc.RPL_TOPICWHOTIME:
		if r := s.lookup(param(1)); r != nil && r.enter != nil {
			by, _, _ := strings.Cut(param(2), "!")
			r.enter.topicBy = plain(by)
			if at, err := strconv.ParseInt(param(3), 10, 64); err == nil && at > 0 && at <= time.Now().Unix() {
				r.enter.topicAt = time.Unix(at, 0).UTC()
			}
		}
	case girc.RPL_WHOREPLY:
		s.who(c, e.Params)
	case girc.RPL_WHOSPCRPL:
		s.whox(c, e.Params)
	case girc.RPL_NAMREPLY:
		s.names(c, e.Params)
	case girc.RPL_ENDOFNAMES:
		s.namesEnd(c, param(1))
	case girc.RPL_LIST:
		s.listed(c, e.Params)
	case girc.RPL_LISTEND:
		s.listEnd()
	case "263", "416": // RPL_TRYAGAIN, ERR_TOOMANYMATCHES
		if s.list != nil && strings.EqualFold(param(1), "LIST") {
			s.listFailed(refused(transports.Busy, "%s cannot list its channels now: try again later.", s.net.Name))
			return
		}
		s.tell(c, e)
	case girc.ERR_NICKNAMEINUSE, girc.ERR_NICKCOLLISION, girc.ERR_ERRONEUSNICKNAME, girc.ERR_NONICKNAMEGIVEN:
		s.nickRefused(c, e)
	case girc.ERR_PASSWDMISMATCH: // RFC 2812 §3.1.1
		c.refuse(refused(transports.NeedPassword, "%s does not accept the password: set it with the command configure.", s.net.Name), true)
	case girc.ERR_YOUREBANNEDCREEP:
		why := s.net.bans(sentence(e))
		c.refuse(why.err, why.final)
	case girc.RPL_CHANNELMODEIS:
		s.modesAre(c, e.Params)
	case girc.RPL_BANLIST:
		s.ban(e.Params)
	case girc.RPL_ENDOFBANLIST:
		s.bansEnd(param(1))
	case girc.RPL_INVITING: // RFC 2812 §5.1 has channel and nick in the other order than servers send them
		s.succeeded(func(p *pending) bool {
			return p.kind == requestInvite && (c.isup.casemap.equal(p.nick, param(1)) || c.isup.casemap.equal(p.nick, param(2)))
		})
	case "315", "318", "321", "329", "369":
		return // frames and details of answers that nobody reads
	case girc.RPL_YOURHOST, girc.RPL_CREATED, girc.RPL_MYINFO, girc.RPL_MOTD, girc.RPL_MOTDSTART, girc.RPL_UMODEIS,
		girc.RPL_LUSERCLIENT, girc.RPL_LUSEROP, girc.RPL_LUSERUNKNOWN, girc.RPL_LUSERCHANNELS, girc.RPL_LUSERME,
		"250", "265", "266":
		s.greet(c, e)
	case "042", "305", "306": // our own number; our being away
	default:
		s.failure(c, e)
	}
}

// failure finds the request that an error numeric answers.
func (s *session) failure(c *conn, e *girc.Event) {
	name, r := s.subject(e.Params)
	if e.Command == girc.ERR_UNAVAILRESOURCE && r == nil {
		s.nickRefused(c, e)
		return
	}
	why, label := sentence(e), c.label(e)
	if s.joinRefused(c, e, label, r) {
		return
	}
	notThere := e.Command == girc.ERR_NOTONCHANNEL || e.Command == girc.ERR_NOSUCHCHANNEL
	if r != nil && notThere && (r.state == roomLeaving || r.parts > 0) && s.leftAlready(c, r.name) {
		return
	}
	if s.refusedByLabel(c, e) {
		return
	}
	if r != nil && r.state == roomJoining && (label == "" || r.enter == nil || r.enter.label == label) {
		if err := s.joinRefusal(c, e, r); err != nil {
			s.refuse(r, err)
			return
		}
	}
	if s.changeFailed(e, r) {
		return
	}
	switch e.Command {
	case girc.ERR_NOTONCHANNEL, girc.ERR_NOSUCHCHANNEL:
		if r != nil && s.requestFailed(r, "", refused(transports.NotJoined, "You are not in %s.", r.name)) ||
			r == nil && s.sendFailed(c, e, name, refused(transports.NotFound, "There is no %s on %s.", name, s.net.Name)) {
			return
		}
	case girc.ERR_NOSUCHNICK, "408": // 408: nobody of that name is there, to services
		if s.tagFailed(c, r, name, refused(transports.NotFound, "Nobody called %s is on %s.", name, s.net.Name)) || s.sendFailed(c, e, name, refused(transports.NotFound, "Nobody called %s is on %s.", name, s.net.Name)) ||
			s.requestFailed(nil, name, refused(transports.NotFound, "Nobody called %s is on %s.", name, s.net.Name)) {
			return
		}
	case girc.ERR_CANNOTSENDTOCHAN, girc.ERR_TOOMANYTARGETS, "415", "477", "486", "531", "716", "489", "492":
		// 477, 486, 489, 531 and 716 say that a person or a channel takes no messages from somebody like us.
		err := refused(transports.Denied, "You may not write to %s: %s.", name, why)
		if s.tagFailed(c, r, name, err) || s.sendFailed(c, e, name, err) {
			return
		}
	case "438", "447", "435", "484": // too many changes of nick, none allowed in this channel, banned, restricted
		if s.nickFailed(refused(transports.Denied, "Your nick stays as it is: %s.", why)) {
			return
		}
	}
	s.tell(c, e)
}

func param1(e *girc.Event) string {
	if len(e.Params) > 1 {
		return plain(e.Params[1])
	}
	return ""
}

// subject is what an error numeric is about: the parameter behind our nick, or the room among the parameters. Some servers
// leave our nick out.
func (s *session) subject(params []string) (string, *room) {
	for _, p := range params {
		if r := s.lookup(p); r != nil {
			return r.name, r
		}
	}
	if len(params) > 1 {
		return plain(params[1]), nil
	}
	return "", nil
}

// requestFailed ends the pending request that an error answers: on a room, or about a nick.
func (s *session) requestFailed(r *room, nick string, err *transports.Error) bool {
	ref, ok := s.answer(func(p *pending) bool {
		if r != nil {
			return p.room == r
		}
		return (p.kind == requestChange || p.kind == requestInvite || p.kind == requestEnquire) && s.conn.isup.casemap.equal(p.nick, nick)
	})
	if ok && ref != 0 {
		s.post(transports.Done{Ref: ref, Err: err})
	}
	return ok
}

// sendFailed ends the Send that an error answers, with what is left of it.
func (s *session) sendFailed(c *conn, e *girc.Event, name string, err *transports.Error) bool {
	ref, found, known := c.failSend(name, c.label(e))
	if found && ref != 0 {
		s.post(transports.Done{Ref: ref, Err: err})
	}
	return found || known
}

// nickRefused handles a nick that the network does not let us have.
func (s *session) nickRefused(c *conn, e *girc.Event) {
	if !c.registered {
		if c.nickTries == 0 {
			c.nickTaken = taken(e.Command)
		}
		s.nextNick(c)
		return
	}
	err := refused(transports.Conflict, "The nick is taken on %s: choose another.", s.net.Name)
	if e.Command == girc.ERR_ERRONEUSNICKNAME || e.Command == girc.ERR_NONICKNAMEGIVEN {
		err = refused(transports.BadRequest, "%s does not allow this nick: choose another.", s.net.Name)
	}
	if !s.nickFailed(err) {
		s.tell(c, e)
	}
}

func (s *session) nickFailed(err *transports.Error) bool {
	ref, ok := s.answer(func(p *pending) bool { return p.kind == requestNick })
	if ok && ref != 0 {
		s.post(transports.Done{Ref: ref, Err: err})
	}
	return ok
}

// numericText is a numeric for people.
func numericText(e *girc.Event) string {
	params := e.Params
	if len(params) > 1 {
		params = params[1:] // our own nick
	}
	return plain(strings.Join(params, " "))
}

// tell shows a numeric to the user as text, in the room that it is about.
func (s *session) tell(c *conn, e *girc.Event) {
	text := numericText(e)
	if strings.TrimSpace(text) == "" || !c.registered && e.Command == girc.ERR_UNKNOWNCOMMAND {
		return // a server without CAP
	}
	var room transports.Target
	if _, r := s.subject(e.Params); r != nil && r.entered {
		room = r.target
	}
	s.postIn(room, transports.Notice{Room: room, Text: text})
}
