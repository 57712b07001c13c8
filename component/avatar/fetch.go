package avatar

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"time"

	"passerelle/internal/safehttp"
)

// Pictures of people and rooms are wherever they say. The gateway fetches each once for all its users, and shows it as its own, so that nobody's
// client goes to places that strangers name. No more than so many are kept; who is not shown for longest makes room.

// Bounds of what is fetched.
const (
	maxPictures     = 500 // URLs of which something is known
	maxPictureBytes = 8 << 20
	maxFetches      = 8    // at a time
	maxAtOnce       = 2    // of them for one user: a stranger's server may take all the time that there is
	maxToFetch      = 512  // more are not fetched
	maxToFetchOf    = 128  // of them for one user
	maxFetchesOf    = 1000 // for him in fetchesTime, so that no network has us ask somebody's server without end
	maxWatchers     = 1000 // who wait for the same one
	pictureTime     = 20 * time.Second
	pictureAgain    = time.Hour // after one that could not be had
	fetchesTime     = time.Hour
)

// Fetcher has the pictures that were fetched. Its methods are safe to call from any goroutine.
type Fetcher struct {
	client *safehttp.Client
	log    *slog.Logger
	life   context.Context // ends with the gateway
	stop   context.CancelFunc
	work   sync.WaitGroup
	turns  chan struct{} // a token for each fetch that runs

	mu    sync.Mutex
	byURL map[string]*picture
	size  int // bytes of all
}

// picture is what is known of one URL.
type picture struct {
	avatar   *Avatar // nil where there is none, or none yet
	size     int
	used     time.Time
	fetching bool
	again    time.Time // not before that, where it could not be had
	waiting  []func()
	by       *Viewer // for whom it is being fetched
}

// Viewer is a user for whom pictures are fetched: what he has of that is his. The zero Viewer is ready for use; a Fetcher guards it.
type Viewer struct {
	turns    chan struct{} // a token for each fetch that runs; nil before the first
	fetching int
	fetched  int // since then
	since    time.Time
}

// take counts one more that is fetched for him, and reports whether that is not too much.
func (v *Viewer) take(now time.Time) bool {
	if now.Sub(v.since) > fetchesTime {
		v.fetched, v.since = 0, now
	}
	if v.fetching >= maxToFetchOf || v.fetched >= maxFetchesOf {
		return false
	}
	if v.turns == nil {
		v.turns = make(chan struct{}, maxAtOnce)
	}
	v.fetching++
	v.fetched++
	return true
}

// NewFetcher makes one. Close ends it.
func NewFetcher(o safehttp.Options, log *slog.Logger) *Fetcher {
	life, stop := context.WithCancel(context.Background())
	return &Fetcher{
		client: safehttp.New(o), log: log, life: life, stop: stop, turns: make(chan struct{}, maxFetches), byURL: make(map[string]*picture),
	}
}

// Close ends what is being fetched, and waits for that.
func (f *Fetcher) Close() {
	f.stop()
	f.work.Wait()
	f.client.Close()
}

// Get is the picture at a URL, nil where it is not there.
func (f *Fetcher) Get(url string) *Avatar {
	f.mu.Lock()
	defer f.mu.Unlock()
	known := f.byURL[url]
	if known == nil || url == "" {
		return nil
	}
	known.used = time.Now()
	return known.avatar
}

// Want has a picture fetched for somebody, unless it is there, and calls done on a goroutine of its own once it is. Where it cannot be had nothing
// is called.
func (f *Fetcher) Want(url string, by *Viewer, done func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	known := f.byURL[url]
	switch {
	case known != nil && known.avatar != nil:
		known.used = now
		return
	case known != nil && known.fetching:
		if len(known.waiting) < maxWatchers {
			known.waiting = append(known.waiting, done)
		}
		return
	case known != nil && now.Before(known.again), f.life.Err() != nil, f.toFetch() >= maxToFetch, !by.take(now):
		return
	case known == nil:
		known = &picture{}
		f.byURL[url] = known
	}
	known.fetching, known.used, known.waiting, known.by = true, now, []func(){done}, by
	f.makeRoom()
	f.work.Go(func() { f.fetch(url, by.turns, known) })
}

func (f *Fetcher) toFetch() int {
	n := 0
	for _, known := range f.byURL {
		if known.fetching {
			n++
		}
	}
	return n
}

// makeRoom forgets those that were not asked for for longest, until the bounds are kept.
func (f *Fetcher) makeRoom() {
	for len(f.byURL) > maxPictures || f.size > maxPictureBytes {
		oldest := ""
		for url, known := range f.byURL {
			if !known.fetching && (oldest == "" || known.used.Before(f.byURL[oldest].used)) {
				oldest = url
			}
		}
		if oldest == "" {
			return
		}
		f.size -= f.byURL[oldest].size
		delete(f.byURL, oldest)
	}
}

// fetch gets a picture and tells those who wait.
func (f *Fetcher) fetch(url string, turns chan struct{}, known *picture) {
	i, err := f.load(url, turns)
	var a *Avatar
	if err == nil {
		a = New(i)
	} else {
		f.log.Debug("a picture could not be fetched", "error", err)
	}
	f.mu.Lock()
	waiting := known.waiting
	known.by.fetching--
	known.fetching, known.waiting, known.avatar, known.by = false, nil, a, nil
	if a == nil {
		known.again = time.Now().Add(pictureAgain)
	} else {
		known.size = len(i.Data)
		f.size += known.size
		f.makeRoom()
	}
	f.mu.Unlock()
	if a == nil {
		return
	}
	for _, done := range waiting {
		done()
	}
}

// load fetches a picture and checks that clients can show it.
func (f *Fetcher) load(url string, own chan struct{}) (Image, error) {
	for _, turns := range []chan struct{}{own, f.turns} {
		select {
		case turns <- struct{}{}:
			defer func() { <-turns }()
		case <-f.life.Done():
			return Image{}, context.Cause(f.life)
		}
	}
	ctx, cancel := context.WithTimeout(f.life, pictureTime)
	defer cancel()
	content, err := f.client.Fetch(ctx, url, safehttp.Limit{
		Bytes: maxBytes, Time: pictureTime, Types: types[:],
	})
	if err != nil {
		return Image{}, err
	}
	data, err := io.ReadAll(content)
	if err = errors.Join(err, content.Close()); err != nil {
		return Image{}, err
	}
	return Read(data)
}
