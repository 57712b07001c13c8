package ircbridge

import (
	"strconv"
	"strings"
	"time"

	"github.com/lrstanley/girc"

	"passerelle/transports"
)

// settingModes are the letters of the modes that say how a channel is set up, the same on every network (RFC 2811 §4.2).
var settingModes = map[byte]transports.Mode{
	'm': transports.ModeModerated, 'i': transports.ModeInviteOnly, 'k': transports.ModeKey, 'l': transports.ModeLimit,
	't': transports.ModeSubjectLock, 'n': transports.ModeNoOutside, 's': transports.ModeSecret, 'p': transports.ModePrivate,
}

// allModes are all of them.
const allModes = ^transports.Mode(0)

// note adds a mode to what has changed.
func noteMode(m *transports.ModesChanged, letter byte, set bool, param string) {
	mode := settingModes[letter]
	if !set {
		m.Set &^= mode
		m.Unset |= mode
		return
	}
	m.Set |= mode
	m.Unset &^= mode
	switch mode {
	case transports.ModeKey:
		if m.Key = plain(param); strings.Trim(m.Key, "*") == "" {
			m.Key = "" // hidden from us
		}
	case transports.ModeLimit:
		m.Limit, _ = strconv.Atoi(param) // what is no number is no limit that could be shown
	}
}

// inspect asks how a channel is set up, or who is banned from it (RFC 2812 §3.2.3).
func (s *session) inspect(q transports.Inspect) *transports.Error {
	r, err := s.inRoom(q.Room)
	if err != nil {
		return err
	}
	if err := s.mayAsk(); err != nil {
		return err
	}
	p, line := pending{kind: requestModes, ref: q.Ref, room: r}, "MODE "+r.name
	if q.Bans {
		p.kind, p.bans, line = requestBans, &transports.BanList{Ref: q.Ref, Room: r.target}, line+" b"
	}
	s.wait(p)
	s.conn.enqueue(outLine{text: line})
	s.startWriter(s.conn)
	return nil
}

// modesAre takes the modes of a channel (324).
func (s *session) modesAre(c *conn, params []string) {
	if len(params) < 3 {
		return
	}
	r := s.lookup(params[1])
	if r == nil {
		return
	}
	e := transports.ModesChanged{Room: r.target}
	r.noColour, r.noCodes = false, false
	rest := params[3:]
	for _, letter := range []byte(params[2]) {
		param := ""
		if len(rest) > 0 && c.isup.takesParam(letter, true) {
			param, rest = rest[0], rest[1:]
		}
		noteMode(&e, letter, true, param)
		r.noteCodes(letter, true)
	}
	e.Unset = allModes &^ e.Set
	e.Ref, _ = s.answer(func(p *pending) bool { return p.kind == requestModes && p.room == r })
	if e.Set.Has(transports.ModeKey) { // where none is shown it may be hidden
		r.keepKey(e)
	}
	s.postIn(r.target, e)
}

// keepKey remembers the key of a channel, to come back with it after the link was lost.
func (r *room) keepKey(e transports.ModesChanged) {
	switch {
	case e.Set.Has(transports.ModeKey) && e.Key != "":
		r.key = strings.Clone(e.Key)
	case e.Unset.Has(transports.ModeKey):
		r.key = ""
	}
}

// maxBans bounds a list of bans.
const maxBans = 500

// ban takes a line of the list of bans (367): channel, mask, and on most networks by whom and when.
func (s *session) ban(params []string) {
	if len(params) < 3 {
		return
	}
	list := s.listingBans(params[1])
	switch {
	case list == nil || !validMask(params[2]):
		return
	case len(list.Bans) >= maxBans:
		list.Cut = true
		return
	}
	b := transports.Ban{Mask: strings.Clone(params[2])}
	if len(params) > 3 {
		by, _, _ := strings.Cut(params[3], "!")
		b.By = plain(by)
	}
	if len(params) > 4 {
		if at, err := strconv.ParseInt(params[4], 10, 64); err == nil && at > 0 && at <= time.Now().Unix() {
			b.Time = time.Unix(at, 0).UTC()
		}
	}
	list.Bans = append(list.Bans, b)
}

// listingBans finds the list that the network is answering with.
func (s *session) listingBans(channel string) *transports.BanList {
	r := s.lookup(channel)
	for i := range s.pending {
		if p := &s.pending[i]; r != nil && p.kind == requestBans && p.room == r {
			return p.bans
		}
	}
	return nil
}

// bansEnd takes the end of the list of bans (368).
func (s *session) bansEnd(channel string) {
	list := s.listingBans(channel)
	if list == nil {
		return
	}
	s.answer(func(p *pending) bool { return p.bans == list })
	s.post(*list)
}

// configure changes how a channel is set up.
func (s *session) configure(q transports.Configure) *transports.Error {
	r, err := s.inRoom(q.Room)
	if err != nil {
		return err
	}
	if err := s.mayAsk(); err != nil {
		return err
	}
	key := q.Key
	switch {
	case q.Set.Has(transports.ModeKey) && !validKey(key):
		return refused(transports.BadRequest, "The key of an IRC channel has no spaces, no commas and no colon in front, and is not empty.")
	case q.Set.Has(transports.ModeLimit) && q.Limit <= 0:
		return refused(transports.BadRequest, "The limit is a number of people.")
	case key == "" || !validKey(key):
		key = "*" // RFC 2812 §3.2.3 wants the present one; most networks take any
	}
	var changes []modeChange
	for _, letter := range []byte("imntpslk") {
		mode := settingModes[letter]
		m := modeChange{set: q.Set.Has(mode), letter: letter}
		if !m.set && !q.Unset.Has(mode) {
			continue
		}
		switch {
		case letter == 'k':
			m.param = key
		case letter == 'l' && m.set:
			m.param = strconv.Itoa(q.Limit)
		}
		changes = append(changes, m)
	}
	return s.change(pending{kind: requestChange, ref: q.Ref, room: r}, s.conn.modeLines(r.name, changes))
}

// validKey reports whether a key can stand in a MODE line.
func validKey(key string) bool {
	return printable(key) && key != "" && len(key) <= maxSetting && key[0] != ':' && strings.IndexByte(key, ',') < 0
}

// askModes puts the question how a channel is set up behind what waits. It is asked once after a channel was entered, when there is
// nothing else to say.
func (s *session) askModes(c *conn) {
	if len(c.queue) > 0 || s.closed || s.phase != phaseOnline {
		return
	}
	for _, r := range s.rooms {
		if r.askModes && r.state == roomIn {
			r.askModes = false
			c.enqueue(outLine{text: "MODE " + r.name})
			return
		}
	}
}

// modes translates MODE on a channel (RFC 2812 §3.2.3): ranks as what is granted and revoked, settings as what is set and unset, and
// the whole as a line to read, in biboumi's words. User modes are nobody's business here.
func (t translator) modes(dst []transports.Event, e *girc.Event) []transports.Event {
	if len(e.Params) < 2 {
		return dst
	}
	room, ok := t.room(e.Params[0])
	if !ok {
		return dst
	}
	by := t.network
	if e.Source != nil {
		by = plain(e.Source.Name)
	}
	changed := transports.ModesChanged{Room: room}
	// After a netsplit servers give thousands the ranks back that they had: nobody would read that.
	_, said := t.author(e)
	t.eachMode(e.Params[1], e.Params[2:], func(letter byte, set bool, param string) {
		rank, isRank := t.isup.rankOfMode(letter)
		if !isRank {
			said = true
			noteMode(&changed, letter, set, param)
			return
		}
		if rank == 0 || !validNick(param) {
			return
		}
		change := transports.RoleChanged{Room: room, Nick: param, By: by}
		if set {
			change.Grant = rank
		} else {
			change.Revoke = rank
		}
		dst = append(dst, change)
	})
	if changed.Set|changed.Unset != 0 {
		dst = append(dst, changed)
	}
	if !said {
		return dst
	}
	return t.notice(dst, room, "Mode "+e.Params[0]+" ["+strings.Join(e.Params[1:], " ")+"] by "+by)
}

// eachMode walks over the modes of a line. It ends where the parameter that a mode needs is missing.
func (t translator) eachMode(letters string, params []string, f func(letter byte, set bool, param string)) {
	set := true
	for i := 0; i < len(letters); i++ {
		letter := letters[i]
		if letter == '+' || letter == '-' {
			set = letter == '+'
			continue
		}
		param := ""
		if _, isRank := t.isup.rankOfMode(letter); isRank || t.isup.takesParam(letter, set) {
			if len(params) == 0 {
				return
			}
			param, params = params[0], params[1:]
		}
		f(letter, set, param)
	}
}

// noteCodes remembers whether a channel takes formatting codes. Of networks that have the modes c and S the first one refuses lines with
// codes (InspIRCd), or takes them out as the second one does (ngIRCd, Solanum).
func (r *room) noteCodes(letter byte, set bool) {
	switch letter {
	case 'c':
		r.noColour = set
	case 'S':
		r.noCodes = set
	}
}

// noteModes remembers what a MODE line says that the session needs to know itself: the last ban, for the kick that may follow, and whether
// codes are taken.
func (s *session) noteModes(c *conn, e *girc.Event) {
	if e.Source == nil || len(e.Params) < 2 {
		return
	}
	r := s.lookup(e.Params[0])
	if r == nil {
		return
	}
	s.translator(c).eachMode(e.Params[1], e.Params[2:], func(letter byte, set bool, param string) {
		r.noteCodes(letter, set)
		switch {
		case letter == 'b' && set:
			r.banned = &lastBan{by: strings.Clone(e.Source.Name), mask: strings.Clone(param), at: time.Now()}
		case letter == 'b' && r.banned != nil && r.banned.mask == param:
			r.banned = nil
		}
	})
}
