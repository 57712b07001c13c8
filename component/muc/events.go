package muc

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"passerelle/component/downgrade"
	"passerelle/component/markup"
	"passerelle/component/stanza"
	"passerelle/transports"
)

// Event takes an event of the network that concerns this room: one that names it, answers one of its requests, or concerns the
// whole network.
func (r *Room) Event(e transports.Event, out *Out) {
	if !r.entered {
		// Nothing that concerns its members comes before Entered, but for what concerns the whole network.
		switch e.(type) {
		case transports.Entered, transports.Done, transports.State:
		default:
			return
		}
	}
	switch e := e.(type) {
	case transports.Message:
		r.message(e, out)
	case transports.Typing:
		r.typing(e, out)
	case transports.Reacted:
		r.reacted(e, out)
	case transports.Redacted:
		r.redacted(e, out)
	case transports.Joined:
		r.joined(e, out)
	case transports.Parted:
		r.parted(e, out)
	case transports.Renamed:
		r.renamed(e, out)
	case transports.Away:
		r.awayChanged(e, out)
	case transports.PersonChanged:
		r.personChanged(e, out)
	case transports.RoleChanged:
		r.roleChanged(e, out)
	case transports.ModesChanged:
		r.modesChanged(e, out)
	case transports.BanList:
		r.banList(e, out)
	case transports.Subject:
		r.setSubject(e, out)
	case transports.Notice:
		r.Say(e.In(r.opt.Host.Words), out)
	case transports.RawAnswer:
		r.typedDone(e, out)
	case transports.Done:
		r.Done(e.Ref, e.Err, out)
	case transports.Entered:
		r.enter(e, out)
	case transports.Missed:
		r.missedLate(e, out)
	case transports.Read:
		r.readElsewhere(e, out)
	case transports.State:
		r.state(e, out)
	}
}

// enter takes the members of the room: for the first time, or again after the link came back. In the second case only what
// changed is shown.
func (r *Room) enter(e transports.Entered, out *Out) {
	r.forget(e.Ref)
	before, oldNick := r.occupants, r.nick
	most := min(len(e.Members), maxOccupants, max(0, r.opt.Host.Space()+before.count))
	members := make([]occupant, 0, most)
	for _, m := range e.Members {
		if m.Person != nil && len(members) < most {
			o := occupant{person: m.Person, first: m.Person, role: m.Role}
			if was, ok := before.find(m.Person.Nick); ok && sameUser(was.person, m.Person) {
				o.first, o.spoke, o.person = was.first, was.spoke, learnt(was.person, m.Person)
			}
			members = append(members, o)
		}
	}
	r.occupants = newCrowd(members)
	r.nick = e.Nick
	if _, ok := r.occupants.find(r.nick); !ok { // a server that forgets us in its own list
		p := &transports.Person{Nick: r.nick}
		r.occupants.put(occupant{person: p, first: p})
	}
	r.keepAbsent()
	newSubject := subject{text: e.Subject, by: e.SubjectBy, time: e.SubjectTime}
	if !r.entered {
		r.entered, r.subject, r.enteredAt = true, newSubject, r.opt.Now()
		if !r.stays && len(r.clients) > 0 {
			r.wish = r.clients[0].want
		}
		r.enterFirst(&e, out)
		return
	}
	r.refresh(before, oldNick, out)
	if newSubject.text != r.subject.text {
		r.subject = newSubject
		for i := range r.clients {
			r.sendSubject(&r.clients[i], "", out)
		}
	}
	r.resumed(&e, out)
}

// enterFirst shows those who wait what they missed, and lets them in. Who comes anew has that in his history.
func (r *Room) enterFirst(e *transports.Entered, out *Out) {
	var show []line
	if r.returns {
		r.returns = false
		if gap := r.gapOf(r.opt.Host.Words(restartText), e); gap != "" {
			show = append(show, r.keepMark(gap))
		}
	}
	show = append(show, r.missed(e.Missed)...)
	if r.recalling {
		return // they are let in once their history is read
	}
	restored := make(map[transports.Address]bool)
	for i := range r.clients {
		restored[r.clients[i].addr] = r.clients[i].restored
	}
	r.letIn(out)
	r.showMissed(show, func(c *client) bool { return restored[c.addr] }, out)
}

// letIn welcomes the clients that wait.
func (r *Room) letIn(out *Out) {
	for i := range r.clients {
		c := &r.clients[i]
		if c.in {
			continue
		}
		c.in, c.restored = true, false
		r.welcome(c, out)
	}
}

// refresh shows the difference between the occupants that clients know and those that are there.
func (r *Room) refresh(before crowd, oldNick string, out *Out) {
	for i := range r.clients {
		c := &r.clients[i]
		if oldNick != r.nick {
			r.sendRenamed(c, oldNick, r.nick, before.get(oldNick), out)
		}
		r.sendSelf(c, oldNick != r.nick, out)
	}
	delete(r.owed, r.nick) // it is the user's own by now, whoever left with it
	before.remove(oldNick) // somebody else may have that nick now, not seldom one's own ghost
	for nick, was := range before.all() {
		if _, ok := r.occupants.find(nick); !ok {
			r.changed(nick, owed{was: was}, &transports.Parted{}, 0, out)
		}
	}
	for nick, o := range r.occupants.all() {
		if was := before.get(nick); nick != r.nick && (was.person == nil || was.role != o.role) {
			believed := r.belief(nick)
			believed.was = was
			r.changed(nick, believed, nil, 0, out)
		}
	}
}

// Done takes the answer to a request, or its refusal.
func (r *Room) Done(ref transports.Ref, err error, out *Out) {
	p := r.pending[ref]
	if p == nil {
		return
	}
	r.forget(ref)
	e := transports.AsError(err)
	switch {
	case p.kind == pendingAdmin:
		r.adminDone(p, e, out)
	case p.kind == pendingModerate:
		r.moderateDone(p, e, out)
	case p.kind == pendingRefer && e == nil:
		r.referred(p, out)
	case p.kind == pendingBans:
		if e == nil {
			e = transports.NewError(transports.Internal, "", nil)
		}
		r.answerIQ(p.client, p.id, e, out)
	case e == nil:
		// What succeeded has an event of its own.
	case p.kind == pendingJoin:
		r.refuseJoins(e, func(c client) bool { return !c.restored }, out)
	case p.kind == pendingNick:
		r.refuse(p.client, p.nick, p.id, e, out) // XEP-0045 §7.6
	default:
		if p.part > 0 && p.part < p.of {
			e = transports.Errorf(e.Kind, "%d of %d lines went out, the rest did not. %s", p.part, p.of, e).Because(e.Err)
		}
		r.withdraw(p)
		r.bounce(p.client, p.id, e, out)
	}
}

// withdraw forgets a message that everybody saw and that the network did not deliver after all: nobody there heard it.
func (r *Room) withdraw(p *pending) {
	if p.kept == "" {
		return
	}
	r.history.lines = slices.DeleteFunc(r.history.lines, func(l line) bool { return l.stanzaID == p.kept })
	if r.opt.Archive != nil {
		how := KeepOwn
		if p.shared {
			how = KeepHeard
		}
		r.opt.Archive.Withdraw(how, p.kept)
	}
}

// refuseJoins answers clients that wait to be let in.
func (r *Room) refuseJoins(e *transports.Error, which func(client) bool, out *Out) {
	for _, c := range slices.Clone(r.clients) {
		switch {
		case !which(c):
			continue
		case c.restored:
			r.sendRemoved(&c, c.want, statusFault, e.In(r.opt.Host.Words), out)
		default:
			r.refuse(c.addr, c.want, c.join, e, out)
		}
		r.drop(c.addr, out)
	}
}

// lost ends the user's time in the room: he was kicked, or could not be let in again. Who stayed and was not thrown out comes back when the
// network lets him.
func (r *Room) lost(e transports.Parted, out *Out) {
	if r.stays && e.How != transports.PartLost {
		out.Changes = append(out.Changes, Change{Room: r})
	}
	r.stays = false
	if !r.entered {
		r.refuseJoins(transports.AsError(e.Err), func(client) bool { return true }, out)
		return
	}
	reason := e.Reason
	if e.Err != nil {
		reason = transports.AsError(e.Err).In(r.opt.Host.Words)
	}
	for len(r.clients) > 0 {
		c := r.clients[0]
		switch {
		case !c.in: // it waits for the history
			r.refuse(c.addr, c.want, c.join, transports.NewError(transports.Denied, cmp.Or(reason, r.opt.Host.Words("You are not in this room any more.")), e.Err), out)
		case e.How == transports.PartKicked, e.How == transports.PartBanned:
			r.sendKicked(&c, r.nick, r.occupants.get(r.nick), e, reason, out)
		case e.How == transports.PartLost:
			r.sendRemoved(&c, r.nick, statusFault, reason, out)
		default:
			r.sendRemoved(&c, r.nick, 0, reason, out)
		}
		r.drop(c.addr, out)
	}
	r.entered, r.modes, r.outage, r.awaited, r.enteredAt = false, Modes{}, outage{}, "", time.Time{}
	r.owed, r.split = nil, netsplit{}
}

// Shutdown tells every client that the gateway goes down (XEP-0045 §15.6.2, code 332).
func (r *Room) Shutdown(text string, out *Out) {
	for len(r.clients) > 0 {
		c := r.clients[0]
		r.sendRemoved(&c, r.nickFor(&c), statusShutdown, text, out)
		r.drop(c.addr, out)
	}
}

// Suspend tells every client that the gateway goes down and that it is in the room again as soon as it is back; what waits for the network
// fails with that.
func (r *Room) Suspend(why *transports.Error, out *Out) {
	r.failPending(why, out)
	r.Say(why.In(r.opt.Host.Words), out)
}

// state tells the clients that the link to the network went or came back.
func (r *Room) state(e transports.State, out *Out) {
	err := transports.AsError(e.Err)
	if err == nil {
		err = transports.Errorf(transports.Offline, "The connection to %s was closed.", r.opt.Target.Network)
	}
	switch {
	case e.Online: // Entered follows, or the refusal
	case e.Retry == 0:
		r.failPending(err, out)
		r.lost(transports.Parted{Self: true, How: transports.PartLost, Err: err}, out)
	default:
		r.failPending(err, out)
		if err.Text == "" {
			err = transports.Errorf(err.Kind, "The connection to %s was lost.", r.opt.Target.Network)
		}
		r.interrupted(err.In(r.opt.Host.Words), e.Retry, out)
	}
}

// failPending answers what waits for a link that is gone; joins wait on, since the network may come back for them.
func (r *Room) failPending(err error, out *Out) {
	for ref, p := range r.pending {
		if p.kind != pendingJoin && !p.taken {
			r.Done(ref, err, out)
		}
	}
}

// lineOf is what somebody said, as it is kept.
func (r *Room) lineOf(e *transports.Message) line {
	l := line{body: e.Body, time: e.Time}
	if l.time.IsZero() {
		l.time = r.opt.Now()
	}
	if e.From != nil {
		l.nick = e.From.Nick
		l.occupant, l.own = r.speakerID(l.nick, e.From), l.nick == r.nick
	}
	l.body = Prefix(e) + l.body
	l.payload = r.payloadOf(e, markup.ShowXHTML) // which is kept, for everybody who heard it
	return l
}

// payloadOf is what somebody said as XML, where it is more than a body.
func (r *Room) payloadOf(e *transports.Message, show markup.Show) string {
	quotation, reply := r.replied(e.ReplyTo)
	if len(e.Spans) == 0 && reply == "" {
		return ""
	}
	return markup.Payload(quotation+Prefix(e), e.Body, e.Spans, show) + reply
}

// lookOf is a line as the user wants to see it.
func (r *Room) lookOf(l line, e *transports.Message) line {
	if len(e.Spans) > 0 {
		l.payload = r.payloadOf(e, r.formatting().Show)
	}
	return l
}

func (r *Room) message(e transports.Message, out *Out) {
	if e.From != nil {
		r.settle(e.From.Nick, out)
		r.hear(e.From, out)
	}
	l := r.lineOf(&e)
	p := r.pending[e.Ref]
	if p == nil || p.kind != pendingSend || p.taken {
		if e.ID != "" {
			l.netIDs = []string{e.ID}
		}
		l.stanzaID = r.keep(KeepHeard, &e, &l)
		l.id = l.stanzaID
		l = r.lookOf(l, &e)
		r.deliver(l, downgrade.Text{Said: l.body}, out)
		return
	}
	if e.ID != "" {
		p.netIDs = append(p.netIDs, e.ID)
	}
	same := e.Of == 1 && p.same && p.body == l.body
	if !same && r.opt.Archive != nil {
		r.keep(KeepPart, &e, &l) // it is shown to nobody here, so its id is of no use
	}
	if p.part, p.of = e.Part, e.Of; e.Part < e.Of {
		return // the network has taken a part; it is shown once all are there
	}
	p.taken = true
	if r.taken = append(r.taken, e.Ref); len(r.taken) > keepTaken {
		r.forgetTaken(r.taken[0])
		r.taken = slices.Delete(r.taken, 0, 1)
	}
	// XEP-0045 §7.4, with the sender's own id and origin-id for everybody (#stable_id).
	if l.nick != r.nick { // else lineOf has found out
		l.nick, l.occupant = r.nick, r.OccupantID(r.nick)
	}
	l.body, l.payload, l.id, l.own = p.body, p.payload, p.id, true
	if len(p.netIDs) == e.Of { // else it could be taken back in parts only
		l.netIDs = p.netIDs
	}
	how := KeepOwn
	switch {
	case same:
		how = KeepHeard
	case p.noStore:
		how = KeepNot
	}
	l.stanzaID = r.keep(how, &e, &l)
	p.kept, p.shared = l.stanzaID, how == KeepHeard
	if l.id == "" {
		l.id = l.stanzaID
	}
	r.deliver(l, p.text, out)
}

// Prefix is what stands in front of a message to say what it is.
func Prefix(e *transports.Message) string {
	switch {
	case e.Action:
		return markup.ActionPrefix
	case e.Notice:
		return markup.NoticePrefix
	}
	return ""
}

// Styled says how the text looks that a message of a client is to the network, nil where it is plain. What is said about other messages is
// plain.
func Styled(m *stanza.Element, t downgrade.Text, wants func() markup.Settings) *transports.Styled {
	if t.Said == "" || t.Corrects != "" {
		return nil
	}
	lead, ok := strings.CutSuffix(t.Body, t.Said) // whom a reply is to
	if !ok || lead == "" {
		return markup.Read(m, t.Body, t.Action, wants)
	}
	s := markup.Read(m, t.Said, false, wants)
	if s != nil {
		s.Spans = transports.CutSpans(s.Spans, 0, len(s.Text), len(lead))
		s.Text = lead + s.Text
	}
	return s
}

func (r *Room) formatting() markup.Settings { return r.opt.Host.Formatting(r.opt.Target) }

// deliver sends a line to the clients that are in, and remembers it and what it makes of others.
func (r *Room) deliver(l line, t downgrade.Text, out *Out) {
	r.remember(l, t)
	r.shedOlder()
	for i := range r.clients {
		if r.clients[i].in {
			r.sendLine(&r.clients[i], l, false, out)
		}
	}
}

// remember keeps a line for those who come, and what it makes of others.
func (r *Room) remember(l line, t downgrade.Text) {
	switch {
	case t.Passing:
	case len(r.clients) == 0 && r.stays && r.opt.Archive != nil && r.opt.Archive.Keeps():
		r.forgot = true // whoever comes reads it there
	default:
		r.add(l, t)
	}
}

func (r *Room) joined(e transports.Joined, out *Out) {
	if e.Member.Person == nil || e.Member.Person.Nick == r.nick || r.occupants.count >= maxOccupants || r.opt.Host.Space() <= 0 {
		return
	}
	o := occupant{person: e.Member.Person, first: e.Member.Person, role: e.Member.Role}
	nick, hold := o.person.Nick, time.Duration(0)
	was := r.belief(nick)
	if owed := r.owed[nick]; owed != nil && owed.how == transports.PartLost && sameUser(owed.was.person, o.person) {
		o.first, o.spoke, hold = owed.was.first, owed.was.spoke, backHold
		r.split.back++
	}
	r.occupants.put(o)
	r.changed(nick, was, nil, hold, out)
}

// sameUser reports whether somebody who has the nick of another is him, as far as the network says.
func sameUser(a, b *transports.Person) bool {
	return a != nil && (a.Host == "" || b.Host == "" || a.Host == b.Host && a.Ident == b.Ident)
}

func (r *Room) parted(e transports.Parted, out *Out) {
	if e.Self {
		r.lost(e, out)
		return
	}
	o, ok := r.occupants.find(e.Nick)
	if !ok || e.Nick == r.nick {
		return
	}
	thrownOut, hold := e.How == transports.PartKicked || e.How == transports.PartBanned, time.Duration(0)
	if thrownOut {
		r.settle(e.Nick, out)
	}
	was := r.belief(e.Nick)
	r.occupants.remove(e.Nick)
	delete(r.absent, e.Nick)
	if thrownOut {
		for i := range r.clients {
			r.sendKicked(&r.clients[i], e.Nick, o, e, e.Reason, out)
		}
		return
	}
	if e.How == transports.PartLost {
		hold = splitHold
		r.parting(e)
	}
	r.changed(e.Nick, was, &e, hold, out)
}

func (r *Room) renamed(e transports.Renamed, out *Out) {
	self := e.Self || e.Old == r.nick
	r.forget(e.Ref)
	o, ok := r.occupants.find(e.Old)
	if !ok || e.New == "" || e.New == e.Old {
		return
	}
	r.settle(e.Old, out)
	r.settle(e.New, out)
	r.occupants.remove(e.Old)
	r.renameAbsent(e.Old, e.New)
	was := o
	p := *o.person
	p.Nick = e.New
	o.person = &p
	r.occupants.put(o)
	if self {
		r.nick = e.New
		if e.Ref != 0 {
			r.wish = e.New
			r.recordStay(out)
		}
	}
	for i := range r.clients {
		c := &r.clients[i]
		r.sendRenamed(c, e.Old, e.New, was, out)
		if self {
			// A nick that the client did not ask for is marked as assigned (XEP-0045 §7.6).
			r.sendSelf(c, e.Ref == 0 && e.New != c.want, out)
			c.want = e.New
			out.Changes = append(out.Changes, Change{Room: r, Client: c.addr, In: true, Nick: e.New, Password: r.password})
		} else {
			r.sendOccupant(c, e.New, o, out)
		}
	}
}

func (r *Room) roleChanged(e transports.RoleChanged, out *Out) {
	o, ok := r.occupants.find(e.Nick)
	if !ok {
		return
	}
	role := o.role&^e.Revoke | e.Grant
	if role == o.role {
		return
	}
	was := r.belief(e.Nick)
	o.role = role
	r.occupants.put(o)
	if e.Nick != r.nick {
		r.changed(e.Nick, was, nil, 0, out)
		return
	}
	for i := range r.clients {
		r.sendSelf(&r.clients[i], false, out)
	}
}

func (r *Room) setSubject(e transports.Subject, out *Out) {
	id := ""
	if p := r.pending[e.Ref]; p != nil {
		id = p.id
		r.forget(e.Ref)
	}
	r.subject = subject{text: e.Text, by: e.By, time: e.Time}
	if r.opt.Archive != nil { // XEP-0313 §6.1.2: changes of the subject are kept as well
		l := line{nick: e.By, body: e.Text, subject: true, id: id, time: e.Time}
		if l.time.IsZero() {
			l.time = r.opt.Now()
		}
		if l.occupant = r.OccupantID(e.By); l.occupant == "" {
			l.nick = "" // as it is shown: a server, or somebody who is not here
		}
		r.subject.stanzaID = r.keep(KeepHeard, &transports.Message{From: &transports.Person{Nick: e.By}, Body: e.Text, Time: l.time}, &l)
	}
	for i := range r.clients {
		r.sendSubject(&r.clients[i], id, out)
	}
}
