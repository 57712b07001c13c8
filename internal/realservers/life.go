package realservers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"

	"passerelle/internal/realservers/freeport"
)

// life is what all servers have in common: a process with a folder of its own, on ports that it keeps when it starts again. Its
// exported methods are safe to call from any goroutine.
type life struct {
	name    string                 // of the server, for people
	lingers bool                   // it takes a second or more to end in order, for nothing where its folder goes
	user    string                 // who it runs as when root starts it; root if empty
	log     io.Writer              // what it writes, if not nil
	listen  []*string              // its addresses, which begin chooses
	prepare func() (launch, error) // writes its files

	dir     string // its files
	keepDir bool   // the folder was there before and stays

	mu      sync.Mutex
	process *Process
	stopped bool
}

// launch is how a server is started.
type launch struct {
	cmd   *exec.Cmd
	ready []string // what it has written once it listens
	busy  string   // what it writes, in lower case, when a port is taken
	addrs []string // where it listens then
	// session has it begin a session of its own, rather than a group alone: for those that insist on it and change their user for a while, at
	// which Linux forgets that they end with this process. Somebody else sees to that then.
	session bool
}

// begin starts the server on ports that are free, in the folder or, if that is empty, in a temporary one. After an error nothing
// is left of it.
func (l *life) begin(ctx context.Context, dir string) error {
	l.dir, l.keepDir = dir, dir != ""
	err := l.first(ctx)
	if err != nil {
		return errors.Join(fmt.Errorf("start %s: %w", l.name, err), l.Stop())
	}
	return nil
}

func (l *life) first(ctx context.Context) error {
	var err error
	if !l.keepDir {
		if l.dir, err = os.MkdirTemp("", l.name+"-"); err != nil {
			return err
		}
	}
	for range attempts {
		chosen := make(map[int]bool) // the same port may come twice
		for _, addr := range l.listen {
			port, err := freeport.Choose()
			for ; err == nil && chosen[port]; port, err = freeport.Choose() {
			}
			if err != nil {
				return err
			}
			chosen[port], *addr = true, freeport.Address(port)
		}
		if err = l.start(ctx); !errors.Is(err, errInUse) {
			return err
		}
	}
	return err
}

// start runs the server once.
func (l *life) start(ctx context.Context) error {
	s, err := l.prepare()
	if err != nil {
		return err
	}
	if err := l.runAs(s.cmd); err != nil {
		return err
	}
	if s.session {
		if s.cmd.SysProcAttr == nil {
			s.cmd.SysProcAttr = &syscall.SysProcAttr{}
		}
		s.cmd.SysProcAttr.Setsid = true
	}
	process, err := start(ctx, s.cmd, l.log, s.ready, s.busy)
	if err != nil {
		return err
	}
	l.process = process
	if s.session {
		if err := guard(process); err != nil {
			return err
		}
	}
	for _, addr := range s.addrs {
		if err := reach(ctx, addr); err != nil {
			return err
		}
	}
	return nil
}

// runAs gives the command and the folder to the server's user. Servers would change their user by themselves, but whoever does
// so loses the signal on the death of his parent.
func (l *life) runAs(cmd *exec.Cmd) error {
	if l.user == "" || os.Getuid() != 0 {
		return nil
	}
	c, err := credential(l.user)
	if err != nil {
		return err
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: c}
	return filepath.WalkDir(l.dir, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, int(c.Uid), int(c.Gid))
	})
}

// credential is what a program runs with as a user.
func credential(name string) (*syscall.Credential, error) {
	u, err := user.Lookup(name)
	if err != nil {
		return nil, err
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

// Kill ends the server as a crash would. Restart brings it back.
func (l *life) Kill() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.process != nil {
		l.process.Kill()
	}
}

// Restart starts the server again with its data and on its ports, after ending it if it still runs.
func (l *life) Restart(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped {
		return fmt.Errorf("restart %s: it was stopped for good", l.name)
	}
	l.process.Stop()
	if err := l.start(ctx); err != nil {
		return fmt.Errorf("restart %s: %w", l.name, err)
	}
	return nil
}

// Stop ends the server for good and removes its temporary folder. Stopping twice is safe.
func (l *life) Stop() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped {
		return nil
	}
	l.stopped = true
	if l.process != nil {
		if l.lingers && !l.keepDir {
			l.process.Kill()
		} else {
			l.process.Stop()
		}
	}
	if l.keepDir || l.dir == "" {
		return nil
	}
	return os.RemoveAll(l.dir)
}

// write writes a file of the server's, which only its user may read.
func (l *life) write(name, text string) error {
	path := filepath.Join(l.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(text), 0o600)
}

// guard starts a shell that ends a server's group when this process is gone, which it knows by the end of its input.
func guard(p *Process) error {
	cmd := exec.Command("/bin/sh", "-c", "read -r _ || kill -s KILL -- -"+strconv.Itoa(p.Pid()))
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return errors.Join(err, in.Close())
	}
	go func() {
		<-p.Done()
		_, _ = io.WriteString(in, "\n") // so it need not end anything
		_ = in.Close()
		_ = cmd.Wait()
	}()
	return nil
}
