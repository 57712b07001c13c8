package main

import (
	"context"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"time"
)

// notifier tells systemd how the process is (sd_notify(3)). Under anything else it does nothing. Safe to use from any goroutine.
type notifier struct {
	socket string        // empty for nobody to tell
	every  time.Duration // in which systemd wants a sign of life; 0 for never
	log    *slog.Logger
}

// newNotifier reads what systemd wants out of the environment.
func newNotifier(getenv func(string) string, log *slog.Logger) *notifier {
	n := &notifier{socket: getenv("NOTIFY_SOCKET"), log: log}
	if rest, ok := strings.CutPrefix(n.socket, "@"); ok { // unix(7), abstract
		n.socket = "\x00" + rest
	}
	if micros, err := strconv.ParseInt(getenv("WATCHDOG_USEC"), 10, 64); err == nil && micros > 0 {
		n.every = time.Duration(micros) * time.Microsecond
	}
	return n
}

// tell sends a state such as READY=1. Where it is lost systemd notices: it waits for the next one.
func (n *notifier) tell(state string) {
	if n.socket == "" {
		return
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: n.socket, Net: "unixgram"})
	if err == nil {
		_, err = conn.Write([]byte(state))
		_ = conn.Close() // nothing is read from it
	}
	if err != nil {
		n.log.Warn("systemd was not told how passerelle is", "state", state, "error", err)
	}
}

// live gives signs of life until ctx ends, twice in the time in which systemd wants one. A process whose goroutines run no more gives none, and is
// killed and started anew. One whose disk hangs gives them: that would not mend it.
func (n *notifier) live(ctx context.Context) error {
	if n.every == 0 || n.socket == "" {
		return nil
	}
	t := time.NewTicker(n.every / 2)
	defer t.Stop()
	for {
		n.tell("WATCHDOG=1")
		select {
		case <-t.C:
		case <-ctx.Done():
			return nil
		}
	}
}
