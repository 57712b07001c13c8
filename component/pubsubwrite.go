package component

import (
	"context"
	"errors"
	"strings"

	"passerelle/component/microblog"
	"passerelle/component/stanza"
	"passerelle/transports"
)

// writePubSub reads what a user wants to change about the nodes of a contact: whether he is told of what comes into them, what he answers, and what he
// thinks of an entry.
func (u *user) writePubSub(in *inbound, of transports.Target, x *stanza.Element) (func(context.Context) (payload, error), error) {
	for c := range x.Children() {
		node := c.Attr("node")
		switch {
		case c.Is(nsPubSub, "subscribe"):
			return u.readSubscribe(of, c, node, true)
		case c.Is(nsPubSub, "unsubscribe"):
			return u.readSubscribe(of, c, node, false)
		case c.Is(nsPubSub, "publish"):
			return u.readPublish(in, of, c, node)
		case c.Is(nsPubSub, "retract"):
			return u.readRetract(of, c, node)
		case c.Is(nsPubSub, "create"):
			if hasEntries(node) || isAttached(node) { // XEP-0060 §8.1.3, XEP-0470 §4.4
				return nil, &pubsubRefusal{
					typ: "cancel", condition: "not-allowed", special: "unsupported", feature: "create-nodes",
					err: transports.NewError(transports.Conflict, "These nodes are there without being made.", nil),
				}
			}
			return nil, unsupported("create-nodes")
		case c.Is(nsPubSub, "options"):
			return nil, unsupported("subscription-options")
		}
	}
	return nil, transports.NewError(transports.BadRequest, "", nil)
}

// isAttached reports whether a node has what people attach to entries, or sums that up.
func isAttached(node string) bool {
	return strings.HasPrefix(node, microblog.NSAttachments+"/") || strings.HasPrefix(node, microblog.NSSummary+"/")
}

// readSubscribe reads that the user wants to be told of what comes into a node (XEP-0060 §6.1), or not any more (§6.2).
func (u *user) readSubscribe(of transports.Target, x *stanza.Element, node string, on bool) (func(context.Context) (payload, error), error) {
	who, err := transports.ParseAddress(x.Attr("jid"))
	switch err2 := checkNode(node); {
	case err2 != nil:
		return nil, err2
	case err != nil, who.Bare() != u.jid: // §6.1.3.1
		return nil, badPubSub("invalid-jid", transports.NewError(transports.BadRequest, "You can subscribe nobody but yourself.", nil))
	case !hasEntries(node):
		return nil, unsupported("subscribe")
	}
	user, g := u.jid, u.g
	return func(ctx context.Context) (payload, error) {
		if err := g.social.Subscribe(ctx, user, of, node, on); err != nil {
			return nil, err
		}
		if !on {
			return nil, nil
		}
		return func(b *stanza.Builder) { // §6.1.2
			b.StartNS("pubsub", nsPubSub).Start("subscription").Attr("node", node).JID("jid", who).Attr("subscription", "subscribed").End().End()
		}, nil
	}, nil
}

// readPublish reads what the user publishes in a node of a contact (XEP-0060 §7.1): an answer, or what he thinks of an entry.
func (u *user) readPublish(in *inbound, of transports.Target, x *stanza.Element, node string) (func(context.Context) (payload, error), error) {
	if err := checkNode(node); err != nil {
		return nil, err
	}
	item := x.Child(nsPubSub, "item")
	if item == nil { // §7.1.3.4
		return nil, badPubSub("item-required", transports.NewError(transports.BadRequest, "There is nothing in this.", nil))
	}
	user, g := u.jid, u.g
	published := func(id string) payload {
		return func(b *stanza.Builder) {
			b.StartNS("pubsub", nsPubSub).Start("publish").Attr("node", node).Start("item").Attr("id", id).End().End().End()
		}
	}
	switch {
	case isComments(node):
		e, err := microblog.Read(item, g.names())
		switch {
		case errors.Is(err, microblog.ErrNoPayload):
			return nil, badPubSub("payload-required", transports.NewError(transports.BadRequest, "There is nothing in this.", nil))
		case err != nil:
			return nil, badPubSub("invalid-payload", transports.NewError(transports.BadRequest, "This is no entry that can be published.", nil))
		}
		e.Author = transports.Author{Name: e.Author.Name, User: user} // whoever it says
		if len(e.Item) > maxLetterID {
			e.Item = ""
		}
		return func(ctx context.Context) (payload, error) {
			id, err := g.social.Comment(ctx, user, of, node, e)
			if err != nil {
				return nil, err
			}
			return published(id), nil
		}, nil
	case strings.HasPrefix(node, microblog.NSAttachments+"/"):
		to, err := g.attachedTo(of, node)
		if err != nil {
			return nil, err
		}
		r, ok := microblog.ReadRegard(item)
		id, errID := transports.ParseAddress(item.Attr("id"))
		if !ok || errID != nil || id != user { // XEP-0470 §4.5
			return nil, badPubSub("invalid-payload", transports.NewError(transports.BadRequest, "What you attach is an item that is called as you are, with attachments in it.", nil))
		}
		r.By = transports.Author{User: user}
		return func(ctx context.Context) (payload, error) {
			return published(user.String()), g.social.Regarded(ctx, user, of, to, r)
		}, nil
	}
	return nil, transports.NewError(transports.Denied, "Nobody but its owner can publish in this node.", nil) // §7.1.3.1
}

// readRetract reads what the user takes back (XEP-0060 §7.2).
func (u *user) readRetract(of transports.Target, x *stanza.Element, node string) (func(context.Context) (payload, error), error) {
	if err := checkNode(node); err != nil {
		return nil, err
	}
	id := x.Child(nsPubSub, "item").Attr("id")
	if id == "" || len(id) > maxNodeName { // §7.2.3.5
		return nil, badPubSub("item-required", transports.NewError(transports.BadRequest, "This does not say which item it is about.", nil))
	}
	user, g := u.jid, u.g
	switch {
	case isComments(node):
		return func(ctx context.Context) (payload, error) { return nil, g.social.Uncomment(ctx, user, of, node, id) }, nil
	case strings.HasPrefix(node, microblog.NSAttachments+"/"):
		to, err := g.attachedTo(of, node)
		if err != nil {
			return nil, err
		}
		if id != user.String() {
			return nil, transports.NewError(transports.Denied, "", nil)
		}
		return func(ctx context.Context) (payload, error) {
			return nil, g.social.Regarded(ctx, user, of, to, transports.Regard{By: transports.Author{User: user}})
		}, nil
	}
	return nil, transports.NewError(transports.Denied, "", nil)
}

// readOwner refuses to change the nodes of others (XEP-0060 §8). It reports whether that was asked.
func (u *user) readOwner(in *inbound, e entity, x *stanza.Element) bool {
	if u.g.social == nil || e.kind != entityContact || !x.Is(nsPubSubOwner, "pubsub") {
		return false
	}
	u.refuse(in, transports.NewError(transports.Denied, "", nil))
	return true
}
