package ircbridge

import (
	"strings"
	"testing"

	"passerelle/internal/ircd"
	"passerelle/transports"
)

const labelCaps = "batch echo-message labeled-response message-tags standard-replies"

// labelOf reads up to a line, and gives its label.
func labelOf(t *testing.T, p *ircd.Peer, of string) string {
	t.Helper()
	line := p.Expect(t, of)
	tags, _, _ := strings.Cut(line, " ")
	label, ok := strings.CutPrefix(tags, "@label=")
	if !ok {
		t.Fatalf("%q has no label", line)
	}
	return label
}

// inLabelled is a session in #test on a network that answers by labels.
func inLabelled(t *testing.T) (*ircd.Peer, transports.Session, *recorder) {
	t.Helper()
	p, s, h := scripted(t, labelCaps)
	p.EnterChannel(t, "alice")
	await[transports.Entered](t, h)
	return p, s, h
}

// TestJoinRefusedByLabel: which of several channels one is not let into the label says, where the refusal names none.
func TestJoinRefusedByLabel(t *testing.T) {
	t.Parallel()
	p, s, h := inLabelled(t)
	do(t, s, transports.Join{Ref: 2, Room: roomOf("#a")})
	do(t, s, transports.Join{Ref: 3, Room: roomOf("#b")})
	do(t, s, transports.Join{Ref: 4, Room: roomOf("#c")})
	a, b, c := labelOf(t, p, "JOIN #a"), labelOf(t, p, "JOIN #b"), labelOf(t, p, "JOIN #c")
	for _, refusal := range []struct {
		line string
		ref  transports.Ref
		kind transports.Kind
		text string
	}{
		{"@label=" + b + " :irc.test FAIL JOIN TOO_FAST :Slow down", 3, transports.Busy, "#b"},
		{"@label=" + a + " :irc.test FAIL * ACCOUNT_REQUIRED :Log in first", 2, transports.NotRegistered, "#a"},
		{"@label=" + c + " :irc.test 405 alice :Too many channels", 4, transports.Policy, "#c"},
	} {
		p.Send(t, refusal.line)
		d := await[transports.Done](t, h)
		if e := wantKind(t, d.Err, refusal.kind); d.Ref != refusal.ref || !strings.Contains(e.Text, refusal.text) {
			t.Errorf("%s: got %d %s", refusal.line, d.Ref, e.Text)
		}
	}
}

// TestJoinLedElsewhere: a channel that leads to another one without a word (470) is refused at once, and the other one left.
func TestJoinLedElsewhere(t *testing.T) {
	t.Parallel()
	p, s, h := inLabelled(t)
	do(t, s, transports.Join{Ref: 2, Room: roomOf("#go")})
	p.Send(t, "@label="+labelOf(t, p, "JOIN #go")+" :irc.test BATCH +j labeled-response", "@batch=j :alice!a@h JOIN ##golang",
		"@batch=j :irc.test 353 alice = ##golang :alice", "@batch=j :irc.test 366 alice ##golang :End", ":irc.test BATCH -j")
	d := await[transports.Done](t, h)
	if e := wantKind(t, d.Err, transports.Denied); d.Ref != 2 || !strings.Contains(e.Text, "Join ##golang") {
		t.Errorf("got %d %s", d.Ref, e.Text)
	}
	p.Expect(t, "PART ##golang")
}

// TestJoinPassedOver: channels of which a network says nothing in its answer to a JOIN of several are asked for again, each alone.
func TestJoinPassedOver(t *testing.T) {
	t.Parallel()
	script := ircd.NewScript(t, nil)
	s, h := open(t, newTransport(t, Options{Networks: plainNet(script.Addr)}), alice)
	for i, name := range []string{"#a", "#b", "#c"} {
		do(t, s, transports.Join{Ref: transports.Ref(i + 1), Room: roomOf(name), Nick: "alice"})
	}
	p := script.Accept(t)
	p.Expect(t, "USER ")
	p.Send(t, ":irc.test CAP * LS :"+labelCaps)
	p.Expect(t, "CAP REQ")
	p.Send(t, ":irc.test CAP * ACK :"+labelCaps)
	p.Expect(t, "CAP END")
	p.Send(t, ":irc.test 001 alice :Welcome", ":irc.test 376 alice :End of MOTD")
	first := labelOf(t, p, "JOIN #a,#b,#c")
	p.Send(t, "@label="+first+" :irc.test BATCH +j labeled-response", "@batch=j :alice!a@h JOIN #a", "@batch=j :irc.test 353 alice = #a :alice",
		"@batch=j :irc.test 366 alice #a :End", "@batch=j :irc.test 473 alice #b :Cannot join channel (+i)", ":irc.test BATCH -j")
	if e := await[transports.Entered](t, h); e.Ref != 1 {
		t.Errorf("got %s", describe(e))
	}
	if d := await[transports.Done](t, h); d.Ref != 2 {
		t.Errorf("got %+v", d)
	}
	again := labelOf(t, p, "JOIN #c")
	if again == first {
		t.Error("the label is that of the first JOIN")
	}
	p.Send(t, "@label="+again+" :irc.test ACK", ":alice!a@h JOIN #c", ":irc.test 353 alice = #c :alice", ":irc.test 366 alice #c :End")
	if e := await[transports.Entered](t, h); e.Ref != 3 {
		t.Errorf("got %s", describe(e))
	}
}
