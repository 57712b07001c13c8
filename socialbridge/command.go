package socialbridge

import (
	"context"
	"strings"

	"passerelle/internal/text"
	"passerelle/store"
	"passerelle/transports"
)

// Commands implements transports.Transport.
func (t *Transport) Commands() []transports.Command {
	// ask is a form with one field, which in chat is what stands behind the word, and which a contact answers on whom the command is run.
	ask := func(c transports.Command, f transports.Field) transports.Command {
		f.Name, f.Required = "who", true
		title, run := c.Title, c.Run
		c.Next = func(_ context.Context, call transports.Call) (*transports.Form, error) {
			if call.Values != nil || call.On.ID != "" {
				return nil, nil
			}
			return &transports.Form{Title: title, Fields: []transports.Field{f}}, nil
		}
		c.Say = func(ctx context.Context, call transports.Call, words []string) (string, error) {
			call.Values = transports.Values{"who": {strings.Join(words, " ")}}
			return run(ctx, call)
		}
		return c
	}
	somebody := func(c transports.Command) transports.Command {
		c.For = []transports.TargetKind{transports.TargetDomain, transports.TargetContact}
		return ask(c, transports.Field{Label: "Address on the social web"})
	}
	return []transports.Command{
		{Name: "social", Title: "Take part in the social web", Next: t.socialForm, Run: t.runSocial, Say: t.saySocial},
		{Name: "post", Title: "Publish something", Next: t.postForm, Run: t.runPost, Say: t.sayPost, Verbatim: true},
		{Name: "public", Title: "Publish what you write to people", Run: func(ctx context.Context, call transports.Call) (string, error) {
			return t.publishHeld(ctx, call.Lang, call.User)
		}},
		somebody(transports.Command{Name: "follow", Title: "Follow somebody", Run: t.runFollow}),
		somebody(transports.Command{Name: "unfollow", Title: "Follow somebody no more", Run: t.runUnfollow}),
		somebody(transports.Command{Name: "lookup", Title: "Find somebody", Run: t.runLookup}),
		{Name: "following", Title: "Whom you follow", List: t.listFollowing},
		{Name: "followers", Title: "Who follows you", List: t.listFollowers},
		somebody(transports.Command{Name: "accept", Title: "Let somebody follow you", Run: t.runAccept}),
		somebody(transports.Command{Name: "refuse", Title: "Do not let somebody follow you", Run: t.runRefuse}),
		somebody(transports.Command{Name: "mute", Title: "Hear nothing of somebody", Run: t.runBlock(store.SocialMuted)}),
		somebody(transports.Command{Name: "block", Title: "Block somebody", Run: t.runBlock(store.SocialBlocked)}),
		somebody(transports.Command{Name: "unblock", Title: "Hear of somebody again", Run: t.runBlock(0)}),
		somebody(transports.Command{Name: "report", Title: "Report somebody to the operator", Run: t.runReport}),
		{Name: "blocked", Title: "Of whom you want to hear nothing", List: t.listBlocked},
		{Name: "posts", Title: "What you have published", List: t.listPosts},
		ask(transports.Command{Name: "delete-post", Title: "Take back a post", Run: t.runDeletePost}, transports.Field{Label: "Address of the post"}),
		ask(transports.Command{Name: "repeat", Title: "Repeat a post", Run: t.runRepeat}, transports.Field{Label: "Address of the post"}),
		{Name: "delete-account", Title: "Leave the social web for ever", Next: t.deleteForm, Run: t.runDelete},
		{Name: "social-hosts", Title: "Servers that are excluded, or not", Admin: true, List: t.listHosts},
		{Name: "social-accounts", Title: "Users who take part in the social web", Admin: true, List: t.listAccounts},
		ask(transports.Command{Name: "exclude-host", Title: "Exclude a server", Admin: true, Run: t.runHost(true)}, transports.Field{Label: "Host"}),
		ask(transports.Command{Name: "admit-host", Title: "Admit a server", Admin: true, Run: t.runHost(false)}, transports.Field{Label: "Host"}),
	}
}

// whom is whom a command is about.
func (t *Transport) whom(call *transports.Call) string {
	if call.On.ID != "" {
		return call.On.ID
	}
	return strings.TrimSpace(call.Values.Get("who"))
}

// somebody is an actor of whom something is known.
func (t *Transport) somebody(ctx context.Context, call *transports.Call) (row store.SocialActor, err error) {
	said := t.whom(call)
	keys := []store.SocialKey{{URI: said}}
	if acct, ok := readAcct(said); ok {
		keys = append(keys, store.SocialKey{Acct: acct})
	}
	for _, key := range keys {
		if key == (store.SocialKey{}) {
			continue
		}
		row, ok, err := t.opt.Store.SocialActor(ctx, t.opt.Domain, key)
		if err != nil {
			return row, busy(err)
		}
		if ok {
			return row, nil
		}
	}
	return row, transports.NewError(transports.NotFound, text.Say(call.Lang, "Nothing is known here of “%s”. “lookup” finds somebody.", said), nil)
}

// consent says what taking part means.
func (t *Transport) consent(lang string, user transports.Address) string {
	name := accountName(user, t.rules.Load().Users)
	return text.Say(lang, "On the social web you would be %s@%s. Everything that you publish there is public: everybody can read it, for ever, and other servers keep it. That is your posts, your answers to people, what you like and repeat, whom you follow, your name and your picture; and from then on what you publish in your own feed, even where only your contacts can read that now (“configure publish=open” or “publish=none” change that). Private messages do not exist there.", name, t.host)
}

func (t *Transport) socialForm(ctx context.Context, call transports.Call) (*transports.Form, error) {
	if call.Values != nil {
		return nil, nil
	}
	_, err := t.accountOf(ctx, call.Lang, call.User)
	if err == nil {
		return nil, nil
	}
	if transports.AsError(err).Kind != transports.NotRegistered {
		return nil, err
	}
	return &transports.Form{Title: "Take part in the social web", Instructions: t.consent(call.Lang, call.User), Fields: []transports.Field{
		{Name: "on", Label: "I want to take part, and know that all of it is public", Type: transports.FieldBool, Values: []string{"false"}},
	}}, nil
}

func (t *Transport) runSocial(ctx context.Context, call transports.Call) (string, error) {
	if call.Values == nil || call.Values.Get("on") == "" {
		return t.saySocial(ctx, call, nil)
	}
	if !call.Values.Bool("on") {
		return text.Say(call.Lang, "Left as it is."), nil
	}
	return t.saySocial(ctx, call, []string{"on"})
}

// saySocial does what "social on" and "social off" ask for; "social" says how it is.
func (t *Transport) saySocial(ctx context.Context, call transports.Call, words []string) (string, error) {
	word := ""
	if len(words) > 0 {
		word = strings.ToLower(words[0])
	}
	switch word {
	case "on", "oui", "yes":
		a, made, err := t.join(ctx, call.Lang, call.User)
		if err != nil {
			return "", err
		}
		if !made {
			return text.Say(call.Lang, "You take part already: you are %s, and your page is %s", a.Acct, a.Page), nil
		}
		return t.consentGiven(call.Lang, a), nil
	case "off", "non", "no":
		return text.Say(call.Lang, "Taking part ends with “delete-account”, which deletes all that you have published, for ever. To publish nothing of your own feed any more write “configure publish=none”."), nil
	case "":
		a, err := t.accountOf(ctx, call.Lang, call.User)
		if err == nil {
			return t.status(ctx, call.Lang, a)
		}
		if transports.AsError(err).Kind != transports.NotRegistered {
			return "", err
		}
		return t.consent(call.Lang, call.User) + " " + text.Say(call.Lang, "Write “social on” to take part. Nothing of you is published before, and you can read others without."), nil
	}
	return "", transports.NewError(transports.BadRequest, text.Say(call.Lang, "Write “social”, “social on” or “social off”."), nil)
}

// consentGiven says what has begun.
func (t *Transport) consentGiven(lang string, a *Account) string {
	return text.Say(lang, "You are %s now, and your page is %s. What you publish from now on is public: by “post …” to me, by answering people, and in your own feed. “configure” has what you can set, “delete-account” ends it.", a.Acct, a.Page)
}

// status says how it is.
func (t *Transport) status(ctx context.Context, lang string, a *Account) (string, error) {
	followers, following, err := t.opt.Store.CountSocialFollowers(ctx, &store.SocialActor{ID: a.ID, Domain: t.opt.Domain, JID: a.User.String()})
	if err != nil {
		return "", busy(err)
	}
	return text.Say(lang, "You are %s, and your page is %s. Followers: %d. You follow: %d.", a.Acct, a.Page, followers, following), nil
}

func (t *Transport) postForm(ctx context.Context, call transports.Call) (*transports.Form, error) {
	if _, err := t.accountOf(ctx, call.Lang, call.User); err != nil || call.Values != nil {
		return nil, err
	}
	return &transports.Form{Title: "Publish something", Instructions: "Everybody can read it.", Fields: []transports.Field{
		{Name: "text", Label: "Text", Type: transports.FieldLines, Required: true},
		{Name: "title", Label: "Title, if it is an article"},
	}}, nil
}

func (t *Transport) runPost(ctx context.Context, call transports.Call) (string, error) {
	return t.postText(ctx, &call, &draft{Title: strings.TrimSpace(call.Values.Get("title")), Text: strings.Join(call.Values["text"], "\n"), Show: true})
}

func (t *Transport) sayPost(ctx context.Context, call transports.Call, words []string) (string, error) {
	said := call.Said
	if said == "" {
		said = strings.Join(words, " ")
	}
	d := &draft{Text: said, Show: true}
	if call.ID != "" { // his client may take it back by that, or send it again
		d.Letter, d.Hash = call.ID, digest("post", said)
	}
	return t.postText(ctx, &call, d)
}

func (t *Transport) postText(ctx context.Context, call *transports.Call, d *draft) (string, error) {
	a, err := t.accountOf(ctx, call.Lang, call.User)
	if err != nil {
		return "", err
	}
	item, err := t.publish(ctx, call.Lang, a, d)
	if err != nil {
		return "", err
	}
	if item == "" {
		return text.Say(call.Lang, "It is published once those are found whom it names."), nil
	}
	p, _, err := t.opt.Store.SocialPost(ctx, t.opt.Domain, store.PostKey{Item: item})
	if err != nil {
		return "", busy(err)
	}
	return text.Say(call.Lang, "Published: %s", p.URI), nil
}

func (t *Transport) runFollow(ctx context.Context, call transports.Call) (string, error) {
	said := t.whom(&call)
	row, err := t.somebody(ctx, &call)
	if transports.AsError(err) != nil && transports.AsError(err).Kind == transports.NotFound {
		if _, ok := readAcct(said); !ok && httpURL(said) == "" {
			return "", errAddress(call.Lang)
		}
		if err := t.find(ctx, call.Lang, call.User, said, thenFollow); err != nil {
			return "", err
		}
		return text.Say(call.Lang, "%s is being looked for.", said), nil
	}
	if err != nil {
		return "", err
	}
	follows := false
	err = t.write(ctx, func(tx *store.Tx) error {
		a, err := t.accountIn(tx, call.User)
		if err != nil {
			return err
		}
		if err := t.follow(tx, call.Lang, call.User, a, &row); err != nil {
			return err
		}
		follows, err = tx.FollowsSocial(t.userID(call.User), row.ID)
		return err
	})
	switch {
	case err != nil:
		return "", err
	case !follows:
		return text.Say(call.Lang, "%s is asked whether you may follow.", handle(&row)), nil
	}
	return text.Say(call.Lang, "You follow %s.", handle(&row)), nil
}

func (t *Transport) runUnfollow(ctx context.Context, call transports.Call) (string, error) {
	row, err := t.somebody(ctx, &call)
	if err != nil {
		return "", err
	}
	err = t.write(ctx, func(tx *store.Tx) error {
		a, err := t.accountIn(tx, call.User)
		if err != nil {
			return err
		}
		return t.unfollow(tx, call.User, a, &row)
	})
	if err != nil {
		return "", err
	}
	return text.Say(call.Lang, "You do not follow %s any more.", handle(&row)), nil
}

func (t *Transport) runLookup(ctx context.Context, call transports.Call) (string, error) {
	row, err := t.somebody(ctx, &call)
	if err == nil && row.GoneAt.IsZero() && (!row.Hidden || row.JID == call.User.Bare().String()) {
		return t.sayCard(call.Lang, &row), nil
	}
	said := t.whom(&call)
	if _, ok := readAcct(said); !ok && httpURL(said) == "" {
		return "", errAddress(call.Lang)
	}
	if err := t.find(ctx, call.Lang, call.User, said, thenTell); err != nil {
		return "", err
	}
	return text.Say(call.Lang, "%s is being looked for.", said), nil
}

// decide lets somebody follow an account, or not.
func (t *Transport) decide(ctx context.Context, call *transports.Call, state store.FollowerState) (store.SocialActor, error) {
	row, err := t.somebody(ctx, call)
	if err != nil {
		return row, err
	}
	a, err := t.accountOf(ctx, call.Lang, call.User)
	if err != nil {
		return row, err
	}
	return row, t.write(ctx, func(tx *store.Tx) error {
		was, ok, err := tx.SocialFollower(a.ID, row.ID)
		if err != nil {
			return err
		}
		if !ok {
			return transports.NewError(transports.NotFound, text.Say(call.Lang, "%s has not asked to follow you.", handle(&row)), nil)
		}
		changed, err := tx.SetSocialFollower(a.ID, row.ID, state)
		if err == nil && row.JID != "" && state == store.FollowerIs { // of those here it is known whom they follow
			if _, _, err = tx.DropSocialFollower(a.ID, row.ID); err == nil {
				_, err = tx.FollowSocial(store.SocialFollowing{UserID: row.User(), Actor: a.ID, Told: true})
			}
		}
		if err != nil || !changed || targetOf(&row).ID == "" || state != store.FollowerIs && was != store.FollowerIs {
			return err
		}
		return t.deliver(tx, a.User, transports.FollowedBy{With: targetOf(&row), On: state == store.FollowerIs})
	})
}

func (t *Transport) runAccept(ctx context.Context, call transports.Call) (string, error) {
	row, err := t.decide(ctx, &call, store.FollowerIs)
	if err != nil {
		return "", err
	}
	return text.Say(call.Lang, "%s follows you.", handle(&row)), nil
}

func (t *Transport) runRefuse(ctx context.Context, call transports.Call) (string, error) {
	row, err := t.decide(ctx, &call, store.FollowerRefused)
	if err != nil {
		return "", err
	}
	return text.Say(call.Lang, "%s is not among those who follow you. What you publish is public all the same.", handle(&row)), nil
}

// runBlock blocks somebody, mutes him, or takes that back.
func (t *Transport) runBlock(kind store.SocialBlockKind) func(context.Context, transports.Call) (string, error) {
	return func(ctx context.Context, call transports.Call) (string, error) {
		said := t.whom(&call)
		row, err := t.somebody(ctx, &call)
		name := handle(&row)
		if err != nil {
			// A server, or somebody of whom nothing is known yet.
			acct, ok := readAcct(said)
			if !ok {
				acct, ok = parseHost(strings.ToLower(said))
				ok = ok && strings.Contains(acct, ".")
			}
			if !ok {
				return "", err
			}
			name = acct
		}
		err = t.write(ctx, func(tx *store.Tx) error {
			if err := tx.BlockSocial(store.SocialBlock{UserID: t.userID(call.User), Who: name, Kind: kind}); err != nil || kind != store.SocialBlocked || row.ID == 0 {
				return err
			}
			a, err := t.accountIn(tx, call.User)
			if err != nil {
				return err
			}
			if err := t.unfollow(tx, call.User, a, &row); err != nil || a == nil {
				return err
			}
			if row.JID != "" {
				if _, _, err := tx.UnfollowSocial(row.User(), a.ID); err != nil {
					return err
				}
			}
			_, _, err = tx.DropSocialFollower(a.ID, row.ID)
			return err
		})
		switch {
		case err != nil:
			return "", err
		case kind == 0:
			return text.Say(call.Lang, "You hear of %s again.", name), nil
		case kind == store.SocialMuted:
			return text.Say(call.Lang, "You hear nothing of %s any more. “unblock %s” takes that back.", name, name), nil
		}
		return text.Say(call.Lang, "%s is blocked: you hear nothing of him, and he is not among those who follow you. He can still read what is public. “unblock %s” takes that back.", name, name), nil
	}
}

func (t *Transport) runReport(ctx context.Context, call transports.Call) (string, error) {
	name := t.whom(&call)
	if row, err := t.somebody(ctx, &call); err == nil {
		name = handle(&row)
	}
	admins := t.rules.Load().Admins
	if len(admins) == 0 {
		return "", transports.NewError(transports.Unsupported, text.Say(call.Lang, "The operator of this gateway has not said who takes reports."), nil)
	}
	name = oneLine(name, 300)
	err := t.write(ctx, func(tx *store.Tx) error {
		for _, admin := range admins {
			said := text.Say(t.langOf(tx, admin), "%s reports %s. “exclude-host” excludes a whole server.", call.User.Bare().String(), name)
			if err := t.deliver(tx, admin, transports.Remark{ID: digest("report", call.User.String(), name, tx.Now().UTC().Format("2006-01-02")), Text: said}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	return text.Say(call.Lang, "The operator of this gateway is told of %s.", name), nil
}

// postBy finds a post by what a user says: the address of its page, its id, or its item.
func (t *Transport) postBy(ctx context.Context, lang, said string) (p store.SocialPost, err error) {
	said = strings.TrimSpace(said)
	ok := false
	for _, key := range []store.PostKey{{URI: said}, {Item: said}} {
		if said == "" || ok {
			break
		}
		if p, ok, err = t.opt.Store.SocialPost(ctx, t.opt.Domain, key); err != nil {
			return p, busy(err)
		}
	}
	if !ok {
		return p, errGone(lang)
	}
	return p, nil
}

func (t *Transport) runDeletePost(ctx context.Context, call transports.Call) (string, error) {
	a, err := t.accountOf(ctx, call.Lang, call.User)
	if err != nil {
		return "", err
	}
	p, err := t.postBy(ctx, call.Lang, call.Values.Get("who"))
	if err != nil {
		return "", err
	}
	if p.Actor != a.ID {
		return "", transports.NewError(transports.Denied, text.Say(call.Lang, "What you take back is nothing that you have published."), nil)
	}
	if err := t.write(ctx, func(tx *store.Tx) error { return t.takeBack(tx, a, &p) }); err != nil {
		return "", err
	}
	return text.Say(call.Lang, "It is taken back, as far as other servers heed that."), nil
}

func (t *Transport) runRepeat(ctx context.Context, call transports.Call) (string, error) {
	a, err := t.accountOf(ctx, call.Lang, call.User)
	if err != nil {
		return "", err
	}
	p, err := t.postBy(ctx, call.Lang, call.Values.Get("who"))
	if err != nil {
		return "", err
	}
	if err := t.write(ctx, func(tx *store.Tx) error { return t.repeat(tx, call.Lang, a, &p) }); err != nil {
		return "", err
	}
	return text.Say(call.Lang, "It is repeated."), nil
}

func (t *Transport) deleteForm(ctx context.Context, call transports.Call) (*transports.Form, error) {
	a, err := t.accountOf(ctx, call.Lang, call.User)
	if err != nil || call.Values != nil {
		return nil, err
	}
	return &transports.Form{
		Title:        "Leave the social web for ever",
		Instructions: text.Say(call.Lang, "All that %s has published is deleted here, and other servers are told to delete it, which not all of them do. Nobody can ever have that name again, not even you.", a.Acct),
		Fields:       []transports.Field{{Name: "sure", Label: "Yes, delete it", Type: transports.FieldBool, Values: []string{"false"}}},
	}, nil
}

func (t *Transport) runDelete(ctx context.Context, call transports.Call) (string, error) {
	if !call.Values.Bool("sure") {
		return text.Say(call.Lang, "Left as it is."), nil
	}
	a, err := t.accountOf(ctx, call.Lang, call.User)
	if err != nil {
		return "", err
	}
	if err := t.write(ctx, func(tx *store.Tx) error { return t.Leaves(tx, call.User) }); err != nil {
		return "", err
	}
	return text.Say(call.Lang, "%s is no more.", a.Acct), nil
}

// runHost excludes a server or admits it.
func (t *Transport) runHost(denied bool) func(context.Context, transports.Call) (string, error) {
	return func(ctx context.Context, call transports.Call) (string, error) {
		host, ok := parseHost(strings.ToLower(strings.TrimSpace(call.Values.Get("who"))))
		if !ok {
			return "", transports.NewError(transports.BadRequest, text.Say(call.Lang, "Write a host, such as social.example."), nil)
		}
		if err := t.write(ctx, func(tx *store.Tx) error { return tx.SetSocialHost(t.opt.Domain, host, &denied) }); err != nil {
			return "", err
		}
		if err := t.loadHosts(ctx); err != nil {
			return "", busy(err)
		}
		if denied {
			return text.Say(call.Lang, "%s is excluded.", host), nil
		}
		return text.Say(call.Lang, "%s is admitted.", host), nil
	}
}
