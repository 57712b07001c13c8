package realservers

import (
	"context"
	"fmt"
	"io"
	"net"
	"os/exec"
	"path/filepath"
)

// BiboumiOptions say how biboumi is set up.
type BiboumiOptions struct {
	Dir           string // for its files, of which Stop leaves the database there
	Component     Component
	ComponentAddr string    // where the XMPP server takes it
	Database      string    // the URL of a PostgreSQL database; if empty an SQLite file in Dir
	Fixed         string    // the one IRC server that it is for, with shorter addresses; if empty it is for any
	Log           io.Writer // what it writes, if not nil; used by another goroutine
}

// Biboumi is the gateway to IRC that people come from. Its methods are safe to call from any goroutine.
type Biboumi struct {
	life

	Config   string // its configuration file
	Database string // as in its configuration
}

// StartBiboumi starts it and returns once the XMPP server has taken it. ctx bounds the start, not its life: Stop ends it. The error
// is exec.ErrNotFound if biboumi is not installed.
func StartBiboumi(ctx context.Context, o BiboumiOptions) (*Biboumi, error) {
	path, err := program("biboumi")
	if err != nil {
		return nil, fmt.Errorf("start biboumi: %w", err)
	}
	b := &Biboumi{Config: filepath.Join(o.Dir, "biboumi.cfg"), Database: o.Database}
	if b.Database == "" {
		b.Database = filepath.Join(o.Dir, "biboumi.sqlite")
	}
	host, port, err := net.SplitHostPort(o.ComponentAddr)
	if err != nil {
		return nil, fmt.Errorf("start biboumi: %w", err)
	}
	b.life = life{name: "biboumi", log: o.Log, prepare: func() (launch, error) {
		config := fmt.Sprintf(biboumiConfig, o.Component.Domain, o.Component.Secret, host, port, b.Database)
		if o.Fixed != "" {
			config += "fixed_irc_server=" + o.Fixed + "\n"
		}
		if err := b.write("biboumi.cfg", config); err != nil {
			return launch{}, err
		}
		return launch{cmd: exec.Command(path, b.Config), ready: []string{"Authenticated with the XMPP server"}}, nil
	}}
	if err := b.begin(ctx, o.Dir); err != nil {
		return nil, err
	}
	return b, nil
}

// biboumiConfig takes domain, secret, host and port of the XMPP server, and the database. Its identd would want a port of root's.
const biboumiConfig = `hostname=%s
password=%s
xmpp_server_ip=%s
port=%s
db_name=%s
admin=carol@localhost
realname_customization=true
log_level=0
identd_port=0
`
