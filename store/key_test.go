package store

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

var (
	testKeyHex    = hex.EncodeToString(testKey(0xfb))
	testKeyBase64 = base64.StdEncoding.EncodeToString(testKey(0xfb))
)

func TestLoadKey(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, text string
		mode       fs.FileMode
		want       string // in the error; empty where it must succeed
	}{
		{"hex", testKeyHex, 0o600, ""},
		{"hex in capitals with a newline", strings.ToUpper(testKeyHex) + "\n", 0o600, ""},
		{"base64", testKeyBase64, 0o400, ""},
		{"base64 with a newline", testKeyBase64 + "\r\n", 0o600, ""},
		{"readable by its group", testKeyHex, 0o640, "chmod 600 "},
		{"readable by others", testKeyHex, 0o604, "chmod 600 "},
		{"writable by its group", testKeyHex, 0o620, "chmod 600 "},
		{"empty", "", 0o600, "no key"},
		{"cut short", testKeyHex[:63], 0o600, "no key"},
		{"no hex", "x" + testKeyHex[1:], 0o600, "no key"},
		{"no base64", "!" + testKeyBase64[1:], 0o600, "no key"},
		{"base64 with a broken line", testKeyBase64[:20] + "\n" + testKeyBase64[21:], 0o600, "no key"},
		{"raw bytes", string(testKey(0xfb)), 0o600, "no key"},
		{"huge", strings.Repeat("\n", maxKeyFile) + testKeyHex, 0o600, "no key"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "key")
			if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, c.mode); err != nil { // the umask does not matter here
				t.Fatal(err)
			}
			got, err := LoadKey(path)
			if c.want == "" {
				if err != nil || !bytes.Equal(got, testKey(0xfb)) {
					t.Errorf("got %x, %v, want %x", got, err, testKey(0xfb))
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("got %x and the error %v, want one with %q and the path", got, err, c.want)
			}
			if err != nil && len(c.text) > 8 && strings.Contains(err.Error(), c.text[8:16]) {
				t.Errorf("the error %q quotes the key", err)
			}
		})
	}
}

func TestLoadKeyNoFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		filepath.Join(dir, "missing"): "no such file",
		dir:                           "not a file",
		pipe:                          "not a file",
	} {
		if _, err := LoadKey(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got the error %v, want %q", path, err, want)
		}
	}
}

func TestCreateKey(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "key")
	made, err := CreateKey(path)
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := LoadKey(path)
	if err != nil || !bytes.Equal(made, loaded) {
		t.Errorf("the key that was made and the one that was loaded differ: %v", err)
	}
	if _, err := CreateKey(path); !errors.Is(err, fs.ErrExist) {
		t.Errorf("making it again: got the error %v, want %v", err, fs.ErrExist)
	}
	if again, err := LoadKey(path); err != nil || !bytes.Equal(made, again) {
		t.Errorf("making it again changed the key: %v", err)
	}
	other, err := CreateKey(path + "2")
	if err != nil || bytes.Equal(made, other) {
		t.Errorf("two keys are the same: %v", err)
	}
	if _, err := CreateKey(filepath.Join(path, "x")); err == nil {
		t.Error("a key was made below a file")
	}
}

// FuzzParseKey: what is taken for a key has its length and can be written and read again.
func FuzzParseKey(f *testing.F) {
	for _, s := range []string{"", testKeyHex, testKeyBase64, " " + testKeyHex + "\n", testKeyBase64[:43], testKeyBase64[:40] + "\r\n=="} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		key, err := parseKey(text)
		if err != nil {
			return
		}
		again, err := parseKey([]byte(hex.EncodeToString(key)))
		if len(key) != KeySize || err != nil || !bytes.Equal(key, again) {
			t.Errorf("%q gave the key %x and then %x, %v", text, key, again, err)
		}
	})
}
