package component

import (
	"crypto/sha1" //nolint:gosec // XEP-0084 §4.2.2 and XEP-0153 §3.1 name the hash; nothing secret depends on it
	_ "embed"
	"encoding/base64"
	"encoding/hex"
	"maps"
	"slices"

	"passerelle/component/stanza"
)

// Namespaces of avatars. Those of XEP-0084 are nodes as well.
const (
	nsAvatarMetadata = "urn:xmpp:avatar:metadata"
	nsAvatarData     = "urn:xmpp:avatar:data"
	nsVCardUpdate    = "vcard-temp:x:update" // XEP-0153
)

// ownAvatar is the picture of a gateway whose operator chose none: a footbridge.
//
//go:embed avatar.png
var ownAvatar []byte

// Image is a picture that the operator chose. Whoever makes one has checked it.
type Image struct {
	Data          []byte
	Type          string // such as "image/png"
	Width, Height int
}

// avatar is a picture in each form in which it is asked for, made once: some clients ask for that of everybody they see.
type avatar struct {
	hash     string // hexadecimal SHA-1
	photo    []byte // of vcard-temp
	photo4   []byte // of vCard4
	metadata []byte // of XEP-0084
	data     []byte // of XEP-0084
}

func newAvatar(i Image) *avatar {
	sum := sha1.Sum(i.Data) //nolint:gosec // as above
	a := &avatar{hash: hex.EncodeToString(sum[:])}
	text := base64.StdEncoding.EncodeToString(i.Data)
	make := func(build func(b *stanza.Builder)) []byte {
		var b stanza.Builder
		build(&b)
		return slices.Clone(b.Bytes())
	}
	a.photo = make(func(b *stanza.Builder) { // XEP-0054 §3.1
		b.Start("PHOTO").Start("TYPE").Text(i.Type).End().Start("BINVAL").Text(text).End().End()
	})
	a.photo4 = make(func(b *stanza.Builder) { // RFC 6351 §5.1
		b.Start("photo").Start("uri").Text("data:" + i.Type + ";base64," + text).End().End()
	})
	a.metadata = make(func(b *stanza.Builder) { // XEP-0084 §4.2.1
		b.StartNS("metadata", nsAvatarMetadata).Start("info").Int("bytes", len(i.Data)).Attr("id", a.hash).
			Int("height", i.Height).Attr("type", i.Type).Int("width", i.Width).End().End()
	})
	a.data = make(func(b *stanza.Builder) { b.StartNS("data", nsAvatarData).Text(text).End() })
	return a
}

// avatars are the pictures of a gateway: its own, and those of networks.
type avatars struct {
	own      *avatar
	networks map[string]*avatar
}

func newAvatars(rules *Rules) avatars {
	own := rules.Avatar
	if len(own.Data) == 0 {
		own = Image{Data: ownAvatar, Type: "image/png", Width: 192, Height: 192}
	}
	a := avatars{own: newAvatar(own), networks: make(map[string]*avatar)}
	for id, i := range rules.NetworkAvatars {
		a.networks[id] = newAvatar(i)
	}
	return a
}

// equal reports whether the pictures are the same.
func (a *avatars) equal(b *avatars) bool {
	return a.own.hash == b.own.hash && maps.EqualFunc(a.networks, b.networks, func(x, y *avatar) bool { return x.hash == y.hash })
}

// of is the picture that the operator chose for an entity, nil where he chose none. What people have is theirs, see avatarOf.
func (a *avatars) of(e entity) *avatar {
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

// appendUpdate adds to a presence which picture its sender has (XEP-0153 §3.1); one without says that there is none, so that
// nobody asks. Occupants' presences have it where there is one, and else neither: Gajim, Dino and Conversations ask only for the picture that a
// presence names, and in a room of thousands it would be half a megabyte for each who joins.
func (a *avatar) appendUpdate(b *stanza.Builder) {
	b.StartNS("x", nsVCardUpdate).Start("photo")
	if a != nil {
		b.Text(a.hash)
	}
	b.End().End()
}

// appendItem adds the item of a node of XEP-0084, and reports false where there is none.
func (a *avatar) appendItem(b *stanza.Builder, node, id string) bool {
	switch {
	case node == nsAvatarMetadata && a == nil:
		b.Start("item").Attr("id", "current").StartNS("metadata", nsAvatarMetadata).End().End() // XEP-0084 §4.2.3: there is none
	case a == nil, id != "" && id != a.hash:
		return false
	case node == nsAvatarMetadata:
		b.Start("item").Attr("id", a.hash).Raw(a.metadata).End()
	default:
		b.Start("item").Attr("id", a.hash).Raw(a.data).End()
	}
	return true
}
