package component

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"passerelle/internal/c2s"
	"passerelle/internal/killtest"
	"passerelle/internal/realservers"
	"passerelle/internal/realservers/realtest"
	"passerelle/store"
	"passerelle/transports"
)

// TestVisitsWithoutArchive: where a server keeps no archive, what waits for the user is read, once, and waits for him still.
func TestVisitsWithoutArchive(t *testing.T) {
	t.Parallel()
	e := realtest.Ejabberd(t, realservers.EjabberdOptions{Components: loginComponents, Users: loginUsers, TLS: true, Push: true, NoArchive: true})
	w := newLoginWorld(t, loginServer{realServer{e.ComponentAddr, e.C2SAddr, e.Kill, e.Restart}, c2s.Host{Addr: e.TLSAddr, Direct: true}, e.Authority}, 100*time.Millisecond)
	bob := w.login("bob", "b")
	w.send(bob, chat("alice", "before"))
	w.settle(bob)
	if err := w.gateway.Follow(t.Context(), followAlice, transports.WayLogin, transports.FollowAll, "pw"); err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, body := range []string{"one", "two", "three"} {
		w.send(bob, chat("alice", body))
		want = append(want, body)
		w.come(body)
		if body == "two" {
			w.again()
		}
	}
	if err := w.gateway.Fill(t.Context(), followAlice); err != nil {
		t.Fatal(err)
	}
	if got := w.bodies(); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	w.redirect.mu.Lock()
	for _, c := range w.redirect.copies {
		if !c.Offline {
			t.Errorf("%q waits, and is said not to", c.Body)
		}
	}
	w.redirect.mu.Unlock()
	if got, want := bodiesOf(w.settle(w.login("alice", "phone"))), append([]string{"before"}, want...); !slices.Equal(got, want) {
		t.Errorf("the phone got %q of what waited, want %q", got, want)
	}
}

// TestWhatWasSaidIsNotSaidAgain: what the user's server has had before a crash is found in his archive, however much came besides, and not said once
// more; what it has not had is. That is so too where he is followed no more.
func TestWhatWasSaidIsNotSaidAgain(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(w *loginWorld) error{
		"a visit":        func(w *loginWorld) error { return w.gateway.Fill(w.t.Context(), followAlice) },
		"the last visit": func(w *loginWorld) error { return w.gateway.Unfollow(w.t.Context(), followAlice) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newLoginWorld(t, loginServers["prosody"](t), time.Millisecond)
			ctx := t.Context()
			if err := w.gateway.Follow(ctx, followAlice, transports.WayLogin, transports.FollowAll, "pw"); err != nil {
				t.Fatal(err)
			}
			if err := w.gateway.Fill(ctx, followAlice); err != nil {
				t.Fatal(err)
			}
			w.stop()
			bob, phone := w.login("bob", "b"), w.login("alice", "phone")
			for i := range 60 { // more than a page of the archive
				w.send(bob, chat("alice", fmt.Sprint("m", i)))
			}
			w.settle(bob)
			w.send(phone, "<message to='bob@localhost' type='chat' id='had'><body>had</body></message>")
			w.settle(phone)
			id := w.gateway.userID(followAlice)
			if err := w.opt.Store.Write(ctx, func(tx *store.Tx) error {
				for _, said := range []string{"had", "not had"} {
					one := store.Said{UserID: id, Letter: said, Stanza: "<message to='bob@localhost' type='chat' id='" + said + "'><body>" + said + "</body></message>", Time: time.Now()}
					if err := tx.Say(one); err != nil {
						return err
					}
				}
				return errors.Join(tx.TrySaying(store.Said{UserID: id, Number: 1}), tx.TrySaying(store.Said{UserID: id, Number: 2}))
			}); err != nil {
				t.Fatal(err)
			}
			w.opt.Logins = c2s.New(c2s.Options{Hosts: map[string]c2s.Host{"localhost": w.server.host}, RootCAs: w.authority, Pages: 1})
			w.start(w.opt)
			ctx, cancel := context.WithTimeout(ctx, 6*testWait)
			defer cancel()
			err := end(w)
			for ; err != nil && transports.AsError(err).Kind.Temporary() && ctx.Err() == nil; err = end(w) { // it is not there yet
			}
			if err != nil {
				t.Fatal(err)
			}
			for left := 1; left > 0; {
				said, err := w.opt.Store.Said(ctx, id)
				if err != nil {
					t.Fatal(err)
				}
				if left = len(said); left > 0 {
					_ = w.gateway.Fill(ctx, followAlice) // a visit takes a page
				}
			}
			if got := bodiesOf(w.settle(bob)); !slices.Equal(got, []string{"had", "not had"}) {
				t.Errorf("bob got %q", got)
			}
		})
	}
}

// TestVisitBeforeThePassword: a visit that comes while a user's password is being tried, and is not kept yet, gives nobody up.
func TestVisitBeforeThePassword(t *testing.T) {
	t.Parallel()
	w := newLoginWorld(t, loginServers["prosody"](t), time.Millisecond)
	row := store.Followed{UserID: w.gateway.userID(followAlice), Way: int(transports.WayLogin), Kind: int(transports.FollowAll), Node: "node"}
	w.gateway.follow.set(followAlice, row)
	if err := w.gateway.Fill(t.Context(), followAlice); err == nil {
		t.Error("there was nothing to log in with")
	}
	if err := w.gateway.Follow(t.Context(), followAlice, transports.WayLogin, transports.FollowAll, "pw"); err != nil {
		t.Fatal(err)
	}
	if row, ok := w.gateway.follow.of(followAlice); !ok || transports.Way(row.Way) != transports.WayLogin {
		t.Errorf("she is followed so: %+v", row)
	}
	w.log.mu.Lock()
	defer w.log.mu.Unlock()
	if log := w.log.b.String(); strings.Contains(log, "is lost") {
		t.Errorf("the log says\n%s", log)
	}
}

// TestServerCeasesToPush: a server that has forgotten whom to push to is found out by a visit that nobody asked for, and asked again.
func TestServerCeasesToPush(t *testing.T) {
	t.Parallel()
	w := newLoginWorld(t, loginServers["prosody"](t), time.Millisecond)
	ctx := t.Context()
	if err := w.gateway.Follow(ctx, followAlice, transports.WayLogin, transports.FollowAll, "pw"); err != nil {
		t.Fatal(err)
	}
	bob := w.login("bob", "b")
	w.send(bob, chat("alice", "pushed"))
	w.come("pushed")
	row, ok := w.gateway.follow.of(followAlice)
	if !ok {
		t.Fatal("she is not followed")
	}
	phone := w.login("alice", "phone")
	w.send(phone, "<iq type='set' id='d'><disable xmlns='urn:xmpp:push:0' jid='"+testDomain+"' node='"+row.Node+"'/></iq>")
	w.settle(phone)
	// The first one may be taken for what was pushed before.
	for _, body := range []string{"not pushed", "nor this"} {
		w.send(bob, chat("alice", body))
		w.settle(bob)
		if err := w.gateway.Fill(ctx, followAlice); err != nil {
			t.Fatal(err)
		}
		w.come(body)
	}
	w.logged("has ceased to push")
	w.send(bob, chat("alice", "pushed again"))
	w.come("pushed again")
}

// rejected is a gateway that follows alice at a server which hangs up on it, and tells of each try.
func rejected(t *testing.T, giveUp time.Duration) (w *redirectWorld, tries <-chan struct{}) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	tried := make(chan struct{}, 1000)
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			tried <- struct{}{}
			conn.Close() // it hangs up
		}
	})
	t.Cleanup(func() {
		l.Close()
		serving.Wait()
	})
	w = newRedirectWorld(t, func(o *Options) {
		o.Logins = c2s.New(c2s.Options{Hosts: map[string]c2s.Host{"localhost": {Addr: l.Addr().String(), Plain: true}}})
		o.Timing.VisitPoll, o.Timing.VisitGiveUp = time.Millisecond, giveUp
	})
	w.connected()
	row := store.Followed{UserID: w.gateway.userID(followAlice), Way: int(transports.WayLogin), Node: "n"}
	if err := w.db.Write(t.Context(), func(tx *store.Tx) error {
		return errors.Join(tx.Follow(row), tx.SetFollowPassword(row.UserID, "pw"),
			tx.Say(store.Said{UserID: row.UserID, Letter: "s1", Stanza: "<message to='bob@localhost' id='s1'><body>x</body></message>", Time: time.Now()}))
	}); err != nil {
		t.Fatal(err)
	}
	w.gateway.follow.set(followAlice, row)
	w.gateway.follow.logins.begin(followAlice, 0)
	return w, tried
}

// TestVisitsThatFail: a server that does not let the gateway in is tried again and again.
func TestVisitsThatFail(t *testing.T) {
	t.Parallel()
	w, tries := rejected(t, time.Hour)
	for range 6 {
		<-tries
	}
	w.redirect.mu.Lock()
	defer w.redirect.mu.Unlock()
	if len(w.redirect.lost) > 0 {
		t.Error("it was given up at once")
	}
}

// TestVisitsGivenUp: it is given up once that lasts, and what its user says comes back.
func TestVisitsGivenUp(t *testing.T) {
	t.Parallel()
	w, _ := rejected(t, time.Nanosecond)
	w.until("the way to be lost", func(r *scriptedRedirect) bool { return slices.Equal(r.lost, []transports.Way{transports.WayLogin}) })
	if r := w.cameBack(); r.ID != "s1" || r.Err.Kind != transports.Offline {
		t.Errorf("came back: %+v", r)
	}
	if p, err := w.db.FollowPassword(t.Context(), w.gateway.userID(followAlice)); p != "" || err != nil {
		t.Errorf("the password is kept: %v, %v", p != "", err)
	}
}

// TestVisitsAtATime: however many users of a server are due, a few are visited at a time, and others have their turn.
func TestVisitsAtATime(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	conns := make(chan net.Conn, 100)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conns <- conn
		}
	}()
	defer l.Close()
	w := newRedirectWorld(t, func(o *Options) {
		o.Logins = c2s.New(c2s.Options{Hosts: map[string]c2s.Host{"localhost": {Addr: l.Addr().String(), Plain: true}}})
	})
	w.connected()
	const users = 3 * maxServerVisits
	visits := w.gateway.follow.logins
	for i := range users {
		user := transports.Address{Local: fmt.Sprint("user", i), Domain: "localhost"}
		row := store.Followed{UserID: w.gateway.userID(user), Way: int(transports.WayLogin), Node: fmt.Sprint(i)}
		if err := w.db.Write(t.Context(), func(tx *store.Tx) error {
			if err := tx.Follow(row); err != nil {
				return err
			}
			return tx.SetFollowPassword(row.UserID, "pw")
		}); err != nil {
			t.Fatal(err)
		}
		w.gateway.follow.set(user, row)
		visits.begin(user, 0)
	}
	// Each visit that ends, since the server hangs up, lets another one begin.
	var open []net.Conn
	for i := range users {
		select {
		case c := <-conns:
			open = append(open, c)
		case <-time.After(testWait):
			t.Fatalf("only %d of %d were visited", i, users)
		}
		visits.mu.Lock()
		busy, server := visits.busy, visits.servers["localhost"].busy
		visits.mu.Unlock()
		if busy > maxServerVisits || server > maxServerVisits {
			t.Errorf("%d visits at a time, %d at the server", busy, server)
		}
		if len(open) == maxServerVisits {
			open[0].Close()
			open = open[1:]
		}
	}
	for _, c := range open {
		c.Close()
	}
}

// printingRedirect prints the id of each copy that it takes.
type printingRedirect struct{ *scriptedRedirect }

func (printingRedirect) Copied(_ context.Context, c transports.Copy) error {
	_, err := fmt.Println(c.ArchiveID) // one write(2), which a pipe takes whole or not at all
	return err
}

// visitUntilKilled runs a gateway that a test kills: its arguments are the addresses of the server for components and for clients, and the path of the
// database.
func visitUntilKilled(how []string) error {
	ctx := context.Background()
	db, err := store.Open(ctx, store.Options{Path: how[2], Key: make([]byte, store.KeySize), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	g, err := New(Options{
		Domain: testDomain, Secret: "s3cret", Server: how[0], Store: db, Log: slog.New(slog.DiscardHandler), Metrics: NewMetrics(prometheus.NewRegistry()),
		Transport: printingRedirect{&scriptedRedirect{scriptedPostal: &scriptedPostal{scripted: newScripted()}, changed: make(chan struct{})}},
		Rules:     Rules{OwnDomains: []string{"localhost"}},
		Logins:    c2s.New(c2s.Options{Hosts: map[string]c2s.Host{"localhost": {Addr: how[1], Plain: true}}}),
	})
	if err != nil {
		return err
	}
	return g.Run(ctx)
}

// TestVisitorKilled kills gateways while they read. The next one goes on, and what two have read has one id.
func TestVisitorKilled(t *testing.T) {
	t.Parallel()
	w := newLoginWorld(t, loginServers["prosody"](t), time.Millisecond)
	if err := w.gateway.Follow(t.Context(), followAlice, transports.WayLogin, transports.FollowAll, "pw"); err != nil {
		t.Fatal(err)
	}
	w.stop()
	w.opt.Store.Close()
	bob := w.login("bob", "b")
	const n = 200
	for i := range n {
		w.send(bob, chat("alice", fmt.Sprint("m", i)))
	}
	w.settle(bob)
	times := map[string]int{}
	for range 2 {
		for _, id := range killtest.After(t, n/4, "visit", w.server.components, w.server.clients, w.path) {
			times[id]++
		}
	}
	w.opt.Store = openStore(t, w.path)
	w.start(w.opt)
	w.come(fmt.Sprint("m", n-1))
	w.redirect.mu.Lock()
	for _, c := range w.redirect.copies {
		times[c.ArchiveID]++
	}
	w.redirect.mu.Unlock()
	twice := 0
	for id, k := range times {
		if id == "" {
			t.Error("a message has no id")
		}
		if k > 1 {
			twice++
		}
	}
	if len(times) != n {
		t.Errorf("%d different messages came, want %d", len(times), n)
	}
	t.Logf("%d of %d came twice", twice, n)
}
