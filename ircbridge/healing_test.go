package ircbridge

import (
	"strings"
	"testing"
	"time"

	"passerelle/internal/ircd"
	"passerelle/transports"
)

// A line that carries nothing any more and says nothing of it is found out, soon where somebody has said something, and he is told that it
// may be lost.
func TestHalfOpen(t *testing.T) {
	withClock(t, Options{}, func(t *testing.T, n *pipeNet, s transports.Session, h *recorder) {
		p := joined(t, n, s, h)
		for _, tc := range []struct {
			says []string
			in   time.Duration
			text string
		}{
			{nil, silenceTimeout + pongTimeout, "The connection to net.test was lost: it does not answer."},
			{[]string{"one"}, spokeTimeout + pongTimeout, "it does not answer. What you said last may not have arrived."},
			{[]string{"one", "two"}, spokeTimeout + pongTimeout, "it does not answer. Your last 2 messages may not have arrived."},
		} {
			start := time.Now()
			for i, body := range tc.says {
				do(t, s, transports.Send{Ref: transports.Ref(i + 1), To: roomOf("#test"), Body: body})
				p.Expect(t, "PRIVMSG #test :"+body)
			}
			p.Expect(t, "PING :alice") // and that is all that it hears
			st := await[transports.State](t, h)
			took(t, start, tc.in)
			if e := wantKind(t, st.Err, transports.Offline); st.Online || st.Retry == 0 || !strings.HasSuffix(e.Text, tc.text) {
				t.Errorf("got %+v with text %q, want %q", st, e.Text, tc.text)
			}
			p = n.accept(t)
			p.Welcome(t, "alice")
			p.EnterChannel(t, "alice")
			await[transports.Entered](t, h)
		}
	})
}

// greet plays a server that has the nicks already, up to the end of the greeting.
func greet(t *testing.T, p *ircd.Peer, isupport string, taken ...string) (nick string) {
	t.Helper()
	for _, nick := range taken {
		p.Expect(t, "NICK "+nick)
		p.Send(t, ":irc.test 433 * "+nick+" :Nickname is already in use")
	}
	nick = strings.TrimPrefix(p.Expect(t, "NICK "), "NICK ")
	p.Send(t, ":irc.test CAP * LS :", ":irc.test 001 "+nick+" :Welcome", ":irc.test 005 "+nick+" "+isupport+" :are supported", ":irc.test 376 "+nick+" :End of MOTD")
	return nick
}

// Who did not get his nick gets it when it is free: whoever had it quits or takes another one, or the network tells (MONITOR), or it is tried
// for now and then. A nick that services gave him, or that he chose himself, he keeps.
func TestRegain(t *testing.T) {
	for name, tc := range map[string]struct {
		isupport string
		script   []string // of the server: "<" before what it gets, ">" before what it says, "in" to let him into the channel
		nick     string   // in the end
	}{
		"quit":    {"", []string{"in", "> :alice!u@h QUIT :Ping timeout", "< NICK alice", "> :alice_!u@h NICK alice"}, "alice"},
		"renamed": {"", []string{"in", "> :Alice!u@h NICK alison", "< NICK alice", "> :alice_!u@h NICK alice"}, "alice"},
		"monitor": {"MONITOR=10", []string{
			"< MONITOR + alice", "> :irc.test 730 alice_ :alice!u@h", "> :irc.test 731 alice_ :alice",
			"< NICK alice", "in", "> :alice_!u@h NICK alice", "< MONITOR - alice",
		}, "alice"},
		"tried for": {"", []string{
			"in", "< NICK alice", "> :irc.test 433 alice_ alice :Nickname is already in use",
			"< NICK alice", "> :irc.test 437 alice_ alice :Nick is temporarily unavailable", "< NICK alice", "> :alice_!u@h NICK alice",
		}, "alice"},
		"services": {"", []string{"in", "> :alice_!u@h NICK Guest1", "> :alice!u@h QUIT :bye", "< PING", "> :irc.test PONG :"}, "Guest1"},
	} {
		t.Run(name, func(t *testing.T) {
			withClock(t, Options{}, func(t *testing.T, n *pipeNet, s transports.Session, h *recorder) {
				do(t, s, transports.Join{Ref: 1, Room: roomOf("#test"), Nick: "alice"})
				p := n.accept(t)
				nick := greet(t, p, tc.isupport, "alice")
				if notice := await[transports.Notice](t, h); notice.Text != "The nick alice is taken on net.test, so you are alice_ for now. You get it when it is free." {
					t.Errorf("told %q", notice.Text)
				}
				for _, step := range tc.script {
					switch verb, line, _ := strings.Cut(step, " "); verb {
					case "in":
						p.Send(t, ":"+nick+"!u@h JOIN #test", ":irc.test 353 "+nick+" = #test :"+nick, ":irc.test 366 "+nick+" #test :End")
						await[transports.Entered](t, h)
					case ">":
						p.Send(t, line)
					case "<":
						if got := nextLine(t, p); !strings.HasPrefix(got, line) {
							t.Fatalf("got %q, want %q", got, line)
						}
					}
				}
				e := await[transports.Renamed](t, h, func(e transports.Renamed) bool { return e.Self })
				if e.New != tc.nick || e.Ref != 0 {
					t.Errorf("got %s, want %s", describe(e), tc.nick)
				}
			})
		})
	}
}

// nextLine is the next line that is none of the joining.
func nextLine(t *testing.T, p *ircd.Peer) string {
	t.Helper()
	for {
		line, err := p.Line()
		if err != nil {
			t.Fatal(err)
		}
		switch command, _, _ := strings.Cut(line, " "); command {
		case "CAP", "USER", "JOIN", "MODE", "WHO":
		default:
			return line
		}
	}
}

// A channel that is closed for a while to who comes back is tried again, which he is told once; one that stays closed is lost in the end,
// and so is at once one that he could not get into by waiting.
func TestRejoin(t *testing.T) {
	const full, invite = ":irc.test 471 alice #test :Cannot join channel (+l)", ":irc.test 473 alice #test :Cannot join channel (+i)"
	for name, tc := range map[string]struct {
		answers []string // to JOIN, one each; the last one is given again and again, nothing is none
		notice  string
		lost    transports.Kind // zero where he gets back in
	}{
		"full":               {[]string{full, full, "in"}, "#test on net.test is full: try again later. You are out of it until then; it is tried again by itself.", 0},
		"full for long":      {[]string{full}, "#test on net.test is full: try again later. You are out of it until then; it is tried again by itself.", transports.Full},
		"no answer at first": {[]string{"", "in"}, "net.test did not answer the request to join #test: try again later. You are out of it until then; it is tried again by itself.", 0},
		"for the invited":    {[]string{invite}, "", transports.NotRegistered},
		"full, then closed":  {[]string{full, invite}, "#test on net.test is full: try again later. You are out of it until then; it is tried again by itself.", transports.NotRegistered},
	} {
		t.Run(name, func(t *testing.T) {
			withClock(t, Options{}, func(t *testing.T, n *pipeNet, s transports.Session, h *recorder) {
				p := joined(t, n, s, h)
				if err := p.Conn.Close(); err != nil {
					t.Fatal(err)
				}
				p = n.accept(t)
				p.Welcome(t, "alice")
				await(t, h, func(s transports.State) bool { return s.Online })
				served := make(chan struct{})
				go func() { // the server
					defer close(served)
					for i := 0; ; {
						line, err := p.Line()
						if err != nil {
							return
						}
						switch command, rest, _ := strings.Cut(line, " "); command {
						case "PING":
							p.Send(t, ":irc.test PONG irc.test "+rest)
						case "PART":
							p.Send(t, ":irc.test 442 alice #test :You're not on that channel")
						case "JOIN":
							answer := tc.answers[min(i, len(tc.answers)-1)]
							if i++; answer == "in" {
								answer = ":alice!u@h JOIN #test\r\n:irc.test 366 alice #test :End"
							}
							if answer != "" {
								p.Send(t, answer)
							}
						}
					}
				}()
				defer func() { _ = p.Conn.Close(); <-served }()
				notices := 0
				for {
					switch e := h.next(t).(type) {
					case transports.Notice:
						if notices++; e.Text != tc.notice || notices > 1 || e.Room != roomOf("#test") {
							t.Errorf("told %q in %v, want %q once", e.Text, e.Room, tc.notice)
						}
						wantKind(t, s.Do(t.Context(), transports.Send{To: roomOf("#test"), Body: "x"}), transports.NotJoined)
						continue
					case transports.Entered:
						if tc.lost != 0 {
							t.Errorf("got %s", describe(e))
						}
					case transports.Parted:
						if wantKind(t, e.Err, tc.lost); !e.Self || e.How != transports.PartLost {
							t.Errorf("got %s", describe(e))
						}
					default:
						continue
					}
					return
				}
			})
		})
	}
}

// A key that was changed while the link was down is not the user's mistake.
func TestRejoinWithAnotherKey(t *testing.T) {
	withClock(t, Options{}, func(t *testing.T, n *pipeNet, s transports.Session, h *recorder) {
		do(t, s, transports.Join{Ref: 1, Room: roomOf("#test"), Nick: "alice", Password: "old"})
		p := n.accept(t)
		p.Welcome(t, "alice")
		p.EnterChannel(t, "alice")
		await[transports.Entered](t, h)
		p.Send(t, ":bob!u@h MODE #test -k old", ":bob!u@h MODE #test +k new") // this one he sees, and follows
		await(t, h, func(e transports.ModesChanged) bool { return e.Key == "new" })
		if err := p.Conn.Close(); err != nil {
			t.Fatal(err)
		}
		p = n.accept(t)
		p.Welcome(t, "alice")
		p.Expect(t, "JOIN #test :new")
		p.Send(t, ":irc.test 475 alice #test :Cannot join channel (+k)")
		e := await[transports.Parted](t, h)
		if err := wantKind(t, e.Err, transports.NeedPassword); err.Text != "#test on net.test has another password now: ask somebody inside for it, and join with it." {
			t.Errorf("told %q", err.Text)
		}
	})
}
