package component

import (
	"passerelle/internal/text"
	"passerelle/transports"
)

const nsGateway = "jabber:iq:gateway"

// prompt answers XEP-0100 §6.3: a client asks what to ask its user for, and then which JID belongs to what he wrote.
func (u *user) prompt(in *inbound, _ entity) {
	root := in.root()
	lang := root.Attr("xml:lang")
	if root.AttrIs("type", "get") {
		b := u.result(in).StartNS("query", nsGateway)
		b.Start("desc").Text(text.Say(lang, u.g.about().Prompt.Description)).End()
		b.Start("prompt").Text(text.Say(lang, u.g.about().Prompt.Label)).End()
		b.End().End()
		return
	}
	t, err := u.g.opt.Transport.Find(lang, root.Child(nsGateway, "query").Child(nsGateway, "prompt").Text(), transports.TargetDomain)
	if err != nil {
		u.refuse(in, transports.AsError(err))
		return
	}
	u.result(in).StartNS("query", nsGateway).Start("jid").Text(u.g.address(t).String()).End().End().End()
}
