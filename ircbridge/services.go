package ircbridge

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"github.com/lrstanley/girc"

	"passerelle/transports"
)

// A nick is anybody's who takes it, NickServ as well where the network's services are away. So before a password is said to it the network is
// asked whose it is (WHOIS), and the password goes to the nick on that server alone, NickServ@services.example.org (RFC 2812 §3.3.1), where no
// user can be. Which server somebody is on, and that he is a service, are the network's own words: no user can have it say so of him.

// nickServ is who keeps the accounts of a network.
const nickServ = "NickServ"

// serviceWord is what networks say of a service in the answer to WHOIS.
var serviceWord = regexp.MustCompile(`(?i)\bnetwork service\b`)

// services is what a network answers to WHOIS of NickServ.
type services struct {
	mask    string // user@host
	server  string
	service bool // in so many words
	over    bool
}

// askServices is the question.
func askServices() string { return "WHOIS " + nickServ }

// hear takes a line of the answer.
func (s *services) hear(e *girc.Event) {
	if len(e.Params) < 2 || !strings.EqualFold(e.Params[1], nickServ) || s.over {
		return
	}
	switch e.Command {
	case girc.RPL_WHOISUSER: // RFC 2812 §5.1
		if len(e.Params) > 3 {
			s.mask = e.Params[2] + "@" + e.Params[3]
		}
	case girc.RPL_WHOISSERVER:
		if len(e.Params) > 2 {
			s.server = e.Params[2]
		}
	case "310", girc.RPL_WHOISOPERATOR: // 310 of InspIRCd, 313 of Solanum and UnrealIRCd
		s.service = s.service || serviceWord.MatchString(e.Last())
	case girc.RPL_ENDOFWHOIS, girc.ERR_NOSUCHNICK:
		s.over = true
	}
}

// verify says why they are not to be trusted, nil where they are.
func (s *services) verify(n *Network) *transports.Error {
	label, _, dotted := strings.Cut(lowerASCII(s.server), ".")
	switch {
	case s.server == "":
		return refused(transports.Offline, "The services of %s, which know accounts, are away.", n.Name)
	case !printable(s.server) || !validNick(s.server) || strings.ContainsAny(s.server, "*?,@!"):
	case n.Services != "":
		if strings.EqualFold(s.server, n.Services) {
			return nil
		}
	case s.service, dotted && slices.Contains([]string{"services", "service"}, label):
		return nil
	}
	return refused(transports.NeedPassword, "Who is called %s on %s at the moment (%s, on the server %s) is not known to be its services, so nothing secret was said to him.",
		nickServ, n.Name, plain(s.mask), plain(s.server))
}

// line is what is said to them.
func (s *services) line(words string) string {
	return "PRIVMSG " + nickServ + "@" + s.server + " :" + words
}

// warning is what services say to everybody who comes by a nick that has an account, unasked.
var warning = regexp.MustCompile(`(?i)^(this|your) nick(name)? is (already )?(registered|owned)\b`)

// says gives what they say in a line to us, empty where it is somebody else's, or said to everybody.
func (s *services) says(e *girc.Event) string {
	if e.Command != girc.NOTICE && e.Command != girc.PRIVMSG || e.Source == nil || !strings.EqualFold(e.Source.Name, nickServ) ||
		e.Source.Ident+"@"+e.Source.Host != s.mask {
		return ""
	}
	said := plain(e.Last())
	if warning.MatchString(said) {
		return ""
	}
	return said
}

// services finds the services of the network that is visited.
func (v *visit) services(ctx context.Context) (*services, *transports.Error) {
	var s services
	v.say(askServices())
	if err := v.hear(ctx, func(e *girc.Event) bool { s.hear(e); return s.over }); err != nil {
		return nil, err
	}
	if err := s.verify(v.s.net); err != nil {
		return nil, err
	}
	return &s, nil
}

// maxServicesWords bounds what is passed on of what services say, in bytes.
const maxServicesWords = 1000

// ask says something to the services, and listens until what they say means something. It gives that, or all that they said where there was
// nothing of that kind.
func (v *visit) ask(ctx context.Context, s *services, words string, means func(said string) bool) (said string, err *transports.Error) {
	var all []string
	size := 0
	v.say(s.line(words))
	err = v.hear(ctx, func(e *girc.Event) bool {
		if (e.Command == girc.ERR_NOSUCHNICK || e.Command == girc.ERR_NOSUCHSERVER) && len(e.Params) > 1 && strings.HasPrefix(lowerASCII(e.Params[1]), lowerASCII(nickServ)) {
			said = sentence(e)
			return true
		}
		line := s.says(e)
		if line == "" {
			return false
		}
		if means(line) {
			said = line
			return true
		}
		if size += len(line); size <= maxServicesWords {
			all = append(all, line)
		}
		return false
	})
	if said == "" && len(all) > 0 { // words that are not known are words for people all the same
		return strings.Join(all, " "), nil
	}
	return oneLine(said, maxServicesWords), err
}
