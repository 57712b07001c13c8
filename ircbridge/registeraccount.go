package ircbridge

import (
	"cmp"
	"context"
	"regexp"
	"strings"

	"github.com/lrstanley/girc"

	"passerelle/internal/text"
	"passerelle/transports"
)

// "register-account" has a network make an account for the user (IRCv3 account-registration, a draft), or its services, who make one of the nick
// that somebody has: then it is done in his session where he goes by that nick, else on a visit under it. What is sent by mail is said with
// "verify-account". In the end it is logged in to, as by the command login.

const (
	fieldEmail = "email"
	fieldCode  = "code"
)

// maxRegisterPassword is the most that fits the lines in which a password is said (account-registration, client considerations), in bytes.
const maxRegisterPassword = 300

// registration is an account to be made.
type registration struct{ account, password, email string }

func (t *Transport) registerCommand() transports.Command {
	return transports.Command{
		Name: "register-account", Title: "Register an account on this network", For: []transports.TargetKind{transports.TargetNetwork},
		Next: t.form(func(call transports.Call, set map[string]string) *transports.Form {
			return &transports.Form{
				Title:        "Register an account on this network",
				Instructions: "Most networks send a code to your address, which you then write with the command verify-account. The network keeps the address.",
				Fields: []transports.Field{
					{Name: fieldAccount, Label: "Account, called like your nick", Values: []string{cmp.Or(set[SettingNick], sanitizeNick(call.User.Local, maxNickName))}, Required: true},
					{Name: fieldPassword, Label: "Password for the account, used nowhere else", Type: transports.FieldSecret, Required: true},
					{Name: fieldEmail, Label: "Your email address, if the network asks for one"},
				},
			}
		}),
		Run: func(ctx context.Context, call transports.Call) (string, error) {
			r := registration{strings.TrimSpace(call.Values.Get(fieldAccount)), call.Values.Get(fieldPassword), strings.TrimSpace(call.Values.Get(fieldEmail))}
			faults := t.checkLogin(call.Lang, r.account, r.password)
			if sanitizeNick(r.account, maxNickName) != r.account {
				faults = append(faults, transports.Fault{Field: fieldAccount, Text: text.Say(call.Lang, "A nick has letters, digits and []\\`_^{|}- only, and does not begin with a digit.")})
			}
			if strings.ContainsAny(r.password, " ") || len(r.password) > maxRegisterPassword {
				faults = append(faults, transports.Fault{Field: fieldPassword, Text: text.Say(call.Lang, "Choose a password without spaces and of at most %d bytes.", maxRegisterPassword)})
			}
			if !isEmail(r.email) {
				faults = append(faults, transports.Fault{Field: fieldEmail, Text: text.Say(call.Lang, "This is no email address.")})
			}
			if len(faults) > 0 {
				return "", faults.AsError()
			}
			return t.begin(ctx, call, SettingTrial, "1", func(ctx context.Context, n *Network, set map[string]string) string {
				return t.registerAccount(ctx, call, n, set, r)
			})
		},
	}
}

// isEmail reports whether a network can be told that as an address; it may be empty.
func isEmail(s string) bool {
	if s == "" {
		return true
	}
	local, domain, found := strings.Cut(s, "@")
	return found && local != "" && domain != "" && len(s) <= maxSetting && printable(s) && s[0] != ':' && s != "*" && cutControls(s) == s
}

func (t *Transport) verifyCommand() transports.Command {
	return transports.Command{
		Name: "verify-account", Title: "Write the code for your new account", For: []transports.TargetKind{transports.TargetNetwork},
		Next: t.form(func(transports.Call, map[string]string) *transports.Form {
			return &transports.Form{
				Title:  "Write the code for your new account",
				Fields: []transports.Field{{Name: fieldCode, Label: "Code that the network has sent you", Required: true}},
			}
		}),
		Run: func(ctx context.Context, call transports.Call) (string, error) {
			set, err := t.opt.Settings.Load(ctx, call.User, Scope(call.On.Network))
			if err != nil {
				return "", err
			}
			code := strings.TrimSpace(call.Values.Get(fieldCode))
			r := registration{account: set[SettingNewAccount], password: set[SettingNewPassword]}
			switch {
			case r.account == "" || r.password == "":
				return "", transports.NewError(transports.NotFound, text.Say(call.Lang, "No account of yours waits for a code on %s. Run register-account first.", call.On.Network), nil)
			case !printable(code) || code[0] == ':' || len(code) > maxSetting:
				return "", transports.Faults{{Field: fieldCode, Text: text.Say(call.Lang, "This is no code.")}}.AsError()
			}
			return t.begin(ctx, call, SettingTrial, "1", func(ctx context.Context, n *Network, set map[string]string) string {
				return t.verifyAccount(ctx, call, n, set, r, code)
			})
		},
	}
}

// What services answer to REGISTER and to the code: Atheme, Anope, and those of OFTC.
var (
	registered   = regexp.MustCompile(`(?i)\bis now registered\b|\bnickname \S+ registered\b|\bregistered under your\b|\bhas been registered\b|\baccount created\b|\bsuccessfully registered\b`)
	codeSent     = regexp.MustCompile(`(?i)\b(e-?mail|passcode|verification|activation)\b.*\b(sent|instructions|code)\b`)
	registerSaid = regexp.MustCompile(`(?i)\bregister(ed)?\b|\bpassword\b|\be-?mail\b|\bsyntax\b|\bparameters\b|\bdenied\b|\bdisabled\b|\bbusy\b|\bunknown command\b|\binvalid\b|\btry again\b|\bmust\b`)
	verified     = regexp.MustCompile(`(?i)\bthank you for verifying\b|\bhas (now )?been (verified|confirmed)\b|\bconfirmed\b|\bverification successful\b`)
	verifySaid   = regexp.MustCompile(`(?i)\bverif|\bconfirm|\bpasscode\b|\bsyntax\b|\bparameters\b|\binvalid\b|\bunknown command\b|\blog in\b|\bawaiting\b`)
	unknownWord  = regexp.MustCompile(`(?i)\bunknown command\b|\binvalid command\b`)
)

// borrow is the session of a user as a visit, where he is on the network by that nick; nil where not.
func (t *Transport) borrow(user transports.Address, n *Network, nick string) *visit {
	t.mu.Lock()
	s := t.sessions[sessionKey{user.Bare(), n.ID}]
	t.mu.Unlock()
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.phase != phaseOnline || s.closed || s.conn == nil || s.conn.to.Plain || !s.conn.isup.casemap.equal(s.nick, nick) {
		return nil
	}
	v := &visit{s: s, lines: make(chan *girc.Event, maxHeardLines), over: make(chan struct{}), borrowed: true}
	s.overhears = v.overhear
	return v
}

// registrar visits a network for a registration, or goes on in the session of the user.
func (t *Transport) registrar(ctx context.Context, user transports.Address, n *Network, set map[string]string, account string) (*visit, *transports.Error) {
	if v := t.borrow(user, n, account); v != nil {
		return v, nil
	}
	return t.visit(ctx, user, n, trial(set, map[string]string{SettingNick: account, SettingSASL: saslNone}))
}

// offers says whether the network registers accounts itself, and which keys it gives with that.
func (v *visit) offers() (keys map[string]bool, offered bool) {
	v.s.mu.Lock()
	defer v.s.mu.Unlock()
	if v.s.conn == nil || !v.s.conn.caps.has.has(capRegistration) {
		return nil, false
	}
	keys = make(map[string]bool)
	for key := range strings.SplitSeq(v.s.conn.caps.values[capRegistration], ",") {
		name, _, _ := strings.Cut(key, "=") // account-registration: values of keys are ignored
		keys[name] = true
	}
	return keys, true
}

// registerAccount does it. It says what came of it.
func (t *Transport) registerAccount(ctx context.Context, call transports.Call, n *Network, set map[string]string, r registration) string {
	v, why := t.registrar(ctx, call.User, n, set, r.account)
	defer v.close()
	nick, as := v.self()
	keys, offered := v.offers()
	custom := offered && keys["custom-account-name"]
	failed := func(why string) string {
		return text.Say(call.Lang, "%s has registered no account for you:", n.Name) + " " + why
	}
	switch {
	case why != nil:
		return failed(why.In(text.In(call.Lang)))
	case as != "":
		return failed(text.Say(call.Lang, "You are logged in to account %s there.", as))
	case !custom && !strings.EqualFold(nick, r.account):
		return failed(text.Say(call.Lang, "An account has to be called like one's nick there, and somebody else is called %s at the moment.", r.account))
	case r.email == "" && keys["email-required"]:
		return failed(text.Say(call.Lang, "It asks for an email address."))
	}
	said, waits, fault := v.register(ctx, call.Lang, n, r, offered, custom)
	said = strings.ReplaceAll(said, r.password, masked) // some services say it
	switch {
	case fault != "":
		return failed(strings.ReplaceAll(fault, r.password, masked))
	case waits:
		if wrong := t.keep(ctx, call, SettingTrial, map[string]string{SettingNewAccount: r.account, SettingNewPassword: r.password}); wrong != "" {
			return wrong
		}
		return text.Say(call.Lang, "The account %s is registered once you write “verify-account %s CODE”, with the code that you are sent. %s says: “%s”", r.account, n.ID, n.Name, said)
	}
	return text.Say(call.Lang, "The account %s is registered. %s says: “%s”", r.account, n.Name, said) + " " + t.logInAnew(ctx, call, n, set, r)
}

// logInAnew logs in to an account that was just made.
func (t *Transport) logInAnew(ctx context.Context, call transports.Call, n *Network, set map[string]string, r registration) string {
	said := t.tryLogin(ctx, call, n, set, r.account, r.password)
	if _, err := t.opt.Settings.Save(context.WithoutCancel(ctx), call.User, Scope(n.ID), SettingNewPassword, map[string]string{SettingNewAccount: "", SettingNewPassword: ""}); err != nil {
		t.log.Error("what an account was registered with could not be forgotten", "network", n.ID, "error", err)
	}
	return said
}

// register asks for an account. It gives what was said to that, and whether a code is awaited.
func (v *visit) register(ctx context.Context, lang string, n *Network, r registration, offered, custom bool) (said string, waits bool, fault string) {
	if offered {
		name := "*" // the nick
		if custom {
			name = r.account
		}
		return v.command(ctx, lang, "REGISTER", "REGISTER "+name+" "+cmp.Or(r.email, "*")+" :"+r.password)
	}
	s, why := v.services(ctx)
	if why != nil {
		return "", false, why.In(text.In(lang))
	}
	said, why = v.ask(ctx, s, strings.TrimSpace("REGISTER "+r.password+" "+r.email), registerSaid.MatchString)
	switch {
	case why != nil:
		return "", false, why.In(text.In(lang))
	case registered.MatchString(said):
		return said, false, ""
	case codeSent.MatchString(said):
		return said, true, ""
	}
	return "", false, text.Say(lang, "The services say: “%s”", said)
}

// command says a command of account-registration and takes its answer.
func (v *visit) command(ctx context.Context, lang, command, line string) (said string, waits bool, fault string) {
	v.say(line)
	if why := v.hear(ctx, func(e *girc.Event) bool {
		switch {
		case e.Command == command && len(e.Params) > 2:
			said, waits = sentence(e), e.Params[0] != "SUCCESS"
		case e.Command == "FAIL" && len(e.Params) > 2 && e.Params[0] == command: // IRCv3 standard replies
			fault = sentence(e)
		case e.Command == girc.ERR_UNKNOWNCOMMAND && len(e.Params) > 1 && e.Params[1] == command:
			fault = sentence(e)
		default:
			return false
		}
		return true
	}); why != nil {
		return "", false, why.In(text.In(lang))
	}
	if fault != "" {
		fault = text.Say(lang, "It says: “%s”", oneLine(fault, maxServicesWords))
	}
	return oneLine(said, maxServicesWords), waits, fault
}

// verifyAccount says the code.
func (t *Transport) verifyAccount(ctx context.Context, call transports.Call, n *Network, set map[string]string, r registration, code string) string {
	failed := func(why string) string {
		return text.Say(call.Lang, "The code was not taken, so the account %s is still not registered:", r.account) + " " + why
	}
	v, why := t.registrar(ctx, call.User, n, set, r.account)
	if why != nil {
		v.close()
		return failed(why.In(text.In(call.Lang)))
	}
	if _, offered := v.offers(); offered {
		said, waits, fault := v.command(ctx, call.Lang, "VERIFY", "VERIFY "+r.account+" "+code)
		v.close()
		if fault != "" || waits {
			return failed(cmp.Or(fault, said))
		}
		return t.logInAnew(ctx, call, n, set, r)
	}
	_, as := v.self()
	if as == "" { // services take the code from who is logged in
		v.close()
		if v, _, why = t.visitLogin(ctx, call.User, n, set, map[string]string{
			SettingAccount: r.account, SettingAccountPassword: r.password, SettingSASL: saslPassword,
		}); why != nil {
			v.close()
			return failed(why.In(text.In(call.Lang)))
		}
	}
	defer v.close()
	s, why := v.services(ctx)
	if why != nil {
		return failed(why.In(text.In(call.Lang)))
	}
	said := ""
	for _, words := range []string{"VERIFY REGISTER " + r.account + " " + code, "CONFIRM " + code} { // Atheme; Anope
		if said, why = v.ask(ctx, s, words, verifySaid.MatchString); why != nil {
			return failed(why.In(text.In(call.Lang)))
		}
		if !unknownWord.MatchString(said) {
			break
		}
	}
	if !verified.MatchString(said) {
		return failed(text.Say(call.Lang, "The services say: “%s”", said))
	}
	return t.logInAnew(ctx, call, n, set, r)
}
