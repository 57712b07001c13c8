package web

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"
)

// ControlOptions are what the socket for commands serves.
type ControlOptions struct {
	Socket string // its path
	Pages  http.Handler
	Log    *slog.Logger
}

// controlTimeout is how long a command may take: more than it may wait for the database. What is read has as long, since the end of that
// time would end the command's context.
const controlTimeout = 35 * time.Second

// controlMode keeps everybody out but the owner, and root.
const controlMode = 0o600

// ListenControl opens the socket on which the operator's command line talks to the process. Root and the process's own user are let
// in, and nobody else. Nothing is answered before Serve; who does not call that calls Close.
func ListenControl(ctx context.Context, o ControlOptions) (*Server, error) {
	l, err := listenSocket(ctx, o.Socket, controlMode)
	if err != nil {
		return nil, fmt.Errorf("open socket for commands: %w", err)
	}
	s := newServer("control", l, http.MaxBytesHandler(ownerOnly(o.Pages), maxBodyBytes), func() error { return nil })
	s.http.ReadTimeout, s.http.WriteTimeout, s.http.IdleTimeout = controlTimeout, controlTimeout, adminIdle
	s.http.ErrorLog = slog.NewLogLogger(o.Log.Handler(), slog.LevelWarn)
	s.http.ConnContext = func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, connKey{}, c) }
	return s, nil
}

// connKey is where a request's context has its connection.
type connKey struct{}

// ownerOnly lets root and the process's own user in. The mode of the socket does the same, but on some systems only its directory's.
func ownerOnly(pages http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, _ := r.Context().Value(connKey{}).(net.Conn)
		uid, err := peerUser(c)
		if err != nil || uid != 0 && uid != os.Geteuid() {
			writeText(w, http.StatusForbidden, "this socket is for root and the user that passerelle runs as\n")
			return
		}
		pages.ServeHTTP(w, r)
	})
}
