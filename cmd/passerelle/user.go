package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"
)

func userCommand() command {
	return command{
		name:  "user",
		usage: "list|show JID|remove JID",
		short: "who is known, and removal of a user",
		long: `
Talks to the running process. "list" shows whom a gateway knows, "show" what it
knows of one. "remove" deletes everything that is kept of him and ends his
connections; it asks first, unless -yes is given. Flags:

  -config FILE     the configuration of the process (default
                   /etc/passerelle/passerelle.toml)
  -domain DOMAIN   the gateway, where there are several
  -yes             do not ask
  -json            print JSON`,
		run: runUser,
	}
}

func runUser(ctx context.Context, env *environment, args []string) int {
	o := &operation{env: env, command: userCommand()}
	var yes bool
	rest, code, done := o.parse(args, func(set *flag.FlagSet) { set.BoolVar(&yes, "yes", false, "") })
	if done {
		return code
	}
	verb, jids := "", []string(nil)
	if len(rest) > 0 {
		verb, jids = rest[0], rest[1:]
	}
	switch {
	case verb == "list" && len(jids) == 0:
		o.request.Command = "users"
	case verb == "show" && len(jids) == 1:
		o.request.Command = "user"
		o.request.Values = map[string][]string{"user": jids}
	case verb == "remove" && len(jids) == 1:
		o.request.Command = "remove-user"
		o.request.Values = map[string][]string{"user": jids}
		if !yes {
			if code, sure := o.sure(ctx); !sure {
				return code
			}
		}
		o.request.Values["sure"] = []string{"true"}
	case verb == "show" || verb == "remove":
		return usageError(env, o.command, errors.New("one JID is needed"))
	case verb == "":
		return usageError(env, o.command, errors.New("list, show or remove is missing"))
	default:
		return usageError(env, o.command, fmt.Errorf("there is no %q", strings.Join(rest, " ")))
	}
	return o.run(ctx)
}

// sure asks whether somebody is to be removed, once the process has said that there is such a user.
func (o *operation) sure(ctx context.Context) (code int, sure bool) {
	c, code, done := o.client()
	if done {
		return code, false
	}
	defer c.Close()
	a, err := c.Run(ctx, o.request)
	switch {
	case err != nil:
		return o.failed(err), false
	case a.Form == nil && a.Error != nil:
		return o.refused(a.Error), false
	case a.Form == nil:
		return o.printSaid(a.Said), false
	case a.Form.Instructions == "": // it asks once more for whom
		return o.printForm(a), false
	}
	printf(o.env.stderr, "%s Continue? [y/N] ", printable(a.Form.Instructions))
	answer, _ := bufio.NewReader(o.env.stdin).ReadString('\n') // an end of input is no yes
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return exitOK, true
	}
	printf(o.env.stderr, "Nothing was done.\n")
	return exitFailed, false
}
