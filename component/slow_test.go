package component

import (
	"testing"
	"time"

	"passerelle/transports"
)

// Who waits for a network is told so, by a message that no archive keeps, and not any more once he is in.
func TestSlowNetwork(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *Options) { o.Timing.Slow = time.Millisecond }).connected()
	alice := w.client("alice@localhost/phone")
	alice.send(`<presence xml:lang='fr' to='#go%irc.example@irc.localhost/alice'><x xmlns='http://jabber.org/protocol/muc'/></presence>`)
	alice.expect(`<message type='chat' from='irc.example@irc.localhost'><body>Connexion à irc.example…</body><no-store xmlns='urn:xmpp:hints'/></message>`)
	alice.expect(`<message type='chat' from='irc.example@irc.localhost'><body>*</body></message>`) // it is very slow
	s := <-w.transport.opened
	next[transports.Join](t, s)
	s.emit(t, transports.State{Online: true, Nick: "alice"})
	alice.alive()
}
