package component

import (
	"context"

	"passerelle/internal/text"
	"passerelle/transports"
)

// biboumiCommands are those that a gateway to IRC has under the names that biboumi gave them, with the same fields: people's habits and
// scripts go on working.
func (g *Gateway) biboumiCommands() []transports.Command {
	return []transports.Command{pingCommand(), helloCommand(), g.connectionInfoCommand(), g.disconnectCommand(), g.disconnectUserCommand()}
}

// pingCommand is "ping": a sign of life for those whose clients do not know XEP-0199.
func pingCommand() transports.Command {
	return transports.Command{
		Name: "ping", Title: "Do a ping",
		Run: func(_ context.Context, call transports.Call) (string, error) { return text.Say(call.Lang, "Pong"), nil },
	}
}

// helloCommand is "hello": one sees whether a client can fill in forms.
func helloCommand() transports.Command {
	return transports.Command{
		Name: "hello", Title: "Receive a custom greeting",
		Next: func(_ context.Context, call transports.Call) (*transports.Form, error) {
			if call.Values != nil {
				return nil, nil
			}
			return &transports.Form{
				Title: "Receive a custom greeting", Instructions: "Please provide your name.",
				Fields: []transports.Field{{Name: "name", Label: "Your name", Required: true}},
			}, nil
		},
		Run: func(_ context.Context, call transports.Call) (string, error) {
			return text.Say(call.Lang, "Hello %s!", call.Values.Get("name")), nil
		},
	}
}
