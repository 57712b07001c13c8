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
)

// dkimFile is where the keys are that the mail of a gateway is signed with.
func dkimFile(cfg *config.Config, c *config.Mail) string {
	return filepath.Join(filepath.Dir(cfg.Store.Path), "dkim-"+c.Domain+".pem")
}

// dkimKeys reads the keys of a mail gateway, and makes them where there are none yet.
func dkimKeys(cfg *config.Config, c *config.Mail, log *slog.Logger) (keys sign.Keys, err error) {
	path := dkimFile(cfg, c)
	text, err := os.ReadFile(path)
	if err == nil {
		if keys, err = sign.Decode(text); err != nil {
			return keys, fmt.Errorf("read the keys for signing mail %s: %w", path, err)
		}
		return keys, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return keys, fmt.Errorf("read the keys for signing mail: %w", err)
	}
	if keys, err = sign.Generate(); err != nil {
		return keys, err
	}
	if text, err = keys.Encode(); err != nil {
		return keys, err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return keys, fmt.Errorf("keep the keys for signing mail: %w", err)
	}
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return keys, fmt.Errorf("keep the keys for signing mail: %w", errors.Join(err, os.Remove(path))) // half of them would be in the way
	}
	log.Info("made the keys that mail is signed with; “passerelle mail dns” prints what to publish of them", "file", path)
	return keys, nil
}
