package component

import (
	"context"
	"slices"
	"strings"
	"time"

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

// maxPrefJIDs bounds each list of addresses that a user makes exceptions for.
const maxPrefJIDs = 100

// archivePrefs is what a user wants to be archived. It is not changed once it is made.
type archivePrefs struct {
	never         bool // by default
	always, nobut []transports.Address
}

// keepsAll is what those want who said nothing.
var keepsAll = &archivePrefs{}

// keeps reports whether what is said at a bare address is archived.
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

// prefsWait bounds the reading of preferences, which holds the user up.
const prefsWait = time.Second

// keeps reports whether the user wants what is said at a bare address to be archived. Where the database does not say, nothing is.
func (u *user) keeps(a transports.Address) bool {
	return u.archivePrefs != nil && u.archivePrefs.keeps(a)
}

// loadArchivePrefs reads what the user wants to be archived, before anything can be said to him.
func (u *user) loadArchivePrefs() {
	if u.g.archive == nil || u.archivePrefs != nil {
		return
	}
	ctx, cancel := context.WithTimeout(u.ctx, prefsWait)
	defer cancel()
	set, err := u.g.opt.Store.Settings(ctx, u.g.userID(u.jid), archiveScope)
	if err != nil {
		u.g.log.Error("what a user wants to be archived could not be read, so nothing is", u.logID(), "error", err)
		return
	}
	u.archivePrefs = readArchivePrefs(set)
}

func readArchivePrefs(set map[string]string) *archivePrefs {
	p := &archivePrefs{never: set[archiveDefault] == prefNever}
	p.always, p.nobut = prefAddresses(strings.Fields(set[archiveAlways])), prefAddresses(strings.Fields(set[archiveNever]))
	if !p.never && len(p.nobut) == 0 && len(p.always) == 0 {
		return keepsAll
	}
	return p
}

func prefAddresses(jids []string) []transports.Address {
	var out []transports.Address
	for _, jid := range jids {
		if a, err := transports.ParseAddress(jid); err == nil {
			out = append(out, a.Bare())
		}
	}
	return out
}

// archivePrefsIQ answers XEP-0441: what is archived, and what is not.
func (u *user) archivePrefsIQ(in *inbound, _ entity) {
	root := in.root()
	lang := root.Attr("xml:lang")
	r := reply{from: in.from, to: in.to, id: root.Attr("id")}
	id := u.g.userID(u.jid)
	if root.AttrIs("type", "get") {
		u.background(func(ctx context.Context) func() {
			set, err := u.g.opt.Store.Settings(ctx, id, archiveScope)
			return func() { u.answerPrefs(r, readArchivePrefs(set), err) }
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
	u.background(func(ctx context.Context) func() {
		err := u.g.opt.Store.Write(ctx, func(tx *store.Tx) error {
			for _, name := range []string{archiveDefault, archiveAlways, archiveNever} {
				if err := tx.Set(id, archiveScope, name, set[name]); err != nil {
					return err
				}
			}
			return nil
		})
		return func() {
			p := readArchivePrefs(set)
			if err == nil {
				u.archivePrefs = p
			}
			u.answerPrefs(r, p, err)
		}
	})
}

func readPrefList(list *stanza.Element) ([]string, *transports.Error) {
	var jids []string
	for c := range list.Children() {
		a, err := transports.ParseAddress(c.Text())
		if !c.Is(nsMAM, "jid") || err != nil {
			return nil, transports.NewError(transports.BadRequest, "The list has something that is no address.", err)
		}
		if jids = append(jids, a.Bare().String()); len(jids) > maxPrefJIDs {
			return nil, transports.NewError(transports.TooLarge, "The list has too many addresses.", nil)
		}
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
