package component

import (
	"context"
	"fmt"
	"strings"
	"time"

	"passerelle/internal/text"
	"passerelle/store"
	"passerelle/transports"
)

// errNoStore says that the gateway remembers nothing.
func errNoStore(lang string) error {
	return transports.NewError(transports.Unsupported, text.Say(lang, "This gateway keeps nothing of its users."), nil)
}

// userID is how the database knows somebody.
func (g *Gateway) userID(jid transports.Address) store.UserID {
	return store.UserID{Domain: g.opt.Domain, JID: jid.Bare().String()}
}

// usersCommand is "users": whom the gateway knows.
func (g *Gateway) usersCommand() transports.Command {
	return transports.Command{Name: "users", Title: "Everybody who is known here", Admin: true, List: g.listUsers}
}

func (g *Gateway) listUsers(ctx context.Context, call transports.Call, at transports.Page) (*transports.Table, error) {
	if g.opt.Store == nil {
		return nil, errNoStore(call.Lang)
	}
	users, err := g.opt.Store.UsersAfter(ctx, g.opt.Domain, at.After, at.Max+1)
	if err != nil {
		return nil, err
	}
	t := &transports.Table{
		Title: "Everybody who is known here",
		Empty: "Nobody is known here.",
		Columns: []transports.Column{
			{Name: "user", Label: "User"},
			{Name: "registered", Label: "Registered"},
			{Name: "seen", Label: "Last seen"},
			{Name: "sessions", Label: "Networks"},
		},
	}
	for _, u := range users {
		row, err := g.userRow(ctx, call.Lang, u)
		if err != nil {
			return nil, err
		}
		t.Rows = append(t.Rows, row)
	}
	return t.Cut(transports.Page{Max: at.Max}), nil
}

func (g *Gateway) userRow(ctx context.Context, lang string, u store.User) (transports.Row, error) {
	set, err := g.opt.Store.Settings(ctx, u.UserID, registerScope)
	if err != nil {
		return transports.Row{}, err
	}
	connected := "?" // where his goroutine is held up
	if jid, err := transports.ParseAddress(u.JID); err == nil {
		ctx, cancel := context.WithTimeout(ctx, g.opt.Timing.Peek)
		defer cancel()
		if all, err := g.connectionsOf(ctx, jid); err == nil {
			connected = fmt.Sprint(len(all))
		}
	}
	return transports.Row{Key: u.JID, Cells: []string{u.JID, yesNo(lang, set[registerName] != ""), sayTime(u.LastSeen), connected}}, nil
}

func yesNo(lang string, yes bool) string {
	if yes {
		return text.Say(lang, "yes")
	}
	return text.Say(lang, "no")
}

// sayTime writes a time for people, to the minute.
func sayTime(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// userCommand is "user": what is known of one.
func (g *Gateway) userCommand() transports.Command {
	return transports.Command{Name: "user", Title: "What is known of somebody", Admin: true, Next: askUser("What is known of somebody"), List: g.listUser}
}

// askUser asks for a user on the first page.
func askUser(title string) func(context.Context, transports.Call) (*transports.Form, error) {
	return func(_ context.Context, call transports.Call) (*transports.Form, error) {
		if call.Values != nil {
			return nil, nil
		}
		return &transports.Form{Title: title, Fields: []transports.Field{
			{Name: "user", Label: "JID of the user", Type: transports.FieldAddress, Required: true},
		}}, nil
	}
}

// calledUser is the JID that a command was given.
func calledUser(call transports.Call) (transports.Address, error) {
	jid, err := transports.ParseAddress(call.Values.Get("user"))
	if err != nil {
		return jid, transports.Faults{{Field: "user", Text: text.Say(call.Lang, "This is not an address.")}}.AsError()
	}
	return jid.Bare(), nil
}

// known finds the user that a command asks for.
func (g *Gateway) known(ctx context.Context, call transports.Call) (store.User, transports.Address, error) {
	if g.opt.Store == nil {
		return store.User{}, transports.Address{}, errNoStore(call.Lang)
	}
	jid, err := calledUser(call)
	if err != nil {
		return store.User{}, jid, err
	}
	u, ok, err := g.opt.Store.User(ctx, g.userID(jid))
	if err == nil && !ok {
		err = transports.Faults{{Field: "user", Text: text.Say(call.Lang, "%s is not known here.", jid.String())}}.AsError()
	}
	return u, jid, err
}

func (g *Gateway) listUser(ctx context.Context, call transports.Call, at transports.Page) (*transports.Table, error) {
	u, jid, err := g.known(ctx, call)
	if err != nil {
		return nil, err
	}
	row, err := g.userRow(ctx, call.Lang, u)
	if err != nil {
		return nil, err
	}
	settings, err := g.opt.Store.SettingNames(ctx, u.UserID)
	if err != nil {
		return nil, err
	}
	connections, err := g.connectionsOf(ctx, jid)
	if err != nil {
		return nil, err
	}
	t := &transports.Table{
		Title:   "What is known of somebody",
		Columns: []transports.Column{{Name: "what", Label: "What"}, {Name: "value", Label: "Value"}},
	}
	add := func(what, value string) {
		t.Rows = append(t.Rows, transports.Row{Key: fmt.Sprintf("%06d", len(t.Rows)), Cells: []string{what, value}})
	}
	add(text.Say(call.Lang, "User"), u.JID)
	add(text.Say(call.Lang, "Registered"), row.Cells[1])
	add(text.Say(call.Lang, "First seen"), sayTime(u.FirstSeen))
	add(text.Say(call.Lang, "Last seen"), row.Cells[2])
	for _, c := range connections {
		rooms := make([]string, len(c.rooms))
		for i, r := range c.rooms {
			rooms[i] = r.id
		}
		add(c.network, strings.TrimSuffix(c.state(call.Lang)+": "+strings.Join(rooms, " "), ": "))
	}
	for _, s := range settings {
		if s.Scope != registerScope && s.Name != forgottenName {
			add(text.Say(call.Lang, "Has set"), s.Scope+" "+s.Name)
		}
	}
	return t.Cut(at), nil
}
