package component

import (
	"passerelle/component/avatar"
	"passerelle/component/stanza"
	"passerelle/transports"
)

// Namespaces of vCards.
const (
	nsVCardTemp = "vcard-temp"                       // XEP-0054
	nsVCard4    = "urn:ietf:params:xml:ns:vcard-4.0" // XEP-0292
)

// card is what is known of an entity, for its vCard. It is answered at once and from memory: some clients ask for the card of
// everybody in a room.
type card struct {
	name            string // as people say it
	nick            string // empty for what is no person
	note            string
	email, homepage string // an address and a URL
	jid             transports.Address
	// avatar is nil where there is none.
	avatar *avatar.Avatar
}

// shown is what an entity calls itself.
func (c *card) shown() string {
	if c.nick != "" {
		return c.nick
	}
	return c.name
}

// card collects what is known of an entity. It reports false where there is nobody.
func (u *user) card(in *inbound, e entity) (card, bool) {
	c := card{jid: in.to}
	n := u.networks.of(e.target.Network)
	nick := ""
	switch e.kind.first() {
	case entityGateway:
		c.name, c.note = u.g.about().Name, "passerelle "+u.g.opt.Version
	case entityBot:
		c.name = u.g.about().Name
	case entityNetwork:
		c.name = e.target.Network
		c.describe(n, e.target)
	case entityRoom:
		c.name, c.note = e.target.ID, e.target.Network
		if room := u.networks.of(e.target.Network).room(e.target.ID); room != nil {
			c.note = room.Subject()
		}
		c.describe(n, e.target)
	case entityOccupant:
		room := u.networks.of(e.target.Network).room(e.target.ID)
		if room == nil {
			return card{}, false
		}
		p, ok := room.Occupant(in.to.Resource)
		if !ok {
			return card{}, false
		}
		c.person(p)
		nick = p.Nick
		c.describe(n, n.personTarget(nick))
	case entityContact:
		c.name, c.nick = e.target.ID, e.target.ID
		if p := u.networks.of(e.target.Network).person(e.target.ID); p != nil {
			c.person(p)
		}
		c.describe(n, e.target)
	}
	c.avatar = u.avatarOf(e, nick)
	return c, true
}

// person takes over what the network said of somebody.
func (c *card) person(p *transports.Person) {
	c.name, c.nick = p.Nick, p.Nick
	if p.RealName != "" {
		c.name = p.RealName
	}
	if p.Host != "" {
		c.note = p.Ident + "@" + p.Host
	}
	if p.Account != "" {
		if c.note != "" {
			c.note += ", "
		}
		c.note += "account " + p.Account
	}
}

// vcardTemp answers XEP-0054 §3.1.
func (u *user) vcardTemp(in *inbound, e entity) {
	u.showCard(in, e, func(r reply, c *card) {
		c.appendVCardTemp(u.resultTo(r))
		u.out.Stanzas.End()
	})
}

func (c *card) appendVCardTemp(b *stanza.Builder) {
	b.StartNS("vCard", nsVCardTemp)
	field := func(name, value string) {
		if value != "" {
			b.Start(name).Text(value).End()
		}
	}
	field("FN", c.name)
	field("NICKNAME", c.nick)
	if c.email != "" {
		b.Start("EMAIL").Start("INTERNET").End().Start("PREF").End().Start("USERID").Text(c.email).End().End()
	}
	field("JABBERID", c.jid.String())
	field("DESC", c.note)
	field("URL", c.homepage)
	c.avatar.AppendPhoto(b)
	b.End()
}

// vcard4 answers the direct request of XEP-0292 §4.
func (u *user) vcard4(in *inbound, e entity) {
	u.showCard(in, e, func(r reply, c *card) {
		c.appendVCard4(u.resultTo(r))
		u.out.Stanzas.End()
	})
}

func (c *card) appendVCard4(b *stanza.Builder) {
	b.StartNS("vcard", nsVCard4)
	field := func(name, kind, value string) {
		if value != "" {
			b.Start(name).Start(kind).Text(value).End().End()
		}
	}
	field("fn", "text", c.name)
	field("nickname", "text", c.nick)
	field("email", "text", c.email)
	field("impp", "uri", "xmpp:"+c.jid.String())
	field("note", "text", c.note)
	field("url", "uri", c.homepage)
	c.avatar.AppendPhoto4(b)
	b.End()
}
