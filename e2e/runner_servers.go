package e2e

import (
	"context"
	"flag"
	"hash/crc32"
	"net"
	"sync"
	"testing"

	"passerelle/e2e/client"
	"passerelle/internal/ircd"
	"passerelle/internal/realservers"
	"passerelle/internal/realservers/freeport"
	"passerelle/internal/realservers/realtest"
	"passerelle/internal/xmpptest"
)

// What is the same with all servers.
const (
	gatewayDomain = "irc.localhost"
	gatewaySecret = "s3cret"
	networkName   = "irc.test.example"
	maxUpload     = 10 << 10 // bytes that the XMPP server takes
	password      = "pw"
)

// xmppClient is a client of either server.
type xmppClient interface {
	JID() string
	Send(ctx context.Context, stanza string) error
	Receive(ctx context.Context) (*xmpptest.Element, error)
	Close() error
}

var (
	_ xmppClient = (*xmpptest.Client)(nil)
	_ xmppClient = (*client.Client)(nil)
)

// server is what a script can do to a server.
type server interface {
	Kill()
	Restart(ctx context.Context) error // on the same ports, whether it runs or not
}

// servers are those between which a gateway stands.
type servers struct {
	xmpp, irc     server
	services      server // of the IRC network, where it has some
	componentAddr string
	ircAddr       string
	ircTLS        *ircTLS       // how the gateway connects; without TLS where it is nil
	c2sAddr       string        // of real servers
	vars          xmpptest.Vars // more values that scripts use
	login         func(ctx context.Context, user, resource string) (xmppClient, error)
}

// ircTLS is where an IRC server listens with TLS, and who vouches for it, in PEM.
type ircTLS struct{ addr, authority string }

// cell is a pair of servers that scenarios run between.
type cell struct {
	name  string
	start func(testing.TB) *servers
	// half is which half of the scenarios it takes, 0 or 1; all of them where it is bothHalves. Two cells that have no server in common take the
	// same half, so that each scenario meets each server, and half of the starts are saved that take most of the time.
	half uint32
}

const bothHalves = 2

// everywhere has all cells take all scenarios.
var everywhere = flag.Bool("everywhere", false, "run all scenarios with all pairs of servers")

// takes reports whether a scenario runs in the cell.
func (c *cell) takes(scenario string) bool {
	return c.half == bothHalves || *everywhere || crc32.ChecksumIEEE([]byte(scenario))%2 == c.half
}

// cells are servers in this process, and each XMPP server with each IRC server.
func cells() []cell {
	cells := []cell{{"fake", fakeServers, bothHalves}}
	for i, xmpp := range []string{"prosody", "ejabberd"} {
		for j, irc := range []string{"ngircd", "inspircd"} {
			cells = append(cells, cell{xmpp + "-" + irc, func(t testing.TB) *servers { return realServers(t, xmpp, irc) }, uint32(i ^ j)})
		}
	}
	return cells
}

// realServers are real servers of these names. They end with the test.
func realServers(t testing.TB, xmpp, irc string) *servers {
	t.Helper()
	return limitedServers(t, xmpp, irc, realservers.IRCLimits{})
}

// limitedServers are realServers with limits for those on IRC.
func limitedServers(t testing.TB, xmpp, irc string, limits realservers.IRCLimits) *servers {
	t.Helper()
	s := xmppServer(t, xmpp, false)
	switch irc {
	case "ngircd":
		n := realtest.Ngircd(t, realservers.NgircdOptions{Name: networkName, Limits: limits})
		s.irc, s.ircAddr = n, n.Addr
	case "inspircd":
		inspircd(t, s, realservers.InspircdOptions{Limits: limits, TextOnly: true})
	}
	return s
}

// inspircd gives s an IRC server that the gateway reaches by TLS.
func inspircd(t testing.TB, s *servers, o realservers.InspircdOptions) *realservers.Inspircd {
	t.Helper()
	o.Name, o.TLS = networkName, true
	n := realtest.Inspircd(t, o)
	s.irc, s.ircAddr, s.ircTLS = n, n.Addr, &ircTLS{n.TLSAddr, n.Authority}
	return n
}

// xmppServer is a real XMPP server of that name, without an IRC server, which grants the gateway privileges or none. It ends with
// the test.
func xmppServer(t testing.TB, name string, privileged bool) *servers {
	t.Helper()
	return xmppServerWith(t, name, xmppExtras{privileged: privileged})
}

// xmppExtras are what an XMPP server has for the gateway beside a component.
type xmppExtras struct {
	privileged bool // see xmppServer
	redirect   bool // our module that copies what users get
	push       bool // XEP-0357
	noArchive  bool // of users
}

// xmppServerWith is an xmppServer with more.
func xmppServerWith(t testing.TB, name string, with xmppExtras) *servers {
	t.Helper()
	s := &servers{}
	components := []realservers.Component{{Domain: gatewayDomain, Secret: gatewaySecret, Privileged: with.privileged}}
	redirect := ""
	if with.redirect {
		redirect = gatewayDomain
	}
	var users []realservers.Account
	for _, name := range []string{"alice", "bob", "carol", "mallory"} {
		users = append(users, realservers.Account{Name: name, Password: password})
	}
	switch name {
	case "prosody":
		p := realtest.Prosody(t, realservers.ProsodyOptions{Components: components, Users: users, Uploads: maxUpload, Redirect: redirect, Push: with.push, NoArchive: with.noArchive})
		s.xmpp, s.c2sAddr, s.componentAddr = p, p.C2SAddr, p.ComponentAddr
	case "ejabberd":
		e := realtest.Ejabberd(t, realservers.EjabberdOptions{Components: components, Users: users, Uploads: maxUpload, Redirect: redirect, Push: with.push, NoArchive: with.noArchive})
		s.xmpp, s.c2sAddr, s.componentAddr = e, e.C2SAddr, e.ComponentAddr
	}
	s.login = func(ctx context.Context, user, resource string) (xmppClient, error) {
		return client.Login(ctx, s.c2sAddr, user, password, resource)
	}
	return s
}

// fakeServers are servers in this process. They end with the test.
func fakeServers(t testing.TB) *servers { return fakesWith(t, nil) }

// fakesWith are fakeServers with capabilities of the IRC server.
func fakesWith(t testing.TB, caps []string) *servers {
	t.Helper()
	uploads := xmpptest.NewUploads(maxUpload)
	t.Cleanup(uploads.Close)
	xmpp := xmpptest.New(t, xmpptest.Options{
		Components: map[string]string{gatewayDomain: gatewaySecret},
		Services:   map[string]xmpptest.Service{"upload.localhost": uploads.Answer},
	})
	irc := newFakeIRC(t, ircd.Options{NickLen: 30, Caps: caps})
	t.Cleanup(func() {
		// A gateway that is accepted here must be accepted by every server.
		for _, fault := range xmpp.StreamErrors() {
			t.Errorf("the XMPP server ended the stream: %s", fault)
		}
	})
	return &servers{
		xmpp: fakeXMPP{xmpp}, irc: irc, componentAddr: xmpp.Addr(), ircAddr: irc.addr,
		login: func(_ context.Context, user, resource string) (xmppClient, error) {
			return xmpp.Client(user + "@localhost/" + resource)
		},
	}
}

type fakeXMPP struct{ *xmpptest.Server }

func (f fakeXMPP) Kill() { f.Stop() }

func (f fakeXMPP) Restart(context.Context) error {
	f.Stop()
	return f.Start()
}

// fakeIRC listens by itself, on a port that stays free while it is down.
type fakeIRC struct {
	t         testing.TB
	addr      string
	options   ircd.Options
	server    *ircd.Server // a new one after each end
	listener  net.Listener // nil while it is down
	accepting sync.WaitGroup
}

func newFakeIRC(t testing.TB, o ircd.Options) *fakeIRC {
	t.Helper()
	l, err := freeport.Listen()
	if err != nil {
		t.Fatal(err)
	}
	o.Name = networkName
	f := &fakeIRC{t: t, addr: l.Addr().String(), options: o}
	f.accept(l)
	t.Cleanup(f.Kill)
	return f
}

func (f *fakeIRC) accept(l net.Listener) {
	server := ircd.New(f.options)
	f.listener, f.server = l, server
	f.accepting.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return // it was closed
			}
			server.Serve(conn)
		}
	})
}

func (f *fakeIRC) Kill() {
	if f.listener == nil {
		return
	}
	if err := f.listener.Close(); err != nil {
		f.t.Error(err)
	}
	f.listener = nil
	f.accepting.Wait()
	if err := f.server.Stop(); err != nil {
		f.t.Error(err)
	}
}

func (f *fakeIRC) Restart(context.Context) error {
	f.Kill()
	l, err := freeport.ListenAgain(f.addr)
	if err != nil {
		return err
	}
	f.accept(l)
	return nil
}
