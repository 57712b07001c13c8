package gnusocial

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Options are what a Site is made of.
type Options struct {
	// Certificate has the site speak TLS, as Host, which leads to its listener: see Dial.
	Certificate *tls.Certificate
	Host        string         // of its URLs; empty for the address of its listener
	Roots       *x509.CertPool // with which it checks others; nil for those of the system
	// Dial reaches others; nil dials their addresses.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	Now  func() time.Time // nil: time.Now
}

// Site is a server with its users. It is safe to use from any goroutine; Close ends it.
type Site struct {
	opt      Options
	base     string
	host     string
	listener net.Listener
	server   *http.Server
	served   chan struct{}
	work     sync.WaitGroup // what it does after it has answered

	mu          sync.Mutex
	changed     chan struct{} // closed and made anew whenever something came
	users       []*User
	notices     []*Notice
	keys        map[string]*rsa.PublicKey // of authors, for ever
	seen        map[string]bool           // ids that came
	subscribers map[string]*subscriber    // by topic and callback
	feedSubs    []*feedSub
	down        bool
	requests    []string
}

// User is a user of the site, or a group.
type User struct {
	site  *Site
	ID    int
	Nick  string
	Group bool
	key   *rsa.PrivateKey

	slaps, pushed []Entry
	followees     map[string]*remote
}

// Notice is something that a user has published.
type Notice struct {
	ID     string
	URL    string
	author *User
	number int
	entry  string
}

// Start begins a site.
func Start(o Options) (*Site, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &Site{
		opt: o, listener: l, served: make(chan struct{}), changed: make(chan struct{}), keys: map[string]*rsa.PublicKey{}, seen: map[string]bool{},
		subscribers: map[string]*subscriber{},
	}
	scheme := "http"
	if o.Certificate != nil {
		scheme = "https"
		l = tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{*o.Certificate}, NextProtos: []string{"http/1.1"}})
	}
	s.host = o.Host
	if s.host == "" {
		s.host = l.Addr().String()
	}
	s.base = scheme + "://" + s.host
	s.server = &http.Server{Handler: s.routes(), ReadHeaderTimeout: 10 * time.Second}
	go func() {
		defer close(s.served)
		_ = s.server.Serve(l) // http.ErrServerClosed
	}()
	return s, nil
}

// Close ends the site and waits for what it still does.
func (s *Site) Close() {
	_ = s.server.Close()
	<-s.served
	s.work.Wait()
}

// Addr is where the site listens, URL what its URLs begin with, and Host what stands behind the @ of its users.
func (s *Site) Addr() string { return s.listener.Addr().String() }

// URL is what the URLs of the site begin with.
func (s *Site) URL() string { return s.base }

// Host is what stands behind the @ of its users.
func (s *Site) Host() string { return s.host }

// SetDown has the site answer 503 to everything, or not any more.
func (s *Site) SetDown(down bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = down
}

// Requests are the methods and URLs of all that it was asked.
func (s *Site) Requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.requests...)
}

// AddUser adds a user, whose key has 1024 bits.
func (s *Site) AddUser(nick string) *User { return s.add(nick, false) }

// AddGroup adds a group.
func (s *Site) AddGroup(nick string) *User { return s.add(nick, true) }

func (s *Site) add(nick string, group bool) *User {
	key, err := rsa.GenerateKey(rand.Reader, 1024) //nolint:gosec // as GNU social has it
	if err != nil {
		panic(err) // the package is for tests
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	u := &User{site: s, ID: len(s.users) + 1, Nick: nick, Group: group, key: key, followees: map[string]*remote{}}
	s.users = append(s.users, u)
	return u
}

// URI is by which a user is known.
func (u *User) URI() string {
	if u.Group {
		return fmt.Sprintf("%s/group/%d/id", u.site.base, u.ID)
	}
	return fmt.Sprintf("%s/user/%d", u.site.base, u.ID)
}

// Acct is his name.
func (u *User) Acct() string { return u.Nick + "@" + u.site.host }

// Page is for people.
func (u *User) Page() string {
	if u.Group {
		return u.site.base + "/group/" + u.Nick
	}
	return u.site.base + "/" + u.Nick
}

// Feed is what he publishes.
func (u *User) Feed() string {
	if u.Group {
		return fmt.Sprintf("%s/api/statusnet/groups/timeline/%d.atom", u.site.base, u.ID)
	}
	return fmt.Sprintf("%s/api/statuses/user_timeline/%d.atom", u.site.base, u.ID)
}

func (u *User) salmon() string {
	kind := "user"
	if u.Group {
		kind = "group"
	}
	return fmt.Sprintf("%s/main/salmon/%s/%d", u.site.base, kind, u.ID)
}

// Slaps are what others have told him, and Pushed what came in feeds that he follows.
func (u *User) Slaps() []Entry { return u.list(&u.slaps) }

// Pushed is what came in feeds that he follows.
func (u *User) Pushed() []Entry { return u.list(&u.pushed) }

func (u *User) list(of *[]Entry) []Entry {
	u.site.mu.Lock()
	defer u.site.mu.Unlock()
	return append([]Entry(nil), *of...)
}

// Wait waits until something is the case of what the site has got.
func (s *Site) Wait(ctx context.Context, is func() bool) error {
	for {
		s.mu.Lock()
		changed := s.changed
		s.mu.Unlock()
		if is() {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// tell wakes who waits; the caller holds mu.
func (s *Site) tell() {
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *Site) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/host-meta", s.hostMeta)
	mux.HandleFunc("GET /.well-known/webfinger", s.webFinger)
	mux.HandleFunc("GET /user/{id}", func(w http.ResponseWriter, r *http.Request) {
		if u := s.user(r.PathValue("id"), false); u != nil {
			http.Redirect(w, r, u.Page(), http.StatusSeeOther)
			return
		}
		noSuchUser(w)
	})
	mux.HandleFunc("GET /group/{nick}", s.groupPage)
	mux.HandleFunc("GET /api/statuses/user_timeline/{id}", s.feed)
	mux.HandleFunc("GET /api/statusnet/groups/timeline/{id}", s.feed)
	mux.HandleFunc("GET /api/statuses/show/{id}", s.notice)
	mux.HandleFunc("POST /main/push/hub", s.hub)
	mux.HandleFunc("POST /main/salmon/{kind}/{id}", s.salmon)
	mux.HandleFunc("GET /main/push/callback/{id}", s.callbackVerify)
	mux.HandleFunc("POST /main/push/callback/{id}", s.callbackPush)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		down := s.down
		s.requests = append(s.requests, r.Method+" "+r.URL.String())
		s.mu.Unlock()
		if down {
			http.Error(w, "down", http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Connection", "close")
		mux.ServeHTTP(w, r)
	})
}

// user finds a user by his number, which may have .atom behind it.
func (s *Site) user(id string, group bool) *User {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, u := range s.users {
		if fmt.Sprint(u.ID) == strings.TrimSuffix(id, ".atom") && u.Group == group {
			return u
		}
	}
	return nil
}

func noSuchUser(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(http.StatusInternalServerError)
	_, _ = w.Write([]byte("<!DOCTYPE html\nPUBLIC \"-//W3C//DTD XHTML 1.0 Strict//EN\"\n\"http://www.w3.org/TR/xhtml1/DTD/xhtml1-strict.dtd\">\n<html><body>No such user found.</body></html>"))
}
