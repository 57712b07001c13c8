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

// Bounds of those clients that are told when the list changes, since they have asked for it.
const (
	maxBlockWatchers = 16
	blockWatchTime   = 6 * time.Hour
)

// blocklist answers a request for the list (XEP-0191 §3.2), and keeps its client informed from then on.
func (u *user) blocklist(in *inbound, _ entity) {
	b := u.result(in).StartNS("blocklist", nsBlocking)
	for _, jid := range slices.Sorted(maps.Keys(u.known().blocked)) {
		b.Start("item").Attr("jid", jid).End()
	}
	b.End().End()
	u.watchBlocklist(in.from)
}

// watchBlocklist notes a client that has the list. Nothing says when it is gone, so it has to ask again after some hours.
func (u *user) watchBlocklist(client transports.Address) {
	if _, ok := u.blockWatchers[client]; !ok && len(u.blockWatchers) >= maxBlockWatchers {
		return
	}
	if u.blockWatchers == nil {
		u.blockWatchers = make(map[transports.Address]time.Time)
	}
	until := now().Add(blockWatchTime)
	u.blockWatchers[client] = until
	u.after(blockWatchTime, func() {
		if u.blockWatchers[client].Equal(until) {
			delete(u.blockWatchers, client)
		}
	})
}

// block takes addresses that the user wants to hear nothing from any more (XEP-0191 §3.3).
func (u *user) block(in *inbound, _ entity) {
	lang := in.root().Attr("xml:lang")
	jids, err := u.blockItems(lang, in.root().Child(nsBlocking, "block"))
	switch {
	case err != nil:
	case len(jids) == 0:
		err = transports.NewError(transports.BadRequest, text.Say(lang, "The request says nobody."), nil)
	case len(u.known().blocked)+len(jids) > maxBlocked:
		err = transports.NewError(transports.Policy, text.Say(lang, "You have blocked as many addresses as can be kept. Unblock some first, or block a whole network at once."), nil)
	}
	if err != nil {
		u.refuse(in, err)
		return
	}
	u.changeBlocks(in, "block", jids, func(tx *store.Tx, id store.UserID) error {
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
	if err != nil {
		u.refuse(in, err)
		return
	}
	u.changeBlocks(in, "unblock", jids, func(tx *store.Tx, id store.UserID) error {
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
func (u *user) changeBlocks(in *inbound, name string, jids []string, write func(*store.Tx, store.UserID) error) {
	r := reply{from: in.from, to: in.to, id: in.root().Attr("id")}
	u.change(relationChange{write: write, done: func(err error) {
		if err != nil {
			u.answerIQ(r.from, r.to, r.id, u.sayError(err))
			return
		}
		shown := u.shownContacts()
		known := u.known()
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
