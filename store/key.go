package store

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// maxKeyFile bounds what is read of a key file: a path that names something else by mistake should give an error, not fill the
// memory.
const maxKeyFile = 1024

// LoadKey reads a key from a file: 64 hexadecimal digits or 44 characters of base64, and white space around them. A file that
// others than its owner can read is refused.
func LoadKey(path string) ([]byte, error) {
	// O_NONBLOCK: opening a named pipe would wait for a writer.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("load the key: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("load the key: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("load the key: %s is not a file", path)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("load the key: others than its owner can use %s (mode %04o): run chmod 600 %s",
			path, info.Mode().Perm(), path)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxKeyFile+1))
	if err != nil {
		return nil, fmt.Errorf("load the key: %w", err)
	}
	key, err := parseKey(text)
	if err != nil {
		return nil, fmt.Errorf("load the key from %s: %w", path, err)
	}
	return key, nil
}

// errNotKey never quotes the file: it may hold most of a key.
var errNotKey = errors.New("it holds no key (64 hexadecimal digits, or 44 characters of base64)")

// parseKey reads the text of a key file. The two forms have different lengths and cannot be mistaken for each other.
func parseKey(text []byte) ([]byte, error) {
	if len(text) > maxKeyFile {
		return nil, errNotKey
	}
	s := strings.TrimSpace(string(text))
	var key []byte
	var err error
	switch len(s) {
	case hex.EncodedLen(KeySize):
		key, err = hex.DecodeString(s)
	case base64.StdEncoding.EncodedLen(KeySize):
		key, err = base64.StdEncoding.Strict().DecodeString(s)
	}
	// A line break inside base64 is skipped by the decoder and leaves the key short.
	if err != nil || len(key) != KeySize {
		return nil, errNotKey
	}
	return key, nil
}

// CreateKey makes a random key, writes it to a new file that only its owner can read, and returns it once the disk has it. It
// fails where the file exists: a key that is written over takes every sealed credential with it.
func CreateKey(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("create the key: %w", err)
	}
	key := make([]byte, KeySize)
	rand.Read(key) // never fails
	_, err = f.WriteString(hex.EncodeToString(key) + "\n")
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = syncDir(filepath.Dir(path))
	}
	if err != nil {
		// Half a key would be in the way of the next try.
		return nil, fmt.Errorf("create the key: %w", errors.Join(err, os.Remove(path)))
	}
	return key, nil
}

// syncDir makes the name of a new file durable.
func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
