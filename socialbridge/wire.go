package socialbridge

import (
	"context"
	"time"

	"passerelle/internal/jobs"
	"passerelle/socialbridge/activity"
	"passerelle/store"
	"passerelle/transports"
)

// Wire is a protocol by which actors of other servers are reached. Safe to use from any goroutine; errors are *transports.Errors.
type Wire interface {
	// Find asks other servers for an actor, by anything that people write: "alice@social.example", "acct:…", the URL of a profile or a feed, a host. What
	// it finds is proven: his key is of his own host, and his Acct says the same as he. It waits for networks.
	Find(ctx context.Context, ref string) (*activity.Actor, error)
	// Send has others told of something that an account does, once the caller's transaction is committed, until they are or have expired.
	Send(tx *store.Tx, s Sending) error
	// Watch has the gateway told of what an actor publishes from now on, and of what he has published lately, once the transaction is committed;
	// Unwatch ends it. Both may be said again.
	Watch(tx *store.Tx, actor KnownActor) error
	Unwatch(tx *store.Tx, actor KnownActor) error
	// Kinds are its jobs.
	Kinds() map[string]jobs.Kind
}

// Sending is something that is told to others.
type Sending struct {
	By       *Account
	Activity *activity.Activity
	// More is told with it and after it to those whom Everybody is: all of it at once.
	More []activity.Activity
	// Everybody has all told who asked for what the account publishes.
	Everybody bool
	// To are told beside them: whom it mentions, whom it answers, who is followed.
	To []KnownActor
}

// KnownActor is an actor of another server as the database has him.
type KnownActor struct {
	ID int64
	activity.Actor
	FetchedAt time.Time
}

// Account is a user of ours on the social web.
type Account struct {
	ID   int64 // of his actor in the database
	User transports.Address
	Name string // local part of his acct: and of his URLs; 0-9, a-z and _, at most 64, never changes
	activity.Actor
	// Hidden says that nobody finds him by searching, Approves that he is asked about each follower.
	Hidden, Approves bool
	Since            time.Time // when he said that he wants to take part
}

// Received is an activity that a wire has brought, and proven to be of its actor.
type Received struct {
	Activity *activity.Activity
	// Feed is the actor whose feed told of it, For the account that was told directly; one of them is nil.
	Feed *KnownActor
	For  *Account
	// Backlog says that it is of before anybody here followed Feed: it is kept, and nobody is told of it in a letter.
	Backlog bool
}

// Core is what a wire asks of the social core (Transport). Errors are *transports.Errors; NotFound for what never was, Gone for what was.
type Core interface {
	// Receive takes an activity. When it returns nil everything that follows from it is committed, or it is nothing to anybody; only then a wire
	// answers who brought it.
	Receive(ctx context.Context, r Received) error
	// Account is a user of ours by the name in his URLs; one that is gone comes along with the error, since he still signs what says so for some days.
	// Resolve finds him by any of his names: acct:, URIs of his profile and pages, xmpp:.
	Account(ctx context.Context, name string) (*Account, error)
	Resolve(ctx context.Context, ref string) (*Account, error)
	// Sign signs bytes as an account (RSASSA-PKCS1-v1_5 with SHA-256).
	Sign(ctx context.Context, a *Account, signed []byte) ([]byte, error)
	// Outbox is what an account has published, the newest first: n activities before the one with that number, or the newest where that is 0.
	// Next is the number to go on from, 0 at the end.
	Outbox(ctx context.Context, a *Account, before int64, n int) (all []activity.Activity, next int64, err error)
	// Note is one activity of ours, a post or a repeat, by the name in its URL.
	Note(ctx context.Context, name string) (*activity.Activity, *Account, error)
	// Known is an actor of another server by his URI, and Keep notes what is known of one by now.
	Known(ctx context.Context, uri string) (*KnownActor, bool, error)
	Keep(ctx context.Context, a *activity.Actor) (*KnownActor, error)
	// Allowed reports whether the operator lets a host of another server take part.
	Allowed(host string) bool
}
