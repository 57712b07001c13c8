package muc

import (
	"unicode/utf8"

	"passerelle/component/downgrade"
	"passerelle/component/stanza"
	"passerelle/transports"
)

// Quotation is what stands in front of a reply, for clients that know no replies (XEP-0461 §3.1): nothing where what is answered is not known
// any more.
func Quotation(nick, body string) string {
	if body == "" {
		return ""
	}
	if nick != "" {
		nick += ": "
	}
	return "> " + nick + downgrade.Quote(body) + "\n"
}

// AppendReply appends which message is answered, and how much of the body is a quotation, in characters.
func AppendReply(b *stanza.Builder, to transports.Address, id, quotation string) {
	b.StartNS("reply", downgrade.NSReply).JID("to", to).Attr("id", id).End()
	if quotation != "" {
		b.StartNS("fallback", downgrade.NSFallback).Attr("for", downgrade.NSReply)
		b.Start("body").Int("start", 0).Int("end", utf8.RuneCountInString(quotation)).End()
		b.End()
	}
}

// replied is what stands in front of a reply to a message with that id of the network, and the payload that says so; nothing where it is not
// known.
func (r *Room) replied(to string) (quotation, payload string) {
	of := r.byNetwork(to)
	if of == nil || of.stanzaID == "" {
		return "", ""
	}
	said := of.body
	if of.since != nil {
		said = of.since.said
	}
	quotation = Quotation(of.nick, said)
	var b stanza.Builder
	AppendReply(&b, r.occupantJID(of.nick), of.stanzaID, quotation)
	return quotation, string(b.Bytes())
}
