package main

import (
	"errors"
	"flag"
	"io"
	"strings"

	"passerelle/config"
)

// parseFlags reads the flags of a command that takes no other arguments. Define adds them. If done is true, the command ends
// with that exit code.
func parseFlags(env *environment, c command, args []string, define func(*flag.FlagSet)) (code int, done bool) {
	rest, code, done := parseArgs(env, c, args, define)
	if !done && len(rest) > 0 {
		return usageError(env, c, errors.New("too many arguments: "+strings.Join(rest, " "))), true
	}
	return code, done
}

// parseArgs is parseFlags for a command that takes other arguments, in any order.
func parseArgs(env *environment, c command, args []string, define func(*flag.FlagSet)) (rest []string, code int, done bool) {
	set := flag.NewFlagSet(c.name, flag.ContinueOnError)
	set.SetOutput(io.Discard) // The package's own messages have another form than ours.
	define(set)
	for {
		err := set.Parse(args)
		switch {
		case errors.Is(err, flag.ErrHelp):
			printCommand(env.stdout, c)
			return nil, exitOK, true
		case err != nil:
			return nil, usageError(env, c, err), true
		case set.NArg() == 0:
			return rest, exitOK, false
		}
		rest, args = append(rest, set.Arg(0)), set.Args()[1:]
	}
}

// usageError says how a command is used.
func usageError(env *environment, c command, err error) int {
	printf(env.stderr, "passerelle %s: %v\nUsage: passerelle %s\n", c.name, err, strings.TrimSpace(c.name+" "+c.usage))
	return exitUsage
}

// configFlag is the flag that names the configuration file.
func configFlag(path *string) func(*flag.FlagSet) {
	return func(set *flag.FlagSet) { set.StringVar(path, "config", config.DefaultPath, "") }
}

// loadConfig reads the configuration file. If it has faults, all of them are printed, one a line, and done is true.
func loadConfig(env *environment, path string) (c *config.Config, code int, done bool) {
	c, err := config.Load(path, env.getenv("CREDENTIALS_DIRECTORY"))
	code, done = printFaults(env, err)
	return c, code, done
}

// loadUnserved is loadConfig for a command that serves nobody: it does without what systemd hands to the service.
func loadUnserved(env *environment, path string) (c *config.Config, code int, done bool) {
	if env.getenv("CREDENTIALS_DIRECTORY") != "" {
		return loadConfig(env, path)
	}
	c, err := config.LoadUnserved(path)
	code, done = printFaults(env, err)
	return c, code, done
}

func printFaults(env *environment, err error) (code int, done bool) {
	if err == nil {
		return exitOK, false
	}
	printf(env.stderr, "%v\n", err)
	return exitConfig, true
}
