package ircbridge

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"passerelle/internal/text"
)

// outLine is a line that waits to be written.
type outLine struct {
	tags    string // client-only ones in front, without "@"
	text    string
	label   string       // by which it is answered, of a line that is no message
	part    *sentPart    // of a message
	more    []string     // lines behind it that nothing may come between
	rooms   []*room      // of JOIN and NAMES: their time begins when the line is about to be written
	past    *catching    // of a question for the past: as well
	targets *privatePast // as well
}

// burst is how many lines are sent at once for a user, zero for any number. As in biboumi what is below 0 is no limit, and 0 is one line
// at a time. The operator may have lowered the bound since it was set.
func (t *Transport) burst(set map[string]string) int {
	n, err := strconv.Atoi(set[SettingThrottle])
	switch {
	case err != nil:
		return t.rules().Burst
	case t.rules().Burst == 0 && n < 0:
		return 0
	case t.rules().Burst == 0:
		return max(n, 1)
	case n < 0:
		return t.mostBurst()
	}
	return min(max(n, 1), t.mostBurst())
}

func (t *Transport) mostBurst() int { return max(t.rules().Burst, t.rules().UserBurst) }

// checkBurst says what the operator does not allow of a number of lines that a user would set.
func (t *Transport) checkBurst(lang, value string) (wrong string) {
	if n, err := strconv.Atoi(value); err == nil && t.rules().Burst > 0 && (n < 0 || n > t.mostBurst()) {
		return text.Say(lang, "This is a number of lines from 0 to %d.", t.mostBurst())
	}
	return ""
}

// maxBatch bounds how many lines go into one write.
const maxBatch = 16

// startWriter sees to it that what waits is written. It is called with mu held, after something was queued.
func (s *session) startWriter(c *conn) {
	if c.dead || s.closed {
		return
	}
	if !c.writing {
		c.writing = true
		s.t.running.Add(1)
		go s.write(c)
		return
	}
	c.hurry()
}

// hurry has a writer look again that waits for a token: something came that needs none, or the end. It is called with the session's mu held.
func (c *conn) hurry() {
	if c.wake != nil {
		close(c.wake)
		c.wake = nil
	}
}

// stopWriting notes that the writer ends. It is called with the session's mu held.
func (c *conn) stopWriting() {
	c.writing = false
	if c.written != nil {
		close(c.written)
		c.written = nil
	}
}

// sheet is what a writer works with. They are lent: most writers write a line or two and end.
type sheet struct {
	lines []outLine
	buf   []byte
}

// maxSheet bounds the bytes that a sheet keeps for the next writer.
const maxSheet = 16 << 10

// write writes until nothing waits any more.
func (s *session) write(c *conn) {
	defer s.t.running.Done()
	sh, _ := s.t.sheets.Get().(*sheet)
	if sh == nil {
		sh = new(sheet)
	}
	lines, buf := sh.lines, sh.buf
	defer func() {
		if cap(buf) <= maxSheet {
			clear(lines)
			sh.lines, sh.buf = lines, buf
			s.t.sheets.Put(sh)
		}
	}()
	for {
		s.mu.Lock()
		if c.dead || s.closed {
			c.stopWriting()
			s.mu.Unlock()
			return
		}
		var wait time.Duration
		lines, wait = s.take(c, lines[:0], time.Now())
		if len(lines) == 0 && wait == 0 {
			c.stopWriting()
			s.mu.Unlock()
			return
		}
		var wake chan struct{}
		if len(lines) == 0 {
			wake = make(chan struct{})
			c.wake = wake
		} else {
			// Under mu, so that the shorter deadline of a hang-up is not overwritten. An error shows when writing.
			_ = c.nc.SetWriteDeadline(time.Now().Add(writeTimeout))
		}
		s.mu.Unlock()
		if len(lines) == 0 {
			awaitToken(wait, wake)
			continue
		}
		buf = s.appendLines(buf[:0], lines)
		_, err := c.nc.Write(buf)
		s.mu.Lock()
		if err != nil {
			// The network may have said why it closes; reading gets a moment to find out.
			c.broken = fmt.Errorf("write to irc network: %w", err)
			c.queue = append(slices.Clone(lines), c.queue...) // so that whoever waits for them is told
			if !s.closed {
				c.expireAt(time.Now().Add(lastWordsTimeout))
			}
			c.stopWriting()
			s.mu.Unlock()
			return
		}
		s.t.metrics.out.Add(float64(len(lines)))
		posted := s.written(c, lines)
		s.mu.Unlock()
		if posted { // else a host that is stuck would hold back lines that are none of its business
			s.flush()
		}
		clear(lines)
	}
}

// appendLines writes lines as they go out.
func (s *session) appendLines(b []byte, lines []outLine) []byte {
	tracing := s.tracing()
	for _, line := range lines {
		b = line.appendTags(b)
		b = appendLine(b, line.text)
		if tracing {
			s.trace("sent", line.text)
		}
		for _, text := range line.more {
			b = appendLine(b, text)
			if tracing {
				s.trace("sent", text)
			}
		}
	}
	return b
}

// appendTags writes the tags of a line with what stands around them (IRCv3 message-tags).
func (l *outLine) appendTags(b []byte) []byte {
	label := l.label
	if l.part != nil {
		label = l.part.label
	}
	if label == "" && l.tags == "" {
		return b
	}
	b = append(b, '@')
	if label != "" {
		b = append(append(b, "label="...), label...)
		if l.tags != "" {
			b = append(b, ';')
		}
	}
	return append(append(b, l.tags...), ' ')
}

// awaitToken waits until the flood limit lets the next line through.
func awaitToken(wait time.Duration, wake <-chan struct{}) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-wake:
	}
}

// take gives the lines that may be written now: the urgent ones, then as many others as the token bucket has tokens. Without
// any it says how long to wait for the next token.
func (s *session) take(c *conn, lines []outLine, now time.Time) ([]outLine, time.Duration) {
	for _, text := range c.urgent {
		lines = append(lines, outLine{text: text})
	}
	c.urgent = nil
	unlimited := c.burst == 0
	c.tokens = min(float64(c.burst), c.tokens+now.Sub(c.tokensAt).Seconds()*s.t.rules().Rate)
	c.tokensAt = now
	s.askPast(c)
	s.askModes(c)
	if len(c.queue) == 0 || unlimited || c.tokens >= float64(len(c.queue)+1) { // what the user says next waits no longer for it
		s.askWho(c)
	}
	s.tellMonitor(c)
	s.tellRead(c)
	n := 0
	for ; n < len(c.queue) && (unlimited || c.tokens >= 1) && len(lines) < maxBatch; n++ {
		line := c.queue[n]
		c.tokens -= float64(1 + len(line.more))
		if p := line.part; p != nil {
			c.remember(p)
			echo := c.echoes()
			if echo {
				p.fence = ""
			}
			if p.fence == "" && c.spoke.IsZero() {
				c.spoke = now
				s.wakeBy(c, now.Add(spokeTimeout))
			}
			if echo || p.fence != "" {
				// From now on its echo may come.
				if echo && c.labels() {
					p.label = c.nextLabel()
				}
				p.by = now.Add(requestTimeout)
				c.inflight = append(c.inflight, p)
				s.wakeBy(c, p.by)
			}
		}
		// The answers may be here before the write has returned.
		s.askedPast(c, line, now)
		for _, r := range line.rooms {
			if r.enter != nil && r.enter.by.IsZero() {
				r.enter.by = now.Add(joinTimeout)
				s.wakeBy(c, r.enter.by)
			}
		}
		lines = append(lines, line)
	}
	c.queue = slices.Delete(c.queue, 0, n)
	for i := range lines {
		lines[i].text = s.encode(lines[i].text)
		for j, text := range lines[i].more {
			lines[i].more[j] = s.encode(text)
		}
	}
	if len(lines) > 0 || len(c.queue) == 0 {
		return lines, 0
	}
	return lines, time.Duration((1-c.tokens)/s.t.rules().Rate*float64(time.Second)) + time.Millisecond
}

// written notes what the network has now, and reports whether the host is to be told.
func (s *session) written(c *conn, lines []outLine) (posted bool) {
	now := time.Now()
	for _, line := range lines {
		if p := line.part; p != nil && p.by.IsZero() && !c.failed(p.ref) { // else it waits for the network's word
			s.postIn(p.to, p.message(s.self(c), now.UTC()))
			c.unsure++
			posted = true
		}
	}
	return posted
}
