package ircbridge

import (
	"context"
	"strings"
	"testing"

	"passerelle/internal/ircd"
	"passerelle/transports"
)

// done waits for the answer to a request.
func done(t *testing.T, h *recorder, ref transports.Ref) error {
	t.Helper()
	return await(t, h, func(d transports.Done) bool { return d.Ref == ref }).Err
}

func succeeds(t *testing.T, h *recorder, ref transports.Ref) {
	t.Helper()
	if err := done(t, h, ref); err != nil {
		t.Errorf("request %d: %v", ref, err)
	}
}

func TestModerate(t *testing.T) {
	t.Parallel()
	server, s, h := entered(t, ircd.Options{})
	room := roomOf("#test")
	bob := ircd.Dial(t, server.Addr(), "bob")
	bob.Send(t, "JOIN #test")
	await[transports.Joined](t, h)
	who := transports.Person{Nick: "bob"}
	do(t, s, transports.Moderate{Ref: 2, Room: room, Who: who, Grant: transports.RoleVoice | transports.RoleOp})
	if e := await[transports.RoleChanged](t, h); e.Nick != "bob" || e.Grant != transports.RoleVoice || e.By != "Alice" {
		t.Errorf("got %s", describe(e))
	}
	succeeds(t, h, 2)
	// A rank that the network lacks is the one beside it; that he has it is said by nobody.
	do(t, s, transports.Moderate{Ref: 3, Room: room, Who: who, Grant: transports.RoleHalfOp})
	succeeds(t, h, 3)
	wantKind(t, s.Do(context.Background(), transports.Moderate{Room: room, Who: who, Grant: transports.RoleOwner}), transports.Unsupported)
	do(t, s, transports.Moderate{Ref: 4, Room: room, Who: transports.Person{Nick: "nobody"}, Grant: transports.RoleVoice})
	wantKind(t, done(t, h, 4), transports.NotFound)
	// A ban by host, and the kick that belongs to it.
	do(t, s, transports.Moderate{Ref: 5, Room: room, Who: transports.Person{Nick: "bob", Host: "host.test"}, Ban: true, Kick: true, Reason: "out"})
	bob.Expect(t, "MODE #test +b *!*@host.test")
	bob.Expect(t, "KICK #test bob :out")
	if e := await[transports.Parted](t, h); e.How != transports.PartBanned || e.By != "Alice" || e.Reason != "out" {
		t.Errorf("got %s", describe(e))
	}
	succeeds(t, h, 5)
	do(t, s, transports.Inspect{Ref: 6, Room: room, Bans: true})
	if e := await[transports.BanList](t, h); e.Ref != 6 || len(e.Bans) != 1 || e.Bans[0].Mask != "*!*@host.test" || e.Bans[0].By != "Alice" || e.Bans[0].Time.IsZero() {
		t.Errorf("got %+v", e)
	}
	do(t, s, transports.Moderate{Ref: 7, Room: room, Who: transports.Person{Nick: "bob", Host: "host.test"}, Unban: true})
	succeeds(t, h, 7)
	do(t, s, transports.Moderate{Ref: 8, Room: room, Mask: "*!*@*.bad.example", Ban: true})
	succeeds(t, h, 8)
	do(t, s, transports.Inspect{Ref: 9, Room: room, Bans: true})
	if e := await[transports.BanList](t, h); e.Ref != 9 || len(e.Bans) != 1 || e.Bans[0].Mask != "*!*@*.bad.example" {
		t.Errorf("got %+v", e)
	}
	for i := range transports.Ref(20) {
		do(t, s, transports.Moderate{Ref: 100 + i, Room: room, Mask: strings.Repeat("x", int(i)+1) + "!*@*", Ban: true})
	}
	wantKind(t, done(t, h, 119), transports.Policy)
	// Who is let in and not kicked was not banned, though the same person did both.
	bob.Send(t, "JOIN #test")
	await[transports.Joined](t, h)
	do(t, s, transports.Moderate{Ref: 10, Room: room, Who: who, Kick: true})
	if e := await[transports.Parted](t, h); e.How != transports.PartKicked {
		t.Errorf("got %s", describe(e))
	}
	// And neither was who is kicked after his ban was lifted.
	do(t, s, transports.Moderate{Ref: 11, Room: room, Who: who, Ban: true})
	do(t, s, transports.Moderate{Ref: 12, Room: room, Who: who, Unban: true})
	succeeds(t, h, 12)
	bob.Send(t, "JOIN #test")
	await[transports.Joined](t, h)
	do(t, s, transports.Moderate{Ref: 13, Room: room, Who: who, Kick: true})
	if e := await[transports.Parted](t, h); e.How != transports.PartKicked {
		t.Errorf("got %s", describe(e))
	}
}

// A line of several modes is refused mode by mode: that is one answer, and nothing more to say.
func TestRefusedModeByMode(t *testing.T) {
	t.Parallel()
	p, s, h := scripted(t, "")
	p.EnterChannel(t, "alice")
	await[transports.Entered](t, h)
	who := transports.Person{Nick: "bob"}
	do(t, s, transports.Moderate{Ref: 2, Room: roomOf("#test"), Who: who, Revoke: transports.RoleVoice | transports.RoleOp})
	p.Expect(t, "MODE #test -vo bob bob")
	p.Send(t, ":irc.test 482 alice #test :You must be a channel op or higher to unset channel mode v",
		":irc.test 482 alice #test :You must be a channel op or higher to unset channel mode o", ":irc.test PONG irc.test :done-1",
		":bob!b@h PRIVMSG #test :after")
	wantKind(t, done(t, h, 2), transports.Denied)
	if m, ok := h.next(t).(transports.Message); !ok || m.Body != "after" {
		t.Errorf("got %s", describe(m))
	}
}

func TestConfigureChannel(t *testing.T) {
	t.Parallel()
	server, s, h := entered(t, ircd.Options{})
	room := roomOf("#test")
	if e := await[transports.ModesChanged](t, h); e.Ref != 0 || e.Set != transports.ModeNoOutside || e.Set|e.Unset != allModes {
		t.Errorf("after entering: got %s", describe(e))
	}
	do(t, s, transports.Configure{Ref: 2, Room: room, Set: transports.ModeKey | transports.ModeLimit | transports.ModeModerated, Key: "sesame", Limit: 5})
	if e := await[transports.ModesChanged](t, h); e.Key != "sesame" || e.Limit != 5 || !e.Set.Has(transports.ModeModerated) {
		t.Errorf("got %s", describe(e))
	}
	succeeds(t, h, 2)
	do(t, s, transports.Configure{Ref: 3, Room: room, Set: transports.ModeKey, Key: "other"})
	wantKind(t, done(t, h, 3), transports.Conflict)
	do(t, s, transports.Inspect{Ref: 4, Room: room})
	if e := await[transports.ModesChanged](t, h); e.Ref != 4 || e.Key != "sesame" || e.Limit != 5 || e.Set.Has(transports.ModeSecret) {
		t.Errorf("got %s", describe(e))
	}
	do(t, s, transports.Configure{Ref: 5, Room: room, Unset: transports.ModeKey | transports.ModeLimit | transports.ModeSecret})
	succeeds(t, h, 5)
	for _, q := range []transports.Configure{
		{Room: room, Set: transports.ModeKey},
		{Room: room, Set: transports.ModeKey, Key: "a b"},
		{Room: room, Set: transports.ModeKey, Key: ":x"},
		{Room: room, Set: transports.ModeKey, Key: "x\r\nQUIT"},
		{Room: room, Set: transports.ModeLimit},
		{Room: room, Set: transports.ModeLimit, Limit: -1},
	} {
		wantKind(t, s.Do(context.Background(), q), transports.BadRequest)
	}
	bob := ircd.Dial(t, server.Addr(), "bob")
	bob.Send(t, "JOIN #other")
	bob.Expect(t, "JOIN #other")
	enter(t, s, h, "#other", "")
	do(t, s, transports.Configure{Ref: 6, Room: roomOf("#other"), Set: transports.ModeModerated})
	wantKind(t, done(t, h, 6), transports.Denied)
}

func TestInvite(t *testing.T) {
	t.Parallel()
	server, s, h := entered(t, ircd.Options{})
	bob := ircd.Dial(t, server.Addr(), "bob")
	do(t, s, transports.Invite{Ref: 2, Room: roomOf("#test"), Nick: "bob"})
	bob.Expect(t, "INVITE bob #test")
	succeeds(t, h, 2)
	do(t, s, transports.Invite{Ref: 3, Room: roomOf("#test"), Nick: "nobody"})
	wantKind(t, done(t, h, 3), transports.NotFound)
	bob.Send(t, "JOIN #test", "JOIN #den", "INVITE Alice #den", "INVITE Alice #test")
	if e := await[transports.Invited](t, h); e.Room != roomOf("#den") || e.From.Nick != "bob" {
		t.Errorf("got %s", describe(e))
	}
	do(t, s, transports.Invite{Ref: 4, Room: roomOf("#test"), Nick: "bob"})
	wantKind(t, done(t, h, 4), transports.Conflict)
}

// Masks, keys and nicks that would be read as something else are refused, and nothing of them is written.
func TestModerateNonsense(t *testing.T) {
	t.Parallel()
	_, s, _ := entered(t, ircd.Options{})
	room := roomOf("#test")
	for _, q := range []transports.Moderate{
		{Room: room, Mask: "*!*@*\r\nQUIT", Ban: true},
		{Room: room, Mask: "a b!*@*", Ban: true},
		{Room: room, Mask: "+o", Ban: true},
		{Room: room, Mask: strings.Repeat("x", maxMask+1), Ban: true},
		{Room: room, Mask: "*!*@*", Grant: transports.RoleOp},
		{Room: room, Mask: "*!*@*", Kick: true},
		{Room: room, Kick: true},
		{Room: room, Who: transports.Person{Nick: "a,b"}, Kick: true},
		{Room: room, Who: transports.Person{Nick: "*!*@*"}, Grant: transports.RoleOp},
	} {
		wantKind(t, s.Do(context.Background(), q), transports.BadRequest)
	}
	wantKind(t, s.Do(context.Background(), transports.Invite{Room: room, Nick: "#test"}), transports.BadRequest)
	for _, q := range []transports.Request{
		transports.Inspect{Room: roomOf("#no")}, transports.Configure{Room: roomOf("#no")}, transports.Invite{Room: roomOf("#no"), Nick: "x"},
	} {
		wantKind(t, s.Do(context.Background(), q), transports.NotJoined)
	}
}

// A bouncer answers a PING by itself: there the MODE that the network shows is the answer.
func TestModerateBehindBouncer(t *testing.T) {
	t.Parallel()
	p, s, h := bouncer(t)
	room := roomOf("#test")
	do(t, s, transports.Moderate{Ref: 2, Room: room, Who: transports.Person{Nick: "bob"}, Grant: transports.RoleVoice})
	p.Expect(t, "MODE #test +v bob")
	p.Send(t, ":alice!u@host.test MODE #test +v bob")
	succeeds(t, h, 2)
	do(t, s, transports.Moderate{Ref: 3, Room: room, Who: transports.Person{Nick: "bob"}, Revoke: transports.RoleVoice})
	p.Expect(t, "MODE #test -v bob")
	p.Send(t, ":irc.test 482 alice #test :You're not channel operator")
	wantKind(t, done(t, h, 3), transports.Denied)
	// What waits is answered when the user leaves.
	do(t, s, transports.Inspect{Ref: 4, Room: room, Bans: true})
	do(t, s, transports.Leave{Room: room})
	wantKind(t, done(t, h, 4), transports.NotJoined)
}
