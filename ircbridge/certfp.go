package ircbridge

import (
	"cmp"
	"context"
	"crypto/x509"
	"regexp"
	"slices"
	"strings"

	"github.com/lrstanley/girc"

	"passerelle/internal/text"
	"passerelle/transports"
)

// "certfp" has a certificate take the place of a password. It is made here, the network's services are told its fingerprint by somebody who is
// logged in as before, and once a login with it alone has worked it is what is set, and the password is forgotten, both at once. Until then
// nothing that is set changes, so nothing that goes wrong, our own end included, leaves anybody without a login that works. What is under way
// is a setting of its own, which the next run goes on with: a fingerprint that services know already is no fault.

// fieldAction is what to do.
const fieldAction = "action"

// The actions.
const (
	certfpNew  = "new"
	certfpShow = "show"
	certfpOff  = "off"
)

func (t *Transport) certfpCommand() transports.Command {
	return transports.Command{
		Name: "certfp", Title: "Log in with a certificate in place of a password", For: []transports.TargetKind{transports.TargetNetwork},
		Next: t.form(certfpForm), Run: t.certfpRun,
	}
}

func certfpForm(_ transports.Call, set map[string]string) *transports.Form {
	f := &transports.Form{
		Title:        "Log in with a certificate in place of a password",
		Instructions: "A certificate is made and added to your account on the network. Once a login with it has worked the password is forgotten.",
		Fields: []transports.Field{{
			Name: fieldAction, Label: "What to do", Type: transports.FieldChoice, Values: []string{certfpNew}, Required: true, Options: []transports.Option{
				{Value: certfpNew, Label: "Make a certificate, in place of the one there is"},
				{Value: certfpShow, Label: "Show the fingerprint"},
				{Value: certfpOff, Label: "Remove the certificate; run login before, to have a password again"},
			},
		}},
	}
	switch {
	case set[SettingCertificate] != "":
	case set[SettingAccountPassword] != "":
		f.Obvious = true
	default:
		f.Fields = append(f.Fields,
			transports.Field{Name: fieldAccount, Label: "Account", Values: []string{cmp.Or(set[SettingAccount], set[SettingNick])}},
			transports.Field{Name: fieldPassword, Label: "Password of the account", Type: transports.FieldSecret})
	}
	return f
}

func (t *Transport) certfpRun(ctx context.Context, call transports.Call) (string, error) {
	set, err := t.opt.Settings.Load(ctx, call.User, Scope(call.On.Network))
	if err != nil {
		return "", err
	}
	account := cmp.Or(strings.TrimSpace(call.Values.Get(fieldAccount)), set[SettingAccount], set[SettingNick])
	password := cmp.Or(call.Values.Get(fieldPassword), set[SettingAccountPassword])
	if faults := t.checkLogin(call.Lang, account, password); len(faults) > 0 {
		return "", faults.AsError()
	}
	present := set[SettingCertificate]
	switch action := call.Values.Get(fieldAction); {
	case action == certfpShow && present == "", action == certfpOff && present == "":
		return text.Say(call.Lang, "You have no certificate for %s.", call.On.Network), nil
	case action == certfpShow:
		return showPrint(call.Lang, call.On.Network, present, set[SettingPrint]), nil
	case action == certfpOff:
		return t.begin(ctx, call, SettingTrial, "1", func(ctx context.Context, n *Network, set map[string]string) string {
			return t.removeCertificate(ctx, call, n, set, account, password)
		})
	case present == "" && (account == "" || password == ""):
		return "", transports.Faults{{Field: fieldPassword, Text: text.Say(call.Lang, "To add a certificate to your account one has to log in to it: write its name and its password.")}}.AsError()
	}
	made := set[SettingNewCertificate]
	if _, err := leafOf(made); err != nil {
		if made, err = newCertificate(); err != nil {
			return "", err
		}
	}
	return t.begin(ctx, call, SettingNewCertificate, made, func(ctx context.Context, n *Network, set map[string]string) string {
		return t.addCertificate(ctx, call, n, set, account, password, made)
	})
}

// showPrint says the fingerprint of a certificate.
func showPrint(lang, network, pem, known string) string {
	leaf, err := leafOf(pem)
	if err != nil {
		return text.Say(lang, "Your certificate for %s cannot be read: set it again with the command configure.", network)
	}
	said := text.Say(lang, "The fingerprint of your certificate for %s is %s (SHA-256).", network, writeFingerprint(leaf))
	if known != "" && !strings.EqualFold(known, prints[0](leaf)) {
		said += " " + text.Say(lang, "The network knows it by %s.", known)
	}
	return said
}

// What services answer to CERT: Atheme, Anope and ergo.
var (
	certAdded   = regexp.MustCompile(`(?i)\badded\b|\balready (on your fingerprint list|present on|authorized)\b|\balready on your\b`)
	certRemoved = regexp.MustCompile(`(?i)\b(deleted|removed)\b|\bnot (on your fingerprint list|found on|authorized)\b`)
	certAnswer  = regexp.MustCompile(`(?i)\bfingerprint|\bcert(ificate|fp)?\b|\bsyntax\b|\bparameters?\b|\bnot logged in\b|\bunknown command\b|\binvalid command\b|\bdenied\b|\bmaximum\b|\bsuspended\b|\bread-only\b|\bnot identified\b`)
	certTaken   = regexp.MustCompile(`(?i)\banother user\b|\bin use\b|\banother account\b`)
)

// addCertificate does it all. It says what came of it.
func (t *Transport) addCertificate(ctx context.Context, call transports.Call, n *Network, set map[string]string, account, password, made string) string {
	failed := func(why string) string {
		return text.Say(call.Lang, "There is no new certificate for %s, and your login there is as it was:", n.Name) + " " + why
	}
	leaf, err := leafOf(made)
	if err != nil {
		return failed(err.Error())
	}
	last, _ := leafOf(set[SettingCertificate]) // nil for none
	print, fault := t.makeKnown(ctx, call, n, set, account, password, made, leaf, last)
	if fault != "" {
		return failed(fault)
	}
	// With nothing but the certificate.
	v, why := t.visit(ctx, call.User, n, trial(set, map[string]string{SettingCertificate: made, SettingSASL: saslExternal}))
	defer v.close()
	if why != nil {
		return failed(text.Say(call.Lang, "The services have taken the fingerprint, but a login with the certificate did not work:") + " " + why.In(text.In(call.Lang)))
	}
	if _, as := v.self(); as != "" {
		account = as
	}
	if wrong := t.keep(ctx, call, SettingNewCertificate, map[string]string{
		SettingCertificate: made, SettingPrint: print, SettingAccount: account, SettingAccountPassword: "", SettingSASL: "",
	}); wrong != "" {
		return failed(wrong)
	}
	said := text.Say(call.Lang, "%s has let you in as account %s with a certificate alone. From your next connection on you are logged in so; no password is kept here any more.", n.Name, account) +
		" " + showPrint(call.Lang, n.Name, made, print)
	if last != nil {
		if fault := v.removePrint(ctx, call.Lang, cmp.Or(set[SettingPrint], prints[0](last))); fault != "" {
			said += " " + text.Say(call.Lang, "The fingerprint of the certificate before it is still in your account there:") + " " + fault
		}
	}
	return said
}

// makeKnown has the services of a network know a certificate, and says by which fingerprint, or what went wrong.
func (t *Transport) makeKnown(ctx context.Context, call transports.Call, n *Network, set map[string]string, account, password, made string, leaf, last *x509.Certificate) (print, fault string) {
	// Shown to the network, the certificate need not be named: only the network knows which fingerprint it takes. With a password that
	// is possible; who has nothing but the last certificate shows that one.
	shown, login := leaf, map[string]string{SettingAccount: account, SettingAccountPassword: password, SettingSASL: saslPassword, SettingCertificate: made}
	if password == "" {
		shown, login = last, map[string]string{SettingCertificate: set[SettingCertificate], SettingSASL: saslExternal}
	}
	v, why := t.visit(ctx, call.User, n, trial(set, login))
	defer v.close()
	if l := v.login(); why != nil && l != nil && !l.offered {
		return "", text.Say(call.Lang, "%s has no SASL at the moment, without which a certificate alone logs nobody in.", n.Name)
	}
	if why != nil {
		return "", why.In(text.In(call.Lang))
	}
	if l := v.login(); len(l.mechanisms) > 0 && !slices.Contains(l.mechanisms, mechExternal) {
		return "", text.Say(call.Lang, "%s has no login with certificates (SASL EXTERNAL).", n.Name)
	}
	print, why = v.ownPrint(ctx, shown)
	if why != nil {
		return "", why.In(text.In(call.Lang))
	}
	words := "CERT ADD"
	if shown == last {
		if print = printLike(leaf, last, cmp.Or(print, set[SettingPrint], prints[0](last))); print == "" {
			return "", text.Say(call.Lang, "It is not known which fingerprint %s takes: run login with your password, and then certfp once more.", n.Name)
		}
		words += " " + print
	}
	s, why := v.services(ctx)
	if why != nil {
		return "", why.In(text.In(call.Lang))
	}
	said, why := v.ask(ctx, s, words, certAnswer.MatchString)
	switch {
	case why != nil:
		return "", why.In(text.In(call.Lang))
	case certTaken.MatchString(said): // so it is of no use
		if _, err := t.opt.Settings.Save(ctx, call.User, Scope(n.ID), "", map[string]string{SettingNewCertificate: ""}); err != nil {
			t.log.Error("a certificate that is of no use could not be forgotten", "network", n.ID, "error", err)
		}
		fallthrough
	case !certAdded.MatchString(said):
		return "", text.Say(call.Lang, "The services do not add the fingerprint. They say: “%s”", said)
	}
	return cmp.Or(findPrint(said, leaf), print, prints[0](leaf)), ""
}

// ownPrint is the fingerprint by which the network knows the certificate that it was shown; empty where it does not say (WHOIS, numeric 276).
func (v *visit) ownPrint(ctx context.Context, shown *x509.Certificate) (print string, err *transports.Error) {
	nick, _ := v.self()
	v.say("WHOIS " + nick)
	err = v.hear(ctx, func(e *girc.Event) bool {
		if e.Command == "276" {
			print = findPrint(e.Last(), shown)
		}
		return e.Command == girc.RPL_ENDOFWHOIS
	})
	return print, err
}

// removePrint has the services forget a fingerprint, and says what went wrong.
func (v *visit) removePrint(ctx context.Context, lang, print string) (fault string) {
	s, err := v.services(ctx)
	if err != nil {
		return err.In(text.In(lang))
	}
	said, err := v.ask(ctx, s, "CERT DEL "+print, certAnswer.MatchString)
	switch {
	case err != nil:
		return err.In(text.In(lang))
	case !certRemoved.MatchString(said):
		return text.Say(lang, "The services say: “%s”", said)
	}
	return ""
}

// removeCertificate goes back to a password, or to no login where there is none.
func (t *Transport) removeCertificate(ctx context.Context, call transports.Call, n *Network, set map[string]string, account, password string) string {
	failed := func(why string) string {
		return text.Say(call.Lang, "Your certificate for %s, and your login there, are as they were:", n.Name) + " " + why
	}
	login := map[string]string{SettingAccount: account, SettingAccountPassword: password, SettingSASL: saslPassword}
	if password == "" {
		account, login = "", map[string]string{SettingCertificate: set[SettingCertificate], SettingSASL: saslExternal}
	}
	v, why := t.visit(ctx, call.User, n, trial(set, login))
	defer v.close()
	if why != nil {
		return failed(why.In(text.In(call.Lang)))
	}
	if wrong := t.keep(ctx, call, SettingTrial, map[string]string{
		SettingCertificate: "", SettingPrint: "", SettingAccount: account, SettingAccountPassword: password, SettingSASL: "",
	}); wrong != "" {
		return failed(wrong)
	}
	said := text.Say(call.Lang, "Your certificate for %s is removed. From your next connection on you log in with the password of account %s.", n.Name, account)
	if password == "" {
		said = text.Say(call.Lang, "Your certificate for %s is removed. From your next connection on you are not logged in there.", n.Name)
	}
	leaf, err := leafOf(set[SettingCertificate])
	if err != nil {
		return said
	}
	if fault := v.removePrint(ctx, call.Lang, cmp.Or(set[SettingPrint], prints[0](leaf))); fault != "" {
		said += " " + text.Say(call.Lang, "Its fingerprint is still in your account there:") + " " + fault
	}
	return said
}
