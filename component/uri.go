package component

import (
	"net/url"

	"passerelle/transports"
)

// joinLink is the link by which clients join a room (RFC 5122 §2.7.1, XEP-0147 §3). What channels begin with would end the address.
func joinLink(room transports.Address) string {
	return "xmpp:" + url.PathEscape(room.Local) + "@" + room.Domain + "?join"
}
