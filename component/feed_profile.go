package component

import (
	"context"
	"crypto/sha1" //nolint:gosec // XEP-0084 §4.1 names the hash; nothing secret depends on it
	"encoding/base64"
	"encoding/hex"
	"errors"
	"hash/maphash"
	"strconv"
	"strings"
	"unicode/utf8"

	"passerelle/component/avatar"
	"passerelle/component/stanza"
	"passerelle/transports"
)

// What users tell of themselves: a nick (XEP-0172), a picture (XEP-0084), and cards (XEP-0292, XEP-0054). Of the latter only what is there for
// everybody: many keep their names and where they live for those whom they know.

// Limits of what is read, in bytes.
const (
	maxProfileName = 256
	maxProfileNote = 4 << 10
	maxProfileLink = 2 << 10
	maxFeedPicture = 700 << 10 // as base64 it fits into a stanza that is read
)

// feedProfile is what was told last of a user. It belongs to his lane.
type feedProfile struct {
	told    uint64            // all but the picture, by its hash
	picture string            // its id
	events  map[string]uint64 // what events said of the nodes, by its hash
}

var profileSeed = maphash.MakeSeed()

// sees reports whether an event of a node of the profile says something new. Servers say the same whenever a client comes.
func (p *feedProfile) sees(node string, items *stanza.Element) bool {
	print := maphash.Bytes(profileSeed, items.AppendXML(nil, ""))
	if last, ok := p.events[node]; ok && last == print {
		return false
	}
	if p.events == nil {
		p.events = make(map[string]uint64)
	}
	p.events[node] = print // of three nodes
	return true
}

// readProfile reads what a user tells of himself, and tells it where it is new.
func (fs *feeds) readProfile(ctx context.Context, user transports.Address, f *feed) error {
	var p transports.Profile
	card := new(readCard)
	nick, id := "", ""
	knowsNick, knowsPicture := false, false
	for _, ask := range []func() error{
		func() error {
			return fs.askItems(ctx, fs.g.domain, user, nsNick, nil, 1, func(items *stanza.Element) {
				nick, knowsNick = clipText(lastItem(items).Child(nsNick, "nick").Text(), maxProfileName), true
			})
		},
		func() error {
			return fs.askItems(ctx, fs.g.domain, user, avatar.NSMetadata, nil, 1, func(items *stanza.Element) {
				item := lastItem(items)
				id, knowsPicture = pictureOf(item.Child(avatar.NSMetadata, "metadata")), item != nil
			})
		},
		func() error {
			return fs.askItems(ctx, fs.anybody, user, nodeVCard4, nil, 1, func(items *stanza.Element) {
				card.readVCard4(lastItem(items).Child(nsVCard4, "vcard"))
			})
		},
		func() error {
			return fs.ask(ctx, "get", fs.anybody, user, func(b *stanza.Builder) { b.StartNS("vCard", nsVCardTemp).End() },
				func(iq *stanza.Element) { card.readVCardTemp(iq.Child(nsVCardTemp, "vCard")) })
		},
	} {
		err := ask()
		if errors.Is(err, errIQRefused) {
			continue
		}
		if e := transports.AsError(fs.ofUser(err)); e != nil && e.Kind.Temporary() {
			return e
		}
	}
	p = card.Profile
	if knowsNick && nick != "" {
		p.Nick = &nick
	}
	picture, told := f.profile.picture, f.profile.picture
	switch {
	case knowsPicture && id == "": // XEP-0084 §4.2.1: he has taken it away
		if told != "" {
			p.Picture, picture = []byte{}, ""
		}
	case knowsPicture && id != told:
		var err error
		if p.Picture, err = fs.readPicture(ctx, user, id); err != nil {
			return err
		}
		picture = id
	case !knowsPicture && len(card.photo) > 0:
		sum := sha1.Sum(card.photo) //nolint:gosec // as above
		if picture = hex.EncodeToString(sum[:]); picture != told {
			p.Picture = card.photo
		}
	}
	print := printOf(&p)
	if print == f.profile.told && p.Picture == nil || fs.get(user) != f || !fs.g.access.admits(user) {
		return nil
	}
	if err := fs.to.Profiled(ctx, user, p); err != nil {
		if transports.AsError(err).Kind.Temporary() || ctx.Err() != nil {
			return err
		}
		fs.g.log.Warn("what a user tells of himself could not be taken", fs.g.opt.Identity(user.String()), "error", err)
	}
	f.profile.told, f.profile.picture = print, picture
	return nil
}

// printOf is the same for the same, but for the picture.
func printOf(p *transports.Profile) uint64 {
	var b strings.Builder
	for _, s := range []*string{p.Nick, p.Name, p.Note, p.Home, p.Place} {
		if s != nil {
			b.WriteString(strconv.Quote(*s))
		}
		b.WriteByte(';')
	}
	return maphash.String(profileSeed, b.String())
}

// lastItem is the only item, or the last one.
func lastItem(items *stanza.Element) *stanza.Element {
	var last *stanza.Element
	for c := range items.Children() {
		if c.Name == "item" {
			last = c
		}
	}
	return last
}

// pictureOf is the id of the picture that is read of those that there are (XEP-0084 §4.2); empty for none.
func pictureOf(metadata *stanza.Element) string {
	found := ""
	for c := range metadata.Children() {
		id := c.Attr("id")
		size, err := strconv.Atoi(c.Attr("bytes"))
		if !c.Is(avatar.NSMetadata, "info") || c.HasAttr("url") || id == "" || len(id) > 2*sha1.Size || err != nil || size > maxFeedPicture {
			continue
		}
		if found == "" || c.AttrIs("type", "image/png") { // XEP-0084 §4.2.1: that is always there
			found = id
		}
	}
	return found
}

// readPicture reads a picture (XEP-0084 §3.3). It is nil where it is not there.
func (fs *feeds) readPicture(ctx context.Context, user transports.Address, id string) ([]byte, error) {
	var picture []byte
	err := fs.askItems(ctx, fs.g.domain, user, avatar.NSData, []string{id}, 0, func(items *stanza.Element) {
		picture = pictureBytes(lastItem(items).Child(avatar.NSData, "data").Text())
	})
	if errors.Is(err, errIQRefused) {
		return nil, nil
	}
	if e := transports.AsError(fs.ofUser(err)); e != nil && e.Kind.Temporary() {
		return nil, e
	}
	return picture, nil
}

// pictureBytes reads base64 as clients write it; nil for what is none or too large.
func pictureBytes(s string) []byte {
	data, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil || len(data) == 0 || len(data) > maxFeedPicture {
		return nil
	}
	return data
}

// readCard is what cards say. What several say the first one says.
type readCard struct {
	transports.Profile
	photo []byte
}

func (c *readCard) set(to **string, value string, most int) {
	if value = clipText(value, most); value != "" && *to == nil {
		*to = &value
	}
}

// readVCard4 reads a card of XEP-0292 (RFC 6351).
func (c *readCard) readVCard4(v *stanza.Element) {
	value := func(name, kind string) string { return v.Child(nsVCard4, name).Child(nsVCard4, kind).Text() }
	adr := v.Child(nsVCard4, "adr")
	c.set(&c.Nick, value("nickname", "text"), maxProfileName)
	c.set(&c.Name, value("fn", "text"), maxProfileName)
	c.set(&c.Note, value("note", "text"), maxProfileNote)
	c.set(&c.Home, value("url", "uri"), maxProfileLink)
	c.set(&c.Place, placeOf(adr.Child(nsVCard4, "locality").Text(), adr.Child(nsVCard4, "country").Text()), maxProfileName)
}

// readVCardTemp reads a card of XEP-0054.
func (c *readCard) readVCardTemp(v *stanza.Element) {
	value := func(name string) string { return v.Child(nsVCardTemp, name).Text() }
	adr := v.Child(nsVCardTemp, "ADR")
	c.set(&c.Nick, value("NICKNAME"), maxProfileName)
	c.set(&c.Name, value("FN"), maxProfileName)
	c.set(&c.Note, value("DESC"), maxProfileNote)
	c.set(&c.Home, value("URL"), maxProfileLink)
	c.set(&c.Place, placeOf(adr.Child(nsVCardTemp, "LOCALITY").Text(), adr.Child(nsVCardTemp, "CTRY").Text()), maxProfileName)
	c.photo = pictureBytes(v.Child(nsVCardTemp, "PHOTO").Child(nsVCardTemp, "BINVAL").Text())
}

// placeOf is where somebody lives: not the street.
func placeOf(locality, country string) string {
	locality, country = strings.TrimSpace(locality), strings.TrimSpace(country)
	if locality == "" || country == "" {
		return locality + country
	}
	return locality + ", " + country
}

// clipText is a text without the white space around it, cut at most bytes.
func clipText(s string, most int) string {
	s = strings.TrimSpace(s)
	if len(s) <= most {
		return s
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most]
}
