package component

import (
	"context"
	"maps"
	"slices"

	"passerelle/internal/text"
	"passerelle/store"
	"passerelle/transports"
)

// removeUserCommand is "remove-user": what removing the registration does, by an administrator.
func (g *Gateway) removeUserCommand() transports.Command {
	return transports.Command{Name: "remove-user", Title: "Remove a user", Admin: true, Next: g.removeUserForm, Run: g.removeUserRun}
}

func (g *Gateway) removeUserForm(ctx context.Context, call transports.Call) (*transports.Form, error) {
	if call.Values == nil {
		f, err := askUser("Remove a user")(ctx, call)
		if f != nil {
			f.More = true
		}
		return f, err
	}
	if _, asked := call.Values[sure]; asked {
		return nil, nil
	}
	u, _, err := g.known(ctx, call)
	if err != nil {
		return nil, err
	}
	return &transports.Form{
		Title:        "Remove a user",
		Instructions: text.Say(call.Lang, "Everything that is kept about %s is deleted, passwords and history included, and his connections end.", u.JID),
		Fields:       []transports.Field{{Name: "sure", Label: "Yes, delete it", Type: transports.FieldBool, Values: []string{"false"}}},
	}, nil
}

func (g *Gateway) removeUserRun(ctx context.Context, call transports.Call) (string, error) {
	if !call.Values.Bool(sure) {
		return text.Say(call.Lang, "Left as it is."), nil
	}
	_, jid, err := g.known(ctx, call)
	if err != nil {
		return "", err
	}
	if err := g.removeByCommand(ctx, jid, text.Say(call.Lang, "The operator of this gateway has removed you from it.")); err != nil {
		return "", err
	}
	return text.Say(call.Lang, "%s is removed.", jid.String()), nil
}

// forgetMeCommand is "forget-me": the removal of the registration for those whose clients do not know registration.
func (g *Gateway) forgetMeCommand() transports.Command {
	return transports.Command{
		Name: "forget-me", Title: "Delete everything that is kept about you",
		Next: func(_ context.Context, call transports.Call) (*transports.Form, error) {
			if call.Values != nil {
				return nil, nil
			}
			return &transports.Form{
				Title:        "Delete everything that is kept about you",
				Instructions: "Settings, passwords and history are deleted, and your connections end. If you want a copy of it all, cancel and run “export” first.",
				Fields:       []transports.Field{sureField()},
			}, nil
		},
		Run: func(ctx context.Context, call transports.Call) (string, error) {
			if !call.Values.Bool(sure) {
				return text.Say(call.Lang, "Left as it is."), nil
			}
			if g.opt.Store == nil {
				return "", errNoStore(call.Lang)
			}
			said := text.Say(call.Lang, "Nothing is kept about you any more.")
			return said, g.removeByCommand(ctx, call.User, said)
		},
	}
}

// sure is the field that asks whether something is to be deleted.
const sure = "sure"

func sureField() transports.Field {
	return transports.Field{Name: sure, Label: "Yes, delete it", Type: transports.FieldBool, Values: []string{"false"}}
}

// removeUser forgets everything about a user: his sessions end with the reason, and nothing of him is left in the database. What it
// returns is to be called on his goroutine once he was answered, and takes his contacts back. It must not be called on that
// goroutine, which it waits for.
func (g *Gateway) removeUser(ctx context.Context, jid transports.Address, reason string) (finish func(), err error) {
	u, ok := g.user(jid)
	if !ok {
		return nil, transports.NewError(transports.Busy, stoppingText, nil)
	}
	var late *removal
	begun, err := peek(ctx, u, func() *removal {
		late = u.beginRemoval(reason)
		return late
	})
	switch {
	case err != nil:
		u.post(func() { // it may have begun all the same, or begin yet
			if late != nil && late.err == nil {
				u.endRemoval()
			}
		})
		return nil, err
	case begun.err != nil:
		return nil, begun.err
	}
	g.exports.end(jid.Bare(), errRemoving())
	g.forgets.end(jid.Bare(), errRemoving())
	if err := g.forgetQuiet(ctx, jid, begun.quiet); err != nil {
		u.post(u.endRemoval)
		return nil, err
	}
	g.follow.removed(jid)
	g.Unwatch(ctx, jid)
	// Where the server does not let us, what sayRemoved says takes the subscriptions back.
	g.removeContacts(ctx, jid, begun.contacts)
	return func() {
		u.sayRemoved(begun.contacts)
		u.endRemoval()
	}, nil
}

// removal is one that has begun: what of ours is in the contact list, and what tells that nothing of the user is on its way into the
// database, nil where nothing is.
type removal struct {
	contacts []transports.Address
	quiet    <-chan struct{}
	err      *transports.Error
}

// beginRemoval ends what the user does, and lets nothing of him into the database until endRemoval.
func (u *user) beginRemoval(reason string) *removal {
	known, err := u.related()
	if err != nil {
		return &removal{err: err}
	}
	u.removing++
	u.awaited++ // so that he is not taken for another one meanwhile
	u.leaveEverything(reason)
	if u.writes > 0 && u.quiet == nil {
		u.quiet = make(chan struct{})
	}
	return &removal{contacts: u.contactAddresses(known), quiet: u.quiet}
}

func (u *user) endRemoval() {
	u.removing--
	u.awaited--
}

// forgetQuiet waits for quiet and deletes what the database has of a user.
func (g *Gateway) forgetQuiet(ctx context.Context, jid transports.Address, quiet <-chan struct{}) error {
	if quiet != nil {
		select {
		case <-quiet:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return g.forgetUser(ctx, jid)
}

// contactAddresses are what of ours the user has in his contact list, the gateway in any case.
func (u *user) contactAddresses(known *relations) []transports.Address {
	all := []transports.Address{u.g.domain}
	for _, local := range slices.Sorted(maps.Keys(known.contacts)) {
		if local != "" {
			all = append(all, transports.Address{Local: local, Domain: u.g.domain.Domain})
		}
	}
	return all
}

// removeByCommand removes a user for whom no request of registration is to be answered first.
func (g *Gateway) removeByCommand(ctx context.Context, jid transports.Address, reason string) error {
	finish, err := g.removeUser(ctx, jid, reason)
	if err != nil {
		return err
	}
	if u, ok := g.user(jid); ok {
		u.post(finish)
	}
	return nil
}

// sayRemoved takes back what the user and everything of ours in his contact list know of each other (XEP-0100 §4.3).
func (u *user) sayRemoved(contacts []transports.Address) {
	for _, contact := range contacts {
		for _, typ := range []string{"unsubscribe", "unsubscribed", "unavailable"} {
			u.out.Stanzas.Start("presence").JID("from", contact).JID("to", u.jid).Attr("type", typ).End()
		}
	}
	u.relations = &relations{archive: keepsAll} // the database has none any more
}

// leaver is a transport that has others be told when a user is removed.
type leaver interface {
	// Leaves is called in the transaction in which everything of the user is deleted, before that.
	Leaves(tx *store.Tx, user transports.Address) error
}

// forgetUser deletes what the database has of a user, behind the messages and the changes of rooms that wait to be written: one of
// those would bring him back.
func (g *Gateway) forgetUser(ctx context.Context, jid transports.Address) error {
	if g.archive != nil {
		if err := g.archive.forget(ctx, g.userID(jid)); err != nil {
			return err
		}
	}
	write := (*store.Tx).RemoveUser
	if l, ok := g.opt.Transport.(leaver); ok {
		write = func(tx *store.Tx, id store.UserID) error {
			if err := l.Leaves(tx, jid.Bare()); err != nil {
				return err
			}
			return tx.RemoveUser(id)
		}
	}
	return g.recorded(ctx, &occupied{user: jid, write: write})
}

// recorded waits until something is written, behind the changes of rooms that wait to be.
func (g *Gateway) recorded(ctx context.Context, o *occupied) error {
	done := make(chan error, 1)
	o.done = done
	select {
	case g.occupancy <- o:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	select {
	case err := <-done:
		g.opt.Tidy()
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// leaveEverything takes the user out of every room, ends his sessions and gives up what he was filling in.
func (u *user) leaveEverything(reason string) {
	clear(u.restoring)
	for _, x := range u.executions {
		if !x.busy { // what is busy may be what asked for this
			u.end(x)
		}
	}
	for _, n := range u.networks {
		n.end(reason)
	}
}

// end takes the user out of every room of the network, those too in which he stays while he is away, and ends his session there.
func (n *network) end(reason string) {
	for _, room := range n.rooms {
		room.Shutdown(reason, n.u.out)
		room.Unstay(n.u.out)
	}
	n.failQuestions(transports.NewError(transports.Gone, reason, nil))
	n.close(reason)
}
