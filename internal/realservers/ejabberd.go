package realservers

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"text/template"

	"passerelle/internal/realservers/freeport"
)

// EjabberdOptions say how ejabberd is set up.
type EjabberdOptions struct {
	Components []Component
	Users      []Account
	Uploads    int       // how large a file its upload service takes, in bytes; 0 for no service
	UsersOnly  bool      // the upload service takes nothing from components
	NoArchive  bool      // nothing is kept of messages but for who is offline (no XEP-0313)
	TLS        bool      // clients may encrypt, with a certificate of an authority of its own
	Redirect   string    // the gateway that its module of ours copies messages to; empty for no module
	Push       bool      // it pushes (XEP-0357), with sender and text
	Sleep      int       // seconds that it waits for clients that have gone without a word (XEP-0198); 0 for five minutes
	Feeds      bool      // it tells those who are subscribed of all that users publish, as docs/social.md has it
	Log        io.Writer // what it writes, if not nil; used by another goroutine
}

// Ejabberd is an XMPP server for the domain localhost. Its methods are safe to call from any goroutine.
type Ejabberd struct {
	life

	C2SAddr       string // where clients connect, without TLS at first
	TLSAddr       string // where they connect with TLS at once (XEP-0368); without TLS nobody is there
	Authority     string // who vouches for it, in PEM; empty without TLS
	ComponentAddr string // where components connect
	HTTPAddr      string // of its web server; without an upload service nobody is there

	options EjabberdOptions
}

// StartEjabberd starts a server and returns once it listens. ctx bounds the start, not the server's life: Stop ends it. The error
// is exec.ErrNotFound if ejabberd is not installed.
func StartEjabberd(ctx context.Context, o EjabberdOptions) (*Ejabberd, error) {
	if _, err := program("ejabberdctl"); err != nil {
		return nil, fmt.Errorf("start ejabberd: %w", err)
	}
	erl, err := program("erl")
	if err != nil {
		return nil, fmt.Errorf("start ejabberd: %w", err)
	}
	e := &Ejabberd{options: o}
	e.life = life{
		name: "ejabberd", lingers: true, user: "ejabberd", log: o.Log, listen: []*string{&e.C2SAddr, &e.ComponentAddr},
		prepare: func() (launch, error) { return e.launch(erl) },
	}
	if o.Uploads > 0 {
		e.listen = append(e.listen, &e.HTTPAddr)
	}
	if o.TLS {
		e.listen = append(e.listen, &e.TLSAddr)
	}
	if err := e.begin(ctx, ""); err != nil {
		return nil, err
	}
	return e, nil
}

// launch starts Erlang's machine by itself. ejabberdctl would start it as a child of su and two shells, which outlives them, give
// it a name that no other ejabberd on the machine may have, and take a second for each user. Without a name there is no daemon
// for names, no port for other nodes, and nothing to clash with.
func (e *Ejabberd) launch(erl string) (launch, error) {
	libs, err := filepath.Glob("/usr/lib/*/ejabberd-*") // a folder for each architecture
	if err != nil {
		return launch{}, err
	}
	if len(libs) == 0 {
		return launch{}, fmt.Errorf("find the libraries of ejabberd: %w", exec.ErrNotFound)
	}
	if e.options.TLS && e.Authority == "" { // it stays the same when the server starts again
		if e.Authority, err = e.certify("localhost", "ejabberd.pem", "ejabberd.pem"); err != nil {
			return launch{}, err
		}
	}
	var text strings.Builder
	if err := ejabberdConfig.Execute(&text, struct {
		EjabberdOptions
		C2S, Component, HTTP, Dir string
		Direct                    string
		Privileged                bool
	}{
		e.options, freeport.Port(e.C2SAddr), freeport.Port(e.ComponentAddr), freeport.Port(e.HTTPAddr), e.dir, freeport.Port(e.TLSAddr),
		anyPrivileged(e.options.Components),
	}); err != nil {
		return launch{}, err
	}
	if err := e.write("ejabberd.yml", text.String()); err != nil {
		return launch{}, err
	}
	if err := e.compile(libs[0]); err != nil {
		return launch{}, err
	}
	// What it would say in other languages: reading that takes it a quarter of its start.
	languages := filepath.Join(e.dir, "languages")
	if err := os.MkdirAll(languages, 0o700); err != nil {
		return launch{}, err
	}
	args := []string{
		"-noinput", "-pa", e.dir, "+sbwt", "none", "+sbwtdcpu", "none", "+sbwtdio", "none", // no spinning while others need the processor
		"-mnesia", "dir", `"` + filepath.Join(e.dir, "spool") + `"`, "-s", "ejabberd",
	}
	for _, u := range e.options.Users {
		// It has them already after a restart. Anything else ends the machine, as a case that is not covered.
		args = append(args, "-eval", fmt.Sprintf(`case ejabberd_auth:try_register(%s, <<"localhost">>, %s) of ok -> ok; {error, exists} -> ok end`,
			erlang(u.Name), erlang(u.Password)))
	}
	args = append(args, "-eval", `io:format("ready for tests~n")`)
	cmd := exec.Command(erl, args...)
	cmd.Dir = e.dir
	cmd.Env = append(os.Environ(), "HOME="+e.dir, "ERL_LIBS="+filepath.Dir(libs[0]), "ERL_CRASH_DUMP_SECONDS=0",
		"EJABBERD_MSGS_PATH="+languages, "EJABBERD_CONFIG_PATH="+filepath.Join(e.dir, "ejabberd.yml"), "EJABBERD_LOG_PATH="+filepath.Join(e.dir, "ejabberd.log"))
	l := launch{cmd: cmd, ready: []string{"ready for tests"}, busy: "eaddrinuse", addrs: []string{e.C2SAddr}}
	if len(e.options.Components) > 0 {
		l.addrs = append(l.addrs, e.ComponentAddr)
	}
	if e.options.TLS {
		l.addrs = append(l.addrs, e.TLSAddr)
	}
	if e.options.Uploads > 0 {
		l.addrs = append(l.addrs, e.HTTPAddr)
	}
	return l, nil
}

// compile makes the module of ours, once.
func (e *Ejabberd) compile(lib string) error {
	const module = "mod_passerelle_redirect"
	if _, err := os.Stat(filepath.Join(e.dir, module+".beam")); e.options.Redirect == "" || err == nil {
		return nil
	}
	erlc, err := program("erlc")
	if err != nil {
		return err
	}
	deploy, err := deployed()
	if err != nil {
		return err
	}
	out, err := exec.Command(erlc, "-o", e.dir, "-pa", filepath.Join(lib, "ebin"), filepath.Join(deploy, "ejabberd", module+".erl")).CombinedOutput()
	if err != nil || len(out) > 0 {
		return fmt.Errorf("compile %s: %w\n%s", module, err, out)
	}
	return nil
}

// erlang is a binary in Erlang.
func erlang(s string) string {
	bytes := make([]string, len(s))
	for i := range len(s) {
		bytes[i] = fmt.Sprint(s[i])
	}
	return "<<" + strings.Join(bytes, ",") + ">>"
}

// yaml is a string in YAML, of which JSON is a part.
func yaml(s string) (string, error) {
	b, err := json.Marshal(s)
	return string(b), err
}

// ejabberdConfig takes the options with C2S, Component, HTTP, Dir and Privileged. global_routes is true by default, which gives a connection all
// domains of the port.
var ejabberdConfig = template.Must(template.New("ejabberd.yml").Funcs(template.FuncMap{"yaml": yaml}).Parse(`# written by a test
loglevel: info
hosts: [localhost]
auth_method: internal
auth_password_format: plain
s2s_access: none
{{if .TLS}}certfiles: [{{yaml (print .Dir "/ejabberd.pem")}}]
{{end}}listen:
  - {port: {{.C2S}}, ip: "127.0.0.1", module: ejabberd_c2s, starttls: {{.TLS}}, shaper: none, access: all}
{{if .TLS}}  - {port: {{.Direct}}, ip: "127.0.0.1", module: ejabberd_c2s, tls: true, shaper: none, access: all}
{{end}}{{if .Components}}  - port: {{.Component}}
    ip: "127.0.0.1"
    module: ejabberd_service
    global_routes: false
    hosts:
{{range .Components}}      {{yaml .Domain}}: {password: {{yaml .Secret}}}
{{end}}{{end}}{{if .Uploads}}  - {port: {{.HTTP}}, ip: "127.0.0.1", module: ejabberd_http, request_handlers: {/upload: mod_http_upload}}
{{end}}acl:
  local: {user_regexp: ""}
{{if .Components}}  components:
    server:
{{range .Components}}      - {{yaml .Domain}}
{{end}}{{end}}{{if .Privileged}}  privileged:
    server:
{{range .Components}}{{if .Privileged}}      - {{yaml .Domain}}
{{end}}{{end}}{{end}}access_rules:
  upload: [{allow: local}{{if and .Components (not .UsersOnly)}}, {allow: components}{{end}}]
{{if .Privileged}}  privileged: {allow: privileged}
{{end}}modules:
{{if .Uploads}}  mod_http_upload: {put_url: "http://127.0.0.1:{{.HTTP}}/upload", docroot: {{yaml (print .Dir "/upload")}}, access: upload, max_size: {{.Uploads}}}
{{end}}{{if .Privileged}}  mod_privilege: {roster: {both: privileged}, message: {outgoing: privileged}, presence: {managed_entity: privileged}}
{{end}}  mod_adhoc: {}
  mod_blocking: {}
  mod_caps: {}
  mod_carboncopy: {}
  mod_disco: {}
  mod_last: {}
{{if not .NoArchive}}  mod_mam: {default: always, db_type: mnesia}
{{end}}{{if .Redirect}}  mod_passerelle_redirect: {gateway: {{yaml .Redirect}}}
{{end}}{{if or .Redirect .Push}}  mod_client_state: {}
{{end}}{{if .Push}}  mod_push: {include_body: true, include_sender: true}
{{end}}  mod_muc: {}
  mod_offline: {}
  mod_ping: {}
  mod_privacy: {}
  mod_pubsub:
    plugins: [flat, pep]
{{if .Feeds}}    force_node_config:
      "urn:xmpp:microblog:0": {presence_based_delivery: false}
{{end}}  mod_roster: {versioning: true}
  mod_stream_mgmt: { {{if .Sleep}}resume_timeout: {{.Sleep}}{{end}} }
  mod_version: {}
  mod_vcard: {}
`))
