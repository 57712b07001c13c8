package ircbridge

import (
	"cmp"
	"slices"
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
	statusMsg   string // the ranks that one may write to (STATUSMSG); empty where the network does not say
	nickLen     int
	topicLen    int // 0 where the network does not say
	channelLen  int // so these
	kickLen     int
	awayLen     int
	nameLen     int // of real names
	userLen     int // of user names, and of hosts: what of a line others need
	hostLen     int
	lineLen     int
	joinTargets int      // channels in one JOIN
	monitor     int      // people whom the network tells of by itself (IRCv3 MONITOR)
	modes       int      // modes with a parameter in one MODE
	tagDeny     *tagDeny // nil where it passes all client-only tags on
	bot         byte     // the user mode of programs, in the flags of WHO too (IRCv3 bot-mode); 0 for none
	listMasks   bool     // LIST takes a pattern of names
	utf8Only    bool     // nothing else may be written (IRCv3 utf8only)
	whox        bool     // WHO takes fields (IRCv3 whox)
	accountBan  string   // what stands in front of an account in a mask, such as "~a:" (IRCv3 account-extban); empty for nothing
	extBan      string   // EXTBAN's prefix, which may be empty
	extBans     bool     // there is EXTBAN
	safeList    bool     // nobody is cut off for a LIST
	listUsers   bool     // LIST takes numbers of people (ELIST=U)
	network     string   // what it is called
	icon        string   // the URL of a picture of it
	history     int      // how many lines of the past it gives at a time, 0 for any number (IRCv3 chathistory)
	historyTold bool     // it has said so
	historyNoID bool     // and takes no ids of messages for points in it
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

// Bounds of values that are kept as strings: no honest one is longer.
const (
	maxToken    = 64
	maxTokenURL = 400
)

// apply takes the tokens of one 005 line. What makes no sense is ignored: a value out of range must not make the bridge cut
// text to nothing or wait for lines that never end. "-TOKEN" takes one back.
func (s *isupport) apply(tokens []string) {
	def := defaultISupport()
	for _, token := range tokens {
		key, value, _ := strings.Cut(token, "=")
		if name, gone := strings.CutPrefix(key, "-"); gone {
			s.withdraw(strings.TrimPrefix(name, "draft/"), &def)
			continue
		}
		key = strings.TrimPrefix(key, "draft/")
		switch key {
		case "CHANMODES", "TARGMAX", "CLIENTTAGDENY", "ICON", "NETWORKICON":
		default:
			if len(value) > maxToken {
				continue
			}
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
		case "STATUSMSG":
			s.statusMsg = intern(value)
		case "CHANMODES":
			types := strings.Split(value, ",")
			if len(types) >= 3 && len(value) <= 4*maxToken {
				s.listModes, s.paramModes, s.setModes = intern(types[0]), intern(types[1]), intern(types[2])
			}
		case "EXCEPTS", "INVEX": // lists besides that of bans; without a value e and I
			letter := cmp.Or(value, map[string]string{"EXCEPTS": "e", "INVEX": "I"}[key])
			if len(letter) == 1 && !strings.Contains(s.listModes, letter) {
				s.listModes = intern(s.listModes + letter)
			}
		case "NICKLEN", "MAXNICKLEN":
			s.nickLen = bounded(value, 4, maxNickName, s.nickLen)
		case "TOPICLEN":
			s.topicLen = bounded(value, 1, 1<<16, s.topicLen)
		case "CHANNELLEN":
			s.channelLen = bounded(value, 10, 1<<10, s.channelLen)
		case "KICKLEN":
			s.kickLen = bounded(value, 10, maxSetting, s.kickLen)
		case "AWAYLEN":
			s.awayLen = bounded(value, 10, maxSetting, s.awayLen)
		case "NAMELEN", "REALLEN":
			s.nameLen = bounded(value, 10, maxSetting, s.nameLen)
		case "USERLEN":
			s.userLen = bounded(value, 5, 1<<8, s.userLen)
		case "HOSTLEN":
			s.hostLen = bounded(value, 10, 1<<8, s.hostLen)
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
		case "BOT":
			if s.bot = 0; len(value) == 1 {
				s.bot = value[0]
			}
		case "CHATHISTORY":
			if n, err := strconv.Atoi(value); err == nil && n >= 0 {
				s.history, s.historyTold = n, true
			}
		case "MSGREFTYPES":
			s.historyNoID = !slices.Contains(strings.Split(value, ","), "msgid")
		case "UTF8ONLY":
			s.utf8Only = true
		case "WHOX":
			s.whox = true
		case "SAFELIST":
			s.safeList = true
		case "ELIST":
			s.listUsers, s.listMasks = strings.ContainsAny(value, "Uu"), strings.ContainsAny(value, "Mm")
		case "EXTBAN": // "~,acR": the prefix, and the letters of kinds
			prefix, _, ok := strings.Cut(value, ",")
			if s.extBans = ok && len(prefix) <= 1; s.extBans {
				s.extBan = intern(prefix)
			}
		case "ACCOUNTEXTBAN": // names of the kind, of which any will do
			name, _, _ := strings.Cut(value, ",")
			if s.accountBan = ""; name != "" && printable(name) && !strings.ContainsAny(name, ":!@") {
				s.accountBan = intern(name)
			}
		case "MAXTARGETS":
			s.joinTargets = bounded(value, 1, maxJoinTargets, s.joinTargets)
		case "TARGMAX": // "NAMES:1,JOIN:4,ACCEPT:"; a command without a number has no limit
			for limit := range strings.SplitSeq(value, ",") {
				if n, ok := strings.CutPrefix(limit, "JOIN:"); ok {
					s.joinTargets = bounded(n, 1, maxJoinTargets, s.joinTargets)
				}
			}
		case "NETWORK":
			s.network = intern(plain(unescapeToken(value)))
		case "ICON", "NETWORKICON":
			if len(value) <= maxTokenURL {
				s.icon = intern(unescapeToken(value))
			}
		}
	}
}

// withdraw takes a token back.
func (s *isupport) withdraw(key string, def *isupport) {
	switch key {
	case "CASEMAPPING":
		s.casemap = def.casemap
	case "CHANTYPES":
		s.chanTypes = def.chanTypes
	case "PREFIX":
		s.prefixModes, s.prefixChars = def.prefixModes, def.prefixChars
	case "CHANMODES":
		s.listModes, s.paramModes, s.setModes = def.listModes, def.paramModes, def.setModes
	case "STATUSMSG":
		s.statusMsg = def.statusMsg
	case "NICKLEN", "MAXNICKLEN":
		s.nickLen = def.nickLen
	case "TOPICLEN":
		s.topicLen = def.topicLen
	case "CHANNELLEN":
		s.channelLen = def.channelLen
	case "KICKLEN":
		s.kickLen = def.kickLen
	case "AWAYLEN":
		s.awayLen = def.awayLen
	case "NAMELEN", "REALLEN":
		s.nameLen = def.nameLen
	case "LINELEN":
		s.lineLen = def.lineLen
	case "MODES":
		s.modes = def.modes
	case "MONITOR":
		s.monitor = 0
	case "CLIENTTAGDENY":
		s.tagDeny = nil
	case "BOT":
		s.bot = 0
	case "UTF8ONLY":
		s.utf8Only = false
	case "WHOX":
		s.whox = false
	case "SAFELIST":
		s.safeList = false
	case "ELIST":
		s.listUsers, s.listMasks = false, false
	case "EXTBAN":
		s.extBans, s.extBan = false, ""
	case "ACCOUNTEXTBAN":
		s.accountBan = ""
	case "MAXTARGETS", "TARGMAX":
		s.joinTargets = def.joinTargets
	case "NETWORK":
		s.network = ""
	case "ICON", "NETWORKICON":
		s.icon = ""
	}
}

// unescapeToken undoes \xHH in a value (draft-brocklesby-irc-isupport-03 §2).
func unescapeToken(value string) string {
	var b strings.Builder
	for {
		before, after, ok := strings.Cut(value, `\x`)
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		n, err := strconv.ParseUint(after[:min(2, len(after))], 16, 8)
		if err != nil || len(after) < 2 {
			b.WriteString(`\x`)
			value = after
			continue
		}
		b.WriteByte(byte(n))
		value = after[2:]
	}
}

// ranksOf takes the ranks off the front of what a message is to, "@#channel" (STATUSMSG), and reports whether it is to some of a channel.
func (s *isupport) ranksOf(to string) (channel string, some bool) {
	channel = strings.TrimLeft(to, cmp.Or(s.statusMsg, s.prefixChars))
	return channel, channel != to && s.isChannel(channel)
}

// tooLong reports whether no channel can be called so.
func (s *isupport) tooLong(name string) bool { return s.channelLen > 0 && len(name) > s.channelLen }

// accountMask is what bans an account, whatever nick and host it has; empty where the network has no such thing.
func (s *isupport) accountMask(account string) string {
	if s.accountBan == "" || !s.extBans || account == "" {
		return ""
	}
	return s.extBan + s.accountBan + ":" + account
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

// supports takes what a network says of itself, at any time. Where names are compared otherwise by now, what goes by them is sorted anew.
func (s *session) supports(c *conn, tokens []string) {
	before := c.isup.casemap
	c.isup.apply(tokens)
	if c.isup.casemap == before {
		return
	}
	fold := c.isup.casemap.fold
	c.awayTold = nil
	for _, r := range s.rooms {
		if n := r.enter; n != nil && n.index != nil {
			clear(n.index)
			for i := range n.members {
				n.index[fold(n.members[i].Person.Nick)] = i
			}
		}
	}
	if w := s.watching; w != nil && w.byNick != nil {
		clear(w.byNick)
		for _, p := range w.people {
			w.byNick[fold(p.target.ID)] = p
		}
	}
}
