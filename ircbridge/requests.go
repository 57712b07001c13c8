package ircbridge

import (
	"slices"
	"strings"
	"time"

	"passerelle/transports"
)

// requestKind is what a pending request asked for.
type requestKind uint8

const (
	requestTopic requestKind = iota
	requestNick
	requestChange // of modes or members
	requestModes
	requestBans
	requestInvite
	requestRaw
	requestEnquire
	requestReact
	requestRedact
)

// pending is a request that the network has not answered yet.
type pending struct {
	kind requestKind
	ref  transports.Ref
	room *room  // nil of nick
	nick string // whom it is about
	by   time.Time

	labels []string // of its lines, where the network answers by them, see label.go
	fence  string   // of changes: the PING behind them
	kicks  bool     // of changes: it is a KICK alone, which the network shows
	bans   *transports.BanList
	raw    *rawLine

	question transports.Question
}

func refused(kind transports.Kind, format string, args ...any) *transports.Error {
	return transports.Errorf(kind, format, args...)
}

// join enters a channel, and connects first where that is still to be done.
func (s *session) join(q transports.Join) *transports.Error {
	if q.Room.Kind != transports.TargetRoom || q.Room.Network != s.net.ID || !validChannel(q.Room.ID) {
		return refused(transports.BadRequest, "%q is no channel on %s.", q.Room.ID, s.net.Name)
	}
	if strings.ContainsAny(q.Password, " ,") || cutControls(q.Password) != q.Password || len(q.Password) > maxSetting {
		return refused(transports.BadRequest, "The key of an IRC channel has no spaces and no commas.")
	}
	r := s.room(q.Room)
	switch {
	case r == nil && s.phase == phaseOnline && s.conn.isup.tooLong(q.Room.ID):
		return s.nameTooLong(s.conn)
	case r == nil && len(s.rooms) >= maxRooms:
		return refused(transports.Policy, "You are in too many channels on %s: leave one first.", s.net.Name)
	case r == nil && s.phase == phaseOnline && s.twin(q.Room) != nil:
		return s.sameChannel(q.Room, s.twin(q.Room))
	case r == nil:
		r = &room{target: q.Room, name: q.Room.ID}
		if err := s.mayJoin(q); err != nil {
			return err
		}
		s.rooms = append(s.rooms, r)
	case r.enter != nil && len(r.enter.refs) >= maxWaiting:
		return s.busy()
	default:
		if err := s.mayJoin(q); err != nil {
			return err
		}
	}
	r.lasting = r.lasting || q.Lasting
	if q.Password != "" {
		r.key = q.Password
	}
	if r.enter == nil {
		r.enter = &entering{}
	}
	if q.Ref != 0 {
		r.enter.refs = append(r.enter.refs, q.Ref)
	}
	switch s.phase {
	case phaseIdle:
		s.start(q.Nick)
	case phaseWaiting:
		if !q.Lasting { // others wait
			s.hurryUp()
		}
	case phaseOnline:
		s.sendJoin(s.conn, r)
	}
	return nil
}

// nameTooLong refuses a channel that the network would take for another, whose name is the beginning of its.
func (s *session) nameTooLong(c *conn) *transports.Error {
	return refused(transports.BadRequest, "The name of the channel is too long for %s: %d bytes is the most.", s.net.Name, c.isup.channelLen)
}

// twin is a room that the network takes for the same channel under another name.
func (s *session) twin(t transports.Target) *room {
	if r := s.lookup(t.ID); r != nil && r.target != t && r.state != roomLeaving {
		return r
	}
	return nil
}

func (s *session) sameChannel(t transports.Target, twin *room) *transports.Error {
	return refused(transports.BadRequest, "%s and %s are one channel on %s: join it as %s.", t.ID, twin.target.ID, s.net.Name, twin.target.ID)
}

// mayJoin reports why no channel can be joined at the moment.
func (s *session) mayJoin(q transports.Join) *transports.Error {
	switch {
	case q.Lasting: // nobody could ask again; there is one such line per room
		return nil
	case s.phase == phaseWaiting && (s.patient || time.Since(s.lastTry) < joinAgainAfter):
		return s.offline()
	case s.phase == phaseOnline && s.conn.full(2):
		return s.busy()
	}
	return nil
}

// start begins to connect.
func (s *session) start(nick string) {
	s.wanted, s.eager = sanitizeNick(nick, defaultISupport().nickLen), true
	s.setPhase(phaseConnecting)
	s.t.running.Go(s.run)
}

// sendJoin asks the network for one channel: to enter it or, where we are in, who is there.
func (s *session) sendJoin(c *conn, r *room) {
	switch r.state {
	case roomIn:
		if len(r.enter.refs) > 1 {
			return // it is being asked already
		}
		c.enqueue(outLine{text: "TOPIC " + r.name}, outLine{text: "NAMES " + r.name, rooms: []*room{r}})
	case roomJoining, roomEntering:
		return // the answer is on its way
	case roomLeaving:
		r.parts++
		fallthrough
	case roomLost:
		if c.forgetElsewhere(r.name) {
			r.state = roomEntering
			s.beginPast(c, r)
			c.enqueue(outLine{text: "TOPIC " + r.name}, outLine{text: "NAMES " + r.name, rooms: []*room{r}})
			break
		}
		r.state = roomJoining
		line := "JOIN " + r.name
		if r.key != "" {
			line += " :" + r.key // RFC 2812 §3.2.1; behind a colon, so that a key may begin with one
		}
		c.enqueueJoin(outLine{text: line, rooms: []*room{r}})
	}
	s.startWriter(c)
}

// leave leaves a channel. The network's answer is swallowed.
func (s *session) leave(q transports.Leave) *transports.Error {
	r := s.room(q.Room)
	if r == nil || r.state == roomLeaving {
		return nil
	}
	s.dropPending(r)
	if r.enter != nil {
		r.enter.fail(s, refused(transports.Gone, "You left %s before you were in.", r.name))
		r.enter = nil
	}
	if s.phase != phaseOnline {
		s.removeRoom(r)
		return nil
	}
	r.state, r.entered, r.lasting, r.catch = roomLeaving, false, false, nil
	line := "PART " + r.name
	if reason := oneLine(q.Reason, maxSetting); reason != "" {
		line += " :" + reason
	}
	// Beyond the bound of the queue: a channel that the user left must not stay joined. There is one such line per room.
	s.conn.queue = append(s.conn.queue, outLine{text: line})
	s.startWriter(s.conn)
	return nil
}

// send says something to a channel or a person.
func (s *session) send(q transports.Send) *transports.Error {
	var to string
	switch q.To.Kind {
	case transports.TargetRoom:
		r := s.room(q.To)
		if r == nil || r.state == roomJoining || r.state == roomLeaving {
			return refused(transports.NotJoined, "You are not in %s.", q.To.ID)
		}
		if r.state == roomLost && s.phase == phaseOnline {
			return refused(transports.NotJoined, "You are not back in %s yet, so your message was not sent: try again in a moment.", q.To.ID)
		}
		to = r.name
	case transports.TargetContact:
		if q.To.Network != s.net.ID || !validContact(q.To.ID) {
			return refused(transports.BadRequest, "%q is nobody on %s.", q.To.ID, s.net.Name)
		}
		to = q.To.ID
	default:
		return refused(transports.Unsupported, "A network itself takes no messages: write to a channel or a person.")
	}
	switch {
	case s.phase != phaseOnline && q.To.Kind == transports.TargetContact:
		return s.hold(q)
	case s.phase != phaseOnline:
		return s.offline()
	}
	c := s.conn
	if err := s.unsayable(q.To, q.Body); err != nil {
		return err
	}
	if c.full(2) {
		return s.busy()
	}
	if block, said, ok := s.multiline(to, s.shown(q), s.charsetTo(q.To)); ok && !q.Action {
		p := &sentPart{ref: q.Ref, part: 1, of: 1, to: q.To, name: to, body: said.Text, spans: said.Spans, batch: true}
		s.enqueueSend(q, outLine{text: block[0], more: block[1:], part: p})
		return nil
	}
	var one struct { // mostly that is all there is
		part [1]transports.Styled
		line [1]outLine
	}
	parts, err := splitBody(one.part[:0], s.shown(q), s.lineRoom(to, q.Action), s.charsetTo(q.To))
	if err != nil {
		return transports.AsError(err)
	}
	if c.full(len(parts) + 1) {
		return s.busy()
	}
	lines := one.line[:0]
	for i, piece := range parts {
		lines = append(lines, outLine{text: privmsg(to, writeCodes(piece.Text, piece.Spans), q.Action), part: &sentPart{
			ref: q.Ref, part: i + 1, of: len(parts), to: q.To, name: to, body: piece.Text, spans: piece.Spans, action: q.Action,
		}})
	}
	s.enqueueSend(q, lines...)
	return nil
}

// enqueueSend queues the lines of a message.
func (s *session) enqueueSend(q transports.Send, lines ...outLine) {
	c, fence := s.conn, ""
	if q.Receipt && !c.can(capEcho) && !c.bouncer { // which would answer by itself
		fence = c.nextFence()
		lines[len(lines)-1].part.fence = fence
	}
	if q.To.Kind == transports.TargetContact {
		c.talks = true
		s.hintLogin("PRIVMSG " + q.To.ID + " :" + q.Body)
	}
	if q.ReplyTo != "" {
		tags := c.replyTags(q.ReplyTo)
		for i := range lines {
			lines[i].tags = tags
		}
	}
	c.typed(q.To)
	if c.enqueue(lines...); fence != "" {
		c.enqueue(outLine{text: "PING :" + fence})
	}
	s.startWriter(c)
}

// shown is what a message says, with its look where it is seen there.
func (s *session) shown(q transports.Send) transports.Styled {
	if q.Styled == nil {
		return transports.Styled{Text: q.Body}
	}
	if r := s.room(q.To); r != nil && (r.noColour || r.noCodes) {
		return transports.Styled{Text: q.Body} // with the signs of it that the sender wrote, if any
	}
	return *q.Styled
}

// privmsg is a line that says a piece of a body (RFC 2812 §3.3.1).
func privmsg(to, text string, action bool) string {
	if action {
		return "PRIVMSG " + to + " :\x01ACTION " + text + "\x01"
	}
	return "PRIVMSG " + to + " :" + text
}

// lineRoom is how many bytes a line has for text; there has to be a connection.
func (s *session) lineRoom(to string, action bool) int {
	return s.conn.isup.lineLen - len("\r\n") - s.conn.prefixLen(s.nick) - aroundText(to, action)
}

// aroundText is how many bytes a message has around its text.
func aroundText(to string, action bool) int {
	n := len("PRIVMSG  :") + len(to)
	if action {
		n += len("\x01ACTION \x01")
	}
	return n
}

// Features implements transports.Session.
func (s *session) Features(t transports.Target) transports.Features {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn == nil { // what is said waits for a network of which nothing is known yet
		const longestNick = 30
		return transports.Features{LineBytes: max(minRoom, defaultLineLen-len("\r\n")-(&conn{isup: &plainISupport}).prefixLen("")-longestNick-aroundText(t.ID, false))}
	}
	name := t.ID
	if r := s.room(t); r != nil {
		name = r.name
	}
	f := s.conn.features()
	f.LineBytes = max(s.lineRoom(name, false), minRoom)
	return f
}

// wait notes a request that the network should answer.
func (s *session) wait(p pending) {
	if p.by.IsZero() {
		p.by = time.Now().Add(requestTimeout)
	}
	s.pending = append(s.pending, p)
	s.wakeBy(s.conn, p.by)
}

// mayAsk reports why nothing can be asked of the network now.
func (s *session) mayAsk() *transports.Error {
	switch {
	case s.phase != phaseOnline:
		return s.offline()
	case len(s.pending) >= maxRequests || s.conn.full(1):
		return s.busy()
	}
	return nil
}

// inRoom finds a room that the user must be in.
func (s *session) inRoom(t transports.Target) (*room, *transports.Error) {
	if r := s.room(t); r != nil && (r.state == roomIn || r.state == roomEntering || r.state == roomLost) {
		return r, nil
	}
	return nil, refused(transports.NotJoined, "You are not in %s.", t.ID)
}

func (s *session) setSubject(q transports.SetSubject) *transports.Error {
	r, err := s.inRoom(q.Room)
	if err != nil {
		return err
	}
	if err := s.mayAsk(); err != nil {
		return err
	}
	limit := s.conn.isup.lineLen - len("\r\n") - s.conn.prefixLen(s.nick) - len("TOPIC  :") - len(r.name)
	if n := s.conn.isup.topicLen; n > 0 {
		limit = min(limit, n)
	}
	topic := oneLine(q.Subject, maxBody)
	if err := s.unsayable(q.Room, topic); err != nil {
		return err
	}
	if s.charsetTo(q.Room).size(topic) > limit {
		return refused(transports.TooLarge, "The topic is too long for %s: %d bytes is the most.", s.net.Name, limit)
	}
	s.askFor(pending{kind: requestTopic, ref: q.Ref, room: r}, outLine{text: "TOPIC " + r.name + " :" + topic})
	s.startWriter(s.conn)
	return nil
}

func (s *session) setNick(q transports.SetNick) *transports.Error {
	if err := s.mayAsk(); err != nil {
		return err
	}
	limit := s.conn.isup.nickLen
	if len(q.Nick) > limit {
		return refused(transports.BadRequest, "The nick is too long for %s: %d characters is the most.", s.net.Name, limit)
	}
	if sanitizeNick(q.Nick, limit) != q.Nick {
		return refused(transports.BadRequest, "%q cannot be a nick on IRC: letters, digits and []\\`_^{|}- can, and no digit in front.", q.Nick)
	}
	if q.Nick == s.nick {
		s.post(transports.Done{Ref: q.Ref}) // the network would not answer
		return nil
	}
	s.wait(pending{kind: requestNick, ref: q.Ref, nick: q.Nick})
	s.conn.enqueue(outLine{text: "NICK " + q.Nick})
	s.startWriter(s.conn)
	return nil
}

// answer ends the first pending request that matches, and gives its reference.
func (s *session) answer(match func(*pending) bool) (transports.Ref, bool) {
	for i := range s.pending {
		if match(&s.pending[i]) {
			ref := s.pending[i].ref
			s.pending = slices.Delete(s.pending, i, i+1)
			if len(s.pending) == 0 {
				s.pending = nil
			}
			return ref, true
		}
	}
	return 0, false
}
