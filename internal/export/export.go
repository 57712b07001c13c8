package export

import (
	"archive/zip"
	"bufio"
	"compress/flate"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"passerelle/store"
)

// Options say what is exported, and to whom.
type Options struct {
	Store *store.DB
	User  store.UserID
	Lang  string // that he reads
	Now   time.Time
	// Since is the time before which he wants to see nothing of a room, or of his own conversations where room is empty; zero for no limit.
	Since func(room string) time.Time
	// Open opens a file that is kept for him; nil where there are none.
	Open func(store.File) (io.ReadCloser, error)
	// Progress is told now and then how many messages were written; nil for nobody. Each is written twice, and counts as two halves.
	Progress func(messages int64)
}

// Size is how many messages an export has, about.
func Size(ctx context.Context, o Options) (int64, error) {
	n, _, err := o.Store.CountPart(ctx, o.User, store.Part{})
	return n, err
}

// bufferBytes is what is gathered of an entry before it is compressed.
const bufferBytes = 64 << 10

// archive is an export on its way.
type archive struct {
	Options
	ctx   context.Context
	zip   *zip.Writer
	names names
	lines int64 // written, of both forms
}

// Write writes everything that is kept about a user. It holds no more than a part of a conversation at a time. What it is for may end
// meanwhile, by ctx.
func Write(ctx context.Context, w io.Writer, o Options) error {
	a := &archive{Options: o, ctx: ctx, zip: zip.NewWriter(w), names: names{}}
	// The messages of years are a lot to squeeze; most of what can be saved is saved by the fastest way.
	a.zip.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.BestSpeed) })
	if err := a.write(); err != nil {
		return fmt.Errorf("export what is kept about a user: %w", err)
	}
	return nil
}

func (a *archive) write() error {
	account, err := a.Store.Account(a.ctx, a.User)
	if err != nil {
		return err
	}
	rooms, err := a.Store.RoomsOf(a.ctx, a.User)
	if err != nil {
		return err
	}
	files := make([]string, len(account.Files))
	for i, f := range account.Files {
		files[i] = a.names.unique("files/", f.Name)
	}
	if err := a.entry("README.txt", func(w *bufio.Writer) error { return a.readme(w, &account) }); err != nil {
		return err
	}
	if err := a.entry("account.json", func(w *bufio.Writer) error { return writeJSON(w, a.account(&account, files)) }); err != nil {
		return err
	}
	all := []conversation{}
	for _, room := range rooms {
		if all, err = a.conversation(all, room); err != nil {
			return err
		}
	}
	if all, err = a.conversation(all, ""); err != nil {
		return err
	}
	if err := a.entry("messages.json", func(w *bufio.Writer) error { return writeJSON(w, all) }); err != nil {
		return err
	}
	for i := range account.Files {
		if err := a.file(account.Files[i], files[i]); err != nil {
			return err
		}
	}
	if err := a.mail(); err != nil {
		return err
	}
	if err := a.redirect(&account); err != nil {
		return err
	}
	if err := a.social(); err != nil {
		return err
	}
	return a.zip.Close()
}

// entry writes one file of the archive.
func (a *archive) entry(name string, write func(*bufio.Writer) error) error {
	w, err := a.zip.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: a.Now})
	if err != nil {
		return err
	}
	buffer := bufio.NewWriterSize(w, bufferBytes)
	if err := write(buffer); err != nil {
		return err
	}
	return buffer.Flush()
}

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// file adds a file that is kept for the user. One that has expired meanwhile is not there.
func (a *archive) file(f store.File, name string) error {
	if a.Open == nil {
		return nil
	}
	r, err := a.Open(f)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	err = a.entry(name, func(w *bufio.Writer) error {
		_, err := io.Copy(w, r)
		return err
	})
	return errors.Join(err, r.Close())
}
