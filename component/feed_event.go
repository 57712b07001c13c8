package component

import (
	"context"
	"errors"
	"slices"
	"time"

	"passerelle/component/avatar"
	"passerelle/component/microblog"
	"passerelle/component/stanza"
	"passerelle/transports"
)

// What users' servers say by themselves.

const nsPubSubEvent = nsPubSub + "#event"

// takes takes an event of a user's node (XEP-0060 §7.1.2, XEP-0163 §4.3), and notes what a presence says. It reports whether the stanza is
// for nobody else: then it is its own. It runs on the reader's goroutine.
func (fs *feeds) takes(in inbound) bool {
	if fs == nil || in.to.Local != "" || in.from.Domain == fs.g.domain.Domain { // ejabberd echoes the gateway's own presence
		return false
	}
	e := in.root()
	switch {
	case e.Name == "presence":
		fs.presence(in.from, e)
		return false
	case e.Name != "message" || e.AttrIs("type", "error") || e.Child(nsPubSubEvent, "event") == nil:
		return false
	}
	fs.takeEvent(in)
	return true
}

// takeEvent takes an event. It is apart from takes, which sees all that comes: what is put into a lane is allocated.
func (fs *feeds) takeEvent(in inbound) {
	// A node is its user's: nobody says by a full JID, or of another one, what is in it (XEP-0163 §4.3.1).
	f := fs.get(in.from)
	if in.from.Resource != "" || in.from.Local == "" || f == nil {
		if in.from.Resource == "" && in.from.Local != "" {
			fs.unwanted(in.from)
		}
		in.st.Release()
		return
	}
	e := in.root()
	items := e.Child(nsPubSubEvent, "event").Child(nsPubSubEvent, "items")
	withdrawn := fs.withdrawnBy(f, items)
	if !fs.lanes.Post(in.from, in.st.Len(), func() {
		defer in.st.Release()
		fs.event(in.from, f, items, withdrawn)
	}) {
		fs.mu.Lock()
		f.due |= dueItems | dueProfile
		fs.mu.Unlock()
		fs.withdraw(f, withdrawn)
		fs.fillLater(in.from)
		in.st.Release()
	}
}

// trimmedIn is how soon after an item comes what a server says of those that it had no room for any more. Nobody takes back another one so fast.
const trimmedIn = 2 * time.Second

// withdrawnBy are the items that an event says were taken back. ejabberd 23.01 says so as well, where a node is set up with notify_retract, of what it
// dropped because the node was full: nobody took that back.
func (fs *feeds) withdrawnBy(f *feed, items *stanza.Element) []string {
	if !items.AttrIs("node", transports.NodeFeed) {
		return nil
	}
	fs.mu.Lock()
	defer fs.mu.Unlock()
	var ids []string
	for c := range items.Children() {
		id := c.Attr("id")
		switch {
		case id == "" || len(id) > maxLetterID || len(ids) >= maxWithdrawn:
		case c.Name == "item":
			f.newest, f.newestAt = id, now()
		case c.Name == "retract" && (id == f.newest || now().Sub(f.newestAt) > trimmedIn):
			ids = append(ids, id)
		}
	}
	return ids
}

// withdraw notes items that are to be told to be taken back.
func (fs *feeds) withdraw(f *feed, ids []string) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	for _, id := range ids {
		if len(f.withdrawn) < maxWithdrawn && !slices.Contains(f.withdrawn, id) {
			f.withdrawn = append(f.withdrawn, id)
		}
		f.asked = slices.DeleteFunc(f.asked, func(s string) bool { return s == id })
	}
}

// event takes an event of a user's node. It runs in his lane.
func (fs *feeds) event(user transports.Address, f *feed, items *stanza.Element, withdrawn []string) {
	ctx := fs.life()
	if fs.get(user) != f || !fs.g.access.admits(user) {
		return
	}
	switch node := items.Attr("node"); node {
	case transports.NodeFeed:
	case nsNick, nodeVCard4, avatar.NSMetadata:
		if f.profile.sees(node, items) {
			fs.mu.Lock()
			f.due |= dueProfile
			fs.mu.Unlock()
			fs.fillInTurn(user)
		}
		return
	default: // of what nothing is wanted; and that a node was deleted or emptied says nothing of what was in it
		return
	}
	fs.withdraw(f, withdrawn)
	all := fs.readItems(items, user)
	for i := range all {
		f.came(all[i].entry.Item)
	}
	fs.mu.Lock()
	for i := range all {
		// What has another payload than an entry is nothing; what has none is asked for (XEP-0472 §5.1).
		if id := all[i].entry.Item; errors.Is(all[i].err, microblog.ErrNoPayload) && len(f.asked) < maxFetched && !slices.Contains(f.asked, id) {
			f.asked = append(f.asked, id)
		}
	}
	fs.mu.Unlock()
	err := fs.tellWithdrawn(ctx, user, f)
	if err == nil {
		err = fs.take(ctx, user, f, all)
	}
	if err == nil {
		err = fs.readAsked(ctx, user, f)
	}
	if err != nil {
		fs.mu.Lock()
		f.due |= dueItems
		fs.mu.Unlock()
		fs.fillLater(user)
	}
}

// came notes an item that may be new.
func (f *feed) came(item string) {
	_, old := f.there[item]
	_, known := f.fresh[item]
	if f.there == nil || old || known {
		return
	}
	if len(f.fresh) >= maxFetched { // of a node that nobody may read, say
		for id := range f.fresh {
			f.settle(id)
		}
	}
	if f.fresh == nil {
		f.fresh = make(map[string]time.Time)
	}
	f.fresh[item] = now()
}

// settle notes that an item is not new any more.
func (f *feed) settle(item string) {
	if _, fresh := f.fresh[item]; fresh {
		delete(f.fresh, item)
		f.there[item] = struct{}{}
	}
}

// tellWithdrawn tells what a user took back.
func (fs *feeds) tellWithdrawn(ctx context.Context, user transports.Address, f *feed) error {
	for {
		fs.mu.Lock()
		if len(f.withdrawn) == 0 || fs.users[user] != f {
			fs.mu.Unlock()
			return nil
		}
		id := f.withdrawn[0]
		fs.mu.Unlock()
		if err := fs.to.Withdrawn(ctx, user, id); err != nil {
			if transports.AsError(err).Kind.Temporary() || ctx.Err() != nil {
				return err
			}
			fs.g.log.Warn("that a user took something back could not be taken", fs.g.opt.Identity(user.String()), "error", err)
		}
		f.taken.drop(id) // it may be published again
		fs.forgetWithdrawn(f, id)
	}
}

// forgetWithdrawn has an item not be taken back any more: it is, or it was published anew.
func (fs *feeds) forgetWithdrawn(f *feed, id string) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	f.withdrawn = slices.DeleteFunc(f.withdrawn, func(s string) bool { return s == id })
}

// presence notes what a presence of a user says of whether he is watched.
func (fs *feeds) presence(from transports.Address, e *stanza.Element) {
	jid := from.Bare()
	fs.mu.Lock()
	f := fs.users[jid]
	if f == nil || !fs.g.access.admits(jid) {
		fs.mu.Unlock()
		return
	}
	greet, d := false, due(0)
	switch e.Attr("type") {
	case "":
		// Each client's session of its own learns what the gateway wants to be told (ejabberd keeps that so).
		if _, known := f.clients[from.Resource]; !known && len(f.clients) < maxClients {
			if f.clients == nil {
				f.clients = make(map[string]struct{})
			}
			f.clients[from.Resource] = struct{}{}
			greet = true
			fs.lookAgain(jid)
			if now().Sub(f.looked) > feedPause {
				d = dueItems | dueSubscribe
			}
		}
	case "unavailable":
		if delete(f.clients, from.Resource); from.Resource == "" {
			f.clients = nil
		}
	case "subscribed": // he lets the gateway see his presence
		greet, d = true, dueAll
		fs.lookAgain(jid)
	case "subscribe": // who has it in his contact list does not mind
		d = dueAsk
	}
	f.due |= d
	fs.mu.Unlock()
	if !greet && d == 0 {
		return
	}
	fs.lanes.Post(jid, 0, func() {
		if greet && fs.get(jid) == f {
			fs.g.on(fs.life(), jid, func(u *user) { u.showTo(fs.g.own(entityGateway), fs.g.domain, from) })
		}
		if d != 0 {
			fs.fillInTurn(jid)
		}
	})
}
