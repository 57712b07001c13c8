package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// valid is the beginning of documents whose fault is elsewhere; it has three lines.
const valid = "[[irc]]\ndomain = \"irc.example.org\"\nsecret = \"hunter2\"\n"

func TestFaults(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name     string
		document string
		want     []string // "line key: text", of each fault its beginning, in order
	}{
		{"nothing", "", []string{"0 : there is no gateway"}},
		{"syntax", valid + "name = \"IRC\nopen = 3\n[store]\npth = 1\n", []string{"4 : syntax: strings cannot contain newlines"}},
		{"syntax at a secret", "[[irc]]\nsecret = hunter2\n", []string{"2 : syntax: the value cannot be read"}},
		{"key twice", valid + "name = \"a\"\nname = \"b\"\n", []string{"5 : syntax: Key 'irc.name' has already been defined."}},
		{"not UTF-8", valid + "name = \"\xff\"\n", []string{"4 : syntax: invalid UTF-8 byte"}},
		{"wrong types, all of them", `# a comment
[[irc]]
domain = 1
server = 5347
secret = 12345
name = true
open = "yes"
burst = 1.5
rate = "1"
network = "irc.libera.chat"
[store]
path = ["a"]
[admin]
listen = 2026-01-01
[log]
identities = 1
`, []string{
			"3 irc[0].domain: this is an integer, it must be a string",
			"4 irc[0].server: this is an integer, it must be a string",
			"5 irc[0].secret: this is an integer, it must be a string",
			"6 irc[0].name: this is true or false, it must be a string",
			"7 irc[0].open: this is a string, it must be true or false",
			"8 irc[0].burst: this is a number with a point, it must be an integer",
			"9 irc[0].rate: this is a string, it must be a number",
			"10 irc[0].network: this is a string, it must be a list of tables",
			"12 store.path: this is a list, it must be a string",
			"14 admin.listen: this is a date or time, it must be a string",
			"16 log.identities: this is an integer, it must be true or false",
		}},
		{"single brackets", "[irc]\ndomain = \"irc.example.org\"\nsecret = \"hunter2\"\nrate = \"1\"\n", []string{
			"1 irc: this is a table, it must be a list of tables",
			"4 irc[0].rate: this is a string",
		}},
		{"users", valid + "allow_users = [\"*.example.org\", \"Example.ORG\", \"A@example.org\", \"*\", \"a@\", \"a@b.c/d\", \"*@b.c\"]\ndeny_users = []\n", []string{
			"4 irc[0].allow_users[3]: \"*\" stands for nobody",
			"4 irc[0].allow_users[4]: \"a@\" stands for nobody",
			"4 irc[0].allow_users[5]: \"a@b.c/d\" stands for nobody",
			"4 irc[0].allow_users[6]: \"*@b.c\" stands for nobody",
			"5 irc[0].deny_users: the list is empty",
		}},
		{"reach", valid + `allow_servers = ["*.example.org", "#go", "*", "IRC.example.com"]
deny_addresses = ["10.0.0.0/8", "2001:db8::1", "10.0.0.0/33", "fe80::1%eth0", "irc.example.org"]
ports = [6697, 0, 70000, "6667"]
user_ports = ["6697", "7000-6000", "0-5", "a"]
user_burst = 0
`, []string{
			"4 irc[0].allow_servers[1]: \"#go\" is no name",
			"4 irc[0].allow_servers[2]: \"*\" is no name",
			"5 irc[0].deny_addresses[2]: \"10.0.0.0/33\" is no network",
			"5 irc[0].deny_addresses[3]: \"fe80::1%eth0\" is no network",
			"5 irc[0].deny_addresses[4]: \"irc.example.org\" is no network",
			"6 irc[0].ports[3]: this is a string, it must be an integer",
			"6 irc[0].ports[1]: 0 is no port",
			"6 irc[0].ports[2]: 70000 is no port",
			`7 irc[0].user_ports[1]: "7000-6000" is neither a port nor a range of them`,
			`7 irc[0].user_ports[2]: "0-5" is neither a port nor a range of them`,
			`7 irc[0].user_ports[3]: "a" is neither a port nor a range of them`,
			"8 irc[0].user_burst: it must be more than 0",
		}},
		{"identity", valid + "source_prefix = \"2001:db8::1\"\n[identd]\nlisten = \"113\"\n", []string{
			"4 irc[0].source_prefix: \"2001:db8::1\" is no network",
			"6 identd.listen: \"113\" is not an address",
		}},
		{"limits", valid + "connects_per_second = -1\njoins_per_minute = -1\nmax_channels = 0\nmax_networks = -1\nmax_connections = 1\nalways_on_days = -1\nidle_days = 99999\n", []string{
			"4 irc[0].connects_per_second: it must not be less than 0",
			"5 irc[0].joins_per_minute: it must not be less than 0",
			"6 irc[0].max_channels: it must be more than 0",
			"7 irc[0].max_networks: it must be more than 0",
			"9 irc[0].always_on_days: -1 is no number of days",
			"10 irc[0].idle_days: 99999 is no number of days",
		}},
		{"reach without effect", valid + "open = false\nports = []\ndeny_servers = [\"a.b\"]\n[[irc.network]]\nname = \"a.b\"\n", []string{
			"5 irc[0].ports: the list is empty",
			"6 irc[0].deny_servers: it has no effect",
		}},
		{"fixed", valid + "fixed = \"irc.A.example\"\nopen = true\nports = [6697]\n[[irc.network]]\nname = \"irc.b.example\"\n[[irc.network]]\nname = \"irc.a.example\"\n", []string{
			"5 irc[0].open: it has no effect, because fixed", "6 irc[0].ports: it has no effect",
			"8 irc[0].network[0].name: \"irc.b.example\" cannot be reached, because fixed",
		}},
		{"fixed to nothing", valid + "fixed = \"#go\"\n", []string{"4 irc[0].fixed: \"#go\" is no name of a network"}},
		{"addresses of the operator", valid + "contact = [\"xmpp:a@b.c\", \"a@b.c\", \"ftp://b.c\", \"mailto:\"]\n", []string{
			"4 irc[0].contact[1]: \"a@b.c\" is not such an address", "4 irc[0].contact[2]: ", "4 irc[0].contact[3]: ",
		}},
		{"double brackets", valid + "[[store]]\n", []string{"4 store: this is a list, it must be a table"}},
		{"a list of strings for tables", "irc = [\n\"a\",\n{domain = \"b.c\", secret = \"hunter2\"}]\n", []string{
			"2 irc[0]: this is a string, it must be a table",
		}},
		{"an element of a wrong type", valid + "[[irc.network]]\nname = \"a\"\naddresses = [\n\"a:6697\",\n1,\n\"b\"]\n", []string{
			"8 irc[0].network[0].addresses[1]: this is an integer",
			"9 irc[0].network[0].addresses[2]: \"b\" is not an address: missing port",
		}},
		{"unknown keys", valid + "nmae = \"a\"\n[stroe]\npath = \"x\"\n[log]\nlevle = \"info\"\nquite = 1\n", []string{
			"4 irc[0].nmae: there is no such key",
			"5 stroe: there is no such key",
			"8 log.levle: there is no such key",
			"9 log.quite: there is no such key",
		}},
		{"an unknown key that needs quotes", valid + "\"a\\nb.c\" = 1\n", []string{`4 irc[0]."a\nb.c": there is no such key`}},
		{"a misspelt key is not missing too", "[[irc]]\nDomain = \"irc.example.org\"\nsecert = \"hunter2\"\n", []string{
			"2 irc[0].Domain: there is no such key",
			"3 irc[0].secert: there is no such key",
		}},
		{"no domain and no secret", "\n[[irc]]\n\n[[mail]]\n", []string{
			"2 irc[0].secret: there is no secret", "2 irc[0].domain: there is no domain",
			"4 mail[0].secret: there is no secret", "4 mail[0].domain: there is no domain",
			"4 mail[0].listen: no mail can come: there is neither listen nor lmtp", "4 mail[0].addresses: there is no domain of email addresses",
		}},
		{"two secrets", valid + "secret_file = \"good\"\n", []string{"4 irc[0].secret_file: there is secret and secret_file"}},
		{"three secrets", valid + "secret_credential = \"x\"\nsecret_file = \"good\"\n", []string{
			"5 irc[0].secret_file: there is secret and secret_file and secret_credential",
		}},
		{"an empty secret", "[[irc]]\ndomain = \"a.b\"\nsecret = \"\"\n", []string{"3 irc[0].secret: the secret is empty"}},
		{"secret files", `
[[irc]]
domain = "a.b"
secret_file = "missing"
[[irc]]
domain = "b.b"
secret_file = "shared"
[[irc]]
domain = "c.b"
secret_file = "empty"
[[irc]]
domain = "d.b"
secret_file = "."
[[irc]]
domain = "e.b"
secret_file = "long"
[[irc]]
domain = "f.b"
secret_file = "lines"
[[irc]]
domain = "g.b"
secret_file = ""
`, []string{
			`4 irc[0].secret_file: "DIR/missing" cannot be read: no such file`,
			`7 irc[1].secret_file: "DIR/shared" is open to others than its owner (mode 0640)`,
			`10 irc[2].secret_file: "DIR/empty" is empty`,
			`13 irc[3].secret_file: "DIR" cannot be read: not a regular file`,
			`16 irc[4].secret_file: "DIR/long" cannot be read: too large`,
			`19 irc[5].secret_file: "DIR/lines" has more than one line`,
			`22 irc[6].secret_file: the name of the file is empty`,
		}},
		{"credentials", "[[irc]]\ndomain = \"a.b\"\nsecret_credential = \"../good\"\n[[irc]]\ndomain = \"b.b\"\nsecret_credential = \"nothing\"\n", []string{
			`3 irc[0].secret_credential: "../good" cannot be the name of a credential`,
			`6 irc[1].secret_credential: "DIR/nothing" cannot be read: no such file`,
		}},
		{"bad domains", `
irc = [
  {secret = "x", domain = "irc@example.org"},
  {secret = "x", domain = "irc.example.org:5347"},
  {secret = "x", domain = "-a.example"},
  {secret = "x", domain = "a..example"},
  {secret = "x", domain = "192.0.2.1"},
  {secret = "x", domain = "[2001:db8::1]"},
  {secret = "x", domain = "a b.example"},
  {secret = "x", domain = "."},
]
`, []string{
			`3 irc[0].domain: "irc@example.org" is not a domain`,
			`4 irc[1].domain: "irc.example.org:5347" is not a domain`,
			`5 irc[2].domain: "-a.example" is not a domain`,
			`6 irc[3].domain: "a..example" is not a domain`,
			`7 irc[4].domain: "192.0.2.1" is not a domain`,
			`8 irc[5].domain: "[2001:db8::1]" is not a domain`,
			`9 irc[6].domain: "a b.example" is not a domain`,
			`10 irc[7].domain: "." is not a domain`,
		}},
		{"a mail gateway", valid + `[[mail]]
domain = "mail.example.org"
secret = "x"
lmtp = "nowhere"
smarthost = "smtp.example.org"
direct = true
smarthost_user = "me"
trusted = ["mx.example.org"]
messages_per_day = -1
max_size = 0
dkim_selector = "a b"
subaddress = "++"
file_hosts = ["upload.example.org", "upload.example.org:5281", "http://[::1]:5280", "ftp://a.b", "a.b/c", "me@a.b", "", "a.b:x"]
strangers = "bite"
[[mail.addresses]]
domain = "exa mple.org"
[[mail.addresses]]
domain = "Example.org"
[[mail.addresses]]
domain = "example.org"
[[mail.alias]]
address = "info@elsewhere.example"
`, []string{
			`7 mail[0].lmtp: "nowhere" is not an address`, `8 mail[0].smarthost: "smtp.example.org" is not an address`,
			"9 mail[0].direct: there is a smarthost too", "10 mail[0].smarthost_user: there is only one of",
			`11 mail[0].trusted[0]: "mx.example.org"`, "12 mail[0].messages_per_day: it must not be less than 0", "13 mail[0].max_size: it must be from 1 to 100",
			`14 mail[0].dkim_selector: "a b" cannot stand in the DNS`, `15 mail[0].subaddress: "++" is more than one character`,
			`16 mail[0].file_hosts[3]: "ftp://a.b" is no host`, `16 mail[0].file_hosts[4]: "a.b/c" is no host`, `16 mail[0].file_hosts[5]: "me@a.b" is no host`,
			`16 mail[0].file_hosts[6]: "" is no host`, `16 mail[0].file_hosts[7]: "a.b:x" is no host`,
			`17 mail[0].strangers: there is no such value as "bite"`, `19 mail[0].addresses[0].domain: "exa mple.org" is no domain`,
			"23 mail[0].addresses[2].domain: example.org is there already", "24 mail[0].alias[0].to: nobody gets what comes to it",
			`25 mail[0].alias[0].address: "info@elsewhere.example" is not in one`,
		}},
		{"one domain twice", valid + "[[mail]]\ndomain = \"IRC.example.org.\"\nsecret = \"x\"\nlisten = \"127.0.0.1:25\"\n[[mail.addresses]]\ndomain = \"example.org\"\n[[social]]\ndomain = \"irc.Example.org\"\nsecret = \"x\"\n", []string{
			"5 mail[0].domain: irc[0] has the domain irc.example.org already",
			"10 social[0].public_url: nobody reaches it, because there is no listener",
			"11 social[0].domain: irc[0] has the domain irc.example.org already",
		}},
		{"social gateways", valid + `[web]
listen = "127.0.0.1:5381"
public_url = "https://gateway.example.org/below"
[[social]]
domain = "social.example.org"
secret = "x"
deny_hosts = ["*.spam.example", "a b", "https://c.d"]
permit = ["here"]
resolver = "x"
posts_kept = 0
[[social]]
domain = "social.example.net"
secret = "x"
public_url = "https://me@b.example"
users = "no domain"
[[social]]
domain = "social.example.com"
secret = "x"
public_url = "http://c.example"
[[social]]
domain = "d.example.com"
secret = "x"
public_url = "https://D.example"
[[social]]
domain = "e.example.com"
secret = "x"
public_url = "https://d.Example/"
`, []string{
			"7 social[0].public_url: \"https://gateway.example.org/below\" has a path", `10 social[0].deny_hosts[1]: "a b" is no host`,
			`10 social[0].deny_hosts[2]: "https://c.d" is no host`, `11 social[0].permit[0]: "here" is no network`, `12 social[0].resolver: "x" is not an address`,
			"13 social[0].posts_kept: it must be from 1 to 100000", `17 social[1].public_url: "https://me@b.example" cannot be used`,
			`18 social[1].users: "no domain" is no domain`, "22 social[2].public_url: it is without TLS", "30 social[4].public_url: social[3] has it too",
		}},
		{"bad servers", `
irc = [
  {secret = "x", domain = "a.b", server = "localhost"},
  {secret = "x", domain = "b.b", server = ":5347"},
  {secret = "x", domain = "c.b", server = "localhost:0"},
  {secret = "x", domain = "d.b", server = "localhost:65536"},
  {secret = "x", domain = "e.b", server = "localhost:xmpp"},
  {secret = "x", domain = "f.b", server = "::1:5347"},
  {secret = "x", domain = "g.b", server = ""},
]
`, []string{
			`3 irc[0].server: "localhost" is not an address: missing port`,
			`4 irc[1].server: ":5347" is not an address: the host is missing`,
			`5 irc[2].server: "localhost:0" is not an address: the port must be`,
			`6 irc[3].server: "localhost:65536" is not an address: the port must be`,
			`7 irc[4].server: "localhost:xmpp" is not an address: the port must be`,
			`8 irc[5].server: "::1:5347" is not an address: too many colons`,
			`9 irc[6].server: "" is not an address: missing port`,
		}},
		{"limits", valid + "burst = -1\nrate = 0\nopen = false\n", []string{
			"4 irc[0].burst: it must not be less than 0", "5 irc[0].rate: it must be more than 0", "6 irc[0].open: users can join nothing",
		}},
		{"a rate that is no number", valid + "rate = nan\n", []string{"4 irc[0].rate: it must be more than 0"}},
		{"networks", valid + `
[[irc.network]]
[[irc.network]]
name = "a%b"
[[irc.network]]
name = "Libera"
addresses = []
[[irc.network]]
name = "libera"
password_file = "missing"
[[irc.network]]
name = "plain"
tls = false
ca_file = "ca"
[[irc.network]]
name = "tls"
ca_file = "good"
[[irc.network]]
name = "tls2"
ca_file = "missing"
`, []string{
			"5 irc[0].network[0].name: there is no name",
			`7 irc[0].network[1].name: "a%b" cannot stand in addresses`,
			"10 irc[0].network[2].addresses: the list is empty",
			"12 irc[0].network[3].name: irc[0].network[2] has the name libera already",
			`13 irc[0].network[3].password_file: "DIR/missing" cannot be read`,
			"17 irc[0].network[4].ca_file: it has no effect",
			`20 irc[0].network[5].ca_file: "DIR/good" has no certificate`,
			`23 irc[0].network[6].ca_file: "DIR/missing" cannot be read`,
		}},
		{"store", valid + "[store]\npath = \"a.db\"\nkey_file = \"./a.db\"\n", []string{"6 store.key_file: it is the database"}},
		{"no such url file", valid + "[store]\nurl_file = \"nowhere\"\n", []string{"5 store.url_file: "}},
		{"no store", valid + "[store]\npath = \"\"\n", []string{"5 store.path: the name of the file is empty"}},
		{"admin open to all", valid + "[admin]\nlisten = \"0.0.0.0:5380\"\n", []string{`5 admin.listen: "0.0.0.0:5380" can be reached by others`}},
		{"admin by name", valid + "[admin]\nlisten = \"example.org:5380\"\n", []string{`5 admin.listen: "example.org:5380" can be reached by others`}},
		{"admin without port", valid + "[admin]\nlisten = \"127.0.0.1\"\n", []string{`5 admin.listen: "127.0.0.1" is not an address`}},
		{"admin socket", valid + "[admin]\nlisten = \"unix:admin.sock\"\n", []string{`5 admin.listen: "admin.sock" is not the name of a socket`}},
		{"long socket", valid + "[admin]\nsocket = \"/" + strings.Repeat("s", 107) + "\"\n", []string{"5 admin.socket: "}},
		{"admins", valid + "admins = [\"a@b.example\", \"b.example\", \"a@b.example/c\", \"@b\", \"a b@c\"]\n", []string{
			`4 irc[0].admins[1]: "b.example" is not the JID of a person`, `4 irc[0].admins[2]: `, `4 irc[0].admins[3]: `, `4 irc[0].admins[4]: `,
		}},
		{"files", valid + "[files]\nown_domains = [\"example.org\", \"a@b.c\"]\ndays = 0\nmax_size = -1\nuser_quota = 9999999999\n", []string{
			`5 files.own_domains[1]: "a@b.c" is not a domain`, "6 files.days: it must be", "7 files.max_size: it must be", "8 files.user_quota: it must be",
		}},
		{"missed lines", valid + "missed_lines = 5001\n", []string{"4 irc[0].missed_lines: it must be from 0 to 5000"}},
		{"paste lines", valid + "paste_lines = -1\n", []string{"4 irc[0].paste_lines: it must not be less than 0"}},
		{"web without listener", valid + "[web]\npublic_url = \"https://a.b\"\n", []string{"4 web.listen: the table has settings of a listener, and no listener"}},
		{"web without URL", valid + "[web]\nlisten = \"127.0.0.1:1\"\n", []string{`4 web.public_url: "" cannot be used: it is empty`}},
		{"web socket", valid + "[web]\nlisten = \"unix:x\"\npublic_url = \"https://a.b\"\n", []string{`5 web.listen: "x" is not the name of a socket`}},
		{"web with key alone", valid + "[web]\nlisten = \"[::]:443\"\npublic_url = \"https://a.b\"\nkey_file = \"good\"\n", []string{"7 web.key_file: it has no effect"}},
		{"web certificates", valid + "[web]\nlisten = \"[::]:443\"\npublic_url = \"http://a.b\"\ncert_file = \"shared\"\nkey_file = \"good\"\n", []string{
			`6 web.public_url: it is without TLS`, `7 web.cert_file: "DIR/shared" and "DIR/good" do not work together`,
		}},
		{"no web certificate", valid + "[web]\nlisten = \"[::]:443\"\npublic_url = \"https://a.b\"\ncert_file = \"none\"\nkey_file = \"good\"\n", []string{`7 web.cert_file: "DIR/none" cannot be read`}},
		{"archive", valid + "[archive]\ndays = -1\nuser_daily = -1\n", []string{"5 archive.days: -1 is no number of days", "6 archive.user_daily: -1 is no number of MiB"}},
		{"log", valid + "[log]\nlevel = \"warning\"\nformat = \"xml\"\n", []string{
			`5 log.level: there is no such value as "warning"`, `6 log.format: there is no such value as "xml"`,
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			dir := secretFiles(t)
			c, err := Parse(filepath.Join(dir, "passerelle.toml"), []byte(test.document), dir)
			faults, ok := err.(Faults)
			if !ok {
				t.Fatalf("Parse = %v, %v; want faults", c, err)
			}
			var got []string
			for i, f := range faults {
				if f.Text == "" || f.Fix == "" {
					t.Errorf("fault without text or fix: %v", f)
				}
				// The folder's name has digits of its own.
				if shown := strings.ReplaceAll(f.String(), dir, "DIR"); strings.Contains(shown, "hunter2") || strings.Contains(shown, "12345") {
					t.Errorf("fault shows the secret: %v", f)
				}
				s := strings.ReplaceAll(describe(f), dir, "DIR")
				if i < len(test.want) && strings.HasPrefix(s, test.want[i]) {
					s = test.want[i]
				}
				got = append(got, s)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
		})
	}
}

// secretFiles makes the files that the tests name.
func secretFiles(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, f := range []struct {
		name, text string
		mode       os.FileMode
	}{
		{"good", "hunter2\n", 0o600},
		{"shared", "hunter2\n", 0o640},
		{"empty", "\n", 0o600},
		{"long", strings.Repeat("x", maxSecret+1), 0o600},
		{"lines", "hunter2\nhunter3\n", 0o600},
	} {
		path := filepath.Join(dir, f.name)
		if err := os.WriteFile(path, []byte(f.text), 0o600); err != nil {
			t.Fatal(err)
		}
		// Not by WriteFile, whose mode goes through the umask.
		if err := os.Chmod(path, f.mode); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
