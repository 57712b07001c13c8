package ircbridge

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"passerelle/internal/ircd"
	"passerelle/transports"
)

// capSets are the ways in which networks confirm what was sent.
func capSets() map[string][]string {
	return map[string][]string{
		"none":   nil,
		"echo":   {"echo-message", "server-time", "message-tags", "multi-prefix", "userhost-in-names", "extended-join"},
		"labels": {"echo-message", "labeled-response", "batch", "server-time", "message-tags"},
	}
}

func TestJoinTellsWhoIsThere(t *testing.T) {
	t.Parallel()
	for name, caps := range capSets() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := startServer(t, ircd.Options{Caps: caps})
			bob := ircd.Dial(t, server.Addr(), "Bob")
			bob.Send(t, "JOIN #Test", "TOPIC #test :hello \x02all\x02", "NOTICE Bob :done")
			bob.Expect(t, "done")
			s, h := open(t, newTransport(t, Options{Networks: plainNet(server.Addr())}), alice)
			do(t, s, transports.Join{Ref: 7, Room: roomOf("#test"), Nick: "Alice"})
			if state := await[transports.State](t, h); !state.Online || state.Nick != "Alice" {
				t.Fatalf("got %+v, want online as Alice", state)
			}
			e := await[transports.Entered](t, h)
			if e.Ref != 7 || e.Room != roomOf("#test") || e.Nick != "Alice" || e.Subject != "hello all" || e.SubjectBy != "Bob" {
				t.Errorf("got %s by %q", describe(e), e.SubjectBy)
			}
			if len(e.Members) != 2 || e.Members[0].Person.Nick != "Bob" || e.Members[0].Role != transports.RoleOp || e.Members[1].Role != 0 {
				t.Errorf("got %s, want Bob as operator and Alice", describe(e))
			}
			carol := ircd.Dial(t, server.Addr(), "carol")
			carol.Send(t, "JOIN #test", "PART #test :bye")
			if j := await[transports.Joined](t, h); j.Member.Person.Nick != "carol" {
				t.Errorf("got %s", describe(j))
			}
			if p := await[transports.Parted](t, h); p.Nick != "carol" || p.Reason != "bye" || p.Self {
				t.Errorf("got %s", describe(p))
			}
		})
	}
}

func TestSendIsAnsweredPartByPart(t *testing.T) {
	t.Parallel()
	for name, caps := range capSets() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, s, h := entered(t, ircd.Options{Caps: caps})
			bob := ircd.Dial(t, server.Addr(), "bob")
			bob.Send(t, "JOIN #test")
			bob.Expect(t, " 366 ")
			do(t, s, transports.Send{Ref: 9, To: roomOf("#test"), Body: "one\n\ntwo\r\nthree"})
			for i, body := range []string{"one", "two", "three"} {
				m := await[transports.Message](t, h)
				if m.Ref != 9 || m.Part != i+1 || m.Of != 3 || m.Body != body || m.Room != roomOf("#test") || m.From.Nick != "Alice" {
					t.Errorf("got %s, want part %d %q", describe(m), i+1, body)
				}
				bob.Expect(t, "PRIVMSG #test :"+body)
			}
			do(t, s, transports.Send{Ref: 10, To: contact("bob"), Body: "waves", Action: true})
			if m := await[transports.Message](t, h); m.Ref != 10 || !m.Action || m.To != contact("bob") || m.Room.Kind != 0 {
				t.Errorf("got %s", describe(m))
			}
			bob.Expect(t, "PRIVMSG bob :\x01ACTION waves\x01")
			bob.Send(t, "PRIVMSG Alice :\x01ACTION nods\x01", "PRIVMSG #test :caf\xe9")
			if m := await[transports.Message](t, h); m.Ref != 0 || !m.Action || m.Body != "nods" || m.From.Nick != "bob" {
				t.Errorf("got %s", describe(m))
			}
			if m := await[transports.Message](t, h); m.Body != "café" || m.Room != roomOf("#test") {
				t.Errorf("got %s", describe(m))
			}
		})
	}
}

// What Features says of a line is what goes into one: a byte more makes two parts.
func TestFeatures(t *testing.T) {
	t.Parallel()
	server, s, h := entered(t, ircd.Options{})
	ircd.Dial(t, server.Addr(), "bob")
	for _, to := range []transports.Target{roomOf("#test"), contact("bob")} {
		room := s.Features(to).LineBytes
		for body, want := range map[string]int{strings.Repeat("x", room): 1, strings.Repeat("x", room+1): 2} {
			do(t, s, transports.Send{Ref: 9, To: to, Body: body})
			if m := await[transports.Message](t, h, func(m transports.Message) bool { return m.Part == m.Of }); m.Of != want {
				t.Errorf("%d bytes to %s went out in %d parts, want %d", len(body), to.ID, m.Of, want)
			}
		}
	}
	s.Close("")
	idle, err := s.(*session).t.Open(t.Context(), alice, testNet, h)
	if err != nil {
		t.Fatal(err)
	}
	defer idle.Close("")
	got := idle.Features(contact("bob")) // of what waits for one, no line may be cut
	if got.LineBytes < 300 || got.LineBytes > 450 || got != (transports.Features{LineBytes: got.LineBytes}) {
		t.Errorf("without a connection: %+v", got)
	}
}

func TestSendToHimself(t *testing.T) {
	t.Parallel()
	for name, caps := range capSets() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, s, h := entered(t, ircd.Options{Caps: caps})
			do(t, s, transports.Send{Ref: 4, To: contact("alice"), Body: "note"})
			var own, received int
			for range 2 {
				if m := await[transports.Message](t, h); m.Ref == 4 && m.To == contact("alice") {
					own++
				} else if m.Ref == 0 && m.To.Kind == 0 && m.From.Nick == "Alice" {
					received++
				}
			}
			if own != 1 || received != 1 {
				t.Errorf("got %d confirmed and %d received copies, want one of each", own, received)
			}
		})
	}
}

func TestRefusedSend(t *testing.T) {
	t.Parallel()
	for name, caps := range capSets() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := startServer(t, ircd.Options{Caps: caps})
			bob := ircd.Dial(t, server.Addr(), "bob")
			bob.Send(t, "JOIN #test", "MODE #test +m")
			bob.Expect(t, "MODE #test")
			s, h := open(t, newTransport(t, Options{Networks: plainNet(server.Addr())}), alice)
			enter(t, s, h, "#test", "Alice")
			do(t, s, transports.Send{Ref: 2, To: roomOf("#test"), Body: "one\ntwo"})
			d := await[transports.Done](t, h)
			wantKind(t, d.Err, transports.Denied)
			if d.Ref != 2 {
				t.Errorf("got ref %d, want 2", d.Ref)
			}
			do(t, s, transports.Send{Ref: 3, To: contact("nobody"), Body: "hello"})
			if d = await[transports.Done](t, h); d.Ref != 3 {
				t.Errorf("got ref %d, want 3: the second refused part must not be told again", d.Ref)
			}
			wantKind(t, d.Err, transports.NotFound)
			wantKind(t, s.Do(context.Background(), transports.Send{To: roomOf("#other"), Body: "x"}), transports.NotJoined)
			wantKind(t, s.Do(context.Background(), transports.Send{To: roomOf("#test"), Body: " \n "}), transports.BadRequest)
			wantKind(t, s.Do(context.Background(), transports.Send{To: roomOf("#test"), Body: strings.Repeat("x\n", 51)}), transports.TooLarge)
		})
	}
}

func TestRealRefusals(t *testing.T) {
	t.Parallel()
	server := startServer(t, ircd.Options{})
	bob := ircd.Dial(t, server.Addr(), "bob")
	bob.Send(t, "JOIN #key,#invite,#ban,#full", "MODE #key +k sesame", "MODE #invite +i", "MODE #ban +b alice!*@*", "MODE #full +l 1")
	bob.Expect(t, "MODE #full")
	s, h := open(t, newTransport(t, Options{Networks: plainNet(server.Addr())}), alice)
	for channel, kind := range map[string]transports.Kind{
		"#key": transports.NeedPassword, "#invite": transports.NotRegistered, "#ban": transports.Denied, "#full": transports.Full,
	} {
		do(t, s, transports.Join{Ref: 3, Room: roomOf(channel), Nick: "alice"})
		wantKind(t, await[transports.Done](t, h).Err, kind)
	}
	do(t, s, transports.Join{Ref: 4, Room: roomOf("#key"), Nick: "alice", Password: "sesame"})
	if e := await[transports.Entered](t, h); e.Ref != 4 {
		t.Errorf("got %s", describe(e))
	}
}

func TestModerationAndNicks(t *testing.T) {
	t.Parallel()
	server, s, h := entered(t, ircd.Options{})
	bob := ircd.Dial(t, server.Addr(), "bob")
	bob.Send(t, "JOIN #test")
	await[transports.Joined](t, h)
	do(t, s, transports.Configure{Ref: 11, Room: roomOf("#test"), Set: transports.ModeSubjectLock})
	await(t, h, func(d transports.Done) bool { return d.Ref == 11 && d.Err == nil })
	do(t, s, transports.SetSubject{Ref: 2, Room: roomOf("#test"), Subject: "new\ntopic"})
	if e := await[transports.Subject](t, h); e.Ref != 2 || e.Text != "new topic" || e.By != "Alice" {
		t.Errorf("got %s", describe(e))
	}
	do(t, s, transports.SetNick{Ref: 3, Nick: "bob"})
	wantKind(t, await(t, h, func(d transports.Done) bool { return d.Ref == 3 }).Err, transports.Conflict)
	do(t, s, transports.SetNick{Ref: 4, Nick: "Alicia"})
	if e := await[transports.Renamed](t, h); e.Ref != 4 || !e.Self || e.Old != "Alice" || e.New != "Alicia" {
		t.Errorf("got %s", describe(e))
	}
	do(t, s, transports.SetNick{Ref: 5, Nick: "Alicia"})
	if d := await[transports.Done](t, h); d.Ref != 5 || d.Err != nil {
		t.Errorf("got %+v, want success", d)
	}
	wantKind(t, s.Do(context.Background(), transports.SetNick{Nick: "no spaces"}), transports.BadRequest)
	do(t, s, transports.Moderate{Ref: 6, Room: roomOf("#test"), Who: transports.Person{Nick: "nobody"}, Kick: true})
	wantKind(t, await[transports.Done](t, h).Err, transports.NotFound)
	do(t, s, transports.Moderate{Ref: 7, Room: roomOf("#test"), Who: transports.Person{Nick: "bob"}, Kick: true, Reason: "why not"})
	if e := await[transports.Parted](t, h); e.How != transports.PartKicked || e.Nick != "bob" || e.By != "Alicia" || e.Reason != "why not" {
		t.Errorf("got %s", describe(e))
	}
	if d := await[transports.Done](t, h); d.Ref != 7 || d.Err != nil {
		t.Errorf("got %+v, want success", d)
	}
	bob.Send(t, "JOIN #test")
	await[transports.Joined](t, h)
	do(t, s, transports.Leave{Room: roomOf("#test"), Reason: "enough"})
	bob.Expect(t, "PART #test :enough")
	wantKind(t, s.Do(context.Background(), transports.SetSubject{Room: roomOf("#test"), Subject: "x"}), transports.NotJoined)
	// Back at once, without waiting for the answer to PART.
	do(t, s, transports.Join{Ref: 8, Room: roomOf("#test")})
	if e := await[transports.Entered](t, h); e.Ref != 8 || len(e.Members) != 2 {
		t.Errorf("got %s", describe(e))
	}
	do(t, s, transports.SetSubject{Ref: 9, Room: roomOf("#test"), Subject: "x"})
	wantKind(t, await(t, h, func(d transports.Done) bool { return d.Ref == 9 }).Err, transports.Denied)
	do(t, s, transports.Join{Ref: 10, Room: roomOf("#test")})
	if e := await[transports.Entered](t, h); e.Ref != 10 || e.Subject != "new topic" {
		t.Errorf("joining again: got %s", describe(e))
	}
}

func TestKickedOut(t *testing.T) {
	t.Parallel()
	server := startServer(t, ircd.Options{})
	bob := ircd.Dial(t, server.Addr(), "bob")
	bob.Send(t, "JOIN #test")
	bob.Expect(t, " 366 ")
	s, h := open(t, newTransport(t, Options{Networks: plainNet(server.Addr())}), alice)
	enter(t, s, h, "#test", "Alice")
	bob.Send(t, "KICK #test alice :out")
	if e := await[transports.Parted](t, h); !e.Self || e.How != transports.PartKicked || e.By != "bob" || e.Reason != "out" {
		t.Errorf("got %s", describe(e))
	}
	wantKind(t, s.Do(context.Background(), transports.Send{To: roomOf("#test"), Body: "x"}), transports.NotJoined)
}

func TestList(t *testing.T) {
	t.Parallel()
	server := startServer(t, ircd.Options{})
	bob := ircd.Dial(t, server.Addr(), "bob")
	bob.Send(t, "JOIN #One", "JOIN #two", "TOPIC #two :deux")
	bob.Expect(t, "TOPIC #two")
	s, h := open(t, newTransport(t, Options{Networks: plainNet(server.Addr())}), alice)
	do(t, s, transports.List{Ref: 1})
	do(t, s, transports.List{Ref: 2})
	for ref := transports.Ref(1); ref <= 2; ref++ {
		l := await[transports.RoomList](t, h)
		if l.Ref != ref || len(l.Rooms) != 2 || l.Cut {
			t.Fatalf("got %+v", l)
		}
		for _, r := range l.Rooms {
			if want := (transports.RoomInfo{Room: roomOf(lowerASCII(r.Name)), Name: r.Name, Members: 1, Subject: map[string]string{"#two": "deux"}[r.Name]}); r != want {
				t.Errorf("got %+v, want %+v", r, want)
			}
		}
	}
}

// A search gives the network a pattern where it takes some, and goes by the names that come back in any case.
func TestListByName(t *testing.T) {
	t.Parallel()
	for masks, line := range map[string]string{"": "LIST", "ELIST=MU ": "LIST *go*"} {
		script := ircd.NewScript(t, nil)
		s, h := open(t, newTransport(t, Options{Networks: plainNet(script.Addr)}), alice)
		do(t, s, transports.List{Ref: 1, Name: "Go*"})
		p := script.Accept(t)
		p.Expect(t, "USER ")
		p.Send(t, ":irc.test CAP * LS :", ":irc.test 001 alice :Welcome", ":irc.test 005 alice "+masks+"X=1 :are supported", ":irc.test 376 alice :End of MOTD")
		p.Expect(t, line)
		wantKind(t, s.Do(t.Context(), transports.List{Ref: 2, Name: "other"}), transports.Busy)
		p.Send(t, ":irc.test 322 alice #Golang 2 :[+lnt 5] [x]", ":irc.test 322 alice #other 3 :go", ":irc.test 323 alice :End of LIST")
		if l := await[transports.RoomList](t, h); len(l.Rooms) != 1 || l.Rooms[0].Name != "#Golang" || l.Rooms[0].Subject != "[x]" {
			t.Errorf("%q: got %+v", masks, l.Rooms)
		}
	}
	for name, want := range map[string]string{"Go*": "go", "a,b c": "abc", "x\r\nQUIT": "xquit", "É": "é", "<5": "5"} {
		if got := listName(name); got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
}

func TestListIsCut(t *testing.T) {
	t.Parallel()
	script := ircd.NewScript(t, nil)
	s, h := open(t, newTransport(t, Options{Networks: plainNet(script.Addr)}), alice)
	do(t, s, transports.List{Ref: 1})
	p := script.Accept(t)
	p.Welcome(t, "alice")
	p.Expect(t, "LIST")
	// Joining goes on while the list is slow.
	do(t, s, transports.Join{Ref: 2, Room: roomOf("#test")})
	p.EnterChannel(t, "alice")
	await[transports.Entered](t, h)
	lines := make([]string, maxListed+10)
	for i := range lines {
		lines[i] = fmt.Sprintf(":irc.test 322 alice #c%d %d :topic", i, i)
	}
	p.Send(t, append(lines, ":irc.test 322 alice * 1 :secret", ":irc.test 323 alice :End of LIST")...)
	if l := await[transports.RoomList](t, h); len(l.Rooms) != maxListed || !l.Cut {
		t.Errorf("got %d rooms, cut %t", len(l.Rooms), l.Cut)
	}
}

func TestQueueIsBounded(t *testing.T) {
	t.Parallel()
	server := startServer(t, ircd.Options{})
	const burst = 12 // of it some go to JOIN, and to what is asked by itself after that
	tr := newTransport(t, Options{Networks: plainNet(server.Addr()), Burst: burst, Rate: 0.001})
	s, h := open(t, tr, alice)
	enter(t, s, h, "#test", "alice")
	var err error
	accepted := 0
	for err == nil {
		if err = s.Do(context.Background(), transports.Send{Ref: 1, To: roomOf("#test"), Body: "x"}); err == nil {
			accepted++
		}
	}
	wantKind(t, err, transports.Busy)
	if accepted < maxQueue-burst || accepted > maxQueue+burst {
		t.Errorf("accepted %d lines, want about %d", accepted, maxQueue)
	}
	for range 3 {
		await[transports.Message](t, h)
	}
	// PONG and QUIT pass the queue.
	bob := ircd.Dial(t, server.Addr(), "bob")
	bob.Send(t, "JOIN #test")
	bob.Expect(t, " 366 ")
	server.Inject("alice", "PING :x")
	s.Close("good bye")
	bob.Expect(t, "QUIT :Quit: good bye")
}

func TestCloseWhileTheHostIsStuck(t *testing.T) {
	t.Parallel()
	server := startServer(t, ircd.Options{})
	bob := ircd.Dial(t, server.Addr(), "bob")
	bob.Send(t, "JOIN #test")
	bob.Expect(t, " 366 ")
	tr := newTransport(t, Options{Networks: plainNet(server.Addr())})
	host := &stuckHost{recorder: newRecorder(), stuck: make(chan struct{})}
	s, err := tr.Open(context.Background(), alice, testNet, host)
	if err != nil {
		t.Fatal(err)
	}
	enter(t, s, host.recorder, "#test", "alice")
	bob.Send(t, "PRIVMSG #test :stop")
	<-host.stuck
	do(t, s, transports.Send{Ref: 3, To: roomOf("#test"), Body: "still sent"}) // Do does not wait for the host
	bob.Expect(t, "still sent")
	s.Close("bye")
	bob.Expect(t, "QUIT :Quit: bye")
	wantKind(t, s.Do(context.Background(), transports.List{}), transports.Offline)
}

// stuckHost hangs on the first message until it is cancelled.
type stuckHost struct {
	*recorder
	stuck chan struct{}
}

func (h *stuckHost) Emit(ctx context.Context, e transports.Event) error {
	if _, ok := e.(transports.Message); ok {
		close(h.stuck)
		<-ctx.Done()
		return context.Cause(ctx)
	}
	return h.recorder.Emit(ctx, e)
}
