package ircbridge

import (
	"context"
	"crypto/tls"
	"fmt"
	"slices"
	"strings"

	"passerelle/internal/text"
	"passerelle/transports"
)

// Settings keeps what users set, by user and scope. A scope is "network:" and the network's ID. It is used by any goroutine.
type Settings interface {
	// Load gives the values that are set; names that were never set are missing.
	Load(ctx context.Context, user transports.Address, scope string) (map[string]string, error)
	// Save replaces the values of a scope. Those that AllSettings calls secret are to be sealed.
	Save(ctx context.Context, user transports.Address, scope string, values map[string]string) error
}

// Names of settings on a network.
const (
	SettingNick            = "nick"     // used in place of the nick of the first room
	SettingUsername        = "username" // the "ident"
	SettingRealname        = "realname"
	SettingPassword        = "password" // the server password (PASS)
	SettingAccount         = "account"  // to log in to with SASL; the nick where only the password is set
	SettingAccountPassword = "account-password"
	SettingCertificate     = "certificate" // of the user, with its key, in PEM
	SettingSASL            = "sasl"        // how to log in; one of the values below, the first where it is not set
)

// Values of SettingSASL.
const (
	saslAuto     = "auto"  // the strongest way that the network has and the other settings allow
	saslSCRAM    = "scram" // only so, and so on
	saslExternal = "external"
	saslPlain    = "plain"
	saslNone     = "none" // no login, whatever else is set
)

// Bounds of values, in bytes.
const (
	maxSetting         = 200 // none of them may fill a line
	maxAccountPassword = 500 // goes out in pieces
	maxCertificate     = 8 << 10
)

// Scope is where the settings of a network are kept.
func Scope(network string) string { return "network:" + network }

// Setting is one of the settings that a user has on a network.
type Setting struct {
	Name   string
	Secret bool // never shown, sealed where it is kept
}

// AllSettings are the settings that a user has on a network: all that Settings is asked to keep.
func AllSettings() []Setting {
	var all []Setting
	for _, s := range networkSettings() {
		all = append(all, Setting{Name: s.field.Name, Secret: s.field.Type.Secret()})
	}
	return all
}

// AcceptsSetting reports whether a user may set that, for who takes over settings from elsewhere.
func AcceptsSetting(name, value string) bool {
	i := slices.IndexFunc(networkSettings(), func(s setting) bool { return s.field.Name == name })
	return i >= 0 && value != "" && networkSettings()[i].check("", value) == ""
}

// setting is one of the settings on a network, as the form asks for it.
type setting struct {
	field  transports.Field // without the present value
	forget transports.Field // clears a secret that is set, since an empty one leaves it
	max    int              // bytes
}

// networkSettings is the list of the settings on a network, in the order of the form.
func networkSettings() []setting {
	return []setting{
		{field: transports.Field{Name: SettingNick, Label: "Nick, in place of the one you join with"}, max: maxSetting},
		{field: transports.Field{Name: SettingUsername, Label: "User name"}, max: maxSetting},
		{field: transports.Field{Name: SettingRealname, Label: "Real name, seen by everybody"}, max: maxSetting},
		{
			field:  transports.Field{Name: SettingPassword, Label: "Server password", Type: transports.FieldSecret},
			forget: transports.Field{Name: "forget-password", Label: "Forget the password that is set", Type: transports.FieldBool},
			max:    maxSetting,
		},
		{field: transports.Field{Name: SettingAccount, Label: "Account on the network, if it is not called like your nick"}, max: maxSetting},
		{
			field:  transports.Field{Name: SettingAccountPassword, Label: "Password of the account", Type: transports.FieldSecret},
			forget: transports.Field{Name: "forget-account-password", Label: "Forget the password of the account", Type: transports.FieldBool},
			max:    maxAccountPassword,
		},
		{
			field:  transports.Field{Name: SettingCertificate, Label: "Certificate and its key (PEM)", Type: transports.FieldSecretLines},
			forget: transports.Field{Name: "forget-certificate", Label: "Forget the certificate that is set", Type: transports.FieldBool},
			max:    maxCertificate,
		},
		{field: transports.Field{
			Name: SettingSASL, Label: "Login to the account (SASL)", Type: transports.FieldChoice, Values: []string{saslAuto},
			Options: []transports.Option{
				{Value: saslAuto, Label: "The safest way that the network has"},
				{Value: saslSCRAM, Label: "With the password, which the network does not see (SCRAM)"},
				{Value: saslExternal, Label: "With the certificate (EXTERNAL)"},
				{Value: saslPlain, Label: "With the password (PLAIN)"},
				{Value: saslNone, Label: "None"},
			},
		}, max: maxSetting},
	}
}

// check says what is wrong with a value that cannot stand in the lines that it is for, in the language of the user.
func (s setting) check(lang, value string) (wrong string) {
	label := text.Say(lang, s.field.Label)
	switch {
	case len(value) > s.max:
		return text.Say(lang, "%s: this is too long, %d bytes is the most.", label, s.max)
	case s.field.Name == SettingCertificate:
		if value != "" {
			if _, err := readCertificate(value); err != nil {
				return text.Say(lang, "The certificate cannot be read: it takes a certificate and the key that belongs to it, not encrypted, both in PEM.")
			}
		}
		return ""
	case cutControls(value) != value:
		return text.Say(lang, "%s: this has a character that IRC cannot carry.", label)
	}
	switch s.field.Name {
	case SettingNick:
		if value != "" && sanitizeNick(value, maxSetting) != value {
			return text.Say(lang, "A nick has letters, digits and []\\`_^{|}- only, and does not begin with a digit.")
		}
	case SettingUsername:
		if strings.ContainsAny(value, " @!:") {
			return text.Say(lang, "A user name has no spaces, colons, exclamation marks or at-signs.")
		}
	case SettingAccount:
		if strings.Contains(value, " ") {
			return text.Say(lang, "The name of an account has no spaces.")
		}
	case SettingSASL:
		if !slices.ContainsFunc(s.field.Options, func(o transports.Option) bool { return o.Value == value }) {
			return text.Say(lang, "This is not one of the choices.")
		}
	}
	return ""
}

// readCertificate reads a certificate and its key, in any order.
func readCertificate(pem string) (*tls.Certificate, error) {
	certificate, err := tls.X509KeyPair([]byte(pem), []byte(pem))
	if err != nil {
		return nil, fmt.Errorf("read certificate: %w", err)
	}
	return &certificate, nil
}
