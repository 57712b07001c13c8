package socialbridge

import (
	"context"
	"strings"
	"time"

	"passerelle/internal/jobs"
	"passerelle/internal/text"
	"passerelle/store"
	"passerelle/transports"
)

// Bounds of a digest.
const (
	digestEach  = 24 * time.Hour
	digestPosts = 40
	digestText  = 300 // bytes of a post
)

// digestLater has a user be told of all that comes in a day, beginning with what comes now.
func (t *Transport) digestLater(tx *store.Tx, user transports.Address) error {
	waits, err := tx.JobsWait(t.lane(kindDigest, user.String()))
	if err != nil || waits {
		return err
	}
	return t.enqueue(tx, kindDigest, "", task{User: user.String(), Since: tx.Now().UnixMilli(), After: digestEach})
}

// doDigest tells a user of what came in a day.
func (t *Transport) doDigest(_ context.Context, what task) jobs.Outcome {
	return jobs.Outcome{Verdict: jobs.Done, Then: func(tx *store.Tx) error {
		user := userOf(what.User)
		id := t.userID(user)
		posts, err := tx.SocialNews(id, time.UnixMilli(what.Since), digestPosts+1)
		if err != nil || len(posts) == 0 {
			return err
		}
		lang := t.langOf(tx, user)
		parts := []string{text.Say(lang, "What those have published whom you follow:")}
		for i := range posts {
			if i == digestPosts {
				parts = append(parts, text.Say(lang, "And more, which is in their feeds."))
				break
			}
			row, _, err := tx.SocialActor(t.opt.Domain, store.SocialKey{ID: posts[i].Actor})
			if err != nil {
				return err
			}
			if muted, err := t.muted(tx, id, &row); err != nil {
				return err
			} else if muted {
				continue
			}
			n, who := noteOf(&posts[i]), t.actor(&row)
			said := displayName(&who) + " (" + handle(&row) + "): "
			if posts[i].RepeatOf != "" {
				said += "♻ " + sayAuthor(n.Author) + ": "
			}
			said += oneLine(n.Title+" "+n.Text, digestText)
			if n.Page != "" {
				said += "\n" + n.Page
			}
			parts = append(parts, said)
		}
		return t.deliver(tx, user, transports.Remark{ID: digest("digest", what.User, posts[0].URI), Text: strings.Join(parts, "\n\n")})
	}}
}
