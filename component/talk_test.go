package component

import (
	"testing"
	"time"

	"passerelle/transports"
)

const toBob = `<message type='chat' id='m' to='bob%irc.example@irc.localhost'><body>hi</body><request xmlns='urn:xmpp:receipts'/></message>`

// ended waits until a session is closed.
func (s *scriptedSession) ended(t *testing.T) {
	t.Helper()
	select {
	case <-s.ctx.Done():
	case <-time.After(testWait):
		t.Fatal("the session is not closed")
	}
}

// Who writes to somebody on a network that he is not connected to is connected for it. He hears that it was said once the network has it, and
// stays for the answer.
func TestTalkConnects(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil).connected()
	alice := w.client("alice@localhost/phone")
	alice.send(toBob)
	s := w.session()
	m := next[transports.Send](t, s)
	if m.To != bobTarget || m.Body != "hi" {
		t.Errorf("sent %+v", m)
	}
	alice.alive() // nothing is confirmed yet
	s.emit(t, transports.State{Online: true, Nick: "alice"})
	s.emit(t, transports.Message{Ref: m.Ref, Part: 1, Of: 1, To: m.To, Body: m.Body})
	alice.expect(`<message type='chat' from='` + bobJID + `' to='alice@localhost/phone'><received xmlns='urn:xmpp:receipts' id='m'/></message>`)
	s.emit(t, transports.Message{From: &transports.Person{Nick: "bob"}, Body: "hello"})
	alice.expect(`<message type='chat' from='` + bobJID + `'><body>hello</body></message>`)
	// A room beside it comes and goes.
	alice.send(`<presence to='#go%irc.example@irc.localhost/alice'><x xmlns='http://jabber.org/protocol/muc'/></presence>`)
	s.emit(t, entered(next[transports.Join](t, s)))
	for range 3 {
		alice.receive()
	}
	alice.send(`<presence type='unavailable' to='#go%irc.example@irc.localhost/alice'/>`)
	next[transports.Leave](t, s) // and he is not away for that
	alice.expect(`<presence type='unavailable' from='#go%irc.example@irc.localhost/alice'/>`)
	// The transport ends it when nothing was said for long; then it begins anew.
	s.emit(t, transports.State{Err: transports.NewError(transports.Gone, "Left.", nil)})
	s.ended(t)
	alice.send(toBob)
	next[transports.Send](t, w.session())
}

// Where it comes to nothing it comes back, once, with the reason, which is said in words as well.
func TestTalkRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil).connected()
	alice := w.client("alice@localhost/phone")
	refused := func(text string) {
		t.Helper()
		alice.expect(`<message type='error' id='m' from='` + bobJID + `'><error><text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>` + text + `</text></error></message>`)
	}
	inWords := func(text string) {
		t.Helper()
		alice.expect(`<message type='chat' from='help@irc.localhost' to='alice@localhost/phone'><body>bob has not got your message. ` + text + `</body></message>`)
	}
	alice.send(toBob)
	s := w.session()
	m := next[transports.Send](t, s)
	failed := transports.NewError(transports.NeedPassword, "The login failed.", nil)
	s.emit(t, transports.Done{Ref: m.Ref, Err: failed})
	refused("The login failed.")
	inWords("The login failed.")
	s.ended(t)
	// The session is over at once, and with it several messages.
	alice.send(toBob)
	alice.send(toBob)
	s = w.session()
	next[transports.Send](t, s)
	next[transports.Send](t, s)
	s.emit(t, transports.State{Err: failed})
	for range 2 {
		refused("The login failed.")
		inWords("The login failed.")
	}
	alice.alive()
	// The gateway is stopped before it was said.
	alice.send(toBob)
	next[transports.Send](t, w.session())
	w.stop()
	refused("*your message was not sent*")
}

// What is put to an earlier message connects nobody, and whom one has blocked one does not write to.
func TestTalkDoesNotConnect(t *testing.T) {
	t.Parallel()
	w := contactWorld(t)
	alice := w.client("alice@localhost/phone")
	alice.ask(`<message type='chat' id='r' to='`+bobJID+`'><reactions xmlns='urn:xmpp:reactions:0' id='m'><reaction>👍</reaction></reactions></message>`,
		`<message type='error' id='r'><error type='wait'/></message>`)
	alice.ask(`<iq type='set' id='b' to='irc.localhost'><block xmlns='urn:xmpp:blocking'><item jid='`+bobJID+`'/></block></iq>`, `<iq type='result' id='b'/>`)
	alice.ask(toBob, `<message type='error' id='m'><error type='cancel'><blocked xmlns='urn:xmpp:blocking:errors'/></error></message>`)
	// Nor does what expects no answer (RFC 6121 §5.2.2).
	alice.ask(`<message type='headline' id='h' to='carol%irc.example@irc.localhost'><body>news</body></message>`, `<message type='error' id='h'><error type='wait'/></message>`)
	select {
	case <-w.transport.opened:
		t.Error("a session was opened")
	default:
	}
}
