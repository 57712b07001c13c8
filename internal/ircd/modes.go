package ircd

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// flags are the channel modes without a parameter.
const flags = "imnpst"

// maxBans is how many bans a channel has room for.
const maxBans = 20

// ban is a mask that is kept out.
type ban struct {
	mask string
	by   string
	at   time.Time
}

// matches reports whether a mask means somebody.
func (b ban) matches(c *client) bool {
	// path.Match knows the same wildcards, and classes, which the masks of tests do not have.
	ok, err := path.Match(strings.ReplaceAll(fold(b.mask), "/", "."), strings.ReplaceAll(fold(c.mask()), "/", "."))
	return ok && err == nil
}

func (s *Server) banned(ch *channel, c *client) bool {
	return slices.ContainsFunc(ch.bans, func(b ban) bool { return b.matches(c) })
}

// has reports whether a flag is set.
func (ch *channel) has(flag byte) bool { return strings.IndexByte(ch.flags, flag) >= 0 }

// modes are all that is set, as 324 has them.
func (ch *channel) modes() string {
	letters, params := "+"+ch.flags, ""
	if ch.key != "" {
		letters, params = letters+"k", params+" "+ch.key
	}
	if ch.limit > 0 {
		letters, params = letters+"l", params+" "+strconv.Itoa(ch.limit)
	}
	return letters + params
}

func (s *Server) mode(c *client, params []string) {
	if fold(params[0]) == fold(c.nick) {
		return // user modes
	}
	switch {
	case len(params) == 1:
		if ch := s.member(c, params[0]); ch != nil {
			c.numeric("324", ch.name+" "+ch.modes())
		}
		return
	case len(params) == 2 && strings.TrimLeft(params[1], "+") == "b":
		if ch := s.member(c, params[0]); ch != nil {
			for _, b := range ch.bans {
				c.numeric("367", fmt.Sprintf("%s %s %s %d", ch.name, b.mask, b.by, b.at.Unix()))
			}
			c.numeric("368", ch.name+" :End of channel ban list")
		}
		return
	}
	ch := s.operated(c, params[0])
	if ch == nil {
		return
	}
	m := modeLine{s: s, c: c, ch: ch, rest: params[2:], set: true}
	for i := range len(params[1]) {
		m.apply(params[1][i])
	}
	if m.letters != "" {
		s.tell(ch, nil, fmt.Sprintf(":%s MODE %s %s%s", c.mask(), ch.name, m.letters, m.params))
	}
}

// modeLine is a MODE that is being applied. What changes nothing is not told to anybody.
type modeLine struct {
	s    *Server
	c    *client
	ch   *channel
	rest []string
	set  bool

	letters, params string
	sign            byte
}

func (m *modeLine) next() string {
	if len(m.rest) == 0 {
		return ""
	}
	p := m.rest[0]
	m.rest = m.rest[1:]
	return p
}

// changed notes what is told.
func (m *modeLine) changed(letter byte, param string) {
	sign := byte('-')
	if m.set {
		sign = '+'
	}
	if sign != m.sign {
		m.sign = sign
		m.letters += string(sign)
	}
	m.letters += string(letter)
	if param != "" {
		m.params += " " + param
	}
}

func (m *modeLine) apply(letter byte) {
	ch := m.ch
	switch {
	case letter == '+' || letter == '-':
		m.set = letter == '+'
	case strings.IndexByte(flags, letter) >= 0:
		if ch.has(letter) == m.set {
			return
		}
		if ch.flags = strings.ReplaceAll(ch.flags, string(letter), ""); m.set {
			ch.flags += string(letter)
		}
		m.changed(letter, "")
	case letter == 'k':
		m.key(m.next())
	case letter == 'l':
		limit := 0
		if m.set {
			limit, _ = strconv.Atoi(m.next()) // no number is no limit
		}
		if limit == ch.limit {
			return
		}
		ch.limit = limit
		if m.set {
			m.changed(letter, strconv.Itoa(limit))
		} else {
			m.changed(letter, "")
		}
	case letter == 'b':
		m.ban(m.next())
	case letter == 'o' || letter == 'v':
		m.rank(letter, m.next())
	default:
		m.c.numeric("472", string(letter)+" :is unknown mode char to me for "+ch.name)
	}
}

func (m *modeLine) key(key string) {
	switch {
	case m.set && m.ch.key != "":
		m.c.numeric("467", m.ch.name+" :Channel key already set")
		return
	case m.set == (m.ch.key != ""):
		return
	case m.set:
		m.ch.key = key
	default:
		m.ch.key = ""
	}
	m.changed('k', key)
}

func (m *modeLine) ban(mask string) {
	ch := m.ch
	i := slices.IndexFunc(ch.bans, func(b ban) bool { return fold(b.mask) == fold(mask) })
	switch {
	case m.set == (i >= 0) || mask == "":
		return
	case m.set && len(ch.bans) >= maxBans:
		m.c.numeric("478", ch.name+" "+mask+" :Channel ban list is full")
		return
	case m.set:
		ch.bans = append(ch.bans, ban{mask: mask, by: m.c.nick, at: time.Now()})
	default:
		ch.bans = slices.Delete(ch.bans, i, i+1)
	}
	m.changed('b', mask)
}

func (m *modeLine) rank(letter byte, nick string) {
	p := m.s.nicks[fold(nick)]
	modes, in := m.ch.members[p]
	switch {
	case p == nil:
		m.c.numeric("401", nick+" :No such nick/channel")
		return
	case !in:
		m.c.numeric("441", nick+" "+m.ch.name+" :They aren't on that channel")
		return
	case strings.IndexByte(modes, letter) >= 0 == m.set:
		return
	}
	if modes = strings.ReplaceAll(modes, string(letter), ""); m.set {
		modes += string(letter)
	}
	m.ch.members[p] = modes
	m.changed(letter, p.nick)
}

func (s *Server) invite(c *client, nick, name string) {
	ch := s.member(c, name)
	if ch == nil {
		return
	}
	p := s.nicks[fold(nick)]
	_, in := ch.members[p]
	switch {
	case ch.has('i') && !strings.Contains(ch.members[c], "o"):
		c.numeric("482", ch.name+" :You're not channel operator")
		return
	case p == nil:
		c.numeric("401", nick+" :No such nick/channel")
		return
	case in:
		c.numeric("443", p.nick+" "+ch.name+" :is already on channel")
		return
	}
	ch.invited[p] = true
	c.numeric("341", p.nick+" "+ch.name)
	p.send(fmt.Sprintf(":%s INVITE %s %s", c.mask(), p.nick, ch.name))
}
