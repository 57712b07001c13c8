package component

import (
	"net/url"

	"passerelle/transports"
)

// JoinLink is the link by which clients join a room (RFC 5122 §2.7.1, XEP-0147 §3). What channels begin with would end the address.
func JoinLink(room transports.Address) string {
	return "xmpp:" + url.PathEscape(room.Local) + "@" + room.Domain + "?join"
}

// BotLink is the link by which clients write to the help bot of a domain (XEP-0147 §3).
func BotLink(domain string) string { return "xmpp:" + botLocal + "@" + domain + "?message" }
