package ircbridge

import (
	"context"
	"fmt"
	"strings"

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
		Name:   "configure",
		Title:  "Your settings on this IRC network",
		For:    []transports.TargetKind{transports.TargetNetwork},
		Secret: true,
		Form:   t.configureForm,
		Run:    t.configureRun,
	}
}

func (t *Transport) configureForm(ctx context.Context, user transports.Address, on transports.Target) (transports.Form, error) {
	values, err := t.opt.Settings.Load(ctx, user.Bare(), scopeOf(on.Network))
	if err != nil {
		return transports.Form{}, fmt.Errorf("load settings: %w", err)
	}
	f := transports.Form{
		Title:        "Settings on " + on.Network,
		Instructions: "They take effect when you connect the next time. An empty password leaves the one that is set.",
		Fields: []transports.Field{
			{Name: SettingNick, Label: "Nick, in place of the one you join with", Value: values[SettingNick]},
			{Name: SettingUsername, Label: "User name", Value: values[SettingUsername]},
			{Name: SettingRealname, Label: "Real name, seen by everybody", Value: values[SettingRealname]},
			{Name: SettingPassword, Label: "Server password", Type: transports.FieldSecret},
		},
	}
	if values[SettingPassword] != "" {
		f.Fields = append(f.Fields, transports.Field{
			Name: forgetPassword, Label: "Forget the password that is set", Type: transports.FieldBool, Value: "false",
		})
	}
	return f, nil
}

func (t *Transport) configureRun(ctx context.Context, user transports.Address, on transports.Target, values map[string]string) (string, error) {
	scope := scopeOf(on.Network)
	old, err := t.opt.Settings.Load(ctx, user.Bare(), scope)
	if err != nil {
		return "", fmt.Errorf("load settings: %w", err)
	}
	set := make(map[string]string, 4)
	for _, name := range []string{SettingNick, SettingUsername, SettingRealname, SettingPassword} {
		value, given := values[name]
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
	if forget := values[forgetPassword]; forget == "true" || forget == "1" {
		delete(set, SettingPassword)
	}
	if err := t.opt.Settings.Save(ctx, user.Bare(), scope, set); err != nil {
		return "", fmt.Errorf("save settings: %w", err)
	}
	return "Saved. The settings take effect when you connect to " + on.Network + " the next time.", nil
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
