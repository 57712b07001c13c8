package client_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"passerelle/e2e/client"
	"passerelle/internal/realservers"
	"passerelle/internal/realservers/realtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestLogin(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	p := realtest.Prosody(t, realservers.ProsodyOptions{Users: []realservers.Account{{Name: "alice", Password: "pä<w"}}})

	if _, err := client.Login(ctx, p.C2SAddr, "alice", "wrong", "x"); err == nil || !strings.Contains(err.Error(), "not-authorized") {
		t.Errorf("with a wrong password: got %v, want not-authorized", err)
	}
	ended, end := context.WithCancel(ctx)
	end()
	if _, err := client.Login(ended, p.C2SAddr, "alice", "pä<w", "x"); err == nil {
		t.Error("with an ended context: no error")
	}

	var clients []*client.Client
	for _, resource := range []string{"phone", "lap & top"} {
		c, err := client.Login(ctx, p.C2SAddr, "alice", "pä<w", resource)
		if err != nil {
			t.Fatal(err)
		}
		if want := "alice@localhost/" + resource; c.JID() != want {
			t.Errorf("JID: got %q, want %q", c.JID(), want)
		}
		clients = append(clients, c)
	}
	phone, laptop := clients[0], clients[1]
	if err := phone.Send(ctx, "<message><body>broken"); err == nil {
		t.Error("Send of half a stanza: no error")
	}
	for i := range 3 {
		if err := phone.Send(ctx, fmt.Sprintf("<message to='alice@localhost/lap &amp; top' id='%d'><body>ünï</body></message>", i)); err != nil {
			t.Fatal(err)
		}
	}
	// In order, and no presence of the own clients between them.
	for i := range 3 {
		e, err := laptop.Receive(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if e.Get("id") != fmt.Sprint(i) || e.Get("from") != "alice@localhost/phone" || e.Child("", "body").Text() != "ünï" {
			t.Errorf("got %s, want message %d", e, i)
		}
	}
	for range 2 {
		if err := laptop.Close(); err != nil {
			t.Error(err)
		}
	}
	p.Kill()
	if e, err := phone.Receive(ctx); err == nil {
		t.Errorf("Receive after the server's end: got %s", e)
	}
	if err := phone.Close(); err != nil {
		t.Error(err)
	}
}
