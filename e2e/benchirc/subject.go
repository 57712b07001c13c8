package main

import (
	"crypto/tls"
	"database/sql"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	_ "modernc.org/sqlite" // the database of biboumi

	"passerelle/internal/realservers"
)

const (
	domain  = "irc.localhost"
	network = "irc.bench"
	users   = 1001 // of the work with most
)

// site is what a program runs in: a folder, an XMPP server and an IRC server.
type site struct {
	dir     string
	xmpp    *xmppServer
	irc     *ircServer
	secure  bool
	history bool
	options string // more of passerelle's configuration
}

func newSite(p program, secure bool) (_ *site, err error) {
	s := &site{secure: secure, history: p.history}
	if s.dir, err = os.MkdirTemp("", "benchirc-"); err != nil {
		return nil, err
	}
	var config *tls.Config
	if secure {
		if config, err = s.certificate(); err != nil {
			return nil, errors.Join(err, os.RemoveAll(s.dir))
		}
	}
	if s.xmpp, err = newXMPPServer(); err == nil {
		s.irc, err = newIRCServer(config)
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(s.dir))
	}
	return s, nil
}

// certificate borrows the one that the standard library has for tests, which is for 127.0.0.1 and its own authority.
func (s *site) certificate() (*tls.Config, error) {
	lender := httptest.NewTLSServer(nil)
	defer lender.Close()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: lender.Certificate().Raw})
	return &tls.Config{Certificates: lender.TLS.Certificates, MinVersion: tls.VersionTLS12}, os.WriteFile(s.file("ca.pem"), ca, 0o600)
}

func (s *site) file(name string) string { return filepath.Join(s.dir, name) }

func (s *site) close() error {
	return errors.Join(s.xmpp.Close(), s.irc.close(), os.RemoveAll(s.dir))
}

// subject is a program at work.
type subject struct {
	process *realservers.Process
}

func (s *subject) stop() { s.process.Kill() }

func user(i int) string { return fmt.Sprintf("user%d@localhost", i) }

// startPasserelle runs ours.
func (b *bench) startPasserelle(s *site) (*subject, error) {
	config := fmt.Sprintf("[[irc]]\ndomain = %q\nsecret = \"s\"\nserver = %q\nburst = 0\nconnects_per_second = 0\njoins_per_minute = 0\n%s"+
		"[[irc.network]]\nname = %q\naddresses = [%q]\ntls = %t\n", domain, s.xmpp.Addr, s.options, network, s.irc.addr, s.secure)
	if s.secure {
		config += "ca_file = \"ca.pem\"\n"
	}
	config += fmt.Sprintf("[store]\npath = %q\n[admin]\nlisten = \"\"\n[archive]\nenabled = %t\n", s.file("passerelle.db"), s.history)
	if err := os.WriteFile(s.file("passerelle.toml"), []byte(config), 0o600); err != nil {
		return nil, err
	}
	return spawn(exec.Command(b.binary, "serve", "-config", s.file("passerelle.toml")))
}

// startBiboumi runs biboumi. What a user of it sets by commands is in its database before it starts.
func startBiboumi(s *site) (*subject, error) {
	host, port, err := net.SplitHostPort(s.xmpp.Addr)
	if err != nil {
		return nil, err
	}
	config := func(port string) error {
		return os.WriteFile(s.file("biboumi.cfg"), fmt.Appendf(nil,
			"hostname=%s\npassword=s\nxmpp_server_ip=%s\nport=%s\ndb_name=%s\nlog_level=3\nidentd_port=0\n", domain, host, port, s.file("biboumi.sqlite")), 0o600)
	}
	// It makes its database before it connects.
	if err := config("1"); err != nil {
		return nil, err
	}
	first, err := spawn(exec.Command("biboumi", s.file("biboumi.cfg")))
	if err != nil {
		return nil, err
	}
	err = s.awaitSchema()
	first.stop()
	if err != nil {
		return nil, err
	}
	if err := errors.Join(s.fillBiboumi(), config(port)); err != nil {
		return nil, err
	}
	return spawn(exec.Command("biboumi", s.file("biboumi.cfg")))
}

// lastIndex is what biboumi makes last of its database.
const lastIndex = "archive_index"

func (s *site) awaitSchema() error {
	db, err := sql.Open("sqlite", s.file("biboumi.sqlite"))
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	for range 100 {
		var n int
		if err = db.QueryRow("SELECT count(*) FROM sqlite_master WHERE name = ?", lastIndex).Scan(&n); err == nil && n > 0 {
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return fmt.Errorf("biboumi makes no database: %w", err)
}

// fillBiboumi sets for every user where the network is, that he may send as fast as he likes, and whether history is kept.
func (s *site) fillBiboumi() error {
	_, port, err := net.SplitHostPort(s.irc.addr)
	if err != nil {
		return err
	}
	plain, secure := port, ""
	if s.secure {
		plain, secure = "", port
	}
	db, err := sql.Open("sqlite", s.file("biboumi.sqlite"))
	if err != nil {
		return err
	}
	tx, err := db.Begin()
	if err != nil {
		return errors.Join(err, db.Close())
	}
	for i := range users {
		_, err1 := tx.Exec(`INSERT INTO ircserveroptions_ (owner_, server_, pass_, tlsports_, ports_, username_, realname_, verifycert_, trustedfingerprint_,
			encodingout_, encodingin_, maxhistorylength_, address_, nick_, saslpassword_, throttlelimit_)
			VALUES (?, ?, '', ?, ?, '', '', 0, '', '', '', 20, '127.0.0.1', '', '', -1)`, user(i), network, secure, plain)
		_, err2 := tx.Exec(`INSERT INTO globaloptions_ (owner_, maxhistorylength_, recordhistory_, persistent_) VALUES (?, 20, ?, 0)`, user(i), s.history)
		if err := errors.Join(err1, err2); err != nil {
			return errors.Join(err, tx.Rollback(), db.Close())
		}
	}
	return errors.Join(tx.Commit(), db.Close())
}

func spawn(cmd *exec.Cmd) (*subject, error) {
	p, err := realservers.Spawn(cmd, nil)
	if err != nil {
		return nil, err
	}
	return &subject{process: p}, nil
}
