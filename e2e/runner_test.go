package e2e

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

// parallel is how many tests run at a time: most of what they do is wait for servers.
const parallel = "6"

func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", parallel); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

// TestScenarios runs each scenario in each cell, with -short only with servers in this process. Each has servers of its own, as
// scenarios kill them.
func TestScenarios(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("scenarios/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatal("there are no scenarios")
	}
	program := build(t)
	for _, c := range cells() {
		t.Run(c.name, func(t *testing.T) {
			for _, file := range files {
				t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
					t.Parallel()
					runScenario(t, readScenario(t, file), program, c.start(t))
				})
			}
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
