package component

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"passerelle/component/stanza"
	"passerelle/transports"
)

// Namespaces of privileges (XEP-0356 0.4.1 and before).
const (
	nsPrivilege1 = "urn:xmpp:privilege:1"
	nsPrivilege2 = "urn:xmpp:privilege:2"
	nsRoster     = "jabber:iq:roster"
)

// maxGrants bounds the servers whose grants are remembered beside those of the operator: anybody's server may send some.
const maxGrants = 64

// grant is what a server lets the gateway do for its users (XEP-0356 §4). What it says concerns its own users alone, so it need not be
// trusted.
type grant struct {
	look    bool // at contact lists
	change  bool
	publish bool   // to read and write what users have published, such as bookmarks
	speak   string // to send messages in the name of users: the namespace in which that is said, empty where it is not granted
	push    bool   // to have pushes of users sent here
	count   bool   // to ask their archives
	see     bool   // who of them is there
}

// grants are those of the servers, by domain. Safe to call from any goroutine.
type grants struct {
	mu sync.Mutex
	m  map[string]grant
}

func (g *grants) of(domain string) grant {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.m[domain]
}

// take reads what a server grants, in either namespace, and reports whether the message was one. The servers differ in how deep they
// nest the permissions, so all descendants are read.
func (g *grants) take(from transports.Address, m *stanza.Element, own []string) bool {
	p := m.Child(nsPrivilege2, "privilege")
	if p == nil {
		p = m.Child(nsPrivilege1, "privilege")
	}
	if p == nil || from.Local != "" || from.Resource != "" {
		return false
	}
	var got grant
	got.read(p, 0)
	if p.Space != nsPrivilege2 { // before, there were no requests in the name of users
		got.publish, got.push, got.count = false, false, false
	}
	if got.speak != "" {
		got.speak = nsPrivilege1
		if p.Space == nsPrivilege2 {
			got.speak = nsPrivilege2
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.m == nil {
		g.m = make(map[string]grant)
	}
	if _, known := g.m[from.Domain]; known || len(g.m) < maxGrants || slices.Contains(own, from.Domain) {
		g.m[from.Domain] = got
	}
	return true
}

func (g *grant) read(e *stanza.Element, depth int) {
	for c := range e.Children() {
		if c.Name == "perm" && c.AttrIs("access", "roster") {
			both := c.AttrIs("type", "both")
			g.change = both || c.AttrIs("type", "set")
			g.look = both || c.AttrIs("type", "get")
		}
		if c.Name == "perm" && c.AttrIs("access", "message") && c.AttrIs("type", "outgoing") { // XEP-0356 §4.3
			g.speak = c.Space
		}
		if c.Name == "perm" && c.AttrIs("access", "presence") && (c.AttrIs("type", "managed_entity") || c.AttrIs("type", "roster")) { // XEP-0356 §4.4
			g.see = true
		}
		if c.Name == "namespace" { // XEP-0356, IQ permission
			both := c.AttrIs("type", "both")
			g.publish = g.publish || both && c.AttrIs("ns", nsPubSub)
			g.push = g.push || c.AttrIs("ns", nsPush) && (both || c.AttrIs("type", "set"))
			g.count = g.count || c.AttrIs("ns", nsMAM) && (both || c.AttrIs("type", "set"))
		}
		if depth < 4 {
			g.read(c, depth+1)
		}
	}
}

// rosterWait is how long a server may take to change a contact list; then the usual way is gone.
const rosterWait = 5 * time.Second

// errNotGranted says that the server lets us not do it.
var errNotGranted = errors.New("the server grants no such access")

// suggestion is an address of ours that belongs into a contact list.
type suggestion struct {
	jid  transports.Address
	name string
}

// suggestions are those of somebody who has registered: the gateway, and whom to talk to.
func (g *Gateway) suggestions() []suggestion {
	return []suggestion{{g.domain, g.about().Name}, {g.botAddress(), g.about().Name + " help"}}
}

// addContacts puts addresses of ours into a user's contact list by the server's leave (XEP-0356 §4.2), both ways subscribed, so that he
// need not answer a question. Those that are there stay as he has arranged them.
func (g *Gateway) addContacts(ctx context.Context, user transports.Address, wanted []suggestion) error {
	there, err := g.contactList(ctx, user)
	if err != nil && !errors.Is(err, errNotGranted) {
		return err
	}
	var errs []error
	for _, s := range wanted {
		if item, ok := there[s.jid]; ok && (item == "both" || item == "to") {
			continue
		}
		// One at a time: RFC 6121 §2.1.5 allows no more.
		errs = append(errs, g.changeRoster(ctx, user, func(b *stanza.Builder) {
			b.Start("item").JID("jid", s.jid).Attr("name", s.name).Attr("subscription", "both").End()
		}))
	}
	return errors.Join(errs...)
}

// maxContactList bounds what is read of somebody's contact list.
const maxContactList = 10_000

// contactList is what of ours is in a user's contact list, and how it is subscribed (XEP-0356 §4.2).
func (g *Gateway) contactList(ctx context.Context, user transports.Address) (map[transports.Address]string, error) {
	if !g.grants.of(user.Domain).look {
		return nil, errNotGranted
	}
	list := make(chan map[transports.Address]string, 1)
	err := g.ask(ctx, "get", g.domain, user.Bare(), rosterWait, func(b *stanza.Builder) {
		b.StartNS("query", nsRoster).End()
	}, func(iq *stanza.Element) {
		ours := make(map[transports.Address]string)
		n := 0
		for item := range iq.Child(nsRoster, "query").Children() {
			if n++; n > maxContactList {
				break
			}
			if jid, err := transports.ParseAddress(item.Attr("jid")); err == nil && jid.Domain == g.domain.Domain {
				ours[jid] = strings.Clone(item.Attr("subscription"))
			}
		}
		list <- ours
	})
	if err != nil {
		return nil, err
	}
	return <-list, nil
}

// removeContacts takes everything of ours out of a user's contact list (XEP-0100 §4.3), as far as his server lets us: kept are those
// that we know to be there.
func (g *Gateway) removeContacts(ctx context.Context, user transports.Address, kept []transports.Address) {
	there, err := g.contactList(ctx, user)
	if err != nil {
		there = make(map[transports.Address]string, len(kept))
		for _, jid := range kept {
			there[jid] = ""
		}
	}
	for jid := range there {
		if err := g.changeRoster(ctx, user, func(b *stanza.Builder) {
			b.Start("item").JID("jid", jid).Attr("subscription", "remove").End()
		}); err != nil && !errors.Is(err, errAnsweredError) {
			return // it is not granted, or there is no answer: presence says the same
		}
	}
}

func (g *Gateway) changeRoster(ctx context.Context, user transports.Address, item func(*stanza.Builder)) error {
	if !g.grants.of(user.Domain).change {
		return errNotGranted
	}
	return g.ask(ctx, "set", g.domain, user.Bare(), rosterWait, func(b *stanza.Builder) {
		b.StartNS("query", nsRoster)
		item(b)
		b.End()
	}, nil)
}

// known reports whether a server has said what it grants.
func (g *grants) known(domain string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	_, ok := g.m[domain]
	return ok
}
