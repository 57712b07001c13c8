package ircbridge

import (
	"context"
	"fmt"
	"strings"

	"passerelle/internal/text"
	"passerelle/transports"
)

// Settings keeps what users set, by user and scope. A scope is "network:" and the network's ID. It is used by any goroutine.
type Settings interface {
	// Load gives the values that are set; names that were never set are missing.
	Load(ctx context.Context, user transports.Address, scope string) (map[string]string, error)
	// Save replaces the values of a scope. The value named SettingPassword is a secret, to be sealed.
	Save(ctx context.Context, user transports.Address, scope string, values map[string]string) error
}

// Names of settings on a network.
const (
	SettingNick     = "nick"     // used in place of the nick of the first room
	SettingUsername = "username" // the "ident"
	SettingRealname = "realname"
	SettingPassword = "password" // the server password (PASS)
)

// forgetPassword is the field that clears a password, since an empty one leaves it.
const forgetPassword = "forget-password"

// maxSetting bounds each value: none of them may fill a line.
const maxSetting = 200

func scopeOf(network string) string { return "network:" + network }

// configureCommand is "configure" on a network, as biboumi has it.
func (t *Transport) configureCommand() transports.Command {
	return transports.Command{
		Name:  "configure",
		Title: "Your settings on this IRC network",
		For:   []transports.TargetKind{transports.TargetNetwork},
		Next:  t.configureForm,
		Run:   t.configureRun,
	}
}

func (t *Transport) configureForm(ctx context.Context, call transports.Call) (*transports.Form, error) {
	if call.Values != nil {
		return nil, nil // one page is all
	}
	values, err := t.opt.Settings.Load(ctx, call.User.Bare(), scopeOf(call.On.Network))
	if err != nil {
		return nil, fmt.Errorf("load settings: %w", err)
	}
	present := func(name string) []string {
		if values[name] == "" {
			return nil
		}
		return []string{values[name]}
	}
	f := &transports.Form{
		Title:        "Your settings on this IRC network",
		Instructions: "They take effect when you connect the next time. An empty password leaves the one that is set.",
		Fields: []transports.Field{
			{Name: SettingNick, Label: "Nick, in place of the one you join with", Values: present(SettingNick)},
			{Name: SettingUsername, Label: "User name", Values: present(SettingUsername)},
			{Name: SettingRealname, Label: "Real name, seen by everybody", Values: present(SettingRealname)},
			{Name: SettingPassword, Label: "Server password", Type: transports.FieldSecret},
		},
	}
	if values[SettingPassword] != "" {
		f.Fields = append(f.Fields, transports.Field{
			Name: forgetPassword, Label: "Forget the password that is set", Type: transports.FieldBool, Values: []string{"false"},
		})
	}
	return f, nil
}

func (t *Transport) configureRun(ctx context.Context, call transports.Call) (string, error) {
	scope := scopeOf(call.On.Network)
	old, err := t.opt.Settings.Load(ctx, call.User.Bare(), scope)
	if err != nil {
		return "", fmt.Errorf("load settings: %w", err)
	}
	set := make(map[string]string, 4)
	for _, name := range []string{SettingNick, SettingUsername, SettingRealname, SettingPassword} {
		_, given := call.Values[name]
		value := call.Values.Get(name)
		if !given || name == SettingPassword && value == "" {
			value = old[name]
		}
		value = strings.TrimSpace(value)
		if err := checkSetting(name, value); err != nil {
			return "", err
		}
		if value != "" {
			set[name] = value
		}
	}
	if call.Values.Bool(forgetPassword) {
		delete(set, SettingPassword)
	}
	if err := t.opt.Settings.Save(ctx, call.User.Bare(), scope, set); err != nil {
		return "", fmt.Errorf("save settings: %w", err)
	}
	return text.Say(call.Lang, "Saved. It takes effect when you connect to %s the next time.", call.On.Network), nil
}

// checkSetting refuses what cannot stand in the line that it is for.
func checkSetting(name, value string) error {
	bad := func(text string) error { return transports.NewError(transports.BadRequest, text, nil) }
	if len(value) > maxSetting {
		return bad(fmt.Sprintf("The %s is too long: %d bytes is the most.", name, maxSetting))
	}
	if cutControls(value) != value {
		return bad(fmt.Sprintf("The %s has a character that IRC cannot carry.", name))
	}
	switch name {
	case SettingNick:
		if value != "" && sanitizeNick(value, maxSetting) != value {
			return bad("A nick has letters, digits and []\\`_^{|}- only, and does not begin with a digit.")
		}
	case SettingUsername:
		if strings.ContainsAny(value, " @!:") {
			return bad("A user name has no spaces, colons, exclamation marks or at-signs.")
		}
	}
	return nil
}
