package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"

	"rsc.io/qr"

	"passerelle/component"
	"passerelle/config"
	"passerelle/ircbridge"
	"passerelle/transports"
)

func inviteCommand() command {
	return command{
		name:  "invite",
		usage: "[-svg] [ROOM]",
		short: "a link and a QR code for users",
		long: `
Prints the link by which somebody writes to the help bot of a gateway, or joins
a room of it such as #go%irc.libera.chat, and the same as a QR code that a phone
reads. It talks to nobody. Flags:

  -config FILE     the configuration (default /etc/passerelle/passerelle.toml)
  -domain DOMAIN   the gateway, where there are several
  -svg             print nothing but the QR code as an image, for a web page`,
		run: runInvite,
	}
}

func runInvite(_ context.Context, env *environment, args []string) int {
	var path, domain string
	var svg bool
	rest, code, done := parseArgs(env, inviteCommand(), args, func(set *flag.FlagSet) {
		configFlag(&path)(set)
		set.StringVar(&domain, "domain", "", "")
		set.BoolVar(&svg, "svg", false, "")
	})
	if done {
		return code
	}
	if len(rest) > 1 {
		return usageError(env, inviteCommand(), errors.New("one room at a time"))
	}
	c, code, done := loadUnserved(env, path)
	if done {
		return code
	}
	link, err := inviteLink(c, domain, strings.Join(rest, ""))
	if err != nil {
		return usageError(env, inviteCommand(), err)
	}
	picture, err := qr.Encode(link, qr.M)
	if err != nil {
		printf(env.stderr, "passerelle: draw the QR code: %v\n", err)
		return exitFailed
	}
	if svg {
		printSVG(env.stdout, picture)
		return exitOK
	}
	printf(env.stdout, "%s\n\n", link)
	printQR(env.stdout, picture)
	return exitOK
}

// inviteLink is the link to a room of a gateway, or without one to its bot.
func inviteLink(c *config.Config, domain, room string) (string, error) {
	for _, irc := range c.IRC {
		if domain != "" && irc.Domain != domain {
			continue
		}
		if domain == "" && len(c.IRC) > 1 {
			return "", errors.New("say with -domain which gateway")
		}
		if room == "" {
			return component.BotLink(irc.Domain), nil
		}
		naming := ircbridge.Naming{Fixed: irc.Fixed}
		t, err := naming.Parse(strings.ToLower(strings.TrimSuffix(room, "@"+irc.Domain)))
		if err == nil && t.Kind != transports.TargetRoom {
			err = fmt.Errorf("%q is no room", room)
		}
		if err != nil {
			return "", err
		}
		return component.JoinLink(transports.Address{Local: component.LocalPart(naming.Format(t)), Domain: irc.Domain}), nil
	}
	return "", errors.New("there is no such gateway in the configuration")
}

// quietZone is how many modules around a QR code are light (ISO/IEC 18004).
const quietZone = 4

// printQR draws a QR code with half blocks, dark on light whatever the terminal's colours are.
func printQR(w io.Writer, code *qr.Code) {
	for y := -quietZone; y < code.Size+quietZone; y += 2 {
		var line strings.Builder
		for x := -quietZone; x < code.Size+quietZone; x++ {
			switch up, down := code.Black(x, y), code.Black(x, y+1); {
			case up && down:
				line.WriteRune(' ')
			case up:
				line.WriteRune('▄')
			case down:
				line.WriteRune('▀')
			default:
				line.WriteRune('█')
			}
		}
		printf(w, "\x1b[97;40m%s\x1b[0m\n", line.String())
	}
}

// printSVG draws a QR code as an image without a size, which whoever shows it gives it.
func printSVG(w io.Writer, code *qr.Code) {
	size := code.Size + 2*quietZone
	printf(w, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" shape-rendering="crispEdges"><path fill="#fff" d="M0 0h%dv%dH0z"/><path d="`, size, size, size, size)
	for y := range code.Size {
		for x := range code.Size {
			if code.Black(x, y) {
				printf(w, "M%d %dh1v1h-1z", x+quietZone, y+quietZone)
			}
		}
	}
	printf(w, "\"/></svg>\n")
}
