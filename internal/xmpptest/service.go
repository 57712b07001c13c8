package xmpptest

import (
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
)

// Service answers the requests to a domain that is the server's own, such as that of an upload service, with an iq that has a type
// and content; "" is silence. It is called by a goroutine of its own for each, and may take its time.
type Service func(iq *Element) string

// toService answers a request to a service. Like the host it ignores everything else.
func (s *Server) toService(service Service, e *Element) {
	if e.Name.Local != "iq" || e.Get("type") != "get" && e.Get("type") != "set" {
		return
	}
	s.wg.Go(func() {
		text := service(e)
		if text == "" {
			return
		}
		answer, err := Parse(text)
		if err != nil {
			panic(fmt.Sprintf("xmpptest: a service answers with %s: %v", text, err))
		}
		for name, value := range map[string]string{"id": e.Get("id"), "to": e.Get("from"), "from": e.Get("to")} {
			answer = answer.with(name, value)
		}
		s.route(answer)
	})
}

const nsUpload = "urn:xmpp:http:upload:0"

// Uploads is an upload service (XEP-0363) that takes everything up to a size, and the web server behind it.
type Uploads struct {
	MaxSize int

	http *httptest.Server

	mu    sync.Mutex
	slots int
	sizes map[string]string // that were announced, by path
	files map[string]string // what was stored
}

// NewUploads starts the web server, on the loopback interface without TLS. The caller closes the service.
func NewUploads(maxSize int) *Uploads {
	u := &Uploads{MaxSize: maxSize, sizes: make(map[string]string), files: make(map[string]string)}
	u.http = httptest.NewServer(u)
	return u
}

// Close ends the web server.
func (u *Uploads) Close() { u.http.Close() }

// Answer is the service.
func (u *Uploads) Answer(iq *Element) string {
	if iq.Child(nsInfo, "query") != nil { // XEP-0363 §3
		return fmt.Sprintf("<iq type='result'><query xmlns='%s'><identity category='store' type='file' name='Uploads'/><feature var='%s'/>"+
			"<x xmlns='jabber:x:data' type='result'><field var='FORM_TYPE' type='hidden'><value>%s</value></field>"+
			"<field var='max-file-size'><value>%d</value></field></x></query></iq>", nsInfo, nsUpload, nsUpload, u.MaxSize)
	}
	request := iq.Child(nsUpload, "request")
	if request == nil {
		return "<iq type='error'><error type='cancel'><service-unavailable xmlns='" + nsStanzas + "'/></error></iq>"
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.slots++
	path := fmt.Sprintf("/%d/%s", u.slots, request.Get("filename"))
	u.sizes[path] = request.Get("size")
	var address strings.Builder
	_ = xml.EscapeText(&address, []byte(u.http.URL+path)) // a strings.Builder never fails
	return fmt.Sprintf("<iq type='result'><slot xmlns='%s'><put url='%s'><header name='Authorization'>Bearer x</header></put><get url='%s'/></slot></iq>",
		nsUpload, address.String(), address.String())
}

// ServeHTTP takes and gives files.
func (u *Uploads) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	u.mu.Lock()
	size, text := u.sizes[r.URL.Path], u.files[r.URL.Path]
	u.mu.Unlock()
	switch {
	case r.Method == http.MethodPut && r.Header.Get("Authorization") == "Bearer x" && size == fmt.Sprint(r.ContentLength):
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // the client is gone
		}
		u.mu.Lock()
		u.files[r.URL.Path] = string(body)
		u.mu.Unlock()
		w.WriteHeader(http.StatusCreated)
	case r.Method == http.MethodGet && text != "":
		_, _ = io.WriteString(w, text) // the client may be gone
	default:
		http.Error(w, "no such slot", http.StatusForbidden)
	}
}
