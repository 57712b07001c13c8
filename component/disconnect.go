package component

import (
	"context"
	"strings"

	"passerelle/internal/text"
	"passerelle/transports"
)

const (
	// maxOptions is how many users or networks a form has to choose from: with more, its stanza would be too long for servers.
	maxOptions = 500
	// maxQuitMessage is how much of a message is passed on, in characters.
	maxQuitMessage = 200
)

// Fields of the commands that disconnect, named as biboumi names them.
const (
	fieldJIDs    = "jids"
	fieldJID     = "jid"
	fieldServers = "irc-servers"
	fieldQuit    = "quit-message"
)

// disconnectUserCommand is "disconnect-user": an administrator takes people out of everything that they have here. They may come back.
func (g *Gateway) disconnectUserCommand() transports.Command {
	return transports.Command{
		Name: "disconnect-user", Title: "Disconnect selected users from the gateway", Admin: true,
		Next: func(ctx context.Context, call transports.Call) (*transports.Form, error) {
			users, cut := g.connectedUsers(ctx)
			if call.Values != nil || len(users) == 0 {
				return nil, nil
			}
			f := &transports.Form{
				Title: "Disconnect selected users from the gateway", Instructions: "Choose users, and what is said of why they go.",
				Fields: []transports.Field{
					{Name: fieldJIDs, Label: "The JIDs to disconnect", Type: transports.FieldChoices, Options: users, Required: true},
					quitField(text.Say(call.Lang, "Disconnected by admin")),
				},
			}
			sayCut(call.Lang, f, cut)
			return f, nil
		},
		Run: func(ctx context.Context, call transports.Call) (string, error) {
			done := 0
			for _, s := range call.Values[fieldJIDs] {
				jid, err := transports.ParseAddress(s)
				if err != nil {
					continue // not one of the choices
				}
				if _, err := g.expel(ctx, jid, quitMessage(call)); err != nil {
					return "", err
				}
				done++
			}
			switch done {
			case 0:
				return text.Say(call.Lang, "Nobody is connected."), nil
			case 1:
				return text.Say(call.Lang, "1 user has been disconnected."), nil
			}
			return text.Say(call.Lang, "%d users have been disconnected.", done), nil
		},
	}
}

const serverDisconnect = "disconnect-from-irc-server" // as in biboumi

// disconnectCommand is "disconnect-from-irc-server": one leaves networks with all of one's clients. Administrators first say who.
func (g *Gateway) disconnectCommand() transports.Command {
	return transports.Command{
		Name: serverDisconnect, Title: "Disconnect from the selected IRC servers",
		Next: g.disconnectForm, Run: g.disconnectRun,
	}
}

// whose is the user whose connections are to end.
func (g *Gateway) whose(call transports.Call) transports.Address {
	if jid, err := transports.ParseAddress(call.Values.Get(fieldJID)); err == nil && g.access.isAdmin(call.User) {
		return jid.Bare()
	}
	return call.User
}

func (g *Gateway) disconnectForm(ctx context.Context, call transports.Call) (*transports.Form, error) {
	if _, asked := call.Values[fieldServers]; asked {
		return nil, nil
	}
	admin := g.access.isAdmin(call.User)
	if _, asked := call.Values[fieldJID]; admin && !asked {
		users, cut := g.connectedUsers(ctx)
		if len(users) == 0 {
			return nil, nil
		}
		f := &transports.Form{
			Title: "Disconnect from the selected IRC servers", Instructions: "Choose a user.", More: true,
			Fields: []transports.Field{{Name: fieldJID, Label: "The JID to disconnect", Type: transports.FieldChoice, Options: users, Required: true}},
		}
		sayCut(call.Lang, f, cut)
		return f, nil
	}
	connections, err := g.connectionsOf(ctx, g.whose(call))
	if err != nil || len(connections) == 0 {
		return nil, err
	}
	servers := transports.Field{Name: fieldServers, Label: "The servers to disconnect from", Type: transports.FieldChoices, Required: true}
	for _, c := range connections[:min(len(connections), maxOptions)] {
		servers.Options = append(servers.Options, transports.Option{Value: c.network, Label: c.network})
	}
	quit := text.Say(call.Lang, "Disconnected by request")
	if admin {
		quit = text.Say(call.Lang, "Disconnected by admin")
	}
	return &transports.Form{
		Title: "Disconnect from the selected IRC servers", Instructions: "Choose servers, and what is said there.",
		Fields: []transports.Field{servers, quitField(quit)},
	}, nil
}

func (g *Gateway) disconnectRun(ctx context.Context, call transports.Call) (string, error) {
	jid := g.whose(call)
	done := 0
	if u := g.met(jid); u != nil {
		ended, err := peek(ctx, u, func() int {
			ended := 0
			for _, id := range call.Values[fieldServers] {
				if n := u.networks.of(id); n != nil {
					n.end(quitMessage(call))
					ended++
				}
			}
			return ended
		})
		if err != nil && err != errRetired {
			return "", err
		}
		done = ended
	}
	switch done {
	case 0:
		return text.Say(call.Lang, "User %s is not connected to any IRC server.", jid.String()), nil
	case 1:
		return text.Say(call.Lang, "%s was disconnected from 1 IRC server.", jid.String()), nil
	}
	return text.Say(call.Lang, "%s was disconnected from %d IRC servers.", jid.String(), done), nil
}

// connectedUsers are the users with sessions, to choose from, and whether there are more of them.
func (g *Gateway) connectedUsers(ctx context.Context) (users []transports.Option, cut bool) {
	for _, u := range g.sorted() {
		if len(users) > maxOptions {
			return users[:maxOptions], true
		}
		ctx, cancel := context.WithTimeout(ctx, g.opt.Timing.Peek)
		// Who does not answer may be the one who is to go.
		if n, err := peek(ctx, u, func() int { return len(u.networks) }); n > 0 || err != nil && err != errRetired {
			users = append(users, transports.Option{Value: u.jid.String(), Label: u.jid.String()})
		}
		cancel()
	}
	return users, false
}

// sayCut adds to the instructions of a form that there are more users than it has.
func sayCut(lang string, f *transports.Form, cut bool) {
	if cut {
		f.Instructions = text.Say(lang, f.Instructions) + " " + text.Say(lang, "These are not all: find-user finds the others.")
	}
}

func quitField(present string) transports.Field {
	return transports.Field{Name: fieldQuit, Label: "Quit message", Values: []string{present}}
}

func quitMessage(call transports.Call) string {
	return clip(strings.TrimSpace(call.Values.Get(fieldQuit)), maxQuitMessage)
}
