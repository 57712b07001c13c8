package ircbridge

import (
	"context"
	"strings"

	"github.com/lrstanley/girc"

	"passerelle/transports"
)

// What a user says to services himself goes as he wrote it: it is his. But where there is a password in it he is told once, network by network,
// that it may be in an archive now, and how it is done without.

// typedLoginInChat is what he is told.
const typedLoginInChat = "There is a password in what you wrote, and archives of servers and clients keep it: consider taking that message back, or deleting it. Write “login” here instead, and you are logged in each time before you join anything; “certfp” does that without a password."

// servicesCommands are commands of servers that hand what is behind them to services.
var servicesCommands = map[string]bool{"NICKSERV": true, "NS": true, "IDENTIFY": true, "CHANSERV": true, "CS": true, "OPERSERV": true, "OS": true, "SQUERY": true}

// tellsServices reports whether a line says a password to services.
func tellsServices(line string) bool {
	e := parse(line)
	if e == nil || maskCredential(line) == line {
		return false
	}
	switch e.Command {
	case girc.PRIVMSG, girc.NOTICE:
		if len(e.Params) < 2 {
			return false
		}
		nick, _, _ := strings.Cut(e.Params[0], "@")
		return isServices(nick)
	}
	return servicesCommands[e.Command]
}

// hintLogin tells the user, unless he was told.
func (s *session) hintLogin(line string) {
	if s.hinted || !tellsServices(line) {
		return
	}
	s.hinted = true
	s.post(transports.NoticeOf(transports.Target{}, typedLoginInChat))
	if s.t.opt.Settings == nil {
		return
	}
	s.t.running.Go(func() {
		ctx, cancel := context.WithTimeout(&s.life, dialTimeout)
		defer cancel()
		// What else he has set does not matter: who has forgotten everything is told once more.
		if _, err := s.t.opt.Settings.Save(ctx, s.user, Scope(s.net.ID), "", map[string]string{settingHinted: "true"}); err != nil && ctx.Err() == nil {
			s.log.Error("that a user was told of logins could not be written", "network", s.net.ID, "error", err)
		}
	})
}
