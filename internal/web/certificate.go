package web

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// recheck is how often the files of a certificate are looked at, at most.
const recheck = time.Minute

// certificate is a TLS certificate that is read again when its files change: a public one is renewed every few weeks, and nobody wants
// to restart all sessions for that. It is safe to use from any goroutine.
type certificate struct {
	certFile, keyFile string
	log               *slog.Logger

	mu      sync.Mutex
	current *tls.Certificate
	changed [2]time.Time // when the two files were, as of the last look
	looked  time.Time
}

// Certificate reads a certificate for tls.Config.GetCertificate, and reads it again when its files change.
func Certificate(certFile, keyFile string, log *slog.Logger) (func(*tls.ClientHelloInfo) (*tls.Certificate, error), error) {
	c, err := loadCertificate(certFile, keyFile, log)
	if err != nil {
		return nil, err
	}
	return c.get, nil
}

func loadCertificate(certFile, keyFile string, log *slog.Logger) (*certificate, error) {
	c := &certificate{certFile: certFile, keyFile: keyFile, log: log}
	if err := c.load(time.Now()); err != nil {
		return nil, err
	}
	return c, nil
}

// get implements tls.Config.GetCertificate. With a new certificate that cannot be read the old one stays.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); now.Sub(c.looked) >= recheck {
		if err := c.load(now); err != nil {
			c.log.Error("a certificate cannot be renewed; the one before stays", "file", c.certFile, "error", err)
		}
	}
	return c.current, nil
}

// load reads the files where they are not as they were; the caller holds mu or is alone.
func (c *certificate) load(now time.Time) error {
	c.looked = now
	var changed [2]time.Time
	for i, name := range []string{c.certFile, c.keyFile} {
		info, err := os.Stat(name)
		if err != nil {
			return fmt.Errorf("read the certificate: %w", err)
		}
		changed[i] = info.ModTime()
	}
	if c.current != nil && changed == c.changed {
		return nil
	}
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return fmt.Errorf("read the certificate: %w", err)
	}
	c.current, c.changed = &pair, changed
	return nil
}
