package biboumi

import (
	"context"
	"maps"
	"slices"

	"passerelle/component"
	"passerelle/ircbridge"
	"passerelle/store"
	"passerelle/transports"
)

// setting is one on its way into our database.
type setting struct {
	user               store.UserID
	scope, name, value string
	secret             bool
}

// everywhere is the scope of what is for all networks.
var everywhere = transports.Scope(transports.TargetDomain, "")

// settings takes over what users set, and their contacts.
func (i *importer) settings(ctx context.Context) error {
	servers, err := i.servers(ctx)
	if err != nil {
		return err
	}
	var found []setting
	for _, o := range servers {
		found = append(found, o.settings(ircbridge.Scope(o.on.Network))...)
	}
	others, choices, err := i.choices(ctx)
	if err != nil {
		return err
	}
	contacts, err := i.contacts(ctx)
	if err != nil {
		return err
	}
	found, err = i.unset(ctx, append(found, others...))
	if err == nil {
		choices, err = i.unset(ctx, choices)
	}
	if err != nil {
		return err
	}
	stays := i.stays(i.staying, servers, found)
	i.summary.Stays = len(stays)
	i.progress.Settings = true
	i.count(found, choices, contacts)
	if i.Store == nil {
		return nil
	}
	return i.write(ctx, func(tx *store.Tx) error {
		for _, s := range slices.Concat(found, choices) {
			var err error
			if s.secret {
				err = tx.SetSecret(s.user, s.scope, s.name, store.Secret(s.value))
			} else {
				err = tx.Set(s.user, s.scope, s.name, s.value)
			}
			if err != nil {
				return err
			}
		}
		for _, c := range contacts {
			if err := tx.AddContact(c); err != nil {
				return err
			}
		}
		for _, o := range stays {
			if err := tx.Occupy(o); err != nil {
				return err
			}
		}
		return nil
	})
}

func (i *importer) count(found, choices []setting, contacts []store.Contact) {
	for _, s := range found {
		i.summary.users[s.user] = struct{}{}
		i.summary.Settings++
		if s.secret {
			i.summary.Sealed++
		}
	}
	chose := map[store.UserID]bool{}
	for _, s := range choices {
		i.summary.users[s.user] = struct{}{}
		chose[s.user] = true
	}
	i.summary.Choices = len(chose)
	for _, c := range contacts {
		i.summary.users[c.UserID] = struct{}{}
	}
	i.summary.Contacts = len(contacts)
}

// Values of recordhistory_ in the options on a channel; anything else is not set.
const (
	recordYes = "1"
	recordNo  = "-1"
)

// choices reads what users set everywhere and in channels: settings, and what they want to be archived.
func (i *importer) choices(ctx context.Context) (found, choices []setting, err error) {
	byUser := map[store.UserID]*component.ArchiveChoice{}
	of := func(user store.UserID) *component.ArchiveChoice {
		if byUser[user] == nil {
			byUser[user] = &component.ArchiveChoice{}
		}
		return byUser[user]
	}
	err = i.From.each(ctx, tableGlobal, "id_", func(r row) {
		user, ok := i.user(r["owner_"])
		if !ok {
			i.summary.skip(noOwner)
			return
		}
		if r["recordhistory_"] == "0" {
			of(user).Never = true
		}
		o := &wishes{user: user, set: map[string]string{}}
		i.persistent(o, r)
		if i.StayByDefault && r["persistent_"] == "0" {
			o.set[component.SettingPersistent] = "false"
		}
		i.history(o, r)
		found = append(found, o.settings(everywhere)...)
	})
	if err == nil {
		err = i.From.each(ctx, tableChannels, "id_", func(r row) {
			user, ok := i.user(r["owner_"])
			if !ok {
				i.summary.skip(noOwner)
				return
			}
			room := i.room(place{r["channel_"], r["server_"]})
			if room.local == "" {
				return
			}
			o := &wishes{user: user, set: map[string]string{}}
			if i.persistent(o, r) {
				i.staying = append(i.staying, stay{user, room, room.network})
			}
			i.encodings(o, r)
			found = append(found, o.settings(transports.Scope(transports.TargetRoom, room.name))...)
			jid := transports.Address{Local: room.local, Domain: i.Domain}.String()
			switch r["recordhistory_"] {
			case recordYes:
				of(user).Always = append(of(user).Always, jid)
			case recordNo:
				of(user).But = append(of(user).But, jid)
			}
		})
	}
	for user, c := range byUser {
		choices = append(choices, i.choice(user, c)...)
	}
	return found, choices, err
}

// persistent reads whether somebody wants to stay in channels. That he does not is what is so if nothing is said.
func (i *importer) persistent(o *wishes, r row) bool {
	wants := r["persistent_"] == "1"
	if wants {
		o.set[component.SettingPersistent] = "true"
	}
	return wants
}

// choice is what a user wants to be archived as settings. With too many exceptions less is archived, never more.
func (i *importer) choice(user store.UserID, c *component.ArchiveChoice) []setting {
	if !c.Fits(c.But) {
		c.Never, c.But = true, nil
		i.summary.leave(user, leftExceptions)
	}
	if !c.Never {
		c.Always = nil // as everything is
	}
	if !c.Fits(c.Always) {
		c.Always = nil
		i.summary.leave(user, leftExceptions)
	}
	if !c.Never && len(c.But) == 0 {
		return nil
	}
	scope, values := c.Settings()
	var found []setting
	for _, name := range slices.Sorted(maps.Keys(values)) {
		found = append(found, setting{user: user, scope: scope, name: name, value: values[name]})
	}
	return found
}

// unset leaves out what is in a scope where the user has set something here already; of what is for everywhere, only that.
func (i *importer) unset(ctx context.Context, found []setting) ([]setting, error) {
	if i.Store == nil {
		return found, nil
	}
	set := map[store.UserID]map[string]bool{}
	var left []setting
	for _, s := range found {
		if set[s.user] == nil {
			names, err := i.Store.SettingNames(ctx, s.user)
			if err != nil {
				return nil, err
			}
			set[s.user] = map[string]bool{}
			for _, n := range names {
				set[s.user][n.Scope], set[s.user][n.Scope+"\n"+n.Name] = true, true
			}
		}
		if set[s.user][s.scope+"\n"+s.name] || s.scope != everywhere && set[s.user][s.scope] {
			i.summary.Kept++
			continue
		}
		left = append(left, s)
	}
	return left, nil
}

// contacts reads who has which of our addresses in his contact list.
func (i *importer) contacts(ctx context.Context) ([]store.Contact, error) {
	var found []store.Contact
	count := map[store.UserID]int{}
	err := i.From.each(ctx, tableRoster, "remote, local", func(r row) {
		user, ok := i.user(r["remote"])
		a, err := transports.ParseAddress(r["local"])
		switch {
		case !ok:
			i.summary.skip(noOwner)
		case err != nil || a.Domain != i.Domain:
			i.summary.skip(elsewhere)
		case count[user] >= component.MaxContacts:
			i.summary.skip(tooMany)
		default:
			count[user]++
			found = append(found, store.Contact{UserID: user, Contact: a.Local})
		}
	})
	return found, err
}
