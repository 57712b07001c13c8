package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestScenarios runs each scenario with servers in this process, and without -short with real ones.
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
	for _, kind := range []struct {
		name  string
		start func(testing.TB) *servers
	}{{"fake", fakeServers}, {"real", realServers}} {
		t.Run(kind.name, func(t *testing.T) {
			for _, file := range files {
				t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
					t.Parallel()
					data, err := os.ReadFile(file)
					if err != nil {
						t.Fatal(err)
					}
					steps, err := parseScenario(data)
					if err != nil {
						t.Fatalf("%s: %v", file, err)
					}
					runScenario(t, steps, program, kind.start(t))
				})
			}
		})
	}
}
