package mailbridge

import (
	"context"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"passerelle/internal/text"
	"passerelle/mailbridge/address"
	"passerelle/mailbridge/redirect"
	"passerelle/store"
	"passerelle/transports"
)

// Fields of the form of a redirect.
const (
	fieldTo       = "to"
	fieldCode     = "code"
	fieldWay      = "way"
	fieldRules    = "rules"
	fieldZone     = "zone"
	fieldPresence = "presence"
	fieldAlias    = "alias"
	fieldOff      = "off"
	fieldPassword = "password"
	fieldUser     = "user"
)

// wayNames are ways as people name them.
var wayNames = []transports.Option{
	{Value: "best", Label: "The best one that your server allows"},
	{Value: "module", Label: "A module on your server copies your messages to this gateway"},
	{Value: "push", Label: "Your server tells this gateway of your messages as it does your phone"},
	{Value: "login", Label: "This gateway logs in to your account and reads your archive"},
	{Value: "alias", Label: "Only what is written to your address here"},
}

var waysByName = map[string]transports.Way{
	"best": transports.WayNone, "module": transports.WayModule, "push": transports.WayPush, "login": transports.WayLogin, "alias": transports.WayAlias,
}

// WayNamed is the way that a name stands for.
func WayNamed(name string) (w transports.Way, ok bool) {
	w, ok = waysByName[name]
	return w, ok && w != transports.WayNone
}

func wayName(w transports.Way) string {
	for name, way := range waysByName {
		if way == w {
			return name
		}
	}
	return ""
}

// redirectCommands are those of redirects; none where the operator has not turned them on.
func (t *Transport) redirectCommands() []transports.Command {
	if t.rules.Load().Redirect == nil {
		return nil
	}
	askUser := func(_ context.Context, call transports.Call) (*transports.Form, error) {
		if call.Values != nil {
			return nil, nil
		}
		return &transports.Form{Title: "The redirect of a user", Fields: []transports.Field{
			{Name: fieldUser, Label: "User", Type: transports.FieldAddress, Required: true},
			{Name: fieldOff, Label: "End it", Type: transports.FieldBool, Values: []string{"false"}},
		}}, nil
	}
	return []transports.Command{
		{Name: "redirect", Title: "Messages from XMPP by mail", Next: t.redirectForm, Run: t.runRedirect, Say: t.sayRedirect},
		{Name: "redirect-login", Title: "Log in to your account for messages by mail", Next: t.loginForm, Run: t.runRedirectLogin},
		{Name: "redirects", Title: "Whose messages are mailed to them", Admin: true, List: t.listRedirects},
		{Name: "redirect-user", Title: "The redirect of a user", Admin: true, Next: askUser, Run: t.runRedirectUser},
	}
}

// redirectForm is the form of a redirect, as far as it is.
func (t *Transport) redirectForm(ctx context.Context, call transports.Call) (*transports.Form, error) {
	if call.Values != nil {
		return nil, nil
	}
	if err := t.mayRedirect(call.Lang, call.User); err != nil {
		return nil, err
	}
	r, ok, err := t.opt.Store.Redirect(ctx, t.userID(call.User))
	if err != nil {
		return nil, busy(err)
	}
	if !ok {
		return &transports.Form{
			Title:        "Messages from XMPP by mail",
			Instructions: "What you get on XMPP can come to a mailbox of yours, and what you answer there goes out on XMPP. A code is mailed there first.",
			Fields:       []transports.Field{{Name: fieldTo, Label: "Email address", Required: true}},
		}, nil
	}
	s, err := fromJSON[redirectSettings](r.Settings)
	if err != nil {
		return nil, err
	}
	f := &transports.Form{Title: "Messages from XMPP by mail", Instructions: t.sayRedirected(call.Lang, &r, &s)}
	f.Fields = []transports.Field{{Name: fieldTo, Label: "Email address", Values: []string{r.Mailbox}}}
	if r.State == store.RedirectAsked || t.changes(&r, &s) {
		f.Fields = append(f.Fields, transports.Field{Name: fieldCode, Label: "The code that was mailed there"})
	}
	wanted := wayName(s.Wanted)
	f.Fields = append(f.Fields,
		transports.Field{Name: fieldRules, Label: "Rules, of which the first that fits counts", Type: transports.FieldLines, Values: rulesOf(&r).Lines()},
		transports.Field{Name: fieldWay, Label: "How your messages are learnt of", Type: transports.FieldChoice, Values: []string{wanted}, Options: wayNames},
		transports.Field{Name: fieldZone, Label: "Time zone, such as Europe/Paris", Values: []string{s.zone().String()}},
		transports.Field{Name: fieldPresence, Label: "While you are online, nothing is mailed", Type: transports.FieldBool, Values: []string{strconv.FormatBool(s.Presence)}},
		transports.Field{Name: fieldAlias, Label: "The name of your address here", Values: []string{r.Alias}},
		transports.Field{Name: fieldOff, Label: "End it, and delete what waits", Type: transports.FieldBool, Values: []string{"false"}},
	)
	return f, nil
}

// runRedirect does what was filled in.
func (t *Transport) runRedirect(ctx context.Context, call transports.Call) (string, error) {
	if err := t.mayRedirect(call.Lang, call.User); err != nil {
		return "", err
	}
	if call.Values.Bool(fieldOff) {
		return t.redirectOff(ctx, call.Lang, call.User)
	}
	id := t.userID(call.User)
	r, ok, err := t.opt.Store.Redirect(ctx, id)
	if err != nil {
		return "", busy(err)
	}
	if to := strings.TrimSpace(call.Values.Get(fieldTo)); to != "" && (!ok || to != r.Mailbox) {
		return t.redirectTo(ctx, call.Lang, call.User, to)
	}
	var said []string
	if code := call.Values.Get(fieldCode); strings.TrimSpace(code) != "" {
		confirmed, err := t.confirmRedirect(ctx, call.Lang, call.User, code)
		if err != nil {
			return "", err
		}
		said = append(said, confirmed)
	}
	if err := t.changeRedirect(ctx, call.Lang, id, call.Values); err != nil {
		return "", err
	}
	if len(said) == 0 {
		return t.redirectStatus(ctx, call.Lang, call.User)
	}
	return strings.Join(said, "\n"), nil
}

// changeRedirect sets what of a redirect is among some values.
func (t *Transport) changeRedirect(ctx context.Context, lang string, id store.UserID, values transports.Values) error {
	return t.write(ctx, func(tx *store.Tx) error {
		r, ok, err := tx.Redirect(id)
		if err != nil {
			return err
		}
		if !ok {
			return noRedirect(lang)
		}
		s, err := fromJSON[redirectSettings](r.Settings)
		if err != nil {
			return err
		}
		before := s
		if err := t.fillRedirect(tx, lang, &r, &s, values); err != nil {
			return err
		}
		r.Settings = toJSON(s)
		if err := tx.SetRedirect(r); err != nil || r.State != store.RedirectOn {
			return err
		}
		if s.Wanted == before.Wanted && following(rulesOf(&r), s.Marks) == before.Following {
			return nil
		}
		_, err = t.enqueue(tx, kindFollow, id.JID, "", time.Time{}, task{User: id.JID, Notify: s.Wanted != before.Wanted})
		return err
	})
}

func noRedirect(lang string) error {
	return transports.NewError(transports.NotFound, text.Say(lang, "Your messages go nowhere. Begin with “redirect to” and your email address."), nil)
}

// fillRedirect puts values into a redirect. What is wrong with them are Faults.
func (t *Transport) fillRedirect(tx *store.Tx, lang string, r *store.Redirect, s *redirectSettings, values transports.Values) error {
	var faults transports.Faults
	wrong := func(field, said string) { faults = append(faults, transports.Fault{Field: field, Text: said}) }
	if lines, ok := values[fieldRules]; ok {
		rules, err := redirect.ParseRules(lang, lines)
		if err != nil {
			wrong(fieldRules, transports.AsError(err).Text)
		}
		r.Rules = strings.Join(rules.Lines(), "\n")
	}
	if name := values.Get(fieldWay); name != "" {
		w, ok := waysByName[name]
		if rules := t.rules.Load().Redirect; !ok || w != transports.WayNone && rules != nil && rules.Ways != nil && !slices.Contains(rules.Ways, w) {
			wrong(fieldWay, text.Say(lang, "The operator does not allow this way."))
		} else if w == transports.WayLogin && s.Way != w {
			wrong(fieldWay, text.Say(lang, "Run “redirect-login” for that: it asks for your password, by a form or a page and never in chat."))
		}
		s.Wanted = w
	}
	if zone := strings.TrimSpace(values.Get(fieldZone)); zone != "" {
		if _, err := time.LoadLocation(zone); err != nil || zone == "Local" || len(zone) > maxName {
			wrong(fieldZone, text.Say(lang, "There is no such time zone. Write one such as Europe/Paris."))
		}
		s.Zone = zone
	}
	if _, ok := values[fieldPresence]; ok {
		s.Presence = values.Bool(fieldPresence)
	}
	if alias := strings.ToLower(strings.TrimSpace(values.Get(fieldAlias))); alias != "" && alias != r.Alias {
		_, taken, err := tx.RedirectByAlias(r.Domain, alias)
		switch {
		case err != nil:
			return err
		case taken || !aliasName.MatchString(alias) || alias == transports.BotName || address.IsAlias(alias) || slices.Contains(nobodyReads, alias) || givenAlias.MatchString(alias):
			wrong(fieldAlias, text.Say(lang, "This name is taken, or has something else in it than letters, digits, “.”, “-” and “_”."))
		}
		r.Alias = alias
	}
	if len(faults) > 0 {
		return faults.AsError()
	}
	return nil
}

// aliasName is what a user may call his address here: nothing that would be an email address.
var aliasName = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{1,63}$`)

// givenAlias is what those look like that the gateway makes: whose it was once gets what is still written to it, and nobody after him.
var givenAlias = regexp.MustCompile(`-[a-z2-7]{8}$`)

func (t *Transport) redirectOff(ctx context.Context, lang string, user transports.Address) (string, error) {
	was := false
	err := t.write(ctx, func(tx *store.Tx) (err error) { was, err = t.endRedirect(tx, t.userID(user)); return err })
	switch {
	case err != nil:
		return "", err
	case !was:
		return "", noRedirect(lang)
	}
	return text.Say(lang, "Your messages are mailed no more, and what waited is deleted."), nil
}

func (t *Transport) redirectStatus(ctx context.Context, lang string, user transports.Address) (string, error) {
	r, ok, err := t.opt.Store.Redirect(ctx, t.userID(user))
	if err != nil {
		return "", busy(err)
	}
	if !ok {
		return "", noRedirect(lang)
	}
	s, err := fromJSON[redirectSettings](r.Settings)
	if err != nil {
		return "", err
	}
	return t.sayRedirected(lang, &r, &s), nil
}

// sayRedirected is how far a redirect is.
func (t *Transport) sayRedirected(lang string, r *store.Redirect, s *redirectSettings) string {
	switch {
	case r.State == store.RedirectAsked:
		return text.Say(lang, "A code was mailed to %s. Until it is written here, nothing else is sent there.", r.Mailbox)
	case r.State == store.RedirectPaused:
		return text.Say(lang, "Nothing goes to %s, since mails came back. Write “redirect to %s” once your mailbox takes mail again.", r.Mailbox, r.Mailbox)
	case s.Way == transports.WayNone:
		return text.Say(lang, "Your messages go to %s from now on. In a moment you are told how they are learnt of.", r.Mailbox)
	}
	said := t.sayFollowed(lang, r, transports.Offer{Way: s.Way, Marks: s.Marks, Speaks: s.Speaks})
	if t.changes(r, s) {
		said += " " + text.Say(lang, "A code was mailed to %s. Once it is written here, they go there.", s.Next)
	}
	return said
}

// changes reports whether a code waits to be written with which messages go to another mailbox.
func (t *Transport) changes(r *store.Redirect, s *redirectSettings) bool {
	return s.Next != "" && r.CodedAt.After(t.opt.Now().Add(-codeFor))
}

// sayRedirect does what is said in chat.
func (t *Transport) sayRedirect(ctx context.Context, call transports.Call, words []string) (string, error) {
	if err := t.mayRedirect(call.Lang, call.User); err != nil {
		return "", err
	}
	verb, rest := strings.ToLower(words[0]), strings.Join(words[1:], " ")
	change := func(name string, values ...string) (string, error) {
		if err := t.changeRedirect(ctx, call.Lang, t.userID(call.User), transports.Values{name: values}); err != nil {
			return "", err
		}
		return text.Say(call.Lang, "That is set."), nil
	}
	switch {
	case verb == "to" && rest != "":
		return t.redirectTo(ctx, call.Lang, call.User, rest)
	case verb == "code" && rest != "":
		return t.confirmRedirect(ctx, call.Lang, call.User, rest)
	case verb == "off" && rest == "":
		return t.redirectOff(ctx, call.Lang, call.User)
	case verb == "status" && rest == "":
		return t.redirectStatus(ctx, call.Lang, call.User)
	case verb == "rules" && rest == "":
		return t.sayRules(ctx, call)
	case verb == "add" && rest != "":
		return t.changeRules(ctx, call, func(lines []string) ([]string, error) { return append(lines, rest), nil })
	case verb == "remove" && rest != "":
		return t.changeRules(ctx, call, func(lines []string) ([]string, error) {
			n, err := strconv.Atoi(rest)
			if err != nil || n < 1 || n > len(lines) {
				return nil, transports.NewError(transports.BadRequest, text.Say(call.Lang, "There is no rule of this number: “redirect rules” shows them."), nil)
			}
			return slices.Delete(lines, n-1, n), nil
		})
	case verb == "by" && rest != "":
		return change(fieldWay, strings.ToLower(rest))
	case verb == "zone" && rest != "":
		return change(fieldZone, rest)
	case verb == "presence" && rest != "":
		return change(fieldPresence, rest)
	case verb == "alias" && rest != "":
		return change(fieldAlias, rest)
	}
	return "", transports.NewError(transports.BadRequest, text.Say(call.Lang, "Behind “redirect” comes: to and your email address, code and what was mailed, status, rules, add and a rule, remove and its number, by and a way (module, push, login, alias, best), zone, presence on or off, alias and a name, or off."), nil)
}

// changeRules changes the rules of a user and shows them.
func (t *Transport) changeRules(ctx context.Context, call transports.Call, change func([]string) ([]string, error)) (string, error) {
	r, ok, err := t.opt.Store.Redirect(ctx, t.userID(call.User))
	if err != nil {
		return "", busy(err)
	}
	if !ok {
		return "", noRedirect(call.Lang)
	}
	lines, err := change(rulesOf(&r).Lines())
	if err != nil {
		return "", err
	}
	if err := t.changeRedirect(ctx, call.Lang, t.userID(call.User), transports.Values{fieldRules: lines}); err != nil {
		return "", err
	}
	return t.sayRules(ctx, call)
}

// sayRules shows the rules of a user.
func (t *Transport) sayRules(ctx context.Context, call transports.Call) (string, error) {
	r, ok, err := t.opt.Store.Redirect(ctx, t.userID(call.User))
	if err != nil {
		return "", busy(err)
	}
	if !ok {
		return "", noRedirect(call.Lang)
	}
	s, err := fromJSON[redirectSettings](r.Settings)
	if err != nil {
		return "", err
	}
	var lines []string
	for i, rule := range rulesOf(&r).Lines() {
		lines = append(lines, strconv.Itoa(i+1)+". "+rule)
	}
	lines = append(lines, text.Say(call.Lang, "All else: %s; nothing that is said in rooms.", redirect.Usual(false, s.Marks).String()))
	return strings.Join(lines, "\n"), nil
}

// loginForm asks for the password of the account.
func (t *Transport) loginForm(_ context.Context, call transports.Call) (*transports.Form, error) {
	if call.Values != nil {
		return nil, nil
	}
	return &transports.Form{
		Title:        "Log in to your account for messages by mail",
		Instructions: "This gateway logs in to your XMPP account now and then, without being seen online, and reads what came. Your password is kept sealed, until you end that.",
		Fields:       []transports.Field{{Name: fieldPassword, Label: "Password of your XMPP account", Type: transports.FieldSecret, Required: true}},
	}, nil
}

func (t *Transport) runRedirectLogin(ctx context.Context, call transports.Call) (string, error) {
	if err := t.mayRedirect(call.Lang, call.User); err != nil {
		return "", err
	}
	if rules := t.rules.Load().Redirect; rules.Ways != nil && !slices.Contains(rules.Ways, transports.WayLogin) {
		return "", transports.NewError(transports.Denied, text.Say(call.Lang, "The operator does not allow this way."), nil)
	}
	id := t.userID(call.User)
	err := t.write(ctx, func(tx *store.Tx) error {
		r, ok, err := tx.Redirect(id)
		switch {
		case err != nil:
			return err
		case !ok || r.State != store.RedirectOn:
			return noRedirect(call.Lang)
		}
		s, err := fromJSON[redirectSettings](r.Settings)
		if err != nil {
			return err
		}
		s.Wanted = transports.WayLogin
		r.Settings = toJSON(s)
		if err := tx.SetRedirect(r); err != nil {
			return err
		}
		if err := tx.SetSecret(id, scope, redirectPassword, store.Secret(call.Values.Get(fieldPassword))); err != nil {
			return err
		}
		_, err = t.enqueue(tx, kindFollow, id.JID, "", time.Time{}, task{User: id.JID, Notify: true})
		return err
	})
	if err != nil {
		return "", err
	}
	return text.Say(call.Lang, "The login is being tried. You are told what came of it."), nil
}

// listRedirects shows an administrator whose messages go by mail. Where they go he sees, since mail that comes back is his to look after.
func (t *Transport) listRedirects(ctx context.Context, call transports.Call, page transports.Page) (*transports.Table, error) {
	table := &transports.Table{Title: "Whose messages are mailed to them", Empty: "Nobody's.", Columns: []transports.Column{
		{Name: "user", Label: "User"}, {Name: "mailbox", Label: "Email address"}, {Name: "state", Label: "State"}, {Name: "way", Label: "Way"},
	}}
	all, err := t.opt.Store.RedirectsAfter(ctx, t.opt.Domain, page.After, max(page.Max, 1)+1)
	if err != nil {
		return nil, busy(err)
	}
	if table.More = len(all) > max(page.Max, 1); table.More {
		all = all[:len(all)-1]
	}
	for i := range all {
		s, err := fromJSON[redirectSettings](all[i].Settings)
		if err != nil {
			return nil, err
		}
		table.Rows = append(table.Rows, transports.Row{
			Key: all[i].JID, Pick: "redirect-user " + all[i].JID, Cells: []string{all[i].JID, all[i].Mailbox, sayState(call.Lang, all[i].State), wayName(s.Way)},
		})
	}
	return table, nil
}

func sayState(lang string, s store.RedirectState) string {
	switch s {
	case store.RedirectOn:
		return text.Say(lang, "on")
	case store.RedirectPaused:
		return text.Say(lang, "paused: mails came back")
	}
	return text.Say(lang, "not confirmed")
}

// runRedirectUser shows an administrator a redirect, or ends it.
func (t *Transport) runRedirectUser(ctx context.Context, call transports.Call) (string, error) {
	user, err := transports.ParseAddress(call.Values.Get(fieldUser))
	if err != nil {
		return "", transports.Faults{{Field: fieldUser, Text: text.Say(call.Lang, "This is no JID.")}}.AsError()
	}
	id := t.userID(user)
	r, ok, err := t.opt.Store.Redirect(ctx, id)
	switch {
	case err != nil:
		return "", busy(err)
	case !ok:
		return "", transports.NewError(transports.NotFound, text.Say(call.Lang, "The messages of %s go nowhere.", user.Bare().String()), nil)
	}
	if call.Values.Bool(fieldOff) {
		err := t.write(ctx, func(tx *store.Tx) error {
			if _, err := t.endRedirect(tx, id); err != nil {
				return err
			}
			said := text.Say(t.langOf(tx, user), "The operator of this gateway has ended it that your messages go to %s.", r.Mailbox)
			return t.gateway.Deliver(tx, user.Bare(), transports.Remark{ID: digest("ended", id.JID, strconv.FormatInt(tx.Now().UnixMilli(), 10)), Text: said})
		})
		if err != nil {
			return "", err
		}
		return text.Say(call.Lang, "The messages of %s are mailed no more.", user.Bare().String()), nil
	}
	s, err := fromJSON[redirectSettings](r.Settings)
	if err != nil {
		return "", err
	}
	talks, err := t.opt.Store.RedirectTalks(ctx, id, maxTalks)
	if err != nil {
		return "", busy(err)
	}
	lines := 0
	for i := range talks {
		lines += talks[i].Waiting
	}
	return text.Say(call.Lang, "%s → %s: %s, by %s; %d messages of %d conversations wait.", r.JID, r.Mailbox, sayState(call.Lang, r.State), wayName(s.Way), lines, len(talks)), nil
}
