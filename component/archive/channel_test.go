package archive_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"passerelle/component/archive"
)

// newChannel makes a channel whose ids are i1, i2, i3 …
func newChannel() archive.Channel {
	n := 0
	return archive.NewChannel(func() string {
		n++
		return "i" + strconv.Itoa(n)
	})
}

var start = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// at is a line that the server gave a time, in milliseconds.
func at(ms int, l archive.Line) archive.Line {
	l.Time = start.Add(time.Duration(ms) * time.Millisecond)
	return l
}

// TestHear plays what sessions hear. A step is "session>nick text" with, behind it, msgid=…, time=… in milliseconds, or loose;
// "+session" enters and "-session" leaves. Behind "=" stands the number of the line, with "!" if it is new.
func TestHear(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		steps []string
	}{
		{"one session", []string{"+a", "a>x hi = 1!", "a>x hi = 2!", "a>y hi = 3!"}},
		{"two hear the same", []string{"+a", "+b", "a>x hi = 1!", "b>x hi = 1", "b>y yo = 2!", "a>y yo = 2"}},
		{"one is behind", []string{"+a", "+b", "a>x 1 = 1!", "a>x 2 = 2!", "a>x 3 = 3!", "b>x 1 = 1", "b>x 2 = 2", "b>x 3 = 3"}},
		{"people repeat themselves", []string{"+a", "+b", "a>x ha = 1!", "a>x ha = 2!", "b>x ha = 1", "b>x ha = 2", "b>x ha = 3!", "a>x ha = 3"}},
		{"text, nick and case matter", []string{"+a", "+b", "a>x hi = 1!", "b>X hi = 2!", "b>x Hi = 3!"}},
		{"who comes later hears only what comes later", []string{"+a", "a>x hi = 1!", "+b", "b>x hi = 2!", "a>x hi = 2"}},
		{"who comes back begins anew", []string{"+a", "+b", "a>x 1 = 1!", "-b", "a>x 2 = 2!", "+b", "a>x 3 = 3!", "b>x 3 = 3", "b>x 2 = 4!"}},
		{"who never entered enters", []string{"a>x hi = 1!", "b>x hi = 2!", "a>x yo = 3!", "b>x yo = 3"}},
		{"a line that one did not hear", []string{"+a", "+b", "a>x 1 = 1!", "a>x 2 = 2!", "b>x 2 = 2", "b>x 1 = 3!"}},
		{"a line for one alone", []string{"+a", "+b", "a>x 1 = 1!", "b>srv note = 2!", "b>x 1 = 3!", "a>x 2 = 4!", "b>x 2 = 4"}},

		{"msgid: the same", []string{"+a", "+b", "a>x hi msgid=m = 1!", "b>x hi msgid=m = 1"}},
		{"msgid: another one", []string{"+a", "+b", "a>x hi msgid=m = 1!", "b>x hi msgid=n = 2!", "a>x hi msgid=n = 2"}},
		{"msgid: in any order", []string{"+a", "+b", "a>x 1 msgid=m = 1!", "a>x 2 msgid=n = 2!", "b>x 2 msgid=n = 2", "b>x 1 msgid=m = 1"}},
		{"msgid: again", []string{"+a", "a>x 1 msgid=m = 1!", "a>x 1 msgid=m = 1"}},
		{"msgid: said before it entered", []string{"+a", "a>x 1 msgid=m = 1!", "+b", "b>x 1 msgid=m = 1"}},
		{"msgid: with another text", []string{"+a", "+b", "a>x hi msgid=m = 1!", "b>x ho msgid=m = 2!", "b>y hi msgid=m = 3!"}},
		{"msgid: only one session knows it", []string{"+a", "+b", "+c", "a>x hi = 1!", "b>x hi msgid=m = 1", "c>x hi msgid=n = 2!", "c>x hi msgid=m = 1"}},

		{"time: the same", []string{"+a", "+b", "a>x hi time=5 = 1!", "b>x hi time=5 = 1"}},
		{"time: in any order", []string{"+a", "+b", "a>x 1 time=5 = 1!", "a>x 2 time=6 = 2!", "b>x 2 time=6 = 2", "b>x 1 time=5 = 1"}},
		{"time: twice in a moment", []string{"+a", "+b", "a>x ha time=5 = 1!", "a>x ha time=5 = 2!", "b>x ha time=5 = 1", "b>x ha time=5 = 2", "b>x ha time=5 = 3!"}},
		{"time: the right one of two", []string{"+a", "+b", "a>x ha time=5 = 1!", "a>x ha time=6 = 2!", "b>x ha time=6 = 2", "b>x ha time=5 = 1"}},
		{"time: rather the next than one before it entered", []string{"+a", "a>x ha time=5 = 1!", "+b", "a>x ha time=5 = 2!", "b>x ha time=5 = 2"}},
		{"time: another server's clock", []string{"+a", "+b", "a>x hi time=5 = 1!", "b>x hi time=1800 = 1"}},
		{"time: too late to be the same", []string{"+a", "+b", "a>x hi time=5 = 1!", "b>x hi time=60000 = 2!", "a>x hi time=60000 = 2"}},
		{"time: said before it entered", []string{"+a", "a>x 1 time=5 = 1!", "+b", "b>x 1 time=5 = 1"}},
		{"time: only one session knows it", []string{"+a", "+b", "+c", "a>x hi = 1!", "b>x hi time=5 = 1", "c>x hi time=60000 = 2!", "c>x hi time=5 = 1"}},

		{"own line: first to its sender", []string{"+a", "+b", "a>a hi loose = 1!", "a>x 1 = 2!", "b>x 1 = 2", "b>a hi = 1", "a>x 2 = 3!", "b>x 2 = 3"}},
		{"own line: first to another", []string{"+a", "+b", "b>x 1 = 1!", "b>a hi = 2!", "a>a hi loose = 2", "a>x 1 = 1"}},
		{"own line: said twice", []string{"+a", "+b", "a>a hi loose = 1!", "a>a hi loose = 2!", "b>a hi = 1", "b>a hi = 2", "b>a hi = 3!"}},
		{"own line: who came later", []string{"+a", "a>a hi loose = 1!", "+b", "b>a hi = 2!"}},
		{"own line: with a msgid for the others", []string{"+a", "+b", "+c", "a>a hi loose = 1!", "b>a hi msgid=m = 1", "b>x 1 msgid=n = 2!", "c>x 1 msgid=n = 2", "c>a hi msgid=m = 1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			channel := newChannel()
			sessions := map[string]*archive.Session{"a": {}, "b": {}, "c": {}}
			for i, step := range c.steps {
				if s, ok := strings.CutPrefix(step, "+"); ok {
					channel.Enter(sessions[s])
					continue
				}
				if s, ok := strings.CutPrefix(step, "-"); ok {
					channel.Leave(sessions[s])
					continue
				}
				said, want, _ := strings.Cut(step, " = ")
				session, said, _ := strings.Cut(said, ">")
				words := strings.Fields(said)
				line := archive.Line{Nick: words[0], Text: words[1]}
				for _, word := range words[2:] {
					name, value, _ := strings.Cut(word, "=")
					switch name {
					case "msgid":
						line.MsgID = value
					case "time":
						ms, err := strconv.Atoi(value)
						if err != nil {
							t.Fatal(err)
						}
						line = at(ms, line)
					case "loose":
						line.Loose = true
					}
				}
				h := channel.Hear(sessions[session], line)
				got := strconv.FormatInt(h.Number, 10)
				if h.ID != "i"+got {
					t.Errorf("step %d, %s: got the id %s for line %s", i, step, h.ID, got)
				}
				if h.New {
					got += "!"
				}
				if got != want {
					t.Fatalf("step %d, %s: got %s", i, step, got)
				}
			}
		})
	}
}

// TestWindow: a session that hears nothing costs no more than the window, and gets copies of its own of what fell out of it.
func TestWindow(t *testing.T) {
	t.Parallel()
	c := newChannel()
	var fast, slow, slower archive.Session
	c.Enter(&fast)
	c.Enter(&slow)
	c.Enter(&slower)
	const lines = archive.Window * 3
	text := func(n int) archive.Line { return archive.Line{Nick: "x", Text: strconv.Itoa(n)} }
	for n := 1; n <= lines; n++ {
		if h := c.Hear(&fast, text(n)); h.Number != int64(n) || !h.New {
			t.Fatalf("line %d: got %+v", n, h)
		}
	}
	if h := c.Hear(&slow, text(lines-archive.Window*3/4+1)); h.New {
		t.Errorf("a line of the window: got %+v, want it to be known", h)
	}
	if h := c.Hear(&slower, text(lines-archive.Window)); !h.New {
		t.Errorf("a line that fell out of the window: got %+v, want a new one", h)
	}
}

// BenchmarkHear lets a hundred sessions hear each line.
func BenchmarkHear(b *testing.B) {
	c := newChannel()
	sessions := make([]archive.Session, 100)
	for i := range sessions {
		c.Enter(&sessions[i])
	}
	n := 0
	for b.Loop() {
		line := archive.Line{Nick: "x", Text: strconv.Itoa(n / len(sessions) % 7)}
		c.Hear(&sessions[n%len(sessions)], line)
		n++
	}
}

// BenchmarkHearBeside lets sessions hear what one beside them does not, whose connection is lost or whose user keeps nothing.
func BenchmarkHearBeside(b *testing.B) {
	c := newChannel()
	var deaf archive.Session
	c.Enter(&deaf)
	sessions := make([]archive.Session, 1000)
	for i := range sessions {
		c.Enter(&sessions[i])
	}
	at := time.Unix(1_700_000_000, 0)
	for n := 0; b.Loop(); n++ {
		l := archive.Line{Nick: "x", Text: strconv.Itoa(n), Time: at.Add(time.Duration(n) * time.Second)}
		for i := range sessions {
			c.Hear(&sessions[i], l)
		}
	}
}

// BenchmarkHearOwn lets a session that is alone in a channel without echo hear what its user says, again and again.
func BenchmarkHearOwn(b *testing.B) {
	c := newChannel()
	var alone archive.Session
	c.Enter(&alone)
	line := archive.Line{Nick: "x", Text: strings.Repeat("hello ", 15), Loose: true}
	for b.Loop() {
		c.Hear(&alone, line)
	}
}
