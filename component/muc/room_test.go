package muc

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"passerelle/component/stanza"
	"passerelle/transports"
)

var update = flag.Bool("update", false, "write the golden files anew")

var (
	goChannel = transports.Target{Kind: transports.TargetRoom, Network: "irc.example", ID: "#go"}
	start     = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
)

// play drives a room and writes down what goes in and what comes out, one step after the other.
type play struct {
	t    *testing.T
	room *Room
	out  Out
	refs transports.Ref
	ids  int
	now  time.Time
	log  strings.Builder

	features transports.Features
	space    int
	typesNot bool
}

func newPlay(t *testing.T) *play {
	p := &play{t: t, now: start, space: maxOccupants}
	p.room = New(Options{
		Address: transports.Address{Local: "#go%irc.example", Domain: "irc.localhost"},
		Target:  goChannel,
		Host:    p,
		Now:     func() time.Time { return p.now },
		NewID:   func() string { p.ids++; return fmt.Sprintf("id%d", p.ids) },
	})
	return p
}

func addr(t *testing.T, s string) transports.Address {
	t.Helper()
	a, err := transports.ParseAddress(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// stanza feeds a stanza of a client.
func (p *play) stanza(s string) {
	p.t.Helper()
	st, err := stanza.Parse([]byte(s), stanza.NSComponent, stanza.Limits{})
	if err != nil {
		p.t.Fatalf("parse %s: %v", s, err)
	}
	defer st.Release()
	fmt.Fprintf(&p.log, "in: %s\n", s)
	e := st.Root
	from, to := addr(p.t, e.Attr("from")), addr(p.t, e.Attr("to"))
	switch {
	case e.Attr("type") == "error":
		p.room.Bounced(from, e.Child("", "error"), &p.out)
	case e.Name == "presence" && e.Attr("type") == "unavailable":
		p.room.Unavailable(from, e.Child("", "status").Text(), &p.out)
	case e.Name == "presence":
		p.room.Presence(from, to.Resource, e, &p.out)
	case e.Name == "message":
		p.room.Groupchat(from, e, &p.out)
	case e.Name == "iq":
		p.room.Admin(from, e, &p.out)
	}
	p.flush()
}

func (p *play) event(e transports.Event) {
	p.t.Helper()
	fmt.Fprintf(&p.log, "event: %s\n", describe(e))
	p.room.Event(e, &p.out)
	p.flush()
}

// flush writes down what came out.
func (p *play) flush() {
	for _, s := range split(p.t, p.out.Stanzas.Bytes()) {
		fmt.Fprintf(&p.log, "   out: %s\n", s)
	}
	for _, a := range p.out.Requests {
		fmt.Fprintf(&p.log, "   ask: %s\n", describe(a.Request))
	}
	for _, c := range p.out.Changes {
		verb := "leaves"
		if c.In {
			verb = "is in as " + c.Nick
		}
		fmt.Fprintf(&p.log, "   change: %s %s\n", c.Client, verb)
	}
	p.out.Reset()
}

// describe prints requests and events without the pointers that %+v would show.
func describe(v any) string {
	if e, ok := v.(transports.Entered); ok {
		var members []string
		for _, m := range e.Members {
			members = append(members, fmt.Sprintf("%s:%d", m.Person.Nick, m.Role))
		}
		return fmt.Sprintf("Entered ref=%d nick=%s members=%s subject=%q", e.Ref, e.Nick, strings.Join(members, ","), e.Subject)
	}
	if e, ok := v.(transports.Message); ok {
		nick := ""
		if e.From != nil {
			nick = e.From.Nick
		}
		return fmt.Sprintf("Message ref=%d part=%d/%d from=%s body=%q action=%t notice=%t", e.Ref, e.Part, e.Of, nick, e.Body, e.Action, e.Notice)
	}
	if q, ok := v.(transports.Moderate); ok {
		return fmt.Sprintf("Moderate ref=%d who=%s!%s@%s mask=%q grant=%05b revoke=%05b ban=%t unban=%t kick=%t reason=%q",
			q.Ref, q.Who.Nick, q.Who.Ident, q.Who.Host, q.Mask, q.Grant, q.Revoke, q.Ban, q.Unban, q.Kick, q.Reason)
	}
	if e, ok := v.(transports.PersonChanged); ok {
		who := transports.Person{}
		if e.Who != nil {
			who = *e.Who
		}
		return fmt.Sprintf("PersonChanged %+v known=%03b", who, e.Known)
	}
	if e, ok := v.(transports.Joined); ok {
		return fmt.Sprintf("Joined %s:%d", e.Member.Person.Nick, e.Member.Role)
	}
	return fmt.Sprintf("%T %+v", v, v)
}

// split cuts what a builder wrote into stanzas.
func split(t *testing.T, b []byte) []string {
	t.Helper()
	r := stanza.NewReader(strings.NewReader(string(b)+"</stream:stream>"), stanza.Limits{})
	var out []string
	for {
		st, err := r.Next()
		if err != nil {
			if len(out) == 0 && len(b) > 0 {
				t.Fatalf("the room wrote what cannot be read: %v\n%s", err, b)
			}
			return out
		}
		out = append(out, string(st.Root.AppendXML(nil, stanza.NSComponent)))
		st.Release()
	}
}

// golden compares the whole play with its file.
func (p *play) golden(name string) {
	p.t.Helper()
	file := filepath.Join("testdata", name+".txt")
	if *update {
		if err := os.WriteFile(file, []byte(p.log.String()), 0o644); err != nil {
			p.t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		p.t.Fatal(err)
	}
	if got := p.log.String(); got != string(want) {
		p.t.Errorf("%s: the play differs\ngot:\n%s\nwant:\n%s", file, got, want)
	}
}

const (
	joinAlice = `<presence from='alice@localhost/phone' to='#go%irc.example@irc.localhost/alice' id='j1'><x xmlns='http://jabber.org/protocol/muc'/></presence>`
	joinLap   = `<presence from='alice@localhost/laptop' to='#go%irc.example@irc.localhost/alice' id='j2'><x xmlns='http://jabber.org/protocol/muc'/></presence>`
)

func bob() *transports.Person {
	return &transports.Person{Nick: "bob", Ident: "~bob", Host: "host.example"}
}

// enter brings alice's phone into the room beside bob, an operator.
func (p *play) enter() {
	p.t.Helper()
	p.stanza(joinAlice)
	p.event(transports.Entered{
		Ref: 1, Room: goChannel, Nick: "alice", Subject: "all things Go", SubjectBy: "bob", SubjectTime: start.Add(-time.Hour),
		Members: []transports.Member{{Person: bob(), Role: transports.RoleOp}, {Person: &transports.Person{Nick: "alice"}}},
	})
}

func TestPlays(t *testing.T) {
	t.Parallel()
	plays := map[string]func(p *play){
		// XEP-0045 §7.1: others, self with 110, history, subject; a second client gets the same and the history.
		"join": func(p *play) {
			p.enter()
			p.event(transports.Message{Room: goChannel, From: bob(), Body: "hello"})
			p.now = p.now.Add(time.Minute)
			p.stanza(joinLap)
		},
		"join-refused": func(p *play) {
			p.stanza(`<presence from='alice@localhost/phone' to='#go%irc.example@irc.localhost/alice' id='j1'><x xmlns='http://jabber.org/protocol/muc'><password>wrong</password></x></presence>`)
			p.stanza(joinLap)
			p.event(transports.Done{Ref: 1, Err: transports.NewError(transports.NeedPassword, "#go needs another password.", nil)})
		},
		"join-other-nick": func(p *play) {
			p.stanza(joinAlice)
			p.event(transports.Entered{Ref: 1, Room: goChannel, Nick: "alice_", Members: []transports.Member{{Person: &transports.Person{Nick: "alice_"}}}})
		},
		// Before the room is entered, what happens on the whole network does not concern it.
		"join-early": func(p *play) {
			p.stanza(joinAlice)
			p.event(transports.Renamed{Old: "carol", New: "caroline"})
			p.event(transports.Parted{Nick: "caroline", How: transports.PartQuit})
			p.event(transports.Entered{Ref: 1, Room: goChannel, Nick: "alice", Members: []transports.Member{{Person: &transports.Person{Nick: "alice"}}}})
		},
		"join-again": func(p *play) {
			p.enter()
			p.stanza(joinAlice)
		},
		// XEP-0045 §7.7: the client alone sees what it says of itself.
		"availability": func(p *play) {
			p.enter()
			p.stanza(joinLap)
			p.stanza(`<presence from='alice@localhost/phone' to='#go%irc.example@irc.localhost/alice' id='a1'><show>away</show><status>lunch &lt;here&gt;</status><x xmlns='vcard-temp:x:update'/></presence>`)
			p.stanza(`<presence from='alice@localhost/phone' to='#go%irc.example@irc.localhost/alice' id='a2'><status>` + strings.Repeat("x", maxStatus+1) + `</status></presence>`)
		},
		"not-in": func(p *play) {
			p.stanza(`<message from='eve@localhost/x' to='#go%irc.example@irc.localhost' type='groupchat' id='m1'><body>hi</body></message>`)
			p.stanza(`<presence from='eve@localhost/x' to='#go%irc.example@irc.localhost/eve' id='p1'/>`)
		},
		"message": func(p *play) {
			p.enter()
			p.stanza(joinLap)
			p.stanza(`<message from='alice@localhost/phone' to='#go%irc.example@irc.localhost' type='groupchat' id='m1'><body>one
two</body><origin-id xmlns='urn:xmpp:sid:0' id='o1'/></message>`)
			p.event(transports.Message{Ref: 2, Part: 1, Of: 2, Room: goChannel, From: &transports.Person{Nick: "alice"}, Body: "one"})
			p.event(transports.Message{Ref: 2, Part: 2, Of: 2, Room: goChannel, From: &transports.Person{Nick: "alice"}, Body: "two"})
			// IRC says after the fact that one may not speak.
			p.event(transports.Done{Ref: 2, Err: transports.NewError(transports.Denied, "#go is moderated.", nil)})
		},
		"message-failed": func(p *play) {
			p.enter()
			p.stanza(`<message from='alice@localhost/phone' to='#go%irc.example@irc.localhost' type='groupchat' id='m1'><body>lost</body></message>`)
			p.event(transports.State{Err: transports.NewError(transports.Offline, "The connection to irc.example was lost.", nil), Retry: 5 * time.Second})
		},
		"message-half-sent": func(p *play) {
			p.enter()
			p.stanza(`<message from='alice@localhost/phone' to='#go%irc.example@irc.localhost' type='groupchat' id='m1'><body>one
two
three</body></message>`)
			p.event(transports.Message{Ref: 2, Part: 1, Of: 3, Room: goChannel, From: &transports.Person{Nick: "alice"}, Body: "one"})
			p.event(transports.Done{Ref: 2, Err: transports.NewError(transports.Offline, "The connection to irc.example was lost.", nil)})
		},
		// What IRC cannot carry is said in words there, and reflected whole to the user's clients.
		"rich": func(p *play) {
			p.enter()
			p.event(transports.Message{Room: goChannel, From: bob(), Body: "shall we go?"}) // id2
			say := func(id, payload string) {
				p.stanza(`<message from='alice@localhost/phone' to='#go%irc.example@irc.localhost' type='groupchat' id='` + id + `'>` + payload + `</message>`)
				p.event(transports.Message{Ref: p.refs, Part: 1, Of: 1, Room: goChannel, From: &transports.Person{Nick: "alice"}, Body: "as sent"})
			}
			say("m1", `<body>&gt; shall we go?
yes lets</body><reply xmlns='urn:xmpp:reply:0' to='#go%irc.example@irc.localhost/bob' id='id2'/><fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'><body start='0' end='15'/></fallback>`)
			say("m2", `<body>see you there at nine</body><origin-id xmlns='urn:xmpp:sid:0' id='o2'/>`)
			say("m3", `<body>see you there at ten</body><replace xmlns='urn:xmpp:message-correct:0' id='m2'/>`)
			say("m4", `<reactions xmlns='urn:xmpp:reactions:0' id='id2'><reaction>👍</reaction></reactions>`)
			say("m5", `<retract xmlns='urn:xmpp:message-retract:1' id='m2'/><stanza-id xmlns='urn:xmpp:sid:0' by='#go%irc.example@irc.localhost' id='forged'/>`)
			p.stanza(`<message from='alice@localhost/phone' to='#go%irc.example@irc.localhost' type='groupchat' id='m6'><body>secret</body><encryption xmlns='urn:xmpp:eme:0' namespace='eu.siacs.conversations.axolotl'/></message>`)
		},
		// What is of the moment goes to the user's own clients alone; what was taken back or is as before too, and is kept.
		"own-clients": func(p *play) {
			p.enter()
			p.stanza(joinLap)
			p.event(transports.Message{Room: goChannel, From: bob(), Body: "shall we go?"}) // id4
			say := func(id, payload string) {
				p.stanza(`<message from='alice@localhost/phone' to='#go%irc.example@irc.localhost' type='groupchat' id='` + id + `'>` + payload + `</message>`)
			}
			say("c1", `<composing xmlns='http://jabber.org/protocol/chatstates'/><no-store xmlns='urn:xmpp:hints'/>`)
			say("c2", `<displayed xmlns='urn:xmpp:chat-markers:0' id='id4'/><stanza-id xmlns='urn:xmpp:sid:0' by='#go%irc.example@irc.localhost' id='forged'/>`)
			say("c3", `<received xmlns='urn:xmpp:receipts' id='id4'/>`)
			say("c4", `<reactions xmlns='urn:xmpp:reactions:0' id='id4'/>`)
			p.stanza(`<presence from='alice@localhost/tablet' to='#go%irc.example@irc.localhost/alice' id='j3'><x xmlns='http://jabber.org/protocol/muc'/></presence>`)
			p.stanza(`<message from='eve@localhost/x' to='#go%irc.example@irc.localhost' type='groupchat' id='c5'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>`)
		},
		// A message that refers to another one refers to it as it stands by then.
		"changes": func(p *play) {
			p.enter()
			say := func(id, payload string, taken bool) {
				before := p.refs
				p.stanza(`<message from='alice@localhost/phone' to='#go%irc.example@irc.localhost' type='groupchat' id='` + id + `'>` + payload + `</message>`)
				switch {
				case p.refs == before:
				case taken:
					p.event(transports.Message{Ref: p.refs, Part: 1, Of: 1, Room: goChannel, From: &transports.Person{Nick: "alice"}, Body: "as sent"})
				default:
					p.event(transports.Done{Ref: p.refs, Err: transports.NewError(transports.Denied, "#go is moderated.", nil)})
				}
			}
			p.event(transports.Message{Room: goChannel, From: bob(), Body: "shall we go?"}) // id2
			say("m1", `<body>see you there at nine</body>`, true)
			const m1 = `<replace xmlns='urn:xmpp:message-correct:0' id='m1'/>`
			say("m2", `<body>see you there at ten</body>`+m1, true)
			say("m3", `<body>see you there at eleven</body>`+m1, false) // nobody saw it
			say("m4", `<body>see you there at ten</body>`+m1, true)     // nothing new
			say("m5", `<body>see you there at nine</body>`+m1, true)    // back again
			say("r1", `<reactions xmlns='urn:xmpp:reactions:0' id='id2'><reaction>👍</reaction></reactions>`, false)
			say("r2", `<reactions xmlns='urn:xmpp:reactions:0' id='id2'><reaction>👍</reaction></reactions>`, true)
			say("r3", `<reactions xmlns='urn:xmpp:reactions:0' id='id2'><reaction>👍</reaction><reaction>🎉</reaction></reactions>`, true)
			say("r4", `<reactions xmlns='urn:xmpp:reactions:0' id='id2'><reaction>🎉</reaction></reactions>`, true)
			say("r5", `<reactions xmlns='urn:xmpp:reactions:0' id='id2'><reaction>👍</reaction><reaction>🎉</reaction></reactions>`, true)
			p.event(transports.Renamed{Old: "alice", New: "ally", Self: true})
			say("x1", `<retract xmlns='urn:xmpp:message-retract:1' id='m1'/>`, true)
			say("x2", `<retract xmlns='urn:xmpp:message-retract:1' id='id2'/>`, true)
			say("n1", `<body>not kept</body><no-store xmlns='urn:xmpp:hints'/>`, true)
			say("x3", `<retract xmlns='urn:xmpp:message-retract:1' id='n1'/>`, true)
		},
		"action-and-notice": func(p *play) {
			p.enter()
			p.stanza(`<message from='alice@localhost/phone' to='#go%irc.example@irc.localhost' type='groupchat' id='m1'><body>/me waves</body></message>`)
			p.event(transports.Message{Ref: 2, Part: 1, Of: 1, Room: goChannel, From: &transports.Person{Nick: "alice"}, Body: "waves", Action: true})
			p.event(transports.Message{Room: goChannel, From: bob(), Body: "waves back", Action: true})
			p.event(transports.Message{Room: goChannel, From: bob(), Body: "mind the gap", Notice: true})
			p.stanza(`<message from='alice@localhost/phone' to='#go%irc.example@irc.localhost' type='groupchat'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>`)
		},
		"subject": func(p *play) {
			p.enter()
			p.stanza(`<message from='alice@localhost/phone' to='#go%irc.example@irc.localhost' type='groupchat' id='s1'><subject>new</subject></message>`)
			p.event(transports.Subject{Ref: 2, Room: goChannel, Text: "new", By: "alice", Time: start})
			p.stanza(`<message from='alice@localhost/phone' to='#go%irc.example@irc.localhost' type='groupchat' id='s2'><subject>newer</subject></message>`)
			p.event(transports.Done{Ref: 3, Err: transports.NewError(transports.Denied, "Only operators may change the topic of #go.", nil)})
			p.event(transports.Subject{Room: goChannel, Text: "by the server", By: "irc.example", Time: start})
		},
		"nick": func(p *play) {
			p.enter()
			p.stanza(`<presence from='alice@localhost/phone' to='#go%irc.example@irc.localhost/ally' id='n1'/>`)
			p.event(transports.Renamed{Ref: 2, Old: "alice", New: "ally", Self: true})
			p.event(transports.Renamed{Old: "bob", New: "robert"})
			p.stanza(`<presence from='alice@localhost/phone' to='#go%irc.example@irc.localhost/robert' id='n2'><x xmlns='http://jabber.org/protocol/muc'/></presence>`)
			p.event(transports.Done{Ref: 3, Err: transports.NewError(transports.Conflict, "The nick robert is in use.", nil)})
			p.event(transports.Renamed{Old: "ally", New: "Guest7", Self: true})
		},
		"roles": func(p *play) {
			p.enter()
			p.event(transports.RoleChanged{Room: goChannel, Nick: "bob", Grant: transports.RoleVoice})
			p.event(transports.RoleChanged{Room: goChannel, Nick: "bob", Revoke: transports.RoleOp})
			p.event(transports.RoleChanged{Room: goChannel, Nick: "alice", Grant: transports.RoleHalfOp, By: "bob"})
			p.event(transports.RoleChanged{Room: goChannel, Nick: "nobody", Grant: transports.RoleOp})
		},
		"away": func(p *play) {
			p.enter()
			p.event(transports.Away{Nick: "bob", Away: true})
			p.event(transports.Away{Nick: "bob", Away: true, Text: "at lunch"})
			p.event(transports.Away{Nick: "bob", Away: true}) // of a list, which does not say why
			p.stanza(joinLap)
			p.event(transports.Renamed{Old: "bob", New: "robert"})
			p.event(transports.RoleChanged{Room: goChannel, Nick: "robert", Revoke: transports.RoleOp})
			p.event(transports.Away{Nick: "robert"})
			p.event(transports.Away{Nick: "robert"})
			p.event(transports.Away{Nick: "stranger", Away: true})
			p.event(transports.Away{Nick: "alice", Away: true, Text: "what the network makes of her own words"})
		},
		"part-and-quit": func(p *play) {
			p.enter()
			p.event(transports.Joined{Room: goChannel, Member: transports.Member{Person: &transports.Person{Nick: "carol"}}})
			p.event(transports.Parted{Room: goChannel, Nick: "carol", Reason: "bye"})
			p.event(transports.Parted{Nick: "bob", How: transports.PartQuit, Reason: "Ping timeout"})
			p.event(transports.Parted{Nick: "stranger", How: transports.PartQuit})
			p.stanza(joinLap)
			p.stanza(`<presence from='alice@localhost/phone' to='#go%irc.example@irc.localhost/alice' type='unavailable'/>`)
			p.stanza(`<presence from='alice@localhost/laptop' to='#go%irc.example@irc.localhost/alice' type='unavailable'><status>good night</status></presence>`)
		},
		"kick": func(p *play) {
			p.enter()
			p.stanza(`<iq from='alice@localhost/phone' to='#go%irc.example@irc.localhost' type='set' id='k1'><query xmlns='http://jabber.org/protocol/muc#admin'><item nick='bob' role='none'><reason>enough</reason></item></query></iq>`)
			p.event(transports.Parted{Room: goChannel, Nick: "bob", How: transports.PartKicked, By: "alice", Reason: "enough"})
			p.event(transports.Done{Ref: 2})
			p.stanza(`<iq from='alice@localhost/phone' to='#go%irc.example@irc.localhost' type='set' id='k2'><query xmlns='http://jabber.org/protocol/muc#admin'><item nick='bob' role='none'/></query></iq>`)
			p.stanza(`<iq from='alice@localhost/phone' to='#go%irc.example@irc.localhost' type='set' id='k3'><query xmlns='http://jabber.org/protocol/muc#admin'><item jid='bob@localhost' affiliation='outcast'/></query></iq>`)
			p.event(transports.Parted{Room: goChannel, Nick: "alice", Self: true, How: transports.PartKicked, By: "carol", Reason: "out"})
		},
		"link-lost-and-back": func(p *play) {
			p.enter()
			p.event(transports.State{Err: transports.NewError(transports.Offline, "The connection to irc.example was lost.", nil), Retry: 5 * time.Second})
			p.event(transports.State{Online: true, Nick: "alice_"})
			p.event(transports.Entered{Room: goChannel, Nick: "alice_", Subject: "all things Go", Members: []transports.Member{
				{Person: &transports.Person{Nick: "alice_"}}, {Person: &transports.Person{Nick: "carol"}},
			}})
			p.event(transports.Parted{Room: goChannel, Nick: "alice_", Self: true, How: transports.PartLost, Err: transports.NewError(transports.Denied, "You are banned from #go.", nil)})
		},
		// The nick of before is somebody else's now: one's own ghost, which the network has not noticed yet.
		"link-back-beside-ghost": func(p *play) {
			p.enter()
			p.event(transports.State{Err: transports.NewError(transports.Offline, "", nil), Retry: 5 * time.Second})
			p.event(transports.Entered{Room: goChannel, Nick: "alice_", Subject: "all things Go", Members: []transports.Member{
				{Person: &transports.Person{Nick: "alice_"}}, {Person: &transports.Person{Nick: "alice"}}, {Person: bob(), Role: transports.RoleOp},
			}})
			p.event(transports.Parted{Nick: "alice", How: transports.PartQuit, Reason: "Ping timeout"})
		},
		"leave-while-joining": func(p *play) {
			p.stanza(joinAlice)
			p.stanza(`<presence from='alice@localhost/phone' to='#go%irc.example@irc.localhost/alice'><show>away</show></presence>`)
			p.stanza(joinLap)
			p.stanza(`<presence from='alice@localhost/laptop' to='#go%irc.example@irc.localhost/alice' type='unavailable'/>`)
			p.stanza(`<presence from='alice@localhost/phone' to='#go%irc.example@irc.localhost/alice' type='unavailable'><status>no</status></presence>`)
		},
		// A change of availability leaves the join as it was, and a second try is answered as the newest.
		"presence-while-joining": func(p *play) {
			p.stanza(joinAlice)
			p.stanza(`<presence from='alice@localhost/phone' to='#go%irc.example@irc.localhost/alice' id='away'><show>away</show></presence>`)
			p.stanza(joinLap)
			p.stanza(`<presence from='alice@localhost/laptop' to='#go%irc.example@irc.localhost/lap' id='j3'><x xmlns='http://jabber.org/protocol/muc'/></presence>`)
			p.event(transports.Entered{Ref: 1, Room: goChannel, Nick: "alice", Members: []transports.Member{{Person: &transports.Person{Nick: "alice"}}}})
		},
		"kick-and-leave": func(p *play) {
			p.enter()
			p.stanza(`<iq from='alice@localhost/phone' to='#go%irc.example@irc.localhost' type='set' id='k1'><query xmlns='http://jabber.org/protocol/muc#admin'><item nick='bob' role='none'/></query></iq>`)
			p.stanza(`<presence from='alice@localhost/phone' to='#go%irc.example@irc.localhost/alice' type='unavailable'/>`)
		},
		"session-over": func(p *play) {
			p.enter()
			p.event(transports.State{Err: transports.NewError(transports.Denied, "You are banned from irc.example.", nil)})
		},
		"bounced": func(p *play) {
			p.enter()
			p.stanza(`<message from='alice@localhost/phone' to='#go%irc.example@irc.localhost' type='error'><error type='cancel'><policy-violation xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>`)
			p.stanza(`<presence from='alice@localhost/phone' to='#go%irc.example@irc.localhost/an unreadable nick' type='error'><error type='modify'><jid-malformed xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></presence>`)
			p.stanza(`<message from='alice@localhost/phone' to='#go%irc.example@irc.localhost' type='error'><error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>`)
		},
		"hostile-text": func(p *play) {
			p.enter()
			p.event(transports.Message{Room: goChannel, From: &transports.Person{Nick: "b\x00<o>b"}, Body: "\x01\x02]]> & <x/> \xff\ufffe \t"})
			p.event(transports.Entered{Room: goChannel, Nick: "alice"})
			p.event(transports.Renamed{Old: "alice", New: ""})
		},
	}
	for name, f := range plays {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlay(t)
			f(p)
			p.golden(name)
		})
	}
}

// Nothing about a room that nobody is in may be kept by a client that never got in.
func TestRefusedRoomIsEmpty(t *testing.T) {
	t.Parallel()
	p := newPlay(t)
	p.stanza(joinAlice)
	if p.room.Empty() {
		t.Error("a room that a client is on its way to is not empty")
	}
	p.event(transports.Done{Ref: 1, Err: errors.New("unclassified")})
	if !p.room.Empty() {
		t.Error("a refused client must leave nothing behind")
	}
}

// Resources are the client's to choose: without a bound one person has each line sent as often as he likes.
func TestTooManyClients(t *testing.T) {
	t.Parallel()
	p := newPlay(t)
	p.enter()
	join := func(n int) string {
		p.log.Reset()
		p.stanza(strings.ReplaceAll(joinLap, "laptop", fmt.Sprintf("r%d", n)))
		return p.log.String()
	}
	for n := range maxClients - 1 {
		if got := join(n); !strings.Contains(got, "<status code='110'/>") {
			t.Fatalf("client %d was not let in:\n%s", n, got)
		}
	}
	if got := join(maxClients); !strings.Contains(got, "<policy-violation ") || strings.Contains(got, "110") {
		t.Errorf("one client too many was let in:\n%s", got)
	}
	p.log.Reset()
	p.event(transports.Message{Room: goChannel, From: bob(), Body: "hello"})
	if n := strings.Count(p.log.String(), "<message "); n != maxClients {
		t.Errorf("a line is sent %d times, want %d", n, maxClients)
	}
}

// A network may invent people without end.
func TestTooManyOccupants(t *testing.T) {
	t.Parallel()
	p := newPlay(t)
	p.enter()
	p.room.Event(transports.Entered{Room: goChannel, Nick: "alice", Members: people(2 * maxOccupants)}, &p.out)
	for _, m := range people(10) {
		m.Person.Nick += "x"
		p.room.Event(transports.Joined{Room: goChannel, Member: m}, &p.out)
	}
	if n := len(p.room.Occupants()); n > maxOccupants+1 {
		t.Errorf("%d occupants are kept, want at most %d", n, maxOccupants)
	}
	if _, ok := p.room.Occupant("alice"); !ok {
		t.Error("the user himself is not there")
	}
	for _, space := range []int{2, -5} { // his other rooms are full of people
		p := newPlay(t)
		p.space = space
		p.enter()
		p.space -= p.room.Count()
		p.room.Event(transports.Entered{Room: goChannel, Nick: "alice", Members: people(20)}, &p.out)
		p.room.Event(transports.Joined{Room: goChannel, Member: people(21)[20]}, &p.out)
		if n := p.room.Count(); n > max(space, 0)+1 {
			t.Errorf("%d occupants are kept where there is space for %d", n, space)
		}
		if _, ok := p.room.Occupant("alice"); !ok {
			t.Error("the user himself is not there")
		}
	}
}

func people(n int) []transports.Member {
	all := make([]transports.Member, n)
	for i := range all {
		all[i].Person = &transports.Person{Nick: fmt.Sprintf("n%d", i)}
	}
	return all
}

func TestHistoryRequests(t *testing.T) {
	t.Parallel()
	var h history
	for i := range KeepHistory + 10 {
		h.push(line{body: fmt.Sprintf("%05d", i), time: start.Add(time.Duration(i) * time.Second)})
	}
	now := start.Add(60 * time.Second)
	tests := []struct {
		attrs string
		want  int
	}{
		{"", DefaultHistory},
		{"maxstanzas='3'", 3},
		{"maxstanzas='0'", 0},
		{"maxchars='0'", 0},
		{"maxchars='1012'", 2}, // of whole stanzas
		{"maxchars='400'", 0},
		{"seconds='5'", 5},
		{"maxstanzas='100' since='2026-03-01T12:00:50Z'", 10},
		{"maxstanzas='100'", KeepHistory},
		{"seconds='9300000000'", DefaultHistory}, // more nanoseconds than there are
		{"maxstanzas='0' seconds='2147483647'", 0},
		{"maxstanzas='-1' seconds='x' since='never'", DefaultHistory},
		{"maxstanzas='99999999999999999999'", DefaultHistory},
	}
	for _, tt := range tests {
		st, err := stanza.Parse([]byte(`<x xmlns='http://jabber.org/protocol/muc'><history `+tt.attrs+`/></x>`), stanza.NSComponent, stanza.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		got := h.pick(parseHistoryRequest(st.Root), DefaultHistory, time.Time{}, now)
		st.Release()
		if len(got) != tt.want {
			t.Errorf("history %s: got %d lines, want %d", tt.attrs, len(got), tt.want)
		}
		if n := len(got); n > 0 && got[n-1].body != fmt.Sprintf("%05d", KeepHistory+9) {
			t.Errorf("history %s: the newest line is %q", tt.attrs, got[n-1].body)
		}
	}
}

func BenchmarkFanOut50(b *testing.B) {
	p := newPlay(&testing.T{})
	p.room.opt.NewID = func() string { return "0123456789abcdefghijklmn" }
	p.room.entered, p.room.nick = true, "alice"
	for i := range 50 {
		p.room.clients = append(p.room.clients, client{addr: transports.Address{Local: "alice", Domain: "localhost", Resource: fmt.Sprint(i)}, in: true})
	}
	from := bob()
	b.ReportAllocs()
	for b.Loop() {
		p.room.Event(transports.Message{Room: goChannel, From: from, Body: strings.Repeat("hello ", 15)}, &p.out)
		p.out.Reset()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/50, "ns/stanza")
}
