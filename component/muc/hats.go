package muc

import (
	"passerelle/component/stanza"
	"passerelle/transports"
)

// NSHats is the namespace of hats (XEP-0317).
const NSHats = "urn:xmpp:hats:0"

// hats are the ranks of a network by the names that its people know: affiliations and roles have fewer steps, and other words.
var hats = []struct {
	rank       transports.Role
	uri, title string
}{
	{transports.RoleOwner, "https://passerelle.example/hats#owner", "Owner"},
	{transports.RoleAdmin, "https://passerelle.example/hats#admin", "Admin"},
	{transports.RoleOp, "https://passerelle.example/hats#operator", "Operator"},
	{transports.RoleHalfOp, "https://passerelle.example/hats#half-operator", "Half-operator"},
	{transports.RoleVoice, "https://passerelle.example/hats#voice", "Voice"},
}

// appendHats adds the ranks of an occupant to his presence (XEP-0317 §3.1), highest first, and that he is a program.
func appendHats(b *stanza.Builder, o occupant) {
	ranks, bot := o.role, o.bot()
	if ranks == 0 && !bot {
		return
	}
	b.StartNS("hats", NSHats)
	for _, h := range hats {
		if ranks.Has(h.rank) {
			b.Start("hat").Attr("title", h.title).Attr("uri", h.uri).Attr("xml:lang", "en").End()
		}
	}
	if bot {
		b.Start("hat").Attr("title", "Bot").Attr("uri", "https://passerelle.example/hats#bot").Attr("xml:lang", "en").End()
	}
	b.End()
}
