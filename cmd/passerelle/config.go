package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"

	"passerelle/config"
)

func configCommand() command {
	return command{
		name:  "config",
		usage: "example",
		short: "print a documented configuration file",
		long: `
Prints a configuration file with every setting, what it means and its default.

  passerelle config example > /etc/passerelle/passerelle.toml

Instead of the placeholder, name where the secret is: secret_credential under
systemd, secret_file elsewhere. The user that passerelle runs as must be able to
read the file. Then passerelle check-config says what is still wrong.`,
		run: runConfig,
	}
}

func runConfig(_ context.Context, env *environment, args []string) int {
	example := len(args) > 0 && args[0] == "example"
	if example {
		args = args[1:]
	}
	if !example && len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		return usageError(env, configCommand(), fmt.Errorf("there is no %q", args[0]))
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
