package mailbridge

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestQuiet: a mail goes out when its user has been quiet for 20 s, and not before.
func TestQuiet(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.say("1", "Hello")
	r.pass(19 * time.Second)
	r.say("2", "there")
	r.pass(19 * time.Second)
	r.queued("being written", 0)
	r.pass(time.Second)
	if got := said(r.sent()); got != "Hello\nthere" {
		t.Errorf("it says %q", got)
	}
}

// TestLongestGathering: who is never quiet for so long has his mail go out after two minutes. What he writes then is the next one.
func TestLongestGathering(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var lines []string
	for i := range 8 {
		line := fmt.Sprintf("line %d", i)
		r.say(line, line)
		lines = append(lines, line)
		r.pass(15 * time.Second) // two minutes in all
	}
	if got := said(r.sent()); got != strings.Join(lines, "\n") {
		t.Errorf("it says %q", got)
	}
	r.say("next", "next")
	r.pass(19 * time.Second)
	r.queued("being written", 0)
	r.pass(time.Second)
	if got := said(r.sent()); got != "next" {
		t.Errorf("the next one says %q", got)
	}
}

// TestLongQuiet: whoever has set a longer quiet than two minutes gets it.
func TestLongQuiet(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.set(SettingCoalesce, "300")
	r.say("1", "Hello")
	r.pass(4 * time.Minute)
	r.say("2", "there")
	r.queued("being written", 0)
	r.pass(time.Minute)
	if got := said(r.sent()); got != "Hello\nthere" {
		t.Errorf("it says %q", got)
	}
}
