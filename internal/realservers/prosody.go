package realservers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"text/template"

	"passerelle/internal/realservers/freeport"
)

// Component is an external component that a server knows (XEP-0114).
type Component struct{ Domain, Secret string }

// Account is a user of the server's domain, "localhost".
type Account struct{ Name, Password string }

// ProsodyOptions say how Prosody is set up.
type ProsodyOptions struct {
	Dir        string // for its files; if empty a temporary one, which Stop removes
	Components []Component
	Users      []Account
	Log        io.Writer // what it writes, if not nil; used by another goroutine
}

// Prosody is an XMPP server for the domain localhost. Its methods are safe to call from any goroutine.
type Prosody struct {
	C2SAddr       string // where clients connect, without TLS
	ComponentAddr string // where components connect

	options ProsodyOptions
	ownDir  bool

	c2sPort, componentPort int

	mu      sync.Mutex
	process *Process
	stopped bool
}

// StartProsody starts a server and returns once it listens. ctx bounds the start, not the server's life: Stop ends it. The error
// is exec.ErrNotFound if Prosody is not installed.
func StartProsody(ctx context.Context, o ProsodyOptions) (*Prosody, error) {
	if _, err := program("prosody"); err != nil {
		return nil, fmt.Errorf("start prosody: %w", err)
	}
	p := &Prosody{options: o}
	if o.Dir == "" {
		dir, err := os.MkdirTemp("", "prosody-")
		if err != nil {
			return nil, fmt.Errorf("start prosody: %w", err)
		}
		p.options.Dir, p.ownDir = dir, true
	}
	if err := p.begin(ctx); err != nil {
		return nil, errors.Join(err, p.Stop())
	}
	return p, nil
}

// begin starts the server on ports that are free.
func (p *Prosody) begin(ctx context.Context) error {
	if err := p.addUsers(); err != nil {
		return err
	}
	var err error
	for range attempts {
		if err = p.choosePorts(); err != nil {
			return err
		}
		if err = p.start(ctx); !errors.Is(err, errInUse) {
			return err
		}
	}
	return err
}

// Kill ends the server as a crash would. Restart brings it back.
func (p *Prosody) Kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.process != nil {
		p.process.Kill()
	}
}

// Restart starts the server again with its data and on its ports, after ending it if it still runs.
func (p *Prosody) Restart(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped {
		return errors.New("restart prosody: it was stopped for good")
	}
	p.process.Stop()
	return p.start(ctx)
}

// Stop ends the server for good and removes its temporary folder. Stopping twice is safe.
func (p *Prosody) Stop() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped {
		return nil
	}
	p.stopped = true
	if p.process != nil {
		p.process.Stop()
	}
	if p.ownDir {
		return os.RemoveAll(p.options.Dir)
	}
	return nil
}

func (p *Prosody) choosePorts() error {
	var err error
	if p.c2sPort, err = freeport.Choose(); err != nil {
		return err
	}
	if p.componentPort, err = freeport.Choose(); err != nil {
		return err
	}
	p.C2SAddr, p.ComponentAddr = freeport.Address(p.c2sPort), freeport.Address(p.componentPort)
	return nil
}

func (p *Prosody) start(ctx context.Context) error {
	path, err := program("prosody")
	if err != nil {
		return fmt.Errorf("start prosody: %w", err)
	}
	config := filepath.Join(p.options.Dir, "prosody.cfg.lua")
	var text strings.Builder
	if err := prosodyConfig.Execute(&text, struct {
		Dir            string
		C2S, Component int
		Components     []Component
	}{p.options.Dir, p.c2sPort, p.componentPort, p.options.Components}); err != nil {
		return fmt.Errorf("write %s: %w", config, err)
	}
	if err := os.WriteFile(config, []byte(text.String()), 0o600); err != nil {
		return err
	}
	args := []string{"--config", config, "-F"}
	if os.Getuid() == 0 {
		// It would change to the user prosody otherwise, which cannot read the folder.
		args = append([]string{"--root"}, args...)
	}
	// Without components Prosody listens for none.
	ready, addrs := []string{"Activated service 'c2s' on [127.0.0.1]:"}, []string{p.C2SAddr}
	if len(p.options.Components) > 0 {
		ready, addrs = append(ready, "Activated service 'component' on [127.0.0.1]:"), append(addrs, p.ComponentAddr)
	}
	process, err := start(ctx, exec.Command(path, args...), p.options.Log, ready, "in use by another application")
	if err != nil {
		return err
	}
	p.process = process
	for _, addr := range addrs {
		if err := reach(ctx, addr); err != nil {
			return fmt.Errorf("start prosody: %w", err)
		}
	}
	return nil
}

// plainName is what a file of Prosody's storage may be called without escapes.
var plainName = regexp.MustCompile(`^[a-z0-9]+$`)

// addUsers writes the accounts into the storage: prosodyctl takes most of a second for each.
func (p *Prosody) addUsers() error {
	dir := filepath.Join(p.options.Dir, "data", "localhost", "accounts")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("add users: %w", err)
	}
	for _, u := range p.options.Users {
		if !plainName.MatchString(u.Name) {
			return fmt.Errorf("add users: %q has characters other than a to z and digits", u.Name)
		}
		data := "return {\n\t[\"password\"] = " + lua(u.Password) + ";\n};\n"
		if err := os.WriteFile(filepath.Join(dir, u.Name+".dat"), []byte(data), 0o600); err != nil {
			return fmt.Errorf("add users: %w", err)
		}
	}
	return nil
}

// lua is a string in Lua.
func lua(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(s) {
		fmt.Fprintf(&b, `\%03d`, s[i])
	}
	b.WriteByte('"')
	return b.String()
}

// prosodyConfig takes a struct with Dir, C2S, Component and Components.
var prosodyConfig = template.Must(template.New("prosody.cfg.lua").Funcs(template.FuncMap{"lua": lua}).Parse(`-- written by a test
pidfile = {{lua .Dir}} .. "/prosody.pid"
data_path = {{lua .Dir}} .. "/data"
certificates = {{lua .Dir}}
run_as_root = true
log = { info = "*console" }
interfaces = { "127.0.0.1" }
c2s_ports = { {{.C2S}} }
component_ports = { {{.Component}} }
component_interfaces = { "127.0.0.1" }
http_ports = { }
https_ports = { }
modules_enabled = { "roster"; "saslauth"; "disco"; "posix"; "ping"; "carbons"; "mam"; "pep"; "offline"; "smacks"; "blocklist";
	"vcard4"; "vcard_legacy" }
modules_disabled = { "s2s"; "tls" }
authentication = "internal_plain"
storage = "internal"
c2s_require_encryption = false
allow_unencrypted_plain_auth = true
VirtualHost "localhost"
{{range .Components}}
Component({{lua .Domain}})
	component_secret = {{lua .Secret}}
	component_conflict_resolve = "kick_old"
{{end}}`))
