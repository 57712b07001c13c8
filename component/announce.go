package component

import (
	"context"
	"errors"
	"fmt"

	"passerelle/component/stanza"
	"passerelle/store"
	"passerelle/transports"
)

// audiencePage is how many rows of those who are to be told of the gateway's presence are in memory at a time.
const audiencePage = 500

// eachAudience calls do for everybody who has something of the gateway in his contact list, with the local parts. Who has so many that
// they are on two pages comes twice.
func (g *Gateway) eachAudience(ctx context.Context, do func(user transports.Address, contacts []string)) error {
	if g.opt.Store == nil {
		return nil
	}
	after := store.Contact{UserID: store.UserID{Domain: g.opt.Domain}}
	return inPages(ctx, func(ctx context.Context) (int, error) {
		page, err := g.opt.Store.ContactsAfter(ctx, after, audiencePage)
		for i := 0; i < len(page) && ctx.Err() == nil; {
			after = page[i]
			var contacts []string
			for ; i < len(page) && page[i].JID == after.JID; i++ {
				contacts = append(contacts, page[i].Contact)
			}
			after = page[i-1]
			if jid, err := transports.ParseAddress(after.JID); err == nil && g.access.admits(jid) {
				do(jid, contacts)
			}
		}
		return len(page), err
	})
}

// eachRegistered calls do for everybody who registered.
func (g *Gateway) eachRegistered(ctx context.Context, do func(user transports.Address)) error {
	if g.opt.Store == nil {
		return nil
	}
	after := ""
	return inPages(ctx, func(ctx context.Context) (int, error) {
		page, err := g.opt.Store.UsersWith(ctx, g.opt.Domain, registerScope, registerName, after, audiencePage)
		for _, after = range page {
			if jid, err := transports.ParseAddress(after); err == nil && g.access.admits(jid) && ctx.Err() == nil {
				do(jid)
			}
		}
		return len(page), err
	})
}

// inPages reads pages until one is not full.
func inPages(ctx context.Context, read func(context.Context) (int, error)) error {
	for {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		n, err := read(ctx)
		if err != nil || n < audiencePage {
			return err
		}
	}
}

// on runs f on a user's goroutine, waits for it, and reports whether it ran.
func (g *Gateway) on(ctx context.Context, jid transports.Address, f func(u *user)) bool {
	for {
		u, ok := g.user(jid)
		if !ok {
			return false
		}
		_, err := peek(ctx, u, func() struct{} {
			f(u)
			return struct{}{}
		})
		if !errors.Is(err, errRetired) {
			return err == nil
		}
	}
}

// tellComing tells everybody who has the gateway in his contact list that it is there, and asks those who registered whether they are
// (XEP-0100 §4.4). At the first start all else is shown as it is too: an earlier process may have died and left it as available. One
// user follows the other, at the pace of the stream. It reports whether it came to the end.
func (g *Gateway) tellComing(ctx context.Context, first bool) bool {
	err := g.eachAudience(ctx, func(to transports.Address, contacts []string) {
		g.on(ctx, to, func(u *user) {
			for _, local := range contacts {
				a := transports.Address{Local: local, Domain: g.domain.Domain}
				if e, err := g.entity(a); err == nil && !u.stopped && (first || e.kind&(entityGateway|entityBot) != 0) {
					u.showTo(e, a, to)
				}
			}
		})
	})
	if err == nil {
		err = g.eachRegistered(ctx, func(to transports.Address) {
			g.on(ctx, to, func(u *user) {
				u.out.Stanzas.Start("presence").JID("from", g.domain).JID("to", to).Attr("type", "probe").End()
			})
		})
	}
	if err != nil && ctx.Err() == nil {
		g.log.Error("not everybody could be told of the gateway's presence", "error", fmt.Errorf("read contacts: %w", err))
	}
	return err == nil
}

// tellChanges shows everything as it is whenever the operator has changed what presences show, until ctx ends.
func (g *Gateway) tellChanges(ctx context.Context) {
	for {
		select {
		case <-g.changed:
			g.tellComing(ctx, true)
		case <-ctx.Done():
			return
		}
	}
}

// tellGoing tells everybody who has the gateway in his contact list that it goes (XEP-0100 §4.5); networks and people go with their
// sessions. It writes by itself, since no new work is taken for users by then.
func (g *Gateway) tellGoing() {
	if !g.Connected() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), goingTime)
	defer cancel()
	var b stanza.Builder
	err := g.eachAudience(ctx, func(to transports.Address, contacts []string) {
		for _, local := range contacts {
			if local == "" || local == botLocal || g.postal != nil { // whose contacts are there as long as it is
				b.Start("presence").JID("from", transports.Address{Local: local, Domain: g.domain.Domain}).JID("to", to).Attr("type", "unavailable").End()
			}
		}
		if b.Len() > flushBytes { // where the queue is full, only what does not fit is lost
			g.offer(&b)
			b.Reset()
		}
	})
	if err != nil {
		g.log.Error("not everybody could be told that the gateway goes", "error", fmt.Errorf("read contacts: %w", err))
	}
	if b.Len() > 0 {
		g.offer(&b)
	}
}
