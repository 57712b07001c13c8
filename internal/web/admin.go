// Package web is in charge of the HTTP listeners, the operator's and the public one: how they are opened, limited and stopped, and
// the pages that tell the state of the process.
//
// It knows nothing about what is served besides: metrics, readiness checks and public pages are handed over by whoever wires the
// program.
package web

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"
)

// adminIdle is how long a connection to the operator's listener may rest: longer than a collector's interval.
const adminIdle = 2 * time.Minute

// AdminOptions are what the operator's listener serves.
type AdminOptions struct {
	Listen  string       // host:port, or unix: and the path of a socket
	Metrics http.Handler // what /metrics answers; nil for no such page
	Checks  []Check      // what /readyz asks
	Log     *slog.Logger
}

// ListenAdmin opens the listener for the operator: /healthz, /readyz and /metrics. Whoever reaches it is trusted. Nothing is answered
// before Serve; who does not call that calls Close.
func ListenAdmin(ctx context.Context, o AdminOptions) (*Server, error) {
	l, err := listen(ctx, o.Listen)
	if err != nil {
		return nil, fmt.Errorf("open admin listener: %w", err)
	}
	ready := newReadiness(o.Checks)
	s := newServer("admin", l, http.MaxBytesHandler(adminPages(ready, o.Metrics), maxBodyBytes), ready.stop)
	s.http.IdleTimeout = adminIdle
	s.http.ErrorLog = slog.NewLogLogger(o.Log.Handler(), slog.LevelWarn)
	return s, nil
}

func adminPages(ready *readiness, metrics http.Handler) http.Handler {
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
