package component

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"passerelle/internal/text"
	"passerelle/transports"
)

// witness is a transport whose networks know users by other names than their JIDs, and complain about them by these.
type witness interface {
	// Seen are the users whom what a network reports may be about; network is empty for any.
	Seen(reported, network string) []transports.Sighting
	// Names reports whether what a network reports is about a user, who need not be connected.
	Names(reported string, user transports.Address) bool
}

// What find-user can do with whom it finds.
const (
	actShow       = "show"
	actDisconnect = "disconnect"
	actDeny       = "deny"
)

// findUserCommand is "find-user": a network complains about somebody, and the administrator finds who that is and stops him.
func (g *Gateway) findUserCommand(w witness) transports.Command {
	return transports.Command{
		Name: "find-user", Title: "Find the user behind a nick or ident", Admin: true,
		Next: func(ctx context.Context, call transports.Call) (*transports.Form, error) {
			return g.findUserForm(ctx, w, call)
		},
		Run: func(ctx context.Context, call transports.Call) (string, error) { return g.findUserRun(ctx, w, call) },
	}
}

func (g *Gateway) findUserForm(ctx context.Context, w witness, call transports.Call) (*transports.Form, error) {
	if call.Values == nil {
		return &transports.Form{
			Title: "Find the user behind a nick or ident", Instructions: "What the network says of him: a nick, an ident, a host, or nick!ident@host.",
			Fields: []transports.Field{
				{Name: "who", Label: "Nick or ident", Required: true},
				{Name: "network", Label: "Network, if only one is meant"},
				{Name: "action", Label: "What to do", Type: transports.FieldChoice, Values: []string{actShow}, Options: []transports.Option{
					{Value: actShow, Label: "Only say who it is"},
					{Value: actDisconnect, Label: "End his connections"},
					{Value: actDeny, Label: "End his connections, and deny him the gateway"},
				}},
			},
		}, nil
	}
	if _, asked := call.Values["users"]; asked {
		return nil, nil
	}
	found, err := g.findUsers(ctx, w, call)
	if err != nil {
		return nil, err
	}
	users := usersOf(found)
	if len(users) == 1 || call.Values.Get("action") == actShow {
		return nil, nil
	}
	// A nick may be of several people, one on each network.
	f := &transports.Form{Title: "Find the user behind a nick or ident", Instructions: "It may be several people. Choose.", Fields: []transports.Field{{Name: "users", Label: "Users", Type: transports.FieldChoices}}}
	for _, s := range found {
		f.Fields[0].Options = append(f.Fields[0].Options, transports.Option{Value: s.User.String(), Label: saySighting(call.Lang, s)})
	}
	f.Fields[0].Options = slices.CompactFunc(f.Fields[0].Options, func(a, b transports.Option) bool { return a.Value == b.Value })
	return f, nil
}

// findUsers are those whom a command asks for, in the order of JIDs: who is connected, and who is only known.
func (g *Gateway) findUsers(ctx context.Context, w witness, call transports.Call) ([]transports.Sighting, error) {
	who := call.Values.Get("who")
	found := w.Seen(who, strings.ToLower(strings.TrimSpace(call.Values.Get("network"))))
	if g.opt.Store != nil {
		known, err := g.opt.Store.Users(ctx, g.opt.Domain)
		if err != nil {
			return nil, err
		}
		for _, u := range known {
			jid, err := transports.ParseAddress(u.JID)
			if err == nil && w.Names(who, jid) && !slices.ContainsFunc(found, func(s transports.Sighting) bool { return s.User == jid }) {
				found = append(found, transports.Sighting{User: jid})
			}
		}
	}
	if len(found) == 0 {
		return nil, transports.Faults{{Field: "who", Text: text.Say(call.Lang, "Nobody here is known by that.")}}.AsError()
	}
	slices.SortFunc(found, func(a, b transports.Sighting) int {
		return cmp.Or(strings.Compare(a.User.String(), b.User.String()), strings.Compare(a.Network, b.Network))
	})
	return found, nil
}

// usersOf are the people of sightings in their order.
func usersOf(found []transports.Sighting) []transports.Address {
	users := make([]transports.Address, len(found))
	for i, s := range found {
		users[i] = s.User
	}
	return slices.Compact(users)
}

func saySighting(lang string, s transports.Sighting) string {
	if s.Network == "" {
		return text.Say(lang, "%s, who is not connected", s.User.String())
	}
	seen := s.Nick
	if s.Host != "" {
		seen += "!" + s.Name + "@" + s.Host
	}
	return text.Say(lang, "%s, who is %s on %s", s.User.String(), seen, s.Network)
}

func (g *Gateway) findUserRun(ctx context.Context, w witness, call transports.Call) (string, error) {
	found, err := g.findUsers(ctx, w, call)
	if err != nil {
		return "", err
	}
	if chosen, asked := call.Values["users"]; asked {
		found = slices.DeleteFunc(found, func(s transports.Sighting) bool { return !slices.Contains(chosen, s.User.String()) })
	}
	var lines []string
	for _, s := range found {
		lines = append(lines, saySighting(call.Lang, s))
	}
	for _, user := range usersOf(found) {
		said := ""
		switch call.Values.Get("action") {
		case actDisconnect:
			_, err = g.expel(ctx, user, "An administrator of this gateway has ended your connections.")
			said = text.Say(call.Lang, "The connections of %s have ended.", user.String())
		case actDeny:
			said, err = g.denyUser(ctx, user, call.Lang)
		default:
			continue
		}
		if err != nil {
			return "", err
		}
		lines = append(lines, said)
	}
	if len(lines) == 0 {
		return text.Say(call.Lang, "Left as it is."), nil
	}
	return strings.Join(lines, "\n"), nil
}
