// Package muc is a room of a network as one XMPP user sees it (XEP-0045), without I/O: stanzas of his clients and events of the
// network go in, stanzas and requests come out.
//
// It is in charge of who is in the room, under which nick and rank, which of the user's clients are in, what they are shown and
// in which order. It is not in charge of connections, of addresses' meaning, of messages to single people, of the archive, or of
// anything that concerns more than one room; package component does that.
//
// A Room belongs to one goroutine.
//
// Documents: XEP-0045 1.34.5, XEP-0203 2.0, XEP-0359 0.7, XEP-0410 1.1.0, XEP-0421 1.0.0.
package muc

// Namespaces.
const (
	NS      = "http://jabber.org/protocol/muc"
	NSUser  = "http://jabber.org/protocol/muc#user"
	NSAdmin = "http://jabber.org/protocol/muc#admin"
	NSOwner = "http://jabber.org/protocol/muc#owner"
	nsDelay = "urn:xmpp:delay"
	nsSID   = "urn:xmpp:sid:0"

	nsChatStates = "http://jabber.org/protocol/chatstates"
	nsMarkers    = "urn:xmpp:chat-markers:0"
	nsReceipts   = "urn:xmpp:receipts"
	nsHints      = "urn:xmpp:hints"
)

// Status codes (XEP-0045 §15.6.2).
const (
	statusNonAnonymous = 100 // everybody may see real JIDs
	statusSelf         = 110 // this presence is about the receiver
	statusConfigured   = 104 // the room is set up otherwise
	statusNickAssigned = 210 // the room chose or changed the nick
	statusNickChanged  = 303 // the occupant has another nick
	statusBanned       = 301
	statusKicked       = 307
	statusShutdown     = 332 // the service goes down
	statusFault        = 333 // removed because of a technical problem
)
