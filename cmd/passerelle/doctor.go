package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"passerelle/component"
	"passerelle/config"
	"passerelle/internal/doctor"
	"passerelle/internal/operator"
	"passerelle/store"
)

func doctorCommand() command {
	return command{
		name:  "doctor",
		usage: "[-config FILE] [-json]",
		short: "find what is wrong around a gateway, and say what to do about it",
		long: `
Looks at everything that a gateway needs: the configuration, the directory and the
key of the database, room and speed of the disk, the clock, the XMPP server and what
it lets the gateway do, the IRC networks, mail servers and web addresses that the
configuration names. Run it as root, with passerelle running or not: where it runs it
is asked itself, else its place at the XMPP server is taken for a moment.

  ok     well
  note   it works, and could do more
  WRONG  it does not work; what stands behind "fix:" mends it

It changes nothing, and ends with 1 if something is wrong, with 78 if that is the
configuration. For mail, passerelle mail dns says more. Flags:

  -config FILE     the configuration (default /etc/passerelle/passerelle.toml)
  -json            print JSON`,
		run: runDoctor,
	}
}

// unitName is the unit under which passerelle runs, as deploy has it.
const unitName = "passerelle.service"

// examination gathers what the command doctor finds.
type examination struct {
	env      *environment
	json     bool
	config   *config.Config
	findings []doctor.Finding
}

func runDoctor(ctx context.Context, env *environment, args []string) int {
	var path string
	e := &examination{env: env}
	if code, done := parseFlags(env, doctorCommand(), args, func(set *flag.FlagSet) {
		configFlag(&path)(set)
		set.BoolVar(&e.json, "json", false, "")
	}); done {
		return code
	}
	cfg, err := config.LoadUnserved(path)
	if err != nil {
		return e.faulty(err)
	}
	e.config = cfg
	e.ok("configuration", path+" has no faults")
	for _, note := range cfg.Notes() {
		if !strings.Contains(note, "was not looked at") { // it will be
			e.add("configuration", doctor.Note, note, "")
		}
	}
	running := e.process(ctx)
	e.data(ctx, running)
	for i := range cfg.IRC {
		e.gateway(ctx, running, &cfg.IRC[i].Component)
		e.networks(ctx, &cfg.IRC[i])
	}
	for i := range cfg.Mail {
		e.gateway(ctx, running, &cfg.Mail[i].Component)
		e.mail(ctx, &cfg.Mail[i])
	}
	for i := range cfg.Social {
		e.gateway(ctx, running, &cfg.Social[i].Component)
	}
	if running {
		e.pages(ctx)
	}
	return e.end()
}

func (e *examination) add(about string, state doctor.State, found, fix string) {
	f := doctor.Finding{About: about, State: state, Found: found, Fix: fix}
	e.findings = append(e.findings, f)
	if e.json {
		return
	}
	mark := string(state)
	if state == doctor.Wrong {
		mark = "WRONG"
	}
	line := fmt.Sprintf("%-6s %s: %s", mark, about, found)
	if fix != "" {
		line += " — fix: " + fix
	}
	printf(e.env.stdout, "%s\n", printable(line))
}

func (e *examination) ok(about, found string) { e.add(about, doctor.OK, found, "") }

// verdict adds what is well unless there is an error.
func (e *examination) verdict(about string, err error, well, ill, fix string) {
	if err == nil {
		e.ok(about, well)
		return
	}
	e.add(about, doctor.Wrong, fmt.Sprintf("%s: %v", ill, err), fix)
}

// faulty says what is wrong with the configuration; nothing else can be looked at then.
func (e *examination) faulty(err error) int {
	faults, ok := errors.AsType[config.Faults](err)
	if !ok {
		faults = config.Faults{{Text: err.Error()}}
	}
	for _, f := range faults {
		place := f.File
		if f.Line > 0 {
			place = fmt.Sprintf("%s:%d", f.File, f.Line)
		}
		found := f.Text
		if f.Key != "" {
			found = f.Key + ": " + f.Text
		}
		e.add(place, doctor.Wrong, found, f.Fix)
	}
	if code := e.end(); code == exitOK {
		return code
	}
	return exitConfig
}

// end gives the exit code, and prints what is not printed yet.
func (e *examination) end() int {
	code := exitOK
	wrong := 0
	for _, f := range e.findings {
		if f.State == doctor.Wrong {
			code = exitFailed
			wrong++
		}
	}
	if e.json {
		o := &operation{env: e.env, command: doctorCommand()}
		return max(code, o.printJSON(e.findings))
	}
	if wrong == 0 {
		printf(e.env.stdout, "Nothing is wrong.\n")
	}
	return code
}

// data looks at where the data is.
func (e *examination) data(ctx context.Context, running bool) {
	c := e.config
	dir := filepath.Dir(c.Store.Path)
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		e.add("data", doctor.Note, dir+" is not there yet", "start passerelle, which makes it")
	} else {
		e.findAdd(doctor.Directory(dir))
	}
	e.findAdd(doctor.Clock(time.Now(), doctor.Synchronised(), c.Store.Path, c.Store.KeyFile))
	key, err := store.LoadKey(c.Store.KeyFile)
	_, missing := os.Stat(c.Store.Path)
	switch {
	case errors.Is(err, os.ErrNotExist) && (missing != nil || !c.Store.URL.IsZero()):
		return // before the first start
	case errors.Is(err, os.ErrNotExist):
		e.add("data", doctor.Wrong, fmt.Sprintf("the key %s is missing, and the database was sealed with it", c.Store.KeyFile), "put your copy of the key there")
		return
	case err != nil:
		e.add("data", doctor.Wrong, err.Error(), "give the file to the user that passerelle runs as, with mode 0600")
		return
	case missing != nil && c.Store.URL.IsZero():
		return
	}
	opt := store.Options{Path: c.Store.Path, Key: key}
	if !c.Store.URL.IsZero() {
		opt.Path, opt.URL = "", c.Store.URL.Reveal()
	}
	found, err := store.Examine(ctx, opt, running)
	e.verdict("data", err, found, "the database", "put back your copy of it, made at a time when it was well, or the program that wrote it")
}

func (e *examination) findAdd(f doctor.Finding) { e.add(f.About, f.State, f.Found, f.Fix) }

// process says whether passerelle runs.
func (e *examination) process(ctx context.Context) bool {
	if e.config.Admin.Socket == "" {
		return false
	}
	c := operator.NewClient(e.config.Admin.Socket)
	defer c.Close()
	if _, err := c.List(ctx); err != nil {
		e.add("process", doctor.Note, err.Error(), "systemctl start passerelle, and journalctl -u passerelle says what it says")
		return false
	}
	e.ok("process", "passerelle is running, and takes commands")
	return true
}

// gateway looks at the link between a gateway and its XMPP server: by asking the process, or by trying it.
func (e *examination) gateway(ctx context.Context, running bool, of *config.Component) {
	if running {
		c := operator.NewClient(e.config.Admin.Socket)
		defer c.Close()
		a, err := c.Run(ctx, operator.Request{Domain: of.Domain, Command: "doctor", Max: pageRows})
		switch {
		case err == nil && a.Table != nil:
			for _, r := range a.Table.Rows {
				e.add(of.Domain, doctor.State(r[0]), r[1], r[2])
			}
			return
		case err == nil && a.Error != nil:
			err = errors.New(a.Error.Text)
		}
		e.add(of.Domain, doctor.Wrong, fmt.Sprintf("the process that runs does not say how this gateway is: %v", err), "systemctl restart passerelle, which runs with another configuration or is an older one")
		return
	}
	secret := of.Secret.Reveal()
	if secret == "" && of.SecretCredential != "" {
		var fix string
		var err error
		if secret, fix, err = e.credential(of.SecretCredential); err != nil {
			e.add(of.Domain, doctor.Wrong, err.Error(), fix)
			return
		}
	}
	if err := component.Try(ctx, of.Server, of.Domain, secret); err != nil {
		found, fix, ok := strings.Cut(err.Error(), ": ")
		if !ok {
			fix = "see the log of the XMPP server"
		}
		e.add(of.Domain, doctor.Wrong, found, fix)
		return
	}
	e.ok(of.Domain, "the XMPP server "+of.Server+" takes it")
}

// maxCredential is how long a secret may be, in bytes.
const maxCredential = 4 << 10

// credential reads what systemd will hand over. Where that is nothing, fix is what to do about it.
func (e *examination) credential(name string) (secret, fix string, err error) {
	file, ok := doctor.Credential(cmp.Or(e.env.root, "/"), unitName, name)
	switch {
	case !ok:
		return "", fmt.Sprintf("systemctl edit passerelle, and write [Service] and below it LoadCredential=%s:/etc/passerelle/%s", name, strings.Replace(name, "-secret", ".secret", 1)),
			fmt.Errorf("systemd does not hand over the credential %s: no LoadCredential= of %s names it", name, unitName)
	case !filepath.IsAbs(file):
		return "", "name the file: LoadCredential=" + name + ":/etc/passerelle/" + name, fmt.Errorf("the credential %s is one of the system, which only systemd can read", name)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", "put the secret into " + file + ", with mode 0600, as root", fmt.Errorf("systemd cannot hand over the credential %s: %w", name, err)
	}
	return strings.TrimRight(string(text[:min(len(text), maxCredential)]), "\r\n"), "", nil
}

// networks looks at the IRC networks that the configuration names.
func (e *examination) networks(ctx context.Context, g *config.IRC) {
	for i := range g.Networks {
		n := &g.Networks[i]
		for _, address := range n.Addresses {
			var err error
			if n.TLS {
				err = doctor.Encrypted(ctx, address, n.Roots)
			} else {
				err = doctor.Port(ctx, address)
			}
			fix := "look whether that is the address of the network, in addresses, and whether a firewall lets this machine there"
			if isCertificate(err) {
				fix = "name its authority in ca_file, or an address that its certificate is for"
			}
			e.verdict(g.Domain, err, fmt.Sprintf("%s answers at %s", n.Name, address), fmt.Sprintf("%s does not answer at %s as it should", n.Name, address), fix)
		}
	}
}

// mail looks at the mail servers that the configuration names.
func (e *examination) mail(ctx context.Context, m *config.Mail) {
	if m.Smart != "" {
		err := doctor.Greeting(ctx, m.Smart, m.SmartTLS == "tls", m.SmartRoots)
		fix := "look whether smarthost is the address of your mail server and smarthost_tls how it is spoken to, and whether it runs"
		if isCertificate(err) {
			fix = "name its authority in smarthost_ca_file, or write the name that its certificate is for into smarthost"
		}
		e.verdict(m.Domain, err, "the smarthost "+m.Smart+" greets", "the smarthost "+m.Smart+" does not greet", fix)
	}
	if m.Milter != "" {
		e.verdict(m.Domain, doctor.Port(ctx, m.Milter), "the filter answers at "+m.Milter, "the filter does not answer at "+m.Milter, "start it, or look whether milter is its address")
	}
}

// pages looks whether what this process serves for everybody is reached, at least from here.
func (e *examination) pages(ctx context.Context) {
	page := func(of *url.URL, path, mark string) {
		address := of.JoinPath(path).String()
		err := doctor.Page(ctx, address, func(status int, body string) error {
			if status != http.StatusOK || !strings.Contains(body, mark) {
				return fmt.Errorf("somebody else answers there, with %d", status)
			}
			return nil
		})
		e.verdict(of.Host, err, "passerelle is reached at "+address, "passerelle is not reached at "+address+" from this machine",
			"lead that host to the listener of [web] as deploy/web.conf shows, path and Host unchanged; its name has to be in the DNS, and its certificate one that everybody trusts")
	}
	if e.config.Web.URL != nil {
		page(e.config.Web.URL, "/", "Passerelle")
	}
	for i := range e.config.Social {
		page(e.config.Social[i].URL, "/.well-known/nodeinfo", "/nodeinfo/")
	}
}

// isCertificate reports whether somebody answered, and his certificate is not to be trusted.
func isCertificate(err error) bool {
	if err == nil {
		return false
	}
	var op *net.OpError
	return !errors.As(err, &op) || strings.Contains(err.Error(), "certificate")
}
