package ircbridge

import (
	"strings"
	"testing"

	"passerelle/transports"
)

// TestRefusedByLabel: which of several requests a refusal answers its label says, whatever it names; what comes of the same request again
// is nobody else's.
func TestRefusedByLabel(t *testing.T) {
	t.Parallel()
	p, s, h := scripted(t, "batch echo-message labeled-response message-tags standard-replies")
	p.EnterChannel(t, "alice")
	await[transports.Entered](t, h)
	room := roomOf("#test")
	label := func(of string) string {
		t.Helper()
		line := p.Expect(t, of)
		tags, _, _ := strings.Cut(line, " ")
		value, ok := strings.CutPrefix(tags, "@label=")
		if !ok {
			t.Fatalf("%q has no label", line)
		}
		return value
	}
	refusal := func(ref transports.Ref, kind transports.Kind, text string) {
		t.Helper()
		d := await[transports.Done](t, h)
		if e := wantKind(t, d.Err, kind); d.Ref != ref || !strings.Contains(e.Text, text) {
			t.Errorf("got %d %v, want %d %s", d.Ref, d.Err, ref, text)
		}
	}
	do(t, s, transports.Send{Ref: 10, To: contact("bob"), Body: "hello"})
	said := label("PRIVMSG bob")
	do(t, s, transports.SetSubject{Ref: 12, Room: room, Subject: "x"})
	topic := label("TOPIC")
	do(t, s, transports.Invite{Ref: 13, Room: room, Nick: "carol"})
	invite := label("INVITE")
	do(t, s, transports.Moderate{Ref: 11, Room: room, Who: transports.Person{Nick: "bob"}, Grant: transports.RoleOp | transports.RoleVoice, Kick: true})
	voice, kick := label("MODE #test"), label("KICK #test bob")
	// The last ones first; the message to bob is not what he is missing for.
	p.Send(t, "@label="+invite+" :irc.test FAIL INVITE CANNOT :No")
	refusal(13, transports.Denied, "No.")
	p.Send(t, "@label="+topic+" :irc.test 482 alice #test :You're not channel operator")
	refusal(12, transports.Denied, "Only operators")
	p.Send(t, "@label="+kick+" :irc.test 401 alice bob :No such nick")
	refusal(11, transports.NotFound, "Nobody called bob")
	do(t, s, transports.SetSubject{Ref: 14, Room: room, Subject: "y"})
	topic = label("TOPIC")
	p.Send(t, "@label="+voice+" :irc.test 482 alice #test :You're not channel operator", "@label="+topic+" :irc.test 403 alice #test :No such channel",
		"@label="+said+" :alice!a@h PRIVMSG bob :hello")
	refusal(14, transports.NotJoined, "You are not in #test")
	if m := await[transports.Message](t, h); m.Ref != 10 {
		t.Errorf("got %s", describe(m))
	}
}
