package ostatus

import (
	"net/http"
	"strings"
	"sync"
	"time"

	"passerelle/socialbridge"
	"passerelle/socialbridge/salmon"
	"passerelle/socialbridge/webfinger"
)

// serveWebFinger says who is at an address (RFC 7033 §4).
func (w *Wire) serveWebFinger(rw http.ResponseWriter, r *http.Request) {
	rw.Header().Set("Access-Control-Allow-Origin", "*") // RFC 7033 §5
	if len(r.URL.RawQuery) > maxQuery {
		say(rw, http.StatusBadRequest, "The query is too long.")
		return
	}
	resource := r.URL.Query().Get("resource")
	if resource == "" {
		say(rw, http.StatusBadRequest, "There is no resource in the query.") // RFC 7033 §4.2
		return
	}
	d := w.said.get(resource, w.now())
	if d == nil {
		account, err := w.core.Resolve(r.Context(), resource)
		if err != nil {
			w.fail(rw, err)
			return
		}
		doc := w.document(account, resource)
		d = &answer{jrd: doc.JRD(), xrd: doc.XRD()}
		w.said.put(resource, d, w.now())
	}
	rw.Header().Set("Vary", "Accept")
	if webfinger.PrefersXRD(r.Header.Get("Accept")) {
		write(rw, webfinger.TypeXRD, d.xrd)
		return
	}
	write(rw, webfinger.TypeJRD, d.jrd)
}

// said remembers for some seconds who is at which address: who becomes known is asked for by everybody at once.
type said struct {
	mu   sync.Mutex
	kept map[string]*answer
}

// answer is a document in both of its forms.
type answer struct {
	jrd, xrd []byte
	until    time.Time
}

const (
	maxSaid = 2048
	saidFor = 10 * time.Second
)

func (s *said) get(resource string, now time.Time) *answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := s.kept[resource]; a != nil && now.Before(a.until) {
		return a
	}
	return nil
}

func (s *said) put(resource string, a *answer, now time.Time) {
	a.until = now.Add(saidFor)
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.kept) >= maxSaid || s.kept == nil {
		s.kept = make(map[string]*answer)
	}
	s.kept[resource] = a
}

// document says who an account is. Who asks by the URI of a profile gets that as the subject, as GNU social does it, and finds the acct: among
// the aliases; who asks by anything else gets the acct:.
func (w *Wire) document(a *socialbridge.Account, resource string) *webfinger.Document {
	self := w.self(a)
	acct := "acct:" + self.Acct
	d := &webfinger.Document{Subject: acct, Aliases: []string{self.URI, acct}}
	if resource == self.URI {
		d.Subject = self.URI
	}
	if self.Page != self.URI {
		d.Aliases = append(d.Aliases, self.Page)
	}
	d.Links = []webfinger.Link{
		{Rel: webfinger.RelProfile, Type: "text/html", Href: self.Page},
		{Rel: webfinger.RelFeed, Type: "application/atom+xml", Href: self.Routes.Feed},
		{Rel: webfinger.RelSalmon, Href: self.Routes.Slap},
		{Rel: webfinger.RelReplies, Href: self.Routes.Slap},
		{Rel: webfinger.RelMention, Href: self.Routes.Slap},
		{Rel: webfinger.RelSubscribe, Template: self.Routes.Subscribe},
	}
	if self.Key != nil {
		d.Links = append(d.Links, webfinger.Link{Rel: webfinger.RelKey, Href: salmon.FormatKeyHref(self.Key)})
	}
	return d
}

// serveHostMeta says where people are looked up (RFC 6415). GNU social does so for everything that is no acct:.
func (w *Wire) serveHostMeta(rw http.ResponseWriter, r *http.Request) {
	rw.Header().Set("Access-Control-Allow-Origin", "*")
	template := w.base + "/.well-known/webfinger?resource={uri}"
	d := &webfinger.Document{Links: []webfinger.Link{
		{Rel: webfinger.RelLRDD, Type: webfinger.TypeJRD, Template: template},
		{Rel: webfinger.RelLRDD, Type: "application/json", Template: template},
		{Rel: webfinger.RelLRDD, Type: webfinger.TypeXRD, Template: template},
	}}
	if strings.HasSuffix(r.URL.Path, ".json") {
		write(rw, webfinger.TypeJRD, d.JRD())
		return
	}
	write(rw, webfinger.TypeXRD, d.XRD())
}

// write answers with a document that may be kept for some minutes.
func write(rw http.ResponseWriter, contentType string, body []byte) {
	rw.Header().Set("Content-Type", contentType)
	rw.Header().Set("Cache-Control", "public, max-age=300")
	_, _ = rw.Write(body)
}

func (w *Wire) serveNodeInfoLinks(rw http.ResponseWriter, _ *http.Request) {
	rw.Header().Set("Access-Control-Allow-Origin", "*")
	write(rw, webfinger.TypeJRD, (&webfinger.Document{Links: []webfinger.Link{
		{Rel: webfinger.RelNodeInfo20, Href: w.base + "/nodeinfo/2.0"}, {Rel: webfinger.RelNodeInfo21, Href: w.base + "/nodeinfo/2.1"},
	}}).JRD())
}

func (w *Wire) serveNodeInfo(rw http.ResponseWriter, r *http.Request) {
	rw.Header().Set("Access-Control-Allow-Origin", "*")
	types := map[string]string{"2.0": webfinger.TypeNodeInfo20, "2.1": webfinger.TypeNodeInfo21}
	schema := r.PathValue("schema")
	if types[schema] == "" {
		say(rw, http.StatusNotFound, "There is no such schema.")
		return
	}
	n := webfinger.NodeInfo{Version: w.version, Protocol: "ostatus"}
	if w.count != nil {
		var err error
		if n.Users, n.Posts, err = w.count(r.Context()); err != nil {
			w.fail(rw, err)
			return
		}
	}
	write(rw, types[schema], n.JSON(schema))
}
