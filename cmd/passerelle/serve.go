package main

import "context"

func serveCommand() command {
	return command{
		name:  "serve",
		usage: "[-config FILE]",
		short: "run the gateways",
		long: `
Reads the configuration file (default /etc/passerelle/passerelle.toml), joins the
XMPP server and runs until it gets SIGTERM or SIGINT.`,
		run: runServe,
	}
}

func runServe(_ context.Context, env *environment, args []string) int {
	var path string
	if code, done := parseFlags(env, serveCommand(), args, configFlag(&path)); done {
		return code
	}
	if _, code, done := loadConfig(env, path); done {
		return code
	}
	printf(env.stderr, "passerelle serve: not wired yet\n")
	return exitFailed
}
