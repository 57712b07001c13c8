package ircbridge

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"passerelle/internal/ircd"
	"passerelle/transports"
)

// pass takes a turn and waits for it.
func (g *gates) pass(network string) {
	if t, _ := g.arrive(network); t != nil {
		<-t.come
	}
}

// A thousand users who want in at the same moment come one after the other, faster and faster while everybody is let in; who comes later
// does not wait.
func TestGateSpreadsAHerd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := gates{most: 100}
		start := time.Now()
		var turns []*turn
		told := time.Duration(0)
		for range 1000 {
			turn, wait := g.arrive("irc.example.org")
			if told = wait; turn != nil {
				turns = append(turns, turn)
			}
		}
		perSecond := make(map[int]int)
		for _, turn := range turns {
			<-turn.come
			perSecond[int(time.Since(start).Seconds())]++
			g.letIn("irc.example.org")
		}
		took := time.Since(start)
		if took < 11*time.Second || took > 15*time.Second || told < 8*time.Second || told > 20*time.Second {
			t.Errorf("it took %v, and the last one was told %v", took, told)
		}
		if perSecond[0] < 8 || perSecond[0] > 25 {
			t.Errorf("%d came in the first second", perSecond[0])
		}
		for s, n := range perSecond {
			if n > 115 {
				t.Errorf("%d came in second %d", n, s)
			}
		}
		time.Sleep(time.Second)
		if turn, _ := g.arrive("irc.example.org"); turn != nil {
			t.Error("after the herd one waits")
		}
		if turn, _ := g.arrive("other.example.org"); turn != nil {
			t.Error("the first one to another network waits")
		}
	})
}

// A network that lets in three a minute gets not many more to see than that, whatever wants in, and a moment of trouble costs little.
func TestGateGivesWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := gates{most: 100}
		var let []time.Time
		tries, start := 0, time.Now()
		for time.Since(start) < 20*time.Minute {
			g.pass("n")
			now := time.Now()
			tries++
			for len(let) > 0 && now.Sub(let[0]) > time.Minute {
				let = let[1:]
			}
			if len(let) < 3 {
				let = append(let, now)
				g.letIn("n")
			} else {
				g.turnedAway("n", transports.Address{Local: fmt.Sprint(tries)})
			}
		}
		if tries > 150 {
			t.Errorf("%d tries in 20 minutes", tries)
		}
		g = gates{most: 100}
		for range 300 {
			g.pass("n")
			g.letIn("n")
		}
		for range 10 { // of one moment
			g.turnedAway("n", alice)
		}
		start = time.Now()
		for range 300 {
			g.pass("n")
			g.letIn("n")
		}
		if d := time.Since(start); d < 3*time.Second || d > 8*time.Second {
			t.Errorf("after a moment of trouble 300 took %v", d)
		}
	})
}

// Who has a network turn him away again and again, as by a user name that it does not take, holds up nobody else.
func TestGateOfATroublemaker(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := gates{most: 100}
		for range 300 {
			g.pass("n")
			g.letIn("n")
		}
		for range 50 {
			time.Sleep(slowOnce)
			g.turnedAway("n", alice)
		}
		start := time.Now()
		for range 300 {
			g.pass("n")
			g.letIn("n")
		}
		if d := time.Since(start); d > 40*time.Second {
			t.Errorf("300 others took %v", d)
		}
	})
}

// Whoever gives up makes room, and whoever names networks without end does not fill the memory.
func TestGatesAreLeft(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := gates{most: 0.1}
		g.pass("n")
		first, _ := g.arrive("n")
		second, _ := g.arrive("n")
		g.leave("n", first)
		<-second.come
		select {
		case <-first.come:
			t.Error("who left was called")
		default:
		}
		for i := range 10 * freeGates {
			time.Sleep(gateLasts / 100)
			g.pass(strings.Repeat("x", i))
		}
		if len(g.gates) > 2*freeGates {
			t.Errorf("%d networks are kept", len(g.gates))
		}
	})
}

// Who has to wait is told for how long, and does not connect; who gives up ends at once.
func TestGateTellsWhoWaits(t *testing.T) {
	t.Parallel()
	server := startServer(t, ircd.Options{})
	tr := newTransport(t, Options{Networks: plainNet(server.Addr()), ConnectRate: 0.001})
	first, h1 := open(t, tr, alice)
	enter(t, first, h1, "#test", "alice")
	second, h2 := open(t, tr, transports.Address{Local: "bob", Domain: "example.org"})
	do(t, second, transports.Join{Ref: 1, Room: roomOf("#test"), Nick: "bob"})
	n := await[transports.Notice](t, h2)
	if !strings.HasPrefix(n.Text, "Many people are connecting to net.test at the moment. Your turn is in about ") {
		t.Errorf("told %q", n.Text)
	}
	second.Close("")
}
