package ircbridge

import (
	"context"
	"fmt"
	"strings"

	"passerelle/internal/text"
	"passerelle/transports"
)

// configureCommand is "configure" on a network, as biboumi has it.
func (t *Transport) configureCommand() transports.Command {
	return transports.Command{
		Name:  "configure",
		Title: "Your settings on this IRC network",
		For:   []transports.TargetKind{transports.TargetNetwork, transports.TargetRoom}, // a room stands for its network
		Next:  t.configureForm,
		Run:   t.configureRun,
	}
}

func (t *Transport) configureForm(ctx context.Context, call transports.Call) (*transports.Form, error) {
	if call.Values != nil {
		return nil, nil // one page is all
	}
	values, err := t.opt.Settings.Load(ctx, call.User.Bare(), Scope(call.On.Network))
	if err != nil {
		return nil, fmt.Errorf("load settings: %w", err)
	}
	f := &transports.Form{
		Title:        "Your settings on this IRC network",
		Instructions: "They take effect when you connect the next time. An empty password leaves the one that is set. With an account you are never connected without being logged in.",
	}
	for _, s := range networkSettings() {
		if t.opt.Identity.Fixed && (s.field.Name == SettingUsername || s.field.Name == SettingRealname) {
			continue
		}
		field, value := s.field, values[s.field.Name]
		if value != "" && !field.Type.Secret() {
			field.Values = []string{value}
		}
		f.Fields = append(f.Fields, field)
		if value != "" && s.forget.Name != "" {
			forget := s.forget
			forget.Values = []string{"false"}
			f.Fields = append(f.Fields, forget)
		}
	}
	return f, nil
}

func (t *Transport) configureRun(ctx context.Context, call transports.Call) (string, error) {
	scope := Scope(call.On.Network)
	old, err := t.opt.Settings.Load(ctx, call.User.Bare(), scope)
	if err != nil {
		return "", fmt.Errorf("load settings: %w", err)
	}
	set := make(map[string]string)
	var faults transports.Faults
	for _, s := range networkSettings() {
		name := s.field.Name
		_, given := call.Values[name]
		value := strings.TrimSpace(strings.Join(call.Values[name], "\n"))
		if value == "" && (!given || s.field.Type.Secret()) {
			value = old[name]
		}
		if value == "" {
			value = s.field.Value()
		}
		if wrong := s.check(call.Lang, value); wrong != "" {
			faults = append(faults, transports.Fault{Field: name, Text: wrong})
			continue
		}
		if value != s.field.Value() && !call.Values.Bool(s.forget.Name) {
			set[name] = value
		}
	}
	if len(faults) > 0 {
		return "", faults.AsError()
	}
	if err := t.opt.Settings.Save(ctx, call.User.Bare(), scope, set); err != nil {
		return "", fmt.Errorf("save settings: %w", err)
	}
	return text.Say(call.Lang, "Saved. It takes effect when you connect to %s the next time.", call.On.Network), nil
}
