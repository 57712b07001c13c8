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

	at    store.OutgoingNumber // what was sent last
	maybe store.OutgoingNumber // up to which the server may have it already
	open  []outboxBarrier      // oldest first
	rows  int                  // sent behind the last barrier
	// window is how many stanzas may be sent and not answered for.
	window int
	buf    []byte

	software iqKey     // the question what the server is; zero where it was not asked
	prosody  chan bool // its answer, capacity 1
	stores   bool      // what was routed is stored

	soon  *time.Timer // until a barrier is set behind few stanzas
	late  *time.Timer // until an answer is given up
	again *time.Timer // until the database is tried again
}

// outboxBarrier is a question behind stanzas.
type outboxBarrier struct {
	key    iqKey
	last   store.OutgoingNumber
	answer <-chan error
	set    time.Time
	rows   int // that it stands behind
	before int // stanzas that were not answered for when it was set, with those
}

// finishWait is how long an orderly end waits for the server to answer for what was sent.
const finishWait = 2 * time.Second

// send sends what is written down until the stream ends, or the gateway.
func (o *outbox) send(stream context.Context, stop <-chan struct{}) {
	host := o.g.domain
	if own := o.g.rules().OwnDomains; len(own) > 0 {
		host = transports.Address{Domain: own[0]}
	}
	s := &sending{o: o, host: host, id: "outbox-" + newID() + "-", window: firstWindow, prosody: make(chan bool, 1)}
	s.soon, s.late, s.again = stoppedTimer(), stoppedTimer(), stoppedTimer()
	s.at, s.maybe = o.resume()
	s.run(stream, stop)
	s.soon.Stop()
	s.late.Stop()
	s.again.Stop()
	s.forget()
	o.g.iqs.forget(s.software)
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
		if more && len(s.open) < maxBarriers && s.unanswered() < s.window && !s.o.full() {
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
			n, err := s.page(stream)
			if err != nil && stream.Err() == nil {
				s.o.g.log.Error("what is to be sent to users cannot be read", "error", err, "again_in", outboxAgain)
				s.again.Reset(outboxAgain)
			}
			more = err == nil && n > 0
			switch {
			case s.rows >= barrierRows || s.rows > 0 && (len(s.open) == 0 || s.unanswered() >= s.window):
				s.ask(stream)
			case n > 0 && s.rows == n:
				s.soon.Reset(barrierWait)
			}
		case <-s.soon.C:
			s.ask(stream)
		case err := <-s.answer():
			s.settle(err, s.wait())
			if s.rows > 0 && len(s.open) == 0 {
				s.ask(stream)
			}
		case <-s.late.C:
			s.askAnew(stream)
		}
	}
}

// page sends the next stanzas and returns how many.
func (s *sending) page(stream context.Context) (int, error) {
	rows, err := s.o.g.opt.Store.Outgoing(stream, s.o.g.opt.Domain, s.at)
	if err != nil || len(rows) == 0 {
		return 0, err
	}
	if s.software.id == "" {
		s.askSoftware(stream)
	}
	rows = rows[:min(len(rows), s.window-s.unanswered())]
	first := 0
	s.buf = s.buf[:0]
	for i := range rows {
		s.buf = s.o.stanza(s.buf, &rows[i], rows[i].Number <= s.maybe)
		if len(s.buf) < pourBytes/2 && i < len(rows)-1 {
			continue
		}
		s.at = rows[i].Number
		s.rows += i + 1 - first
		for j := first; j <= i; j++ { // before an error can come
			s.o.expect(&rows[j])
		}
		if err := s.pour(stream, s.buf); err != nil { // the stream is over
			return i + 1, err
		}
		first, s.buf = i+1, s.buf[:0]
	}
	if cap(s.buf) > keptBuffer {
		s.buf = nil
	}
	return len(rows), nil
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

// ask sets a barrier.
func (s *sending) ask(stream context.Context) {
	s.soon.Stop()
	s.asked++
	k := iqKey{id: s.id + strconv.Itoa(s.asked), to: s.host, from: s.o.g.domain}
	answer := s.o.g.iqs.expect(k, nil)
	s.open = append(s.open, outboxBarrier{key: k, last: s.at, answer: answer, set: now(), rows: s.rows, before: s.unanswered()})
	s.rows = 0
	if len(s.open) == 1 {
		s.late.Reset(barrierAnswer)
	}
	var b stanza.Builder
	b.Start("iq").Attr("type", "get").JID("from", k.from).JID("to", k.to).Attr("id", k.id).StartNS("ping", nsPing).End().End()
	_ = s.pour(stream, b.Bytes()) // fails only where the stream does
}

// unanswered is how many stanzas are not answered for.
func (s *sending) unanswered() int {
	n := s.rows
	for _, b := range s.open {
		n += b.rows
	}
	return n
}

// answer is where that of the oldest barrier comes from.
func (s *sending) answer() <-chan error {
	if len(s.open) == 0 {
		return nil
	}
	return s.open[0].answer
}

// settle takes an answer. An error is one too: the server has read what stands before the question.
func (s *sending) settle(_ error, wait time.Duration) {
	b := s.open[0]
	switch took := now().Sub(b.set); {
	case took > lateAnswered:
		s.window = max(s.window/2, 1)
	case took < soonAnswered && b.before >= s.window/2: // with less the answer says nothing of more
		s.window = min(2*s.window, maxWindow)
	}
	s.o.settle(b.last, wait)
	s.open = s.open[1:]
	if s.late.Stop(); len(s.open) > 0 {
		s.late.Reset(barrierAnswer)
	}
}

// wait is how long the server has to store what it has routed. Prosody stores it at once.
func (s *sending) wait() time.Duration {
	select {
	case s.stores = <-s.prosody:
	default:
	}
	if s.stores {
		return 0
	}
	return s.o.g.opt.Timing.Routed
}

// askAnew sets a barrier in place of those that are not answered, by way of the server to our own domain.
func (s *sending) askAnew(stream context.Context) {
	s.o.g.log.Warn("the XMPP server does not answer for what was sent to users; asking it again", "server", s.host.Domain)
	s.host, s.rows = s.o.g.domain, s.unanswered()
	s.forget()
	s.ask(stream)
}

// forget gives up all barriers.
func (s *sending) forget() {
	for _, b := range s.open {
		s.o.g.iqs.forget(b.key)
	}
	s.open = nil
}

// askSoftware asks what the server is, before the first stanzas: so the answer comes before theirs.
func (s *sending) askSoftware(stream context.Context) {
	s.software = iqKey{id: s.id + "0", to: s.host, from: s.o.g.domain}
	s.o.g.iqs.expect(s.software, func(iq *stanza.Element) {
		s.prosody <- namesProsody(iq)
	})
	var b stanza.Builder
	b.Start("iq").Attr("type", "get").JID("from", s.software.from).JID("to", s.software.to).Attr("id", s.software.id).
		StartNS("query", nsDiscoInfo).End().End()
	_ = s.pour(stream, b.Bytes()) // fails only where the stream does
}

// finish has the server answer once more, before the gateway ends the stream itself. It lives, so that what it has routed is not sent again.
func (s *sending) finish(stream context.Context) {
	if s.rows > 0 || s.o.waits() {
		s.ask(stream)
	}
	timeout := time.NewTimer(finishWait)
	defer timeout.Stop()
	for len(s.open) > 0 {
		select {
		case err := <-s.answer():
			s.settle(err, s.wait())
		case <-timeout.C:
			return
		case <-stream.Done():
			return
		}
	}
	s.o.hasten()
}

// readRefusal reads the error that a letter came back with.
func readRefusal(e *stanza.Element) *transports.Error {
	refusal := readIQError(e)
	kind, ok := refusals[refusal.condition]
	if !ok {
		kind = transports.Denied
	}
	said := e.Child(e.Space, "error").Child(stanza.NSStanzas, "text").Text()
	if len(said) > maxRefusal {
		said = strings.ToValidUTF8(said[:maxRefusal], "") + "…"
	}
	if said == "" {
		said = "The XMPP server says: " + refusal.condition + "."
	}
	return transports.NewError(kind, said, fmt.Errorf("the XMPP server refused a letter: %w", refusal))
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
