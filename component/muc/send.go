package muc

import (
	"time"

	"passerelle/component/stanza"
	"passerelle/transports"
)

// FarPast is how old a message must be to be shown with the time it was said.
const FarPast = 30 * time.Second

// welcome sends a client the whole state of the room in the order that clients rely on (XEP-0045 §7.1): the other occupants, the
// client itself, the history, the subject.
func (r *Room) welcome(c *client, out *Out) {
	for nick, o := range r.believed() {
		if nick != r.nick {
			r.sendOccupant(c, nick, o, out)
		}
	}
	r.sendSelf(c, c.want != r.nick, out)
	for _, l := range r.pickHistory(c.asked) {
		r.sendLine(c, l, true, out)
		r.sendReactions(c, l, out)
	}
	r.sendSubject(c, "", out)
	out.Changes = append(out.Changes, Change{Room: r, Client: c.addr, In: true, Nick: r.nick, Password: r.password})
}

func (r *Room) startPresence(out *Out, to transports.Address, nick, typ, id string) *stanza.Builder {
	return out.Stanzas.Start("presence").JID("from", r.occupantJID(nick)).JID("to", to).Attr("type", typ).Attr("id", id)
}

// itemExtra is what an item says beside affiliation and role.
type itemExtra struct {
	none   bool   // the occupant is gone
	banned bool   // for good
	nick   string // his new nick
	actor  string // nick of who did it
	reason string
}

// user appends the <x/> of a presence (XEP-0045 §7.2.2).
func (r *Room) user(out *Out, o occupant, extra itemExtra, status ...int) {
	b := &out.Stanzas
	b.StartNS("x", NSUser)
	r.item(out, o, extra)
	for _, code := range status {
		if code != 0 {
			b.Start("status").Int("code", code).End()
		}
	}
	b.End()
	AppendOccupantID(b, r.occupantID(o))
	if !extra.none {
		appendHats(b, o)
	}
}

// item appends an item about somebody (XEP-0045 §5).
func (r *Room) item(out *Out, o occupant, extra itemExtra) {
	b := &out.Stanzas
	affiliation, role := r.privileges(o.role)
	if extra.none {
		role = "none"
	}
	if extra.banned {
		affiliation = "outcast"
	}
	b.Start("item").Attr("affiliation", affiliation).Attr("role", role).Attr("nick", extra.nick)
	if jid := r.realJID(o); !jid.IsZero() {
		b.JID("jid", jid)
	}
	if extra.actor != "" {
		b.Start("actor").Attr("nick", extra.actor).End()
	}
	if extra.reason != "" {
		b.Start("reason").Text(extra.reason).End()
	}
	b.End()
}

func (r *Room) sendOccupant(c *client, nick string, o occupant, out *Out) {
	if !c.in {
		return
	}
	b := r.startPresence(out, c.addr, nick, "", "")
	r.appendAway(b, nick)
	r.user(out, o, itemExtra{})
	r.appendPicture(b, nick)
	b.End()
}

// sendSelf is the presence that tells a client that it is in (XEP-0045 §7.2.2); assigned says that its nick is not the one that
// it asked for.
func (r *Room) sendSelf(c *client, assigned bool, out *Out) {
	if !c.in {
		return
	}
	b := r.startPresence(out, c.addr, r.nick, "", c.join)
	c.join = ""
	code := 0
	if assigned {
		code = statusNickAssigned
	}
	r.user(out, r.occupants.get(r.nick), itemExtra{}, statusNonAnonymous, statusSelf, code)
	b.End()
}

// maxStatus bounds what a client says of its availability, in bytes.
const maxStatus = 1000

// sendAvailability answers the presence of a client that is in (XEP-0045 §7.7). The network and the user's other clients, which have
// one of their own, are not shown it.
func (r *Room) sendAvailability(c *client, p *stanza.Element, out *Out) {
	b := r.startPresence(out, c.addr, r.nick, "", p.Attr("id"))
	for _, name := range []string{"show", "status"} {
		if e := p.Child(stanza.NSComponent, name); e != nil && len(e.RawText()) <= maxStatus {
			b.Start(name).Text(e.Text()).End()
		}
	}
	r.user(out, r.occupants.get(r.nick), itemExtra{}, statusNonAnonymous, statusSelf)
	b.End()
}

func (r *Room) sendGone(c *client, nick string, o occupant, code int, reason string, out *Out) {
	if !c.in {
		return
	}
	b := r.startPresence(out, c.addr, nick, "unavailable", "")
	if reason != "" {
		b.Start("status").Text(reason).End()
	}
	r.user(out, o, itemExtra{none: true}, code)
	b.End()
}

// sendKicked shows a kick (XEP-0045 §8.2) or a ban (§9.1).
func (r *Room) sendKicked(c *client, nick string, o occupant, e transports.Parted, reason string, out *Out) {
	if !c.in {
		return
	}
	self, code, banned := 0, statusKicked, e.How == transports.PartBanned
	if nick == r.nick {
		self = statusSelf
	}
	if banned {
		code = statusBanned
	}
	b := r.startPresence(out, c.addr, nick, "unavailable", "")
	o.role = 0 // XEP-0045 §8.2: a kick leaves the affiliation alone, but IRC keeps none for who is not there
	r.user(out, o, itemExtra{none: true, banned: banned, actor: e.By, reason: reason}, code, self)
	b.End()
}

// sendRemoved takes a client out of the room without anybody's doing.
func (r *Room) sendRemoved(c *client, nick string, code int, reason string, out *Out) {
	b := r.startPresence(out, c.addr, nick, "unavailable", "")
	if reason != "" {
		b.Start("status").Text(reason).End()
	}
	r.user(out, occupant{first: r.occupants.get(nick).first}, itemExtra{none: true, reason: reason}, statusSelf, code)
	b.End()
}

// sendRenamed shows that an occupant goes by another nick (XEP-0045 §7.6); the presence under the new nick follows.
func (r *Room) sendRenamed(c *client, from, to string, was occupant, out *Out) {
	if !c.in {
		return
	}
	self := 0
	if to == r.nick {
		self = statusSelf
	}
	b := r.startPresence(out, c.addr, from, "unavailable", "")
	r.user(out, was, itemExtra{nick: to}, statusNickChanged, self)
	b.End()
}

// sendLine sends a message of the room. History carries the time (XEP-0045 §7.2.14), and so does a line that reached the gateway
// long after it was said.
func (r *Room) sendLine(c *client, l line, old bool, out *Out) {
	b := out.Stanzas.Start("message")
	from := r.opt.Address
	if l.nick != "" {
		from = r.occupantJID(l.nick)
	}
	b.JID("from", from).JID("to", c.addr).Attr("type", "groupchat").Attr("id", l.id)
	l.appendContent(b)
	if l.stanzaID != "" {
		b.StartNS("stanza-id", nsSID).JID("by", r.opt.Address).Attr("id", l.stanzaID).End()
	}
	r.appendOrigin(b, &l, old)
	b.End()
}

// appendContent writes what a message says.
func (l *line) appendContent(b *stanza.Builder) {
	switch {
	case l.payload != "":
		b.Raw([]byte(l.payload))
	case l.subject:
		b.Start("subject").Text(l.body).End()
	default:
		b.Start("body").Text(l.body).End()
	}
}

// appendOrigin writes who said a message, and when, where it is old or reached the gateway late.
func (r *Room) appendOrigin(b *stanza.Builder, l *line, old bool) {
	AppendOccupantID(b, l.occupant)
	if old || r.opt.Now().Sub(l.time) > FarPast {
		Delay(b, r.opt.Address, l.time)
	}
}

// Delay appends XEP-0203's element: from held back what was said at t.
func Delay(b *stanza.Builder, from transports.Address, t time.Time) {
	b.StartNS("delay", nsDelay).JID("from", from).
		Attr("stamp", stanza.Time(t)).End()
}

// sendSubject is sent on each join, an empty one too: it tells the client that the history is over (XEP-0045 §7.2.15).
func (r *Room) sendSubject(c *client, id string, out *Out) {
	if !c.in {
		return
	}
	from, by := r.opt.Address, occupant{}
	if o, ok := r.occupants.find(r.subject.by); ok {
		from, by = r.occupantJID(r.subject.by), o
	}
	if id == "" {
		if id = r.subject.stanzaID; id == "" {
			id = r.opt.NewID()
		}
	}
	b := out.Stanzas.Start("message").JID("from", from).JID("to", c.addr).Attr("type", "groupchat").Attr("id", id)
	b.Start("subject").Text(r.subject.text).End()
	if r.subject.stanzaID != "" {
		b.StartNS("stanza-id", nsSID).JID("by", r.opt.Address).Attr("id", r.subject.stanzaID).End()
	}
	AppendOccupantID(b, r.occupantID(by))
	if !r.subject.time.IsZero() && r.opt.Now().Sub(r.subject.time) > FarPast {
		Delay(b, r.opt.Address, r.subject.time)
	}
	b.End()
}

// Say shows text from the room itself to every client that is in.
func (r *Room) Say(text string, out *Out) {
	for i := range r.clients {
		r.sayTo(&r.clients[i], text, out)
	}
}

func (r *Room) sayTo(c *client, text string, out *Out) {
	if !c.in && !c.restored || text == "" {
		return
	}
	out.Stanzas.Start("message").JID("from", r.opt.Address).JID("to", c.addr).Attr("type", "groupchat").Attr("id", r.opt.NewID()).
		Start("body").Text(text).End().
		End()
}

// refuse answers a presence with an error (XEP-0045 §7.2).
func (r *Room) refuse(to transports.Address, nick, id string, e *transports.Error, out *Out) {
	b := r.startPresence(out, to, nick, "error", id)
	b.StartNS("x", NS).End()
	b.Error(r.inWords(e)).End()
}

// bounce answers a message with an error.
func (r *Room) bounce(to transports.Address, id string, e *transports.Error, out *Out) {
	out.Stanzas.Start("message").JID("from", r.opt.Address).JID("to", to).Attr("type", "error").Attr("id", id).
		Error(r.inWords(e)).End()
}

// inWords is an error in the user's language.
func (r *Room) inWords(e *transports.Error) *transports.Error {
	return transports.NewError(e.Kind, e.In(r.opt.Host.Words), e.Err)
}

// answerIQ answers a set; a nil error is success.
func (r *Room) answerIQ(to transports.Address, id string, e *transports.Error, out *Out) {
	b := out.Stanzas.Start("iq").JID("from", r.opt.Address).JID("to", to).Attr("id", id)
	if e == nil {
		b.Attr("type", "result").End()
		return
	}
	b.Attr("type", "error").Error(r.inWords(e)).End()
}
