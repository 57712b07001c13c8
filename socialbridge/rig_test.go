package socialbridge

import (
	"context"
	"io"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"passerelle/internal/jobs"
	"passerelle/internal/postaltest"
	"passerelle/socialbridge/activity"
	"passerelle/store"
	"passerelle/transports"
)

// fakeWire stands for the servers of others: it finds whom the test says, and keeps what is sent once that is committed.
type fakeWire struct {
	mu      sync.Mutex
	actors  map[string]*activity.Actor // by acct, and by URI
	sent    chan Sending
	watched map[string]bool // by URI
}

func (w *fakeWire) Find(_ context.Context, ref string) (*activity.Actor, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if a := w.actors[strings.TrimPrefix(ref, "@")]; a != nil {
		found := *a
		return &found, nil
	}
	return nil, transports.NewError(transports.NotFound, "There is nobody", nil)
}

func (w *fakeWire) Send(tx *store.Tx, s Sending) error {
	tx.OnCommit(func() { w.sent <- s })
	return nil
}

func (w *fakeWire) Watch(tx *store.Tx, a KnownActor) error { return w.watch(tx, a.URI, true) }

func (w *fakeWire) Unwatch(tx *store.Tx, a KnownActor) error { return w.watch(tx, a.URI, false) }

func (w *fakeWire) watch(tx *store.Tx, uri string, on bool) error {
	tx.OnCommit(func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.watched[uri] = on
	})
	return nil
}

func (w *fakeWire) watches(uri string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.watched[uri]
}

func (w *fakeWire) Kinds() map[string]jobs.Kind { return nil }

// xmppSide stands for component.
type xmppSide struct {
	postaltest.XMPP
	watched chan string // users, with "-" in front when their nodes are watched no more
	shown   chan transports.Entry
}

func (x *xmppSide) Exists(context.Context, transports.Address) (bool, error) { return true, nil }
func (x *xmppSide) Upload(context.Context, transports.Address, transports.File, io.ReaderAt) (string, error) {
	return "https://files.example/1", nil
}

func (x *xmppSide) Watch(_ context.Context, user transports.Address) error {
	x.watched <- user.String()
	return nil
}

func (x *xmppSide) Unwatch(_ context.Context, user transports.Address) {
	x.watched <- "-" + user.String()
}
func (x *xmppSide) CatchUp(context.Context, transports.Address) error { return nil }
func (x *xmppSide) Publish(_ context.Context, _ transports.Address, e transports.Entry) (bool, error) {
	x.shown <- e
	return true, nil
}

// rig is a gateway with everything but XMPP and other servers.
type rig struct {
	t     *testing.T
	db    *store.DB
	s     *Transport
	wire  *fakeWire
	xmpp  *xmppSide
	clock *postaltest.Clock
	host  postaltest.Host
	ref   transports.Ref
}

var (
	romeo  = transports.Address{Local: "romeo", Domain: "xmpp.example"}
	juliet = transports.Address{Local: "juliet", Domain: "xmpp.example"}
	alice  = contact("alice@gs1.test")
)

const begin = "2026-11-26T10:00:00Z"

// actorOf is an actor of another server, as that says of him.
func actorAt(name, host string) *activity.Actor {
	uri := "https://" + host + "/user/" + name
	return &activity.Actor{
		URI: uri, Acct: name + "@" + host, Nick: name, Name: strings.ToUpper(name[:1]) + name[1:], Page: "https://" + host + "/" + name,
		Routes: activity.Routes{Feed: uri + ".atom", Hub: "https://" + host + "/hub", Slap: "https://" + host + "/salmon/" + name},
	}
}

func newRig(t *testing.T) *rig { return rigWith(t, func(*Options) {}) }

func rigWith(t *testing.T, change func(*Options)) *rig {
	t.Helper()
	now, _ := time.Parse(time.RFC3339, begin)
	r := &rig{
		t: t, clock: postaltest.NewClock(now),
		wire: &fakeWire{actors: map[string]*activity.Actor{}, sent: make(chan Sending, 1000), watched: map[string]bool{}},
		xmpp: &xmppSide{XMPP: postaltest.NewXMPP(), watched: make(chan string, 100), shown: make(chan transports.Entry, 100)},
		host: make(postaltest.Host, 100),
	}
	for _, a := range []*activity.Actor{actorAt("alice", "gs1.test"), actorAt("bob", "gs2.test"), actorAt("mallory", "evil.test")} {
		r.wire.actors[a.Acct], r.wire.actors[a.URI] = a, a
	}
	group := actorAt("club", "gs2.test")
	group.Group = true
	r.wire.actors[group.Acct] = group
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	r.db = postaltest.OpenStore(t, r.clock, log)
	opt := Options{
		Domain: "social.xmpp.example", URL: &url.URL{Scheme: "https", Host: "social.example"}, Store: r.db, Log: log, Now: r.clock.Now,
		Rules: Rules{Name: "Social", Users: "xmpp.example", Admins: []transports.Address{{Local: "admin", Domain: "xmpp.example"}}},
	}
	change(&opt)
	var err error
	if r.s, err = New(opt); err != nil {
		t.Fatal(err)
	}
	r.s.Speak(r.wire)
	r.s.Serve(r.xmpp)
	postaltest.Work(t, &jobs.Dispatcher{Store: r.db, Kinds: Kinds(r.s), Log: log, Now: r.clock.Now})
	return r
}

// delivered waits for the next event of a type for a user; others are left out.
func delivered[E transports.Event](r *rig, user transports.Address) E {
	r.t.Helper()
	for {
		d := postaltest.Await(r.t, "an event", r.xmpp.Delivered)
		if e, ok := d.Event.(E); ok && d.User == user {
			return e
		}
	}
}

// quiet fails if something was delivered.
func (r *rig) quiet() {
	r.t.Helper()
	select {
	case d := <-r.xmpp.Delivered:
		r.t.Fatalf("%v got %#v", d.User, d.Event)
	default:
	}
}

// drained is all that has been delivered by now.
func (r *rig) drained() (all []postaltest.Delivery) {
	for {
		select {
		case d := <-r.xmpp.Delivered:
			all = append(all, d)
		default:
			return all
		}
	}
}

// sent waits for the next thing that others are told.
func (r *rig) sent(verb activity.Verb) Sending {
	r.t.Helper()
	for {
		if s := postaltest.Await(r.t, "something for others", r.wire.sent); s.Activity.Verb == verb {
			return s
		}
	}
}

// unsent fails if others were told something.
func (r *rig) unsent() {
	r.t.Helper()
	select {
	case s := <-r.wire.sent:
		r.t.Fatalf("others are told %+v", s.Activity)
	default:
	}
}

// run runs a command as in chat.
func (r *rig) run(user transports.Address, line string) (string, error) {
	r.t.Helper()
	words := strings.Fields(line)
	for _, c := range r.s.Commands() {
		if c.Name != words[0] {
			continue
		}
		call := transports.Call{User: user, Lang: "en"}
		if c.Say != nil {
			return c.Say(r.t.Context(), call, words[1:])
		}
		call.Values = transports.Values{}
		for _, w := range words[1:] {
			name, value, _ := strings.Cut(w, "=")
			call.Values[name] = []string{value}
		}
		return c.Run(r.t.Context(), call)
	}
	r.t.Fatalf("there is no command %s", words[0])
	return "", nil
}

func (r *rig) must(user transports.Address, line string) string {
	r.t.Helper()
	said, err := r.run(user, line)
	if err != nil {
		r.t.Fatalf("%s: %v", line, err)
	}
	return said
}

// joined has a user take part.
func (r *rig) joined(user transports.Address) *Account {
	r.t.Helper()
	r.must(user, "social on")
	a, err := r.s.accountOf(r.t.Context(), "en", user)
	if err != nil {
		r.t.Fatal(err)
	}
	if got := postaltest.Await(r.t, "watching", r.xmpp.watched); got != user.String() {
		r.t.Fatalf("%s is watched", got)
	}
	return a
}

// do hands a request over and waits for its answer.
func (r *rig) do(user transports.Address, make func(transports.Ref) transports.Request) error {
	r.t.Helper()
	s, err := r.s.Open(r.t.Context(), user, "", r.host)
	if err != nil {
		r.t.Fatal(err)
	}
	r.ref++
	if err := s.Do(r.t.Context(), make(r.ref)); err != nil {
		return err
	}
	s.Close("")
	return postaltest.Await(r.t, "the answer", r.host).(transports.Done).Err
}

func (r *rig) post(user transports.Address, l transports.Letter) error {
	r.t.Helper()
	return r.do(user, func(ref transports.Ref) transports.Request { return transports.Post{Ref: ref, Letter: l} })
}

// receive has something come from an actor, in his feed or, with a user, for that directly.
func (r *rig) receive(a *activity.Activity, to *transports.Address) error {
	r.t.Helper()
	in := Received{Activity: a}
	if to != nil {
		account, err := r.s.accountOf(r.t.Context(), "en", *to)
		if err != nil {
			r.t.Fatal(err)
		}
		in.For = account
	} else {
		known, ok, err := r.s.Known(r.t.Context(), a.Actor.URI)
		if err != nil {
			r.t.Fatal(err)
		}
		if !ok {
			if known, err = r.s.Keep(r.t.Context(), &a.Actor); err != nil {
				r.t.Fatal(err)
			}
		}
		in.Feed = known
	}
	return r.s.Receive(r.t.Context(), in)
}

func (r *rig) mustReceive(a *activity.Activity, to *transports.Address) {
	r.t.Helper()
	if err := r.receive(a, to); err != nil {
		r.t.Fatalf("%+v: %v", a, err)
	}
}

// note is a post of somebody.
func (r *rig) note(by *activity.Actor, n int, html string, change func(*activity.Note)) *activity.Activity {
	host := hostOf(by.URI)
	said := activity.Actor{URI: by.URI, Nick: by.Nick, Name: by.Name, Page: by.Page}
	id := "tag:" + host + ",2026-11-26:noticeId=" + numeral(n) + ":objectType=note"
	note := &activity.Note{
		ID: id, Author: said, Title: "New note by " + by.Nick, HTML: html, Page: "https://" + host + "/notice/" + numeral(n), Published: r.clock.Now(),
		Conversation: "tag:" + host + ",2026-11-26:conversation=" + numeral(n), Public: true,
	}
	if change != nil {
		change(note)
	}
	return &activity.Activity{ID: note.ID, Verb: activity.Post, Actor: said, Published: note.Published, Note: note, Public: note.Public}
}

func numeral(n int) string { return string('0'+rune(n/10%10)) + string('0'+rune(n%10)) }

// act is something that somebody does to something.
func (r *rig) act(by *activity.Actor, verb activity.Verb, object string) *activity.Activity {
	return &activity.Activity{ID: "tag:" + hostOf(by.URI) + ",2026-11-26:act:1970-01-01T00:00:00", Verb: verb, Actor: activity.Actor{URI: by.URI, Nick: by.Nick, Name: by.Name}, Object: object, Published: r.clock.Now(), Public: true}
}

// following has a user follow somebody of another server, who is found first.
func (r *rig) following(user transports.Address, of transports.Target) {
	r.t.Helper()
	if err := r.s.Subscribe(r.t.Context(), user, of, transports.NodeFeed, true); err != nil {
		r.t.Fatal(err)
	}
	if said := delivered[transports.Remark](r, user); !strings.Contains(said.Text, of.ID) {
		r.t.Fatalf("%s follows %s, and is told %q", user, of.ID, said.Text)
	}
}
