package files

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"
	"unicode/utf8"

	"go.uber.org/goleak"

	"passerelle/internal/killtest"
	"passerelle/store"
	"passerelle/transports"
)

func TestMain(m *testing.M) {
	killtest.Main(func() { goleak.VerifyTestMain(m) }, map[string]func([]string) error{"keep": keepUntilKilled})
}

var alice = store.UserID{Domain: "irc.example", JID: "alice@example"}

// open makes a keeper with a database of its own.
func open(t testing.TB, change func(*Options)) *Keeper {
	t.Helper()
	k, db, err := openIn(t.Context(), t.TempDir(), change)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return k
}

// openIn makes a keeper whose files and database are in dir, where they may be already.
func openIn(ctx context.Context, dir string, change func(*Options)) (*Keeper, *store.DB, error) {
	log := slog.New(slog.DiscardHandler)
	db, err := store.Open(ctx, store.Options{Path: filepath.Join(dir, "db"), Key: make([]byte, 32), Log: log})
	if err != nil {
		return nil, nil, err
	}
	o := Options{
		Dir: filepath.Join(dir, "files"), URL: "https://gateway.example/gw",
		Limits: Limits{Keep: time.Hour, MaxSize: 1000, UserQuota: 1500, Quota: 2500}, Store: db, Log: log,
	}
	if change != nil {
		change(&o)
	}
	k, err := New(ctx, o)
	return k, db, err
}

// keep stores a file and gives the path of its link.
func keep(t testing.TB, k *Keeper, f transports.File, content string) string {
	t.Helper()
	f.Size = int64(len(content))
	link, err := k.Keep(t.Context(), alice, f, strings.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	path, ok := strings.CutPrefix(link, k.opt.URL)
	if !ok {
		t.Fatalf("link = %s", link)
	}
	return path
}

// get is what a browser gets.
func get(k *Keeper, method, path string, header ...string) *httptest.ResponseRecorder {
	mux := http.NewServeMux()
	mux.Handle(Pattern, k)
	w := httptest.NewRecorder()
	r := httptest.NewRequest(method, path, http.NoBody)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	mux.ServeHTTP(w, r)
	return w
}

// stored are the names in the directory.
func stored(t *testing.T, k *Keeper) []string {
	t.Helper()
	entries, err := os.ReadDir(k.opt.Dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestServe(t *testing.T) {
	t.Parallel()
	k := open(t, nil)
	path := keep(t, k, transports.File{Name: "été.txt", Type: "text/plain; charset=utf-8"}, "hello world")
	w := get(k, "GET", path)
	if w.Code != 200 || w.Body.String() != "hello world" {
		t.Fatalf("%s: %d %q", path, w.Code, w.Body)
	}
	for name, want := range map[string]string{
		"Content-Type": "text/plain; charset=utf-8", "Content-Disposition": "inline; filename*=utf-8''%C3%A9t%C3%A9.txt", "Content-Length": "11",
		"Content-Security-Policy": "default-src 'none'; sandbox; frame-ancestors 'none'", "Accept-Ranges": "bytes",
	} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if w := get(k, "HEAD", path); w.Code != 200 || w.Body.Len() != 0 || w.Header().Get("Content-Length") != "11" {
		t.Errorf("HEAD: %d %q %v", w.Code, w.Body, w.Header())
	}
	if w := get(k, "GET", path, "Range", "bytes=6-"); w.Code != http.StatusPartialContent || w.Body.String() != "world" {
		t.Errorf("a range: %d %q", w.Code, w.Body)
	}
	if w := get(k, "GET", path, "If-Modified-Since", w.Header().Get("Last-Modified")); w.Code != http.StatusNotModified {
		t.Errorf("again: %d", w.Code)
	}
	secret := strings.Split(path, "/")[2]
	for _, wrong := range []string{
		"/files/", "/files/" + secret, "/files/" + secret + "/", "/files/" + secret + "/other.exe", "/files/" + secret + "/%2e%2e%2fdb",
		"/files/" + strings.Repeat("A", len(secret)) + "/%C3%A9t%C3%A9.txt", "/files/" + fileID(secret) + "/%C3%A9t%C3%A9.txt", "/files/../files/",
	} {
		if w := get(k, "GET", wrong); w.Code == 200 {
			t.Errorf("%s was served", wrong)
		}
	}
	if w := get(k, "POST", path); w.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", w.Code)
	}
	// Neither the directory nor the database has what is in the link.
	for _, name := range stored(t, k) {
		if strings.Contains(name, secret) {
			t.Errorf("the link can be told from the name %s", name)
		}
	}
}

func TestDisposition(t *testing.T) {
	t.Parallel()
	k := open(t, func(o *Options) { o.Quota, o.UserQuota = 1<<20, 1<<20 })
	for mediaType, want := range map[string][2]string{
		"image/png": {"image/png", "inline"}, "audio/ogg": {"audio/ogg", "inline"}, "VIDEO/mp4; codecs=x": {"video/mp4", "inline"},
		"text/plain": {"text/plain; charset=utf-8", "inline"}, "text/html": {"text/html", "attachment"},
		"image/svg+xml": {"image/svg+xml", "attachment"}, "application/pdf": {"application/pdf", "attachment"},
		"": {"application/octet-stream", "attachment"}, "x\r\nSet-Cookie: a=b": {"application/octet-stream", "attachment"}, "image": {"application/octet-stream", "attachment"},
	} {
		w := get(k, "GET", keep(t, k, transports.File{Name: "a", Type: mediaType}, "x"))
		got := [2]string{w.Header().Get("Content-Type"), strings.Split(w.Header().Get("Content-Disposition"), ";")[0]}
		if got != want || len(w.Result().Cookies()) > 0 {
			t.Errorf("%q: %q, want %q", mediaType, got, want)
		}
	}
}

func TestQuotas(t *testing.T) {
	t.Parallel()
	k := open(t, nil)
	try := func(who string, size int) error {
		_, err := k.Keep(t.Context(), store.UserID{Domain: "d", JID: who}, transports.File{Name: "a", Size: int64(size)}, bytes.NewReader(make([]byte, size)))
		return err
	}
	for _, step := range []struct {
		who  string
		size int
		want transports.Kind // Internal where it must succeed
		text string
	}{
		{"alice", 1001, transports.TooLarge, "1000 B"},
		{"alice", 1000, 0, ""},
		{"alice", 501, transports.Full, "as much as you may have (1.4 KiB)"},
		{"alice", 500, 0, ""},
		{"bob", 1000, 0, ""},
		{"bob", 1, transports.Full, "no space"}, // of all users
	} {
		err := try(step.who, step.size)
		if step.want == 0 {
			if err != nil {
				t.Errorf("%+v: %v", step, err)
			}
			continue
		}
		if e := transports.AsError(err); e == nil || e.Kind != step.want || !strings.Contains(e.Text, step.text) {
			t.Errorf("%+v: %v", step, err)
		}
	}
	if got := stored(t, k); len(got) != 3 {
		t.Errorf("%d files are stored, want 3: what was refused is gone", len(got))
	}
}

// What does not come whole is not there at all, and takes nothing of what users may have.
func TestBroken(t *testing.T) {
	t.Parallel()
	k := open(t, nil)
	for name, r := range map[string]io.Reader{
		"short": strings.NewReader("abc"), "long": strings.NewReader("abcdef"), "failing": iotest.ErrReader(errors.New("gone")),
	} {
		if link, err := k.Keep(t.Context(), alice, transports.File{Name: "a", Size: 5}, r); err == nil {
			t.Errorf("%s: kept as %s", name, link)
		}
	}
	if _, err := k.Keep(t.Context(), alice, transports.File{Name: "a", Size: -1}, strings.NewReader("")); err == nil {
		t.Error("less than nothing was kept")
	}
	if got := stored(t, k); len(got) != 0 || k.used != 0 {
		t.Errorf("stored = %v, used = %d", got, k.used)
	}
}

func TestExpiry(t *testing.T) {
	t.Parallel()
	k := open(t, func(o *Options) { o.Keep = time.Nanosecond })
	path := keep(t, k, transports.File{Name: "a"}, "x")
	if w := get(k, "GET", path); w.Code != http.StatusNotFound {
		t.Errorf("an expired file: %d", w.Code)
	}
	if err := k.collect(t.Context(), time.Now().Add(-orphanAge)); err != nil {
		t.Fatal(err)
	}
	if got := stored(t, k); len(got) != 0 || k.used != 0 {
		t.Errorf("after the collection: %v, used = %d", got, k.used)
	}
}

// A crash leaves half a file, or a whole one whose row was never written, or the row of a file whose bytes are gone. The next start
// makes that good and leaves alone what is not ours.
func TestAfterCrash(t *testing.T) {
	t.Parallel()
	k := open(t, nil)
	path := keep(t, k, transports.File{Name: "a"}, "whole")
	gone := keep(t, k, transports.File{Name: "b"}, "gone")
	id := fileID(strings.Split(path, "/")[2])
	if err := os.Remove(k.file(fileID(strings.Split(gone, "/")[2]))); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{fileID("half") + partial, fileID("orphan"), "README"} {
		if err := os.WriteFile(k.file(name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// While the process runs, what is young is left: it may be in the making.
	if err := k.collect(t.Context(), time.Now().Add(-orphanAge)); err != nil {
		t.Fatal(err)
	}
	if got := stored(t, k); len(got) != 4 {
		t.Errorf("a collection left %v", got)
	}
	again, err := New(t.Context(), k.opt)
	if err != nil {
		t.Fatal(err)
	}
	if got := stored(t, k); len(got) != 2 || !strings.Contains(strings.Join(got, " "), id) || !strings.Contains(strings.Join(got, " "), "README") {
		t.Errorf("after the start: %v", got)
	}
	if w := get(again, "GET", path); w.Body.String() != "whole" {
		t.Errorf("the whole file: %d %q", w.Code, w.Body)
	}
	if w := get(again, "GET", gone); w.Code != http.StatusNotFound {
		t.Errorf("a row without bytes: %d", w.Code)
	}
}

func TestRunEnds(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := open(t, nil).Run(ctx); err != nil {
		t.Error(err)
	}
}

func TestCleanName(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"photo.jpg": "photo.jpg", "": "file", "...": "file", "../../etc/passwd": "etcpasswd", `C:\x.txt`: "Cx.txt", "a\r\nb": "ab", "a\u202etxt.exe": "atxt.exe",
		"\xff": "file", strings.Repeat("é", 100) + ".jpeg": strings.Repeat("é", 47) + ".jpeg", "été 1.txt": "été 1.txt",
	} {
		if got := cleanName(name); got != want {
			t.Errorf("cleanName(%q) = %q, want %q", name, got, want)
		}
	}
}

func FuzzCleanName(f *testing.F) {
	f.Add("photo.jpg")
	f.Add("../" + strings.Repeat("x.", 100))
	f.Add("\xff\u202e/%00")
	f.Fuzz(func(t *testing.T, s string) {
		got := cleanName(s)
		if got == "" || len(got) > maxName || !utf8.ValidString(got) || strings.ContainsAny(got, "/\\\x00\r\n\"") || got != cleanName(got) {
			t.Errorf("cleanName(%q) = %q", s, got)
		}
	})
}
