package component

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"passerelle/internal/xmpptest"
	"passerelle/store"
	"passerelle/transports"
)

// speak has a user say something, and reports whether he did so himself.
func (w *redirectWorld) speak(user transports.Address, s transports.Speech) (own bool) {
	w.t.Helper()
	if err := w.db.Write(w.t.Context(), func(tx *store.Tx) error {
		var err error
		own, err = w.gateway.Speak(tx, user, s)
		return err
	}); err != nil {
		w.t.Fatal(err)
	}
	return own
}

// bodyFrom waits for a message with a body and returns who it is from and what it says.
func (v *visitor) bodyFrom() (from, body string) {
	v.t.Helper()
	ctx, cancel := context.WithTimeout(v.t.Context(), 4*testWait)
	defer cancel()
	for {
		e, err := v.Receive(ctx)
		if err != nil {
			v.t.Fatal(err)
		}
		if b := e.Child("", "body"); e.Name.Local == "message" && b != nil {
			return e.Get("from"), b.Text()
		}
	}
}

// cameBack is what comes back next.
func (w *redirectWorld) cameBack() transports.Returned {
	w.t.Helper()
	select {
	case r := <-w.redirect.returned:
		return r
	case <-time.After(4 * testWait):
		w.t.Fatal("nothing comes back")
		return transports.Returned{}
	}
}

// TestSpeakAtServers: what a user says by way of the gateway comes from himself where his server has our module or grants it, and his other clients
// see it; else it comes from his alias.
func TestSpeakAtServers(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]serverOptions{"module": {redirect: true}, "privilege": {privileged: true}, "alias": {}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			startServers(t, o, func(t *testing.T, s xmppServer) {
				w := s.world(t)
				if o.privileged {
					w.logged("grants privileges")
				}
				way := transports.WayAlias
				if o.redirect {
					way = transports.WayModule
				}
				w.follow(followAlice, way, transports.FollowAll)
				phone, bob := s.login(t, "alice", "phone"), s.login(t, "bob", "desk")
				phone.ask("set", "", "<enable xmlns='urn:xmpp:carbons:2'/>")
				own := w.speak(followAlice, transports.Speech{
					ID: "s1", To: followBob, Body: "by mail", ReplyTo: "m1", Alias: "alice.r", Name: "Alice",
					Files: []transports.Attachment{{URL: "https://files.example/a.png"}},
				})
				if want := name != "alias"; own != want {
					t.Errorf("own: got %v, want %v", own, want)
				}
				from, body := bob.bodyFrom()
				_, file := bob.bodyFrom()
				wantFrom, wantBody := "alice@localhost", "by mail"
				if name == "alias" {
					wantFrom, wantBody = "alice.r@"+testDomain, "Alice (alice@localhost) answers by email:\nby mail"
				}
				if from != wantFrom || body != wantBody || file != "https://files.example/a.png" {
					t.Errorf("bob got %q from %s and %q", body, from, file)
				}
				if name == "module" || name == "privilege" && s.prosody { // ejabberd 23.01 shows nobody what it sends by privilege
					_, before := phone.ask("get", "localhost", "<ping xmlns='urn:xmpp:ping'/>")
					if !slices.ContainsFunc(before, func(e *xmpptest.Element) bool { return strings.Contains(e.String(), "by mail") }) {
						t.Error("alice's phone does not see what she said")
					}
				}
				if name == "module" {
					w.until("her own", func(r *scriptedRedirect) bool {
						return slices.ContainsFunc(r.copies, func(c transports.Copy) bool { return c.Sent && c.ID == "s1" })
					})
				}
				if name == "alias" { // else her server tells her
					w.speak(followAlice, transports.Speech{ID: "s2", To: transports.Address{Local: "nobody", Domain: "localhost"}, Body: "x", Alias: "alice.r"})
					if r := <-w.redirect.returned; r.ID != "s2" || r.Err.Kind != transports.NotFound {
						t.Errorf("got %+v", r)
					}
				}
				if name == "module" { // what nobody takes comes back to her account, of which the module tells
					nobody := transports.Address{Local: "nobody", Domain: "localhost"}
					w.speak(followAlice, transports.Speech{ID: "s4", To: nobody, Body: "x"})
					if r := w.cameBack(); r.ID != "s4" || r.Err.Kind != transports.NotFound || r.From != nobody {
						t.Errorf("got %+v", r)
					}
				}
				if name == "module" { // who is not followed does not speak, whatever was written down before
					if err := w.gateway.Unfollow(t.Context(), followAlice); err != nil {
						t.Fatal(err)
					}
					if err := w.db.Write(t.Context(), func(tx *store.Tx) error {
						return w.gateway.sayFor(tx, followAlice, &transports.Speech{ID: "s3", To: followBob, Body: "stale"}, "speak", nsRedirect)
					}); err != nil {
						t.Fatal(err)
					}
					if r := <-w.redirect.returned; r.ID != "s3" || r.Err.Kind != transports.Denied {
						t.Errorf("got %+v", r)
					}
				}
			})
		})
	}
}

// TestSpeechWithoutModule: what a user says by a module that his server has no more comes back.
func TestSpeechWithoutModule(t *testing.T) {
	t.Parallel()
	for _, privileged := range []bool{false, true} {
		t.Run(fmt.Sprint("privileged ", privileged), func(t *testing.T) {
			t.Parallel()
			startServers(t, serverOptions{privileged: privileged}, func(t *testing.T, s xmppServer) {
				w := s.world(t)
				if err := w.db.Write(t.Context(), func(tx *store.Tx) error {
					return w.gateway.sayFor(tx, followAlice, &transports.Speech{ID: "s1", To: followBob, Body: "x"}, "speak", nsRedirect)
				}); err != nil {
					t.Fatal(err)
				}
				if r := w.cameBack(); r.ID != "s1" || r.Err == nil {
					t.Errorf("got %+v", r)
				}
			})
		})
	}
}
