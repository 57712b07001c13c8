package realtest_test

import (
	"io"
	"os"
	"os/exec"
	"testing"
)

// self is this test program, run again for one of its tests.
type self struct {
	pid int
	out io.Reader
}

// selfCommand runs the test with REALTEST_CHILD=1. It ends at the end of the test at the latest.
func selfCommand(t *testing.T, test string) self {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program, "-test.run=^"+test+"$", "-test.v")
	// What it leaves behind when it is killed is in a folder of ours. Not t.TempDir, which other users may not look into.
	dir, err := os.MkdirTemp("", "realtest-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) }) // what is left of a server may still write
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd.Env = append(os.Environ(), "REALTEST_CHILD=1", "TMPDIR="+dir)
	in, err := cmd.StdinPipe() // stays open, so that the child waits
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait() // it was killed
	})
	return self{pid: cmd.Process.Pid, out: out}
}
