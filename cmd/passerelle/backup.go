package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"passerelle/config"
	"passerelle/store"
)

func backupCommand() command {
	return command{
		name:  "backup",
		usage: "[-config FILE] DIR",
		short: "copy the data while passerelle runs",
		long: `
Copies what passerelle keeps, as it is at one moment, into DIR, which must not be
there yet: the database, and the keys that mail is signed with. Passerelle may run
meanwhile, or not. Run it as root, or as the user that passerelle runs as.

The key that credentials are sealed with (store.key_file) is not in DIR, so that who
finds the backup cannot read passwords: keep a copy of it elsewhere. Files that users
have uploaded to the gateway itself expire, and are not in it either. A database in
PostgreSQL is copied with pg_dump. Flags:

  -config FILE     the configuration (default /etc/passerelle/passerelle.toml)`,
		run: runBackup,
	}
}

func restoreCommand() command {
	return command{
		name:  "restore",
		usage: "[-config FILE] DIR",
		short: "put a backup back",
		long: `
Puts back what "backup" has copied into DIR, for the user that the directory of the
database belongs to. Passerelle must not run, its key must be in its place, and the
database must not be there: move it away, with the files whose names begin with its.

  systemctl stop passerelle
  mkdir /root/before && mv /var/lib/passerelle/passerelle.db* /root/before
  passerelle restore DIR
  systemctl start passerelle

A backup of an older passerelle is brought up to date at the start. Flags:

  -config FILE     the configuration (default /etc/passerelle/passerelle.toml)`,
		run: runRestore,
	}
}

// databaseCopy is the name of the database in a backup.
const databaseCopy = "passerelle.db"

// backup is what both commands know.
type backup struct {
	env    *environment
	config *config.Config
	dir    string // of the copy
}

// readBackup reads the command line. If done is true, the command ends with that exit code.
func readBackup(env *environment, c command, args []string) (b *backup, code int, done bool) {
	var path string
	rest, code, done := parseArgs(env, c, args, func(set *flag.FlagSet) { configFlag(&path)(set) })
	if done {
		return nil, code, true
	}
	if len(rest) != 1 {
		return nil, usageError(env, c, errors.New("one directory is needed")), true
	}
	cfg, code, done := loadUnserved(env, path)
	if done {
		return nil, code, true
	}
	if !cfg.Store.URL.IsZero() {
		printf(env.stderr, "passerelle %s: the database is in PostgreSQL: use pg_dump and pg_restore, and keep a copy of %s\n", c.name, cfg.Store.KeyFile)
		return nil, exitFailed, true
	}
	return &backup{env: env, config: cfg, dir: rest[0]}, exitOK, false
}

func runBackup(ctx context.Context, env *environment, args []string) int {
	b, code, done := readBackup(env, backupCommand(), args)
	if done {
		return code
	}
	if err := b.make(ctx); err != nil {
		printf(env.stderr, "passerelle backup: %v\n", err)
		return exitFailed
	}
	printf(env.stdout, "The backup is in %s. It is of no use without the key %s: keep a copy of that elsewhere.\n", b.dir, b.config.Store.KeyFile)
	return exitOK
}

// make copies everything, or leaves nothing behind.
func (b *backup) make(ctx context.Context) (err error) {
	if err := os.Mkdir(b.dir, 0o700); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(b.dir))
		}
	}()
	source := b.config.Store.Path
	// Whoever has the lock has the database open.
	unlock, locked := lock(source)
	if locked == nil {
		defer func() { err = errors.Join(err, unlock()) }()
	}
	if err := store.Backup(ctx, source, filepath.Join(b.dir, databaseCopy), locked != nil); err != nil {
		return err
	}
	for i := range b.config.Mail {
		from := dkimFile(b.config, &b.config.Mail[i])
		if err := copyFile(from, filepath.Join(b.dir, filepath.Base(from)), nil); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func runRestore(ctx context.Context, env *environment, args []string) int {
	b, code, done := readBackup(env, restoreCommand(), args)
	if done {
		return code
	}
	found, err := b.restore(ctx)
	if err != nil {
		printf(env.stderr, "passerelle restore: %v\n", err)
		return exitFailed
	}
	printf(env.stdout, "%s. Start passerelle.\n", found)
	return exitOK
}

// restore puts everything back, the database last.
func (b *backup) restore(ctx context.Context) (found string, err error) {
	target := b.config.Store.Path
	dir := filepath.Dir(target)
	owner, err := os.Stat(dir)
	if err != nil {
		return "", fmt.Errorf("%w: start passerelle once, so that its directory is there, and stop it", err)
	}
	key, err := store.LoadKey(b.config.Store.KeyFile)
	if err != nil {
		return "", fmt.Errorf("%w; put your copy of the key there, for the owner of %s", err, dir)
	}
	if _, err := store.Examine(ctx, store.Options{Path: filepath.Join(b.dir, databaseCopy), Key: key}, false); err != nil {
		return "", err
	}
	// An old log beside the database would be taken for its own, and what is noted as answered would not be sent again.
	for _, suffix := range []string{"", "-wal", "-shm", ".answered"} {
		if _, err := os.Lstat(target + suffix); !errors.Is(err, fs.ErrNotExist) {
			return "", errors.Join(err, fmt.Errorf("%s is there: stop passerelle, and move it away", target+suffix))
		}
	}
	unlock, err := lock(target)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	for i := range b.config.Mail {
		to := dkimFile(b.config, &b.config.Mail[i])
		if err := copyFile(filepath.Join(b.dir, filepath.Base(to)), to, owner); err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrExist) {
			return "", err
		}
	}
	if err := copyFile(filepath.Join(b.dir, databaseCopy), target, owner); err != nil {
		return "", err
	}
	return store.Examine(ctx, store.Options{Path: target, Key: key}, false)
}

// copyFile copies a file into a new one that only its owner can read, and waits for the disk. Owner is something that belongs to whom it shall
// belong; nil for who runs this.
func copyFile(from, to string, owner fs.FileInfo) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	if stat, ok := ownerOf(owner); ok && err == nil && os.Getuid() == 0 {
		err = out.Chown(int(stat.Uid), int(stat.Gid))
	}
	if err == nil {
		err = out.Sync()
	}
	if err = errors.Join(err, out.Close()); err != nil {
		return errors.Join(err, os.Remove(to))
	}
	return nil
}

func ownerOf(info fs.FileInfo) (*syscall.Stat_t, bool) {
	if info == nil {
		return nil, false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	return stat, ok
}
