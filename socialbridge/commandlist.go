package socialbridge

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"passerelle/internal/text"
	"passerelle/store"
	"passerelle/transports"
)

// people are rows of a list; word is what one would write to go on with one.
func (t *Transport) people(rows []store.SocialActor, word string) (out []transports.Row) {
	for i := range rows {
		a := t.actor(&rows[i])
		out = append(out, transports.Row{Key: handle(&rows[i]), Pick: word + " " + handle(&rows[i]), Cells: []string{handle(&rows[i]), displayName(&a)}})
	}
	slices.SortFunc(out, func(a, b transports.Row) int { return strings.Compare(a.Key, b.Key) })
	return out
}

func (t *Transport) listFollowing(ctx context.Context, call transports.Call, page transports.Page) (*transports.Table, error) {
	rows, err := t.opt.Store.SocialFollowees(ctx, t.userID(call.User), 0, maxList)
	if err != nil {
		return nil, busy(err)
	}
	table := &transports.Table{Title: "Whom you follow", Empty: "You follow nobody.", Columns: []transports.Column{{Name: "who", Label: "Address on the social web"}, {Name: "name", Label: "Name"}}}
	table.Rows = t.people(rows, "unfollow")
	return table.Cut(page), nil
}

func (t *Transport) listFollowers(ctx context.Context, call transports.Call, page transports.Page) (*transports.Table, error) {
	a, err := t.accountOf(ctx, call.Lang, call.User)
	if err != nil {
		return nil, err
	}
	table := &transports.Table{Title: "Who follows you", Empty: "Nobody follows you.", Columns: []transports.Column{
		{Name: "who", Label: "Address on the social web"}, {Name: "name", Label: "Name"}, {Name: "state", Label: "State"},
	}}
	for _, list := range []struct {
		state      store.FollowerState
		said, word string
	}{{store.FollowerIs, "", "block"}, {store.FollowerWaits, text.Say(call.Lang, "asks"), "accept"}} {
		rows, err := t.opt.Store.SocialFollowers(ctx, t.opt.Domain, a.ID, list.state, 0, maxList)
		if err != nil {
			return nil, busy(err)
		}
		for _, r := range t.people(rows, list.word) {
			r.Cells = append(r.Cells, list.said)
			table.Rows = append(table.Rows, r)
		}
	}
	slices.SortFunc(table.Rows, func(a, b transports.Row) int { return strings.Compare(a.Key, b.Key) })
	return table.Cut(page), nil
}

func (t *Transport) listBlocked(ctx context.Context, call transports.Call, page transports.Page) (*transports.Table, error) {
	rows, err := t.opt.Store.SocialBlocks(ctx, t.userID(call.User), "", maxList)
	if err != nil {
		return nil, busy(err)
	}
	table := &transports.Table{Title: "Of whom you want to hear nothing", Empty: "There is nobody.", Columns: []transports.Column{{Name: "who", Label: "Who"}, {Name: "state", Label: "State"}}}
	for _, b := range rows {
		said := text.Say(call.Lang, "muted")
		if b.Kind == store.SocialBlocked {
			said = text.Say(call.Lang, "blocked")
		}
		table.Rows = append(table.Rows, transports.Row{Key: b.Who, Pick: "unblock " + b.Who, Cells: []string{b.Who, said}})
	}
	return table.Cut(page), nil
}

func (t *Transport) listPosts(ctx context.Context, call transports.Call, page transports.Page) (*transports.Table, error) {
	a, err := t.accountOf(ctx, call.Lang, call.User)
	if err != nil {
		return nil, err
	}
	posts, err := t.opt.Store.SocialOutbox(ctx, a.ID, 0, maxList)
	if err != nil {
		return nil, busy(err)
	}
	table := &transports.Table{Title: "What you have published", Empty: "You have published nothing.", Columns: []transports.Column{{Name: "post", Label: "Post"}, {Name: "when", Label: "When"}, {Name: "text", Label: "Text"}}}
	for i := range posts {
		n := noteOf(&posts[i])
		table.Rows = append(table.Rows, transports.Row{
			Key: fmt.Sprintf("%019d", 1<<62-posts[i].ID), Pick: "delete-post " + posts[i].URI,
			Cells: []string{posts[i].URI, posts[i].Published.UTC().Format("2006-01-02 15:04"), oneLine(n.Title+" "+n.Text, 100)},
		})
	}
	return table.Cut(page), nil
}

func (t *Transport) listHosts(ctx context.Context, call transports.Call, page transports.Page) (*transports.Table, error) {
	hosts, err := t.opt.Store.SocialHosts(ctx, t.opt.Domain)
	if err != nil {
		return nil, busy(err)
	}
	table := &transports.Table{Title: "Servers that are excluded, or not", Empty: "Nothing was said of any.", Columns: []transports.Column{{Name: "host", Label: "Host"}, {Name: "state", Label: "State"}}}
	for _, h := range hosts {
		said := text.Say(call.Lang, "admitted")
		if h.Denied {
			said = text.Say(call.Lang, "excluded")
		}
		table.Rows = append(table.Rows, transports.Row{Key: h.Host, Cells: []string{h.Host, said}})
	}
	return table.Cut(page), nil
}

func (t *Transport) listAccounts(ctx context.Context, _ transports.Call, page transports.Page) (*transports.Table, error) {
	rows, err := t.opt.Store.SocialAccounts(ctx, t.opt.Domain, page.After, max(page.Max, 1)+1)
	if err != nil {
		return nil, busy(err)
	}
	table := &transports.Table{Title: "Users who take part in the social web", Empty: "Nobody does.", Columns: []transports.Column{{Name: "user", Label: "User"}, {Name: "who", Label: "Address on the social web"}}}
	for i := range rows {
		if i == max(page.Max, 1) {
			table.More = true
			break
		}
		table.Rows = append(table.Rows, transports.Row{Key: rows[i].JID, Cells: []string{rows[i].JID, rows[i].Name + "@" + t.host}})
	}
	return table, nil
}
