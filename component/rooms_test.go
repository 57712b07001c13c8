package component

import (
	"fmt"
	"strings"
	"testing"

	"passerelle/transports"
)

const (
	room   = "#go%irc.example@irc.localhost"
	nsUser = "http://jabber.org/protocol/muc#user"
)

// failed is the pattern of an error with a sentence for people.
func failed(typ, condition string) string {
	return `<error type='` + typ + `'><` + condition + ` xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>* *</text></error>`
}

// join is a presence that asks to be let in, with what stands in its <x/>.
func join(nick, payload string) string {
	return `<presence id='j' to='` + room + `/` + nick + `'><x xmlns='http://jabber.org/protocol/muc'>` + payload + `</x></presence>`
}

// XEP-0045 §7.2: each way in which a network refuses somebody is told as the specification has it, to the nick that was asked for, with
// the <x/> by which clients know a refused join, and with a sentence.
func TestRefusedJoins(t *testing.T) {
	t.Parallel()
	tests := []struct {
		section, name, payload string
		kind                   transports.Kind
		want                   string
	}{
		{"7.2.6", "password missing", ``, transports.NeedPassword, failed("auth", "not-authorized")},
		{"7.2.6", "password wrong", `<password>wrong</password>`, transports.NeedPassword, failed("auth", "not-authorized")},
		{"7.2.7", "members only", ``, transports.NotRegistered, failed("auth", "registration-required")},
		{"7.2.8", "banned", ``, transports.Denied, failed("auth", "forbidden")},
		{"7.2.9", "nick taken", ``, transports.Conflict, failed("cancel", "conflict")},
		{"7.2.10", "full", ``, transports.Full, failed("wait", "service-unavailable")},
		{"7.2.12", "no such channel", ``, transports.NotFound, failed("cancel", "item-not-found")},
		{"7.2", "not a nick there", ``, transports.BadRequest, failed("modify", "bad-request")},
		{"7.2", "network gone", ``, transports.Offline, failed("wait", "remote-server-timeout")},
		{"7.2", "no such network", ``, transports.NoServer, failed("cancel", "remote-server-not-found")},
	}
	for _, tt := range tests {
		t.Run(tt.section+" "+tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil).connected()
			alice := w.client("alice@localhost/phone")
			alice.send(join("alice", tt.payload))
			s := w.session()
			q := next[transports.Join](t, s)
			if tt.payload != "" && q.Password != "wrong" {
				t.Errorf("asked %+v", q)
			}
			s.emit(t, transports.Done{Ref: q.Ref, Err: transports.NewError(tt.kind, "It does not want you.", nil)})
			alice.expect(`<presence type='error' id='j' from='` + room + `/alice'><x xmlns='http://jabber.org/protocol/muc'/>` + tt.want + `</presence>`)
			// The next try is a new one.
			alice.send(join("alice", ""))
			s = w.session()
			s.emit(t, entered(next[transports.Join](t, s)))
			alice.expect(`<presence from='` + room + `/bob'/>`)
			alice.expect(`<presence id='j' from='` + room + `/alice'/>`)
		})
	}
}

// XEP-0045 section by section, where nothing else shows it: what a client in #go beside bob sends, and what it gets.
func TestRoomsSectionBySection(t *testing.T) {
	t.Parallel()
	const info, items = `<query xmlns='http://jabber.org/protocol/disco#info'/>`, `<query xmlns='http://jabber.org/protocol/disco#items'/>`
	const notIn = `not-acceptable`
	type step func(w *world, p *person, s *scriptedSession)
	ask := func(stanza, pattern string) step {
		return func(_ *world, p *person, _ *scriptedSession) { p.t.Helper(); p.ask(stanza, pattern) }
	}
	iq := func(typ, to, payload, pattern string) step {
		return ask(`<iq type='`+typ+`' id='q' to='`+to+`'>`+payload+`</iq>`, pattern)
	}
	result := func(payload string) string { return `<iq type='result' id='q'>` + payload + `</iq>` }
	refused := func(err string) string { return `<iq type='error' id='q'>` + err + `</iq>` }
	admin := func(item string) string {
		return `<query xmlns='http://jabber.org/protocol/muc#admin'>` + item + `</query>`
	}
	owner := func(payload string) string {
		return `<query xmlns='http://jabber.org/protocol/muc#owner'>` + payload + `</query>`
	}
	event := func(e transports.Event, pattern string) step {
		return func(w *world, p *person, s *scriptedSession) { p.t.Helper(); s.emit(w.t, e); p.expect(pattern) }
	}
	other := func(stanza, pattern string) step { // of a client that is not in the room
		return func(w *world, _ *person, _ *scriptedSession) {
			w.t.Helper()
			w.client("alice@localhost/outside").ask(stanza, pattern)
		}
	}
	tests := []struct {
		name  string
		steps []step
	}{
		{"6.1 the domain is a service", []step{iq("get", "irc.localhost", info,
			result(`<query xmlns='http://jabber.org/protocol/disco#info'><identity category='conference' type='irc'/><feature var='http://jabber.org/protocol/muc'/></query>`))}},
		{"6.4 a room tells of itself", []step{
			event(transports.ModesChanged{Room: goRoom, Set: transports.ModeSubjectLock | transports.ModeInviteOnly, Unset: ^(transports.ModeSubjectLock | transports.ModeInviteOnly)},
				`<message type='groupchat' from='`+room+`'><x xmlns='`+nsUser+`'><status code='104'/></x></message>`),
			iq("get", room, info, result(`<query xmlns='http://jabber.org/protocol/disco#info'><identity category='conference' type='irc' name='#go on irc.example'/>
				<feature var='http://jabber.org/protocol/muc'/><feature var='muc_membersonly'/><feature var='muc_unmoderated'/><feature var='muc_nonanonymous'/><feature var='muc_temporary'/>
				<x xmlns='jabber:x:data' type='result'><field var='FORM_TYPE' type='hidden'><value>http://jabber.org/protocol/muc#roominfo</value></field>
				<field var='muc#maxhistoryfetch' type='text-single'><value>50</value></field>
				<field var='muc#roominfo_occupants' type='text-single'><value>2</value></field><field var='muc#roominfo_changesubject' type='boolean'><value>0</value></field></x></query>`)),
		}},
		{"6.5 who is in is for who is in", []step{
			iq("get", room, items, result(`<query xmlns='http://jabber.org/protocol/disco#items'><item jid='`+room+`/alice'/><item jid='`+room+`/bob'/></query>`)),
			other(`<iq type='get' id='q' to='`+room+`'>`+items+`</iq>`, result(items)),
		}},
		{"6.6 occupants are no rooms", []step{iq("get", room+"/bob", info, result(`<query xmlns='http://jabber.org/protocol/disco#info'><identity category='client' name='bob'/></query>`))}},
		{"7.2.1 a nick is needed", []step{ask(`<presence id='j' to='`+room+`'><x xmlns='http://jabber.org/protocol/muc'/></presence>`,
			`<presence type='error' id='j'><x xmlns='http://jabber.org/protocol/muc'/>`+failed("modify", "jid-malformed")+`</presence>`)}},
		{"7.2.1 a presence is no join", []step{other(`<presence id='j' to='`+room+`/alice'/>`, `<presence type='error' id='j'>`+failed("modify", notIn)+`</presence>`)}},
		{"7.2.2 a second client gets all of it", []step{func(w *world, _ *person, _ *scriptedSession) {
			p := w.client("alice@localhost/laptop")
			p.send(join("other", ""))
			p.expect(`<presence from='` + room + `/bob'><x xmlns='` + nsUser + `'><item affiliation='none' role='participant' jid='bob%irc.example@irc.localhost'/></x></presence>`)
			p.expect(`<presence id='j' from='` + room + `/alice'><x xmlns='` + nsUser + `'><status code='100'/><status code='110'/><status code='210'/></x></presence>`)
			p.expect(`<message type='groupchat'><subject/></message>`)
		}}},
		{"7.4 only who is in speaks", []step{other(`<message type='groupchat' id='m' to='`+room+`'><body>hi</body></message>`,
			`<message type='error' id='m'>`+failed("modify", notIn)+`</message>`)}},
		{"7.4 words for no room", []step{ask(`<message type='groupchat' id='m' to='irc.localhost'><body>hi</body></message>`,
			`<message type='error' id='m'>`+failed("modify", "bad-request")+`</message>`)}},
		{"7.5 a single message to the room", []step{ask(`<message type='chat' id='m' to='`+room+`'><body>hi</body></message>`,
			`<message type='error' id='m'>`+failed("modify", notIn)+`</message>`)}},
		{"7.5 in private to nobody", []step{ask(`<message type='chat' id='m' to='`+room+`/nobody'><body>hi</body></message>`,
			`<message type='error' id='m'>`+failed("cancel", "item-not-found")+`</message>`)}},
		{"7.5 in private from outside", []step{other(`<message type='chat' id='m' to='`+room+`/bob'><body>hi</body></message>`,
			`<message type='error' id='m'>`+failed("modify", notIn)+`</message>`)}},
		{"7.5 in private of type groupchat", []step{ask(`<message type='groupchat' id='m' to='`+room+`/bob'><body>hi</body></message>`,
			`<message type='error' id='m'>`+failed("modify", "bad-request")+`</message>`)}},
		{"7.6 a nick that is taken", []step{func(w *world, p *person, s *scriptedSession) {
			p.send(`<presence id='n' to='` + room + `/bob'/>`)
			s.emit(w.t, transports.Done{Ref: next[transports.SetNick](w.t, s).Ref, Err: transports.NewError(transports.Conflict, "It is taken.", nil)})
			p.expect(`<presence type='error' id='n' from='` + room + `/bob'>` + failed("cancel", "conflict") + `</presence>`)
		}}},
		{"7.8.2 no invitation from outside", []step{other(`<message id='i' to='`+room+`'><x xmlns='`+nsUser+`'><invite to='carol@localhost'/></x></message>`,
			`<message type='error' id='i'>`+failed("modify", notIn)+`</message>`)}},
		{"7.8.2 an invitation of nobody", []step{ask(`<message id='i' to='`+room+`'><x xmlns='`+nsUser+`'><invite to='@'/></x></message>`,
			`<message type='error' id='i'>`+failed("modify", "bad-request")+`</message>`)}},
		{"7.10 nicks are registered elsewhere", []step{iq("get", room, `<query xmlns='jabber:iq:register'/>`, refused(failed("cancel", "feature-not-implemented")))}},
		{"7.12 the nick one has", []step{iq("get", room, `<query xmlns='http://jabber.org/protocol/disco#info' node='x-roomuser-item'/>`,
			result(`<query xmlns='http://jabber.org/protocol/disco#info' node='x-roomuser-item'><identity category='conference' type='text' name='alice'/></query>`))}},
		{"7.13 asking to speak", []step{ask(`<message id='v' to='`+room+`'><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#request</value></field></x></message>`,
			`<message type='error' id='v'>`+failed("cancel", "feature-not-implemented")+`</message>`)}},
		{"7.14 leaving", []step{ask(`<presence type='unavailable' to='`+room+`/alice'><status>bye</status></presence>`,
			`<presence type='unavailable' from='`+room+`/alice'><status>bye</status><x xmlns='`+nsUser+`'><item role='none'/><status code='110'/></x></presence>`)}},
		{"8.1 an empty subject", []step{func(w *world, p *person, s *scriptedSession) {
			p.send(`<message type='groupchat' id='s' to='` + room + `'><subject/></message>`)
			q := next[transports.SetSubject](w.t, s)
			s.emit(w.t, transports.Subject{Ref: q.Ref, Room: goRoom, Text: q.Subject, By: "alice"})
			p.expect(`<message type='groupchat' id='s' from='` + room + `/alice'><subject/></message>`)
		}}},
		{"8.1 a message with a subject is one", []step{func(w *world, p *person, s *scriptedSession) {
			p.send(`<message type='groupchat' id='s' to='` + room + `'><subject>re: tea</subject><body>yes</body></message>`)
			if q := next[transports.Send](w.t, s); q.Body != "yes" {
				w.t.Errorf("sent %+v", q)
			}
		}}},
		{"8.1 who may not", []step{func(w *world, p *person, s *scriptedSession) {
			p.send(`<message type='groupchat' id='s' to='` + room + `'><subject>no</subject></message>`)
			s.emit(w.t, transports.Done{Ref: next[transports.SetSubject](w.t, s).Ref, Err: transports.NewError(transports.Denied, "Only operators may.", nil)})
			p.expect(`<message type='error' id='s' from='` + room + `'>` + failed("auth", "forbidden") + `</message>`)
		}}},
		{"8.2 a kick is seen with who and why", []step{event(transports.Parted{Room: goRoom, Nick: "bob", How: transports.PartKicked, By: "carol", Reason: "out"},
			`<presence type='unavailable' from='`+room+`/bob'><x xmlns='`+nsUser+`'><item role='none'><actor nick='carol'/><reason>out</reason></item><status code='307'/></x></presence>`)}},
		{"8.5 a list that is none", []step{iq("get", room, admin(`<item role='king'/>`), refused(failed("modify", "bad-request")))}},
		{"9.1 a ban is seen as one", []step{event(transports.Parted{Room: goRoom, Nick: "bob", How: transports.PartBanned, By: "carol"},
			`<presence type='unavailable' from='`+room+`/bob'><x xmlns='`+nsUser+`'><item affiliation='outcast' role='none'><actor nick='carol'/></item><status code='301'/></x></presence>`)}},
		{"9.5 members who are in", []step{
			event(transports.RoleChanged{Room: goRoom, Nick: "bob", Grant: transports.RoleVoice}, `<presence from='`+room+`/bob'><x xmlns='`+nsUser+`'><item affiliation='member' role='participant'/></x></presence>`),
			iq("get", room, admin(`<item affiliation='member'/>`), result(admin(`<item nick='bob' affiliation='member' role='participant' jid='bob%irc.example@irc.localhost'/>`))),
		}},
		{"9.5 lists are for who is in", []step{other(`<iq type='get' id='q' to='`+room+`'>`+admin(`<item affiliation='member'/>`)+`</iq>`, refused(failed("modify", notIn)))}},
		{"10.2 the form is for who is in", []step{other(`<iq type='get' id='q' to='`+room+`'>`+owner(``)+`</iq>`, refused(failed("modify", notIn)))}},
		{"7.7 availability", []step{ask(`<presence id='p' to='`+room+`/alice'><show>away</show></presence>`,
			`<presence id='p' from='`+room+`/alice'><show>away</show><x xmlns='`+nsUser+`'><status code='110'/></x></presence>`)}},
		{"10.1.2 a room as it comes", []step{iq("set", room, owner(`<x xmlns='jabber:x:data' type='submit'/>`), result(``))}},
		{"10.2 left as it is", []step{iq("set", room, owner(`<x xmlns='jabber:x:data' type='cancel'/>`), result(``))}},
		{"10.2 no form at all", []step{iq("set", room, owner(``), refused(failed("modify", "bad-request")))}},
		{"10.9 rooms cannot be destroyed", []step{iq("set", room, owner(`<destroy><reason>over</reason></destroy>`), refused(failed("cancel", "not-allowed")))}},
		{"15.6 leaving, quitting, losing the link", []step{
			event(transports.Joined{Room: goRoom, Member: transports.Member{Person: &transports.Person{Nick: "carol"}}}, `<presence from='`+room+`/carol'/>`),
			event(transports.Parted{Room: goRoom, Nick: "carol", Reason: "tea"}, `<presence type='unavailable' from='`+room+`/carol'><status>tea</status><x xmlns='`+nsUser+`'><item role='none'/></x></presence>`),
			event(transports.Parted{Nick: "bob", How: transports.PartLost, Reason: "Netsplit: a.example has lost the connection to b.example."},
				`<message type='groupchat' from='`+room+`'><body>Netsplit: a.example has lost the connection to b.example. That takes one person along*</body></message>`),
		}},
		{"15.6 the link of the user", []step{event(transports.State{Err: transports.NewError(transports.Denied, "You are banned from irc.example.", nil)},
			`<presence type='unavailable' from='`+room+`/alice'><status>You are banned*</status><x xmlns='`+nsUser+`'><item role='none'/><status code='110'/><status code='333'/></x></presence>`)}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil).connected()
			alice := w.client("alice@localhost/phone")
			s := w.enter(alice)
			for _, do := range tt.steps {
				do(w, alice, s)
			}
		})
	}
}

// XEP-0045 §6.5 with XEP-0059: a channel of thousands fits into no stanza, so that its people come in pages whether one asks or not.
func TestOccupantsInPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil).connected()
	alice := w.client("alice@localhost/phone")
	alice.send(join("alice", ""))
	s := w.session()
	e := entered(next[transports.Join](t, s))
	const many = 4000
	for i := range many - 2 {
		e.Members = append(e.Members, transports.Member{Person: &transports.Person{Nick: fmt.Sprintf("n%04d%s", i, strings.Repeat("x", 100))}})
	}
	s.emit(t, e)
	for range many + 1 {
		alice.receive()
	}
	total := 0
	for after := ""; ; {
		set := `<set xmlns='http://jabber.org/protocol/rsm'><max>5000</max>`
		if after != "" {
			set += `<after>` + after + `</after>`
		}
		answer := alice.ask(`<iq type='get' id='q' to='`+room+`'><query xmlns='`+nsDiscoItems+`'>`+set+`</set></query></iq>`,
			fmt.Sprintf(`<iq type='result' id='q'><query xmlns='http://jabber.org/protocol/disco#items'><set xmlns='http://jabber.org/protocol/rsm'><count>%d</count></set></query></iq>`, many))
		if n := len(answer.String()); n > 256<<10 {
			t.Fatalf("an answer of %d bytes", n)
		}
		items := answer.Child(nsDiscoItems, "query").Elements()
		page := len(items) - 1
		if page == 0 {
			break
		}
		total += page
		after = items[page-1].Get("jid")
	}
	if total != many {
		t.Errorf("the pages have %d people, want %d", total, many)
	}
	alice.ask(`<iq type='get' id='q' to='`+room+`'><query xmlns='`+nsDiscoItems+`'/></iq>`,
		fmt.Sprintf(`<iq type='result' id='q'><query xmlns='http://jabber.org/protocol/disco#items'><set xmlns='http://jabber.org/protocol/rsm'><first index='0'>*</first><count>%d</count></set></query></iq>`, many))
}

// Each page of a large room costs the server a large stanza: who asks without end is told to wait.
func TestOccupantsAskedWithoutEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil).connected()
	alice := w.client("alice@localhost/phone")
	alice.send(join("alice", ""))
	s := w.session()
	e := entered(next[transports.Join](t, s))
	for i := range maxListItems {
		e.Members = append(e.Members, transports.Member{Person: &transports.Person{Nick: fmt.Sprintf("n%d", i)}})
	}
	s.emit(t, e)
	for range len(e.Members) + 1 {
		alice.receive()
	}
	u, _ := w.gateway.user(transports.Address{Local: "alice", Domain: "localhost"})
	if _, err := peek(t.Context(), u, func() struct{} { // however long it takes to ask, it is in the same minute
		u.shown = quota{from: now().Add(showTime).UnixNano()}
		return struct{}{}
	}); err != nil {
		t.Fatal(err)
	}
	const items, admins = `<query xmlns='http://jabber.org/protocol/disco#items'/>`, `<query xmlns='http://jabber.org/protocol/muc#admin'><item role='participant'/></query>`
	for range maxShown / maxListItems {
		alice.ask(`<iq type='get' id='q' to='`+room+`'>`+items+`</iq>`, `<iq type='result' id='q'/>`)
	}
	for _, payload := range []string{items, admins} {
		alice.ask(`<iq type='get' id='q' to='`+room+`'>`+payload+`</iq>`, `<iq type='error' id='q'>`+failed("wait", "resource-constraint")+`</iq>`)
	}
	alice.alive()
}
