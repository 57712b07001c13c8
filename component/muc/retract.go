package muc

import (
	"slices"
	"time"

	"passerelle/component/downgrade"
	"passerelle/component/stanza"
	"passerelle/transports"
)

// NSModerate is the namespace of moderated retractions (XEP-0425).
const NSModerate = "urn:xmpp:message-moderate:1"

// NSTombstone is what an archive announces that has something in place of what was taken back (XEP-0424 §5).
const NSTombstone = downgrade.NSRetract + "#tombstone"

// Tombstone is what stands in an archive in place of a message that was taken back: who did so, and by which message.
type Tombstone struct {
	By         string // a nick
	Moderated  bool   // it was somebody else than who said it
	ByOccupant string
	Reason     string
	Retraction string // id of the message that took it back
	Time       time.Time
}

// append writes the payload of the message that is left (XEP-0424 §5, XEP-0425 §4).
func (t *Tombstone) append(b *stanza.Builder, by transports.Address) {
	b.StartNS("retracted", downgrade.NSRetract).Attr("id", t.Retraction).Attr("stamp", stanza.Time(t.Time))
	if t.Moderated {
		appendModerated(b, by, t.ByOccupant, t.Reason)
	}
	b.End()
}

func appendModerated(b *stanza.Builder, by transports.Address, occupant, reason string) {
	b.StartNS("moderated", NSModerate).JID("by", by)
	AppendOccupantID(b, occupant)
	b.End()
	if reason != "" {
		b.Start("reason").Text(reason).End()
	}
}

// Buried is the message that stands in the archive in place of one that was taken back, without addresses.
func Buried(id, typ, occupant string, t Tombstone, by transports.Address) string {
	var b stanza.Builder
	b.Start("message").Attr("id", id).Attr("type", typ)
	t.append(&b, by)
	AppendOccupantID(&b, occupant)
	b.End()
	return string(b.Bytes())
}

// retract asks the network to take a message of a client's back, and reports whether it can.
func (r *Room) retract(p pending, out *Out) bool {
	l := r.known(p.text.Retracts)
	if l == nil || len(l.netIDs) == 0 || !r.features().Redacts {
		return false
	}
	p.on, p.netIDs = l.stanzaID, slices.Clone(l.netIDs)
	r.ask(out, p, func(ref transports.Ref) transports.Request {
		return transports.Redact{Ref: ref, To: r.opt.Target, Messages: p.netIDs}
	})
	return true
}

// Moderates reports whether messages of others can be taken back here, by whom the network lets.
func (r *Room) Moderates() bool { return r.features().Redacts }

// Moderate takes a client's wish that somebody's message be taken back (XEP-0425 §3). Whether he may is up to the network.
func (r *Room) Moderate(from transports.Address, iqID, id, reason string, out *Out) {
	l := r.known(id)
	switch {
	case !r.Has(from):
		r.answerIQ(from, iqID, transports.NewError(transports.NotJoined, "You are not in this room. Join it first.", nil), out)
	case l == nil:
		r.answerIQ(from, iqID, transports.NewError(transports.NotFound, "There is no such message in this room, or it was taken back already.", nil), out)
	case len(l.netIDs) == 0:
		r.answerIQ(from, iqID, transports.NewError(transports.Unsupported, "The network does not know this message by a name, so it cannot be taken back.", nil), out)
	default:
		p := pending{kind: pendingModerate, client: from, id: iqID, on: l.stanzaID, netIDs: slices.Clone(l.netIDs), body: reason}
		r.ask(out, p, func(ref transports.Ref) transports.Request {
			return transports.Redact{Ref: ref, To: r.opt.Target, Messages: p.netIDs, Reason: reason}
		})
	}
}

// moderateDone answers Moderate, and shows what became of it.
func (r *Room) moderateDone(p *pending, e *transports.Error, out *Out) {
	r.answerIQ(p.client, p.id, e, out)
	if l := r.known(p.on); e == nil && l != nil {
		r.showRetraction(l, transports.Redacted{By: r.occupants.get(r.nick).person, Message: p.netIDs[0], Reason: p.body}, out)
	}
}

// redacted shows that a message was taken back, or a sign.
func (r *Room) redacted(e transports.Redacted, out *Out) {
	if e.By == nil || e.By.Nick == r.nick && (r.asked(pendingRefer, e.Message) || r.asked(pendingModerate, e.Message)) {
		return // what a client of his asked for is shown once the network has done all of it
	}
	if of, p, sign := r.byReaction(e.Message); of != nil {
		person := r.occupants.get(p.nick).person
		if person == nil {
			person = &transports.Person{Nick: p.nick}
		}
		re := transports.Reacted{From: person, Remove: []string{sign}, ID: e.ID, Time: e.Time, Clocked: e.Clocked}
		if p.change(&re) {
			r.showReactor(of, p, re, out)
		}
		return
	}
	// IRCv3 message-redaction: one that names what is not of this room is ignored.
	if l := r.byNetwork(e.Message); l != nil {
		r.showRetraction(l, e, out)
	}
}

// showRetraction shows that a line was taken back: by who said it (XEP-0424 §3), or by somebody else (XEP-0425 §3).
func (r *Room) showRetraction(of *line, e transports.Redacted, out *Out) {
	by := e.By
	if by == nil {
		by = &transports.Person{Nick: r.nick}
	}
	occupant := r.speakerID(by.Nick, by)
	author := by.Nick == of.nick && (of.occupant == "" || occupant == of.occupant)
	var b stanza.Builder
	b.StartNS("retract", downgrade.NSRetract).Attr("id", of.stanzaID)
	text := "/me took back an earlier message."
	if !author {
		appendModerated(&b, r.occupantJID(by.Nick), occupant, e.Reason)
		text = by.Nick + " took back a message of " + of.nick + "."
	}
	b.End()
	b.StartNS("fallback", downgrade.NSFallback).Attr("for", downgrade.NSRetract).End()
	b.Start("body").Text(text).End()
	b.StartNS("store", nsHints).End()
	l := r.bare("", nil, string(b.Bytes()))
	if author {
		r.settle(by.Nick, out)
		l = r.bare(by.Nick, by, l.payload)
	}
	if !e.Time.IsZero() {
		l.time = e.Time
	}
	from := by
	if !author {
		from = nil
	}
	l.stanzaID = r.keep(KeepHeard, &transports.Message{From: from, ID: e.ID, Time: l.time, Clocked: e.Clocked}, &l)
	l.id = l.stanzaID
	t := Tombstone{By: by.Nick, Moderated: !author, ByOccupant: occupant, Reason: e.Reason, Retraction: l.id, Time: l.time}
	gone := *of // its place in the history may be another line's by then
	r.deliver(l, downgrade.Text{}, out)
	r.forgetLine(&gone, t)
}

// forgetLine forgets a line that was taken back, here and in the archive.
func (r *Room) forgetLine(of *line, t Tombstone) {
	if of == nil {
		return
	}
	id := of.stanzaID
	if len(r.buried) == maxBuried {
		r.buried = slices.Delete(r.buried, 0, 1)
	}
	r.buried = append(r.buried, id)
	if r.opt.Archive != nil {
		r.opt.Archive.Retract(id, Buried(of.id, "groupchat", of.occupant, t, r.occupantJID(t.By)))
	}
	r.history.lines = slices.DeleteFunc(r.history.lines, func(l line) bool { return l.stanzaID == id })
	r.older = slices.DeleteFunc(r.older, func(l *line) bool { return l.stanzaID == id })
}
