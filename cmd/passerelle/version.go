package main

import (
	"cmp"
	"context"
	"flag"
	"runtime"
	"runtime/debug"
)

// version is set by the linker (-ldflags "-X main.version=1.2.3") and by nothing else. Without it, what the go command recorded
// is shown.
var version string

func versionCommand() command {
	return command{
		name:  "version",
		short: "print the version",
		long:  `Prints the version, the commit it was built from where that is known, and the Go version.`,
		run:   runVersion,
	}
}

func runVersion(_ context.Context, env *environment, args []string) int {
	if code, done := parseFlags(env, versionCommand(), args, func(*flag.FlagSet) {}); done {
		return code
	}
	printf(env.stdout, "passerelle %s %s %s/%s\n", versionString(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return exitOK
}

// versionString is the version with the commit, such as "1.2.3 (0123456789ab)". The versions of the go command have it in them.
func versionString() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return cmp.Or(version, "unknown")
	}
	if version == "" {
		return cmp.Or(info.Main.Version, "unknown")
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return version + " (" + s.Value[:min(len(s.Value), 12)] + ")"
		}
	}
	return version
}
