package component

import (
	"passerelle/component/stanza"
	"passerelle/internal/text"
	"passerelle/transports"
)

const nsSearch = "jabber:iq:search"

// search answers XEP-0055: one writes a room or a person in one's own way and gets the JID.
func (u *user) search(in *inbound, _ entity) {
	root := in.root()
	lang := root.Attr("xml:lang")
	prompt := u.g.about().Prompt
	if root.AttrIs("type", "get") {
		b := u.result(in).StartNS("query", nsSearch)
		b.Start("instructions").Text(text.Say(lang, prompt.Description)).End()
		b.Start("nick").End() // for clients that know no forms (§2.1)
		appendForm(b, lang, nsSearch, &transports.Form{
			Title: u.g.about().Name, Instructions: prompt.Description,
			Fields: []transports.Field{{Name: "nick", Label: prompt.Label, Required: true}},
		})
		b.End().End()
		return
	}
	query := root.Child(nsSearch, "query")
	form := query.Child(nsForm, "x")
	wanted := query.Child(nsSearch, "nick").Text()
	if form != nil {
		values, err := readForm(form)
		if err != nil {
			u.refuse(in, err)
			return
		}
		wanted = values.Get("nick")
	}
	t, err := u.g.opt.Transport.Find(lang, wanted, transports.TargetDomain)
	if err != nil {
		u.refuse(in, transports.AsError(err))
		return
	}
	jid := u.g.address(t)
	b := u.result(in).StartNS("query", nsSearch)
	if form == nil {
		b.Start("item").JID("jid", jid).Start("nick").Text(t.ID).End().End()
	} else {
		appendFound(b, lang, prompt.Label, jid, t)
	}
	b.End().End()
}

// appendFound writes what was found as a form of results (XEP-0055 §3, XEP-0004 §3.4).
func appendFound(b *stanza.Builder, lang, label string, jid transports.Address, t transports.Target) {
	b.StartNS("x", nsForm).Attr("type", "result")
	b.Start("field").Attr("var", "FORM_TYPE").Attr("type", "hidden").Start("value").Text(nsSearch).End().End()
	b.Start("reported")
	b.Start("field").Attr("var", "nick").Attr("type", "text-single").Attr("label", text.Say(lang, label)).End()
	b.Start("field").Attr("var", "jid").Attr("type", "jid-single").Attr("label", "JID").End()
	b.End()
	b.Start("item")
	b.Start("field").Attr("var", "nick").Start("value").Text(t.ID).End().End()
	b.Start("field").Attr("var", "jid").Start("value").Text(jid.String()).End().End()
	b.End().End()
}
