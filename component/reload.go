package component

import (
	"context"
	"strings"

	"passerelle/internal/text"
	"passerelle/transports"
)

// Reconfigured is what became of a configuration that was read again: the settings that are others now, and those that will be after a
// restart.
type Reconfigured struct{ Changed, Restart []string }

// reloadCommand is "reload": the operator has changed the configuration, which takes effect now.
func (g *Gateway) reloadCommand() transports.Command {
	return transports.Command{
		Name: "reload", Title: "Read the configuration again", Admin: true,
		Run: func(_ context.Context, call transports.Call) (string, error) {
			done, err := g.opt.Reconfigure()
			if err != nil {
				// Whoever wrote the file reads this: it names keys, lines and what to write instead.
				return "", transports.NewError(transports.Policy, text.Say(call.Lang, "The configuration cannot be used, so nothing has changed:")+"\n"+err.Error(), nil)
			}
			lines := []string{text.Say(call.Lang, "Configuration reloaded.")}
			switch {
			case len(done.Changed) > 0:
				lines = append(lines, text.Say(call.Lang, "Changed: %s.", strings.Join(done.Changed, ", ")))
			case len(done.Restart) == 0:
				lines = append(lines, text.Say(call.Lang, "It is what it was."))
			}
			if len(done.Restart) > 0 {
				lines = append(lines, text.Say(call.Lang, "Needs a restart: %s.", strings.Join(done.Restart, ", ")))
			}
			return strings.Join(lines, "\n"), nil
		},
	}
}
