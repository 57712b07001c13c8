package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/mattn/go-isatty"

	"passerelle/internal/export"
	"passerelle/internal/operator"
)

// export writes everything that is kept of a user into a file, whole or not at all.
func (o *operation) export(ctx context.Context, name string) int {
	if name == "-" {
		if f, ok := o.env.stdout.(*os.File); ok && isatty.IsTerminal(f.Fd()) {
			return usageError(o.env, o.command, errors.New("a ZIP file is nothing for a terminal"))
		}
		return o.exportTo(ctx, o.env.stdout)
	}
	if name == "" {
		name = export.FileName(o.request.User, time.Now())
	}
	if _, err := os.Lstat(name); err == nil {
		return o.failed(fmt.Errorf("%s is there already: name another file with -o", name))
	}
	f, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*.part") // only its owner may read it
	if err != nil {
		return o.failed(err)
	}
	code := o.exportTo(ctx, f)
	if code == exitOK {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil && code == exitOK {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		code = o.failed(fmt.Errorf("write %s: %w", name, err))
	}
	if code != exitOK {
		if err := os.Remove(f.Name()); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return o.failed(err)
		}
		return code
	}
	printf(o.env.stdout, "%s\n", printable(name))
	return exitOK
}

// exportTo has the process write the file to w.
func (o *operation) exportTo(ctx context.Context, w io.Writer) int {
	c, code, done := o.client()
	if done {
		return code
	}
	defer c.Close()
	bar, shown := o.env.progress(), int64(0)
	progress := func(done, all int64) {
		if bar != nil && all > 0 {
			bar(min(done, all-1), all) // the end is when the file is whole
			shown = all
		}
	}
	err := c.Export(ctx, o.request, w, progress)
	switch {
	case shown > 0 && err == nil:
		bar(shown, shown)
	case shown > 0:
		printf(o.env.stderr, "\n")
	}
	if refused, ok := errors.AsType[*operator.Error](err); ok {
		return o.refused(refused)
	}
	if err != nil {
		return o.failed(err)
	}
	return exitOK
}
