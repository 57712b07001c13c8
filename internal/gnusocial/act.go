package gnusocial

import (
	"context"
	"fmt"
	"html"
	"strings"
)

func (s *Site) tag(rest string) string {
	return "tag:" + strings.Split(s.host, ":")[0] + "," + s.opt.Now().UTC().Format("2006-01-02") + ":" + rest
}

func (s *Site) now() string { return s.opt.Now().UTC().Format("2006-01-02T15:04:05+00:00") }

// Follow follows somebody of another server, as "alice@social.example": his hub is asked first, and then he is told.
func (u *User) Follow(ctx context.Context, acct string) error {
	rm, err := u.site.discover(ctx, acct)
	if err != nil {
		return err
	}
	u.site.mu.Lock()
	var f *feedSub
	for _, x := range u.site.feedSubs {
		if x.topic == rm.feed {
			f = x
		}
	}
	if f == nil {
		f = &feedSub{id: len(u.site.feedSubs) + 1, topic: rm.feed}
		u.site.feedSubs = append(u.site.feedSubs, f)
	}
	f.users = append(f.users, u)
	u.followees[acct] = rm
	u.site.mu.Unlock()
	if err := u.site.ask(ctx, "subscribe", rm, f); err != nil {
		return err
	}
	id := u.site.tag(fmt.Sprintf("subscription:%d:person:3:%s", u.ID, u.site.now()))
	return u.slap(ctx, rm.salmon, u.site.entryXML(id, "Follow", u.Nick+" is now following "+rm.nick+".", schema+"follow", objectXML("person", rm.uri)))
}

// Unfollow ends that. Its id ends in 1970, each time.
func (u *User) Unfollow(ctx context.Context, acct string) error {
	u.site.mu.Lock()
	rm := u.followees[acct]
	delete(u.followees, acct)
	var f *feedSub
	for _, x := range u.site.feedSubs {
		if rm != nil && x.topic == rm.feed {
			f = x
		}
	}
	u.site.mu.Unlock()
	if rm == nil || f == nil {
		return fmt.Errorf("%s does not follow %s", u.Nick, acct)
	}
	if err := u.site.ask(ctx, "unsubscribe", rm, f); err != nil {
		return err
	}
	id := u.site.tag(fmt.Sprintf("unsubscribe:%d:3:1970-01-01T00:00:00+00:00", u.ID))
	return u.slap(ctx, rm.salmon, u.site.entryXML(id, "Unfollow", u.Nick+" stopped following "+rm.nick+".", ostatus+"unfollow", objectXML("person", rm.uri)))
}

// Post publishes something, and tells those who are mentioned in it, by their names.
func (u *User) Post(ctx context.Context, content string, mentions ...string) (*Notice, error) {
	return u.publish(ctx, content, "", "", mentions)
}

// Reply answers a note, and tells those who are mentioned.
func (u *User) Reply(ctx context.Context, parent, content string, mentions ...string) (*Notice, error) {
	return u.publish(ctx, content, parent, "", mentions)
}

func (u *User) publish(ctx context.Context, content, parent, more string, mentions []string) (*Notice, error) {
	s := u.site
	kind := "note"
	if parent != "" {
		kind = "comment"
		more += fmt.Sprintf(" <thr:in-reply-to ref=\"%s\"></thr:in-reply-to>\n", html.EscapeString(parent))
	}
	var tell []*remote
	for _, m := range mentions {
		rm, err := s.discover(ctx, m)
		if err != nil {
			return nil, err
		}
		tell = append(tell, rm)
		more += fmt.Sprintf(" <link rel=\"mentioned\" ostatus:object-type=\"%sperson\" href=\"%s\"/>\n", schema, html.EscapeString(rm.uri))
		content = fmt.Sprintf(`@<a href="%s" class="h-card u-url p-nickname mention">%s</a> %s`, rm.uri, rm.nick, content)
	}
	s.mu.Lock()
	n := &Notice{author: u, number: len(s.notices) + 1}
	n.ID = s.tag(fmt.Sprintf("noticeId=%d:objectType=%s", n.number, kind))
	n.URL = fmt.Sprintf("%s/notice/%d", s.base, n.number)
	n.entry = fmt.Sprintf(" <activity:object-type>%s%s</activity:object-type>\n", schema, kind) + s.entryXML(n.ID, "New "+kind+" by "+u.Nick, content, schema+"post", more,
		fmt.Sprintf(" <link rel=\"alternate\" type=\"text/html\" href=\"%s\"/>\n", n.URL), " "+everybody,
		fmt.Sprintf(" <link rel=\"self\" type=\"application/atom+xml\" href=\"%s/api/statuses/show/%d.atom\"/>\n", s.base, n.number))
	s.notices = append(s.notices, n)
	s.mu.Unlock()
	for _, rm := range tell {
		if err := u.slap(ctx, rm.salmon, n.entry); err != nil {
			return n, err
		}
	}
	return n, u.Push(ctx, n.entry)
}

// Favorite likes a note of somebody, and tells him.
func (u *User) Favorite(ctx context.Context, acct, id string) error {
	rm, err := u.site.discover(ctx, acct)
	if err != nil {
		return err
	}
	s := u.site
	entry := s.entryXML(s.tag(fmt.Sprintf("fave:%d:note:3:%s", u.ID, s.now())), "Favor", u.Nick+" favorited something by "+rm.nick, schema+"favorite",
		objectXML("note", id), fmt.Sprintf(" <thr:in-reply-to ref=\"%s\"></thr:in-reply-to>\n", html.EscapeString(id)))
	if err := u.slap(ctx, rm.salmon, entry); err != nil {
		return err
	}
	return u.Push(ctx, entry)
}

// Unfavorite takes that back. It lacks what GNU social itself asks for, and its id ends in 1970.
func (u *User) Unfavorite(ctx context.Context, acct, id string) error {
	rm, err := u.site.discover(ctx, acct)
	if err != nil {
		return err
	}
	s := u.site
	return u.slap(ctx, rm.salmon, s.entryXML(s.tag(fmt.Sprintf("disfavor:%d:3:1970-01-01T00:00:00+00:00", u.ID)), "Unlike", u.Nick+" no longer likes something.",
		schema+"unfavorite", objectXML("note", id)))
}

// Share repeats a note of another, which is told in the feed alone. Original is its entry as its author's server has it.
func (u *User) Share(ctx context.Context, id, author, content, self string) (*Notice, error) {
	s := u.site
	s.mu.Lock()
	n := &Notice{author: u, number: len(s.notices) + 1}
	n.ID = s.tag(fmt.Sprintf("noticeId=%d:objectType=note", n.number))
	n.URL = fmt.Sprintf("%s/notice/%d", s.base, n.number)
	inner := fmt.Sprintf(` <activity:object>
  <activity:object-type>%[1]sactivity</activity:object-type>
  <id>%[2]s</id>
  <title></title>
  <content type="html">%[3]s</content>
  <activity:verb>%[1]spost</activity:verb>
  <published>%[6]s</published>
  <author>
   <activity:object-type>%[1]sperson</activity:object-type>
   <uri>%[4]s</uri>
   <name>somebody</name>
  </author>
  <activity:object>
   <activity:object-type>%[1]snote</activity:object-type>
   <id>%[2]s</id>
   <content type="html">%[3]s</content>
  </activity:object>
  <link rel="self" type="application/atom+xml" href="%[5]s"/>
 </activity:object>
`, schema, html.EscapeString(id), html.EscapeString(content), html.EscapeString(author), html.EscapeString(self), s.now())
	n.entry = s.entryXML(n.ID, u.Nick+" repeated a notice", "RT "+content, schema+"share", inner, " "+everybody)
	s.notices = append(s.notices, n)
	s.mu.Unlock()
	return n, u.Push(ctx, n.entry)
}

// Delete takes a note back, in the feed alone: its entry has the id of the note.
func (u *User) Delete(ctx context.Context, n *Notice) error {
	s := u.site
	s.mu.Lock()
	for i, x := range s.notices {
		if x == n {
			s.notices = append(s.notices[:i:i], s.notices[i+1:]...)
			break
		}
	}
	s.mu.Unlock()
	return u.Push(ctx, s.entryXML(n.ID, "Delete", u.Nick+" deleted a notice.", schema+"delete", objectXML("note", n.ID), " "+everybody))
}

// Entry is a notice as it is in the feed.
func (n *Notice) Entry() string { return n.entry }

// Self is where it stands alone.
func (n *Notice) Self() string {
	return fmt.Sprintf("%s/api/statuses/show/%d.atom", n.author.site.base, n.number)
}
