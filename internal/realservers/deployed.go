package realservers

import (
	"errors"
	"os"
	"path/filepath"
)

// deployed is the folder deploy of the repository, with the modules of ours for servers.
func deployed() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(dir, "deploy"), nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", errors.New("the modules of ours are in the repository, and this runs elsewhere")
		}
		dir = up
	}
}
