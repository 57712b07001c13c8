package ircbridge

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"passerelle/internal/ircd"
	"passerelle/transports"
)

// allNumerics is every numeric with none, one, two … parameters.
func allNumerics() []byte {
	var b bytes.Buffer
	for code := range 1000 {
		switch code {
		case 464, 465:
			continue // these end the connection, as they should
		}
		for _, params := range []string{"", " alice", " alice #test", " alice #test :", " #test", " * * * *", " alice #test #test :x"} {
			fmt.Fprintf(&b, ":irc.test %03d%s\r\n", code, params)
		}
	}
	return b.Bytes()
}

// TestHostileServer sends what no honest server sends, and expects the session to live on.
func TestHostileServer(t *testing.T) {
	t.Parallel()
	for name, data := range map[string][]byte{
		"endless line":     append(bytes.Repeat([]byte("x"), 5<<20), '\n'),
		"endless tags":     append(append([]byte("@"), bytes.Repeat([]byte("a=b;"), 1<<20)...), " PING :x\r\n"...),
		"blank lines":      bytes.Repeat([]byte("\r\n\n\r\r\n"), 100_000),
		"nuls":             bytes.Repeat([]byte{0}, 10_000),
		"nuls in lines":    bytes.Repeat([]byte(":a\x00!b@c PRIV\x00MSG #test :x\x00y\r\n"), 1000),
		"garbage":          bytes.Repeat([]byte("\xff\xfe\x01\x02 \x80:@!\r\n:\r\n: \r\n@\r\n@ \r\n :\r\n:a\r\n:a \r\n::::\r\n@a :b\r\n"), 1000),
		"no command":       bytes.Repeat([]byte(":irc.test \r\n:irc.test  x\r\n"), 1000),
		"numerics":         allNumerics(),
		"missing params":   []byte("JOIN\r\n:alice JOIN\r\n:bob JOIN\r\n:bob PART\r\n:bob KICK\r\n:bob KICK #test\r\n:bob NICK\r\n:bob TOPIC\r\n:bob MODE\r\n:bob MODE #test\r\n:bob INVITE\r\n:bob QUIT\r\n:bob PRIVMSG\r\n:bob PRIVMSG #test\r\nCAP\r\nCAP *\r\nCAP * LS\r\nCAP * ACK\r\nBATCH\r\nBATCH +\r\nBATCH -\r\nPING\r\nERROR\r\n"),
		"unknown channels": []byte(":alice!u@h JOIN #a,#b\r\n:alice!u@h JOIN 0\r\n:alice!u@h PART #never\r\n:bob!u@h JOIN #never\r\n:bob!u@h KICK #never alice :x\r\n:alice!u@h JOIN #\x02\r\n"),
		"mode garbage":     []byte(":bob!u@h MODE #test +++---ooooovvvvqqqq\r\n:bob!u@h MODE #test oooo a\r\n:bob!u@h MODE #test +o-o+\xff bob bob\r\n:bob!u@h MODE #test " + strings.Repeat("+o", 5000) + " x\r\n"),
		"isupport lies":    []byte(":irc.test 005 alice NICKLEN=-1 LINELEN=1 CHANNELLEN=99999999999999999999 PREFIX=(ov CHANTYPES= CHANMODES=,,, TOPICLEN=0 CASEMAPPING= :x\r\n:irc.test 005 alice PREFIX=(o)@+ NICKLEN=2 " + strings.Repeat("A=B ", 3000) + ":x\r\n"),
		"bogus joins":      bytes.Repeat([]byte(":alice!u@h JOIN #forced\r\n"), 10_000),
		"ping flood":       bytes.Repeat([]byte("PING :x\r\n"), 10_000),
		"batches":          []byte(strings.Repeat("@label=x BATCH +a labeled-response\r\n", 100) + strings.Repeat("BATCH +b x\r\n", 100)),
		"names unasked":    bytes.Repeat([]byte(":irc.test 353 alice = #test :"+strings.Repeat("a b c ", 80)+"\r\n"), 10_000),
		"list unasked":     bytes.Repeat([]byte(":irc.test 322 alice #x 1 :y\r\n"), 100_000),
		"long nicks":       []byte(":" + strings.Repeat("n", 5000) + "!u@h JOIN #test\r\n:bob!u@h NICK " + strings.Repeat("n", 5000) + "\r\n"),
		"nick in use":      bytes.Repeat([]byte(":irc.test 433 alice alice :in use\r\n"), 1000),
		"caps again":       bytes.Repeat([]byte(":irc.test CAP * LS :echo-message\r\n:irc.test CAP * ACK :\r\n:irc.test CAP * NEW :x\r\n"), 1000),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			script := ircd.NewScript(t, nil)
			s, h := open(t, newTransport(t, Options{Networks: plainNet(script.Addr)}), alice)
			do(t, s, transports.Join{Ref: 1, Room: roomOf("#test"), Nick: "alice"})
			p := script.Accept(t)
			p.Welcome(t, "alice")
			p.EnterChannel(t, "alice")
			await[transports.Entered](t, h)
			sent := make(chan struct{})
			go func() {
				defer close(sent)
				if _, err := p.Conn.Write(data); err != nil {
					t.Errorf("the session hung up: %v", err)
				}
				p.Send(t, ":bob!u@h PRIVMSG #test :still here?")
			}()
			await(t, h, func(m transports.Message) bool { return m.Body == "still here?" })
			<-sent
			do(t, s, transports.Send{Ref: 9, To: roomOf("#test"), Body: "yes"})
			p.Expect(t, "PRIVMSG #test :yes")
		})
	}
}

// TestEndlessCapabilities: a network that takes capabilities away and gives them back without end makes neither lines nor lists that grow.
func TestEndlessCapabilities(t *testing.T) {
	t.Parallel()
	p, s, h := scripted(t, "batch message-tags draft/metadata-2")
	p.EnterChannel(t, "alice")
	await[transports.Entered](t, h)
	lines := []string{":irc.test CAP * DEL :draft/metadata-2", ":irc.test CAP * ACK :draft/metadata-2"}
	for range 8 {
		lines = append(lines, lines...)
	}
	own := s.(*session)
	own.mu.Lock()
	own.conn.login = &login{wish: saslPlain, offered: true, done: true}
	own.mu.Unlock()
	for range 100 {
		lines = append(lines, ":irc.test CAP * NEW :sasl=PLAIN,EXTERNAL")
	}
	p.Send(t, append(lines, ":bob!b@h PRIVMSG #test :still here?")...)
	await(t, h, func(m transports.Message) bool { return m.Body == "still here?" })
	own.mu.Lock()
	defer own.mu.Unlock()
	if n := len(own.conn.queue); n > maxAnswers {
		t.Errorf("%d lines wait to be written", n)
	}
	if n := len(own.conn.login.mechanisms); n > 2 {
		t.Errorf("%d mechanisms are remembered", n)
	}
}

func TestEndlessNickInUse(t *testing.T) {
	t.Parallel()
	script := ircd.NewScript(t, nil)
	s, h := open(t, newTransport(t, Options{Networks: plainNet(script.Addr)}), alice)
	do(t, s, transports.Join{Ref: 1, Room: roomOf("#test"), Nick: "alice"})
	p := script.Accept(t)
	seen := map[string]bool{}
	for range maxNickTries + 1 {
		nick := strings.TrimPrefix(p.Expect(t, "NICK "), "NICK ")
		if len(nick) > 9 {
			t.Errorf("tried %q, which not every network takes", nick)
		}
		seen[nick] = true
		p.Send(t, ":irc.test 433 * "+nick+" :Nickname is already in use")
	}
	if len(seen) < 6 {
		t.Errorf("tried %v only", seen)
	}
	wantKind(t, await[transports.Done](t, h).Err, transports.Conflict)
	if st := await[transports.State](t, h); st.Online || st.Retry != 0 {
		t.Errorf("got %+v, want the end", st)
	}
}

func TestHugeNames(t *testing.T) {
	t.Parallel()
	script := ircd.NewScript(t, nil)
	s, h := open(t, newTransport(t, Options{Networks: plainNet(script.Addr)}), alice)
	h.timeout = time.Minute // a busy machine and the race detector take their time
	do(t, s, transports.Join{Ref: 1, Room: roomOf("#test"), Nick: "alice"})
	p := script.Accept(t)
	p.Timeout = h.timeout
	p.Welcome(t, "alice")
	p.Expect(t, "JOIN #test")
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		p.Send(t, ":alice!u@h JOIN #test")
		var lines []string
		for i := 0; i < maxMembers+20_000; i += 20 {
			var names []string
			for j := range 20 {
				names = append(names, fmt.Sprintf("@n%d!u@h", i+j))
			}
			lines = append(lines, ":irc.test 353 alice = #test :"+strings.Join(names, " "))
		}
		p.Send(t, append(lines, ":n1!u@h QUIT :gone", ":n2!u@h NICK :n2b", ":irc.test 366 alice #test :End")...)
	}()
	e := await[transports.Entered](t, h)
	<-sent
	if len(e.Members) != maxMembers {
		t.Errorf("got %d members, want the bound %d", len(e.Members), maxMembers)
	}
	for _, m := range e.Members {
		if m.Person.Nick == "n1" || m.Person.Nick == "n2" {
			t.Errorf("%s is there though he left or has another nick", m.Person.Nick)
		}
	}
}

// TestFloodIsHeldBack has a host that takes nothing: the bridge must not read on and keep what it reads.
func TestFloodIsHeldBack(t *testing.T) {
	script := ircd.NewScript(t, nil)
	tr := newTransport(t, Options{Networks: plainNet(script.Addr)})
	host := &stuckHost{recorder: newRecorder(), stuck: make(chan struct{})}
	s, err := tr.Open(t.Context(), alice, testNet, host)
	if err != nil {
		t.Fatal(err)
	}
	do(t, s, transports.Join{Ref: 1, Room: roomOf("#test"), Nick: "alice"})
	p := script.Accept(t)
	p.Welcome(t, "alice")
	p.EnterChannel(t, "alice")
	await[transports.Entered](t, host.recorder)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	line := []byte(":bob!u@h PRIVMSG #test :" + strings.Repeat("flood ", 60) + "\r\n")
	flood := bytes.Repeat(line, 1000)
	written := 0
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		for written < 200<<20 {
			n, err := p.Conn.Write(flood)
			written += n
			if err != nil {
				return // the connection was closed, as it should be in the end
			}
		}
	}()
	<-host.stuck
	runtime.ReadMemStats(&after)
	s.Close("enough")
	<-stopped
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 20<<20 {
		t.Errorf("the heap grew by %d bytes", grown)
	}
	if written >= 200<<20 {
		t.Error("the whole flood was read")
	}
}
