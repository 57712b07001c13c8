package component

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"passerelle/transports"
)

// The waist was drawn from traces; here they are, played between a real XMPP stream and a scripted transport.

// A join that the network refuses.
func TestTraceJoinRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil).connected()
	alice := w.client("alice@localhost/phone")
	alice.send(`<presence id='j' to='#secret%irc.example@irc.localhost/alice'><x xmlns='http://jabber.org/protocol/muc'><password>nope</password></x></presence>`)
	s := w.session()
	j := next[transports.Join](t, s)
	if j.Nick != "alice" || j.Password != "nope" || j.Room.ID != "#secret" {
		t.Errorf("the network was asked for %+v", j)
	}
	s.emit(t, transports.Done{Ref: j.Ref, Err: transports.NewError(transports.NeedPassword, "#secret needs another password.", errScripted)})
	e := alice.expect(`<presence type='error' id='j' from='#secret%irc.example@irc.localhost/alice'><x xmlns='http://jabber.org/protocol/muc'/>
		<error type='auth'><not-authorized xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>
		<text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>#secret needs another password.</text></error></presence>`)
	_ = e
	alice.alive()
	select {
	case <-s.ctx.Done():
	case <-time.After(testWait):
		t.Error("a session without rooms must be closed")
	}
}

// One message that is split into three lines and echoed.
func TestTraceThreeLines(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil).connected()
	alice := w.client("alice@localhost/phone")
	s := w.enter(alice)
	alice.send(`<message type='groupchat' id='m' to='#go%irc.example@irc.localhost'><body>one
two
three</body></message>`)
	m := next[transports.Send](t, s)
	for i, line := range []string{"one", "two", "three"} {
		s.emit(t, transports.Message{Ref: m.Ref, Part: i + 1, Of: 3, Room: m.To, From: &transports.Person{Nick: "alice"}, Body: line})
		s.emit(t, transports.Message{Room: m.To, From: &transports.Person{Nick: "bob"}, Body: fmt.Sprint("between ", i)})
	}
	alice.expect(`<message type='groupchat' from='#go%irc.example@irc.localhost/bob'><body>between 0</body></message>`)
	alice.expect(`<message type='groupchat' from='#go%irc.example@irc.localhost/bob'><body>between 1</body></message>`)
	alice.expect(`<message type='groupchat' id='m' from='#go%irc.example@irc.localhost/alice'><body>one
two
three</body></message>`)
	alice.expect(`<message type='groupchat' from='#go%irc.example@irc.localhost/bob'><body>between 2</body></message>`)
}

// One user on two networks of which one fails.
func TestTraceTwoNetworks(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil).connected()
	alice := w.client("alice@localhost/phone")
	s1 := w.enter(alice)
	alice.send(`<presence to='#go%other.example@irc.localhost/alice'><x xmlns='http://jabber.org/protocol/muc'/></presence>`)
	s2 := w.session()
	s2.emit(t, entered(next[transports.Join](t, s2)))
	for range 3 {
		alice.receive()
	}
	s1.emit(t, transports.State{Err: transports.NewError(transports.Denied, "irc.example has banned this gateway.", nil)})
	alice.expect(`<presence type='unavailable' from='#go%irc.example@irc.localhost/alice'><x xmlns='http://jabber.org/protocol/muc#user'><status code='110'/><status code='333'/></x></presence>`)
	alice.send(`<message type='groupchat' id='m' to='#go%other.example@irc.localhost'><body>still here</body></message>`)
	m := next[transports.Send](t, s2)
	s2.emit(t, transports.Message{Ref: m.Ref, Part: 1, Of: 1, Room: m.To, Body: m.Body})
	alice.expect(`<message type='groupchat' id='m' from='#go%other.example@irc.localhost/alice'/>`)
	alice.ask(`<message type='groupchat' id='n' to='#go%irc.example@irc.localhost'><body>gone</body></message>`,
		`<message type='error' id='n'><error><not-acceptable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>`)
}

// A letter for a user who has no session, and one for a user who does not exist.
func TestTraceLetter(t *testing.T) {
	t.Parallel()
	w := newOutboxWorld(t, nil)
	alice := w.connected().client("alice@localhost/phone")
	w.deliver(outboxUser, letterTo("l1"))
	w.deliver(transports.Address{Local: "nobody", Domain: "localhost"}, letterTo("l2"))
	alice.expect(`<message type='chat' id='l1' from='bob\40mail.example@irc.localhost'><body>letter l1</body></message>`)
	if got, want := w.returned(1), []string{"l2"}; !slices.Equal(got, want) {
		t.Errorf("got %q back, want %q", got, want)
	}
	w.emptied()
	select {
	case s := <-w.postal.opened:
		t.Errorf("a session was opened for %v", s.user)
	default:
	}
}

// A room list that takes long delays nothing else of the same user.
func TestTraceSlowList(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil).connected()
	alice := w.client("alice@localhost/phone")
	s := w.enter(alice)
	alice.send(`<iq type='get' id='list' to='irc.example@irc.localhost'><query xmlns='http://jabber.org/protocol/disco#items'/></iq>`)
	l := next[transports.List](t, s)
	for i := range 3 {
		alice.send(`<message type='groupchat' id='m' to='#go%irc.example@irc.localhost'><body>meanwhile</body></message>`)
		m := next[transports.Send](t, s)
		s.emit(t, transports.Message{Ref: m.Ref, Part: 1, Of: 1, Room: m.To, Body: m.Body})
		alice.expect(`<message type='groupchat' id='m'/>`)
		if i == 1 {
			alice.alive()
		}
	}
	s.emit(t, transports.RoomList{Ref: l.Ref, Rooms: []transports.RoomInfo{
		{Room: transports.Target{Kind: transports.TargetRoom, Network: "irc.example", ID: "#go"}, Name: "#Go", Members: 12},
		{Room: transports.Target{Kind: transports.TargetRoom, Network: "irc.example", ID: "#a@b"}, Name: "#a@b", Members: 1},
	}})
	alice.expect(`<iq type='result' id='list' from='irc.example@irc.localhost'><query xmlns='http://jabber.org/protocol/disco#items'>
		<item jid='#go%irc.example@irc.localhost' name='#Go (12)'/><item jid='#a\40b%irc.example@irc.localhost'/></query></iq>`)
}

// "configure" with its present values, in chat and by form.
func TestTraceConfigure(t *testing.T) {
	t.Parallel()
	ran := make(chan transports.Call, 1)
	w := newWorld(t, func(o *Options) { o.Transport.(*scripted).commands = []transports.Command{configureForTest(ran)} }).connected()
	alice := w.client("alice@localhost/phone")
	say := func(body, pattern string) {
		t.Helper()
		alice.ask(`<message type='chat' to='help@irc.localhost'><body>`+body+`</body><thread>t1</thread></message>`,
			`<message type='chat' from='help@irc.localhost'><thread>t1</thread><body>`+pattern+`</body></message>`)
	}
	say("CONFIGURE irc.example", "Your settings (Example)*1 Nick: alice*2 Colour: Blue*3 Away: no*4 Password: (not in chat*")
	say("1 ally", "1 Nick: ally*")
	say("2", "Colour: write “2” and one of these numbers.*1 Red*2 Blue")
	say("1", "1 Nick: ally*“1 …” to change it*")
	say("3", "3 Away: *\nWrite “3 yes” or “3 no”.")
	elsewhere := `<message type='chat' from='help@irc.localhost'><body>To set a password, use a client that knows commands*“Settings” (configure) on irc.example@irc.localhost.</body></message>`
	say("4", "To set a password, use a client*")
	say("link", "To set a password, use a client*")
	say("help", "Your settings (Example)*1 Nick: ally*")
	say("colour red", "*2 Colour: Red*")
	say("colour mauve", "This is not one of the choices.")
	say("3 perhaps", "This is yes or no.")
	say("3 yes", "*3 Away: yes*")
	say("4 hunter2", "I do not take passwords in chat*")
	alice.expect(elsewhere)
	say("gibberish here", "I do not understand*")
	say("mot de passe hunter2", "I do not take passwords in chat*")
	alice.expect(elsewhere)
	say("ok", "Saved.")
	if c := <-ran; c.Values.Get("nick") != "ally" || c.Values.Get("colour") != "red" || !c.Values.Bool("away") || c.On.Network != "irc.example" || c.User.String() != "alice@localhost" {
		t.Errorf("the command ran with %+v", c)
	}
	say("configure irc.example nick=ally the second", "A nick is one word.*Write a number*")
	say("1 ally", "*1 Nick: ally*")
	say("ok", "Saved.")
	<-ran
	say("configure "+strings.Repeat("z", 5000), "“"+strings.Repeat("z", 60)+"…” is not the name of a network.")
	say("configure irc.example pass=hunter2", "I do not take passwords in chat*")
	alice.expect(elsewhere)
	say("cancel", "Left as it is.")
	say("cancel", "There is nothing to cancel.")
	say("configure", "Which network?*")
	say("configure not-a-network", "*is not the name of a network.")
	say("what is this?", "I do not understand “what is this?”. Answer with a number:*1 Join*2 Help")
	say("2", "Join #channel%irc.example@irc.localhost.*Words that I know, of which “help WORD” says more: channels, configure, disconnect, export, forget, forget-me, get-irc-connection-info, help, join, leave, ping, status, version.")
	say("conf example", "Your settings (Example)*") // the title of the network, and the beginning of the word
	say("configure #go%irc.example", "“#go%irc.example” is not the name of a network.")
	say("configure xmpp:irc.example@irc.localhost?join", "Your settings (Example)*")
	say("cancel", "Left as it is.")
	say("aide", "*Mots que je connais*")
	say("/status", "You are connected to no network*")
}

// configureForTest is a command of one page with a field of each kind that matters.
func configureForTest(ran chan<- transports.Call) transports.Command {
	return transports.Command{
		Name: "configure", Title: "Settings", For: []transports.TargetKind{transports.TargetNetwork},
		Next: func(_ context.Context, c transports.Call) (*transports.Form, error) {
			if c.Values != nil {
				return nil, nil
			}
			return &transports.Form{Title: "Your settings", Fields: []transports.Field{
				{Name: "nick", Label: "Nick", Values: []string{"alice"}, Required: true},
				{Name: "colour", Label: "Colour", Type: transports.FieldChoice, Values: []string{"blue"}, Options: []transports.Option{{Value: "red", Label: "Red"}, {Value: "blue", Label: "Blue"}}},
				{Name: "away", Label: "Away", Type: transports.FieldBool, Values: []string{"false"}},
				{Name: "pass", Label: "Password", Type: transports.FieldSecret},
			}}, nil
		},
		Run: func(_ context.Context, c transports.Call) (string, error) {
			if strings.Contains(c.Values.Get("nick"), " ") {
				return "", transports.NewError(transports.BadRequest, "A nick is one word.", nil)
			}
			ran <- c
			return "Saved.", nil
		},
	}
}
