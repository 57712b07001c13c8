package component

import (
	"context"
	"slices"
	"strings"

	"passerelle/component/stanza"
	"passerelle/internal/text"
	"passerelle/store"
	"passerelle/transports"
)

// Where it is kept what a user wants to be archived (XEP-0441).
const (
	archiveScope   = "archive"
	archiveDefault = "default" // prefNever, or prefAlways where it is not set
	archiveAlways  = "always"  // JIDs, one a line
	archiveNever   = "never"
	prefNever      = "never"
	prefAlways     = "always"
)

// archiveSettings are the names of those settings.
var archiveSettings = [...]string{archiveDefault, archiveAlways, archiveNever}

// Bounds of each list of addresses that a user makes exceptions for.
const (
	maxPrefJIDs  = 100
	maxPrefBytes = 60 << 10 // what a setting can hold
)

// archivePrefs is what a user wants to be archived, with addresses as Gateway.kept gives them. It is not changed once it is made.
type archivePrefs struct {
	never         bool // by default
	always, nobut []transports.Address
}

// keepsAll is what those want who said nothing.
var keepsAll = &archivePrefs{}

// keeps reports whether what is said at an address is archived.
func (p *archivePrefs) keeps(a transports.Address) bool {
	switch {
	case p == keepsAll:
		return true
	case slices.Contains(p.nobut, a):
		return false
	case slices.Contains(p.always, a):
		return true
	}
	return !p.never
}

// choice is what a user wants to be archived at an address, the zero Address for everywhere, as a value of fieldRecord.
func (p *archivePrefs) choice(a transports.Address) string {
	switch {
	case a.IsZero() && p.never, slices.Contains(p.nobut, a):
		return choiceFalse
	case slices.Contains(p.always, a):
		return choiceTrue
	}
	return "" // not set
}

// with is p with another choice for an address.
func (p *archivePrefs) with(a transports.Address, choice string) (*archivePrefs, *transports.Error) {
	if a.IsZero() {
		return &archivePrefs{never: choice == choiceFalse, always: p.always, nobut: p.nobut}, nil
	}
	but := func(list []transports.Address, has bool) []transports.Address {
		list = slices.DeleteFunc(slices.Clone(list), func(b transports.Address) bool { return b == a })
		if has {
			list = append(list, a)
		}
		return list
	}
	q := &archivePrefs{never: p.never, always: but(p.always, choice == choiceTrue), nobut: but(p.nobut, choice == choiceFalse)}
	for _, list := range [][]transports.Address{q.always, q.nobut} {
		if !(ArchiveChoice{}).Fits(jidsOf(list)) {
			return nil, transports.NewError(transports.TooLarge, "The list has too many addresses.", nil)
		}
	}
	return q, nil
}

func jidsOf(list []transports.Address) []string {
	jids := make([]string, len(list))
	for i, a := range list {
		jids[i] = a.String()
	}
	return jids
}

// write writes them down.
func (p *archivePrefs) write(tx *store.Tx, id store.UserID) error {
	scope, values := ArchiveChoice{Never: p.never, Always: jidsOf(p.always), But: jidsOf(p.nobut)}.Settings()
	for name, value := range values {
		if err := tx.Set(id, scope, name, value); err != nil {
			return err
		}
	}
	return nil
}

// ArchiveChoice is what a user wants to be archived, by bare JIDs of rooms.
type ArchiveChoice struct {
	Never       bool     // if nothing else is said
	Always, But []string // always, and never
}

// Settings are what is kept of a choice, and the scope where.
func (c ArchiveChoice) Settings() (scope string, values map[string]string) {
	def := prefAlways
	if c.Never {
		def = prefNever
	}
	return archiveScope, map[string]string{
		archiveDefault: def, archiveAlways: strings.Join(c.Always, "\n"), archiveNever: strings.Join(c.But, "\n"),
	}
}

// Fits reports whether a user may have so many exceptions of a kind.
func (ArchiveChoice) Fits(jids []string) bool {
	return len(jids) <= maxPrefJIDs && len(strings.Join(jids, "\n")) < maxPrefBytes
}

// keeps reports whether the user, who has a session, wants what is said at a bare address, as Gateway.kept gives it, to be archived.
func (u *user) keeps(a transports.Address) bool {
	r, err := u.related()
	return err == nil && r.archive.keeps(a)
}

// kept is the address under which what is said at an address is archived: one's own may be written in several ways.
func (g *Gateway) kept(a transports.Address) transports.Address {
	if a.Domain == g.domain.Domain && a.Local != "" {
		if e, err := g.entity(a); err == nil && e.kind != entityBot {
			return g.address(e.target)
		}
	}
	return a.Bare()
}

func (g *Gateway) readArchivePrefs(set map[string]string) *archivePrefs {
	p := &archivePrefs{never: set[archiveDefault] == prefNever}
	p.always, p.nobut = g.prefAddresses(set[archiveAlways]), g.prefAddresses(set[archiveNever])
	if !p.never && len(p.nobut) == 0 && len(p.always) == 0 {
		return keepsAll
	}
	return p
}

func (g *Gateway) prefAddresses(jids string) []transports.Address {
	var out []transports.Address
	for jid := range strings.SplitSeq(jids, "\n") { // a channel's name may have spaces of other kinds
		if a, err := transports.ParseAddress(jid); err == nil {
			out = append(out, g.kept(a))
		}
	}
	return out
}

// archivePrefsIQ answers XEP-0441: what is archived, and what is not.
func (u *user) archivePrefsIQ(in *inbound, _ entity) {
	root := in.root()
	lang := root.Attr("xml:lang")
	r := reply{from: in.from, to: in.to, id: root.Attr("id")}
	if root.AttrIs("type", "get") {
		id := u.g.userID(u.jid)
		u.background(func(ctx context.Context) func() {
			set, err := u.g.opt.Store.Settings(ctx, id, archiveScope)
			return func() { u.answerPrefs(r, u.g.readArchivePrefs(set), err) }
		})
		return
	}
	prefs := root.Child(nsMAM, "prefs")
	set := map[string]string{archiveDefault: prefs.Attr("default")}
	if d := set[archiveDefault]; d != prefAlways && d != prefNever {
		u.refuse(in, transports.NewError(transports.Unsupported,
			text.Say(lang, "The gateway cannot see your contact list: choose to keep messages always or never, and make exceptions."), nil))
		return
	}
	for _, name := range []string{archiveAlways, archiveNever} {
		jids, err := readPrefList(prefs.Child(nsMAM, name))
		if err != nil {
			u.refuse(in, err)
			return
		}
		set[name] = strings.Join(jids, "\n")
	}
	u.write(func(tx *store.Tx, id store.UserID) error {
		for _, name := range []string{archiveDefault, archiveAlways, archiveNever} {
			if err := tx.Set(id, archiveScope, name, set[name]); err != nil {
				return err
			}
		}
		return nil
	}, func(err error) {
		p := u.g.readArchivePrefs(set)
		if err == nil && u.relations != nil {
			u.relations.archive = p
		}
		u.answerPrefs(r, p, err)
	})
}

func readPrefList(list *stanza.Element) ([]string, *transports.Error) {
	var jids []string
	size := 0
	for c := range list.Children() {
		a, err := transports.ParseAddress(c.Text())
		if !c.Is(nsMAM, "jid") || err != nil {
			return nil, transports.NewError(transports.BadRequest, "The list has something that is no address.", err)
		}
		jid := a.Bare().String()
		if jids = append(jids, jid); len(jids) > maxPrefJIDs || size+len(jid) >= maxPrefBytes {
			return nil, transports.NewError(transports.TooLarge, "The list has too many addresses.", nil)
		}
		size += len(jid) + 1
	}
	return jids, nil
}

func (u *user) answerPrefs(r reply, p *archivePrefs, err error) {
	if err != nil {
		u.answerIQ(r.from, r.to, r.id, u.sayError(err))
		return
	}
	def := prefAlways
	if p.never {
		def = prefNever
	}
	b := u.out.Stanzas.Start("iq").JID("from", r.to).JID("to", r.from).Attr("type", "result").Attr("id", r.id).
		StartNS("prefs", nsMAM).Attr("default", def)
	for _, list := range []struct {
		name string
		jids []transports.Address
	}{{archiveAlways, p.always}, {archiveNever, p.nobut}} {
		b.Start(list.name)
		for _, jid := range list.jids {
			b.Start("jid").Text(jid.String()).End()
		}
		b.End()
	}
	b.End().End()
}
