package component

import (
	"context"
	"errors"
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

// maxGrants bounds the servers whose grants are remembered: anybody's server may send some.
const maxGrants = 64

// grant is what a server lets the gateway do for its users (XEP-0356 §4). What it says concerns its own users alone, so it need not be
// trusted.
type grant struct {
	roster bool // see and change contact lists
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
func (g *grants) take(from transports.Address, m *stanza.Element) bool {
	p := m.Child(nsPrivilege2, "privilege")
	if p == nil {
		p = m.Child(nsPrivilege1, "privilege")
	}
	if p == nil || from.Local != "" || from.Resource != "" {
		return false
	}
	var got grant
	got.read(p, 0)
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.m == nil {
		g.m = make(map[string]grant)
	}
	if _, known := g.m[from.Domain]; known || len(g.m) < maxGrants {
		g.m[from.Domain] = got
	}
	return true
}

func (g *grant) read(e *stanza.Element, depth int) {
	for c := range e.Children() {
		if c.Name == "perm" && c.AttrIs("access", "roster") {
			g.roster = c.AttrIs("type", "set") || c.AttrIs("type", "both")
		}
		if depth < 4 {
			g.read(c, depth+1)
		}
	}
}

// rosterWait is how long a server may take to change a contact list; then the usual way is gone.
const rosterWait = 5 * time.Second

// errNotGranted says that the server lets us not do it.
var errNotGranted = errors.New("the server grants no access to contact lists")

// addContact puts one of our JIDs into a user's contact list by the server's leave (XEP-0356 §4.2), both ways subscribed, so that he
// need not answer a question.
func (g *Gateway) addContact(ctx context.Context, user, contact transports.Address, name string) error {
	return g.changeRoster(ctx, user, func(b *stanza.Builder) {
		b.Start("item").JID("jid", contact).Attr("name", name).Attr("subscription", "both").End()
	})
}

// removeContact takes one of our JIDs out of a user's contact list.
func (g *Gateway) removeContact(ctx context.Context, user, contact transports.Address) error {
	return g.changeRoster(ctx, user, func(b *stanza.Builder) {
		b.Start("item").JID("jid", contact).Attr("subscription", "remove").End()
	})
}

func (g *Gateway) changeRoster(ctx context.Context, user transports.Address, item func(*stanza.Builder)) error {
	if !g.grants.of(user.Domain).roster {
		return errNotGranted
	}
	return g.ask(ctx, "set", g.domain, user.Bare(), rosterWait, func(b *stanza.Builder) {
		b.StartNS("query", nsRoster)
		item(b)
		b.End()
	})
}
