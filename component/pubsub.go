package component

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"passerelle/component/avatar"
	"passerelle/component/microblog"
	"passerelle/component/stanza"
	"passerelle/internal/text"
	"passerelle/transports"
)

// The nodes of contacts of a transport that is Social (XEP-0060): what they publish, what others answer and attach to that, whom they follow. All of
// it is read from the transport for who asks, so a request waits; those about one contact are done in their order. The nodes of XEP-0163 that
// contacts of all transports have are answered by pepItems.

const (
	nsPubSubErrors = nsPubSub + "#errors"
	nsPubSubOwner  = nsPubSub + "#owner"
	nsPubSubMeta   = nsPubSub + "#meta-data"
)

// Bounds of requests.
const (
	maxPubSub     = 500 // that wait, of one user: some clients ask for the feeds of all contacts when they start
	maxPubSubBusy = 4   // contacts at a time
	maxItems      = 50  // of a page
	maxItemIDs    = 50  // that are asked for by name
	maxSummed     = 20  // items whose attachments are summed up at a time
	maxNodeName   = 3 << 10
)

// pubsubFeatures are what is there of XEP-0060 (§10), and what stands on it.
var pubsubFeatures = []string{
	nsPubSub + "#access-open", nsPubSub + "#item-ids", nsPubSub + "#meta-data", nsPubSub + "#persistent-items", nsPubSub + "#presence-subscribe",
	nsPubSub + "#publish", nsPubSub + "#retract-items", nsPubSub + "#retrieve-items", nsPubSub + "#retrieve-subscriptions", nsPubSub + "#rsm", nsPubSub + "#subscribe",
	microblog.NSFeed, microblog.NSAttachments, microblog.NSPublic,
}

// payload writes what answers a request; nil for nothing.
type payload func(b *stanza.Builder)

// pubsubWork is a request about a contact, until it is answered.
type pubsubWork struct {
	of        transports.Target
	do        func(context.Context) (payload, error) // away from the user's goroutine
	unfollows bool
	// done is told on it what became of that.
	done func(payload, error)
}

// asksOf is what a user asks of contacts who publish and what waits for its turn.
type asksOf struct {
	work    []pubsubWork
	busy    map[transports.Target]struct{} // contacts of whom something is being done
	looks   []looking                      // see faces.go
	looking bool
}

func (u *user) publishers() *asksOf {
	if u.asksOf == nil {
		u.asksOf = &asksOf{busy: make(map[transports.Target]struct{})}
	}
	return u.asksOf
}

// pubsubLater has work done behind all that waits about the same contact. It reports whether there is room for it.
func (u *user) pubsubLater(w pubsubWork) bool {
	a := u.publishers()
	if len(a.work) >= maxPubSub {
		return false
	}
	a.work = append(a.work, w)
	u.workPubSub()
	return true
}

func (u *user) workPubSub() {
	a := u.publishers()
	for i := 0; i < len(a.work) && len(a.busy) < maxPubSubBusy; {
		w := a.work[i]
		if _, busy := a.busy[w.of]; busy {
			i++
			continue
		}
		a.work = slices.Delete(a.work, i, i+1)
		a.busy[w.of] = struct{}{}
		u.background(func(ctx context.Context) func() {
			p, err := u.g.tryPubSub(ctx, w.do)
			return func() {
				delete(a.busy, w.of)
				w.done(p, err)
				u.workPubSub()
			}
		})
	}
}

func (g *Gateway) tryPubSub(ctx context.Context, do func(context.Context) (payload, error)) (p payload, err error) {
	defer g.mendPanic(&err)
	return do(ctx)
}

// pubsubAnswer has a request answered with what do gives.
func (u *user) pubsubAnswer(in *inbound, of transports.Target, do func(context.Context) (payload, error)) {
	r := reply{from: in.from, to: in.to, id: in.root().Attr("id")}
	if !u.pubsubLater(pubsubWork{of: of, do: do, done: func(p payload, err error) { u.answerPubSub(r, p, err) }}) {
		u.refuse(in, transports.NewError(transports.Busy, "", nil))
	}
}

func (u *user) answerPubSub(r reply, p payload, err error) {
	if err != nil {
		u.refusePubSub(r, err)
		return
	}
	b := u.resultTo(r)
	if p != nil {
		p(b)
	}
	b.End()
}

// pubsubRefusal is an error that says more than transports have words for (XEP-0060 §14.3).
type pubsubRefusal struct {
	typ, condition string
	special        string // of XEP-0060
	feature        string // that is not there
	err            *transports.Error
}

func (e *pubsubRefusal) Error() string { return e.condition + ": " + e.special }

// unsupported refuses what no node here can do.
func unsupported(feature string) error {
	return &pubsubRefusal{
		typ: "cancel", condition: "feature-not-implemented", special: "unsupported", feature: feature,
		err: transports.NewError(transports.Unsupported, "The nodes of this gateway cannot do this.", nil),
	}
}

func badPubSub(special string, err *transports.Error) error {
	return &pubsubRefusal{typ: "modify", condition: "bad-request", special: special, err: err}
}

func noNode() error {
	return transports.NewError(transports.NotFound, "There is no such node, or nothing in it.", nil)
}

func (u *user) refusePubSub(r reply, err error) {
	e, ok := errors.AsType[*pubsubRefusal](err)
	if !ok {
		u.answerIQ(r.from, r.to, r.id, u.sayError(err))
		return
	}
	b := u.out.Stanzas.Start("iq").JID("from", r.to).JID("to", r.from).Attr("type", "error").Attr("id", r.id)
	b.Start("error").Attr("type", e.typ)
	b.StartNS(e.condition, stanza.NSStanzas).End()
	b.StartNS("text", stanza.NSStanzas).Text(u.inWords("", e.err).Text).End()
	b.StartNS(e.special, nsPubSubErrors).Attr("feature", e.feature).End()
	b.End().End()
}

// pubsub answers a request about the nodes of an entity.
func (u *user) pubsub(in *inbound, e entity) {
	root := in.root()
	x := root.Child(nsPubSub, "pubsub")
	items := x.Child(nsPubSub, "items")
	publishes := u.g.social != nil && e.kind == entityContact
	var do func(context.Context) (payload, error)
	var err error
	switch isGet := root.AttrIs("type", "get"); {
	case isGet && (!publishes || items != nil && isPEP(items.Attr("node"))):
		u.pepItems(in, e)
		return
	case !publishes:
		u.answerUnknown(in)
		return
	case isGet:
		do, err = u.readPubSub(e.target, x)
	default:
		if _, unread := u.related(); unread != nil {
			u.refuse(in, unread)
			return
		}
		if u.blocks(in.to) {
			u.refuseBlocked(in)
			return
		}
		do, err = u.writePubSub(in, e.target, x)
	}
	if err != nil {
		u.refusePubSub(reply{from: in.from, to: in.to, id: root.Attr("id")}, err)
		return
	}
	u.pubsubAnswer(in, e.target, do)
}

// isPEP reports whether pepItems has a node.
func isPEP(node string) bool {
	return node == nodeVCard4 || node == nsNick || node == avatar.NSMetadata || node == avatar.NSData
}

// hasEntries reports whether what is in a node of a contact are entries.
func hasEntries(node string) bool {
	return node == transports.NodeFeed || isComments(node)
}

func isComments(node string) bool {
	return strings.HasPrefix(node, transports.NodeComments) && len(node) > len(transports.NodeComments)
}

// checkNode says what is wrong with the name of a node.
func checkNode(node string) error {
	switch {
	case node == "":
		return badPubSub("nodeid-required", transports.NewError(transports.BadRequest, "This does not say which node it is about.", nil)) // XEP-0060 §6.1.3.8
	case len(node) > maxNodeName:
		return noNode()
	}
	return nil
}

// readPubSub reads what is asked for.
func (u *user) readPubSub(of transports.Target, x *stanza.Element) (func(context.Context) (payload, error), error) {
	if items := x.Child(nsPubSub, "items"); items != nil {
		return u.readItems(of, x, items)
	}
	if s := x.Child(nsPubSub, "subscriptions"); s != nil {
		node := s.Attr("node")
		return func(ctx context.Context) (payload, error) { return u.g.subscriptions(ctx, u.jid, of, node) }, nil
	}
	for child, feature := range map[string]string{
		"affiliations": "retrieve-affiliations", "options": "subscription-options", "default": "retrieve-default-sub",
	} {
		if x.Child(nsPubSub, child) != nil {
			return nil, unsupported(feature)
		}
	}
	return nil, transports.NewError(transports.BadRequest, "", nil)
}

// readItems reads which items of which node are asked for (XEP-0060 §6.5).
func (u *user) readItems(of transports.Target, x, items *stanza.Element) (func(context.Context) (payload, error), error) {
	node := items.Attr("node")
	if err := checkNode(node); err != nil {
		return nil, err
	}
	page, bad := readPage(x, maxItems)
	if bad != nil {
		return nil, bad
	}
	if page.index > 0 { // XEP-0059 §2.6
		return nil, transports.NewError(transports.Unsupported, "Pages of a feed begin at an item.", nil)
	}
	if n := number64(items.Attr("max_items")); n > 0 && !page.asked { // XEP-0060 §6.5.7
		page.max = int(min(n, maxItems))
	}
	var ids []string
	for item := range items.Children() {
		id := item.Attr("id")
		if !item.Is(nsPubSub, "item") || id == "" || len(id) > maxNodeName {
			continue
		}
		if ids = append(ids, id); len(ids) > maxItemIDs {
			return nil, transports.NewError(transports.TooLarge, "These are more items than can be asked for at a time.", nil)
		}
	}
	user, g := u.jid, u.g
	switch {
	case hasEntries(node):
		q := transports.ItemQuery{Node: node, IDs: ids, Max: page.max, After: page.after, Before: page.before, Last: page.last}
		return func(ctx context.Context) (payload, error) { return g.entries(ctx, user, of, q, page.asked) }, nil
	case strings.HasPrefix(node, microblog.NSAttachments+"/"):
		return func(ctx context.Context) (payload, error) { return g.attachments(ctx, user, of, node, ids) }, nil
	case node == microblog.SummaryNode(transports.NodeFeed):
		q := transports.ItemQuery{Node: transports.NodeFeed, IDs: ids, Max: min(page.max, maxSummed), After: page.after, Before: page.before, Last: page.last}
		if len(ids) > maxSummed {
			return nil, transports.NewError(transports.TooLarge, "These are more items than can be asked for at a time.", nil)
		}
		return func(ctx context.Context) (payload, error) { return g.summaries(ctx, user, of, q, page.asked) }, nil
	case node == microblog.NodeSubscriptions, node == microblog.NodeSubscribed, node == microblog.NodeSubscribers+transports.NodeFeed:
		return func(ctx context.Context) (payload, error) { return g.follows(ctx, user, of, node, ids, page) }, nil
	}
	return nil, noNode()
}

// number64 reads a number; 0 where it is none.
func number64(s string) int64 {
	var n int64
	for _, c := range []byte(s) {
		if c < '0' || c > '9' || n > 1<<31 {
			return 0
		}
		n = 10*n + int64(c-'0')
	}
	return n
}

// names translates between contacts and their JIDs.
func (g *Gateway) names() microblog.Names {
	return microblog.Names{Address: g.address, Contact: func(a transports.Address) (transports.Target, bool) {
		if a.Domain != g.domain.Domain || a.Local == "" {
			return transports.Target{}, false
		}
		e, err := g.entity(a.Bare())
		return e.target, err == nil && e.kind == entityContact
	}}
}

// jidOf is the JID of somebody who publishes; the zero Address where he has none.
func (g *Gateway) jidOf(a transports.Author) transports.Address {
	if a.Who.Kind == transports.TargetContact {
		return g.address(a.Who)
	}
	return a.User
}

// subscribeToFeed follows a contact whom the user takes into his contact list, and says so once that is written down.
func (u *user) subscribeToFeed(in *inbound, e entity, accept func()) {
	contact, lang := in.to.Bare(), in.root().Attr("xml:lang")
	refuse := func(err error) {
		u.out.Stanzas.Start("presence").JID("from", contact).JID("to", u.jid).Attr("type", "unsubscribed").End()
		why := u.inWords(lang, u.sayError(err)).Text
		u.say(saidTo(contact, u.jid, lang), cmp.Or(why, text.Say(cmp.Or(lang, u.lang), "Nobody can be followed just now. Try again in a moment.")))
	}
	done := func(_ payload, err error) {
		known, unread := u.related()
		switch {
		case slices.ContainsFunc(u.publishers().work, func(w pubsubWork) bool { return w.of == e.target && w.unfollows }):
			// He has gone back on it, and was told.
		case err != nil:
			refuse(err)
		case unread != nil:
			refuse(unread)
		case u.inContacts(contact):
			accept()
		default:
			u.addContact(known, e, contact, func(err error) {
				if err != nil {
					refuse(err)
				} else if u.inContacts(contact) { // else he has gone back on it meanwhile, and was told
					accept()
				}
			})
		}
	}
	user, g := u.jid, u.g
	if !u.pubsubLater(pubsubWork{of: e.target, done: done, do: func(ctx context.Context) (payload, error) {
		return nil, g.social.Subscribe(ctx, user, e.target, transports.NodeFeed, true)
	}}) {
		u.refuse(in, transports.NewError(transports.Busy, "", nil))
	}
}

// unsubscribeFromFeed has the user follow a contact no more.
func (u *user) unsubscribeFromFeed(t transports.Target) {
	user, g := u.jid, u.g
	failed := func(err error) {
		if err != nil && transports.AsError(err).Kind != transports.NotFound {
			g.log.Error("that somebody is not followed any more could not be written", u.logID(), "error", err)
		}
	}
	if !u.pubsubLater(pubsubWork{of: t, unfollows: true, done: func(_ payload, err error) { failed(err) }, do: func(ctx context.Context) (payload, error) {
		return nil, g.social.Subscribe(ctx, user, t, transports.NodeFeed, false)
	}}) {
		failed(errTooMuch)
	}
}

var errTooMuch = errors.New("too much waits")
