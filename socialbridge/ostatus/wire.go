package ostatus

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"passerelle/internal/safehttp"
	"passerelle/socialbridge"
	"passerelle/socialbridge/activity"
	"passerelle/socialbridge/webfinger"
	"passerelle/store"
	"passerelle/transports"
)

// Options are what a Wire is made of.
type Options struct {
	Domain string   // of the gateway
	Base   *url.URL // where everybody reaches it: a scheme and a host
	Store  *store.DB
	Core   socialbridge.Core
	HTTP   *safehttp.Client // towards other servers
	// Plain has servers asked without TLS that have none.
	Plain   bool
	Version string // of the program
	Log     *slog.Logger
	Now     func() time.Time // as the database has it; nil: time.Now
	// Count is how many users and posts there are that may be counted; nil for none.
	Count func(ctx context.Context) (users, posts int64, err error)
}

// Wire speaks OStatus. It is safe to use from any goroutine.
type Wire struct {
	domain  string
	base    string // without a "/" at its end
	host    string
	db      *store.DB
	core    socialbridge.Core
	http    *safehttp.Client
	plain   bool
	version string
	log     *slog.Logger
	now     func() time.Time
	count   func(ctx context.Context) (users, posts int64, err error)

	finding finding
	reading chan struct{} // one for each feed that is read
	bodies  bodies
	said    said

	mu   sync.Mutex
	tidy time.Time // when to tidy next
}

// New makes a wire.
func New(o Options) (*Wire, error) {
	host, err := webfinger.Host(o.Base.Host)
	if err != nil {
		return nil, err
	}
	w := &Wire{
		domain: o.Domain, base: strings.TrimSuffix(o.Base.String(), "/"), host: host, db: o.Store, core: o.Core, http: o.HTTP, plain: o.Plain,
		version: o.Version, log: o.Log, now: o.Now, count: o.Count, finding: newFinding(), bodies: newBodies(), reading: make(chan struct{}, maxReading),
	}
	if w.now == nil {
		w.now = time.Now
	}
	return w, nil
}

// maxReading is how many feeds and entries jobs read at a time: each may be a megabyte, and several of them once it is parsed.
const maxReading = 32

// read waits for a turn to read a feed.
func (w *Wire) read(ctx context.Context) (done func(), err error) {
	select {
	case w.reading <- struct{}{}:
		return func() { <-w.reading }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Endpoint is something that the wire serves at the root of its host.
type Endpoint struct {
	Pattern string // of http.ServeMux
	Handler http.Handler
	Body    int64 // bytes of a request's body that it reads at most; 0 for those that have none
}

// Endpoints are all that it serves but feeds and entries, see Atom.
func (w *Wire) Endpoints() []Endpoint {
	return []Endpoint{
		{"GET /.well-known/webfinger", http.HandlerFunc(w.serveWebFinger), 0},
		{"GET /.well-known/host-meta", http.HandlerFunc(w.serveHostMeta), 0},
		{"GET /.well-known/host-meta.json", http.HandlerFunc(w.serveHostMeta), 0},
		{"GET /.well-known/nodeinfo", http.HandlerFunc(w.serveNodeInfoLinks), 0},
		{"GET /nodeinfo/{schema}", http.HandlerFunc(w.serveNodeInfo), 0},
		{"POST /hub", http.HandlerFunc(w.serveHub), maxForm},
		{"POST /salmon/{name}", http.HandlerFunc(w.serveSlap), maxBody},
		{"GET /push/{token}", http.HandlerFunc(w.servePushVerify), 0},
		{"POST /push/{token}", http.HandlerFunc(w.servePush), maxBody},
	}
}

// Limits of what strangers send, in bytes.
const (
	maxBody  = 1 << 20
	maxForm  = 16 << 10
	maxURL   = 2000
	maxQuery = 4 << 10
)

// URLs of ours.
func (w *Wire) profileURL(name string) string { return w.base + "/u/" + name }
func (w *Wire) feedURL(name string) string    { return w.base + "/u/" + name + ".atom" }
func (w *Wire) salmonURL(name string) string  { return w.base + "/salmon/" + name }
func (w *Wire) hubURL() string                { return w.base + "/hub" }
func (w *Wire) pushURL(token string) string   { return w.base + "/push/" + token }

// noteName is the name of a note of ours in its id; empty for others.
func (w *Wire) noteName(id string) string {
	name, ok := strings.CutPrefix(id, w.base+"/n/")
	if !ok || strings.Contains(name, "/") {
		return ""
	}
	return name
}

// self is an account as others are told of it.
func (w *Wire) self(a *socialbridge.Account) activity.Actor {
	actor := a.Actor
	actor.URI = w.profileURL(a.Name)
	actor.Acct = a.Name + "@" + w.host
	if actor.Nick == "" {
		actor.Nick = a.Name
	}
	if actor.Page == "" {
		actor.Page = actor.URI
	}
	actor.Routes = activity.Routes{Feed: w.feedURL(a.Name), Hub: w.hubURL(), Slap: w.salmonURL(a.Name), Subscribe: w.base + "/authorize?uri={uri}"}
	return actor
}

// hostOf is the host of a URL as webfinger.Host has it; empty where there is none.
func hostOf(s string) string {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || len(s) > maxURL {
		return ""
	}
	host, err := webfinger.Host(u.Host)
	if err != nil {
		return ""
	}
	return host
}

// siteOf is where jobs lead that ask a URL something.
func siteOf(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return ""
	}
	return safehttp.Origin(u)
}

// fail answers with what an error of the core means.
func (w *Wire) fail(rw http.ResponseWriter, err error) {
	e := transports.AsError(err)
	status := http.StatusServiceUnavailable
	switch e.Kind {
	case transports.BadRequest, transports.Unsupported:
		status = http.StatusBadRequest
	case transports.NotFound, transports.NoServer:
		status = http.StatusNotFound
	case transports.Denied, transports.Policy, transports.NotRegistered, transports.NeedPassword, transports.Conflict:
		status = http.StatusForbidden
	case transports.TooLarge:
		status = http.StatusRequestEntityTooLarge
	case transports.Gone:
		status = http.StatusGone
	case transports.Busy:
		status = http.StatusTooManyRequests
	default:
		w.log.Error("a server of the social web could not be answered", "error", err)
	}
	say(rw, status, http.StatusText(status))
}

// say answers in words.
func say(rw http.ResponseWriter, status int, text string) {
	rw.Header().Set("Content-Type", "text/plain; charset=utf-8")
	rw.Header().Set("Cache-Control", "no-store")
	rw.WriteHeader(status)
	_, _ = rw.Write([]byte(text + "\n")) // who asks may be gone; there is nobody to tell
}
