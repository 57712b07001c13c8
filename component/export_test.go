package component

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"passerelle/store"
	"passerelle/transports"
)

var aliceJID = transports.Address{Local: "alice", Domain: "localhost"}

// unzipped is the text of a file in an export.
func unzipped(t *testing.T, data []byte, name string) string {
	t.Helper()
	r, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	f, err := r.Open(name)
	if err != nil {
		t.Fatalf("%v; there is %v", err, r.File)
	}
	text, err := io.ReadAll(f)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Where there are pages a user gets a link to his export, which no archive keeps. What he has just heard is in it, and what he does not want to
// be kept so long is not.
func TestExportByLink(t *testing.T) {
	t.Parallel()
	w, db := retentionWorld(t)
	w.gateway.opt.LinkURL = "https://gateway.example/set/"
	alice := w.client("alice@localhost/phone")
	w.client("nobody@localhost/x").say("export", "Nothing is kept about nobody@localhost.")
	w.configure("", transports.Values{SettingDays: {"5"}})
	s := w.enterRoom(alice, goJID, "<history maxstanzas='0'/>")
	s.emit(t, roomLine("bob", "just now"))
	alice.receive()
	alice.send(`<message type='chat' to='help@irc.localhost' xml:lang='fr'><body>exporter</body></message>`)
	e := alice.expect(`<message type='chat' from='help@irc.localhost' to='alice@localhost'><body>Cette page vous donne tout*https://gateway.example/set/*</body><no-store xmlns='urn:xmpp:hints'/></message>`)
	alice.expect(`<message type='chat' from='help@irc.localhost'><body>Vous recevez un message avec un lien.</body></message>`)
	_, token, _ := strings.Cut(e.Child("jabber:client", "body").Text(), "/set/")
	l, ok, err := db.Link(t.Context(), store.Secret(token))
	if err != nil || !ok || l.Command != transports.ExportCommand || l.JID != "alice@localhost" || time.Until(l.ExpiresAt) < 50*time.Minute {
		t.Errorf("the link is %+v, %v, %v", l, ok, err)
	}
	var b bytes.Buffer
	done, all := int64(0), int64(0)
	if err := w.gateway.Export(t.Context(), aliceJID, "fr", &b, func(d, a int64) { done, all = d, a }); err != nil {
		t.Fatal(err)
	}
	if got := unzipped(t, b.Bytes(), "rooms/#go%irc.example.txt"); !strings.Contains(got, "<bob> 72h") || !strings.Contains(got, "<bob> just now") || strings.Contains(got, "240h") {
		t.Errorf("got\n%s", got)
	}
	if got := unzipped(t, b.Bytes(), "private.txt"); strings.Contains(got, "240h") || !strings.Contains(got, "72h") {
		t.Errorf("got\n%s", got)
	}
	if got := unzipped(t, b.Bytes(), "README.txt"); !strings.Contains(got, "Réglages :\n  gateway archive_days = 5\n") {
		t.Errorf("got\n%s", got)
	}
	if done > all {
		t.Errorf("%d of %d", done, all)
	}
}

// gate is a writer that takes nothing until it is opened.
type gate struct {
	begun, open chan struct{}
	once        bool
}

func newGate() *gate { return &gate{begun: make(chan struct{}), open: make(chan struct{})} }

func (g *gate) Write(p []byte) (int, error) {
	if !g.once {
		g.once = true
		close(g.begun)
	}
	<-g.open
	return len(p), nil
}

// One export of a user runs at a time, and few in all. The removal of a user ends his, and no other begins.
func TestExportsAreFew(t *testing.T) {
	t.Parallel()
	w, db := newArchiveWorld(t)
	// More than what is gathered before the first byte goes out.
	if err := db.Write(t.Context(), func(tx *store.Tx) error {
		for i := range maxExports + 1 {
			id := store.UserID{Domain: testDomain, JID: fmt.Sprintf("user%d@localhost", i)}
			for j := range 400 {
				if _, err := tx.AppendPrivateLines([]store.PrivateLine{{
					Owner: id, With: "bob", ID: newID(), Time: now().Add(time.Duration(j)), Stanza: "<message><body>" + newID() + newID() + "</body></message>",
				}}); err != nil {
					return err
				}
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	user := func(i int) transports.Address {
		return transports.Address{Local: fmt.Sprint("user", i), Domain: "localhost"}
	}
	var gates []*gate
	ended := make(chan error, maxExports)
	for i := range maxExports {
		g := newGate()
		gates = append(gates, g)
		go func() { ended <- w.gateway.Export(context.Background(), user(i), "", g, nil) }()
		<-g.begun
	}
	refused := func(i int, want string) {
		t.Helper()
		if err := w.gateway.Export(t.Context(), user(i), "", io.Discard, nil); err == nil || !strings.Contains(transports.AsError(err).Text, want) {
			t.Errorf("another one of user %d: got %v", i, err)
		}
	}
	refused(0, "is being made already")
	refused(maxExports, "Others are being exported.")
	if err := w.gateway.removeByCommand(t.Context(), user(0), "removed"); err != nil {
		t.Fatal(err)
	}
	for _, g := range gates {
		close(g.open)
	}
	var texts []string
	for range maxExports {
		text := ""
		if err := <-ended; err != nil {
			text = transports.AsError(err).Text
		}
		texts = append(texts, text)
	}
	if got := strings.Join(texts, ""); got != "You are being removed from this gateway." {
		t.Errorf("the exports ended with %q", texts)
	}
	refused(0, "Nothing is kept")
	if err := w.gateway.Export(t.Context(), user(1), "", io.Discard, nil); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// Where there are no pages it is uploaded to the server of the user; where that takes none, or none so large, it is said what to do.
func TestExportByUpload(t *testing.T) {
	t.Parallel()
	up := (&script{slots: []string{scriptedSlot}, puts: []int{201}}).start(t)
	for name, c := range map[string]struct {
		info string
		none bool
		want string
	}{
		"uploaded":  {want: "Everything that is kept about you: " + up.http.URL + "/get"},
		"too large": {info: uploadInfo("100"), want: "Your export could not be made. It is larger than what your XMPP server takes. Ask the operator of the gateway for it."},
		"nowhere":   {none: true, want: "This gateway has no web pages and your XMPP server no place for uploads*"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			service := up
			if c.info != "" {
				service = (&script{info: c.info, slots: []string{scriptedSlot}, puts: []int{201}}).start(t)
			}
			answer := service.answer
			if c.none {
				answer = nil
			}
			scratch := t.TempDir()
			db := openStore(t, filepath.Join(t.TempDir(), "p.db"))
			w := newUploadWorld(t, answer, func(o *Options) {
				o.Store, o.Archive, o.Scratch, o.Upload.Files = db, true, scratch, ownFiles(t, 1<<20)
			})
			alice := w.client("alice@localhost/phone")
			s := w.join(alice, "alice")
			s.emit(t, roomLine("bob", "to be exported"))
			alice.receive()
			if c.none {
				alice.say("export", c.want)
				return
			}
			alice.say("export", "It is being made. You get a message with a link when it is done.")
			alice.expect(`<message type='chat' from='help@irc.localhost' to='alice@localhost'><body>` + c.want + `</body></message>`)
			if c.info == "" {
				up.mu.Lock()
				defer up.mu.Unlock()
				if got := unzipped(t, []byte(up.stored[0]), "rooms/#go%irc.example.txt"); !strings.Contains(got, "<bob> to be exported") {
					t.Errorf("got\n%s", got)
				}
				if got := up.headers[0].Get("Content-Type"); got != "application/zip" {
					t.Errorf("it is %s", got)
				}
			}
			if left, err := os.ReadDir(scratch); err != nil || len(left) > 0 {
				t.Errorf("left are %v, %v", left, err)
			}
		})
	}
}

func uploadInfo(max string) string {
	return `<feature var='urn:xmpp:http:upload:0'/><x xmlns='jabber:x:data' type='result'><field var='FORM_TYPE' type='hidden'><value>urn:xmpp:http:upload:0</value></field>
		<field var='max-file-size'><value>` + max + `</value></field></x>`
}
