package component

import (
	"context"
	"errors"
	"strings"

	"passerelle/internal/text"
	"passerelle/transports"
)

// leaveCommand is "leave": it takes one out of a room for good.
func (g *Gateway) leaveCommand() transports.Command {
	return transports.Command{
		Name: "leave", Title: "Leave a room for good",
		For:  []transports.TargetKind{transports.TargetDomain, transports.TargetRoom},
		Next: g.leaveForm, Run: g.leaveRun,
	}
}

const leaveRooms = "rooms" // a field

func (g *Gateway) leaveForm(ctx context.Context, call transports.Call) (*transports.Form, error) {
	if call.On.Kind == transports.TargetRoom || call.Values != nil {
		return nil, nil
	}
	connections, err := g.connectionsOf(ctx, call.User)
	if err != nil {
		return nil, err
	}
	f := &transports.Form{Title: "Leave a room for good", Fields: []transports.Field{{Name: leaveRooms, Label: "Rooms", Type: transports.FieldChoices}}}
	for _, c := range connections {
		for _, r := range c.rooms {
			local := g.address(transports.Target{Kind: transports.TargetRoom, Network: c.network, ID: r.id}).Local
			f.Fields[0].Options = append(f.Fields[0].Options, transports.Option{Value: local, Label: r.id + " " + c.network})
		}
	}
	if len(f.Fields[0].Options) == 0 {
		return nil, transports.NewError(transports.NotJoined, text.Say(call.Lang, "You are in no room."), nil)
	}
	return f, nil
}

func (g *Gateway) leaveRun(ctx context.Context, call transports.Call) (string, error) {
	rooms := []transports.Target{call.On}
	if call.On.Kind != transports.TargetRoom {
		rooms = rooms[:0]
		for _, local := range call.Values[leaveRooms] {
			e, err := g.entity(transports.Address{Local: local, Domain: g.domain.Domain})
			if err != nil {
				return "", err
			}
			rooms = append(rooms, e.target)
		}
	}
	u, ok := g.user(call.User)
	if !ok {
		return "", transports.NewError(transports.Busy, stoppingText, nil)
	}
	var names []string
	for _, room := range rooms {
		addr := g.address(room)
		was, err := peek(ctx, u, func() bool { return u.leaveRoom(room) })
		if err != nil {
			return "", err
		}
		if m, err := g.bookmarked(ctx, call.User, addr); !was && (err != nil || !m.there) {
			return "", transports.NewError(transports.NotJoined, text.Say(call.Lang, "You are not in %s.", g.roomName(call.Lang, room)), nil)
		}
		if g.opt.Store != nil {
			if err := g.recorded(ctx, &occupied{user: call.User, room: addr.Local}); err != nil {
				return "", err
			}
		}
		if err := g.unbookmark(ctx, call.User, room); err != nil && !errors.Is(err, errNotGranted) {
			g.log.Warn("a room could not be taken out of somebody's bookmarks", g.opt.Identity(call.User.String()), "error", err)
		}
		names = append(names, addr.String())
	}
	return text.Say(call.Lang, "You have left for good: %s", strings.Join(names, " ")), nil
}

// leaveRoom takes all of the user's clients out of a room, and himself where he stays. It reports whether he was in it.
func (u *user) leaveRoom(t transports.Target) (was bool) {
	addr := u.g.address(t)
	for r := range u.restoring {
		if r.room == addr.Local {
			delete(u.restoring, r)
			u.forgetOccupancy(r)
			was = true
		}
	}
	if room := u.networks.of(t.Network).room(t.ID); room != nil {
		room.Leave(text.Say(u.lang, "You have left for good: %s", addr.String()), u.out)
		was = true
	}
	return was
}
