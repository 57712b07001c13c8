package main

import (
	"context"
	"errors"
	"flag"

	"passerelle/config"
)

func configCommand() command {
	return command{
		name:  "config",
		usage: "example",
		short: "print a documented configuration file",
		long: `
Prints a configuration file with every setting, what it means and its default.
Write your own secret over the placeholder:

  passerelle config example > /etc/passerelle/passerelle.toml
  chmod 600 /etc/passerelle/passerelle.toml`,
		run: runConfig,
	}
}

func runConfig(_ context.Context, env *environment, args []string) int {
	example := len(args) > 0 && args[0] == "example"
	if example {
		args = args[1:]
	}
	if code, done := parseFlags(env, configCommand(), args, func(*flag.FlagSet) {}); done {
		return code
	}
	if !example {
		return usageError(env, configCommand(), errors.New("example is missing"))
	}
	if _, err := env.stdout.Write(config.Example()); err != nil {
		printf(env.stderr, "passerelle config: write the example: %v\n", err)
		return exitFailed
	}
	return exitOK
}
