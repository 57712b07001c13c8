package component

import (
	"testing"

	"passerelle/transports"
)

// Networks are told that the user is away once each of his clients is, wherever it is, with what the last one said; and that he is back with
// the first.
func TestAwayOfAllClients(t *testing.T) {
	t.Parallel()
	w, _ := stayWorld(t, StayDefault, nil)
	phone := w.client("alice@localhost/phone")
	s := w.enter(phone)
	phone.expect(beginsToStay)
	laptop := w.client("alice@localhost/laptop")
	laptop.send(`<presence to='#go%other.example@irc.localhost/alice'><show>dnd</show><x xmlns='http://jabber.org/protocol/muc'/></presence>`)
	other := w.session()
	other.emit(t, entered(next[transports.Join](t, other)))
	laptop.expect(`<presence from='#go%other.example@irc.localhost/bob'/>`)
	want := func(away transports.SetAway) {
		t.Helper()
		for _, on := range []*scriptedSession{s, other} {
			if got := next[transports.SetAway](t, on); got != away {
				t.Errorf("%s: got %+v, want %+v", on.network, got, away)
			}
		}
	}
	show := func(p *person, content string) {
		t.Helper()
		at := room
		if p == laptop {
			at = "#go%other.example@irc.localhost"
		}
		p.send(`<presence to='` + at + `/alice'>` + content + `</presence>`)
	}
	show(phone, `<show>away</show><status>lunch</status>`)
	want(transports.SetAway{Away: true, Text: "lunch"})
	show(phone, `<show>away</show><status>lunch</status>`) // once is enough
	show(laptop, `<show>xa</show><status>home</status>`)
	want(transports.SetAway{Away: true, Text: "home"})
	show(phone, `<show>chat</show>`)
	want(transports.SetAway{})
	show(phone, `<show>dnd</show>`)
	want(transports.SetAway{Away: true})
	// The one that is left was away before.
	phone.send(leavesRoom)
	want(transports.SetAway{Away: true, Text: "home"})
	laptop.send(`<presence type='unavailable' to='#go%other.example@irc.localhost/alice'/>`)
	want(transports.SetAway{Away: true, Text: absentText})
	phone.send(join("alice", ""))
	want(transports.SetAway{})
}
