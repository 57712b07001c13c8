package component

import (
	"context"
	"slices"

	"passerelle/component/stanza"
	"passerelle/transports"
)

// What the gateway does in the name of a user, by his server's leave (XEP-0356): what he has published is asked for and published (IQ
// permission), and messages are sent as he would send them (message permission).

const nsPublishOptions = nsPubSub + "#publish-options"

// askAs asks what a user has published in his name, by his server's leave (XEP-0356, IQ permission). Read takes the answer as in ask.
func (g *Gateway) askAs(ctx context.Context, typ string, user transports.Address, pubsub func(*stanza.Builder), read func(*stanza.Element)) error {
	if !g.grants.of(user.Domain).publish {
		return errNotGranted
	}
	return g.requestAs(ctx, typ, user, func(b *stanza.Builder) {
		b.StartNS("pubsub", nsPubSub)
		pubsub(b)
		b.End()
	}, func(iq *stanza.Element) {
		if read != nil {
			read(iq.Child(nsPubSub, "pubsub"))
		}
	})
}

// requestAs makes a request in a user's name, to his own account, of which his server has granted the namespace. Read takes the answer as in ask.
func (g *Gateway) requestAs(ctx context.Context, typ string, user transports.Address, payload func(*stanza.Builder), read func(*stanza.Element)) error {
	inside := make(chan error, 1)
	err := g.ask(ctx, typ, g.domain, user.Bare(), rosterWait, func(b *stanza.Builder) {
		b.StartNS("privileged_iq", nsPrivilege2)
		b.StartNS("iq", nsClient).Attr("type", typ).JID("from", user.Bare()).JID("to", user.Bare()).Attr("id", newID())
		payload(b)
		b.End().End()
	}, func(answer *stanza.Element) {
		iq := answer.Child(nsPrivilege2, "privilege").Child(nsForward, "forwarded").Child(nsClient, "iq")
		switch {
		case iq.AttrIs("type", "error"):
			inside <- readIQError(iq)
		case read != nil:
			read(iq)
			inside <- nil
		default:
			inside <- nil
		}
	})
	if err != nil {
		return err
	}
	return <-inside
}

// publishAs publishes an item in a node of a user that only he may see (XEP-0223).
func (g *Gateway) publishAs(ctx context.Context, user transports.Address, node string, id transports.Address, payload func(*stanza.Builder)) error {
	return g.askAs(ctx, "set", user, func(b *stanza.Builder) {
		b.Start("publish").Attr("node", node).Start("item").JID("id", id)
		payload(b)
		b.End().End()
		b.Start("publish-options").StartNS("x", nsForm).Attr("type", "submit") // where the node is not there yet
		for _, f := range [...]struct{ name, value string }{
			{"FORM_TYPE", nsPublishOptions},
			{"pubsub#persist_items", "true"},
			{"pubsub#max_items", "max"},
			{"pubsub#send_last_published_item", "never"},
			{"pubsub#access_model", "whitelist"},
		} {
			b.Start("field").Attr("var", f.name)
			if f.name == "FORM_TYPE" {
				b.Attr("type", "hidden")
			}
			b.Start("value").Text(f.value).End().End()
		}
		b.End().End()
	}, nil)
}

// keepSaidAs is how many messages in a user's name are known until his server has brought them here.
const keepSaidAs = 64

// saysAs reports whether messages may be sent in the user's name.
func (u *user) saysAs() bool { return u.g.grants.of(u.jid.Domain).speak != "" }

// sayAs sends a message in the user's name (XEP-0356 §4.3). His server brings it to his clients (XEP-0280), keeps it for those that are not
// there, and brings it here as if he had sent it.
func (u *user) sayAs(to transports.Address, id string, content func(*stanza.Builder)) {
	if len(u.saidAs) == keepSaidAs {
		u.saidAs = slices.Delete(u.saidAs, 0, 1)
	}
	u.saidAs = append(u.saidAs, id)
	b := u.out.Stanzas.Start("message").JID("from", u.g.domain).JID("to", transports.Address{Domain: u.jid.Domain}).Attr("id", newID())
	b.StartNS("privilege", u.g.grants.of(u.jid.Domain).speak).StartNS("forwarded", nsForward)
	b.StartNS("message", nsClient).JID("from", u.jid).JID("to", to).Attr("type", "chat").Attr("id", id)
	content(b)
	b.End().End().End().End()
}

// wasSaidAs reports whether a stanza is a message that was sent in the user's name, each once.
func (u *user) wasSaidAs(in *inbound) bool {
	if len(u.saidAs) == 0 || in.from.Resource != "" || in.root().Name != "message" || in.root().AttrIs("type", "error") {
		return false
	}
	i := slices.Index(u.saidAs, in.root().Attr("id"))
	if i < 0 {
		return false
	}
	u.saidAs = slices.Delete(u.saidAs, i, i+1)
	return true
}
