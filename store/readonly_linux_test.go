package store

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
)

// nobody is a user id that owns nothing.
const nobody = 65534

// TestReadOnly opens databases that this user may not write.
func TestReadOnly(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		exists bool
		want   string
	}{
		{"a new database", false, "permission denied"},
		{"an old database", true, "readonly database"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			opts := testOptions(t)
			dir := filepath.Dir(opts.Path)
			if c.exists {
				if err := openTest(t, opts).Close(); err != nil {
					t.Fatal(err)
				}
				chmod(t, opts.Path, 0o444)
			}
			chmod(t, filepath.Dir(dir), 0o755)
			chmod(t, dir, 0o555)
			t.Cleanup(func() { chmod(t, dir, 0o755) })
			// As root one may write everywhere, so there the opening thread becomes somebody else for its file accesses. It has
			// a goroutine of its own, and because it stays locked it ends with it.
			refused := make(chan error, 1)
			go func() {
				defer close(refused)
				if os.Geteuid() == 0 {
					runtime.LockOSThread()
					if err := syscall.Setfsuid(nobody); err != nil {
						t.Error(err)
						return
					}
				}
				refused <- wantOpenError(t, opts, c.want)
			}()
			if err := <-refused; !c.exists && !errors.Is(err, fs.ErrPermission) {
				t.Errorf("got the error %v, want %v", err, fs.ErrPermission)
			}
		})
	}
}

func chmod(t *testing.T, path string, mode fs.FileMode) {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}
