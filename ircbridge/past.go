package ircbridge

import (
	"fmt"
	"hash/maphash"
	"slices"
	"strings"
	"time"

	"github.com/lrstanley/girc"

	"passerelle/transports"
)

// What was said in a channel while nobody of ours listened is asked of networks that keep it (IRCv3 chathistory), between JOIN and the end of
// NAMES, and goes to the host before anything that is said from then on. A bouncer and some servers say it without being asked.

const (
	// pastWait is how long a channel whose members are known waits for that; then it comes when it comes.
	pastWait = 5 * time.Second
	// pastTimeout is how long the network may take to answer.
	pastTimeout = 30 * time.Second

	// pastPage is how many lines are asked for at a time where the network does not say how many it gives, and mostPage where it
	// gives any number.
	pastPage = 50
	mostPage = 500

	// maxPast bounds the lines of one channel, whatever the host asks for, and maxAlong those that are heard while they are being asked for.
	maxPast  = 5000
	maxAlong = 1024

	// maxPastPages bounds the questions about one channel, since a network may answer with what is no message, and maxPastBytes what a
	// connection has of all that was said before the host takes it.
	maxPastPages = maxPast / pastPage
	maxPastBytes = 16 << 20

	// pastSkew is how much the clocks of a network's servers and ours may differ.
	pastSkew = 10 * time.Second
)

// pastSeed is for keys that are compared within the process.
var pastSeed = maphash.MakeSeed()

// catching is the past of a channel or of a private conversation, while it is being asked for.
type catching struct {
	name   string    // of the channel or the person, as the network writes it
	since  time.Time // zero for any time
	left   int       // how many messages may still come; 0 before the host has said so
	ask    bool      // the next question is to be written
	by     time.Time // when its answer is overdue; zero while none is written
	page   int       // how many lines it asks for
	pages  int       // that came
	cursor string    // the oldest line that came, as the network is told; empty before the first
	got    []transports.Message
	then   []transports.Event // what became of them and of earlier ones, at most maxHeld
	whole  bool               // there is nothing more
	late   bool               // the host knows that it will come

	along map[uint64]bool // what is heard meanwhile
}

// pastKey tells a message from others: by its id, or by what is said when.
func pastKey(m *transports.Message) uint64 {
	if m.ID != "" {
		return maphash.String(pastSeed, m.ID)
	}
	nick := ""
	if m.From != nil {
		nick = m.From.Nick
	}
	return maphash.String(pastSeed, nick+"\x00"+m.Body+"\x00"+m.Time.UTC().Format(time.StampMilli))
}

// heard notes what is heard while the past is being asked for: it may be in both.
func (k *catching) heard(m *transports.Message) {
	if k == nil || len(k.along) >= maxAlong {
		return
	}
	if k.along == nil {
		k.along = make(map[uint64]bool)
	}
	k.along[pastKey(m)] = true
}

// missed is what came.
func (k *catching) missed(room transports.Target) *transports.Missed {
	return &transports.Missed{Room: room, Complete: k.whole, Messages: slices.DeleteFunc(k.got, func(m transports.Message) bool { return k.along[pastKey(&m)] })}
}

// beginPast tells the host that the past of a channel can be asked for.
func (s *session) beginPast(c *conn, r *room) {
	if r.catch = nil; c.can(capChathistory) && c.can(capBatch) && c.can(capServerTime) {
		r.catch = &catching{name: r.name}
		s.post(transports.Behind{Room: r.target})
	}
}

// catchUp takes what the host wants of the past.
func (s *session) catchUp(q transports.CatchUp) *transports.Error {
	c := s.conn
	if q.Room == (transports.Target{}) {
		s.catchUpPrivately(c, q)
		return nil
	}
	r := s.room(q.Room)
	if c == nil || r == nil || r.catch == nil || r.catch.left > 0 {
		return nil // too late
	}
	if q.Max <= 0 {
		s.caughtUp(c, r)
		return nil
	}
	r.catch.since, r.catch.left, r.catch.ask = q.Since, min(q.Max, maxPast), true
	s.startWriter(c)
	return nil
}

// askPast asks the next question where nothing else waits to be written.
func (s *session) askPast(c *conn) {
	if len(c.queue) > 0 || s.closed || s.phase != phaseOnline {
		return
	}
	for _, r := range s.rooms {
		if k := r.catch; k != nil && k.ask {
			c.enqueue(outLine{text: k.question(c.isup), past: k})
			k.ask = false
			return
		}
	}
	c.askPrivately()
}

// askedPast notes that a question for the past is being written.
func (s *session) askedPast(c *conn, line outLine, now time.Time) {
	by := now.Add(pastTimeout)
	switch {
	case line.past != nil:
		line.past.by = by
	case line.targets != nil:
		line.targets.asked, line.targets.by = true, by
	default:
		return
	}
	s.wakeBy(c, by)
}

// expirePast gives up what the network does not answer.
func (s *session) expirePast(c *conn, due func(time.Time) bool) {
	for _, b := range slices.Clone(c.batches) {
		if due(b.by) {
			s.giveUpBatch(c, b)
		}
	}
	for _, r := range s.rooms {
		if r.catch != nil && due(r.catch.by) {
			s.caughtUp(c, r)
		}
	}
	if p := c.private; p != nil && (due(p.by) || p.now != nil && due(p.now.by)) {
		s.privatePastFailed(c)
	}
}

// question is a line that asks for a page: the newest messages since a time first, then those before what came.
func (k *catching) question(isup *isupport) string {
	k.page = min(k.left, isup.historyPage())
	switch {
	case k.cursor != "":
		return fmt.Sprintf("CHATHISTORY BEFORE %s %s %d", k.name, k.cursor, k.page)
	case k.since.IsZero():
		return fmt.Sprintf("CHATHISTORY LATEST %s * %d", k.name, k.page)
	}
	return fmt.Sprintf("CHATHISTORY LATEST %s %s %d", k.name, pastTime(k.since.Add(-pastSkew)), k.page)
}

// pastTime is a time as a point of the history.
func pastTime(t time.Time) string { return "timestamp=" + serverTime(t) }

// serverTime writes a time as IRCv3 server-time does.
func serverTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// historyPage is how many lines are asked for at a time.
func (s *isupport) historyPage() int {
	switch {
	case !s.historyTold:
		return pastPage
	case s.history == 0: // any number
		return mostPage
	}
	return min(s.history, mostPage)
}

// heardPast takes a batch of the past.
func (s *session) heardPast(c *conn, b *batch) {
	name := b.param()
	if p := c.private; p != nil && p.now != nil && !p.now.by.IsZero() && c.isup.casemap.equal(p.now.name, name) {
		s.heardPrivatePast(c, b)
		return
	}
	r := s.lookup(name)
	switch {
	case r == nil && !c.isup.isChannel(name):
		s.playedPrivately(c, b)
	case r == nil, r.state != roomEntering && r.state != roomIn:
	case r.catch != nil && !r.catch.by.IsZero():
		k := r.catch
		k.by = time.Time{}
		got, then := s.pastOf(c, b, r, k.since)
		k.before(then)
		if k.take(b, got, c.isup, s.pastRoom(c)) {
			k.ask = true
			s.startWriter(c)
			return
		}
		s.caughtUp(c, r)
	case r.state == roomEntering && r.enter != nil && len(r.enter.played) < maxHeld:
		got, then := s.pastOf(c, b, r, time.Time{}) // without being asked
		got, _ = newest(got, s.pastRoom(c))
		r.enter.played = append(r.enter.played, got...)
		for _, e := range then {
			s.postIn(r.target, e)
		}
	case r.state == roomIn:
		got, then := s.pastOf(c, b, r, time.Time{})
		if len(got) > 0 {
			s.post(transports.Missed{Room: r.target, Messages: got})
		}
		s.post(then...)
	}
}

// pastRoom is how many bytes more of the past there is room for.
func (s *session) pastRoom(c *conn) int {
	room := maxPastBytes
	spend := func(messages []transports.Message) {
		for i := range messages {
			room -= pastSize(&messages[i])
		}
	}
	for _, r := range s.rooms {
		if r.catch != nil {
			spend(r.catch.got)
		}
		if r.enter != nil {
			spend(r.enter.played)
			if r.enter.missed != nil {
				spend(r.enter.missed.Messages)
			}
		}
	}
	if p := c.private; p != nil {
		spend(p.got)
		if p.now != nil {
			spend(p.now.got)
		}
	}
	return room
}

// pastSize is what a message takes, in bytes.
func pastSize(m *transports.Message) int {
	const span, rest = 32, 256
	return rest + len(m.Body) + span*len(m.Spans)
}

// newest are the newest messages for which there is room, and whether that is all of them.
func newest(page []transports.Message, room int) ([]transports.Message, bool) {
	for i := range slices.Backward(page) {
		if room -= pastSize(&page[i]); room < 0 {
			return page[i+1:], false
		}
	}
	return page, true
}

// take takes a page of which so many bytes have room, and reports whether another one is to be asked for.
func (k *catching) take(b *batch, page []transports.Message, isup *isupport, room int) bool {
	if n := len(page) - k.left; n > 0 {
		page = page[n:] // of more than was asked for the newest
	}
	page, fits := newest(page, room)
	k.pages++
	k.left -= len(page)
	k.got = append(page, k.got...)
	oldest, cursor := pastCursor(b.lines, isup)
	switch {
	case b.cut, !fits:
		return false
	case b.count < k.page, !k.since.IsZero() && !oldest.IsZero() && oldest.Before(k.since.Add(-pastSkew)):
		k.whole = true
		return false
	case k.left <= 0, k.pages >= maxPastPages, cursor == "" || cursor == k.cursor: // enough of it, or a network that goes in circles
		return false
	}
	k.cursor = cursor
	return true
}

// pastCursor is the oldest of some lines: when it was said, and as the network is told.
func pastCursor(lines []*girc.Event, isup *isupport) (oldest time.Time, cursor string) {
	for _, e := range lines {
		if _, told := tag(e, "time"); !told || !oldest.IsZero() && !e.Timestamp.Before(oldest) {
			continue
		}
		oldest = e.Timestamp
		if cursor = pastTime(oldest); !isup.historyNoID {
			if id := msgID(e); printable(id) && id != "" {
				cursor = "msgid=" + id
			}
		}
	}
	return oldest, cursor
}

// pastOf translates what was said in a channel, oldest first, and what became of that and of earlier messages. Nothing else of a batch of the past
// is of use: who came and went then says nothing of who is there now. What has no time, is of the future, or of another place than the batch,
// is dropped.
func (s *session) pastOf(c *conn, b *batch, r *room, since time.Time) ([]transports.Message, []transports.Event) {
	t := s.translator(c)
	t.room = func(name string) (transports.Target, bool) { return r.target, c.isup.casemap.equal(name, r.name) }
	got := s.translatePast(t, b, since, func(m *transports.Message) bool { return m.Room == r.target })
	return pastChanges(t, b, since, got, func(room, _ transports.Target, _ *transports.Person) bool { return room == r.target })
}

// pastChanges are what a batch of the past has of reactions to messages and of messages that were taken back. The latter it leaves out of those that
// the batch has.
func pastChanges(t translator, b *batch, since time.Time, got []transports.Message, wanted func(room, to transports.Target, by *transports.Person) bool) (
	[]transports.Message, []transports.Event,
) {
	var then []transports.Event
	var room [4]transports.Event
	for _, e := range b.lines {
		if e.Command != "TAGMSG" && e.Command != "REDACT" || !since.IsZero() && e.Timestamp.Before(since.Add(-pastSkew)) {
			continue
		}
		for _, event := range t.translate(room[:0], e) {
			switch e := event.(type) {
			case transports.Reacted:
				if wanted(e.Room, e.To, e.From) {
					then = append(then, e)
				}
			case transports.Redacted:
				if wanted(e.Room, e.To, e.By) {
					got = slices.DeleteFunc(got, func(m transports.Message) bool { return m.ID == e.Message })
					then = append(then, e)
				}
			}
		}
	}
	return got, then
}

// before puts what became of messages before what is known of that, which is of a newer page. Of too much the newest counts.
func (k *catching) before(then []transports.Event) {
	k.then = append(then, k.then...)
	k.then = k.then[max(0, len(k.then)-maxHeld):]
}

func (s *session) translatePast(t translator, b *batch, since time.Time, wanted func(*transports.Message) bool) []transports.Message {
	var got []transports.Message
	var room [4]transports.Event
	for _, e := range b.lines {
		if e.Command != girc.PRIVMSG && e.Command != girc.NOTICE {
			continue
		}
		_, told := tag(e, "time")
		if !told || e.Timestamp.After(t.now.Add(pastSkew)) || !since.IsZero() && e.Timestamp.Before(since.Add(-pastSkew)) {
			s.t.metrics.dropped.WithLabelValues(dropGarbage).Inc()
			continue
		}
		for _, event := range t.translate(room[:0], e) {
			if m, ok := event.(transports.Message); ok && wanted(&m) {
				m.Clocked = true
				got = append(got, m)
			}
		}
	}
	if n := len(got); n > 1 && got[n-1].Time.Before(got[0].Time) { // the order is up to the network
		slices.Reverse(got)
	}
	return got
}

// caughtUp ends the question for the past of a channel, with what there is of it.
func (s *session) caughtUp(c *conn, r *room) {
	k := r.catch
	r.catch = nil
	switch {
	case k.late:
		s.post(*k.missed(r.target))
		s.post(k.then...)
	case r.enter != nil:
		r.enter.held = append(k.then, r.enter.held...)
		if r.enter.missed = k.missed(r.target); r.enter.named {
			s.enter(c, r)
		}
	}
}

// pastFailed takes the network's word that it does not tell the past, and reports whether it is that.
func (s *session) pastFailed(c *conn, e *girc.Event) bool {
	switch e.Params[0] {
	case "CHATHISTORY":
	case "MARKREAD":
		return true // nothing depends on it
	default:
		return false
	}
	s.log.Debug("irc network does not tell the past", "network", s.net.ID, "answer", strings.Join(e.Params[1:], " "))
	var first *room
	for _, r := range s.rooms {
		if r.catch == nil || r.catch.by.IsZero() {
			continue
		}
		if slices.ContainsFunc(e.Params, func(p string) bool { return c.isup.casemap.equal(p, r.name) }) {
			s.caughtUp(c, r)
			return true
		}
		if first == nil || r.catch.by.Before(first.catch.by) {
			first = r
		}
	}
	if p := c.private; p != nil && (p.asked || p.now != nil && !p.now.by.IsZero()) {
		s.privatePastFailed(c)
	} else if first != nil {
		s.caughtUp(c, first)
	}
	return true
}
