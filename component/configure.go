package component

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"passerelle/component/muc"
	"passerelle/internal/text"
	"passerelle/store"
	"passerelle/transports"
)

// "configure" is what users set for themselves on the domain, on a network and in a room, under the names of biboumi's fields, so that
// what people saved or scripted for it goes on working. What is not set somewhere is as one level above.

// Settings of the gateway itself, whatever the network is.
const (
	SettingPersistent = "persistent"         // "true" or "false": to stay in rooms while no client is there
	SettingHistory    = "max_history_length" // how many lines a client gets that enters a room
)

// DefaultHistory is how many lines of history there are where nothing is set, MaxHistory the most.
const (
	DefaultHistory = muc.DefaultHistory
	MaxHistory     = muc.KeepHistory
)

// maxSettingScopes is in how many places a user may have set something: what his traffic depends on is kept in memory.
const maxSettingScopes = 1000

// fieldRecord is what a user wants to be archived, which is kept with what XEP-0441 sets.
const fieldRecord = "record_history"

// Values of a field that may be left to the level above.
const (
	choiceUnset = "unset"
	choiceTrue  = "true"
	choiceFalse = "false"
)

// configurable is a transport whose networks and rooms have settings of their own.
type configurable interface {
	// Settings are what a user can set there, in the order of the form.
	Settings(on transports.Target) []transports.Setting
	// CheckSettings says what is wrong with what a user would have set there, in his language. Secrets that are kept and left as they
	// are are not among it.
	CheckSettings(lang string, on transports.Target, set map[string]string) transports.Faults
	// SettingsChanged is told that a user has set something there. It may wait for the database.
	SettingsChanged(ctx context.Context, user transports.Address, on transports.Target)
}

// configurable reports whether anything can be set here.
func (g *Gateway) configurable() bool {
	_, ok := g.opt.Transport.(configurable)
	return ok && g.opt.Store != nil
}

// configured is the transport where it has settings on a target: on its networks and their rooms, and on the domain where it has only that.
func (g *Gateway) configured(on transports.Target) configurable {
	c, ok := g.opt.Transport.(configurable)
	if !ok || on.Kind == transports.TargetDomain && g.postal == nil {
		return nil
	}
	return c
}

// configureCommands are "configure" and, where the domain is a network as well, what biboumi calls it there.
func (g *Gateway) configureCommands(fixed bool) []transports.Command {
	next, run := g.configureForm, g.configureRun
	all := transports.Command{Name: "configure", Title: "Your settings", Next: next, Run: run}
	if g.postal != nil {
		return []transports.Command{all}
	}
	if !fixed {
		all.For = []transports.TargetKind{transports.TargetDomain, transports.TargetNetwork, transports.TargetRoom}
		return []transports.Command{all}
	}
	all.For = []transports.TargetKind{transports.TargetRoom}
	return []transports.Command{
		{Name: serverConfigure, Title: "Your settings on this network", For: []transports.TargetKind{transports.TargetNetwork}, Next: next, Run: run},
		{Name: "global-configure", Title: "Your settings for all rooms", Next: next, Run: run},
		all,
	}
}

// serverConfigure is "configure" on the network that the domain is as well.
const serverConfigure = "server-configure"

// settingsOn are all settings on a target: those of the network, and the gateway's.
func (g *Gateway) settingsOn(on transports.Target) []transports.Setting {
	var all []transports.Setting
	if c := g.configured(on); c != nil {
		all = c.Settings(on)
	}
	own := ownSettings(on.Kind, g.rules().AlwaysOn.Policy == StayDefault)
	if g.postal != nil {
		own = postalSettings()
	}
	for _, f := range append(own, formattingFields(on.Kind != transports.TargetDomain)...) {
		archived := f.Name == fieldRecord || f.Name == SettingDays
		if archived && g.archive == nil || f.Name == SettingPersistent && g.rules().AlwaysOn.Policy == StayNever {
			continue // it would have no effect
		}
		if f.Name == SettingDays && on.Kind == transports.TargetDomain && g.rules().ArchiveDays > 0 {
			f.Values = []string{strconv.Itoa(g.rules().ArchiveDays)}
		}
		all = append(all, transports.Setting{Field: f})
	}
	return all
}

// ownSettings are the settings of the gateway itself; stays says that users stay in rooms who say nothing.
func ownSettings(kind transports.TargetKind, stays bool) []transports.Field {
	inherits := []transports.Option{{Value: choiceUnset, Label: "as for the rest"}, {Value: choiceTrue, Label: "yes"}, {Value: choiceFalse, Label: "no"}}
	unset := []string{choiceUnset}
	switch kind {
	case transports.TargetDomain:
		return []transports.Field{
			{Name: SettingHistory, Label: "Lines of history when you enter a room", Values: []string{strconv.Itoa(muc.DefaultHistory)}},
			{Name: fieldRecord, Label: "Archive what is said", Type: transports.FieldBool, Values: []string{choiceTrue}},
			{Name: SettingDays, Label: "Days after which what is archived for you is deleted"},
			{Name: SettingPersistent, Label: "Stay in all rooms while you are away", Type: transports.FieldBool, Values: []string{strconv.FormatBool(stays)}},
			{Name: SettingTyping, Label: "Let others see when you are writing", Type: transports.FieldBool, Values: []string{choiceTrue}},
		}
	case transports.TargetNetwork:
		return []transports.Field{
			{Name: SettingHistory, Label: "Lines of history when you enter a room here; empty for as many as elsewhere"},
			{Name: SettingPersistent, Label: "Stay in rooms here while you are away", Type: transports.FieldChoice, Values: unset, Options: inherits},
			{Name: SettingTyping, Label: "Let others here see when you are writing", Type: transports.FieldChoice, Values: unset, Options: inherits},
		}
	default:
		return []transports.Field{
			{Name: fieldRecord, Label: "Archive what is said here", Type: transports.FieldChoice, Values: unset, Options: inherits},
			{Name: SettingDays, Label: "Days after which what is archived of this room for you is deleted; empty for as many as elsewhere"},
			{Name: SettingPersistent, Label: "Stay in this room while you are away", Type: transports.FieldChoice, Values: unset, Options: inherits},
			{Name: SettingTyping, Label: "Let others here see when you are writing", Type: transports.FieldChoice, Values: unset, Options: inherits},
		}
	}
}

func (g *Gateway) configureForm(ctx context.Context, call transports.Call) (*transports.Form, error) {
	if call.Values != nil {
		return nil, nil // one page is all
	}
	set, err := g.settings(ctx, call.User, call.On)
	if err != nil {
		return nil, err
	}
	form := transports.Form{
		Title:        "Your settings for all networks",
		Instructions: "Each network has settings of its own besides, such as your nick and your password there.",
	}
	switch {
	case g.postal != nil:
		form = transports.Form{Title: "Your settings"}
	case call.On.Kind == transports.TargetNetwork:
		form = transports.Form{
			Title:        "Your settings on this network",
			Instructions: "Most take effect when you connect the next time, encodings and the limit of lines at once. An empty password leaves the one that is set. With an account you are never connected without being logged in.",
		}
	case call.On.Kind == transports.TargetRoom:
		form = transports.Form{Title: "Your settings for this room"}
	}
	form.Fields = g.settingFields(call.On, set)
	return &form, nil
}

// settingFields are the settings on a target as they are set.
func (g *Gateway) settingFields(on transports.Target, set map[string]string) []transports.Field {
	var fields []transports.Field
	for _, s := range g.settingsOn(on) {
		field, value := s.Field, set[s.Name()]
		if value != "" && !field.Type.Secret() {
			field.Values = strings.Split(value, "\n")
			if field.Mask != nil {
				for i, line := range field.Values {
					field.Values[i] = field.Mask(line)
				}
			}
		}
		fields = append(fields, field)
		if value != "" && s.Forget.Name != "" {
			forget := s.Forget
			forget.Values = []string{choiceFalse}
			fields = append(fields, forget)
		}
	}
	return fields
}

// settings are what a user has set on a target, what is archived included. Of a secret it is known that it is set.
func (g *Gateway) settings(ctx context.Context, user transports.Address, on transports.Target) (map[string]string, error) {
	id, scope := g.userID(user), g.scope(on)
	set, err := g.opt.Store.Settings(ctx, id, scope)
	if err != nil {
		return nil, err
	}
	names, err := g.opt.Store.SettingNames(ctx, id)
	if err != nil {
		return nil, err
	}
	for _, n := range names {
		if n.Scope == scope && set[n.Name] == "" {
			set[n.Name] = "sealed"
		}
	}
	for _, s := range g.settingsOn(on) {
		if s.Field.Mask != nil && set[s.Name()] != "" {
			lines, _, err := g.opt.Store.Secret(ctx, id, scope, s.Name())
			if err != nil {
				return nil, err
			}
			set[s.Name()] = lines.Reveal()
		}
	}
	if g.archive != nil {
		prefs, err := g.opt.Store.Settings(ctx, id, archiveScope)
		if err != nil {
			return nil, err
		}
		set[fieldRecord] = g.readArchivePrefs(prefs).choice(g.archivedAt(on))
	}
	return set, nil
}

// scope is where the settings on a target are kept.
func (g *Gateway) scope(on transports.Target) string {
	return transports.Scope(on.Kind, g.opt.Transport.Format(on))
}

// archivedAt is where what is said on a target is archived; the zero Address stands for everywhere.
func (g *Gateway) archivedAt(on transports.Target) transports.Address {
	if on.Kind == transports.TargetDomain {
		return transports.Address{}
	}
	return g.address(on)
}

func (g *Gateway) configureRun(ctx context.Context, call transports.Call) (string, error) {
	set, err := g.settings(ctx, call.User, call.On)
	if err != nil {
		return "", err
	}
	changes, faults := g.settingChanges(call.Lang, call.On, set, call.Values)
	if len(faults) > 0 {
		return "", faults.AsError()
	}
	saved := make(chan error, 1)
	if !g.onUser(call.User.Bare(), func(u *user) { u.saveSettings(call.On, changes, func(err error) { saved <- err }) }) {
		return "", transports.NewError(transports.Busy, stoppingText, nil)
	}
	select {
	case err := <-saved:
		if err != nil {
			return "", err
		}
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
	if call.On.Kind == transports.TargetNetwork {
		return text.Say(call.Lang, "Saved. It takes effect when you connect to %s the next time.", call.On.Network), nil
	}
	return text.Say(call.Lang, "Saved."), nil
}

// settingChange is a setting on its way into the database; the empty value unsets it.
type settingChange struct {
	name, value string
	secret      bool
}

// settingChanges are what a submission changes of what is set, and what is wrong with it. What was not asked, or not submitted, stays.
func (g *Gateway) settingChanges(lang string, on transports.Target, set map[string]string, submitted transports.Values) ([]settingChange, transports.Faults) {
	var changes []settingChange
	var faults transports.Faults
	would := make(map[string]string) // be set
	for _, s := range g.settingsOn(on) {
		name, secret := s.Name(), s.Field.Type.Secret()
		vs, given := submitted[s.Field.Name]
		if s.Field.Mask != nil {
			vs = unmask(vs, strings.Split(set[name], "\n"), s.Field.Mask)
		}
		value := strings.TrimSpace(strings.Join(vs, "\n"))
		switch {
		case !given, secret && value == "":
			if value = set[name]; secret {
				value = ""
			}
		case value == strings.Join(s.Field.Values, "\n"):
			value = ""
		}
		if value != "" {
			would[name] = value
		}
		forgotten := submitted.Bool(s.Forget.Name)
		if forgotten {
			value = ""
		}
		if value != "" && name == SettingHistory {
			n, err := strconv.Atoi(value)
			if err != nil || n < 0 {
				faults = append(faults, transports.Fault{Field: s.Field.Name, Text: text.Say(lang, "This is a number of lines from 0 to %d.", muc.KeepHistory)})
			} else if n > muc.KeepHistory {
				value = strconv.Itoa(muc.KeepHistory) // biboumi takes any number
			}
		}
		if value != "" && name == SettingDays && g.wrongDays(value) {
			faults = append(faults, transports.Fault{Field: s.Field.Name, Text: text.Say(lang, "This is a number of days from 1 to %d.", g.daysLimit())})
		}
		if forgotten || value != set[name] && (!secret || value != "") {
			changes = append(changes, settingChange{name, value, s.Field.Sealed()})
		}
	}
	if c := g.configured(on); c != nil {
		faults = append(faults, newFaults(c.CheckSettings(lang, on, would), c.CheckSettings(lang, on, set), changes)...)
	}
	return changes, faults
}

// newFaults leaves out what was wrong before and is not changed: it came from elsewhere, or the operator has changed his mind, and must not
// keep the user from setting something else.
func newFaults(would, were transports.Faults, changes []settingChange) transports.Faults {
	return slices.DeleteFunc(would, func(f transports.Fault) bool {
		return slices.Contains(were, f) && !slices.ContainsFunc(changes, func(c settingChange) bool { return c.name == f.Field })
	})
}

// unmask gives lines their secrets back, of those that there were.
func unmask(lines, were []string, mask func(string) string) []string {
	lines = slices.Clone(lines)
	for i, line := range lines {
		if j := slices.IndexFunc(were, func(was string) bool { return mask(was) == line }); j >= 0 {
			lines[i] = were[j]
			were = slices.Delete(slices.Clone(were), j, j+1)
		}
	}
	return lines
}

// saveSettings writes down what a user changes of his settings on a target, and says what became of it.
func (u *user) saveSettings(on transports.Target, changes []settingChange, done func(error)) {
	prefs := (*archivePrefs)(nil)
	if i := slices.IndexFunc(changes, func(c settingChange) bool { return c.name == fieldRecord }); i >= 0 {
		known, err := u.related()
		if err != nil {
			done(err)
			return
		}
		if prefs, err = known.archive.with(u.g.archivedAt(on), changes[i].value); err != nil {
			done(err)
			return
		}
		changes = slices.Delete(changes, i, i+1)
	}
	scope := u.g.scope(on)
	u.write(func(tx *store.Tx, id store.UserID) error {
		if prefs != nil {
			if err := prefs.write(tx, id); err != nil {
				return err
			}
		}
		if slices.ContainsFunc(changes, func(c settingChange) bool { return c.value != "" }) {
			n, err := tx.OtherScopes(id, scope)
			if err != nil {
				return err
			}
			if n >= maxSettingScopes {
				return transports.NewError(transports.Policy, "You have set something in as many rooms and networks as can be kept. Set some of them back first.", nil)
			}
		}
		for _, c := range changes {
			if err := c.write(tx, id, scope); err != nil {
				return err
			}
		}
		return nil
	}, func(err error) {
		if err == nil {
			u.settingsSaved(scope, prefs, changes)
		}
		c := u.g.configured(on)
		if c == nil || err != nil {
			done(err)
			return
		}
		u.background(func(ctx context.Context) func() {
			c.SettingsChanged(ctx, u.jid, on)
			return func() { done(nil) }
		})
	})
}

// settingsSaved has what the user has changed take effect.
func (u *user) settingsSaved(scope string, prefs *archivePrefs, changes []settingChange) {
	r := u.relations
	if r != nil && prefs != nil {
		r.archive = prefs
	}
	for _, c := range changes {
		if r != nil && slices.Contains(numberSettings[:], c.name) {
			setNumber(&r.numbers, number{c.name, scope}, c.value)
		}
		if r != nil && slices.Contains(choiceSettings[:], c.name) {
			setChoice(&r.choices, number{c.name, scope}, c.value)
		}
		switch c.name {
		case SettingDays:
			u.g.opt.Tidy()
		case SettingPersistent:
			if r != nil {
				r.persist(scope, c.value)
				u.resettle()
			}
		}
	}
}

func (c settingChange) write(tx *store.Tx, id store.UserID, scope string) error {
	switch {
	case c.value == "":
		return tx.Unset(id, scope, c.name)
	case c.secret:
		return tx.SetSecret(id, scope, c.name, store.Secret(c.value))
	}
	return tx.Set(id, scope, c.name, c.value)
}
