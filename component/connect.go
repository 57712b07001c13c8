package component

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"passerelle/component/stanza"
)

// reason classifies why there is no stream; it decides how long to wait and what the operator is told.
type reason uint8

const (
	reasonUnreachable reason = iota
	reasonRefused
	reasonNotAuthorized
	reasonHostUnknown
	reasonConflict
	reasonBadDomain
)

// connectError is a failure to get a stream.
type connectError struct {
	reason reason
	err    error
}

func (e *connectError) Error() string { return e.err.Error() }
func (e *connectError) Unwrap() error { return e.err }

// advice is what an operator should do about it, as one sentence.
func (e *connectError) advice(domain, server string) string {
	switch e.reason {
	case reasonNotAuthorized:
		return fmt.Sprintf("the XMPP server refused the secret of %s (ejabberd says the same of a domain it does not know): "+
			"make the secret here equal to component_secret of Component %q in Prosody, or to hosts: %s: password in ejabberd", domain, domain, domain)
	case reasonHostUnknown:
		return fmt.Sprintf("the XMPP server does not know %s: add Component %q with a component_secret to Prosody's configuration "+
			"(or the host to the ejabberd_service listener) and restart it", domain, domain)
	case reasonConflict:
		return fmt.Sprintf("another process is connected to the XMPP server as %s: stop it, or set component_conflict_resolve = \"kick_old\" in Prosody", domain)
	case reasonBadDomain:
		return fmt.Sprintf("%q is not a domain that an XMPP server takes", domain)
	case reasonRefused:
		return fmt.Sprintf("what listens at %s did not let %s in: its log may say why, and whether that is the port for components "+
			"(component_ports in Prosody, ejabberd_service in ejabberd)", server, domain)
	default:
		return fmt.Sprintf("nobody answers as an XMPP server for components at %s: start it, and have it take components there "+
			"(component_ports in Prosody, a listener with ejabberd_service in ejabberd)", server)
	}
}

// Waiting times between tries to connect.
const (
	firstWait = time.Second
	maxWait   = 30 * time.Second
	// A refusal that only the operator can lift is tried again rarely.
	refusedWait = time.Minute
)

// backoff gives the waits between tries: doubling, with jitter, so that several gateways do not come back at once.
type backoff struct {
	first, max, refused time.Duration
	next                time.Duration
}

// wait is how long to wait after err.
func (b *backoff) wait(err error) time.Duration {
	if e, ok := errors.AsType[*connectError](err); ok && e.reason != reasonUnreachable && e.reason != reasonRefused {
		b.next = 0
		return jitter(b.refused)
	}
	// A server that throws us out right after the handshake because another process took our place.
	if e, ok := errors.AsType[*stanza.StreamError](err); ok && e.Condition == "conflict" {
		return jitter(b.refused)
	}
	b.next = min(max(2*b.next, b.first), b.max)
	return jitter(b.next)
}

// reset is called once a stream stood.
func (b *backoff) reset() { b.next = 0 }

// jitter is between three quarters and five quarters of d.
func jitter(d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return d*3/4 + rand.N(d/2+1)
}
