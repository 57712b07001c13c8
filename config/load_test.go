package config

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/BurntSushi/toml"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// describe is a fault as the tests write it.
func describe(f Fault) string { return strconv.Itoa(f.Line) + " " + f.Key + ": " + f.Text }

func TestFaultString(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		fault Fault
		want  string
	}{
		{Fault{"passerelle.toml", 12, "irc[0].secret", "there is no secret", "write one"}, "passerelle.toml:12: irc[0].secret: there is no secret — fix: write one"},
		{Fault{"passerelle.toml", 0, "", "there is no gateway", "add one"}, "passerelle.toml: there is no gateway — fix: add one"},
	} {
		if got := test.fault.String(); got != test.want {
			t.Errorf("got  %s\nwant %s", got, test.want)
		}
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	dir := secretFiles(t)
	// A server's certificate serves as an authority here as well as any.
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(filepath.Join(dir, "ca.pem"), ca, 0o644); err != nil {
		t.Fatal(err)
	}
	c, err := Parse(filepath.Join(dir, "passerelle.toml"), []byte(`
[[irc]]
domain = "IRC.Bücher.example"
secret_file = "good"
burst = 0
rate = 2

[[irc.network]]
name = "irc.Libera.chat"

[[irc.network]]
name = "inside"
title = "Inside"
tls = false
password_file = "good"

[[irc.network]]
name = "own"
addresses = ["[::1]:6697", "irc.example.org:7000"]
ca_file = "ca.pem"

[[irc]]
domain = "xn--bcher-kva.example"
secret_credential = "shared"

[store]
path = "data/passerelle.db"

[archive]
enabled = false
days = 30

[admin]
listen = "unix:/run/passerelle/admin.sock"

[web]
listen = "127.0.0.1:5381"
public_url = "https://gateway.example.org/irc/"
`), dir)
	if err != nil {
		t.Fatal(err)
	}
	own := &c.IRC[0].Networks[2]
	if own.Roots == nil {
		t.Error("the authorities of ca_file were not read")
	}
	own.Roots = nil
	want := &Config{
		IRC: []IRC{{
			Component: Component{Domain: "irc.bücher.example", Server: "127.0.0.1:5347", Secret: NewSecret("hunter2"), SecretFile: filepath.Join(dir, "good")},
			Name:      "IRC gateway",
			Open:      true,
			Rate:      2, ConnectsPerSecond: 100, MaxConnections: 10_000, MaxNetworks: 32, MaxChannels: 500, JoinsPerMinute: 300, AlwaysOn: "allowed", AlwaysOnNetworks: 8, AlwaysOnChannels: 100, AlwaysOnDays: 60, OwnNames: true, Pictures: true, PasteLines: 6, MissedLines: 1000, Ports: []int{6697}, UserPorts: []string{"1024-65535"}, UserPortRanges: []PortRange{{1024, 65535}}, UserBurst: 20,
			Networks: []Network{
				{Name: "irc.libera.chat", Title: "irc.libera.chat", Addresses: []string{"irc.libera.chat:6697"}, TLS: true},
				{Name: "inside", Title: "Inside", Addresses: []string{"inside:6667"}, PasswordFile: filepath.Join(dir, "good"), Password: NewSecret("hunter2")},
				{Name: "own", Title: "own", Addresses: []string{"[::1]:6697", "irc.example.org:7000"}, TLS: true, CAFile: filepath.Join(dir, "ca.pem")},
			},
		}, {
			// A credential is readable by a group where systemd gives access by ACL.
			Component: Component{Domain: "bücher.example", Server: "127.0.0.1:5347", Secret: NewSecret("hunter2"), SecretCredential: "shared"},
			Name:      "IRC gateway", Open: true, Burst: 10, Rate: 1, ConnectsPerSecond: 100, MaxConnections: 10_000, MaxNetworks: 32, MaxChannels: 500, JoinsPerMinute: 300, AlwaysOn: "allowed", AlwaysOnNetworks: 8, AlwaysOnChannels: 100, AlwaysOnDays: 60, OwnNames: true, Pictures: true, PasteLines: 6, MissedLines: 1000, Ports: []int{6697}, UserPorts: []string{"1024-65535"}, UserPortRanges: []PortRange{{1024, 65535}}, UserBurst: 20,
		}},
		Store:   Store{Path: filepath.Join(dir, "data/passerelle.db"), KeyFile: filepath.Join(dir, "data/passerelle.key")},
		Archive: Archive{Days: 30, UserDaily: 1024},
		Admin:   Admin{Listen: "unix:/run/passerelle/admin.sock", Socket: filepath.Join(dir, "data/passerelle.sock")},
		Web: Web{
			Listen: "127.0.0.1:5381", PublicURL: "https://gateway.example.org/irc",
			URL: &url.URL{Scheme: "https", Host: "gateway.example.org", Path: "/irc"},
		},
		Files: Files{Path: filepath.Join(dir, "data/files"), Days: 30, MaxSize: 16, UserQuota: 64, Quota: 2048},
		Log:   Log{Level: "info", Format: "text"},
	}
	if diff := cmp.Diff(want, c, cmp.Comparer(sameSecret), cmpopts.IgnoreFields(Config{}, "written"), cmp.AllowUnexported(Config{}), cmpopts.EquateComparable(netip.Prefix{})); diff != "" {
		t.Errorf("config (-want +got):\n%s", diff)
	}
}

func TestLoadUnreadable(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		filepath.Join(dir, "missing"): "0 : the file cannot be read: no such file or directory",
		dir:                           "0 : the file cannot be read: not a regular file",
		pipe:                          "0 : the file cannot be read: not a regular file", // and nothing waits for a writer
	} {
		_, err := Load(path, "")
		faults, ok := err.(Faults)
		if !ok || len(faults) != 1 || describe(faults[0]) != want || faults[0].File != path {
			t.Errorf("Load(%s) = %v, want %s", path, err, want)
		}
	}
}

// Root reads every file, so the error is made here.
func TestUnreadableFix(t *testing.T) {
	t.Parallel()
	err := &fs.PathError{Op: "open", Path: "x.toml", Err: syscall.EACCES}
	if got, want := readable("x.toml", err), `chmod 644 "x.toml"`; !strings.Contains(got, want) {
		t.Errorf("the fix is %q, want one with %q", got, want)
	}
}

func TestNotes(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "passerelle.toml")
	document := valid + "[[mail]]\ndomain = \"mail.example.org\"\nsecret = \"x\"\nlmtp = \"127.0.0.1:2424\"\n[[mail.addresses]]\ndomain = \"example.org\"\n"
	for _, test := range []struct {
		mode os.FileMode
		want []string
	}{
		{0o640, []string{"mail.example.org: nobody can send mail", "mail.example.org: mail for postmaster and abuse is refused"}},
		{0o644, []string{
			"irc.example.org: its secret stands in a file that every user",
			"mail.example.org: its secret stands in a file that every user",
			"mail.example.org: nobody can send mail",
			"mail.example.org: mail for postmaster and abuse is refused",
		}},
	} {
		if err := os.WriteFile(path, []byte(document), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, test.mode); err != nil {
			t.Fatal(err)
		}
		c, err := Load(path, "")
		if err != nil {
			t.Fatal(err)
		}
		got := c.Notes()
		for i := range min(len(got), len(test.want)) {
			if strings.HasPrefix(got[i], test.want[i]) {
				got[i] = test.want[i]
			}
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("mode %04o: notes (-want +got):\n%s", test.mode, diff)
		}
	}
}

// However a configuration is printed, its secrets stay inside.
func TestSecretIsNeverPrinted(t *testing.T) {
	t.Parallel()
	c, err := Parse("passerelle.toml", []byte(valid), "")
	if err != nil {
		t.Fatal(err)
	}
	secret := c.IRC[0].Secret
	if secret.Reveal() != "hunter2" {
		t.Fatalf("Reveal = %q", secret.Reveal())
	}
	hidden := struct{ inner Secret }{secret}
	var b strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%08b"} {
		for _, v := range []any{secret, &secret, c, *c, hidden, []Secret{secret}} {
			fmt.Fprintf(&b, verb+"\n", v)
		}
	}
	for _, h := range []slog.Handler{slog.NewTextHandler(&b, nil), slog.NewJSONHandler(&b, nil)} {
		slog.New(h).Info("config", "secret", secret, "config", c)
	}
	if err := json.NewEncoder(&b).Encode(c); err != nil {
		t.Fatal(err)
	}
	if err := toml.NewEncoder(io.MultiWriter(&b)).Encode(c); err != nil {
		t.Fatal(err)
	}
	for _, leak := range []string{"hunter2", fmt.Sprintf("%x", "hunter2"), fmt.Sprintf("%d", []byte("hunter2"))} {
		if strings.Contains(b.String(), leak) {
			t.Errorf("printed %q:\n%s", leak, b.String())
		}
	}
	if !strings.Contains(b.String(), redacted) {
		t.Errorf("nothing says that there is a secret:\n%s", b.String())
	}
}

func TestNearest(t *testing.T) {
	t.Parallel()
	known := []string{"domain", "server", "secret", "secret_file", "rate", "addresses"}
	for name, want := range map[string]string{
		"domian": "domain", "Domain": "domain", "serv": "server", "secretfile": "secret_file", "adress": "addresses",
		"rat": "rate", "raet": "rate", "sevrer": "server", "x": "", "": "", "something": "", strings.Repeat("d", 100_000): "",
	} {
		if got := nearest(name, known); got != want {
			t.Errorf("nearest(%.20q) = %q, want %q", name, got, want)
		}
	}
}

// Who runs a command finds the socket without being able to read the secrets.
func TestLoadSocket(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for document, want := range map[string]string{
		"[[irc]]\ndomain = 3\nsecret_credential = \"missing\"\n":                   "/var/lib/passerelle/passerelle.sock",
		"[store]\npath = \"data/p.db\"\nurl_file = \"missing\"\n":                  filepath.Join(dir, "data/passerelle.sock"),
		"[store]\npath = \"/x/p.db\"\n[admin]\nsocket = \"run/passerelle.sock\"\n": filepath.Join(dir, "run/passerelle.sock"),
		"[store]\npath = \"/" + strings.Repeat("x", 100) + "/p.db\"\n":             "",
	} {
		path := filepath.Join(dir, "passerelle.toml")
		if err := os.WriteFile(path, []byte(document), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := LoadSocket(path); err != nil || got != want {
			t.Errorf("%q: got %q, %v, want %q", document, got, err, want)
		}
	}
	if _, err := LoadSocket(filepath.Join(dir, "missing.toml")); err == nil {
		t.Error("a missing file was read")
	}
}

func TestOwnDomains(t *testing.T) {
	t.Parallel()
	for gateway, want := range map[string]string{"irc.example.org": "[example.org]", "irc.localhost": "[localhost]", "irc.example": "[]", "irc": "[]"} {
		if got := fmt.Sprint(Default().OwnDomains(gateway)); got != want {
			t.Errorf("%s: %s, want %s", gateway, got, want)
		}
	}
	c := Default()
	c.Files.OwnDomains = []string{"a.b"}
	if got := fmt.Sprint(c.OwnDomains("irc.example.org")); got != "[a.b]" {
		t.Errorf("as set: %s", got)
	}
}

// TestHandedOver: whatever file is named, one that systemd hands over under that name is read in its place; what stands in the unit for a
// file that is not there is no secret.
func TestHandedOver(t *testing.T) {
	t.Parallel()
	dir, credentials := t.TempDir(), t.TempDir()
	// Only root could read this one.
	for name, text := range map[string]string{"smarthost.password": "hunter3\n", "irc-secret": "hunter2\n", "social-secret": "CHANGE-ME"} {
		if err := os.WriteFile(filepath.Join(credentials, name), []byte(text), 0o440); err != nil {
			t.Fatal(err)
		}
	}
	const mail = "[[mail]]\ndomain = \"mail.example.org\"\nsecret_credential = \"irc-secret\"\nlmtp = \"127.0.0.1:2424\"\nsmarthost = \"smtp.example.org:587\"\n" +
		"smarthost_user = \"me\"\nsmarthost_password_file = \"/etc/passerelle/smarthost.password\"\n[[mail.addresses]]\ndomain = \"example.org\"\n"
	c, err := Parse(filepath.Join(dir, "p.toml"), []byte(mail), credentials)
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Mail[0].Password.Reveal(); got != "hunter3" {
		t.Errorf("the password is %q", got)
	}
	_, err = Parse(filepath.Join(dir, "p.toml"), []byte("[[irc]]\ndomain = \"a.b\"\nsecret_credential = \"social-secret\"\n"), credentials)
	if err == nil || !strings.Contains(err.Error(), "systemd found no file for the credential social-secret — fix: put the secret into the file") {
		t.Errorf("got %v", err)
	}
}
