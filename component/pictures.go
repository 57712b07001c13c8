package component

import (
	"bytes"
	"context"
	"errors"
	"image"
	_ "image/gif"  // formats of pictures
	_ "image/jpeg" // so are these
	_ "image/png"
	"io"
	"log/slog"
	"sync"
	"time"

	_ "golang.org/x/image/webp"

	"passerelle/internal/safehttp"
)

// Pictures of people and rooms are wherever they say. The gateway fetches each once for all its users, and shows it as its own, so that nobody's
// client goes to places that strangers name. No more than so many are kept; who is not shown for longest makes room.

// Bounds of pictures.
const (
	maxPictures     = 500 // URLs of which something is known
	maxPictureBytes = 8 << 20
	maxPicture      = 96 << 10 // bytes of one
	maxPictureSide  = 1024     // pixels
	maxFetches      = 4        // at a time
	maxToFetch      = 64       // more are not fetched; whoever is seen next tries again
	maxWatchers     = 1000     // who wait for the same one
	pictureTime     = 20 * time.Second
	pictureAgain    = time.Hour // after one that could not be had
)

// pictures are those that were fetched. It is safe to use from any goroutine.
type pictures struct {
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
	avatar   *avatar // nil where there is none, or none yet
	size     int
	used     time.Time
	fetching bool
	again    time.Time // not before that, where it could not be had
	waiting  []func()
}

func newPictures(o safehttp.Options, log *slog.Logger) *pictures {
	life, stop := context.WithCancel(context.Background())
	return &pictures{
		client: safehttp.New(o), log: log, life: life, stop: stop, turns: make(chan struct{}, maxFetches), byURL: make(map[string]*picture),
	}
}

// close ends what is being fetched, and waits for that.
func (p *pictures) close() {
	p.stop()
	p.work.Wait()
	p.client.Close()
}

// get is the picture at a URL, nil where it is not there.
func (p *pictures) get(url string) *avatar {
	p.mu.Lock()
	defer p.mu.Unlock()
	known := p.byURL[url]
	if known == nil || url == "" {
		return nil
	}
	known.used = time.Now()
	return known.avatar
}

// want has a picture fetched, unless it is there, and calls done on a goroutine of its own once it is. Where it cannot be had nothing is called.
func (p *pictures) want(url string, done func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	known := p.byURL[url]
	switch {
	case known != nil && known.avatar != nil:
		known.used = now
		return
	case known != nil && known.fetching:
		if len(known.waiting) < maxWatchers {
			known.waiting = append(known.waiting, done)
		}
		return
	case known != nil && now.Before(known.again), p.life.Err() != nil, p.toFetch() >= maxToFetch:
		return
	case known == nil:
		known = &picture{}
		p.byURL[url] = known
	}
	known.fetching, known.used, known.waiting = true, now, []func(){done}
	p.makeRoom()
	p.work.Go(func() { p.fetch(url, known) })
}

func (p *pictures) toFetch() int {
	n := 0
	for _, known := range p.byURL {
		if known.fetching {
			n++
		}
	}
	return n
}

// makeRoom forgets those that were not asked for for longest, until the bounds are kept.
func (p *pictures) makeRoom() {
	for len(p.byURL) > maxPictures || p.size > maxPictureBytes {
		oldest := ""
		for url, known := range p.byURL {
			if !known.fetching && (oldest == "" || known.used.Before(p.byURL[oldest].used)) {
				oldest = url
			}
		}
		if oldest == "" {
			return
		}
		p.size -= p.byURL[oldest].size
		delete(p.byURL, oldest)
	}
}

// fetch gets a picture and tells those who wait.
func (p *pictures) fetch(url string, known *picture) {
	i, err := p.load(url)
	var a *avatar
	if err == nil {
		a = newAvatar(i)
	} else {
		p.log.Debug("a picture could not be fetched", "error", err)
	}
	p.mu.Lock()
	waiting := known.waiting
	known.fetching, known.waiting, known.avatar = false, nil, a
	if a == nil {
		known.again = time.Now().Add(pictureAgain)
	} else {
		known.size = len(i.Data)
		p.size += known.size
		p.makeRoom()
	}
	p.mu.Unlock()
	if a == nil {
		return
	}
	for _, done := range waiting {
		done()
	}
}

// load fetches a picture and checks that clients can show it.
func (p *pictures) load(url string) (Image, error) {
	ctx, cancel := context.WithTimeout(p.life, pictureTime)
	defer cancel()
	select {
	case p.turns <- struct{}{}:
		defer func() { <-p.turns }()
	case <-ctx.Done():
		return Image{}, context.Cause(ctx)
	}
	content, err := p.client.Fetch(ctx, url, safehttp.Limit{
		Bytes: maxPicture, Time: pictureTime, Types: []string{"image/png", "image/jpeg", "image/gif", "image/webp"},
	})
	if err != nil {
		return Image{}, err
	}
	data, err := io.ReadAll(content)
	if err = errors.Join(err, content.Close()); err != nil {
		return Image{}, err
	}
	return readImage(data)
}

// readImage checks that clients can show a picture.
func readImage(data []byte) (Image, error) {
	c, format, err := image.DecodeConfig(bytes.NewReader(data))
	if err != nil || len(data) > maxPicture || c.Width < 1 || c.Height < 1 || c.Width > maxPictureSide || c.Height > maxPictureSide {
		return Image{}, errors.Join(errors.New("it is no picture that clients can show"), err)
	}
	return Image{Data: data, Type: "image/" + format, Width: c.Width, Height: c.Height}, nil
}
