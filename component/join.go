package component

import (
	"context"
	"errors"
	"net/url"
	"strings"

	"passerelle/internal/text"
	"passerelle/transports"
)

// joinCommand is "join": it shows a user the way into a room. Only a client can enter one, so it is a bookmark, which all of them follow,
// or else an invitation, and in any case a link.
func (g *Gateway) joinCommand() transports.Command {
	return transports.Command{
		Name: "join", Title: g.opt.Transport.Describe().Prompt.Room.Title,
		For:  []transports.TargetKind{transports.TargetDomain, transports.TargetNetwork},
		Next: g.joinForm, Run: g.joinRun,
	}
}

// Fields: what the user wants, and the half of it that he has left out.
const (
	joinRoom = "room"
	joinHalf = "half"
)

func (g *Gateway) joinForm(ctx context.Context, call transports.Call) (*transports.Form, error) {
	room := g.about().Prompt.Room
	form := func(name, label, instructions string) *transports.Form {
		return &transports.Form{Title: room.Title, Instructions: instructions, Fields: []transports.Field{{Name: name, Label: label, Required: true}}}
	}
	said := call.Values.Get(joinRoom)
	switch {
	case call.Values == nil:
		return form(joinRoom, room.Label, room.Description), nil
	case call.Values.Get(joinHalf) != "" || call.On.Network != "" || g.about().Fixed != "":
		return nil, nil
	}
	t, _, err := g.findRoom(ctx, call, said)
	switch {
	case err == nil && t.Kind == transports.TargetNetwork:
		return form(joinHalf, "Channel", text.Say(call.Lang, "Which channel on %s? Write, for instance, “#linux”.", g.networkName(t.Network))), nil
	case err != nil && len(g.about().Networks) == 0 && len(strings.Fields(said)) == 1:
		if _, _, err := g.findRoom(ctx, call, said+" "+g.exampleNetwork()); err == nil {
			return form(joinHalf, "Network", text.Say(call.Lang, "On which network is %s? Write, for instance, “%s”.", said, g.shortNetwork())), nil
		}
	}
	return nil, nil
}

func (g *Gateway) joinRun(ctx context.Context, call transports.Call) (string, error) {
	said := call.Values.Get(joinRoom)
	if half := call.Values.Get(joinHalf); len(strings.Fields(half)) > 1 { // he has thought of another one
		said = half
	} else if half != "" {
		said = half + " " + said
		if t, _, err := g.findRoom(ctx, call, half); err == nil && t.Kind == transports.TargetNetwork {
			said = call.Values.Get(joinRoom) + " " + half
		}
	}
	room, key, err := g.findRoom(ctx, call, said)
	if err == nil && room.Kind == transports.TargetNetwork {
		err = transports.NewError(transports.BadRequest,
			text.Say(call.Lang, "%s is a network. Which channel there? Write, for instance, “#linux %s”.", room.Network, room.Network), nil)
	}
	if err != nil {
		return "", err
	}
	return g.showIn(ctx, call.User, call.Lang, room, key), nil
}

// showIn shows a user the way into a room, and returns what he is to be told.
func (g *Gateway) showIn(ctx context.Context, user transports.Address, lang string, room transports.Target, key string) string {
	addr := g.address(room)
	err := g.bookmark(ctx, user, room, key)
	if err == nil {
		return text.Say(lang, "%s is in your bookmarks, so your clients enter it by themselves. If yours does not, open this link:", g.roomName(lang, room)) + "\n" + JoinLink(addr)
	}
	if !errors.Is(err, errNotGranted) {
		g.log.Warn("a room could not be put into somebody's bookmarks", g.opt.Identity(user.String()), "error", err)
	}
	said := text.Say(lang, "To enter %s, accept the invitation, or open this link:", g.roomName(lang, room)) + "\n" + JoinLink(addr)
	if u, ok := g.user(user); ok {
		u.post(func() { u.sendInvitation(addr, user, g.botAddress(), "", key, "") })
	}
	return said
}

// roomName is a room as people call it, with its network where there are several.
func (g *Gateway) roomName(lang string, room transports.Target) string {
	if g.about().Fixed != "" {
		return room.ID
	}
	return text.Say(lang, "%s on %s", room.ID, g.networkName(room.Network))
}

// networkName is a network as people call it.
func (g *Gateway) networkName(id string) string {
	for _, n := range g.about().Networks {
		if n.ID == id {
			return n.Name
		}
	}
	return id
}

// findRoom says which room somebody means who wants to enter one, or which network where he names no room. On a network it may be followed by
// its key.
func (g *Gateway) findRoom(ctx context.Context, call transports.Call, input string) (room transports.Target, key string, err error) {
	words := strings.Fields(input)
	if len(words) > 1 && call.On.Network != "" {
		key, words = words[1], words[:1]
	}
	t, ours := g.ownAddress(strings.Join(words, " "))
	if !ours {
		if len(words) == 1 && call.On.Network != "" {
			words = append(words, call.On.Network)
		}
		t, err = g.opt.Transport.Find(call.Lang, strings.Join(words, " "), transports.TargetRoom)
		if own, ok := g.ownNetwork(ctx, call.User, words); err != nil && ok {
			t, err = own, nil
		}
	}
	switch {
	case err != nil:
		return transports.Target{}, "", err
	case t.Kind != transports.TargetRoom && t.Kind != transports.TargetNetwork:
		err = transports.NewError(transports.BadRequest, text.Say(call.Lang, "%s is a person: write to %s.", t.ID, g.address(t).String()), nil)
	}
	return t, key, err
}

// ownAddress reads an address of ours, or a link to one.
func (g *Gateway) ownAddress(word string) (transports.Target, bool) {
	word = strings.TrimPrefix(word, "xmpp:")
	word, _, _ = strings.Cut(word, "?")
	if local, err := url.PathUnescape(word); err == nil && strings.HasPrefix(word, "%23") {
		word = local
	}
	a, err := transports.ParseAddress(word)
	if err != nil || a.Domain != g.domain.Domain || a.Local == "" {
		return transports.Target{}, false
	}
	t, err := g.opt.Transport.Parse(transports.Unescape(a.Local))
	return t, err == nil
}

// ownNetwork is a room on a network that a user has given a name of his own, where the words are a room and that name.
func (g *Gateway) ownNetwork(ctx context.Context, user transports.Address, words []string) (transports.Target, bool) {
	if len(words) != 2 || g.opt.Store == nil {
		return transports.Target{}, false
	}
	t := transports.Target{Kind: transports.TargetRoom, Network: strings.ToLower(words[1]), ID: strings.ToLower(words[0])}
	t, err := g.opt.Transport.Parse(g.opt.Transport.Format(t))
	if err != nil || t.Kind != transports.TargetRoom {
		return transports.Target{}, false
	}
	set, err := g.opt.Store.Settings(ctx, g.userID(user), transports.Scope(transports.TargetNetwork, t.Network))
	return t, err == nil && len(set) > 0
}
