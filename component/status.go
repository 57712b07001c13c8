package component

import (
	"context"
	"slices"
	"strings"

	"passerelle/internal/text"
	"passerelle/transports"
)

// connection is a session of a user as lists show it.
type connection struct {
	network string
	online  bool
	why     string // it is not online
	nick    string
	link    transports.Link
	rooms   []occupiedRoom
}

// occupiedRoom is a room that a user is in, or on his way to.
type occupiedRoom struct {
	id      string
	nick    string   // empty while he is on his way
	clients []string // their resources
	stays   bool     // also while there are none
}

// connections are the sessions of the user.
func (u *user) connections() []connection {
	var all []connection
	for _, n := range u.networks {
		c := connection{network: n.id, online: n.online, why: n.why, nick: n.nick, link: n.link}
		for _, r := range n.rooms {
			room := occupiedRoom{id: r.Target().ID, nick: r.Nick(), stays: r.Stays()}
			for client := range r.Clients() {
				room.clients = append(room.clients, client.Resource)
			}
			slices.Sort(room.clients)
			c.rooms = append(c.rooms, room)
		}
		slices.SortFunc(c.rooms, func(a, b occupiedRoom) int { return strings.Compare(a.id, b.id) })
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b connection) int { return strings.Compare(a.network, b.network) })
	return all
}

// connectionsOf are the sessions of somebody who may be unknown.
func (g *Gateway) connectionsOf(ctx context.Context, jid transports.Address) ([]connection, error) {
	u := g.met(jid)
	if u == nil {
		return nil, nil
	}
	all, err := peek(ctx, u, u.connections)
	if err == errRetired {
		return nil, nil
	}
	return all, err
}

// state says how a session is doing.
func (c connection) state(lang string) string {
	switch {
	case c.online:
		return text.Say(lang, "connected")
	case c.why != "":
		return text.Say(lang, "not connected: %s", c.why)
	}
	return text.Say(lang, "connecting")
}

// statusCommand is "status": where one is connected.
func (g *Gateway) statusCommand() transports.Command {
	return transports.Command{
		Name: "status", Title: "Your connections",
		For:  []transports.TargetKind{transports.TargetDomain, transports.TargetNetwork, transports.TargetRoom},
		List: g.listStatus,
	}
}

func (g *Gateway) listStatus(ctx context.Context, call transports.Call, at transports.Page) (*transports.Table, error) {
	connections, err := g.connectionsOf(ctx, call.User)
	if err != nil {
		return nil, err
	}
	t := &transports.Table{
		Title: "Your connections",
		Empty: "You are connected to no network. Joining a room connects you.",
		Columns: []transports.Column{
			{Name: "where", Label: "Network or room"},
			{Name: "nick", Label: "Nick"},
			{Name: "state", Label: "State"},
		},
	}
	for _, c := range connections {
		if call.On.Network != "" && c.network != call.On.Network {
			continue
		}
		if call.On.Kind != transports.TargetRoom {
			t.Rows = append(t.Rows, transports.Row{Key: c.network, Cells: []string{c.network, "", c.state(call.Lang)}})
		}
		for _, r := range c.rooms {
			if call.On.Kind == transports.TargetRoom && r.id != call.On.ID {
				continue
			}
			state := text.Say(call.Lang, "entered")
			switch {
			case r.nick == "":
				state = text.Say(call.Lang, "entering")
			case r.stays:
				state = text.Say(call.Lang, "entered, also while you are away")
			}
			t.Rows = append(t.Rows, transports.Row{Key: c.network + " " + r.id, Cells: []string{r.id, r.nick, state}})
		}
	}
	if call.On.Kind != transports.TargetDomain {
		t.Empty = text.Say(call.Lang, "You are not connected there. Joining a room connects you.")
	}
	slices.SortFunc(t.Rows, func(a, b transports.Row) int { return strings.Compare(a.Key, b.Key) })
	return t.Cut(at), nil
}
