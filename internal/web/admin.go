// Package web is in charge of the HTTP listeners: how they are opened, limited and stopped, and the pages that tell the state of
// the process.
//
// It knows nothing about what is served besides: metrics and readiness checks are handed over by whoever wires the program.
package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// Limits of the admin listener. Whoever reaches it is trusted, but a stuck client must not hold on to anything for ever.
const (
	headerTimeout  = 5 * time.Second
	readTimeout    = 10 * time.Second
	writeTimeout   = 30 * time.Second
	idleTimeout    = 2 * time.Minute
	maxHeaderBytes = 16 << 10
	maxBodyBytes   = 64 << 10
	stopTimeout    = 5 * time.Second // how long requests may take once Serve is told to stop
)

// Options are what the admin listener serves.
type Options struct {
	Listen  string       // host:port, or unix: and the path of a socket
	Metrics http.Handler // what /metrics answers; nil for no such page
	Checks  []Check      // what /readyz asks
	Log     *slog.Logger
}

// Admin is the listener for the operator: /healthz, /readyz and /metrics. Serve is called once; Addr and Close are safe to call
// from any goroutine.
type Admin struct {
	listener net.Listener
	server   *http.Server
	ready    *readiness
}

// Listen opens the admin listener. Nothing is answered before Serve; who does not call that calls Close.
func Listen(ctx context.Context, o Options) (*Admin, error) {
	l, err := listen(ctx, o.Listen)
	if err != nil {
		return nil, fmt.Errorf("open admin listener: %w", err)
	}
	ready := newReadiness(o.Checks)
	return &Admin{
		listener: l,
		ready:    ready,
		server: &http.Server{
			Handler:           http.MaxBytesHandler(routes(ready, o.Metrics), maxBodyBytes),
			ReadHeaderTimeout: headerTimeout,
			ReadTimeout:       readTimeout,
			WriteTimeout:      writeTimeout,
			IdleTimeout:       idleTimeout,
			MaxHeaderBytes:    maxHeaderBytes,
			ErrorLog:          slog.NewLogLogger(o.Log.Handler(), slog.LevelWarn),
		},
	}, nil
}

// routes are the pages.
func routes(ready *readiness, metrics http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		// The process answers, and that is all this page says.
		writeText(w, http.StatusOK, "ok\n")
	})
	mux.Handle("GET /readyz", ready)
	if metrics != nil {
		mux.Handle("GET /metrics", metrics)
	}
	return mux
}

// writeText answers with plain text that nobody keeps.
func writeText(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	// The client may be gone; there is nobody to tell.
	_, _ = io.WriteString(w, text)
}

// Addr is where the listener is; with port 0 in the options, the port that the system chose.
func (a *Admin) Addr() net.Addr { return a.listener.Addr() }

// Close closes the listener without having served.
func (a *Admin) Close() error { return a.listener.Close() }

// Serve answers requests until ctx ends. Then it takes no new ones, lets those that run finish for a few seconds, and returns
// nil; when it returns, nothing of it runs any more but checks that ignore their context.
func (a *Admin) Serve(ctx context.Context) error {
	served := make(chan error, 1) // one value, sent by the goroutine below as its last act
	go func() { served <- a.server.Serve(a.listener) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve admin listener: %w", errors.Join(err, a.server.Close(), a.ready.stop()))
	case <-ctx.Done():
	}
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	err := a.server.Shutdown(stopping)
	if err != nil {
		err = errors.Join(err, a.server.Close())
	}
	<-served // http.ErrServerClosed, because of Shutdown
	if err = errors.Join(err, a.ready.stop()); err != nil {
		return fmt.Errorf("stop admin listener: %w", err)
	}
	return nil
}
