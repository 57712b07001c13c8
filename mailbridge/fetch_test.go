package mailbridge

import (
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"passerelle/internal/dnstest"
	"passerelle/internal/safehttp"
	"passerelle/transports"
)

// In these tests 127.0.0.1 stands for everybody's addresses, and 127.0.0.2 for a neighbour that strangers may not have asked.

// serveOn is a server of the web on an address; handle answers it.
func serveOn(t *testing.T, address string, tls bool, handle http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(handle)
	_ = s.Listener.Close()
	var err error
	if s.Listener, err = net.Listen("tcp", address+":0"); err != nil {
		t.Fatal(err)
	}
	if tls {
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	return s
}

// attached posts a letter with a link to a file, and says whether the mail that goes out has what is there; else the link has to be in it.
func attached(t *testing.T, r *rig, link string) bool {
	t.Helper()
	r.posted(transports.Letter{ID: newMessageID(""), Body: link, Files: []transports.Attachment{{URL: link}}})
	r.flush()
	m := string(r.sent().Body)
	if strings.Contains(m, "Content-Disposition: attachment") {
		if !strings.Contains(m, "c2VjcmV0") { // "secret"
			t.Errorf("what is attached of %s is something else:\n%s", link, m)
		}
		return true
	}
	if plain := strings.ReplaceAll(strings.ReplaceAll(m, "=\r\n", ""), "=3D", "="); !strings.Contains(plain, link) {
		t.Errorf("of %s not even the link is in the mail:\n%s", link, m)
	}
	return false
}

// What a user attaches is fetched from nowhere but public addresses, however the URL leads elsewhere.
func TestFilesOfNeighbours(t *testing.T) {
	t.Parallel()
	secret := func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "secret") }
	inside := serveOn(t, "127.0.0.2", true, secret)
	plain := serveOn(t, "127.0.0.2", false, secret)
	dns := dnstest.Start(t, dnstest.Zone{})
	const name, moves = "files.example.com", "moves.example.com" // httptest's certificate is for example.com and what is below
	zone := func(where string) dnstest.Zone {
		return dnstest.Zone{name: {"A 127.0.0.1"}, "inside.example.com": {"A 127.0.0.2"}, "both.example.com": {"A 127.0.0.2", "AAAA ::1"}, moves: {"A " + where}}
	}
	dns.Set(zone("127.0.0.1"))
	outside := serveOn(t, "127.0.0.1", true, func(w http.ResponseWriter, q *http.Request) {
		switch q.URL.Path {
		case "/file":
			secret(w, q)
		case "/rebind":
			// The name leads elsewhere from now on, and this connection is used no more.
			dns.Set(zone("127.0.0.2"))
			w.Header().Set("Connection", "close")
			http.Redirect(w, q, "https://"+moves+":"+portOf(t, inside.URL)+"/file", http.StatusFound)
		default:
			http.Redirect(w, q, q.URL.Query().Get("to"), http.StatusFound)
		}
	})
	roots := x509.NewCertPool()
	roots.AddCert(outside.Certificate())
	files := safehttp.New(safehttp.Options{Permit: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, Resolver: dns.Resolver(), RootCAs: roots})
	t.Cleanup(files.Close)
	r := rigWith(t, func(o *Options) { o.Files = files })
	to := func(link string) string {
		return "https://" + name + ":" + portOf(t, outside.URL) + "/?to=" + url.QueryEscape(link)
	}
	for link, want := range map[string]bool{
		"https://" + name + ":" + portOf(t, outside.URL) + "/file":     true,
		to("https://" + name + ":" + portOf(t, outside.URL) + "/file"): true,
		inside.URL + "/file": false,
		plain.URL + "/file":  false,
		"https://inside.example.com:" + portOf(t, inside.URL) + "/file": false,
		"https://both.example.com:" + portOf(t, inside.URL) + "/file":   false,
		"https://localhost:" + portOf(t, outside.URL) + "/file":         false,
		"https://169.254.169.254/latest/meta-data/":                     false,
		"https://[::ffff:169.254.169.254]/latest/meta-data/":            false,
		to(inside.URL + "/file"):                                        false,
		to(plain.URL + "/file"):                                         false,
		to("http://169.254.169.254/latest/meta-data/"):                  false,
		to("file:///etc/passwd"):                                        false,
		"https://" + moves + ":" + portOf(t, outside.URL) + "/rebind":   false,
	} {
		if got := attached(t, r, link); got != want {
			t.Errorf("%s is attached: %v, want %v", link, got, want)
		}
	}
}

// A server that the operator names is asked wherever it is, but at the port and in the way that he says, and it leads to no other one.
func TestFilesOfTheOperator(t *testing.T) {
	t.Parallel()
	secret := func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "secret") }
	other := serveOn(t, "127.0.0.2", false, secret)
	own := serveOn(t, "127.0.0.2", false, func(w http.ResponseWriter, q *http.Request) {
		if to := q.URL.Query().Get("to"); to != "" {
			http.Redirect(w, q, to, http.StatusFound)
			return
		}
		secret(w, q)
	})
	secure := serveOn(t, "127.0.0.2", true, secret)
	roots := x509.NewCertPool()
	roots.AddCert(secure.Certificate())
	anywhere := safehttp.New(safehttp.Options{Permit: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, RootCAs: roots, SameOrigin: true})
	t.Cleanup(anywhere.Close)
	nowhere := safehttp.New(safehttp.Options{})
	t.Cleanup(nowhere.Close)
	r := rigWith(t, func(o *Options) {
		o.Files, o.OwnFiles, o.FileHosts = nowhere, anywhere, []string{own.URL, "https://localhost:443"}
	})
	to := func(link string) string { return own.URL + "/?to=" + url.QueryEscape(link) }
	for link, want := range map[string]bool{
		own.URL + "/file":     true,
		to("/file"):           true,
		other.URL + "/file":   false,
		secure.URL + "/file":  false,
		to(other.URL + "/x"):  false,
		to(secure.URL + "/x"): false,
		"http://localhost:" + portOf(t, own.URL) + "/file":     false,
		"https://localhost:" + portOf(t, secure.URL) + "/file": false,
	} {
		if got := attached(t, r, link); got != want {
			t.Errorf("%s is attached: %v, want %v", link, got, want)
		}
	}
}

func portOf(t *testing.T, link string) string {
	t.Helper()
	u, err := url.Parse(link)
	if err != nil {
		t.Fatal(err)
	}
	return u.Port()
}
