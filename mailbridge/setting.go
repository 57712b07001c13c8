package mailbridge

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"passerelle/internal/text"
	"passerelle/transports"
)

// What settings are kept as, all of them on the domain.
const (
	SettingName      = "name"           // of the user, in what he sends
	SettingCoalesce  = "coalesce"       // seconds
	SettingStrangers = "strangers"      // what becomes of mail from somebody unknown
	SettingReceipts  = "receipts"       // what a receipt says
	SettingType      = "message_type"   // of what comes
	SettingHTML      = "send_html"      // "true" to send it in HTML as well
	SettingReactions = "send_reactions" // "true" to send them as mails
	SettingOrigin    = "show_jid"       // "true" to have the JID in what he sends
	SettingSignature = "signature"      // below what he sends
	SettingLanguage  = "language"       // in which the gateway says what nobody has asked for
)

// Values of SettingStrangers.
const (
	StrangersAsk    = "ask"    // it waits, and the user is asked
	StrangersPass   = "pass"   // it comes as that of others
	StrangersRefuse = "refuse" // its server is told so
)

// Values of SettingReceipts: a receipt comes when a mail
const (
	receiptsQueued    = "queued"    // is written down here
	receiptsAccepted  = "accepted"  // is with the next server
	receiptsDelivered = "delivered" // is in the mailbox, as far as its server says so; else as the one above
)

// Values of SettingType.
const (
	typeChat   = "chat"
	typeNormal = "normal"
)

// Bounds of settings.
const (
	maxName      = 100 // bytes
	maxSignature = 1000
	maxCoalesce  = 600 // seconds
	quiet        = 20 * time.Second
)

// preferences are what a user has set.
type preferences struct {
	Lang, Name, Signature     string
	Quiet                     time.Duration
	Strangers, Receipts, Type string
	Named                     bool // Name was set by him
	HTML, Reactions, Origin   bool
}

// scope is where all settings of a user are.
var scope = transports.Scope(transports.TargetDomain, "")

// preferences reads what a user has set.
func (t *Transport) preferences(ctx context.Context, user transports.Address) (preferences, error) {
	set, err := t.opt.Store.Settings(ctx, t.userID(user), scope)
	if err != nil {
		return preferences{}, err
	}
	return t.preferencesOf(user, set), nil
}

// preferencesOf are those of a user who has set that.
func (t *Transport) preferencesOf(user transports.Address, set map[string]string) preferences {
	get := func(name, usual string) string {
		if v := set[name]; v != "" {
			return v
		}
		return usual
	}
	is := func(name string) bool { v, _ := transports.ParseBool(set[name]); return v }
	p := preferences{
		Lang: get(SettingLanguage, "en"), Name: set[SettingName], Signature: set[SettingSignature], Quiet: quiet,
		Strangers: get(SettingStrangers, get("", t.rules.Load().Strangers)), Receipts: get(SettingReceipts, receiptsAccepted), Type: get(SettingType, typeChat),
		HTML: is(SettingHTML), Reactions: is(SettingReactions), Origin: is(SettingOrigin),
	}
	if p.Strangers == "" {
		p.Strangers = StrangersAsk
	}
	if n, err := strconv.Atoi(set[SettingCoalesce]); err == nil {
		p.Quiet = time.Duration(n) * time.Second
	}
	if p.Named = p.Name != ""; !p.Named {
		p.Name = defaultName(user)
	}
	return p
}

// defaultName is what somebody is called who has set no name: what his address begins with.
func defaultName(user transports.Address) string { return transports.Unescape(user.Local) }

// Settings are those that users have, in the order of the form.
func (t *Transport) Settings(on transports.Target) []transports.Setting {
	if on.Kind != transports.TargetDomain {
		return nil
	}
	boolean := func(f transports.Field) transports.Setting {
		f.Type, f.Values = transports.FieldBool, []string{"false"}
		return transports.Setting{Field: f}
	}
	choice := func(f transports.Field, usual string, options ...transports.Option) transports.Setting {
		f.Type, f.Values, f.Options = transports.FieldChoice, []string{usual}, options
		return transports.Setting{Field: f}
	}
	strangers := t.rules.Load().Strangers
	if strangers == "" {
		strangers = StrangersAsk
	}
	return []transports.Setting{
		{Field: transports.Field{Name: SettingName, Label: "Your name, as people see it who get mail from you"}},
		{Field: transports.Field{Name: SettingSignature, Label: "Signature below your mails", Type: transports.FieldLines}},
		{Field: transports.Field{Name: SettingCoalesce, Label: "How many seconds you write nothing more before your lines go out as one mail", Values: []string{strconv.Itoa(int(quiet / time.Second))}}},
		choice(transports.Field{Name: SettingStrangers, Label: "Mail from people to whom you have not written"}, strangers,
			transports.Option{Value: StrangersAsk, Label: "Waits until you have been asked"},
			transports.Option{Value: StrangersPass, Label: "Comes as that of others"},
			transports.Option{Value: StrangersRefuse, Label: "Is refused"}),
		choice(transports.Field{Name: SettingReceipts, Label: "What a receipt of a message tells you"}, receiptsAccepted,
			transports.Option{Value: receiptsQueued, Label: "The gateway has it"},
			transports.Option{Value: receiptsAccepted, Label: "The next mail server has it"},
			transports.Option{Value: receiptsDelivered, Label: "It is in the mailbox, where the mail servers tell"}),
		choice(transports.Field{Name: SettingType, Label: "Mail comes as"}, typeChat,
			transports.Option{Value: typeChat, Label: "Messages of a conversation"},
			transports.Option{Value: typeNormal, Label: "Messages of their own, with a subject"}),
		boolean(transports.Field{Name: SettingHTML, Label: "Send formatting, as HTML beside the text"}),
		boolean(transports.Field{Name: SettingReactions, Label: "Send your reactions, each as a mail"}),
		boolean(transports.Field{Name: SettingOrigin, Label: "Tell your XMPP address in what you send"}),
		choice(transports.Field{Name: SettingLanguage, Label: "Language of what this gateway tells you"}, "en",
			transports.Option{Value: "en", Label: "English"}, transports.Option{Value: "fr", Label: "Français"}),
	}
}

// CheckSettings says what is wrong with what a user would have set, in his language.
func (t *Transport) CheckSettings(lang string, on transports.Target, set map[string]string) transports.Faults {
	var faults transports.Faults
	for _, s := range t.Settings(on) {
		value := set[s.Name()]
		if value == "" {
			continue
		}
		wrong := ""
		switch s.Name() {
		case SettingName:
			if len(value) > maxName || strings.ContainsAny(value, "\r\n") {
				wrong = text.Say(lang, "This is too long.")
			}
		case SettingSignature:
			if len(value) > maxSignature {
				wrong = text.Say(lang, "This is too long.")
			}
		case SettingCoalesce:
			if n, err := strconv.Atoi(value); err != nil || n < 0 || n > maxCoalesce {
				wrong = text.Say(lang, "Write a number of seconds from 0 to %d.", maxCoalesce)
			}
		default:
			if s.Field.Type == transports.FieldChoice && !slices.ContainsFunc(s.Field.Options, func(o transports.Option) bool { return o.Value == value }) {
				wrong = text.Say(lang, "Choose one of the values.")
			}
		}
		if wrong != "" {
			faults = append(faults, transports.Fault{Field: s.Name(), Text: wrong})
		}
	}
	return faults
}

// SettingsChanged implements what component asks for: nothing is kept that would have to change.
func (t *Transport) SettingsChanged(context.Context, transports.Address, transports.Target) {}
