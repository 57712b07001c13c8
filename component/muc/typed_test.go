package muc

import (
	"testing"

	"passerelle/transports"
)

func TestTyped(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		"/mode +m": "mode +m", "/MSG NickServ identify x": "MSG NickServ identify x", "/mode": "mode", "/msg\nx": "msg\nx",
		"/me waves": "", "/ME": "", "/usr/bin": "", "//mode": "", "/ mode": "", " /mode": "", "/": "", "": "", "mode": "", "/s/a/b/": "", "/ümlaut": "",
	} {
		if got, ok := Typed(body); got != want || ok != (want != "") {
			t.Errorf("%q: got %q, %t", body, got, ok)
		}
	}
}

// A command that is typed in the room is a message to nobody else: it is reflected to the user's clients alone, or bounced.
func TestTypedCommand(t *testing.T) {
	t.Parallel()
	p := newPlay(t)
	p.enter()
	say := func(id, body string) {
		p.stanza(`<message from='alice@localhost/phone' to='#go%irc.example@irc.localhost' type='groupchat' id='` + id + `'><body>` + body + `</body></message>`)
	}
	say("c1", "/mode +m")
	p.event(transports.RawAnswer{Ref: p.refs})
	say("c2", "/mode")
	p.event(transports.RawAnswer{Ref: p.refs, Lines: []string{"#go +mnt", "#go 1700000000"}})
	say("c3", "/mode +o bob")
	p.event(transports.RawAnswer{Ref: p.refs, Refused: true, Lines: []string{"#go You're not channel operator"}})
	say("c4", "/msg NickServ identify x")
	p.event(transports.Done{Ref: p.refs, Err: transports.NewError(transports.BadRequest, "This was not said.", nil)})
	p.event(transports.RawAnswer{Ref: p.refs}) // late, for nobody
	p.stanza(joinLap)                          // nothing of it is in the history
	p.golden("typed")
}
