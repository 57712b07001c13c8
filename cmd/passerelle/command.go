package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"
	"text/tabwriter"
)

func commandCommand() command {
	return command{
		name:  "command",
		usage: "list|run NAME [NAME=VALUE …]",
		short: "run what users run in their clients",
		long: `
Talks to the running process. "list" shows the commands of all gateways; "run"
runs one, with the values that it asks for:

  passerelle command run sessions
  passerelle command run configure -user alice@example.org \
      -on irc.libera.chat nick=alice -file sasl_password=-

Without values it shows what the command asks for. For several values of a list,
write its name once for each. Flags:

  -config FILE     the configuration of the process (default
                   /etc/passerelle/passerelle.toml)
  -domain DOMAIN   the gateway, where there are several
  -user JID        the user for whom it is run; commands for administrators
                   need none
  -on TARGET       the network or room that it is run on
  -file NAME=FILE  a value from a file, or from standard input for -. Secrets
                   are given so: others can read a command line.
  -json            print JSON`,
		run: runCommand,
	}
}

func runCommand(ctx context.Context, env *environment, args []string) int {
	o := &operation{env: env, command: commandCommand()}
	var files list
	rest, code, done := o.parse(args, func(set *flag.FlagSet) {
		set.StringVar(&o.request.User, "user", "", "")
		set.StringVar(&o.request.On, "on", "", "")
		set.Var(&files, "file", "")
	})
	if done {
		return code
	}
	switch {
	case len(rest) == 1 && rest[0] == "list":
		return o.listCommands(ctx)
	case len(rest) >= 2 && rest[0] == "run":
		o.request.Command = rest[1]
		if err := o.values(rest[2:], files); err != nil {
			return usageError(env, o.command, err)
		}
		return o.run(ctx)
	case len(rest) == 1 && rest[0] == "run":
		return usageError(env, o.command, errors.New("which command?"))
	case len(rest) == 0:
		return usageError(env, o.command, errors.New("list or run is missing"))
	}
	return usageError(env, o.command, fmt.Errorf("there is no %q", strings.Join(rest, " ")))
}

// listCommands prints the commands of the gateways.
func (o *operation) listCommands(ctx context.Context) int {
	c, code, done := o.client()
	if done {
		return code
	}
	defer c.Close()
	list, err := c.List(ctx)
	if err != nil {
		return o.failed(err)
	}
	if o.json {
		return o.printJSON(list)
	}
	w := tabwriter.NewWriter(o.env.stdout, 0, 0, 2, ' ', 0)
	printf(w, "GATEWAY\tNAME\tON\tFOR\tWHAT IT IS\n")
	for _, c := range list {
		whom := "-user JID"
		if c.Admin {
			whom = "operator"
		}
		printf(w, "%s\t%s\t%s\t%s\t%s\n", c.Domain, c.Name, strings.Join(c.For, ", "), whom, c.Title)
	}
	_ = w.Flush() // as in printf
	return exitOK
}
