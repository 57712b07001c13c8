package component

import (
	"context"
	"errors"
	"sync"
	"time"

	"passerelle/component/stanza"
	"passerelle/transports"
)

// Whether somebody has an account is asked before a network is told that a letter is taken. No IQ tells: servers answer all of them alike, so that
// nobody can find out (RFC 6121 §8.5.1). What tells is a message, which they return for who does not exist. It is one without content, which
// clients show nothing of, and behind it goes a question that is answered in any case.
//
// Tried with Prosody 0.12 and ejabberd 23.01. The former keeps such a message for who is not there, in spite of the hints. So it is asked otherwise where
// it lets us ask in the name of users: it answers that for who exists alone (mod_privilege). Else an answer is known for long; what comes back from
// somebody ends that.

// Limits of looking for people.
const (
	knowPerson  = 10 * time.Minute // whether he exists
	knowLong    = 24 * time.Hour   // that he does, where asking leaves something, or he has shown it himself
	maxPeople   = 10_000           // who are known to exist or not
	maxAsking   = 64               // people who are looked for at a time; others wait
	existWait   = 10 * time.Second // for an answer
	maxSoftware = 1000             // servers of which it is known what they are
)

// people are who is known to exist or not. Safe to call from any goroutine.
type people struct {
	asking chan struct{} // one for each who is being looked for

	mu       sync.Mutex
	known    map[transports.Address]knownPerson
	lookups  map[transports.Address]*lookup
	software map[string]knownServer
}

type knownPerson struct {
	exists bool
	until  time.Time
}

// knownServer is whether a server is Prosody.
type knownServer struct {
	prosody bool
	until   time.Time
}

// saw notes that somebody exists, since something came from him.
func (p *people) saw(user transports.Address) {
	p.mu.Lock()
	defer p.mu.Unlock()
	remember(p.known, maxPeople, user.Bare(), knownPerson{true, now().Add(knowLong)})
}

// forget has somebody be looked for again.
func (p *people) forget(user transports.Address) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.known, user.Bare())
}

// lookup is somebody who is being looked for.
type lookup struct {
	id      string                 // of the message
	refused chan *transports.Error // capacity 1
	done    chan struct{}          // closed when exists and err are there
	exists  bool
	left    bool // a message that his server keeps
	err     error
}

func newPeople() *people {
	return &people{
		asking: make(chan struct{}, maxAsking), known: make(map[transports.Address]knownPerson),
		lookups: make(map[transports.Address]*lookup), software: make(map[string]knownServer),
	}
}

// Exists reports whether somebody has an account, see transports.Gateway. The answer is right for some minutes.
func (g *Gateway) Exists(ctx context.Context, user transports.Address) (bool, error) {
	user = user.Bare()
	p := g.people
	p.mu.Lock()
	if k, ok := p.known[user]; ok && now().Before(k.until) {
		p.mu.Unlock()
		return k.exists, nil
	}
	l, asked := p.lookups[user]
	if !asked {
		l = &lookup{id: newID(), refused: make(chan *transports.Error, 1), done: make(chan struct{})}
		p.lookups[user] = l
	}
	p.mu.Unlock()
	if asked {
		select {
		case <-l.done:
			return l.exists, l.err
		case <-ctx.Done():
			return false, nobodySays(context.Cause(ctx))
		}
	}
	l.exists, l.err = g.lookUp(ctx, user, l)
	p.mu.Lock()
	delete(p.lookups, user)
	if l.err == nil {
		until := now().Add(knowPerson)
		if l.exists && l.left {
			until = now().Add(knowLong)
		}
		remember(p.known, maxPeople, user, knownPerson{l.exists, until})
	}
	p.mu.Unlock()
	close(l.done)
	return l.exists, l.err
}

// remember keeps what is known. Where that is too much, any goes: it is a cache.
func remember[K comparable, V any](m map[K]V, limit int, k K, v V) {
	for old := range m {
		if len(m) < limit {
			break
		}
		delete(m, old)
	}
	m[k] = v
}

func nobodySays(err error) *transports.Error {
	return transports.NewError(transports.Offline, "The XMPP server cannot say at the moment whether there is such a user.", err)
}

// lookUp looks for somebody.
func (g *Gateway) lookUp(ctx context.Context, user transports.Address, l *lookup) (bool, error) {
	if user.Local == "" {
		return false, nil
	}
	select {
	case g.people.asking <- struct{}{}:
		defer func() { <-g.people.asking }()
	case <-ctx.Done():
		return false, nobodySays(context.Cause(ctx))
	}
	if !g.Connected() {
		return false, nobodySays(errNoStream)
	}
	host := transports.Address{Domain: user.Domain}
	prosody, err := g.isProsody(ctx, host)
	if err != nil {
		return false, nobodySays(err)
	}
	typ := "headline" // RFC 6121 §8.5.2.2.1: nobody keeps it for who is not there
	if prosody {      // it takes headlines for anybody
		if g.answersAs(ctx, user) {
			return true, nil
		}
		typ, l.left = "normal", true
	}
	var b stanza.Builder
	b.Start("message").Attr("type", typ).JID("from", g.domain).JID("to", user).Attr("id", l.id)
	for _, hint := range passing() {
		b.StartNS(hint, nsHints).End()
	}
	b.End()
	if err := g.out.offer(b.Bytes()); err != nil {
		return false, nobodySays(err)
	}
	// RFC 6120 §10.1: the answers come in the order of what they answer.
	if err := g.ping(ctx, g.domain, host, existWait); err != nil {
		return false, nobodySays(err)
	}
	select {
	case refusal := <-l.refused:
		switch refusal.Kind {
		case transports.NotFound, transports.Gone:
			return false, nil
		case transports.NoServer, transports.Offline:
			return false, nobodySays(refusal)
		}
		return true, nil // whatever it is, it is about somebody
	default:
		return true, nil
	}
}

// answersAs reports whether the server answers a question in the name of a user, as Prosody does where he exists. Where it does not that may be for
// another reason: its leave may have been taken back.
func (g *Gateway) answersAs(ctx context.Context, user transports.Address) bool {
	err := g.askAs(ctx, "get", user, func(b *stanza.Builder) {
		b.Start("items").Attr("node", nsBookmarks).Attr("max_items", "1").End()
	}, nil)
	return err == nil || isMissing(err) // he has no such node
}

// isProsody reports whether the server of a domain is Prosody: it says so as its name (XEP-0030 §3.1). It need not tell its version.
func (g *Gateway) isProsody(ctx context.Context, host transports.Address) (bool, error) {
	p := g.people
	p.mu.Lock()
	k, ok := p.software[host.Domain]
	p.mu.Unlock()
	if ok && now().Before(k.until) {
		return k.prosody, nil
	}
	prosody := false
	err := g.ask(ctx, "get", g.domain, host, existWait, func(b *stanza.Builder) { b.StartNS("query", nsDiscoInfo).End() },
		func(iq *stanza.Element) { prosody = namesProsody(iq) })
	if err != nil && !errors.Is(err, errAnsweredError) {
		return false, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	remember(p.software, maxSoftware, host.Domain, knownServer{prosody, now().Add(knowPerson)})
	return prosody, nil
}

// namesProsody reads what a server says of itself.
func namesProsody(iq *stanza.Element) bool {
	for c := range iq.Child(nsDiscoInfo, "query").Children() {
		if c.Is(nsDiscoInfo, "identity") && c.AttrIs("category", "server") && c.AttrIs("name", "Prosody") {
			return true
		}
	}
	return false
}

// refused takes an error that came back from a user's bare JID to the domain, and reports whether it says that he does not exist. It runs on
// the reader's goroutine.
func (p *people) refused(from transports.Address, e *stanza.Element) bool {
	if !from.IsBare() {
		return false
	}
	p.mu.Lock()
	l := p.lookups[from]
	p.mu.Unlock()
	if l == nil || !e.AttrIs("id", l.id) {
		return false
	}
	select {
	case l.refused <- readRefusal(e):
	default: // it was told before
	}
	return true
}
