package files

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	"passerelle/internal/killtest"
	"passerelle/transports"
)

const (
	childKeepers = 4
	childAnswers = 100 // links after which the child is killed
	childSize    = 20_000
)

func plenty(o *Options) { o.MaxSize, o.UserQuota, o.Quota = 1<<40, 1<<40, 1<<40 }

// keepUntilKilled is the child: it keeps files and prints each link once it has it.
func keepUntilKilled(args []string) error {
	k, _, err := openIn(context.Background(), args[0], plenty)
	if err != nil {
		return err
	}
	failed := make(chan error, childKeepers)
	for range childKeepers {
		go func() {
			for {
				link, err := k.Keep(context.Background(), alice, transports.File{Name: "a.txt", Size: childSize}, bytes.NewReader(make([]byte, childSize)))
				if err == nil {
					_, err = fmt.Println(link) // one write(2), which a pipe takes whole or not at all
				}
				if err != nil {
					failed <- err
					return
				}
			}
		}()
	}
	return <-failed
}

// TestKill kills a process in the middle of its work. Every link that it gave is good, and nothing else is left on the disk.
func TestKill(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	links := killtest.After(t, childAnswers, "keep", dir)
	k, db, err := openIn(t.Context(), dir, plenty)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, link := range links {
		if w := get(k, "GET", strings.TrimPrefix(link, k.opt.URL)); w.Code != 200 || w.Body.Len() != childSize {
			t.Errorf("%s: %d with %d bytes", link, w.Code, w.Body.Len())
		}
	}
	// A file whose link was not printed any more may be there, whole and with its row.
	if n := int64(len(stored(t, k))); n*childSize != k.used || n < childAnswers || n > int64(len(links)+childKeepers) {
		t.Errorf("%d files are on the disk and rows of %d bytes, after %d links", n, k.used, len(links))
	}
}
