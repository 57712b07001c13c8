package component

import (
	"cmp"
	"fmt"
	"time"

	"passerelle/component/downgrade"
	"passerelle/component/markup"
	"passerelle/component/muc"
	"passerelle/component/stanza"
	"passerelle/transports"
)

// Namespaces of what the gateway answers.
const (
	nsDiscoInfo  = "http://jabber.org/protocol/disco#info"
	nsDiscoItems = "http://jabber.org/protocol/disco#items"
	nsPing       = "urn:xmpp:ping"
	nsLast       = "jabber:iq:last"
	nsVersion    = "jabber:iq:version"
	nsTime       = "urn:xmpp:time"
	nsHints      = "urn:xmpp:hints"
	nsSID        = "urn:xmpp:sid:0"
	nsReceipts   = "urn:xmpp:receipts"       // XEP-0184
	nsMarkers    = "urn:xmpp:chat-markers:0" // XEP-0333
	nsStableID   = "http://jabber.org/protocol/muc#stable_id"
)

// service is something that entities answer or support. Discovery lists exactly what this table has, so that nothing is announced
// that is not there. iq names the payload of the request and is empty for a feature that needs no answer of its own.
type service struct {
	feature string
	at      entityKind
	iq      string // element name of the payload, whose namespace is feature
	set     bool   // it is a set, not a get
	both    bool   // it is a set or a get
	slow    bool   // the answer may wait for the database
	social  bool   // it is there only where people publish
	answer  func(u *user, in *inbound, e entity)
}

// serviceTable is the table. A new XEP is a file of its own and a line here.
func serviceTable() []service {
	table := []service{
		{feature: nsDiscoInfo, at: entityAny, iq: "query", answer: (*user).discoInfo},
		{feature: nsDiscoItems, at: entityAny, iq: "query", answer: (*user).discoItems},
		{feature: nsCommands, at: entityGateway | entityBot | entityNetwork | entityRoom, iq: "command", set: true, slow: true, answer: (*user).command},
		{feature: nsPing, at: entityAny, iq: "ping", answer: (*user).pong},
		{feature: nsVersion, at: entityAny, iq: "query", answer: (*user).version},
		{feature: nsTime, at: entityGateway | entityBot, iq: "time", answer: (*user).time},
		{feature: nsRegister, at: entityGateway, iq: "query", both: true, slow: true, answer: (*user).register},
		{feature: nsGateway, at: entityGateway, iq: "query", both: true, answer: (*user).prompt},
		{feature: nsBlocking, at: entityGateway, iq: "blocklist", answer: (*user).blocklist},
		{feature: nsBlocking, at: entityGateway, iq: "block", set: true, slow: true, answer: (*user).block},
		{feature: nsBlocking, at: entityGateway, iq: "unblock", set: true, slow: true, answer: (*user).unblock},
		{feature: nsSearch, at: entityGateway, iq: "query", both: true, slow: true, answer: (*user).search},
		{feature: nsVCardTemp, at: entityAny, iq: "vCard", answer: (*user).vcardTemp},
		{feature: nsVCard4, at: entityAny, iq: "vcard", answer: (*user).vcard4},
		{feature: nsPubSub, at: entityGateway | entityBot | entityNetwork | entityContact | entityOccupant, iq: "pubsub", both: true, answer: (*user).pubsub},
		{feature: muc.NS, at: entityRoom | entityGateway | entityNetwork},
		{feature: muc.NSAdmin, at: entityRoom, iq: "query", both: true, answer: (*user).roomAdmin},
		{feature: muc.NSOwner, at: entityRoom, iq: "query", both: true, slow: true, answer: (*user).roomOwner},
		{feature: nsRSM, at: entityNetwork | entityRoom},
		{feature: featureEscaping, at: entityGateway | entityNetwork},
		{feature: nsHints, at: entityRoom | entityOccupant | entityContact},
		{feature: nsConference, at: entityContact},
		{feature: nsAddress, at: entityGateway},
		{feature: nsMarkers, at: entityContact},
		{feature: downgrade.NSOOB, at: entityContact},
		{feature: downgrade.NSSharing, at: entityContact},
		{feature: nsMAM, at: entityArchive, iq: "query", both: true, slow: true, answer: (*user).mamQuery},
		{feature: nsMAM, at: entityArchive, iq: "metadata", slow: true, answer: (*user).mamMetadata},
		{feature: nsMAM, at: entityArchive, iq: "prefs", both: true, slow: true, answer: (*user).archivePrefsIQ},
		{feature: nsMAMExtended, at: entityArchive},
		{feature: muc.NSTombstone, at: entityArchive},
		{feature: muc.NSOccupantID, at: entityRoom | entityGateway},
		{feature: nsStableID, at: entityRoom | entityGateway | entityNetwork},
		{feature: "http://jabber.org/protocol/muc#self-ping-optimization", at: entityRoom},
		{feature: nsSID, at: entityRoom},
		{feature: markup.NSXHTMLIM, at: entityRoom | entityOccupant | entityContact},
		{feature: markup.NSStyling, at: entityRoom | entityOccupant | entityContact},
		{feature: muc.NSHats, at: entityRoom | entityGateway},
		{feature: "muc_nonanonymous", at: entityRoom},
		{feature: "muc_temporary", at: entityRoom},
	}
	for _, f := range downgrade.Features() {
		table = append(table, service{feature: f, at: entityRoom | entityOccupant | entityContact})
	}
	for _, f := range feedServed {
		table = append(table, service{feature: f, at: entityGateway, social: true})
	}
	for _, f := range pubsubFeatures {
		table = append(table, service{feature: f, at: entityContact, social: true})
	}
	return append(table, service{feature: nsReceipts, at: entityOccupant | entityContact})
}

// serves reports whether a service of the table is there for an entity of this gateway.
func (g *Gateway) serves(s *service, k entityKind) bool {
	if s.at&k == 0 || s.social && g.social == nil {
		return false
	}
	switch s.feature {
	case muc.NS, muc.NSOccupantID, muc.NSHats, nsStableID: // the domain is a MUC service only where its transport has rooms
		return g.opt.Transport.Describe().Rooms
	case downgrade.NSOOB, downgrade.NSSharing, nsMarkers, nsAddress: // elsewhere they end in words
		return g.postal != nil
	case nsMAM, nsMAMExtended, muc.NSTombstone:
		return g.archive != nil
	}
	return true
}

// iq answers a get or set. What no service of the table answers is unknown here (RFC 6120 §8.2.3: each request is answered).
func (u *user) iq(in *inbound, e entity) {
	root := in.root()
	isSet := root.AttrIs("type", "set")
	if !isSet && !root.AttrIs("type", "get") {
		return // neither a request nor an answer
	}
	payload := root.Child("", "")
	if u.refuseClearly(in, e, payload) {
		return
	}
	for i := range u.g.services {
		s := &u.g.services[i]
		if s.answer != nil && (s.both || s.set == isSet) && u.g.serves(s, e.kind) && payload.Is(s.feature, s.iq) {
			if s.slow && u.awaited >= maxAwaited {
				u.refuse(in, transports.NewError(transports.Busy, "", nil))
				return
			}
			s.answer(u, in, e)
			return
		}
	}
	u.answerUnknown(in)
}

func (u *user) answerUnknown(in *inbound) {
	u.out.Stanzas.Start("iq").JID("from", in.to).JID("to", in.from).Attr("type", "error").Attr("id", in.root().Attr("id")).
		RawError("cancel", "service-unavailable", "").
		End()
}

// result starts the answer to a request; the caller adds the payload and ends it.
func (u *user) result(in *inbound) *stanza.Builder {
	return u.resultTo(reply{from: in.from, to: in.to, id: in.root().Attr("id")})
}

func (u *user) resultTo(r reply) *stanza.Builder {
	return u.out.Stanzas.Start("iq").JID("from", r.to).JID("to", r.from).Attr("type", "result").Attr("id", r.id)
}

// pong answers a ping (XEP-0199 §4.2). A ping to an occupant asks whether the client is still in the room (XEP-0410 §3.2).
func (u *user) pong(in *inbound, e entity) {
	if e.kind&(entityContact|entityOccupant) != 0 && u.g.postal == nil && !u.isOwn(in, e) {
		u.enquire(in, e, transports.AskPing)
		return
	}
	u.result(in).End()
}

// isOwn reports whether a request is for the occupant that the client itself is.
func (u *user) isOwn(in *inbound, e entity) bool {
	if e.kind == entityOccupant && u.returning(in.from, in.to.Bare()) {
		return true // XEP-0410 §3.2: it need not join again
	}
	room := u.networks.of(e.target.Network).room(e.target.ID)
	return e.kind == entityOccupant && room != nil && room.Has(in.from) && room.Nick() == in.to.Resource
}

// version answers XEP-0092 §3.
func (u *user) version(in *inbound, e entity) {
	if e.kind&(entityContact|entityOccupant) != 0 && u.g.postal == nil && !u.isOwn(in, e) {
		u.enquire(in, e, transports.AskVersion)
		return
	}
	b := u.result(in).StartNS("query", nsVersion)
	b.Start("name").Text("passerelle").End()
	b.Start("version").Text(u.g.opt.Version).End()
	b.End().End()
}

// time answers XEP-0202 §3.
func (u *user) time(in *inbound, _ entity) {
	t := now()
	b := u.result(in).StartNS("time", nsTime)
	b.Start("tzo").Text(t.Format("-07:00")).End()
	b.Start("utc").Text(t.UTC().Format("2006-01-02T15:04:05Z")).End()
	b.End().End()
}

// roomAdmin takes moderation (XEP-0045 §8).
func (u *user) roomAdmin(in *inbound, e entity) {
	room := u.networks.of(e.target.Network).room(e.target.ID)
	if room == nil {
		u.refuse(in, transports.NewError(transports.NotJoined, "You are not in this room. Join it first.", nil))
		return
	}
	room.Admin(in.from, in.root(), u.out)
}

// discoInfo answers XEP-0030 §3.1.
func (u *user) discoInfo(in *inbound, e entity) {
	if node := in.root().Child(nsDiscoInfo, "query").Attr("node"); node != "" && !u.g.isCaps(node, e.kind) {
		if u.commandInfo(in, e, node) || u.roomNode(in, e, node) || u.nodeInfo(in, e, node) {
			return
		}
		u.refuse(in, transports.NewError(transports.NotFound, "There is no such node.", nil)) // XEP-0030 §3.2
		return
	}
	ids, kind, node := u.g.rules().identities(e.kind), u.g.about().Kind, in.root().Child(nsDiscoInfo, "query").Attr("node")
	name := "" // of the one who was asked; who asks for the node of a presence wants what its hash is of (XEP-0115 §6.2)
	switch {
	case node != "":
	case e.kind == entityNetwork:
		name = cmp.Or(u.networks.of(e.target.Network).detail(e.target, transports.DetailName), e.target.Network)
	case e.kind == entityRoom:
		ids = []identity{{"conference", kind, fmt.Sprintf("%s on %s", e.target.ID, e.target.Network)}}
	case e.kind == entityOccupant:
		ids = []identity{{"client", kind, in.to.Resource}}
	case e.kind == entityContact:
		name = e.target.ID
	}
	if node == "" && u.isProgram(in, e) {
		ids = []identity{{"client", "bot", cmp.Or(name, in.to.Resource)}}
	}
	b := u.result(in).StartNS("query", nsDiscoInfo).Attr("node", node)
	for _, id := range ids {
		b.Start("identity").Attr("category", id.category).Attr("type", id.typ).Attr("name", cmp.Or(name, id.name)).End()
	}
	b.Raw(u.g.rules().caps[kindIndex(e.kind)].features)
	if e.kind == entityRoom {
		for _, f := range u.roomFeatures(in, e) {
			b.Start("feature").Attr("var", f).End()
		}
		u.appendRoomInfo(b, in, e)
	}
	b.End().End()
}

// isProgram reports whether an entity is somebody of whom the network says that he is a program.
func (u *user) isProgram(in *inbound, e entity) bool {
	var p *transports.Person
	switch n := u.networks.of(e.target.Network); e.kind {
	case entityOccupant:
		if room := n.room(e.target.ID); room != nil {
			p, _ = room.Occupant(in.to.Resource)
		}
	case entityContact:
		p = n.person(e.target.ID)
	}
	return p != nil && p.Bot
}

// discoItems answers XEP-0030 §4.1: the networks and the bot at the domain, the rooms at a network.
func (u *user) discoItems(in *inbound, e entity) {
	query := in.root().Child(nsDiscoItems, "query")
	if query.AttrIs("node", nsCommands) {
		u.commandItems(in, e)
		return
	}
	if u.nodeItems(in, e, query) {
		return
	}
	if query.Attr("node") != "" {
		u.refuse(in, transports.NewError(transports.NotFound, "There is no such node.", nil))
		return
	}
	switch {
	case e.kind&entityNetwork != 0:
		u.listRooms(in, e)
		return
	case e.kind == entityRoom:
		u.listOccupants(in, e)
		return
	case u.nodeList(in, e):
		return
	}
	b := u.result(in).StartNS("query", nsDiscoItems)
	switch e.kind {
	case entityGateway:
		b.Start("item").JID("jid", u.g.botAddress()).Attr("name", "Help").End()
		for _, n := range u.g.about().Networks {
			b.Start("item").JID("jid", u.g.address(transports.Target{Kind: transports.TargetNetwork, Network: n.ID})).Attr("name", n.Name).End()
		}
	case entityContact:
		u.pepNodes(b, in.to)
	}
	b.End().End()
}

// now is the clock of what is sent.
func now() time.Time { return time.Now() }

// newID mints a stanza id.
func newID() string { return stanza.NewID(time.Now()) }
