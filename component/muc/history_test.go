package muc

import (
	"strings"
	"testing"

	"passerelle/transports"
)

// TestHugeHistory: a network that says very long things has a room remember fewer of them, the newest.
func TestHugeHistory(t *testing.T) {
	t.Parallel()
	p := newPlay(t)
	p.enter()
	say := func(body string) {
		p.event(transports.Message{Room: goChannel, From: bob(), Body: body})
	}
	size := func() (n int) {
		for _, l := range p.room.history.lines {
			n += l.size()
		}
		return n
	}
	for range 2 * KeepHistory {
		say(strings.Repeat("x", 64<<10))
	}
	if n := size(); n > maxHistoryBytes || n < maxHistoryBytes/2 {
		t.Errorf("%d bytes are remembered", n)
	}
	for range 2 * KeepHistory {
		say("short")
	}
	if n := len(p.room.history.lines); n != KeepHistory {
		t.Errorf("%d short messages are remembered", n)
	}
	say(strings.Repeat("y", 2*maxHistoryBytes))
	if l := p.room.history.lines; len(l) != 1 || l[0].body[0] != 'y' {
		t.Errorf("%d messages are remembered", len(l))
	}
}
