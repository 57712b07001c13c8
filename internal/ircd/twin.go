package ircd

import (
	"slices"
	"strings"
)

// A client may be another one of somebody who is connected already, as behind a bouncer: TWIN and his nick make it so. From then on what it says
// to people is said by him, all of his clients hear that (IRCv3 echo-message) and what is said to him alone, and marks of what he has read are for
// all of them.

// becomeTwin answers TWIN.
func (s *Server) becomeTwin(c *client, nick string) {
	if of := s.nicks[fold(nick)]; of != nil && of != c && of.twin == nil {
		c.twin = of
		c.reply(":" + s.opt.Name + " TWIN " + of.nick)
		return
	}
	c.numeric("401", nick+" :No such nick/channel")
}

// person is who a client is to others.
func (c *client) person() *client {
	if c.twin != nil {
		return c.twin
	}
	return c
}

// twins are the other clients of whoever has that one.
func (c *client) twins() []*client {
	var all []*client
	for other := range c.s.clients {
		if other != c && other.registered && other.person() == c.person() {
			all = append(all, other)
		}
	}
	slices.SortFunc(all, func(a, b *client) int { return strings.Compare(a.nick, b.nick) })
	return all
}
