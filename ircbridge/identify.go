package ircbridge

import (
	"regexp"
	"strings"
	"time"

	"github.com/lrstanley/girc"

	"passerelle/transports"
)

// Networks without SASL log people in by what is said to their services (IDENTIFY), once they are let in and before they join anything. It
// is as good as PLAIN where it goes by TLS to the services themselves, see services.go, and nothing else is done.

// identifying is a login of that kind under way.
type identifying struct {
	services services
	said     bool // the password
}

// What services answer to IDENTIFY: Atheme, Anope and those of OFTC, and of Epona and Hybrid, which they come from.
var (
	identified    = regexp.MustCompile(`(?i)\byou are (now |successfully |already )*(identified|logged in|recognized)\b|\bpassword accepted\b`)
	notIdentified = regexp.MustCompile(`(?i)\b(invalid|incorrect|wrong|bad) password\b|\bpassword\b.*\b(incorrect|wrong|invalid|disabled|failed)\b|\bnot (a )?registered\b|\bisn't registered\b|` +
		`\b(frozen|suspended|forbidden)\b|\bauthentication failed\b|\b(insufficient|invalid) parameters\b|\bsyntax:|\btoo many\b|\bmaximum allowed\b`)
)

// reversed are services that take the password before the account.
const reversed = "services.oftc.net"

// identifyWords are what is said to services to log in.
func (l *login) identifyWords(server, nick string, m casemap) string {
	switch {
	case m.equal(l.account, nick): // all services take that
		return "IDENTIFY " + l.password
	case strings.EqualFold(server, reversed):
		return "IDENTIFY " + l.password + " " + l.account
	}
	return "IDENTIFY " + l.account + " " + l.password
}

// startIdentifying asks who the services are. The network has let us in, and nobody knows yet.
func (s *session) startIdentifying(c *conn) {
	l := c.login
	if l.identifying != nil {
		return
	}
	l.identifying = &identifying{}
	l.by = time.Now().Add(loginTimeout)
	s.wakeBy(c, l.by)
	c.urgent = append(c.urgent, askServices())
	s.startWriter(c)
}

// hearServices takes what concerns a login by services, and reports whether nobody else is to see it.
func (s *session) hearServices(c *conn, e *girc.Event) bool {
	l := c.login
	if !l.pending() || l.identifying == nil {
		return false
	}
	i := l.identifying
	if !i.said {
		if i.services.hear(e); !i.services.over {
			return strings.HasPrefix(e.Command, "31") // of WHOIS
		}
		if err := i.services.verify(s.net); err != nil {
			s.giveUpLogin(c, err, false)
			return true
		}
		i.said = true
		c.urgent = append(c.urgent, i.services.line(l.identifyWords(i.services.server, s.nick, c.isup.casemap)))
		s.startWriter(c)
		return true
	}
	switch e.Command {
	case girc.ERR_NOSUCHNICK, girc.ERR_NOSUCHSERVER: // they have gone since
		s.giveUpLogin(c, (&services{}).verify(s.net), false)
		return true
	case girc.MODE: // +r of a registered nick; Hybrid has +R for it
		if s.setsRegistered(c, e) {
			s.loggedIn(c)
		}
		return false
	}
	said := i.services.says(e)
	switch {
	case said == "":
		return false
	case identified.MatchString(said) && !notIdentified.MatchString(said):
		c.account = l.account
		s.loggedIn(c)
	case notIdentified.MatchString(said):
		s.refuseLogin(c, true, "%s does not log you in to %s: “%s” Set the password with the command login.", l.who(), said)
	default:
		return false
	}
	return true
}

// setsRegistered reports whether the network, or its services, say by a mode of ours that we are logged in.
func (s *session) setsRegistered(c *conn, e *girc.Event) bool {
	if e.Source == nil || len(e.Params) < 2 || !c.isup.casemap.equal(e.Params[0], s.nick) || c.isup.casemap.equal(e.Source.Name, s.nick) {
		return false
	}
	fromServices := strings.EqualFold(e.Source.Name, nickServ) && e.Source.Ident+"@"+e.Source.Host == c.login.identifying.services.mask
	fromServer := e.Source.Host == "" && strings.Contains(e.Source.Name, ".")
	set, unset, _ := strings.Cut(e.Params[1], "-")
	return (fromServices || fromServer) && strings.HasPrefix(set, "+") && strings.ContainsAny(set, "rR") && !strings.Contains(unset, "r")
}

// giveUpLogin ends a connection that cannot be logged in, unless its user has set that he goes on without.
func (s *session) giveUpLogin(c *conn, err *transports.Error, final bool) {
	l := c.login
	if !l.optional {
		c.refuse(err, final)
		return
	}
	l.later = !final
	s.post(transports.NoticeOf(transports.Target{}, "%s You are let in without being logged in, as you have set it.", err))
	s.loginOver(c)
}
