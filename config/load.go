package config

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/BurntSushi/toml"
)

// maxFile is how large a configuration file may be, in bytes.
const maxFile = 256 << 10

// Load reads and checks the configuration file at path. Credentials is the directory of systemd's credentials
// ($CREDENTIALS_DIRECTORY), empty if there is none.
//
// An error is of type Faults and names everything that is wrong with the file at once.
func Load(path, credentials string) (*Config, error) {
	return load(path, func(r *resolver) { r.credentials = credentials })
}

// LoadUnserved is Load for who does not run gateways: secrets that only systemd hands over are left empty.
func LoadUnserved(path string) (*Config, error) {
	return load(path, func(r *resolver) { r.unserved = true })
}

func load(path string, set func(*resolver)) (*Config, error) {
	document, mode, err := readFile(path, maxFile)
	if err != nil {
		return nil, Faults{{
			File: path,
			Text: "the file cannot be read: " + reason(err),
			Fix:  readable(path, err),
		}}
	}
	c, err := parse(path, document, set)
	if err != nil {
		return nil, err
	}
	c.exposed = mode.Perm()&0o004 != 0
	return c, nil
}

// readable is what to do about a configuration file that cannot be read.
func readable(path string, err error) string {
	if errors.Is(err, fs.ErrPermission) {
		// Under the unit that is not the operator, and not root.
		return fmt.Sprintf("let the user that passerelle runs as read it: chmod 644 %q, with the secrets in files of their own", path)
	}
	return "name another with -config, or begin with what `passerelle config example` prints"
}

// Parse is Load for a document that was read already. File is its name: faults are reported under it, and file names in it
// that are not absolute start from its directory.
func Parse(file string, document []byte, credentials string) (*Config, error) {
	return parse(file, document, func(r *resolver) { r.credentials = credentials })
}

func parse(file string, document []byte, set func(*resolver)) (*Config, error) {
	var values map[string]any
	if _, err := toml.Decode(string(document), &values); err != nil {
		return nil, Faults{syntaxFault(file, err)}
	}
	c := Default()
	r := newReport(file, locate(string(document)))
	decoder{r}.table("", values, reflect.ValueOf(c).Elem())
	files := resolver{report: r, dir: filepath.Dir(file)}
	set(&files)
	files.config(c)
	validator{r}.config(c)
	if err := r.err(); err != nil {
		return nil, err
	}
	c.written = new(*c)
	c.complete()
	return c, nil
}

// syntaxFault is the only fault of a file that is not TOML: nothing behind it can be trusted.
func syntaxFault(file string, err error) Fault {
	f := Fault{File: file, Line: 1, Text: err.Error(), Fix: "correct the TOML on this line: strings stand in quotes, tables in brackets"}
	parse, ok := errors.AsType[toml.ParseError](err)
	if !ok {
		return f
	}
	f.Line = max(parse.Position.Line, 1)
	f.Text = "syntax: " + parse.Message
	if strings.HasSuffix(parse.LastKey, "secret") {
		// The message may quote what stands there.
		f.Text = "syntax: the value cannot be read"
	}
	if strings.Contains(parse.Message, "already been defined") {
		f.Fix = "keep one of the two"
	}
	return f
}
