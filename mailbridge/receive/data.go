package receive

import (
	"errors"
	"time"
)

// dataState is where a mail is, by RFC 5321 §4.5.2 and to the letter as go-smtp reads it: only CRLF, dot, CRLF ends it.
type dataState uint8

const (
	beginLine dataState = iota
	afterDot
	afterDotCR
	afterCR
	withinLine
)

// overdue is how many times the size of a mail is read of one that is too large, so that the peer can be told. Then the connection ends.
const overdue = 2

var errFlood = errors.New("the peer goes on sending a message that is too large")

// readData hands over what is there of the mail, and nothing of what is behind it. After an error there is nothing more on the connection.
func (w *wire) readData(b []byte) (int, error) {
	if w.broken != nil {
		return 0, w.broken
	}
	n, err := w.readBlock(b)
	w.broken = err
	return n, err
}

func (w *wire) readBlock(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	if w.in.Buffered() == 0 {
		until := time.Now().Add(blockTime)
		if limit := w.begun.Add(mailTime); limit.Before(until) {
			until = limit
		}
		w.mu.Lock()
		w.flush()
		w.mu.Unlock()
		if err := w.Conn.SetReadDeadline(until); err != nil {
			return 0, err
		}
		if _, err := w.in.Peek(1); err != nil {
			return 0, err
		}
	}
	there, err := w.in.Peek(min(len(b), w.in.Buffered()))
	if err != nil {
		return 0, err
	}
	n := 0
	for _, c := range there {
		n++
		if w.step(c) {
			w.inData = false
			break
		}
	}
	copy(b, there[:n])
	if _, err := w.in.Discard(n); err != nil {
		return 0, err
	}
	if w.received += int64(n); w.received > overdue*w.server.rules.Load().Limits.Size+maxHeader {
		return 0, errFlood
	}
	return n, nil
}

// step takes one more byte and reports whether the mail ends with it.
func (w *wire) step(c byte) bool {
	switch w.state {
	case beginLine:
		switch c {
		case '.':
			w.state = afterDot
		case '\r':
			w.state = afterCR
		default:
			w.state = withinLine
		}
	case afterDot:
		w.state = withinLine
		if c == '\r' {
			w.state = afterDotCR
		}
	case afterDotCR:
		if c == '\n' {
			return true
		}
		w.state = withinLine
	case afterCR:
		w.state = withinLine
		if c == '\n' {
			w.state = beginLine
		}
	case withinLine:
		if c == '\r' {
			w.state = afterCR
		}
	}
	return false
}
