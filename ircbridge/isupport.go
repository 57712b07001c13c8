package ircbridge

import (
	"strconv"
	"strings"
	"unique"

	"passerelle/transports"
)

// isupport is what a network said of itself in RPL_ISUPPORT (numeric 005).
type isupport struct {
	casemap     casemap
	chanTypes   string
	prefixModes string // mode letters of ranks, highest first: "qaohv"
	prefixChars string // their signs in the same order: "~&@%+"
	listModes   string // CHANMODES type A: lists, always with a parameter
	paramModes  string // CHANMODES type B: always with a parameter
	setModes    string // CHANMODES type C: with a parameter when set
	nickLen     int
	topicLen    int // 0 where the network does not say
	lineLen     int
	joinTargets int      // channels in one JOIN
	monitor     int      // people whom the network tells of by itself (IRCv3 MONITOR)
	modes       int      // modes with a parameter in one MODE
	tagDeny     *tagDeny // nil where it passes all client-only tags on
	bot         byte     // the user mode of programs, in the flags of WHO too (IRCv3 bot-mode); 0 for none
	utf8Only    bool     // nothing else may be written (IRCv3 utf8only)
	whox        bool     // WHO takes fields (IRCv3 whox)
}

// defaultISupport is what holds before the network says otherwise.
func defaultISupport() isupport {
	return isupport{
		chanTypes:   channelStarts,
		prefixModes: "ov",
		prefixChars: "@+",
		listModes:   "beI",
		paramModes:  "k",
		setModes:    "l",
		nickLen:     30,
		lineLen:     512, // RFC 2812 §2.3
		joinTargets: maxJoinTargets,
		modes:       maxModeParams,
	}
}

// maxJoinTargets is what networks take that do not say how many channels one JOIN may have; some drop the rest without a word.
const maxJoinTargets = 10

// maxToken bounds a value that is kept as a string: no honest one is longer.
const maxToken = 64

// apply takes the tokens of one 005 line. What makes no sense is ignored: a value out of range must not make the bridge cut
// text to nothing or wait for lines that never end.
func (s *isupport) apply(tokens []string) {
	def := defaultISupport()
	for _, token := range tokens {
		key, value, _ := strings.Cut(token, "=")
		if len(value) > maxToken && key != "CHANMODES" && key != "TARGMAX" && key != "CLIENTTAGDENY" {
			continue
		}
		switch key {
		case "CASEMAPPING":
			s.casemap = parseCasemap(value)
		case "CHANTYPES":
			if value != "" {
				s.chanTypes = intern(value)
			}
		case "PREFIX":
			// "(ohv)@%+"; an empty value means that the network has no ranks.
			modes, chars, ok := strings.Cut(strings.TrimPrefix(value, "("), ")")
			if value == "" || ok && len(modes) == len(chars) {
				s.prefixModes, s.prefixChars = intern(modes), intern(chars)
			}
		case "CHANMODES":
			types := strings.Split(value, ",")
			if len(types) >= 3 && len(value) <= 4*maxToken {
				s.listModes, s.paramModes, s.setModes = intern(types[0]), intern(types[1]), intern(types[2])
			}
		case "NICKLEN", "MAXNICKLEN":
			s.nickLen = bounded(value, 4, maxNickName, s.nickLen)
		case "TOPICLEN":
			s.topicLen = bounded(value, 1, 1<<16, s.topicLen)
		case "LINELEN":
			s.lineLen = bounded(value, def.lineLen, maxLine, s.lineLen)
		case "MODES":
			s.modes = bounded(value, 1, 20, s.modes)
		case "MONITOR":
			if s.monitor = maxWatched; value != "" { // without a value there is no limit
				s.monitor = bounded(value, 1, maxWatched, 0)
			}
		case "CLIENTTAGDENY":
			s.tagDeny = parseTagDeny(value)
		case "-CLIENTTAGDENY":
			s.tagDeny = nil
		case "BOT":
			if s.bot = 0; len(value) == 1 {
				s.bot = value[0]
			}
		case "UTF8ONLY":
			s.utf8Only = true
		case "WHOX":
			s.whox = true
		case "-WHOX":
			s.whox = false
		case "-MONITOR":
			s.monitor = 0
		case "MAXTARGETS":
			s.joinTargets = bounded(value, 1, maxJoinTargets, s.joinTargets)
		case "TARGMAX": // "NAMES:1,JOIN:4,ACCEPT:"; a command without a number has no limit
			for limit := range strings.SplitSeq(value, ",") {
				if n, ok := strings.CutPrefix(limit, "JOIN:"); ok {
					s.joinTargets = bounded(n, 1, maxJoinTargets, s.joinTargets)
				}
			}
		case "-CASEMAPPING":
			s.casemap = def.casemap
		case "-PREFIX":
			s.prefixModes, s.prefixChars = def.prefixModes, def.prefixChars
		}
	}
}

// intern makes the sessions of a network share what it says to each of them.
func intern(s string) string { return unique.Make(strings.Clone(s)).Value() }

// bounded reads a number that must lie between low and high; anything else leaves the present one.
func bounded(value string, low, high, present int) int {
	n, err := strconv.Atoi(value)
	if err != nil || n < low {
		return present
	}
	return min(n, high)
}

// isChannel reports whether name is a channel on this network.
func (s *isupport) isChannel(name string) bool {
	return name != "" && strings.IndexByte(s.chanTypes, name[0]) >= 0
}

// rankOfMode is the rank that a mode letter grants, and whether it is a rank's letter at all. A letter that only this network
// knows is a rank without a name here.
func (s *isupport) rankOfMode(letter byte) (transports.Role, bool) {
	if strings.IndexByte(s.prefixModes, letter) < 0 {
		return 0, false
	}
	switch letter {
	case 'q':
		return transports.RoleOwner, true
	case 'a':
		return transports.RoleAdmin, true
	case 'o':
		return transports.RoleOp, true
	case 'h':
		return transports.RoleHalfOp, true
	case 'v':
		return transports.RoleVoice, true
	}
	return 0, true
}

// modeOfRank is the inverse of rankOfMode; false where the network has no such rank.
func (s *isupport) modeOfRank(rank transports.Role) (byte, bool) {
	for _, letter := range []byte(s.prefixModes) {
		if r, _ := s.rankOfMode(letter); r == rank {
			return letter, true
		}
	}
	return 0, false
}

// cutRanks takes the signs of ranks off the front of a name in NAMES (several of them with multi-prefix).
func (s *isupport) cutRanks(name string) (transports.Role, string) {
	var role transports.Role
	for name != "" {
		i := strings.IndexByte(s.prefixChars, name[0])
		if i < 0 {
			break
		}
		rank, _ := s.rankOfMode(s.prefixModes[i])
		role |= rank
		name = name[1:]
	}
	return role, name
}

// takesParam reports whether a channel mode that is no rank is followed by a parameter.
func (s *isupport) takesParam(letter byte, set bool) bool {
	return strings.IndexByte(s.listModes, letter) >= 0 || strings.IndexByte(s.paramModes, letter) >= 0 ||
		set && strings.IndexByte(s.setModes, letter) >= 0
}
