package main

import (
	"context"
	"flag"
	"io"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "write the expected output into the scripts")

// TestScripts runs testdata/script/*.txtar. "exits 78 ARGUMENTS…" runs a command line and wants that exit code; file names have
// to begin with $WORK, because all scripts run in this process at the same time.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       *update,
	})
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: exits CODE ARGUMENTS…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	var stdout, stderr strings.Builder
	got := run(context.Background(), &environment{stdin: strings.NewReader("no\n"), stdout: &stdout, stderr: &stderr, getenv: ts.Getenv}, args[1:])
	// The scripts show file names without the directory, which differs each time.
	relative := strings.NewReplacer(ts.Getenv("WORK")+"/", "")
	_, err = relative.WriteString(ts.Stdout(), stdout.String())
	ts.Check(err)
	_, err = relative.WriteString(ts.Stderr(), stderr.String())
	ts.Check(err)
	if got != want {
		ts.Fatalf("passerelle %s: exit code %d, want %d", strings.Join(args[1:], " "), got, want)
	}
}

// brokenPipe is an output that nobody reads.
type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestExampleNotWritten(t *testing.T) {
	t.Parallel()
	var stderr strings.Builder
	code := run(t.Context(), &environment{stdout: brokenPipe{}, stderr: &stderr}, []string{"config", "example"})
	if code != exitFailed || !strings.Contains(stderr.String(), io.ErrClosedPipe.Error()) {
		t.Errorf("exit code %d, %q", code, stderr.String())
	}
}

// Each command has what the help shows, and a name of its own.
func TestCommandTable(t *testing.T) {
	t.Parallel()
	seen := make(map[string]bool)
	for _, c := range commands() {
		if c.name == "" || c.short == "" || strings.TrimSpace(c.long) == "" || c.run == nil || seen[c.name] || c.name == "help" {
			t.Errorf("command %q is not complete or not the only one of its name", c.name)
		}
		seen[c.name] = true
	}
}
