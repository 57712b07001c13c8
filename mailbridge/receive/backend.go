package receive

import (
	"context"
	"crypto/tls"
	"net/netip"
	"time"

	"passerelle/mailbridge/address"
	"passerelle/mailbridge/judge"
)

// Backend is who mail is for. Its methods are called by many goroutines at a time. Their errors are *transports.Error, and each kind has its
// reply code (see docs/ARCHITECTURE.md); of an error that is none the peer is told that it shall try again.
type Backend interface {
	// Rcpt says whether a mail would be taken for a recipient, before it is sent.
	Rcpt(ctx context.Context, e Envelope, to address.Mailbox) error
	// Accept takes a mail. When it returns, the mail is written down. Refused is nil, or has an error, or nil, for each of m.To. Where the peer
	// can be given one answer only (m.OneAnswer) it is taken for all or for none. The mail's body is gone once Accept has returned.
	Accept(ctx context.Context, m *Incoming) (refused []error)
}

// Peer is who hands over mail. What it says of itself is not to be believed, but Forwarded ones are told of by a peer that is trusted.
type Peer struct {
	Addr    netip.Addr // the zero Addr for a socket of this machine
	Hello   string     // what it calls itself
	Trusted bool       // it is in a network of Options.Trusted, or on a socket of this machine
	LMTP    bool
	TLS     *tls.ConnectionState // nil without
	// Forwarded says that Addr and Hello are those of the peer's own peer, whose mail it hands on (XFORWARD).
	Forwarded bool

	extended bool // it said EHLO
}

// Envelope is what is known of a mail before it comes.
type Envelope struct {
	Peer Peer
	From address.Mailbox // the zero Mailbox for what nobody is to answer, such as a bounce
	UTF8 bool            // SMTPUTF8
	// EnvID and HeadersOnly are for who tells the sender what became of it (RFC 3461 §4.3, §4.4).
	EnvID       string
	HeadersOnly bool
}

// Recipient is one of whom a mail is for.
type Recipient struct {
	address.Mailbox
	// What the sender wants to hear of it (RFC 3461 §4.1): NotifySuccess if it arrives, NotifyNever nothing at all, not even if it does not.
	NotifySuccess, NotifyNever bool
	Original                   string // how its sender wrote the recipient, where he says so (ORCPT); not to be believed
}

// Incoming is a mail that has come whole.
type Incoming struct {
	Envelope
	ID        string // names it in Received and in the answer to the peer
	To        []Recipient
	OneAnswer bool // there is one answer for all of To
	Received  time.Time
	Body      *Body         // with the fields that were added on its top
	Verdict   judge.Verdict // whether it is from whom it says; the zero Verdict where nobody judges
	// Suspect is why a filter wants the mail kept apart from others; empty where it does not.
	Suspect string
}
