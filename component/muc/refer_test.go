package muc

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"passerelle/component/downgrade"
	"passerelle/transports"
)

// carrying is a room of a network that carries everything.
func carrying(t *testing.T) *play {
	t.Helper()
	p := newPlay(t)
	p.features = transports.Features{Types: true, Reacts: true, Unreacts: true, Replies: true, Redacts: true}
	p.enter()
	return p
}

func (p *play) say(id, payload string) {
	p.t.Helper()
	p.stanza(`<message from='alice@localhost/phone' to='#go%irc.example@irc.localhost' type='groupchat' id='` + id + `'>` + payload + `</message>`)
}

// sent is what came out of a step.
func (p *play) sent(step func()) string {
	p.t.Helper()
	p.log.Reset()
	step()
	_, out, _ := strings.Cut(p.log.String(), "\n")
	return out
}

func (p *play) wants(what string, out string, parts ...string) {
	p.t.Helper()
	if len(parts) == 0 && out != "" {
		p.t.Errorf("%s: got\n%swant nothing", what, out)
	}
	for _, part := range parts {
		if !strings.Contains(out, part) {
			p.t.Errorf("%s: got\n%swant %s", what, out, part)
		}
	}
}

// What the network refuses comes back to who asked, and is as before.
func TestReferRefused(t *testing.T) {
	t.Parallel()
	p := carrying(t)
	p.event(transports.Message{Room: goChannel, From: bob(), Body: "shall we go?", ID: "n1"}) // id2
	const thumb = `<reactions xmlns='urn:xmpp:reactions:0' id='id2'><reaction>👍</reaction></reactions>`
	refuse := func() {
		p.event(transports.Done{Ref: p.refs, Err: transports.NewError(transports.Denied, "No.", nil)})
	}
	p.wants("a reaction", p.sent(func() { p.say("r1", thumb) }), "React {Ref:2", "On:n1 Add:[👍] Remove:[]}")
	p.wants("its refusal", p.sent(refuse), "id='r1'", "forbidden")
	p.wants("again", p.sent(func() { p.say("r2", thumb) }), "On:n1 Add:[👍] Remove:[]}")
	p.wants("its end", p.sent(func() { p.event(transports.Done{Ref: p.refs}) }), "id='r2'", "<reaction>👍</reaction>")
	p.wants("as it is", p.sent(func() { p.say("r3", thumb) }), "id='r3'") // shown, and nothing asked
	p.wants("another one", p.sent(func() {
		p.say("r4", `<reactions xmlns='urn:xmpp:reactions:0' id='id2'><reaction>🎉</reaction></reactions>`)
	}), "Add:[🎉] Remove:[👍]}")
	p.say("t1", `<retract xmlns='urn:xmpp:message-retract:1' id='id2'/>`) // it is bob's
	p.say("m1", `<body>hello</body>`)
	p.event(transports.Message{Ref: p.refs, Part: 1, Of: 1, Room: goChannel, From: &transports.Person{Nick: "alice"}, Body: "hello", ID: "n2"})
	p.wants("taking back", p.sent(func() { p.say("t2", `<retract xmlns='urn:xmpp:message-retract:1' id='m1'/>`) }), "Redact {Ref:", "Messages:[n2]")
	p.wants("its refusal", p.sent(refuse), "id='t2'", "forbidden")
	p.wants("a newcomer", p.sent(func() { p.stanza(joinLap) }), "<body>hello</body>")
}

// Of others' reactions so many are remembered, and what makes no difference is not shown.
func TestManyReactions(t *testing.T) {
	t.Parallel()
	p := carrying(t)
	p.event(transports.Message{Room: goChannel, From: bob(), Body: "hello", ID: "n1"})
	react := func(nick, on, sign string) string {
		return p.sent(func() {
			p.event(transports.Reacted{Room: goChannel, From: &transports.Person{Nick: nick}, On: on, Add: []string{sign}})
		})
	}
	shown := 0
	for i := range 1000 {
		if react(fmt.Sprint("user", i), "n1", "👍") != "" {
			shown++
		}
		p.wants("the same once more", react("user0", "n1", "👍"))
		p.wants("what nobody heard", react("user1", fmt.Sprint("unknown", i), "👍"))
	}
	if shown != maxReactors {
		t.Errorf("%d people's reactions were shown, want %d", shown, maxReactors)
	}
	for i := range 100 {
		react("user2", "n1", fmt.Sprint(i))
	}
	if l := p.room.byNetwork("n1"); len(l.since.reactors) != maxReactors || len(l.since.reactors[2].signs) != downgrade.MaxSigns {
		t.Errorf("%d people are remembered, one with %d signs", len(l.since.reactors), len(l.since.reactors[2].signs))
	}
	p.wants("nothing", react("user3", "n1", "  "))
	p.wants("without anybody", p.sent(func() { p.event(transports.Reacted{Room: goChannel, On: "n1", Add: []string{"👍"}}) }))
	p.wants("without anybody", p.sent(func() { p.event(transports.Redacted{Room: goChannel, Message: "n1"}) }))
	for i := range 3 * maxBuried {
		id := fmt.Sprint("gone", i)
		p.event(transports.Message{Room: goChannel, From: bob(), Body: id, ID: id})
		p.wants("taking back", p.sent(func() { p.event(transports.Redacted{Room: goChannel, By: bob(), Message: id}) }), "<retract ")
		p.wants("once more", p.sent(func() { p.event(transports.Redacted{Room: goChannel, By: bob(), Message: id}) }))
	}
	if len(p.room.buried) != maxBuried || len(p.room.older) > maxOlder {
		t.Errorf("%d lines that were taken back and %d old ones are remembered", len(p.room.buried), len(p.room.older))
	}
}

// Who takes back what somebody of his nick had said before him is somebody else.
func TestRetractedByAnother(t *testing.T) {
	t.Parallel()
	p := carrying(t)
	p.event(transports.Message{Room: goChannel, From: bob(), Body: "hello", ID: "n1"})
	p.event(transports.Parted{Room: goChannel, Nick: "bob"})
	other := &transports.Person{Nick: "bob", Ident: "o", Host: "elsewhere", Account: "other"}
	p.event(transports.Joined{Room: goChannel, Member: transports.Member{Person: other}})
	p.wants("taking back", p.sent(func() { p.event(transports.Redacted{Room: goChannel, By: other, Message: "n1", Reason: "mine"}) }),
		"from='#go%irc.example@irc.localhost' ", "<moderated ", "<reason>mine</reason>", "id-of-bobother")
}

// Who writes something is in the room, and it is no news of oneself. What the user writes himself he may keep to himself.
func TestTypingInRoom(t *testing.T) {
	t.Parallel()
	p := carrying(t)
	typing := func(nick string) string {
		return p.sent(func() { p.event(transports.Typing{Room: goChannel, Nick: nick, State: transports.ComposingActive}) })
	}
	p.wants("bob", typing("bob"), "<composing ", "<no-store ", "id-of-bob")
	p.wants("oneself", typing("alice"))
	p.wants("somebody else", typing("eve"))
	const composing = `<composing xmlns='http://jabber.org/protocol/chatstates'/>`
	p.wants("own", p.sent(func() { p.say("c1", composing) }), "ask: transports.Type {")
	p.typesNot = true
	// He does not want it to be seen any more, so what was told is taken back.
	p.wants("what is not to be seen", p.sent(func() { p.say("c2", composing) }), "ask: transports.Type {", "State:0}")
	p.now = p.now.Add(time.Minute)
	if out := p.sent(func() { p.stanza(joinLap) }); strings.Contains(out, "composing") {
		t.Errorf("a newcomer gets %s", out)
	}
}

// Somebody's name in a room is that of his account from the first time on that he is known by it, unless he said something before.
func TestOccupantIDOfAccount(t *testing.T) {
	t.Parallel()
	p := carrying(t)
	learn := func(account string) {
		p.event(transports.PersonChanged{Who: &transports.Person{Nick: "bob", Account: account}, Known: transports.KnownAccount})
	}
	learn("robert")
	if got := p.room.OccupantID("bob"); got != "id-of-bobrobert" {
		t.Errorf("known before he spoke: got %s", got)
	}
	learn("other")
	if got := p.room.OccupantID("bob"); got != "id-of-bobrobert" {
		t.Errorf("with another account: got %s", got)
	}
	p.event(transports.Joined{Room: goChannel, Member: transports.Member{Person: &transports.Person{Nick: "carol"}}})
	p.event(transports.Message{Room: goChannel, From: &transports.Person{Nick: "carol"}, Body: "hello"})
	p.event(transports.Message{Room: goChannel, From: &transports.Person{Nick: "carol", Account: "caroline"}, Body: "I am logged in now"})
	if got := p.room.OccupantID("carol"); got != "id-of-carol" {
		t.Errorf("known after she spoke: got %s", got)
	}
}

// shelf is an archive that has everything, finds nothing and notes what was taken back.
type shelf struct {
	kept      int
	retracted []string
}

func (s *shelf) Keep(Kept) string {
	s.kept++
	return fmt.Sprint("k", s.kept)
}
func (s *shelf) Withdraw(KeepHow, string)             {}
func (s *shelf) Find(string, string) (p Past, _ bool) { return p, false }
func (s *shelf) Retract(id, _ string)                 { s.retracted = append(s.retracted, id) }
func (s *shelf) Keeps() bool                          { return true }

// What was taken back is forgotten, and not what takes its place in the history when the word of that pushes older lines out.
func TestRetractedAtTheEdge(t *testing.T) {
	t.Parallel()
	for _, own := range []bool{false, true} {
		p, archive := carrying(t), new(shelf)
		p.room.opt.Archive = archive
		person := bob()
		if own {
			person = p.room.occupants.get("alice").person
		}
		for i := 1; i < 2*keepRecent; i++ {
			p.event(transports.Message{Room: goChannel, From: person, Body: fmt.Sprint("line ", i), ID: fmt.Sprint("n", i)})
		}
		if own {
			p.say("r", `<retract xmlns='urn:xmpp:message-retract:1' id='k3'/>`)
			p.event(transports.Done{Ref: p.refs})
		} else {
			p.event(transports.Redacted{Room: goChannel, By: person, Message: "n3"})
		}
		if len(p.room.history.lines) != keepRecent || len(archive.retracted) != 1 || archive.retracted[0] != "k3" {
			t.Errorf("own %t: %d lines are remembered, taken back were %q", own, len(p.room.history.lines), archive.retracted)
		}
	}
}
