package muc

import (
	"strings"
	"testing"
	"time"

	"passerelle/transports"
)

func (p *play) admin(typ, id, items string) {
	p.t.Helper()
	p.stanza(`<iq from='alice@localhost/phone' to='#go%irc.example@irc.localhost' type='` + typ + `' id='` + id +
		`'><query xmlns='http://jabber.org/protocol/muc#admin'>` + items + `</query></iq>`)
}

func TestAdminPlays(t *testing.T) {
	t.Parallel()
	carol := &transports.Person{Nick: "carol", Ident: "c", Host: "other.example", Account: "carolina"}
	plays := map[string]func(p *play){
		// XEP-0045 §8, §9, §10: what each role and affiliation is on a network; what is so already asks nothing.
		"admin-ranks": func(p *play) {
			p.enter()
			p.event(transports.Joined{Room: goChannel, Member: transports.Member{Person: carol, Role: transports.RoleVoice}})
			for _, what := range []string{
				"affiliation='owner'", "affiliation='admin'", "affiliation='member'", "affiliation='none'",
				"role='moderator'", "role='participant'", "role='visitor'",
			} {
				for _, nick := range []string{"alice", "carol", "bob"} {
					p.admin("set", what[:1]+nick, `<item nick='`+nick+`' `+what+`/>`)
				}
			}
		},
		// Several people are one request, answered once with the first error.
		"admin-batch": func(p *play) {
			p.enter()
			p.admin("set", "b1", `<item nick='bob' affiliation='none'/><item nick='alice' affiliation='admin'/>`)
			p.event(transports.Done{Ref: 2, Err: transports.NewError(transports.Denied, "Only operators of #go may do this.", nil)})
			p.event(transports.Done{Ref: 3})
		},
		"admin-ban": func(p *play) {
			p.enter()
			p.event(transports.Joined{Room: goChannel, Member: transports.Member{Person: carol}})
			p.event(transports.Joined{Room: goChannel, Member: transports.Member{Person: &transports.Person{Nick: "twin", Ident: "t", Host: "other.example"}}})
			p.admin("set", "b1", `<item nick='bob' affiliation='outcast'><reason>enough</reason></item>`)
			p.event(transports.Parted{Room: goChannel, Nick: "bob", How: transports.PartBanned, By: "alice", Reason: "enough"})
			p.event(transports.Done{Ref: 2})
			p.admin("set", "b2", `<item jid='carol%irc.example@irc.localhost/c@other.example' affiliation='outcast'/>`) // her host is her twin's too
			p.admin("set", "b3", `<item jid='absent%irc.example@irc.localhost' affiliation='outcast'/>`)
			p.admin("set", "b4", `<item jid='*!*\40bad.example%irc.example@irc.localhost' affiliation='outcast'/>`)
			p.admin("set", "b5", `<item jid='*!*\40bad.example%irc.example@irc.localhost' affiliation='none'/>`)
			p.admin("set", "b6", `<item jid='bob%irc.example@irc.localhost' affiliation='none'/>`)
			p.event(transports.Parted{Room: goChannel, Nick: "alice", Self: true, How: transports.PartBanned, By: "twin"})
		},
		"admin-lists": func(p *play) {
			p.enter()
			p.event(transports.Joined{Room: goChannel, Member: transports.Member{Person: carol, Role: transports.RoleVoice}})
			for _, what := range []string{
				"affiliation='owner'", "affiliation='admin'", "affiliation='member'", "role='moderator'", "role='participant'", "role='visitor'",
				"affiliation='none'", "role='none'", "",
			} {
				p.admin("get", "l", `<item `+what+`/>`)
			}
			p.admin("get", "o1", `<item affiliation='outcast'/>`)
			p.event(transports.BanList{Ref: p.refs, Room: goChannel, Bans: []transports.Ban{
				{Mask: "*!*@bad.example", By: "bob", Time: start}, {Mask: "worse!*@*"},
			}})
			p.admin("get", "o2", `<item affiliation='outcast'/>`)
			p.event(transports.Done{Ref: p.refs, Err: transports.NewError(transports.Denied, "Only operators of #go may do this.", nil)})
			p.admin("get", "o3", `<item affiliation='outcast'/>`)
			p.stanza(`<presence from='alice@localhost/phone' to='#go%irc.example@irc.localhost/alice' type='unavailable'/>`)
		},
		"admin-nonsense": func(p *play) {
			p.enter()
			for _, item := range []string{
				``, `<item/>`, `<item nick='bob'/>`, `<item nick='bob' role='king'/>`, `<item nick='bob' affiliation='king'/>`,
				`<item role='moderator'/>`, `<item nick='bob' role='none' affiliation='outcast'/>`, `<item nick='nobody' role='visitor'/>`,
				`<item jid='carol@localhost' affiliation='outcast'/>`, `<item jid='' affiliation='outcast'/>`,
				`<item jid='*!*\40x%irc.example@irc.localhost' affiliation='admin'/>`, strings.Repeat(`<item nick='bob' role='none'/>`, maxAdminItems+1),
			} {
				p.admin("set", "n", item)
			}
			p.stanza(`<iq from='eve@localhost/x' to='#go%irc.example@irc.localhost' type='get' id='e'><query xmlns='http://jabber.org/protocol/muc#admin'><item role='moderator'/></query></iq>`)
		},
		// A room becomes moderated: who has no rank is a visitor, and clients are told to look again (XEP-0045 §10.2.1).
		"modes": func(p *play) {
			p.enter()
			p.event(transports.Joined{Room: goChannel, Member: transports.Member{Person: carol}})
			p.event(transports.ModesChanged{Room: goChannel, Set: transports.ModeNoOutside, Unset: ^transports.ModeNoOutside})
			p.event(transports.ModesChanged{Room: goChannel, Set: transports.ModeModerated})
			p.admin("set", "v1", `<item nick='carol' role='participant'/>`)
			p.event(transports.RoleChanged{Room: goChannel, Nick: "carol", Grant: transports.RoleVoice})
			p.event(transports.ModesChanged{Room: goChannel, Set: transports.ModeKey | transports.ModeLimit, Key: "sesame", Limit: 7})
			p.event(transports.ModesChanged{Room: goChannel, Unset: transports.ModeModerated | transports.ModeKey})
		},
		// XEP-0421 §4: the id outlives the nick, in messages of others and in one's own, and nobody can put in one of his own.
		"occupant-id": func(p *play) {
			p.enter()
			p.event(transports.Joined{Room: goChannel, Member: transports.Member{Person: carol}})
			p.event(transports.Renamed{Old: "carol", New: "caroline"})
			p.event(transports.Message{Room: goChannel, From: &transports.Person{Nick: "caroline"}, Body: "still me"})
			p.event(transports.Message{Room: goChannel, From: &transports.Person{Nick: "outside"}, Body: "not in"})
			p.stanza(`<message from='alice@localhost/phone' to='#go%irc.example@irc.localhost' type='groupchat' id='m1'><body>x</body><occupant-id xmlns='urn:xmpp:occupant-id:0' id='forged'/></message>`)
			p.event(transports.Message{Ref: p.refs, Part: 1, Of: 1, Room: goChannel, From: &transports.Person{Nick: "alice"}, Body: "x"})
			p.event(transports.Parted{Room: goChannel, Nick: "bob"})
			p.now = p.now.Add(time.Second)
			p.stanza(joinLap)
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

// One line of a network must not make thousands of stanzas.
func TestModeratedCrowd(t *testing.T) {
	t.Parallel()
	p := newPlay(t)
	p.enter()
	p.room.Event(transports.Entered{Room: goChannel, Nick: "alice", Members: people(maxRefresh + 1)}, &p.out)
	p.out.Reset()
	p.log.Reset()
	p.event(transports.ModesChanged{Room: goChannel, Set: transports.ModeModerated})
	if n := strings.Count(p.log.String(), "<presence "); n != 1 || !strings.Contains(p.log.String(), "role='visitor'") {
		t.Errorf("got %d presences, want the user's own:\n%s", n, p.log.String())
	}
}
