package ircbridge

import (
	"strings"
	"time"

	"github.com/lrstanley/girc"

	"passerelle/transports"
)

// Lines that belong together come in a batch (IRCv3 batch). Mostly they are taken one by one as they come, and the type of the batch says how
// they are meant. Those of the past, and of a message of several lines, are gathered until it ends.

// Bounds of what a network may have open, on a connection.
const (
	maxBatches    = 32 // at a time; the oldest is given up for the next
	maxBatchLines = 2000
	maxBatchBytes = 1 << 20 // of all lines that are gathered
	batchTimeout  = time.Minute
	maxStale      = 16 // of those given up, how many are remembered

	// maxMultiline bounds one message of several lines, in bytes.
	maxMultiline = maxBody
)

// batchKind is what the lines of a batch have in common.
type batchKind uint8

const (
	batchOther     batchKind = iota // nothing that we know of: its lines are taken as if there was none
	batchSplit                      // who is gone since servers lost each other
	batchPast                       // what was said before
	batchTargets                    // with whom
	batchMultiline                  // one message
)

// batchKinds are those of the types. That of people who come back when a split is over (netjoin) is a join like others: the room knows whom
// it waits for. A bouncer calls the past by a name of its own.
func batchKindOf(name string) batchKind {
	switch strings.TrimPrefix(name, capDraft) {
	case "netsplit":
		return batchSplit
	case "chathistory", "znc.in/playback":
		return batchPast
	case "chathistory-targets":
		return batchTargets
	case "multiline":
		return batchMultiline
	}
	return batchOther
}

// batch is one that is open.
type batch struct {
	id     string
	kind   batchKind
	params []string    // behind the type, two at most
	label  string      // of our line that it answers, or what it is in
	outer  *batch      // that it is in; nil for none
	first  *girc.Event // that opened it
	by     time.Time   // when it is given up

	lines []*girc.Event // that were gathered
	count int           // of lines that came
	bytes int           // of those gathered
	cut   bool          // there was more
}

// param is the first parameter behind the type, mostly what the batch is about.
func (b *batch) param() string {
	if len(b.params) == 0 {
		return ""
	}
	return b.params[0]
}

// gatherer is the batch that lines of this one are gathered for; nil where they are taken as they come.
func (b *batch) gatherer() *batch {
	for range maxBatches { // they cannot be in each other, but for what a later change may do
		if b == nil || b.kind >= batchPast {
			return b
		}
		b = b.outer
	}
	return nil
}

// batchOf is the open batch that a line is in; nil for none.
func (c *conn) batchOf(e *girc.Event) *batch {
	if len(c.batches) == 0 {
		return nil
	}
	id, _ := tag(e, "batch")
	for _, b := range c.batches {
		if b.id == id {
			return b
		}
	}
	return nil
}

// stale reports whether a line is in a batch that was given up: it came too late to say what it means.
func (c *conn) stale(e *girc.Event) bool {
	if len(c.given) == 0 {
		return false
	}
	id, in := tag(e, "batch")
	if in {
		for _, known := range c.given {
			if known == id {
				return true
			}
		}
	}
	return false
}

// batch handles the beginning and the end of a batch.
func (s *session) batch(c *conn, e *girc.Event) {
	if len(e.Params) == 0 || len(e.Params[0]) < 2 {
		return
	}
	id := e.Params[0][1:]
	if len(id) > maxToken {
		return
	}
	switch e.Params[0][0] {
	case '+':
		s.openBatch(c, id, e)
	case '-':
		for _, b := range c.batches {
			if b.id == id {
				s.closeBatch(c, b)
				return
			}
		}
	}
}

func (s *session) openBatch(c *conn, id string, e *girc.Event) {
	for _, b := range c.batches {
		if b.id == id {
			return
		}
	}
	if len(c.batches) >= maxBatches {
		s.giveUpBatch(c, c.batches[0])
	}
	b := &batch{id: id, outer: c.batchOf(e), label: c.label(e), by: time.Now().Add(batchTimeout)}
	if len(e.Params) > 1 {
		b.kind = batchKindOf(e.Params[1])
		b.params = e.Params[2:min(len(e.Params), 4)]
	}
	if b.kind == batchMultiline {
		b.first = e
	}
	c.batches = append(c.batches, b)
	s.wakeBy(c, b.by)
}

// gather keeps a line until its batch ends.
func (s *session) gather(c *conn, b *batch, e *girc.Event, size int) {
	b.count++
	limit := maxBatchBytes
	if b.kind == batchMultiline {
		limit = maxMultiline
	}
	if len(b.lines) >= maxBatchLines || b.bytes+size > limit || c.gathered+size > maxBatchBytes {
		b.cut = true
		s.t.metrics.dropped.WithLabelValues(dropFull).Inc()
		return
	}
	b.lines = append(b.lines, e)
	b.bytes += size
	c.gathered += size
}

// closeBatch takes what was gathered.
func (s *session) closeBatch(c *conn, b *batch) {
	open := c.batches[:0]
	for _, other := range c.batches {
		if other != b {
			if other.outer == b { // its end is still to come, and is in no batch
				if b.gatherer() == b { // or too late
					c.giveUp(other)
					c.gathered -= other.bytes
					continue
				}
				other.outer = b.outer
			}
			open = append(open, other)
		}
	}
	clear(c.batches[len(open):])
	if c.batches = open; len(open) == 0 {
		c.batches = nil
	}
	c.gathered -= b.bytes
	if b.label != "" && (b.outer == nil || b.outer.label != b.label) {
		defer s.answeredJoin(c, b.label)
	}
	switch b.kind {
	case batchPast:
		s.heardPast(c, b)
	case batchTargets:
		s.heardTargets(c, b)
	case batchMultiline:
		m := b.message(c.isup)
		if m == nil {
			return
		}
		if outer := b.outer.gatherer(); outer != nil {
			s.gather(c, outer, m, b.bytes)
			return
		}
		s.event(c, m)
	}
}

// giveUpBatch takes what there is of a batch whose end does not come. What may still come of it means nothing without the rest.
func (s *session) giveUpBatch(c *conn, b *batch) {
	if b.gatherer() != nil {
		c.giveUp(b)
	}
	b.cut = true
	s.t.metrics.dropped.WithLabelValues(dropFull).Inc()
	s.closeBatch(c, b)
}

// giveUp notes that what comes in a batch is not to be taken.
func (c *conn) giveUp(b *batch) {
	if len(c.given) == maxStale {
		copy(c.given, c.given[1:])
		c.given = c.given[:maxStale-1]
	}
	c.given = append(c.given, b.id)
}

// label is the label of ours that a line answers, or empty.
func (c *conn) label(e *girc.Event) string {
	if label, ok := tag(e, "label"); ok {
		return label
	}
	if b := c.batchOf(e); b != nil {
		return b.label
	}
	return ""
}

// split says that somebody is gone since two servers lost each other, where the batch says so and his reason does not.
func (b *batch) split(p *transports.Parted) {
	if b == nil || p.How != transports.PartQuit {
		return
	}
	if b.kind != batchSplit {
		b.outer.split(p)
		return
	}
	p.How, p.Reason = transports.PartLost, "Netsplit."
	if len(b.params) == 2 && isServerName(b.params[0]) && isServerName(b.params[1]) {
		p.Reason = splitReason(b.params[0], b.params[1])
	}
}
