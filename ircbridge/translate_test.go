package ircbridge

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"passerelle/transports"
)

var update = flag.Bool("update", false, "accept what comes out as what should")

// TestTranslate reads testdata/translate/*.txtar. "irc" has the lines of a network to alice, who is in #test and #Other; lines of
// "isupport" are applied before. "events" has what they mean, an arrow line for each line that means nothing.
func TestTranslate(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/translate/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := translateAll(section(archive, "isupport"), section(archive, "irc"))
			want := strings.Join(section(archive, "events"), "\n") + "\n"
			if *update {
				i := slices.IndexFunc(archive.Files, func(f txtar.File) bool { return f.Name == "events" })
				archive.Files[i].Data = []byte(got)
				if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("events differ (-want +got), -update accepts them:\n%s", diff)
			}
		})
	}
}

func section(a *txtar.Archive, name string) []string {
	for _, f := range a.Files {
		if f.Name == name {
			return strings.Split(strings.TrimSuffix(string(f.Data), "\n"), "\n")
		}
	}
	return nil
}

// translateAll writes control characters as they are written in Go, so that the files can be read.
func translateAll(supported, lines []string) string {
	isup := defaultISupport()
	for _, line := range supported {
		isup.apply(strings.Fields(line))
	}
	tr := translator{
		network: testNet, nick: "alice", isup: &isup, now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		room: func(name string) (transports.Target, bool) {
			for _, known := range []string{"#test", "#other"} {
				if isup.casemap.equal(name, known) {
					return roomOf(known), true
				}
			}
			return transports.Target{}, false
		},
		person: func(p transports.Person) *transports.Person { return &p },
	}
	unescape := strings.NewReplacer(`\x01`, "\x01", `\x02`, "\x02", `\x03`, "\x03", `\x0f`, "\x0f", `\x1d`, "\x1d", `\x1f`, "\x1f", `\xe9`, "\xe9")
	var b strings.Builder
	for _, line := range lines {
		if line == "" {
			continue
		}
		b.WriteString("> " + line + "\n")
		for _, e := range tr.translate(nil, parse(decode([]byte(unescape.Replace(line)), (*charset)(nil).decode))) {
			b.WriteString(describe(e) + "\n")
		}
	}
	return b.String()
}
