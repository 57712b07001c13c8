package ircd

import (
	"cmp"
	"fmt"
	"strings"
)

// presenceCommand handles what asks for people and what they say of themselves, and reports whether it was such a command.
func (s *Server) presenceCommand(c *client, name string, params []string) bool {
	switch name {
	case "AWAY": // RFC 2812 §4.1
		c.away = first(params)
		if c.away == "" {
			c.numeric("305", ":You are no longer marked as being away")
		} else {
			c.numeric("306", ":You have been marked as being away")
		}
		for _, p := range s.peers(c) {
			if p.caps["away-notify"] {
				p.send(strings.TrimSuffix(":"+c.mask()+" AWAY :"+c.away, " :"))
			}
		}
	case "WHO": // RFC 2812 §3.6.1
		if ch := s.channels[fold(first(params))]; ch != nil {
			for p := range ch.members {
				flag := "H"
				if p.away != "" {
					flag = "G"
				}
				c.numeric("352", fmt.Sprintf("%s ~%s host.test %s %s %s :0 %s", ch.name, p.user, s.opt.Name, p.nick, flag, p.real))
			}
		}
		c.numeric("315", cmp.Or(first(params), "*")+" :End of WHO list")
	case "ISON": // RFC 2812 §4.9
		var here []string
		for _, nick := range params {
			if p := s.nicks[fold(nick)]; p != nil {
				here = append(here, p.nick)
			}
		}
		c.numeric("303", ":"+strings.Join(here, " "))
	case "USERHOST": // RFC 2812 §4.8
		var replies []string
		for _, nick := range params[:min(len(params), 5)] {
			if p := s.nicks[fold(nick)]; p != nil {
				sign := "+"
				if p.away != "" {
					sign = "-"
				}
				replies = append(replies, fmt.Sprintf("%s=%s~%s@host.test", p.nick, sign, p.user))
			}
		}
		c.numeric("302", ":"+strings.Join(replies, " "))
	case "MONITOR":
		if s.opt.Monitor == 0 {
			return false
		}
		s.monitor(c, first(params), append(params, "", "")[1])
	default:
		return false
	}
	return true
}

// monitor handles MONITOR (IRCv3).
func (s *Server) monitor(c *client, action, list string) {
	for nick := range strings.SplitSeq(list, ",") {
		switch {
		case nick == "":
		case action == "-":
			delete(c.monitors, fold(nick))
		case action == "+" && len(c.monitors) >= s.opt.Monitor:
			c.numeric("734", fmt.Sprintf("%d %s :Monitor list is full.", s.opt.Monitor, nick))
		case action == "+":
			if c.monitors == nil {
				c.monitors = make(map[string]bool)
			}
			c.monitors[fold(nick)] = true
			s.tellMonitor(c, nick)
		}
	}
}

// tellMonitor says whether somebody is there.
func (s *Server) tellMonitor(c *client, nick string) {
	if p := s.nicks[fold(nick)]; p != nil {
		c.send(fmt.Sprintf(":%s 730 %s :%s", s.opt.Name, cmp.Or(c.nick, "*"), p.mask()))
	} else {
		c.send(fmt.Sprintf(":%s 731 %s :%s", s.opt.Name, cmp.Or(c.nick, "*"), nick))
	}
}

// changed tells whoever monitors a nick that somebody has it now, or nobody.
func (s *Server) changed(nick string) {
	for c := range s.clients {
		if c.monitors[fold(nick)] {
			s.tellMonitor(c, nick)
		}
	}
}
