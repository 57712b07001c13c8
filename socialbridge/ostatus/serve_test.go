package ostatus

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"passerelle/internal/gnusocial"
	"passerelle/socialbridge/atom"
	"passerelle/socialbridge/salmon"
	"passerelle/socialbridge/webfinger"
)

// get is what a URL of ours answers.
func (r *rig) get(u string, header ...string) (*http.Response, string) {
	r.Helper()
	req, err := http.NewRequestWithContext(r.Context(), http.MethodGet, u, http.NoBody)
	if err != nil {
		r.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	return r.do(req)
}

func (r *rig) do(req *http.Request) (*http.Response, string) {
	r.Helper()
	c := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: r.roots}, ExpectContinueTimeout: patience,
	}}
	if req.Body != nil {
		req.Header.Set("Expect", "100-continue") // who is refused while he is still writing may hear of nothing but a reset
	}
	resp, err := c.Do(req)
	if err != nil {
		r.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		r.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil {
		r.Fatal(err)
	}
	return resp, string(body)
}

func TestWebFinger(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{accounts: []string{"romeo"}, idle: true})
	ask := func(resource, accept string) (*http.Response, string) {
		return r.get(r.base+"/.well-known/webfinger?resource="+url.QueryEscape(resource), "Accept", accept)
	}
	acct, uri := "acct:romeo@"+r.wire.host, r.base+"/u/romeo"
	for _, test := range []struct{ resource, accept, contentType, subject string }{
		{acct, "application/jrd+json", "application/jrd+json", acct},
		{strings.TrimPrefix(acct, "acct:"), "", "application/jrd+json", acct},
		{uri, "*/*", "application/jrd+json", uri},
		{acct, "application/xrd+xml", "application/xrd+xml", acct},
		{uri, "application/xrd+xml, application/jrd+json;q=0.1", "application/xrd+xml", uri},
	} {
		resp, body := ask(test.resource, test.accept)
		d, err := webfinger.Parse([]byte(body))
		if err != nil || resp.StatusCode != 200 || resp.Header.Get("Content-Type") != test.contentType || resp.Header.Get("Access-Control-Allow-Origin") != "*" {
			t.Fatalf("%v: %d %s %v", test, resp.StatusCode, resp.Header, err)
		}
		names := strings.Join(d.Names(), " ")
		if d.Subject != test.subject || !strings.Contains(names, acct) || !strings.Contains(names, uri) {
			t.Errorf("%v: names are %q", test, d.Names())
		}
		for rel, want := range map[string]string{
			webfinger.RelFeed: uri + ".atom", webfinger.RelSalmon: r.base + "/salmon/romeo", webfinger.RelMention: r.base + "/salmon/romeo",
			webfinger.RelReplies: r.base + "/salmon/romeo", webfinger.RelProfile: uri,
		} {
			if l, ok := d.Find(rel); !ok || l.Href != want {
				t.Errorf("%s leads to %+v", rel, l)
			}
		}
		key, _ := d.Find(webfinger.RelKey)
		if k, err := salmon.ParseKey(key.Href); err != nil || k.N.Cmp(r.core.accounts["romeo"].key.N) != 0 {
			t.Errorf("the key is %q, %v", key.Href, err)
		}
		if l, _ := d.Find(webfinger.RelSubscribe); l.Template != r.base+"/authorize?uri={uri}" {
			t.Errorf("subscribe is %+v", l)
		}
	}
	for resource, want := range map[string]int{"": 400, "acct:nobody@" + r.wire.host: 404, "acct:romeo@elsewhere.example": 404, "\x00": 404, strings.Repeat("a", 5000): 400} {
		if resp, _ := ask(resource, ""); resp.StatusCode != want || resp.Header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%.20q: %d, want %d", resource, resp.StatusCode, want)
		}
	}
}

func TestHostMetaAndNodeInfo(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{idle: true})
	for path, want := range map[string]string{"/.well-known/host-meta": "application/xrd+xml", "/.well-known/host-meta.json": "application/jrd+json"} {
		resp, body := r.get(r.base + path)
		d, err := webfinger.Parse([]byte(body))
		if err != nil || resp.Header.Get("Content-Type") != want {
			t.Fatalf("%s: %v, %v", path, resp.Header, err)
		}
		for _, kind := range []string{webfinger.TypeJRD, webfinger.TypeXRD} {
			if l, ok := d.Find(webfinger.RelLRDD, kind); !ok || l.Template != r.base+"/.well-known/webfinger?resource={uri}" {
				t.Errorf("%s: %s is at %+v", path, kind, l)
			}
		}
	}
	_, body := r.get(r.base + "/.well-known/nodeinfo")
	d, err := webfinger.Parse([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	for rel, schema := range map[string]string{webfinger.RelNodeInfo20: `"2.0"`, webfinger.RelNodeInfo21: `"2.1"`} {
		l, _ := d.Find(rel)
		if resp, body := r.get(l.Href); resp.StatusCode != 200 || !strings.Contains(body, `"version":`+schema) || !strings.Contains(body, `"ostatus"`) {
			t.Errorf("%+v: %d %s", l, resp.StatusCode, body)
		}
	}
	if resp, _ := r.get(r.base + "/nodeinfo/3.0"); resp.StatusCode != 404 {
		t.Errorf("a schema that there is not: %d", resp.StatusCode)
	}
}

// A feed has pages, the newest first, and is not sent to who has it.
func TestFeed(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{accounts: []string{"romeo"}, idle: true})
	for i := range 45 {
		r.post("romeo", fmt.Sprintf("post%012d", i), fmt.Sprint("number ", i))
	}
	seen := map[string]bool{}
	next := r.base + "/u/romeo.atom"
	var pages int
	for next != "" {
		resp, body := r.get(next)
		f, err := atom.ParseFeed([]byte(body))
		if err != nil || resp.Header.Get("Content-Type") != atom.MediaType {
			t.Fatalf("%s: %v, %v", next, resp.Header, err)
		}
		if f.Author.URI != r.base+"/u/romeo" || f.Hub != r.base+"/hub" || f.Salmon != r.base+"/salmon/romeo" || pages == 0 && f.Self != r.base+"/u/romeo.atom" || f.ID != r.base+"/u/romeo.atom" {
			t.Errorf("page %d is %+v", pages, f)
		}
		for _, e := range f.Entries {
			seen[e.Note.ID] = true
		}
		if resp, _ := r.get(next, "If-None-Match", `"x", W/`+resp.Header.Get("ETag")); resp.StatusCode != 304 {
			t.Errorf("who has it already gets %d", resp.StatusCode)
		}
		next = f.Next
		pages++
	}
	if len(seen) != 45 || pages != 3 {
		t.Errorf("%d entries in %d pages", len(seen), pages)
	}
	resp, body := r.get(r.base + "/n/post000000000007.atom")
	if a, err := atom.ParseEntry([]byte(body)); err != nil || a.Note.HTML != "number 7" || a.Actor.URI != r.base+"/u/romeo" || resp.Header.Get("Content-Type") != atom.EntryType {
		t.Errorf("%+v, %v, %v", a, err, resp.Header)
	}
	for path, want := range map[string]int{"/u/nobody.atom": 404, "/n/nothing.atom": 404, "/u/romeo.atom?before=x": 400, "/u/romeo.atom?before=-1": 400, "/u/romeo": 200, "/n/post000000000007": 200} {
		if resp, _ := r.get(r.base + path); resp.StatusCode != want {
			t.Errorf("%s: %d, want %d", path, resp.StatusCode, want)
		}
	}
}

// certificate is one for loopback, which stands for itself.
func certificate(t *testing.T) *tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// With TLS of our own GNU social, which offers HTTP/1.0 and nothing else, follows and is followed.
func TestTLS(t *testing.T) {
	t.Parallel()
	cert := certificate(t)
	r := newRig(t, rigOptions{accounts: []string{"romeo"}, certificate: cert})
	site, err := gnusocial.Start(gnusocial.Options{Certificate: cert, Roots: r.roots})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(site.Close)
	alice := site.AddUser("alice")
	if err := alice.Follow(t.Context(), "romeo@"+r.wire.host); err != nil {
		t.Fatal(err)
	}
	r.until(1)
	r.watch(r.find(alice.Acct()), true)
	r.eventually(site, "a subscriber", func() bool { return alice.Subscribers() == 1 })
	r.post("romeo", "abcdefghijklmnop1", "Hello")
	r.eventually(site, "the post", func() bool { return len(alice.Pushed()) == 1 })
	if _, err := alice.Post(t.Context(), "Hi"); err != nil {
		t.Fatal(err)
	}
	r.until(2)
}
