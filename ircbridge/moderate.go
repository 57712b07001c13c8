package ircbridge

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/lrstanley/girc"

	"passerelle/transports"
)

// modeChange is a mode to be set or unset, with its parameter.
type modeChange struct {
	set    bool
	letter byte
	param  string
}

// maxModeParams is how many modes with a parameter a line may have on networks that do not say (RFC 2812 §3.2.3).
const maxModeParams = 3

// modeLines writes changes as MODE lines.
func (c *conn) modeLines(channel string, changes []modeChange) []outLine {
	var lines []outLine
	for part := range slices.Chunk(changes, c.isup.modes) {
		var letters, params strings.Builder
		sign := byte(0)
		for _, m := range part {
			now := byte('-')
			if m.set {
				now = '+'
			}
			if now != sign {
				sign = now
				letters.WriteByte(sign)
			}
			letters.WriteByte(m.letter)
			if m.param != "" {
				params.WriteString(" " + m.param)
			}
		}
		lines = append(lines, outLine{text: "MODE " + channel + " " + letters.String() + params.String()})
	}
	return lines
}

// moderate changes what somebody may do in a channel.
func (s *session) moderate(q transports.Moderate) *transports.Error {
	r, err := s.inRoom(q.Room)
	if err != nil {
		return err
	}
	if err := s.mayAsk(); err != nil {
		return err
	}
	nick := q.Who.Nick
	switch {
	case q.Mask != "" && (q.Grant != 0 || q.Revoke != 0 || q.Kick):
		return refused(transports.BadRequest, "A mask has no ranks and cannot be kicked: name a nick.")
	case q.Mask != "" && !validMask(q.Mask):
		return refused(transports.BadRequest, "%q is no mask of IRC: those look like nick!user@host.", q.Mask)
	case q.Mask == "" && !validContact(nick):
		return refused(transports.BadRequest, "%q is nobody on %s.", nick, s.net.Name)
	}
	changes, err := s.rankChanges(q)
	if err != nil {
		return err
	}
	for _, mask := range s.conn.isup.banMasks(q) {
		changes = append(changes, modeChange{q.Ban, 'b', mask})
	}
	lines := s.conn.modeLines(r.name, changes)
	if q.Kick {
		line := "KICK " + r.name + " " + nick
		if reason := oneLine(q.Reason, cmp.Or(s.conn.isup.kickLen, maxSetting)); reason != "" {
			line += " :" + reason
		}
		lines = append(lines, outLine{text: line})
	}
	return s.change(pending{kind: requestChange, ref: q.Ref, room: r, nick: nick, kicks: q.Kick && len(changes) == 0}, lines)
}

// change sends what changes a channel. A network says nothing of a mode that was as it should be; so the lines are followed by a
// PING, whose answer says that they were read, and that what was wrong with them has been said. But a bouncer would answer that by
// itself.
func (s *session) change(p pending, lines []outLine) *transports.Error {
	c := s.conn
	if c.full(len(lines) + 1) {
		return s.busy()
	}
	if len(lines) == 0 {
		s.post(transports.Done{Ref: p.ref})
		return nil
	}
	if !p.kicks && !c.bouncer {
		p.fence = c.nextFence()
	}
	if s.askFor(p, lines...); p.fence != "" {
		c.enqueue(outLine{text: "PING :" + p.fence})
	}
	s.startWriter(c)
	return nil
}

// pong takes the answer to a PING: everything before it was done.
func (s *session) pong(c *conn, token string) {
	for p := c.confirmed(token); p != nil; p = c.confirmed(token) {
		s.postIn(p.to, p.message(s.self(c), time.Now().UTC()))
	}
	if token == c.refusing {
		c.refusing = ""
	}
	s.rawFence(token)
	s.succeeded(func(p *pending) bool { return p.fence != "" && p.fence == token })
}

// changed notes that the network shows a MODE of the user, which behind a bouncer is the only answer.
func (s *session) changed(channel string) {
	r := s.lookup(channel)
	s.succeeded(func(p *pending) bool { return p.kind == requestChange && p.fence == "" && !p.kicks && p.room == r })
}

// kicked notes that the user's KICK was done.
func (s *session) kicked(c *conn, t transports.Target, nick string) {
	s.succeeded(func(p *pending) bool {
		return p.kind == requestChange && p.kicks && p.room.target == t && c.isup.casemap.equal(p.nick, nick)
	})
}

func (s *session) succeeded(match func(*pending) bool) {
	if ref, ok := s.answer(match); ok && ref != 0 {
		s.post(transports.Done{Ref: ref})
	}
}

// rankChanges are the modes for ranks. The highest rank is taken last: InspIRCd looks at each mode by itself, and who takes his own
// rank may do nothing any more.
func (s *session) rankChanges(q transports.Moderate) ([]modeChange, *transports.Error) {
	isup := s.conn.isup
	var changes []modeChange
	for rank := transports.RoleVoice; rank <= transports.RoleOwner; rank <<= 1 {
		if !q.Grant.Has(rank) {
			continue
		}
		letter, ok := isup.modeOfRank(rank)
		if !ok && rank == transports.RoleHalfOp {
			letter, ok = isup.modeOfRank(transports.RoleOp)
		}
		if !ok && rank == transports.RoleOwner {
			letter, ok = isup.modeOfRank(transports.RoleAdmin)
		}
		if !ok {
			return nil, refused(transports.Unsupported, "%s has no such rank.", s.net.Name)
		}
		changes = append(changes, modeChange{true, letter, q.Who.Nick})
	}
	for rank := transports.RoleVoice; rank <= transports.RoleOwner; rank <<= 1 {
		if letter, ok := isup.modeOfRank(rank); ok && q.Revoke.Has(rank) {
			changes = append(changes, modeChange{false, letter, q.Who.Nick})
		}
	}
	return changes, nil
}

// banMasks are the masks to be banned or let in again: the host where it is known, since nicks change, and the account where the network can
// ban one, since hosts change too. Whoever is let in again may have been banned by either.
func (s *isupport) banMasks(q transports.Moderate) []string {
	switch {
	case !q.Ban && !q.Unban:
		return nil
	case q.Mask != "":
		return []string{q.Mask}
	}
	byNick, byHost := q.Who.Nick+"!*@*", "*!*@"+q.Who.Host
	known := validMask(byHost) && q.Who.Host != ""
	var masks []string
	if q.Unban || !known {
		masks = append(masks, byNick)
	}
	if known {
		masks = append(masks, byHost)
	}
	if byAccount := s.accountMask(q.Who.Account); validMask(byAccount) {
		masks = append(masks, byAccount)
	}
	return masks
}

// validMask reports whether a mask can stand in a line and is not taken for something else: "$a:x" and kin are masks too.
func validMask(mask string) bool {
	return mask != "" && len(mask) <= maxMask && printable(mask) && strings.IndexByte("+-:#&", mask[0]) < 0 && strings.IndexByte(mask, ',') < 0
}

// maxMask bounds a mask, in bytes.
const maxMask = maxNickName + 200

// invite asks somebody into a channel (RFC 2812 §3.2.7).
func (s *session) invite(q transports.Invite) *transports.Error {
	r, err := s.inRoom(q.Room)
	if err != nil {
		return err
	}
	if err := s.mayAsk(); err != nil {
		return err
	}
	if !validContact(q.Nick) {
		return refused(transports.BadRequest, "%q is nobody on %s.", q.Nick, s.net.Name)
	}
	s.askFor(pending{kind: requestInvite, ref: q.Ref, room: r, nick: q.Nick}, outLine{text: "INVITE " + q.Nick + " " + r.name})
	s.startWriter(s.conn)
	return nil
}

// changeRefusal says why a channel or who is in it stays as it is; nil for numerics that do not say so.
func changeRefusal(e *girc.Event, r *room, network string) *transports.Error {
	why := sentence(e)
	switch e.Command {
	case girc.ERR_CHANOPRIVSNEEDED:
		return refused(transports.Denied, "Only operators of %s may do this.", r.name)
	case "460", "468", "481", "484", "485", "499", "518", "974": // not with this rank, not to this person, not in this channel
		return refused(transports.Denied, "%s does not do this in %s: %s.", network, r.name, why)
	case girc.ERR_USERNOTINCHANNEL:
		return refused(transports.NotFound, "%s is not in %s.", param1(e), r.name)
	case girc.ERR_USERONCHANNEL:
		return refused(transports.Conflict, "%s is in %s already.", param1(e), r.name)
	case girc.ERR_KEYSET:
		return refused(transports.Conflict, "%s has a key: take that away first.", r.name)
	case "478": // ERR_BANLISTFULL
		return refused(transports.Policy, "The list of bans of %s is full: lift one first.", r.name)
	case girc.ERR_UNKNOWNMODE:
		return refused(transports.Unsupported, "%s has no mode %s.", network, param1(e))
	case girc.ERR_NEEDMOREPARAMS, "525", "696": // the latter two: ERR_INVALIDKEY, ERR_INVALIDMODEPARAM
		return refused(transports.BadRequest, "%s does not take this: %s.", network, why)
	case girc.ERR_NOCHANMODES:
		return refused(transports.Unsupported, "%s has no modes.", r.name)
	}
	return nil
}

// changeFailed ends the request of a channel that an error answers. Some errors do not name the channel.
func (s *session) changeFailed(e *girc.Event, r *room) bool {
	match := func(p *pending) bool { return p.room == r && r != nil }
	if r == nil {
		if e.Command != girc.ERR_UNKNOWNMODE && (e.Command != girc.ERR_NEEDMOREPARAMS || param1(e) != "MODE") {
			return false
		}
		match = func(p *pending) bool { return p.kind == requestChange }
	}
	i := slices.IndexFunc(s.pending, func(p pending) bool { return match(&p) })
	if i < 0 {
		// A line of several modes is refused mode by mode; who asked was told of the first.
		return s.conn.refusing != "" && r != nil && changeRefusal(e, r, s.net.Name) != nil
	}
	p := s.pending[i]
	err := changeRefusal(e, p.room, s.net.Name)
	if err == nil {
		return false
	}
	s.pending = slices.Delete(s.pending, i, i+1)
	s.conn.refusing = p.fence
	if p.ref != 0 {
		s.post(transports.Done{Ref: p.ref, Err: err})
	}
	return true
}

// dropPending answers what waits for a channel that the user leaves.
func (s *session) dropPending(r *room) {
	err := refused(transports.NotJoined, "You left %s.", r.name)
	for {
		ref, ok := s.answer(func(p *pending) bool { return p.room == r })
		if !ok {
			return
		}
		if ref != 0 {
			s.post(transports.Done{Ref: ref, Err: err})
		}
	}
}

// lastBan remembers who banned somebody from a channel: a kick by him right after it is for good.
type lastBan struct {
	by   string
	mask string
	at   time.Time
}

// banTime is how soon after a ban a kick belongs to it.
const banTime = 10 * time.Second

// isBan reports whether somebody who was kicked was banned before. Of a mask only the nick can be compared here.
func (r *room) isBan(m casemap, by, nick string) bool {
	if r.banned == nil || time.Since(r.banned.at) > banTime || !m.equal(r.banned.by, by) {
		return false
	}
	banned, _, _ := strings.Cut(r.banned.mask, "!")
	return strings.Trim(banned, "*") == "" || m.equal(banned, nick)
}
