package socialbridge

import (
	"context"
	"slices"

	"passerelle/internal/text"
	"passerelle/store"
	"passerelle/transports"
)

// What settings are kept as, all of them on the domain.
const (
	SettingPosts    = "posts"             // how what those publish comes whom a user follows
	SettingMentions = "mentions"          // who may write to him
	SettingMention  = "mention"           // what becomes of messages to people
	SettingOwnFeed  = "publish"           // what of his own feed is published
	SettingApprove  = "approve_followers" // "true" to be asked about followers
	SettingHidden   = "hidden"            // "true" not to be found
	SettingJID      = "show_jid"          // "true" to have the JID on the page
	SettingQuiet    = "quiet"             // "true" not to be told of followers, likes and repeats in words
	SettingLanguage = "language"          // in which the gateway says what nobody has asked for
)

// Values of SettingPosts, SettingMentions, SettingMention and SettingOwnFeed.
const (
	postsMessages = "messages" // as messages too
	postsDigest   = "digest"   // as one message a day
	postsFeed     = "feed"     // in the feed alone

	mentionsAll   = "everybody"
	mentionsKnown = "known"
	mentionsNone  = "nobody"

	mentionAsk    = "ask"
	mentionPublic = "public"
	mentionNever  = "never"

	ownAll  = "all"
	ownOpen = "open" // while everybody may read the feed
	ownNone = "none"
)

// preferences are what a user has set.
type preferences struct {
	Lang, Mention    string
	OnlyOpen, NoFeed bool
}

// scope is where all settings of a user are.
var scope = transports.Scope(transports.TargetDomain, "")

// preferences reads what a user has set.
func (t *Transport) preferences(ctx context.Context, user transports.Address) (preferences, error) {
	set, err := t.opt.Store.Settings(ctx, t.userID(user), scope)
	if err != nil {
		return preferences{}, err
	}
	p := preferences{Lang: set[SettingLanguage], Mention: set[SettingMention], OnlyOpen: set[SettingOwnFeed] == ownOpen, NoFeed: set[SettingOwnFeed] == ownNone}
	if p.Lang == "" {
		p.Lang = "en"
	}
	return p, nil
}

// lang is the language of a user.
func (t *Transport) lang(ctx context.Context, user transports.Address) string {
	p, err := t.preferences(ctx, user)
	if err != nil {
		return "en"
	}
	return p.Lang
}

// langOf is the language of a user, in a transaction.
func (t *Transport) langOf(tx *store.Tx, user transports.Address) string {
	lang, err := tx.Setting(t.userID(user), scope, SettingLanguage)
	if err != nil || lang == "" {
		return "en"
	}
	return lang
}

// Settings are those that users have, in the order of the form.
func (t *Transport) Settings(on transports.Target) []transports.Setting {
	if on.Kind != transports.TargetDomain {
		return nil
	}
	boolean := func(f transports.Field) transports.Setting {
		f.Type, f.Values = transports.FieldBool, []string{"false"}
		return transports.Setting{Field: f}
	}
	choice := func(f transports.Field, options ...transports.Option) transports.Setting {
		f.Type, f.Values, f.Options = transports.FieldChoice, []string{options[0].Value}, options
		return transports.Setting{Field: f}
	}
	return []transports.Setting{
		choice(transports.Field{Name: SettingOwnFeed, Label: "What of your own feed is published, once you take part"},
			transports.Option{Value: ownAll, Label: "All that you publish from now on, even where only your contacts can read it now"},
			transports.Option{Value: ownOpen, Label: "Only while everybody may read your feed"},
			transports.Option{Value: ownNone, Label: "Nothing: you post by message"}),
		choice(transports.Field{Name: SettingPosts, Label: "What people publish whom you follow comes"},
			transports.Option{Value: postsMessages, Label: "As messages, and in their feeds"},
			transports.Option{Value: postsDigest, Label: "As one message a day, and in their feeds"},
			transports.Option{Value: postsFeed, Label: "In their feeds alone"}),
		choice(transports.Field{Name: SettingMentions, Label: "Who can write to you"},
			transports.Option{Value: mentionsAll, Label: "Everybody"},
			transports.Option{Value: mentionsKnown, Label: "Whom you follow or have written to"},
			transports.Option{Value: mentionsNone, Label: "Only whom you follow, in their feeds"}),
		choice(transports.Field{Name: SettingMention, Label: "Messages that you write to people, which can only be public"},
			transports.Option{Value: mentionAsk, Label: "Ask before the first one"},
			transports.Option{Value: mentionPublic, Label: "Publish them"},
			transports.Option{Value: mentionNever, Label: "Refuse them; answers are published"}),
		boolean(transports.Field{Name: SettingApprove, Label: "Ask you about people who want to follow you"}),
		boolean(transports.Field{Name: SettingHidden, Label: "Do not let people find you by searching, nor see whom you follow"}),
		boolean(transports.Field{Name: SettingJID, Label: "Show your XMPP address on your page"}),
		boolean(transports.Field{Name: SettingQuiet, Label: "Do not tell you in words who follows you, and likes or repeats what you publish"}),
		choice(transports.Field{Name: SettingLanguage, Label: "Language of what this gateway tells you"},
			transports.Option{Value: "en", Label: "English"}, transports.Option{Value: "fr", Label: "Français"}),
	}
}

// CheckSettings says what is wrong with what a user would have set, in his language.
func (t *Transport) CheckSettings(lang string, on transports.Target, set map[string]string) transports.Faults {
	var faults transports.Faults
	for _, s := range t.Settings(on) {
		value := set[s.Name()]
		if value != "" && s.Field.Type == transports.FieldChoice && !slices.ContainsFunc(s.Field.Options, func(o transports.Option) bool { return o.Value == value }) {
			faults = append(faults, transports.Fault{Field: s.Name(), Text: text.Say(lang, "Choose one of the values.")})
		}
	}
	return faults
}

// SettingsChanged implements what component asks for: what of the settings others ask about is kept with the account.
func (t *Transport) SettingsChanged(ctx context.Context, user transports.Address, _ transports.Target) {
	set, err := t.opt.Store.Settings(ctx, t.userID(user), scope)
	if err == nil {
		err = t.opt.Store.Write(ctx, func(tx *store.Tx) error {
			row, ok, err := tx.SocialActor(t.opt.Domain, store.SocialKey{JID: user.Bare().String()})
			if err != nil || !ok {
				return err
			}
			row.Hidden, row.Approves = set[SettingHidden] == "true", set[SettingApprove] == "true"
			return tx.SetSocialActor(row)
		})
	}
	if err != nil {
		t.log.Error("what a user has set of his account was not written down", "error", err)
	}
}
