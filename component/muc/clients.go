package muc

import (
	"slices"

	"passerelle/component/downgrade"
	"passerelle/component/stanza"
	"passerelle/transports"
)

// Presence takes an available presence that a client directed to an occupant JID. Not every client that comes is let in at
// once; that the room is not Empty afterwards says that it is wanted.
func (r *Room) Presence(from transports.Address, nick string, p *stanza.Element, out *Out) {
	x := p.Child(NS, "x")
	c := r.client(from)
	// XEP-0045 §7.2.1 with XEP-0410 §4: a client that lost the room's state joins again and gets all of it.
	again := c != nil && c.in && x != nil && (nick == r.nick || nick == c.want)
	switch {
	case c == nil && x == nil:
		// XEP-0045 §7.2.1 tolerates a join without <x/>; but today such a presence comes from a client that believes to be in
		// after the room forgot it, and a clear refusal makes it join again.
		r.refuse(from, nick, p.Attr("id"), transports.NewError(transports.NotJoined, "You are no longer in this room. Join it again.", nil), out)
	case c == nil && len(r.clients) >= maxClients:
		r.refuse(from, nick, p.Attr("id"), transports.Errorf(transports.Policy,
			"%d of your clients are in this room, which is the most. Leave it with one of them first.", maxClients), out)
	case (again || c == nil && r.entered) && !r.opt.Host.MayShow(r.occupants.count):
		r.refuse(from, nick, p.Attr("id"), transports.NewError(transports.Busy,
			"Your clients have asked too often who is in their rooms. Try again in a minute.", nil), out)
	case c == nil:
		r.join(client{addr: from, want: nick, join: p.Attr("id"), asked: parseHistoryRequest(x)}, x.Child("", "password").Text(), out)
	case !c.in && x == nil && nick == c.want:
		// Its availability changed meanwhile (XEP-0045 §7.7), which IRC and its kin do not show: the join stays as it was.
	case !c.in:
		// A second try while the network has not answered the first: only the newest is answered.
		c.join, c.want, c.asked = p.Attr("id"), nick, parseHistoryRequest(x)
	case again:
		c.join, c.want, c.asked = p.Attr("id"), nick, parseHistoryRequest(x)
		if c.in = !r.recalling; c.in { // else it waits for its history as others do
			r.welcome(c, out)
		}
	case nick != r.nick:
		// XEP-0045 §7.6. Libervia adds <x/> to a nick change as well.
		r.ask(out, pending{kind: pendingNick, client: from, id: p.Attr("id"), nick: nick}, func(ref transports.Ref) transports.Request {
			return transports.SetNick{Ref: ref, Nick: nick}
		})
	default:
		r.sendAvailability(c, p, out)
	}
}

// Restore takes a client back in that was in the room when an earlier process of the gateway died. It believes that it is in it, so it is not
// put out while the network is not there.
func (r *Room) Restore(from transports.Address, nick, password string, out *Out) {
	if r.client(from) != nil {
		return
	}
	r.returns = r.returns || !r.entered
	r.join(client{addr: from, want: nick, restored: true, asked: historyRequest{stanzas: 0, set: true}}, password, out)
	if c := r.client(from); c.in { // that he is back was said before it came
		r.sayTo(c, r.opt.Host.Words(restartText), out)
	}
}

func (r *Room) join(c client, password string, out *Out) {
	if r.entered && !r.recalling {
		c.in = true
		r.clients = append(r.clients, c)
		r.welcome(&r.clients[len(r.clients)-1], out)
		return
	}
	first := len(r.clients) == 0
	asked := slices.ContainsFunc(r.clients, func(o client) bool { return !o.restored }) // of those that wait
	r.clients = append(r.clients, c)
	// On its way is remembered too: after a crash the answer is still owed.
	out.Changes = append(out.Changes, Change{Room: r, Client: c.addr, In: true, Nick: c.want, Password: password})
	if r.entered {
		return
	}
	if first && (password != "" || !r.stays) { // else the one that he came in with before
		r.password = password
	}
	switch {
	case r.recalling, asked:
	case !c.restored:
		r.askIn(&c, out)
	case first && !r.stays:
		out.Requests = append(out.Requests, Ask{Room: r, Request: transports.Join{Room: r.opt.Target, Nick: c.want, Password: r.password, Lasting: true}})
	}
}

// askIn asks the network to let the user in, for a client of his.
func (r *Room) askIn(c *client, out *Out) {
	r.ask(out, pending{kind: pendingJoin, client: c.addr, nick: c.want}, func(ref transports.Ref) transports.Request {
		return transports.Join{Ref: ref, Room: r.opt.Target, Nick: c.want, Password: r.password}
	})
}

// Unavailable takes the unavailable presence of a client: it left the room or went offline (XEP-0045 §7.14).
func (r *Room) Unavailable(from transports.Address, status string, out *Out) {
	c := r.client(from)
	if c == nil {
		return
	}
	nick := r.nick
	if !c.in {
		nick = c.want // the answer to its join as well: there is no other
	}
	said := status
	if r.stays && len(r.clients) == 1 {
		said = r.howToLeave() // whether it leaves on purpose or goes offline looks the same
	}
	b := r.startPresence(out, c.addr, nick, "unavailable", "")
	if said != "" {
		b.Start("status").Text(said).End()
	}
	r.user(out, r.occupants.get(nick), itemExtra{none: true}, statusSelf)
	b.End()
	r.drop(from, out)
	r.leaveIfEmpty(status, out)
}

// Bounced takes an error that came back for something the room sent to a client. The client is out where the error says that
// there is nobody. Unlike in other rooms jid-malformed does not say so: it is the sender whom the server cannot read, since nicks of
// IRC need not be what PRECIS or stringprep allow, and who has such a nick must not throw everybody out.
func (r *Room) Bounced(from transports.Address, errElem *stanza.Element, out *Out) {
	for _, name := range []string{
		"gone", "item-not-found", "recipient-unavailable", "redirect", "remote-server-not-found", "remote-server-timeout",
		"service-unavailable",
	} {
		if errElem.Child(stanza.NSStanzas, name) != nil {
			if r.drop(from, out) {
				r.leaveIfEmpty("", out)
			}
			return
		}
	}
}

// leaveIfEmpty tells the network when the last client went, unless the user stays.
func (r *Room) leaveIfEmpty(reason string, out *Out) {
	if len(r.clients) > 0 {
		return
	}
	for ref, p := range r.pending {
		if p.kind == pendingAdmin || p.kind == pendingBans { // the network's answer finds nobody, and each request is answered (RFC 6120 §8.2.3)
			r.Done(ref, transports.NewError(transports.NotJoined, "You left this room.", nil), out)
		}
	}
	if r.stays {
		r.shed()
		return
	}
	out.Requests = append(out.Requests, Ask{Room: r, Request: transports.Leave{Room: r.opt.Target, Reason: reason}})
}

// Groupchat takes a message of type groupchat that a client sent to the room.
func (r *Room) Groupchat(from transports.Address, m *stanza.Element, out *Out) {
	if !r.Has(from) {
		// XEP-0045 §7.4: "the service MUST return a <not-acceptable/> error".
		r.bounce(from, m.Attr("id"), transports.NewError(transports.NotJoined, "You are not in this room, so your message was not sent. Join it first.", nil), out)
		return
	}
	body := m.Child(stanza.NSComponent, "body")
	if s := m.Child(stanza.NSComponent, "subject"); s != nil && body == nil {
		if err := downgrade.Secret(m, s.Text()); err != nil {
			r.bounce(from, m.Attr("id"), err, out)
			return
		}
		// XEP-0045 §8.1
		r.ask(out, pending{kind: pendingSubject, client: from, id: m.Attr("id")}, func(ref transports.Ref) transports.Request {
			return transports.SetSubject{Ref: ref, Room: r.opt.Target, Subject: s.Text()}
		})
		return
	}
	r.markRead(m, out)
	t := downgrade.Read(m, r.quoted)
	command, typed := Typed(t.Body)
	switch {
	case t.Refused != nil:
		r.bounce(from, m.Attr("id"), t.Refused, out)
	case r.refer(from, m, t, out):
		// It is shown once the network has it.
	case t.Shown:
		r.tellTyping(t, out)
		r.show(m, t, out)
	case t.Body == "":
		// Receipts and the like: nothing that the room could carry, and nothing to complain about.
	case typed && !t.Action:
		r.typed(from, m, t, command, out)
	default:
		said := t.Body // mostly that is all of it
		if string(body.RawText()) != said {
			said = body.Text()
		}
		p := pending{
			kind: pendingSend, client: from, id: m.Attr("id"), body: said, text: t, payload: Payload(m),
			same: sameForAll(m), noStore: !downgrade.ReadHints(m).Archived(true),
		}
		answers := ""
		if l := r.known(t.Answers); l != nil && len(l.netIDs) > 0 {
			answers = l.netIDs[0]
		}
		r.ask(out, p, func(ref transports.Ref) transports.Request {
			return transports.Send{
				Ref: ref, To: r.opt.Target, Body: t.Body, Styled: Styled(m, t, r.formatting), Action: t.Action, ReplyTo: answers,
			}
		})
	}
}

// show shows the user's clients a message of one of them that says nothing to the network: on the laptop one sees what was read on
// the phone (XEP-0333), and which reaction was taken back there (XEP-0444).
func (r *Room) show(m *stanza.Element, t downgrade.Text, out *Out) {
	l := line{nick: r.nick, id: m.Attr("id"), payload: Payload(m), occupant: r.OccupantID(r.nick), time: r.opt.Now(), own: true}
	if l.payload == "" || t.Passing && len(l.payload) > maxState {
		return // too much to be kept, even for so long
	}
	if !t.Passing {
		how := KeepOwn
		if !downgrade.ReadHints(m).Archived(true) {
			how = KeepNot
		}
		l.stanzaID = r.keep(how, &transports.Message{Time: l.time}, &l)
	}
	r.deliver(l, t, out)
}

// quoted finds a message of the room that another one refers to.
func (r *Room) quoted(id string) (downgrade.Quoted, bool) {
	l := r.known(id)
	if l == nil {
		return downgrade.Quoted{}, false
	}
	// What he said before he left the room he said himself, as far as one can tell.
	own := l.own || l.occupant != "" && l.occupant == r.OccupantID(r.nick)
	q := downgrade.Quoted{Nick: l.nick, Body: l.body, Own: own}
	if l.since != nil {
		q.Body, q.Reacted = l.since.said, l.reacted(r.occupantKey(r.nick))
	}
	return q, true
}

// maxPayload bounds what is kept of a message until it is reflected, maxState what tells of a state: nothing else holds back somebody
// who sends those without end to as many clients of his.
const (
	maxPayload = 64 << 10
	maxState   = 1 << 10
)

// Payload is what a message carries, as it will be reflected to all of the user's clients (XEP-0045 §7.4) and kept in the archive: all
// but what only the room may say. It is empty where that is too much.
func Payload(m *stanza.Element) string {
	var most [512]byte // that messages have, mostly
	b := most[:0]
	for c := range m.Children() {
		if c.Is(nsSID, "stanza-id") || c.Is(nsDelay, "delay") || c.Is(NSUser, "x") || c.Is(NSOccupantID, "occupant-id") {
			continue
		}
		b = c.AppendXML(b, stanza.NSComponent)
		if len(b) > maxPayload {
			return ""
		}
	}
	return string(b)
}
