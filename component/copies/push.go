package copies

import (
	"time"

	"passerelle/component/stanza"
	"passerelle/transports"
)

const (
	nsPush      = "urn:xmpp:push:0"
	nsForm      = "jabber:x:data"
	nsDisplayed = "urn:xmpp:mds:displayed:0"
	nsPubSub    = "http://jabber.org/protocol/pubsub"
)

// Pushed reads what a push says (XEP-0357 §7): the message itself, where the server has it with it, or who has written what, as far as the server
// says that. A push that tells of no message is none; what is counted and not told of is.
func Pushed(notification *stanza.Element, user transports.Address, when time.Time) Found {
	if f := notification.Child(nsForward, "forwarded"); f != nil {
		return Forwarded(f, user, when)
	}
	c := transports.Copy{User: user.Bare(), Time: when, Partial: true}
	said := false
	for x := range notification.Children() {
		if !x.Is(nsForm, "x") {
			continue
		}
		for field := range x.Children() {
			value := field.Child(nsForm, "value").Text()
			switch field.Attr("var") {
			case "last-message-sender":
				if a, err := transports.ParseAddress(value); err == nil {
					c.Peer = a.Bare()
				}
			case "last-message-body":
				said = said || value != ""
				c.Body = cut(value, maxBody)
			}
		}
	}
	if !said || c.Peer == c.User { // a state of the moment, or the user himself
		return Found{}
	}
	if c.Peer.IsZero() { // "New message!" or its like: what is said is not told where it is not told by whom
		c.Body = ""
	}
	return Found{Copy: &c}
}

// MaxMarks is how many conversations are read of at a time.
const MaxMarks = 4000

// Displayed reads what a user has displayed (XEP-0490 §3), from the answer to a request for its items.
func Displayed(pubsub *stanza.Element, user transports.Address) []transports.ReadMark {
	var marks []transports.ReadMark
	for item := range pubsub.Child(nsPubSub, "items").Children() {
		peer, err := transports.ParseAddress(item.Attr("id"))
		archived := id(item.Child(nsDisplayed, "displayed").Child(nsSID, "stanza-id").Attr("id"))
		if !item.Is(nsPubSub, "item") || err != nil || archived == "" {
			continue
		}
		if len(marks) == MaxMarks {
			break
		}
		marks = append(marks, transports.ReadMark{User: user.Bare(), Peer: peer, ArchiveID: archived})
	}
	return marks
}
