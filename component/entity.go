package component

import (
	"errors"
	"strings"

	"passerelle/transports"
)

// entityKind is a set of what a JID under a virtual domain can be.
type entityKind uint8

const (
	entityGateway  entityKind = 1 << iota // the domain itself
	entityBot                             // help@domain
	entityNetwork                         // a network, such as irc.libera.chat@domain; with entityGateway where it is the only one
	entityRoom                            // a room
	entityOccupant                        // somebody in a room, room/nick
	entityContact                         // somebody on a network
)

// entityArchive is what has an archive.
const entityArchive = entityGateway | entityRoom | entityContact

const entityAny = entityGateway | entityBot | entityNetwork | entityRoom | entityOccupant | entityContact

// botLocal is the local part of the help bot: a gateway needs one, since some clients cannot open a chat with a bare domain.
const botLocal = transports.BotName

// entity is what a JID stands for.
type entity struct {
	kind   entityKind
	target transports.Target // of a network, room, occupant or contact
}

// entity says what an address under the domain is.
func (g *Gateway) entity(a transports.Address) (entity, error) {
	switch a.Local {
	case "":
		return g.own(entityGateway), nil
	case botLocal:
		return g.own(entityBot), nil
	}
	t, err := g.opt.Transport.Parse(transports.Unescape(a.Local))
	if err != nil {
		return entity{}, err
	}
	switch {
	case t.Kind == transports.TargetNetwork && t.Network == g.about().Fixed:
		return entity{}, transports.Errorf(transports.NotFound, "The network %s is at %s.", t.Network, g.opt.Domain)
	case t.Kind == transports.TargetNetwork:
		return entity{entityNetwork, t}, nil
	case t.Kind == transports.TargetContact:
		return entity{entityContact, t}, nil
	case t.Kind == transports.TargetRoom && a.Resource != "":
		return entity{entityOccupant, t}, nil
	case t.Kind == transports.TargetRoom:
		return entity{entityRoom, t}, nil
	}
	return entity{}, transports.NewError(transports.NotFound, "There is nothing at this address.", errors.New("a target of no kind"))
}

// own is the domain or its bot. Where there is one network only, the domain is that as well, and the bot speaks for it.
func (g *Gateway) own(kind entityKind) entity {
	e := entity{kind: kind}
	if fixed := g.about().Fixed; fixed != "" {
		e.target = transports.Target{Kind: transports.TargetNetwork, Network: fixed}
		if kind == entityGateway {
			e.kind |= entityNetwork
		}
	}
	return e
}

// network is a network, which may be the domain itself.
func (g *Gateway) network(id string) entity {
	if id == g.about().Fixed {
		return g.own(entityGateway)
	}
	return entity{entityNetwork, transports.Target{Kind: transports.TargetNetwork, Network: id}}
}

// first is the kind of an entity, and gateway for a domain that is a network as well.
func (k entityKind) first() entityKind { return k & -k }

// address is the bare JID of a target.
func (g *Gateway) address(t transports.Target) transports.Address {
	if t.Kind == transports.TargetDomain || t.Kind == transports.TargetNetwork && t.Network == g.about().Fixed {
		return g.domain
	}
	return transports.Address{Local: LocalPart(g.opt.Transport.Format(t)), Domain: g.domain.Domain}
}

// LocalPart is the local part of a JID, as a transport has formatted its target; the archive of a room is kept under it too. It is folded
// as servers fold it: nicks are written in any case.
func LocalPart(formatted string) string { return strings.ToLower(transports.Escape(formatted)) }

// featureEscaping tells clients that they may escape (XEP-0106 §6): they take another way where it is not announced.
const featureEscaping = `jid\20escaping`
