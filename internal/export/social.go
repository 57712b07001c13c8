package export

import (
	"bufio"
	"context"
	"encoding/json"

	"passerelle/component/stanza"
	"passerelle/store"
)

// socialAccount is social/account.json: what the user is on the social web. His private key stays here, as passwords do.
type socialAccount struct {
	URI      string          `json:"uri"`
	Acct     string          `json:"acct"`
	User     string          `json:"user"`
	Since    string          `json:"since"`
	Hidden   bool            `json:"hidden"`
	Approves bool            `json:"approves_followers"`
	Profile  json.RawMessage `json:"profile,omitempty"`
	Held     json.RawMessage `json:"message_that_waits,omitempty"`
}

// socialPost is a line of social/posts.jsonl.
type socialPost struct {
	ID        string          `json:"id"`
	Published string          `json:"published"`
	ReplyTo   string          `json:"reply_to,omitempty"`
	RepeatOf  string          `json:"repeat_of,omitempty"`
	Item      string          `json:"item,omitempty"`
	Public    bool            `json:"public"`
	Note      json.RawMessage `json:"note,omitempty"`
}

// socialPerson is a line of social/following.jsonl and social/followers.jsonl.
type socialPerson struct {
	URI  string `json:"uri"`
	Acct string `json:"acct,omitempty"`
}

// socialBlock is a line of social/blocked.jsonl.
type socialBlock struct {
	Who   string `json:"who"`
	Kind  string `json:"kind"`
	Since string `json:"since"`
}

// socialMessage is a line of social/messages.jsonl: a message that became a post.
type socialMessage struct {
	Time string `json:"time"`
	ID   string `json:"id"`
	Post int64  `json:"post"`
}

// social writes what is kept of a user on the social web. A part of it that is empty is not there.
func (a *archive) social() error {
	own, ok, err := a.Store.SocialActor(a.ctx, a.User.Domain, store.SocialKey{JID: a.User.JID})
	if err != nil {
		return err
	}
	held, _, err := a.Store.HeldSocialLetter(a.ctx, a.User)
	if err != nil {
		return err
	}
	if ok || held != "" {
		out := socialAccount{URI: own.URI, Acct: own.Acct, User: a.User.JID, Since: stanza.Time(own.Since), Hidden: own.Hidden, Approves: own.Approves, Profile: rawJSON(own.Profile), Held: rawJSON(held)}
		if err := a.entry("social/account.json", func(w *bufio.Writer) error { return writeJSON(w, out) }); err != nil {
			return err
		}
	}
	if err := eachLine(a, "social/posts", 0, a.Store.SocialPostsAfter, func(p store.SocialPost) (int64, any, error) {
		return p.ID, socialPost{p.URI, stanza.Time(p.Published), p.ReplyTo, p.RepeatOf, p.OwnItem, p.Public, rawJSON(p.Note)}, nil
	}); err != nil {
		return err
	}
	people := func(ctx context.Context, id store.UserID, after int64) ([]store.SocialActor, error) {
		return a.Store.SocialFollowees(ctx, id, after, pageOfPeople)
	}
	person := func(p store.SocialActor) (int64, any, error) { return p.ID, socialPerson{p.URI, p.Acct}, nil }
	if err := eachLine(a, "social/following", 0, people, person); err != nil {
		return err
	}
	if ok {
		people = func(ctx context.Context, id store.UserID, after int64) ([]store.SocialActor, error) {
			return a.Store.SocialFollowers(ctx, id.Domain, own.ID, store.FollowerIs, after, pageOfPeople)
		}
		if err := eachLine(a, "social/followers", 0, people, person); err != nil {
			return err
		}
	}
	if err := eachLine(a, "social/answers_wanted", 0, func(ctx context.Context, id store.UserID, after int64) ([]store.SocialPost, error) {
		return a.Store.SocialSubscriptions(ctx, id, after, pageOfPeople)
	}, func(p store.SocialPost) (int64, any, error) {
		return p.ID, struct {
			Post string `json:"post"`
		}{p.URI}, nil
	}); err != nil {
		return err
	}
	kinds := map[store.SocialBlockKind]string{store.SocialMuted: "muted", store.SocialBlocked: "blocked"}
	if err := eachLine(a, "social/blocked", "", func(ctx context.Context, id store.UserID, after string) ([]store.SocialBlock, error) {
		return a.Store.SocialBlocks(ctx, id, after, pageOfPeople)
	}, func(b store.SocialBlock) (string, any, error) {
		return b.Who, socialBlock{b.Who, kinds[b.Kind], stanza.Time(b.Since)}, nil
	}); err != nil {
		return err
	}
	return eachLine(a, "social/messages", "", a.Store.SocialLettersAfter, func(l store.SocialLetter) (string, any, error) {
		return l.Letter, socialMessage{stanza.Time(l.At), l.Letter, l.Post}, nil
	})
}

// pageOfPeople is how many rows are read at a time.
const pageOfPeople = 500

// rawJSON is JSON of the database as it is; nothing where there is none.
func rawJSON(s string) json.RawMessage {
	if !json.Valid([]byte(s)) {
		return nil
	}
	return json.RawMessage(s)
}
