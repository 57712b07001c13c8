package ircbridge

import (
	"cmp"
	"strings"

	"github.com/lrstanley/girc"

	"passerelle/transports"
)

// What networks tell of people: who is logged in, from where they are, and what they call themselves (IRCv3 account-notify, extended-join,
// account-tag, chghost, setname, WHOX).

// whoxToken tells our answers to WHO from those to others.
const whoxToken = "743"

// whoxFields are the fields that are asked for. The network answers in an order of its own: token, user, host, nick, flags, account, real name.
const whoxFields = "%tuhnfar," + whoxToken

// accountName reads the name of an account; false where somebody has none. Its characters are the services' business.
func accountName(name string) (account string, in bool) {
	if name == "*" || name == "0" || !printable(name) || name == "" || len(name) > maxSetting {
		return "", false
	}
	return name, true
}

// personChanged is what a line says of its author; nil where it says nothing of him.
func (t translator) personChanged(e *girc.Event, who transports.Person) *transports.PersonChanged {
	var known transports.PersonFields
	if len(e.Params) == 0 {
		return nil
	}
	switch {
	case e.Command == "ACCOUNT": // IRCv3 account-notify
		known = transports.KnownAccount
		who.Account, _ = accountName(e.Params[0])
	case e.Command == "CHGHOST" && len(e.Params) > 1 && printable(e.Params[0]) && printable(e.Params[1]): // IRCv3 chghost
		known = transports.KnownUser
		who.Ident, who.Host = plain(e.Params[0]), plain(e.Params[1])
	case e.Command == "SETNAME": // IRCv3 setname
		known = transports.KnownRealName
		who.RealName = realName(e.Last())
	default:
		return nil
	}
	if who.Host != "" {
		known |= transports.KnownUser
	}
	return &transports.PersonChanged{Who: t.person(who), Known: known}
}

// realName is what somebody calls himself, for people.
func realName(s string) string { return oneLine(plain(s), maxSetting) }

// personChanged keeps what the session itself knows of people in step.
func (s *session) personChanged(c *conn, e transports.PersonChanged, self bool) {
	for _, r := range s.rooms {
		if r.enter != nil {
			r.enter.change(c.isup.casemap, s.t.people.intern, e)
		}
	}
	if self {
		if e.Known&transports.KnownUser != 0 {
			c.ident, c.hostname = e.Who.Ident, e.Who.Host
		}
		if e.Known&transports.KnownAccount != 0 {
			c.account = e.Who.Account
		}
	}
	s.post(e)
}

// change follows somebody who is known otherwise after he was named.
func (n *entering) change(m casemap, intern func(transports.Person) *transports.Person, e transports.PersonChanged) {
	if i, ok := n.index[m.fold(e.Who.Nick)]; ok {
		n.members[i].Person = intern(*n.members[i].Person.With(e.Who, e.Known))
	}
}

// whox takes a line of the answer to WHO with fields (354, IRCv3 whox).
func (s *session) whox(c *conn, params []string) {
	if len(params) < 8 || params[1] != whoxToken {
		return
	}
	user, host, nick, flags, account := params[2], params[3], params[4], params[5], params[6]
	s.whoIs(c, nick, flags, transports.Person{Ident: plain(user), Host: plain(host), RealName: realName(params[7])},
		transports.KnownUser|transports.KnownRealName|transports.KnownAccount, account)
}

// who takes a line of the answer to WHO (RFC 2812 §5.1, 352): channel, user, host, server, nick, flags, and the real name behind a number.
func (s *session) who(c *conn, params []string) {
	if len(params) < 7 {
		return
	}
	p := transports.Person{Ident: plain(params[2]), Host: plain(params[3])}
	known := transports.KnownUser
	if len(params) > 7 {
		if _, name, ok := strings.Cut(params[7], " "); ok {
			p.RealName = realName(name)
			known |= transports.KnownRealName
		}
	}
	s.whoIs(c, params[5], params[6], p, known, "")
}

// whoIs takes what is said of somebody: of his flags the first says whether he is here or gone.
func (s *session) whoIs(c *conn, nick, flags string, p transports.Person, known transports.PersonFields, account string) {
	if !validNick(nick) || flags == "" {
		return
	}
	if c.isup.casemap.equal(nick, s.nick) { // some show oneself a host that others do not see
		known &^= transports.KnownUser
		p.Ident, p.Host = c.ident, c.hostname
	}
	if c.isup.bot != 0 { // IRCv3 bot-mode
		p.Bot, known = strings.IndexByte(flags[1:], c.isup.bot) >= 0, known|transports.KnownBot
	}
	p.Nick = nick
	p.Account, _ = accountName(account)
	s.personChanged(c, transports.PersonChanged{Who: s.t.people.intern(p), Known: known}, false)
	s.post(transports.Away{Nick: strings.Clone(nick), Away: flags[0] == 'G'})
}

// visibleHost takes what others see behind the "@" of us (396).
func (s *session) visibleHost(c *conn, host string) {
	if !printable(host) || host == "" || len(host) > maxSetting {
		return
	}
	if user, h, ok := strings.Cut(host, "@"); ok { // some have the user name in it
		c.ident, host = strings.Clone(user), h
	}
	if c.hostname = strings.Clone(host); c.ident != "" && c.ready {
		s.personChanged(c, transports.PersonChanged{Who: s.self(c), Known: transports.KnownUser}, true)
	}
}

// setRealName tells the network what the user calls himself by now (IRCv3 setname). One that takes no other name gets it with the next connection.
func (s *session) setRealName(c *conn, set map[string]string) {
	_, name := s.t.rules().Identity.names(s.user, s.nick, set)
	if name = oneLine(name, cmp.Or(c.isup.nameLen, maxSetting)); name == c.realName || !c.ready || !c.can(capSetname) {
		return
	}
	c.realName = name
	if !c.full(1) {
		c.enqueue(outLine{text: "SETNAME :" + name})
	}
}
