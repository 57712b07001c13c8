package config

import (
	"fmt"
	"math"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/net/idna"
)

// validator checks whether values make sense. Where they are names it brings them into the form in which they are compared.
type validator struct{ *report }

func (v validator) config(c *Config) {
	if len(c.IRC)+len(c.Mail)+len(c.Social) == 0 && v.ok("irc") && v.ok("mail") && v.ok("social") {
		v.add("", "there is no gateway in this file", "add an [[irc]] table; `passerelle config example` prints one")
	}
	domains := make(map[string]string)
	for i := range c.IRC {
		at := element("irc", i)
		v.component(at, &c.IRC[i].Component, domains)
		v.irc(at, &c.IRC[i])
	}
	for i := range c.Mail {
		v.component(element("mail", i), &c.Mail[i].Component, domains)
		v.mail(element("mail", i), &c.Mail[i])
	}
	for i := range c.Social {
		v.component(element("social", i), &c.Social[i].Component, domains)
	}
	v.store(&c.Store)
	v.archive(&c.Archive)
	v.admin(&c.Admin)
	v.web(&c.Web)
	for i := range c.Social {
		v.social(element("social", i), &c.Social[i], c)
	}
	v.identd(&c.Identd)
	v.files(&c.Files)
}

// component checks what all gateways have. Domains are those seen before, with the table that has them.
func (v validator) component(at string, c *Component, domains map[string]string) {
	v.server(child(at, "server"), c.Server, defaultServer)
	v.admins(child(at, "admins"), c.Admins)
	v.users(child(at, "allow_users"), c.AllowUsers)
	v.users(child(at, "deny_users"), c.DenyUsers)
	key := child(at, "domain")
	if !v.ok(key) || !v.ok(at) {
		return
	}
	if c.Domain == "" {
		v.add(key, "there is no domain",
			fmt.Sprintf("write domain = \"%s.example.org\", with the domain that the XMPP server has for this component", unindexed(at)))
		return
	}
	domain, err := foldDomain(c.Domain)
	if err != nil {
		v.add(key, fmt.Sprintf("%q is not a domain: %s", c.Domain, err), "write a domain name such as irc.example.org, without a port and without an at-sign")
		return
	}
	c.Domain = domain
	if other, taken := domains[domain]; taken {
		v.add(key, fmt.Sprintf("%s has the domain %s already", other, domain), "give each gateway a domain of its own")
		return
	}
	domains[domain] = at
}

// admins checks the JIDs of people, and folds them as JIDs that the server delivers are.
func (v validator) admins(key string, jids []string) {
	if v.ok(key) {
		v.fold(key, jids, foldPerson, "%q is not the JID of a person", "write it as name@example.org, without a resource")
	}
}

// fold brings each entry of a list into the form in which it is compared. What is none is a fault, whose text has a place for it.
func (v validator) fold(key string, list []string, fold func(string) (string, bool), fault, fix string) {
	for i, entry := range list {
		folded, ok := fold(entry)
		if !ok {
			v.add(element(key, i), fmt.Sprintf(fault, entry), fix)
			continue
		}
		list[i] = folded
	}
}

// foldPerson checks the bare JID of a person and returns it as servers deliver it.
func foldPerson(jid string) (string, bool) {
	local, domain, _ := strings.Cut(jid, "@")
	domain, err := foldDomain(domain)
	if err != nil || local == "" || strings.ContainsFunc(local, func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune("*/:<>\"&'", r) }) {
		return "", false
	}
	return strings.ToLower(local) + "@" + domain, true
}

// foldDomain checks a domain name and returns it in the form that stands in JIDs: lower case, U-labels (RFC 7622 §3.2).
func foldDomain(s string) (string, error) {
	if _, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
		return "", fmt.Errorf("it is an address")
	}
	for _, r := range s {
		// idna refuses these too, but names them by number.
		if r < unicode.MaxASCII && r != '.' && r != '-' && !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			return "", fmt.Errorf("%q cannot be in one", r)
		}
	}
	profile := idna.New(idna.MapForLookup(), idna.BidiRule(), idna.StrictDomainName(true), idna.VerifyDNSLength(true))
	s = strings.TrimSuffix(s, ".")
	if _, err := profile.ToASCII(s); err != nil {
		return "", fmt.Errorf("%s", strings.TrimPrefix(err.Error(), "idna: "))
	}
	domain, err := profile.ToUnicode(s)
	if err != nil {
		return "", fmt.Errorf("%s", strings.TrimPrefix(err.Error(), "idna: "))
	}
	return domain, nil
}

// server checks an address to connect to. Example is one as it should be.
func (v validator) server(key, address, example string) {
	if !v.ok(key) {
		return
	}
	if err := checkAddress(address, 1); err != nil {
		v.add(key, fmt.Sprintf("%q is not an address: %s", address, err), "write host:port, such as "+example)
	}
}

// checkAddress checks host:port, where the port is a number from least up.
func checkAddress(address string, least int) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		if e, ok := err.(*net.AddrError); ok {
			return fmt.Errorf("%s", e.Err)
		}
		return err
	}
	if host == "" {
		return fmt.Errorf("the host is missing")
	}
	if strings.ContainsFunc(host, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) || r == '/' || r == '@' }) {
		return fmt.Errorf("no host has such a name")
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n < uint64(least) {
		return fmt.Errorf("the port must be a number from %d to 65535", least)
	}
	return nil
}

func (v validator) irc(at string, c *IRC) {
	if key := child(at, "burst"); v.ok(key) && c.Burst < 0 {
		v.add(key, "it must not be less than 0", "write the number of lines, or 0 for no limit")
	}
	if key := child(at, "user_burst"); v.ok(key) && c.UserBurst < 1 {
		v.add(key, "it must be more than 0", "write the largest number of lines that a user may choose, such as 20")
	}
	if key := child(at, "rate"); v.ok(key) && (!(c.Rate > 0) || math.IsInf(c.Rate, 0)) {
		v.add(key, "it must be more than 0", "write the lines per second, such as 1.0; for no limit write burst = 0")
	}
	if key := child(at, "contact"); v.ok(key) {
		v.contact(key, c.Contact)
	}
	if key := child(at, "paste_lines"); v.ok(key) && c.PasteLines < 0 {
		v.add(key, "it must not be less than 0", "write the number of lines, or 0 for no limit")
	}
	if key := child(at, "missed_lines"); v.ok(key) && (c.MissedLines < 0 || c.MissedLines > maxMissedLines) {
		v.add(key, fmt.Sprintf("it must be from 0 to %d", maxMissedLines), "write the number of messages, or 0 for none")
	}
	v.limits(at, c)
	v.source(at, c)
	v.fixed(at, c)
	v.reach(at, c)
	if !c.Open && len(c.Networks) == 0 && v.ok(child(at, "network")) {
		v.add(child(at, "open"), "users can join nothing: open is false and no network is listed", "add an [[irc.network]] table, or write open = true")
	}
	seen := make(map[string]string)
	for i := range c.Networks {
		v.network(element(child(at, "network"), i), &c.Networks[i], seen)
	}
}

// maxContacts is how many addresses of the operator are shown.
const maxContacts = 8

// maxMissedLines is how many lines of one channel an IRC session takes from its network.
const maxMissedLines = 5000

// contact checks the addresses that users are shown (XEP-0157 §2).
func (v validator) contact(key string, list []string) {
	if len(list) > maxContacts {
		v.add(key, fmt.Sprintf("there are %d addresses", len(list)), fmt.Sprintf("name at most %d", maxContacts))
	}
	for i, s := range list {
		u, err := url.Parse(s)
		if err != nil || len(s) > 1000 || u.Scheme != "xmpp" && u.Scheme != "mailto" && u.Scheme != "https" || u.Host+u.Opaque+u.Path == "" {
			v.add(element(key, i), fmt.Sprintf("%q is not such an address", s), "write a URI, such as xmpp:admin@example.org, mailto:admin@example.org or https://example.org/contact")
		}
	}
}

// maxNetworkName is how long the name of a network may be: as long as a host name.
const maxNetworkName = 253

func (v validator) network(at string, n *Network, seen map[string]string) {
	if key := child(at, "name"); v.ok(key) && v.ok(at) {
		n.Name = strings.ToLower(n.Name)
		other, taken := seen[n.Name]
		switch {
		case n.Name == "":
			v.add(key, "there is no name", `write name = "irc.libera.chat", as users are to write it in addresses`)
		case len(n.Name) > maxNetworkName || strings.ContainsFunc(n.Name, notInName):
			v.add(key, fmt.Sprintf("%q cannot stand in addresses", n.Name), "write letters, digits, points and hyphens, such as irc.libera.chat")
		case taken:
			v.add(key, fmt.Sprintf("%s has the name %s already", other, n.Name), "give each network a name of its own, with all its servers in addresses")
		default:
			seen[n.Name] = at
		}
	}
	if key := child(at, "addresses"); v.has(key) && v.ok(key) {
		if len(n.Addresses) == 0 {
			v.add(key, "the list is empty", fmt.Sprintf("write host:port of a server, or remove the line: then it is the name with port %s", n.defaultPort()))
		}
		for i, address := range n.Addresses {
			v.server(element(key, i), address, "irc.libera.chat:"+n.defaultPort())
		}
	}
	if key := child(at, "ca_file"); v.ok(key) && n.CAFile != "" && !n.TLS {
		v.add(key, "it has no effect, because this network is without TLS", "remove the line, or tls = false")
	}
}

// Bounds of the archive.
const (
	maxArchiveDays = 36500
	maxUserDaily   = 1 << 20 // MiB
)

func (v validator) archive(a *Archive) {
	if key := "archive.days"; v.ok(key) && (a.Days < 0 || a.Days > maxArchiveDays) {
		v.add(key, fmt.Sprintf("%d is no number of days", a.Days), fmt.Sprintf("write 1 to %d, or 0 to keep messages for ever", maxArchiveDays))
	}
	if key := "archive.user_daily"; v.ok(key) && (a.UserDaily < 0 || a.UserDaily > maxUserDaily) {
		v.add(key, fmt.Sprintf("%d is no number of MiB", a.UserDaily), fmt.Sprintf("write 1 to %d, or 0 to keep all that networks say", maxUserDaily))
	}
}

// notInName reports whether r cannot be in the name of a network: it is part of a JID's local part behind the percent sign.
func notInName(r rune) bool {
	return !(r == '.' || r == '-' || r == '_' || 'a' <= r && r <= 'z' || '0' <= r && r <= '9')
}

func (v validator) store(c *Store) {
	if v.ok("store.path") && c.Path == "" {
		v.add("store.path", "the name of the file is empty", fmt.Sprintf("write path = %q", defaultStore))
	}
	if key := "store.url_file"; v.ok(key) && !c.URL.IsZero() && !strings.HasPrefix(c.URL.Reveal(), "postgresql://") && !strings.HasPrefix(c.URL.Reveal(), "postgres://") {
		v.add(key, "the file holds no URL of a PostgreSQL database", "write one line into it: postgresql://user:password@host/database")
	}
	if v.ok("store.key_file") && v.ok("store.path") && c.KeyFile != "" && filepath.Clean(c.KeyFile) == filepath.Clean(c.Path) {
		v.add("store.key_file", "it is the database", "name another file, such as "+keyFileName+" beside the database")
	}
}

// maxSocketPath is the length of sun_path in sockaddr_un on Linux without its closing zero byte.
const maxSocketPath = 107

func (v validator) admin(c *Admin) {
	if key := "admin.socket"; v.ok(key) && len(c.Socket) > maxSocketPath {
		v.add(key, fmt.Sprintf("%q is too long for the name of a socket", c.Socket), fmt.Sprintf("write a path of at most %d bytes", maxSocketPath))
	}
	const key = "admin.listen"
	if !v.ok(key) || c.Listen == "" {
		return
	}
	if !v.listen(key, c.Listen, "127.0.0.1:5380", "unix:/run/passerelle/admin.sock") || strings.HasPrefix(c.Listen, "unix:") {
		return
	}
	if !loopback(c.Listen) {
		v.add(key, fmt.Sprintf("%q can be reached by others, and this listener asks nobody who he is", c.Listen),
			"write 127.0.0.1:5380 or unix:/run/passerelle/admin.sock, with a proxy in front if others must reach it")
	}
}

// listen checks where a listener shall be, and reports whether that can be used. The examples are as it should be.
func (v validator) listen(key, address, example, socket string) bool {
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		if !filepath.IsAbs(path) || len(path) > maxSocketPath || strings.ContainsRune(path, 0) {
			v.add(key, fmt.Sprintf("%q is not the name of a socket", path),
				fmt.Sprintf("write an absolute path of at most %d bytes, such as %s", maxSocketPath, socket))
			return false
		}
		return true
	}
	if err := checkAddress(address, 0); err != nil {
		v.add(key, fmt.Sprintf("%q is not an address: %s", address, err), "write "+example+", or "+socket)
		return false
	}
	return true
}

// loopback reports whether an address can be reached from this machine alone.
func loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}
