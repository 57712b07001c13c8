package component

import (
	"strings"

	"passerelle/component/stanza"
	"passerelle/internal/text"
	"passerelle/transports"
)

// nsCommands is the namespace of ad-hoc commands (XEP-0050).
const nsCommands = "http://jabber.org/protocol/commands"

// tableRows is how many rows of a table a page has in a client.
const tableRows = 50

// reply is what an answer to a request needs once the stanza is gone.
type reply struct {
	from, to transports.Address // of the request
	id       string
}

// command answers XEP-0050 §2.4: it executes a command, goes on with it, goes back, or gives it up.
func (u *user) command(in *inbound, e entity) {
	root := in.root().Child(nsCommands, "command")
	node, id, action := root.Attr("node"), root.Attr("sessionid"), root.Attr("action")
	r := reply{from: in.from, to: in.to, id: in.root().Attr("id")}
	lang := in.root().Attr("xml:lang")
	if l := root.Attr("xml:lang"); l != "" { // XEP-0050 §3.7: on either of the two
		lang = l
	}
	switch action {
	case "", "execute", "next", "complete", "prev", "cancel":
	default:
		u.commandError(r, "modify", "bad-request", "malformed-action", "")
		return
	}
	x := u.executions[id]
	switch {
	case id == "" && (action == "" || action == "execute"):
		u.execute(r, e, node, lang)
	case x == nil && isID(id): // XEP-0050 §4.4: an id that could be one of ours has been one
		u.commandError(r, "cancel", "not-allowed", "session-expired", text.Say(lang, "This command has ended. Start it again."))
	case x == nil || x.command.Name != node || x.client != in.from || x.entity != in.to.Bare():
		u.commandError(r, "modify", "bad-request", "bad-sessionid", text.Say(lang, "This command was not started here. Start it again."))
	case action == "cancel": // XEP-0050 §2.4.3
		u.cancelCommand(r, x)
	case x.busy:
		u.answerIQ(r.from, r.to, r.id, transports.NewError(transports.Busy, "", nil))
	case x.table != nil:
		u.turnCommand(r, x, action)
	default:
		u.fillCommand(r, x, action, root.Child(nsForm, "x"))
	}
}

// execute starts a command.
func (u *user) execute(r reply, e entity, node, lang string) {
	c, err := u.findCommand(e, node, lang)
	if err != nil {
		u.answerIQ(r.from, r.to, r.id, err)
		return
	}
	x := u.begin(c, e.on(&c), lang, r.from, r.to, tableRows)
	u.advance(x, nil, func(s step) { u.commandAnswer(r, x, s) })
}

// fillCommand takes a filled-in form, or goes back to the one before.
func (u *user) fillCommand(r reply, x *execution, action string, form *stanza.Element) {
	if action == "prev" {
		if len(x.pages) < 2 {
			u.commandError(r, "modify", "bad-request", "bad-action", text.Say(x.call.Lang, "This is the first page."))
			return
		}
		x.pages = x.pages[:len(x.pages)-1]
		p := x.pages[len(x.pages)-1]
		x.call.Values = p.before
		u.commandAnswer(r, x, step{form: p.form})
		return
	}
	// XEP-0050 §3.5.1 would have us take it for a submission, but nobody who gives a form up wants it to be saved.
	if form.AttrIs("type", "cancel") {
		u.cancelCommand(r, x)
		return
	}
	values, err := readForm(form)
	if err != nil {
		u.answerIQ(r.from, r.to, r.id, err)
		return
	}
	// "execute" goes on as well, and so does each of the other two where the page allows but one of them (§3.4).
	u.advance(x, values, func(s step) { u.commandAnswer(r, x, s) })
}

// turnCommand turns the pages of a table.
func (u *user) turnCommand(r reply, x *execution, action string) {
	more, lang := x.table.More, x.call.Lang
	switch {
	case action == "complete" || !more && action != "prev" && action != "next":
		u.end(x)
		u.commandAnswer(r, x, step{said: text.Say(lang, "That was the list."), ran: true})
	case action == "prev" && len(x.after) < 2:
		u.commandError(r, "modify", "bad-request", "bad-action", text.Say(lang, "This is the first page."))
	case action == "next" && !more:
		u.commandError(r, "modify", "bad-request", "bad-action", text.Say(lang, "This is the last page."))
	default:
		u.turn(x, action != "prev", func(s step) { u.commandAnswer(r, x, s) })
	}
}

func (u *user) cancelCommand(r reply, x *execution) {
	u.end(x)
	u.startCommand(r, x, "canceled").End().End()
}

func (u *user) startCommand(r reply, x *execution, status string) *stanza.Builder {
	return u.out.Stanzas.Start("iq").JID("from", r.to).JID("to", r.from).Attr("type", "result").Attr("id", r.id).
		StartNS("command", nsCommands).Attr("node", x.command.Name).Attr("sessionid", x.id).Attr("status", status).
		Attr("xml:lang", text.Known(x.call.Lang)) // XEP-0050 §3.7
}

// commandAnswer answers a step of a command.
func (u *user) commandAnswer(r reply, x *execution, s step) {
	lang := x.call.Lang
	switch {
	case s.form != nil:
		b := u.startCommand(r, x, "executing")
		// XEP-0050 §3.4. Where the form does not know whether another page follows, to complete is to go on.
		appendActions(b, len(x.pages) > 1, s.form.More, !s.form.More)
		appendForm(b, lang, "", s.form)
		for _, f := range s.form.Fields {
			appendNote(b, "error", f.Fault)
		}
		if s.err != nil {
			appendNote(b, "error", u.sayError(s.err).Text)
		}
		if keepsSecret(x.pages) {
			appendNote(b, "info", text.Say(lang, "The passwords that you wrote are kept; leave them empty."))
		}
		b.End().End()
	case s.table != nil && (s.table.More || len(x.after) > 1):
		b := u.startCommand(r, x, "executing")
		appendActions(b, len(x.after) > 1, s.table.More, true)
		appendTable(b, lang, s.table)
		b.End().End()
	case s.err != nil && (!s.ran || transports.AsError(s.err).Kind == transports.Internal):
		u.answerIQ(r.from, r.to, r.id, u.sayError(s.err))
	default:
		b := u.startCommand(r, x, "completed")
		if s.table != nil {
			appendTable(b, lang, s.table)
		}
		appendNote(b, "info", s.said)
		if s.err != nil { // XEP-0050 §3.6: what ran and failed is complete, and says so
			appendNote(b, "error", u.sayError(s.err).Text)
		}
		b.End().End()
	}
}

// appendActions writes what may be done with a page; the default is to go on.
func appendActions(b *stanza.Builder, prev, next, complete bool) {
	execute := "complete"
	if next {
		execute = "next"
	}
	b.Start("actions").Attr("execute", execute)
	for _, a := range []struct {
		name string
		may  bool
	}{{"prev", prev}, {"next", next}, {"complete", complete}} {
		if a.may {
			b.Start(a.name).End()
		}
	}
	b.End()
}

// appendNote writes a note (XEP-0050 §4.3), unless it is empty.
func appendNote(b *stanza.Builder, typ, said string) {
	if said != "" {
		b.Start("note").Attr("type", typ).Text(said).End()
	}
}

// commandError answers with a condition of XEP-0050 §4.4 beside the general one.
func (u *user) commandError(r reply, typ, general, condition, said string) {
	b := u.out.Stanzas.Start("iq").JID("from", r.to).JID("to", r.from).Attr("type", "error").Attr("id", r.id)
	b.Start("error").Attr("type", typ).StartNS(general, stanza.NSStanzas).End()
	if said != "" {
		b.StartNS("text", stanza.NSStanzas).Text(said).End() // RFC 6120 §8.3.2: before what the application adds
	}
	b.StartNS(condition, nsCommands).End().End().End()
}

// isID reports whether s looks like an id that we mint.
func isID(s string) bool {
	return len(s) == len(newID()) && strings.Trim(s, "0123456789abcdefghjkmnpqrstvwxyz") == ""
}

// commandItems lists the commands of an entity (XEP-0050 §2.2).
func (u *user) commandItems(in *inbound, e entity) {
	b := u.result(in).StartNS("query", nsDiscoItems).Attr("node", nsCommands)
	for _, c := range u.commands(e) {
		b.Start("item").JID("jid", in.to).Attr("node", c.Name).Attr("name", text.Say(in.root().Attr("xml:lang"), c.Title)).End()
	}
	b.End().End()
}

// commandInfo describes a command (XEP-0050 §2.2) or the list of commands, and reports whether the node is one of them.
func (u *user) commandInfo(in *inbound, e entity, node string) bool {
	if !e.hasCommands() {
		return false
	}
	lang := in.root().Attr("xml:lang")
	typ, name := "command-list", text.Say(lang, "Commands")
	if node != nsCommands {
		c, err := u.findCommand(e, node, lang)
		switch {
		case err != nil && err.Kind == transports.Denied:
			u.refuse(in, err)
			return true
		case err != nil:
			return false
		}
		typ, name = "command-node", text.Say(lang, c.Title)
	}
	b := u.result(in).StartNS("query", nsDiscoInfo).Attr("node", node)
	b.Start("identity").Attr("category", "automation").Attr("type", typ).Attr("name", name).End()
	b.Start("feature").Attr("var", nsCommands).End()
	b.Start("feature").Attr("var", nsForm).End()
	b.End().End()
	return true
}
