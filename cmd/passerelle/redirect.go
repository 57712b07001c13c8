package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"
)

func redirectCommand() command {
	return command{
		name:  "redirect",
		usage: "list|show JID|off JID",
		short: "whose messages are mailed to them",
		long: `
Talks to the running process. "list" shows whose messages from XMPP go to a
mailbox of theirs, "show" how far that is for one, and "off" ends it: what waits
is deleted, and the user is told. Only he himself can begin it. Flags:

  -config FILE     the configuration of the process (default
                   /etc/passerelle/passerelle.toml)
  -domain DOMAIN   the gateway, where there are several
  -json            print JSON`,
		run: runRedirect,
	}
}

func runRedirect(ctx context.Context, env *environment, args []string) int {
	o := &operation{env: env, command: redirectCommand()}
	rest, code, done := o.parse(args, func(*flag.FlagSet) {})
	if done {
		return code
	}
	verb, jids := "", []string(nil)
	if len(rest) > 0 {
		verb, jids = rest[0], rest[1:]
	}
	switch {
	case verb == "list" && len(jids) == 0:
		o.request.Command = "redirects"
	case (verb == "show" || verb == "off") && len(jids) == 1:
		o.request.Command = "redirect-user"
		o.request.Values = map[string][]string{"user": jids, "off": {fmt.Sprint(verb == "off")}}
	case verb == "show" || verb == "off":
		return usageError(env, o.command, errors.New("one JID is needed"))
	case verb == "":
		return usageError(env, o.command, errors.New("list, show or off is missing"))
	default:
		return usageError(env, o.command, fmt.Errorf("there is no %q", strings.Join(rest, " ")))
	}
	return o.run(ctx)
}
