package store

import (
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// behaviour is what a database must do.
type behaviour struct {
	name string
	test func(t *testing.T, db *DB, clock *testClock)
}

// contract is what every database must do. Each function gets an empty one.
var contract = []behaviour{
	{"users are seen first and last", testUsersSeen},
	{"users of one domain are not those of another", testUsersDomains},
	{"settings are set, changed and unset", testSettings},
	{"settings have scopes and owners", testSettingScopes},
	{"all settings of a scope", testAllSettings},
	{"what traffic depends on", testRelations},
	{"what many ask at once", testManyAsk},
	{"secrets are sealed and come back", testSecrets},
	{"a setting is plain or secret", testSettingKind},
	{"a sealed setting does not open in another row", testSettingSwapped},
	{"occupancies come back in order", testOccupancies},
	{"occupying again changes nick and password", testOccupyAgain},
	{"vacating", testVacate},
	{"a sealed password does not open in another row", testOccupancySwapped},
	{"rooms that users stay in", testStays},
	{"how long users are idle", testIdle},
	{"users are found one by one and in pages", testUserLookups},
	{"links work once and for a time", testLinks},
	{"who is denied stays so", testDenied},
	{"removing a user removes everything of him", testRemoveUser},
	{"texts have limits", testLimits},
	{"texts come back as they went in", testTexts},
	{"a failed write leaves nothing", testFailedWrite},
	{"a failed statement fails the write", testFailedStatement},
	{"a panic fails one write", testPanic},
	{"a transaction ends with its write", testTxOver},
	{"what follows a commit follows nothing else", testOnCommit},
	{"writers of many goroutines", testConcurrentWriters},
	{"ready", testReady},
}

func TestContract(t *testing.T) {
	t.Parallel()
	for _, c := range slices.Concat(contract, archiveContract, keepContract, contactContract, fileContract, heardContract, forgetContract, exportContract, outboxContract, jobContract, mailContract, ownContract, redirectContract, followContract, saidContract) {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			onEach(t, func(t *testing.T, opts Options) {
				clock := &testClock{now: testStart}
				opts.Now = func() time.Time { return clock.now }
				c.test(t, openTest(t, opts), clock)
			})
		})
	}
}

func testUsersSeen(t *testing.T, db *DB, clock *testClock) {
	write(t, db, func(tx *Tx) error { return tx.TouchUser(user(2)) })
	clock.advance(90 * time.Millisecond)
	write(t, db, func(tx *Tx) error { return tx.TouchUser(user(1)) })
	clock.advance(time.Hour)
	write(t, db, func(tx *Tx) error { return tx.TouchUser(user(2)) })
	// A setting is no sign of the user.
	clock.advance(time.Hour)
	write(t, db, func(tx *Tx) error { return tx.Set(user(2), "", "language", "fr") })

	got, err := db.Users(t.Context(), testDomain)
	if err != nil {
		t.Fatal(err)
	}
	want := []User{
		{user(1), testStart.Add(90 * time.Millisecond), testStart.Add(90 * time.Millisecond)},
		{user(2), testStart, testStart.Add(time.Hour + 90*time.Millisecond)},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("users (-want +got):\n%s", diff)
	}
}

func testUsersDomains(t *testing.T, db *DB, _ *testClock) {
	here, there := user(1), UserID{Domain: "mail.example.org", JID: user(1).JID}
	write(t, db, func(tx *Tx) error { return errors.Join(tx.TouchUser(here), tx.TouchUser(there)) })
	write(t, db, func(tx *Tx) error { return tx.RemoveUser(here) })
	if got := jids(t, db, here.Domain); len(got) != 0 {
		t.Errorf("users of %s: got %q, want none", here.Domain, got)
	}
	if got, want := jids(t, db, there.Domain), []string{there.JID}; !cmp.Equal(got, want) {
		t.Errorf("users of %s: got %q, want %q", there.Domain, got, want)
	}
}

func testSettings(t *testing.T, db *DB, _ *testClock) {
	const scope = "network:irc.libera.chat"
	steps := []struct {
		do   func(*Tx) error
		want map[string]string
	}{
		{func(tx *Tx) error { return tx.Unset(user(1), scope, "nick") }, map[string]string{}},
		{func(tx *Tx) error { return tx.Set(user(1), scope, "nick", "alice") }, map[string]string{"nick": "alice"}},
		{func(tx *Tx) error { return tx.Set(user(1), scope, "nick", "al") }, map[string]string{"nick": "al"}},
		{func(tx *Tx) error { return tx.Set(user(1), scope, "away", "") }, map[string]string{"nick": "al", "away": ""}},
		{func(tx *Tx) error { return tx.Unset(user(1), scope, "nick") }, map[string]string{"away": ""}},
	}
	for i, step := range steps {
		write(t, db, step.do)
		got, err := db.Settings(t.Context(), user(1), scope)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(step.want, got); diff != "" {
			t.Errorf("settings after step %d (-want +got):\n%s", i, diff)
		}
	}
}

func testSettingScopes(t *testing.T, db *DB, _ *testClock) {
	write(t, db, func(tx *Tx) error {
		return errors.Join(
			tx.Set(user(1), "", "nick", "a"),
			tx.Set(user(1), "network:one", "nick", "b"),
			tx.Set(user(1), "network:two", "nick", "c"),
			tx.Set(user(2), "network:one", "nick", "d"),
		)
	})
	for _, c := range []struct {
		id    UserID
		scope string
		want  map[string]string
	}{
		{user(1), "", map[string]string{"nick": "a"}},
		{user(1), "network:one", map[string]string{"nick": "b"}},
		{user(1), "network:two", map[string]string{"nick": "c"}},
		{user(2), "network:one", map[string]string{"nick": "d"}},
		{user(2), "network:two", map[string]string{}},
	} {
		got, err := db.Settings(t.Context(), c.id, c.scope)
		if err != nil {
			t.Fatal(err)
		}
		if !maps.Equal(got, c.want) {
			t.Errorf("settings of %s, %q: got %v, want %v", c.id.JID, c.scope, got, c.want)
		}
	}
}

// wantSecret checks a secret setting of user 1 in the scope "s".
func wantSecret(t *testing.T, db *DB, name, want string, wantFound bool) {
	t.Helper()
	got, found, err := db.Secret(t.Context(), user(1), "s", name)
	if err != nil || got.Reveal() != want || found != wantFound {
		t.Errorf("secret %s: got %q, %v, %v; want %q, %v", name, got.Reveal(), found, err, want, wantFound)
	}
}

func testSecrets(t *testing.T, db *DB, _ *testClock) {
	wantSecret(t, db, "password", "", false)
	write(t, db, func(tx *Tx) error { return tx.SetSecret(user(1), "s", "password", "hunter2") })
	wantSecret(t, db, "password", "hunter2", true)
	write(t, db, func(tx *Tx) error { return tx.SetSecret(user(1), "s", "password", "\x00\xff") })
	wantSecret(t, db, "password", "\x00\xff", true)
	write(t, db, func(tx *Tx) error { return tx.SetSecret(user(1), "s", "password", "") })
	wantSecret(t, db, "password", "", true)
	write(t, db, func(tx *Tx) error { return tx.Unset(user(1), "s", "password") })
	wantSecret(t, db, "password", "", false)
}

func testSettingKind(t *testing.T, db *DB, _ *testClock) {
	settings := func() map[string]string {
		got, err := db.Settings(t.Context(), user(1), "s")
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	write(t, db, func(tx *Tx) error { return tx.SetSecret(user(1), "s", "token", "sealed") })
	if got := settings(); len(got) != 0 {
		t.Errorf("settings with a secret: got %v, want none", got)
	}
	write(t, db, func(tx *Tx) error { return tx.Set(user(1), "s", "token", "plain") })
	wantSecret(t, db, "token", "", false)
	if got, want := settings(), map[string]string{"token": "plain"}; !maps.Equal(got, want) {
		t.Errorf("settings after the secret became plain: got %v, want %v", got, want)
	}
	write(t, db, func(tx *Tx) error { return tx.SetSecret(user(1), "s", "token", "again") })
	wantSecret(t, db, "token", "again", true)
	if got := settings(); len(got) != 0 {
		t.Errorf("settings after it became a secret again: got %v, want none", got)
	}
}

func testSettingSwapped(t *testing.T, db *DB, _ *testClock) {
	write(t, db, func(tx *Tx) error {
		return errors.Join(
			tx.SetSecret(user(1), "s", "password", "mine"),
			tx.SetSecret(user(1), "s", "token", "mine too"),
			tx.SetSecret(user(2), "s", "password", "another's"),
		)
	})
	// Somebody who can write to the file gives user 1 the password of user 2.
	raw(t, db, `UPDATE settings SET sealed = (SELECT sealed FROM settings WHERE jid = $1) WHERE jid = $2 AND name = 'password'`,
		user(2).JID, user(1).JID)
	if got, found, err := db.Secret(t.Context(), user(1), "s", "password"); err == nil {
		t.Errorf("another user's secret: got %q, %v, want an error", got.Reveal(), found)
	}
	raw(t, db, `UPDATE settings SET sealed = (SELECT sealed FROM settings WHERE jid = $1 AND name = 'token')
		WHERE jid = $1 AND name = 'password'`, user(1).JID)
	if got, found, err := db.Secret(t.Context(), user(1), "s", "password"); err == nil {
		t.Errorf("another setting's secret: got %q, %v, want an error", got.Reveal(), found)
	}
	wantSecret(t, db, "token", "mine too", true)
}

// wantOccupancies compares the occupancies of the test domain.
func wantOccupancies(t *testing.T, db *DB, want ...Occupancy) {
	t.Helper()
	got, err := db.Occupancies(t.Context(), testDomain)
	if err != nil {
		t.Fatal(err)
	}
	// Compared by ==: what is printed of a difference hides the passwords.
	if len(got) != len(want) {
		t.Fatalf("got %d occupancies, want %d:\n%+v", len(got), len(want), got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("occupancy %d:\ngot  %+v %q\nwant %+v %q", i,
				got[i], got[i].Password.Reveal(), want[i], want[i].Password.Reveal())
		}
	}
}

func testOccupancies(t *testing.T, db *DB, clock *testClock) {
	wantOccupancies(t, db)
	want := []Occupancy{
		{UserID: user(2), Resource: "phone", Room: "#b%irc.example.net", Nick: "bob", EnteredAt: testStart},
		{UserID: user(1), Resource: "desk", Room: "#a", Nick: "alice", Password: "key", EnteredAt: testStart.Add(time.Second)},
		{UserID: user(1), Resource: "desk", Room: "#b", Nick: "alice", EnteredAt: testStart.Add(2 * time.Second)},
		{UserID: user(1), Resource: "phone", Room: "#a", Nick: "al", Password: "key", EnteredAt: testStart.Add(3 * time.Second)},
	}
	for _, o := range want {
		o.EnteredAt = time.Time{} // the database sets it
		write(t, db, func(tx *Tx) error { return tx.Occupy(o) })
		clock.advance(time.Second)
	}
	write(t, db, func(tx *Tx) error {
		return tx.Occupy(Occupancy{UserID: UserID{Domain: "other.example.org", JID: "x@example.org"}, Room: "#a", Nick: "x"})
	})
	wantOccupancies(t, db, want...)
}

func testOccupyAgain(t *testing.T, db *DB, clock *testClock) {
	o := Occupancy{UserID: user(1), Resource: "desk", Room: "#a", Nick: "alice", Password: "old", EnteredAt: testStart}
	write(t, db, func(tx *Tx) error { return tx.Occupy(o) })
	clock.advance(time.Minute)
	o.Nick, o.Password = "alice_", "new"
	write(t, db, func(tx *Tx) error { return tx.Occupy(o) })
	wantOccupancies(t, db, o)
	o.Password = ""
	write(t, db, func(tx *Tx) error { return tx.Occupy(o) })
	wantOccupancies(t, db, o)
}

func testVacate(t *testing.T, db *DB, _ *testClock) {
	occupancy := func(n int, resource, room string) Occupancy {
		return Occupancy{UserID: user(n), Resource: resource, Room: room, Nick: "nick", EnteredAt: testStart}
	}
	a, b, c, d := occupancy(1, "desk", "#a"), occupancy(1, "desk", "#b"), occupancy(1, "phone", "#a"), occupancy(2, "desk", "#a")
	write(t, db, func(tx *Tx) error { return errors.Join(tx.Occupy(a), tx.Occupy(b), tx.Occupy(c), tx.Occupy(d)) })
	write(t, db, func(tx *Tx) error { return tx.Vacate(user(1), "desk", "#a") })
	wantOccupancies(t, db, b, c, d)
	write(t, db, func(tx *Tx) error { return tx.Vacate(user(1), "desk", "#a") })
	wantOccupancies(t, db, b, c, d)
	write(t, db, func(tx *Tx) error { return tx.VacateUser(user(1)) })
	wantOccupancies(t, db, d)
	if got, want := len(jids(t, db, testDomain)), 2; got != want {
		t.Errorf("users left: got %d, want %d", got, want)
	}
}

func testOccupancySwapped(t *testing.T, db *DB, _ *testClock) {
	mine := Occupancy{UserID: user(1), Resource: "desk", Room: "#a", Nick: "alice", Password: "mine", EnteredAt: testStart}
	other := Occupancy{UserID: user(2), Resource: "desk", Room: "#a", Nick: "bob", Password: "another's", EnteredAt: testStart}
	write(t, db, func(tx *Tx) error { return errors.Join(tx.Occupy(mine), tx.Occupy(other)) })
	raw(t, db, `UPDATE occupancies SET password = (SELECT password FROM occupancies WHERE jid = $1) WHERE jid = $2`,
		other.JID, mine.JID)
	got, err := db.Occupancies(t.Context(), testDomain)
	if err == nil {
		t.Error("a swapped password gave no error")
	}
	if len(got) != 1 || got[0] != other {
		t.Errorf("beside the swapped row: got %+v, want %+v", got, other)
	}
}

// Everything of a user goes with him. A table with JIDs that this test does not fill is one that nobody has thought about.
func testRemoveUser(t *testing.T, db *DB, _ *testClock) {
	line := fill(t, db, "#a", 1)
	for n := 1; n <= 2; n++ {
		see(t, db, user(n), line, line)
		write(t, db, func(tx *Tx) error {
			return errors.Join(
				tx.Set(user(n), "s", "nick", "alice"),
				tx.SetSecret(user(n), "s", "password", "secret"),
				tx.Occupy(Occupancy{UserID: user(n), Resource: "desk", Room: "#a", Nick: "alice"}),
				tx.AddFile(File{UserID: user(n), ID: fmt.Sprint(n)}, 0),
				tx.AddContact(Contact{user(n), "bob%net"}),
				tx.Block(Block{user(n), testDomain}),
				tx.Warned(user(n)),
				tx.Send(outgoing(n, "a")),
				tx.Retract(Retraction{User: user(n), ID: "#a0", Stanza: "<gone/>"}),
				tx.AddLink(Secret(fmt.Sprint("token ", n)), Link{UserID: user(n), Command: "configure", ExpiresAt: testStart.Add(time.Hour)}),
				addMail(tx, user(n)),
				addRedirect(tx, user(n)),
				tx.Follow(followed(n)),
				tx.Say(Said{UserID: user(n), Letter: "l", Stanza: "<a/>", Time: testStart}),
				addSocial(tx, user(n)),
			)
		})
	}
	write(t, db, func(tx *Tx) error { return tx.RemoveUser(user(1)) })
	write(t, db, func(tx *Tx) error { return tx.RemoveUser(user(1)) })

	tables := tablesWith(t, db, "jid")
	if !slices.Contains(tables, "users") {
		t.Fatalf("the tables with JIDs are %q", tables)
	}
	for _, table := range tables {
		if table == "denied" { // it outlives him, see testDenied
			continue
		}
		for n, want := range map[int]bool{1: false, 2: true} {
			var got bool
			err := db.pool.read.QueryRowContext(t.Context(),
				`SELECT EXISTS (SELECT 1 FROM `+table+` WHERE jid = $1)`, user(n).JID).Scan(&got)
			if err != nil || got != want {
				t.Errorf("%s has rows of user %d: got %v, %v, want %v", table, n, got, err, want)
			}
		}
	}
}

// tablesWith are the tables that have a column of that name.
func tablesWith(t *testing.T, db *DB, column string) []string {
	t.Helper()
	query := `SELECT m.name FROM sqlite_schema m, pragma_table_info(m.name) c WHERE m.type = 'table' AND c.name = $1`
	if db.dialect.lock != "" { // it is PostgreSQL
		query = `SELECT table_name FROM information_schema.columns WHERE table_schema = current_schema() AND column_name = $1`
	}
	var tables []string
	err := db.query(t.Context(), func(rows *sql.Rows) error {
		tables = append(tables, "")
		return rows.Scan(&tables[len(tables)-1])
	}, query, column)
	if err != nil {
		t.Fatal(err)
	}
	return tables
}

func testUserLookups(t *testing.T, db *DB, clock *testClock) {
	for n := 1; n <= 4; n++ {
		write(t, db, func(tx *Tx) error { return tx.TouchUser(user(n)) })
	}
	write(t, db, func(tx *Tx) error {
		return errors.Join(tx.TouchUser(UserID{Domain: "mail.example.org", JID: "zoe@example.org"}),
			tx.SetSecret(user(2), "network:b", "password", "x"), tx.Set(user(2), "network:a", "nick", "y"), tx.Set(user(3), "network:a", "nick", "z"))
	})
	clock.advance(time.Hour)
	write(t, db, func(tx *Tx) error { return errors.Join(tx.SawUser(user(2)), tx.SawUser(user(9))) })

	all := jids(t, db, testDomain)
	for _, c := range []struct {
		after string
		n     int
		want  []string
	}{{"", 2, all[:2]}, {all[1], 2, all[2:]}, {all[1], 1, all[2:3]}, {all[3], 2, nil}} {
		users, err := db.UsersAfter(t.Context(), testDomain, c.after, c.n)
		var got []string
		for _, u := range users {
			got = append(got, u.JID)
		}
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%d users after %q: got %q, %v, want %q", c.n, c.after, got, err, c.want)
		}
	}
	got, ok, err := db.User(t.Context(), user(2))
	if want := (User{user(2), testStart, testStart.Add(time.Hour)}); err != nil || !ok || got != want {
		t.Errorf("got %+v, %v, %v, want %+v", got, ok, err, want)
	}
	if got, ok, err := db.User(t.Context(), user(9)); err != nil || ok {
		t.Errorf("somebody unknown who was seen is %+v, %v, %v", got, ok, err)
	}
	names, err := db.SettingNames(t.Context(), user(2))
	if want := []SettingName{{"network:a", "nick"}, {"network:b", "password"}}; err != nil || !slices.Equal(names, want) {
		t.Errorf("set are %v, %v, want %v", names, err, want)
	}
}

func testLimits(t *testing.T, db *DB, _ *testClock) {
	long := func(n int) string { return strings.Repeat("x", n) }
	occupy := func(id UserID, resource, room, nick string, password Secret) func(*Tx) error {
		return func(tx *Tx) error {
			return tx.Occupy(Occupancy{UserID: id, Resource: resource, Room: room, Nick: nick, Password: password})
		}
	}
	for _, c := range []struct {
		name string
		do   func(*Tx) error
		want string // in the error; empty where it must succeed
	}{
		{"longest user", func(tx *Tx) error { return tx.TouchUser(UserID{long(maxPart), long(maxJID)}) }, ""},
		{"no domain", func(tx *Tx) error { return tx.TouchUser(UserID{"", "a@b"}) }, "no domain"},
		{"no JID", func(tx *Tx) error { return tx.TouchUser(UserID{"a", ""}) }, "no JID"},
		{"long domain", func(tx *Tx) error { return tx.TouchUser(UserID{long(maxPart + 1), "a@b"}) }, "domain has 1024 bytes"},
		{"long JID", func(tx *Tx) error { return tx.TouchUser(UserID{"a", long(maxJID + 1)}) }, "JID has 2048 bytes"},
		{"broken UTF-8", func(tx *Tx) error { return tx.TouchUser(UserID{"a", "\xff@b"}) }, "not valid UTF-8"},
		{"NUL", func(tx *Tx) error { return tx.TouchUser(UserID{"a", "a\x00@b"}) }, "NUL byte"},
		{"longest value", func(tx *Tx) error { return tx.Set(user(1), long(maxScope), long(maxName), long(maxValue)) }, ""},
		{"long scope", func(tx *Tx) error { return tx.Set(user(1), long(maxScope+1), "n", "v") }, "scope has"},
		{"long name", func(tx *Tx) error { return tx.Set(user(1), "s", long(maxName+1), "v") }, "name has"},
		{"long value", func(tx *Tx) error { return tx.Set(user(1), "s", "n", long(maxValue+1)) }, "value has"},
		{"setting of nobody", func(tx *Tx) error { return tx.Set(UserID{}, "s", "n", "v") }, "no domain"},
		{"longest secret", func(tx *Tx) error { return tx.SetSecret(user(1), "s", "n", Secret(long(maxValue))) }, ""},
		{"long secret", func(tx *Tx) error { return tx.SetSecret(user(1), "s", "n", Secret(long(maxValue+1))) }, "secret has"},
		{"longest occupancy", occupy(user(1), long(maxPart), long(maxPart), long(maxPart), Secret(long(maxValue))), ""},
		{"no room", occupy(user(1), "r", "", "n", ""), "no name"},
		{"long room", occupy(user(1), "r", long(maxPart+1), "n", ""), "room has"},
		{"long resource", occupy(user(1), long(maxPart+1), "#a", "n", ""), "resource has"},
		{"long nick", occupy(user(1), "r", "#a", long(maxPart+1), ""), "nick has"},
		{"long password", occupy(user(1), "r", "#a", "n", Secret(long(maxValue+1))), "password has"},
		{"room of nobody", occupy(UserID{}, "r", "#a", "n", ""), "no domain"},
	} {
		err := db.Write(t.Context(), c.do)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: got the error %v, want %q", c.name, err, c.want)
		}
	}
}

func testTexts(t *testing.T, db *DB, _ *testClock) {
	for _, s := range []string{"", " ", "'", `"; DROP TABLE users; --`, "$1", "%_", "#café%irc.example@x", "💜\u200d🇫🇷", "a\r\nb\t\x01", "İ", "\u0130"} {
		write(t, db, func(tx *Tx) error {
			return errors.Join(tx.Set(user(1), s, s, s), tx.SetSecret(user(2), s, s, Secret(s)))
		})
		got, err := db.Settings(t.Context(), user(1), s)
		if err != nil || got[s] != s || len(got) != 1 {
			t.Errorf("setting %q: got %q, %v", s, got, err)
		}
		secret, found, err := db.Secret(t.Context(), user(2), s, s)
		if err != nil || !found || secret.Reveal() != s {
			t.Errorf("secret %q: got %q, %v, %v", s, secret.Reveal(), found, err)
		}
	}
}

func testFailedWrite(t *testing.T, db *DB, _ *testClock) {
	err := db.Write(t.Context(), func(tx *Tx) error {
		return errors.Join(tx.TouchUser(user(1)), errTest)
	})
	if !errors.Is(err, errTest) {
		t.Errorf("got the error %v, want %v", err, errTest)
	}
	if got := jids(t, db, testDomain); len(got) != 0 {
		t.Errorf("users after a failed write: got %q, want none", got)
	}
}

func testFailedStatement(t *testing.T, db *DB, _ *testClock) {
	err := db.Write(t.Context(), func(tx *Tx) error {
		if err := tx.exec(`INSERT INTO users (domain, jid, first_seen, last_seen) VALUES ($1, $2, NULL, NULL)`, "a", "b"); err == nil {
			t.Error("a row without its times was taken")
		}
		// A function that forgets to return the error can do nothing more, and its write fails all the same.
		if err := tx.TouchUser(user(1)); err == nil {
			t.Error("the write went on after a failed statement")
		}
		return nil
	})
	if err == nil {
		t.Error("the write succeeded after a failed statement")
	}
	if got := jids(t, db, testDomain); len(got) != 0 {
		t.Errorf("users after it: got %q, want none", got)
	}
}

func testPanic(t *testing.T, db *DB, _ *testClock) {
	err := db.Write(t.Context(), func(tx *Tx) error {
		if err := tx.TouchUser(user(1)); err != nil {
			return err
		}
		panic("out of order")
	})
	if err == nil || !strings.Contains(err.Error(), "out of order") {
		t.Errorf("got the error %v, want the panic", err)
	}
	write(t, db, func(tx *Tx) error { return tx.TouchUser(user(2)) })
	if got, want := jids(t, db, testDomain), []string{user(2).JID}; !cmp.Equal(got, want) {
		t.Errorf("users after a panic: got %q, want %q", got, want)
	}
}

func testOnCommit(t *testing.T, db *DB, _ *testClock) {
	called := ""
	write(t, db, func(tx *Tx) error {
		tx.OnCommit(func() {
			if called = "a"; len(jids(t, db, testDomain)) != 1 {
				called = "before the commit"
			}
		})
		return tx.TouchUser(user(1))
	})
	if called != "a" {
		t.Errorf("after a commit: got %q, want %q", called, "a")
	}
	for name, fn := range map[string]func(*Tx) error{
		"error":     func(*Tx) error { return errors.New("no") },
		"statement": func(tx *Tx) error { _ = tx.exec(`no SQL`); return nil },
		"panic":     func(*Tx) error { panic("no") },
	} {
		if err := db.Write(t.Context(), func(tx *Tx) error {
			tx.OnCommit(func() { called += name })
			return fn(tx)
		}); err == nil || called != "a" {
			t.Errorf("%s: got the error %v and the calls %q", name, err, called)
		}
	}
}

func testTxOver(t *testing.T, db *DB, _ *testClock) {
	var kept *Tx
	write(t, db, func(tx *Tx) error { kept = tx; return nil })
	if err := kept.TouchUser(user(1)); !errors.Is(err, errTxOver) {
		t.Errorf("a kept transaction: got the error %v, want %v", err, errTxOver)
	}
}

// testConcurrentWriters lets failing and succeeding writes share commits.
func testConcurrentWriters(t *testing.T, db *DB, _ *testClock) {
	const writers, writes = 32, 30
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range writes {
				id := UserID{Domain: testDomain, JID: fmt.Sprintf("%02d.%02d@example.org", w, i)}
				err := db.Write(t.Context(), func(tx *Tx) error {
					if err := tx.TouchUser(id); err != nil {
						return err
					}
					switch i % 3 {
					case 1:
						return errTest
					case 2:
						return tx.Set(id, "s", "n", "v")
					}
					return nil
				})
				if i%3 == 1 && !errors.Is(err, errTest) || i%3 != 1 && err != nil {
					t.Errorf("write %d of writer %d: %v", i, w, err)
				}
			}
		})
	}
	wg.Wait()
	got := jids(t, db, testDomain)
	var want []string
	for w := range writers {
		for i := range writes {
			if i%3 != 1 {
				want = append(want, fmt.Sprintf("%02d.%02d@example.org", w, i))
			}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("users (-want +got):\n%s", diff)
	}
}

func testReady(t *testing.T, db *DB, _ *testClock) {
	for range 2 {
		if err := db.Ready(t.Context()); err != nil {
			t.Error(err)
		}
	}
}
