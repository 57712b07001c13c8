package component

import (
	"context"
	"errors"
	"time"

	"passerelle/component/stanza"
	"passerelle/transports"
)

// nsRosterX is the namespace of XEP-0144.
const nsRosterX = "http://jabber.org/protocol/rosterx"

// rosterXWait is how long a client may take to say what it knows; its user may take longer to answer what it asks him.
const rosterXWait = 5 * time.Second

// errNoRosterX says that the client does not take suggestions.
var errNoRosterX = errors.New("the client takes no suggestions for its contact list")

// suggest offers addresses of ours to a client that takes them into its contact list (XEP-0144 §3.1), and reports whether it does. It
// takes a request and its answer, so it must not run on the goroutine of a user.
func (g *Gateway) suggest(ctx context.Context, client transports.Address, wanted []suggestion) error {
	known := make(chan bool, 1)
	err := g.ask(ctx, "get", g.domain, client, rosterXWait, func(b *stanza.Builder) {
		b.StartNS("query", nsDiscoInfo).End()
	}, func(iq *stanza.Element) { // XEP-0144 §4
		found := false
		for f := range iq.Child(nsDiscoInfo, "query").Children() {
			found = found || f.Name == "feature" && f.AttrIs("var", nsRosterX)
		}
		known <- found
	})
	if err != nil {
		return err
	}
	if !<-known {
		return errNoRosterX
	}
	var b stanza.Builder
	// XEP-0144 §5: a client that is there gets an IQ. What it answers is its user's business.
	b.Start("iq").Attr("type", "set").JID("from", g.domain).JID("to", client).Attr("id", newID()).StartNS("x", nsRosterX)
	for _, s := range wanted {
		b.Start("item").Attr("action", "add").JID("jid", s.jid).Attr("name", s.name).End()
	}
	b.End().End()
	g.offer(&b)
	return nil
}
