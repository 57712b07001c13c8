// Package microblog reads and writes what stands in the nodes of people who publish: entries, what others attach to them, and lists of who
// follows whom.
//
// It is pure: whose node it is, and whether he may write into it, its user knows. What it reads of clients is bounded and not made safe: looks come
// out as they were written.
//
// Documents: XEP-0277 0.6.3, XEP-0472 0.2.1, XEP-0470 0.2.0, XEP-0465 0.1.1, XEP-0330 0.4.0, RFC 4287, RFC 4685, RFC 5122, XEP-0060 §12.21 (URIs).
package microblog

import (
	"errors"

	"passerelle/transports"
)

// Namespaces of payloads.
const (
	NSAtom        = "http://www.w3.org/2005/Atom"            // RFC 4287
	NSFeed        = "urn:xmpp:pubsub-social-feed:1"          // XEP-0472 §3
	NSAttachments = "urn:xmpp:pubsub-attachments:1"          // XEP-0470 §4.1
	NSSummary     = "urn:xmpp:pubsub-attachments:summary:1"  // XEP-0470 §4.6
	NSPublic      = "urn:xmpp:pps:0"                         // XEP-0465 §4
	nsSubscribed  = "urn:xmpp:pubsub:subscription:0"         // XEP-0330 §5
	nsThread      = "http://purl.org/syndication/thread/1.0" // RFC 4685 §3
	nsXHTML       = "http://www.w3.org/1999/xhtml"
	nsReference   = "urn:xmpp:reference:0" // XEP-0372 §3
)

// Names of nodes that stand beside a feed.
const (
	NodeSubscriptions = "urn:xmpp:pps:subscriptions:0" // XEP-0465 §4.2
	NodeSubscribers   = "urn:xmpp:pps:subscribers:0/"  // and the name of a node, XEP-0465 §4.4
	NodeSubscribed    = "urn:xmpp:pubsub:subscription" // XEP-0330 §2
)

// ItemMetadata is the id of the item that says what a feed is called (XEP-0277 §5). It is no entry.
const ItemMetadata = "0"

// Limits of an entry: what is beyond them is cut or left out.
const (
	MaxBody  = 64 << 10 // bytes of the text, and of its looks
	maxTitle = 1 << 10  // bytes
	maxName  = 256      // bytes of a name or a tag
	maxURL   = 2 << 10  // bytes of a URL or an id
	maxList  = 50       // tags, files, mentions
	// brief is how many characters an entry may have that is all title: clients show that one in full.
	brief = 200
)

// Why an item is no entry.
var (
	// ErrNoPayload says that an item came without what is in it: a node may be set up so (XEP-0472 §5.1), and it is asked for by its id.
	ErrNoPayload = errors.New("the item has no payload")
	// ErrNoEntry says that there is something else in it.
	ErrNoEntry = errors.New("the item is no entry")
)

// Names translates between contacts of a transport and their JIDs.
type Names struct {
	// Address is the JID of a contact.
	Address func(transports.Target) transports.Address
	// Contact is who has a JID as a contact; false for a JID of somebody else.
	Contact func(transports.Address) (transports.Target, bool)
}

// address is the JID of somebody; the zero Address where he has none.
func (n Names) address(who transports.Target, user transports.Address) transports.Address {
	if who.Kind != transports.TargetDomain {
		return n.Address(who)
	}
	return user
}

// who is somebody by his JID.
func (n Names) who(a transports.Address) (transports.Target, transports.Address) {
	if t, ok := n.Contact(a); ok {
		return t, transports.Address{}
	}
	return transports.Target{}, a.Bare()
}
