package component

import (
	"cmp"

	"passerelle/internal/text"
	"passerelle/transports"
)

// Who writes to somebody on a network that he is not connected to is connected for it. What he says waits in the session until he is, for a time
// and up to a bound that are the transport's; it is confirmed, kept and remembered as always: once the network has it. Where it comes to nothing
// it comes back as an error, also when the gateway is stopped meanwhile.

// connectToTalk opens a session for a message; nil where that is refused, which its writer is told then.
func (u *user) connectToTalk(in *inbound, e entity) *network {
	_, unread := u.related()
	var err error
	switch {
	case unread != nil:
		u.refuse(in, unread)
		return nil
	case u.blocks(in.to):
		u.refuseBlocked(in)
		return nil
	default:
		err = u.mayJoin() // networks see it as they see a join
	}
	var n *network
	if err == nil {
		err = u.elsewhere(in.root().Attr("xml:lang"), in.from, e.target)
	}
	if err == nil {
		n, err = u.network(e.target.Network)
	}
	if err != nil {
		refusal := transports.AsError(err)
		u.refuse(in, refusal)
		u.sayUnsaid(privateSend{from: in.from, to: in.to, lang: in.root().Attr("xml:lang")}, refusal)
		return nil
	}
	return n
}

// talks reports whether the session is there for what is said to people.
func (n *network) talks() bool {
	if n.talking && n.online {
		return true
	}
	for _, p := range n.private {
		if p.waits {
			return true
		}
	}
	return false
}

// connected notes that what waited for the connection is on its way.
func (n *network) connected() {
	for ref, p := range n.private {
		if p.waits {
			p.waits = false
			n.private[ref] = p
		}
	}
}

// failWaiting gives back what still waits for the connection, which is not made any more.
func (n *network) failWaiting() {
	for ref, p := range n.private {
		if p.waits {
			delete(n.private, ref)
			err := transports.NewError(transports.Offline, "You were not connected yet, and will not be now, so your message was not sent. Send it again.", nil)
			n.giveBack(p, p.lang, err)
		}
	}
}

// sayUnsaid says in words why somebody has not got a message: clients show little of errors. The bot says it, since from his own address it
// would look as if he did.
func (u *user) sayUnsaid(p privateSend, err *transports.Error) {
	e, bad := u.g.entity(p.to)
	if bad != nil || e.kind != entityContact {
		return
	}
	lang := cmp.Or(p.lang, u.lang)
	u.say(saidTo(u.g.botAddress(), p.from, lang), text.Say(lang, "%s has not got your message. %s", e.target.ID, u.inWords(lang, err).Text))
}
