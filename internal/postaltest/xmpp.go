package postaltest

import (
	"context"

	"passerelle/store"
	"passerelle/transports"
)

// XMPP stands for component where users get things: it takes what is for them once that is committed. Safe to call from any goroutine.
type XMPP struct {
	Delivered chan Delivery
	Told      chan string
}

// Delivery is something that a user gets.
type Delivery struct {
	User  transports.Address
	Event transports.Event
}

// NewXMPP has room for whatever a test has delivered.
func NewXMPP() XMPP {
	return XMPP{Delivered: make(chan Delivery, 10_000), Told: make(chan string, 1000)}
}

// Deliver implements transports.Gateway.
func (x XMPP) Deliver(tx *store.Tx, user transports.Address, e transports.Event) error {
	tx.OnCommit(func() { x.Delivered <- Delivery{user, e} })
	return nil
}

// Tell implements transports.Gateway.
func (x XMPP) Tell(_ transports.Address, _ transports.Target, said string) { x.Told <- said }

// Host takes the answers to requests of a session.
type Host chan transports.Event

// Emit implements transports.Host.
func (h Host) Emit(ctx context.Context, e transports.Event) error {
	select {
	case h <- e:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
