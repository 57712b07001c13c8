package component

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"passerelle/internal/text"
	"passerelle/transports"
)

// peekTime is how long one user's goroutine may take to say something of itself; it may be held up by the stream.
const peekTime = time.Second

// sessionsCommand is "sessions": who is connected where.
func (g *Gateway) sessionsCommand() transports.Command {
	return transports.Command{Name: "sessions", Title: "Who is connected where", Admin: true, List: g.listSessions}
}

func (g *Gateway) listSessions(ctx context.Context, call transports.Call, at transports.Page) (*transports.Table, error) {
	t := &transports.Table{
		Title: "Who is connected where",
		Empty: "Nobody is connected.",
		Columns: []transports.Column{
			{Name: "user", Label: "User"},
			{Name: "network", Label: "Network"},
			{Name: "state", Label: "State"},
			{Name: "rooms", Label: "Rooms"},
		},
	}
	from, _, _ := strings.Cut(at.After, " ")
	for _, u := range g.sorted() {
		// Only as many are asked as fill the page.
		if u.jid.String() < from {
			continue
		}
		for _, r := range u.sessionRows(ctx, call.Lang) {
			if r.Key > at.After {
				t.Rows = append(t.Rows, r)
			}
		}
		if len(t.Rows) > at.Max {
			break
		}
	}
	return t.Cut(transports.Page{Max: at.Max}), nil
}

// sorted are the users in the order of their JIDs.
func (g *Gateway) sorted() []*user {
	users := g.everybody()
	slices.SortFunc(users, func(a, b *user) int { return strings.Compare(a.jid.String(), b.jid.String()) })
	return users
}

// sessionRows are the rows of one user, in the order of networks. No JID and no network has a space in it.
func (u *user) sessionRows(ctx context.Context, lang string) []transports.Row {
	jid := u.jid.String()
	ctx, cancel := context.WithTimeout(ctx, u.g.opt.Timing.Peek)
	defer cancel()
	connections, err := peek(ctx, u, u.connections)
	switch {
	case err == errRetired:
		return nil
	case err != nil:
		return []transports.Row{{Key: jid + " ", Cells: []string{jid, "", text.Say(lang, "does not answer"), ""}}}
	}
	var rows []transports.Row
	for _, c := range connections {
		rows = append(rows, transports.Row{Key: jid + " " + c.network, Cells: []string{jid, c.network, c.state(lang), fmt.Sprint(len(c.rooms))}})
	}
	return rows
}
