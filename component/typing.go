package component

import (
	"passerelle/component/downgrade"
	"passerelle/component/muc"
	"passerelle/component/stanza"
	"passerelle/transports"
)

// SettingTyping is whether others may see that the user is writing, where his clients say so and the network carries it.
const SettingTyping = "send_typing"

// typesTo reports whether those at a target may see that the user is writing: as the most particular setting says.
func (u *user) typesTo(t transports.Target) bool {
	if u.relations == nil {
		return true
	}
	for _, on := range []transports.Target{t, {Kind: transports.TargetNetwork, Network: t.Network}, {}} {
		if value := u.relations.choices[number{SettingTyping, u.g.scope(on)}]; value != "" {
			wants, _ := transports.ParseBool(value)
			return wants
		}
	}
	return true
}

// tellTyping tells somebody on the network that the user writes to him (XEP-0085).
func (n *network) tellTyping(to transports.Target, t downgrade.Text) {
	if t.Writes == nil || !n.session.Features(to).Types {
		return
	}
	state := *t.Writes
	if !n.u.typesTo(to) {
		state = transports.ComposingNot // while he wanted it he may have begun
	}
	_ = n.session.Do(n.u.ctx, transports.Type{To: to, State: state}) // of the moment: nothing depends on it
}

// typing shows that somebody writes to the user.
func (n *network) typing(e transports.Typing) {
	from, room := n.partner(e.Nick)
	if !n.hears(e.Nick, from) {
		return
	}
	n.showPrivate(from, room, e.Nick, newID(), func(b *stanza.Builder) { muc.AppendState(b, e.State) })
}
