package ircd

import "strings"

// rename answers RENAME (draft/channel-rename).
func (s *Server) rename(c *client, params []string) {
	ch, to := s.channels[fold(params[0])], params[1]
	switch {
	case ch == nil || !strings.HasPrefix(to, "#"):
		c.fail("RENAME", "CANNOT_RENAME", params[0], to, "No such channel")
		return
	case !strings.ContainsRune(ch.members[c], 'o'):
		c.numeric("482", ch.name+" :You're not channel operator")
		return
	case s.channels[fold(to)] != nil:
		c.fail("RENAME", "CHANNEL_NAME_IN_USE", ch.name, to, "Already in use")
		return
	}
	old := ch.name
	delete(s.channels, fold(old))
	ch.name = to
	s.channels[fold(to)] = ch
	for _, m := range ch.order {
		if m.caps["draft/channel-rename"] {
			m.send(":" + c.mask() + " RENAME " + old + " " + to + " :" + append(params, "", "")[2])
			continue
		}
		m.send(":" + m.mask() + " PART " + old + " :Renamed to " + to)
		m.send(":" + m.mask() + " JOIN " + to)
		s.names(m, ch)
	}
}
