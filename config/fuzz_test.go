package config

import (
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
)

// seeds are documents with each form of TOML that locate has to pass.
func seeds(f *testing.F) {
	f.Helper()
	for _, s := range []string{
		"", "\n", "a", "=", "[", "[[", "[[irc]]", "\"", "'''", "a = [", "a = {", "[a.", "\xef\xbb\xbfa = 1\n",
		string(Example()),
		valid,
		"[irc]\ndomain = 3\n[irc.network]\nname = 1\n",
		"irc = [{domain = \"a.b\", network = [{name = \"x\"}, 3]}, [1, [2]]]\n",
		"a.b.c = 1\na.\"d.e\" = '''\n[[x]]\n'''\n[a.f]\n'g' = \"\"\"\\\"\"\"\" # \"\"\"\n[[h]]\n[[h.i]]\nj = 1\n[[h.i]]\n[h.k]\nl = [ # ]\n1, \"]\", {m = {n = '#'}},\n]\n",
		"\"s\\u0065cret\" = \"a\\\"b\" \r\n# comment\r\nlog = {level = \"info\",\n format = \"text\"}\n",
		"d = 2026-01-01 00:00:00Z\nf = inf\n[[irc]]\nrate = nan\nburst = -9223372036854775808\n",
		"a = \"\\\n\"",
		"x = \"\"\"\"\"\n\"\"\"\"\"\ny = ''''a''''\nz=''\n",
	} {
		f.Add(s)
	}
}

func FuzzLoad(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, document string) {
		c, err := Parse("/nonexistent/passerelle.toml", []byte(document), "")
		if err == nil {
			for _, n := range c.Notes() {
				if n == "" {
					t.Error("an empty note")
				}
			}
			return
		}
		faults, ok := err.(Faults)
		if !ok || len(faults) == 0 {
			t.Fatalf("error is %T %v, want faults", err, err)
		}
		lines := strings.Count(document, "\n") + 1
		for _, fault := range faults {
			if fault.Text == "" || fault.Fix == "" || fault.Line < 0 || fault.Line > lines || strings.ContainsAny(fault.String(), "\r\n") {
				t.Errorf("odd fault %#v", fault)
			}
			if fault.Key != "" && fault.Line == 0 {
				t.Errorf("fault without a line: %v", fault)
			}
		}
	})
}

// FuzzLocate compares with the decoder: every value that it found has a line, and the line has the last part of its name.
func FuzzLocate(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, document string) {
		lines := locate(document)
		var values map[string]any
		if _, err := toml.Decode(document, &values); err != nil {
			return
		}
		written := strings.Split(trimBOM(document), "\n")
		var check func(path, name string, value any)
		check = func(path, name string, value any) {
			n := lines[path]
			if path != "" && (n < 1 || n > len(written)) {
				t.Fatalf("%s has line %d of %d", path, n, len(written))
			}
			if name != "" && !strings.Contains(written[n-1], name) && !strings.Contains(written[n-1], `\`) {
				t.Errorf("%s is not on line %d: %q", path, n, written[n-1])
			}
			switch v := value.(type) {
			case map[string]any:
				for k, inner := range v {
					check(child(path, k), k, inner)
				}
			case []map[string]any:
				for i, inner := range v {
					check(element(path, i), "", inner)
				}
			case []any:
				for i, inner := range v {
					check(element(path, i), "", inner)
				}
			}
		}
		check("", "", values)
	})
}
