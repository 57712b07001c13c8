package component

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"passerelle/store"
	"passerelle/transports"
)

// scriptedSocial is a scripted transport whose contacts publish. What is asked of it is told as a line in did.
type scriptedSocial struct {
	*scriptedPostal
	did chan string

	mu        sync.Mutex
	nodes     map[string][]transports.Entry // by contact, a space and node; the newest first
	regards   map[string][]transports.Regard
	followers []transports.Author
	picture   map[string][]byte
	refuse    error                       // of whatever changes something
	before    func(context.Context) error // is called before that
	comment   transports.Entry            // the last one
	regard    transports.Regard
}

func (s *scriptedSocial) tell(parts ...string) { s.did <- strings.Join(parts, " ") }

func (s *scriptedSocial) change(ctx context.Context, parts ...string) error {
	if s.before != nil {
		if err := s.before(ctx); err != nil {
			return err
		}
	}
	s.tell(parts...)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refuse
}

func (s *scriptedSocial) Published(context.Context, transports.Address, transports.Entry) error {
	return nil
}

func (s *scriptedSocial) Withdrawn(context.Context, transports.Address, string) error { return nil }

func (s *scriptedSocial) Watching(context.Context, transports.Address, int) ([]transports.Address, error) {
	return nil, nil
}

func (s *scriptedSocial) Profiled(context.Context, transports.Address, transports.Profile) error {
	return nil
}

func (s *scriptedSocial) Nodes(_ context.Context, _ transports.Address, of transports.Target) ([]transports.Node, error) {
	return []transports.Node{{Name: transports.NodeFeed, Title: "Posts of " + of.ID, Items: -1}}, nil
}

// Items has pages as ItemQuery says.
func (s *scriptedSocial) Items(_ context.Context, _ transports.Address, of transports.Target, q transports.ItemQuery) (transports.ItemPage, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all, ok := s.nodes[of.ID+" "+q.Node]
	if !ok {
		return transports.ItemPage{}, transports.NewError(transports.NotFound, "There is no such post.", nil)
	}
	if q.IDs != nil {
		found := slices.DeleteFunc(slices.Clone(all), func(e transports.Entry) bool { return !slices.Contains(q.IDs, e.Item) })
		return transports.ItemPage{Entries: found, Count: -1, First: -1}, nil
	}
	place := func(id string) int {
		return slices.IndexFunc(all, func(e transports.Entry) bool { return e.Item == id })
	}
	from, to := 0, len(all)
	switch {
	case q.After != "":
		from = place(q.After) + 1
	case q.Before != "":
		to = max(place(q.Before), 0)
		from = max(0, to-q.Max)
	case q.Last:
		from = max(0, to-q.Max)
	}
	to = min(to, from+q.Max)
	return transports.ItemPage{Entries: all[from:to], Count: len(all), First: from}, nil
}

func (s *scriptedSocial) Subscribe(ctx context.Context, user transports.Address, of transports.Target, node string, on bool) error {
	what := "unsubscribe"
	if on {
		what = "subscribe"
	}
	return s.change(ctx, what, user.String(), of.ID, node)
}

func (s *scriptedSocial) Subscribed(_ context.Context, _ transports.Address, of transports.Target) ([]transports.EntryRef, error) {
	return []transports.EntryRef{{Of: of, Node: transports.NodeFeed}, {Of: of, Node: transports.NodeComments + "p1"}}, nil
}

func (s *scriptedSocial) Comment(ctx context.Context, user transports.Address, of transports.Target, node string, e transports.Entry) (string, error) {
	s.mu.Lock()
	s.comment = e
	s.mu.Unlock()
	return "stable1", s.change(ctx, "comment", user.String(), of.ID, node, e.Body)
}

func (s *scriptedSocial) Uncomment(ctx context.Context, user transports.Address, of transports.Target, node, item string) error {
	return s.change(ctx, "uncomment", user.String(), of.ID, node, item)
}

func (s *scriptedSocial) Regards(_ context.Context, _ transports.Address, of transports.Target, item string) ([]transports.Regard, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.regards[of.ID+" "+item], nil
}

func (s *scriptedSocial) Regarded(ctx context.Context, user transports.Address, of transports.Target, item string, r transports.Regard) error {
	s.mu.Lock()
	s.regard = r
	s.mu.Unlock()
	return s.change(ctx, "regard", user.String(), of.ID, item)
}

func (s *scriptedSocial) Picture(_ context.Context, of transports.Target) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.picture[of.ID], nil
}

func (s *scriptedSocial) Followers(context.Context, transports.Address, transports.Target) ([]transports.Author, error) {
	return s.followers, nil
}

func (s *scriptedSocial) Followees(context.Context, transports.Address, transports.Target) ([]transports.Author, error) {
	return s.followers, nil
}

// socialWorld is a world whose transport is a Social one.
type socialWorld struct {
	*world
	social *scriptedSocial
}

var published = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func post(item, body string) transports.Entry {
	return transports.Entry{
		Item: item, ID: "tag:social.example," + item, Author: transports.Author{Name: "Bob", Who: mailbox("bob@example.com")}, Body: body,
		Page: "https://example.com/" + item, Published: published,
	}
}

func newSocialWorld(t *testing.T, change func(*Options)) *socialWorld {
	t.Helper()
	bob, carol := "bob@example.com ", transports.Author{Name: "Carol", Who: mailbox("carol@example.com")}
	answer := post("c1", "yes")
	answer.Author, answer.ReplyTo = carol, &transports.EntryRef{ID: "tag:p1", Of: mailbox("bob@example.com"), Node: transports.NodeFeed, Item: "p1"}
	w := &socialWorld{social: &scriptedSocial{
		did: make(chan string, 4096),
		nodes: map[string][]transports.Entry{
			bob + transports.NodeFeed:            {post("p3", "three"), post("p2", "two"), post("p1", "one")},
			bob + transports.NodeComments + "p1": {answer},
		},
		regards: map[string][]transports.Regard{
			bob + "p1": {{By: carol, Noticed: true, Time: published}, {By: transports.Author{URI: "https://far.example/u/x"}, Noticed: true}},
		},
		followers: []transports.Author{carol, {Name: "far", URI: "https://far.example/u/x"}, {User: transports.Address{Local: "dave", Domain: "localhost"}}},
		picture:   map[string][]byte{},
	}}
	w.social.scriptedPostal = &scriptedPostal{
		cards:    map[string]transports.Card{"bob@example.com": {Name: "Bob Bobson", Note: "I am Bob.", Page: "https://example.com/u/bob"}},
		returned: make(chan transports.Returned, 16),
	}
	db := openStore(t, filepath.Join(t.TempDir(), "db"))
	w.world = newWorld(t, func(o *Options) {
		w.social.scripted = o.Transport.(*scripted)
		o.Transport, o.Store = w.social, db
		if change != nil {
			change(o)
		}
	})
	w.connected()
	return w
}

// done waits for what was asked of the transport.
func (w *socialWorld) done(want string) {
	w.t.Helper()
	select {
	case got := <-w.social.did:
		if got != want {
			w.t.Errorf("the transport was asked %q, want %q", got, want)
		}
	case <-time.After(testWait):
		w.t.Fatalf("the transport was not asked %q", want)
	}
}

// deliver has alice told something.
func (w *socialWorld) deliver(events ...transports.Event) {
	w.t.Helper()
	err := w.gateway.opt.Store.Write(w.t.Context(), func(tx *store.Tx) error {
		for _, e := range events {
			if err := w.gateway.Deliver(tx, transports.Address{Local: "alice", Domain: "localhost"}, e); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

const bobContact = `bob\40example.com@irc.localhost`

var bobsTarget = mailbox("bob@example.com")
