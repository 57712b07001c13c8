package config

import (
	"path/filepath"
	"reflect"

	"github.com/BurntSushi/toml"
)

// LoadSocket reads from the configuration file at path where the running process takes commands. It looks at nothing else: who runs a
// command need not be able to read the secrets, and under systemd cannot.
func LoadSocket(path string) (string, error) {
	document, _, err := readFile(path, maxFile)
	if err != nil {
		return "", Faults{{File: path, Text: "the file cannot be read: " + reason(err), Fix: readable(path, err)}}
	}
	var values map[string]any
	if _, err := toml.Decode(string(document), &values); err != nil {
		return "", Faults{syntaxFault(path, err)}
	}
	c := Default()
	r := newReport(path, locate(string(document)))
	for name := range values {
		if name != "store" && name != "admin" {
			delete(values, name)
		}
	}
	decoder{r}.table("", values, reflect.ValueOf(c).Elem())
	if err := r.err(); err != nil {
		return "", err
	}
	files := resolver{report: r, dir: filepath.Dir(path)}
	c.Store.Path, c.Admin.Socket = files.path(c.Store.Path), files.path(c.Admin.Socket)
	c.Admin.complete(c.Store)
	return c.Admin.Socket, nil
}
