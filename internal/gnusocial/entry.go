package gnusocial

import (
	"encoding/xml"
	"fmt"
	"html"
	"net/http"
	"strings"
	"time"
)

// Verbs begin so.
const (
	schema  = "http://activitystrea.ms/schema/1.0/"
	ostatus = "http://ostatus.org/schema/1.0/"
)

// Entry is an entry as the site reads it.
type Entry struct {
	XMLName   xml.Name `xml:"http://www.w3.org/2005/Atom entry"`
	ID        string   `xml:"http://www.w3.org/2005/Atom id"`
	Title     string   `xml:"http://www.w3.org/2005/Atom title"`
	Content   string   `xml:"http://www.w3.org/2005/Atom content"`
	Type      string   `xml:"http://activitystrea.ms/spec/1.0/ object-type"`
	Verb      string   `xml:"http://activitystrea.ms/spec/1.0/ verb"`
	Published string   `xml:"http://www.w3.org/2005/Atom published"`
	Author    Author   `xml:"http://www.w3.org/2005/Atom author"`
	Object    Object   `xml:"http://activitystrea.ms/spec/1.0/ object"`
	Parent    Parent   `xml:"http://purl.org/syndication/thread/1.0 in-reply-to"`
	Links     []Link   `xml:"http://www.w3.org/2005/Atom link"`
	// Conversation and Tags are as others see them.
	Conversation string `xml:"http://ostatus.org/schema/1.0 conversation"`
	Tags         []Tag  `xml:"http://www.w3.org/2005/Atom category"`
}

// Author is who an entry is of.
type Author struct {
	URI       string `xml:"http://www.w3.org/2005/Atom uri"`
	Name      string `xml:"http://www.w3.org/2005/Atom name"`
	Preferred string `xml:"http://portablecontacts.net/spec/1.0 preferredUsername"`
	Display   string `xml:"http://portablecontacts.net/spec/1.0 displayName"`
	Links     []Link `xml:"http://www.w3.org/2005/Atom link"`
}

// Nick is by what the site calls him.
func (a *Author) Nick() string {
	if a.Preferred != "" {
		return a.Preferred
	}
	return a.Name
}

// Object is what an activity is about.
type Object struct {
	Type   string `xml:"http://activitystrea.ms/spec/1.0/ object-type"`
	ID     string `xml:"http://www.w3.org/2005/Atom id"`
	Author Author `xml:"http://www.w3.org/2005/Atom author"`
}

// Parent is what an entry answers.
type Parent struct {
	Ref string `xml:"ref,attr"`
}

// Tag is a hashtag.
type Tag struct {
	Term string `xml:"term,attr"`
}

// Link is a link.
type Link struct {
	Rel  string `xml:"rel,attr"`
	Href string `xml:"href,attr"`
	Type string `xml:"type,attr"`
}

// Does reports whether an entry has a verb, by its last word.
func (e *Entry) Does(verb string) bool {
	return e.Verb == schema+verb || e.Verb == ostatus+verb || verb == "post" && e.Verb == ""
}

func (e *Entry) mentions(uri string) bool {
	for _, l := range e.Links {
		if (l.Rel == "mentioned" || l.Rel == "ostatus:attention") && l.Href == uri {
			return true
		}
	}
	return false
}

type feedDoc struct {
	XMLName xml.Name `xml:"http://www.w3.org/2005/Atom feed"`
	ID      string   `xml:"http://www.w3.org/2005/Atom id"`
	Author  Author   `xml:"http://www.w3.org/2005/Atom author"`
	Links   []Link   `xml:"http://www.w3.org/2005/Atom link"`
	Entries []Entry  `xml:"http://www.w3.org/2005/Atom entry"`
}

func (f *feedDoc) link(rel string) string {
	for _, l := range f.Links {
		if l.Rel == rel {
			return l.Href
		}
	}
	return ""
}

func parseFeed(b []byte) (*feedDoc, error) {
	f := new(feedDoc)
	return f, xml.Unmarshal(b, f)
}

func parseEntry(b []byte) (*Entry, error) {
	e := new(Entry)
	return e, xml.Unmarshal(b, e)
}

const namespaces = `xmlns="http://www.w3.org/2005/Atom" xmlns:thr="http://purl.org/syndication/thread/1.0" xmlns:georss="http://www.georss.org/georss" ` +
	`xmlns:activity="http://activitystrea.ms/spec/1.0/" xmlns:media="http://purl.org/syndication/atommedia" xmlns:poco="http://portablecontacts.net/spec/1.0" ` +
	`xmlns:ostatus="http://ostatus.org/schema/1.0" xmlns:statusnet="http://status.net/schema/api/1/"`

// everybody is linked to by what everybody may read.
const everybody = `<link rel="mentioned" ostatus:object-type="` + schema + `collection" href="http://activityschema.org/collection/public"/>` + "\n"

func (u *User) authorXML() string {
	kind := "person"
	if u.Group {
		kind = "group"
	}
	avatar := ""
	for _, size := range []string{"96", "48", "24"} {
		avatar += fmt.Sprintf(` <link rel="avatar" type="image/png" media:width="%[1]s" media:height="%[1]s" href="%[2]s/theme/neo-gnu/default-avatar-%[1]s.png"/>`+"\n", size, u.site.base)
	}
	return fmt.Sprintf(`<author>
 <activity:object-type>%s%s</activity:object-type>
 <uri>%s</uri>
 <name>%s</name>
 <link rel="alternate" type="text/html" href="%s"/>
%s <poco:preferredUsername>%[4]s</poco:preferredUsername>
 <poco:displayName>%[4]s</poco:displayName>
 <followers url="%[5]s/subscribers"></followers>
 <statusnet:profile_info local_id="%[7]d"></statusnet:profile_info>
</author>
`, schema, kind, u.URI(), u.Nick, u.Page(), avatar, u.ID)
}

// entryXML is an entry up to what stands in it besides.
func (s *Site) entryXML(id, title, content, verb string, rest ...string) string {
	at := s.opt.Now().UTC().Format("2006-01-02T15:04:05+00:00")
	e := fmt.Sprintf(" <id>%s</id>\n <title>%s</title>\n <content type=\"html\">%s</content>\n <activity:verb>%s</activity:verb>\n <published>%[5]s</published>\n <updated>%[5]s</updated>\n",
		html.EscapeString(id), html.EscapeString(title), html.EscapeString(content), verb, at)
	return e + strings.Join(rest, "")
}

func objectXML(kind, id string) string {
	return fmt.Sprintf(" <activity:object>\n  <activity:object-type>%s%s</activity:object-type>\n  <id>%s</id>\n </activity:object>\n", schema, kind, html.EscapeString(id))
}

// feedXML is a feed of a user with some entries.
func (u *User) feedXML(entries ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `<?xml version="1.0" encoding="UTF-8"?>
<feed xml:lang="en-US" %s>
 <generator uri="https://gnu.io/social" version="1.20.10-release">GNU social</generator>
 <id>%s</id>
 <title>%s timeline</title>
 <updated>%s</updated>
%s <link href="%s" rel="alternate" type="text/html"/>
 <link href="%s/main/push/hub" rel="hub"/>
 <link href="%s" rel="salmon"/>
 <link href="%[2]s" rel="self" type="application/atom+xml"/>
`, namespaces, u.Feed(), u.Nick, u.site.opt.Now().UTC().Format(time.RFC3339), u.authorXML(), u.Page(), u.site.base, u.salmon())
	for _, e := range entries {
		b.WriteString("<entry>\n" + e + "</entry>\n")
	}
	b.WriteString("</feed>\n")
	return b.String()
}

func (s *Site) feed(w http.ResponseWriter, r *http.Request) {
	u := s.user(r.PathValue("id"), strings.Contains(r.URL.Path, "/groups/"))
	if u == nil {
		noSuchUser(w)
		return
	}
	s.mu.Lock()
	var entries []string
	for i := len(s.notices) - 1; i >= 0; i-- {
		if s.notices[i].author == u {
			entries = append(entries, s.notices[i].entry)
		}
	}
	s.mu.Unlock()
	w.Header().Set("Content-Type", "application/atom+xml; charset=utf-8")
	_, _ = w.Write([]byte(u.feedXML(entries...)))
}

func (s *Site) notice(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.notices {
		if fmt.Sprint(n.number)+".atom" == r.PathValue("id") {
			w.Header().Set("Content-Type", "application/atom+xml;type=entry; charset=utf-8")
			fmt.Fprintf(w, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<entry %s>\n%s%s</entry>\n", namespaces, n.entry, n.author.authorXML())
			return
		}
	}
	http.NotFound(w, r)
}
