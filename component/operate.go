package component

import (
	"context"
	"maps"
	"slices"
	"strings"

	"passerelle/transports"
)

// Operations are the commands that an operator can run, see Operate.
func (g *Gateway) Operations() []transports.Command { return slices.Clone(g.commands) }

// Operate runs a command for the operator, or for a user in whose name he acts, with all values at once. Safe to call from any
// goroutine, but that of a user.
func (g *Gateway) Operate(ctx context.Context, op transports.Operation) (transports.Outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	c, call, err := g.operation(op)
	if err != nil {
		return transports.Outcome{}, err
	}
	unknown := maps.Clone(op.Values)
	var last *page
	for asked := 0; ; asked++ {
		s := g.askPage(ctx, c, call, asked)
		if s.err != nil || s.form == nil {
			if s.err == nil {
				break
			}
			return g.mend(last, s.err)
		}
		last = &page{form: s.form, before: call.Values}
		given := false
		for i := range s.form.Fields {
			f := &s.form.Fields[i]
			if _, ok := unknown[f.Name]; !ok {
				continue
			}
			given = true
			delete(unknown, f.Name)
			if slices.Contains(op.Open, f.Name) && f.Tells(op.Values[f.Name]) {
				f.Fault = f.Name + " is a secret, which others could read where you wrote it: give it in a file."
				return transports.Outcome{Form: s.form}, nil
			}
		}
		// Who gives what a later page asks for leaves this one as it is.
		needed := slices.ContainsFunc(s.form.Fields, func(f transports.Field) bool { return f.Required })
		if !given && len(s.form.Fields) > 0 && (needed || len(unknown) == 0) {
			return transports.Outcome{Form: s.form}, nil
		}
		values, ok := last.take(call.Lang, op.Values)
		if !ok {
			return transports.Outcome{Form: last.form}, nil
		}
		call.Values = last.with(values)
	}
	if names := slices.Sorted(maps.Keys(unknown)); len(names) > 0 {
		return transports.Outcome{}, transports.Errorf(transports.BadRequest, "The command does not ask for %s.", quote(names[0]))
	}
	s := g.run(ctx, c, call, transports.Page{After: op.After, Max: max(op.Max, 1)})
	if s.err != nil {
		return g.mend(last, s.err)
	}
	return transports.Outcome{Said: s.said, Table: s.table}, nil
}

// mend is the outcome of an error: the last page once more where it can be mended there.
func (g *Gateway) mend(last *page, err error) (transports.Outcome, error) {
	if e := transports.AsError(err); last == nil || e.Kind != transports.BadRequest {
		if e.Kind == transports.Internal {
			g.log.Error("a command failed", "error", err)
		}
		return transports.Outcome{}, err
	}
	rest := last.blame(err)
	return transports.Outcome{Form: last.form}, rest
}

// operation finds the command and what it is run on.
func (g *Gateway) operation(op transports.Operation) (transports.Command, transports.Call, error) {
	bad := func(text string) (transports.Command, transports.Call, error) {
		return transports.Command{}, transports.Call{}, transports.NewError(transports.BadRequest, text, nil)
	}
	i := slices.IndexFunc(g.commands, func(c transports.Command) bool { return c.Name == op.Command })
	if i < 0 {
		return transports.Command{}, transports.Call{}, transports.Errorf(transports.NotFound, "There is no command %s.", quote(op.Command))
	}
	c, call := g.commands[i], transports.Call{User: op.User.Bare(), Lang: op.Lang}
	if !op.User.IsZero() && !g.access.admits(op.User) { // a link that he got before is of no use to him any more
		return transports.Command{}, transports.Call{}, g.denial(op.Lang)
	}
	if op.User.IsZero() && !c.Admin {
		return bad("This command is run for a user: say for whom.")
	}
	if op.On != "" && op.On != g.opt.Domain {
		t, ok := g.target(op.On)
		if !ok {
			return bad(quote(op.On) + " is neither a network nor a room here.")
		}
		call.On = t
	} else {
		call.On = g.own(entityGateway).on(&c)
	}
	if !c.IsFor(call.On.Kind) {
		if call.On.Kind == transports.TargetDomain {
			return bad("This command is run on a network: say on which.")
		}
		return bad("This command is not for " + quote(op.On) + ".")
	}
	return c, call, nil
}

// target finds what somebody means who names a network or a room: by its name, by what people call it, or by its JID.
func (g *Gateway) target(word string) (transports.Target, bool) {
	if t, ours := g.ownAddress(word); ours {
		return t, true
	}
	if t, err := g.opt.Transport.Find("", word, transports.TargetNetwork); err == nil {
		return t, true
	}
	if word == "" {
		return transports.Target{}, false
	}
	t, err := g.opt.Transport.Parse(strings.ToLower(word))
	return t, err == nil
}
