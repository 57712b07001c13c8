package safehttp

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/net/dns/dnsmessage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The servers of the tests are on the loopback interface: 127.0.0.1 is permitted and stands for everybody's addresses, 127.0.0.2 is a
// neighbour that nobody may reach.
var permitted = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}

const neighbour = "127.0.0.2"

// dns answers questions as a script says: each name has a list of answers, the last of which stays.
type dns struct {
	mu      sync.Mutex
	answers map[string][][]string
}

func (d *dns) resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go d.serve(theirs)
		return ours, nil
	}}
}

// serve answers one connection (RFC 1035 §4.2.2: a length goes before each message).
func (d *dns) serve(c net.Conn) {
	defer c.Close()
	for {
		var length [2]byte
		if _, err := io.ReadFull(c, length[:]); err != nil {
			return
		}
		question := make([]byte, binary.BigEndian.Uint16(length[:]))
		if _, err := io.ReadFull(c, question); err != nil {
			return
		}
		var m dnsmessage.Message
		if err := m.Unpack(question); err != nil {
			return
		}
		q := m.Questions[0]
		m.Response, m.Additionals = true, nil
		if q.Type == dnsmessage.TypeA {
			for _, a := range d.next(strings.ToLower(strings.TrimSuffix(q.Name.String(), "."))) {
				m.Answers = append(m.Answers, dnsmessage.Resource{
					Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class}, Body: &dnsmessage.AResource{A: netip.MustParseAddr(a).As4()},
				})
			}
		}
		answer, err := m.Pack()
		if err != nil {
			return
		}
		if _, err := c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...)); err != nil {
			return
		}
	}
}

func (d *dns) next(name string) []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := d.answers[name]
	if len(all) == 0 {
		return nil
	}
	if len(all) > 1 {
		d.answers[name] = all[1:]
	}
	return all[0]
}

// serve listens on an address of the loopback interface and gives the port.
func serve(t *testing.T, address string, h http.Handler) string {
	t.Helper()
	l, err := net.Listen("tcp", address+":0")
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(h)
	if err := s.Listener.Close(); err != nil {
		t.Fatal(err)
	}
	s.Listener = l
	s.Start()
	t.Cleanup(s.Close)
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func newClient(t *testing.T, o Options) *Client {
	t.Helper()
	c := New(o)
	t.Cleanup(c.Close)
	return c
}

// fetch is what is under a URL.
func fetch(t *testing.T, c *Client, u string, l Limit) (string, error) {
	t.Helper()
	if l.Time == 0 {
		l.Time = 10 * time.Second
	}
	if l.Bytes == 0 {
		l.Bytes = 1 << 20
	}
	content, err := c.Fetch(t.Context(), u, l)
	if err != nil {
		return "", err
	}
	data, err := io.ReadAll(content)
	if err := content.Close(); err != nil {
		t.Error(err)
	}
	return string(data), err
}

// because checks why something failed.
func because(t *testing.T, err error, want Reason) *Error {
	t.Helper()
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Reason != want {
		t.Fatalf("error = %v, want %q", err, reasonTexts[want])
	}
	return e
}

func TestNoWayIn(t *testing.T) {
	t.Parallel()
	reached := func(w http.ResponseWriter, r *http.Request) {
		t.Errorf("%s was reached", r.Host)
		w.WriteHeader(http.StatusNoContent)
	}
	port := serve(t, neighbour, http.HandlerFunc(reached))
	d := &dns{answers: map[string][][]string{"inside.example": {{neighbour}}, "nowhere.example": {{}}}}
	c := newClient(t, Options{Permit: permitted, Resolver: d.resolver()})
	for host, want := range map[string]Reason{
		neighbour: Forbidden, "[::ffff:127.0.0.2]": Forbidden, "inside.example": Forbidden, "INSIDE.example.": Forbidden, "0.0.0.0": Forbidden,
		"[::1]": Forbidden, "[::]": Forbidden, "nowhere.example": Unreachable,
		// Not what Go takes for an address, so a name that does not exist.
		"2130706434": Unreachable, "0x7f000002": Unreachable, "0177.0.0.2": Unreachable, "127.2": Unreachable,
	} {
		_, err := fetch(t, c, "http://"+host+":"+port+"/", Limit{})
		because(t, err, want)
		because(t, c.Put(t.Context(), "http://"+host+":"+port+"/", nil, strings.NewReader("x"), 1), want)
	}
}

// A name that leads elsewhere at each look-up gains nothing: what counts is the address of the connection.
func TestRebinding(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "close")
		_, _ = io.WriteString(w, "outside")
	})
	port := serve(t, "127.0.0.1", mux)
	d := &dns{answers: map[string][][]string{
		"turning.example": {{"127.0.0.1"}, {neighbour}},
		"both.example":    {{neighbour, "127.0.0.1"}},
	}}
	c := newClient(t, Options{Permit: permitted, Resolver: d.resolver()})
	if got, err := fetch(t, c, "http://turning.example:"+port+"/", Limit{}); err != nil || got != "outside" {
		t.Fatalf("first look-up: %q, %v", got, err)
	}
	_, err := fetch(t, c, "http://turning.example:"+port+"/", Limit{})
	because(t, err, Forbidden)
	if got, err := fetch(t, c, "http://both.example:"+port+"/", Limit{}); err != nil || got != "outside" {
		t.Errorf("with an address of each kind: %q, %v", got, err)
	}
}

func TestRedirects(t *testing.T) {
	t.Parallel()
	inside := serve(t, neighbour, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the neighbour was reached") }))
	mux := http.NewServeMux()
	mux.HandleFunc("GET /hop/{n}", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Referer") != "" || r.Header.Get("Cookie") != "" {
			t.Errorf("headers: %v", r.Header)
		}
		var n int
		if _, err := fmt.Sscan(r.PathValue("n"), &n); err != nil || n == 0 {
			_, _ = io.WriteString(w, "there")
			return
		}
		http.SetCookie(w, &http.Cookie{Name: "a", Value: "b"})
		http.Redirect(w, r, fmt.Sprintf("/hop/%d", n-1), http.StatusFound)
	})
	mux.HandleFunc("/to", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", r.URL.Query().Get("u"))
		w.WriteHeader(http.StatusTemporaryRedirect)
	})
	base := "http://127.0.0.1:" + serve(t, "127.0.0.1", mux)
	c := newClient(t, Options{Permit: permitted})
	to := func(u string) string { return base + "/to?u=" + url.QueryEscape(u) }
	for u, want := range map[string]Reason{
		base + "/hop/6":                    Redirects,
		to("http://127.0.0.2:" + inside):   Forbidden,
		to("file:///etc/passwd"):           BadURL,
		to("http://user:pw@127.0.0.1/"):    BadURL,
		to("http://127.0.0.1:25/"):         BadURL,
		to("http://[::1%25lo]:8080/"):      BadURL,
		to("//169.254.169.254/metadata"):   Forbidden,
		to("http://127.0.0.1:80\x7f:80/x"): Unreachable, // it cannot be read
	} {
		_, err := fetch(t, c, u, Limit{})
		because(t, err, want)
	}
	if got, err := fetch(t, c, base+"/hop/5", Limit{}); err != nil || got != "there" {
		t.Errorf("five redirects: %q, %v", got, err)
	}
	// What is stored is not stored elsewhere.
	e := because(t, c.Put(t.Context(), to(base+"/hop/0"), nil, strings.NewReader("x"), 1), Refused)
	if e.Status != http.StatusTemporaryRedirect || e.Temporary() {
		t.Errorf("error = %v", e)
	}
}

func TestNoDowngrade(t *testing.T) {
	t.Parallel()
	s := httptest.NewUnstartedServer(http.RedirectHandler("http://127.0.0.1:8080/", http.StatusFound))
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // a refused certificate is part of the test
	s.StartTLS()
	t.Cleanup(s.Close)
	c := newClient(t, Options{Permit: permitted, RootCAs: s.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs})
	_, err := fetch(t, c, s.URL, Limit{})
	because(t, err, BadURL)
	// Without its authority, the certificate is not trusted.
	_, err = fetch(t, newClient(t, Options{Permit: permitted}), s.URL, Limit{})
	because(t, err, Unreachable)
}

func TestSize(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /plain/{n}", func(w http.ResponseWriter, r *http.Request) {
		var n int
		_, _ = fmt.Sscan(r.PathValue("n"), &n)
		_, _ = w.Write(bytes.Repeat([]byte("x"), n))
	})
	mux.HandleFunc("GET /zip/{n}", func(w http.ResponseWriter, r *http.Request) {
		var n int
		_, _ = fmt.Sscan(r.PathValue("n"), &n)
		w.Header().Set("Content-Encoding", "gzip")
		w.Header().Set("Content-Type", "text/plain")
		z := gzip.NewWriter(w)
		_, _ = z.Write(bytes.Repeat([]byte("x"), n))
		_ = z.Close()
	})
	mux.HandleFunc("GET /headers", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Long", strings.Repeat("x", 2*maxHeaderBytes))
	})
	mux.HandleFunc("GET /odd", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Encoding", "br") })
	base := "http://127.0.0.1:" + serve(t, "127.0.0.1", mux)
	c := newClient(t, Options{Permit: permitted})
	for path, want := range map[string]Reason{
		"/plain/0": 0, "/plain/1000": 0, "/plain/1001": TooLarge, "/plain/100000": TooLarge,
		"/zip/1000": 0, "/zip/1001": TooLarge, "/zip/10000000": TooLarge, "/headers": Unreachable, "/odd": WrongType,
	} {
		got, err := fetch(t, c, base+path, Limit{Bytes: 1000})
		if want == 0 {
			if err != nil || len(got) != 0 && len(got) != 1000 {
				t.Errorf("%s: %d bytes, %v", path, len(got), err)
			}
			continue
		}
		because(t, err, want)
	}
}

func TestTypes(t *testing.T) {
	t.Parallel()
	png := "\x89PNG\r\n\x1a\n"
	mux := http.NewServeMux()
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Content-Type"] = r.URL.Query()["type"]
		_, _ = io.WriteString(w, r.URL.Query().Get("content"))
	})
	base := "http://127.0.0.1:" + serve(t, "127.0.0.1", mux)
	c := newClient(t, Options{Permit: permitted})
	for _, test := range []struct {
		types, declared, content string
		ok                       bool
	}{
		{"", "text/html", "<html>", true},
		{"image/*", "image/png", png, true},
		{"image/png", "image/png; x=y", png, true},
		{"image/*", "image/avif", "\x00\x00\x00\x1cftypavif", true}, // not known to the sniffer
		{"image/png", "image/jpeg", "\xff\xd8\xff", false},
		{"image/*", "text/html", png, false},
		{"image/*", "image/png", "<html><script>", false},
		{"image/*", "image/png", "plain words", false},
		{"image/*", "image/svg+xml", "<?xml version='1.0'?><svg/>", true},
		{"image/*", "image", png, false},
		{"image/*", ";;", png, false},
		{"image/*", "", png, false},
		{"application/json", "application/json", `{"a": 1}`, true},
		{"application/atom+xml", "application/atom+xml", "<?xml version='1.0'?><feed/>", true},
		{"text/plain", "text/plain", "%PDF-", false},
	} {
		q := url.Values{"content": {test.content}}
		if test.declared != "" {
			q.Set("type", test.declared)
		}
		var types []string
		if test.types != "" {
			types = []string{test.types}
		}
		got, err := fetch(t, c, base+"/?"+q.Encode(), Limit{Types: types})
		if test.ok && (err != nil || got != test.content) {
			t.Errorf("%+v: %q, %v", test, got, err)
		} else if !test.ok {
			because(t, err, WrongType)
		}
	}
}

// The deadline is for all of it: a server that sends a byte now and then does not get around it.
func TestDeadline(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /silent", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	mux.HandleFunc("GET /drip", func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write(bytes.Repeat([]byte("x"), sniffBytes))
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	base := "http://127.0.0.1:" + serve(t, "127.0.0.1", mux)
	c := newClient(t, Options{Permit: permitted})
	for _, path := range []string{"/silent", "/drip"} {
		_, err := fetch(t, c, base+path, Limit{Time: 100 * time.Millisecond})
		if e := because(t, err, Slow); !e.Temporary() {
			t.Error("slow is for ever")
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	because(t, c.Put(ctx, base+"/silent", nil, strings.NewReader(""), 0), Unreachable)
}

func TestPut(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	mux.HandleFunc("PUT /slot", func(w http.ResponseWriter, r *http.Request) {
		data, err := io.ReadAll(r.Body)
		if err != nil || string(data) != "hello" || r.ContentLength != 5 || r.Header.Get("Content-Type") != "text/plain" || r.Header.Get("User-Agent") != "test" {
			t.Errorf("%q, %v, %v", data, err, r.Header)
		}
		w.WriteHeader(http.StatusCreated)
	})
	mux.HandleFunc("PUT /busy", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "120")
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	base := "http://127.0.0.1:" + serve(t, "127.0.0.1", mux)
	c := newClient(t, Options{Permit: permitted, UserAgent: "test"})
	if err := c.Put(t.Context(), base+"/slot", http.Header{"Content-Type": {"text/plain"}}, strings.NewReader("hello"), 5); err != nil {
		t.Error(err)
	}
	e := because(t, c.Put(t.Context(), base+"/busy", nil, strings.NewReader("hello"), 5), Refused)
	if e.Status != 503 || e.RetryAfter != 2*time.Minute || !e.Temporary() {
		t.Errorf("error = %+v", e)
	}
	if e := because(t, c.Put(t.Context(), base+"/nothing", nil, strings.NewReader("hello"), 5), Refused); e.Status != 404 || e.Temporary() || strings.Contains(e.Error(), "127.0.0.1") {
		t.Errorf("error = %v", e)
	}
}

// The environment's proxy is not asked: it would resolve names for us.
func TestNoProxy(t *testing.T) {
	proxy := serve(t, "127.0.0.1", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the proxy was used") }))
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:"+proxy)
	d := &dns{answers: map[string][][]string{"a.example": {{"127.0.0.1"}}}}
	port := serve(t, "127.0.0.1", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "direct") }))
	c := newClient(t, Options{Permit: permitted, Resolver: d.resolver()})
	if got, err := fetch(t, c, "http://a.example:"+port+"/", Limit{}); err != nil || got != "direct" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, "-7": 0, "x": 0, "99999999": maxRetryAfter, "99999999999999999999": 0, "Wed, 21 Oct 2015 07:28:00 GMT": 0,
	} {
		if got := retryAfter(s); got != want {
			t.Errorf("retryAfter(%q) = %v, want %v", s, got, want)
		}
	}
}
