package realservers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"text/template"

	"passerelle/internal/realservers/freeport"
)

// InspircdOptions say how InspIRCd is set up.
type InspircdOptions struct {
	Name     string // the server's name, with a dot in it; "irc.test.example" if empty
	TLS      bool   // it listens with TLS too
	STS      string // the host that it wants to be reached at with TLS alone (IRCv3 sts), if not empty
	TextOnly bool   // it passes on nothing that clients say beside text
	Services bool   // it lets services join, see StartAtheme
	NoSASL   bool   // one logs in by what one says to them
	Ident    bool   // it asks whose a connection is (RFC 1413)
	WebIRC   string // the password of gateways on this machine that it trusts, if not empty
	Limits   IRCLimits
	Log      io.Writer // what it writes, if not nil; used by another goroutine
}

// Inspircd is an IRC server with what IRCv3 adds and the ranks of large networks.
// Its methods are safe to call from any goroutine.
type Inspircd struct {
	life

	Addr      string // where clients connect, without TLS
	TLSAddr   string // where they connect with TLS, if it was asked for
	Authority string // who vouches for it there, in PEM
	Name      string

	servicesAddr string // where services connect, if they may
}

// StartInspircd starts a server and returns once it listens. ctx bounds the start, not the server's life: Stop ends it. The error
// is exec.ErrNotFound if InspIRCd is not installed.
func StartInspircd(ctx context.Context, o InspircdOptions) (*Inspircd, error) {
	path, err := program("inspircd")
	if err != nil {
		return nil, fmt.Errorf("start inspircd: %w", err)
	}
	n := &Inspircd{Name: o.Name}
	if n.Name == "" {
		n.Name = "irc.test.example"
	}
	n.life = life{name: "inspircd", user: nobody, log: o.Log, listen: []*string{&n.Addr}, prepare: func() (launch, error) {
		return n.launch(path, o)
	}}
	if o.TLS {
		n.listen = append(n.listen, &n.TLSAddr)
	}
	if o.Services {
		n.listen = append(n.listen, &n.servicesAddr)
	}
	if err := n.begin(ctx, ""); err != nil {
		return nil, err
	}
	return n, nil
}

func (n *Inspircd) launch(path string, o InspircdOptions) (launch, error) {
	l := launch{
		// It would also write its log and its number to places where it is the only one of its kind.
		cmd: exec.Command(path, "--config", filepath.Join(n.dir, "inspircd.conf"), "--nofork", "--nolog", "--nopid"),
		// It says so, and goes on, where a port is taken.
		ready: []string{"InspIRCd is now running as"}, busy: "address already in use", addrs: []string{n.Addr},
	}
	if o.TLS {
		l.addrs = append(l.addrs, n.TLSAddr)
		if n.Authority == "" {
			ca, err := NewAuthority()
			if err != nil {
				return launch{}, err
			}
			cert, key, err := ca.Issue("127.0.0.1")
			if err != nil {
				return launch{}, err
			}
			if err := errors.Join(n.write("cert.pem", cert), n.write("key.pem", key)); err != nil {
				return launch{}, err
			}
			n.Authority = ca.PEM
		}
	}
	var text strings.Builder
	if err := inspircdConfig.Execute(&text, struct {
		Dir, Name, Port, TLSPort         string
		Services, ServicesPort, Password string
		Modules                          []string
		Ident, TextOnly                  bool
		WebIRC, STS                      string
		Connections, Channels            int
		Usual                            bool
		OperName, OperPassword           string
	}{
		n.dir, n.Name, freeport.Port(n.Addr), freeport.Port(n.TLSAddr), ServicesName, freeport.Port(n.servicesAddr), servicesPassword,
		inspircdModules(o), o.Ident, o.TextOnly, o.WebIRC, o.STS,
		cmp.Or(o.Limits.Connections, 100_000), cmp.Or(o.Limits.Channels, 10_000), o.Limits.Usual, OperName, OperPassword,
	}); err != nil {
		return launch{}, err
	}
	return l, n.write("inspircd.conf", text.String())
}

// inspircdModules are what networks have on top of the core. The one for SASL offers it only while services are there.
func inspircdModules(o InspircdOptions) []string {
	return slices.DeleteFunc(strings.Fields(allInspircdModules), func(m string) bool { return m == "sasl" && o.NoSASL })
}

const allInspircdModules = `
	banexception botmode callerid cap cban chanhistory chghost customprefix hidechans inviteexception ircv3 ircv3_accounttag ircv3_batch
	ircv3_capnotify ircv3_chghost ircv3_ctctags ircv3_echomessage ircv3_invitenotify ircv3_labeledresponse ircv3_msgid
	ircv3_servertime joinflood kicknorejoin knock monitor muteban namesx noctcp nonicks operchans redirect sasl services_account setname
	uhnames watch`

// inspircdConfig takes the struct of launch. The defaults allow three connections from an address and twenty channels for a user, delay
// those who say much, and look up names and idents before anybody may come in.
var inspircdConfig = template.Must(template.New("inspircd.conf").Parse(`<config format="xml">
<server name="{{.Name}}" description="test server" network="Test" id="0TS">
<admin name="test" nick="test" email="test@example.org">
<bind address="127.0.0.1" port="{{.Port}}" type="clients">
<connect name="all" allow="*" timeout="60" pingfreq="120" localmax="{{.Connections}}" globalmax="{{.Connections}}" limit="100000" maxchans="{{.Channels}}"
	{{if not .Usual}}hardsendq="16M" softsendq="8M" recvq="1M" threshold="100000" commandrate="1000000" fakelag="no"{{end}} maxconnwarn="no"
	resolvehostnames="no" useident="{{if .Ident}}yes{{else}}no{{end}}">
<dns server="127.0.0.1" enabled="no">
<performance quietbursts="yes" nouserdns="yes">
<limits maxnick="30" maxchan="64" maxmodes="20" maxtopic="390" maxquit="255" maxkick="255">
<options defaultmodes="o">
<class name="oper" commands="*" usermodes="*" chanmodes="*">
<type name="oper" classes="oper">
<oper name="{{.OperName}}" password="{{.OperPassword}}" host="*@*" type="oper">
<joinflood bootwait="0">
<sasl target="{{.Services}}" requiressl="no">
{{range .Modules}}<module name="{{.}}">
{{end}}<customprefix name="founder" letter="q" prefix="~" rank="50000" ranktoset="50000">
<customprefix name="admin" letter="a" prefix="&amp;" rank="40000" ranktoset="50000">
<customprefix name="halfop" letter="h" prefix="%" rank="20000" ranktoset="30000">
{{if .TextOnly}}<ctctags allowclientonlytags="no">
{{end}}{{if .Ident}}<module name="ident">
{{end}}{{if .WebIRC}}<module name="cgiirc">
<cgihost type="webirc" password="{{.WebIRC}}" mask="127.0.0.0/8">
{{end}}{{if or .TLSPort .ServicesPort}}<module name="sslinfo">
{{end}}{{if .STS}}<module name="ircv3_sts">
<sts host="{{.STS}}" duration="1h" port="{{.TLSPort}}">
{{end}}{{if .TLSPort}}<module name="ssl_gnutls">
<sslprofile name="clients" provider="gnutls" certfile="{{.Dir}}/cert.pem" keyfile="{{.Dir}}/key.pem" hash="sha256">
<bind address="127.0.0.1" port="{{.TLSPort}}" type="clients" sslprofile="clients">
{{end}}{{if .ServicesPort}}<module name="spanningtree">
<bind address="127.0.0.1" port="{{.ServicesPort}}" type="servers">
<link name="{{.Services}}" ipaddr="127.0.0.1" port="{{.ServicesPort}}" allowmask="127.0.0.0/8" sendpass="{{.Password}}" recvpass="{{.Password}}">
<uline server="{{.Services}}" silent="yes">
{{end}}`))
