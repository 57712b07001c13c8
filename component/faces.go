package component

import (
	"context"
	"sync"

	"passerelle/transports"
)

// Pictures of contacts of a transport that is Social are in its database. Those that were shown last are kept ready; whoever has none has a pattern.

// maxFaceBytes and maxFaces bound what is kept of them.
const (
	maxFaceBytes = 8 << 20
	maxFaces     = 20_000
)

// faces are the pictures that were read. Safe to use from any goroutine.
type faces struct {
	mu    sync.Mutex
	m     map[transports.Target]*avatar
	bytes int
	news  int // how often one was changed
}

// known is the picture of a contact, nil where it was not read yet.
func (f *faces) known(t transports.Target) *avatar {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.m[t]
}

// forget has a picture read anew.
func (f *faces) forget(t transports.Target) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.m, t) // its bytes stay counted until all are forgotten
	f.news++
}

// keep notes a picture, unless one has changed since it was read.
func (f *faces) keep(t transports.Target, a *avatar, size, news int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if news != f.news {
		return
	}
	if f.m == nil || len(f.m) >= maxFaces || f.bytes+size > maxFaceBytes {
		f.m, f.bytes = make(map[transports.Target]*avatar), 0
	}
	f.m[t] = a
	f.bytes += size
}

// face reads the picture of a contact, where it is not known.
func (g *Gateway) face(ctx context.Context, t transports.Target) *avatar {
	if a := g.faces.known(t); a != nil {
		return a
	}
	g.faces.mu.Lock()
	news := g.faces.news
	g.faces.mu.Unlock()
	var data []byte
	err := error(nil)
	func() {
		defer g.mendPanic(&err)
		data, err = g.social.Picture(ctx, t)
	}()
	if err != nil {
		g.log.Debug("the picture of a contact cannot be read", "error", err)
		return g.icons.of(t)
	}
	a := g.icons.of(t)
	size := 0
	if i, err := readImage(data); err == nil {
		a, size = newAvatar(i), len(data)
	}
	g.faces.keep(t, a, size, news)
	return a
}

// looking waits for the picture of a contact.
type looking struct {
	of   transports.Target
	then func()
}

// look calls then on the user's goroutine once the picture of a contact is known, or cannot be had.
func (u *user) look(e entity, then func()) {
	if u.g.social == nil || e.kind != entityContact || u.g.faces.known(e.target) != nil || len(u.publishers().looks) >= maxCards {
		then()
		return
	}
	a := u.publishers()
	a.looks = append(a.looks, looking{e.target, then})
	u.readFaces(a)
}

// readFaces reads the pictures that are waited for, all together.
func (u *user) readFaces(a *asksOf) {
	if a.looking || len(a.looks) == 0 {
		return
	}
	a.looking = true
	wanted := a.looks
	a.looks = nil
	u.background(func(ctx context.Context) func() {
		for _, w := range wanted {
			u.g.face(ctx, w.of)
		}
		return func() {
			a.looking = false
			for _, w := range wanted {
				w.then()
			}
			u.readFaces(a)
		}
	})
}
