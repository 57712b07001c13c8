package realservers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	startTime = 2 * time.Minute  // for a server to listen, on a busy machine
	stopTime  = 12 * time.Second // for a server to end by itself, before it is killed
	tailSize  = 8 << 10          // bytes of a server's log that a fault shows
	attempts  = 5                // with other ports, when the chosen ones are taken meanwhile
)

// errInUse is a server's complaint that another program has its port.
var errInUse = errors.New("address in use")

// program finds a server's program; those in sbin are not in everybody's PATH. The error is exec.ErrNotFound.
func program(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err == nil {
		return path, nil
	}
	for _, dir := range []string{"/usr/sbin", "/usr/local/sbin"} {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path, nil
		}
	}
	return "", err
}

// Process is a running server: one of this package's, or any other program. Its methods are safe to call from any goroutine.
type Process struct {
	cmd  *exec.Cmd
	log  *log
	done chan struct{} // closed when it has ended
}

// Spawn starts a program in a process group of its own that ends with this process. What it writes goes to out, if that is not
// nil. The caller ends it with Kill or Stop.
func Spawn(cmd *exec.Cmd, out io.Writer) (*Process, error) { return spawn(cmd, &log{out: out}) }

func spawn(cmd *exec.Cmd, l *log) (*Process, error) {
	p := &Process{cmd: cmd, log: l, done: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = l, l
	// A group of its own, so that a signal reaches what the program may start; and a signal if this process dies first.
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = !cmd.SysProcAttr.Setsid // a session has a group
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	cmd.WaitDelay = stopTime
	started := make(chan error, 1)
	go func() {
		// Linux sends that signal when the thread ends that started the program, so the thread stays until the program is gone.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(p.done)
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ended is in its log, and it was told to
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", filepath.Base(cmd.Path), err)
	}
	return p, nil
}

// start runs a server until it has logged that it listens: every text of ready was seen. A log line with busy in it means that a
// port is taken.
func start(ctx context.Context, cmd *exec.Cmd, out io.Writer, ready []string, busy string) (*Process, error) {
	l := &log{out: out, wait: ready, busy: busy, ready: make(chan struct{}), inUse: make(chan struct{})}
	p, err := spawn(cmd, l)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, startTime, errors.New("it does not listen"))
	defer cancel()
	select {
	case <-l.ready:
		if !l.isInUse() { // some start without a port
			return p, nil
		}
		err = errInUse
	case <-l.inUse:
		err = errInUse
	case <-p.done:
		err = errors.New("it ended")
		if l.isInUse() {
			err = errInUse
		}
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	p.Kill()
	return nil, fmt.Errorf("%w; the end of its log:\n%s", err, p.Tail())
}

// Done is closed when the program has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Tail is the end of what the program wrote.
func (p *Process) Tail() string { return p.log.tail() }

// Kill ends the program at once and waits for its end. It is safe to call twice.
func (p *Process) Kill() {
	p.signal(syscall.SIGKILL)
	<-p.done
}

// Hold stops the program where it is, until Release.
func (p *Process) Hold() { p.signal(syscall.SIGSTOP) }

// Release has a program that Hold stopped go on.
func (p *Process) Release() { p.signal(syscall.SIGCONT) }

// Stop lets the program end by itself, or kills it if it does not in time.
func (p *Process) Stop() {
	p.signal(syscall.SIGTERM)
	timer := time.NewTimer(stopTime)
	defer timer.Stop()
	select {
	case <-p.done:
	case <-timer.C:
		p.Kill()
	}
}

func (p *Process) signal(s syscall.Signal) {
	select {
	case <-p.done: // its number may belong to another process by now
	default:
		_ = syscall.Kill(-p.cmd.Process.Pid, s) // fails only if it has just ended
	}
}

// reach connects to an address once, which a server that listens takes.
func reach(ctx context.Context, addr string) error {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	return conn.Close()
}

// log is what a server writes. It keeps the end and watches for the lines that start waits for.
type log struct {
	out  io.Writer // may be nil
	busy string

	ready, inUse chan struct{} // closed when seen

	mu   sync.Mutex
	wait []string // what is still to be seen
	line []byte   // the beginning of a line
	last []byte
	used bool
}

func (l *log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last = append(l.last, b...)
	if extra := len(l.last) - tailSize; extra > 0 {
		l.last = append(l.last[:0], l.last[extra:]...)
	}
	l.line = append(l.line, b...)
	for {
		line, rest, ok := strings.Cut(string(l.line), "\n")
		if !ok {
			break
		}
		l.line = []byte(rest)
		l.see(line)
	}
	if l.out != nil {
		return l.out.Write(b)
	}
	return len(b), nil
}

func (l *log) see(line string) {
	if l.busy != "" && strings.Contains(strings.ToLower(line), l.busy) && !l.used {
		l.used = true
		close(l.inUse)
	}
	if len(l.wait) == 0 {
		return
	}
	var left []string
	for _, text := range l.wait {
		if !strings.Contains(line, text) {
			left = append(left, text)
		}
	}
	if l.wait = left; len(left) == 0 {
		close(l.ready)
	}
}

func (l *log) isInUse() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.used
}

func (l *log) tail() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.last)
}

// Pid is the program's process id.
func (p *Process) Pid() int { return p.cmd.Process.Pid }
