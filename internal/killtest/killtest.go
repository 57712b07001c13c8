// Package killtest is for tests that kill a program in the middle of its work, as nothing else shows what survives that. The program is a copy of the
// test's own, which does something else. It is not in charge of what that is.
package killtest

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"testing"
)

// env has a copy do something: its value is what, and with which arguments, as JSON.
const env = "PASSERELLE_TEST_CHILD"

// Main runs the tests of a package with run or, in a copy, the child that is asked for, which prints what a test is to know and never returns but with
// an error. It is called by TestMain.
func Main(run func(), children map[string]func(args []string) error) {
	asked := os.Getenv(env)
	if asked == "" {
		run()
		return
	}
	var words []string
	err := json.Unmarshal([]byte(asked), &words)
	if err == nil {
		err = children[words[0]](words[1:])
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// Child is a copy of the program at work.
type Child struct {
	t     testing.TB
	cmd   *exec.Cmd
	lines *bufio.Scanner
}

// Start starts a copy that does something. It ends with the test at the latest.
func Start(t testing.TB, what string, args ...string) *Child {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	asked, err := json.Marshal(append([]string{what}, args...))
	if err != nil {
		t.Fatal(err)
	}
	c := &Child{t: t, cmd: exec.CommandContext(t.Context(), program)}
	c.cmd.Env = append(os.Environ(), env+"="+string(asked))
	c.cmd.Stderr = t.Output()
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.lines = bufio.NewScanner(out)
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return c
}

// Until reads what the child prints up to a line. The test fails where it does not come.
func (c *Child) Until(line string) {
	c.t.Helper()
	for c.lines.Scan() {
		if c.lines.Text() == line {
			return
		}
	}
	c.t.Fatalf("the child did not say %q", line)
}

// Kill kills the child and returns what it had printed that was not read yet. It fails where the child has ended by itself.
func (c *Child) Kill() (left []string) {
	c.t.Helper()
	if err := c.cmd.Process.Kill(); err != nil {
		c.t.Error(err)
	}
	for c.lines.Scan() {
		left = append(left, c.lines.Text())
	}
	if err := c.cmd.Wait(); err == nil || c.cmd.ProcessState.Exited() {
		c.t.Fatalf("the child ended by itself: %v", err)
	}
	return left
}

// After runs a child until it has printed so many lines, kills it, and returns all that it has printed. A line is printed with one write(2), which a
// pipe takes whole or not at all.
func After(t testing.TB, enough int, what string, args ...string) []string {
	t.Helper()
	c := Start(t, what, args...)
	said := make([]string, 0, enough)
	for len(said) < enough && c.lines.Scan() {
		said = append(said, c.lines.Text())
	}
	if len(said) < enough {
		t.Fatalf("the child ended by itself after %d lines: %v", len(said), c.cmd.Wait())
	}
	return append(said, c.Kill()...)
}
