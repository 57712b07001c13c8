package config

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Limits of the files that a configuration names, in bytes.
const (
	maxSecret = 4 << 10
	maxCAFile = 4 << 20
)

// placeholder is the secret of the example file. Everybody knows it, so it is none.
const placeholder = "CHANGE-ME"

// resolver reads the files that a configuration names: secrets and certificates.
type resolver struct {
	*report
	dir         string // where file names start that are not absolute
	credentials string // systemd's directory; empty if there is none
	unserved    bool   // nobody needs what systemd hands over
}

func (r resolver) config(c *Config) {
	c.Store.Path = r.path(c.Store.Path)
	c.Store.KeyFile = r.path(c.Store.KeyFile)
	c.Admin.Socket = r.path(c.Admin.Socket)
	c.Files.Path = r.path(c.Files.Path)
	if key := "store.url_file"; r.ok(key) && r.has(key) {
		c.Store.URLFile = r.input(c.Store.URLFile)
		c.Store.URL = r.file(key, c.Store.URLFile)
	}
	for i := range c.IRC {
		at := element("irc", i)
		r.component(at, &c.IRC[i].Component)
		c.IRC[i].Avatar = r.avatar(child(at, "avatar_file"), &c.IRC[i].AvatarFile)
		for j := range c.IRC[i].Networks {
			r.network(element(child(at, "network"), j), &c.IRC[i].Networks[j])
		}
	}
	for i := range c.Mail {
		r.component(element("mail", i), &c.Mail[i].Component)
		r.mail(element("mail", i), &c.Mail[i])
	}
	for i := range c.Social {
		r.component(element("social", i), &c.Social[i].Component)
		r.social(element("social", i), &c.Social[i])
	}
	r.web(&c.Web)
}

// web finds the certificate of the public listener.
func (r resolver) web(c *Web) {
	c.CertFile, c.KeyFile = r.input(c.CertFile), r.input(c.KeyFile)
	if c.CertFile == "" || c.KeyFile == "" || !r.ok("web.cert_file") || !r.ok("web.key_file") {
		return // One without the other is a fault, see validator.web.
	}
	r.pair("web", c.CertFile, c.KeyFile)
}

// pair checks the certificate of the table at, and its key.
func (r resolver) pair(at, certFile, keyFile string) {
	cert, _, err := readFile(certFile, maxCAFile)
	if err != nil {
		r.add(child(at, "cert_file"), fmt.Sprintf("%q cannot be read: %s", certFile, reason(err)), "name a certificate in PEM that the user that passerelle runs as can read")
		return
	}
	key, mode, err := readFile(keyFile, maxCAFile)
	if err != nil {
		r.add(child(at, "key_file"), fmt.Sprintf("%q cannot be read: %s", keyFile, reason(err)), fmt.Sprintf("name a key in PEM that the user that passerelle runs as can read; under systemd, have it handed over: systemctl edit passerelle, and write [Service] and below it LoadCredential=%s:%s", filepath.Base(keyFile), keyFile))
		return
	}
	// Unlike with secrets, a group may read it: the tools that fetch certificates give keys to one.
	if mode.Perm()&0o007 != 0 {
		r.add(child(at, "key_file"), fmt.Sprintf("%q is open to everybody (mode %04o)", keyFile, mode.Perm()), fmt.Sprintf("chmod o= %q", keyFile))
	}
	if _, err := tls.X509KeyPair(cert, key); err != nil {
		// The text of package tls names what is wrong and shows nothing of the key.
		r.add(child(at, "cert_file"), fmt.Sprintf("%q and %q do not work together: %s", certFile, keyFile, strings.TrimPrefix(err.Error(), "tls: ")),
			"name a certificate and its own key, both in PEM")
	}
}

// path is a file name of the configuration as the program can use it.
func (r resolver) path(name string) string {
	if name == "" || filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(r.dir, name)
}

// input is path for a file that is read: where systemd hands over a credential that is called as the last part of the name, it is that.
func (r resolver) input(name string) string {
	if name == "" || r.credentials == "" {
		return r.path(name)
	}
	handed := filepath.Join(r.credentials, filepath.Base(name))
	if _, err := os.Stat(handed); err != nil {
		return r.path(name)
	}
	return handed
}

// handed reports whether a file is a credential: systemd gives access to it by ACL, which shows as a readable group.
func (r resolver) handed(path string) bool {
	return r.credentials != "" && r.credentials != r.dir && filepath.Dir(path) == filepath.Clean(r.credentials)
}

// component reads the secret from where it is.
func (r resolver) component(at string, c *Component) {
	if !r.ok(at) {
		return
	}
	var present []string
	for _, name := range []string{"secret", "secret_file", "secret_credential"} {
		if !r.ok(child(at, name)) {
			return // Which of the forms is meant is not known.
		}
		if r.has(child(at, name)) {
			present = append(present, name)
		}
	}
	key := child(at, "secret")
	switch {
	case len(present) == 0:
		r.add(key, "there is no secret",
			`write secret_file = "…" and put what the XMPP server has for this component (Prosody: component_secret, ejabberd: password) into that file`)
	case len(present) > 1:
		r.add(child(at, present[1]), "there is "+strings.Join(present, " and ")+", and only one can be used", "keep one of them")
	case present[0] == "secret":
		r.inline(key, c.Secret)
	case present[0] == "secret_file":
		c.SecretFile = r.input(c.SecretFile)
		c.Secret = r.file(child(at, "secret_file"), c.SecretFile)
	default:
		c.Secret = r.credential(child(at, "secret_credential"), c.SecretCredential)
	}
}

// inline checks a secret that stands in the configuration itself.
func (r resolver) inline(key string, s Secret) {
	switch s.Reveal() {
	case "":
		r.add(key, "the secret is empty", "write what the XMPP server has for this component")
	case placeholder:
		r.add(key, "this is the secret of the example", "write a secret of your own here and in the XMPP server's configuration, such as `openssl rand -hex 24` prints")
	}
}

// file reads a secret from a file that nobody but its owner may read.
func (r resolver) file(key, path string) Secret {
	if path == "" {
		r.add(key, "the name of the file is empty", "write the name of a file that holds the secret")
		return Secret{}
	}
	text, mode := r.secret(key, path, fmt.Sprintf("make it with the secret alone in it: install -m 600 /dev/stdin %q", path))
	if mode.Perm()&0o077 != 0 && !r.handed(path) {
		r.add(key, fmt.Sprintf("%q is open to others than its owner (mode %04o)", path, mode.Perm()), fmt.Sprintf("chmod 600 %q", path))
	}
	return text
}

// credential reads a secret that systemd hands over. Its mode is not checked, see handed.
func (r resolver) credential(key, name string) Secret {
	switch {
	case name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\x00"):
		r.add(key, fmt.Sprintf("%q cannot be the name of a credential", name), "write the name that stands behind LoadCredential= in the unit")
		return Secret{}
	case r.unserved:
		return Secret{}
	case r.credentials == "":
		r.add(key, "systemd handed over no credentials ($CREDENTIALS_DIRECTORY is not set)",
			fmt.Sprintf("add LoadCredential=%s:/path/of/the/secret to the unit", name))
		return Secret{}
	}
	text, _ := r.secret(key, filepath.Join(r.credentials, name), fmt.Sprintf("add LoadCredential=%s:/path/of/the/secret to the unit", name))
	if text.Reveal() == placeholder { // what the unit has in place of a file that is not there
		r.add(key, fmt.Sprintf("systemd found no file for the credential %s", name),
			fmt.Sprintf("put the secret into the file that stands behind LoadCredential=%s: in the unit, with mode 0600, and restart passerelle", name))
	}
	return text
}

// secret reads a file that holds one line. Missing is what to do if there is no such file.
func (r resolver) secret(key, path, missing string) (Secret, fs.FileMode) {
	data, mode, err := readFile(path, maxSecret)
	if err != nil {
		fix := "name a file that holds the secret alone"
		switch {
		case errors.Is(err, fs.ErrNotExist):
			fix = missing
		case errors.Is(err, fs.ErrPermission):
			fix = fmt.Sprintf("make the user that passerelle runs as the owner of %q; under systemd, have it handed over: systemctl edit passerelle, and write [Service] and below it LoadCredential=%s:%s", path, filepath.Base(path), path)
		}
		r.add(key, fmt.Sprintf("%q cannot be read: %s", path, reason(err)), fix)
		return Secret{}, mode
	}
	text := strings.TrimRight(string(data), "\r\n")
	switch {
	case text == "":
		r.add(key, fmt.Sprintf("%q is empty", path), "write the secret into it")
	case strings.ContainsAny(text, "\r\n"):
		r.add(key, fmt.Sprintf("%q has more than one line", path), "leave the secret alone in it")
	}
	return NewSecret(text), mode
}

// network reads the password and the certificate authorities of an IRC network.
func (r resolver) network(at string, n *Network) {
	if key := child(at, "password_file"); r.has(key) && r.ok(key) {
		n.PasswordFile = r.input(n.PasswordFile)
		n.Password = r.file(key, n.PasswordFile)
	}
	if key := child(at, "webirc_password_file"); r.has(key) && r.ok(key) {
		n.WebIRCFile = r.input(n.WebIRCFile)
		n.WebIRC = r.file(key, n.WebIRCFile)
		if r.ok(key) && strings.ContainsAny(n.WebIRC.Reveal(), " :\x00") { // it stands in the middle of a line
			r.add(key, "there is a space or a colon in the password, which no WEBIRC password has", "write the password alone into the file")
		}
	}
	n.Avatar = r.avatar(child(at, "avatar_file"), &n.AvatarFile)
	key := child(at, "ca_file")
	if !r.has(key) || !r.ok(key) || !n.TLS {
		return // Without TLS the line itself is a fault, see validator.network.
	}
	n.CAFile = r.input(n.CAFile)
	n.Roots = r.roots(key, n.CAFile)
}

// roots are the certificate authorities of the system and those of a file.
func (r resolver) roots(key, file string) *x509.CertPool {
	data, _, err := readFile(file, maxCAFile)
	if err != nil {
		r.add(key, fmt.Sprintf("%q cannot be read: %s", file, reason(err)), "name a file of certificates in PEM, or remove the line")
		return nil
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		// A container may have none; the file's own authorities are what counts here.
		roots = x509.NewCertPool()
	}
	if !roots.AppendCertsFromPEM(data) {
		r.add(key, fmt.Sprintf("%q has no certificate in it", file), "name a file of certificates in PEM (BEGIN CERTIFICATE)")
	}
	return roots
}
