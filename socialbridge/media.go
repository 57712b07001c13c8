package socialbridge

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"passerelle/internal/safehttp"
	"passerelle/socialbridge/activity"
	"passerelle/socialbridge/pages"
	"passerelle/socialbridge/picture"
	"passerelle/store"
)

// Pictures beside posts are where their users' clients have put them. Pages show them as theirs, made anew: whoever looks at a page is not seen by
// anybody else, and gets no more of a photograph than can be seen of it.

// Bounds of pictures on pages.
const (
	pathMedia    = "/media/"
	mediaSide    = 1280     // pixels
	maxMedia     = 8 << 20  // bytes of one as it came
	maxShelf     = 32 << 20 // bytes of all that are remembered
	maxMediaWait = 8        // visitors who wait for one to be fetched; more are told to come back
	mediaAgain   = 10 * time.Minute
	mediaTime    = 20 * time.Second
)

// shelf are the pictures that were looked at last. The zero shelf is empty. Safe to use from any goroutine.
type shelf struct {
	mu      sync.Mutex
	byName  map[string]*shelved
	size    int
	waiting int
}

// shelved is one of them, or that it could not be had.
type shelved struct {
	image []byte
	typ   string
	used  time.Time
	until time.Time // when what could not be had is tried again; the zero Time of one that is here
}

// cost is what remembering something takes.
func (e *shelved) cost() int { return len(e.image) + 256 }

// take is a picture that is remembered; where none is, begin says that the caller may fetch it, and has to call done.
func (s *shelf) take(name string, now time.Time) (e *shelved, begin bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.byName[name]; e != nil && (e.until.IsZero() || now.Before(e.until)) {
		e.used = now
		return e, false
	}
	if s.waiting == maxMediaWait {
		return nil, false
	}
	s.waiting++
	return nil, true
}

// done remembers what was fetched; those that were not looked at for longest make room.
func (s *shelf) done(name string, e *shelved) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting--
	if e == nil {
		return
	}
	if s.byName == nil {
		s.byName = make(map[string]*shelved)
	}
	if was := s.byName[name]; was != nil {
		s.size -= was.cost()
	}
	s.byName[name] = e
	s.size += e.cost()
	for s.size > maxShelf {
		oldest := ""
		for n, o := range s.byName {
			if oldest == "" || o.used.Before(s.byName[oldest].used) {
				oldest = n
			}
		}
		s.size -= s.byName[oldest].cost()
		delete(s.byName, oldest)
	}
}

// isPicture reports whether something beside a post is a picture that pages show.
func isPicture(f *activity.File) bool {
	if f.Type != "" {
		return slices.Contains(pictureTypes(), f.Type)
	}
	name, _, _ := strings.Cut(f.URL, "?")
	return slices.Contains([]string{".png", ".jpg", ".jpeg", ".gif", ".webp"}, strings.ToLower(path.Ext(name)))
}

func pictureTypes() []string { return []string{"image/png", "image/jpeg", "image/gif", "image/webp"} }

// onPage has the pictures beside a post of ours be shown by the page itself.
func (s site) onPage(p *store.SocialPost, files []activity.File) []activity.File {
	name, ok := strings.CutPrefix(p.URI, s.t.base+pathNote)
	if !ok || p.RepeatOf != "" || s.t.opt.Pictures == nil {
		return files
	}
	files = slices.Clone(files)
	for i := range files {
		if f := &files[i]; isPicture(f) {
			f.URL, f.Type = s.t.base+pathMedia+name+"-"+strconv.Itoa(i), "image/*"
		}
	}
	return files
}

// Media implements pages.Source: a picture beside a post, by the name of that and its place.
func (s site) Media(ctx context.Context, file string) (*pages.File, error) {
	t := s.t
	name, place, _ := strings.Cut(file, "-")
	i, err := strconv.Atoi(place)
	if err != nil || strconv.Itoa(i) != place || t.opt.Pictures == nil {
		return nil, pages.ErrNotFound
	}
	a, _, err := t.Note(ctx, name) // what was taken back is not shown any more, remembered or not
	if err != nil {
		return nil, pageError(err)
	}
	if a.Verb != activity.Post || i < 0 || i >= len(a.Note.Files) || !isPicture(&a.Note.Files[i]) {
		return nil, pages.ErrNotFound
	}
	now := t.opt.Now()
	e, begin := t.media.take(file, now)
	switch {
	case begin:
		if e, err = t.fetchMedia(ctx, a.Note.Files[i].URL, now); ctx.Err() != nil { // the visitor has left; that says nothing of the picture
			t.media.done(file, nil)
			return nil, err
		}
		t.media.done(file, e)
		if err != nil {
			t.log.Debug("a picture beside a post is not shown", "error", err)
		}
	case e == nil:
		return nil, errors.New("too many pictures are fetched at the moment")
	}
	if e.image == nil {
		return nil, pages.ErrNotFound
	}
	return &pages.File{Type: e.typ, Content: inMemory{bytes.NewReader(e.image)}}, nil
}

// fetchMedia fetches a picture and makes it anew. What it returns is to be remembered, with an error too.
func (t *Transport) fetchMedia(ctx context.Context, url string, now time.Time) (*shelved, error) {
	failed := &shelved{used: now, until: now.Add(mediaAgain)}
	content, err := t.opt.Pictures.Fetch(ctx, url, safehttp.Limit{Bytes: maxMedia, Time: mediaTime, Types: pictureTypes()})
	if err != nil {
		return failed, fmt.Errorf("fetch a picture: %w", err)
	}
	raw, err := io.ReadAll(content)
	if err = errors.Join(err, content.Close()); err != nil {
		return failed, fmt.Errorf("fetch a picture: %w", err)
	}
	select { // one at a time: it takes a processor
	case t.drawing <- struct{}{}:
		defer func() { <-t.drawing }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	image, typ, err := picture.Fit(raw, mediaSide)
	if err != nil {
		return failed, err
	}
	return &shelved{image: image, typ: typ, used: now}, nil
}
