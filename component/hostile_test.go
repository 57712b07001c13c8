package component

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"passerelle/transports"
)

// Stanzas from strangers: each gets a clear answer, the stream stands and other users notice nothing.

func TestOddAddresses(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil).connected()
	alice := w.client("alice@localhost/phone")
	// What PRECIS or stringprep refuse and servers deliver all the same. Every one of them is an address to us.
	for _, local := range []string{"#café", "#☃", "#a♥b", "ﬁ", "#zero\u200bwidth", "#soft\u00adhyphen", "#🫩", "#\u0627\u0661a", strings.Repeat("x", 1023-len("%irc.example"))} {
		to := local + "%irc.example@irc.localhost"
		alice.ask(`<iq type='get' id='d' to='`+to+`'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>`, `<iq type='result' id='d' from='`+to+`'/>`)
	}
	for _, from := range []string{"a♥b@evil.example/x", "под@вики.example/\u200b", "x_y@under_score.example/r", "a@b.example/ﬁ\ufeff"} {
		stranger := w.client(from)
		stranger.ask(`<iq type='get' id='p' to='irc.localhost'><ping xmlns='urn:xmpp:ping'/></iq>`, `<iq type='result' id='p'/>`)
	}
	alice.alive()
	if errs := w.xmpp.StreamErrors(); len(errs) > 0 {
		t.Errorf("streams ended: %v", errs)
	}
}

func TestMalformedAddresses(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil).connected()
	alice := w.client("alice@localhost/phone")
	for _, to := range []string{"@irc.localhost", "a@irc.localhost/", strings.Repeat("x", 1024) + "@irc.localhost", "a b@irc.localhost"} {
		// Real servers answer these themselves; ours must live when one does not.
		raw := `<iq type='get' id='m' from='alice@localhost/phone' to='` + to + `'><ping xmlns='urn:xmpp:ping'/></iq>`
		if err := w.xmpp.SendRaw(testDomain, raw); err != nil {
			t.Fatal(err)
		}
		alice.expect(`<iq type='error' id='m' from='irc.localhost'><error><jid-malformed xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`)
	}
	for _, raw := range []string{
		`<message to='help@irc.localhost' from=''><body>x</body></message>`, `<message to='help@irc.localhost'><body>x</body></message>`,
		`<message from='alice@localhost/phone'><body>x</body></message>`, `<iq/>`, `<presence/>`, `<unheard-of/>`,
		`<message xmlns='jabber:client' from='alice@localhost/phone' to='help@irc.localhost'><body>x</body></message>`,
		`<iq type='result' id='never-asked' from='localhost' to='irc.localhost'/>`,
		`<iq type='strange' id='x' from='alice@localhost/phone' to='irc.localhost'/>`,
		`<iq type='get' id='x' from='alice@localhost/phone' to='irc.elsewhere'><ping xmlns='urn:xmpp:ping'/></iq>`,
		`<message type='error' from='help@irc.localhost' to='help@irc.localhost'><body>loop</body></message>`,
	} {
		if err := w.xmpp.SendRaw(testDomain, raw); err != nil {
			t.Fatal(err)
		}
	}
	// The third of them has no receiver at all, and its sender is told so.
	alice.expect(`<message type='error' from='irc.localhost'><error><jid-malformed xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>`)
	alice.alive()
}

func TestBombs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil).connected()
	alice, bob := w.client("alice@localhost/phone"), w.client("bob@localhost/desk")
	head := `<message id='b' type='chat' from='alice@localhost/phone' to='help@irc.localhost'>`
	attrs := make([]string, 2000)
	for i := range attrs {
		attrs[i] = fmt.Sprintf("a%d='x'", i)
	}
	bombs := map[string]struct{ raw, condition string }{
		"size":       {head + `<body>` + strings.Repeat("x", 2<<20) + `</body></message>`, "policy-violation"},
		"depth":      {head + strings.Repeat("<a>", 5000) + strings.Repeat("</a>", 5000) + `</message>`, "policy-violation"},
		"attributes": {head + `<a ` + strings.Join(attrs, " ") + `/></message>`, "policy-violation"},
		"elements":   {head + strings.Repeat("<a/>", 100000) + `</message>`, "policy-violation"},
		"entity":     {head + `<body>&lol;</body></message>`, "bad-request"},
		"comment":    {head + `<!-- <body>hidden</body> --></message>`, "bad-request"},
		"pi":         {head + `<?php system('x') ?></message>`, "bad-request"},
		"mismatch":   {head + `<a></b></message>`, "bad-request"},
		"nul":        {head + "<body>\x00</body></message>", "bad-request"},
		"char-ref":   {head + "<body>&#0;</body></message>", "bad-request"},
		"utf-8":      {head + "<body>\xff</body></message>", "bad-request"},
	}
	for name, b := range bombs {
		if err := w.xmpp.SendRaw(testDomain, b.raw); err != nil {
			t.Fatal(err)
		}
		e := alice.receive()
		if e.Get("type") != "error" || e.Get("id") != "b" || e.Child("jabber:client", "error").Child("urn:ietf:params:xml:ns:xmpp-stanzas", b.condition) == nil {
			t.Errorf("%s: got\n%s\nwant the error %s", name, e, b.condition)
		}
		bob.alive()
	}
	if errs := w.xmpp.StreamErrors(); len(errs) > 0 {
		t.Errorf("streams ended: %v", errs)
	}
}

// A DTD can only come from the server itself, before or between stanzas: the stream is given up and comes back.
func TestDTDEndsTheStreamAndItComesBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil).connected()
	if err := w.xmpp.SendRaw(testDomain, `<!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol2 "&lol;&lol;">]>`); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), testWait)
	defer cancel()
	if err := w.xmpp.WaitDisconnected(ctx, testDomain); err != nil {
		t.Fatal(err)
	}
	w.connected()
	w.client("alice@localhost/phone").alive()
}

// An answer counts only if it comes from whom we asked (RFC 6120 §8.1.3).
func TestAnswerFromTheWrongSender(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil).connected()
	mallory := w.client("mallory@localhost/x")
	to := transports.Address{Local: "mallory", Domain: "localhost", Resource: "x"}
	result := make(chan error, 1)
	ctx, cancel := context.WithTimeout(context.Background(), testWait)
	defer cancel()
	from, other := w.gateway.domain, transports.Address{Local: "friend", Domain: "localhost", Resource: "y"}
	friend := w.client(other.String())
	go func() { result <- w.gateway.ping(ctx, from, other, testWait) }()
	id := friend.receive().Get("id")
	mallory.send(`<iq type='result' to='irc.localhost' id='` + id + `'/>`)
	mallory.send(`<iq type='error' to='irc.localhost' id='` + id + `'><error type='cancel'/></iq>`)
	mallory.alive()
	select {
	case err := <-result:
		t.Fatalf("the answer of %s was taken for that of %s: %v", to, other, err)
	default:
	}
	friend.send(`<iq type='result' to='irc.localhost' id='` + id + `'/>`)
	if err := <-result; err != nil {
		t.Errorf("the right answer was not taken: %v", err)
	}
}

// A user whose handler never returns delays nobody else; what he sends on is refused once his queue is full.
func TestStuckUser(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	w := newWorld(t, func(o *Options) {
		o.Transport.(*scripted).onDo = func(s *scriptedSession, r transports.Request) error {
			if _, ok := r.(transports.Send); ok && s.user.Local == "stuck" {
				<-release
			}
			return nil
		}
	}).connected()
	defer close(release)
	stuck, alice := w.client("stuck@localhost/x"), w.client("alice@localhost/phone")
	w.enter(stuck)
	for range 2*maxStanzas + 2 { // one batch in work, one queue full, and some that do not fit
		stuck.send(`<message type='groupchat' id='m' to='#go%irc.example@irc.localhost'><body>x</body></message>`)
	}
	s := w.enter(alice)
	for range 200 {
		alice.send(`<message type='groupchat' id='m' to='#go%irc.example@irc.localhost'><body>x</body></message>`)
		m := next[transports.Send](t, s)
		s.emit(t, transports.Message{Ref: m.Ref, Part: 1, Of: 1, Room: m.To, Body: m.Body})
		alice.expect(`<message type='groupchat' id='m'/>`)
	}
	stuck.expect(`<message type='error' id='m'><error type='wait'><resource-constraint xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>`)
}

// A flood in a channel waits at the network's side; its users' own stanzas are taken.
func TestFloodDoesNotRefuseOwnStanzas(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil).connected()
	alice := w.client("alice@localhost/phone")
	s := w.enter(alice)
	room := transports.Target{Kind: transports.TargetRoom, Network: "irc.example", ID: "#go"}
	bob := &transports.Person{Nick: "bob"}
	const flood, own = 20000, 100
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range flood {
			s.emit(t, transports.Message{Room: room, From: bob, Body: fmt.Sprint(i)})
		}
	}()
	go func() {
		for range own {
			select {
			case r := <-s.requests:
				if m, ok := r.(transports.Send); ok {
					s.emit(t, transports.Message{Ref: m.Ref, Part: 1, Of: 1, Room: m.To, Body: m.Body})
				}
			case <-s.ctx.Done():
				return
			}
		}
	}()
	for i := range own {
		alice.send(fmt.Sprintf(`<message type='groupchat' id='own%d' to='#go%%irc.example@irc.localhost'><body>mine</body></message>`, i))
	}
	lines, mine := 0, 0
	for lines < flood || mine < own {
		e := alice.receive()
		switch {
		case e.Get("type") == "error":
			t.Fatalf("an own stanza was refused:\n%s", e)
		case strings.HasPrefix(e.Get("id"), "own"):
			if e.Get("id") != fmt.Sprintf("own%d", mine) {
				t.Fatalf("own messages out of order: %s is number %d", e.Get("id"), mine)
			}
			mine++
		default:
			if got := e.Child("jabber:client", "body").Text(); got != fmt.Sprint(lines) {
				t.Fatalf("line %d is %q: lost or out of order", lines, got)
			}
			lines++
		}
	}
	<-done
}

// A panic in a handler is logged and answered, and harms nobody.
func TestPanicIsAnswered(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *Options) {
		o.Transport.(*scripted).onDo = func(_ *scriptedSession, r transports.Request) error {
			if _, ok := r.(transports.Send); ok {
				panic("as the script says")
			}
			return nil
		}
	}).connected()
	alice := w.client("alice@localhost/phone")
	w.enter(alice)
	alice.ask(`<message type='groupchat' id='m' to='#go%irc.example@irc.localhost'><body>x</body></message>`,
		`<message type='error' id='m'><error><internal-server-error xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>`)
	alice.alive()
	if !strings.Contains(w.log.String(), "a handler panicked") {
		t.Error("the panic is not in the log")
	}
}

// What the gateway writes is well-formed whatever the network says.
func TestHostileTextFromTheNetwork(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil).connected()
	alice := w.client("alice@localhost/phone")
	s := w.enter(alice)
	room := transports.Target{Kind: transports.TargetRoom, Network: "irc.example", ID: "#go"}
	evil := "\x00\x01\x02\x1b]]></body></message></stream:stream><!DOCTYPE x>&lol;'\"\xff\xfe\ufffe" + strings.Repeat("𝄞", 100)
	who := &transports.Person{Nick: evil[:40], Ident: evil, Host: "x'/><y>"}
	s.emit(t, transports.Joined{Room: room, Member: transports.Member{Person: who}})
	s.emit(t, transports.Message{Room: room, From: who, Body: evil})
	s.emit(t, transports.Subject{Room: room, Text: evil, By: evil})
	s.emit(t, transports.Message{From: who, Body: evil})
	s.emit(t, transports.Notice{Text: evil})
	s.emit(t, transports.Parted{Room: room, Nick: who.Nick, How: transports.PartKicked, By: evil, Reason: evil})
	for range 6 {
		alice.receive()
	}
	alice.alive()
	if errs := w.xmpp.StreamErrors(); len(errs) > 0 {
		t.Errorf("streams ended: %v", errs)
	}
}

// A server that stops reading holds up nobody for ever, and a server that is silent is found out.
func TestStalledServerIsFoundOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *Options) {
		o.Timing.Silence, o.Timing.PingTimeout = 20*time.Millisecond, 100*time.Millisecond
	}).connected()
	if err := w.xmpp.Stall(testDomain); err != nil {
		t.Fatal(err)
	}
	w.logged("the XMPP server does not answer pings")
	if err := w.xmpp.Resume(testDomain); err != nil {
		t.Fatal(err)
	}
	w.logged("connected to the XMPP server", "connected to the XMPP server")
	alice := w.client("alice@localhost/phone")
	answered := func() bool { // a machine that is busy may find the server silent again, and what was on its way is lost with the stream
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		alice.send(`<iq type='get' id='alive' to='irc.localhost'><ping xmlns='urn:xmpp:ping'/></iq>`)
		e, err := alice.c.Receive(ctx)
		return err == nil && e.Get("type") == "result"
	}
	for end := time.Now().Add(testWait); !answered(); {
		if time.Now().After(end) {
			t.Fatalf("nobody answers any more\nlog:\n%s", w.log.String())
		}
	}
}

// Lines of IRC that ask for any number of rooms make no more work at a time than anything else that a user asks for.
func TestRawLinesWithManyRooms(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil).connected()
	alice := w.client("alice@localhost/phone")
	waiting := make(chan int)
	w.gateway.onUser(transports.Address{Local: "alice", Domain: "localhost"}, func(u *user) {
		answer := transports.RawAnswer{}
		for i := range 10 {
			answer.Join = append(answer.Join, transports.Join{Room: transports.Target{Kind: transports.TargetRoom, Network: "irc.example", ID: fmt.Sprint("#", i)}})
		}
		for range 100 {
			u.rawAnswer(saidTo(w.gateway.botAddress(), transports.Address{Local: "alice", Domain: "localhost", Resource: "phone"}, ""), answer)
		}
		waiting <- u.awaited
	})
	if n := <-waiting; n > maxAwaited {
		t.Errorf("%d things wait", n)
	}
	for !strings.Contains(alice.receive().String(), "Too much of yours is waiting") {
	}
}
