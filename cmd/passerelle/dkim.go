package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"passerelle/config"
	"passerelle/mailbridge/sign"
	"passerelle/store"
)

// dkimFile is where the keys are that the mail of a gateway is signed with.
func dkimFile(cfg *config.Config, c *config.Mail) string {
	return filepath.Join(filepath.Dir(cfg.Store.Path), "dkim-"+c.Domain+".pem")
}

// readDKIM reads the keys of a mail gateway, which are sealed with the key of the database. Plain says that they are not, as an operator may have put
// them there, or an older version.
func readDKIM(cfg *config.Config, c *config.Mail, key []byte) (keys sign.Keys, plain bool, err error) {
	path := dkimFile(cfg, c)
	text, err := os.ReadFile(path)
	if err != nil {
		return keys, false, fmt.Errorf("read the keys for signing mail: %w", err)
	}
	text, sealed, err := store.OpenFile(key, filepath.Base(path), text)
	if err == nil {
		keys, err = sign.Decode(text)
	}
	if err != nil {
		return keys, false, fmt.Errorf("read the keys for signing mail %s: %w", path, err)
	}
	return keys, !sealed, nil
}

// dkimKeys reads the keys of a mail gateway, and makes them where there are none yet.
func dkimKeys(cfg *config.Config, c *config.Mail, key []byte, log *slog.Logger) (keys sign.Keys, err error) {
	path := dkimFile(cfg, c)
	keys, plain, err := readDKIM(cfg, c, key)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if keys, err = sign.Generate(); err != nil {
			return keys, err
		}
		if err := keepDKIM(path, key, keys); err != nil {
			return keys, err
		}
		log.Info("made the keys that mail is signed with; “passerelle mail dns” prints what to publish of them", "file", path)
	case err == nil && plain:
		if err := keepDKIM(path, key, keys); err != nil {
			return keys, err
		}
		log.Info("sealed the keys that mail is signed with: they open with the key of the database alone", "file", path)
	}
	return keys, err
}

// keepDKIM writes keys into their file, sealed: either what was there is there, or they are. What was there is overwritten.
func keepDKIM(path string, key []byte, keys sign.Keys) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("keep the keys for signing mail: %w", err)
		}
	}()
	text, err := keys.Encode()
	if err == nil {
		text, err = store.SealFile(key, filepath.Base(path), text)
	}
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // of mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	old, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(err, os.Remove(f.Name()))
	}
	if err = os.Rename(f.Name(), path); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	if old == nil {
		return nil
	}
	defer old.Close()
	info, err := old.Stat()
	if err == nil {
		_, err = old.WriteAt(make([]byte, info.Size()), 0)
	}
	if err == nil {
		err = old.Sync()
	}
	return err
}
