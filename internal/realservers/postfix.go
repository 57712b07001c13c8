package realservers

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// PostfixOptions say how Postfix is set up.
type PostfixOptions struct {
	// Routes say where mail goes, by domain: "lmtp:[127.0.0.1]:2424", "smtp:[127.0.0.1]:2525", "discard:". Mail for other domains is refused.
	Routes map[string]string
	// TLS has it offer STARTTLS with a certificate for 127.0.0.1, which Authority vouches for.
	TLS      bool
	Settings []string  // more lines of main.cf, such as "lmtp_send_xforward_command = yes"
	Log      io.Writer // what it writes, if not nil; used by another goroutine
}

// Postfix is a mail server: an MX in front of the gateway, or a smarthost behind it. Its methods are safe to call from any goroutine.
type Postfix struct {
	life

	Addr      string // where it takes mail (SMTP)
	Authority string // in PEM, with TLS

	command string
}

// postfixDir has the programs that the master starts.
const postfixDir = "/usr/lib/postfix/sbin"

// StartPostfix starts a server and returns once it listens. ctx bounds the start, not the server's life: Stop ends it. The error is
// exec.ErrNotFound if Postfix is not installed. Only root can start it.
func StartPostfix(ctx context.Context, o PostfixOptions) (*Postfix, error) {
	command, err := program("postfix")
	if err != nil {
		return nil, fmt.Errorf("start postfix: %w", err)
	}
	if os.Getuid() != 0 {
		return nil, fmt.Errorf("start postfix: only root can: %w", exec.ErrNotFound)
	}
	p := &Postfix{command: command}
	var cert string
	if o.TLS {
		ca, err := NewAuthority()
		if err != nil {
			return nil, err
		}
		pem, key, err := ca.Issue("127.0.0.1")
		if err != nil {
			return nil, err
		}
		p.Authority, cert = ca.PEM, key+pem // in the order that it wants
	}
	p.life = life{name: "postfix", log: o.Log, listen: []*string{&p.Addr}, prepare: func() (launch, error) { return p.launch(o, cert) }}
	if err := p.begin(ctx, ""); err != nil {
		return nil, err
	}
	return p, nil
}

func (p *Postfix) launch(o PostfixOptions, cert string) (launch, error) {
	if err := os.Chmod(p.dir, 0o755); err != nil { // its programs run as several users
		return launch{}, err
	}
	var routes []string
	for _, domain := range slices.Sorted(maps.Keys(o.Routes)) {
		routes = append(routes, "{"+domain+"="+o.Routes[domain]+"}")
	}
	settings := o.Settings
	if cert != "" {
		settings = append([]string{"smtpd_tls_security_level = may", "smtpd_tls_chain_files = " + filepath.Join(p.dir, "tls.pem")}, settings...)
		if err := p.write("tls.pem", cert); err != nil {
			return launch{}, err
		}
	}
	files := map[string]string{
		"main.cf": fmt.Sprintf(postfixMain, p.dir, strings.Join(slices.Sorted(maps.Keys(o.Routes)), " "), strings.Join(routes, " "),
			strings.Join(settings, "\n")),
		"master.cf": fmt.Sprintf(postfixMaster, p.Addr),
	}
	for _, name := range []string{"postfix-files", "dynamicmaps.cf"} { // what Debian has installed
		text, err := os.ReadFile("/etc/postfix/" + name)
		if err != nil {
			return launch{}, err
		}
		files[name] = string(text)
	}
	etc := filepath.Join(p.dir, "etc")
	for _, dir := range []string{etc, filepath.Join(p.dir, "spool"), filepath.Join(p.dir, "data")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return launch{}, err
		}
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(etc, name), []byte(text), 0o644); err != nil {
			return launch{}, err
		}
	}
	owner, err := user.Lookup("postfix")
	if err != nil {
		return launch{}, err
	}
	uid, err := strconv.Atoi(owner.Uid)
	if err != nil {
		return launch{}, err
	}
	if err := os.Chown(filepath.Join(p.dir, "data"), uid, 0); err != nil {
		return launch{}, err
	}
	if _, err := os.Stat(filepath.Join(p.dir, "spool/public")); err != nil {
		// Makes the folders of the queue, which takes seconds.
		if out, err := exec.Command(p.command, "-c", etc, "check").CombinedOutput(); err != nil {
			return launch{}, fmt.Errorf("check: %w: %s", err, out)
		}
	}
	cmd := exec.Command(filepath.Join(postfixDir, "master"), "-s", "-c", etc)
	cmd.Dir = filepath.Join(p.dir, "spool")
	// What postfix(1) would set: without it the programs do not find where to write their log.
	cmd.Env = append(os.Environ(), "MAIL_CONFIG="+etc, "MAIL_LOGTAG=postfix", "POSTLOG_HOSTNAME=mx.test.example",
		"POSTLOG_SERVICE="+filepath.Join(p.dir, "spool/public/postlog"))
	return launch{
		cmd: cmd, session: true, ready: []string{"daemon started"}, busy: "address already in use", addrs: []string{p.Addr},
	}, nil
}

// Queue is what waits to be delivered, in the words of postqueue: empty if nothing does.
func (p *Postfix) Queue(ctx context.Context) (string, error) {
	out, err := p.postqueue(ctx, "-j")
	return strings.TrimSpace(out), err
}

// Flush has it try at once what waits.
func (p *Postfix) Flush(ctx context.Context) error {
	_, err := p.postqueue(ctx, "-f")
	return err
}

func (p *Postfix) postqueue(ctx context.Context, what string) (string, error) {
	path, err := program("postqueue")
	if err != nil {
		return "", err
	}
	out, err := exec.CommandContext(ctx, path, "-c", filepath.Join(p.dir, "etc"), what).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("postqueue %s: %w: %s", what, err, out)
	}
	return string(out), nil
}

// postfixMain takes the folder, the domains, their routes and more settings. It asks no DNS: a domain without a route would stand in the way of all
// others for minutes.
const postfixMain = `# written by a test
compatibility_level = 3.6
queue_directory = %[1]s/spool
data_directory = %[1]s/data
meta_directory = %[1]s/etc
mail_owner = postfix
setgid_group = postdrop
myhostname = mx.test.example
mydestination =
relay_domains = %[2]s
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
alias_maps =
alias_database =
maillog_file = /dev/stdout
transport_maps = inline:{ %[3]s }
smtpd_relay_restrictions = reject_unauth_destination
smtp_dns_support_level = disabled
smtp_host_lookup = native
smtputf8_enable = yes
%[4]s
`

// postfixMaster takes where it listens. Nothing runs in a chroot, since the folder has no libraries.
const postfixMaster = `# written by a test
%s inet n - n - - smtpd
postlog   unix-dgram n - n - 1 postlogd
pickup    unix  n - n 60 1 pickup
cleanup   unix  n - n - 0 cleanup
qmgr      unix  n - n 300 1 qmgr
rewrite   unix  - - n - - trivial-rewrite
bounce    unix  - - n - 0 bounce
defer     unix  - - n - 0 bounce
trace     unix  - - n - 0 bounce
verify    unix  - - n - 1 verify
flush     unix  n - n 1000? 0 flush
proxymap  unix  - - n - - proxymap
smtp      unix  - - n - - smtp
relay     unix  - - n - - smtp
error     unix  - - n - - error
retry     unix  - - n - - error
discard   unix  - - n - - discard
lmtp      unix  - - n - - lmtp
anvil     unix  - - n - 1 anvil
scache    unix  - - n - 1 scache
tlsmgr    unix  - - n 1000? 1 tlsmgr
showq     unix  n - n - - showq
`
