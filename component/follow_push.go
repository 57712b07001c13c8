package component

import (
	"context"
	"errors"
	"strconv"
	"time"

	"passerelle/component/copies"
	"passerelle/component/stanza"
	"passerelle/internal/text"
	"passerelle/store"
	"passerelle/transports"
)

// nsPush is XEP-0357.
const nsPush = "urn:xmpp:push:0"

// pushWay are pushes of a user's server, as a phone gets them, which the gateway asks for in his name (XEP-0356). They say what the server puts
// into them.
type pushWay struct{ fs *followers }

func (w pushWay) offer(_ context.Context, user transports.Address, lang string) (transports.Offer, error) {
	granted := w.fs.g.grants.of(user.Domain)
	if !granted.push {
		return transports.Offer{}, nil
	}
	return transports.Offer{
		Way: transports.WayPush, Speaks: granted.speak != "", Marks: granted.publish,
		Note: text.Say(lang, "Your server says as much of each message as its administrator lets it, which may be that one came and nothing else."),
	}, nil
}

func (w pushWay) follow(ctx context.Context, f *store.Followed, _ string) error {
	if f.ReachedAt.IsZero() {
		f.ReachedAt = now()
	}
	return w.request(ctx, f, "enable")
}

func (w pushWay) unfollow(ctx context.Context, f *store.Followed) error {
	err := w.request(ctx, f, "disable")
	if isMissing(err) { // XEP-0357 §6: there is none
		return nil
	}
	return err
}

// request enables the user's pushes to us, or disables them (XEP-0357 §5, §6).
func (w pushWay) request(ctx context.Context, f *store.Followed, what string) error {
	user, err := transports.ParseAddress(f.JID)
	if err != nil {
		return err
	}
	if !w.fs.g.grants.of(user.Domain).push {
		return transports.NewError(transports.Unsupported, "Your server does not let this gateway have pushes of yours any more.", errNotGranted)
	}
	err = w.fs.g.requestAs(ctx, "set", user, func(b *stanza.Builder) {
		b.StartNS(what, nsPush).JID("jid", w.fs.g.domain).Attr("node", f.Node).End()
	}, nil)
	e, answered := errors.AsType[*iqError](err)
	switch {
	case err == nil:
		return nil
	case !answered || e.typ == "wait":
		return noAnswer(err)
	default:
		return transports.NewError(transports.Unsupported, "Your server does not let this gateway have pushes of yours any more.", err)
	}
}

// fill enables the pushes again, which changes nothing where they are, and says how many messages came since the last one.
func (w pushWay) fill(ctx context.Context, f *store.Followed) error {
	user, err := transports.ParseAddress(f.JID)
	if err != nil {
		return err
	}
	granted := w.fs.g.grants.of(user.Domain)
	if !granted.push && !w.fs.g.grants.known(user.Domain) {
		return noAnswer(errNotGranted) // it has just come up, and has not said yet what it grants
	}
	if err := w.request(ctx, f, "enable"); err != nil {
		return err
	}
	at := now()
	online, _ := w.fs.online(user)
	if granted.count && !f.ReachedAt.IsZero() && !(online && f.Kind == int(transports.FollowOffline)) {
		n, err := w.count(ctx, user, f)
		if err != nil {
			w.fs.g.log.Debug("how many messages came for a user cannot be known", w.fs.g.opt.Identity(f.JID), "error", err)
		}
		if n > 0 {
			if err := w.fs.to.Copied(ctx, transports.Copy{Way: transports.WayPush, User: user, Time: at, Partial: true, More: n}); err != nil {
				return err
			}
		}
	}
	f.ReachedAt = at
	return nil
}

// count asks the user's archive how many messages it has of the time since the last push. Servers read times in seconds: what came in the second of
// the last push has mostly been pushed.
func (w pushWay) count(ctx context.Context, user transports.Address, f *store.Followed) (int, error) {
	n, start := 0, f.ReachedAt.Truncate(time.Second).Add(time.Second)
	err := w.fs.g.requestAs(ctx, "set", user, func(b *stanza.Builder) {
		b.StartNS("query", nsMAM).StartNS("x", nsForm).Attr("type", "submit")
		for _, field := range [...][2]string{{"FORM_TYPE", nsMAM}, {"start", stanza.Time(start)}} {
			b.Start("field").Attr("var", field[0]).Start("value").Text(field[1]).End().End()
		}
		b.End().StartNS("set", nsRSM).Start("max").Text("0").End().End().End() // XEP-0059 §2.7
	}, func(iq *stanza.Element) {
		n, _ = strconv.Atoi(iq.Child(nsMAM, "fin").Child(nsRSM, "set").Child(nsRSM, "count").Text())
	})
	return n, err
}

func (w pushWay) pushed(ctx context.Context, f *store.Followed, found copies.Found) error {
	if found.Copy != nil {
		found.Copy.Way = transports.WayPush
	}
	if err := w.fs.take(ctx, found); err != nil {
		return err
	}
	f.ReachedAt = now()
	return nil
}

func (w pushWay) marks(ctx context.Context, f *store.Followed) ([]transports.ReadMark, error) {
	return w.fs.g.marksAs(ctx, f)
}

// marksAs asks in a user's name what he has displayed (XEP-0490 §3).
func (g *Gateway) marksAs(ctx context.Context, f *store.Followed) ([]transports.ReadMark, error) {
	user, err := transports.ParseAddress(f.JID)
	if err != nil {
		return nil, err
	}
	var marks []transports.ReadMark
	err = g.askAs(ctx, "get", user, func(b *stanza.Builder) {
		b.Start("items").Attr("node", nsDisplayed).End()
	}, func(pubsub *stanza.Element) { marks = copies.Displayed(pubsub, user) })
	switch {
	case errors.Is(err, errNotGranted), isMissing(err): // no client of his has displayed anything
		return nil, nil
	case err != nil:
		return nil, noAnswer(err)
	}
	return marks, nil
}

// isPush reports whether a stanza is a push (XEP-0357 §7).
func isPush(e *stanza.Element) (node string, notification *stanza.Element) {
	publish := e.Child(nsPubSub, "pubsub").Child(nsPubSub, "publish")
	notification = publish.Child(nsPubSub, "item").Child(nsPush, "notification")
	return publish.Attr("node"), notification
}

// push takes a push. It runs on the reader's goroutine. Who pushes what he may not gets the answer that he would get from a gateway that takes no
// pushes at all.
func (fs *followers) push(from, to transports.Address, e *stanza.Element, node string, notification *stanza.Element) {
	r := reply{from: from, to: to, id: e.Attr("id")}
	fs.mu.Lock()
	user, ok := fs.nodes[node]
	_, followed := fs.users[user]
	fs.mu.Unlock()
	if !ok || from != (transports.Address{Domain: user.Domain}) && from != user {
		fs.answerPush(r, transports.NewError(transports.Unsupported, "", nil))
		return
	}
	if !followed {
		fs.answerPush(r, nil) // an error may have the server say something to the user
		return
	}
	found := copies.Pushed(notification, user, now())
	size := 1024
	if found.Copy != nil {
		size += len(found.Copy.Body)
	}
	if !fs.lanes.Post(user, size, func() { fs.answerPush(r, fs.takePush(user, found)) }) {
		fs.answerPush(r, transports.NewError(transports.Busy, "", nil))
	}
}

// takePush takes a push, in the user's lane. Its error is temporary: every other one would end the registration.
func (fs *followers) takePush(user transports.Address, found copies.Found) *transports.Error {
	row, ok := fs.of(user)
	way := fs.ways[transports.Way(row.Way)]
	if !ok || way == nil {
		return nil
	}
	err := transports.AsError(way.pushed(fs.life(), &row, found))
	switch {
	case err == nil:
		fs.reach(user, row)
		return nil
	case err.Kind.Temporary():
		return transports.NewError(transports.Busy, "", nil)
	}
	fs.g.log.Error("a push could not be taken", fs.g.opt.Identity(user.String()), "error", err)
	return nil
}

// answerPush answers a push.
func (fs *followers) answerPush(r reply, err *transports.Error) {
	var b stanza.Builder
	b.Start("iq").JID("from", r.to).JID("to", r.from).Attr("id", r.id)
	switch {
	case err == nil:
		b.Attr("type", "result").End()
	case err.Kind == transports.Unsupported:
		b.Attr("type", "error").RawError("cancel", "service-unavailable", "").End()
	default:
		b.Attr("type", "error").Error(err).End()
	}
	fs.g.offer(&b)
}
