package component

import (
	"context"
	"errors"

	"passerelle/component/microblog"
	"passerelle/component/stanza"
	"passerelle/transports"
)

// Publish implements transports.Feeds. It may not be called from within Published. What a user published here and his node shows then does not come by
// Published before the next start; after that it may, under the same item.
func (g *Gateway) Publish(ctx context.Context, user transports.Address, e transports.Entry) (own bool, err error) {
	user = user.Bare()
	if g.feeds == nil || e.Item == "" || !g.grants.of(user.Domain).publish {
		return false, nil
	}
	err = g.feeds.inLane(ctx, user, func(ctx context.Context) error {
		f := g.feeds.get(user)
		if f == nil {
			return nil
		}
		f.own.add(e.Item) // its event waits in the lane
		// A node that is there stays as the user has set it up. One that is not is made for everybody, as what is in it is.
		err := g.askAs(ctx, "get", user, func(b *stanza.Builder) {
			b.Start("items").Attr("node", transports.NodeFeed).Int("max_items", 1).End()
		}, nil)
		there := err == nil || errors.Is(err, errIQRefused)
		if !there && !isMissing(err) {
			return err
		}
		if e.Author.User.IsZero() && e.Author.Who == (transports.Target{}) {
			e.Author.User = user
		}
		if err := g.askAs(ctx, "set", user, func(b *stanza.Builder) {
			b.Start("publish").Attr("node", transports.NodeFeed).Start("item").Attr("id", e.Item)
			microblog.Append(b, &e, microblog.Place{Address: user, Node: transports.NodeFeed}, g.names())
			b.End().End()
			if !there {
				appendFeedOptions(b)
			}
		}, nil); err != nil {
			return err
		}
		own = true
		return nil
	})
	if refusal, answered := errors.AsType[*iqError](err); errors.Is(err, errNotGranted) || answered && refusal.typ != "wait" {
		g.log.Info("a user's server does not take what he published here into his node", g.opt.Identity(user.String()), "error", err)
		return false, nil
	}
	if err != nil {
		return own, noAnswer(err)
	}
	return own, nil
}

// appendFeedOptions says how a user's node is to be (XEP-0060 §7.1.5, XEP-0472 §5.1): it keeps what was published, and says what was taken back.
func appendFeedOptions(b *stanza.Builder) {
	b.Start("publish-options").StartNS("x", nsForm).Attr("type", "submit")
	for _, f := range [...]struct{ name, value string }{
		{"FORM_TYPE", nsPublishOptions},
		{"pubsub#persist_items", "true"},
		{"pubsub#max_items", "max"},
		{"pubsub#access_model", "open"},
		{"pubsub#notify_retract", "true"},
	} {
		b.Start("field").Attr("var", f.name)
		if f.name == "FORM_TYPE" {
			b.Attr("type", "hidden")
		}
		b.Start("value").Text(f.value).End().End()
	}
	b.End().End()
}
