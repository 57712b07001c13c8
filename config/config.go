// Package config is in charge of what the operator writes: it reads passerelle.toml, finds every fault in it at once, each with
// its line and what to write instead, and generates the documented example file from the same structs.
//
// It opens no socket and no database, and it does not know what the settings do: each package takes small options of its own,
// and the command that wires them hands the values over.
//
// A new setting is a field here with its toml and doc tags, a line in example.toml (generated: go test ./config -update) and,
// where not every value makes sense, a check in validate.go.
package config

import (
	"crypto/x509"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"
)

// DefaultPath is where the configuration is unless the operator says otherwise.
const DefaultPath = "/etc/passerelle/passerelle.toml"

// Defaults that more than one place needs.
const (
	defaultServer = "127.0.0.1:5347"
	defaultStore  = "/var/lib/passerelle/passerelle.db"
	keyFileName   = "passerelle.key"  // beside the database
	socketName    = "passerelle.sock" // as well
	filesName     = "files"           // as well
)

// Config is a whole configuration. One that Load returned is valid and complete: defaults are filled in, secrets are read, file
// names are absolute where the file's own name was. It is not changed afterwards, so any goroutine may read it.
type Config struct {
	IRC     []IRC    `toml:"irc" restart:"yes" doc:"A gateway to IRC. Write this table once for each domain that is one."`
	Mail    []Mail   `toml:"mail" restart:"yes" doc:"A gateway to email: mail that comes to addresses of your users is a chat, and what they write to people of the internet is a mail."`
	Social  []Social `toml:"social" restart:"yes" doc:"A gateway to the social web: each user who wants that publishes there, is followed from other servers, and follows people on them."`
	Store   Store    `toml:"store" restart:"yes" doc:"Where passerelle keeps its data."`
	Archive Archive  `toml:"archive" doc:"What was said, kept for users to read later: in rooms what their own sessions heard, and private messages."`
	Admin   Admin    `toml:"admin" restart:"yes" doc:"The listener for the operator: /metrics, /healthz and /readyz. Whoever reaches it may read all of that."`
	Web     Web      `toml:"web" restart:"yes" doc:"The listener for everybody: one-time links and files. Without it there is none of that."`
	Identd  Identd   `toml:"identd" restart:"yes" doc:"The listener for IRC networks that ask who connects (ident, RFC 1413). Each user is known there by a token that is always the same and says nothing of who he is."`
	Files   Files    `toml:"files" doc:"Files that users share. They go to the upload service of the user's XMPP server; where that has none, or refuses, passerelle keeps them and serves them under the public URL of [web], if there is one."`
	Log     Log      `toml:"log" doc:"What is logged, on standard error."`

	// exposed says that everybody on the machine can read the file itself.
	exposed bool
	// written is what stands in the file, without the defaults that depend on other values.
	written *Config
}

// Component is what each gateway needs in order to join the XMPP server as an external component (XEP-0114).
type Component struct {
	Domain string `toml:"domain" restart:"yes" example:"TABLE.example.org" doc:"The domain of the gateway, as the XMPP server knows the component."`
	Server string `toml:"server" restart:"yes" doc:"Host and port where the XMPP server takes components: Prosody's component_ports, ejabberd's ejabberd_service."`
	Secret Secret `toml:"secret" restart:"yes" example:"CHANGE-ME" doc:"What the XMPP server knows the component by: Prosody's component_secret, ejabberd's password. One of the three forms is needed."`
	// SecretFile and SecretCredential are where Secret was read from, if they are set.
	SecretFile       string   `toml:"secret_file" sample:"TABLE.secret" doc:"A file that holds the secret instead, with mode 0600. File names that are not absolute start from the directory of this file. Under systemd, a file that is handed over to the service (LoadCredential=) under the last part of its name is read in its place, here and wherever else a file is named."`
	SecretCredential string   `toml:"secret_credential" sample:"TABLE-secret" doc:"The name of a systemd credential that holds the secret instead (LoadCredential= in the unit)."`
	Admins           []string `toml:"admins" sample:"admin@example.org" doc:"JIDs of people who may run the commands for administrators: who is known, who is connected, removal of a user."`
	AllowUsers       []string `toml:"allow_users" sample:"*.example.org" doc:"Who may use the gateway: JIDs of people, domains, and *.example.org for whatever is below a domain, but not the domain itself. Without it everybody may whose server reaches yours. Administrators always may. Others can look at the gateway, and nothing else."`
	DenyUsers        []string `toml:"deny_users" sample:"troll@example.com" doc:"Who may not, written the same way, even where allow_users has them."`
}

// IRC is a gateway to IRC.
type IRC struct {
	Component
	Name  string `toml:"name" doc:"What people see as the name of the gateway."`
	Open  bool   `toml:"open" doc:"Whether users may join any IRC server by its name. If false, only the networks listed below."`
	Fixed string `toml:"fixed" restart:"yes" sample:"irc.libera.chat" doc:"The name of the only network of this gateway, as biboumi's fixed_irc_server. Addresses leave it out then: its channels are #channel@DOMAIN, its people nick@DOMAIN, and the domain itself is the network, which takes what is written to it as raw lines. A table [[irc.network]] of that name may say where it is."`
	// What users may reach beside Networks, where the gateway is open.
	AllowServers   []string `toml:"allow_servers" sample:"*.example.org" doc:"Names of the servers that users may join where open is true, beside the networks listed below; *.example.org is whatever is below a domain. Without it any server."`
	DenyServers    []string `toml:"deny_servers" sample:"irc.example.com" doc:"Names of servers that they may not join."`
	AllowAddresses []string `toml:"allow_addresses" sample:"10.11.0.0/16" doc:"Addresses of such servers that may be connected to though they are not of the public internet: networks in CIDR notation. Without it nothing behind your firewall can be reached by naming a server."`
	DenyAddresses  []string `toml:"deny_addresses" sample:"198.51.100.0/24" doc:"Addresses that may not be connected to, whatever a server is called."`
	Ports          []int    `toml:"ports" sample:"6697" doc:"The ports of such servers, tried in turn. All are spoken to over TLS."`
	UserPorts      []string `toml:"user_ports" sample:"1024-65535" doc:"The ports that users may set for such a server in place of those, and ranges of them."`
	UserPlain      bool     `toml:"user_plain" doc:"Whether these may be ports without TLS. Then everybody on the way reads along; passwords are not sent all the same."`
	UserUnverified bool     `toml:"user_unverified" doc:"Whether users may do without a check of the certificate of such a server. If false they may still trust one by its fingerprint."`
	// UserPortRanges are UserPorts.
	UserPortRanges []PortRange `toml:"-" of:"user_ports"`
	// Source is SourcePrefix; the zero Prefix without.
	Source netip.Prefix `toml:"-" of:"source_prefix"`
	// AllowedAddresses and DeniedAddresses are AllowAddresses and DenyAddresses.
	AllowedAddresses []netip.Prefix `toml:"-" of:"allow_addresses"`
	DeniedAddresses  []netip.Prefix `toml:"-" of:"deny_addresses"`
	// AvatarFile is where Avatar was read from; Avatar is empty without.
	AvatarFile        string    `toml:"avatar_file" sample:"irc.png" doc:"A picture of the gateway for contact lists: PNG, JPEG or WebP, at most 64 KiB and 1024 by 1024 pixels. The default is a footbridge."`
	Avatar            Image     `toml:"-" of:"avatar_file"`
	Contact           []string  `toml:"contact" sample:"xmpp:admin@example.org" doc:"Whom users may ask about this gateway, as URIs: xmpp:, mailto: or https:. Whoever looks at the gateway is shown them."`
	Burst             int       `toml:"burst" doc:"How many lines a user may send at once before rate slows them down. 0 means no limit at all."`
	Rate              float64   `toml:"rate" doc:"How many lines a second after that. Most networks disconnect whoever sends many more."`
	UserBurst         int       `toml:"user_burst" doc:"How many lines at once a user may choose for himself on a network, in place of burst."`
	ConnectsPerSecond float64   `toml:"connects_per_second" doc:"How many connections a second are made to one network at most, of all users. After a restart of that network, or of passerelle, people go back one after the other: ten in the first second, twice as many in each further one, and fewer once the network turns somebody away. Whoever waits for long is told when it is his turn. 0 means no limit."`
	MaxConnections    int       `toml:"max_connections" doc:"How many connections to networks there may be at a time, of all users."`
	MaxNetworks       int       `toml:"max_networks" doc:"How many networks a user may be connected to at a time."`
	MaxChannels       int       `toml:"max_channels" doc:"How many channels a user may be in at a time, on all networks."`
	JoinsPerMinute    int       `toml:"joins_per_minute" doc:"How many channels a user may join in a minute. A client that starts joins all of its bookmarks at once. 0 means no limit."`
	AlwaysOn          string    `toml:"always_on" enum:"never allowed default" doc:"Whether users stay in channels while none of their clients is there, as with a bouncer: never, where they want to (allowed), or unless they say that they do not want to (default). What is said meanwhile is in the archive. They choose with the setting persistent of a channel, of a network or of the gateway, and leave such a channel with the command leave."`
	AlwaysOnNetworks  int       `toml:"always_on_networks" doc:"On how many networks a user may stay so."`
	AlwaysOnChannels  int       `toml:"always_on_channels" doc:"In how many channels, on all networks."`
	AlwaysOnDays      int       `toml:"always_on_days" doc:"For how many days a user stays of whom nothing is seen. Then he is taken off the networks, which he is told a day before and when it happens; once something of him comes, he goes back into his channels. 0 means for ever."`
	IdleDays          int       `toml:"idle_days" doc:"The same for users whose clients are in channels, but who say nothing for so many days. 0 means for ever."`
	Pictures          bool      `toml:"pictures" doc:"Whether pictures of people, rooms and networks that IRC tells of are shown. The gateway fetches each once for everybody, from public addresses alone, so that no user is seen there."`
	OwnNames          bool      `toml:"own_names" doc:"Whether users may set a user name and a real name for each network. If false, and where they set none, the user name is a token that is always the same for a user, the real name is his nick, and neither says who he is; passerelle command run find-user tells you."`
	SourcePrefix      string    `toml:"source_prefix" sample:"2001:db8:1:2::/64" doc:"A network of this machine, in which each user connects from an address of his own, so that he can be told from the others and banned alone. The machine must take all of it for itself: ip -6 route add local 2001:db8:1:2::/64 dev lo. Servers without such an address are reached from the machine's own. A network of one address, such as 192.0.2.1/32, is the one that all connect from."`
	PasteLines        int       `toml:"paste_lines" doc:"How many lines a message may have on IRC. A longer one is uploaded, and its first line is said with the link. 0 means that all of it is said, however long."`
	MissedLines       int       `toml:"missed_lines" doc:"How many messages of a channel are fetched, where the network keeps them (IRCv3 chathistory), that were said while a user was not there: after a lost connection, a restart, or an absence of his. They go into his archive. As many messages that people wrote to him alone are fetched. 0 means none."`
	Networks          []Network `toml:"network" doc:"A network by name. Write this table once for each."`
}

// PortRange is all ports from the first to the last.
type PortRange struct{ First, Last uint16 }

// Network is an IRC network that the operator named.
type Network struct {
	Name         string   `toml:"name" example:"irc.libera.chat" doc:"What users write in addresses: #channel%NAME@DOMAIN."`
	Title        string   `toml:"title" sample:"Libera Chat" doc:"What people see as the name of the network. The default is its name."`
	Addresses    []string `toml:"addresses" sample:"irc.libera.chat:6697" doc:"Where to connect, tried in turn. The default is the name with port 6697, or 6667 without TLS."`
	TLS          bool     `toml:"tls" doc:"Whether the connection is encrypted. False means that everybody on the way reads along, passwords included."`
	CAFile       string   `toml:"ca_file" sample:"network-ca.pem" doc:"Certificate authorities (PEM) to trust for this network besides those of the system."`
	AvatarFile   string   `toml:"avatar_file" sample:"libera.png" doc:"A picture of the network, shown for its rooms as well. The same files will do as for the gateway."`
	PasswordFile string   `toml:"password_file" sample:"network.password" doc:"A file with the password of the server itself (PASS), with mode 0600. Few networks have one."`
	Services     string   `toml:"services" sample:"services.libera.chat" doc:"The server that the network's services are on, NickServ above all, as WHOIS NickServ names it. Passwords are said to NickServ on that server alone. The default is that it is called services, or that the network itself says that NickServ is a service. Networks with SASL do not need it."`
	WebIRCFile   string   `toml:"webirc_password_file" sample:"webirc.password" doc:"A file with the password that the network gave you for WEBIRC, with mode 0600. Each user has a host and an address of his own there, made of his token: ask the network to trust this machine."`

	// Roots are the system's authorities and those of CAFile, nil without CAFile.
	Roots *x509.CertPool `toml:"-" of:"ca_file"`
	// Password was read from PasswordFile, WebIRC from WebIRCFile.
	Password Secret `toml:"-" of:"password_file"`
	WebIRC   Secret `toml:"-" of:"webirc_password_file"`
	// Avatar was read from AvatarFile, empty without.
	Avatar Image `toml:"-" of:"avatar_file"`
}

// Store is where the data is.
type Store struct {
	Path    string `toml:"path" doc:"The SQLite database. It is made at the first start."`
	URLFile string `toml:"url_file" sample:"postgresql.url" doc:"A file with the URL of a PostgreSQL database, postgresql://user:password@host/database, with mode 0600. With it that database is used and not the file of path, beside which only the key and a lock are kept then."`
	KeyFile string `toml:"key_file" sample:"/var/lib/passerelle/passerelle.key" doc:"The key that seals credentials in the database, made at the first start. Without it they are lost: back it up, but not beside the database. The default is passerelle.key in the directory of the database."`

	// URL was read from URLFile; zero without.
	URL Secret `toml:"-" of:"url_file"`
}

// Archive is what was said.
type Archive struct {
	Enabled bool `toml:"enabled" restart:"yes" doc:"Whether anything is kept. Users may still say that they want nothing to be."`
	Days    int  `toml:"days" doc:"For how many days; 0 means for ever. Users may have theirs deleted earlier."`
	// Where gateways are open anybody may have a network of his own say as much as he likes.
	UserDaily int `toml:"user_daily" doc:"How much of what one user's networks say is kept in a day, in MiB; 0 means all of it. The rest is missing, and the archive says so. Busy channels have some MiB a day, so this is for networks that fill disks."`
}

// Admin is the operator's listener.
type Admin struct {
	Listen string `toml:"listen" doc:"A loopback address with port, or unix:/run/passerelle/admin.sock, or \"\" for none."`
	Socket string `toml:"socket" sample:"/var/lib/passerelle/passerelle.sock" doc:"Where passerelle takes the commands of the operator's command line, passerelle user and passerelle command. Only root and the user that passerelle runs as are let in. The default is passerelle.sock in the directory of the database."`
}

// Web is the public listener.
type Web struct {
	Listen    string `toml:"listen" sample:"127.0.0.1:5381" doc:"Host and port, or unix: and the absolute path of a socket. Without a certificate below, a proxy must stand in front that has one."`
	PublicURL string `toml:"public_url" sample:"https://gateway.example.org" doc:"Where everybody reaches the listener. With a path in it, the proxy must pass paths on as they are."`
	CertFile  string `toml:"cert_file" sample:"web-cert.pem" doc:"A TLS certificate with its chain (PEM), for a listener without a proxy. It is read again when it was renewed."`
	KeyFile   string `toml:"key_file" sample:"web-key.pem" doc:"The key of that certificate (PEM)."`

	// URL is PublicURL, without a slash at its end; nil without a listener.
	URL *url.URL `toml:"-" of:"public_url"`
}

// Identd is the listener for networks that ask who connects.
type Identd struct {
	Listen string `toml:"listen" sample:"0.0.0.0:113" doc:"Host and port; networks ask at port 113 of the address that they see. Or systemd, for the socket of passerelle.socket, since only root may listen there. Without it networks get no answer, and mark user names with a tilde."`
}

// Files says where the files go that users share.
type Files struct {
	OwnDomains []string `toml:"own_domains" sample:"example.org" doc:"Domains of your own users. Only their server may have its upload service at an address that is not public, or without TLS. The default is, for each gateway, the domain above its own."`
	Path       string   `toml:"path" restart:"yes" sample:"/var/lib/passerelle/files" doc:"The directory of the files that passerelle keeps itself. The default is files in the directory of the database."`
	Days       int      `toml:"days" doc:"How many days they are kept."`
	MaxSize    int      `toml:"max_size" doc:"How large one of them may be, in MiB."`
	UserQuota  int      `toml:"user_quota" doc:"How much one user may have there, in MiB."`
	Quota      int      `toml:"quota" doc:"How much all users may have there, in MiB."`
}

// Log is what is logged.
type Log struct {
	Level      string `toml:"level" enum:"trace debug info warn error" doc:"How much. Trace shows what goes over the wire: nicks and channels too, but lengths instead of texts and secrets."`
	Format     string `toml:"format" restart:"yes" enum:"text json" doc:"For people and journald, or for programs."`
	Identities bool   `toml:"identities" doc:"Whether the log names users. If false they are short keyed hashes, which differ after each restart."`
}

// OwnDomains are the domains of the operator's users, as the gateway of a domain sees them.
func (c *Config) OwnDomains(gateway string) []string {
	if len(c.Files.OwnDomains) > 0 {
		return c.Files.OwnDomains
	}
	if _, above, ok := strings.Cut(gateway, "."); ok && (strings.Contains(above, ".") || above == "localhost") {
		return []string{above}
	}
	return nil
}

// Default is the configuration of an empty file. It has no gateway, so it is not valid by itself.
func Default() *Config {
	return &Config{
		Store:   Store{Path: defaultStore},
		Archive: Archive{Enabled: true, Days: 365, UserDaily: 1024},
		Admin:   Admin{Listen: "127.0.0.1:5380"},
		Files:   Files{Days: 30, MaxSize: 16, UserQuota: 64, Quota: 2048},
		Log:     Log{Level: "info", Format: "text"},
	}
}

// defaulter is implemented by the tables that may stand several times, each of which starts from its own defaults.
type defaulter interface{ setDefaults() }

var (
	_ defaulter = (*IRC)(nil)
	_ defaulter = (*Mail)(nil)
	_ defaulter = (*Social)(nil)
	_ defaulter = (*Network)(nil)
)

func (c *Component) setDefaults() { c.Server = defaultServer }

func (i *IRC) setDefaults() {
	i.Component.setDefaults()
	i.Name = "IRC gateway"
	i.Open = true
	i.Ports = []int{6697}
	i.UserPorts = []string{"1024-65535"}
	i.Burst = 10
	i.UserBurst = 20
	i.Rate = 1
	i.ConnectsPerSecond = 100
	i.MaxConnections = 10_000
	i.MaxNetworks = 32
	i.MaxChannels = 500
	i.JoinsPerMinute = 300
	i.AlwaysOn = "allowed"
	i.AlwaysOnNetworks = 8
	i.AlwaysOnChannels = 100
	i.AlwaysOnDays = 60
	i.OwnNames, i.Pictures = true, true
	i.PasteLines = 6
	i.MissedLines = 1000
}

func (n *Network) setDefaults() { n.TLS = true }

// complete fills in the defaults that depend on other values.
func (c *Config) complete() {
	if c.Store.KeyFile == "" {
		c.Store.KeyFile = filepath.Join(filepath.Dir(c.Store.Path), keyFileName)
	}
	c.Admin.complete(c.Store)
	if c.Files.Path == "" {
		c.Files.Path = filepath.Join(filepath.Dir(c.Store.Path), filesName)
	}
	for i := range c.Mail {
		c.Mail[i].complete()
	}
	for i := range c.IRC {
		for j := range c.IRC[i].Networks {
			c.IRC[i].Networks[j].complete()
		}
	}
}

// complete puts the socket beside the database. Where its name would be too long for a socket there is none, see Notes.
func (a *Admin) complete(s Store) {
	if path := filepath.Join(filepath.Dir(s.Path), socketName); a.Socket == "" && len(path) <= maxSocketPath {
		a.Socket = path
	}
}

func (n *Network) complete() {
	if n.Title == "" {
		n.Title = n.Name
	}
	if len(n.Addresses) == 0 {
		n.Addresses = []string{n.Name + ":" + n.defaultPort()}
	}
}

// defaultPort is what networks use by custom (RFC 7194 §2.1 for TLS).
func (n *Network) defaultPort() string {
	if n.TLS {
		return "6697"
	}
	return "6667"
}

// Notes are remarks on a valid configuration that an operator should know of.
func (c *Config) Notes() []string {
	var notes []string
	for i := range c.IRC {
		notes = append(notes, c.exposure(&c.IRC[i].Component)...)
	}
	for i := range c.Mail {
		notes = append(notes, c.exposure(&c.Mail[i].Component)...)
		if m := &c.Mail[i]; m.Smart == "" && !m.Direct {
			notes = append(notes, m.Domain+": nobody can send mail, because there is no smarthost")
		}
		if m := &c.Mail[i]; len(m.Admins) == 0 {
			notes = append(notes, m.Domain+": mail for postmaster and abuse is refused unless users are called so, although others rely on them (RFC 2142): name who gets it in admins")
		}
	}
	for i := range c.Social {
		notes = append(notes, c.exposure(&c.Social[i].Component)...)
		notes = append(notes, c.Social[i].notes()...)
	}
	if c.Admin.Socket == "" {
		notes = append(notes, "the command line cannot talk to passerelle: a socket beside the database would have too long a name, so give admin.socket a shorter one")
	}
	if c.Web.URL != nil && c.Web.URL.Scheme == "http" {
		notes = append(notes, c.Web.PublicURL+": without https, everybody on the way reads what users upload and type into forms")
	}
	return notes
}

// exposure is the remark on a secret that everybody on the machine can read, or that nobody has looked at.
func (c *Config) exposure(of *Component) []string {
	if of.SecretCredential != "" && of.Secret.IsZero() {
		return []string{of.Domain + ": its secret was not looked at, because systemd hands the credential " + of.SecretCredential + " to the service alone"}
	}
	if !c.exposed || of.SecretFile != "" || of.SecretCredential != "" {
		return nil
	}
	return []string{of.Domain + ": its secret stands in a file that every user of this machine can read: chmod o-r the file, or use secret_file"}
}
