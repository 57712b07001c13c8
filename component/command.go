package component

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"time"

	"passerelle/internal/text"
	"passerelle/transports"
)

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
	client  transports.Address // who began it, and
	entity  transports.Address // on which JID of ours
	pages   []page             // those that were shown, the current one last
	began   time.Time
	busy    bool // something of it waits for the database
	ended   bool

	// Of a command that lists something:
	rows  int               // on a page
	table *transports.Table // the page that is shown; nil before the first
	after []string          // what came before each page that was shown, the current one last
}

// page is a form that was shown, with the values that there were before it.
type page struct {
	form    *transports.Form
	before  transports.Values
	secrets transports.Values // what was filled in and is not shown again, for when something else has to be mended
}

// step is what comes next in a command: a form to fill in, a page of a table, or an end.
type step struct {
	form  *transports.Form
	table *transports.Table
	said  string
	err   error // with a form: what is wrong with it
	ran   bool  // the command was run, whatever became of it
}

// commandsOf are the commands of a gateway: those of its transport, and its own.
func (g *Gateway) commandsOf(t transports.Transport) []transports.Command {
	all := slices.Clone(t.Commands())
	if g.configurable() {
		all = append(all, g.configureCommands(t.Describe().Fixed != "")...)
	}
	if g.postal == nil { // else nobody is connected or in a room, and what was said is archived where the user is at home
		all = append(all, g.statusCommand(), g.joinCommand(), g.channelsCommand(), g.leaveCommand(), g.forgetCommand(), g.sessionsCommand(), g.forgetRoomCommand())
	}
	all = append(all, g.exportCommand(), g.forgetMeCommand(),
		g.usersCommand(), g.userCommand(), g.removeUserCommand(),
		g.denyUserCommand(), g.allowUserCommand(), g.deniedUsersCommand(), g.doctorCommand())
	if g.opt.Reconfigure != nil {
		all = append(all, g.reloadCommand())
	}
	if w, ok := t.(witness); ok {
		all = append(all, g.findUserCommand(w))
	}
	if t.Describe().Kind == "irc" {
		all = append(all, g.biboumiCommands()...)
	}
	return all
}

// hasCommands reports whether there are commands on an entity.
func (e entity) hasCommands() bool {
	return e.kind&(entityGateway|entityBot|entityNetwork|entityRoom) != 0
}

// takes reports whether a command can be run on an entity.
func (e entity) takes(c *transports.Command) bool { return e.hasCommands() && c.IsFor(e.on(c).Kind) }

// on is what a command is run on that is begun on an entity. The domain that is a network as well is the network for commands that are
// for networks.
func (e entity) on(c *transports.Command) transports.Target {
	if e.kind&(entityGateway|entityBot) != 0 && !c.IsFor(e.target.Kind) {
		return transports.Target{}
	}
	return e.target
}

// commands are the commands that a user may run on an entity.
func (u *user) commands(e entity) []transports.Command {
	var out []transports.Command
	for _, c := range u.g.commands {
		if e.takes(&c) && (!c.Admin || u.isAdmin()) {
			out = append(out, c)
		}
	}
	return out
}

// isAdmin reports whether the user is one of the operator's administrators.
func (u *user) isAdmin() bool { return u.g.access.isAdmin(u.jid) }

// findCommand finds a command by its node. The error says why the user has none of that name there.
func (u *user) findCommand(e entity, name, lang string) (transports.Command, *transports.Error) {
	named := func(c transports.Command) bool { return c.Name == name && e.takes(&c) }
	cs := u.commands(e)
	if i := slices.IndexFunc(cs, named); i >= 0 {
		return cs[i], nil
	}
	if slices.ContainsFunc(u.g.commands, named) {
		return transports.Command{}, transports.NewError(transports.Denied, text.Say(lang, "This command is for administrators."), nil)
	}
	return transports.Command{}, transports.NewError(transports.NotFound, text.Say(lang, "There is no such command here."), nil)
}

// begin starts a command. Rows is how many of them a page of a table has.
func (u *user) begin(c transports.Command, on transports.Target, lang string, client, entity transports.Address, rows int) *execution {
	return &execution{
		id: newID(), command: c, call: transports.Call{User: u.jid, On: on, Lang: lang},
		client: client, entity: entity.Bare(), rows: rows, began: now(),
	}
}

// keep remembers an execution between two pages.
func (u *user) keep(x *execution) {
	if u.executions == nil {
		u.executions = make(map[string]*execution)
	}
	if _, there := u.executions[x.id]; !there {
		for len(u.executions) >= maxExecutions {
			u.end(slices.MinFunc(slices.Collect(maps.Values(u.executions)), func(a, b *execution) int { return a.began.Compare(b.began) }))
		}
		u.after(executionTimeout, func() { u.end(x) })
	}
	u.executions[x.id] = x
}

// end forgets an execution.
func (u *user) end(x *execution) {
	x.ended = true
	delete(u.executions, x.id)
}

// advance takes what was submitted for the current page (nil at the start) and does what comes next. done is called on the user's
// goroutine.
func (u *user) advance(x *execution, submitted transports.Values, done func(step)) {
	if n := len(x.pages); n > 0 {
		p := &x.pages[n-1]
		values, ok := p.take(x.call.Lang, submitted)
		if !ok {
			done(step{form: p.form})
			return
		}
		x.call.Values = p.with(values)
	}
	call, asked := x.call, len(x.pages)
	u.work(x, func(ctx context.Context) step { return u.g.proceed(ctx, x.command, call, asked, x.rows) }, func(s step) {
		switch {
		case s.form != nil:
			x.pages = append(x.pages, page{form: s.form, before: call.Values})
			u.keep(x)
		case s.table != nil && s.table.More:
			x.table, x.after = s.table, []string{""}
			u.keep(x)
		case asked > 0 && transports.AsError(s.err) != nil && transports.AsError(s.err).Kind == transports.BadRequest:
			// What can be mended is asked once more; everything else ends the command.
			p := &x.pages[asked-1]
			s = step{form: p.form, err: p.blame(s.err)}
		default:
			u.end(x)
		}
		done(s)
	})
}

// turn shows another page of a table: the next one, or the one before.
func (u *user) turn(x *execution, forward bool, done func(step)) {
	after := slices.Clone(x.after)
	if forward {
		after = append(after, x.table.Rows[len(x.table.Rows)-1].Key)
	} else {
		after = after[:len(after)-1]
	}
	call, at := x.call, transports.Page{After: after[len(after)-1], Max: x.rows}
	u.work(x, func(ctx context.Context) step { return u.g.run(ctx, x.command, call, at) }, func(s step) {
		if s.table != nil {
			x.table, x.after = s.table, after
		} else {
			u.end(x)
		}
		done(s)
	})
}

// work does a step of a command in the background. Where the command was given up meanwhile, the step is told to have failed.
func (u *user) work(x *execution, do func(context.Context) step, done func(step)) {
	x.busy = true
	u.background(func(ctx context.Context) func() {
		s := do(ctx)
		return func() {
			x.busy = false
			if x.ended {
				s = step{err: transports.NewError(transports.Gone, text.Say(x.call.Lang, "This command has ended. Start it again."), nil)}
			}
			done(s)
		}
	})
}

// proceed asks a command for its next page, or runs it where nothing is left to ask. It may wait for the database.
func (g *Gateway) proceed(ctx context.Context, c transports.Command, call transports.Call, asked, rows int) step {
	if s := g.askPage(ctx, c, call, asked); s.form != nil || s.err != nil {
		return s
	}
	return g.run(ctx, c, call, transports.Page{Max: rows})
}

// askPage asks a command for its next page. The step is empty where nothing is left to ask.
func (g *Gateway) askPage(ctx context.Context, c transports.Command, call transports.Call, asked int) (s step) {
	defer g.mendPanic(&s.err)
	if c.Next == nil {
		return step{}
	}
	f, err := c.Next(ctx, call)
	switch {
	case err != nil || f == nil:
		return step{err: err}
	case asked >= maxPages:
		return step{err: errors.New("the command does not end asking")}
	}
	own := *f
	own.Fields = slices.Clone(f.Fields) // they will show what was filled in
	return step{form: &own}
}

// run runs a command that has nothing left to ask, or gives a page of its table.
func (g *Gateway) run(ctx context.Context, c transports.Command, call transports.Call, at transports.Page) (s step) {
	defer g.mendPanic(&s.err)
	call.Tell = g.teller(call)
	if c.List == nil {
		said, err := c.Run(ctx, call)
		return step{said: said, err: err, ran: true}
	}
	t, err := c.List(ctx, call, at)
	if err == nil && len(t.Rows) == 0 {
		return step{said: text.Say(call.Lang, t.Empty), ran: true}
	}
	return step{table: t, err: err, ran: true}
}

// saying does what the words behind a command's name ask for in chat.
func (g *Gateway) saying(ctx context.Context, c transports.Command, call transports.Call, words []string) (s step) {
	defer g.mendPanic(&s.err)
	call.Tell = g.teller(call)
	said, err := c.Say(ctx, call, words)
	return step{said: said, err: err, ran: true}
}

// teller says to whoever runs a command what came of it later. Of a network the bot does: he is known, and many clients have the messages of
// others wait until somebody looks at them.
func (g *Gateway) teller(call transports.Call) func(said string) {
	if call.On.Kind == transports.TargetNetwork && g.about().Fixed == "" {
		call.On = transports.Target{}
	}
	return func(said string) { g.tellLater(call, said) }
}

// tellLater says to a user what became of a command that went on by itself, from what he ran it on.
func (g *Gateway) tellLater(call transports.Call, said string) {
	from := g.botAddress()
	if call.On.Kind != transports.TargetDomain {
		from = g.address(call.On)
	}
	g.onUser(call.User.Bare(), func(u *user) {
		if !u.stopped {
			u.say(saidTo(from, u.jid, call.Lang), said)
		}
	})
}

// mendPanic makes of a panic an error that its user is told. It is deferred where somebody waits for the outcome.
func (g *Gateway) mendPanic(err *error) {
	if p := recover(); p != nil {
		g.metrics.panics.Inc()
		g.log.Error("work for a user panicked", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
		*err = fmt.Errorf("it panicked: %v", p)
	}
}

// guardErrand runs an errand. One that panics harms nobody else; lost is what the log says then.
func (g *Gateway) guardErrand(lost string, do func()) {
	var err error
	defer func() {
		if err != nil {
			g.log.Error(lost, "error", err)
		}
	}()
	defer g.mendPanic(&err)
	do()
}

// background does work that may wait for the database, away from the user's goroutine, and then what it returned on it. The user
// is not forgotten meanwhile. It begins once what the user's goroutine has written is on its way: a question that the work asks
// must not overtake that.
func (u *user) background(work func(context.Context) func()) {
	u.backgroundFor(commandTimeout, work)
}

// backgroundFor is background for work that has another time than usual.
func (u *user) backgroundFor(d time.Duration, work func(context.Context) func()) {
	u.awaited++
	u.begun = append(u.begun, begun{d, work})
}

// begun is work that starts with the next flush, and how long it may take.
type begun struct {
	within time.Duration
	work   func(context.Context) func()
}

// beginWork starts what background was asked for.
func (u *user) beginWork() {
	for _, b := range u.begun {
		u.goWork(b)
	}
	u.begun = nil
}

func (u *user) goWork(b begun) {
	u.g.working.add()
	go func() {
		defer u.g.working.done()
		ctx, cancel := context.WithTimeout(u.ctx, b.within)
		defer cancel()
		after := func() {}
		func() {
			defer func() {
				if p := recover(); p != nil {
					u.g.metrics.panics.Inc()
					u.g.log.Error("work for a user panicked", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
				}
			}()
			after = b.work(ctx)
		}()
		u.post(func() {
			u.awaited--
			after()
		})
	}()
}

// sayError makes of an error what the user may read; an unclassified one is logged.
func (u *user) sayError(err error) *transports.Error {
	e := transports.AsError(err)
	if e.Kind == transports.Internal && e.Text == "" {
		u.g.log.Error("a command failed", u.logID(), "error", err)
	}
	return e
}
