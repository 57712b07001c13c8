package ircbridge

import (
	"regexp"
	"strings"

	"github.com/lrstanley/girc"

	"passerelle/transports"
)

// refusedBy finds the mode of a channel that a server gives as its reason: "Cannot join channel (+r) …", "… (+z is set)".
var refusedBy = regexp.MustCompile(`\(\+([A-Za-z])\b`)

// refusal is why a channel cannot be entered, in the letter of the mode that servers agree on most.
func refusal(code, why string) byte {
	if m := refusedBy.FindStringSubmatch(why); m != nil {
		// Before the number: ngIRCd has one number for i, l, O, R and z, and 480 is j on solanum, S on hybrid. Letters are less at odds.
		switch letter := m[1][0]; letter {
		case 'R', 'r':
			return 'r'
		case 'S', 'z':
			return 'z'
		case 'A', 'O':
			return 'O'
		case 'J', 'j':
			return 'j'
		case 'b', 'i', 'k', 'l':
			return letter
		}
	}
	switch code {
	case girc.ERR_CHANNELISFULL:
		return 'l'
	case girc.ERR_INVITEONLYCHAN, "518", "524": // 518, 524: nobody can be invited either
		return 'i'
	case girc.ERR_BANNEDFROMCHAN:
		return 'b'
	case girc.ERR_BADCHANNELKEY:
		return 'k'
	case "477":
		return 'r'
	case "488", "489", "490":
		return 'z'
	case "519", "520":
		return 'O'
	case girc.ERR_UNAVAILRESOURCE, "439", "480", "495", "500", "609": // too many joins, of the channel, of the user, after a kick
		return 'j'
	}
	return 0
}

// joinRefusal says why a channel cannot be entered, and what one can do; nil where the numeric is no refusal. Whatever servers invent
// is one, if it is about a channel that is being joined: somebody waits for the answer.
func (s *session) joinRefusal(c *conn, e *girc.Event, r *room) *transports.Error {
	code, why := e.Command, sentence(e)
	channel, network := r.name, s.net.Name
	switch code {
	case girc.ERR_NOTONCHANNEL:
		return nil // answers a PART
	case girc.ERR_NOSUCHCHANNEL:
		return refused(transports.NotFound, "%s has no channel called %s.", network, channel)
	case girc.ERR_TOOMANYCHANNELS:
		return refused(transports.Policy, "%s lets you be in no more channels: leave one before you join %s.", network, channel)
	case girc.ERR_BADCHANMASK, "448", "479": // 448, 479: the name has characters that this network refuses, or means a forbidden channel
		return refused(transports.BadRequest, "%s takes no channel called %s: %s.", network, channel, why)
	}
	switch refusal(code, why) {
	case 'i':
		return refused(transports.NotRegistered, "%s on %s is for invited people only: ask somebody inside to invite you.", channel, network)
	case 'k':
		switch {
		case r.entered && r.key == "":
			return refused(transports.NeedPassword, "%s on %s has a password now: ask somebody inside for it, and join with it.", channel, network)
		case r.entered:
			return refused(transports.NeedPassword, "%s on %s has another password now: ask somebody inside for it, and join with it.", channel, network)
		case r.key == "":
			return refused(transports.NeedPassword, "%s on %s needs a password: ask somebody inside for it, and join with it.", channel, network)
		}
		return refused(transports.NeedPassword, "%s on %s needs another password than this: ask somebody inside for it, and join with it.", channel, network)
	case 'l':
		return refused(transports.Full, "%s on %s is full: try again later.", channel, network)
	case 'b':
		return refused(transports.Denied, "You are banned from %s on %s: only its operators can change that.", channel, network)
	case 'r':
		if c.account != "" {
			return refused(transports.NotRegistered, "%s on %s is for registered nicks only, and %s is not registered to your account %s: "+
				"register it with the network, or ask somebody inside to let you in.", channel, network, s.nick, c.account)
		}
		return refused(transports.NotRegistered, "%s on %s is for people with an account only: log in to yours with the command login, or make one with register-account.",
			channel, network)
	case 'z':
		if c.to.Plain {
			return refused(transports.Denied, "%s on %s is for encrypted connections only, and this gateway connects to %s without: ask its operator to change that.",
				channel, network, network)
		}
		return refused(transports.Denied, "%s on %s is for people whose connection is encrypted: %s.", channel, network, why)
	case 'O':
		return refused(transports.Denied, "%s on %s is for operators of the network only.", channel, network)
	case 'j':
		return refused(transports.Busy, "%s on %s cannot be entered just now: %s. Try again in a few minutes.", channel, network, why)
	}
	switch {
	case code == "470" && len(e.Params) > 3: // ERR_LINKCHANNEL: the channel, where it leads to, why
		return refused(transports.Denied, "%s does not let you into %s: %s. Join %s, where it leads to.", network, channel, why, plain(e.Params[2]))
	case code == "FAIL":
		return refused(failKind(e.Params[1]), "%s does not let you into %s: %s.", network, channel, why)
	case code >= "400" && code < "600", code == "384", code == "926": // 384, 926 of InspIRCd: the operators of the network keep it closed
		return refused(transports.Denied, "%s does not let you into %s: %s.", network, channel, why)
	}
	return nil
}

// sentence is what a line says to people, without the full stop that texts put behind it.
func sentence(e *girc.Event) string { return strings.TrimRight(plain(e.Last()), ".!") }

// banned finds the words of servers that turn somebody away for good.
var banned = regexp.MustCompile(`(?i)\b([kgdzx][-:]?lined?|akill(ed)?|auto-?kill(ed)?|banned|blacklisted)\b`)

// crowded finds the words of servers that have no room, or count how often an address connects.
var crowded = regexp.MustCompile(`(?i)throttl|too fast|too many .*(connections|clients|sessions|hosts|times)|no more .*connections|(session|connection) limit|\bfull\b|connections in use`)

// closing is what servers say before the reason: "Closing Link: nick[host] (reason)".
var closing = regexp.MustCompile(`(?i)^closing link:? \S+ [(\[](.*)[)\]]$`)

// turnedOut is why a network ended the connection with an ERROR (RFC 2812 §3.7.4).
func (n *Network) turnedOut(words string, err error) *cause {
	if m := closing.FindStringSubmatch(words); m != nil {
		words = m[1]
	}
	words = strings.TrimRight(words, ".!")
	why := &cause{err: refused(transports.Offline, "%s closed the connection: %s.", n.Name, words)}
	switch {
	case banned.MatchString(words):
		why = n.bans(words)
	case crowded.MatchString(words):
		why.err = refused(transports.Full, "%s takes no more connections from here at the moment: %s.", n.Name, words)
	}
	why.err.Err = err
	return why
}

// bans is that a network lets the user in no more, in its words.
func (n *Network) bans(words string) *cause {
	return &cause{err: refused(transports.Denied, "%s has banned you: %s. Only its operators can lift that.", n.Name, words), final: true}
}

// hungUp is that a network closed the connection before the user was in, without a word. InspIRCd has none for whom it does not want where
// TLS is not established yet.
func (n *Network) hungUp(err error) *cause {
	e := refused(transports.Offline, "%s closed the connection before you were in, and did not say why. It may take no more connections from here: "+
		"try again in a few minutes.", n.Name)
	e.Err = err
	return &cause{err: e}
}
