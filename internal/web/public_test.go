package web

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// startPublic serves until the test ends and returns the address.
func startPublic(t *testing.T, o PublicOptions, log io.Writer) net.Addr {
	t.Helper()
	o.Listen = "127.0.0.1:0"
	o.Log = slog.New(slog.NewTextHandler(log, nil))
	s, err := ListenPublic(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	serveUntilEnd(t, s)
	return s.Addr()
}

// serveUntilEnd serves until the test ends.
func serveUntilEnd(t *testing.T, s *Server) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Errorf("Serve = %v", err)
		}
	})
}

func parseURL(t *testing.T, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestPublicPages(t *testing.T) {
	t.Parallel()
	hello := Page{Pattern: "GET /hello/{name}", Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "private")
		_, _ = io.WriteString(w, "hello "+r.PathValue("name"))
	})}
	form := Page{Pattern: "POST /form", Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			http.Error(w, "too much", http.StatusRequestEntityTooLarge)
			return
		}
		writeText(w, http.StatusOK, r.PostForm.Get("a"))
	})}
	large := form
	large.Pattern, large.Body = "POST /large", 2*maxBodyBytes
	profile := Page{Host: "social.example", Pattern: "GET /{$}", Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		writeText(w, http.StatusOK, "people")
	})}
	for _, test := range []struct {
		name, base         string
		method, path, send string
		status             int
		body               string
	}{
		{"root", "https://a.b", "GET", "/", "", 200, "Passerelle, a gateway"},
		{"robots", "https://a.b", "GET", "/robots.txt", "", 200, "User-agent: *\nDisallow: /\n"},
		{"a page", "https://a.b", "GET", "/hello/bob", "", 200, "hello bob"},
		{"without its body", "https://a.b", "HEAD", "/hello/bob", "", 200, ""},
		{"another method", "https://a.b", "POST", "/hello/bob", "", 405, "Method Not Allowed\n"},
		{"no page", "https://a.b", "GET", "/hello/", "", 404, "404 page not found\n"},
		{"below a path", "https://a.b/gw", "GET", "/gw/hello/bob", "", 200, "hello bob"},
		{"the path itself, written badly", "https://a.b/gw", "GET", "/gw//hello//bob", "", 200, "hello bob"},
		{"beside the path", "https://a.b/gw", "GET", "/hello/bob", "", 404, "404 page not found\n"},
		{"form", "http://a.b", "POST", "/form", "a=b", 200, "b"},
		{"of a host", "http://a.b/gw", "GET", "//social.example:81/", "", 200, "people"},
		{"of another host", "http://a.b", "GET", "//elsewhere.example/", "", 200, "Passerelle, a gateway"},
		{"a large body", "http://a.b", "POST", "/large", "a=" + strings.Repeat("b", maxBodyBytes), 200, "bbb"},
		{"one too large", "http://a.b", "POST", "/large", "a=" + strings.Repeat("b", 2*maxBodyBytes), 413, "too much\n"},
		{"a form too large", "http://a.b", "POST", "/form", "a=" + strings.Repeat("b", maxBodyBytes), 413, "too much\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			addr := startPublic(t, PublicOptions{URL: parseURL(t, test.base), Pages: []Page{hello, form, large, profile}}, io.Discard)
			path, host := test.path, ""
			if rest, named := strings.CutPrefix(path, "//"); named {
				host, path, _ = strings.Cut(rest, "/")
				path = "/" + path
			}
			req, err := http.NewRequestWithContext(t.Context(), test.method, "http://"+addr.String()+path, strings.NewReader(test.send))
			if err != nil {
				t.Fatal(err)
			}
			req.Host = host
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
			resp, err := client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			if err := resp.Body.Close(); err != nil {
				t.Fatal(err)
			}
			if resp.StatusCode != test.status || !strings.HasPrefix(string(body), test.body) || test.body == "" && len(body) > 0 {
				t.Errorf("%d %q, want %d %q", resp.StatusCode, body, test.status, test.body)
			}
			for name, want := range map[string]string{
				"Content-Security-Policy": "default-src 'none'", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
				"Cache-Control": map[bool]string{true: "private", false: "no-store"}[strings.HasPrefix(test.body, "hello") || test.method == "HEAD"],
			} {
				if got := resp.Header.Get(name); !strings.HasPrefix(got, want) {
					t.Errorf("%s: %q, want %q", name, got, want)
				}
			}
			if got := resp.Header.Get("Strict-Transport-Security"); (got != "") != strings.HasPrefix(test.base, "https:") {
				t.Errorf("Strict-Transport-Security: %q", got)
			}
		})
	}
}

// A page that fails takes nothing with it but its connection, and the log does not have the secret in the path.
func TestPublicPanic(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	t.Run("serve", func(t *testing.T) {
		addr := startPublic(t, PublicOptions{URL: parseURL(t, "https://a.b"), Pages: []Page{{
			Pattern: "GET /link/{secret}", Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("out of cheese") }),
		}}}, &log)
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		if resp, err := client.Get("http://" + addr.String() + "/link/s3cret"); err == nil {
			t.Errorf("status = %d, want an end of the connection", resp.StatusCode)
			if err := resp.Body.Close(); err != nil {
				t.Error(err)
			}
		}
		if status, _ := get(t, client, "http://"+addr.String()+"/"); status != http.StatusOK {
			t.Errorf("after a panic: %d", status)
		}
	})
	if got := log.String(); !strings.Contains(got, "out of cheese") || strings.Contains(got, "s3cret") {
		t.Errorf("log = %s", got)
	}
}

// writePair makes a certificate for localhost with that serial number.
func writePair(t *testing.T, dir string, serial int64, changed time.Time) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), DNSNames: []string{"localhost"}, NotAfter: time.Now().Add(time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for name, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: cert}, keyFile: {Type: "PRIVATE KEY", Bytes: der}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(name, changed, changed); err != nil {
			t.Fatal(err)
		}
	}
	return certFile, keyFile
}

func TestPublicTLS(t *testing.T) {
	t.Parallel()
	certFile, keyFile := writePair(t, t.TempDir(), 1, time.Now())
	addr := startPublic(t, PublicOptions{URL: parseURL(t, "https://localhost"), CertFile: certFile, KeyFile: keyFile}, io.Discard)
	roots := x509.NewCertPool()
	data, err := os.ReadFile(certFile)
	if err != nil {
		t.Fatal(err)
	}
	roots.AppendCertsFromPEM(data)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: "localhost"}, ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	resp, err := (&http.Client{Transport: transport}).Get("https://" + addr.String() + "/")
	if err != nil {
		t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK || resp.ProtoMajor != 2 {
		t.Errorf("%s over %s, want 200 over HTTP/2.0", resp.Status, resp.Proto)
	}
}

// Some clients say that they speak HTTP/1.0 and nothing else, first in TLS and then in the request. They are served without chunks.
func TestHTTP10(t *testing.T) {
	t.Parallel()
	certFile, keyFile := writePair(t, t.TempDir(), 1, time.Now())
	page := Page{Pattern: "GET /long", Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, strings.Repeat("x", 10_000))
	})}
	addr := startPublic(t, PublicOptions{URL: parseURL(t, "https://localhost"), CertFile: certFile, KeyFile: keyFile, Pages: []Page{page}}, io.Discard)
	roots := x509.NewCertPool()
	data, err := os.ReadFile(certFile)
	if err != nil {
		t.Fatal(err)
	}
	roots.AppendCertsFromPEM(data)
	c, err := tls.Dial("tcp", addr.String(), &tls.Config{RootCAs: roots, ServerName: "localhost", NextProtos: []string{"http/1.0"}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, "GET /long HTTP/1.0\r\nHost: localhost\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(c) // the server closes the connection behind it
	if err != nil {
		t.Fatal(err)
	}
	head, body, _ := strings.Cut(string(answer), "\r\n\r\n")
	if !strings.HasPrefix(head, "HTTP/1.0 200") || strings.Contains(head, "chunked") || body != strings.Repeat("x", 10_000) {
		t.Errorf("%d bytes behind %s", len(body), head)
	}
}

// A renewed certificate is taken without a restart, a broken one is not.
func TestRenewedCertificate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	begun := time.Now()
	certFile, keyFile := writePair(t, dir, 1, begun)
	synctest.Test(t, func(t *testing.T) {
		c, err := loadCertificate(certFile, keyFile, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		want := func(serial int64) {
			t.Helper()
			got, err := c.get(nil)
			if err != nil || got.Leaf.SerialNumber.Int64() != serial {
				t.Errorf("serial = %v, %v; want %d", got.Leaf.SerialNumber, err, serial)
			}
		}
		want(1)
		writePair(t, dir, 2, begun.Add(time.Second))
		want(1) // not looked at again yet
		time.Sleep(recheck)
		want(2)
		if err := os.WriteFile(keyFile, []byte("broken"), 0o600); err != nil {
			t.Fatal(err)
		}
		time.Sleep(recheck)
		want(2)
	})
	if _, err := loadCertificate(certFile, keyFile, slog.New(slog.DiscardHandler)); err == nil {
		t.Error("a broken certificate was taken")
	}
}
