// Package contenttest reads the corpus of mails that the tests of reading mail have. It is not in charge of what they say.
package contenttest

import (
	"bytes"
	"encoding/hex"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

// Mail is a mail of the corpus.
type Mail struct {
	Name string // those of its archive and itself, such as "lists/mailman"
	Raw  []byte
}

// Corpus is all mails in the archives of a folder, in the order in which they stand there.
func Corpus(t testing.TB, folder string) []Mail {
	t.Helper()
	var all []Mail
	known := make(map[string]bool)
	for _, path := range Archives(t, folder) {
		a, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range a.Files {
			base, ok := strings.CutSuffix(f.Name, ".eml")
			if !ok {
				continue
			}
			name := strings.TrimSuffix(filepath.Base(path), ".txtar") + "/" + base
			if known[name] {
				t.Fatalf("there are two mails %s", name)
			}
			known[name] = true
			all = append(all, Mail{name, Raw(f)})
		}
	}
	return all
}

// Archives are the files of a corpus. Each has mails, NAME.eml, and what is read of them, NAME.golden.
func Archives(t testing.TB, folder string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(folder, "*.txtar"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no archives in %s: %v", folder, err)
	}
	return paths
}

var octets = regexp.MustCompile(`«(?:[0-9A-F]{2})+»`)

// Raw is a mail as it is on the wire. Its lines end in CR LF, unless its name ends in ".lf.eml"; «E9» is a byte in hexadecimal, or several, and ␠ is
// a space that editors would take away.
func Raw(f txtar.File) []byte {
	data := f.Data
	if !strings.HasSuffix(f.Name, ".lf.eml") {
		data = bytes.ReplaceAll(data, []byte("\n"), []byte("\r\n"))
	}
	data = bytes.ReplaceAll(data, []byte("␠"), []byte(" "))
	return octets.ReplaceAllFunc(data, func(m []byte) []byte {
		out, err := hex.DecodeString(strings.Trim(string(m), "«»"))
		if err != nil {
			panic(err) // the expression lets nothing else through
		}
		return out
	})
}
