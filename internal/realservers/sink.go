package realservers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"time"

	"passerelle/internal/realservers/freeport"
)

// SinkOptions say what smtp-sink(1) does wrong.
type SinkOptions struct {
	Args []string  // such as "-f", "RCPT"
	Log  io.Writer // what it writes, if not nil; used by another goroutine
}

// Sink is Postfix's smtp-sink, a server that takes mail and forgets it. Its methods are safe to call from any goroutine.
type Sink struct {
	*Process
	Addr string
}

// sinkPoll lies between two looks whether it listens, of which it says nothing.
const sinkPoll = 5 * time.Millisecond

// StartSink starts a server and returns once it listens. The error is exec.ErrNotFound if Postfix is not installed.
func StartSink(ctx context.Context, o SinkOptions) (*Sink, error) {
	path, err := program("smtp-sink")
	if err != nil {
		return nil, fmt.Errorf("start smtp-sink: %w", err)
	}
	for range attempts {
		port, err := freeport.Choose()
		if err != nil {
			return nil, err
		}
		s := &Sink{Addr: freeport.Address(port)}
		cmd := exec.Command(path, append(slices.Clone(o.Args), s.Addr, "128")...)
		if os.Getuid() == 0 { // it wants to be told whom to become then, and would outlive us once it had
			c, err := credential(nobody)
			if err != nil {
				return nil, err
			}
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: c}
		}
		if s.Process, err = Spawn(cmd, o.Log); err != nil {
			return nil, err
		}
		if err = s.listens(ctx); err == nil {
			return s, nil
		}
		s.Process.Kill()
		if !errors.Is(err, errInUse) {
			return nil, fmt.Errorf("start smtp-sink: %w; it says\n%s", err, s.Tail())
		}
	}
	return nil, fmt.Errorf("start smtp-sink: %w", errInUse)
}

// listens waits until it does.
func (s *Sink) listens(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	ticker := time.NewTicker(sinkPoll)
	defer ticker.Stop()
	for {
		if reach(ctx, s.Addr) == nil {
			return nil
		}
		select {
		case <-ticker.C:
		case <-s.Done(): // it ends at once where the port is taken
			return errInUse
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// Stop ends it. Stopping twice is safe.
func (s *Sink) Stop() error {
	s.Process.Kill()
	return nil
}

// Restart ends it, unless it has ended, and starts it again at the same address with other arguments.
func (s *Sink) Restart(ctx context.Context, o SinkOptions) error {
	s.Process.Kill()
	args := slices.Clone(o.Args)
	if os.Getuid() == 0 {
		args = append(args, "-u", nobody)
	}
	path, err := program("smtp-sink")
	if err == nil {
		s.Process, err = Spawn(exec.Command(path, append(args, s.Addr, "128")...), o.Log)
	}
	if err == nil {
		err = s.listens(ctx)
	}
	if err != nil {
		return fmt.Errorf("restart smtp-sink: %w", err)
	}
	return nil
}
