package component

import (
	"time"

	"passerelle/component/stanza"
	"passerelle/store"
	"passerelle/transports"
)

// mamRequest is a query as a client asks it.
type mamRequest struct {
	store.Query
	with transports.Address
}

// The fields of a query (XEP-0313 §4.1).
var mamFields = []struct{ name, typ string }{
	{"with", "jid-single"},
	{"start", "text-single"},
	{"end", "text-single"},
	{"before-id", "text-single"},
	{"after-id", "text-single"},
	{"ids", "list-multi"}, // nsMAMExtended
}

// mamForm answers which fields there are (XEP-0313 §4.1.5).
func (u *user) mamForm(r reply) {
	b := u.out.Stanzas.Start("iq").JID("from", r.to).JID("to", r.from).Attr("type", "result").Attr("id", r.id).StartNS("query", nsMAM)
	b.StartNS("x", nsForm).Attr("type", "form")
	b.Start("field").Attr("var", "FORM_TYPE").Attr("type", "hidden").Start("value").Text(nsMAM).End().End()
	for _, f := range mamFields {
		b.Start("field").Attr("var", f.name).Attr("type", f.typ)
		if f.typ == "list-multi" { // XEP-0313 §4.1.5: the client names what no list of options could hold
			b.StartNS("validate", nsValidate).Attr("datatype", "xs:string").Start("open").End().End()
		}
		b.End()
	}
	b.End().End().End()
}

// readMAMQuery reads a query.
func readMAMQuery(query *stanza.Element) (mamRequest, *transports.Error) {
	page, err := readPage(query, mamMaxPage)
	if err != nil {
		return mamRequest{}, err
	}
	if page.index >= 0 {
		return mamRequest{}, transports.NewError(transports.Unsupported, "Pages of an archive have no numbers: go on from a message.", nil)
	}
	if query.Child(nsRSM, "set").Child(nsRSM, "max") == nil {
		page.max = mamPage
	}
	q := mamRequest{Query: store.Query{
		Max: page.max, PageAfter: page.after, PageBefore: page.before, Last: page.last, Flip: query.Child(nsMAM, "flip-page") != nil,
		Bytes: mamMaxPageBytes,
	}}
	values, err := readForm(query.Child(nsForm, "x"))
	if err != nil {
		return mamRequest{}, err
	}
	for name := range values {
		if err := q.field(name, values); err != nil {
			return mamRequest{}, err
		}
	}
	return q, nil
}

// field takes a field of the form.
func (q *mamRequest) field(name string, values transports.Values) *transports.Error {
	var err error
	value := values.Get(name)
	hint := "it is a JID"
	switch name {
	case "with":
		q.with, err = transports.ParseAddress(value)
	case "start":
		q.Start, err = mamTime(value)
		hint = timeHint
	case "end":
		q.End, err = mamTime(value)
		hint = timeHint
	case "before-id":
		q.BeforeID = value
	case "after-id":
		q.AfterID = value
	case "ids":
		if q.IDs = values[name]; len(q.IDs) > store.MaxIDs {
			return transports.NewError(transports.TooLarge, "Too many messages are asked for by their ids.", nil)
		}
	default: // XEP-0313 §4.1: what the service does not know it must not ignore
		return transports.NewError(transports.Unsupported, "The archive cannot be searched by \""+name+"\".", nil)
	}
	if err != nil {
		return transports.NewError(transports.BadRequest, "The field \""+name+"\" has no such value: "+hint+".", err)
	}
	return nil
}

// mamTime reads a time (XEP-0082 §3.2). What is before all messages is the same to them, but for Go's zero time, which is no limit.
func mamTime(s string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, s)
	if err == nil && t.IsZero() {
		t = t.Add(1)
	}
	return t, err
}

const timeHint = "a time is written like 2026-11-25T18:30:00Z"
