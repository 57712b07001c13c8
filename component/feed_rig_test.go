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

	"passerelle/internal/xmpptest"
	"passerelle/transports"
)

// noContacts are the contacts of a Social transport that has none.
type noContacts struct{}

func (noContacts) Nodes(context.Context, transports.Address, transports.Target) ([]transports.Node, error) {
	return nil, nil
}

func (noContacts) Items(context.Context, transports.Address, transports.Target, transports.ItemQuery) (transports.ItemPage, error) {
	return transports.ItemPage{}, nil
}

func (noContacts) Subscribe(context.Context, transports.Address, transports.Target, string, bool) error {
	return nil
}

func (noContacts) Subscribed(context.Context, transports.Address, transports.Target) ([]transports.EntryRef, error) {
	return nil, nil
}

func (noContacts) Comment(context.Context, transports.Address, transports.Target, string, transports.Entry) (string, error) {
	return "", nil
}

func (noContacts) Uncomment(context.Context, transports.Address, transports.Target, string, string) error {
	return nil
}

func (noContacts) Regards(context.Context, transports.Address, transports.Target, string) ([]transports.Regard, error) {
	return nil, nil
}

func (noContacts) Regarded(context.Context, transports.Address, transports.Target, string, transports.Regard) error {
	return nil
}

func (noContacts) Picture(context.Context, transports.Target) ([]byte, error) { return nil, nil }

func (noContacts) Followers(context.Context, transports.Address, transports.Target) ([]transports.Author, error) {
	return nil, nil
}

func (noContacts) Followees(context.Context, transports.Address, transports.Target) ([]transports.Author, error) {
	return nil, nil
}

// scriptedFeeds is a Social transport that remembers what users published.
type scriptedFeeds struct {
	*scriptedPostal
	noContacts

	mu       sync.Mutex
	watching []transports.Address
	told     []string // "alice published one", "alice withdrew one"
	entries  []transports.Entry
	profiles []transports.Profile
	changed  chan struct{}      // closed and replaced at each change
	fail     func(string) error // may refuse
}

func (s *scriptedFeeds) note(what string, more func()) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		if err := s.fail(what); err != nil {
			return err
		}
	}
	s.told = append(s.told, what)
	more()
	close(s.changed)
	s.changed = make(chan struct{})
	return nil
}

func (s *scriptedFeeds) Published(_ context.Context, user transports.Address, e transports.Entry) error {
	what := user.Local + " published " + e.Item
	if e.Private {
		what += " (private)"
	}
	return s.note(what, func() { s.entries = append(s.entries, e) })
}

func (s *scriptedFeeds) Withdrawn(_ context.Context, user transports.Address, item string) error {
	return s.note(user.Local+" withdrew "+item, func() {})
}

func (s *scriptedFeeds) Profiled(_ context.Context, user transports.Address, p transports.Profile) error {
	said := user.Local + " is"
	for _, f := range []*string{p.Nick, p.Name, p.Note, p.Home, p.Place} {
		if f != nil {
			said += " " + *f
		}
	}
	if p.Picture != nil {
		said += fmt.Sprint(" with ", len(p.Picture), " bytes")
	}
	return s.note(said, func() { s.profiles = append(s.profiles, p) })
}

func (s *scriptedFeeds) Watching(_ context.Context, after transports.Address, n int) ([]transports.Address, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := 0
	for i < len(s.watching) && s.watching[i].String() <= after.String() {
		i++
	}
	return slices.Clone(s.watching[i:min(i+n, len(s.watching))]), nil
}

// feedWorld is a world whose users publish.
type feedWorld struct {
	*world
	feeds *scriptedFeeds
	opt   Options
}

func newFeedWorld(t *testing.T, change func(*Options)) *feedWorld {
	t.Helper()
	w := &feedWorld{feeds: &scriptedFeeds{
		scriptedPostal: &scriptedPostal{cards: map[string]transports.Card{}, returned: make(chan transports.Returned, 64)},
		changed:        make(chan struct{}),
	}}
	w.world = newWorld(t, func(o *Options) {
		w.feeds.scripted = o.Transport.(*scripted)
		o.Transport, o.Store, o.OwnDomains = w.feeds, openStore(t, filepath.Join(t.TempDir(), "db")), []string{"localhost"}
		o.Timing.Routed, o.Timing.FillAgain, o.Timing.KeptLate = time.Millisecond, 50*time.Millisecond, 2*time.Second
		if change != nil {
			change(o)
		}
		w.opt = *o
	})
	return w
}

// feeds starts a gateway at the server.
func (s xmppServer) feeds(t *testing.T, domain string) *feedWorld {
	t.Helper()
	w := newFeedWorld(t, func(o *Options) { o.Server, o.Domain = s.components, domain })
	w.logged("connected to the XMPP server")
	return w
}

// again starts another gateway that knows the same.
func (w *feedWorld) again() {
	w.t.Helper()
	w.stop()
	w.start(w.opt)
}

// watch has a user watched, now and after each start.
func (w *feedWorld) watch(user transports.Address) {
	w.t.Helper()
	w.feeds.mu.Lock()
	w.feeds.watching = append(w.feeds.watching, user)
	w.feeds.mu.Unlock()
	if err := w.gateway.Watch(w.t.Context(), user); err != nil {
		w.t.Fatal(err)
	}
}

// until waits until the transport was told everything of want, and returns all that it was told.
func (w *feedWorld) until(want ...string) []string {
	w.t.Helper()
	end := time.After(feedTestWait)
	for {
		w.feeds.mu.Lock()
		told, changed := slices.Clone(w.feeds.told), w.feeds.changed
		w.feeds.mu.Unlock()
		if !slices.ContainsFunc(want, func(s string) bool { return !slices.Contains(told, s) }) {
			return told
		}
		select {
		case <-changed:
		case <-end:
			w.t.Fatalf("not in time: got %q, want %q\nlog:\n%s", told, want, w.log.String())
		}
	}
}

// untilTwice waits until the transport was told something twice.
func (w *feedWorld) untilTwice(want string) {
	w.t.Helper()
	end := time.After(feedTestWait)
	for {
		w.feeds.mu.Lock()
		told, changed := slices.Clone(w.feeds.told), w.feeds.changed
		w.feeds.mu.Unlock()
		if i := slices.Index(told, want); i >= 0 && slices.Contains(told[i+1:], want) {
			return
		}
		select {
		case <-changed:
		case <-end:
			w.t.Fatalf("not in time: got %q, want %q twice\nlog:\n%s", told, want, w.log.String())
		}
	}
}

// posts are what the transport was told of posts, in their order.
func (w *feedWorld) posts() string {
	w.feeds.mu.Lock()
	defer w.feeds.mu.Unlock()
	var all []string
	for _, s := range w.feeds.told {
		if !strings.Contains(s, " is") {
			all = append(all, s)
		}
	}
	return strings.Join(all, ", ")
}

// nodeOption is how a node is to be.
type nodeOption struct{ name, value string }

// publish publishes an entry whose text is its item.
func (v *visitor) publish(node, item string, options ...nodeOption) {
	v.t.Helper()
	v.publishAs(node, item, "<entry xmlns='http://www.w3.org/2005/Atom'><title type='text'>"+item+"</title><id>tag:localhost,2026:"+item+
		"</id><published>2026-11-26T12:00:00Z</published><updated>2026-11-26T12:00:00Z</updated></entry>", options...)
}

func (v *visitor) publishAs(node, item, payload string, options ...nodeOption) {
	v.t.Helper()
	x := ""
	if len(options) > 0 {
		x = "<publish-options>" + optionForm("publish-options", options) + "</publish-options>"
	}
	v.mustAsk("set", "", "<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='"+node+"'><item id='"+item+"'>"+payload+"</item></publish>"+x+"</pubsub>")
}

func optionForm(typ string, options []nodeOption) string {
	x := "<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'><value>http://jabber.org/protocol/pubsub#" + typ + "</value></field>"
	for _, o := range options {
		x += "<field var='pubsub#" + o.name + "'><value>" + o.value + "</value></field>"
	}
	return x + "</x>"
}

// setNode changes how a node is set up.
func (v *visitor) setNode(node string, options ...nodeOption) {
	v.t.Helper()
	v.mustAsk("set", "", "<pubsub xmlns='http://jabber.org/protocol/pubsub#owner'><configure node='"+node+"'>"+optionForm("node_config", options)+"</configure></pubsub>")
}

func (v *visitor) retract(node, item string) {
	v.t.Helper()
	v.mustAsk("set", "", "<pubsub xmlns='http://jabber.org/protocol/pubsub'><retract node='"+node+"' notify='true'><item id='"+item+"'/></retract></pubsub>")
}

func (v *visitor) mustAsk(typ, to, payload string) *xmpptest.Element {
	v.t.Helper()
	answer, _ := v.ask(typ, to, payload)
	if answer.Get("type") != "result" {
		v.t.Fatalf("got %s", answer)
	}
	return answer
}

// waitPresence waits for a presence of a type.
func (v *visitor) waitPresence(typ, from string) {
	v.t.Helper()
	ctx, cancel := context.WithTimeout(v.t.Context(), 4*testWait)
	defer cancel()
	for {
		e, err := v.Receive(ctx)
		if err != nil {
			v.t.Fatal(err)
		}
		if e.Name.Local == "presence" && e.Get("type") == typ && e.Get("from") == from {
			return
		}
	}
}

// accept waits until a gateway asks to see the user's presence, lets it, and wants to see its own, as clients do.
func (v *visitor) accept(gateway string) {
	v.t.Helper()
	v.waitPresence("subscribe", gateway)
	v.send("<presence type='subscribed' to='" + gateway + "'/>")
	v.send("<presence type='subscribe' to='" + gateway + "'/>")
	v.waitSubscription(gateway, "both")
}

// waitSubscription waits until a gateway is subscribed in the user's contact list in that way (RFC 6121 §2.1.2.5).
func (v *visitor) waitSubscription(gateway, want string) {
	v.t.Helper()
	for end := time.Now().Add(feedTestWait); time.Now().Before(end); {
		roster := v.mustAsk("get", "", "<query xmlns='jabber:iq:roster'/>").Child("jabber:iq:roster", "query")
		for _, item := range roster.Elements() {
			if item.Get("jid") == gateway && item.Get("subscription") == want {
				return
			}
		}
	}
	v.t.Fatalf("%s is not subscribed as %q", gateway, want)
}

const feedTestWait = testWait / 2
