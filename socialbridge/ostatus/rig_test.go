package ostatus

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"passerelle/internal/gnusocial"
	"passerelle/internal/jobs"
	"passerelle/internal/postaltest"
	"passerelle/internal/safehttp"
	"passerelle/internal/web"
	"passerelle/socialbridge"
	"passerelle/socialbridge/activity"
	"passerelle/store"
	"passerelle/transports"
)

// testCore is a social core that keeps everything in memory, and no more of it than the wire needs.
type testCore struct {
	wire *Wire
	db   *store.DB

	mu       sync.Mutex
	changed  chan struct{}
	accounts map[string]*testAccount
	known    map[string]*socialbridge.KnownActor
	received []socialbridge.Received
	denied   map[string]bool
	fail     error // of Receive
	quiet    bool  // nothing of what comes is kept
	gone     bool  // all accounts are
}

type testAccount struct {
	socialbridge.Account
	key    *rsa.PrivateKey
	outbox []activity.Activity
}

func notFound() error {
	return transports.NewError(transports.NotFound, "There is no such thing.", nil)
}

func (c *testCore) Receive(ctx context.Context, r socialbridge.Received) error {
	c.mu.Lock()
	fail, quiet := c.fail, c.quiet
	c.mu.Unlock()
	if fail != nil {
		return fail
	}
	if err := c.db.Write(ctx, func(tx *store.Tx) error { return tx.AddSocialSeen("received " + r.Activity.ID) }); err != nil || quiet {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.received = append(c.received, r)
	close(c.changed)
	c.changed = make(chan struct{})
	return nil
}

func (c *testCore) Account(_ context.Context, name string) (*socialbridge.Account, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if a := c.accounts[name]; a != nil {
		account := a.Account
		if c.gone {
			return &account, transports.NewError(transports.Gone, "gone", nil)
		}
		return &account, nil
	}
	return nil, notFound()
}

func (c *testCore) Resolve(ctx context.Context, ref string) (*socialbridge.Account, error) {
	ref = strings.TrimPrefix(ref, "acct:")
	name, ok := strings.CutSuffix(ref, "@"+c.wire.host)
	if !ok {
		name, ok = strings.CutPrefix(ref, c.wire.base+"/u/")
	}
	if !ok {
		return nil, notFound()
	}
	return c.Account(ctx, name)
}

func (c *testCore) Sign(_ context.Context, a *socialbridge.Account, signed []byte) ([]byte, error) {
	c.mu.Lock()
	key := c.accounts[a.Name].key
	c.mu.Unlock()
	sum := sha256.Sum256(signed)
	return rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
}

func (c *testCore) Outbox(_ context.Context, a *socialbridge.Account, before int64, n int) ([]activity.Activity, int64, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := c.accounts[a.Name].outbox
	if before == 0 {
		before = int64(len(all)) + 1
	}
	from := max(before-1-int64(n), 0)
	page := slices.Clone(all[from : before-1])
	slices.Reverse(page)
	if from == 0 {
		return page, 0, nil
	}
	return page, from + 1, nil
}

func (c *testCore) Note(_ context.Context, name string) (*activity.Activity, *socialbridge.Account, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, a := range c.accounts {
		for i := range a.outbox {
			if strings.HasSuffix(a.outbox[i].ID, "/n/"+name) {
				found, account := a.outbox[i], a.Account
				return &found, &account, nil
			}
		}
	}
	return nil, nil, notFound()
}

func (c *testCore) Known(_ context.Context, uri string) (*socialbridge.KnownActor, bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k, ok := c.known[uri]
	if !ok {
		return nil, false, nil
	}
	known := *k
	return &known, true, nil
}

func (c *testCore) Keep(_ context.Context, a *activity.Actor) (*socialbridge.KnownActor, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k := c.known[a.URI]
	if k == nil {
		k = &socialbridge.KnownActor{ID: int64(1000 + len(c.known))}
		c.known[a.URI] = k
	}
	k.Actor, k.FetchedAt = *a, c.wire.now()
	known := *k
	return &known, nil
}

func (c *testCore) Allowed(host string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.denied[host]
}

// got is what has come, as verbs.
func (c *testCore) got() []socialbridge.Received {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.received)
}

// patience is how long something may take that has to happen.
const patience = 30 * time.Second

// rig is a wire that is served and served by jobs, over a real database and real sockets.
type rig struct {
	testing.TB
	db     *store.DB
	core   *testCore
	wire   *Wire
	base   string
	client *safehttp.Client
	clock  *clock
	stop   func() // the jobs
	roots  *x509.CertPool
}

// clock is what time it is.
type clock struct {
	mu  sync.Mutex
	off time.Duration
}

// Now is the real time, and as much more as was added.
func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.off)
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.off += d
}

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("127.0.1.0/24"), netip.MustParsePrefix("127.0.2.0/24"), netip.MustParsePrefix("127.0.3.0/24")}

type rigOptions struct {
	certificate *tls.Certificate // it speaks TLS
	perHost     int
	path        string // of the database
	log         slog.Handler
	accounts    []string
	idle        bool // without jobs
	inFlight    int
	// real makes the core, instead of one for tests.
	real func(r *rig, base *url.URL) socialbridge.Core
}

// handlers are set once the address is known by which the pages are told apart.
type lateHandler struct{ h http.Handler }

func (l *lateHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) { l.h.ServeHTTP(w, r) }

func newRig(t testing.TB, o rigOptions) *rig {
	t.Helper()
	r := &rig{TB: t, clock: new(clock)}
	log := slog.New(slog.DiscardHandler)
	if o.log != nil {
		log = slog.New(o.log)
	}
	if o.path == "" {
		o.path = filepath.Join(t.TempDir(), "db")
	}
	var err error
	r.db, err = store.Open(t.Context(), store.Options{
		Path: o.path, Key: make([]byte, store.KeySize), Log: slog.New(slog.DiscardHandler), Now: r.clock.Now, CloseTime: patience,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.db.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		for kind := range r.wire.Kinds() {
			if !t.Failed() {
				return
			}
			ended, _ := r.db.EndedJobs(context.Background(), kind, 10)
			for _, j := range ended {
				t.Logf("over: %d at %v, %s to %s, failed %v: %s", j.ID, j.Ended, j.Lane, j.Site, j.Failed, j.Error)
			}
			waiting, _ := r.db.WaitingJobs(context.Background(), kind, 10)
			for _, j := range waiting {
				t.Logf("waits until %v: %s to %s, %d times: %s", j.Next, j.Lane, j.Site, j.Attempts, j.Error)
			}
		}
	})
	r.core = &testCore{
		db: r.db, changed: make(chan struct{}), accounts: map[string]*testAccount{}, known: map[string]*socialbridge.KnownActor{}, denied: map[string]bool{},
	}
	late := make([]*lateHandler, 0, 16)
	page := func(pattern string, body int64) web.Page {
		l := new(lateHandler)
		late = append(late, l)
		return web.Page{Pattern: pattern, Handler: l, Body: body}
	}
	var pages []web.Page
	for _, e := range (&Wire{}).Endpoints() {
		pages = append(pages, page(e.Pattern, e.Body))
	}
	pages = append(pages, page("GET /u/{name}", 0), page("GET /n/{name}", 0))
	po := web.PublicOptions{Listen: "127.0.0.1:0", URL: &url.URL{Scheme: "http", Host: "x"}, Pages: pages, Log: slog.New(slog.DiscardHandler)}
	scheme := "http"
	if o.certificate != nil {
		scheme = "https"
		po.CertFile, po.KeyFile = writeCertificate(t, o.certificate)
		r.roots = x509.NewCertPool()
		r.roots.AddCert(o.certificate.Leaf)
	}
	server, err := web.ListenPublic(t.Context(), po)
	if err != nil {
		t.Fatal(err)
	}
	r.base = scheme + "://" + server.Addr().String()
	r.client = safehttp.New(safehttp.Options{
		Permit: loopback, UserAgent: "passerelle/test", RootCAs: r.roots, Redirects: 3, PerHost: max(o.perHost, 4), Keep: 1024,
	})
	t.Cleanup(r.client.Close)
	base, err := url.Parse(r.base)
	if err != nil {
		t.Fatal(err)
	}
	var core socialbridge.Core = r.core
	if o.real != nil {
		core = o.real(r, base)
	}
	r.wire, err = New(Options{
		Domain: "social.test", Base: base, Store: r.db, Core: core, HTTP: r.client, Plain: true, Version: "test", Log: log, Now: r.clock.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	r.core.wire = r.wire
	for i, e := range r.wire.Endpoints() {
		late[i].h = e.Handler
	}
	person := r.wire.Atom(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("a page")) }))
	late[len(late)-2].h, late[len(late)-1].h = person, person
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- server.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	r.stop = func() {}
	if !o.idle {
		r.work(o.inFlight)
	}
	for _, name := range o.accounts {
		r.account(name)
	}
	return r
}

// work has the jobs done until stop is called.
func (r *rig) work(inFlight int) {
	r.stop = postaltest.Work(r, &jobs.Dispatcher{
		Store: r.db, Kinds: r.wire.Kinds(), Log: slog.New(slog.DiscardHandler), Now: r.clock.Now, InFlight: inFlight,
	})
}

// later lets time pass for the jobs.
func (r *rig) later(d time.Duration) {
	r.stop()
	r.clock.add(d)
	r.work(0)
}

func (r *rig) account(name string) *socialbridge.Account {
	r.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		r.Fatal(err)
	}
	r.core.mu.Lock()
	defer r.core.mu.Unlock()
	a := &testAccount{key: key, Account: socialbridge.Account{ID: int64(len(r.core.accounts) + 1), Name: name}}
	a.Actor = activity.Actor{URI: r.base + "/u/" + name, Nick: name, Name: "Mx " + name, Key: &key.PublicKey}
	r.core.accounts[name] = a
	account := a.Account
	return &account
}

// post publishes something as an account and tells everybody, and those who are named.
func (r *rig) post(name, id, html string, to ...socialbridge.KnownActor) *activity.Activity {
	r.Helper()
	account, err := r.core.Account(r.Context(), name)
	if err != nil {
		r.Fatal(err)
	}
	now := r.clock.Now().UTC().Truncate(time.Second)
	url := r.base + "/n/" + id
	a := &activity.Activity{ID: url, Verb: activity.Post, Actor: account.Actor, Published: now, Public: true, Page: url, Note: &activity.Note{
		ID: url, Author: account.Actor, HTML: html, Page: url, Published: now, Updated: now, Public: true,
	}}
	for _, k := range to {
		a.To = append(a.To, k.URI)
		a.Note.Mentions = append(a.Note.Mentions, activity.Mention{URI: k.URI})
	}
	r.core.mu.Lock()
	r.core.accounts[name].outbox = append(r.core.accounts[name].outbox, *a)
	r.core.mu.Unlock()
	r.send(socialbridge.Sending{By: account, Activity: a, Everybody: true, To: to})
	return a
}

func (r *rig) send(s socialbridge.Sending) {
	r.Helper()
	if err := r.db.Write(r.Context(), func(tx *store.Tx) error { return r.wire.Send(tx, s) }); err != nil {
		r.Fatal(err)
	}
}

// does tells somebody something that an account does.
func (r *rig) does(name string, verb activity.Verb, object string, to *socialbridge.KnownActor) *activity.Activity {
	r.Helper()
	account, err := r.core.Account(r.Context(), name)
	if err != nil {
		r.Fatal(err)
	}
	a := &activity.Activity{
		ID: fmt.Sprintf("%s/a/%d", r.base, time.Now().UnixNano()), Verb: verb, Actor: account.Actor, Object: object, Published: r.clock.Now().UTC().Truncate(time.Second), Public: true,
	}
	s := socialbridge.Sending{By: account, Activity: a, Everybody: true}
	if to != nil {
		a.To = []string{to.URI}
		s.To = []socialbridge.KnownActor{*to}
	}
	r.send(s)
	return a
}

// find finds somebody and keeps what is known of him.
func (r *rig) find(ref string) *socialbridge.KnownActor {
	r.Helper()
	a, err := r.wire.Find(r.Context(), ref)
	if err != nil {
		r.Fatalf("find %s: %v", ref, err)
	}
	known, err := r.core.Keep(r.Context(), a)
	if err != nil {
		r.Fatal(err)
	}
	return known
}

func (r *rig) watch(k *socialbridge.KnownActor, on bool) {
	r.Helper()
	if err := r.db.Write(r.Context(), func(tx *store.Tx) error {
		if on {
			return r.wire.Watch(tx, *k)
		}
		return r.wire.Unwatch(tx, *k)
	}); err != nil {
		r.Fatal(err)
	}
}

// until waits until n activities have come, and returns them.
func (r *rig) until(n int) []socialbridge.Received {
	r.Helper()
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	for {
		r.core.mu.Lock()
		changed, all := r.core.changed, slices.Clone(r.core.received)
		r.core.mu.Unlock()
		if len(all) >= n {
			return all
		}
		select {
		case <-changed:
		case <-ctx.Done():
			r.Fatalf("%d activities have come, want %d: %v", len(all), n, verbs(all))
		}
	}
}

func verbs(all []socialbridge.Received) []string {
	out := make([]string, len(all))
	for i, x := range all {
		out[i] = fmt.Sprintf("%d %s", x.Activity.Verb, x.Activity.ID)
	}
	return out
}

// site starts a GNU social.
func (r *rig) site(users ...string) (*gnusocial.Site, []*gnusocial.User) {
	r.Helper()
	s, err := gnusocial.Start(gnusocial.Options{Now: r.clock.Now})
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(s.Close)
	all := make([]*gnusocial.User, 0, len(users))
	for _, u := range users {
		all = append(all, s.AddUser(u))
	}
	return s, all
}

// eventually waits until something is the case of what a site has got.
func (r *rig) eventually(s *gnusocial.Site, what string, is func() bool) {
	r.Helper()
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	if err := s.Wait(ctx, is); err != nil {
		r.Fatalf("%s: %v; the site was asked %q", what, err, s.Requests())
	}
}

func writeCertificate(t testing.TB, c *tls.Certificate) (certFile, keyFile string) {
	t.Helper()
	dir := t.TempDir()
	key, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for name, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: c.Certificate[0]}, keyFile: {Type: "PRIVATE KEY", Bytes: key}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certFile, keyFile
}

// hosts are those that are known.
func (c *testCore) uris() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Sorted(maps.Keys(c.known))
}

func sendingTo(by *socialbridge.Account, a *activity.Activity, to *socialbridge.KnownActor) socialbridge.Sending {
	return socialbridge.Sending{By: by, Activity: a, To: []socialbridge.KnownActor{*to}}
}

// eventuallyOver waits until n jobs of a kind are over.
func (r *rig) eventuallyOver(kind string, n int) {
	r.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); {
		ended, err := r.db.EndedJobs(r.Context(), kind, n+1)
		if err != nil {
			r.Fatal(err)
		}
		if len(ended) >= n {
			return
		}
		r.settle()
	}
	r.Fatalf("%d jobs %s are not over", n, kind)
}

// idle waits until no jobs of a kind wait.
func (r *rig) idle(kind string) {
	r.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); {
		waiting, err := r.db.WaitingJobs(r.Context(), kind, 1)
		if err != nil {
			r.Fatal(err)
		}
		if len(waiting) == 0 {
			return
		}
		r.settle()
	}
	r.Fatalf("jobs %s wait", kind)
}
