package onetime

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"passerelle/store"
	"passerelle/transports"
)

// gateway has one command with a field of each kind.
type gateway struct {
	mu     sync.Mutex
	ran    []transports.Values
	filled []string
	fail   error
	export func(ctx context.Context, w io.Writer) error
}

func (g *gateway) Export(ctx context.Context, jid transports.Address, lang string, w io.Writer, _ func(done, all int64)) error {
	if g.export != nil {
		return g.export(ctx, w)
	}
	_, err := io.WriteString(w, "PK "+jid.String()+" "+lang)
	return err
}

func (g *gateway) Domain() string { return "irc.localhost" }

func (g *gateway) Filled(l store.Link, lang, said string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.filled = append(g.filled, l.JID+" "+lang+" "+said)
}

func (g *gateway) Operate(_ context.Context, op transports.Operation) (transports.Outcome, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	f := &transports.Form{Title: "Settings", Instructions: "They <b>matter</b>.", Fields: []transports.Field{
		{Name: "nick", Label: "Nick", Values: []string{`"><script>alert(1)</script>`}},
		{Name: "pass", Label: "Password", Type: transports.FieldSecret, Values: []string{"present"}},
		{Name: "key", Label: "Key", Type: transports.FieldSecretLines, Values: []string{"present"}},
		{Name: "away", Label: "Away", Type: transports.FieldBool, Values: []string{"true"}},
		{Name: "way", Label: "Way", Type: transports.FieldChoice, Values: []string{"b"}, Options: []transports.Option{{Value: "a", Label: "A"}, {Value: "b", Label: "B"}}},
		{Name: "some", Label: "Some", Type: transports.FieldChoices, Options: []transports.Option{{Value: "x", Label: "X"}, {Value: "y", Label: "Y"}}},
		{Name: "lines", Label: "Lines", Type: transports.FieldLines, Values: []string{"one", "two"}},
	}}
	switch {
	case g.fail != nil:
		return transports.Outcome{}, g.fail
	case op.Values == nil:
		return transports.Outcome{Form: f}, nil
	case op.Values.Get("nick") == "bad":
		f.Fields[0].Fault = "Nick: <bad>."
		return transports.Outcome{Form: f}, nil
	}
	g.ran = append(g.ran, op.Values)
	return transports.Outcome{Said: "Saved."}, nil
}

// site is a listener with the pages and a link that works.
type site struct {
	t     *testing.T
	g     *gateway
	db    *store.DB
	url   string
	token string
}

func newSite(t *testing.T) *site {
	t.Helper()
	db, err := store.Open(t.Context(), store.Options{Path: filepath.Join(t.TempDir(), "p.db"), Key: make([]byte, store.KeySize), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	s := &site{t: t, g: &gateway{}, db: db, token: strings.Repeat("a", tokenLength-1) + "A"}
	h := NewHandler(db, slog.New(slog.DiscardHandler), s.g)
	mux := http.NewServeMux()
	mux.Handle("GET "+Path+"{token}", h)
	mux.Handle("POST "+Path+"{token}", h)
	server := httptest.NewServer(http.MaxBytesHandler(mux, 64<<10))
	t.Cleanup(server.Close)
	s.url = server.URL + Path
	s.link(s.token, "irc.localhost")
	return s
}

func (s *site) link(token, domain string) {
	s.t.Helper()
	s.linkTo(token, store.Link{UserID: store.UserID{Domain: domain, JID: "alice@example.org"}, Command: "configure", Target: "irc.example"})
}

func (s *site) linkTo(token string, l store.Link) {
	s.t.Helper()
	l.ExpiresAt = time.Now().Add(time.Minute)
	err := s.db.Write(s.t.Context(), func(tx *store.Tx) error { return tx.AddLink(store.Secret(token), l) })
	if err != nil {
		s.t.Fatal(err)
	}
}

// do makes a request and returns the page.
func (s *site) do(method, token string, form url.Values, headers ...string) (*http.Response, string) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.url+token, strings.NewReader(form.Encode()))
	if err != nil {
		s.t.Fatal(err)
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp, string(body)
}

// A link shows its form as often as it is opened and works once. What the page says is in the reader's language, without secrets, and
// nothing in it can be mistaken for HTML.
func TestLink(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for range 3 { // previews
		resp, body := s.do(http.MethodGet, s.token, nil, "Accept-Language", "de, fr-CH;q=0.9, en;q=0.8")
		if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Language") != "fr" {
			t.Fatalf("%s: %s", resp.Status, body)
		}
		for _, want := range []string{
			"Settings (irc.example)", "Vous réglez ceci pour alice@example.org.", "They &lt;b&gt;matter&lt;/b&gt;.", `&#34;&gt;&lt;script&gt;`, `type="password" name="pass" value=""`,
			`name="away" value="true" checked`, `<option value="b" selected>B</option>`, "one\ntwo</textarea>", "Enregistrer", `lang="fr"`,
		} {
			if !strings.Contains(body, want) {
				t.Errorf("the page has no %q:\n%s", want, body)
			}
		}
		if strings.Contains(body, "present") || strings.Contains(body, "<script") {
			t.Errorf("the page shows a secret or runs a script:\n%s", body)
		}
		_, rest, _ := strings.Cut(body, "<style>")
		style, _, _ := strings.Cut(rest, "</style>")
		sum := sha256.Sum256([]byte(style))
		if csp := resp.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'") || !strings.HasPrefix(csp, "default-src 'none'") {
			t.Errorf("the browser would not take the style: %s", csp)
		}
	}
	if resp, _ := s.do(http.MethodHead, s.token, nil); resp.StatusCode != http.StatusOK {
		t.Errorf("HEAD: %s", resp.Status)
	}
	filled := url.Values{"nick": {"ally"}, "pass": {"hunter2"}, "key": {"one\r\ntwo"}, "way": {"a"}, "lines": {"a\r\nb"}, "unheard": {"of"}}
	if resp, body := s.do(http.MethodPost, s.token, filled, "Sec-Fetch-Site", "cross-site"); resp.StatusCode != http.StatusForbidden {
		t.Errorf("from another site: %s %s", resp.Status, body)
	}
	// What is wrong is said at the field, and the link still works.
	resp, body := s.do(http.MethodPost, s.token, url.Values{"nick": {"bad"}})
	if resp.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(body, `<p class="wrong" id="w0">Nick: &lt;bad&gt;.</p>`) {
		t.Errorf("%s: %s", resp.Status, body)
	}
	s.g.fail = transports.NewError(transports.Busy, "Try again.", nil)
	if resp, body := s.do(http.MethodPost, s.token, filled); resp.StatusCode != http.StatusServiceUnavailable || !strings.Contains(body, "Try again.") {
		t.Errorf("%s: %s", resp.Status, body)
	}
	s.g.fail = io.ErrUnexpectedEOF
	if resp, body := s.do(http.MethodPost, s.token, filled); resp.StatusCode != http.StatusInternalServerError || strings.Contains(body, "EOF") {
		t.Errorf("%s: %s", resp.Status, body)
	}
	s.g.fail = nil
	if resp, body := s.do(http.MethodPost, s.token, url.Values{"nick": {strings.Repeat("x", 100_000)}}); resp.StatusCode != http.StatusBadRequest {
		t.Errorf("a long form: %s: %s", resp.Status, body)
	}

	// Of those who send it at the same time, one does it.
	var wg sync.WaitGroup
	done := make(chan int, 8)
	for range cap(done) {
		wg.Go(func() {
			resp, _ := s.do(http.MethodPost, s.token, filled, "Sec-Fetch-Site", "same-origin")
			done <- resp.StatusCode
		})
	}
	wg.Wait()
	close(done)
	ok := 0
	for status := range done {
		if status == http.StatusOK {
			ok++
		} else if status != http.StatusNotFound {
			t.Errorf("got %d", status)
		}
	}
	if ok != 1 || len(s.g.ran) != 1 || len(s.g.filled) != 1 || s.g.filled[0] != "alice@example.org en Saved." {
		t.Fatalf("%d were told that it worked, it was done with %v, told %q", ok, s.g.ran, s.g.filled)
	}
	v := s.g.ran[0]
	if v.Get("nick") != "ally" || v.Get("pass") != "hunter2" || v.Get("key") != "one\ntwo" || v.Get("away") != "false" || v.Get("way") != "a" || len(v["some"]) != 0 || v["unheard"] != nil {
		t.Errorf("it was done with %v", v)
	}
	if resp, body := s.do(http.MethodGet, s.token, nil); resp.StatusCode != http.StatusNotFound || !strings.Contains(body, "This link was used") {
		t.Errorf("afterwards: %s: %s", resp.Status, body)
	}
}

// What is no link that works looks like one that was used.
func TestNoLink(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	other := strings.Repeat("b", tokenLength-1) + "A"
	s.link(other, "gone.localhost")
	for _, token := range []string{"x", strings.Repeat("c", tokenLength-1) + "A", strings.Repeat("!", tokenLength), s.token + "a", other} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			if resp, body := s.do(method, token, url.Values{"nick": {"x"}}); resp.StatusCode != http.StatusNotFound || !strings.Contains(body, "This link was used") {
				t.Errorf("%s %s: %s: %s", method, token, resp.Status, body)
			}
		}
	}
	if len(s.g.ran) > 0 {
		t.Errorf("a command ran with %v", s.g.ran)
	}
}
