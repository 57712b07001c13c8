package component

import (
	"cmp"
	"context"
	"strconv"

	"passerelle/component/stanza"
	"passerelle/internal/text"
	"passerelle/transports"
)

const nsSearch = "jabber:iq:search"

// searchName is the field that takes a room or a person as one writes them (XEP-0055 §2.1).
const searchName = "nick"

// search answers XEP-0055: one writes a room or a person in one's own way and gets the JID, or says with a form which rooms one looks for.
func (u *user) search(in *inbound, e entity) {
	root := in.root()
	lang := root.Attr("xml:lang")
	prompt := u.g.about().Prompt
	if root.AttrIs("type", "get") {
		b := u.result(in).StartNS("query", nsSearch)
		b.Start("instructions").Text(text.Say(lang, prompt.Description)).End()
		b.Start(searchName).End() // for clients that know no forms (§2.1)
		f := &transports.Form{
			Title: u.g.about().Name, Instructions: prompt.Description,
			Fields: []transports.Field{{Name: searchName, Label: prompt.Label}},
		}
		if u.g.about().Rooms {
			f.Fields = append(f.Fields, u.g.searchFields(e.target.Network == "")...)
		}
		appendForm(b, lang, nsSearch, f)
		b.End().End()
		return
	}
	query := root.Child(nsSearch, "query")
	form := query.Child(nsForm, "x")
	wanted := query.Child(nsSearch, searchName).Text()
	if form != nil {
		values, err := readForm(form)
		if err != nil {
			u.refuse(in, err)
			return
		}
		wanted = values.Get(searchName)
		if u.g.postal == nil && wanted == "" && cmp.Or(values.Get(findWord), values.Get(findTopic), values.Get(findPeople)) != "" {
			u.searchForRooms(reply{from: in.from, to: in.to, id: root.Attr("id")}, e, lang, values)
			return
		}
	}
	if u.g.postal != nil {
		u.searchCards(reply{from: in.from, to: in.to, id: root.Attr("id")}, lang, clip(wanted, maxRecipientName), form != nil)
		return
	}
	t, err := u.g.opt.Transport.Find(lang, wanted, transports.TargetDomain)
	if err != nil {
		u.refuse(in, transports.AsError(err))
		return
	}
	jid := u.g.address(t)
	b := u.result(in).StartNS("query", nsSearch)
	if form == nil {
		b.Start("item").JID("jid", jid).Start(searchName).Text(t.ID).End().End()
	} else {
		startFound(b, lang, prompt.Label)
		appendFound(b, t.ID, jid)
		b.End()
		b.End()
	}
	b.End().End()
}

// searchForRooms asks the network and answers with the rooms that were found.
func (u *user) searchForRooms(r reply, e entity, lang string, values transports.Values) {
	call := transports.Call{User: u.jid, On: e.target, Lang: lang, Values: values}
	u.background(func(ctx context.Context) func() {
		network, err := u.g.searchedNetwork(call)
		var found []transports.RoomInfo
		if err == nil {
			found, err = u.g.findRooms(ctx, call, network)
		}
		return func() {
			if err != nil {
				u.answerIQ(r.from, r.to, r.id, u.sayError(err))
				return
			}
			b := u.out.Stanzas.Start("iq").JID("from", r.to).JID("to", r.from).Attr("type", "result").Attr("id", r.id).StartNS("query", nsSearch)
			startFound(b, lang, u.g.about().Prompt.Label, searchColumns...)
			start := b.Len()
			for _, room := range found {
				if b.Len()-start > maxListBytes {
					break
				}
				appendFound(b, room.Name, u.g.address(room.Room), strconv.Itoa(room.Members), room.Subject)
				b.End()
			}
			b.End().End().End()
		}
	})
}

// startFound begins a form of results (XEP-0055 §3, XEP-0004 §3.4), with some columns more.
func startFound(b *stanza.Builder, lang, label string, more ...transports.Column) {
	b.StartNS("x", nsForm).Attr("type", "result")
	b.Start("field").Attr("var", "FORM_TYPE").Attr("type", "hidden").Start("value").Text(nsSearch).End().End()
	b.Start("reported")
	b.Start("field").Attr("var", searchName).Attr("type", "text-single").Attr("label", text.Say(lang, label)).End()
	b.Start("field").Attr("var", "jid").Attr("type", "jid-single").Attr("label", "JID").End()
	for _, c := range more {
		b.Start("field").Attr("var", c.Name).Attr("type", "text-single").Attr("label", text.Say(lang, c.Label)).End()
	}
	b.End()
}

// appendFound writes what was found, with the values of further columns; the caller ends it.
func appendFound(b *stanza.Builder, name string, jid transports.Address, more ...string) {
	b.Start("item")
	b.Start("field").Attr("var", searchName).Start("value").Text(name).End().End()
	b.Start("field").Attr("var", "jid").Start("value").Text(jid.String()).End().End()
	for i, v := range more {
		b.Start("field").Attr("var", searchColumns[i].Name).Start("value").Text(v).End().End()
	}
}
