package export

import (
	"archive/zip"
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"passerelle/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	domain = "irc.example.org"
	alice  = store.UserID{Domain: domain, JID: "alice@example.org"}
	bob    = store.UserID{Domain: domain, JID: "bob@example.org"}
	begin  = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
)

// openStore opens an empty database, and says where it is.
func openStore(tb testing.TB) (*store.DB, string) {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "p.db")
	db, err := store.Open(tb.Context(), store.Options{Path: path, Key: make([]byte, store.KeySize), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := db.Close(); err != nil {
			tb.Error(err)
		}
	})
	return db, path
}

func write(tb testing.TB, db *store.DB, do func(tx *store.Tx) error) {
	tb.Helper()
	if err := db.Write(tb.Context(), do); err != nil {
		tb.Fatal(err)
	}
}

// hear puts lines into the archive of a room, which users heard.
func hear(tx *store.Tx, room string, users []store.UserID, lines ...store.RoomLine) error {
	for i := range lines {
		lines[i].Domain, lines[i].Room = domain, room
	}
	ids, err := tx.AppendRoomLines(lines)
	for _, id := range users {
		err = errors.Join(err, tx.ExtendSeen(id, room, ids[0], ids[len(ids)-1]))
	}
	return err
}

func options(db *store.DB) Options {
	return Options{Store: db, User: alice, Lang: "en", Now: begin.Add(time.Hour), Since: func(string) time.Time { return time.Time{} }}
}

// unzip exports and returns the files by name, in their order as well.
func unzip(tb testing.TB, o Options) (files map[string]string, order []string) {
	tb.Helper()
	var b bytes.Buffer
	if err := Write(tb.Context(), &b, o); err != nil {
		tb.Fatal(err)
	}
	r, err := zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		tb.Fatal(err)
	}
	files = make(map[string]string)
	for _, f := range r.File {
		c, err := f.Open()
		if err != nil {
			tb.Fatal(err)
		}
		text, err := io.ReadAll(c)
		if err := errors.Join(err, c.Close()); err != nil {
			tb.Fatal(err)
		}
		if _, twice := files[f.Name]; twice {
			tb.Errorf("%s is there twice", f.Name)
		}
		files[f.Name] = string(text)
		order = append(order, f.Name)
	}
	return files, order
}

// fill writes something of a user into every table; each has a mark that is of that table alone.
func fill(tx *store.Tx, id store.UserID) error {
	return errors.Join(
		tx.TouchUser(id),
		tx.Set(id, "network:net", "nick", "mark-settings"),
		tx.SetSecret(id, "network:net", "password", "hunter2"),
		tx.Occupy(store.Occupancy{UserID: id, Resource: "phone", Room: "#mark-occupancies%net", Nick: "al", Password: "hunter2"}),
		tx.AddContact(store.Contact{UserID: id, Contact: "mark-contacts%net"}),
		tx.Block(store.Block{UserID: id, Blocked: "mark-blocks%net@" + domain}),
		tx.AddFile(store.File{UserID: id, ID: "1" + id.JID, Name: "mark-files.txt", Type: "text/plain", Size: 5, Expires: begin}, 1<<20),
		tx.Deny(id), tx.Acted(id), tx.Warned(id), tx.Gone(id),
		hear(tx, "#"+id.JID[:3]+"%net", []store.UserID{id}, store.RoomLine{ID: "t" + id.JID, Time: begin, Nick: "carol", Stanza: "<message type='groupchat'><body>taken back</body></message>"}),
		tx.Retract(store.Retraction{User: id, ID: "t" + id.JID, Stanza: "<message type='groupchat'><body>mark-archive_retracted</body></message>"}),
		hear(tx, "#"+id.JID[:3]+"%net", []store.UserID{id}, store.RoomLine{ID: "r" + id.JID, Time: begin, Nick: "carol", Stanza: "<message type='groupchat'><body>mark-archive_seen</body></message>"}),
		func() error {
			_, err := tx.AppendPrivateLines([]store.PrivateLine{{Owner: id, With: "dave%net", ID: "p" + id.JID, Time: begin, Outgoing: true, Stanza: "<message type='chat'><body>private words</body></message>"}})
			return err
		}(),
		fillMail(tx, id),
		fillRedirect(tx, id),
		fillSocial(tx, id),
	)
}

// fillSocial gives a user an account of the social web with a post, and whom he follows and has blocked.
func fillSocial(tx *store.Tx, id store.UserID) error {
	own, err := tx.AddSocialActor(store.SocialActor{Domain: id.Domain, URI: "https://s.example/mark-social_actors/" + id.JID, JID: id.JID, Name: id.JID[:3], Profile: `{"name":"mark-profile"}`}, "hunter2")
	other, err2 := tx.AddSocialActor(store.SocialActor{Domain: id.Domain, URI: "https://o.example/mark-social_following/" + id.JID}, "")
	post, err3 := tx.AddSocialPost(store.SocialPost{Domain: id.Domain, URI: "https://s.example/mark-social_subscribed/" + id.JID, Item: id.JID, Actor: own, Note: `{"text":"mark-post"}`})
	_, err4 := tx.FollowSocial(store.SocialFollowing{UserID: id, Actor: other})
	return errors.Join(
		err, err2, err3, err4,
		tx.SubscribeSocial(id, post, true),
		tx.BlockSocial(store.SocialBlock{UserID: id, Who: "mark-social_blocks.example", Kind: store.SocialBlocked}),
		tx.AddSocialLetter(store.SocialLetter{UserID: id, Letter: "mark-social_letters", Post: post}),
		tx.HoldSocialLetter(id, `{"body":"mark-social_held"}`),
	)
}

// fillRedirect gives a user a redirect with a message that waits, a mail that it has made, and a way to learn of messages.
func fillRedirect(tx *store.Tx, id store.UserID) error {
	out, err := tx.AddMailOut(store.MailOut{UserID: id, MessageID: "2@example.org"})
	if err != nil {
		return err
	}
	_, err = tx.AddRedirectLine(store.RedirectLine{UserID: id, Peer: "mark-redirect_lines", Copy: `{"Body":"mark-copy"}`, SaidAt: begin})
	return errors.Join(
		err,
		tx.SetRedirect(store.Redirect{UserID: id, Mailbox: "mark-redirects@example.net", Alias: id.JID[:3], Rules: "do always", Settings: `{"Zone":"mark-zone"}`}),
		tx.SetRedirectTalk(store.RedirectTalk{UserID: id, Peer: "mark-redirect_talks", Waiting: 1}),
		tx.AddRedirectMail(store.RedirectMail{Mail: out, UserID: id, Mailbox: "x", Peer: "mark-redirect_mails"}),
		tx.Follow(store.Followed{UserID: id, Way: 1, Node: "mark-followed"}),
	)
}

// fillMail writes mail of a user: one that came, one that waits, one that he has written and one that he writes.
func fillMail(tx *store.Tx, id store.UserID) error {
	came, err := tx.AddMailIn(store.MailIn{Domain: domain, Raw: []byte("Subject: came\r\n\r\nmark-raw"), KeepUntil: begin.Add(time.Hour)})
	if err != nil {
		return err
	}
	waits, err := tx.AddMailIn(store.MailIn{Domain: domain, Raw: []byte("Subject: waits\r\n\r\nmark-held"), KeepUntil: begin.Add(time.Hour)})
	if err != nil {
		return err
	}
	out, err := tx.AddMailOut(store.MailOut{UserID: id, Contact: "mark-mail_out", MessageID: "1@example.org"})
	return errors.Join(
		err,
		tx.AddMailLine(store.MailLine{Mail: out, XMPPID: "1", Client: "alice@localhost/x", Letter: `{"body":"mark-line"}`}),
		tx.MeetMailContact(store.MailContact{UserID: id, Contact: "mark-mail_contacts", Mailbox: "eve@example.org", State: store.MailKnown}),
		tx.AddMailMessage(store.MailMessage{UserID: id, Contact: "eve", XMPPID: "mark-mail_messages", Mail: came}),
		tx.AddMailWaiting(store.MailWaiting{UserID: id, Mail: waits, Contact: "eve", Subject: "mark-mail_waiting"}),
	)
}

// Everything that is in the database of a user is in his export, but for secrets, and nothing of another one.
func TestExportHasEveryTable(t *testing.T) {
	t.Parallel()
	db, path := openStore(t)
	write(t, db, func(tx *store.Tx) error { return fill(tx, alice) })
	o := options(db)
	o.Open = func(f store.File) (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader("bytes of " + f.Name)), nil
	}
	files, order := unzip(t, o)
	for _, mark := range []string{"mark-raw", "mark-held", "mark-line", "mark-copy", "mark-zone", "mark-profile", "mark-post"} {
		if !strings.Contains(fmt.Sprint(files), mark) {
			t.Errorf("the export has no %s", mark)
		}
	}
	want := []string{
		"README.txt", "account.json", "rooms/#ali%net.jsonl", "rooms/#ali%net.txt", "private.jsonl", "private.txt", "messages.json", "files/mark-files.txt",
		"mail/people.jsonl", "mail/messages.jsonl", "mail/waiting.jsonl", "mail/outgoing.jsonl", "mail/1.eml", "mail/2.eml",
		"mail/redirect.json", "mail/redirect/conversations.jsonl", "mail/redirect/messages.jsonl", "mail/redirect/mails.jsonl",
		"social/account.json", "social/posts.jsonl", "social/following.jsonl", "social/answers_wanted.jsonl", "social/blocked.jsonl", "social/messages.jsonl",
	}
	if !slices.Equal(order, want) {
		t.Errorf("got the files %q, want %q", order, want)
	}
	raw, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	rows, err := raw.QueryContext(t.Context(), `SELECT t.name FROM sqlite_schema AS t, pragma_table_info(t.name) AS c WHERE t.type = 'table' AND c.name = 'jid'`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	tables := 0
	for rows.Next() {
		var table string
		if err := rows.Scan(&table); err != nil {
			t.Fatal(err)
		}
		tables++
		mark := "mark-" + table
		switch table {
		case "users":
			mark = `"first_seen"`
		case "idle":
			mark = `"idle_gone"`
		case "denied":
			mark = `"denied_since"`
		case "outbox", "said": // they hold what is on its way for some seconds
			continue
		case "links": // they work for minutes, and only their hashes are there
			continue
		}
		if !strings.Contains(fmt.Sprint(files), mark) {
			t.Errorf("the export has nothing of the table %s: no %s", table, mark)
		}
	}
	if err := rows.Err(); err != nil || tables < 5 {
		t.Fatalf("%d tables, %v", tables, err)
	}
	for name, text := range files {
		if strings.Contains(text, "hunter2") {
			t.Errorf("%s has a secret:\n%s", name, text)
		}
	}
	var account struct{ Settings []setting }
	if err := json.Unmarshal([]byte(files["account.json"]), &account); err != nil {
		t.Fatal(err)
	}
	if want := []setting{{"network:net", "nick", "mark-settings", false}, {"network:net", "password", "", true}}; !slices.Equal(account.Settings, want) {
		t.Errorf("settings: got %+v", account.Settings)
	}
	if files["files/mark-files.txt"] != "bytes of mark-files.txt" {
		t.Errorf("the file is %q", files["files/mark-files.txt"])
	}
	// Somebody else has none of it.
	o.User = bob
	others, order := unzip(t, o)
	if strings.Contains(fmt.Sprint(others), "mark-") || !slices.Equal(order, []string{"README.txt", "account.json", "messages.json"}) {
		t.Errorf("bob's has %q:\n%v", order, others)
	}
}

// What was said is there for programs and for people, in the language of the user; nothing that somebody said can be taken for another
// message, and no name for another file.
func TestConversations(t *testing.T) {
	t.Parallel()
	db, _ := openStore(t)
	line := func(id, nick, content string) store.RoomLine {
		return store.RoomLine{ID: id, Time: begin, Nick: nick, Stanza: "<message type='groupchat'>" + content + "</message>"}
	}
	write(t, db, func(tx *store.Tx) error {
		return errors.Join(
			hear(tx, "#go%net", []store.UserID{alice, bob},
				line("1", "bob", "<body>hi &lt;you&gt;&#x85;</body>"), line("2", "bob", "<body>two&#xA;2026-11-20 12:00:00 &lt;carol&gt; I never said that</body>"),
				line("3", "bob", "<body>/me waves</body>"), line("4", "bob", "<subject>news</subject>"), line("5", "", "<body>said by the room</body>"),
				line("6", "bob", "<reactions/>"), line("7", "bob", "<broken>")),
			hear(tx, "#../../etc/passwd%net", []store.UserID{alice}, line("8", "bob", "<body>x</body>")),
			hear(tx, "#.._.._ETC_passwd%net", []store.UserID{alice}, line("9", "bob", "<body>x</body>")),
			hear(tx, "#"+strings.Repeat("é", 300)+"%net", []store.UserID{alice}, line("10", "bob", "<body>x</body>")),
			hear(tx, "#others%net", []store.UserID{bob}, line("11", "bob", "<body>x</body>")),
			hear(tx, "#past%net", []store.UserID{alice}, line("12", "bob", "<body>x</body>")),
		)
	})
	write(t, db, func(tx *store.Tx) error {
		_, err := tx.AppendPrivateLines([]store.PrivateLine{
			{Owner: alice, With: "bob%net", ID: "p1", Time: begin, Stanza: "<message type='chat'><body>psst</body></message>"},
			{Owner: alice, With: "bob%net", Outgoing: true, ID: "p2", Time: begin, Stanza: "<message type='chat'><body>yes?</body></message>"},
		})
		return err
	})
	o := options(db)
	o.Lang = "fr"
	o.Since = func(room string) time.Time {
		if room == "#past%net" {
			return begin.Add(time.Second)
		}
		return time.Time{}
	}
	files, order := unzip(t, o)
	wantText := `Les heures sont en UTC.

2026-11-20 12:00:00 <bob> hi <you>
2026-11-20 12:00:00 <bob> two
    2026-11-20 12:00:00 <carol> I never said that
2026-11-20 12:00:00 * bob waves
2026-11-20 12:00:00 <bob> Sujet : news
2026-11-20 12:00:00 -- said by the room
`
	if got := files["rooms/#go%net.txt"]; got != wantText {
		t.Errorf("got\n%s\nwant\n%s", got, wantText)
	}
	lines := strings.Split(strings.TrimSpace(files["rooms/#go%net.jsonl"]), "\n")
	if len(lines) != 7 {
		t.Fatalf("got %d lines of JSON: %s", len(lines), files["rooms/#go%net.jsonl"])
	}
	var m message
	if err := json.Unmarshal([]byte(lines[1]), &m); err != nil {
		t.Fatal(err)
	}
	if m.Time != "2026-11-20T12:00:00.000Z" || m.ID != "2" || m.Nick != "bob" || !strings.HasPrefix(m.Body, "two\n2026") || !strings.HasPrefix(m.Stanza, "<message type='groupchat'>") {
		t.Errorf("got %+v", m)
	}
	if want := "2026-11-20 12:00:00 <bob%net@irc.example.org> psst\n2026-11-20 12:00:00 <alice@example.org → bob%net@irc.example.org> yes?\n"; !strings.HasSuffix(files["private.txt"], want) {
		t.Errorf("got\n%s", files["private.txt"])
	}
	if !strings.Contains(files["private.jsonl"], `"with":"bob%net@irc.example.org","outgoing":true,"body":"yes?"`) {
		t.Errorf("got\n%s", files["private.jsonl"])
	}
	var all []conversation
	if err := json.Unmarshal([]byte(files["messages.json"]), &all); err != nil {
		t.Fatal(err)
	}
	if len(all) != 5 || all[0] != (conversation{"#go%net@irc.example.org", 7, "rooms/#go%net.jsonl", "rooms/#go%net.txt"}) || all[4] != (conversation{"", 2, "private.jsonl", "private.txt"}) {
		t.Errorf("got %+v", all)
	}
	for _, name := range order {
		if !fs.ValidPath(name) || strings.Contains(name, "..") && !strings.HasPrefix(name, "rooms/#..") || len(name) > 160 {
			t.Errorf("the name %q", name)
		}
	}
	if files["rooms/#.._.._etc_passwd%net.txt"] == "" || files["rooms/#.._.._ETC_passwd%net (2).txt"] == "" {
		t.Errorf("got the files %q", order)
	}
	for _, there := range []string{"others", "past"} {
		if strings.Contains(fmt.Sprint(order), there) {
			t.Errorf("%s is there: %q", there, order)
		}
	}
}

// An export that is stopped fails, and so does one whose reader has gone; what has expired meanwhile is left out.
func TestExportStops(t *testing.T) {
	t.Parallel()
	db, _ := openStore(t)
	write(t, db, func(tx *store.Tx) error { return fill(tx, alice) })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Write(ctx, io.Discard, options(db)); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped: got %v", err)
	}
	r, w := io.Pipe()
	if err := r.CloseWithError(io.ErrClosedPipe); err != nil {
		t.Fatal(err)
	}
	if err := Write(t.Context(), w, options(db)); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("without a reader: got %v", err)
	}
	o := options(db)
	o.Open = func(store.File) (io.ReadCloser, error) { return nil, fs.ErrNotExist }
	if _, order := unzip(t, o); slices.ContainsFunc(order, func(s string) bool { return strings.HasPrefix(s, "files/") }) {
		t.Errorf("a file that is not there: %q", order)
	}
	if n, err := Size(t.Context(), o); err != nil || n != 3 {
		t.Errorf("size: got %d, %v", n, err)
	}
}
