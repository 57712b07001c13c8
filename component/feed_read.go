package component

import (
	"context"
	"errors"
	"hash/maphash"
	"slices"

	"passerelle/component/microblog"
	"passerelle/component/stanza"
	"passerelle/transports"
)

// Reading what users have published.

// pageSizes are how many items are asked for: fewer where so many do not come, as where they are too much for a stanza.
var pageSizes = [...]int{50, 10, 1}

// readItem is an item that was read.
type readItem struct {
	entry transports.Entry
	err   error  // of microblog.Read
	print uint64 // the same for the same
}

// takenItems are the items of a user that were taken last, and what was in them. When they come once more, by another way or because they are asked
// for, they are not told again.
type takenItems struct {
	prints map[string]uint64
	order  []string // the oldest first
}

func (t *takenItems) has(r *readItem) bool {
	print, ok := t.prints[r.entry.Item]
	return ok && print == r.print
}

func (t *takenItems) add(r *readItem) {
	t.drop(r.entry.Item)
	if len(t.order) >= maxTaken {
		t.drop(t.order[0])
	}
	if t.prints == nil {
		t.prints = make(map[string]uint64)
	}
	t.prints[r.entry.Item] = r.print
	t.order = append(t.order, r.entry.Item)
}

func (t *takenItems) drop(item string) {
	delete(t.prints, item)
	t.order = slices.DeleteFunc(t.order, func(s string) bool { return s == item })
}

// readItems reads items of an answer or an event (XEP-0060 §6.5.2, §7.1.2.1), at most maxFetched.
func (fs *feeds) readItems(items *stanza.Element, user transports.Address) []readItem {
	var all []readItem
	for item := range items.Children() {
		// XEP-0060 §7.1.2.3: in a node that others may write into, they are named.
		if publisher, err := transports.ParseAddress(item.Attr("publisher")); item.Name != "item" || err == nil && publisher.Bare() != user {
			continue
		}
		id := item.Attr("id")
		if id == "" || id == microblog.ItemMetadata || len(id) > maxLetterID || len(all) >= maxFetched {
			continue
		}
		r := readItem{}
		r.entry, r.err = microblog.Read(item, fs.g.names())
		r.entry.Item = id
		if r.err == nil {
			r.print = maphash.Bytes(takenSeed, item.Child(microblog.NSAtom, "entry").AppendXML(nil, ""))
		}
		all = append(all, r)
	}
	return all
}

// ofUser is why something of a user cannot be read or changed. It is nil for what there is nothing of.
func (fs *feeds) ofUser(err error) error {
	e, answered := errors.AsType[*iqError](err)
	switch {
	case err == nil || isMissing(err):
		return nil
	case !answered || e.typ == "wait" || e.condition == "remote-server-not-found" || e.condition == "internal-server-error":
		return noAnswer(err)
	case e.typ == "auth":
		return transports.NewError(transports.Denied, "Your server does not show this gateway what you publish. Let it see your presence: your client asks you whether it may.", err)
	default:
		return transports.NewError(transports.Unsupported, "Your server does not keep what you publish.", err)
	}
}

// askItems asks for items of a user's node, as from: those with the ids, or the last max (XEP-0060 §6.5.7, §6.5.8).
func (fs *feeds) askItems(ctx context.Context, from, user transports.Address, node string, ids []string, most int, read func(items *stanza.Element)) error {
	return fs.ask(ctx, "get", from, user, func(b *stanza.Builder) {
		b.StartNS("pubsub", nsPubSub).Start("items").Attr("node", node)
		if most > 0 {
			b.Int("max_items", most)
		}
		for _, id := range ids {
			b.Start("item").Attr("id", id).End()
		}
		b.End().End()
	}, func(iq *stanza.Element) {
		if read != nil {
			read(iq.Child(nsPubSub, "pubsub").Child(nsPubSub, "items"))
		}
	})
}

// readNode reads a user's node as it is now.
func (fs *feeds) readNode(ctx context.Context, user transports.Address, f *feed) error {
	var all []readItem
	var err error
	asked := 0
	for _, n := range pageSizes {
		all, asked = nil, n
		err = fs.askItems(ctx, fs.g.domain, user, transports.NodeFeed, nil, n, func(items *stanza.Element) { all = fs.readItems(items, user) })
		if !errors.Is(err, errIQRefused) {
			break
		}
	}
	if err := fs.ofUser(err); err != nil {
		return err
	}
	f.read(all, len(all) < asked)
	return fs.take(ctx, user, f, all)
}

// read notes what is in a node. What was not there when all of it was read is new.
func (f *feed) read(all []readItem, whole bool) {
	if f.whole {
		for i := range all {
			f.came(all[i].entry.Item)
		}
	}
	f.there, f.whole = make(map[string]struct{}, len(all)), whole
	for i := range all {
		if _, fresh := f.fresh[all[i].entry.Item]; !fresh {
			f.there[all[i].entry.Item] = struct{}{}
		}
	}
}

// readAsked reads the items that came without a payload.
func (fs *feeds) readAsked(ctx context.Context, user transports.Address, f *feed) error {
	for {
		fs.mu.Lock()
		if len(f.asked) == 0 {
			fs.mu.Unlock()
			return nil
		}
		id := f.asked[0]
		fs.mu.Unlock()
		var all []readItem
		// One by one: an item may be as large as a stanza.
		err := fs.askItems(ctx, fs.g.domain, user, transports.NodeFeed, []string{id}, 0, func(items *stanza.Element) { all = fs.readItems(items, user) })
		if !errors.Is(err, errIQRefused) {
			err = fs.ofUser(err)
		}
		if e := transports.AsError(err); e != nil && e.Kind.Temporary() {
			return err
		}
		all = slices.DeleteFunc(all, func(r readItem) bool { return r.entry.Item != id })
		if err := fs.take(ctx, user, f, all); err != nil {
			return err
		}
		fs.mu.Lock()
		f.asked = slices.DeleteFunc(f.asked, func(s string) bool { return s == id })
		fs.mu.Unlock()
	}
}

// take hands on what was read, the oldest first. Its error is a temporary one of the server or the transport: then all of it comes again.
func (fs *feeds) take(ctx context.Context, user transports.Address, f *feed, all []readItem) error {
	all = slices.DeleteFunc(all, func(r readItem) bool {
		if r.err == nil && !f.taken.has(&r) && !f.own.has(r.entry.Item) {
			return false
		}
		if !errors.Is(r.err, microblog.ErrNoPayload) { // which is being asked for
			f.settle(r.entry.Item)
		}
		return true
	})
	if len(all) == 0 {
		return nil
	}
	slices.SortStableFunc(all, func(a, b readItem) int { return a.entry.Published.Compare(b.entry.Published) })
	// It is asked after they were read: who has closed his node since has closed it for them.
	who, err := fs.readers(ctx, user)
	if err != nil || who == readersNamed {
		return err
	}
	for i := range all {
		if fs.get(user) != f || !fs.g.access.admits(user) {
			return nil
		}
		r := &all[i]
		r.entry.Private, r.entry.Fresh = who != readersAll, f.fresh[r.entry.Item]
		if err := fs.to.Published(ctx, user, r.entry); err != nil {
			if transports.AsError(err).Kind.Temporary() || ctx.Err() != nil {
				return err
			}
			fs.g.log.Warn("something that a user published could not be taken", fs.g.opt.Identity(user.String()), "error", err)
		}
		f.taken.add(r)
		f.settle(r.entry.Item)
		fs.forgetWithdrawn(f, r.entry.Item)
	}
	return nil
}

// feedReaders are those who may read a user's node.
type feedReaders int

const (
	readersAll      feedReaders = iota
	readersContacts             // who sees his presence
	readersNamed                // others, whom he has chosen
)

// readers says who may read a user's node. Servers say how a node is set up to few, so somebody reads it whom the user does not know.
func (fs *feeds) readers(ctx context.Context, user transports.Address) (feedReaders, error) {
	err := fs.askItems(ctx, fs.anybody, user, transports.NodeFeed, nil, 1, nil)
	if err == nil || errors.Is(err, errIQRefused) {
		return readersAll, nil
	}
	if err := fs.ofUser(err); err != nil && transports.AsError(err).Kind.Temporary() {
		return readersNamed, err
	}
	// XEP-0060 §6.5.9: ejabberd says why, and shows a node for those whom its user has named to who was subscribed before. Prosody says nothing, and does
	// not.
	if e, ok := errors.AsType[*iqError](err); ok && e.pubsub != "" && e.pubsub != "presence-subscription-required" {
		return readersNamed, nil
	}
	return readersContacts, nil
}

// subscribe subscribes to a user's node (XEP-0060 §6.1). That it is not allowed, or that there is none yet, is no error: there are other ways.
func (fs *feeds) subscribe(ctx context.Context, user transports.Address) error {
	err := fs.ofUser(fs.ask(ctx, "set", fs.g.domain, user, func(b *stanza.Builder) {
		b.StartNS("pubsub", nsPubSub).Start("subscribe").Attr("node", transports.NodeFeed).JID("jid", fs.g.domain).End().End()
	}, nil))
	if e := transports.AsError(err); e != nil && e.Kind.Temporary() {
		return err
	}
	return nil
}
