package realservers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"

	"passerelle/internal/realservers/freeport"
)

// NgircdOptions say how ngIRCd is set up.
type NgircdOptions struct {
	Name string    // the server's name, with a dot in it; "irc.test.example" if empty
	Log  io.Writer // what it writes, if not nil; used by another goroutine
}

// Ngircd is an IRC server without any limit that tests could run into. Its methods are safe to call from any goroutine.
type Ngircd struct {
	Addr string // where clients connect, without TLS
	Name string

	options NgircdOptions
	dir     string
	port    int

	mu      sync.Mutex
	process *Process
	stopped bool
}

// nobody is the user and group nobody on Debian, whom ngIRCd changes to when it is started as root.
const nobody = 65534

// StartNgircd starts a server and returns once it listens. ctx bounds the start, not the server's life: Stop ends it. The error
// is exec.ErrNotFound if ngIRCd is not installed.
func StartNgircd(ctx context.Context, o NgircdOptions) (*Ngircd, error) {
	if _, err := program("ngircd"); err != nil {
		return nil, fmt.Errorf("start ngircd: %w", err)
	}
	if o.Name == "" {
		o.Name = "irc.test.example"
	}
	dir, err := os.MkdirTemp("", "ngircd-")
	if err != nil {
		return nil, fmt.Errorf("start ngircd: %w", err)
	}
	n := &Ngircd{Name: o.Name, options: o, dir: dir}
	if err := n.begin(ctx); err != nil {
		return nil, errors.Join(err, n.Stop())
	}
	return n, nil
}

// begin starts the server on a port that is free.
func (n *Ngircd) begin(ctx context.Context) error {
	var err error
	for range attempts {
		if n.port, err = freeport.Choose(); err != nil {
			return err
		}
		n.Addr = freeport.Address(n.port)
		if err = n.start(ctx); !errors.Is(err, errInUse) {
			return err
		}
	}
	return err
}

// Kill ends the server as a crash would. Restart brings it back.
func (n *Ngircd) Kill() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.process != nil {
		n.process.Kill()
	}
}

// Restart starts the server again on its port, after ending it if it still runs.
func (n *Ngircd) Restart(ctx context.Context) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.stopped {
		return errors.New("restart ngircd: it was stopped for good")
	}
	n.process.Stop()
	return n.start(ctx)
}

// Stop ends the server for good. Stopping twice is safe.
func (n *Ngircd) Stop() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.stopped {
		return nil
	}
	n.stopped = true
	if n.process != nil {
		n.process.Stop()
	}
	return os.RemoveAll(n.dir)
}

func (n *Ngircd) start(ctx context.Context) error {
	path, err := program("ngircd")
	if err != nil {
		return fmt.Errorf("start ngircd: %w", err)
	}
	config := filepath.Join(n.dir, "ngircd.conf")
	if err := os.WriteFile(config, fmt.Appendf(nil, ngircdConfig, n.Name, n.port), 0o644); err != nil {
		return fmt.Errorf("start ngircd: %w", err)
	}
	file, err := os.Open(config)
	if err != nil {
		return fmt.Errorf("start ngircd: %w", err)
	}
	defer func() { _ = file.Close() }() // it was only read
	// By descriptor, because nobody may not look into the folder.
	cmd := exec.Command(path, "--nodaemon", "--config", "/proc/self/fd/3")
	cmd.ExtraFiles = []*os.File{file}
	if os.Getuid() == 0 {
		// It would change to nobody by itself, but whoever changes his user loses the signal on the death of his parent.
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
	process, err := start(ctx, cmd, n.options.Log, []string{"Now listening on [127.0.0.1]:"}, "address already in use")
	if err != nil {
		return err
	}
	n.process = process
	if err := reach(ctx, n.Addr); err != nil {
		return fmt.Errorf("start ngircd: %w", err)
	}
	return nil
}

// ngircdConfig takes the name and the port. Debian's defaults allow ten connections from an address and ten channels for a user,
// delay those who say much, and ask DNS, ident and PAM before anybody may come in.
const ngircdConfig = `; written by a test
[Global]
	Name = %s
	Info = test server
	AdminInfo1 = test
	AdminEMail = test@example.org
	Listen = 127.0.0.1
	Ports = %d
	MotdPhrase = A server for tests
[Limits]
	MaxConnections = 0
	MaxConnectionsIP = 0
	MaxJoins = 0
	MaxNickLength = 30
	MaxPenaltyTime = 0
	MaxListSize = 0
	PingTimeout = 120
	PongTimeout = 20
[Options]
	DNS = no
	Ident = no
	PAM = no
	OperCanUseMode = no
	SyslogFacility = user
`
