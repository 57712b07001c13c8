package ircbridge

import (
	"strings"
	"unicode/utf8"

	"passerelle/transports"
)

// Limits of what a local part may name, in bytes.
const (
	maxNetworkName = 253 // RFC 1035 §2.3.4
	maxLabel       = 63  // RFC 1035 §2.3.4
	maxChannelName = 200 // RFC 2812 §1.3 says 50; networks allow up to 200
	maxNickName    = 200 // networks allow 9 to 64; what is longer is no nick
)

// channelStarts are the characters that a channel name begins with before the network says otherwise (RFC 2812 §1.3). The
// modeless "+" and the safe "!" channels are left out as biboumi leaves them out: no network of today has them.
const channelStarts = "#&"

// Naming is how local parts name networks, channels and people, as in biboumi. The zero Naming is for any network.
type Naming struct {
	Fixed string // the only network, which names leave out
}

// Parse reads "#chan%network", "nick%network" and "network", or with a fixed network "#chan" and "nick". The last "%" separates, since a
// channel name may have others.
func (n Naming) Parse(local string) (transports.Target, error) {
	id, network, named := "", local, false
	switch i := strings.LastIndexByte(local, '%'); {
	case n.Fixed != "":
		if lowerASCII(local) != n.Fixed {
			id, network, named = local, n.Fixed, true
			if !isChannel(local) { // no nick has that character, so that people may be named in full as well
				id = strings.TrimSuffix(local, "%"+n.Fixed)
				if strings.IndexByte(id, '%') >= 0 {
					return transports.Target{}, badAddress("This is no IRC nick: addresses here are of the network " + n.Fixed + " alone, and do not name it.")
				}
			}
		}
	case i >= 0:
		id, network, named = local[:i], local[i+1:], true
	case isChannel(local):
		return transports.Target{}, badAddress("A channel needs its network, as in #channel%irc.example.org.")
	}
	network = lowerASCII(network)
	if !validNetwork(network) {
		return transports.Target{}, badNetwork()
	}
	return target(id, network, named)
}

// target is a channel or a person of a network, or the network itself where nobody is named.
func target(id, network string, named bool) (transports.Target, error) {
	t := transports.Target{Kind: transports.TargetNetwork, Network: network}
	if !named {
		return t, nil
	}
	t.ID = lowerASCII(id)
	switch {
	case isChannel(id):
		if !validChannel(id) {
			return transports.Target{}, badAddress("This is no name of an IRC channel.")
		}
		t.Kind = transports.TargetRoom
	case validContact(id):
		t.Kind = transports.TargetContact
	default:
		return transports.Target{}, badAddress("This is no IRC nick.")
	}
	return t, nil
}

// Format is the inverse of Parse.
func (n Naming) Format(t transports.Target) string {
	switch {
	case t.Kind == transports.TargetNetwork:
		return t.Network
	case t.Network == n.Fixed && t.ID != transports.BotName && t.ID != n.Fixed:
		return t.ID
	}
	return t.ID + "%" + t.Network
}

func badNetwork() error { return badAddress("This is no name of an IRC network.") }

func badAddress(text string) error { return transports.NewError(transports.BadRequest, text, nil) }

// isChannel reports whether name begins as a channel does.
func isChannel(name string) bool { return name != "" && strings.IndexByte(channelStarts, name[0]) >= 0 }

// validChannel reports whether name can stand in a line as a channel name (RFC 2812 §2.3.1).
func validChannel(name string) bool {
	return isChannel(name) && len(name) <= maxChannelName && printable(name) && strings.IndexByte(name, ',') < 0
}

// validContact reports whether nick can be written to as a person. It is more tolerant than RFC 2812 §2.3.1, because bouncers
// and relays make nicks such as "alice/matrix"; it refuses what a server would read as something else than one nick: masks,
// lists, "nick!user@host", "$$host", channels and channels behind a rank ("@#chan").
func validContact(nick string) bool {
	return nick != "" && len(nick) <= maxNickName && printable(nick) &&
		!strings.ContainsAny(nick, "!@*?,") && strings.IndexByte("#&$+~%:", nick[0]) < 0
}

// validNick reports whether the network's word for a person can be passed on.
func validNick(nick string) bool { return nick != "" && len(nick) <= maxNickName && printable(nick) }

// printable reports whether s is valid UTF-8 without spaces and control characters.
func printable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return r == ' ' || r == '\t' || isControl(r) })
}

// validNetwork reports whether name is a host name in lower case (RFC 1123 §2.1, with the underscore that DNS allows).
func validNetwork(name string) bool {
	if name == "" || len(name) > maxNetworkName {
		return false
	}
	label := 0
	for i := 0; i < len(name); i++ {
		switch c := name[i]; {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '_', c == '-' && label > 0:
			label++
		case c == '.' && label > 0 && name[i-1] != '-':
			label = 0
		default:
			return false
		}
		if label > maxLabel {
			return false
		}
	}
	return label > 0 && name[len(name)-1] != '-'
}

// lowerASCII folds the letters A to Z: the one folding that every casemapping of IRC shares.
func lowerASCII(s string) string {
	for i := 0; i < len(s); i++ {
		if 'A' <= s[i] && s[i] <= 'Z' {
			b := []byte(s)
			for ; i < len(b); i++ {
				if 'A' <= b[i] && b[i] <= 'Z' {
					b[i] += 'a' - 'A'
				}
			}
			return string(b)
		}
	}
	return s
}
