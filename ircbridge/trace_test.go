package ircbridge

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"passerelle/internal/ircd"
	"passerelle/internal/logging"
	"passerelle/transports"
)

func TestShape(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"PASS :secret":                                 "PASS [6 bytes]",
		"AUTHENTICATE c2VjcmV0":                        "AUTHENTICATE [8 bytes]",
		"OPER root secret":                             "OPER [4 bytes] [6 bytes]",
		"JOIN #a,#b secret":                            "JOIN #a,#b [6 bytes]",
		"PRIVMSG NickServ :identify secret":            "PRIVMSG NickServ [15 bytes]",
		"MODE #a +k secret":                            "MODE #a +k [6 bytes]",
		":irc.test 324 alice #a +kl secret 5":          ":irc.test 324 alice #a [3 bytes] [6 bytes] [1 bytes]",
		"@time=x;account=y :bob!u@h PRIVMSG #a :hello": "@[16 bytes] :bob PRIVMSG #a [5 bytes]",
		":irc.test 353 alice = #a :bob carol":          ":irc.test 353 alice = #a [9 bytes]",
		"privmsg #a :hello":                            "privmsg #a [5 bytes]",
		"PRIVMSG :hello there":                         "PRIVMSG [11 bytes]",
		"PRIVMSG :hello":                               "PRIVMSG [5 bytes]",
		":irc.test 999 alice :secret":                  ":irc.test 999 alice [6 bytes]",
		"QUIT :hello":                                  "QUIT [5 bytes]",
		"hellohellohello":                              "[15 bytes]",
		"":                                             "",
		"@":                                            "@[0 bytes] ",
	} {
		if got := shape(line); got != want {
			t.Errorf("%q: got %q, want %q", line, got, want)
		}
	}
}

// traceLog is a log that keeps everything.
type traceLog struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *traceLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func TestTraceKeepsSecrets(t *testing.T) {
	t.Parallel()
	var log traceLog
	script := ircd.NewScript(t, nil)
	networks := plainNet(script.Addr)
	networks[0].Password = "opensesame"
	s, h := open(t, newTransport(t, Options{
		Networks: networks, Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: logging.LevelTrace})),
	}), alice)
	do(t, s, transports.Join{Ref: 1, Room: roomOf("#test"), Nick: "alice", Password: "opensesame"})
	p := script.Accept(t)
	p.Welcome(t, "alice")
	p.EnterChannel(t, "alice")
	await[transports.Entered](t, h)
	do(t, s, transports.Send{Ref: 2, To: contact("nickserv"), Body: "identify opensesame"})
	do(t, s, transports.SetSubject{Ref: 3, Room: roomOf("#test"), Subject: "opensesame"})
	p.Expect(t, "TOPIC")
	p.Send(t, ":bob!u@h MODE #test +k opensesame", "@x=opensesame :bob!u@h PRIVMSG #test :it is opensesame", ":irc.test 999 alice :opensesame")
	await[transports.Notice](t, h, func(n transports.Notice) bool { return n.Text == "opensesame" })
	s.Close("opensesame")
	p.Expect(t, "QUIT")
	log.mu.Lock()
	defer log.mu.Unlock()
	text := log.b.String()
	if strings.Contains(text, "opensesame") {
		t.Errorf("a secret is in the log:\n%s", text)
	}
	for _, want := range []string{
		`msg=sent network=net.test line="PASS [10 bytes]"`, `line="JOIN #test [10 bytes]"`, `line="PRIVMSG nickserv [19 bytes]"`,
		`msg=received network=net.test line=":irc.test 001 alice [7 bytes]"`, `line="QUIT [10 bytes]"`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is missing in the log:\n%s", want, text)
		}
	}
}

func TestNoTraceCostsNothing(t *testing.T) {
	s, _ := idleSession(t)
	if n := testing.AllocsPerRun(100, func() {
		if s.tracing() {
			t.Error("the level is off")
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
