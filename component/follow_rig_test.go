package component

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"passerelle/component/stanza"
	"passerelle/e2e/client"
	"passerelle/internal/realservers"
	"passerelle/internal/realservers/realtest"
	"passerelle/internal/xmpptest"
	"passerelle/store"
	"passerelle/transports"
)

// scriptedRedirect is a Postal transport that brings messages elsewhere: it remembers what it was told.
type scriptedRedirect struct {
	*scriptedPostal
	aliases map[string]transports.Address

	mu      sync.Mutex
	copies  []transports.Copy
	marks   []transports.ReadMark
	present []string // "alice true"
	lost    []transports.Way
	changed chan struct{}               // closed and replaced at each change
	fail    func(transports.Copy) error // may refuse
}

func (r *scriptedRedirect) note(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f()
	close(r.changed)
	r.changed = make(chan struct{})
}

func (r *scriptedRedirect) Copied(_ context.Context, c transports.Copy) error {
	r.mu.Lock()
	fail := r.fail
	r.mu.Unlock()
	if fail != nil {
		if err := fail(c); err != nil {
			return err
		}
	}
	r.note(func() { r.copies = append(r.copies, c) })
	return nil
}

func (r *scriptedRedirect) WasRead(_ context.Context, m transports.ReadMark) error {
	r.note(func() { r.marks = append(r.marks, m) })
	return nil
}

func (r *scriptedRedirect) WasPresent(_ context.Context, user transports.Address, online bool) error {
	r.note(func() { r.present = append(r.present, fmt.Sprint(user.Local, " ", online)) })
	return nil
}

func (r *scriptedRedirect) AliasOf(_ context.Context, local string) (transports.Address, bool, error) {
	a, ok := r.aliases[local]
	return a, ok, nil
}

func (r *scriptedRedirect) WayLost(_ context.Context, _ transports.Address, w transports.Way, _ error) {
	r.note(func() { r.lost = append(r.lost, w) })
}

// redirectWorld is a world whose transport brings messages elsewhere.
type redirectWorld struct {
	*world
	redirect *scriptedRedirect
	db       *store.DB
	opt      Options
}

func newRedirectWorld(t *testing.T, change func(*Options)) *redirectWorld {
	t.Helper()
	w := &redirectWorld{
		db: openStore(t, filepath.Join(t.TempDir(), "db")),
		redirect: &scriptedRedirect{
			scriptedPostal: &scriptedPostal{cards: map[string]transports.Card{}, returned: make(chan transports.Returned, 64)},
			aliases:        map[string]transports.Address{"alice.r": followAlice}, changed: make(chan struct{}),
		},
	}
	w.world = newWorld(t, func(o *Options) {
		w.redirect.scripted = o.Transport.(*scripted)
		o.Transport, o.Store, o.OwnDomains = w.redirect, w.db, []string{"localhost"}
		o.Timing.Routed, o.Timing.FillAgain, o.Timing.KeptLate = time.Millisecond, 50*time.Millisecond, 2*time.Second
		if change != nil {
			change(o)
		}
		w.opt = *o
	})
	return w
}

var (
	followAlice = transports.Address{Local: "alice", Domain: "localhost"}
	followBob   = transports.Address{Local: "bob", Domain: "localhost"}
)

// until waits until something of what the transport was told is so.
func (w *redirectWorld) until(what string, ok func(r *scriptedRedirect) bool) {
	w.t.Helper()
	end := time.After(4 * testWait)
	r := w.redirect
	for {
		r.mu.Lock()
		done, changed := ok(r), r.changed
		r.mu.Unlock()
		if done {
			return
		}
		select {
		case <-changed:
		case <-end:
			w.t.Fatalf("%s: not in time; got %s\nlog:\n%s", what, w.told(), w.log.String())
		}
	}
}

// told is what the transport was told, in words: each message by its body, in their order, as it was told first.
func (w *redirectWorld) told() string {
	w.redirect.mu.Lock()
	defer w.redirect.mu.Unlock()
	var all []string
	known := map[string]bool{}
	for _, c := range w.redirect.copies {
		if c.ArchiveID != "" && known[c.ArchiveID] {
			continue
		}
		known[c.ArchiveID] = true
		said := c.Body
		if c.Sent {
			said += " (sent)"
		}
		if c.Offline {
			said += " (offline)"
		}
		if c.More > 0 {
			said += fmt.Sprint(" +", c.More)
		}
		if !slices.Contains(all, said) {
			all = append(all, said)
		}
	}
	return strings.Join(all, ", ")
}

// copied waits for messages by their bodies and checks that each was told, whatever came twice.
func (w *redirectWorld) copied(bodies ...string) {
	w.t.Helper()
	w.until("copies of "+strings.Join(bodies, ", "), func(r *scriptedRedirect) bool {
		for _, b := range bodies {
			if !slices.ContainsFunc(r.copies, func(c transports.Copy) bool { return c.Body == b }) {
				return false
			}
		}
		return true
	})
}

// again starts another gateway with the same database.
func (w *redirectWorld) again() {
	w.t.Helper()
	w.stop()
	w.start(w.opt)
}

func (w *redirectWorld) follow(user transports.Address, way transports.Way, f transports.Following) {
	w.t.Helper()
	if err := w.gateway.Follow(w.t.Context(), user, way, f, ""); err != nil {
		w.t.Fatalf("follow: %v\nlog:\n%s", err, w.log.String())
	}
}

// xmppServer is a real server whose users are followed.
type xmppServer struct {
	realServer
	prosody bool
}

type serverOptions struct {
	redirect, noArchive, push, privileged, feeds bool
	sleep                                        int
}

func startServers(t *testing.T, o serverOptions, run func(t *testing.T, s xmppServer)) {
	components := []realservers.Component{{Domain: testDomain, Secret: "s3cret", Privileged: o.privileged}, {Domain: "push.localhost", Secret: "s3cret"}}
	var users []realservers.Account
	for _, name := range []string{"alice", "bob", "carol", "dave"} {
		users = append(users, realservers.Account{Name: name, Password: "pw"})
	}
	redirect := ""
	if o.redirect {
		redirect = testDomain
	}
	t.Run("prosody", func(t *testing.T) {
		t.Parallel()
		p := realtest.Prosody(t, realservers.ProsodyOptions{
			Components: components, Users: users, Redirect: redirect, NoArchive: o.noArchive, Push: o.push, Sleep: o.sleep,
		})
		run(t, xmppServer{realServer{p.ComponentAddr, p.C2SAddr, p.Kill, p.Restart}, true})
	})
	t.Run("ejabberd", func(t *testing.T) {
		t.Parallel()
		e := realtest.Ejabberd(t, realservers.EjabberdOptions{
			Components: components, Users: users, Redirect: redirect, NoArchive: o.noArchive, Push: o.push, Sleep: o.sleep, Feeds: o.feeds,
		})
		run(t, xmppServer{realServer{e.ComponentAddr, e.C2SAddr, e.Kill, e.Restart}, false})
	})
}

// world starts a gateway at the server.
func (s xmppServer) world(t *testing.T) *redirectWorld {
	t.Helper()
	w := newRedirectWorld(t, func(o *Options) { o.Server = s.components })
	w.logged("connected to the XMPP server")
	return w
}

// visitor is a client at a real server.
type visitor struct {
	t *testing.T
	*client.Client
	asked int
}

func (s xmppServer) login(t *testing.T, name, resource string) *visitor {
	t.Helper()
	c, err := client.Login(t.Context(), s.clients, name, "pw", resource)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() }) // it may be gone already
	return &visitor{t: t, Client: c}
}

func (v *visitor) send(xml string) {
	v.t.Helper()
	if err := v.Send(v.t.Context(), xml); err != nil {
		v.t.Fatal(err)
	}
}

// say sends a message to alice, whose body is its id.
func (v *visitor) say(to, body string) {
	v.t.Helper()
	v.send("<message to='" + to + "@localhost' type='chat' id='id-" + body + "'><body>" + body + "</body></message>")
}

// ask sends a request and returns its answer, and what came before it.
func (v *visitor) ask(typ, to, payload string) (answer *xmpptest.Element, before []*xmpptest.Element) {
	v.t.Helper()
	v.asked++
	id := fmt.Sprint("ask", v.asked)
	if to != "" {
		to = "to='" + to + "'"
	}
	v.send("<iq type='" + typ + "' id='" + id + "' " + to + ">" + payload + "</iq>")
	ctx, cancel := context.WithTimeout(v.t.Context(), 4*testWait)
	defer cancel()
	for {
		e, err := v.Receive(ctx)
		if err != nil {
			v.t.Fatal(err)
		}
		if e.Name.Local == "iq" && e.Get("id") == id {
			return e, before
		}
		before = append(before, e)
	}
}

// got are the bodies that came until now.
func (v *visitor) got() []string {
	v.t.Helper()
	_, before := v.ask("get", "localhost", "<ping xmlns='urn:xmpp:ping'/>")
	var bodies []string
	for _, e := range before {
		if b := e.Child("", "body"); e.Name.Local == "message" && b != nil {
			bodies = append(bodies, e.Get("type")+" "+b.Text())
		}
	}
	return bodies
}

// sleepy has the server wait for the client where it is gone without a word (XEP-0198 §3), and loses it.
func (v *visitor) sleepy() {
	v.t.Helper()
	v.send("<enable xmlns='urn:xmpp:sm:3' resume='true'/>")
	ctx, cancel := context.WithTimeout(v.t.Context(), testWait)
	defer cancel()
	for {
		e, err := v.Receive(ctx)
		if err != nil {
			v.t.Fatal(err)
		}
		if e.Name.Local == "enabled" {
			break
		}
	}
	if err := v.Drop(); err != nil {
		v.t.Fatal(err)
	}
}

// pushService is the push service of a phone: a component that counts what is pushed to it, by its node.
type pushService struct {
	mu      sync.Mutex
	got     map[string]int
	changed chan struct{}
}

func (s xmppServer) pushService(t *testing.T) *pushService {
	t.Helper()
	p := &pushService{got: map[string]int{}, changed: make(chan struct{})}
	stream, err := dial(t.Context(), s.components, "push.localhost", "s3cret")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	out, done := newSendQueue(1<<20), make(chan struct{})
	out.setUp(true)
	go func() {
		defer close(done)
		_ = stream.run(ctx, out, func(st *stanza.Stanza) {
			defer st.Release()
			if node, n := isPush(st.Root); n != nil {
				var b stanza.Builder
				b.Start("iq").Attr("type", "result").Attr("id", st.Root.Attr("id")).Attr("from", st.Root.Attr("to")).Attr("to", st.Root.Attr("from")).End()
				_ = out.offer(b.Bytes())
				p.mu.Lock()
				p.got[node]++
				close(p.changed)
				p.changed = make(chan struct{})
				p.mu.Unlock()
			}
		}, func(*stanza.Refused) {})
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return p
}

// wait waits until a node was pushed to as often as that.
func (p *pushService) wait(t *testing.T, node string, n int) {
	t.Helper()
	end := time.After(4 * testWait)
	for {
		p.mu.Lock()
		got, changed := p.got[node], p.changed
		p.mu.Unlock()
		if got >= n {
			return
		}
		select {
		case <-changed:
		case <-end:
			t.Fatalf("%s was pushed to %d times, want %d", node, got, n)
		}
	}
}
