package component

import (
	"context"

	"passerelle/transports"
)

// Pictures of contacts of a transport that is Social are in its database. Those that were shown last are kept ready.

// readFace reads the picture of a contact, where it is not known.
func (g *Gateway) readFace(ctx context.Context, of transports.Target) {
	err := g.faces.Read(of, func() (data []byte, err error) {
		defer g.mendPanic(&err)
		return g.social.Picture(ctx, of)
	})
	if err != nil {
		g.log.Debug("the picture of a contact cannot be read", "error", err)
	}
}

// looking waits for the picture of a contact.
type looking struct {
	of   transports.Target
	then func()
}

// look calls then on the user's goroutine once the picture of a contact is known, or cannot be had.
func (u *user) look(e entity, then func()) {
	if u.g.social == nil || e.kind != entityContact || u.g.faces.Known(e.target) || len(u.publishers().looks) >= maxCards {
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
			u.g.readFace(ctx, w.of)
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
