package e2e

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"passerelle/internal/xmpptest"
)

// Rates and amounts of the tests with traffic.
const (
	perSecond  = 1000
	beforeKill = 1000 // messages that are through before something is killed
	afterKill  = 500  // and after everything is back
)

// TestKillDuringTraffic kills each part while somebody talks, and counts what became of each message: shown to its sender, returned
// to him with an error, or neither. Everything comes back by itself, nothing arrives twice, and people are told in words.
func TestKillDuringTraffic(t *testing.T) {
	t.Parallel()
	program := build(t)
	for _, kind := range cells() {
		t.Run(kind.name, func(t *testing.T) {
			killEach(t, func(t *testing.T) *traffic { return newTraffic(t, program, kind.start(t)) })
		})
	}
}

// killEach kills one part after the other, each time beside traffic of its own.
func killEach(t *testing.T, start func(*testing.T) *traffic) {
	t.Helper()
	t.Run("gateway", func(t *testing.T) {
		w := start(t)
		stop := w.talk()
		w.gateway.Kill()
		w.restart(w.gateway)
		stop()
		w.report("not running")
	})
	t.Run("ircserver", func(t *testing.T) {
		w := start(t)
		stop := w.talk()
		w.servers.irc.Kill()
		w.restart(w.servers.irc)
		w.meetAgain()
		stop()
		w.report("Trying again in")
	})
	t.Run("xmppserver", func(t *testing.T) {
		w := start(t)
		w.talk()
		w.servers.xmpp.Kill()
		w.sending.Wait() // her client is gone
		w.restart(w.servers.xmpp)
		w.comeBack()
		w.talk()()
		w.report("")
	})
}

// traffic is alice on XMPP who says numbers without end, and bob on IRC who listens.
type traffic struct {
	t       *testing.T
	servers *servers
	gateway *gateway

	mu      sync.Mutex
	changed chan struct{} // closed and replaced when something came
	sent    int
	heard   map[int]int // by bob, how often
	shown   map[int]int // to alice, reflected
	failed  map[int]string
	words   []string          // of the room itself
	kept    []int             // in the archive, in its order
	gaps    int               // where it says that something is missing
	said    string            // what alice said last and was shown
	fin     *xmpptest.Element // the end of the page of the archive that alice asked for last
	joined  int               // how often alice was let in
	refused int               // how often she was not

	sending sync.WaitGroup
	clients sync.WaitGroup
	alice   xmppClient
	bob     *ircActor
}

func newTraffic(t *testing.T, program string, s *servers) *traffic {
	t.Helper()
	return enterTraffic(t, s, newGateway(t, program, s))
}

func enterTraffic(t *testing.T, s *servers, g *gateway) *traffic {
	t.Helper()
	w := &traffic{
		t: t, servers: s, gateway: g, changed: make(chan struct{}),
		heard: map[int]int{}, shown: map[int]int{}, failed: map[int]string{},
	}
	w.restart(w.gateway)
	w.meet("bob")
	w.enter()
	t.Cleanup(func() {
		_ = w.alice.Close() // the server may be gone
		_ = w.bob.conn.Close()
		w.clients.Wait()
	})
	return w
}

func (w *traffic) restart(s server) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), readyTime)
	defer cancel()
	if err := s.Restart(ctx); err != nil {
		w.t.Fatal(err)
	}
}

// meet brings an IRC client into the channel.
func (w *traffic) meet(nick string) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), stepTime)
	defer cancel()
	bob, err := dialIRC(ctx, w.servers.ircAddr, nick)
	if err == nil {
		err = bob.send(ctx, "JOIN #go")
	}
	if err == nil {
		err = bob.expect(ctx, "*JOIN *#go", nil, true)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	w.bob = bob
	w.clients.Go(func() {
		for {
			line, err := bob.receive(context.Background())
			if err != nil {
				return // it was closed, or the server died
			}
			if _, text, ok := strings.Cut(line, " PRIVMSG #go :n"); ok {
				w.note(func() { w.count(w.heard, text) })
			}
		}
	})
}

// meetAgain is meet after the IRC server came back.
func (w *traffic) meetAgain() {
	_ = w.bob.conn.Close() // its server died
	w.meet("bob")
}

// enter brings alice into the room with a client of her own.
func (w *traffic) enter() {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), stepTime)
	defer cancel()
	alice, err := w.servers.login(ctx, "alice", "phone")
	if err != nil {
		w.t.Fatal(err)
	}
	w.alice = alice
	w.clients.Go(func() {
		for {
			e, err := alice.Receive(context.Background())
			if err != nil {
				return // it was closed, or the server died
			}
			w.note(func() { w.take(e) })
		}
	})
	w.mu.Lock()
	joined, refused := w.joined, w.refused
	w.mu.Unlock()
	for in := false; !in; {
		if err := alice.Send(ctx, `<presence to='#go%`+networkName+`@`+gatewayDomain+`/alice'><x xmlns='http://jabber.org/protocol/muc'/></presence>`); err != nil {
			w.t.Fatal(err)
		}
		// The server refuses for the gateway until that has come back to it.
		w.await("alice is in the room", func() bool { return w.joined > joined || w.refused > refused })
		w.mu.Lock()
		in, refused = w.joined > joined, w.refused
		w.mu.Unlock()
	}
}

// comeBack is enter after the XMPP server came back.
func (w *traffic) comeBack() {
	_ = w.alice.Close() // its server died
	w.enter()
}

// take looks at what alice gets.
func (w *traffic) take(e *xmpptest.Element) {
	id := strings.TrimPrefix(e.Get("id"), "n")
	switch {
	case e.Name.Local == "presence" && e.Get("type") == "" && strings.HasSuffix(e.Get("from"), "/alice"):
		w.joined++
	case e.Name.Local == "presence" && e.Get("type") == "error":
		w.refused++
	case e.Child(nsMAM, "result") != nil:
		m := e.Child(nsMAM, "result").Child("urn:xmpp:forward:0", "forwarded").Child(xmpptest.NSClient, "message")
		if n, err := strconv.Atoi(strings.TrimPrefix(m.Get("id"), "n")); err == nil && strings.HasSuffix(m.Get("from"), "/alice") {
			w.kept = append(w.kept, n)
		} else if strings.HasPrefix(m.Child(xmpptest.NSClient, "body").Text(), "Messages are missing here: the archive") {
			w.gaps++
		}
	case e.Name.Local == "iq":
		w.fin = e
	case e.Name.Local != "message" || e.Child("urn:xmpp:delay", "delay") != nil: // of what was said before she came
	case e.Get("type") == "error":
		if n, err := strconv.Atoi(id); err == nil {
			w.failed[n] = e.Child(xmpptest.NSClient, "error").Get("type")
		}
	case e.Get("type") == "groupchat" && strings.HasSuffix(e.Get("from"), "/alice"):
		w.count(w.shown, id)
		w.said = e.Child(xmpptest.NSClient, "body").Text()
	case e.Get("type") == "groupchat" && e.Child(xmpptest.NSClient, "body") != nil:
		w.words = append(w.words, e.Child(xmpptest.NSClient, "body").Text())
	}
}

func (w *traffic) count(m map[int]int, number string) {
	if n, err := strconv.Atoi(number); err == nil {
		m[n]++
	}
}

func (w *traffic) note(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
	close(w.changed)
	w.changed = make(chan struct{})
}

// await waits until something is so.
func (w *traffic) await(what string, so func() bool) {
	w.t.Helper()
	timeout := time.NewTimer(stepTime)
	defer timeout.Stop()
	for {
		w.mu.Lock()
		done, changed := so(), w.changed
		w.mu.Unlock()
		if done {
			return
		}
		select {
		case <-changed:
		case <-timeout.C:
			w.t.Fatalf("this has not come about: %s; sent %d, heard %d, shown %d, failed %d, words %q", what, w.sent, len(w.heard), len(w.shown), len(w.failed), w.words)
		}
	}
}

// talk has alice say numbers at perSecond and returns once bob has heard beforeKill of them. stop waits until bob has heard afterKill
// more, and then for the last one.
func (w *traffic) talk() (stop func()) {
	w.t.Helper()
	done := make(chan struct{})
	alice := w.alice
	w.sending.Go(func() {
		ticker := time.NewTicker(time.Second / perSecond)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
			case <-done:
				return
			case <-w.t.Context().Done():
				return
			}
			w.mu.Lock()
			n := w.sent
			w.sent++
			w.mu.Unlock()
			if alice.Send(w.t.Context(), fmt.Sprintf(`<message type='groupchat' id='n%d' to='#go%%%s@%s'><body>n%d</body></message>`, n, networkName, gatewayDomain, n)) != nil {
				return // her server died
			}
		}
	})
	w.hears(beforeKill)
	return func() {
		w.t.Helper()
		w.hears(afterKill)
		close(done)
		w.sending.Wait()
		w.await("the last message is heard", func() bool { return w.heard[w.sent-1] > 0 && w.shown[w.sent-1] > 0 })
	}
}

const nsMAM = "urn:xmpp:mam:2"

// readArchive reads all that alice has in the archive of the room, page by page.
func (w *traffic) readArchive() {
	w.t.Helper()
	for after, complete := "", false; !complete; {
		w.note(func() { w.fin = nil })
		if err := w.alice.Send(w.t.Context(), fmt.Sprintf(`<iq type='set' id='page' to='#go%%%s@%s'><query xmlns='%s'><set xmlns='http://jabber.org/protocol/rsm'><max>250</max>%s</set></query></iq>`,
			networkName, gatewayDomain, nsMAM, after)); err != nil {
			w.t.Fatal(err)
		}
		w.await("a page of the archive", func() bool { return w.fin != nil })
		w.mu.Lock()
		fin := w.fin.Child(nsMAM, "fin")
		w.mu.Unlock()
		if fin == nil {
			w.t.Fatalf("instead of a page of the archive came %s", w.fin)
		}
		after = "<after>" + fin.Child("http://jabber.org/protocol/rsm", "set").Child("http://jabber.org/protocol/rsm", "last").Text() + "</after>"
		complete = fin.Get("complete") == "true"
	}
}

// hears waits until bob has heard so many more.
func (w *traffic) hears(more int) {
	w.t.Helper()
	w.mu.Lock()
	target := len(w.heard) + more
	w.mu.Unlock()
	w.await(fmt.Sprintf("bob hears %d more", more), func() bool { return len(w.heard) >= target })
}

// report says what became of every message, and fails where something came twice or nobody said a word.
func (w *traffic) report(words string) {
	w.t.Helper()
	w.readArchive()
	w.mu.Lock()
	defer w.mu.Unlock()
	shown, returned, silent, shownOnly, heardOnly := 0, 0, 0, 0, 0
	for n := range w.sent {
		_, failed := w.failed[n]
		switch {
		case w.shown[n] > 1 || w.heard[n] > 1:
			w.t.Errorf("number %d was shown %d times and heard %d times", n, w.shown[n], w.heard[n])
		case w.shown[n] == 1:
			shown++
			if w.heard[n] == 0 {
				shownOnly++
			}
		case failed:
			returned++
			if w.heard[n] == 1 {
				heardOnly++
			}
		case w.heard[n] == 1:
			heardOnly++
		default:
			silent++
		}
	}
	w.t.Logf("of %d messages at %d/s: %d shown to the sender (%d of them not heard), %d returned with an error, %d heard and not shown, %d lost without a word",
		w.sent, perSecond, shown, shownOnly, returned, heardOnly, silent)
	w.reportArchive()
	if words != "" && !strings.Contains(strings.Join(w.words, "\n"), words) {
		w.t.Errorf("nobody was told %q, but %q", words, w.words)
	}
	// What was in the sockets of the part that died cannot be known to be lost; it must not be more than that.
	if silent+shownOnly+heardOnly > perSecond {
		w.t.Errorf("%d messages have an unknown fate", silent+shownOnly+heardOnly)
	}
}

// reportArchive compares the archive with what was shown. It fails where something stands in it twice or in another order.
func (w *traffic) reportArchive() {
	w.t.Helper()
	if missing := w.missing(); missing > perSecond {
		w.t.Errorf("%d messages that were shown are not in the archive", missing)
	}
}

// missing counts what was shown and is not in the archive.
func (w *traffic) missing() int {
	w.t.Helper()
	kept := map[int]bool{}
	for i, n := range w.kept {
		if i > 0 && n <= w.kept[i-1] {
			w.t.Errorf("the archive has number %d behind number %d", n, w.kept[i-1])
		}
		kept[n] = true
	}
	missing, more := 0, 0
	for n := range w.sent {
		switch {
		case w.shown[n] > 0 && !kept[n]:
			missing++
		case w.shown[n] == 0 && kept[n]:
			more++
		}
	}
	w.t.Logf("%d are in the archive; %d of those shown are missing there, and it has %d that were not shown", len(kept), missing, more)
	return missing
}

// complete fails where the archive lacks something that was shown, or says that anything is missing.
func (w *traffic) complete() {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if missing := w.missing(); missing > 0 || w.gaps > 0 {
		w.t.Errorf("%d messages that were shown are not in the archive, which says %d times that some are missing", missing, w.gaps)
	}
}

// say has alice say something that is no number.
func (w *traffic) say(text string) {
	w.t.Helper()
	if err := w.alice.Send(w.t.Context(), fmt.Sprintf(`<message type='groupchat' to='#go%%%s@%s'><body>%s</body></message>`, networkName, gatewayDomain, text)); err != nil {
		w.t.Fatal(err)
	}
	w.await("it is shown", func() bool { return w.said == text })
}
