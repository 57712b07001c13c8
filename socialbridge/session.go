package socialbridge

import (
	"context"

	"passerelle/internal/postal"
	"passerelle/transports"
)

// Open implements transports.Transport.
func (t *Transport) Open(_ context.Context, user transports.Address, network string, host transports.Host) (transports.Session, error) {
	d := &postal.Desk{
		NoNetworks: "There are no networks of the social web.", NoSuch: "The social web has no such thing.",
		Post: t.post, React: t.react, Redact: t.redact, Acknowledged: t.acknowledged, Log: t.log,
	}
	return d.Open(user, network, host)
}
