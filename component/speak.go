package component

import (
	"errors"

	"passerelle/component/downgrade"
	"passerelle/component/stanza"
	"passerelle/internal/text"
	"passerelle/store"
	"passerelle/transports"
)

// What a user says to somebody on XMPP by way of another network. It goes through the outbox, from himself where his server lets the gateway
// do that, and else from the address of ours that stands for him, which says who he is.

// Speak implements transports.Follower.
func (g *Gateway) Speak(tx *store.Tx, user transports.Address, s transports.Speech) (own bool, err error) {
	user = user.Bare()
	switch {
	case g.follow == nil:
		return false, transports.NewError(transports.Unsupported, "", errNoWay)
	case s.Room || s.To.Resource != "": // XEP-0045 §7.4: who is not in it says nothing there
		return false, transports.NewError(transports.Unsupported, "What is said in a room can only be answered there: you are not in it from here.", nil)
	}
	if row, ok := g.follow.of(user); ok {
		if way := g.follow.ways[transports.Way(row.Way)]; way != nil {
			if own, err := way.speak(tx, user, &s); own || err != nil {
				return own, err
			}
		}
	}
	if ns := g.grants.of(user.Domain).speak; ns != "" {
		return true, g.sayFor(tx, user, &s, "privilege", ns)
	}
	if s.Alias == "" {
		return false, transports.NewError(transports.Unsupported, "Your server does not let this gateway write for you.", errors.New("no alias"))
	}
	return false, g.sayAlias(tx, user, &s)
}

func (w moduleWay) speak(tx *store.Tx, user transports.Address, s *transports.Speech) (bool, error) {
	return true, w.fs.g.sayFor(tx, user, s, "speak", nsRedirect)
}

func (w pushWay) speak(*store.Tx, transports.Address, *transports.Speech) (bool, error) {
	return false, nil
}

// sayFor has the user's server send something as his client would: an element has it forwarded (XEP-0356 §4.3).
func (g *Gateway) sayFor(tx *store.Tx, user transports.Address, s *transports.Speech, element, ns string) error {
	server := transports.Address{Domain: user.Domain}
	return g.saySpeech(tx, user, server, s, s.Body, g.sendLater, func(b *stanza.Builder, id string, content func()) {
		b.Start("message").JID("from", g.domain).JID("to", server).Attr("id", id)
		b.StartNS(element, ns).StartNS("forwarded", nsForward)
		b.StartNS("message", nsClient).JID("from", user).JID("to", s.To.Bare()).Attr("type", "chat").Attr("id", id)
		content()
		b.End().End().End().End()
	})
}

// sayAlias sends something from the address that stands for the user.
func (g *Gateway) sayAlias(tx *store.Tx, user transports.Address, s *transports.Speech) error {
	name := s.Name
	if name == "" {
		name = user.Local
	}
	said := text.Say("", "%s (%s) answers by email:", name, user.String())
	if s.Body != "" {
		said += "\n" + s.Body
	}
	return g.saySpeech(tx, user, s.To.Bare(), s, said, g.sendLater, func(b *stanza.Builder, id string, content func()) {
		b.Start("message").JID("from", transports.Address{Local: s.Alias, Domain: g.domain.Domain}).JID("to", s.To.Bare()).Attr("type", "chat").Attr("id", id)
		content()
		appendNick(b, name)
		b.End()
	})
}

// saySpeech writes the messages of something that is said: what it says, and each file by itself. An error for the first comes from back; later
// has each of them sent once it is committed.
func (g *Gateway) saySpeech(tx *store.Tx, user, back transports.Address, s *transports.Speech, said string, later func(*store.Tx, store.Outgoing) error,
	message func(b *stanza.Builder, id string, content func()),
) error {
	o := store.Outgoing{UserID: g.userID(user), Letter: s.ID, Back: back.String(), Time: now()}
	var b stanza.Builder
	n := 0
	send := func(content func(id string)) error {
		id := fileID(s.ID, n)
		b.Reset()
		message(&b, id, func() {
			content(id)
			if s.Thread != "" { // XEP-0201 §4
				b.Start("thread").Text(s.Thread).End()
			}
			b.StartNS("origin-id", nsSID).Attr("id", id).End() // XEP-0359 §2.1
			b.StartNS("store", nsHints).End()
		})
		o.Stanza = string(b.Bytes())
		if err := later(tx, o); err != nil {
			return err
		}
		n++
		o.Letter = "" // the first one stands for all of them
		return nil
	}
	if said != "" || len(s.Files) == 0 {
		if err := send(func(string) {
			b.Start("body").Text(said).End()
			if s.ReplyTo != "" { // XEP-0461 §3
				b.StartNS("reply", downgrade.NSReply).JID("to", s.To.Bare()).Attr("id", s.ReplyTo).End()
			}
		}); err != nil {
			return err
		}
	}
	for i := range s.Files {
		if err := send(func(string) { appendFileContent(&b, &s.Files[i]) }); err != nil {
			return err
		}
	}
	return nil
}
