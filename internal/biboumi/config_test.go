package biboumi

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
)

func noEnv(string) string { return "" }

// TestConfig: a file with everything becomes ours, and nothing of it is passed over in silence.
func TestConfig(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "biboumi.cfg")
	if err := os.WriteFile(path, []byte("# comment=1\nhostname=irc.example.org\r\npassword=pa\"ss=\nxmpp_server_ip=::1\nport=5348\nadmin=a@example.org:b@example.org\n"+
		"db_name=postgresql://u:p@h/d\nfixed_irc_server=IRC.example.net\npersistent_by_default=true\nrealname_customization=false\nrealname_from_jid=true\n"+
		"webirc_password=w\nlog_file=/var/log/b\nlog_level=2\nca_file=/etc/ca.pem\noutgoing_bind=192.0.2.1\nidentd_port=1113\npolicy_directory=/p\nodd\x01=x\nport\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := ReadConfig(path, noEnv)
	if err != nil {
		t.Fatal(err)
	}
	if c.Hostname() != "irc.example.org" || c.Password() != `pa"ss=` || c.Database(noEnv) != "postgresql://u:p@h/d" {
		t.Errorf("read %+v", c)
	}
	got := string(c.TOML())
	for _, want := range []string{
		`domain = "irc.example.org"`, `secret_credential = "irc-secret"`, `server = "[::1]:5348"`, `admins = ["a@example.org", "b@example.org"]`, `fixed = "irc.example.net"`,
		`name = "irc.example.net"`, `ca_file = "/etc/ca.pem"`, "days = 0", `level = "warn"`, `always_on = "default"`, "own_names = false", `listen = "0.0.0.0:1113"`,
		"# - realname_from_jid", "# - webirc_password", `source_prefix = "192.0.2.1/32"`, "# - policy_directory", "# - log_file", "# - odd?",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s in\n%s", want, got)
		}
	}
	for _, secret := range []string{`pa"ss`, `pa\"ss`, "u:p"} {
		if strings.Contains(got, secret) {
			t.Errorf("%q is in\n%s", secret, got)
		}
	}
	c, err = ReadConfig(path, func(name string) string { return map[string]string{"BIBOUMI_HOSTNAME": "other.example"}[name] })
	if err != nil || c.Hostname() != "other.example" {
		t.Errorf("from the environment: %v, %v", c, err)
	}
}

func TestConfigFaults(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, test := range map[string]struct{ text, want string }{
		"empty": {"", "does not set hostname"},
		"huge":  {strings.Repeat("x", maxConfig+1), "larger than"},
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(test.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadConfig(path, noEnv); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", name, err, test.want)
		}
	}
}

// FuzzConfig: whatever stands in the file, what comes of it is TOML, in which the values are those of the file.
func FuzzConfig(f *testing.F) {
	f.Add("hostname=irc.example.org\npassword=x\n")
	f.Add("hostname=\"\\\x7f\u2028é\nfixed_irc_server=\n\nodd\r=\x00\nca_file=\xff\n")
	f.Add("hostname=a\nadmin=a:b::c\nfixed_irc_server=x]\nca_file='''\nlog_level=0\noutgoing_bind=\x1b[0m")
	f.Fuzz(func(t *testing.T, text string) {
		c := parseConfig([]byte(text))
		var got struct {
			IRC []struct {
				Domain  string
				Admins  []string
				Network []struct{ Name string }
			}
		}
		out := c.TOML()
		if _, err := toml.Decode(string(out), &got); err != nil {
			t.Fatalf("%v in\n%s", err, out)
		}
		if len(got.IRC) != 1 || got.IRC[0].Domain != c.Hostname() || slices.Contains(got.IRC[0].Admins, "") {
			t.Errorf("got %+v of %q", got, text)
		}
	})
}
