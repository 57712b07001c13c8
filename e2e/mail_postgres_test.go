package e2e

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"sync"
	"testing"

	"passerelle/internal/realservers"
	"passerelle/internal/realservers/realtest"
)

// TestMailOnPostgres kills PostgreSQL, and the gateway, while mails come and go. Then it cannot be written for a while.
func TestMailOnPostgres(t *testing.T) {
	t.Parallel()
	server := realtest.Postgres(t, realservers.PostgresOptions{Fast: true})
	m := newMailGateway(t, build(t), xmppServer(t, "prosody", false), `strangers = "pass"`)
	m.onPostgres(t, newSchemas(t, server).next(t, server.URL))
	m.start()
	alice := m.client("alice")
	in := newInbox(t, alice)
	const n, kills = 80, 2
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf("mail %d", i))
	}
	var bringing sync.WaitGroup
	bringing.Go(func() {
		for _, text := range all {
			m.deliver(text)
		}
	})
	restart := func() {
		t.Helper()
		server.Kill()
		if err := server.Restart(context.WithoutCancel(t.Context())); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 2 * kills {
		in.until(all[(i+1)*n/(2*kills+2)])
		if i%2 == 0 {
			restart()
		} else {
			m.revive()
		}
	}
	bringing.Wait()
	m.deliver("end")
	in.until("end")
	if twice := in.check(all); twice > kills {
		t.Errorf("%d came again after %d crashes of the gateway: %v", twice, kills, in.came)
	}

	sendStanza(t, alice, `<message type='chat' id='a1' to='`+julietAtGateway+`'><body>Out of a database that is killed.</body><request xmlns='urn:xmpp:receipts'/></message>`)
	sendStanza(t, alice, `<message type='chat' id='a2' to='`+julietAtGateway+`'><body>/send</body></message>`)
	m.awaitMail("Out of a database that is killed.")
	restart()

	db, err := sql.Open("pgx", withParameter(server.URL, "default_transaction_read_only", "off"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	setReadOnly := func(value string) {
		t.Helper()
		for _, statement := range []string{"ALTER SYSTEM SET default_transaction_read_only = " + value, "SELECT pg_reload_conf()"} {
			if _, err := db.ExecContext(t.Context(), statement); err != nil {
				t.Fatal(err)
			}
		}
	}
	m.deliver("before")
	setReadOnly("on")
	taken := []string{"before"}
	for i := 0; ; i++ {
		text := fmt.Sprintf("read-only %d", i)
		code, said := m.offer(text)
		if code == 250 && i < 100 { // it has not heard of it yet
			taken = append(taken, text)
			continue
		}
		if code != 451 || !strings.HasPrefix(said, "4.3.2") {
			t.Errorf("the answer is %d %s, want 451 4.3.2", code, said)
		}
		break
	}
	m.awaitLog("the database cannot be written")
	setReadOnly("off")
	m.deliver("after")
	in.until("after")
	in.check(append(taken, "after"))
}
