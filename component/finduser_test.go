package component

import (
	"path/filepath"
	"strings"
	"testing"

	"passerelle/store"
	"passerelle/transports"
)

// watched is a transport whose network reports people as the test says.
type watched struct {
	*scripted
	seen  []transports.Sighting
	names map[string]string // token by JID
}

func (w *watched) Seen(reported, network string) []transports.Sighting {
	var out []transports.Sighting
	for _, s := range w.seen {
		if s.Nick == reported && (network == "" || network == s.Network) {
			out = append(out, s)
		}
	}
	return out
}

func (w *watched) Names(reported string, user transports.Address) bool {
	return w.names[user.String()] == reported
}

// An administrator finds who hides behind a nick or a token, chooses where it is several, and stops them at once.
func TestFindUser(t *testing.T) {
	t.Parallel()
	db := openStore(t, filepath.Join(t.TempDir(), "p.db"))
	person := func(name string) transports.Address { return transports.Address{Local: name, Domain: "localhost"} }
	err := db.Write(t.Context(), func(tx *store.Tx) error {
		return tx.TouchUser(store.UserID{Domain: testDomain, JID: "dave@localhost"})
	})
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, func(o *Options) {
		o.Store, o.Admins = db, []string{"root@localhost"}
		o.Transport = &watched{
			scripted: o.Transport.(*scripted),
			seen: []transports.Sighting{
				{User: person("bob"), Network: "b.example", Nick: "pest", Name: "ubob", Host: "h.example"},
				{User: person("alice"), Network: "irc.example", Nick: "pest"},
				{User: person("alice"), Network: "b.example", Nick: "alice"},
				{User: person("root"), Network: "b.example", Nick: "root"},
			},
			names: map[string]string{"dave@localhost": "udave"},
		}
	}).connected()
	alice, root := w.client("alice@localhost/phone"), w.client("root@localhost/desk")
	s := w.enter(alice)
	run := func(values transports.Values) (transports.Outcome, error) {
		t.Helper()
		return w.gateway.Operate(t.Context(), transports.Operation{Command: "find-user", Values: values, Max: 1})
	}
	said := func(values transports.Values, want string) {
		t.Helper()
		if o, err := run(values); err != nil || o.Said != want {
			t.Errorf("%v: %q, %v; want %q", values, o.Said, err, want)
		}
	}
	said(transports.Values{"who": {"pest"}}, "alice@localhost, who is pest on irc.example\nbob@localhost, who is pest!ubob@h.example on b.example")
	said(transports.Values{"who": {"pest"}, "network": {" B.example"}}, "bob@localhost, who is pest!ubob@h.example on b.example")
	said(transports.Values{"who": {"udave"}}, "dave@localhost, who is not connected")
	if o, err := run(transports.Values{"who": {"x"}}); err != nil || o.Form == nil || o.Form.Fields[0].Fault != "Nobody here is known by that." {
		t.Errorf("nobody: %+v, %v", o, err)
	}
	if o, err := run(transports.Values{"who": {"pest"}, "action": {"deny"}}); err != nil || o.Form == nil || len(o.Form.Fields[0].Options) != 2 {
		t.Errorf("several people: %+v, %v", o, err)
	}
	if _, err := run(transports.Values{"who": {"root"}, "action": {"deny"}}); err == nil || !strings.Contains(err.Error(), "is an administrator") {
		t.Errorf("an administrator: %v", err)
	}
	said(transports.Values{"who": {"pest"}, "action": {"deny"}, "users": {}}, "Left as it is.")
	alice.alive()
	said(transports.Values{"who": {"alice"}, "action": {"disconnect"}}, "alice@localhost, who is alice on b.example\nThe connections of alice@localhost have ended.")
	alice.expect(`<presence type='unavailable' from='#go%irc.example@irc.localhost/alice'><status>An administrator of this gateway has ended your connections.</status></presence>`)
	if s.ctx.Err() == nil {
		t.Error("her session is still open")
	}
	w.enter(alice)
	said(transports.Values{"who": {"pest"}, "action": {"deny"}, "users": {"alice@localhost"}}, "alice@localhost, who is pest on irc.example\nalice@localhost may not use the gateway any more.")
	alice.expect(`<presence type='unavailable' from='#go%irc.example@irc.localhost/alice'><status>You may not use this gateway*</status></presence>`)
	alice.ask(`<presence id='j' to='#go%irc.example@irc.localhost/alice'><x xmlns='http://jabber.org/protocol/muc'/></presence>`, `<presence type='error' id='j'><error type='auth'/></presence>`)
	root.ask(exec("irc.localhost", "denied-users", "", "", ""), answered(`status='completed'`, `<x xmlns='jabber:x:data' type='result'><item><field var='user'><value>alice@localhost</value></field></item></x>`))
	root.ask(`<message type='chat' to='irc.localhost'><body>allow-user alice@localhost</body></message>`, `<message type='chat'><body>alice@localhost may use the gateway.</body></message>`)
	w.enter(alice)
}
