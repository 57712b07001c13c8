package ircbridge

import (
	"fmt"
	"testing"

	"passerelle/transports"
)

// What a network tells of people is known from then on, of whoever it is.
func TestPersonChanged(t *testing.T) {
	t.Parallel()
	p, _, h := scripted(t, "account-notify chghost setname account-tag message-tags")
	p.Expect(t, "JOIN #test")
	p.Send(t, ":alice!a@h JOIN #test", ":irc.test 353 alice = #test :alice!a@h bob!b@h carol!c@h",
		":bob!b@h ACCOUNT liddell", ":carol!c@h CHGHOST c2 cloak.example", ":irc.test 366 alice #test :End")
	e := await[transports.Entered](t, h)
	for i, want := range []string{"alice!a@h", "bob!b@h account=liddell", "carol!c2@cloak.example"} {
		if got := person(*e.Members[i].Person); got != want {
			t.Errorf("entered with %s, want %s", got, want)
		}
	}
	const user, account, name = transports.KnownUser, transports.KnownAccount, transports.KnownRealName
	for _, tc := range []struct {
		line  string
		who   string
		known transports.PersonFields
	}{
		{":bob!b@h ACCOUNT Liddell", "bob!b@h account=Liddell", user | account},
		{":bob!b@h ACCOUNT *", "bob!b@h", user | account},
		{":bob!b@h ACCOUNT :", "bob!b@h", user | account},
		{":bob ACCOUNT x:y[1]", "bob account=x:y[1]", account},
		{":bob!b@h CHGHOST ~new new.example", "bob!~new@new.example", user},
		{"@account=l :bob!b@h CHGHOST b h2", "bob!b@h2 account=l", user},
		{":bob!b@h SETNAME :Bob \x02B.\x02", `bob!b@h realname="Bob B."`, user | name},
		{":alice!a@h CHGHOST a cloak", "alice!a@cloak", user},
		{":alice!a@h ACCOUNT mine", "alice!a@h account=mine", user | account},
		{":irc.test 352 alice #test b h irc.test bob G :0 Bob", `bob!b@h realname="Bob"`, user | name},
		{":irc.test 354 alice 743 b h bob H@ liddell :Bob B.", `bob!b@h account=liddell realname="Bob B."`, user | account | name},
		{":irc.test 354 alice 743 b h bob H 0 :", "bob!b@h", user | account | name},
		{":irc.test 396 alice cloak2 :is now your displayed host", "alice!a@cloak2 account=mine", user},
	} {
		p.Send(t, tc.line)
		if e := await[transports.PersonChanged](t, h); person(*e.Who) != tc.who || e.Known != tc.known {
			t.Errorf("%s: got %s, %b, want %s, %b", tc.line, person(*e.Who), e.Known, tc.who, tc.known)
		}
	}
	// What makes no sense changes nothing.
	p.Send(t, ":bob!b@h ACCOUNT", ":bob!b@h CHGHOST x", ":bob!b@h CHGHOST", ":irc.test ACCOUNT x", ":irc.test 354 alice 1 b h bob H 0 :x",
		":irc.test 354 alice 743 b h", ":irc.test 352 alice #test", ":bob!b@h PRIVMSG #test :after")
	for {
		switch e := h.next(t).(type) {
		case transports.PersonChanged:
			t.Fatalf("got %+v", e)
		case transports.Message:
			return
		}
	}
}

// Who is in a small channel is asked once, with what the network may be asked for.
func TestWhox(t *testing.T) {
	t.Parallel()
	for isupport, want := range map[string]string{"WHOX": "WHO #test %tuhnfar,743", "WHOX=x": "WHO #test %tuhnfar,743", "NETWORK=x": "WHO #test", "WHOX -WHOX": "WHO #test"} {
		p, _, _ := scripted(t, "")
		p.Send(t, ":irc.test 005 alice "+isupport+" :are supported")
		p.Expect(t, "JOIN #test")
		p.Send(t, ":alice!a@h JOIN #test", ":irc.test 353 alice = #test :alice bob", ":irc.test 366 alice #test :End")
		if got := p.Expect(t, "WHO "); got != want {
			t.Errorf("%s: asked %q, want %q", isupport, got, want)
		}
	}
}

// A real name that is set while one is connected is told at once, where the network takes it.
func TestSetname(t *testing.T) {
	t.Parallel()
	for caps, tells := range map[string]bool{"setname": true, "draft/setname": true, "batch": false} {
		set := withSettings(map[string]string{})
		p, s, h, tr := scriptedWith(t, caps, Options{Settings: set})
		p.EnterChannel(t, "alice")
		await[transports.Entered](t, h)
		set.set(map[string]string{SettingRealname: "Alice L."})
		on := transports.Target{Kind: transports.TargetNetwork, Network: testNet}
		tr.SettingsChanged(t.Context(), alice, on)
		do(t, s, transports.Send{Ref: 2, To: roomOf("#test"), Body: "after"})
		want := "PRIVMSG #test :after"
		if tells {
			want = "SETNAME :Alice L."
		}
		if got, err := p.Line(); err != nil || got != want {
			t.Errorf("%s: got %q, %v, want %q", caps, got, err, want)
		}
		if !tells {
			continue
		}
		p.Expect(t, "PRIVMSG")
		p.Send(t, ":irc.test FAIL SETNAME INVALID_REALNAME :Realname is not valid")
		await(t, h, func(n transports.Notice) bool { return n.Text == "Realname is not valid" })
		tr.SettingsChanged(t.Context(), alice, on) // nothing new
		do(t, s, transports.Send{Ref: 3, To: roomOf("#test"), Body: "more"})
		if got, err := p.Line(); err != nil || got != "PRIVMSG #test :more" {
			t.Errorf("got %q, %v", got, err)
		}
	}
}

// Who invites without end is not heard without end.
func TestInvitationsOfOthers(t *testing.T) {
	t.Parallel()
	p, _, h := scripted(t, "invite-notify")
	p.EnterChannel(t, "alice")
	await[transports.Entered](t, h)
	for i := range 10 * ctcpBurst {
		p.Send(t, fmt.Sprintf(":bob!b@h INVITE nick%d #test", i))
	}
	p.Send(t, ":bob!b@h PRIVMSG #test :enough")
	told := 0
	for {
		switch e := h.next(t).(type) {
		case transports.Notice:
			if told++; told == 1 && (e.Text != "nick0 has been invited by bob" || e.Room != roomOf("#test")) {
				t.Errorf("got %s", describe(e))
			}
			continue
		case transports.Message:
			if told == 0 || told > 2*ctcpBurst {
				t.Errorf("told of %d", told)
			}
			return
		}
	}
}
