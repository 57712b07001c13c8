package xep

import (
	"bytes"
	"encoding/xml"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
)

//go:generate go test . -run TestDOAPIsGenerated -update

var update = flag.Bool("update", false, "write doap.xml")

func TestDOAPIsGenerated(t *testing.T) {
	const file = "../../doap.xml"
	got := DOAP()
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("doap.xml is not what the list says; run go generate ./component/xep (-file +list):\n%s", diff)
	}
}

func TestDOAPIsWellFormed(t *testing.T) {
	t.Parallel()
	for d := xml.NewDecoder(bytes.NewReader(DOAP())); ; {
		_, err := d.Token()
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// Somebody who looks for an extension finds it where it belongs, and nothing is accounted for twice.
func TestListIsOrderly(t *testing.T) {
	t.Parallel()
	features, last := map[string]int{}, 0
	for _, e := range List() {
		if e.Number <= last {
			t.Errorf("XEP-%04d does not come after XEP-%04d", e.Number, last)
		}
		last = e.Number
		if e.Version == "" || !slices.Contains([]Status{Complete, Partial, Wontfix}, e.Status) {
			t.Errorf("XEP-%04d has version %q and status %q", e.Number, e.Version, e.Status)
		}
		if len(e.Scenarios)+len(e.Tests) == 0 {
			t.Errorf("XEP-%04d has no scenario that shows it, and no test", e.Number)
		}
		for _, f := range e.Features {
			if other, ok := features[f]; ok {
				t.Errorf("XEP-%04d and XEP-%04d both account for %s", other, e.Number, f)
			}
			features[f] = e.Number
		}
	}
}

// The list and the scenarios agree: each extension has scenarios that name it, and what a scenario names is in the list.
func TestScenariosShowWhatIsListed(t *testing.T) {
	t.Parallel()
	named := scenarios(t)
	listed := map[int]bool{}
	for _, e := range List() {
		listed[e.Number] = true
		for _, s := range e.Scenarios {
			switch numbers, ok := named[s]; {
			case !ok:
				t.Errorf("XEP-%04d: there is no scenario %s", e.Number, s)
			case !slices.Contains(numbers, e.Number):
				t.Errorf("XEP-%04d: the comment of the scenario %s does not name it", e.Number, s)
			}
		}
	}
	for s, numbers := range named {
		for _, n := range numbers {
			if !listed[n] {
				t.Errorf("the scenario %s names XEP-%04d, which is not in the list", s, n)
			}
		}
	}
}

// The tests of the list are there, and name what they show.
func TestTestsShowWhatIsListed(t *testing.T) {
	t.Parallel()
	var files []string
	for _, dir := range []string{"..", "../../e2e"} {
		some, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, some...)
	}
	shown := map[string]string{}
	for _, file := range files {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?m)^func (Test\w+)\(`).FindAllSubmatch(src, -1) {
			shown[string(m[1])] = string(src)
		}
	}
	for _, e := range List() {
		for _, name := range e.Tests {
			if !strings.Contains(shown[name], fmt.Sprintf("XEP-%04d", e.Number)) {
				t.Errorf("XEP-%04d: there is no test %s that names it", e.Number, name)
			}
		}
	}
}

// scenarios are those of e2e with the extensions that their comments name.
func scenarios(t *testing.T) map[string][]int {
	t.Helper()
	var files []string
	for _, dir := range []string{"history", "modern", "scenarios", "tags"} {
		some, err := filepath.Glob("../../e2e/" + dir + "/*.txtar")
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, some...)
	}
	if len(files) == 0 {
		t.Fatal("there are no scenarios: the test sees nothing")
	}
	name := regexp.MustCompile(`XEP-(\d{4})`)
	named := map[string][]int{}
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		numbers := []int{}
		for _, m := range name.FindAllSubmatch(archive.Comment, -1) {
			n, err := strconv.Atoi(string(m[1]))
			if err != nil {
				t.Fatal(err)
			}
			numbers = append(numbers, n)
		}
		named[strings.TrimSuffix(filepath.Base(file), ".txtar")] = numbers
	}
	return named
}
