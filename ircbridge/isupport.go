package ircbridge

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"sync"
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
		lineLen:     defaultLineLen,
		joinTargets: maxJoinTargets,
		modes:       maxModeParams,
	}
}

// plainISupport is what connections begin with. It is never changed.
var plainISupport = defaultISupport()

// isupports are what networks have said of themselves lately: a thousand connections to one of them share it.
type isupports struct {
	mu    sync.Mutex
	said  []*isupport                // the newest last
	lines map[isupportLine]*isupport // what networks are that have said something; all of them say the same to everybody
}

// isupportLine is what a network says that has said something before.
type isupportLine struct {
	before *isupport
	tokens string // with spaces between them
}

// maxSaid bounds what is looked through: a network says it in some lines, after each of which it is another.
const maxSaid = 64

// hear is what a network is that has said something more.
func (l *isupports) hear(before *isupport, tokens []string) *isupport {
	var most [defaultLineLen]byte
	line := most[:0]
	for _, token := range tokens {
		line = append(append(line, token...), ' ')
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if known := l.lines[isupportLine{before, string(line)}]; known != nil {
		return known
	}
	said := *before
	said.apply(tokens)
	after := l.find(said)
	if l.lines == nil || len(l.lines) == maxSaid {
		l.lines = make(map[isupportLine]*isupport)
	}
	if len(line) <= len(most) {
		l.lines[isupportLine{before, string(line)}] = after
	}
	return after
}

// share is one that says the same, and is never changed.
func (l *isupports) share(said isupport) *isupport {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.find(said)
}

// find is share for who holds mu.
func (l *isupports) find(said isupport) *isupport {
	for _, known := range slices.Backward(l.said) {
		if known.equal(&said) {
			return known
		}
	}
	if len(l.said) == maxSaid {
		l.said = slices.Delete(l.said, 0, 1)
	}
	l.said = append(l.said, &said)
	return &said
}

// equal reports whether two say the same.
func (s *isupport) equal(other *isupport) bool {
	a, b := *s, *other
	a.tagDeny, b.tagDeny = nil, nil
	return a == b && s.tagDeny.equal(other.tagDeny)
}

// maxJoinTargets is what networks take that do not say how many channels one JOIN may have; some drop the rest without a word.
const maxJoinTargets = 10

// defaultLineLen is how long a line may be with its ending (RFC 2812 §2.3).
const defaultLineLen = 512

// Bounds of values that are kept as strings: no honest one is longer.
const (
	maxToken    = 64
	maxTokenURL = 400
)

// number is where the number of a token is kept, and between what it makes sense.
type number struct {
	at        func(*isupport) *int
	low, high int
}

// numbers are the tokens that say one.
var numbers = map[string]number{
	"NICKLEN":    {func(s *isupport) *int { return &s.nickLen }, 4, maxNickName},
	"MAXNICKLEN": {func(s *isupport) *int { return &s.nickLen }, 4, maxNickName},
	"TOPICLEN":   {func(s *isupport) *int { return &s.topicLen }, 1, 1 << 16},
	"CHANNELLEN": {func(s *isupport) *int { return &s.channelLen }, 10, 1 << 10},
	"KICKLEN":    {func(s *isupport) *int { return &s.kickLen }, 10, maxSetting},
	"AWAYLEN":    {func(s *isupport) *int { return &s.awayLen }, 10, maxSetting},
	"NAMELEN":    {func(s *isupport) *int { return &s.nameLen }, 10, maxSetting},
	"REALLEN":    {func(s *isupport) *int { return &s.nameLen }, 10, maxSetting},
	"USERLEN":    {func(s *isupport) *int { return &s.userLen }, 5, 1 << 8},
	"HOSTLEN":    {func(s *isupport) *int { return &s.hostLen }, 10, 1 << 8},
	"LINELEN":    {func(s *isupport) *int { return &s.lineLen }, defaultLineLen, maxLine},
	"MODES":      {func(s *isupport) *int { return &s.modes }, 1, 20},
	"MAXTARGETS": {func(s *isupport) *int { return &s.joinTargets }, 1, maxJoinTargets},
}

// token is how another token is read, and what holds once it is taken back.
type token struct {
	read     func(s *isupport, value string)
	withdraw func(s, def *isupport)
	long     bool // its value may be longer than maxToken
}

// tokens are the others.
var tokens = map[string]token{
	"CASEMAPPING": {
		read:     func(s *isupport, value string) { s.casemap = parseCasemap(value) },
		withdraw: func(s, def *isupport) { s.casemap = def.casemap },
	},
	"CHANTYPES": {
		read:     func(s *isupport, value string) { s.chanTypes = cmp.Or(intern(value), s.chanTypes) },
		withdraw: func(s, def *isupport) { s.chanTypes = def.chanTypes },
	},
	"PREFIX":    {read: (*isupport).readPrefix, withdraw: func(s, def *isupport) { s.prefixModes, s.prefixChars = def.prefixModes, def.prefixChars }},
	"STATUSMSG": {read: func(s *isupport, value string) { s.statusMsg = intern(value) }, withdraw: func(s, def *isupport) { s.statusMsg = def.statusMsg }},
	"CHANMODES": {
		long: true, read: (*isupport).readModes,
		withdraw: func(s, def *isupport) {
			s.listModes, s.paramModes, s.setModes = def.listModes, def.paramModes, def.setModes
		},
	},
	// Lists besides that of bans; without a value e and I. What is no list any more is none that somebody asks for.
	"EXCEPTS": {read: func(s *isupport, value string) { s.addList(cmp.Or(value, "e")) }},
	"INVEX":   {read: func(s *isupport, value string) { s.addList(cmp.Or(value, "I")) }},
	"MONITOR": {
		read: func(s *isupport, value string) {
			if s.monitor = maxWatched; value != "" { // without a value there is no limit
				s.monitor = bounded(value, 1, maxWatched, 0)
			}
		},
		withdraw: func(s, def *isupport) { s.monitor = def.monitor },
	},
	"CLIENTTAGDENY": {
		long: true, read: func(s *isupport, value string) { s.tagDeny = parseTagDeny(value) },
		withdraw: func(s, def *isupport) { s.tagDeny = def.tagDeny },
	},
	"BOT": {
		read: func(s *isupport, value string) {
			if s.bot = 0; len(value) == 1 {
				s.bot = value[0]
			}
		},
		withdraw: func(s, def *isupport) { s.bot = def.bot },
	},
	"CHATHISTORY": {
		read: func(s *isupport, value string) {
			if n, err := strconv.Atoi(value); err == nil && n >= 0 {
				s.history, s.historyTold = n, true
			}
		},
		withdraw: func(s, def *isupport) { s.history, s.historyTold = def.history, def.historyTold },
	},
	"MSGREFTYPES": {
		read:     func(s *isupport, value string) { s.historyNoID = !slices.Contains(strings.Split(value, ","), "msgid") },
		withdraw: func(s, def *isupport) { s.historyNoID = def.historyNoID },
	},
	"UTF8ONLY": {read: func(s *isupport, _ string) { s.utf8Only = true }, withdraw: func(s, def *isupport) { s.utf8Only = def.utf8Only }},
	"WHOX":     {read: func(s *isupport, _ string) { s.whox = true }, withdraw: func(s, def *isupport) { s.whox = def.whox }},
	"SAFELIST": {read: func(s *isupport, _ string) { s.safeList = true }, withdraw: func(s, def *isupport) { s.safeList = def.safeList }},
	"ELIST": {
		read: func(s *isupport, value string) {
			s.listUsers, s.listMasks = strings.ContainsAny(value, "Uu"), strings.ContainsAny(value, "Mm")
		},
		withdraw: func(s, def *isupport) { s.listUsers, s.listMasks = def.listUsers, def.listMasks },
	},
	"EXTBAN": { // "~,acR": the prefix, and the letters of kinds
		read: func(s *isupport, value string) {
			prefix, _, ok := strings.Cut(value, ",")
			if s.extBans = ok && len(prefix) <= 1; s.extBans {
				s.extBan = intern(prefix)
			}
		},
		withdraw: func(s, def *isupport) { s.extBans, s.extBan = def.extBans, def.extBan },
	},
	"ACCOUNTEXTBAN": { // names of the kind, of which any will do
		read: func(s *isupport, value string) {
			name, _, _ := strings.Cut(value, ",")
			if s.accountBan = ""; name != "" && printable(name) && !strings.ContainsAny(name, ":!@") {
				s.accountBan = intern(name)
			}
		},
		withdraw: func(s, def *isupport) { s.accountBan = def.accountBan },
	},
	"TARGMAX": { // "NAMES:1,JOIN:4,ACCEPT:"; a command without a number has no limit
		long: true,
		read: func(s *isupport, value string) {
			for limit := range strings.SplitSeq(value, ",") {
				if n, ok := strings.CutPrefix(limit, "JOIN:"); ok {
					s.joinTargets = bounded(n, 1, maxJoinTargets, s.joinTargets)
				}
			}
		},
		withdraw: func(s, def *isupport) { s.joinTargets = def.joinTargets },
	},
	"NETWORK":     {read: func(s *isupport, value string) { s.network = intern(plain(unescapeToken(value))) }, withdraw: func(s, def *isupport) { s.network = def.network }},
	"ICON":        iconToken,
	"NETWORKICON": iconToken,
}

var iconToken = token{
	long: true,
	read: func(s *isupport, value string) {
		if len(value) <= maxTokenURL {
			s.icon = intern(unescapeToken(value))
		}
	},
	withdraw: func(s, def *isupport) { s.icon = def.icon },
}

// apply takes the tokens of one 005 line. What makes no sense is ignored: a value out of range must not make the bridge cut
// text to nothing or wait for lines that never end. "-TOKEN" takes one back.
func (s *isupport) apply(words []string) {
	def := defaultISupport()
	for _, word := range words {
		key, value, _ := strings.Cut(word, "=")
		key, gone := strings.CutPrefix(key, "-")
		key = strings.TrimPrefix(key, "draft/")
		n, isNumber := numbers[key]
		t, known := tokens[key]
		switch {
		case isNumber && gone:
			*n.at(s) = *n.at(&def)
		case isNumber:
			*n.at(s) = bounded(value, n.low, n.high, *n.at(s))
		case !known || !t.long && len(value) > maxToken:
		case !gone:
			t.read(s, value)
		case t.withdraw != nil:
			t.withdraw(s, &def)
		}
	}
}

// readPrefix takes ranks, "(ohv)@%+"; an empty value means that the network has none.
func (s *isupport) readPrefix(value string) {
	modes, chars, ok := strings.Cut(strings.TrimPrefix(value, "("), ")")
	if value == "" || ok && len(modes) == len(chars) {
		s.prefixModes, s.prefixChars = intern(modes), intern(chars)
	}
}

// readModes takes the kinds of modes.
func (s *isupport) readModes(value string) {
	types := strings.Split(value, ",")
	if len(types) >= 3 && len(value) <= 4*maxToken {
		s.listModes, s.paramModes, s.setModes = intern(types[0]), intern(types[1]), intern(types[2])
	}
}

// addList takes the mode of a list.
func (s *isupport) addList(letter string) {
	if len(letter) == 1 && !strings.Contains(s.listModes, letter) {
		s.listModes = intern(s.listModes + letter)
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
	if c.isup = s.t.isupports.hear(c.isup, tokens); c.isup.casemap == before {
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
