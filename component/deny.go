package component

import (
	"context"
	"fmt"

	"passerelle/internal/text"
	"passerelle/store"
	"passerelle/transports"
)

// An administrator cannot wait for a restart to be rid of somebody, so whom he denies the gateway is kept in the database, beside the
// operator's lists.

// loadDenied reads whom administrators have denied the gateway. It is called before the first stream stands: nobody must slip in.
func (g *Gateway) loadDenied(ctx context.Context) error {
	if g.opt.Store == nil {
		return nil
	}
	all, err := g.opt.Store.Denied(context.WithoutCancel(ctx), g.opt.Domain)
	if err != nil {
		return fmt.Errorf("whom administrators have denied the gateway: %w", err)
	}
	for _, d := range all {
		g.access.setDenied(d.JID, true)
	}
	return nil
}

// denyUser denies somebody the gateway from now on, and takes him out of it.
func (g *Gateway) denyUser(ctx context.Context, jid transports.Address, lang string) (string, error) {
	if g.opt.Store == nil {
		return "", errNoStore(lang)
	}
	if g.access.isAdmin(jid) {
		return "", transports.NewError(transports.Policy, text.Say(lang, "%s is an administrator, whom the gateway cannot be denied.", jid.String()), nil)
	}
	if err := g.opt.Store.Write(ctx, func(tx *store.Tx) error { return tx.Deny(g.userID(jid)) }); err != nil {
		return "", err
	}
	g.access.setDenied(jid.String(), true)
	if _, err := g.expel(ctx, jid, g.denial("").Text); err != nil {
		return "", err
	}
	return text.Say(lang, "%s may not use the gateway any more.", jid.String()), nil
}

// expel ends all that somebody has here, and has his goroutine see whether he may use the gateway.
func (g *Gateway) expel(ctx context.Context, jid transports.Address, reason string) (struct{}, error) {
	u, ok := g.user(jid)
	if !ok {
		return struct{}{}, transports.NewError(transports.Busy, stoppingText, nil)
	}
	return peek(ctx, u, func() struct{} {
		u.denied = !g.access.admits(jid)
		u.leaveEverything(reason)
		return struct{}{}
	})
}

// denyUserCommand is "deny-user": somebody whose JID is known may not use the gateway any more.
func (g *Gateway) denyUserCommand() transports.Command {
	return transports.Command{
		Name: "deny-user", Title: "Deny somebody the gateway", Admin: true, Next: askUser("Deny somebody the gateway"),
		Run: func(ctx context.Context, call transports.Call) (string, error) {
			jid, err := calledUser(call)
			if err != nil {
				return "", err
			}
			return g.denyUser(ctx, jid, call.Lang)
		},
	}
}

// allowUserCommand is "allow-user": what deny-user and find-user did is taken back.
func (g *Gateway) allowUserCommand() transports.Command {
	return transports.Command{
		Name: "allow-user", Title: "Let somebody use the gateway again", Admin: true, Next: askUser("Let somebody use the gateway again"),
		Run: func(ctx context.Context, call transports.Call) (string, error) {
			jid, err := calledUser(call)
			if err != nil {
				return "", err
			}
			if g.opt.Store == nil {
				return "", errNoStore(call.Lang)
			}
			if err := g.opt.Store.Write(ctx, func(tx *store.Tx) error { return tx.Allow(g.userID(jid)) }); err != nil {
				return "", err
			}
			g.access.setDenied(jid.String(), false)
			if u, ok := g.user(jid); ok {
				u.post(func() { u.denied = !g.access.admits(jid) })
			}
			if !g.access.admits(jid) {
				return text.Say(call.Lang, "%s is still denied the gateway, by its configuration.", jid.String()), nil
			}
			return text.Say(call.Lang, "%s may use the gateway.", jid.String()), nil
		},
	}
}

// deniedUsersCommand is "denied-users": whom administrators have denied the gateway.
func (g *Gateway) deniedUsersCommand() transports.Command {
	return transports.Command{Name: "denied-users", Title: "Who is denied the gateway", Admin: true, List: g.listDenied}
}

func (g *Gateway) listDenied(ctx context.Context, call transports.Call, at transports.Page) (*transports.Table, error) {
	if g.opt.Store == nil {
		return nil, errNoStore(call.Lang)
	}
	all, err := g.opt.Store.Denied(ctx, g.opt.Domain)
	if err != nil {
		return nil, err
	}
	t := &transports.Table{
		Title: "Who is denied the gateway", Empty: "Administrators have denied the gateway to nobody.",
		Columns: []transports.Column{{Name: "user", Label: "User"}, {Name: "since", Label: "Since"}},
	}
	for _, d := range all {
		t.Rows = append(t.Rows, transports.Row{Key: d.JID, Cells: []string{d.JID, sayTime(d.Since)}})
	}
	return t.Cut(at), nil
}
