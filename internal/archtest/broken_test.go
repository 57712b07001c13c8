package archtest

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// The tests of this file show each check something that breaks its rule and something like it that does not.

func TestCheckImports(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		graph []pkg
		want  []string // where the faults are
	}{
		{
			name: "everything allowed",
			graph: []pkg{
				code("store", "database/sql", "modernc.org/sqlite"),
				code("transports", "passerelle/store", "errors"),
				code("component/stanza", "passerelle/transports", "mellium.im/xmpp/jid"),
				code("component/muc", "passerelle/transports", "passerelle/component/stanza"),
				code("component", "passerelle/transports", "passerelle/store", "passerelle/component/stanza",
					"passerelle/component/muc", "mellium.im/xmpp/component"),
				code("ircbridge", "passerelle/transports", "passerelle/store", "passerelle/internal/text",
					"github.com/lrstanley/girc"),
				code("mailbridge", "github.com/emersion/go-smtp", "github.com/emersion/go-imap/v2/imapclient"),
				code("internal/c2s", "mellium.im/xmpp"),
				code("internal/web", "passerelle/store"),
				code("cmd/passerelle", "passerelle/component", "passerelle/ircbridge", "passerelle/config",
					"passerelle/internal/web", "passerelle/internal/logging", "mellium.im/xmpp"),
				code("e2e", "passerelle/component", "passerelle/internal/realservers", "mellium.im/xmpp"),
				code("e2e/demo", "passerelle/internal/realservers", "passerelle/internal/xmpptest"),
				code("internal/xmpptest", "passerelle/component/stanza", "passerelle/internal/ircd"),
			},
		},
		{
			name: "tests may import everything but programs",
			graph: []pkg{
				{
					ImportPath:   "passerelle/ircbridge",
					TestImports:  []string{"passerelle/component", "passerelle/internal/ircd", "mellium.im/xmpp"},
					XTestImports: []string{"passerelle/ircbridge", "passerelle/config", "passerelle/e2e"},
				},
				{ImportPath: "passerelle/cmd/passerelle", XTestImports: []string{"passerelle/cmd/passerelle"}},
			},
		},
		{
			name: "tests import a program",
			graph: []pkg{
				{ImportPath: "passerelle/store", TestImports: []string{"passerelle/cmd/passerelle"}},
				{ImportPath: "passerelle/e2e", XTestImports: []string{"passerelle/cmd/passerelle"}},
			},
			want: []string{"store (test) -> cmd/passerelle", "e2e (test) -> cmd/passerelle"},
		},
		{
			name: "a program is imported",
			graph: []pkg{
				code("component", "passerelle/cmd/passerelle"),
				code("e2e/demo", "passerelle/cmd/passerelle"),
				code("cmd/other", "passerelle/cmd/passerelle"),
			},
			want: []string{
				"component -> cmd/passerelle", "e2e/demo -> cmd/passerelle", "cmd/other -> cmd/passerelle",
			},
		},
		{
			name:  "foundations",
			graph: []pkg{code("store", "passerelle/transports"), code("config", "passerelle/store"), code("internal/logging", "passerelle/config")},
			want:  []string{"store -> transports", "config -> store", "internal/logging -> config"},
		},
		{
			name:  "the waist",
			graph: []pkg{code("transports", "passerelle/component/stanza", "passerelle/ircbridge", "mellium.im/xmpp/jid")},
			want:  []string{"transports -> component/stanza", "transports -> ircbridge", "transports -> mellium.im/xmpp/jid"},
		},
		{
			name: "the XML layer and the room",
			graph: []pkg{
				code("component/stanza", "passerelle/store", "passerelle/component/muc"),
				code("component/muc", "passerelle/store", "passerelle/component"),
			},
			want: []string{
				"component/stanza -> store", "component/stanza -> component/muc",
				"component/muc -> store", "component/muc -> component",
			},
		},
		{
			name: "component",
			graph: []pkg{code("component", "passerelle/ircbridge", "passerelle/config", "github.com/lrstanley/girc",
				"github.com/emersion/go-smtp", "github.com/emersion/go-imap/v2")},
			want: []string{
				"component -> ircbridge", "component -> config", "component -> github.com/lrstanley/girc",
				"component -> github.com/emersion/go-smtp", "component -> github.com/emersion/go-imap/v2",
			},
		},
		{
			name: "bridges",
			graph: []pkg{
				code("ircbridge", "passerelle/component", "passerelle/component/stanza", "passerelle/config", "mellium.im/xmpp/jid"),
				code("mailbridge", "passerelle/ircbridge", "mellium.im/xmlstream"),
				code("socialbridge", "passerelle/mailbridge"),
			},
			want: []string{
				"ircbridge -> component", "ircbridge -> component/stanza", "ircbridge -> config", "ircbridge -> mellium.im/xmpp/jid",
				"mailbridge -> ircbridge", "mailbridge -> mellium.im/xmlstream", "socialbridge -> mailbridge",
			},
		},
		{
			name:  "internal/web and internal/jobs",
			graph: []pkg{code("internal/web", "passerelle/component"), code("internal/jobs", "passerelle/ircbridge")},
			want:  []string{"internal/web -> component", "internal/jobs -> ircbridge"},
		},
		{
			name: "templates",
			graph: []pkg{
				code("cmd/passerelle", "text/template"), code("internal/onetime", "html/template"), code("internal/realservers", "text/template"),
			},
			want: []string{"cmd/passerelle -> text/template", "internal/onetime -> html/template"},
		},
		{
			name: "packages for tests in code",
			graph: []pkg{
				code("ircbridge", "passerelle/internal/ircd"),
				code("component", "passerelle/internal/xmpptest"),
				code("cmd/passerelle", "passerelle/internal/realservers", "passerelle/e2e"),
			},
			want: []string{
				"ircbridge -> internal/ircd", "component -> internal/xmpptest",
				"cmd/passerelle -> internal/realservers", "cmd/passerelle -> e2e",
			},
		},
		{
			name:  "packages that nobody thought of, two with names that begin like others",
			graph: []pkg{code("internal/util"), code("component/stanzas"), code("e2etools")},
			want:  []string{"internal/util", "component/stanzas", "e2etools"},
		},
		{
			name:  "the root is no package",
			graph: []pkg{{ImportPath: "passerelle"}},
			want:  []string{"."},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			wantFaults(t, checkImports(tt.graph), tt.want...)
		})
	}
}

// code is a package without tests.
func code(name string, imports ...string) pkg {
	return pkg{ImportPath: module + "/" + name, Imports: imports}
}

func TestCheckSources(t *testing.T) {
	t.Parallel()
	tree := files(map[string]string{
		"long/doc.go":                "// Package long has files of all lengths.\npackage long\n",
		"long/600.go":                "package long\n" + strings.Repeat("\n", maxLines-1),
		"long/601.go":                "package long\n" + strings.Repeat("\n", maxLines),
		"long/testdata/generated.go": "package testdata\n" + strings.Repeat("\n", maxLines),

		"start/start.go":      "// Package start begins early.\npackage start\n\nfunc init() {}\n\nfunc initialise() {}\n",
		"start/start_test.go": "package start\n\ntype t struct{}\n\nfunc (t) init() {}\n",
		"start/tagged.go":     "//go:build plan9\n\npackage start\n\nfunc init() {}\n",

		"none/none.go":       "package none\n",
		"none/none_test.go":  "// Package none says it in a test, where nobody looks.\npackage none\n",
		"licence/licence.go": "// Copyright somebody.\npackage licence\n",
		"tests/some_test.go": "// Package tests has tests only.\npackage tests_test\n",
		"cmd/x/main.go":      "// The program x.\npackage main\n",
		"cmd/y/main.go":      "package main\n",
	})
	sources, err := readSources(tree)
	if err != nil {
		t.Fatal(err)
	}
	wantFaults(t, checkLength(sources), "long/601.go")
	wantFaults(t, checkInit(sources), "start/start.go", "start/tagged.go")
	wantFaults(t, checkPackageComment(sources), "cmd/y", "licence", "none")
}

func TestCheckSeeds(t *testing.T) {
	t.Parallel()
	tree := files(map[string]string{
		"a/a_test.go": `package a

import "testing"

func FuzzAdds(f *testing.F) {
	for _, s := range []string{"", "x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {})
}

func FuzzAsks(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, s string) {})
}

func FuzzFiles(f *testing.F) { f.Fuzz(func(t *testing.T, s string) {}) }

func FuzzEmptyFolder(f *testing.F) { f.Fuzz(func(t *testing.T, s string) {}) }

func FuzzOtherAdd(f *testing.F) {
	var s set
	s.Add("x")
	log(f)
	f.Fuzz(func(t *testing.T, s string) {})
}

func log(f *testing.F) { f.Log("nothing added") }
`,
		"a/seed_test.go":                     "package a\n\nimport \"testing\"\n\nfunc seed(f *testing.F) { f.Add(\"x\") }\n",
		"a/testdata/fuzz/FuzzFiles/one":      "go test fuzz v1\n",
		"a/testdata/fuzz/FuzzEmptyFolder.md": "is not in the folder",
		"b/b_test.go":                        "package b\n\nimport \"testing\"\n\nfunc FuzzStolen(f *testing.F) { seed(f) }\n",
	})
	sources, err := readSources(tree)
	if err != nil {
		t.Fatal(err)
	}
	wantFaults(t, checkSeeds(tree, sources),
		"a/a_test.go FuzzEmptyFolder", "a/a_test.go FuzzOtherAdd", "b/b_test.go FuzzStolen")
}

func TestCheckTopLevel(t *testing.T) {
	t.Parallel()
	faults, err := checkTopLevel(files(map[string]string{
		"README.md": "", ".ci/run": "", "component/doc.go": "", "bin/passerelle": "", // allowed
		"main.go": "", "scripts/release.sh": "", "passerelle.db": "",
	}))
	if err != nil {
		t.Fatal(err)
	}
	wantFaults(t, faults, "main.go", "passerelle.db", "scripts")
}

func TestCheckLinks(t *testing.T) {
	t.Parallel()
	faults, err := checkLinks(files(map[string]string{
		"README.md":   "[a](docs/a.md#part) [b](https://b.example/) [gone](docs/gone.md)",
		"docs/a.md":   "[TestThere](../a/a_test.go) [TestGone](../a/a_test.go) [up](../README.md)",
		"a/a_test.go": "func TestThere(t *testing.T) {}",
	}))
	if err != nil {
		t.Fatal(err)
	}
	wantFaults(t, faults, "README.md -> docs/gone.md", "docs/a.md -> TestGone")
}

func TestReadSourcesNamesTheFileThatDoesNotParse(t *testing.T) {
	t.Parallel()
	_, err := readSources(files(map[string]string{"a/a.go": "package a\n\nfunc {\n"}))
	if err == nil || !strings.Contains(err.Error(), "a/a.go") {
		t.Fatalf("got %v, want an error that names a/a.go", err)
	}
}

func files(content map[string]string) fstest.MapFS {
	tree := make(fstest.MapFS)
	for name, text := range content {
		tree[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return tree
}

// wantFaults compares the places of the faults and makes sure that each says what the rule is and what to do.
func wantFaults(t *testing.T, faults []fault, want ...string) {
	t.Helper()
	var got []string
	for _, f := range faults {
		got = append(got, f.where)
		if f.rule == "" || f.fix == "" {
			t.Errorf("fault at %s names rule %q and fix %q, want both", f.where, f.rule, f.fix)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("faults at\n\tgot  %q\n\twant %q", got, want)
	}
}
