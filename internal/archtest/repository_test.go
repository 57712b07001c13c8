package archtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"testing"
)

// root is the repository seen from this package, where go test runs its tests.
const root = "../.."

func TestImports(t *testing.T) {
	t.Parallel()
	pkgs := listPackages(t)
	if len(pkgs) < 2 {
		t.Fatalf("go list found %d packages: the check sees nothing", len(pkgs))
	}
	report(t, checkImports(pkgs))
}

func TestSources(t *testing.T) {
	t.Parallel()
	tree := os.DirFS(root)
	sources, err := readSources(tree)
	if err != nil {
		t.Fatal(err)
	}
	if len(sources) < 2 {
		t.Fatalf("found %d Go files: the checks see nothing", len(sources))
	}
	report(t, checkLength(sources))
	report(t, checkInit(sources))
	report(t, checkPackageComment(sources))
	report(t, checkSeeds(tree, sources))
}

func TestTopLevel(t *testing.T) {
	t.Parallel()
	faults, err := checkTopLevel(os.DirFS(root))
	if err != nil {
		t.Fatal(err)
	}
	report(t, faults)
}

func TestLinks(t *testing.T) {
	t.Parallel()
	faults, err := checkLinks(os.DirFS(root))
	if err != nil {
		t.Fatal(err)
	}
	report(t, faults)
}

// listPackages asks the go command for the packages of the repository.
func listPackages(t *testing.T) []pkg {
	t.Helper()
	// -e: a package that does not build is the compiler's business, its imports are still ours. -buildvcs=false: what git has to
	// say is of no interest here, and git refuses to speak in a checkout of somebody else.
	cmd := exec.CommandContext(t.Context(), "go", "list", "-e", "-buildvcs=false",
		"-json=ImportPath,Imports,TestImports,XTestImports", "./...")
	cmd.Dir = root
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, &stderr)
	}
	var pkgs []pkg
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		err := d.Decode(&p)
		if errors.Is(err, io.EOF) {
			return pkgs
		}
		if err != nil {
			t.Fatalf("read what go list printed: %v", err)
		}
		pkgs = append(pkgs, p)
	}
}
