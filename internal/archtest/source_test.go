package archtest

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// maxLines is the length after which a file has more than one idea in it.
const maxLines = 600

// source is one parsed Go file.
type source struct {
	path  string
	lines int
	file  *ast.File
}

func (s source) isTest() bool { return strings.HasSuffix(s.path, "_test.go") }

// readSources parses every Go file of the tree, whatever its build tags, except what the go command does not see either.
func readSources(tree fs.FS) ([]source, error) {
	var sources []source
	err := fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			base := d.Name()
			if name == "bin" || base == "testdata" || name != "." && strings.ContainsRune("._", rune(base[0])) {
				return fs.SkipDir
			}
			return nil
		}
		if path.Ext(name) != ".go" {
			return nil
		}
		text, err := fs.ReadFile(tree, name)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		sources = append(sources, source{path: name, lines: bytes.Count(text, []byte{'\n'}), file: file})
		return nil
	})
	return sources, err
}

// checkLength finds the files that are too long to be read in one go.
func checkLength(sources []source) []fault {
	var faults []fault
	for _, s := range sources {
		if s.lines > maxLines {
			faults = append(faults, fault{
				s.path, fmt.Sprintf("has %d lines, a Go file has at most %d", s.lines, maxLines),
				"give the second idea in it a file of its own",
			})
		}
	}
	return faults
}

// checkInit finds init functions.
func checkInit(sources []source) []fault {
	var faults []fault
	for _, s := range sources {
		for _, d := range s.file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
				faults = append(faults, fault{
					s.path, "has an init function; what runs before main can be neither seen nor tested",
					"make it an ordinary function and call it where things are wired, in cmd/passerelle",
				})
			}
		}
	}
	return faults
}

// checkPackageComment finds packages that do not say what they are in charge of. A package that has tests only says it in one
// of them.
func checkPackageComment(sources []source) []fault {
	type state struct{ code, codeComment, testComment bool }
	packages := make(map[string]state)
	for _, s := range sources {
		p := packages[path.Dir(s.path)]
		if s.isTest() {
			p.testComment = p.testComment || isPackageComment(s.file)
		} else {
			p.code = true
			p.codeComment = p.codeComment || isPackageComment(s.file)
		}
		packages[path.Dir(s.path)] = p
	}
	var faults []fault
	for dir, p := range packages {
		if p.code && !p.codeComment || !p.code && !p.testComment {
			faults = append(faults, fault{
				dir, "the package has no package comment",
				`begin one file (doc.go if it is long) with "// Package … is in charge of …" and say what it is not in charge of`,
			})
		}
	}
	slices.SortFunc(faults, func(a, b fault) int { return strings.Compare(a.where, b.where) })
	return faults
}

// isPackageComment reports whether the file has one in the form that go doc expects. A licence header is none.
func isPackageComment(f *ast.File) bool {
	text := f.Doc.Text()
	if f.Name.Name == "main" {
		return text != ""
	}
	return strings.HasPrefix(text, "Package "+strings.TrimSuffix(f.Name.Name, "_test")+" ")
}

// checkTopLevel finds entries beside the ones that a newcomer can learn in a minute.
func checkTopLevel(tree fs.FS) ([]fault, error) {
	allowed := strings.Fields(`
		cmd component transports ircbridge mailbridge socialbridge config store internal e2e deploy docs
		go.mod go.sum tools.mod tools.sum Makefile README.md LICENSE doap.xml .ci .git .gitignore bin`)
	entries, err := fs.ReadDir(tree, ".")
	if err != nil {
		return nil, err
	}
	var faults []fault
	for _, e := range entries {
		if !slices.Contains(allowed, e.Name()) {
			faults = append(faults, fault{
				e.Name(), "is no entry of the top level; allowed are " + strings.Join(allowed, " "),
				"move it below one of them (helpers to internal, what operators need to deploy), or delete it",
			})
		}
	}
	return faults, nil
}
