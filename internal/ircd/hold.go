package ircd

// A link that is lost comes back at once, and a script would have to be faster. HOLD and a nick loses the link of whoever has it, and lets nobody in
// by it until RELEASE.

// hold answers HOLD.
func (s *Server) hold(c *client, nick string) {
	if s.held == nil {
		s.held = make(map[string]bool)
	}
	s.held[fold(nick)] = true
	if lost := s.nicks[fold(nick)]; lost != nil {
		s.remove(lost, "Connection reset by peer")
	}
	c.reply(":" + s.opt.Name + " HOLD " + nick)
}

// release answers RELEASE.
func (s *Server) release(c *client, nick string) {
	delete(s.held, fold(nick))
	c.reply(":" + s.opt.Name + " RELEASE " + nick)
	for waits := range s.clients {
		if waits.ready() && fold(waits.nick) == fold(nick) {
			s.register(waits)
			return
		}
	}
}

// ready reports whether a client has said all that it takes to be let in.
func (c *client) ready() bool {
	return !c.registered && !c.negotiating && c.user != "" && c.nick != "*" && !c.s.held[fold(c.nick)]
}
