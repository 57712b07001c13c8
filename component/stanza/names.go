package stanza

import (
	"fmt"
	"strings"
)

// The classes of bytes in names. Names with bytes of class nameExotic need the rules of prefixes or of Unicode, and so the cold path.
const (
	nameNone   = iota // ends a name
	nameStart         // may be anywhere in a name
	nameInside        // may be in a name but not begin it
	nameExotic        // the colon and everything beyond ASCII
)

// nameClass is the class of each byte (Namespaces in XML 1.0 §3, NCName). It is never written.
var nameClass = func() (t [256]byte) {
	for c := range t {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', c == '_':
			t[c] = nameStart
		case '0' <= c && c <= '9', c == '-', c == '.':
			t[c] = nameInside
		case c == ':', c >= 0x80:
			t[c] = nameExotic
		}
	}
	return t
}()

// nameEnd is where the name that begins at b[i] ends. b ends with a byte that is in no name.
func nameEnd(b []byte, i int) int {
	for nameClass[b[i]] != nameNone {
		i++
	}
	return i
}

// intern is b as a string: one of the known names where possible, a copy otherwise.
func intern(b []byte) string {
	if s, ok := known[string(b)]; ok {
		return s
	}
	return string(b)
}

// known are the names and namespaces that occur in traffic all the time. It is never written; a name that is not in it costs an
// allocation and nothing else.
var known = func() map[string]string {
	t := make(map[string]string)
	for _, s := range strings.Fields(knownNames + knownSpaces) {
		t[s] = s
	}
	return t
}()

const knownNames = `
message presence iq error
groupchat chat normal headline unavailable subscribed unsubscribed probe
id to from type xml:lang
body subject thread show status priority text html span p br a em strong nick
active composing paused inactive gone
request received markable displayed acknowledged
origin-id stanza-id occupant-id by replace reply reactions reaction retract retracted fallback start end apply-to moderated
delay stamp forwarded sent private x c query item items hint store no-store no-copy no-permanent-store encryption
namespace name node ver hash ext category identity feature var label value option field title instructions command actions
note sessionid action execute next prev complete cancel set max after before first last index count
actor reason destroy password history continue invite decline maxchars maxstanzas seconds since affiliation role jid code
ping vCard photo PHOTO BINVAL TYPE FN NICKNAME URL DESC
pubsub publish event configure subscribe unsubscribe retract entry data info metadata bytes width height
url desc os version utc tzo time slot put get header size filename content-type file hashes sources media-type
bad-request conflict feature-not-implemented forbidden gone internal-server-error item-not-found jid-malformed not-acceptable
not-allowed not-authorized policy-violation recipient-unavailable redirect registration-required remote-server-not-found
remote-server-timeout resource-constraint service-unavailable subscription-required undefined-condition unexpected-request
group subscription ask privilege perm access prefs archived result fin queryid complete stable unread conference autojoin
href src alt style class lang addresses address uri user register registered remove key username
`

const knownSpaces = `
jabber:component:accept jabber:client http://etherx.jabber.org/streams
urn:ietf:params:xml:ns:xmpp-stanzas urn:ietf:params:xml:ns:xmpp-streams
http://jabber.org/protocol/disco#info http://jabber.org/protocol/disco#items http://jabber.org/protocol/caps urn:xmpp:caps
http://jabber.org/protocol/chatstates http://jabber.org/protocol/commands http://jabber.org/protocol/nick
http://jabber.org/protocol/muc http://jabber.org/protocol/muc#user http://jabber.org/protocol/muc#admin
http://jabber.org/protocol/muc#owner http://jabber.org/protocol/address http://jabber.org/protocol/rsm
http://jabber.org/protocol/pubsub http://jabber.org/protocol/pubsub#event http://jabber.org/protocol/pubsub#owner
http://jabber.org/protocol/xhtml-im http://www.w3.org/1999/xhtml http://www.w3.org/2005/Atom
jabber:iq:register jabber:iq:search jabber:iq:version jabber:iq:roster jabber:iq:last jabber:iq:gateway jabber:x:conference
jabber:x:data jabber:x:oob jabber:x:delay jabber:x:encrypted
vcard-temp vcard-temp:x:update urn:ietf:params:xml:ns:vcard-4.0 urn:xmpp:avatar:data urn:xmpp:avatar:metadata
urn:xmpp:sid:0 urn:xmpp:chat-markers:0 urn:xmpp:receipts urn:xmpp:hints urn:xmpp:delay urn:xmpp:forward:0 urn:xmpp:carbons:2
urn:xmpp:mam:2 urn:xmpp:ping urn:xmpp:time urn:xmpp:eme:0 urn:xmpp:occupant-id:0 urn:xmpp:reply:0 urn:xmpp:fallback:0
urn:xmpp:reactions:0 urn:xmpp:message-correct:0 urn:xmpp:message-retract:0 urn:xmpp:message-retract:1
urn:xmpp:message-moderate:0 urn:xmpp:message-moderate:1 urn:xmpp:fasten:0 urn:xmpp:attention:0 urn:xmpp:bob
urn:xmpp:http:upload:0 urn:xmpp:privilege:1 urn:xmpp:privilege:2 urn:xmpp:idle:1 urn:xmpp:bookmarks:1 urn:xmpp:sfs:0
urn:xmpp:file:metadata:0 urn:xmpp:hashes:2 urn:xmpp:json-msg:0 urn:xmpp:omemo:2 eu.siacs.conversations.axolotl
urn:xmpp:microblog:0 urn:xmpp:jingle:1 urn:xmpp:jingle-message:0 urn:xmpp:bookmarks:0 storage:bookmarks urn:xmpp:styling:0
`

// The namespaces that Namespaces in XML 1.0 §3 binds for good.
const (
	nsXML   = "http://www.w3.org/XML/1998/namespace"
	nsXMLNS = "http://www.w3.org/2000/xmlns/"
)

// maxSpace is the limit of a namespace in bytes. A prefix repeats its namespace for next to nothing, but written anew each element
// has it in full.
const maxSpace = 256

// namespace is the namespace that a declaration names.
func namespace(value []byte) (string, *Refused) {
	if len(value) > maxSpace {
		return "", overLimit(fmt.Sprintf("A namespace is longer than %d bytes.", maxSpace))
	}
	space := intern(value)
	if space == nsXML || space == nsXMLNS {
		return "", refuseReserved()
	}
	return space, nil
}
