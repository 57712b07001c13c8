package component

import (
	"path/filepath"
	"strings"
	"testing"

	"passerelle/store"
	"passerelle/transports"
)

// A form with a secret is answered in chat with a link as well, which no archive keeps; who writes a password gets one, too.
func TestSecretLink(t *testing.T) {
	t.Parallel()
	ran := make(chan transports.Call, 1)
	db := openStore(t, filepath.Join(t.TempDir(), "p.db"))
	w := newWorld(t, func(o *Options) {
		o.Store, o.LinkURL, o.Transport.(*scripted).commands = db, "https://gateway.example/set/", []transports.Command{configureForTest(ran)}
	}).connected()
	alice := w.client("alice@localhost/phone")
	say := func(body, pattern string) {
		t.Helper()
		alice.ask(`<message type='chat' to='help@irc.localhost'><body>`+body+`</body></message>`, `<message type='chat'><body>`+pattern+`</body></message>`)
	}
	// link is the next message: it has a link, and what the database knows of that.
	link := func() (string, store.Link) {
		t.Helper()
		e := alice.expect(`<message type='chat' from='help@irc.localhost' to='alice@localhost/phone'><body>For passwords*https://gateway.example/set/*</body>
			<no-store xmlns='urn:xmpp:hints'/><no-permanent-store xmlns='urn:xmpp:hints'/><no-copy xmlns='urn:xmpp:hints'/></message>`)
		_, token, _ := strings.Cut(e.String(), "https://gateway.example/set/")
		token, _, _ = strings.Cut(token, "<")
		l, ok, err := db.Link(t.Context(), store.Secret(token))
		if err != nil || !ok || len(token) != 43 {
			t.Fatalf("the link %q: %v, %v", token, ok, err)
		}
		return token, l
	}
	say("configure irc.example", "Your settings (Example)*4 Password: (not in chat: write “link” for a page)*")
	first, l := link()
	if l.JID != "alice@localhost" || l.Domain != testDomain || l.Command != "configure" || l.Target != "irc.example" {
		t.Errorf("it is for %+v", l)
	}
	say("4 hunter2", "I do not take passwords in chat*Consider deleting that message.")
	if second, _ := link(); second == first {
		t.Error("two links are the same")
	}
	alice.send(`<message type='chat' to='help@irc.localhost'><body>LIEN</body></message>`)
	link()
	alice.send(`<message type='chat' to='help@irc.localhost'><body>4</body></message>`)
	link()
	say("1 ally", "1 Nick: ally*")

	// The page was filled in: the form in chat, which is older, must not put back what was there before.
	w.gateway.Filled(l, "fr", "Enregistré.")
	alice.expect(`<message type='chat' from='help@irc.localhost' to='alice@localhost' xml:lang='fr'><body>Quelqu&apos;un s&apos;est servi de votre lien. Enregistré.</body></message>`)
	say("ok", "*Words that I know*")
	if len(ran) > 0 {
		t.Error("the form in chat was saved")
	}
}

// Passwords go only where nobody reads along, and only by a page that stands alone.
func TestNoSecretLink(t *testing.T) {
	t.Parallel()
	db := openStore(t, filepath.Join(t.TempDir(), "p.db"))
	secret := &transports.Form{Fields: []transports.Field{{Name: "a", Type: transports.FieldSecret}}}
	for name, test := range map[string]struct {
		url     string
		db      *store.DB
		command transports.Command
		form    *transports.Form
		want    bool
	}{
		"https":              {"https://a.example/set/", db, transports.Command{}, secret, true},
		"this machine":       {"http://127.0.0.1:1/set/", db, transports.Command{}, secret, true},
		"http":               {"http://a.example/set/", db, transports.Command{}, secret, false},
		"no pages":           {"", db, transports.Command{}, secret, false},
		"no database":        {"https://a.example/set/", nil, transports.Command{}, secret, false},
		"no secret":          {"https://a.example/set/", db, transports.Command{}, &transports.Form{Fields: []transports.Field{{Name: "a"}}}, false},
		"more pages":         {"https://a.example/set/", db, transports.Command{}, &transports.Form{Fields: secret.Fields, More: true}, false},
		"for administrators": {"https://a.example/set/", db, transports.Command{Admin: true}, secret, false},
		"a table":            {"https://a.example/set/", db, transports.Command{}, nil, false},
	} {
		g := &Gateway{opt: Options{LinkURL: test.url, Store: test.db}}
		if got := g.canLink(&execution{command: test.command, pages: make([]page, 1)}, test.form); got != test.want {
			t.Errorf("%s: got %v", name, got)
		}
	}
}
