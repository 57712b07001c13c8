package ircbridge

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"passerelle/internal/text"
	"passerelle/transports"
)

// Settings has what users set, by user and scope (transports.Scope). It is used by any goroutine, and gives up by itself what takes long.
type Settings interface {
	// Load gives the values that are set, secrets included; names that were never set are missing.
	Load(ctx context.Context, user transports.Address, scope string) (map[string]string, error)
	// Save changes all of that or nothing: names with a value are set, those without are unset. Where it names a setting that the user has
	// to have, mark, and he has not, it changes nothing and reports false: what he has forgotten does not come back.
	Save(ctx context.Context, user transports.Address, scope, mark string, values map[string]string) (saved bool, err error)
	// LoadWith is Load, and gives the values that settings of some names which are no secrets have in any scope, by name and scope.
	LoadWith(ctx context.Context, user transports.Address, scope string, names ...string) (set map[string]string, named map[string]map[string]string, err error)
}

// What settings on a network are kept as. Their fields are called as in biboumi, where it has them.
const (
	SettingNick            = "nick"     // used in place of the nick of the first room
	SettingUsername        = "username" // the "ident"
	SettingRealname        = "realname"
	SettingPassword        = "password"         // the server password (PASS); the field is "pass"
	SettingAccount         = "account"          // to log in to with SASL; the nick where only the password is set
	SettingAccountPassword = "account-password" // the field is "sasl_password"
	SettingAddress         = "address"          // the host, where the network is another name for it
	SettingTLSPorts        = "tls_ports"        // to try in turn, one a line
	SettingPorts           = "ports"            // the same without TLS, where there are none with
	SettingVerify          = "verify_cert"      // "false" to trust any certificate
	SettingFingerprint     = "fingerprint"      // of a certificate that is trusted, SHA-1 or SHA-256
	SettingThrottle        = "throttle_limit"   // lines at once; what is below 0 means no limit
	SettingEncodingIn      = "encoding_in"      // how what is not UTF-8 is read, and
	SettingEncodingOut     = "encoding_out"     // how is written; in channels too
	SettingAfterConnect    = "after_connect_commands"
	SettingShowClient      = "show_client"       // "true" to let people ask the user's client what it is
	SettingCertificate     = "certificate"       // of the user, with its key, in PEM
	SettingLoginOptional   = "login_optional"    // "true" to go on where the login fails
	SettingNewCertificate  = "new-certificate"   // that is being made known, see certfp.go
	SettingPrint           = "certificate-print" // the fingerprint of the certificate as the network's services have it
	SettingNewAccount      = "new-account"       // that is being registered, and
	SettingNewPassword     = "new-password"      // its password, see registeraccount.go
	SettingTrial           = "login-trial"       // something is being tried that the next setting depends on
	settingHinted          = "login-hint"        // "true" once he was told, see typedlogin.go
	SettingSASL            = "sasl"              // how to log in; one of the values below, the first where it is not set
)

// Values of SettingSASL.
const (
	saslAuto     = "auto"  // the strongest way that the network has and the other settings allow
	saslSCRAM    = "scram" // only so, and so on
	saslExternal = "external"
	saslPlain    = "plain"
	saslServices = "services" // by what is said to NickServ
	saslNone     = "none"     // no login, whatever else is set
	saslPassword = "password" // not to be chosen: SCRAM or PLAIN
)

// Bounds of values, in bytes.
const (
	maxSetting         = 200 // none of them may fill a line
	maxAccountPassword = 500 // goes out in pieces
	maxCertificate     = 8 << 10
)

// Scope is where the settings on a network are kept.
func Scope(network string) string { return transports.Scope(transports.TargetNetwork, network) }

// SecretSettings are the names of the settings that are sealed.
func SecretSettings() []string {
	names := []string{SettingNewCertificate, SettingNewPassword}
	for _, s := range networkSettings() {
		if s.Field.Sealed() {
			names = append(names, s.Name())
		}
	}
	return names
}

// AcceptsSetting reports whether a user may set that, for who takes over settings from elsewhere.
func AcceptsSetting(name, value string) bool {
	all := slices.Concat(networkSettings(), encodingSettings(), routeSettings(""), []setting{throttleSetting(0)})
	i := slices.IndexFunc(all, func(s setting) bool { return s.Name() == name })
	return i >= 0 && value != "" && all[i].check("", value) == ""
}

// setting is one of the settings, with its bound.
type setting struct {
	transports.Setting
	max int // bytes
}

// networkSettings is the list of the settings on a network, in the order of the form.
func networkSettings() []setting {
	plain := func(f transports.Field) setting { return setting{transports.Setting{Field: f}, maxSetting} }
	return []setting{
		plain(transports.Field{Name: SettingNick, Label: "Nick, in place of the one you join with"}),
		plain(transports.Field{Name: SettingUsername, Label: "User name"}),
		plain(transports.Field{Name: SettingRealname, Label: "Real name, seen by everybody"}),
		{transports.Setting{
			Field:  transports.Field{Name: "pass", Label: "Server password", Type: transports.FieldSecret},
			Kept:   SettingPassword,
			Forget: transports.Field{Name: "forget-pass", Label: "Forget the password that is set", Type: transports.FieldBool},
		}, maxSetting},
		plain(transports.Field{Name: SettingAccount, Label: "Account on the network, if it is not called like your nick"}),
		{transports.Setting{
			Field:  transports.Field{Name: "sasl_password", Label: "Password of the account", Type: transports.FieldSecret},
			Kept:   SettingAccountPassword,
			Forget: transports.Field{Name: "forget-sasl_password", Label: "Forget the password of the account", Type: transports.FieldBool},
		}, maxAccountPassword},
		{transports.Setting{
			Field:  transports.Field{Name: SettingCertificate, Label: "Certificate and its key (PEM)", Type: transports.FieldSecretLines},
			Forget: transports.Field{Name: "forget-certificate", Label: "Forget the certificate that is set", Type: transports.FieldBool},
		}, maxCertificate},
		plain(transports.Field{
			Name: SettingSASL, Label: "Login to the account (SASL)", Type: transports.FieldChoice, Values: []string{saslAuto},
			Options: []transports.Option{
				{Value: saslAuto, Label: "The safest way that the network has"},
				{Value: saslSCRAM, Label: "With the password, which the network does not see (SCRAM)"},
				{Value: saslExternal, Label: "With the certificate (EXTERNAL)"},
				{Value: saslPlain, Label: "With the password (PLAIN)"},
				{Value: saslServices, Label: "By what is said to NickServ, where there is no SASL"},
				{Value: saslNone, Label: "None"},
			},
		}),
		plain(transports.Field{Name: SettingLoginOptional, Label: "Go on where the login fails, without being logged in", Type: transports.FieldBool, Values: []string{"false"}}),
		afterConnectSetting(),
		plain(transports.Field{Name: SettingShowClient, Label: "Tell people who ask which client you use", Type: transports.FieldBool, Values: []string{"false"}}),
	}
}

// routeSettings are those that say where a network is that the operator did not configure.
func routeSettings(network string) []setting {
	plain := func(f transports.Field) setting { return setting{transports.Setting{Field: f}, maxSetting} }
	return []setting{
		plain(transports.Field{Name: SettingAddress, Label: "Address of the server", Values: []string{network}}),
		plain(transports.Field{Name: SettingTLSPorts, Label: "Ports with TLS, tried in turn; empty for the usual ones", Type: transports.FieldLines}),
		plain(transports.Field{Name: SettingPorts, Label: "Ports without TLS, for servers that have no others", Type: transports.FieldLines}),
		plain(transports.Field{Name: SettingVerify, Label: "Check the certificate of the server", Type: transports.FieldBool, Values: []string{"true"}}),
		plain(transports.Field{Name: SettingFingerprint, Label: "Fingerprint of a certificate to trust (SHA-256 or SHA-1)"}),
	}
}

// encodingSettings are those on a network and in a channel.
func encodingSettings() []setting {
	return []setting{
		{transports.Setting{Field: transports.Field{Name: SettingEncodingIn, Label: "Encoding of what is read and not UTF-8, such as ISO-8859-15"}}, maxSetting},
		{transports.Setting{Field: transports.Field{Name: SettingEncodingOut, Label: "Encoding of what is written, if not UTF-8"}}, maxSetting},
	}
}

// throttleSetting is the number of lines at once, where it is that of the operator if nothing is set.
func throttleSetting(burst int) setting {
	return setting{transports.Setting{Field: transports.Field{
		Name: SettingThrottle, Label: "Lines that are sent at once before the rest waits", Values: []string{strconv.Itoa(cmp.Or(burst, -1))},
	}}, maxSetting}
}

// settings are those that users have on a target.
func (t *Transport) settings(on transports.Target) []setting {
	switch on.Kind {
	case transports.TargetRoom:
		return encodingSettings()
	case transports.TargetNetwork:
	default:
		return nil
	}
	all := append(networkSettings(), encodingSettings()...)
	if t.rules().byID[on.Network] == nil {
		all = append(all, routeSettings(on.Network)...)
	}
	all = append(all, throttleSetting(t.rules().Burst))
	if t.rules().Identity.Fixed {
		all = slices.DeleteFunc(all, func(s setting) bool { return s.Field.Name == SettingUsername || s.Field.Name == SettingRealname })
	}
	return all
}

// Settings are those that users have on a target, in the order of the form.
func (t *Transport) Settings(on transports.Target) []transports.Setting {
	var all []transports.Setting
	for _, s := range t.settings(on) {
		all = append(all, s.Setting)
	}
	return all
}

// CheckSettings says what is wrong with what a user would have set on a target, in his language.
func (t *Transport) CheckSettings(lang string, on transports.Target, set map[string]string) transports.Faults {
	var faults transports.Faults
	for _, s := range t.settings(on) {
		if wrong := s.check(lang, set[s.Name()]); set[s.Name()] != "" && wrong != "" {
			faults = append(faults, transports.Fault{Field: s.Field.Name, Text: wrong})
		}
	}
	if on.Kind != transports.TargetNetwork {
		return faults
	}
	if wrong := t.checkBurst(lang, set[SettingThrottle]); wrong != "" {
		faults = append(faults, transports.Fault{Field: SettingThrottle, Text: wrong})
	}
	if t.rules().byID[on.Network] == nil {
		faults = append(faults, t.checkRoute(lang, set)...)
	}
	return faults
}

// check says what is wrong with a value that cannot stand in the lines that it is for, in the language of the user.
func (s *setting) check(lang, value string) (wrong string) {
	label := text.Say(lang, s.Field.Label)
	switch {
	case len(value) > s.max:
		return text.Say(lang, "%s: this is too long, %d bytes is the most.", label, s.max)
	case s.Field.Name == SettingCertificate:
		if value != "" {
			if _, err := readCertificate(value); err != nil {
				return text.Say(lang, "The certificate cannot be read: it takes a certificate and the key that belongs to it, not encrypted, both in PEM.")
			}
		}
		return ""
	case s.Field.Name == SettingAfterConnect:
		return checkAfterConnect(lang, value)
	case s.Field.Type == transports.FieldLines:
		if _, err := readPorts(value); err != nil {
			return text.Say(lang, "Write at most %d ports, each a number from 1 to 65535.", maxPorts)
		}
		return ""
	case cutControls(value) != value:
		return text.Say(lang, "%s: this has a character that IRC cannot carry.", label)
	}
	switch s.Field.Name {
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
	case SettingAddress:
		if !isHost(lowerASCII(value)) {
			return text.Say(lang, "This is neither the name of a server nor an address.")
		}
	case SettingFingerprint:
		if _, err := readFingerprint(value); err != nil {
			return text.Say(lang, "A fingerprint is 40 (SHA-1) or 64 (SHA-256) hexadecimal digits, with or without colons.")
		}
	case SettingThrottle:
		if _, err := strconv.Atoi(value); err != nil {
			return text.Say(lang, "This is a number of lines.")
		}
	case SettingEncodingIn, SettingEncodingOut:
		if _, err := readCharset(value); value != "" && err != nil {
			return text.Say(lang, "%s: this is no encoding of text on IRC. UTF-8 and ISO-8859-15 are some.", label)
		}
	case SettingSASL:
		if !slices.ContainsFunc(s.Field.Options, func(o transports.Option) bool { return o.Value == value }) {
			return text.Say(lang, "This is not one of the choices.")
		}
	}
	return ""
}

// SettingsChanged has the user's session on a network take over what he has just set, as far as that does not need another connection. It
// waits for Settings.
func (t *Transport) SettingsChanged(ctx context.Context, user transports.Address, on transports.Target) {
	t.mu.Lock()
	s := t.sessions[sessionKey{user.Bare(), on.Network}]
	t.mu.Unlock()
	if s != nil {
		s.settingsChanged(ctx)
	}
}

func (s *session) settingsChanged(ctx context.Context) {
	set, encodings, err := s.settings(ctx)
	if err != nil {
		s.log.Error("settings could not be read", "network", s.net.ID, "error", err)
		return // they are as they were until the next connection
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.charsets = s.readCharsets(set, encodings)
	if c := s.conn; c != nil {
		c.burst = s.t.burst(set)
		c.tokens = max(c.tokens, 0) // which without a limit nobody counts
		s.setRealName(c, set)
		s.startWriter(c)
	}
}

// readCertificate reads a certificate and its key, in any order.
func readCertificate(pem string) (*tls.Certificate, error) {
	certificate, err := tls.X509KeyPair([]byte(pem), []byte(pem))
	if err != nil {
		return nil, fmt.Errorf("read certificate: %w", err)
	}
	return &certificate, nil
}
