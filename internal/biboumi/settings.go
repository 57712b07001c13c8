package biboumi

import (
	"context"
	"maps"
	"net"
	"slices"
	"strings"

	"passerelle/component"
	"passerelle/ircbridge"
	"passerelle/store"
	"passerelle/transports"
)

// counterparts are the columns of a user's options on a server that are settings of ours.
func counterparts() map[string]string {
	return map[string]string{
		"nick_":         ircbridge.SettingNick,
		"username_":     ircbridge.SettingUsername,
		"realname_":     ircbridge.SettingRealname,
		"pass_":         ircbridge.SettingPassword,
		"saslpassword_": ircbridge.SettingAccountPassword,
	}
}

// setting is one on its way into our database.
type setting struct {
	user               store.UserID
	scope, name, value string
	secret             bool
}

// settings takes over what users set, and their contacts.
func (i *importer) settings(ctx context.Context) error {
	var found []setting
	owners := map[string]store.UserID{} // by the number of the options on a server
	if err := i.From.each(ctx, tableServers, "id_", func(r row) { found = append(found, i.server(r, owners)...) }); err != nil {
		return err
	}
	if err := i.From.each(ctx, tableCommands, "id_", func(r row) { i.command(r, owners) }); err != nil {
		return err
	}
	choices, err := i.choices(ctx)
	if err != nil {
		return err
	}
	contacts, err := i.contacts(ctx)
	if err != nil {
		return err
	}
	found, err = i.unset(ctx, found)
	if err == nil {
		choices, err = i.unset(ctx, choices)
	}
	if err != nil {
		return err
	}
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

// server reads what a user set on a server.
func (i *importer) server(r row, owners map[string]store.UserID) []setting {
	user, ok := i.user(r["owner_"])
	if !ok {
		i.summary.skip(noOwner)
		return nil
	}
	t, err := ircbridge.Naming{}.Parse(r["server_"])
	if err != nil || t.Kind != transports.TargetNetwork {
		i.summary.skip(noNetwork)
		return nil
	}
	owners[r["id_"]] = user
	i.withoutCounterpart(user, t.Network, r)
	var found []setting
	for column, name := range counterparts() {
		value := strings.TrimSpace(r[column])
		switch {
		case value == "":
		case !ircbridge.AcceptsSetting(name, value):
			i.summary.skip(refused)
		default:
			found = append(found, setting{user, ircbridge.Scope(t.Network), name, value, slices.Contains(ircbridge.SecretSettings(), name)})
		}
	}
	return found
}

// withoutCounterpart notes what a user set on a server that is no setting of ours.
func (i *importer) withoutCounterpart(user store.UserID, network string, r row) {
	ports, tlsPorts := list(r["ports_"]), list(r["tlsports_"])
	usual := len(ports) == 0 && len(tlsPorts) == 0 ||
		slices.Equal(ports, []string{"6667"}) && slices.Equal(tlsPorts, []string{"6697", "6670"})
	for what, is := range map[string]bool{
		leftAddress:    r["address_"] != "",
		leftPorts:      !usual,
		leftPlain:      len(ports) > 0 && len(tlsPorts) == 0,
		leftUnverified: r["verifycert_"] == "0" && len(tlsPorts) > 0,
		leftPinned:     r["trustedfingerprint_"] != "",
		leftEncoding:   r["encodingin_"] != "" && !strings.EqualFold(r["encodingin_"], "UTF-8"),
		leftThrottle:   !slices.Contains([]string{"", "0", "10"}, r["throttlelimit_"]),
		leftHistory:    !slices.Contains([]string{"", "0", "20"}, r["maxhistorylength_"]),
	} {
		if is {
			i.summary.leave(user, what)
		}
	}
	if r["address_"] == "" && usual {
		return
	}
	host := r["address_"]
	if host == "" {
		host = network
	}
	for _, port := range tlsPorts {
		into(i.summary.hosts, network, net.JoinHostPort(host, port))
	}
	if len(tlsPorts) == 0 {
		for _, port := range ports {
			into(i.summary.hosts, network, net.JoinHostPort(host, port)+" without TLS")
		}
	}
}

// list is a list of ports.
func list(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ';' || r == ' ' })
}

// command notes a command that is to be said after connecting.
func (i *importer) command(r row, owners map[string]store.UserID) {
	text, user := strings.ToLower(r["afterconnectioncommand_"]), owners[r["fk_"]]
	switch {
	case user.JID == "" || strings.TrimSpace(text) == "":
	case strings.Contains(text, "identify"):
		i.summary.leave(user, leftIdentify)
	default:
		i.summary.leave(user, leftCommands)
	}
}

// Values of recordhistory_ in the options on a channel; anything else is not set.
const (
	recordYes = "1"
	recordNo  = "-1"
)

// choices reads what users want to be archived.
func (i *importer) choices(ctx context.Context) ([]setting, error) {
	byUser := map[store.UserID]*component.ArchiveChoice{}
	of := func(user store.UserID) *component.ArchiveChoice {
		if byUser[user] == nil {
			byUser[user] = &component.ArchiveChoice{}
		}
		return byUser[user]
	}
	err := i.From.each(ctx, tableGlobal, "id_", func(r row) {
		user, ok := i.user(r["owner_"])
		if !ok {
			i.summary.skip(noOwner)
			return
		}
		if r["recordhistory_"] == "0" {
			of(user).Never = true
		}
		if r["persistent_"] == "1" {
			i.summary.leave(user, leftPersistent)
		}
		if !slices.Contains([]string{"", "0", "20"}, r["maxhistorylength_"]) {
			i.summary.leave(user, leftHistory)
		}
	})
	if err == nil {
		err = i.From.each(ctx, tableChannels, "id_", func(r row) {
			user, ok := i.user(r["owner_"])
			if !ok {
				i.summary.skip(noOwner)
				return
			}
			if r["persistent_"] == "1" {
				i.summary.leave(user, leftPersistent)
			}
			if r["encodingin_"] != "" && !strings.EqualFold(r["encodingin_"], "UTF-8") {
				i.summary.leave(user, leftEncoding)
			}
			room := i.room(place{r["channel_"], r["server_"]})
			if room == "" {
				return
			}
			jid := transports.Address{Local: room, Domain: i.Domain}.String()
			switch r["recordhistory_"] {
			case recordYes:
				of(user).Always = append(of(user).Always, jid)
			case recordNo:
				of(user).But = append(of(user).But, jid)
			}
		})
	}
	if err != nil {
		return nil, err
	}
	var found []setting
	for user, c := range byUser {
		found = append(found, i.choice(user, c)...)
	}
	return found, nil
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

// unset leaves out what is in a scope where the user has set something here already.
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
				set[s.user][n.Scope] = true
			}
		}
		if set[s.user][s.scope] {
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
