package web

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Limits of the public listener, on top of those of both and of its connections (crowd.go).
const (
	maxStreams = 16 // requests at a time on one HTTP/2 connection
	publicIdle = 20 * time.Second
)

// PublicOptions are what the public listener serves.
type PublicOptions struct {
	Listen string // host:port, or unix: and the path of a socket
	// URL is where others reach the listener, as in config: pages stand below its path, so that a proxy need not rewrite paths.
	URL *url.URL
	// CertFile and KeyFile are a TLS certificate and its key in PEM, read again when they change; empty where a proxy has them.
	CertFile, KeyFile string
	Pages             []Page
	Log               *slog.Logger
}

// Page is something that the public listener serves. Its handler may change the headers that every answer has, see publicHeaders,
// and may use http.ResponseController to allow itself more time than writeTimeout. What it reads of a request's body ends with an
// error after Body bytes; 0: 64 KiB.
type Page struct {
	Pattern string // of http.ServeMux, with a method and a path below that of PublicOptions.URL: "GET /files/{id}"
	// Host is the host that the page is at, without a port, and at its root; empty for every host.
	Host    string
	Handler http.Handler
	Body    int64
}

// ListenPublic opens the listener for everybody. Nothing is answered before Serve; who does not call that calls Close.
func ListenPublic(ctx context.Context, o PublicOptions) (*Server, error) {
	return listenPublic(ctx, o, maxPublicConns)
}

func listenPublic(ctx context.Context, o PublicOptions, conns int) (*Server, error) {
	var certificates *tls.Config
	if o.CertFile != "" {
		get, err := Certificate(o.CertFile, o.KeyFile, o.Log)
		if err != nil {
			return nil, fmt.Errorf("open public listener: %w", err)
		}
		certificates = &tls.Config{GetCertificate: get, MinVersion: tls.VersionTLS12, NextProtos: protocols()}
	}
	l, err := listen(ctx, o.Listen)
	if err != nil {
		return nil, fmt.Errorf("open public listener: %w", err)
	}
	l = newCrowd(l, conns)
	if certificates != nil {
		l = tls.NewListener(l, certificates)
	}
	s := newServer("public", l, publicPages(o), func() error { return nil })
	s.http.IdleTimeout, s.http.ConnContext = publicIdle, withConn
	s.http.HTTP2 = &http.HTTP2Config{MaxConcurrentStreams: maxStreams}
	// What strangers do wrong, such as half a TLS handshake, is nothing to warn the operator of.
	s.http.ErrorLog = slog.NewLogLogger(o.Log.Handler(), slog.LevelDebug)
	return s, nil
}

// protocols are those that a client may offer (RFC 7301). GNU social offers the last one alone.
func protocols() []string { return []string{"h2", "http/1.1", "http/1.0"} }

// publicPages are the pages handed over and the two that every site has.
func publicPages(o PublicOptions) http.Handler {
	pages := append([]Page{
		{Pattern: "GET /{$}", Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			writeText(w, http.StatusOK, "Passerelle, a gateway from XMPP to other networks. There is nothing to see here.\n")
		})},
		// RFC 9309 §2.2: addresses of files and forms are nobody's business but their receivers'.
		{Pattern: "GET /robots.txt", Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			writeText(w, http.StatusOK, "User-agent: *\nDisallow: /\n")
		})},
	}, o.Pages...)
	mux := http.NewServeMux()
	base := strings.TrimSuffix(o.URL.Path, "/")
	for _, p := range pages {
		// Patterns get the path in front, instead of requests losing it: redirects of the mux have to lead below it too.
		method, path, _ := strings.Cut(p.Pattern, " ")
		at := base
		if p.Host != "" {
			at = p.Host
		}
		mux.Handle(method+" "+at+path, http.MaxBytesHandler(p.Handler, cmp.Or(p.Body, maxBodyBytes)))
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer serving(r)()
		publicHeaders(w.Header(), o.URL.Scheme)
		guard(o.Log, mux, w, r)
	})
}

// publicHeaders are what every answer has unless its page says otherwise: a browser runs, loads, frames and guesses nothing, tells
// other sites nothing and keeps nothing.
func publicHeaders(h http.Header, scheme string) {
	h.Set("Content-Security-Policy", "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Robots-Tag", "noindex, nofollow")
	h.Set("Cache-Control", "no-store")
	if scheme == "https" {
		h.Set("Strict-Transport-Security", "max-age=31536000") // RFC 6797 §6.1
	}
}

// guard keeps a panic of a page where it happened and tells the operator. The path is not logged: in it are the secrets of links.
func guard(log *slog.Logger, pages http.Handler, w http.ResponseWriter, r *http.Request) {
	defer func() {
		switch p := recover(); p {
		case nil:
		case http.ErrAbortHandler:
			panic(p) // net/http ends the connection, and nothing went wrong
		default:
			log.Error("panic in a public page", "pattern", r.Pattern, "panic", fmt.Sprint(p))
			panic(http.ErrAbortHandler)
		}
	}()
	pages.ServeHTTP(w, r)
}
