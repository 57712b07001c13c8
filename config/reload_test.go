package config

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// Each part of a configuration that is read again is compared by the name that it has in the file; what cannot change while the program
// runs stays, also where it is read once more.
func TestReload(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(dir, "passerelle.toml")
	load := func(text string) *Config {
		t.Helper()
		write("passerelle.toml", text)
		c, err := Load(file, "")
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	picture, err := os.ReadFile("../component/avatar/own.png")
	if err != nil {
		t.Fatal(err)
	}
	write("net.password", "one")
	write("irc.png", string(picture))
	const base = `
[[irc]]
domain = "irc.a.example"
secret = "x"
admins = ["root@a.example"]
avatar_file = "irc.png"
[[irc.network]]
name = "irc.libera.chat"
password_file = "net.password"
[[irc.network]]
name = "irc.oftc.net"
[[irc]]
domain = "irc.b.example"
secret = "y"
[store]
path = "/var/lib/a/p.db"
[log]
level = "info"
`
	edit := func(pairs ...string) string { return strings.NewReplacer(pairs...).Replace(base) }
	for name, tc := range map[string]struct {
		text      string
		password  string
		changed   []string
		restart   []string
		untouched func(*Config) any // as it was
	}{
		"nothing":         {text: base},
		"log":             {text: edit(`"info"`, `"debug"`), changed: []string{"[log] level"}},
		"log form":        {text: base + `format = "json"`, restart: []string{"[log] format"}, untouched: func(c *Config) any { return c.Log.Format }},
		"people":          {text: edit("root@a.example", "other@a.example"), changed: []string{"[[irc]] irc.a.example: admins"}},
		"another network": {text: edit("irc.oftc.net", "irc.example.net"), changed: []string{"[[irc.network]] irc.example.net (new)", "[[irc.network]] irc.oftc.net (removed)"}},
		"addresses":       {text: edit("name = \"irc.oftc.net\"\n", "name = \"irc.oftc.net\"\naddresses = [\"irc4.oftc.net:6697\"]\n"), changed: []string{"[[irc.network]] irc.oftc.net: addresses"}},
		"order":           {text: base[:strings.Index(base, "[[irc.network]]")] + "paste_lines = 3\n" + base[strings.Index(base, "[[irc.network]]"):], changed: []string{"[[irc]] irc.a.example: paste_lines"}},
		"a file":          {text: base, password: "two", changed: []string{"[[irc.network]] irc.libera.chat: password_file"}},
		"a picture less":  {text: edit(`avatar_file = "irc.png"`, ""), changed: []string{"[[irc]] irc.a.example: avatar_file"}},
		"secret":          {text: edit(`"x"`, `"z"`), restart: []string{"[[irc]] irc.a.example: secret"}, untouched: func(c *Config) any { return c.IRC[0].Secret.Reveal() }},
		"store":           {text: edit("/var/lib/a/", "/var/lib/b/"), restart: []string{"[store] path"}, untouched: func(c *Config) any { return []any{c.Store, c.Admin, c.Files} }},
		"domain": {
			text: edit("irc.b.example", "irc.c.example"), restart: []string{"[[irc]] irc.c.example (new)", "[[irc]] irc.b.example (removed)"},
			untouched: func(c *Config) any { return []string{c.IRC[0].Domain, c.IRC[1].Domain} },
		},
		"listener": {text: base + "[admin]\nlisten = \"127.0.0.1:9\"\n", restart: []string{"[admin] listen"}, untouched: func(c *Config) any { return c.Admin }},
	} {
		write("net.password", "one")
		c := load(base)
		if tc.password != "" {
			write("net.password", tc.password)
		}
		next := load(tc.text)
		running, changes := c.Reload(next)
		for again := range 2 {
			var changed, restart []string
			for _, change := range changes {
				if change.Restart {
					restart = append(restart, change.Key)
				} else {
					changed = append(changed, change.Key)
				}
			}
			if again == 0 && !slices.Equal(changed, tc.changed) || again == 1 && len(changed) > 0 || !slices.Equal(restart, tc.restart) {
				t.Errorf("%s: changed %q, after a restart %q; want %q, %q", name, changed, restart, tc.changed, tc.restart)
			}
			if tc.untouched != nil && !reflect.DeepEqual(tc.untouched(running), tc.untouched(c)) {
				t.Errorf("%s: %+v has become %+v", name, tc.untouched(c), tc.untouched(running))
			}
			running, changes = running.Reload(next)
		}
	}
	c, _ := load(base).Reload(load(edit(`"info"`, `"debug"`, "root@a.example", "Other@a.example", "irc.oftc.net", "irc.example.net")))
	if c.Log.Level != "debug" || c.IRC[0].Admins[0] != "other@a.example" || c.IRC[0].Networks[1].Addresses[0] != "irc.example.net:6697" || c.Store.KeyFile != "/var/lib/a/passerelle.key" {
		t.Errorf("got %+v", c)
	}
}

// What is read from elsewhere is compared under the name of the setting that says where.
func TestReloadComparesEverything(t *testing.T) {
	t.Parallel()
	var walk func(reflect.Type)
	walk = func(table reflect.Type) {
		known := names(fields(table))
		for _, f := range reflect.VisibleFields(table) {
			switch of := f.Tag.Get("of"); {
			case f.Anonymous || !f.IsExported():
			case f.Tag.Get("toml") == "-" && !slices.Contains(known, of):
				t.Errorf("%s of %s has no tag that says of which setting it is", f.Name, table)
			case f.Tag.Get("toml") != "-" && isTable(f.Type) && f.Type.Kind() == reflect.Slice:
				if _, ok := reflect.New(f.Type.Elem()).Interface().(keyed); !ok {
					t.Errorf("%s has no key", f.Type.Elem())
				}
				walk(f.Type.Elem())
			case f.Tag.Get("toml") != "-" && isTable(f.Type):
				walk(f.Type)
			}
		}
	}
	walk(reflect.TypeFor[Config]())
}
