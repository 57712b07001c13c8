package ircbridge

import (
	"fmt"
	"strings"

	"passerelle/transports"
)

// quit is what the end of somebody's connection means. Where servers lose each other, everybody behind the other one quits with the
// names of the two as the reason (RFC 2813 §4.1.5).
func quit(nick, reason string) transports.Parted {
	e := transports.Parted{Nick: nick, How: transports.PartQuit, Reason: reason}
	if near, far, ok := strings.Cut(reason, " "); ok && isServerName(near) && isServerName(far) && near != far {
		e.How = transports.PartLost
		e.Reason = splitReason(near, far)
	}
	return e
}

func splitReason(near, far string) string {
	return fmt.Sprintf("Netsplit: %s has lost the connection to %s.", near, far)
}

// isServerName reports whether s is a host name with a dot; networks that hide theirs write "*.net *.split".
func isServerName(s string) bool {
	s = strings.TrimPrefix(strings.ToLower(s), "*.")
	return validNetwork(s) && (strings.IndexByte(s, '.') > 0 || s == "net" || s == "split")
}
