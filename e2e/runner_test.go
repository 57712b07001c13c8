package e2e

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

// How many tests run at a time: most of what they do is wait, with servers in the process even more so.
const (
	parallel      = "6"
	parallelShort = "16"
)

func TestMain(m *testing.M) {
	flag.Parse()
	most := parallel
	if testing.Short() {
		most = parallelShort
	}
	if err := flag.Set("test.parallel", most); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(buildDir())
		os.Exit(code)
	}))
}

// TestScenarios runs each scenario in the cells that take it, with -short only with servers in this process. Each has servers of its own, as
// scenarios kill them.
func TestScenarios(t *testing.T) {
	t.Parallel()
	program := build(t)
	for _, c := range cells() {
		t.Run(c.name, func(t *testing.T) {
			runScenarios(t, "scenarios/*.txtar", program, c.takes, func(t *testing.T, _ string) *servers { return c.start(t) })
		})
	}
}

// all takes every scenario.
func all(string) bool { return true }

// runScenarios runs each scenario of some files that is taken, by its name, with servers of its own.
func runScenarios(t *testing.T, pattern, program string, takes func(scenario string) bool, start func(t *testing.T, name string) *servers) {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatal("there are no scenarios")
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txtar")
		if !takes(name) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			steps := readScenario(t, file)
			runScenario(t, steps, program, start(t, name))
		})
	}
}

func readScenario(t *testing.T, file string) []step {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	steps, err := parseScenario(data)
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return steps
}
