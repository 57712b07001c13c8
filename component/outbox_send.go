package component

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"passerelle/component/muc"
	"passerelle/component/stanza"
	"passerelle/store"
	"passerelle/transports"
)

// sending is the sender of one stream. It belongs to one goroutine.
type sending struct {
	o     *outbox
	host  transports.Address // the server's, which is asked
	id    string             // what the ids of its questions begin with
	asked int                // questions

	rows  []store.Outgoing     // that were read and wait for their turn
	at    store.OutgoingNumber // what was sent last
	maybe store.OutgoingNumber // up to which the server may have it already
	open  *outboxBarrier       // nil where the server has answered for all that was sent
	buf   []byte

	known  bool // it was asked what the server is
	stores bool // what was routed is stored
	up     uptime

	late  *time.Timer // until an answer is given up
	again *time.Timer // until the database is tried again
}

// outboxBarrier is a question behind stanzas.
type outboxBarrier struct {
	key    iqKey
	has    settled // where it is answered
	answer <-chan error
}

// finishWait is how long an orderly end waits for the server to answer for what was sent.
const finishWait = 2 * time.Second

// send sends what is written down until the stream ends, or the gateway.
func (o *outbox) send(stream context.Context, stop <-chan struct{}) {
	host := o.g.domain
	if own := o.g.rules().OwnDomains; len(own) > 0 {
		host = transports.Address{Domain: own[0]}
	}
	s := &sending{o: o, host: host, id: "outbox-" + newID() + "-"}
	s.late, s.again = stoppedTimer(), stoppedTimer()
	if o.doubts() && !s.know(stream, stop) {
		return
	}
	o.follow(true)
	defer o.follow(false)
	s.at, s.maybe = o.resume(s.up)
	s.run(stream, stop)
	s.late.Stop()
	s.again.Stop()
	s.forget()
	o.lost(s.at)
}

func stoppedTimer() *time.Timer {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return t
}

// run is the loop of the goroutine. It waits for the stream's queue, for the database and for the server, and holds up nobody.
func (s *sending) run(stream context.Context, stop <-chan struct{}) {
	always := make(chan struct{})
	close(always)
	more := true
	for {
		var read <-chan struct{}
		if (more || len(s.rows) > 0) && s.open == nil && !s.o.full() {
			read = always
		}
		select {
		case <-stream.Done():
			return
		case <-stop:
			s.finish(stream)
			return
		case <-s.o.wake:
			more = true
		case <-s.again.C:
			more = true
		case <-read:
			if len(s.rows) == 0 {
				if err := s.page(stream); err != nil && stream.Err() == nil {
					s.o.g.log.Error("what is to be sent to users cannot be read", "error", err, "again_in", outboxAgain)
					s.again.Reset(outboxAgain)
				}
				more = len(s.rows) > 0
			}
			s.fly(stream, stop)
		case <-s.answer():
			s.settle()
		case <-s.late.C:
			s.askAnew(stream)
		}
	}
}

// page finds what is to be sent next.
func (s *sending) page(stream context.Context) (err error) {
	var ok bool
	if s.rows, ok = s.o.next(s.at); !ok {
		s.rows, err = s.o.g.opt.Store.Outgoing(stream, s.o.g.opt.Domain, s.at)
	}
	return err
}

// fly sends what comes next and a question behind it.
func (s *sending) fly(stream context.Context, stop <-chan struct{}) {
	if len(s.rows) == 0 {
		return
	}
	if !s.known && !s.know(stream, stop) {
		return
	}
	n := flight(s.rows)
	s.buf = s.buf[:0]
	for i := range s.rows[:n] {
		s.o.expect(&s.rows[i]) // before an error can come
		s.buf = s.o.stanza(s.buf, &s.rows[i], s.rows[i].Number <= s.maybe)
	}
	s.at = s.rows[n-1].Number
	if s.rows = s.rows[n:]; len(s.rows) == 0 {
		s.rows = nil
	}
	s.ask(stream)
	if cap(s.buf) > keptBuffer {
		s.buf = nil
	}
}

// flight is how many stanzas go out together: as many as there are until somebody would get a second message with them. A message is all stanzas of a
// letter, or of all letters that are called so.
func flight(rows []store.Outgoing) int {
	type message struct {
		name string // empty for one that stands for itself
		i    int    // of its first row, then
	}
	gets := make(map[string]message, min(len(rows), maxFlight)) // by JID
	size := 0
	var last message
	for i := range rows {
		row := &rows[i]
		m := message{name: row.Message}
		switch {
		case m.name != "":
		case i > 0 && row.Letter == "" && row.JID == rows[i-1].JID:
			m = last
		default:
			m.i = i
		}
		before, second := gets[row.JID]
		if i > 0 {
			size += len(row.Stanza)
		}
		if second && before != m || i == maxFlight || size > maxFlightSize {
			return i
		}
		gets[row.JID], last = m, m
	}
	return len(rows)
}

// pour queues stanzas, however long others keep the queue filled.
func (s *sending) pour(stream context.Context, p []byte) error {
	for {
		err := s.o.g.out.pourOnce(stream, p)
		if err == nil {
			s.o.g.metrics.sent.Add(float64(len(p)))
			return nil
		}
		if !errors.Is(err, errQueueFull) {
			return err
		}
	}
}

// stanza appends what is sent of a row. Where it was said some time ago, or may have been sent before, it says when it was said (XEP-0203).
func (o *outbox) stanza(b []byte, row *store.Outgoing, again bool) []byte {
	o.g.metrics.letter(again)
	const end = "</message>"
	open, ok := strings.CutSuffix(row.Stanza, end)
	if !ok || row.Letter == "" || !again && now().Sub(row.Time) <= muc.FarPast {
		return append(b, row.Stanza...)
	}
	var delay stanza.Builder
	muc.Delay(&delay, o.g.domain, row.Time)
	b = append(b, open...)
	b = append(b, delay.Bytes()...)
	return append(b, end...)
}

// ask sends what is in the buffer and sets a barrier behind it.
func (s *sending) ask(stream context.Context) {
	s.asked++
	k := iqKey{id: s.id + strconv.Itoa(s.asked), to: s.host, from: s.o.g.domain}
	s.open = &outboxBarrier{key: k, has: settled{last: s.at, up: s.up}, answer: s.o.g.iqs.expect(k, nil)}
	if s.up != (uptime{}) {
		s.open.has.at = machineTime() // or later
	}
	s.late.Reset(barrierAnswer)
	var b stanza.Builder
	startQuestion(&b, k).StartNS("ping", nsPing).End().End()
	s.buf = append(s.buf, b.Bytes()...)
	_ = s.pour(stream, s.buf) // fails only where the stream does
}

func startQuestion(b *stanza.Builder, k iqKey) *stanza.Builder {
	return b.Start("iq").Attr("type", "get").JID("from", k.from).JID("to", k.to).Attr("id", k.id)
}

// answer is where that of the barrier comes from.
func (s *sending) answer() <-chan error {
	if s.open == nil {
		return nil
	}
	return s.open.answer
}

// settle takes an answer. An error is one too: the server has read what stands before the question.
func (s *sending) settle() {
	s.late.Stop()
	wait := s.o.g.opt.Timing.Routed
	if s.stores {
		wait = 0
	}
	s.o.settle(s.open.has, wait)
	s.open = nil
}

// askAnew sets a barrier in place of the one that is not answered, by way of the server to our own domain.
func (s *sending) askAnew(stream context.Context) {
	s.o.g.log.Warn("the XMPP server does not answer for what was sent to users; asking it again", "server", s.host.Domain)
	s.host = s.o.g.domain
	s.forget()
	s.buf = s.buf[:0]
	s.ask(stream)
}

// forget gives up the barrier.
func (s *sending) forget() {
	if s.open != nil {
		s.o.g.iqs.forget(s.open.key)
		s.open = nil
	}
}

// know asks what the server is and since when it is running. It reports whether there is still something to do then.
func (s *sending) know(stream context.Context, stop <-chan struct{}) bool {
	var stores bool
	var up uptime
	asked := machineTime()
	software := iqKey{id: s.id + "software", to: s.host, from: s.o.g.domain}
	uptime := iqKey{id: s.id + "uptime", to: s.host, from: s.o.g.domain}
	answers := [...]<-chan error{
		s.o.g.iqs.expect(software, func(iq *stanza.Element) { stores = namesProsody(iq) }),
		s.o.g.iqs.expect(uptime, func(iq *stanza.Element) { up = readUptime(iq, asked) }),
	}
	defer s.o.g.iqs.forget(software)
	defer s.o.g.iqs.forget(uptime)
	var b stanza.Builder
	startQuestion(&b, software).StartNS("query", nsDiscoInfo).End().End()
	startQuestion(&b, uptime).StartNS("query", nsLast).End().End() // XEP-0012 §4
	_ = s.pour(stream, b.Bytes())                                  // fails only where the stream does
	timeout := time.NewTimer(knowWait)
	defer timeout.Stop()
	s.known = true
	for i, answer := range answers {
		select {
		case <-answer:
		case <-timeout.C:
			return true // it may still store what it has routed, and nobody knows since when it is running
		case <-stream.Done():
			return false
		case <-stop:
			return false
		}
		if i == 0 {
			s.stores = stores
		} else {
			s.up = up
		}
	}
	return true
}

// finish has the server answer once more, before the gateway ends the stream itself. It lives, so that what it has routed is not sent again;
// where it says since when it is running the next process can find that out itself.
func (s *sending) finish(stream context.Context) {
	hasten := s.up == uptime{}
	if s.open == nil && hasten && s.o.waits() {
		s.buf = s.buf[:0]
		s.ask(stream)
	}
	timeout := time.NewTimer(finishWait)
	defer timeout.Stop()
	if s.open != nil {
		select {
		case <-s.answer():
			s.settle()
		case <-timeout.C:
			return
		case <-stream.Done():
			return
		}
	}
	if hasten {
		s.o.hasten()
	}
}

// readRefusal reads the error that a letter came back with.
func readRefusal(e *stanza.Element) *transports.Error {
	refusal := readIQError(e)
	said := e.Child(e.Space, "error").Child(stanza.NSStanzas, "text").Text()
	if len(said) > maxRefusal {
		said = strings.ToValidUTF8(said[:maxRefusal], "") + "…"
	}
	return refusedFor(refusal.condition, said, refusal)
}

// refusedFor is what the condition of an error means that a letter came back with. Said are the server's words, which may be none.
func refusedFor(condition, said string, err error) *transports.Error {
	kind, ok := refusals[condition]
	if !ok {
		kind = transports.Denied
	}
	if said == "" {
		said = "The XMPP server says: " + condition + "."
	}
	return transports.NewError(kind, said, fmt.Errorf("the XMPP server refused a letter: %w", err))
}

// refusals are the kinds of the conditions (RFC 6120 §8.3.3) that servers answer messages with. Prosody and ejabberd say service-unavailable
// where there is no such user (RFC 6121 §8.5.1).
var refusals = map[string]transports.Kind{
	"service-unavailable":     transports.NotFound,
	"item-not-found":          transports.NotFound,
	"recipient-unavailable":   transports.NotFound,
	"jid-malformed":           transports.NotFound,
	"gone":                    transports.Gone,
	"redirect":                transports.Gone,
	"remote-server-not-found": transports.NoServer,
	"remote-server-timeout":   transports.Offline,
	"resource-constraint":     transports.Full,
	"internal-server-error":   transports.Offline,
	"policy-violation":        transports.Policy,
}
