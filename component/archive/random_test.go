package archive_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"passerelle/component/archive"
)

// network is a channel as its server has it: one order of lines, and sessions that hear it with delays of their own.
type network struct {
	r        *rand.Rand
	channel  archive.Channel
	said     []archive.Line // in the server's order
	sessions []*client
	msgIDs   bool
	times    bool
	echo     bool // the sender hears his line from the server too, otherwise when he wrote it

	stored map[int64]archive.Line // what the archive holds
}

// client is a session at its place in the order.
type client struct {
	name  string
	at    archive.Session
	in    bool
	next  int           // line of the network that it hears next
	seen  archive.Spans // what it may read
	got   []int64       // numbers of all that it heard
	truth map[int]int64 // number that it got for each line of the network
	own   map[int]bool  // its own lines, heard when they were written
}

func (n *network) hear(t *testing.T, c *client, l archive.Line) int64 {
	t.Helper()
	h := n.channel.Hear(&c.at, l)
	if _, known := n.stored[h.Number]; known == h.New {
		t.Fatalf("%s hears %+v: line %d is new: %v, and stored before: %v", c.name, l, h.Number, h.New, known)
	}
	if h.New {
		n.stored[h.Number] = l
	}
	if got := n.stored[h.Number]; got.Text != l.Text || got.Nick != l.Nick {
		t.Fatalf("%s hears %+v and gets line %d, which is %+v", c.name, l, h.Number, got)
	}
	c.seen.Add(h.Number)
	c.got = append(c.got, h.Number)
	return h.Number
}

// say lets somebody say something: a session or a stranger.
func (n *network) say(t *testing.T, c *client) {
	t.Helper()
	l := archive.Line{Nick: "stranger" + strconv.Itoa(n.r.IntN(2)), Text: strconv.Itoa(n.r.IntN(3))} // they repeat themselves a lot
	if c != nil {
		l.Nick = c.name
		if !n.echo {
			own := l
			own.Loose = true
			c.own[len(n.said)] = true
			c.truth[len(n.said)] = n.hear(t, c, own)
		}
	}
	if n.msgIDs {
		l.MsgID = "m" + strconv.Itoa(len(n.said))
	}
	if n.times {
		l.Time = start.Add(time.Duration(len(n.said)) * time.Millisecond)
	}
	n.said = append(n.said, l)
}

// step lets a session hear its next line, if there is one.
func (n *network) step(t *testing.T, c *client) bool {
	t.Helper()
	for c.in && c.next < len(n.said) {
		i := c.next
		c.next++
		if !c.own[i] {
			c.truth[i] = n.hear(t, c, n.said[i])
			return true
		}
	}
	return false
}

func (n *network) drain(t *testing.T, c *client) {
	t.Helper()
	for n.step(t, c) {
	}
}

// enter lets a session in. With quiet, others heard everything before: nothing tells by order alone whether it was said before.
func (n *network) enter(t *testing.T, c *client, quiet bool) {
	t.Helper()
	if quiet {
		for _, other := range n.sessions {
			n.drain(t, other)
		}
	}
	n.channel.Enter(&c.at)
	c.in, c.next = true, len(n.said)
}

// play lets k sessions come, go, speak and hear in random order.
func (n *network) play(t *testing.T, k, steps int, quiet bool) {
	t.Helper()
	for i := range k {
		n.sessions = append(n.sessions, &client{
			name: fmt.Sprint("session", i), truth: map[int]int64{}, own: map[int]bool{},
		})
	}
	n.enter(t, n.sessions[0], quiet)
	for range steps {
		c := n.sessions[n.r.IntN(k)]
		switch x := n.r.IntN(100); {
		case x < 2 && !c.in:
			n.enter(t, c, quiet)
		case x < 3 && c.in && c != n.sessions[0]: // one stays, so that every line is heard
			n.channel.Leave(&c.at)
			c.in = false
		case x < 25:
			n.say(t, nil)
		case x < 35 && c.in:
			n.say(t, c)
		default:
			n.step(t, c)
		}
	}
	for _, c := range n.sessions {
		n.drain(t, c)
	}
}

// checkVisible: each session may read exactly what it heard.
func (n *network) checkVisible(t *testing.T) {
	t.Helper()
	for _, c := range n.sessions {
		var readable []int64
		for _, s := range c.seen.Spans() {
			for x := s.From; x <= s.To; x++ {
				readable = append(readable, x)
			}
		}
		want := slices.Clone(c.got)
		slices.Sort(want)
		if !slices.Equal(readable, want) {
			t.Fatalf("%s may read %v and heard %v", c.name, readable, want)
		}
	}
}

// checkOnce: the archive has each line of the network once, and all who heard it got that one.
func (n *network) checkOnce(t *testing.T) {
	t.Helper()
	if len(n.stored) != len(n.said) {
		t.Fatalf("%d lines are stored, %d were said", len(n.stored), len(n.said))
	}
	number := map[int]int64{}
	for _, c := range n.sessions {
		for i, x := range c.truth {
			if y, known := number[i]; known && y != x {
				t.Fatalf("line %d (%+v) is %d for %s and %d for another one", i, n.said[i], x, c.name, y)
			}
			number[i] = x
		}
	}
}

// TestRandom: sessions hear a channel each with its own delay, enter and leave in between, and speak themselves.
func TestRandom(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name                string
		msgIDs, times, echo bool
		quiet               bool // sessions enter when the others are not behind
		once                bool // each line is stored once; otherwise sometimes twice
	}{
		{"msgid", true, false, true, false, true},
		{"msgid and time", true, true, true, false, true},
		{"order", false, false, true, true, true},
		{"time and order", false, true, true, true, true},
		{"msgid, own lines without", true, false, false, true, true},
		{"order, own lines anywhere", false, false, false, true, false},
		{"time, at any moment", false, true, true, false, false},
		{"order, at any moment", false, false, true, false, false},
		{"order, own lines anywhere, at any moment", false, false, false, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(60) {
				n := &network{
					r: rand.New(rand.NewPCG(seed, 5)), channel: newChannel(), stored: map[int64]archive.Line{},
					msgIDs: c.msgIDs, times: c.times, echo: c.echo,
				}
				n.play(t, 2+int(seed)%5, 600, c.quiet)
				n.checkVisible(t)
				if c.once {
					n.checkOnce(t)
				}
				if len(n.stored) > len(n.said)*2 {
					t.Errorf("seed %d: %d lines are stored for %d that were said", seed, len(n.stored), len(n.said))
				}
			}
		})
	}
}
