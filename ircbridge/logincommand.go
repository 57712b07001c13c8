package ircbridge

import (
	"cmp"
	"context"
	"maps"
	"strings"

	"passerelle/internal/text"
	"passerelle/transports"
)

// "login" sets the account on a network and its password, once it is found out that they are right, and how the network logs people in.

// Fields of the commands about accounts.
const (
	fieldAccount  = "account"
	fieldPassword = "password"
)

// Commands are what users can run on networks.
func (t *Transport) Commands() []transports.Command {
	if t.opt.Settings == nil {
		return nil
	}
	return []transports.Command{t.loginCommand(), t.certfpCommand(), t.registerCommand(), t.verifyCommand()}
}

// form is the one form of a command, made of what the user has set on the network.
func (t *Transport) form(show func(call transports.Call, set map[string]string) *transports.Form) func(context.Context, transports.Call) (*transports.Form, error) {
	return func(ctx context.Context, call transports.Call) (*transports.Form, error) {
		if call.Values != nil {
			return nil, nil
		}
		set, err := t.opt.Settings.Load(ctx, call.User, Scope(call.On.Network))
		if err != nil {
			return nil, err
		}
		if len(set) == 0 { // he has given no network that name
			if _, err := t.Find(call.Lang, call.On.Network, transports.TargetNetwork); err != nil {
				return nil, err
			}
		}
		return show(call, set), nil
	}
}

func (t *Transport) loginCommand() transports.Command {
	return transports.Command{
		Name: "login", Title: "Log in to your account on this network", For: []transports.TargetKind{transports.TargetNetwork},
		Next: t.form(func(_ transports.Call, set map[string]string) *transports.Form {
			return &transports.Form{
				Title:        "Log in to your account on this network",
				Instructions: "Your account and its password are tried at once, and kept if they are right. To have no password kept, write certfp afterwards.",
				Fields: []transports.Field{
					{Name: fieldAccount, Label: "Account", Values: []string{cmp.Or(set[SettingAccount], set[SettingNick])}, Required: true},
					{Name: fieldPassword, Label: "Password of the account", Type: transports.FieldSecret, Required: true},
				},
			}
		}),
		Run: func(ctx context.Context, call transports.Call) (string, error) {
			account, password := strings.TrimSpace(call.Values.Get(fieldAccount)), call.Values.Get(fieldPassword)
			if faults := t.checkLogin(call.Lang, account, password); len(faults) > 0 {
				return "", faults.AsError()
			}
			return t.begin(ctx, call, SettingTrial, "1", func(ctx context.Context, n *Network, set map[string]string) string {
				return t.tryLogin(ctx, call, n, set, account, password)
			})
		},
	}
}

// checkLogin says what is wrong with an account and its password that a user would have.
func (t *Transport) checkLogin(lang, account, password string) transports.Faults {
	var faults transports.Faults
	for _, s := range networkSettings() {
		switch s.Name() {
		case SettingAccount:
			if wrong := s.check(lang, account); wrong != "" {
				faults = append(faults, transports.Fault{Field: fieldAccount, Text: wrong})
			}
		case SettingAccountPassword:
			if wrong := s.check(lang, password); wrong != "" {
				faults = append(faults, transports.Fault{Field: fieldPassword, Text: wrong})
			}
		}
	}
	return faults
}

// begin begins an errand of a command: with the network as the user has set it up, and his settings. What it returns is said to the user.
// While it goes on a setting is there, the mark of those that it makes in the end.
func (t *Transport) begin(ctx context.Context, call transports.Call, mark, value string, do func(ctx context.Context, n *Network, set map[string]string) string) (string, error) {
	n, err := t.network(call.Lang, call.On.Network)
	if err != nil {
		return "", err
	}
	scope := Scope(call.On.Network)
	set, err := t.opt.Settings.Load(ctx, call.User, scope)
	if err != nil {
		return "", err
	}
	n, why := t.asSet(n, set)
	switch {
	case why != nil:
		return "", why.err
	case n.Plain:
		return "", transports.NewError(transports.Denied, text.Say(call.Lang, "%s is reached without encryption, where anybody could read along: set ports with TLS with the command configure.", n.Name), nil)
	}
	begun := make(chan bool, 1)
	if err := t.errand(call.User, n, func(ctx context.Context) (then func()) {
		then = func() {}
		if <-begun {
			said := do(ctx, n, set)
			then = func() { call.Tell(said) }
		}
		if mark != SettingTrial {
			return then
		}
		if _, err := t.opt.Settings.Save(context.WithoutCancel(ctx), call.User, scope, mark, map[string]string{mark: ""}); err != nil {
			t.log.Error("that something was tried could not be forgotten", "network", n.ID, "error", err)
		}
		return then
	}); err != nil {
		return "", err
	}
	_, err = t.opt.Settings.Save(ctx, call.User, scope, "", map[string]string{mark: value})
	if begun <- err == nil; err != nil {
		return "", err
	}
	return text.Say(call.Lang, "%s is being asked. You get a message with what came of it.", n.Name), nil
}

// keep makes the settings that an errand found to work those of the user. It says what is wrong where it does not.
func (t *Transport) keep(ctx context.Context, call transports.Call, mark string, values map[string]string) (wrong string) {
	values[mark] = ""
	saved, err := t.opt.Settings.Save(context.WithoutCancel(ctx), call.User, Scope(call.On.Network), mark, values)
	switch {
	case err != nil:
		t.log.Error("a login could not be kept", "network", call.On.Network, "error", err)
		return text.Say(call.Lang, "It could not be written down, so your settings are as they were.")
	case !saved:
		return text.Say(call.Lang, "You have had your settings deleted meanwhile, so nothing was kept.")
	}
	return ""
}

// trial are settings for a visit: those of the user, but for what he has said after connecting and how he logs in.
func trial(set map[string]string, login map[string]string) map[string]string {
	tried := make(map[string]string, len(set)+len(login)) // set is nil where nothing is
	maps.Copy(tried, set)
	for _, name := range []string{
		SettingNick, SettingAfterConnect, SettingAccount, SettingAccountPassword, SettingCertificate, SettingSASL, SettingLoginOptional,
	} {
		delete(tried, name)
	}
	maps.Copy(tried, login)
	return tried
}

// visitLogin visits a network logged in by account and password: with SASL, else by what its services are told. It says which.
func (t *Transport) visitLogin(ctx context.Context, user transports.Address, n *Network, set, login map[string]string) (v *visit, sasl string, err *transports.Error) {
	v, err = t.visit(ctx, user, n, trial(set, login))
	l := v.login()
	if err == nil || l == nil || l.offered || ctx.Err() != nil {
		return v, "", err
	}
	v.close()
	login = maps.Clone(login)
	login[SettingSASL] = saslServices
	v, err = t.visit(ctx, user, n, trial(set, login))
	return v, saslServices, err
}

// tryLogin logs in once, and keeps what worked.
func (t *Transport) tryLogin(ctx context.Context, call transports.Call, n *Network, set map[string]string, account, password string) string {
	v, sasl, err := t.visitLogin(ctx, call.User, n, set, map[string]string{
		SettingAccount: account, SettingAccountPassword: password, SettingSASL: saslPassword,
	})
	defer v.close()
	if err != nil {
		return text.Say(call.Lang, "Your settings for %s are as they were, since the login failed:", n.Name) + " " + err.In(text.In(call.Lang))
	}
	kept := map[string]string{SettingAccount: account, SettingAccountPassword: password, SettingSASL: sasl}
	if !strings.EqualFold(set[SettingAccount], account) { // that of another account would come first
		kept[SettingCertificate], kept[SettingPrint] = "", ""
	}
	if wrong := t.keep(ctx, call, SettingTrial, kept); wrong != "" {
		return wrong
	}
	said := text.Say(call.Lang, "%s has let you in as account %s. From your next connection on you are logged in.", n.Name, account)
	if sasl == saslServices {
		said += " " + text.Say(call.Lang, "It has no SASL: NickServ is told your password each time, before you join any room.")
	}
	return said
}
