package c2s

import (
	"context"
	"errors"

	"passerelle/component/stanza"
)

const (
	nsOffline = "http://jabber.org/protocol/offline"
	nsItems   = "http://jabber.org/protocol/disco#items"
)

// Bounds of reading what waits for somebody.
const (
	maxWaiting = 2000 // messages
	viewSize   = 50   // of them at a time
)

// Offline reads what waits for the user's clients, oldest first, and leaves it there (XEP-0013 §2.3, §2.4). Those that known says he has are not
// read. It works where a session that never sends presence may look at it, as with ejabberd; elsewhere there is ErrNoArchive.
func (s *Session) Offline(ctx context.Context, known func(id string) bool, each func(Kept) error) error {
	answer, err := s.ask(ctx, "get", "", func(b *stanza.Builder) { b.StartNS("query", nsItems).Attr("node", nsOffline).End() }, nil)
	if refusedAs(err, "feature-not-implemented", "service-unavailable", "item-not-found") {
		return ErrNoArchive
	}
	if err != nil {
		return err
	}
	var waiting []string
	for e := range answer.Root.Child(nsItems, "query").Children() {
		id := e.Attr("node")
		if !e.Is(nsItems, "item") || id == "" || len(id) > maxID || known(id) {
			continue
		}
		if len(waiting) == maxWaiting {
			break // the next reading goes on, when these are known
		}
		waiting = append(waiting, id)
	}
	answer.Release()
	for len(waiting) > 0 {
		n := min(len(waiting), viewSize)
		if err := s.view(ctx, waiting[:n], each); err != nil {
			return err
		}
		waiting = waiting[n:]
	}
	return nil
}

// view reads some of what waits.
func (s *Session) view(ctx context.Context, ids []string, each func(Kept) error) error {
	asked := make(map[string]bool, len(ids))
	answer, err := s.ask(ctx, "get", "", func(b *stanza.Builder) {
		b.StartNS("offline", nsOffline)
		for _, id := range ids {
			asked[id] = true
			b.Start("item").Attr("action", "view").Attr("node", id).End()
		}
		b.End()
	}, func(e *stanza.Element) error {
		id := e.Child(nsOffline, "offline").Child(nsOffline, "item").Attr("node")
		if !e.Is(stanza.NSClient, "message") || !asked[id] {
			return nil
		}
		delete(asked, id)
		if err := each(Kept{ID: id, Time: readDelay(e), Message: e}); err != nil {
			return callerError{err}
		}
		return nil
	})
	if e, ok := errors.AsType[callerError](err); ok {
		return e.error
	}
	if refusedAs(err, "item-not-found") {
		return nil // a client has fetched it meanwhile
	}
	if err == nil {
		answer.Release()
	}
	return err
}
