package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	_ "modernc.org/sqlite" // to change the database from outside

	"passerelle/internal/doctor"
	"passerelle/internal/xmpptest"
)

// clinic is a machine whose gateway the command doctor looks at.
type clinic struct {
	t      *testing.T
	dir    string
	server *xmpptest.Server
}

func newClinic(t *testing.T) *clinic {
	t.Helper()
	server, err := xmpptest.Listen(xmpptest.Options{Components: map[string]string{"irc.localhost": "s3cret"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	// The name of a socket has to be short.
	dir, err := os.MkdirTemp("", "doctor-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	c := &clinic{t: t, dir: dir, server: server}
	c.write("irc.secret", "s3cret\n")
	c.write("p.toml", c.settings(""))
	return c
}

// settings is a configuration, with more behind the table of the gateway.
func (c *clinic) settings(more string) string {
	return fmt.Sprintf("[[irc]]\ndomain = \"irc.localhost\"\nserver = %q\nsecret_file = \"irc.secret\"\n%s\n[store]\npath = \"data/p.db\"\n[admin]\nlisten = \"\"\n", c.server.Addr(), more)
}

func (c *clinic) write(name, text string) {
	c.t.Helper()
	name = filepath.Join(c.dir, name)
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		c.t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		c.t.Fatal(err)
	}
}

// env is what commands have of the machine.
func (c *clinic) env(stdout, stderr *strings.Builder) *environment {
	return &environment{stdin: strings.NewReader(""), stdout: stdout, stderr: stderr, getenv: func(string) string { return "" }, root: c.dir}
}

// serve runs passerelle until the test ends or the function is called.
func (c *clinic) serve() (stop func()) {
	c.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan int, 1)
	stderr := &watchedLog{seen: make(chan struct{})}
	env := c.env(new(strings.Builder), nil)
	env.stderr = stderr
	go func() { done <- run(ctx, env, []string{"serve", "-config", filepath.Join(c.dir, "p.toml")}) }()
	stop = func() {
		cancel()
		if code := <-done; code != exitOK {
			c.t.Errorf("serve: exit code %d: %s", code, stderr.String())
		}
		done <- exitOK // for a second call
	}
	c.t.Cleanup(stop)
	select {
	case <-stderr.seen:
	case code := <-done:
		c.t.Fatalf("serve: exit code %d: %s", code, stderr.String())
	}
	return stop
}

// watchedLog tells when the gateway is connected. The log writes to it line by line, from one goroutine at a time.
type watchedLog struct {
	strings.Builder
	seen chan struct{}
	once sync.Once
}

func (l *watchedLog) Write(p []byte) (int, error) {
	if strings.Contains(string(p), "connected to the XMPP server") {
		l.once.Do(func() { close(l.seen) })
	}
	return l.Builder.Write(p)
}

// want runs the command, and wants its exit code and what it finds.
func (c *clinic) want(code int, parts ...string) {
	c.t.Helper()
	var stdout, stderr strings.Builder
	got := run(c.t.Context(), c.env(&stdout, &stderr), []string{"doctor", "-config", filepath.Join(c.dir, "p.toml")})
	said := stdout.String() + stderr.String()
	if got != code {
		c.t.Errorf("exit code %d, want %d:\n%s", got, code, said)
	}
	rest := said
	for _, p := range parts {
		_, after, ok := strings.Cut(rest, p)
		if !ok {
			c.t.Fatalf("want %q in:\n%s", p, said)
		}
		rest = after
	}
	for line := range strings.Lines(said) {
		if strings.HasPrefix(line, "WRONG") && !strings.Contains(line, " — fix: ") {
			c.t.Errorf("nothing mends %q", line)
		}
	}
}

func TestDoctor(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	// Before the first start.
	c.want(exitOK, "ok     configuration: ", "note   process: passerelle is not running", "note   data: ", "is not there yet",
		"ok     irc.localhost: the XMPP server "+c.server.Addr()+" takes it", "Nothing is wrong.")
	stop := c.serve()
	c.want(exitOK, "ok     process: passerelle is running", "data: "+c.dir+"/data has room for ", "has the schema ",
		"ok     irc.localhost: connected to the XMPP server "+c.server.Addr(), "Nothing is wrong.")
	stop()
	c.want(exitOK, "note   process: ", "has the schema ", "takes it")
	for _, extra := range []string{"p.db-wal", "p.db-shm"} {
		if _, err := os.Stat(filepath.Join(c.dir, "data", extra)); err == nil {
			t.Errorf("the doctor has left %s behind", extra)
		}
	}
}

func TestDoctorJSON(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	c.server.Stop()
	var stdout, stderr strings.Builder
	code := run(t.Context(), c.env(&stdout, &stderr), []string{"doctor", "-json", "-config", filepath.Join(c.dir, "p.toml")})
	var all []doctor.Finding
	if err := json.Unmarshal([]byte(stdout.String()), &all); err != nil || code != exitFailed {
		t.Fatalf("exit code %d, %v: %s %s", code, err, stdout.String(), stderr.String())
	}
	last := all[len(all)-1]
	if last.About != "irc.localhost" || last.State != doctor.Wrong || !strings.Contains(last.Found, "nobody answers") || !strings.Contains(last.Fix, "start it") {
		t.Errorf("got %+v", last)
	}
}

// TestDoctorFindsWhatIsBroken: each line that says so ends with what mends it.
func TestDoctorFindsWhatIsBroken(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	c.serve()() // makes the database
	broken := func(name string, smash func(), parts ...string) {
		t.Helper()
		smash()
		c.want(exitFailed, parts...)
		c.write("irc.secret", "s3cret\n")
		c.write("p.toml", c.settings(""))
		if t.Failed() {
			t.Fatalf("that was %s", name)
		}
	}
	broken("the secret", func() { c.write("irc.secret", "another\n") },
		"WRONG  irc.localhost: the XMPP server refused the secret of irc.localhost", "make the secret here equal to component_secret")
	broken("the domain", func() { c.write("p.toml", strings.ReplaceAll(c.settings(""), "irc.localhost", "odd.localhost")) },
		"WRONG  odd.localhost: the XMPP server does not know odd.localhost — fix: add Component \"odd.localhost\"")
	broken("a credential", func() {
		c.write("p.toml", strings.Replace(c.settings(""), "secret_file = \"irc.secret\"", "secret_credential = \"irc-secret\"", 1))
	},
		"WRONG  irc.localhost: systemd does not hand over the credential irc-secret", "LoadCredential=irc-secret:/etc/passerelle/irc.secret")
	broken("a credential's file", func() {
		c.write("p.toml", strings.Replace(c.settings(""), "secret_file = \"irc.secret\"", "secret_credential = \"irc-secret\"", 1))
		c.write("etc/systemd/system/passerelle.service", "[Service]\nLoadCredential=irc-secret:/nowhere/at/all\n")
	}, "WRONG  irc.localhost: systemd cannot hand over the credential irc-secret: open /nowhere/at/all", "fix: put the secret into /nowhere/at/all")
	broken("a network", func() {
		c.write("p.toml", c.settings("[[irc.network]]\nname = \"irc.example\"\naddresses = [\"127.0.0.1:1\"]"))
	},
		"WRONG  irc.localhost: irc.example does not answer at 127.0.0.1:1 as it should", "look whether that is the address")
	key := filepath.Join(c.dir, "data/passerelle.key")
	text, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	broken("the key's mode", func() { _ = os.Chmod(key, 0o644) }, "WRONG  data: load the key: others than its owner can use", "fix: ")
	_ = os.Chmod(key, 0o600)
	broken("the key", func() { c.write("data/passerelle.key", strings.Repeat("ab", 32)) }, "WRONG  data: the database: ", "belong to another key")
	broken("no key", func() { _ = os.Remove(key) }, "WRONG  data: the key "+key+" is missing", "fix: put your copy of the key there")
	c.write("data/passerelle.key", string(text))
	broken("a clock", func() {
		later := time.Now().Add(time.Hour)
		_ = os.Chtimes(key, later, later)
	}, "WRONG  clock: the clock says ", "fix: set the clock")
	_ = os.Chtimes(key, time.Now(), time.Now())
	db, err := sql.Open("sqlite", filepath.Join(c.dir, "data/p.db"))
	if err != nil {
		t.Fatal(err)
	}
	broken("a newer database", func() {
		if _, err := db.Exec(`UPDATE meta SET value = '9999' WHERE name = 'schema'`); err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}, "WRONG  data: the database: the database was written by a newer passerelle (schema 9999", "fix: ")
	c.write("p.toml", "[[irc]]\ndomian = \"irc.localhost\"\n")
	c.want(exitConfig, "irc[0].secret: there is no secret — fix: ", "WRONG  "+c.dir+"/p.toml:2: irc[0].domian: there is no such key — fix: write domain")
}
