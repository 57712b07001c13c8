package avatar

import (
	"crypto/sha1" //nolint:gosec // XEP-0084 §4.2.2 and XEP-0153 §3.1 name the hash; nothing secret depends on it
	_ "embed"
	"encoding/base64"
	"encoding/hex"
	"slices"

	"passerelle/component/stanza"
)

// Namespaces of XEP-0084, which are nodes as well.
const (
	NSMetadata = "urn:xmpp:avatar:metadata"
	NSData     = "urn:xmpp:avatar:data"
)

const nsVCardUpdate = "vcard-temp:x:update" // XEP-0153

//go:embed own.png
var own []byte

// Own is the picture of a gateway whose operator chose none: a footbridge.
func Own() Image { return Image{Data: own, Type: "image/png", Width: 192, Height: 192} }

// Image is a picture that clients can show. Whoever makes one has checked that.
type Image struct {
	Data          []byte
	Type          string // such as "image/png"
	Width, Height int
}

// Avatar is a picture in each form in which it is asked for, made once: some clients ask for that of everybody they see. Nil is that of who has none. It
// is never changed.
type Avatar struct {
	hash     string // hexadecimal SHA-1
	photo    []byte // of vcard-temp
	photo4   []byte // of vCard4
	metadata []byte // of XEP-0084
	data     []byte // of XEP-0084
}

// New makes the forms of a picture.
func New(i Image) *Avatar {
	sum := sha1.Sum(i.Data) //nolint:gosec // as above
	a := &Avatar{hash: hex.EncodeToString(sum[:])}
	text := base64.StdEncoding.EncodeToString(i.Data)
	write := func(build func(b *stanza.Builder)) []byte {
		var b stanza.Builder
		build(&b)
		return slices.Clone(b.Bytes())
	}
	a.photo = write(func(b *stanza.Builder) { // XEP-0054 §3.1
		b.Start("PHOTO").Start("TYPE").Text(i.Type).End().Start("BINVAL").Text(text).End().End()
	})
	a.photo4 = write(func(b *stanza.Builder) { // RFC 6351 §5.1
		b.Start("photo").Start("uri").Text("data:" + i.Type + ";base64," + text).End().End()
	})
	a.metadata = write(func(b *stanza.Builder) { // XEP-0084 §4.2.1
		b.StartNS("metadata", NSMetadata).Start("info").Int("bytes", len(i.Data)).Attr("id", a.hash).
			Int("height", i.Height).Attr("type", i.Type).Int("width", i.Width).End().End()
	})
	a.data = write(func(b *stanza.Builder) { b.StartNS("data", NSData).Text(text).End() })
	return a
}

// Hash is what clients know the picture by: its SHA-1 in hexadecimal (XEP-0084 §4.2.2, XEP-0153 §3.1).
func (a *Avatar) Hash() string { return a.hash }

// AppendPhoto adds the picture to a card of XEP-0054, where there is one.
func (a *Avatar) AppendPhoto(b *stanza.Builder) {
	if a != nil {
		b.Raw(a.photo)
	}
}

// AppendPhoto4 adds the picture to a card of XEP-0292, where there is one.
func (a *Avatar) AppendPhoto4(b *stanza.Builder) {
	if a != nil {
		b.Raw(a.photo4)
	}
}

// AppendUpdate adds to a presence which picture its sender has (XEP-0153 §3.1); one without says that there is none, so that
// nobody asks. Occupants' presences have it where there is one, and else neither: Gajim, Dino and Conversations ask only for the picture that a
// presence names, and in a room of thousands it would be half a megabyte for each who joins.
func (a *Avatar) AppendUpdate(b *stanza.Builder) {
	b.StartNS("x", nsVCardUpdate).Start("photo")
	if a != nil {
		b.Text(a.hash)
	}
	b.End().End()
}

// AppendItem adds the item of a node of XEP-0084, and reports false where there is none.
func (a *Avatar) AppendItem(b *stanza.Builder, node, id string) bool {
	switch {
	case node == NSMetadata && a == nil:
		b.Start("item").Attr("id", "current").StartNS("metadata", NSMetadata).End().End() // XEP-0084 §4.2.3: there is none
	case a == nil, id != "" && id != a.hash:
		return false
	case node == NSMetadata:
		b.Start("item").Attr("id", a.hash).Raw(a.metadata).End()
	default:
		b.Start("item").Attr("id", a.hash).Raw(a.data).End()
	}
	return true
}
