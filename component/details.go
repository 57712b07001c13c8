package component

import (
	"strings"

	"passerelle/component/avatar"
	"passerelle/transports"
)

// What somebody, a room or a network says of itself is shown in its vCard; its picture, once it was fetched, wherever clients look for one.

// details are what one says of itself, by transports.Detail.
type details [transports.Details]string

// maxDetailed bounds the people of whom a session keeps that.
const maxDetailed = 500

// detailed is what somebody is kept under: nicks are written in any case.
func detailed(t transports.Target) transports.Target {
	if t.Kind == transports.TargetContact {
		t.ID = strings.ToLower(t.ID)
	}
	return t
}

// described takes what somebody says of himself.
func (n *network) described(e transports.Described) {
	of := detailed(e.Of)
	d := n.detailsOf(of)
	switch {
	case e.What >= transports.Details || d == nil && (e.Value == "" || of.Kind == transports.TargetContact && len(n.details) >= maxDetailed):
		return
	case d == nil:
		d = &details{}
		if n.details == nil {
			n.details = make(map[transports.Target]*details)
		}
		n.details[of] = d
	case d[e.What] == e.Value:
		return
	}
	shown := n.picture(of)
	if d[e.What] = e.Value; *d == (details{}) {
		delete(n.details, of)
	}
	if e.What != transports.DetailPicture {
		return
	}
	if e.Value != "" && !n.u.g.rules().NoPictures {
		n.u.g.pictures.Want(e.Value, &n.u.viewer, func() { n.u.post(func() { n.repaint(of, nil) }) })
	}
	n.repaint(of, shown)
}

// detailsOf is all that somebody says of himself, nil where that is nothing. A network itself mostly tells its name while nobody tells anything:
// that costs no table, and no look into it for each presence.
func (n *network) detailsOf(of transports.Target) *details {
	switch {
	case of.Kind == transports.TargetNetwork:
		return &n.itself
	case len(n.details) == 0:
		return nil
	}
	return n.details[detailed(of)]
}

// detail is something that somebody says of himself, empty where he does not.
func (n *network) detail(of transports.Target, what transports.Detail) string {
	if n == nil {
		return ""
	}
	if d := n.detailsOf(of); d != nil {
		return d[what]
	}
	return ""
}

// picture is that of a person, a room or the network, nil where there is none or none yet.
func (n *network) picture(of transports.Target) *avatar.Avatar {
	if url := n.detail(of, transports.DetailPicture); url != "" {
		return n.u.g.pictures.Get(url)
	}
	return nil
}

// Picture is the hash of that of somebody in a room, empty where he has none.
func (n *network) Picture(nick string) string {
	if len(n.details) == 0 {
		return ""
	}
	if a := n.picture(n.personTarget(nick)); a != nil {
		return a.Hash()
	}
	return ""
}

func (n *network) personTarget(nick string) transports.Target {
	return transports.Target{Kind: transports.TargetContact, Network: n.id, ID: nick}
}

// repaint shows clients that something has another picture than before.
func (n *network) repaint(of transports.Target, before *avatar.Avatar) {
	u := n.u
	if u.networks.of(n.id) != n || n.picture(of) == before {
		return
	}
	switch of.Kind {
	case transports.TargetContact:
		for _, room := range n.rooms {
			if p := room.Person(of.ID); p != nil {
				room.Show(p.Nick, u.out)
				n.owe(room)
			}
		}
		if n.present[of.ID].Online {
			u.showContact(entity{entityContact, of}, u.g.address(of))
		}
	case transports.TargetRoom:
		if room := n.rooms.of(of.ID); room != nil {
			room.Configured(u.out) // XEP-0486 §3.4
		}
	case transports.TargetNetwork:
		e := u.g.network(n.id)
		if a := u.g.address(of); u.inContacts(a) {
			u.showContact(e, a)
		}
	}
}

// movedOn follows somebody who has another nick, or has left the network with an empty one.
func (n *network) movedOn(from, to string) {
	if len(n.details) == 0 {
		return
	}
	of := detailed(n.personTarget(from))
	d := n.details[of]
	if delete(n.details, of); d != nil && to != "" {
		n.details[detailed(n.personTarget(to))] = d
	}
}

// avatarOf is the picture of an entity, nil where it has none. What the operator chose goes before what a network says of itself.
func (u *user) avatarOf(e entity, nick string) *avatar.Avatar {
	if u.g.postal != nil && e.kind == entityContact {
		return u.g.faces.Of(e.target)
	}
	avatars := &u.g.rules().avatars
	n := u.networks.of(e.target.Network)
	if n == nil {
		return avatars.of(e)
	}
	of := e.target
	switch e.kind.first() {
	case entityOccupant:
		of = n.personTarget(nick)
	case entityContact, entityRoom:
	case entityGateway, entityNetwork:
		if of.Kind != transports.TargetNetwork || avatars.networks[of.Network] != nil {
			return avatars.of(e)
		}
	default:
		return avatars.of(e)
	}
	if a := n.picture(of); a != nil {
		return a
	}
	if network := (transports.Target{Kind: transports.TargetNetwork, Network: n.id}); e.kind == entityRoom && avatars.of(e) == nil {
		return n.picture(network)
	}
	return avatars.of(e)
}

// describe adds to a card what its owner says of himself.
func (c *card) describe(n *network, of transports.Target) {
	if n == nil {
		return
	}
	if name := n.detail(of, transports.DetailName); name != "" {
		c.name = name
	}
	c.homepage = n.detail(of, transports.DetailHomepage)
	for _, what := range []transports.Detail{transports.DetailPronouns, transports.DetailStatus} {
		if said := n.detail(of, what); said != "" {
			if c.note != "" {
				c.note += ", "
			}
			c.note += said
		}
	}
}
