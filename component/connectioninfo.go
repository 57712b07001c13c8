package component

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"passerelle/internal/safehttp"
	"passerelle/internal/text"
	"passerelle/transports"
)

// connectionInfoCommand is "get-irc-connection-info": how one is connected to a network, in words, as biboumi says it.
func (g *Gateway) connectionInfoCommand() transports.Command {
	return transports.Command{
		Name: "get-irc-connection-info", Title: "How you are connected to this IRC server", For: []transports.TargetKind{transports.TargetNetwork},
		Run: func(ctx context.Context, call transports.Call) (string, error) {
			all, err := g.connectionsOf(ctx, call.User)
			if err != nil {
				return "", err
			}
			i := slices.IndexFunc(all, func(c connection) bool { return c.network == call.On.Network })
			if i < 0 {
				return text.Say(call.Lang, "You are not connected to the IRC server %s.", call.On.Network), nil
			}
			return all[i].info(call.Lang, now(), call.User.IsZero() || g.access.isAdmin(call.User)), nil
		},
	}
}

// info is a connection in words. Addresses that are not of the public internet are the operator's own affair.
func (c *connection) info(lang string, at time.Time, admin bool) string {
	if !c.online {
		said := text.Say(lang, "You are not connected to the IRC server %s.", c.network)
		if c.why == "" {
			return said + " " + text.Say(lang, "The connection is being made.")
		}
		return said + " " + text.Say(lang, c.why)
	}
	_, port, err := net.SplitHostPort(c.link.Address)
	if err != nil {
		port = "?" // not of TCP
	}
	since, ago := c.link.Since.UTC().Format("2006-01-02 15:04:05 UTC"), at.Sub(c.link.Since).Round(time.Second).String()
	var lines []string
	if c.link.TLS == "" {
		lines = append(lines, text.Say(lang, "Connected to IRC server %s on port %s since %s (%s ago).", c.network, port, since, ago))
	} else {
		lines = append(lines, text.Say(lang, "Connected to IRC server %s on port %s (using TLS) since %s (%s ago).", c.network, port, since, ago))
	}
	if a, err := netip.ParseAddrPort(c.link.Address); admin || err == nil && safehttp.Public(a.Addr()) {
		lines = append(lines, text.Say(lang, "Your nick there is %s; the server's address is %s.", c.nick, c.link.Address))
	} else {
		lines = append(lines, text.Say(lang, "Your nick there is %s.", c.nick))
	}
	if c.link.TLS == "" {
		lines = append(lines, text.Say(lang, "The connection is not encrypted."))
	} else {
		lines = append(lines, text.Say(lang, "%s; SHA-256 fingerprint of the certificate: %s.", c.link.TLS, c.link.Fingerprint))
	}
	for _, r := range c.rooms {
		lines = append(lines, r.info(lang))
	}
	return strings.Join(lines, "\n")
}

// info says which clients are in a room.
func (r *occupiedRoom) info(lang string) string {
	if len(r.clients) == 1 {
		return text.Say(lang, "%s from 1 resource: %s", r.id, r.clients[0])
	}
	return text.Say(lang, "%s from %d resources: %s", r.id, len(r.clients), strings.Join(r.clients, " "))
}
