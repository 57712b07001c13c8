package logging

import (
	"context"
	"io"
	"log/slog"
	"strconv"
	"sync"
	"time"
)

var _ slog.Handler = (*journal)(nil)

// journal writes text lines with the priority that journald takes from their beginning (sd-daemon(3)).
type journal struct {
	text slog.Handler
	out  *priorityWriter // shared with the handlers that were derived from this one
}

// priorityWriter puts the priority of the present record in front of the line that the text handler writes.
type priorityWriter struct {
	mu       sync.Mutex // held from setting priority until the line is written
	w        io.Writer
	priority int
	line     []byte
}

func newJournal(w io.Writer, o *slog.HandlerOptions) *journal {
	out := &priorityWriter{w: w}
	return &journal{text: slog.NewTextHandler(out, o), out: out}
}

// Write is called by the text handler, under mu.
func (p *priorityWriter) Write(line []byte) (int, error) {
	p.line = append(p.line[:0], '<')
	p.line = strconv.AppendInt(p.line, int64(p.priority), 10)
	p.line = append(p.line, '>')
	p.line = append(p.line, line...)
	if _, err := p.w.Write(p.line); err != nil {
		return 0, err
	}
	return len(line), nil
}

// priority is the syslog severity of a level (RFC 5424 §6.2.1).
func priority(l slog.Level) int {
	switch {
	case l >= slog.LevelError:
		return 3
	case l >= slog.LevelWarn:
		return 4
	case l >= slog.LevelInfo:
		return 6
	default:
		return 7
	}
}

func (j *journal) Enabled(ctx context.Context, l slog.Level) bool { return j.text.Enabled(ctx, l) }

func (j *journal) Handle(ctx context.Context, r slog.Record) error {
	j.out.mu.Lock()
	defer j.out.mu.Unlock()
	j.out.priority = priority(r.Level)
	// A record without a time is written without one (slog.Handler).
	r.Time = time.Time{}
	return j.text.Handle(ctx, r)
}

func (j *journal) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &journal{text: j.text.WithAttrs(attrs), out: j.out}
}

func (j *journal) WithGroup(name string) slog.Handler {
	return &journal{text: j.text.WithGroup(name), out: j.out}
}
