package realservers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// PostgresOptions say how PostgreSQL is set up.
type PostgresOptions struct {
	// Fast leaves out the waiting for the disk. What is committed still survives the end of any process, but not of the machine.
	Fast     bool
	Settings []string  // further ones, such as "shared_buffers=256MB"
	Log      io.Writer // what it writes, if not nil; used by another goroutine
}

// Postgres is a database server with an empty database, on a Unix socket in its own folder. Its methods are safe to call from any
// goroutine.
type Postgres struct {
	URL string // of the database

	options PostgresOptions
	bin     string // folder of its programs
	dir     string

	mu      sync.Mutex
	process *Process
	stopped bool
}

// postgresRetry is how long a new server waits for the processes of a killed one, which end when they notice.
const postgresRetry = 100 * time.Millisecond

// StartPostgres starts a server and returns once it takes connections. ctx bounds the start, not the server's life: Stop ends it.
// The error is exec.ErrNotFound if PostgreSQL is not installed.
func StartPostgres(ctx context.Context, o PostgresOptions) (*Postgres, error) {
	bin, err := postgresPrograms()
	if err != nil {
		return nil, fmt.Errorf("start postgres: %w", err)
	}
	dir, err := os.MkdirTemp("", "postgres-")
	if err != nil {
		return nil, fmt.Errorf("start postgres: %w", err)
	}
	p := &Postgres{options: o, bin: bin, dir: dir}
	p.URL = "postgresql:///postgres?" + url.Values{"host": {dir}, "user": {"passerelle"}}.Encode()
	if err := p.create(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("start postgres: %w", err), p.Stop())
	}
	if err := p.start(ctx); err != nil {
		return nil, errors.Join(err, p.Stop())
	}
	return p, nil
}

// postgresPrograms finds the folder of the newest version. Debian keeps them out of PATH.
func postgresPrograms() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if err != nil {
		return "", err
	}
	newest, bin := 0, ""
	for _, path := range found {
		dir := filepath.Dir(path)
		if version, err := strconv.Atoi(filepath.Base(filepath.Dir(dir))); err == nil && version > newest {
			newest, bin = version, dir
		}
	}
	if bin != "" {
		return bin, nil
	}
	path, err := exec.LookPath("postgres")
	if err != nil {
		return "", err
	}
	path, err = filepath.EvalSymlinks(path)
	return filepath.Dir(path), err
}

// create makes the files of the server.
func (p *Postgres) create(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, filepath.Join(p.bin, "initdb"), "--pgdata="+filepath.Join(p.dir, "data"),
		"--auth=trust", "--username=passerelle", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync")
	attr, err := p.credentials()
	if err != nil {
		return err
	}
	cmd.SysProcAttr, cmd.Dir = attr, p.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", errors.Join(err, context.Cause(ctx)), out)
	}
	return nil
}

// credentials are those of the user postgres if we are root, whom PostgreSQL refuses to work for; the folder becomes his.
func (p *Postgres) credentials() (*syscall.SysProcAttr, error) {
	if os.Getuid() != 0 {
		return &syscall.SysProcAttr{}, nil
	}
	c, err := credential("postgres")
	if err != nil {
		return nil, err
	}
	if err := os.Chown(p.dir, int(c.Uid), int(c.Gid)); err != nil {
		return nil, err
	}
	return &syscall.SysProcAttr{Credential: c}, nil
}

// Kill ends the server as a crash would. Restart brings it back.
func (p *Postgres) Kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.process != nil {
		p.process.Kill()
	}
}

// Restart starts the server again, after ending it if it still runs. Connections to it break.
func (p *Postgres) Restart(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped {
		return errors.New("restart postgres: it was stopped for good")
	}
	p.shutdown()
	return p.start(ctx)
}

// Stop ends the server for good. Stopping twice is safe.
func (p *Postgres) Stop() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped {
		return nil
	}
	p.stopped = true
	p.shutdown()
	return os.RemoveAll(p.dir)
}

// shutdown ends the server without waiting for its clients, which SIGTERM would do.
func (p *Postgres) shutdown() {
	if p.process == nil {
		return
	}
	p.process.signal(syscall.SIGINT)
	timer := time.NewTimer(stopTime)
	defer timer.Stop()
	select {
	case <-p.process.Done():
	case <-timer.C:
		p.process.Kill()
	}
}

func (p *Postgres) start(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startTime, errors.New("the processes of the last one do not end"))
	defer cancel()
	for {
		err := p.try(ctx)
		if !errors.Is(err, errInUse) {
			return err
		}
		timer := time.NewTimer(postgresRetry)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("%w: %w", context.Cause(ctx), err)
		}
	}
}

func (p *Postgres) try(ctx context.Context) error {
	args := []string{
		"-D", filepath.Join(p.dir, "data"), "-k", p.dir,
		"-c", "listen_addresses=", "-c", "max_connections=200", "-c", "log_min_messages=warning", "-c", "log_min_error_statement=panic",
	}
	if p.options.Fast {
		args = append(args, "-c", "fsync=off", "-c", "full_page_writes=off")
	}
	for _, setting := range p.options.Settings {
		args = append(args, "-c", setting)
	}
	cmd := exec.Command(filepath.Join(p.bin, "postgres"), args...)
	attr, err := p.credentials()
	if err != nil {
		return fmt.Errorf("start postgres: %w", err)
	}
	cmd.SysProcAttr, cmd.Dir = attr, p.dir
	process, err := start(ctx, cmd, p.options.Log, []string{"database system is ready to accept connections"}, "still in use")
	if err != nil {
		return err
	}
	p.process = process
	return nil
}
