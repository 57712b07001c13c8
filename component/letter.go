package component

import (
	"passerelle/component/stanza"
	"passerelle/transports"
)

// renderLetter writes a letter to a user as one message from its contact. What is written depends on the letter alone, so that one that
// comes twice is the same, with the same id. When it came (XEP-0203) is added when it is sent, see outbox.
func (g *Gateway) renderLetter(b *stanza.Builder, user transports.Address, l *transports.Letter) {
	typ := "chat"
	if l.Formal {
		typ = "normal" // RFC 6121 §5.2.2: outside of a conversation
	}
	b.Start("message").JID("from", g.address(l.With)).JID("to", user.Bare()).Attr("type", typ).Attr("id", l.ID)
	if l.Subject != "" {
		b.Start("subject").Text(l.Subject).End()
	}
	if l.Body != "" {
		b.Start("body").Text(l.Body).End()
	}
	if l.Thread != "" { // XEP-0201 §4
		b.Start("thread").Text(l.Thread).End()
	}
	if l.ID != "" { // XEP-0359 §2.1
		b.StartNS("origin-id", nsSID).Attr("id", l.ID).End()
	}
	b.End()
}
