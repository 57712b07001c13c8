package component

import (
	"context"
	"strings"

	"passerelle/component/downgrade"
	"passerelle/transports"
)

// A message of many lines takes a channel over, and networks cut off who sends one. It is uploaded, and its first line goes out with
// the link. What the user says in the conversation after it waits until it is there, so that the order stays.

// Bounds of what waits for uploads; beyond them the sender is told to wait.
const (
	maxPastes = 4  // uploads of a user at a time
	maxHeld   = 32 // messages of a conversation behind one, for each session
)

// utterance is something that a user does in a conversation: a message, or a new subject.
type utterance struct {
	in  transports.Target
	ref transports.Ref
	q   transports.Request // Send or SetSubject; it is handed on as it is, since each message would be allocated anew
}

// utter does something in a conversation, after what was said before it there. What becomes of it is an event that carries its Ref, or
// is handed to done.
func (n *network) utter(w utterance) {
	held, waits := n.held[w.in]
	switch {
	case !waits:
		n.utterNow(w)
	case len(held) >= maxHeld:
		n.done(transports.Done{Ref: w.ref, Err: transports.NewError(transports.Busy,
			"A long message of yours is still being uploaded, and too many wait behind it. Try again in a moment.", nil)})
	default:
		n.held[w.in] = append(held, w)
	}
}

func (n *network) utterNow(w utterance) {
	if q, ok := w.q.(transports.Send); ok {
		n.sendNow(w, q.Body)
	} else if err := n.session.Do(n.u.ctx, w.q); err != nil {
		n.done(transports.Done{Ref: w.ref, Err: err})
	}
}

// sendNow says something as it is, or begins to upload it.
func (n *network) sendNow(w utterance, body string) {
	u := n.u
	features := n.session.Features(w.in)
	limit := u.g.rules().PasteLines
	switch {
	case limit == 0 || features.Lines(body) <= limit:
		n.hand(w, nil)
		return
	case u.pastes >= maxPastes:
		n.done(transports.Done{Ref: w.ref, Err: transports.NewError(transports.Busy,
			"Too many long messages of yours are still being uploaded. Try again in a moment.", nil)})
		return
	}
	if n.held == nil {
		n.held = make(map[transports.Target][]utterance)
	}
	n.held[w.in] = nil
	u.pastes++
	u.background(func(ctx context.Context) func() {
		text := strings.NewReader(body)
		link, err := u.g.Upload(ctx, u.jid, transports.File{
			Name: "message.txt", Type: "text/plain; charset=utf-8", Size: text.Size(),
		}, text)
		return func() {
			u.pastes--
			n.uploaded(w, features, link, err)
		}
	})
}

// uploaded says where a long message is, or all of it where it could not be uploaded; then what waited behind it.
func (n *network) uploaded(w utterance, features transports.Features, link string, err error) {
	held := n.held[w.in]
	delete(n.held, w.in)
	if q, ok := w.q.(transports.Send); ok && err == nil {
		q.Body, q.Styled = downgrade.Excerpt(q.Body, link, features.LineBytes), nil
		w.q = q
	}
	if n.wanted(w.in, w.ref) {
		n.hand(w, transports.AsError(err))
	}
	for i, next := range held {
		if _, waits := n.held[w.in]; waits { // for the one before
			n.held[w.in] = held[i:]
			return
		}
		if n.wanted(next.in, next.ref) {
			n.utterNow(next)
		}
	}
}

// wanted reports whether what waited is still to be done: its sender is in the room still, and has not been told that it was lost with
// the connection.
func (n *network) wanted(in transports.Target, ref transports.Ref) bool {
	if n.u.networks.of(n.id) != n {
		n.done(transports.Done{Ref: ref, Err: transports.Errorf(transports.Offline,
			"The connection to %s was closed before your message was sent.", n.id)})
		return false
	}
	if _, ok := n.private[ref]; ok {
		return true
	}
	room := n.rooms.of(in.ID)
	return in.Kind == transports.TargetRoom && room != nil && room.Owns(ref)
}

// hand hands a message to the session. Where it is too long and was not uploaded, unsaved says why not.
func (n *network) hand(w utterance, unsaved *transports.Error) {
	err := n.session.Do(n.u.ctx, w.q)
	if err == nil {
		return
	}
	if e := transports.AsError(err); e.Kind == transports.TooLarge && unsaved != nil {
		err = transports.Errorf(transports.TooLarge, "%s It could not be uploaded either. %s", e, unsaved).Because(e)
	}
	n.done(transports.Done{Ref: w.ref, Err: err})
}
