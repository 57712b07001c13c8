package config

import (
	"crypto/x509"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// Mail is a gateway to email.
type Mail struct {
	Component
	Name      string       `toml:"name" doc:"What people see as the name of the gateway."`
	Hostname  string       `toml:"hostname" restart:"yes" sample:"mx.example.org" doc:"What passerelle calls itself to other mail servers. The default is the first of the mail domains below."`
	Listen    string       `toml:"listen" restart:"yes" sample:"0.0.0.0:25" doc:"Where mail servers of the internet bring mail (SMTP), if passerelle shall be the MX itself. It relays for nobody."`
	LMTP      string       `toml:"lmtp" restart:"yes" sample:"127.0.0.1:2424" doc:"Where your own mail server hands over mail (LMTP): host and port, or unix:/run/passerelle/lmtp.sock. Nobody is let in but this machine and the networks of trusted: they are believed what they say of where mail came from."`
	CertFile  string       `toml:"cert_file" restart:"yes" sample:"/etc/passerelle/mx.pem" doc:"The certificate of listen, in PEM. Without it mail comes unencrypted."`
	KeyFile   string       `toml:"key_file" restart:"yes" sample:"/etc/passerelle/mx.key" doc:"Its key."`
	Trusted   []string     `toml:"trusted" sample:"192.0.2.25/32" doc:"Networks of your own mail servers in CIDR notation: what they bring is not limited at listen, and they are let in at lmtp."`
	ResultsOf []string     `toml:"results_of" sample:"mx.example.org" doc:"Names under which your own mail servers write what they found of a sender (Authentication-Results). It is believed of mail that they hand over themselves; they must remove what strangers wrote under these names."`
	Smart     string       `toml:"smarthost" restart:"yes" sample:"smtp.example.org:587" doc:"The server that sends mail on: host and port. Without it, and without direct, nobody can send."`
	SmartTLS  string       `toml:"smarthost_tls" restart:"yes" enum:"starttls tls none" doc:"How it is spoken to: TLS from the first byte is tls, as on port 465. The certificate is checked. With none everybody on the way reads along, and no password is sent but to this machine itself."`
	SmartCA   string       `toml:"smarthost_ca_file" restart:"yes" sample:"smarthost-ca.pem" doc:"Certificate authorities (PEM) to trust for it besides those of the system."`
	User      string       `toml:"smarthost_user" restart:"yes" sample:"passerelle" doc:"The name to log in there with; without it there is no login."`
	PassFile  string       `toml:"smarthost_password_file" restart:"yes" sample:"smarthost.password" doc:"A file with the password, with mode 0600."`
	Direct    bool         `toml:"direct" restart:"yes" doc:"Whether mail goes straight to the servers of its recipients (MX) in place of a smarthost: encrypted where they can, and always where they say so (MTA-STS). Many of them take nothing from an address that is not known to send mail."`
	Resolver  string       `toml:"resolver" restart:"yes" sample:"127.0.0.1:53" doc:"The DNS server to ask for MX, SPF, DKIM and DMARC. The default is that of the system."`
	Selector  string       `toml:"dkim_selector" restart:"yes" doc:"Under which names the keys stand in the DNS that mail is signed with (DKIM): this with -rsa and -ed behind it. passerelle mail dns prints what to publish."`
	MaxSize   int          `toml:"max_size" doc:"How large a mail may be, in MiB."`
	Milter    string       `toml:"milter" sample:"127.0.0.1:11332" doc:"A mail filter to ask about each mail that comes, such as rspamd: host and port, or unix:/run/rspamd/milter.sock."`
	MilterBy  string       `toml:"milter_down" enum:"wait accept" doc:"What happens while the filter does not answer: mail waits at its sender's server, or is taken unfiltered."`
	Rate      int          `toml:"messages_per_minute" doc:"How many mails a user may send in a minute. 0 means no limit."`
	Daily     int          `toml:"messages_per_day" doc:"The same for a day."`
	NewRate   int          `toml:"new_recipients_per_minute" doc:"To how many people in a minute to whom he has not written before. 0 means no limit."`
	Senders   []string     `toml:"allow_senders" sample:"*.example.org" doc:"Who of those that may use the gateway may send mail, written as allow_users. Without it all of them. Only who has an address in a domain below can."`
	Separate  string       `toml:"subaddress" sample:"+" doc:"What begins the part of an address that is not part of the name: romeo+books is romeo. Empty for nothing."`
	Default   string       `toml:"strangers" enum:"ask pass refuse" doc:"What becomes of mail from somebody whom a user does not know, until he chooses himself: it waits until he was asked, it comes, or it is refused."`
	FileHosts []string     `toml:"file_hosts" sample:"upload.example.org" doc:"Hosts, or host:port, whose files are attached to mails though they are not at public addresses: the upload service of your XMPP server, where it is reached so from here. It is spoken to over https, at port 443 where none is named; without TLS only where http:// stands before the host. Of all others files are fetched over https from public addresses alone, and what cannot be fetched goes out as a link."`
	Aliases   []MailAlias  `toml:"alias" doc:"An address that is that of others. postmaster and abuse are those of the admins. Write this table once for each."`
	Domains   []MailDomain `toml:"addresses" doc:"A domain of email addresses, and whose they are. At least one is needed; write this table once for each."`
	Redirect  MailRedirect `toml:"redirect" doc:"Messages from XMPP by mail: what users get on XMPP goes to their mailboxes, if they want that."`

	// TrustedPeers are Trusted.
	TrustedPeers []netip.Prefix `toml:"-" of:"trusted"`
	// SmartRoots are those of SmartCA and of the system; nil without.
	SmartRoots *x509.CertPool `toml:"-" of:"smarthost_ca_file"`
	// Password was read from PassFile.
	Password Secret `toml:"-" of:"smarthost_password_file"`
}

// MailDomain is a domain of email addresses.
type MailDomain struct {
	Name  string `toml:"domain" example:"example.org" doc:"The domain of the addresses: users get mail at USER@DOMAIN."`
	Users string `toml:"users" sample:"example.org" doc:"The domain of the XMPP accounts that these users have. The default is the same name."`
}

// MailAlias is an address that is that of others.
type MailAlias struct {
	Address string   `toml:"address" example:"info@example.org" doc:"The address."`
	To      []string `toml:"to" example:"romeo@example.org" doc:"The JIDs of those who get what comes to it."`
}

func (m *Mail) setDefaults() {
	m.Component.setDefaults()
	m.Name = "Email gateway"
	m.SmartTLS = "starttls"
	m.Selector = "passerelle"
	m.MaxSize = 25
	m.MilterBy = "wait"
	m.Rate, m.Daily, m.NewRate = 30, 200, 5
	m.Separate = "+"
	m.Default = "ask"
	m.Redirect.setDefaults()
}

func (m *Mail) complete() {
	for i := range m.Domains {
		if m.Domains[i].Users == "" {
			m.Domains[i].Users = m.Domains[i].Name
		}
	}
	if m.Hostname == "" && len(m.Domains) > 0 {
		m.Hostname = m.Domains[0].Name
	}
}

func (d *MailDomain) key() string { return d.Name }
func (a *MailAlias) key() string  { return a.Address }

// maxMailSize is the largest limit that an operator may set, in MiB: a mail is held in memory while it is read.
const maxMailSize = 100

func (v validator) mail(at string, m *Mail) {
	for name, address := range map[string]string{"listen": m.Listen, "lmtp": m.LMTP, "milter": m.Milter} {
		if key := child(at, name); v.ok(key) && address != "" {
			v.listen(key, address, "127.0.0.1:2424", "unix:/run/passerelle/"+name+".sock")
		}
	}
	if key := child(at, "listen"); v.ok(key) && v.ok(child(at, "lmtp")) && m.Listen == "" && m.LMTP == "" {
		v.add(key, "no mail can come: there is neither listen nor lmtp", `write lmtp = "127.0.0.1:2424" behind a mail server of your own, or listen = "0.0.0.0:25"`)
	}
	if key := child(at, "smarthost"); v.ok(key) && m.Smart != "" {
		v.server(key, m.Smart, "smtp.example.org:587")
		if m.Direct {
			v.add(child(at, "direct"), "there is a smarthost too, and only one of them can be used", "keep one of them")
		}
	}
	if key := child(at, "resolver"); v.ok(key) && m.Resolver != "" {
		v.server(key, m.Resolver, "127.0.0.1:53")
	}
	if (m.CertFile == "") != (m.KeyFile == "") {
		v.add(child(at, "cert_file"), "there is only one of cert_file and key_file", "write both, or neither")
	}
	if (m.User == "") != (m.PassFile == "") {
		v.add(child(at, "smarthost_user"), "there is only one of smarthost_user and smarthost_password_file", "write both, or neither")
	}
	m.TrustedPeers = v.prefixes(child(at, "trusted"), m.Trusted)
	v.users(child(at, "allow_senders"), m.Senders)
	if key := child(at, "max_size"); v.ok(key) && (m.MaxSize < 1 || m.MaxSize > maxMailSize) {
		v.add(key, fmt.Sprintf("it must be from 1 to %d", maxMailSize), "write a number of MiB, such as 25")
	}
	for name, n := range map[string]int{"messages_per_minute": m.Rate, "messages_per_day": m.Daily, "new_recipients_per_minute": m.NewRate} {
		if key := child(at, name); v.ok(key) && n < 0 {
			v.add(key, "it must not be less than 0", "write a number, or 0 for no limit")
		}
	}
	if key := child(at, "dkim_selector"); v.ok(key) {
		if _, err := foldDomain(m.Selector); err != nil || strings.Contains(m.Selector, "_") {
			v.add(key, fmt.Sprintf("%q cannot stand in the DNS", m.Selector), "write letters and digits, such as passerelle")
		}
	}
	if key := child(at, "subaddress"); v.ok(key) && len(m.Separate) > 1 {
		v.add(key, fmt.Sprintf("%q is more than one character", m.Separate), `write "+" or "-", or "" for none`)
	}
	for i, host := range m.FileHosts {
		if key := element(child(at, "file_hosts"), i); v.ok(key) {
			origin, ok := foldOrigin(host)
			if !ok {
				v.add(key, fmt.Sprintf("%q is no host", host), "write a host, such as upload.example.org, or host:port, or http://host:port where it has no TLS")
			}
			m.FileHosts[i] = origin
		}
	}
	v.redirect(child(at, "redirect"), &m.Redirect)
	v.mailDomains(at, m)
}

// foldOrigin makes a server of the web out of host, host:port or a URL without a path: https is spoken where nothing else is said.
func foldOrigin(s string) (string, bool) {
	if !strings.Contains(s, "://") {
		s = "https://" + s
	}
	u, err := url.Parse(s)
	if err != nil || u.Hostname() == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return "", false
	}
	if u.Scheme != "https" && u.Scheme != "http" || strings.ContainsAny(u.Host, " %") {
		return "", false
	}
	return u.Scheme + "://" + strings.ToLower(u.Host), true
}

// mailDomains checks the domains and the addresses that are in them.
func (v validator) mailDomains(at string, m *Mail) {
	list := child(at, "addresses")
	if v.ok(list) && len(m.Domains) == 0 {
		v.add(list, "there is no domain of email addresses", "add a table [[mail.addresses]] with domain = \"example.org\"")
	}
	seen := make(map[string]bool)
	for i := range m.Domains {
		d := &m.Domains[i]
		for name, value := range map[string]*string{"domain": &d.Name, "users": &d.Users} {
			key := child(element(list, i), name)
			if !v.ok(key) || name == "users" && *value == "" {
				continue
			}
			folded, err := foldDomain(*value)
			if err != nil || *value == "" {
				v.add(key, fmt.Sprintf("%q is no domain", *value), "write a domain, such as example.org")
				continue
			}
			*value = folded
		}
		if seen[d.Name] {
			v.add(child(element(list, i), "domain"), d.Name+" is there already", "write one table for each domain")
		}
		seen[d.Name] = true
	}
	for i := range m.Aliases {
		a := &m.Aliases[i]
		key := element(child(at, "alias"), i)
		if !v.ok(key) {
			continue
		}
		a.Address = strings.ToLower(a.Address)
		_, domain, ok := strings.Cut(a.Address, "@")
		if !ok || !slices.ContainsFunc(m.Domains, func(d MailDomain) bool { return d.Name == domain }) {
			v.add(child(key, "address"), fmt.Sprintf("%q is not in one of the mail domains", a.Address), "write an address in a domain of [[mail.addresses]]")
		}
		if len(a.To) == 0 {
			v.add(child(key, "to"), "nobody gets what comes to it", "write the JIDs of those who do")
		}
		v.admins(child(key, "to"), a.To)
	}
}

// mail reads what a table names.
func (r resolver) mail(at string, m *Mail) {
	m.CertFile, m.KeyFile, m.SmartCA = r.input(m.CertFile), r.input(m.KeyFile), r.input(m.SmartCA)
	if m.CertFile != "" && m.KeyFile != "" {
		r.pair(at, m.CertFile, m.KeyFile)
	}
	if key := child(at, "smarthost_ca_file"); r.ok(key) && m.SmartCA != "" {
		m.SmartRoots = r.roots(key, m.SmartCA)
	}
	if key := child(at, "smarthost_password_file"); r.ok(key) && m.PassFile != "" {
		m.PassFile = r.input(m.PassFile)
		m.Password = r.file(key, m.PassFile)
	}
}
