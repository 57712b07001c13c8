package component

import (
	"context"
	"errors"
	"fmt"

	"passerelle/component/markup"
	"passerelle/component/muc"
	"passerelle/component/stanza"
	"passerelle/store"
	"passerelle/transports"
)

// Namespaces of the archive (XEP-0313 1.1.0) and of stanzas inside stanzas (XEP-0297).
const (
	nsMAM         = "urn:xmpp:mam:2"
	nsMAMExtended = "urn:xmpp:mam:2#extended"
	nsForward     = "urn:xmpp:forward:0"
	nsClient      = "jabber:client"
	nsValidate    = "http://jabber.org/protocol/xdata-validate" // XEP-0122
)

// Bounds of a page. Whoever gets less than he asked for goes on from there.
const (
	mamPage         = 50  // lines where the client does not say (XEP-0313 §4.3.1)
	mamMaxPage      = 250 // lines
	mamMaxPageBytes = 512 << 10
)

// An archive is asked at the address whose messages it holds: at a room for what the user's own sessions heard there, at a contact for
// what he and the user wrote each other, and at the domain for what all contacts did. Nobody reads what another one heard.

// mamQuery answers XEP-0313 §4: the lines that match, then the end of the page.
func (u *user) mamQuery(in *inbound, e entity) {
	root := in.root()
	query := root.Child(nsMAM, "query")
	r := reply{from: in.from, to: in.to, id: root.Attr("id")}
	if root.AttrIs("type", "get") {
		u.mamForm(r)
		return
	}
	q, err := readMAMQuery(query)
	if err != nil {
		u.refuse(in, err)
		return
	}
	where := u.mamPlace(in.to, e)
	none := !where.narrow(u, &q)
	id, queryID := u.g.userID(u.jid), query.Attr("queryid")
	u.background(func(ctx context.Context) func() {
		page := store.Page{Complete: true, Count: 0}
		var err error
		if !none {
			page, err = u.g.readArchive(ctx, id, where, q.Query)
		}
		return func() {
			if err != nil {
				u.answerIQ(r.from, r.to, r.id, u.sayError(archiveError(err)))
				return
			}
			u.sendPage(r, queryID, where, page)
		}
	})
}

// mamPlace is which archive an entity stands for.
type mamPlace struct {
	addr transports.Address // bare, as the client writes it
	room string             // local part under which a room's archive is kept; empty for private conversations
	with string             // local part of the one contact; empty for all
}

func (u *user) mamPlace(to transports.Address, e entity) mamPlace {
	p := mamPlace{addr: to.Bare()}
	switch e.kind {
	case entityRoom:
		p.room = u.g.address(e.target).Local
	case entityContact:
		p.with = u.g.address(e.target).Local
	}
	return p
}

// narrow applies the "with" of a query (XEP-0313 §4.1.1), and reports whether anything can match: in a room the address of an occupant
// is meant, elsewhere that of a contact.
func (p mamPlace) narrow(u *user, q *mamRequest) bool {
	switch {
	case q.with.IsZero():
		q.With = p.with
		return true
	case p.room != "":
		q.With = q.with.Resource
		return u.g.kept(q.with) == u.g.kept(p.addr)
	case q.with.Domain != u.g.domain.Domain:
		return false
	}
	q.With = u.g.kept(q.with).Local
	return q.With != "" && (p.with == "" || q.With == p.with)
}

// readArchive reads a page, with all that the user heard until now.
func (g *Gateway) readArchive(ctx context.Context, id store.UserID, p mamPlace, q store.Query) (page store.Page, err error) {
	defer g.mendPanic(&err)
	if q.Since, err = g.readSince(ctx, id, p); err != nil {
		return store.Page{}, err
	}
	return g.readKept(ctx, id, p, q)
}

// readKept is readArchive for who knows since when the user wants to see something.
func (g *Gateway) readKept(ctx context.Context, id store.UserID, p mamPlace, q store.Query) (page store.Page, err error) {
	defer g.mendPanic(&err)
	if err := g.syncArchive(ctx, id); err != nil {
		return store.Page{}, err
	}
	if p.room != "" {
		return g.opt.Store.QueryRoom(ctx, store.RoomQuery{User: id, Room: p.room, Query: q})
	}
	return g.opt.Store.QueryPrivate(ctx, store.PrivateQuery{User: id, Query: q})
}

// sendPage sends the lines of a page and its end (XEP-0313 §4.2, §4.3).
func (u *user) sendPage(r reply, queryID string, p mamPlace, page store.Page) {
	for i := range page.Lines {
		u.sendArchived(r, queryID, p, &page.Lines[i])
	}
	b := u.out.Stanzas.Start("iq").JID("from", r.to).JID("to", r.from).Attr("type", "result").Attr("id", r.id).StartNS("fin", nsMAM)
	if page.Complete {
		b.Attr("complete", "true")
	}
	appendSet(b, page.First, page.Last, -1, int(page.Count))
	b.End().End()
}

// sendArchived sends a line.
func (u *user) sendArchived(r reply, queryID string, p mamPlace, l *store.Line) {
	b := u.out.Stanzas.Start("message").JID("from", r.to).JID("to", r.from)
	b.StartNS("result", nsMAM).Attr("queryid", queryID).Attr("id", l.ID).StartNS("forwarded", nsForward)
	muc.Delay(b, transports.Address{}, l.Time)
	u.appendArchived(b, p, l)
	b.End().End().End()
}

// appendArchived writes a line as the stanza that it was. Addresses are not kept with it, since a room or a contact may be written in
// several ways.
func (u *user) appendArchived(b *stanza.Builder, p mamPlace, l *store.Line) {
	b.StartNS("message", nsClient)
	contact := transports.Address{Local: l.Who, Domain: p.addr.Domain}
	switch {
	case p.room != "" && l.Who != "":
		b.JID("from", p.addr.WithResource(muc.Resource(l.Who)))
	case p.room != "":
		b.JID("from", p.addr)
	case l.Outgoing:
		b.JID("from", u.jid).JID("to", contact)
	default:
		b.JID("from", contact).JID("to", u.jid)
	}
	at := p.addr
	if p.room == "" {
		at = contact
	}
	b.Graft(markup.Restyle(l.Stanza, u.formattingAt(at)))
}

// mamMetadata answers XEP-0313 §5: the ends of the archive.
func (u *user) mamMetadata(in *inbound, e entity) {
	r := reply{from: in.from, to: in.to, id: in.root().Attr("id")}
	p, id := u.mamPlace(in.to, e), u.g.userID(u.jid)
	u.background(func(ctx context.Context) func() {
		ends, err := u.g.archiveEnds(ctx, id, p)
		return func() {
			if err != nil {
				u.answerIQ(r.from, r.to, r.id, u.sayError(archiveError(err)))
				return
			}
			b := u.out.Stanzas.Start("iq").JID("from", r.to).JID("to", r.from).Attr("type", "result").Attr("id", r.id).StartNS("metadata", nsMAM)
			if ends.First.ID != "" { // an empty archive has no ends
				b.Start("start").Attr("id", ends.First.ID).Attr("timestamp", stanza.Time(ends.First.Time)).End()
				b.Start("end").Attr("id", ends.Last.ID).Attr("timestamp", stanza.Time(ends.Last.Time)).End()
			}
			b.End().End()
		}
	})
}

func (g *Gateway) archiveEnds(ctx context.Context, id store.UserID, p mamPlace) (store.Metadata, error) {
	if err := g.syncArchive(ctx, id); err != nil {
		return store.Metadata{}, err
	}
	since, err := g.readSince(ctx, id, p)
	if err != nil {
		return store.Metadata{}, err
	}
	if p.room != "" {
		return g.opt.Store.RoomMetadata(ctx, id, p.room, since)
	}
	return g.opt.Store.PrivateMetadata(ctx, id, p.with, since)
}

// syncArchive waits until the user can read all that he heard until now.
func (g *Gateway) syncArchive(ctx context.Context, id store.UserID) error {
	if err := g.archive.sync(ctx, id); err != nil {
		return fmt.Errorf("wait for the archive: %w", err)
	}
	return nil
}

// archiveError is an error of the archive for who asked.
func archiveError(err error) error {
	switch {
	case errors.Is(err, store.ErrNoSuchLine): // XEP-0313 §4.1.3, §4.3.2
		return transports.NewError(transports.NotFound, "The archive has no such message.", err)
	case errors.Is(err, context.DeadlineExceeded):
		return transports.NewError(transports.Busy, "The archive is busy. Try again in a moment.", err)
	}
	return err
}
