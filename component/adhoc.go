package component

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"passerelle/component/stanza"
	"passerelle/internal/text"
	"passerelle/transports"
)

// nsCommands is the namespace of ad-hoc commands (XEP-0050).
const nsCommands = "http://jabber.org/protocol/commands"

// Bounds of commands that are being filled in.
const (
	maxExecutions    = 8 // of one user at a time; the oldest is dropped
	executionTimeout = 15 * time.Minute
	maxPages         = 20
	maxAwaited       = 16               // of one user's requests that wait for the database; further ones are refused
	commandTimeout   = 30 * time.Second // of the database
)

// execution is a command that a user is filling in, by form or in chat. It belongs to the user's goroutine.
type execution struct {
	id      string
	command transports.Command
	call    transports.Call
	pages   []page // those that were shown, the current one last
	began   time.Time
}

// page is a form that was shown, with the values that there were before it.
type page struct {
	form   *transports.Form
	before transports.Values
}

// commands are the commands that a user may run on an entity.
func (u *user) commands(e entity) []transports.Command {
	var out []transports.Command
	for _, c := range u.g.commands {
		if c.Admin && !u.isAdmin() {
			continue
		}
		if len(c.For) == 0 && e.kind == entityGateway || e.target.Kind != 0 && slices.Contains(c.For, e.target.Kind) {
			out = append(out, c)
		}
	}
	return out
}

// isAdmin reports whether the user is one of the operator's administrators.
func (u *user) isAdmin() bool { return slices.Contains(u.g.opt.Admins, u.jid.String()) }

// findCommand finds a command by its node, or by its name in chat.
func (u *user) findCommand(e entity, name string) (transports.Command, bool) {
	cs := u.commands(e)
	i := slices.IndexFunc(cs, func(c transports.Command) bool { return c.Name == name })
	if i < 0 {
		return transports.Command{}, false
	}
	return cs[i], true
}

// begin starts a command.
func (u *user) begin(c transports.Command, on transports.Target, lang string) *execution {
	x := &execution{id: newID(), command: c, call: transports.Call{User: u.jid, On: on, Lang: lang}, began: now()}
	return x
}

// keep remembers an execution between two pages.
func (u *user) keep(x *execution) {
	if u.executions == nil {
		u.executions = make(map[string]*execution)
	}
	if _, there := u.executions[x.id]; !there {
		for len(u.executions) >= maxExecutions {
			oldest := slices.MinFunc(slices.Collect(maps.Values(u.executions)), func(a, b *execution) int { return a.began.Compare(b.began) })
			delete(u.executions, oldest.id)
		}
		u.after(executionTimeout, func() { delete(u.executions, x.id) })
	}
	u.executions[x.id] = x
}

// advance takes what was submitted for the current page (nil at the start) and does what comes next: another page is asked for, or
// the command runs. done is called on the user's goroutine with the page, or with the sentence, or with the error.
func (u *user) advance(x *execution, submitted transports.Values, done func(f *transports.Form, said string, err error)) {
	if n := len(x.pages); n > 0 {
		p := x.pages[n-1]
		values, err := checkForm(x.call.Lang, p.form, submitted)
		if err != nil {
			done(nil, "", err)
			return
		}
		merged := maps.Clone(p.before)
		if merged == nil {
			merged = make(transports.Values)
		}
		maps.Copy(merged, values)
		x.call.Values = merged
	}
	call, c := x.call, x.command
	pages := len(x.pages)
	u.background(func(ctx context.Context) func() {
		var f *transports.Form
		var err error
		if c.Next != nil {
			f, err = c.Next(ctx, call)
		}
		if err == nil && f != nil && pages < maxPages {
			return func() {
				x.pages = append(x.pages, page{form: f, before: call.Values})
				u.keep(x)
				done(f, "", nil)
			}
		}
		said := ""
		if err == nil {
			said, err = c.Run(ctx, call)
		}
		return func() {
			// What can be mended is answered once more; everything else ends the command.
			if e := transports.AsError(err); e == nil || e.Kind != transports.BadRequest || len(x.pages) == 0 {
				delete(u.executions, x.id)
			}
			done(nil, said, err)
		}
	})
}

// background does work that may wait for the database, away from the user's goroutine, and then what it returned on it. The user
// is not forgotten meanwhile.
func (u *user) background(work func(context.Context) func()) {
	u.awaited++
	u.g.working.add()
	go func() {
		defer u.g.working.done()
		ctx, cancel := context.WithTimeout(u.ctx, commandTimeout)
		defer cancel()
		after := func() {}
		func() {
			defer func() {
				if p := recover(); p != nil {
					u.g.metrics.panics.Inc()
					u.g.log.Error("a command panicked", "panic", fmt.Sprint(p))
				}
			}()
			after = work(ctx)
		}()
		u.post(func() {
			u.awaited--
			after()
		})
	}()
}

// command answers XEP-0050 §2.4: it executes a command, goes on with it, goes back, or gives it up.
func (u *user) command(in *inbound, e entity) {
	root := in.root().Child(nsCommands, "command")
	lang := in.root().Attr("xml:lang")
	node, id, action := root.Attr("node"), root.Attr("sessionid"), root.Attr("action")
	r := reply{from: in.from, to: in.to, id: in.root().Attr("id")}
	if id == "" {
		c, ok := u.findCommand(e, node)
		if !ok {
			if u.isHiddenCommand(node) {
				u.answerIQ(r.from, r.to, r.id, transports.NewError(transports.Denied, text.Say(lang, "This command is for administrators."), nil))
				return
			}
			u.answerIQ(r.from, r.to, r.id, transports.NewError(transports.NotFound, text.Say(lang, "There is no such command here."), nil))
			return
		}
		x := u.begin(c, e.target, lang)
		u.advance(x, nil, func(f *transports.Form, said string, err error) { u.commandAnswer(r, node, x, f, said, err) })
		return
	}
	x := u.executions[id]
	if x == nil || x.command.Name != node {
		u.commandError(r, "bad-sessionid", text.Say(lang, "This command has ended. Start it again."))
		return
	}
	switch action {
	case "cancel": // XEP-0050 §2.4.4
		delete(u.executions, id)
		u.startCommand(r, node, id, "canceled").End().End()
	case "prev":
		if len(x.pages) > 1 {
			x.pages = x.pages[:len(x.pages)-1]
		}
		x.call.Values = x.pages[len(x.pages)-1].before
		u.commandAnswer(r, node, x, x.pages[len(x.pages)-1].form, "", nil)
	case "", "execute", "next", "complete": // "execute" goes on as well (§3.4)
		form := root.Child(nsForm, "x")
		if form.AttrIs("type", "cancel") {
			delete(u.executions, id)
			u.startCommand(r, node, id, "canceled").End().End()
			return
		}
		values, err := readForm(form)
		if err != nil {
			u.answerIQ(r.from, r.to, r.id, err)
			return
		}
		u.advance(x, values, func(f *transports.Form, said string, err error) { u.commandAnswer(r, node, x, f, said, err) })
	default:
		u.commandError(r, "bad-action", "")
	}
}

// isHiddenCommand reports whether there is such a command for administrators.
func (u *user) isHiddenCommand(node string) bool {
	return slices.ContainsFunc(u.g.commands, func(c transports.Command) bool { return c.Name == node && c.Admin })
}

// reply is what an answer to a request needs once the stanza is gone.
type reply struct {
	from, to transports.Address // of the request
	id       string
}

func (u *user) startCommand(r reply, node, session, status string) *stanza.Builder {
	return u.out.Stanzas.Start("iq").JID("from", r.to).JID("to", r.from).Attr("type", "result").Attr("id", r.id).
		StartNS("command", nsCommands).Attr("node", node).Attr("sessionid", session).Attr("status", status)
}

func (u *user) commandAnswer(r reply, node string, x *execution, f *transports.Form, said string, err error) {
	switch {
	case err != nil:
		u.answerIQ(r.from, r.to, r.id, u.sayError(err))
	case f != nil:
		b := u.startCommand(r, node, x.id, "executing")
		// A page may be the last one; nobody knows before it is answered, so both are offered, next by default (§3.4).
		b.Start("actions").Attr("execute", "next")
		if len(x.pages) > 1 {
			b.Start("prev").End()
		}
		b.Start("next").End().Start("complete").End().End()
		appendForm(b, x.call.Lang, "", f)
		b.End().End()
	default:
		b := u.startCommand(r, node, x.id, "completed")
		if said != "" {
			b.Start("note").Attr("type", "info").Text(said).End()
		}
		b.End().End()
	}
}

// sayError makes of an error what the user may read; an unclassified one is logged.
func (u *user) sayError(err error) *transports.Error {
	e := transports.AsError(err)
	if e.Kind == transports.Internal && e.Text == "" {
		u.g.log.Error("a command failed", u.logID(), "error", err)
	}
	return e
}

// commandError answers with a condition of XEP-0050 §4.4.
func (u *user) commandError(r reply, condition, said string) {
	b := u.out.Stanzas.Start("iq").JID("from", r.to).JID("to", r.from).Attr("type", "error").Attr("id", r.id)
	b.Start("error").Attr("type", "modify").StartNS("bad-request", stanza.NSStanzas).End().StartNS(condition, nsCommands).End()
	if said != "" {
		b.StartNS("text", stanza.NSStanzas).Text(said).End()
	}
	b.End().End()
}

// commandItems lists the commands of an entity (XEP-0050 §2.2).
func (u *user) commandItems(in *inbound, e entity) {
	b := u.result(in).StartNS("query", nsDiscoItems).Attr("node", nsCommands)
	for _, c := range u.commands(e) {
		b.Start("item").JID("jid", in.to).Attr("node", c.Name).Attr("name", text.Say(in.root().Attr("xml:lang"), c.Title)).End()
	}
	b.End().End()
}

// commandInfo describes a command (XEP-0050 §2.3) or the list of commands.
func (u *user) commandInfo(in *inbound, e entity, node string) bool {
	lang := in.root().Attr("xml:lang")
	if node == nsCommands {
		b := u.result(in).StartNS("query", nsDiscoInfo).Attr("node", node)
		b.Start("identity").Attr("category", "automation").Attr("type", "command-list").Attr("name", text.Say(lang, "Commands")).End()
		b.End().End()
		return true
	}
	c, ok := u.findCommand(e, node)
	if !ok {
		return false
	}
	b := u.result(in).StartNS("query", nsDiscoInfo).Attr("node", node)
	b.Start("identity").Attr("category", "automation").Attr("type", "command-node").Attr("name", text.Say(lang, c.Title)).End()
	b.Start("feature").Attr("var", nsCommands).End()
	b.Start("feature").Attr("var", nsForm).End()
	b.End().End()
	return true
}
