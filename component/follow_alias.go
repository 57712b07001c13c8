package component

import (
	"context"

	"passerelle/component/copies"
	"passerelle/component/stanza"
	"passerelle/store"
	"passerelle/transports"
)

// Addresses of ours that stand for users. Whoever writes there sees somebody who is not there just now.

// aliasWay is what is written to the address of ours that stands for a user. It is there whatever his server allows.
type aliasWay struct{ fs *followers }

func (w aliasWay) offer(context.Context, transports.Address, string) (transports.Offer, error) {
	return transports.Offer{Way: transports.WayAlias, Whole: true}, nil
}

func (w aliasWay) follow(context.Context, *store.Followed, string) error { return nil }

func (w aliasWay) unfollow(context.Context, *store.Followed) error { return nil }

func (w aliasWay) fill(context.Context, *store.Followed) error { return nil }

func (w aliasWay) pushed(context.Context, *store.Followed, copies.Found) error { return nil }

func (w aliasWay) marks(context.Context, *store.Followed) ([]transports.ReadMark, error) {
	return nil, nil
}

func (w aliasWay) speak(*store.Tx, transports.Address, *transports.Speech) (bool, error) {
	return false, nil
}

// aliased takes what is for an address that may stand for a user, and reports whether it may. It runs on the reader's goroutine.
func (fs *followers) aliased(in inbound) bool {
	if fs == nil || in.to.Local == "" || in.to.Local == botLocal {
		return false
	}
	if _, err := fs.g.entity(in.to); err == nil {
		return false
	}
	alias := in // all that comes passes by here, and only this is kept
	if !fs.lanes.Post(in.to.Bare(), in.st.Len(), func() { fs.takeAliased(alias) }) {
		fs.g.answerError(in.root(), transports.NewError(transports.Busy, "", nil))
		in.st.Release()
	}
	return true
}

// takeAliased takes what is for an address that may stand for a user, in the lane of that address.
func (fs *followers) takeAliased(in inbound) {
	ctx := fs.life()
	user, ok, err := fs.to.AliasOf(ctx, in.to.Local)
	if err == nil && !ok {
		fs.g.toUser(in) // an address of something else, or of nothing
		return
	}
	defer in.st.Release()
	if err != nil {
		fs.g.log.Error("whom an address stands for could not be read", "error", err)
		fs.g.answerError(in.root(), transports.NewError(transports.Busy, "", nil))
		return
	}
	switch in.root().Name {
	case "message":
		fs.aliasMessage(ctx, &in, user)
	case "iq":
		fs.aliasIQ(&in)
	case "presence":
		fs.aliasPresence(&in)
	}
}

// aliasMessage takes a message for somebody by his other address. It is answered as a server answers for a user who is offline: not at all.
func (fs *followers) aliasMessage(ctx context.Context, in *inbound, user transports.Address) {
	root := in.root()
	if root.AttrIs("type", "groupchat") { // RFC 6121 §8.5.2.2.1
		fs.unavailable(in)
		return
	}
	found := copies.Message(root, in.to.Bare(), now())
	if found.Copy == nil {
		return
	}
	found.Copy.Way, found.Copy.User, found.Copy.Offline = transports.WayAlias, user.Bare(), true
	err := transports.AsError(fs.to.Copied(ctx, *found.Copy))
	switch {
	case err == nil:
	case err.Kind.Temporary():
		fs.g.answerError(root, transports.NewError(transports.Busy, "", nil))
	default:
		if err.Kind == transports.Internal {
			fs.g.log.Error("a message to an address of a user could not be taken", "error", err)
		}
		fs.unavailable(in)
	}
}

// unavailable answers as a server does for who does not exist (RFC 6121 §8.5.1).
func (fs *followers) unavailable(in *inbound) {
	root := in.root()
	if !wantsAnswer(root.Name, root.Attr("type")) {
		return
	}
	var b stanza.Builder
	b.Start(root.Name).JID("from", in.to).JID("to", in.from).Attr("type", "error").Attr("id", root.Attr("id")).
		RawError("cancel", "service-unavailable", "").End()
	fs.g.offer(&b)
}

// aliasIQ answers what servers answer for their users.
func (fs *followers) aliasIQ(in *inbound) {
	root := in.root()
	var b stanza.Builder
	b.Start("iq").JID("from", in.to).JID("to", in.from).Attr("type", "result").Attr("id", root.Attr("id"))
	switch {
	case !root.AttrIs("type", "get") || in.to.Resource != "":
		fs.unavailable(in)
		return
	case root.Child(nsDiscoInfo, "query") != nil && !root.Child(nsDiscoInfo, "query").HasAttr("node"):
		b.StartNS("query", nsDiscoInfo).Start("identity").Attr("category", "account").Attr("type", "registered").End()
		for _, f := range []string{nsDiscoInfo, nsVCardTemp} {
			b.Start("feature").Attr("var", f).End()
		}
		b.End()
	case root.Child(nsVCardTemp, "vCard") != nil:
		b.StartNS("vCard", nsVCardTemp).Start("FN").Text(transports.Unescape(in.to.Local)).End().End()
	default:
		fs.unavailable(in)
		return
	}
	b.End()
	fs.g.offer(&b)
}

// aliasPresence answers those who want to know whether somebody is there: they may, and he is not.
func (fs *followers) aliasPresence(in *inbound) {
	typ := ""
	switch in.root().Attr("type") {
	case "subscribe":
		typ = "subscribed"
	case "unsubscribe":
		typ = "unsubscribed"
	case "probe":
		typ = "unavailable"
	default:
		return
	}
	var b stanza.Builder
	b.Start("presence").JID("from", in.to.Bare()).JID("to", in.from.Bare()).Attr("type", typ).End()
	fs.g.offer(&b)
}
