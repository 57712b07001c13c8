package socialbridge

import (
	"context"
	"slices"
	"strings"

	"passerelle/internal/text"
	"passerelle/store"
	"passerelle/transports"
)

// What a user writes in a conversation to the gateway and not to the contact: a word behind a slash, alone. "public" has none: he is told to write it.
const (
	wordRepeat   = "/repeat"
	wordLike     = "/like"
	wordUnlike   = "/unlike"
	wordFollow   = "/follow"
	wordUnfollow = "/unfollow"
	wordMute     = "/mute"
	wordBlock    = "/block"
	wordUnblock  = "/unblock"
	wordHelp     = "/help"
	wordPublic   = "public"
)

var words = []string{wordRepeat, "repeat", wordLike, wordUnlike, wordFollow, wordUnfollow, wordMute, wordBlock, wordUnblock, wordHelp, "/public", wordPublic}

// chatCommand does what a letter asks of the gateway, and reports whether it was that. A word without a slash is one only where it makes sense: "repeat"
// as an answer, "public" while something waits.
func (t *Transport) chatCommand(ctx context.Context, lang string, user transports.Address, l *transports.Letter) (done bool, err error) {
	word := l.Body
	if l.Quoted > 0 && l.Quoted <= len(word) {
		word = word[l.Quoted:]
	}
	word = strings.ToLower(strings.TrimSpace(word))
	if !slices.Contains(words, word) || len(l.Files) > 0 || l.With.ID == "" && word != wordPublic {
		return false, nil
	}
	switch word {
	case "repeat":
		if l.ReplyTo == "" {
			return false, nil
		}
		word = wordRepeat
	case wordPublic:
		held := ""
		err := t.write(ctx, func(tx *store.Tx) (err error) {
			held, _, err = tx.HeldSocialLetter(t.userID(user))
			return err
		})
		if held == "" || err != nil {
			return false, err
		}
	case "/public":
		word = wordPublic
	}
	call := transports.Call{User: user, On: l.With, Lang: lang, Values: transports.Values{}}
	said := ""
	switch word {
	case wordPublic:
		said, err = t.publishHeld(ctx, lang, user)
	case wordRepeat:
		said, err = t.onPost(ctx, lang, user, l, func(tx *store.Tx, a *Account, p *store.SocialPost) (string, error) {
			return text.Say(lang, "It is repeated."), t.repeat(tx, lang, a, p)
		})
	case wordLike:
		said, err = t.onPost(ctx, lang, user, l, func(tx *store.Tx, a *Account, p *store.SocialPost) (string, error) {
			return text.Say(lang, "You like it."), t.like(tx, lang, a, p, []string{heart})
		})
	case wordUnlike:
		said, err = t.onPost(ctx, lang, user, l, func(tx *store.Tx, a *Account, p *store.SocialPost) (string, error) {
			return text.Say(lang, "You do not like it any more."), t.like(tx, lang, a, p, nil)
		})
	case wordFollow:
		said, err = t.runFollow(ctx, call)
	case wordUnfollow:
		said, err = t.runUnfollow(ctx, call)
	case wordMute:
		said, err = t.runBlock(store.SocialMuted)(ctx, call)
	case wordBlock:
		said, err = t.runBlock(store.SocialBlocked)(ctx, call)
	case wordUnblock:
		said, err = t.runBlock(0)(ctx, call)
	case wordHelp:
		said = text.Say(lang, "What you answer to a post is published as an answer, a ❤ says that you like it, and taking back your message takes back what it became. %s, as an answer or alone, repeats a post; %s and %s say whether you like it; %s, %s, %s, %s and %s are about this contact.",
			wordRepeat, wordLike, wordUnlike, wordFollow, wordUnfollow, wordMute, wordBlock, wordUnblock)
	}
	if err != nil {
		return true, err
	}
	t.gateway.Tell(user, l.With, said)
	return true, nil
}

// onPost does something with the post that a message answers, or else with the last one of the contact.
func (t *Transport) onPost(ctx context.Context, lang string, user transports.Address, l *transports.Letter, do func(*store.Tx, *Account, *store.SocialPost) (string, error)) (said string, err error) {
	a, err := t.accountOf(ctx, lang, user)
	if err != nil {
		return "", err
	}
	last := ""
	if l.ReplyTo == "" {
		row, err := t.actorOf(ctx, user, l.With)
		if err != nil {
			return "", err
		}
		page, err := t.opt.Store.SocialFeed(ctx, row.ID, store.PostQuery{Max: 1})
		if err != nil {
			return "", busy(err)
		}
		if len(page.Posts) == 0 {
			return "", errGone(lang)
		}
		last = page.Posts[0].Item
	}
	err = t.write(ctx, func(tx *store.Tx) error {
		id := l.ReplyTo
		if id == "" {
			id = last
		}
		p, ok, err := t.anyPost(tx, user, id)
		if err != nil {
			return err
		}
		if !ok || !p.DeletedAt.IsZero() {
			return errGone(lang)
		}
		said, err = do(tx, a, &p)
		return err
	})
	return said, err
}
