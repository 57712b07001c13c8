package e2e

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"passerelle/internal/xmpptest"
)

// Somebody whose client has no forms sets a password: the bot gives a link in chat, a preview does not use it up, the page takes the
// password once, and the gateway says so.
func TestOneTimeLink(t *testing.T) {
	onEachServer(t, useLink)
}

func useLink(t *testing.T, program string, s *servers) {
	g := newGateway(t, program, s)
	if err := g.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), clientTime)
	defer cancel()
	alice, err := s.login(ctx, "alice", "home")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = alice.Close() }()
	say := func(body string) {
		t.Helper()
		if err := alice.Send(ctx, "<message type='chat' to='help@"+gatewayDomain+"'><body>"+body+"</body></message>"); err != nil {
			t.Fatal(err)
		}
	}
	hear := func(part string) *xmpptest.Element {
		t.Helper()
		for {
			e, err := alice.Receive(ctx)
			if err != nil {
				t.Fatalf("no message with %q: %v", part, err)
			}
			if strings.Contains(e.Child(xmpptest.NSClient, "body").Text(), part) {
				return e
			}
		}
	}
	say("configure " + networkName)
	hear("Your settings")
	e := hear("For passwords")
	if !strings.Contains(e.String(), "<no-store xmlns='urn:xmpp:hints'/>") {
		t.Errorf("archives keep the link: %s", e)
	}
	_, link, _ := strings.Cut(e.Child(xmpptest.NSClient, "body").Text(), "\n")
	for range 2 {
		if status, page := fetch(ctx, t, link, nil); status != http.StatusOK || !strings.Contains(page, "alice@localhost") || !strings.Contains(page, `type="password" name="sasl_password"`) {
			t.Fatalf("%s: %d\n%s", link, status, page)
		}
	}
	if status, page := fetch(ctx, t, link, url.Values{"nick": {"two words"}, "pass": {"hunter2"}}); status != http.StatusUnprocessableEntity || !strings.Contains(page, `class="wrong"`) {
		t.Errorf("a typo: %d\n%s", status, page)
	}
	if status, page := fetch(ctx, t, link, url.Values{"nick": {"liddell"}, "pass": {"hunter2"}}); status != http.StatusOK || !strings.Contains(page, "Saved.") {
		t.Errorf("%d\n%s", status, page)
	}
	hear("Somebody used your link. Saved.")
	if status, page := fetch(ctx, t, link, url.Values{"nick": {"mallory"}}); status != http.StatusNotFound {
		t.Errorf("the link works twice: %d\n%s", status, page)
	}
	say("configure " + networkName)
	hear("liddell")
	for _, file := range []string{g.database(), g.database() + "-wal"} {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(data, []byte("hunter2")) || bytes.Contains(data, []byte(link[strings.LastIndexByte(link, '/')+1:])) {
			t.Errorf("%s has the password or the token in it", file)
		}
	}
	if log := g.log.String(); strings.Contains(log, "hunter2") || strings.Contains(log, link[strings.LastIndexByte(link, '/')+1:]) {
		t.Error("the log has the password or the token in it")
	}
}

// fetch gets a page, or sends its form.
func fetch(ctx context.Context, t *testing.T, link string, form url.Values) (status int, page string) {
	t.Helper()
	method := http.MethodGet
	if form != nil {
		method = http.MethodPost
	}
	r, err := http.NewRequestWithContext(ctx, method, link, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	c := &http.Client{Timeout: 10 * time.Second}
	defer c.CloseIdleConnections()
	resp, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}
