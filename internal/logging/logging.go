// Package logging is in charge of how the log looks: its levels, the text and JSON forms, the priorities that journald reads,
// and how users are named in it.
//
// It decides nothing about what is logged. The logger is built once and passed to whoever logs; there is no global one.
package logging

import (
	"fmt"
	"io"
	"log/slog"
)

// LevelTrace is below Debug: what goes over the wire, with secrets and bodies masked by whoever logs it.
const LevelTrace = slog.LevelDebug - 4

// ParseLevel reads the name of a level: trace, debug, info, warn or error.
func ParseLevel(name string) (slog.Level, error) {
	switch name {
	case "trace":
		return LevelTrace, nil
	case "debug":
		return slog.LevelDebug, nil
	case "info":
		return slog.LevelInfo, nil
	case "warn":
		return slog.LevelWarn, nil
	case "error":
		return slog.LevelError, nil
	}
	return 0, fmt.Errorf("there is no log level %q", name)
}

// Options say how the log looks.
type Options struct {
	Level slog.Leveler // what is left out is below it; a *slog.LevelVar can change while the program runs. Nil is info.
	JSON  bool         // for programs; the default is text for people
	// Journal says that the log goes to journald, as it does where $JOURNAL_STREAM is set: text lines then begin with their
	// priority (sd-daemon(3)) and have no time, which journald adds. It has no effect on JSON.
	Journal bool
}

// New builds a logger that writes to w, one Write for each line. It is safe to use from any goroutine.
func New(w io.Writer, o Options) *slog.Logger {
	handler := &slog.HandlerOptions{Level: o.Level, ReplaceAttr: nameTrace}
	switch {
	case o.JSON:
		return slog.New(slog.NewJSONHandler(w, handler))
	case o.Journal:
		return slog.New(newJournal(w, handler))
	default:
		return slog.New(slog.NewTextHandler(w, handler))
	}
}

// nameTrace writes TRACE for the level that slog would call DEBUG-4.
func nameTrace(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && a.Key == slog.LevelKey && a.Value.Any() == LevelTrace {
		a.Value = slog.StringValue("TRACE")
	}
	return a
}
