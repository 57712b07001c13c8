package realservers

import (
	"context"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"

	"passerelle/internal/realservers/freeport"
)

// NgircdOptions say how ngIRCd is set up.
type NgircdOptions struct {
	Name   string // the server's name, with a dot in it; "irc.test.example" if empty
	WebIRC string // the password of gateways that it trusts, if not empty
	Peer   string // another server that may link to it, with PeerPassword, if not empty
	Uplink string // where that one is; then this one links to it by itself
	Limits IRCLimits
	Log    io.Writer // what it writes, if not nil; used by another goroutine
}

// IRCLimits are those of an IRC server; without them there is none that tests could run into.
type IRCLimits struct {
	Connections int // from an address
	Channels    int // that somebody may be in
	// Usual has the server slow down and throw out who says much, as servers do by default.
	Usual bool
}

// PeerPassword is what another IRC server links with.
const PeerPassword = "open"

// Who may become an operator of the IRC servers.
const (
	OperName     = "oper"
	OperPassword = "sesame"
)

// Ngircd is an IRC server. Its methods are safe to call from any goroutine.
type Ngircd struct {
	life

	Addr string // where clients connect, without TLS
	Name string
}

// nobody is a user whom IRC servers can be when root starts them: they refuse to be root.
const nobody = "nobody"

// StartNgircd starts a server and returns once it listens. ctx bounds the start, not the server's life: Stop ends it. The error
// is exec.ErrNotFound if ngIRCd is not installed.
func StartNgircd(ctx context.Context, o NgircdOptions) (*Ngircd, error) {
	path, err := program("ngircd")
	if err != nil {
		return nil, fmt.Errorf("start ngircd: %w", err)
	}
	n := &Ngircd{Name: o.Name}
	if n.Name == "" {
		n.Name = "irc.test.example"
	}
	n.life = life{name: "ngircd", user: nobody, log: o.Log, listen: []*string{&n.Addr}, prepare: func() (launch, error) {
		penalty := 0
		if o.Limits.Usual {
			penalty = -1 // no limit to it
		}
		config := fmt.Sprintf(ngircdConfig, n.Name, freeport.Port(n.Addr), o.Limits.Connections, o.Limits.Channels, penalty, o.WebIRC, OperName, OperPassword)
		if o.Peer != "" {
			config += fmt.Sprintf("[Server]\n\tName = %s\n\tMyPassword = %s\n\tPeerPassword = %s\n", o.Peer, PeerPassword, PeerPassword)
			if o.Uplink == "" {
				config += "\tPassive = yes\n"
			} else {
				config += "\tHost = 127.0.0.1\n\tPort = " + freeport.Port(o.Uplink) + "\n"
			}
		}
		if err := n.write("ngircd.conf", config); err != nil {
			return launch{}, err
		}
		return launch{
			cmd:   exec.Command(path, "--nodaemon", "--config", filepath.Join(n.dir, "ngircd.conf")),
			ready: []string{"Now listening on [127.0.0.1]:"}, busy: "address already in use", addrs: []string{n.Addr},
		}, nil
	}}
	if err := n.begin(ctx, ""); err != nil {
		return nil, err
	}
	return n, nil
}

// ngircdConfig takes the name, the port, the limits, the password of WEBIRC, and name and password of the operator. Debian's defaults
// allow ten connections from an address and ten channels for a user, delay those who say much, and ask DNS, ident and PAM before anybody
// may come in.
const ngircdConfig = `; written by a test
[Global]
	Name = %s
	Info = test server
	AdminInfo1 = test
	AdminEMail = test@example.org
	Listen = 127.0.0.1
	Ports = %s
	MotdPhrase = A server for tests
[Limits]
	MaxConnections = 0
	ConnectRetry = 5
	MaxConnectionsIP = %d
	MaxJoins = %d
	MaxNickLength = 30
	MaxPenaltyTime = %d
	MaxListSize = 0
	PingTimeout = 120
	PongTimeout = 20
[Options]
	DNS = no
	Ident = no
	WebircPassword = %s
	PAM = no
	OperCanUseMode = yes
	SyslogFacility = user
[Operator]
	Name = %s
	Password = %s
`
