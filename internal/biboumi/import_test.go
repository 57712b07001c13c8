package biboumi

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"passerelle/ircbridge"
	"passerelle/store"
	"passerelle/transports"
)

const domain = "irc.example.org"

// schema is what biboumi 9.0 makes.
const schema = `
CREATE TABLE muclogline_ (id_ INTEGER PRIMARY KEY AUTOINCREMENT,uuid_ TEXT,owner_ TEXT,ircchanname_ TEXT,ircservername_ TEXT,date_ INTEGER,body_ TEXT,nick_ TEXT);
CREATE TABLE globaloptions_ (id_ INTEGER PRIMARY KEY AUTOINCREMENT,owner_ TEXT,maxhistorylength_ INTEGER,recordhistory_ INTEGER,persistent_ INTEGER);
CREATE TABLE ircserveroptions_ (id_ INTEGER PRIMARY KEY AUTOINCREMENT,owner_ TEXT,server_ TEXT,pass_ TEXT,tlsports_ TEXT,ports_ TEXT,username_ TEXT,
	realname_ TEXT,verifycert_ INTEGER,trustedfingerprint_ TEXT,encodingout_ TEXT,encodingin_ TEXT,maxhistorylength_ INTEGER,address_ TEXT,nick_ TEXT,
	saslpassword_ TEXT,throttlelimit_ INTEGER);
CREATE TABLE ircchanneloptions_ (id_ INTEGER PRIMARY KEY AUTOINCREMENT,owner_ TEXT,server_ TEXT,channel_ TEXT,encodingout_ TEXT,encodingin_ TEXT,
	maxhistorylength_ INTEGER,persistent_ INTEGER,recordhistory_ INTEGER);
CREATE TABLE roster (local TEXT,remote TEXT);
CREATE TABLE after_connection_commands_ (id_ INTEGER PRIMARY KEY AUTOINCREMENT,fk_ INTEGER,afterconnectioncommand_ TEXT);
`

// makeBiboumi makes a database of biboumi and opens it as the import does.
func makeBiboumi(tb testing.TB, statements ...string) *Database {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "biboumi.sqlite")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		tb.Fatal(err)
	}
	for _, s := range statements {
		if _, err := db.ExecContext(tb.Context(), s); err != nil {
			tb.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		tb.Fatal(err)
	}
	d, err := Open(tb.Context(), path)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = d.Close() })
	return d
}

func openStore(tb testing.TB) *store.DB {
	tb.Helper()
	db, err := store.Open(tb.Context(), store.Options{
		Path: filepath.Join(tb.TempDir(), "passerelle.db"), Key: make([]byte, store.KeySize), Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = db.Close() })
	return db
}

func bring(from *Database, to *store.DB) Options {
	return Options{From: from, Store: to, Domain: domain, Lines: true}
}

func mustImport(tb testing.TB, o Options) *Summary {
	tb.Helper()
	s, err := Import(tb.Context(), o)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func user(jid string) store.UserID { return store.UserID{Domain: domain, JID: jid} }

// archive is what a user reads in a room: nick, time and stanza of each line, with its id.
func archive(tb testing.TB, db *store.DB, jid, room string) []string {
	tb.Helper()
	var all []string
	for l, err := range db.Lines(tb.Context(), user(jid), store.Part{Room: room}, time.Time{}) {
		if err != nil {
			tb.Fatal(err)
		}
		all = append(all, fmt.Sprintf("%s %d %s %s", l.ID, l.Time.Unix(), l.Who, l.Stanza))
	}
	return all
}

func insertLine(uuid, owner, channel string, date int, nick, body string) string {
	return fmt.Sprintf(`INSERT INTO muclogline_ (uuid_, owner_, ircchanname_, ircservername_, date_, body_, nick_) VALUES ('%s', '%s', '%s', 'irc.libera.chat', %d, '%s', '%s')`,
		uuid, owner, channel, date, body, nick)
}

func TestArchive(t *testing.T) {
	t.Parallel()
	from := makeBiboumi(t, schema,
		insertLine("u1", "a@example.org", "#go", 1000, "carol", "one <b>"),
		insertLine("u2", "b@example.org", "#go", 1000, "carol", "one <b>"),
		insertLine("u3", "a@example.org", "#go", 900, "", "a clock that was put back"),
		insertLine("u4", "A@example.org", "#GO", 1001, "carol", "in other letters"),
		insertLine("", "a@example.org", "#go", 1002, "carol", "without an id"),
		insertLine("u1", "a@example.org", "#go", 1003, "carol", "an id again"),
		insertLine("u5", "a@example.org", "#go", -3, "carol", "before time"),
		insertLine("u6", "a@example.org", "#go", 99999999999, "carol", "after time"),
		insertLine("u7", "a@example.org", "#go", 1004, "carol", "\x02control\x01"),
		insertLine("x\" y=\"z", "a@example.org", "#go", 1005, "carol", strings.Repeat("é", maxBody)),
		insertLine("v1", "@", "#go", 1005, "carol", "nobody"),
		insertLine("v2", "a@example.org", "go", 1005, "carol", "no channel"),
		insertLine("v3", "a@example.org", "#go", 1005, "carol", ""),
		insertLine("v4", "a@example.org", "#go", 1005, strings.Repeat("n", 2000), "endless"),
		`INSERT INTO muclogline_ (date_, body_) VALUES ('yesterday', 7)`,
		`INSERT INTO muclogline_ (owner_) VALUES (x'00ff')`,
		insertLine("u9", "a@example.org", "#true/false", 1006, "carol", "odd"),
	)
	to := openStore(t)
	s := mustImport(t, bring(from, to))
	got := archive(t, to, "a@example.org", "#go%irc.libera.chat")
	if len(got) != 9 {
		t.Fatalf("%d lines: %q", len(got), got)
	}
	for i, want := range []string{
		`u1 1000 carol <message id='u1' type='groupchat'><body>one &lt;b&gt;</body></message>`,
		`u3 1000  <message id='u3' type='groupchat'><body>a clock that was put back</body></message>`,
		`u4 1001 carol <message id='u4' type='groupchat'><body>in other letters</body></message>`,
		`* 1002 carol <message id='*' type='groupchat'><body>without an id</body></message>`,
		`* 1003 carol <message id='*' type='groupchat'><body>an id again</body></message>`,
		`u5 1003 carol <message id='u5' type='groupchat'><body>before time</body></message>`,
		`u6 1003 carol <message id='u6' type='groupchat'><body>after time</body></message>`,
		`u7 1004 carol <message id='u7' type='groupchat'><body>control</body></message>`,
		`* 1005 carol <message id='*' type='groupchat'><body>` + strings.Repeat("é", maxBody/2) + `</body></message>`,
	} {
		id, _, _ := strings.Cut(got[i], " ")
		if want = strings.ReplaceAll(want, "*", id); got[i] != want {
			t.Errorf("line %d: got  %.120s\nwant %.120s", i, got[i], want)
		}
	}
	if got := archive(t, to, "b@example.org", "#go%irc.libera.chat"); len(got) != 1 || !strings.HasPrefix(got[0], "u2 ") {
		t.Errorf("b reads %q", got)
	}
	if got := archive(t, to, "a@example.org", `#true\2ffalse%irc.libera.chat`); len(got) != 1 {
		t.Errorf("the awkward channel: %q", got)
	}
	want := []Count{{undated, 4}, {noOwner, 3}, {noLine, 1}, {noRoom, 1}, {noText, 1}}
	if diff := cmp.Diff(sorted(want), s.Skipped()); diff != "" {
		t.Error(diff)
	}
	if s.Lines != 11 || s.Users() != 2 || s.Rooms() != 2 {
		t.Errorf("%d lines of %d users in %d rooms", s.Lines, s.Users(), s.Rooms())
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	from := makeBiboumi(t, schema,
		`INSERT INTO ircserveroptions_ (owner_, server_, pass_, nick_, username_, realname_, saslpassword_, tlsports_, ports_, verifycert_, throttlelimit_, maxhistorylength_)
			VALUES ('a@example.org', 'IRC.Libera.chat', 'letmein', 'al', 'user name', 'A L', 'hunter2', '6697;6670;', '6667;', 1, 10, 20)`,
		`INSERT INTO ircserveroptions_ (owner_, server_, address_, tlsports_, ports_, verifycert_, trustedfingerprint_, throttlelimit_, encodingin_, maxhistorylength_)
			VALUES ('a@example.org', 'home', '10.0.0.1', '7000;80', '6667', 0, 'E7:0A:CA:3D:49:22:F7:81:B1:F5:59:A2:E3:2B:00:48:9B:E3:AE:C7', -1, 'ISO-8859-15', 200)`,
		`INSERT INTO ircserveroptions_ (owner_, server_, address_, tlsports_, ports_, trustedfingerprint_, encodingin_, encodingout_, throttlelimit_, maxhistorylength_)
			VALUES ('a@example.org', 'plain', 'Plain', '', '6667;6668', 'nonsense', 'UTF-8', 'KOI8-R', 5, 10)`,
		`INSERT INTO ircserveroptions_ (owner_, server_, nick_) VALUES ('b@example.org', 'irc.libera.chat', 'new'), ('', 'irc.libera.chat', 'x'), ('b@example.org', 'no host', 'x')`,
		`INSERT INTO after_connection_commands_ (fk_, afterconnectioncommand_)
			VALUES (1, 'PRIVMSG NickServ :identify hunter2'), (1, 'MODE al +i'), (1, 'JOIN #away'), (2, 'MODE x'), (77, 'QUIT')`,
		`INSERT INTO globaloptions_ (owner_, recordhistory_, persistent_, maxhistorylength_) VALUES ('a@example.org', 0, 1, 5), ('c@example.org', 1, 0, 20)`,
		`INSERT INTO ircchanneloptions_ (owner_, server_, channel_, recordhistory_, persistent_, encodingin_, encodingout_)
			VALUES ('a@example.org', 'irc.libera.chat', '#Go', 1, 0, 'ISO-8859-2', ''), ('c@example.org', 'irc.libera.chat', '#go', -1, 1, '', 'unheard-of'),
			('c@example.org', 'irc.libera.chat', '#c', 0, 1, NULL, NULL), ('a@example.org', 'irc.libera.chat', '#True/False', 0, 1, '', '')`,
		`INSERT INTO ircserveroptions_ (owner_, server_, pass_, verifycert_, tlsports_, ports_) VALUES ('c@example.org', 'irc.libera.chat', 'x', 0, '', '')`,
		`INSERT INTO roster VALUES ('irc.example.org', 'a@example.org'), ('irc.libera.chat@irc.example.org', 'a@example.org'),
			('irc.example.org', 'a@example.org'), ('elsewhere.example', 'a@example.org')`,
	)
	to := openStore(t)
	if err := to.Write(t.Context(), func(tx *store.Tx) error {
		return errors.Join(tx.Set(user("b@example.org"), "network:irc.libera.chat", "nick", "mine"), tx.Set(user("a@example.org"), "gateway", "registered", "1"))
	}); err != nil {
		t.Fatal(err)
	}
	o := bring(from, to)
	o.StayByDefault = true
	rules, err := ircbridge.New(ircbridge.Options{Open: true, Burst: 10, UserBurst: 20, Reach: ircbridge.Reach{UserPorts: []ircbridge.PortRange{{First: 1024, Last: 65535}}}})
	if err != nil {
		t.Fatal(err)
	}
	o.Check = func(on transports.Target, set map[string]string) transports.Faults {
		return rules.CheckSettings("", on, set)
	}
	s := mustImport(t, o)
	check := func(jid, scope string, want map[string]string) {
		t.Helper()
		got, err := to.Settings(t.Context(), user(jid), scope)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s %s: %v %s", jid, scope, err, diff)
		}
	}
	check("a@example.org", "network:irc.libera.chat", map[string]string{"nick": "al", "realname": "A L"})
	check("a@example.org", "network:home", map[string]string{
		"address": "10.0.0.1", "tls_ports": "7000\n80", "verify_cert": "false", "throttle_limit": "-1", "encoding_in": "ISO-8859-15", "max_history_length": "50",
		"fingerprint": "E7:0A:CA:3D:49:22:F7:81:B1:F5:59:A2:E3:2B:00:48:9B:E3:AE:C7",
	})
	check("a@example.org", "network:plain", map[string]string{"ports": "6667\n6668", "encoding_out": "KOI8-R", "throttle_limit": "5", "max_history_length": "10"})
	check("a@example.org", "gateway", map[string]string{"registered": "1", "persistent": "true", "max_history_length": "5"})
	check("a@example.org", "room:#go%irc.libera.chat", map[string]string{"encoding_in": "ISO-8859-2"})
	check("b@example.org", "network:irc.libera.chat", map[string]string{"nick": "mine"})
	check("c@example.org", "gateway", map[string]string{"persistent": "false"})
	check("c@example.org", "network:irc.libera.chat", map[string]string{})
	rooms, err := to.Occupancies(t.Context(), domain)
	if want := (store.Occupancy{UserID: user("a@example.org"), Room: `#true\2ffalse%irc.libera.chat`, Nick: "al"}); err != nil || len(rooms) != 1 {
		t.Errorf("rooms to be in at once: %+v, %v", rooms, err)
	} else if rooms[0].EnteredAt = (time.Time{}); rooms[0] != want {
		t.Errorf("got %+v, want %+v", rooms[0], want)
	}
	check("c@example.org", "room:#go%irc.libera.chat", map[string]string{"persistent": "true"})
	check("c@example.org", "room:#c%irc.libera.chat", map[string]string{"persistent": "true"})
	check("a@example.org", "archive", map[string]string{"default": "never", "always": "#go%irc.libera.chat@irc.example.org", "never": ""})
	check("c@example.org", "archive", map[string]string{"default": "always", "always": "", "never": "#go%irc.libera.chat@irc.example.org"})
	for name, want := range map[string]string{
		"password": "letmein", "account-password": "hunter2", "after_connect_commands": "PRIVMSG NickServ :identify hunter2\nMODE al +i",
	} {
		if got, ok, err := to.Secret(t.Context(), user("a@example.org"), "network:irc.libera.chat", name); !ok || err != nil || got.Reveal() != want {
			t.Errorf("%s: got %q, %v", name, got.Reveal(), err)
		}
	}
	contacts, err := to.Contacts(t.Context(), user("a@example.org"))
	if err != nil || !slices.Equal(contacts, []string{"", "irc.libera.chat"}) {
		t.Errorf("contacts %q, %v", contacts, err)
	}
	if s.Settings != 25 || s.Sealed != 5 || s.Stays != 1 || s.Kept != 1 || s.Choices != 2 {
		t.Errorf("summary: %+v", s)
	}
	wantLeft := []Count{{leftAddress, 1}, {leftPorts, 1}, {leftPlain, 1}, {leftUnverified, 1}, {leftThrottle, 1}, {leftHistory, 1}, {leftStay, 1}}
	if diff := cmp.Diff(sorted(wantLeft), s.Left()); diff != "" {
		t.Error(diff)
	}
	wantSkipped := []Count{{noOwner, 1}, {noNetwork, 1}, {refused, 4}, {elsewhere, 1}}
	if diff := cmp.Diff(sorted(wantSkipped), s.Skipped()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]Network{
		{"home", []string{"10.0.0.1:7000", "10.0.0.1:80"}}, {"plain", []string{"plain:6667 without TLS", "plain:6668 without TLS"}},
	}, s.Networks()); diff != "" {
		t.Error(diff)
	}
	// What users do later stays.
	if err := to.Write(t.Context(), func(tx *store.Tx) error { return tx.Unset(user("a@example.org"), "network:irc.libera.chat", "nick") }); err != nil {
		t.Fatal(err)
	}
	mustImport(t, bring(from, to))
	check("a@example.org", "network:irc.libera.chat", map[string]string{"realname": "A L"})
}

// TestOldSchema: versions before 5 had no ids, before 6 no roster, and names in another case.
func TestOldSchema(t *testing.T) {
	t.Parallel()
	from := makeBiboumi(t,
		`CREATE TABLE MucLogLine_ (id_ INTEGER PRIMARY KEY, type_ TEXT, owner_ TEXT, ircChanName_ TEXT, ircServerName_ TEXT, date_ INTEGER, body_ TEXT, nick_ TEXT)`,
		`CREATE TABLE IrcServerOptions_ (id_ INTEGER PRIMARY KEY, owner_ TEXT, server_ TEXT, pass_ TEXT, username_ TEXT)`,
		`INSERT INTO MucLogLine_ VALUES (5, '', 'a@example.org', '#go', 'irc.libera.chat', 1000, 'old', 'carol')`,
		`INSERT INTO IrcServerOptions_ VALUES (1, 'a@example.org', 'irc.libera.chat', '', 'al')`,
	)
	to := openStore(t)
	s := mustImport(t, bring(from, to))
	if s.Lines != 1 || s.Settings != 1 || len(archive(t, to, "a@example.org", "#go%irc.libera.chat")) != 1 {
		t.Errorf("%+v", s)
	}
}

func TestNotBiboumi(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.sqlite")
	if _, err := Open(t.Context(), path); err == nil {
		t.Error("a file that is not there was opened")
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), `CREATE TABLE other (x)`); err != nil {
		t.Fatal(err)
	}
	_ = db.Close()
	if _, err := Open(t.Context(), path); err == nil || !strings.Contains(err.Error(), "no tables of biboumi") {
		t.Errorf("another database: %v", err)
	}
	if _, err := Open(t.Context(), "postgresql://u:geheim@127.0.0.1:1/x"); err == nil || strings.Contains(err.Error(), "geheim") {
		t.Errorf("a server that is not there: %v", err)
	}
}

const manyLines = `INSERT INTO muclogline_ (uuid_, owner_, ircchanname_, ircservername_, date_, body_, nick_)
	WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)
	SELECT printf('uuid-%%08d', i), printf('user%%d@example.org', i %% 20), printf('#room%%d', i %% 7), 'irc.libera.chat', 1600000000 + i,
		'Somebody says something of about ninety bytes, as people in channels do, number ' || i, 'nick' || i %% 50 FROM n`

// TestInterrupted: an import that is interrupted anywhere goes on, and brings each line once.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	const lines = 3*linesAtOnce + 1
	from := makeBiboumi(t, schema, fmt.Sprintf(manyLines, lines))
	to := openStore(t)
	o := bring(from, to)
	stops := 0
	for {
		ctx, cancel := context.WithCancelCause(t.Context())
		o.Progress = func(int64, int64) {
			cancel(errors.New("enough"))
		}
		_, err := Import(ctx, o)
		cancel(nil)
		if unfinished, uerr := Unfinished(t.Context(), to, domain); uerr != nil || unfinished != (err != nil) {
			t.Fatalf("unfinished: %t, %v after %v", unfinished, uerr, err)
		}
		if err == nil {
			break
		}
		stops++
	}
	if stops < 2 {
		t.Errorf("it was interrupted %d times", stops)
	}
	all := 0
	for u := range 20 {
		jid := fmt.Sprintf("user%d@example.org", u)
		rooms, err := to.RoomsOf(t.Context(), user(jid))
		if err != nil {
			t.Fatal(err)
		}
		for _, room := range rooms {
			last := -1
			for l, err := range to.Lines(t.Context(), user(jid), store.Part{Room: room}, time.Time{}) {
				if err != nil {
					t.Fatal(err)
				}
				var n int
				if _, err := fmt.Sscanf(l.ID, "uuid-%d", &n); err != nil || n%20 != u || l.Time.Unix() != int64(1600000000+n) {
					t.Fatalf("%s reads %+v, %v", jid, l, err)
				}
				if all++; room == "#room0%irc.libera.chat" && n <= last {
					t.Fatalf("%s: %d after %d", jid, n, last)
				}
				last = n
			}
		}
	}
	if all != lines {
		t.Errorf("%d lines, want %d", all, lines)
	}
	if s := mustImport(t, bring(from, to)); s.Lines != 0 || !s.Again {
		t.Errorf("once more: %d lines", s.Lines)
	}
}

// TestBusyRoom: what a room has already is newer, and stays behind what comes, with its times.
func TestBusyRoom(t *testing.T) {
	t.Parallel()
	to := openStore(t)
	if err := to.Write(t.Context(), func(tx *store.Tx) error {
		return tx.AppendHeard([]store.HeardLine{{Reader: "a@example.org", RoomLine: store.RoomLine{
			Domain: domain, Room: "#go%irc.libera.chat", ID: "new", Time: time.Unix(5000, 0), Nick: "carol", Stanza: "<message/>",
		}}})
	}); err != nil {
		t.Fatal(err)
	}
	mustImport(t, bring(makeBiboumi(t, schema, insertLine("old", "a@example.org", "#go", 1000, "carol", "x")), to))
	got := archive(t, to, "a@example.org", "#go%irc.libera.chat")
	want := []string{`old 1000 carol <message id='old' type='groupchat'><body>x</body></message>`, `new 5000 carol <message/>`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestTooOld(t *testing.T) {
	t.Parallel()
	from := makeBiboumi(t, schema, insertLine("old", "a@example.org", "#go", 1000, "c", "x"), insertLine("new", "a@example.org", "#go", 3000, "c", "x"))
	to := openStore(t)
	o := bring(from, to)
	o.OldestLine = time.Unix(2000, 0)
	if _, err := Import(t.Context(), o); err == nil {
		t.Error("lines that would be deleted were taken")
	} else if _, ok := errors.AsType[*TooOldError](err); !ok {
		t.Error(err)
	}
	o.SkipOld = true
	if s := mustImport(t, o); s.Lines != 1 {
		t.Errorf("%d lines", s.Lines)
	}
}

// TestGiveUp: an import that cannot go on leaves what came, and rooms as they were.
func TestGiveUp(t *testing.T) {
	t.Parallel()
	to := openStore(t)
	from := makeBiboumi(t, schema, fmt.Sprintf(manyLines, 2*linesAtOnce))
	ctx, cancel := context.WithCancel(t.Context())
	o := bring(from, to)
	o.Progress = func(int64, int64) { cancel() }
	if _, err := Import(ctx, o); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	for range 2 {
		if err := GiveUp(t.Context(), to, domain); err != nil {
			t.Fatal(err)
		}
	}
	if unfinished, err := Unfinished(t.Context(), to, domain); unfinished || err != nil {
		t.Errorf("unfinished: %t, %v", unfinished, err)
	}
	if s := mustImport(t, bring(from, to)); s.Lines != linesAtOnce {
		t.Errorf("the rest has %d lines", s.Lines)
	}
	if err := GiveUp(t.Context(), to, "other.example"); err != nil {
		t.Errorf("nothing to give up: %v", err)
	}
}

// TestUnreadable: the operator is told what to do about a database that biboumi did not leave in order.
func TestUnreadable(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "b.sqlite")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	for _, s := range []string{schema, `PRAGMA cache_size = 5`, `BEGIN`, fmt.Sprintf(manyLines, 5000)} { // more than fits the cache
		if _, err := db.ExecContext(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	dead := filepath.Join(t.TempDir(), "dead.sqlite")
	for _, suffix := range []string{"", "-journal"} {
		data, err := os.ReadFile(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(dead+suffix, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]string{path: "stop it first", dead: "start it and stop it once"} {
		if _, err := Open(t.Context(), path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestOtherDatabase(t *testing.T) {
	t.Parallel()
	to := openStore(t)
	mustImport(t, bring(makeBiboumi(t, schema, insertLine("one", "a@example.org", "#go", 1000, "c", "x")), to))
	if _, err := Import(t.Context(), bring(makeBiboumi(t, schema, insertLine("two", "a@example.org", "#go", 1000, "c", "x")), to)); err == nil {
		t.Error("a second database was taken over as if it were the first")
	}
}

func BenchmarkImport(b *testing.B) {
	const lines = 200_000
	from := makeBiboumi(b, schema, fmt.Sprintf(manyLines, lines))
	for b.Loop() {
		b.StopTimer()
		to := openStore(b)
		b.StartTimer()
		mustImport(b, bring(from, to))
	}
	b.ReportMetric(float64(lines)*float64(b.N)/b.Elapsed().Seconds(), "lines/s")
}
