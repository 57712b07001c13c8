package component

import (
	"maps"
	"slices"
	"time"

	"passerelle/component/stanza"
	"passerelle/internal/text"
	"passerelle/store"
	"passerelle/transports"
)

// Namespaces of XEP-0191.
const (
	nsBlocking       = "urn:xmpp:blocking"
	nsBlockingErrors = "urn:xmpp:blocking:errors"
)

// Bounds of those clients that are told when the list changes, since they have asked for it: of a user, and of all together, since each
// keeps its user in memory and anybody may ask.
const (
	maxBlockWatchers    = 16
	maxAllBlockWatchers = 10_000
	blockWatchTime      = 6 * time.Hour
)

// blocklist answers a request for the list (XEP-0191 §3.2), and keeps its client informed from then on.
func (u *user) blocklist(in *inbound, _ entity) {
	known, err := u.related()
	if err != nil {
		u.refuse(in, err)
		return
	}
	b := u.result(in).StartNS("blocklist", nsBlocking)
	for _, jid := range slices.Sorted(maps.Keys(known.blocked)) {
		b.Start("item").Attr("jid", jid).End()
	}
	b.End().End()
	u.watchBlocklist(in.from)
}

// watchBlocklist notes a client that has the list. Nothing says when it is gone, so it has to ask again after some hours.
func (u *user) watchBlocklist(client transports.Address) {
	if timer, ok := u.blockWatchers[client]; ok {
		timer.Reset(blockWatchTime)
		return
	}
	if len(u.blockWatchers) >= maxBlockWatchers || u.g.blockWatchers.Load() >= maxAllBlockWatchers {
		return
	}
	if u.blockWatchers == nil {
		u.blockWatchers = make(map[transports.Address]*time.Timer)
	}
	u.g.blockWatchers.Add(1)
	u.blockWatchers[client] = u.after(blockWatchTime, func() { u.unwatchBlocklist(client) })
}

// unwatchBlocklist forgets a client that has the list.
func (u *user) unwatchBlocklist(client transports.Address) {
	if timer, ok := u.blockWatchers[client]; ok {
		timer.Stop()
		delete(u.blockWatchers, client)
		u.g.blockWatchers.Add(-1)
	}
}

// block takes addresses that the user wants to hear nothing from any more (XEP-0191 §3.3).
func (u *user) block(in *inbound, _ entity) {
	lang := in.root().Attr("xml:lang")
	jids, err := u.blockItems(lang, in.root().Child(nsBlocking, "block"))
	var known *relations
	if err == nil {
		known, err = u.related()
	}
	switch {
	case err != nil:
	case len(jids) == 0:
		err = transports.NewError(transports.BadRequest, text.Say(lang, "The request says nobody."), nil)
	case len(known.blocked)+known.blocking+len(jids) > maxBlocked:
		err = transports.NewError(transports.Policy, text.Say(lang, "You have blocked as many addresses as can be kept. Unblock some first, or block a whole network at once."), nil)
	}
	if err != nil {
		u.refuse(in, err)
		return
	}
	u.changeBlocks(in, known, "block", jids, func(tx *store.Tx, id store.UserID) error {
		for _, jid := range jids {
			if err := tx.Block(store.Block{UserID: id, Blocked: jid}); err != nil {
				return err
			}
		}
		return nil
	})
}

// unblock takes that back, for some addresses or, where it names none, for all (XEP-0191 §3.4, §3.5).
func (u *user) unblock(in *inbound, _ entity) {
	jids, err := u.blockItems(in.root().Attr("xml:lang"), in.root().Child(nsBlocking, "unblock"))
	var known *relations
	if err == nil {
		known, err = u.related()
	}
	if err != nil {
		u.refuse(in, err)
		return
	}
	u.changeBlocks(in, known, "unblock", jids, func(tx *store.Tx, id store.UserID) error {
		if len(jids) == 0 {
			return tx.UnblockAll(id)
		}
		for _, jid := range jids {
			if err := tx.Unblock(store.Block{UserID: id, Blocked: jid}); err != nil {
				return err
			}
		}
		return nil
	})
}

// blockItems reads the addresses of a request.
func (u *user) blockItems(lang string, list *stanza.Element) ([]string, *transports.Error) {
	var jids []string
	for item := range list.Children() {
		if !item.Is(nsBlocking, "item") {
			continue
		}
		jid, ok := u.ours(item.Attr("jid"))
		switch {
		case !ok:
			return nil, transports.NewError(transports.BadRequest, text.Say(lang, "Only addresses of this gateway can be blocked here; others are for your own server."), nil)
		case len(jids) >= maxBlocked:
			return nil, transports.NewError(transports.TooLarge, text.Say(lang, "This is too many addresses at a time."), nil)
		}
		jids = append(jids, jid)
	}
	return jids, nil
}

// changeBlocks writes a change of the list down, answers, and tells all clients that have the list.
func (u *user) changeBlocks(in *inbound, known *relations, name string, jids []string, write func(*store.Tx, store.UserID) error) {
	if known.requests >= maxAwaited { // each has a list of some size
		u.refuse(in, transports.NewError(transports.Busy, "", nil))
		return
	}
	blocking := 0
	if name == "block" {
		blocking = len(jids)
	}
	known.requests, known.blocking = known.requests+1, known.blocking+blocking
	r := reply{from: in.from, to: in.to, id: in.root().Attr("id")}
	u.change(known, relationChange{write: write, done: func(err error) {
		known.requests, known.blocking = known.requests-1, known.blocking-blocking
		if err != nil {
			u.answerIQ(r.from, r.to, r.id, u.sayError(err))
			return
		}
		shown := u.shownContacts()
		switch {
		case name == "block":
			for _, jid := range jids {
				add(&known.blocked, jid)
			}
		case len(jids) == 0:
			known.blocked = nil
		default:
			for _, jid := range jids {
				delete(known.blocked, jid)
			}
		}
		u.answerIQ(r.from, r.to, r.id, nil)
		for client := range u.blockWatchers {
			b := u.out.Stanzas.Start("iq").JID("from", u.g.domain).JID("to", client).Attr("type", "set").Attr("id", newID()).StartNS(name, nsBlocking)
			for _, jid := range jids {
				b.Start("item").Attr("jid", jid).End()
			}
			b.End().End()
		}
		u.showChanged(shown)
	}})
}

// refuseBlocked answers what the user sends to somebody whom he has blocked (XEP-0191 §3.3).
func (u *user) refuseBlocked(in *inbound) {
	root := in.root()
	b := u.out.Stanzas.Start(root.Name).JID("from", in.to).JID("to", in.from).Attr("type", "error").Attr("id", root.Attr("id"))
	b.Start("error").Attr("type", "cancel")
	b.StartNS("not-acceptable", stanza.NSStanzas).End()
	b.StartNS("blocked", nsBlockingErrors).End()
	b.StartNS("text", stanza.NSStanzas).Text(text.Say(root.Attr("xml:lang"), "You have blocked this address. Unblock it to write to it.")).End()
	b.End().End()
}
