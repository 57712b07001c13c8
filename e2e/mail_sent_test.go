package e2e

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"passerelle/internal/xmpptest"
)

// slowSmarthost takes mail, and answers to each only when the test lets it.
type slowSmarthost struct {
	addr  string
	mails chan string   // that it has taken
	fine  chan struct{} // one for each answer
}

func newSlowSmarthost(t *testing.T) *slowSmarthost {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &slowSmarthost{addr: l.Addr().String(), mails: make(chan string), fine: make(chan struct{})}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer context.AfterFunc(ctx, func() { _ = c.Close() })()
				defer c.Close()
				s.serve(ctx, c)
			})
		}
	})
	t.Cleanup(func() { cancel(); _ = l.Close(); wg.Wait() })
	return s
}

func (s *slowSmarthost) serve(ctx context.Context, c net.Conn) {
	r := bufio.NewReader(c)
	say := func(line string) { fmt.Fprint(c, line+"\r\n") }
	say("220 smarthost")
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		if line != "DATA\r\n" {
			say("250 fine")
			continue
		}
		say("354 go on")
		var mail strings.Builder
		for {
			if line, err = r.ReadString('\n'); err != nil {
				return
			}
			if line == ".\r\n" {
				break
			}
			mail.WriteString(line)
		}
		select {
		case s.mails <- mail.String():
		case <-ctx.Done():
			return
		}
		select {
		case <-s.fine:
			say("250 queued")
		case <-ctx.Done():
			return
		}
	}
}

// TestMailKilledOnItsWayOut: a gateway that is killed when the smarthost has a mail, and before it has noted that, sends that mail once more
// and never again, as the same mail.
func TestMailKilledOnItsWayOut(t *testing.T) {
	t.Parallel()
	m := newMailGateway(t, build(t), xmppServer(t, "prosody", false), `strangers = "pass"`)
	smarthost := newSlowSmarthost(t)
	m.setSmarthost(smarthost.addr)
	m.start()
	alice := m.client("alice")
	mail := func() string {
		t.Helper()
		select {
		case got := <-smarthost.mails:
			return got
		case <-time.After(4 * mailTime): // the next attempt comes a minute after the first
			t.Fatal("no mail came to the smarthost")
			return ""
		}
	}
	say := func(id, text string) {
		sendStanza(t, alice, `<message type='chat' id='`+id+`' to='`+julietAtGateway+`'><body>`+text+`</body></message>`)
	}
	say("a1", "First.")
	say("a2", "/send")
	first := mail()
	m.Kill()
	smarthost.fine <- struct{}{} // nobody hears it any more
	m.start()
	say("b1", "Second.")
	say("b2", "/send")
	await(t, alice, "the answer to /send", func(e *xmpptest.Element) bool { return strings.Contains(body(e), "It goes out now") })
	again := mail()
	if again != first || !strings.Contains(first, "First.") || !strings.Contains(first, "\r\nMessage-ID: <") {
		t.Errorf("the same mail went out as\n%s\nand as\n%s", first, again)
	}
	smarthost.fine <- struct{}{}
	// What was written behind it comes behind it, and so there was no third.
	if second := mail(); !strings.Contains(second, "Second.") {
		t.Errorf("then there came\n%s", second)
	}
	smarthost.fine <- struct{}{}
}
