package c2s_test

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"passerelle/component/stanza"
	"passerelle/e2e/client"
	"passerelle/internal/c2s"
	"passerelle/internal/realservers"
	"passerelle/internal/realservers/realtest"
	"passerelle/internal/xmpptest"
	"passerelle/store"
	"passerelle/transports"
)

// rig is a real server with what belongs to it.
type rig struct {
	*testing.T
	plain, direct, authority string
	restart                  func(context.Context) error
}

const password = "pä ss<"

func servers(t *testing.T, archive bool, run func(rig)) {
	users := []realservers.Account{{Name: "alice", Password: password}, {Name: "bob", Password: "pw"}}
	t.Run("prosody", func(t *testing.T) {
		t.Parallel()
		if !archive {
			t.Skip("without an archive it shows nothing that it does not give away")
		}
		p := realtest.Prosody(t, realservers.ProsodyOptions{Users: users, TLS: true})
		run(rig{t, p.C2SAddr, p.TLSAddr, p.Authority, p.Restart})
	})
	t.Run("ejabberd", func(t *testing.T) {
		t.Parallel()
		e := realtest.Ejabberd(t, realservers.EjabberdOptions{Users: users, TLS: true, NoArchive: !archive})
		run(rig{t, e.C2SAddr, e.TLSAddr, e.Authority, e.Restart})
	})
}

var alice = transports.Address{Local: "alice", Domain: "localhost"}

func (r rig) dial(h c2s.Host, password store.Secret, trusted bool) (*c2s.Session, error) {
	r.Helper()
	pool := x509.NewCertPool()
	if trusted && !pool.AppendCertsFromPEM([]byte(r.authority)) {
		r.Fatal("no certificate of an authority")
	}
	return c2s.New(c2s.Options{Hosts: map[string]c2s.Host{"localhost": h}, RootCAs: pool}).Dial(r.Context(), c2s.Account{User: alice, Password: password})
}

func (r rig) session() *c2s.Session {
	r.Helper()
	s, err := r.dial(c2s.Host{Addr: r.direct, Direct: true}, password, true)
	if err != nil {
		r.Fatal(err)
	}
	return s
}

func (r rig) client(user, password, resource string) *client.Client {
	r.Helper()
	c, err := client.Login(r.Context(), r.plain, user, password, resource)
	if err != nil {
		r.Fatal(err)
	}
	return c
}

// say sends messages and waits until the server has dealt with them.
func (r rig) say(c *client.Client, bodies ...string) {
	r.Helper()
	for _, body := range bodies {
		r.send(c, "<message to='alice@localhost' type='chat' id='"+body+"'><body>"+body+"</body></message>")
	}
	r.barrier(c)
}

func (r rig) send(c *client.Client, xml string) {
	r.Helper()
	if err := c.Send(r.Context(), xml); err != nil {
		r.Fatal(err)
	}
}

// barrier returns what came before a ping's answer.
func (r rig) barrier(c *client.Client) []*xmpptest.Element {
	r.Helper()
	id := stanza.NewID(time.Now())
	r.send(c, "<iq type='get' id='"+id+"'><ping xmlns='urn:xmpp:ping'/></iq>")
	var all []*xmpptest.Element
	for {
		e, err := c.Receive(r.Context())
		if err != nil {
			r.Fatal(err)
		}
		if e.Get("id") == id {
			return all
		}
		all = append(all, e)
	}
}

func body(e *stanza.Element) string { return e.Child(stanza.NSClient, "body").Text() }

// The gateway reads what came, knows where it was, and is never seen: neither by contacts nor by messages that would go to it.
func TestServers(t *testing.T) {
	t.Parallel()
	servers(t, true, func(r rig) {
		for _, h := range []c2s.Host{{Addr: r.plain}, {Addr: r.direct, Direct: true}, {Addr: r.plain, Plain: true}} {
			s, err := r.dial(h, password, true)
			if err != nil {
				r.Fatalf("%+v: %v", h, err)
			}
			if err := s.Close(); err != nil {
				r.Error(err)
			}
			if _, err := r.dial(h, "wrong", true); c2s.ReasonOf(err) != c2s.Password {
				r.Errorf("%+v: a wrong password gives %v", h, err)
			}
			if _, err := r.dial(h, password, false); !h.Plain && c2s.ReasonOf(err) != c2s.Untrusted {
				r.Errorf("%+v: an authority that is not known gives %v", h, err)
			}
		}
		// Bob sees whether Alice is there.
		phone, bob := r.client("alice", password, "phone"), r.client("bob", "pw", "b")
		r.send(bob, "<presence to='alice@localhost' type='subscribe'/>")
		r.barrier(bob)
		r.barrier(phone)
		r.send(phone, "<presence to='bob@localhost' type='subscribed'/>")
		r.barrier(phone)
		if err := phone.Close(); err != nil {
			r.Fatal(err)
		}
		s := r.session()
		defer s.Close()
		ctx := r.Context()
		if f, err := s.Features(ctx); err != nil || !f.Archive {
			r.Errorf("Features: got %+v, %v", f, err)
		}
		if _, ok, err := s.Last(ctx); ok || err != nil {
			r.Errorf("Last of an empty archive: got %v, %v", ok, err)
		}
		r.barrier(bob)
		r.say(bob, "one", "two")
		read := func(s *c2s.Session, since c2s.Place) (bodies []string, last c2s.Place) {
			last = since
			done, err := s.Archive(ctx, since, func(k c2s.Kept) error {
				bodies, last = append(bodies, body(k.Message)), c2s.Place{ID: k.ID, Time: k.Time}
				return nil
			})
			if err != nil || !done {
				r.Fatalf("Archive: done %v, %v", done, err)
			}
			return bodies, last
		}
		bodies, last := read(s, c2s.Place{})
		if fmt.Sprint(bodies) != "[one two]" {
			r.Errorf("read %q", bodies)
		}
		if end, ok, err := s.Last(ctx); !ok || err != nil || end.ID != last.ID || !end.Time.Equal(last.Time) || time.Since(end.Time) > time.Hour {
			r.Errorf("Last: got %v, %v, %v, want %v", end, ok, err, last)
		}
		if again, _ := read(s, last); len(again) > 0 {
			r.Errorf("read %q again", again)
		}
		if err := s.Send(ctx, "a1", []byte("<message id='a1' to='bob@localhost' type='chat'><body>answer</body></message>")); err != nil {
			r.Errorf("Send: %v", err)
		}
		if err := s.Send(ctx, "a2", []byte("<message id='a2' to='nobody@localhost' type='chat'><body>answer</body></message>")); c2s.ReasonOf(err) != c2s.Refused {
			r.Errorf("Send to nobody: %v", err)
		}
		if err := r.restart(ctx); err != nil {
			r.Fatal(err)
		}
		if _, err := s.Archive(ctx, last, nil); c2s.ReasonOf(err) != c2s.Away {
			r.Errorf("after the server has gone: %v", err)
		}
		s = r.session()
		defer s.Close()
		// Many pages, and what the user himself said, are behind the place that was kept.
		bob = r.client("bob", "pw", "b")
		var many []string
		for i := range 120 {
			many = append(many, fmt.Sprintf("n%d", i))
		}
		r.say(bob, many...)
		bodies, _ = read(s, last)
		bodies = slices.DeleteFunc(bodies, func(b string) bool { return b == "" })
		if want := append([]string{"answer"}, many...); !slices.Equal(slices.DeleteFunc(slices.Clone(bodies), func(b string) bool { return b == "answer" }), many) || !slices.Contains(bodies, "answer") {
			r.Errorf("read %q, want %q", bodies, want)
		}
		// What waits for his phone waits still, and Bob has seen nobody.
		phone = r.client("alice", password, "phone")
		var got []string
		for len(got) < 122 {
			e, err := phone.Receive(ctx)
			if err != nil {
				r.Fatalf("after %d: %v", len(got), err)
			}
			if e.Name.Local == "message" && e.Child(stanza.NSClient, "body") != nil {
				got = append(got, e.Child(stanza.NSClient, "body").Text())
			}
		}
		if want := append([]string{"one", "two"}, many...); !slices.Equal(got, want) {
			r.Errorf("the phone got %q, want %q", got, want)
		}
		seen := 0
		for _, e := range r.barrier(bob) {
			if e.Name.Local == "presence" && e.Get("type") == "" {
				seen++
				if e.Get("from") != "alice@localhost/phone" {
					r.Errorf("Bob saw %s", e)
				}
			}
		}
		if seen == 0 {
			r.Error("Bob does not even see the phone, so that this proves nothing")
		}
	})
}

// Where there is no archive, what waits is looked at and left where it is.
func TestServersWithoutArchive(t *testing.T) {
	t.Parallel()
	servers(t, false, func(r rig) {
		bob := r.client("bob", "pw", "b")
		r.say(bob, "one", "two")
		s := r.session()
		defer s.Close()
		ctx := r.Context()
		if f, err := s.Features(ctx); err != nil || f.Archive || !f.Offline {
			r.Errorf("Features: got %+v, %v", f, err)
		}
		if _, err := s.Archive(ctx, c2s.Place{}, nil); !errors.Is(err, c2s.ErrNoArchive) {
			r.Errorf("Archive: got %v", err)
		}
		known := map[string]bool{}
		for _, want := range []string{"one two", "three", ""} {
			var got []string
			if err := s.Offline(ctx, func(id string) bool { return known[id] }, func(k c2s.Kept) error {
				known[k.ID] = true
				got = append(got, body(k.Message))
				return nil
			}); err != nil {
				r.Fatal(err)
			}
			if strings.Join(got, " ") != want {
				r.Errorf("read %q, want %q", got, want)
			}
			if want == "one two" {
				r.say(bob, "three")
			}
		}
		phone := r.client("alice", password, "phone")
		for _, want := range []string{"one", "two", "three"} {
			for {
				e, err := phone.Receive(ctx)
				if err != nil {
					r.Fatal(err)
				}
				if b := e.Child(stanza.NSClient, "body"); b != nil {
					if b.Text() != want {
						r.Errorf("the phone got %q, want %q", b.Text(), want)
					}
					break
				}
			}
		}
	})
}
