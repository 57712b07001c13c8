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
		usage: "list|show JID|export JID|remove JID",
		short: "who is known, what is kept of a user, and removal",
		long: `
Talks to the running process. "list" shows whom a gateway knows, "show" what it
knows of one. "export" writes everything that is kept of him into a ZIP file that
only you may read, as docs/export.md describes it. "remove" deletes all of that
and ends his connections; it asks first, unless -yes is given. Flags:

  -config FILE     the configuration of the process (default
                   /etc/passerelle/passerelle.toml)
  -domain DOMAIN   the gateway, where there are several
  -o FILE          where to write an export (default JID-DATE.zip in the
                   current directory), or - for standard output
  -yes             do not ask
  -json            print JSON`,
		run: runUser,
	}
}

func runUser(ctx context.Context, env *environment, args []string) int {
	o := &operation{env: env, command: userCommand()}
	var yes bool
	var out string
	rest, code, done := o.parse(args, func(set *flag.FlagSet) {
		set.BoolVar(&yes, "yes", false, "")
		set.StringVar(&out, "o", "", "")
	})
	if done {
		return code
	}
	verb, jids := "", []string(nil)
	if len(rest) > 0 {
		verb, jids = rest[0], rest[1:]
	}
	switch {
	case verb == "export" && len(jids) == 1:
		o.request.User = jids[0]
		return o.export(ctx, out)
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
	case verb == "show" || verb == "export" || verb == "remove":
		return usageError(env, o.command, errors.New("one JID is needed"))
	case verb == "":
		return usageError(env, o.command, errors.New("list, show, export or remove is missing"))
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
