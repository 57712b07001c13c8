// Package files is in charge of the files that the gateway shares itself: it keeps them in a directory under names that nobody can
// guess, serves them to whoever has their link, and removes them when their time is over.
//
// It is not in charge of files on the users' own servers (component uploads those, and comes here where it cannot), nor of the
// listener (internal/web).
//
// What is told to be kept is on the disk: the bytes first, the row in the database after them, and what a crash leaves of the one
// without the other is removed later. The disk and the database have a hash of the link's secret, so that a copy of them opens nothing.
package files

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"mime"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode"

	"passerelle/store"
	"passerelle/transports"
)

// Options are what a Keeper is made of.
type Options struct {
	Dir string // for the bytes; made where it is not there
	URL string // of the public listener, without a slash at its end
	Limits
	Store *store.DB
	Log   *slog.Logger
}

// Limits are how much is kept, and for how long. They may change while files are kept, see Reload.
type Limits struct {
	Keep      time.Duration
	MaxSize   int64 // of one file, in bytes, as the next two
	UserQuota int64
	Quota     int64 // of all users
}

// Keeper keeps files. Its methods are safe to call from any goroutine.
type Keeper struct {
	opt    Options // but for the limits
	limits atomic.Pointer[Limits]

	mu   sync.Mutex
	used int64 // bytes of all files, counting those that are being written; set right by each collection
}

// partial is what the names of files end with that are being written. Whole ones are named by 32 hexadecimal digits.
const partial = ".part"

// New opens the directory and removes what a crash left there. Nobody else may use the directory.
func New(ctx context.Context, o Options) (*Keeper, error) {
	k := &Keeper{opt: o}
	k.Reload(o.Limits)
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the directory of files: %w", err)
	}
	if err := k.collect(ctx, time.Now()); err != nil {
		return nil, err
	}
	return k, nil
}

// Reload replaces the limits. What is kept already is kept for as long as was said.
func (k *Keeper) Reload(l Limits) { k.limits.Store(&l) }

// maxName is how much of a file's name is kept, in bytes.
const maxName = 100

// Keep stores a file and returns its link, which is good until the file expires. Where it may not be kept, the error is a
// *transports.Error. r must give exactly f.Size bytes.
func (k *Keeper) Keep(ctx context.Context, owner store.UserID, f transports.File, r io.Reader) (link string, err error) {
	limits := k.limits.Load()
	switch {
	case f.Size > limits.MaxSize:
		return "", transports.NewError(transports.TooLarge, "The gateway keeps no files larger than "+transports.FormatSize(limits.MaxSize)+".", nil)
	case !k.reserve(f.Size):
		return "", transports.NewError(transports.Full, "The gateway has no space for more files. Try again tomorrow.", nil)
	}
	secret := rand.Text() // 130 bits
	row := store.File{
		UserID: owner, ID: fileID(secret), Name: cleanName(f.Name), Type: cleanType(f.Type), Size: f.Size,
		Expires: time.Now().Add(limits.Keep),
	}
	if err := k.write(row.ID, f.Size, r); err != nil {
		k.release(f.Size)
		return "", fmt.Errorf("keep a file: %w", err)
	}
	err = k.opt.Store.Write(ctx, func(tx *store.Tx) error { return tx.AddFile(row, limits.UserQuota) })
	if err != nil {
		if ctx.Err() == nil {
			err = errors.Join(err, os.Remove(k.file(row.ID)))
			k.release(f.Size)
		} // else the row may still come, and the next collection sees whether it did
		if errors.Is(err, store.ErrFileQuota) {
			return "", transports.NewError(transports.Full,
				"Your files on the gateway are as much as you may have ("+transports.FormatSize(limits.UserQuota)+"). The oldest of them expire first.", err)
		}
		return "", fmt.Errorf("keep a file: %w", err)
	}
	return k.opt.URL + "/files/" + secret + "/" + url.PathEscape(row.Name), nil
}

// Open opens a file that is kept. What has expired meanwhile is fs.ErrNotExist.
func (k *Keeper) Open(f store.File) (io.ReadCloser, error) { return os.Open(k.file(f.ID)) }

// reserve takes a part of what all may have, and reports whether it was there.
func (k *Keeper) reserve(size int64) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if size < 0 || k.used+size > k.limits.Load().Quota {
		return false
	}
	k.used += size
	return true
}

func (k *Keeper) release(size int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.used -= size
}

// fileID is the name of a file on the disk, from which its link cannot be told.
func fileID(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:16])
}

func (k *Keeper) file(id string) string { return filepath.Join(k.opt.Dir, id) }

// write puts the bytes on the disk, whole or not at all.
func (k *Keeper) write(id string, size int64, r io.Reader) (err error) {
	temporary := k.file(id + partial)
	f, err := os.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(temporary))
		}
	}()
	n, err := io.Copy(f, io.LimitReader(r, size+1))
	if err == nil && n != size {
		err = fmt.Errorf("it has another size than the %d bytes that were said", size)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(temporary, k.file(id)); err != nil {
		return err
	}
	return k.syncDir()
}

// syncDir makes the names in the directory durable.
func (k *Keeper) syncDir() error {
	d, err := os.Open(k.opt.Dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// cleanName makes a name that can stand in a link and in a header, on any system.
func cleanName(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || strings.ContainsRune(`/\:*?"<>|;%`, r) || r == unicode.ReplacementChar {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	extension := path.Ext(s)
	if len(extension) > 10 {
		extension = ""
	}
	stem := strings.TrimSuffix(s, extension)
	if rest := maxName - len(extension); len(stem) > rest {
		stem = strings.ToValidUTF8(stem[:rest], "")
	}
	if s = strings.Trim(stem+extension, " ."); s == "" {
		return "file"
	}
	return s
}

// cleanType is a media type without parameters, that of unknown bytes where it is none.
func cleanType(s string) string {
	t, _, err := mime.ParseMediaType(s)
	if err != nil || len(t) > 127 || strings.Count(t, "/") != 1 {
		return "application/octet-stream"
	}
	return t
}

// Times of collections.
const (
	collectEvery = time.Hour
	// orphanAge is how old bytes without a row must be to be removed while the process runs: their row may be on its way.
	orphanAge = time.Hour
)

// Run removes what has expired, now and then, until ctx ends.
func (k *Keeper) Run(ctx context.Context) error {
	tick := time.NewTicker(collectEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if err := k.collect(ctx, time.Now().Add(-orphanAge)); err != nil && ctx.Err() == nil {
			k.opt.Log.Error("expired files are not removed", "error", err)
		}
	}
}

// collect removes what has expired: the rows first, so that no link leads to half a file, and then all bytes from before a time that
// have no row, whatever it was that left them there.
func (k *Keeper) collect(ctx context.Context, orphansBefore time.Time) error {
	for {
		ids, err := k.opt.Store.ExpireFiles(ctx, time.Now())
		if err != nil {
			return err
		}
		if len(ids) == 0 {
			break
		}
		for _, id := range ids {
			if err := os.Remove(k.file(id)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("remove an expired file: %w", err)
			}
		}
	}
	if err := k.removeOrphans(ctx, orphansBefore); err != nil {
		return fmt.Errorf("remove files without an owner: %w", err)
	}
	// Users may have been removed with their files, and what is being written just now is missing: the sum is right to a file or two.
	used, err := k.opt.Store.FilesSize(ctx)
	if err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.used = used
	return nil
}

func (k *Keeper) removeOrphans(ctx context.Context, before time.Time) error {
	entries, err := os.ReadDir(k.opt.Dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		id, half := strings.CutSuffix(e.Name(), partial)
		if raw, err := hex.DecodeString(id); err != nil || len(raw) != 16 || !e.Type().IsRegular() {
			continue // not ours
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) || err == nil && info.ModTime().After(before) {
			continue
		}
		if err != nil {
			return err
		}
		if !half {
			if _, found, err := k.opt.Store.File(ctx, id); found || err != nil {
				if err != nil {
					return err
				}
				continue
			}
		}
		if err := os.Remove(filepath.Join(k.opt.Dir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
