package biboumi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// maxConfig is how large a configuration file may be, in bytes.
const maxConfig = 256 << 10

// Config is a configuration file of biboumi.
type Config struct {
	set     map[string]string
	unknown []string // names of options that biboumi does not have
}

// options are those of biboumi 9.0.
func options() []string {
	return []string{
		"hostname", "password", "xmpp_server_ip", "port", "db_name", "admin", "fixed_irc_server", "persistent_by_default",
		"realname_customization", "realname_from_jid", "webirc_password", "log_file", "log_level", "ca_file", "outgoing_bind",
		"identd_port", "policy_directory",
	}
}

// ReadConfig reads a file. As in biboumi, variables of the environment such as BIBOUMI_HOSTNAME come before what stands in it.
func ReadConfig(path string, getenv func(string) string) (*Config, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read biboumi's configuration: %w", err)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxConfig+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("read biboumi's configuration: %w", err)
	}
	if len(text) > maxConfig {
		return nil, fmt.Errorf("read biboumi's configuration: %s is larger than %d bytes", path, maxConfig)
	}
	c := parseConfig(text)
	for _, name := range options() {
		if v := getenv("BIBOUMI_" + strings.ToUpper(name)); v != "" {
			c.set[name] = v
		}
	}
	if c.Hostname() == "" {
		return nil, fmt.Errorf("read biboumi's configuration: %s does not set hostname", path)
	}
	return c, nil
}

func parseConfig(text []byte) *Config {
	c := &Config{set: map[string]string{}}
	for line := range bytes.Lines(text) {
		name, value, ok := strings.Cut(strings.TrimRight(strings.ToValidUTF8(string(line), "\uFFFD"), "\r\n"), "=")
		if !ok || strings.HasPrefix(name, "#") {
			continue
		}
		if !slices.Contains(options(), name) {
			c.unknown = append(c.unknown, name)
			continue
		}
		c.set[name] = value
	}
	return c
}

// Hostname is the domain of the gateway.
func (c *Config) Hostname() string { return c.set["hostname"] }

// Password is the secret that the XMPP server knows the gateway by.
func (c *Config) Password() string { return c.set["password"] }

// Fixed is the only network of the gateway, which addresses leave out; empty for any network.
func (c *Config) Fixed() string { return strings.ToLower(c.set["fixed_irc_server"]) }

// debianDatabase is where the database is with Debian's package, whose user has that home.
const debianDatabase = "/var/lib/biboumi/.local/share/biboumi/biboumi.sqlite"

// Database is the name of the database, as Open takes it.
func (c *Config) Database(getenv func(string) string) string {
	switch {
	case c.set["db_name"] != "":
		return c.set["db_name"]
	case getenv("XDG_DATA_HOME") != "":
		return filepath.Join(getenv("XDG_DATA_HOME"), "biboumi", "biboumi.sqlite")
	}
	return debianDatabase
}

// SecretFile is the name of the file beside ours that Password belongs into.
const SecretFile = "irc.secret"

// TOML is our configuration that does what this one does, with comments on what differs.
func (c *Config) TOML() []byte {
	var b bytes.Buffer
	write := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	write("# Made from the configuration of biboumi by passerelle import-biboumi. `passerelle config example` has all settings, and")
	write("# `passerelle check-config` says what is wrong here.\n")
	write("[[irc]]")
	write("domain = %s", quote(c.Hostname()))
	write("server = %s", quote(net.JoinHostPort(c.or("xmpp_server_ip", "127.0.0.1"), c.or("port", "5347"))))
	write("# biboumi's password: the systemd unit hands it over from /etc/passerelle/%s. Without systemd write instead:", SecretFile)
	write("# secret_file = %s", quote(SecretFile))
	write("secret_credential = \"irc-secret\"")
	var admins []string
	for a := range strings.SplitSeq(c.set["admin"], ":") {
		if a = strings.TrimSpace(a); a != "" {
			admins = append(admins, quote(a))
		}
	}
	if len(admins) > 0 {
		write("admins = [%s]", strings.Join(admins, ", "))
	}
	c.writeNetworks(write)
	write("\n[archive]\n# biboumi keeps what was said for ever; the default here is 365 days.\ndays = 0")
	c.writeIdentd(write)
	write("\n[log]\nlevel = %s", quote(c.level()))
	if notes := c.notes(); len(notes) > 0 {
		write("\n# What has no counterpart as it stands:")
		for _, n := range notes {
			write("# - %s", comment(n))
		}
	}
	return b.Bytes()
}

// writeNetworks writes which networks users may join.
func (c *Config) writeNetworks(write func(string, ...any)) {
	write("# Unlike in biboumi connections are encrypted and certificates are checked, with no way back to clear text; and nothing behind your")
	server := c.Fixed()
	if server == "" {
		write("# firewall is reached by naming a server. A network for which that is not so needs a table [[irc.network]]; or let users have it")
		write("# otherwise, as biboumi does. The import counts how many have.")
		write("open = true\nports = [6697, 6670]\n#user_plain = true\n#user_unverified = true\n#allow_addresses = [\"10.0.0.0/8\"]")
	} else {
		write("# firewall is reached. Where that is not so for the network, say it in its table below: addresses, tls, ca_file.")
		write("fixed = %s", quote(server))
	}
	if source, ok := c.source(); ok {
		write("# outgoing_bind")
		write("source_prefix = %s", quote(source.String()))
	}
	if c.set["persistent_by_default"] == "true" {
		write("# persistent_by_default")
		write("always_on = \"default\"")
	}
	write("# biboumi's throttle_limit, for everybody.")
	write("burst = 10\nrate = 1.0")
	if c.set["realname_customization"] == "false" {
		write("own_names = false")
	}
	if server == "" {
		return
	}
	write("\n[[irc.network]]\nname = %s\naddresses = [%s, %s]", quote(server),
		quote(net.JoinHostPort(server, "6697")), quote(net.JoinHostPort(server, "6670")))
	if ca := c.set["ca_file"]; ca != "" {
		write("ca_file = %s", quote(ca))
	}
}

// writeIdentd writes who answers networks that ask who connects.
func (c *Config) writeIdentd(write func(string, ...any)) {
	port := c.or("identd_port", "113")
	if port == "0" {
		return
	}
	write("\n# Networks are told a token of the user, another one than biboumi's: they have to set anew what they set on those.\n[identd]")
	if port == "113" {
		write("# Only root may listen there: with the systemd units of passerelle write \"systemd\".\n#listen = \"0.0.0.0:113\"")
		return
	}
	write("listen = %s", quote(net.JoinHostPort("0.0.0.0", port)))
}

func (c *Config) or(name, otherwise string) string {
	if c.set[name] != "" {
		return c.set[name]
	}
	return otherwise
}

// source is where connections come from, as a network of one address.
func (c *Config) source() (netip.Prefix, bool) {
	a, err := netip.ParseAddr(c.set["outgoing_bind"])
	if err != nil || a.Zone() != "" {
		return netip.Prefix{}, false
	}
	return netip.PrefixFrom(a, a.BitLen()), true
}

func (c *Config) level() string {
	if levels := map[string]string{"0": "debug", "2": "warn", "3": "error"}; levels[c.set["log_level"]] != "" {
		return levels[c.set["log_level"]]
	}
	return "info"
}

// notes are what the operator has set that is nothing here.
func (c *Config) notes() []string {
	var notes []string
	note := func(is bool, text string) {
		if is {
			notes = append(notes, text)
		}
	}
	note(c.set["realname_from_jid"] == "true", "realname_from_jid: the user name is a token and the real name the nick, unless users set others")
	note(c.set["webirc_password"] != "", "webirc_password: put it into a file, mode 0600, and name that as webirc_password_file of each [[irc.network]] that gave it to you")
	_, bound := c.source()
	note(c.set["outgoing_bind"] != "" && !bound, "outgoing_bind: "+c.set["outgoing_bind"]+" is no address; see source_prefix")
	note(c.set["ca_file"] != "" && c.set["fixed_irc_server"] == "", "ca_file: it is a setting of each [[irc.network]], "+c.set["ca_file"]+" was set")
	note(c.set["policy_directory"] != "", "policy_directory: TLS takes what Go does, version 1.2 and newer")
	note(c.set["log_file"] != "", "log_file: what is logged goes to standard error, where systemd takes it")
	for _, name := range c.unknown {
		notes = append(notes, name+": biboumi has no such option")
	}
	return notes
}

// quote is a string in TOML: what JSON writes, but for DEL.
func quote(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a buffer and a string never fail
	return strings.ReplaceAll(strings.TrimSuffix(b.String(), "\n"), "\x7f", `\u007f`)
}

// comment is a text as it may stand in a comment.
func comment(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, s)
}
