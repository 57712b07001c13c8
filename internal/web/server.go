package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// Limits of both listeners. A stuck client must not hold on to anything for ever.
const (
	headerTimeout  = 5 * time.Second
	readTimeout    = 10 * time.Second
	writeTimeout   = 30 * time.Second
	maxHeaderBytes = 16 << 10
	maxBodyBytes   = 64 << 10
	stopTimeout    = 5 * time.Second // how long requests may take once Serve is told to stop
)

// Server is one listener with its pages. Serve is called once; Addr and Close are safe to call from any goroutine.
type Server struct {
	name     string // for errors
	listener net.Listener
	http     *http.Server
	stopped  func() error // ends what the pages have started; called after the last request
}

// newServer puts pages behind a listener, with the limits of both listeners. What they read of a body they limit themselves.
func newServer(name string, l net.Listener, pages http.Handler, stopped func() error) *Server {
	return &Server{
		name: name, listener: l, stopped: stopped,
		http: &http.Server{
			Handler:           pages,
			ReadHeaderTimeout: headerTimeout,
			ReadTimeout:       readTimeout,
			WriteTimeout:      writeTimeout,
			MaxHeaderBytes:    maxHeaderBytes,
		},
	}
}

// Addr is where the listener is; with port 0 in the options, the port that the system chose.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Close closes the listener without having served.
func (s *Server) Close() error { return s.listener.Close() }

// Serve answers requests until ctx ends. Then it takes no new ones, lets those that run finish for a few seconds, and returns
// nil; when it returns, nothing of it runs any more but checks that ignore their context.
func (s *Server) Serve(ctx context.Context) error {
	served := make(chan error, 1) // one value, sent by the goroutine below as its last act
	go func() { served <- s.http.Serve(s.listener) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve %s listener: %w", s.name, errors.Join(err, s.http.Close(), s.stopped()))
	case <-ctx.Done():
	}
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	err := s.http.Shutdown(stopping)
	if err != nil {
		err = errors.Join(err, s.http.Close())
	}
	<-served // http.ErrServerClosed, because of Shutdown
	if err = errors.Join(err, s.stopped()); err != nil {
		return fmt.Errorf("stop %s listener: %w", s.name, err)
	}
	return nil
}

// writeText answers with plain text that nobody keeps.
func writeText(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	// The client may be gone; there is nobody to tell.
	_, _ = io.WriteString(w, text)
}
