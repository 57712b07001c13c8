package benchrig

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"

	"passerelle/internal/realservers"
)

// Site is what a gateway is measured in: a folder, an XMPP server, and whatever else is stopped with it.
type Site struct {
	Dir     string
	XMPP    *XMPPServer
	Gateway *realservers.Process // nil until it is started
	stops   []func()
}

// NewSite makes one without a gateway. The folder of a program has its name.
func NewSite(program string) (*Site, error) {
	dir, err := os.MkdirTemp("", program+"-")
	if err != nil {
		return nil, err
	}
	s := &Site{Dir: dir}
	s.OnStop(func() { _ = os.RemoveAll(dir) }) // it is below /tmp
	if s.XMPP, err = NewXMPPServer(); err != nil {
		s.Stop()
		return nil, err
	}
	s.OnStop(func() { _ = s.XMPP.Close() }) // and the process ends
	return s, nil
}

// OnStop has something stopped before all that is there already.
func (s *Site) OnStop(stop func()) { s.stops = append(s.stops, stop) }

// Stop stops everything. Stopping twice is safe.
func (s *Site) Stop() {
	for i := len(s.stops) - 1; i >= 0; i-- {
		s.stops[i]()
	}
	s.stops = nil
}

// File is the path of a file in the folder.
func (s *Site) File(name string) string { return filepath.Join(s.Dir, name) }

// StartGateway runs the gateway with a configuration, and waits until it has joined the XMPP server.
func (s *Site) StartGateway(ctx context.Context, program, config string) error {
	file := s.File("passerelle.toml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return err
	}
	var err error
	if s.Gateway, err = realservers.Spawn(exec.Command(program, "serve", "-config", file), os.Stderr); err != nil {
		return err
	}
	s.OnStop(s.Gateway.Stop)
	return s.XMPP.Await(ctx)
}
