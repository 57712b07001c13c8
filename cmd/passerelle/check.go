package main

import "context"

func checkCommand() command {
	return command{
		name:  "check-config",
		usage: "[-config FILE]",
		short: "find all faults of the configuration",
		long: `
Reads the configuration file (default /etc/passerelle/passerelle.toml) and the
secrets and certificates that it names, and prints everything that is wrong with
them, each with its line and what to write instead:

  passerelle.toml:12: irc[0].secret: there is no secret — fix: …

It connects to nothing and changes nothing. Run it as the user that passerelle
runs as, because it says whether that user can read the secrets. It ends with 78
if there are faults. Notes are remarks on a valid file.`,
		run: runCheck,
	}
}

func runCheck(_ context.Context, env *environment, args []string) int {
	var path string
	if code, done := parseFlags(env, checkCommand(), args, configFlag(&path)); done {
		return code
	}
	c, code, done := loadUnserved(env, path)
	if done {
		return code
	}
	for _, note := range c.Notes() {
		printf(env.stderr, "%s: note: %s\n", path, note)
	}
	printf(env.stdout, "%s: valid\n", path)
	return exitOK
}
