package muc

import (
	"slices"

	"passerelle/component/stanza"
	"passerelle/transports"
)

// Bounds of what one request may change or be told.
const (
	maxAdminItems = 32
	maxAdminBytes = 128 << 10
)

// batch is a request that changes several people and is answered once.
type batch struct {
	left int
	err  *transports.Error // the first
}

// Admin takes an IQ with a muc#admin query (XEP-0045 §8, §9, §10): who is what here, and that somebody be something else.
func (r *Room) Admin(from transports.Address, iq *stanza.Element, out *Out) {
	id := iq.Attr("id")
	if !r.Has(from) {
		r.answerIQ(from, id, transports.NewError(transports.NotJoined, "You are not in this room. Join it first.", nil), out)
		return
	}
	var items []*stanza.Element
	for item := range iq.Child(NSAdmin, "query").Children() {
		if item.Is(NSAdmin, "item") {
			items = append(items, item)
		}
	}
	switch {
	case len(items) == 0:
		r.answerIQ(from, id, transports.NewError(transports.BadRequest, "The request says nobody.", nil), out)
	case len(items) > maxAdminItems:
		r.answerIQ(from, id, transports.Errorf(transports.TooLarge, "%d people at a time are the most.", maxAdminItems), out)
	case iq.AttrIs("type", "get"):
		r.adminGet(from, id, items[0], out)
	default:
		r.adminSet(from, id, items, out)
	}
}

// adminGet answers a request for a list. Those who are not in the room have no rank on IRC and its kin.
func (r *Room) adminGet(from transports.Address, id string, item *stanza.Element, out *Out) {
	role, affiliation := item.Attr("role"), item.Attr("affiliation")
	switch {
	case affiliation == "outcast": // XEP-0045 §9.2
		r.ask(out, pending{kind: pendingBans, client: from, id: id}, func(ref transports.Ref) transports.Request {
			return transports.Inspect{Ref: ref, Room: r.opt.Target, Bans: true}
		})
		return
	case role == "" && !slices.Contains([]string{"owner", "admin", "member"}, affiliation),
		affiliation == "" && !slices.Contains([]string{"moderator", "participant", "visitor"}, role):
		r.answerIQ(from, id, transports.NewError(transports.BadRequest, "There is no such list.", nil), out)
		return
	case !r.opt.Host.MayShow(r.occupants.count):
		r.answerIQ(from, id, transports.NewError(transports.Busy, "You have asked too often who is in your rooms. Try again in a minute.", nil), out)
		return
	}
	b := r.startAdmin(from, id, out)
	start := b.Len()
	for nick, o := range r.occupants.all() {
		if a, ro := r.privileges(o.role); a != affiliation && ro != role || b.Len()-start > maxAdminBytes {
			continue
		}
		r.item(out, o, itemExtra{nick: Resource(nick)})
	}
	b.End().End()
}

func (r *Room) startAdmin(to transports.Address, id string, out *Out) *stanza.Builder {
	return out.Stanzas.Start("iq").JID("from", r.opt.Address).JID("to", to).Attr("type", "result").Attr("id", id).
		StartNS("query", NSAdmin)
}

// banList answers with those who may not come in. A mask is no address; it is written like one, so that clients can send it back.
func (r *Room) banList(e transports.BanList, out *Out) {
	p := r.pending[e.Ref]
	if p == nil || p.kind != pendingBans {
		return
	}
	r.forget(e.Ref)
	b := r.startAdmin(p.client, p.id, out)
	start := b.Len()
	for _, ban := range e.Bans {
		if b.Len()-start > maxAdminBytes {
			break
		}
		b.Start("item").Attr("affiliation", "outcast")
		b.JID("jid", r.opt.Host.MaskJID(ban.Mask))
		if ban.By != "" {
			b.Start("actor").Attr("nick", ban.By).End()
		}
		reason := ban.Mask
		if !ban.Time.IsZero() {
			reason += ban.Time.UTC().Format(" (2006-01-02)")
		}
		b.Start("reason").Text(reason).End()
		b.End()
	}
	b.End().End()
}

// adminSet changes people. It is answered once the network did all of it, or with the first error.
func (r *Room) adminSet(from transports.Address, id string, items []*stanza.Element, out *Out) {
	var all []transports.Moderate
	for _, item := range items {
		q, err := r.moderation(item)
		if err != nil {
			r.answerIQ(from, id, err, out)
			return
		}
		if q != (transports.Moderate{}) {
			all = append(all, q)
		}
	}
	if len(all) == 0 { // everybody is what he should be, and the network would not answer
		r.answerIQ(from, id, nil, out)
		return
	}
	done := &batch{left: len(all)}
	for _, q := range all {
		r.ask(out, pending{kind: pendingAdmin, client: from, id: id, batch: done}, func(ref transports.Ref) transports.Request {
			q.Ref, q.Room = ref, r.opt.Target
			return q
		})
	}
}

// moderation is what an item asks of the network; the zero value where nothing would change.
func (r *Room) moderation(item *stanza.Element) (transports.Moderate, *transports.Error) {
	role, affiliation := item.Attr("role"), item.Attr("affiliation")
	q := transports.Moderate{Reason: item.Child(NSAdmin, "reason").Text()}
	nick, err := r.whom(item, &q)
	switch {
	case err != nil:
		return q, err
	case role != "" && affiliation != "" || role == "" && affiliation == "":
		return q, transports.NewError(transports.BadRequest, "Say either a role or an affiliation.", nil)
	}
	o, in := r.occupants.find(nick)
	switch {
	case affiliation == "outcast": // XEP-0045 §9.1
		q.Ban, q.Kick = true, in
		return q, nil
	case affiliation == "none" && !in: // XEP-0045 §9.2: it can only be a ban that is lifted
		q.Unban = true
		return q, nil
	case q.Mask != "":
		return q, transports.NewError(transports.BadRequest, "Only a nick can have a rank.", nil)
	case !in:
		return q, transports.Errorf(transports.NotFound, "Nobody in this room is called %s.", q.Who.Nick)
	case role == "none": // XEP-0045 §8.2
		q.Kick = true
		return q, nil
	}
	const top, all = transports.RoleOwner | transports.RoleAdmin, ^transports.Role(0)
	const moderators = top | transports.RoleOp | transports.RoleHalfOp
	var grant, revoke transports.Role
	switch {
	case affiliation == "owner" && !o.role.Has(top):
		grant = transports.RoleOwner
	case affiliation == "owner":
	case affiliation == "admin":
		grant, revoke = transports.RoleOp, top
	case affiliation == "member":
		grant, revoke = transports.RoleVoice, moderators
	case affiliation == "none" || role == "visitor":
		revoke = all
	case role == "moderator" && !o.role.Has(moderators):
		grant = transports.RoleHalfOp
	case role == "moderator":
	case role == "participant":
		if revoke = moderators; r.modes.Set.Has(transports.ModeModerated) {
			grant = transports.RoleVoice
		}
	default:
		return q, transports.NewError(transports.BadRequest, "There is no such role or affiliation.", nil)
	}
	q.Grant, q.Revoke = grant&^o.role, revoke&o.role
	if q.Grant|q.Revoke == 0 {
		return transports.Moderate{}, nil
	}
	return q, nil
}

// whom finds out whom an item is about: by nick, by address or, for bans, by mask. The nick is empty where he is not in the room.
func (r *Room) whom(item *stanza.Element, q *transports.Moderate) (nick string, err *transports.Error) {
	want, in := r.nickOf(item.Attr("nick"))
	switch {
	case in:
		q.Who = r.alone(want)
		return want, nil
	case item.HasAttr("nick") && !item.HasAttr("jid"):
		q.Who.Nick = item.Attr("nick")
		return "", nil
	case !item.HasAttr("jid"):
		return "", transports.NewError(transports.BadRequest, "The request does not say whom.", nil)
	}
	// People who are asked for an address write a nick, and Profanity passes on what they wrote.
	if want, in = r.nickOf(item.Attr("jid")); in {
		q.Who = r.alone(want)
		return want, nil
	}
	jid, bad := transports.ParseAddress(item.Attr("jid"))
	if bad == nil && jid.Bare() == r.opt.Address && jid.Resource != "" {
		if want, in = r.nickOf(jid.Resource); in {
			q.Who = r.alone(want)
			return want, nil
		}
	}
	if bad == nil {
		q.Who.Nick, q.Mask = r.opt.Host.Whom(jid)
	}
	if q.Who.Nick == "" && q.Mask == "" {
		return "", transports.NewError(transports.NotFound, "The network knows nobody by this address: name a nick.", nil)
	}
	if p := r.Person(q.Who.Nick); p != nil && q.Mask == "" {
		q.Who = r.alone(p.Nick)
		return p.Nick, nil
	}
	return "", nil
}

// alone is somebody in the room without what others in it share with him.
func (r *Room) alone(nick string) transports.Person {
	p := *r.occupants.get(nick).person
	for other, o := range r.occupants.all() {
		if other != nick && o.person.Host == p.Host {
			p.Host = ""
			break
		}
	}
	return p
}

// adminDone takes the outcome of a part of a request.
func (r *Room) adminDone(p *pending, e *transports.Error, out *Out) {
	if p.batch.err == nil {
		p.batch.err = e
	}
	if p.batch.left--; p.batch.left == 0 {
		r.answerIQ(p.client, p.id, p.batch.err, out)
	}
}
