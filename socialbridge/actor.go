package socialbridge

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"net/url"
	"strings"

	"passerelle/socialbridge/activity"
	"passerelle/socialbridge/clean"
	"passerelle/store"
	"passerelle/transports"
)

// Bounds of what an actor says of himself, in bytes.
const (
	maxDisplay  = 200
	maxAbout    = 4 << 10
	maxURL      = 2000
	maxPictures = 8
	maxKnown    = 28 << 10 // of all of it
)

// profile is what the database has of an actor in one column.
type profile struct {
	Nick     string             `json:"nick,omitempty"`
	Name     string             `json:"name,omitempty"`
	Note     string             `json:"note,omitempty"`
	Home     string             `json:"home,omitempty"`
	Place    string             `json:"place,omitempty"`
	Page     string             `json:"page,omitempty"`
	Group    bool               `json:"group,omitempty"`
	Pictures []activity.Picture `json:"pictures,omitempty"`
	Routes   activity.Routes    `json:"routes,omitzero"`
}

// httpURL is a URL that may be shown and fetched; empty for any other.
func httpURL(s string) string {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || len(s) > maxURL || u.User != nil || strings.ContainsAny(s, " \t\r\n\"<>") {
		return ""
	}
	return clean.Legible(s)
}

// profileOf makes what an actor says of himself fit to be shown and kept.
func profileOf(a *activity.Actor) string {
	p := profile{
		Nick: clean.Line(a.Nick, maxDisplay), Name: clean.Line(a.Name, maxDisplay), Note: clean.Inward(cutText(a.Note, 4*maxAbout)).Text, Home: httpURL(a.Home),
		Place: clean.Line(a.Place, maxDisplay), Page: httpURL(a.Page), Group: a.Group,
		Routes: activity.Routes{Feed: httpURL(a.Routes.Feed), Hub: httpURL(a.Routes.Hub), Slap: httpURL(a.Routes.Slap), Subscribe: cutText(clean.Legible(a.Routes.Subscribe), maxURL)},
	}
	p.Note = cutText(p.Note, maxAbout)
	for _, pic := range a.Pictures {
		if u := httpURL(pic.URL); (u != "" || strings.HasPrefix(pic.URL, "/avatar/")) && len(p.Pictures) < maxPictures {
			if u == "" {
				u = pic.URL
			}
			p.Pictures = append(p.Pictures, activity.Picture{URL: u, Type: clean.Line(pic.Type, 100), Width: pic.Width, Height: pic.Height})
		}
	}
	if s := toJSON(&p); len(s) <= maxKnown {
		return s
	}
	p.Pictures = nil
	return toJSON(&p)
}

// actor is an actor as the database has him.
func (t *Transport) actor(row *store.SocialActor) activity.Actor {
	var p profile
	_ = json.Unmarshal([]byte(row.Profile), &p) // nothing is known of one without
	a := activity.Actor{
		URI: row.URI, Acct: row.Acct, Group: p.Group, Nick: p.Nick, Name: p.Name, Note: p.Note, Home: p.Home, Place: p.Place, Page: p.Page, Pictures: p.Pictures, Routes: p.Routes,
	}
	if key, err := x509.ParsePKCS1PublicKey(row.PublicKey); err == nil {
		a.Key = key
	}
	return a
}

func (t *Transport) known(row *store.SocialActor) *KnownActor {
	return &KnownActor{ID: row.ID, Actor: t.actor(row), FetchedAt: row.FetchedAt}
}

// displayName is what somebody is called.
func displayName(a *activity.Actor) string {
	for _, s := range []string{a.Name, a.Nick, a.Acct} {
		if s != "" {
			return s
		}
	}
	return a.URI
}

// targetOf is an actor as a contact; the zero Target where nobody has confirmed his acct.
func targetOf(row *store.SocialActor) transports.Target {
	if row.Acct == "" {
		return transports.Target{}
	}
	return contact(row.Acct)
}

// handle is how people write an actor.
func handle(row *store.SocialActor) string {
	if row.Acct != "" {
		return row.Acct
	}
	return row.URI
}

// hostOf is the host of a URI in lower case, as it stands there: with its port.
func hostOf(uri string) string {
	u, err := url.Parse(uri)
	if err != nil {
		return ""
	}
	return strings.ToLower(u.Host)
}

// Known implements Core.
func (t *Transport) Known(ctx context.Context, uri string) (*KnownActor, bool, error) {
	row, ok, err := t.opt.Store.SocialActor(ctx, t.opt.Domain, store.SocialKey{URI: uri})
	if err != nil {
		return nil, false, busy(err)
	}
	if !ok || row.Name != "" {
		return nil, false, nil
	}
	return t.known(&row), true, nil
}

// Keep implements Core.
func (t *Transport) Keep(ctx context.Context, a *activity.Actor) (*KnownActor, error) {
	var row store.SocialActor
	err := t.write(ctx, func(tx *store.Tx) (err error) {
		row, err = t.keep(tx, a, true)
		return err
	})
	if err != nil {
		return nil, err
	}
	return t.known(&row), nil
}

// keep notes what is known of an actor of another server. Found says that his own server was asked: only then his acct, his key and his routes
// are believed, and else they stay as they are.
func (t *Transport) keep(tx *store.Tx, a *activity.Actor, found bool) (store.SocialActor, error) {
	row, ok, err := tx.SocialActor(t.opt.Domain, store.SocialKey{URI: a.URI})
	if err != nil || ok && row.Name != "" { // of ours we know better
		return row, err
	}
	if !ok && (httpURL(a.URI) == "" || hostOf(a.URI) == t.host) {
		return row, transports.NewError(transports.BadRequest, "This is no actor of another server.", nil)
	}
	said := *a
	before := t.actor(&row)
	if !found {
		said.Routes, said.Group = before.Routes, before.Group
		// What an entry leaves out is not gone.
		for _, f := range []struct{ now, was *string }{
			{&said.Nick, &before.Nick}, {&said.Name, &before.Name}, {&said.Note, &before.Note}, {&said.Home, &before.Home}, {&said.Place, &before.Place}, {&said.Page, &before.Page},
		} {
			if *f.now == "" {
				*f.now = *f.was
			}
		}
		if len(said.Pictures) == 0 {
			said.Pictures = before.Pictures
		}
	}
	changed := row
	changed.Domain, changed.URI, changed.Profile = t.opt.Domain, a.URI, profileOf(&said)
	if found {
		changed.FetchedAt, changed.Acct, changed.PublicKey = tx.Now(), "", nil
		if acct, ok := parseAcct(a.Acct); ok {
			changed.Acct = acct
		}
		if a.Key != nil {
			changed.PublicKey = x509.MarshalPKCS1PublicKey(a.Key)
		}
	}
	switch {
	case !ok:
		if changed.ID, err = tx.AddSocialActor(changed, ""); err != nil {
			return row, err
		}
	case !found && changed.Profile == row.Profile:
		return row, tx.SawSocialActor(row.ID)
	default:
		if err := tx.SetSocialActor(changed); err != nil {
			return row, err
		}
	}
	if err := t.picture(tx, &changed); err != nil {
		return row, err
	}
	now := t.actor(&changed)
	if ok && changed.Acct != "" && displayName(&now) != displayName(&before) {
		return changed, t.profileChanged(tx, &changed)
	}
	return changed, nil
}

// profileChanged tells those who follow an actor that he has another name or picture.
func (t *Transport) profileChanged(tx *store.Tx, row *store.SocialActor) error {
	return t.eachReader(tx, row.ID, func(user transports.Address) error {
		return t.deliver(tx, user, transports.ProfileChanged{With: targetOf(row)})
	})
}

// eachReader calls do for each user who follows an actor.
func (t *Transport) eachReader(tx *store.Tx, actor int64, do func(transports.Address) error) error {
	for after := ""; ; {
		jids, err := tx.SocialReaders(t.opt.Domain, actor, after, readersAtOnce)
		if err != nil {
			return err
		}
		for _, jid := range jids {
			after = jid
			if err := do(userOf(jid)); err != nil {
				return err
			}
		}
		if len(jids) < readersAtOnce {
			return nil
		}
	}
}

const readersAtOnce = 500
