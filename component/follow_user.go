package component

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"time"

	"passerelle/store"
	"passerelle/transports"
)

// What a transport asks for its users, see transports.Follower.

// offerOrder are the ways, the best first.
var offerOrder = [...]transports.Way{transports.WayModule, transports.WayPush, transports.WayLogin, transports.WayAlias}

// errNoWay says that nothing is followed here.
var errNoWay = errors.New("the gateway follows nobody")

// Offers implements transports.Follower.
func (g *Gateway) Offers(ctx context.Context, user transports.Address, lang string) ([]transports.Offer, error) {
	if g.follow == nil {
		return nil, transports.NewError(transports.Unsupported, "", errNoWay)
	}
	ctx, cancel := context.WithTimeout(ctx, followWait)
	defer cancel()
	var offers []transports.Offer
	for _, w := range offerOrder {
		way := g.follow.ways[w]
		if way == nil {
			continue
		}
		o, err := way.offer(ctx, user.Bare(), lang)
		if err != nil {
			return nil, err
		}
		if o.Way != transports.WayNone {
			offers = append(offers, o)
		}
	}
	return offers, nil
}

// Follow implements transports.Follower.
func (g *Gateway) Follow(ctx context.Context, user transports.Address, w transports.Way, f transports.Following, password string) error {
	user = user.Bare()
	return g.follow.inLane(ctx, user, func(ctx context.Context) error {
		way := g.follow.ways[w]
		if way == nil {
			return transports.NewError(transports.Unsupported, "Your messages cannot be learnt of in this way.", nil)
		}
		was, err := g.opt.Store.Followed(ctx, g.userID(user))
		if err != nil {
			return notWritten(err)
		}
		row := was
		row.UserID, row.Way, row.Kind = g.userID(user), int(w), int(f)
		if row.Node == "" {
			row.Node = rand.Text()
		}
		if was.Way != row.Way {
			row.Reached, row.ReachedAt = "", time.Time{}
		}
		// What comes by it at once is not to be for nobody. It waits in the lane.
		first := row
		first.Way, first.Kind = was.Way, was.Kind
		if err := g.opt.Store.Write(ctx, func(tx *store.Tx) error { return tx.Follow(first) }); err != nil {
			return notWritten(err)
		}
		g.follow.set(user, row)
		if err := way.follow(ctx, &row, password); err != nil {
			g.follow.set(user, was)
			return err
		}
		if err := g.opt.Store.Write(ctx, func(tx *store.Tx) error { return tx.Follow(row) }); err != nil {
			g.follow.set(user, was)
			return notWritten(err)
		}
		g.follow.set(user, row)
		g.follow.probe(user)
		if old := g.follow.ways[transports.Way(was.Way)]; old != nil && was.Way != row.Way {
			was.Node = row.Node
			if err := old.unfollow(ctx, &was); err != nil { // what comes by it is taken for nothing
				g.log.Info("a user's server was not told that it need tell no more of him", g.opt.Identity(user.String()), "error", err)
			}
		}
		return nil
	})
}

// notWritten is an error of the database, for whoever may ask again.
func notWritten(err error) *transports.Error { return transports.NewError(transports.Busy, "", err) }

// Unfollow implements transports.Follower.
func (g *Gateway) Unfollow(ctx context.Context, user transports.Address) error {
	user = user.Bare()
	return g.follow.inLane(ctx, user, func(ctx context.Context) error {
		row, err := g.opt.Store.Followed(ctx, g.userID(user))
		if err != nil {
			return notWritten(err)
		}
		if way := g.follow.ways[transports.Way(row.Way)]; way != nil {
			if err := way.unfollow(ctx, &row); err != nil && transports.AsError(err).Kind.Temporary() {
				return err
			}
		}
		return g.follow.drop(ctx, user, row)
	})
}

// drop follows somebody no more. His node is kept for when he is followed again: at his server it has one place, and not one each time.
func (fs *followers) drop(ctx context.Context, user transports.Address, row store.Followed) error {
	if row.Way == int(transports.WayNone) {
		return nil
	}
	row.Way, row.Kind, row.Reached, row.ReachedAt = int(transports.WayNone), int(transports.FollowNothing), "", time.Time{}
	fs.set(user, row)
	if err := fs.g.opt.Store.Write(ctx, func(tx *store.Tx) error {
		return errors.Join(tx.Follow(row), tx.SetFollowPassword(row.UserID, ""))
	}); err != nil {
		return notWritten(err)
	}
	return nil
}

// removed follows somebody no more of whom nothing is in the database any more.
func (fs *followers) removed(user transports.Address) {
	if fs == nil {
		return
	}
	user = user.Bare()
	row, ok := fs.of(user)
	if !ok {
		return
	}
	fs.set(user, store.Followed{})
	fs.mu.Lock()
	delete(fs.nodes, row.Node)
	fs.mu.Unlock()
	fs.lanes.Post(user, 0, func() {
		if way := fs.ways[transports.Way(row.Way)]; way != nil {
			if err := way.unfollow(fs.life(), &row); err != nil {
				fs.g.log.Info("a user's server was not told that it need tell no more of him", fs.g.opt.Identity(user.String()), "error", err)
			}
		}
	})
}

// Followed implements transports.Follower.
func (g *Gateway) Followed(ctx context.Context, user transports.Address) (transports.Way, transports.Following, error) {
	if g.follow == nil {
		return transports.WayNone, transports.FollowNothing, nil
	}
	row, err := g.opt.Store.Followed(ctx, g.userID(user))
	if err != nil {
		return transports.WayNone, transports.FollowNothing, notWritten(err)
	}
	return transports.Way(row.Way), transports.Following(row.Kind), nil
}

// ReadMarks implements transports.Follower.
func (g *Gateway) ReadMarks(ctx context.Context, user transports.Address) (marks []transports.ReadMark, err error) {
	user = user.Bare()
	err = g.follow.inLane(ctx, user, func(ctx context.Context) error {
		row, ok := g.follow.of(user)
		way := g.follow.ways[transports.Way(row.Way)]
		if !ok || way == nil {
			return nil
		}
		var err error
		marks, err = way.marks(ctx, &row)
		return err
	})
	return slices.Clip(marks), err
}

// Fill implements transports.Follower.
func (g *Gateway) Fill(ctx context.Context, user transports.Address) error {
	user = user.Bare()
	return g.follow.inLane(ctx, user, func(ctx context.Context) error {
		row, ok := g.follow.of(user)
		way := g.follow.ways[transports.Way(row.Way)]
		if !ok || way == nil {
			return nil
		}
		err := way.fill(ctx, &row)
		g.follow.reach(user, row)
		return err
	})
}
