package component

import (
	"maps"

	"passerelle/component/avatar"
)

// avatars are the pictures of a gateway: its own, and those of networks.
type avatars struct {
	own      *avatar.Avatar
	networks map[string]*avatar.Avatar
}

func newAvatars(rules *Rules) avatars {
	own := rules.Avatar
	if len(own.Data) == 0 {
		own = avatar.Own()
	}
	a := avatars{own: avatar.New(own), networks: make(map[string]*avatar.Avatar)}
	for id, i := range rules.NetworkAvatars {
		a.networks[id] = avatar.New(i)
	}
	return a
}

// equal reports whether the pictures are the same.
func (a *avatars) equal(b *avatars) bool {
	return a.own.Hash() == b.own.Hash() && maps.EqualFunc(a.networks, b.networks, func(x, y *avatar.Avatar) bool { return x.Hash() == y.Hash() })
}

// of is the picture that the operator chose for an entity, nil where he chose none. What people have is theirs, see avatarOf.
func (a *avatars) of(e entity) *avatar.Avatar {
	switch e.kind.first() {
	case entityBot:
		return a.own
	case entityGateway, entityNetwork:
		if n := a.networks[e.target.Network]; n != nil {
			return n
		}
		return a.own
	case entityRoom:
		// Not the gateway's: then all rooms of a client would look the same, and clients make better ones of their names.
		return a.networks[e.target.Network]
	}
	return nil
}
