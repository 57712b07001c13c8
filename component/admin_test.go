package component

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	_ "modernc.org/sqlite" // to look into the gateway's database from outside

	"passerelle/store"
	"passerelle/transports"
)

// adminWorld is a gateway with a database and root as its administrator.
func adminWorld(t *testing.T) (*world, *store.DB, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "p.db")
	db := openStore(t, path)
	w := newWorld(t, func(o *Options) { o.Store, o.Admins = db, []string{"root@localhost"} }).connected()
	return w, db, path
}

// Lists for administrators, which are hidden from and refused to everybody else; and what everybody may know of himself.
func TestAdminLists(t *testing.T) {
	t.Parallel()
	w, db, _ := adminWorld(t)
	alice, root := w.client("alice@localhost/phone"), w.client("root@localhost/desk")
	nobody := answered(`status='completed'`, `<note>Nobody is connected.</note>`)
	root.ask(exec("irc.localhost", "sessions", "", "", ""), nobody)
	root.ask(exec("irc.localhost", "users", "", "", ""), answered(`status='completed'`, `<note>Nobody is known here.</note>`))
	w.enter(alice)
	waitOccupancies(t, w, 1)
	err := db.Write(t.Context(), func(tx *store.Tx) error {
		return errors.Join(tx.SetSecret(w.gateway.userID(transports.Address{Local: "alice", Domain: "localhost"}), "network:irc.example", "password", "hunter2"),
			tx.TouchUser(w.gateway.userID(transports.Address{Local: "bob", Domain: "localhost"})))
	})
	if err != nil {
		t.Fatal(err)
	}
	cell := func(name, value string) string {
		return `<field var='` + name + `'><value>` + value + `</value></field>`
	}
	root.ask(exec("irc.localhost", "sessions", "", "", ""), answered(`status='completed'`,
		`<x xmlns='jabber:x:data' type='result'><item>`+cell("user", "alice@localhost")+cell("network", "irc.example")+cell("rooms", "1")+`</item></x>`))
	root.ask(exec("irc.localhost", "users", "", "", ""), answered(`status='completed'`,
		`<x xmlns='jabber:x:data' type='result'><item>`+cell("user", "alice@localhost")+cell("registered", "no")+cell("sessions", "1")+`</item>
		<item>`+cell("user", "bob@localhost")+cell("sessions", "0")+`</item></x>`))
	alice.ask(exec("irc.localhost", "status", "", "", ""), answered(`status='completed'`,
		`<x xmlns='jabber:x:data' type='result'><item>`+cell("where", "irc.example")+cell("state", "connecting")+`</item>
		<item>`+cell("where", "#go")+cell("nick", "alice")+cell("state", "entered")+`</item></x>`))

	// The same in chat, also with the room's own address.
	chat := func(p *person, to, body, pattern string) {
		t.Helper()
		p.ask(`<message type='chat' to='`+to+`'><body>`+body+`</body></message>`, `<message type='chat' from='`+to+`'><body>`+pattern+`</body></message>`)
	}
	chat(root, "irc.localhost", "sessions", "1 alice@localhost (Network: irc.example, State: connecting, Rooms: 1)")
	chat(root, "irc.localhost", "users", "1 alice@localhost (Registered: no, Last seen: 20*UTC, Networks: 1)*2 bob@localhost*")
	chat(root, "irc.localhost", "user Alice@localhost/phone", "1 User (Value: alice@localhost)*5 irc.example (Value: connecting: #go)*more*")
	chat(root, "irc.localhost", "more", "6 Has set (Value: network:irc.example password)")
	chat(root, "irc.localhost", "user carol@localhost", "carol@localhost is not known here.*Write the value*")
	chat(root, "irc.localhost", "@@", "This is not an address.")
	chat(root, "irc.localhost", "cancel", "Left as it is.")
	chat(alice, "#go%irc.example@irc.localhost", "status", "1 #go (Nick: alice, State: entered)")
	chat(alice, "irc.example@irc.localhost", "état", "1 irc.example (État : connexion en cours)*2 #go (Pseudo : alice*")
	alice.ask(`<message type='chat' to='#go%irc.example@irc.localhost'><body>hello room</body></message>`, `<message type='error'/>`)

	for _, name := range []string{"sessions", "users", "user", "remove-user"} {
		alice.ask(exec("irc.localhost", name, "", "", ""), `<iq type='error' id='x'><error type='auth'><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`)
		chat(alice, "help@irc.localhost", name, "This command is for administrators.")
	}
	if e := alice.ask(`<iq type='get' id='l' to='irc.localhost'><query xmlns='http://jabber.org/protocol/disco#items' node='http://jabber.org/protocol/commands'/></iq>`,
		`<iq type='result' id='l'><query xmlns='http://jabber.org/protocol/disco#items'><item node='status'/><item node='forget-me'/></query></iq>`); strings.Contains(e.String(), "sessions") {
		t.Errorf("everybody is told of the commands for administrators: %s", e)
	}
}

// An administrator removes a user after being asked whether he is sure: the sessions end, and nothing is left.
func TestRemoveUser(t *testing.T) {
	t.Parallel()
	w, _, path := adminWorld(t)
	alice, root := w.client("alice@localhost/phone"), w.client("root@localhost/desk")
	s := w.enter(alice)
	waitOccupancies(t, w, 1)
	submit := func(name, value string) string {
		return `<x xmlns='jabber:x:data' type='submit'><field var='` + name + `'><value>` + value + `</value></field></x>`
	}
	root.ask(exec("irc.localhost", "remove-user", "", "", ""), answered(`status='executing' sessionid='{id}'`,
		`<actions execute='next'/><x xmlns='jabber:x:data'><field var='user' type='jid-single' label='JID of the user'><required/></field></x>`))
	id := root.vars["id"]
	root.ask(exec("irc.localhost", "remove-user", id, "", submit("user", "carol@localhost")), answered(`status='executing'`,
		`<x xmlns='jabber:x:data'><field var='user'><desc>carol@localhost is not known here.</desc><value>carol@localhost</value></field></x><note type='error'/>`))
	root.ask(exec("irc.localhost", "remove-user", id, "next", submit("user", "xmpp:alice@localhost")), answered(`status='executing'`,
		`<actions execute='complete'><prev/><complete/></actions><x xmlns='jabber:x:data'><instructions>Everything that is kept about alice@localhost*</instructions><field var='sure' type='boolean'/></x>`))
	root.ask(exec("irc.localhost", "remove-user", id, "complete", submit("sure", "0")), answered(`status='completed'`, `<note>Left as it is.</note>`))
	if s.ctx.Err() != nil {
		t.Error("the session ended")
	}
	chat := func(body, pattern string) {
		t.Helper()
		root.ask(`<message type='chat' to='irc.localhost'><body>`+body+`</body></message>`, `<message type='chat'><body>`+pattern+`</body></message>`)
	}
	chat("remove-user alice@localhost", "Remove a user*Everything that is kept about alice@localhost*Yes, delete it?*Write “yes” or “no”.")
	chat("perhaps", "This is yes or no.")
	chat("no", "Left as it is.")
	chat("remove-user alice@localhost", "Remove a user*")
	chat("yes", "alice@localhost is removed.")
	alice.expect(`<presence type='unavailable' from='#go%irc.example@irc.localhost/alice'><status>The operator*</status></presence>`)
	for _, typ := range []string{"unsubscribe", "unsubscribed", "unavailable"} {
		alice.expect(`<presence type='` + typ + `' from='irc.localhost' to='alice@localhost'/>`)
	}
	if s.ctx.Err() == nil {
		t.Error("the session is still open")
	}
	wantNothingOf(t, path, "alice@localhost")
}

// Nothing that names a user, and none of his secrets, is left after he is gone, whatever way he takes (XEP-0077 §3.2). What waits to
// be written when he goes does not bring him back.
func TestNothingIsLeft(t *testing.T) {
	t.Parallel()
	for name, leave := range map[string]func(p *person){
		"by registration": func(p *person) {
			p.send(`<iq type='set' id='d' to='irc.localhost'><query xmlns='jabber:iq:register'><remove/></query></iq>`)
			for p.receive().Name.Local != "iq" {
			}
		},
		"in chat": func(p *person) {
			p.ask(`<message type='chat' to='help@irc.localhost'><body>forget-me</body></message>`, `<message type='chat'><body>Delete everything*“yes” or “no”.</body></message>`)
			p.send(`<message type='chat' to='help@irc.localhost'><body>Yes</body></message>`)
			for p.receive().Name.Local != "message" {
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, db, path := adminWorld(t)
			alice := w.client("alice@localhost/phone")
			id := w.gateway.userID(transports.Address{Local: "alice", Domain: "localhost"})
			err := db.Write(t.Context(), func(tx *store.Tx) error {
				return errors.Join(tx.Set(id, "network:irc.example", "nick", "al"), tx.SetSecret(id, "network:irc.example", "password", "hunter2"))
			})
			if err != nil {
				t.Fatal(err)
			}
			w.enter(alice) // and its line for the database may still be waiting
			leave(alice)
			wantNothingOf(t, path, "alice@localhost")
		})
	}
}

// wantNothingOf looks for a text in each column of each table.
func wantNothingOf(t *testing.T, path, text string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	columns, err := textColumns(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	jids := 0
	for _, c := range columns {
		if c[1] == "jid" {
			jids++
		}
		var n int
		query := `SELECT count(*) FROM "` + c[0] + `" WHERE instr(CAST("` + c[1] + `" AS TEXT), ?) > 0`
		if err := db.QueryRowContext(t.Context(), query, text).Scan(&n); err != nil {
			t.Fatal(err)
		}
		if n > 0 {
			t.Errorf("%d rows of %s have %s in the column %s", n, c[0], text, c[1])
		}
	}
	if jids < 4 {
		t.Errorf("only %d tables with a JID were looked at", jids)
	}
}

// textColumns are all columns of all tables.
func textColumns(ctx context.Context, db *sql.DB) (columns [][2]string, err error) {
	rows, err := db.QueryContext(ctx, `SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table'`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var c [2]string
		if err := rows.Scan(&c[0], &c[1]); err != nil {
			return nil, err
		}
		columns = append(columns, c)
	}
	return columns, rows.Err()
}

// Who is asked for a user by chat and writes a command instead wants that; a word of French is understood, and answered in French.
func TestAdminChangesHisMind(t *testing.T) {
	t.Parallel()
	w, _, _ := adminWorld(t)
	root := w.client("root@localhost/desk")
	for _, say := range [][2]string{
		{"user", "What is known of somebody*"},
		{"sessions", "Nobody is connected."},
		{"cancel", "There is nothing to cancel."},
		{"user", "What is known of somebody*"},
		{"nobody@localhost", "nobody@localhost is not known here.*"},
		{"users", "Nobody is known here."},
		{"utilisateurs", "Personne n&apos;est connu ici."},
	} {
		root.ask(`<message type='chat' to='help@irc.localhost'><body>`+say[0]+`</body></message>`, `<message type='chat'><body>`+say[1]+`</body></message>`)
	}
}

// A refusal is in the language of what it refuses, else in that of what its user's clients said before.
func TestRefusalsInFrench(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil).connected()
	alice := w.client("alice@localhost/phone")
	w.enter(alice) // who is nowhere is forgotten
	for _, lang := range []string{" xml:lang='fr-CA'", ""} {
		alice.ask(`<message type='groupchat' id='m'`+lang+` to='#other%irc.example@irc.localhost'><body>x</body></message>`,
			`<message type='error' id='m'><error type='modify'><text xmlns='`+conditions+`'>Vous n&apos;êtes pas dans ce salon*</text></error></message>`)
	}
}
