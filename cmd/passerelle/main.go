// Command passerelle joins an XMPP server as external components and gives its users other networks, such as IRC.
//
// This package is in charge of the command line: a table of commands, one file for each, and serve.go, which alone wires the
// packages together. It has no logic of the gateways.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

// Exit codes. The usage and configuration codes are those of sysexits.h; the systemd unit does not restart after the latter.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 64
	exitConfig = 78
)

// environment is what a command has of the world, so that tests can run it in their own process.
type environment struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	getenv         func(string) string
	hangup         <-chan os.Signal // SIGHUP, for serve; nil elsewhere
	root           string           // where the system's own files are, such as units; empty for /
}

// command is a line of the command table.
type command struct {
	name  string
	usage string // its arguments, behind the name
	short string // one line for the list of commands
	long  string // for help, wrapped by hand
	// run does it and returns the exit code. Args are those behind the name. It returns soon after ctx ends.
	run func(ctx context.Context, env *environment, args []string) int
}

// commands is the command table, in the order of the help.
func commands() []command {
	return []command{
		serveCommand(),
		checkCommand(),
		doctorCommand(),
		configCommand(),
		userCommand(),
		commandCommand(),
		mailCommand(),
		redirectCommand(),
		backupCommand(),
		restoreCommand(),
		inviteCommand(),
		importBiboumiCommand(),
		versionCommand(),
	}
}

func main() {
	os.Exit(realMain())
}

// realMain is main with its deferred calls run before the exit.
func realMain() int {
	env := &environment{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, getenv: os.Getenv}
	end := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if args := os.Args[1:]; len(args) > 0 && args[0] == serveCommand().name {
		hangup := make(chan os.Signal, 1) // two of them in a row are one
		signal.Notify(hangup, syscall.SIGHUP)
		env.hangup = hangup
	} else {
		end = append(end, syscall.SIGHUP)
	}
	ctx, stop := signal.NotifyContext(context.Background(), end...)
	defer stop()
	return run(ctx, env, os.Args[1:])
}

// run finds the command and runs it.
func run(ctx context.Context, env *environment, args []string) int {
	if len(args) == 0 {
		printUsage(env.stderr)
		return exitUsage
	}
	name, rest := args[0], args[1:]
	switch name {
	case "help", "-h", "-help", "--help":
		return help(env, rest)
	case "-version", "--version":
		name = "version"
	}
	for _, c := range commands() {
		if c.name == name {
			return c.run(ctx, env, rest)
		}
	}
	return unknownCommand(env, name)
}

// help prints the list of commands, or what one of them does.
func help(env *environment, args []string) int {
	if len(args) == 0 {
		printUsage(env.stdout)
		return exitOK
	}
	for _, c := range commands() {
		if c.name == args[0] {
			printCommand(env.stdout, c)
			return exitOK
		}
	}
	return unknownCommand(env, args[0])
}

func unknownCommand(env *environment, name string) int {
	printf(env.stderr, "passerelle: there is no command %q; `passerelle help` lists them\n", name)
	return exitUsage
}

func printUsage(w io.Writer) {
	var b strings.Builder
	b.WriteString("Passerelle joins an XMPP server as a component and gives its users other networks, such as IRC.\n\nUsage:\n\n")
	for _, c := range commands() {
		fmt.Fprintf(&b, "  passerelle %-32s %s\n", strings.TrimSpace(c.name+" "+c.usage), c.short)
	}
	fmt.Fprintf(&b, "  passerelle %-32s %s\n", "help [COMMAND]", "say more about a command")
	b.WriteString("\nExit codes: 0 done, 1 failed, 64 wrong usage, 78 faults in the configuration.\n")
	printf(w, "%s", b.String())
}

func printCommand(w io.Writer, c command) {
	printf(w, "Usage: passerelle %s\n\n%s\n", strings.TrimSpace(c.name+" "+c.usage), strings.TrimSpace(c.long))
}

// printf writes to the terminal. Where that fails there is nobody left to tell.
func printf(w io.Writer, format string, args ...any) {
	_, _ = fmt.Fprintf(w, format, args...)
}
