package component

import (
	"testing"

	"passerelle/component/avatar"
	"passerelle/transports"
)

// What the operator changes is so at once, for those who are in already as for who comes next.
func TestReload(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *Options) {
		o.Store, o.Contact = openStore(t, t.TempDir()+"/p.db"), []string{"mailto:root@localhost"}
	}).connected()
	alice, bob := w.client("alice@localhost/phone"), w.client("bob@localhost/phone")
	s := w.enter(alice)
	alice.ask(`<presence type='subscribe' to='irc.localhost'/>`, `<presence type='subscribed' from='irc.localhost'/>`)
	alice.expect(`<presence from='irc.localhost'/>`)
	alice.expect(`<message from='help@irc.localhost' type='chat'/>`)
	rules := w.gateway.opt.Rules
	rules.Access.Deny, rules.Limits.Rooms = []string{"alice@localhost"}, 1
	w.gateway.Reload(rules)
	alice.expect(`<presence type='unavailable' from='#go%irc.example@irc.localhost/alice'><status>*You may not use this gateway*mailto:root@localhost</status></presence>`)
	<-s.ctx.Done()
	alice.ask(`<message to='help@irc.localhost' id='m'><body>status</body></message>`, `<message type='error' id='m'/>`)
	alice.alive()

	rules.Access.Deny, rules.Access.Allow, rules.Admins = nil, []string{"localhost"}, []string{"bob@localhost"}
	rules.Avatar = avatar.Image{Data: []byte("a picture"), Type: "image/png", Width: 1, Height: 1}
	w.gateway.Reload(rules)
	// What presences show is shown anew.
	alice.expect(`<presence from='irc.localhost'><x xmlns='vcard-temp:x:update'><photo>` + avatar.New(rules.Avatar).Hash() + `</photo></x></presence>`)
	w.enter(alice)
	alice.ask(`<presence to='#two%irc.example@irc.localhost/alice' id='j'><x xmlns='http://jabber.org/protocol/muc'/></presence>`,
		`<presence type='error' id='j'><error type='modify'><text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>You are in 1 rooms*</text></error></presence>`)
	bob.ask(`<message to='help@irc.localhost'><body>sessions</body></message>`, `<message type='chat'><body>1 alice@localhost*</body></message>`)
	if o, err := w.gateway.Operate(t.Context(), transports.Operation{Command: "sessions", Max: 1}); err != nil || o.Table == nil {
		t.Errorf("got %+v, %v", o, err)
	}
}
