package component

import (
	"crypto/x509"
	"fmt"
	"path/filepath"
	"slices"
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

// loginServer is a real server for users whom the gateway visits.
type loginServer struct {
	realServer
	host      c2s.Host
	authority string
}

var loginServers = map[string]func(t *testing.T) loginServer{
	"prosody": func(t *testing.T) loginServer {
		p := realtest.Prosody(t, realservers.ProsodyOptions{Components: loginComponents, Users: loginUsers, TLS: true, Push: true, Sleep: 1})
		return loginServer{realServer{p.ComponentAddr, p.C2SAddr, p.Kill, p.Restart}, c2s.Host{Addr: p.TLSAddr, Direct: true}, p.Authority}
	},
	"ejabberd": func(t *testing.T) loginServer {
		e := realtest.Ejabberd(t, realservers.EjabberdOptions{Components: loginComponents, Users: loginUsers, TLS: true, Push: true, Sleep: 1})
		return loginServer{realServer{e.ComponentAddr, e.C2SAddr, e.Kill, e.Restart}, c2s.Host{Addr: e.C2SAddr}, e.Authority}
	},
}

var (
	loginComponents = []realservers.Component{{Domain: testDomain, Secret: "s3cret"}, {Domain: "push.localhost", Secret: "s3cret"}}
	loginUsers      = []realservers.Account{{Name: "alice", Password: "pw"}, {Name: "bob", Password: "pw"}}
)

// loginWorld is a gateway that visits users of a real server.
type loginWorld struct {
	*redirectWorld
	server    loginServer
	authority *x509.CertPool
	path      string // of its database
}

// newLoginWorld makes one that looks after some time what came while it asked a server to push.
func newLoginWorld(t *testing.T, s loginServer, later time.Duration) *loginWorld {
	t.Helper()
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(s.authority)) {
		t.Fatal("no certificate of an authority")
	}
	path := filepath.Join(t.TempDir(), "db")
	w := &loginWorld{server: s, authority: pool, path: path, redirectWorld: newRedirectWorld(t, func(o *Options) {
		o.Store = openStore(t, path)
		o.Server, o.Logins = s.components, c2s.New(c2s.Options{Hosts: map[string]c2s.Host{"localhost": s.host}, RootCAs: pool})
		o.Timing.VisitPause, o.Timing.VisitLater = time.Millisecond, later
	})}
	w.logged("connected to the XMPP server")
	return w
}

// count is how often a node was pushed to.
func (p *pushService) count(node string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.got[node]
}

// bodies are the texts of the copies, those that the user wrote with a > before them.
func bodies(r *scriptedRedirect) []string {
	var all []string
	for _, c := range r.copies {
		s := c.Body
		if c.Sent {
			s = ">" + s
		}
		all = append(all, s)
	}
	return all
}

// bodies are those that have come until now.
func (w *loginWorld) bodies() []string {
	w.redirect.mu.Lock()
	defer w.redirect.mu.Unlock()
	return bodies(w.redirect)
}

// archiveID is that of a copy that has come.
func (w *loginWorld) archiveID(body string) string {
	w.t.Helper()
	w.redirect.mu.Lock()
	defer w.redirect.mu.Unlock()
	i := slices.IndexFunc(w.redirect.copies, func(c transports.Copy) bool { return c.Body == body })
	if i < 0 || w.redirect.copies[i].ArchiveID == "" {
		w.t.Fatalf("no id of %q in %+v", body, w.redirect.copies)
	}
	return w.redirect.copies[i].ArchiveID
}

// come waits until bodies have come.
func (w *loginWorld) come(want ...string) {
	w.t.Helper()
	w.until(fmt.Sprintf("copies %q", want), func(r *scriptedRedirect) bool {
		got := bodies(r)
		return !slices.ContainsFunc(want, func(b string) bool { return !slices.Contains(got, b) })
	})
}

func (w *loginWorld) login(user, resource string) *client.Client {
	w.t.Helper()
	c, err := client.Login(w.t.Context(), w.server.clients, user, "pw", resource)
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

func (w *loginWorld) send(c *client.Client, xml string) {
	w.t.Helper()
	if err := c.Send(w.t.Context(), xml); err != nil {
		w.t.Fatal(err)
	}
}

func chat(to, body string) string {
	return "<message to='" + to + "@localhost' type='chat' id='" + body + "'><body>" + body + "</body></message>"
}

// settle waits until the server has dealt with what a client said, and returns what came for it meanwhile.
func (w *loginWorld) settle(c *client.Client) []*xmpptest.Element {
	w.t.Helper()
	id := newID()
	w.send(c, "<iq type='get' id='"+id+"'><ping xmlns='urn:xmpp:ping'/></iq>")
	var all []*xmpptest.Element
	for {
		e, err := c.Receive(w.t.Context())
		if err != nil {
			w.t.Fatal(err)
		}
		if e.Get("id") == id {
			return all
		}
		all = append(all, e)
	}
}

// bodiesOf are the texts of messages that came.
func bodiesOf(all []*xmpptest.Element) []string {
	var texts []string
	for _, e := range all {
		if b := e.Child(stanza.NSClient, "body"); e.Name.Local == "message" && e.Get("type") != "error" && b != nil {
			texts = append(texts, b.Text())
		}
	}
	return texts
}

// TestFollowByLogin: whatever state the user's clients are in, over the restarts of either side, each message of his comes, once; nobody sees
// that the gateway was there, his phone is told as before, and nothing that waits for it is taken away.
func TestFollowByLogin(t *testing.T) {
	t.Parallel()
	for name, start := range loginServers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t)
			w := newLoginWorld(t, s, 100*time.Millisecond)
			ctx := t.Context()
			pushes := xmppServer{realServer: s.realServer}.pushService(t)

			// Bob sees whether Alice is there, and her phone has a push service.
			phone, bob := w.login("alice", "phone"), w.login("bob", "b")
			w.send(bob, "<presence to='alice@localhost' type='subscribe'/>")
			w.settle(bob)
			w.settle(phone)
			w.send(phone, "<presence to='bob@localhost' type='subscribed'/>")
			w.send(phone, "<iq type='set' id='p'><enable xmlns='urn:xmpp:push:0' jid='push.localhost' node='phone'/></iq>")
			w.settle(phone)
			w.send(bob, chat("alice", "before"))
			w.settle(bob)
			w.settle(phone)
			if err := phone.Close(); err != nil {
				t.Fatal(err)
			}

			if err := w.gateway.Follow(ctx, followAlice, transports.WayLogin, transports.FollowAll, "wrong"); transports.AsError(err).Kind != transports.NeedPassword {
				t.Fatalf("a wrong password: got %v", err)
			}
			if f, err := w.gateway.opt.Store.Followed(ctx, w.gateway.userID(followAlice)); f.Way != 0 || err != nil {
				t.Fatalf("followed with a wrong password: %+v, %v", f, err)
			}
			if err := w.gateway.Follow(ctx, followAlice, transports.WayLogin, transports.FollowAll, "pw"); err != nil {
				t.Fatal(err)
			}
			if err := w.gateway.Fill(ctx, followAlice); err != nil {
				t.Fatal(err)
			}
			if got := w.bodies(); len(got) > 0 {
				t.Fatalf("what was before is brought: %q", got)
			}

			// She is offline: the phone and the gateway are told.
			var want []string
			come := func(bodies ...string) {
				t.Helper()
				want = append(want, bodies...)
				w.come(bodies...)
			}
			w.send(bob, chat("alice", "offline"))
			come("offline")
			pushes.wait(t, "phone", 1)

			// Online: what was offline comes, and what she answers is known.
			phone = w.login("alice", "phone")
			if got := bodiesOf(w.settle(phone)); !slices.Contains(got, "offline") {
				t.Errorf("the phone got %q of what waited", got)
			}
			w.send(bob, chat("alice", "online"))
			w.settle(bob)
			w.send(phone, chat("bob", "answer"))
			w.settle(phone)
			if err := w.gateway.Fill(ctx, followAlice); err != nil {
				t.Fatal(err)
			}
			come("online", ">answer")

			// What she has read on the phone (XEP-0490) is known by the id of its archive.
			readID := w.archiveID("online")
			w.send(phone, "<iq type='set' id='mds'><pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='urn:xmpp:mds:displayed:0'><item id='bob@localhost'>"+
				"<displayed xmlns='urn:xmpp:mds:displayed:0'><stanza-id xmlns='urn:xmpp:sid:0' by='alice@localhost' id='"+readID+"'/></displayed></item></publish></pubsub></iq>")
			w.settle(phone)
			marks, err := w.gateway.ReadMarks(ctx, followAlice)
			if want := (transports.ReadMark{User: followAlice, Peer: followBob, ArchiveID: readID}); err != nil || len(marks) != 1 || marks[0] != want {
				t.Errorf("read: got %+v, %v, want %+v", marks, err, want)
			}
			w.until("what is read is told", func(r *scriptedRedirect) bool { return len(r.marks) == 1 && r.marks[0].ArchiveID == readID })

			// Inactive (XEP-0352), then out of reach for a while (XEP-0198).
			w.send(phone, "<inactive xmlns='urn:xmpp:csi:0'/>")
			w.send(phone, "<enable xmlns='urn:xmpp:sm:3' resume='true'/>")
			w.settle(phone)
			w.send(bob, chat("alice", "inactive"))
			w.settle(bob)
			if err := w.gateway.Fill(ctx, followAlice); err != nil {
				t.Fatal(err)
			}
			come("inactive")
			if err := phone.Drop(); err != nil {
				t.Fatal(err)
			}
			w.settle(bob)
			w.send(bob, chat("alice", "hibernating"))
			come("hibernating")
			for gone := false; !gone; { // a server that is restarted before loses what it has for her
				e, err := bob.Receive(ctx)
				if err != nil {
					t.Fatal(err)
				}
				gone = e.Name.Local == "presence" && e.Get("type") == "unavailable" && e.Get("from") == "alice@localhost/phone"
			}

			// The gateway is away, while ejabberd forgets that it is to push to it; then the server is.
			w.stop()
			w.send(bob, chat("alice", "away1"))
			w.send(bob, chat("alice", "away2"))
			w.settle(bob)
			w.start(w.opt)
			come("away1", "away2")
			if err := w.gateway.Fill(ctx, followAlice); err != nil {
				t.Fatal(err)
			}
			w.send(bob, chat("alice", "pushed again"))
			come("pushed again")

			// However often it is asked, the server pushes to the gateway once, and to the phone still: Prosody has room for five.
			for range 7 {
				w.gateway.follow.logins.gap()
				if err := w.gateway.Fill(ctx, followAlice); err != nil {
					t.Fatal(err)
				}
			}
			before := pushes.count("phone")
			w.send(bob, chat("alice", "one slot"))
			come("one slot")
			pushes.wait(t, "phone", before+1)
			if err := s.restart(ctx); err != nil {
				t.Fatal(err)
			}
			w.logged("connected to the XMPP server")
			pushes = xmppServer{realServer: s.realServer}.pushService(t)
			bob = w.login("bob", "b")
			w.send(bob, chat("alice", "after the restart"))
			come("after the restart")
			pushes.wait(t, "phone", 1)

			// Alice says something through the gateway, in her name; to somebody who does not exist it comes back.
			for _, to := range []string{"bob", "nobody"} {
				if err := w.gateway.opt.Store.Write(ctx, func(tx *store.Tx) error {
					own, err := w.gateway.Speak(tx, followAlice, transports.Speech{ID: "said-" + to, To: transports.Address{Local: to, Domain: "localhost"}, Body: "said"})
					if !own {
						t.Error("it is not said in her name")
					}
					return err
				}); err != nil {
					t.Fatal(err)
				}
			}
			select {
			case r := <-w.redirect.returned:
				if r.ID != "said-nobody" || transports.AsError(r.Err).Kind != transports.NotFound {
					t.Errorf("came back: %+v", r)
				}
			case <-time.After(6 * testWait):
				t.Fatal("what was said to nobody does not come back")
			}
			heard := w.settle(bob)
			if got := bodiesOf(heard); fmt.Sprint(got) != "[said]" {
				t.Errorf("Bob heard %q", got)
			}
			if err := w.gateway.Fill(ctx, followAlice); err != nil {
				t.Fatal(err)
			}
			want = append(want, ">said", ">said")

			got := w.bodies()
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
			for _, e := range heard {
				if e.Name.Local == "presence" && e.Get("type") == "" && e.Get("from") != "bob@localhost/b" {
					t.Errorf("Bob sees %s", e)
				}
			}
			// All that came while no client was there waits.
			phone = w.login("alice", "phone")
			if got := bodiesOf(w.settle(phone)); !slices.Contains(got, "after the restart") || !slices.Contains(got, "pushed again") || !slices.Contains(got, "away1") {
				t.Errorf("the phone got %q of what waited", got)
			}

			// A password that is wrong from now on is tried once.
			if err := w.gateway.opt.Store.Write(ctx, func(tx *store.Tx) error { return tx.SetFollowPassword(w.gateway.userID(followAlice), "changed") }); err != nil {
				t.Fatal(err)
			}
			if err := w.gateway.Fill(ctx, followAlice); err == nil {
				t.Error("a wrong password does")
			}
			w.until("the way is lost", func(r *scriptedRedirect) bool {
				return fmt.Sprint(r.lost) == fmt.Sprint([]transports.Way{transports.WayLogin})
			})
			if p, err := w.gateway.opt.Store.FollowPassword(ctx, w.gateway.userID(followAlice)); p != "" || err != nil {
				t.Errorf("a password that is refused is kept: %v, %v", p == "", err)
			}
			if way, _, err := w.gateway.Followed(ctx, followAlice); way != transports.WayNone || err != nil {
				t.Errorf("followed by %d, %v", way, err)
			}
		})
	}
}
