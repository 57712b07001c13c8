package realservers

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"text/template"

	"passerelle/internal/realservers/freeport"
)

// Component is an external component that a server knows (XEP-0114).
type Component struct {
	Domain, Secret string
	Privileged     bool // it may see and change contact lists and bookmarks, and send messages as users (XEP-0356)
}

// Account is a user of the server's domain.
type Account struct{ Name, Password string }

// ProsodyOptions say how Prosody is set up.
type ProsodyOptions struct {
	Dir        string // for its files; if empty a temporary one, which Stop removes
	Domain     string // of its users; "localhost" if empty
	Components []Component
	Users      []Account
	Uploads    int       // how large a file its upload service takes, in bytes; 0 for no service
	UsersOnly  bool      // the upload service takes nothing from components
	TLS        bool      // clients may encrypt, with a certificate of an authority of its own
	Redirect   string    // the gateway that its module of ours copies messages to; empty for no module
	NoArchive  bool      // nothing is kept of messages but for who is offline (no XEP-0313)
	Push       bool      // it pushes (XEP-0357), with sender and text
	Sleep      int       // seconds that it waits for clients that have gone without a word (XEP-0198); 0 for ten minutes
	Log        io.Writer // what it writes, if not nil; used by another goroutine
}

// Prosody is an XMPP server. Its methods are safe to call from any goroutine.
type Prosody struct {
	life

	C2SAddr       string // where clients connect, without TLS at first
	TLSAddr       string // where they connect with TLS at once (XEP-0368); without TLS nobody is there
	Authority     string // who vouches for it, in PEM; empty without TLS
	ComponentAddr string // where components connect
	HTTPAddr      string // of its web server; without an upload service nobody is there

	options    ProsodyOptions
	federation *federation // nil for a server that is alone
}

// StartProsody starts a server and returns once it listens. ctx bounds the start, not the server's life: Stop ends it. The error
// is exec.ErrNotFound if Prosody is not installed.
func StartProsody(ctx context.Context, o ProsodyOptions) (*Prosody, error) {
	return startProsody(ctx, o, nil)
}

func startProsody(ctx context.Context, o ProsodyOptions, f *federation) (*Prosody, error) {
	path, err := program("prosody")
	if err != nil {
		return nil, fmt.Errorf("start prosody: %w", err)
	}
	if o.Domain == "" {
		o.Domain = "localhost"
	}
	p := &Prosody{options: o, federation: f}
	p.life = life{name: "prosody", log: o.Log, listen: []*string{&p.C2SAddr, &p.ComponentAddr}, prepare: func() (launch, error) {
		return p.launch(path)
	}}
	if o.Uploads > 0 {
		p.listen = append(p.listen, &p.HTTPAddr)
	}
	if o.TLS {
		p.listen = append(p.listen, &p.TLSAddr)
	}
	if err := p.begin(ctx, o.Dir); err != nil {
		return nil, err
	}
	return p, nil
}

func (p *Prosody) launch(path string) (launch, error) {
	if err := p.addUsers(); err != nil {
		return launch{}, err
	}
	if p.options.TLS && p.Authority == "" { // it stays the same when the server starts again
		var err error
		if p.Authority, err = p.certify(p.options.Domain, p.options.Domain+".crt", p.options.Domain+".key"); err != nil {
			return launch{}, err
		}
	}
	modules := ""
	if p.options.Redirect != "" {
		deploy, err := deployed()
		if err != nil {
			return launch{}, err
		}
		modules = filepath.Join(deploy, "prosody")
	}
	var text strings.Builder
	if err := prosodyConfig.Execute(&text, struct {
		ProsodyOptions
		Dir                  string
		C2S, Component, HTTP string
		Direct               string
		Federation           *federation
		Privileged           bool
		Modules              string
	}{p.options, p.dir, freeport.Port(p.C2SAddr), freeport.Port(p.ComponentAddr), freeport.Port(p.HTTPAddr), freeport.Port(p.TLSAddr), p.federation, anyPrivileged(p.options.Components), modules}); err != nil {
		return launch{}, err
	}
	if err := p.write("prosody.cfg.lua", text.String()); err != nil {
		return launch{}, err
	}
	args := []string{"--config", filepath.Join(p.dir, "prosody.cfg.lua"), "-F"}
	if os.Getuid() == 0 {
		// It would change to the user prosody otherwise, which cannot read the folder.
		args = append([]string{"--root"}, args...)
	}
	l := launch{
		cmd:   exec.Command(path, args...),
		ready: []string{"Activated service 'c2s' on [127.0.0.1]:"}, busy: "in use by another application", addrs: []string{p.C2SAddr},
	}
	// Without components Prosody listens for none.
	if len(p.options.Components) > 0 {
		l.ready, l.addrs = append(l.ready, "Activated service 'component' on [127.0.0.1]:"), append(l.addrs, p.ComponentAddr)
	}
	if p.options.TLS {
		l.ready, l.addrs = append(l.ready, "Activated service 'c2s_direct_tls' on [127.0.0.1]:"), append(l.addrs, p.TLSAddr)
	}
	if p.options.Uploads > 0 {
		l.ready, l.addrs = append(l.ready, "Activated service 'http' on [127.0.0.1]:"), append(l.addrs, p.HTTPAddr)
	}
	if p.federation != nil {
		for name, text := range p.federation.files {
			if err := p.write(name, text); err != nil {
				return launch{}, err
			}
		}
		l.ready, l.addrs = append(l.ready, "Activated service 's2s' on [127.0.0.1]:"), append(l.addrs, p.federation.addr)
	}
	return l, nil
}

func anyPrivileged(all []Component) bool {
	return slices.ContainsFunc(all, func(c Component) bool { return c.Privileged })
}

// plainName is what a file of Prosody's storage may be called without escapes.
var plainName = regexp.MustCompile(`^[a-z0-9]+$`)

// addUsers writes the accounts into the storage: prosodyctl takes most of a second for each.
func (p *Prosody) addUsers() error {
	// Prosody escapes what is no letter or digit of ASCII like this.
	domain := strings.NewReplacer(".", "%2e", "-", "%2d").Replace(p.options.Domain)
	for _, u := range p.options.Users {
		if !plainName.MatchString(u.Name) {
			return fmt.Errorf("add users: %q has characters other than a to z and digits", u.Name)
		}
		data := "return {\n\t[\"password\"] = " + lua(u.Password) + ";\n};\n"
		if err := p.write(filepath.Join("data", domain, "accounts", u.Name+".dat"), data); err != nil {
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

// prosodyConfig takes the options with Dir, C2S, Component, Federation, Privileged and Modules.
var prosodyConfig = template.Must(template.New("prosody.cfg.lua").Funcs(template.FuncMap{"lua": lua}).Parse(`-- written by a test
pidfile = {{lua .Dir}} .. "/prosody.pid"
data_path = {{lua .Dir}} .. "/data"
run_as_root = true
log = { info = "*console" }
interfaces = { "127.0.0.1" }
c2s_ports = { {{.C2S}} }
{{if .TLS}}c2s_direct_tls_ports = { {{.Direct}} }
{{end}}component_ports = { {{.Component}} }
component_interfaces = { "127.0.0.1" }
http_ports = { {{if .Uploads}}{{.HTTP}}{{end}} }
http_interfaces = { "127.0.0.1" }
https_ports = { }
modules_enabled = { "roster"; "saslauth"; "disco"; "posix"; "ping"; "version"; "carbons"; {{if not .NoArchive}}"mam"; {{end}}"pep"; "offline"; "smacks"; "blocklist";
	"vcard4"; "vcard_legacy"; "bookmarks"{{if or .Redirect .Push}}; "csi"; "csi_simple"{{end}}{{if or .Federation .TLS}}; "tls"{{end}}{{if .Federation}}; "peers"{{end}} }
plugin_paths = { {{if .Federation}}{{lua .Dir}} .. "/plugins"; {{end}}{{if .Modules}}{{lua .Modules}}; {{end}} }
{{if .Sleep}}smacks_hibernation_time = {{.Sleep}}
{{end}}{{if .Push}}push_notification_with_body = true
push_notification_with_sender = true
{{end}}{{with .Federation}}certificates = {{lua $.Dir}} .. "/certificates"
s2s_ports = { {{.Port}} }
s2s_require_encryption = true
s2s_secure_auth = true
peers = { {{range .Peers}}[{{lua .Domain}}] = {{.Port}}; {{end}} }
ssl = { cafile = {{lua $.Dir}} .. "/ca.pem" }
{{else}}certificates = {{lua .Dir}}
modules_disabled = { "s2s"{{if not .TLS}}; "tls"{{end}} }
{{end}}authentication = "internal_plain"
storage = "internal"
c2s_require_encryption = false
allow_unencrypted_plain_auth = true
VirtualHost({{lua .Domain}})
modules_enabled = { {{if .Privileged}}"privilege"; {{end}}{{if .Push}}"cloud_notify"; {{end}}{{if .Redirect}}"passerelle_redirect"; {{end}} }
{{if .Redirect}}passerelle_redirect_gateway = {{lua .Redirect}}
{{end}}{{if .Privileged}}privileged_entities = {
{{range .Components}}{{if .Privileged}}	[{{lua .Domain}}] = { roster = "both"; message = "outgoing"; presence = "managed_entity";
		iq = { ["http://jabber.org/protocol/pubsub"] = "both"; ["http://jabber.org/protocol/pubsub#owner"] = "set"; ["urn:xmpp:push:0"] = "set"; ["urn:xmpp:mam:2"] = "both" } };
{{end}}{{end}}}
{{end}}{{if .Uploads}}
Component("upload." .. {{lua .Domain}}) "http_file_share"
	http_host = "127.0.0.1"
	http_external_url = "http://127.0.0.1:{{.HTTP}}/"
	http_file_share_size_limit = {{.Uploads}}
{{if .UsersOnly}}	http_file_share_access = { {{lua .Domain}} }
{{end}}{{end}}{{range .Components}}
Component({{lua .Domain}})
	component_secret = {{lua .Secret}}
	component_conflict_resolve = "kick_old"
{{if .Privileged}}	modules_enabled = { "privilege" }
{{end}}{{end}}`))
