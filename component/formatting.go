package component

import (
	"passerelle/component/markup"
	"passerelle/transports"
)

// Settings of how text looks: how the user is shown it, and what of his reaches the network. Each may be set for everything, a network or a room.
const (
	SettingShowFormatting = "show_formatting"
	SettingSendFormatting = "send_formatting"
)

// choiceSettings are the names of settings that traffic depends on and that are words.
var choiceSettings = [...]string{SettingShowFormatting, SettingSendFormatting, SettingTyping, SettingEnlist}

// Values of those settings, the first one being the default.
var (
	showFormatting = []transports.Option{
		markup.ShowStyling: {Value: "styling", Label: "with signs, such as *bold*, and as XHTML"},
		markup.ShowXHTML:   {Value: "xhtml", Label: "as XHTML, for clients that show it"},
		markup.ShowPlain:   {Value: "none", Label: "not at all"},
	}
	sendFormatting = []transports.Option{
		markup.SendXHTML:   {Value: "xhtml", Label: "what your client sends as XHTML"},
		markup.SendStyling: {Value: "styling", Label: "that, and what signs such as *bold* say"},
		markup.SendPlain:   {Value: "none", Label: "none"},
	}
)

// formattingFields ask for them; inherits says that they may be as one level above.
func formattingFields(inherits bool) []transports.Field {
	fields := []transports.Field{
		{Name: SettingShowFormatting, Label: "How bold, coloured and other formatted text is shown to you", Type: transports.FieldChoice, Options: showFormatting},
		{Name: SettingSendFormatting, Label: "Formatting of yours that others get", Type: transports.FieldChoice, Options: sendFormatting},
	}
	for i := range fields {
		if f := &fields[i]; inherits {
			f.Options = append([]transports.Option{{Value: choiceUnset, Label: "as for the rest"}}, f.Options...)
		}
		fields[i].Values = []string{fields[i].Options[0].Value}
	}
	return fields
}

// readChoices reads what is set of choiceSettings, by name and scope; nil where nothing is.
func readChoices(set map[string]map[string]string) map[number]string {
	var choices map[number]string
	for _, name := range choiceSettings {
		for scope, value := range set[name] {
			setChoice(&choices, number{name, scope}, value)
		}
	}
	return choices
}

// setChoice notes a setting, which the empty value unsets. The map is nil as long as nothing is set.
func setChoice(choices *map[number]string, key number, value string) {
	if value == "" {
		delete(*choices, key)
		return
	}
	if *choices == nil {
		*choices = make(map[number]string)
	}
	(*choices)[key] = value
}

// formatting is what the user wants of how text looks in a room, or with somebody where it is none.
func (u *user) formatting(in transports.Target) markup.Settings {
	if u.relations == nil || len(u.relations.choices) == 0 {
		return markup.Settings{}
	}
	chosen := func(name string, options []transports.Option) int {
		for _, on := range []transports.Target{in, {Kind: transports.TargetNetwork, Network: in.Network}, {}} {
			value := u.relations.choices[number{name, u.g.scope(on)}]
			for i := range options {
				if options[i].Value == value {
					return i
				}
			}
		}
		return 0
	}
	return markup.Settings{
		Show: markup.Show(chosen(SettingShowFormatting, showFormatting)), Send: markup.Send(chosen(SettingSendFormatting, sendFormatting)),
	}
}

// showNamed is what a value of the setting means.
func showNamed(value string) markup.Show {
	for i := range showFormatting {
		if showFormatting[i].Value == value {
			return markup.Show(i)
		}
	}
	return markup.ShowStyling
}

// formattingAt is formatting for what is archived there.
func (u *user) formattingAt(a transports.Address) func() markup.Settings {
	return func() markup.Settings {
		e, err := u.g.entity(a.Bare())
		if err != nil {
			return markup.Settings{}
		}
		return u.formatting(e.target)
	}
}
