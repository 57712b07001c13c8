package config

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
)

// MailRedirect is what users' messages from XMPP may do in their mailboxes.
type MailRedirect struct {
	Enabled bool     `toml:"enabled" restart:"yes" doc:"Whether users may have what they get on XMPP mailed to a mailbox of theirs, and answer it from there. Each has to confirm his mailbox and can end it. What this gateway sees of their messages then, and what it keeps, is in docs/redirect.md."`
	Sender  string   `toml:"sender" restart:"yes" doc:"What stands before the @ of the address that such mails come from. Nobody else has it."`
	Guests  []string `toml:"guests" sample:"*.example.net" doc:"Who may have this too without an address here, of those that may use the gateway, written as allow_users: users of other servers, whose messages come by an address of the gateway that stands for them, or by their login. Without it nobody."`
	PerHour int      `toml:"mails_per_hour" doc:"How many such mails a user may get in an hour; what else comes waits and goes into later ones. Half of them are for those whom he knows. 0 means no limit."`
	PerDay  int      `toml:"mails_per_day" doc:"The same for a day."`
	Kept    int      `toml:"messages_kept" doc:"How many messages of those whom he knows may wait for a user's mails, and as many of strangers; of what is over that he is told the number."`
	Ways    []string `toml:"ways" sample:"module" doc:"By which ways users' messages may be learnt of: module, push, login, alias. Without it by all of them. With login this gateway keeps the passwords of users who want that, sealed."`
	Servers []string `toml:"login_servers" restart:"yes" sample:"example.org=127.0.0.1:5222" doc:"Where XMPP servers are that users are logged in to, for domains of which the DNS does not say it, or says an address that is not public: DOMAIN=HOST:PORT. Such a server encrypts when it is asked to (STARTTLS), with a certificate for the domain; where TLS begins at once write tls:// before the host, as in example.org=tls://10.0.0.5:5223. On this machine, and nowhere else, none:// goes without."`

	// LoginServers are Servers.
	LoginServers []LoginServer `toml:"-" of:"login_servers"`
}

// LoginServer says where the XMPP server of a domain is.
type LoginServer struct {
	Domain, Address string // the domain in the letters of the DNS
	Direct, Plain   bool   // TLS begins at once; there is none
}

// readLoginServer reads one of login_servers.
func readLoginServer(s string) (l LoginServer, ok bool) {
	domain, address, ok := strings.Cut(s, "=")
	if !ok {
		return l, false
	}
	if how, rest, said := strings.Cut(strings.TrimSpace(address), "://"); said {
		switch address = rest; how {
		case "tls":
			l.Direct = true
		case "none":
			l.Plain = true
		case "starttls":
		default:
			return l, false
		}
	}
	var err error
	if l.Domain, err = foldDomain(strings.TrimSpace(domain)); err != nil {
		return l, false
	}
	l.Address = strings.TrimSpace(address)
	host, port, err := net.SplitHostPort(l.Address)
	if err != nil || host == "" {
		return l, false
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return l, err == nil && n > 0
}

// redirectWays are the ways that there are.
var redirectWays = []string{"module", "push", "login", "alias"}

func (r *MailRedirect) setDefaults() {
	r.Sender = "redirect"
	r.PerHour, r.PerDay, r.Kept = 20, 100, 1000
}

// maxKept is how many messages an operator may let wait for a user.
const maxKept = 20_000

func (v validator) redirect(at string, r *MailRedirect) {
	for name, n := range map[string]int{"mails_per_hour": r.PerHour, "mails_per_day": r.PerDay} {
		if key := child(at, name); v.ok(key) && (n < 0 || n > maxKept) {
			v.add(key, fmt.Sprintf("it must be from 0 to %d", maxKept), "write a number, or 0 for no limit")
		}
	}
	v.users(child(at, "guests"), r.Guests)
	if key := child(at, "messages_kept"); v.ok(key) && (r.Kept < 1 || r.Kept > maxKept) {
		v.add(key, fmt.Sprintf("it must be from 1 to %d", maxKept), "write a number, such as 1000")
	}
	if key := child(at, "sender"); v.ok(key) {
		r.Sender = strings.ToLower(r.Sender)
		if r.Sender == "" || len(r.Sender) > 64 || strings.Trim(r.Sender, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			v.add(key, fmt.Sprintf("%q is nothing that stands before an @", r.Sender), `write letters and digits, such as "redirect"`)
		}
	}
	for i, text := range r.Servers {
		l, ok := readLoginServer(text)
		if key := element(child(at, "login_servers"), i); v.ok(key) && !ok {
			v.add(key, fmt.Sprintf("%q does not say where a server is", text), "write example.org=127.0.0.1:5222, or example.org=tls://127.0.0.1:5223")
		}
		r.LoginServers = append(r.LoginServers, l)
	}
	for i, w := range r.Ways {
		if key := element(child(at, "ways"), i); v.ok(key) && !slices.Contains(redirectWays, w) {
			v.add(key, fmt.Sprintf("there is no way %q", w), "write "+strings.Join(redirectWays, ", "))
		}
	}
}
