package e2e

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"passerelle/e2e/client"
	"passerelle/internal/xmpptest"
)

// Mail outlives a gateway that is killed at any step, and an XMPP server that is away: what was answered with 250 comes, and what comes twice
// has one id. A mail server brings again what it got no answer for.

// inbox counts what letters came to a client, by what they say and by their ids.
type inbox struct {
	t    testing.TB
	c    xmppClient
	came map[string]int             // by body
	ids  map[string]map[string]bool // by body
}

func newInbox(t testing.TB, c xmppClient) *inbox {
	return &inbox{t: t, c: c, came: make(map[string]int), ids: make(map[string]map[string]bool)}
}

// until reads until something was said.
func (i *inbox) until(last string) {
	i.t.Helper()
	ctx, cancel := context.WithTimeout(i.t.Context(), 2*mailTime)
	defer cancel()
	for i.came[last] == 0 {
		e, err := i.c.Receive(ctx)
		if err != nil {
			i.t.Fatalf("%q did not come: %v", last, err)
		}
		if text := body(e); text != "" && e.Get("type") != "error" {
			i.note(e, text)
		}
	}
}

// note counts a letter.
func (i *inbox) note(e *xmpptest.Element, text string) {
	text = text[strings.LastIndexByte(text, '\n')+1:] // above it may stand that nobody could verify whom it is from
	i.came[text]++
	if i.ids[text] == nil {
		i.ids[text] = make(map[string]bool)
	}
	i.ids[text][e.Get("id")] = true
}

// check counts what is lost and what came twice of some texts, and reports what must not be.
func (i *inbox) check(texts []string) (twice int) {
	i.t.Helper()
	lost := 0
	for _, text := range texts {
		if i.came[text] == 0 {
			lost++
			i.t.Errorf("%q is lost", text)
		}
		twice += max(0, i.came[text]-1)
		if n := len(i.ids[text]); n > 1 {
			i.t.Errorf("%q came under %d ids", text, n)
		}
	}
	i.t.Logf("of %d mails %d are lost, %d came again", len(texts), lost, twice)
	return twice
}

// mailSaying is a mail to alice that says something.
func mailSaying(text string) string {
	return "From: juliet@example.com\r\nTo: alice@example.org\r\nMessage-ID: <" + strings.ReplaceAll(text, " ", ".") + "@example.com>\r\n\r\n" + text + "\r\n"
}

// put hands over a mail by LMTP up to the end of its data, and leaves the answer where it is.
func (m *mailGateway) put(text string) (*textproto.Conn, error) {
	return m.putFor("alice@example.org", text)
}

// putFor is put for somebody else.
func (m *mailGateway) putFor(to, text string) (*textproto.Conn, error) {
	conn, err := net.Dial("unix", m.lmtp())
	if err != nil {
		return nil, err
	}
	c := textproto.NewConn(conn)
	_, _, err = c.ReadResponse(220)
	for _, step := range []struct {
		say  string
		code int
	}{
		{"LHLO mx.example.org", 250}, {"MAIL FROM:<juliet@example.com>", 250}, {"RCPT TO:<" + to + ">", 250}, {"DATA", 354},
	} {
		if err == nil {
			err = c.PrintfLine("%s", step.say)
		}
		if err == nil {
			_, _, err = c.ReadResponse(step.code)
		}
	}
	if err == nil {
		err = c.PrintfLine("%s.", mailSaying(text))
	}
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// deliver hands over a mail as a mail server does: again until it is taken.
func (m *mailGateway) deliver(text string) {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(m.t.Context(), 2*mailTime)
	defer cancel()
	if err := poll(ctx, func() error {
		c, err := m.put(text)
		if err == nil {
			_, _, err = c.ReadResponse(250)
			err = errors.Join(err, c.Close())
		}
		return err
	}); err != nil {
		m.t.Fatalf("%q is not taken: %v", text, err)
	}
}

// emptied waits until the XMPP server has everything.
func (m *mailGateway) emptied(db *sql.DB) {
	m.t.Helper()
	if err := poll(m.t.Context(), func() error {
		var n int
		if err := db.QueryRowContext(m.t.Context(), `SELECT count(*) FROM outbox`).Scan(&n); err != nil {
			return err
		}
		if n > 0 {
			return fmt.Errorf("%d stanzas are still to be sent", n)
		}
		return nil
	}); err != nil {
		m.t.Fatal(err)
	}
}

// answered waits until the XMPP server has answered for everything.
func (m *mailGateway) answered(db *sql.DB) {
	m.t.Helper()
	if err := poll(m.t.Context(), func() error {
		var last, routed int
		if err := db.QueryRowContext(m.t.Context(), `SELECT coalesce(max(number), 0) FROM outbox`).Scan(&last); err != nil {
			return err
		}
		noted, err := os.ReadFile(m.database() + ".answered")
		if err != nil {
			return err
		}
		if found := routedNumber.FindSubmatch(noted); found != nil {
			if routed, err = strconv.Atoi(string(found[1])); err != nil {
				return err
			}
		}
		if routed < last {
			return fmt.Errorf("the server has answered for the stanza %d, and there are %d", routed, last)
		}
		return nil
	}); err != nil {
		m.t.Fatal(err)
	}
}

var routedNumber = regexp.MustCompile(`"Routed":(\d+)`)

// certainAfter is how long ejabberd has to be running until one can tell by its uptime, in whole seconds, that it was not started anew.
const certainAfter = 4 * time.Second

// awaitUptime waits until the gateway can tell that an XMPP server was not started anew. Prosody has stored what it answers for.
func awaitUptime(t testing.TB, c xmppClient, server string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), mailTime)
	defer cancel()
	if server != "ejabberd" {
		return
	}
	if err := client.AwaitUptime(ctx, c, certainAfter); err != nil {
		t.Fatal(err)
	}
}

// revive kills the gateway and starts it again.
func (m *mailGateway) revive() {
	m.t.Helper()
	m.Kill()
	m.start()
}

// TestMailKilled kills the gateway at each step of a mail's way in.
func TestMailKilled(t *testing.T) {
	t.Parallel()
	program := build(t)
	for _, xmpp := range []string{"prosody", "ejabberd"} {
		t.Run(xmpp, func(t *testing.T) {
			t.Parallel()
			s := *xmppServer(t, xmpp, false)
			way := newCable(t, s.componentAddr)
			s.componentAddr = way.Addr
			m := newMailGateway(t, program, &s, `strangers = "pass"`)
			m.start()
			alice := m.client("alice")
			awaitUptime(t, alice, xmpp)
			in := newInbox(t, alice)
			db, err := sql.Open("sqlite", m.database())
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			var all []string
			for _, step := range []struct {
				name string
				kill func(text string)
			}{
				{"after DATA before the commit", func(text string) {
					held, err := db.Conn(t.Context())
					if err != nil {
						t.Fatal(err)
					}
					defer held.Close()
					if _, err := held.ExecContext(t.Context(), `BEGIN IMMEDIATE`); err != nil {
						t.Fatal(err)
					}
					c, err := m.put(text)
					if err != nil {
						t.Fatal(err)
					}
					m.Kill()
					if _, _, err := c.ReadResponse(250); err == nil {
						t.Error("it was answered before the commit")
					}
					if err := c.Close(); err != nil {
						t.Error(err)
					}
					if _, err := held.ExecContext(t.Context(), `ROLLBACK`); err != nil {
						t.Fatal(err)
					}
					m.start()
					m.deliver(text)
				}},
				{"after the commit before 250", func(text string) {
					var before int
					count := func() (n int) {
						if err := db.QueryRowContext(t.Context(), `SELECT coalesce(max(id), 0) FROM mail_in`).Scan(&n); err != nil {
							t.Fatal(err)
						}
						return n
					}
					before = count()
					c, err := m.put(text)
					if err != nil {
						t.Fatal(err)
					}
					for count() == before {
					}
					m.revive()
					if err := c.Close(); err != nil { // nobody has read the answer
						t.Error(err)
					}
					m.deliver(text)
				}},
				{"after 250 before the stanza", func(text string) {
					m.deliver(text + " before") // so it is known that she exists
					in.until(text + " before")
					way.Cut()
					m.deliver(text)
					m.Kill()
					way.Mend()
					m.start()
				}},
				{"after the stanza before its answer", func(text string) {
					m.deliver(text + " before")
					in.until(text + " before")
					m.answered(db)
					way.Deaf(true)
					m.deliver(text)
					in.until(text)
					m.Kill()
					way.Deaf(false)
					m.start()
				}},
			} {
				step.kill(step.name)
				all = append(all, step.name)
				m.deliver(step.name + " after")
				in.until(step.name + " after")
				in.until(step.name)
				if xmpp == "prosody" { // which has stored what it answers for: nothing of it is sent again
					m.emptied(db)
				}
			}
			// The last one has to. The one before 250 may: its letter is made while the gateway is being killed.
			if twice := in.check(all); twice > 2 {
				t.Errorf("%d came more than once: %v", twice, in.came)
			}
		})
	}
}

// TestMailKilledAtAnyTime kills the gateway again and again while a mail server brings mail. Each time one letter may be on its way, no more: what
// ejabberd has taken is not sent again, since it says that it was running all the time (XEP-0012).
func TestMailKilledAtAnyTime(t *testing.T) {
	t.Parallel()
	program := build(t)
	for _, xmpp := range []string{"prosody", "ejabberd"} {
		t.Run(xmpp, func(t *testing.T) {
			t.Parallel()
			m := newMailGateway(t, program, xmppServer(t, xmpp, false), `strangers = "pass"`)
			m.start()
			alice := m.client("alice")
			awaitUptime(t, alice, xmpp)
			in := newInbox(t, alice)
			const n, kills = 300, 5
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
			for i := range kills {
				in.until(all[(i+1)*n/(kills+2)])
				m.revive()
			}
			bringing.Wait()
			m.deliver("end")
			in.until("end")
			if twice := in.check(all); twice > kills {
				t.Errorf("%d came again after %d crashes: %v", twice, kills, in.came)
			}
		})
	}
}

// TestMailOfATime has the XMPP server away while 1,000 mails come.
func TestMailOfATime(t *testing.T) {
	t.Parallel()
	const n = 1000
	program := build(t)
	for _, xmpp := range []string{"prosody", "ejabberd"} {
		t.Run(xmpp, func(t *testing.T) {
			t.Parallel()
			s := xmppServer(t, xmpp, false)
			m := newMailGateway(t, program, s, `strangers = "pass"`)
			m.start()
			m.deliver("before") // so it is known that she exists
			s.xmpp.Kill()
			var all []string
			for i := range n {
				all = append(all, fmt.Sprintf("mail %d", i))
				m.deliver(all[i])
			}
			m.Kill() // meanwhile
			if err := s.xmpp.Restart(t.Context()); err != nil {
				t.Fatal(err)
			}
			m.start()
			in := newInbox(t, m.client("alice"))
			in.until(all[n-1])
			in.check(all)
		})
	}
}
