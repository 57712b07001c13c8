package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// lock keeps a second process away from a database: two would write each other's rooms. The lock ends with the process, however it
// ends; the file stays.
func lock(database string) (release func() error, err error) {
	f, err := os.OpenFile(database+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the database: %w", err)
	}
	// Root's commands may be the first to make the file, and must not keep the user out that passerelle runs as.
	if dir, err := os.Stat(filepath.Dir(database)); err == nil && os.Getuid() == 0 {
		if owner, ok := ownerOf(dir); ok {
			if err := f.Chown(int(owner.Uid), int(owner.Gid)); err != nil {
				return nil, errors.Join(fmt.Errorf("lock the database: %w", err), f.Close())
			}
		}
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = fmt.Errorf("another passerelle is using the database %s: stop it, or give this one a [store] path of its own", database)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f.Close, nil
}
