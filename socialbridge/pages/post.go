package pages

import (
	"net/http"
	"strings"
)

// servePost shows a post, what it answers and what answers it.
func (s *Site) servePost(w http.ResponseWriter, r *http.Request) {
	p := s.page(r)
	t, err := s.Source.Thread(r.Context(), r.PathValue("name"))
	if err != nil {
		p.failed(w, r, err)
		return
	}
	who := &t.Author
	if t.By != nil {
		who = t.By
	}
	says := t.Title
	if says == "" {
		says = excerpt(t.HTML, 60)
	}
	p.title = name(who)
	if says != "" {
		p.title += ": " + line(says, maxShownName)
	}
	p.changed = t.Changed
	p.about(p.title, excerpt(t.HTML, 200), who, "article", t.Hidden)
	if t.By == nil && p.site.own(t.Page) != "" { // what is repeated has its page elsewhere
		p.link("canonical", "", t.Page)
		p.link("alternate", "application/atom+xml", t.Page+".atom")
	}

	p.Add(markup("<h1>"), p.say("Post by %s", name(who)), markup("</h1>\n"))
	if before := t.Before[max(0, len(t.Before)-maxBefore):]; len(before) > 0 {
		p.Add(markup(`<section class="around" aria-labelledby="before"><h2 id="before">`), p.say("What it answers"), markup("</h2>\n"))
		for i := range before {
			p.addEntry(&before[i], "h-cite", "h3", false)
		}
		p.Add(markup("</section>\n"))
	}
	p.addEntry(&t.Entry, "h-entry whole", "h2", true)
	replies := t.Replies[:min(len(t.Replies), maxReplies)]
	p.Add(markup(`<section class="around" aria-labelledby="answers"><h2 id="answers">`), p.say("Answers"), markup("</h2>\n"))
	if len(replies) == 0 {
		p.Add(markup("<p>"), p.say("Nobody has answered yet."), markup("</p>\n"))
	}
	for i := range replies {
		p.addEntry(&replies[i], "u-comment h-cite", "h3", false)
	}
	if more := t.More + len(t.Replies) - len(replies); more > 0 {
		p.Add(markup("<p>"), p.say("and %d more", more), markup("</p>\n"))
	}
	p.Add(markup("</section>\n"), markup(`<nav aria-label="`), p.say("More posts"), markup(`"><a href="`), p.site.profileOf(who.URI, who.Page), markup(`">`), p.say("All posts of %s", name(who)), markup("</a></nav>\n"))
	p.serve(w, r)
}

// serveTag shows what users here have published with a tag.
func (s *Site) serveTag(w http.ResponseWriter, r *http.Request) {
	p := s.page(r)
	tag := strings.ToLower(line(r.PathValue("tag"), maxShownName))
	all, err := s.Source.Tagged(r.Context(), tag)
	if err != nil {
		p.failed(w, r, err)
		return
	}
	p.title = "#" + tag
	p.meta("name", "robots", "noindex")
	p.Add(markup(`<section class="h-feed" aria-labelledby="tag"><h1 class="p-name" id="tag">#<bdi>`), tag, markup("</bdi></h1>\n"))
	if len(all) == 0 {
		p.Add(markup("<p>"), p.say("There is nothing here yet."), markup("</p>\n"))
	}
	for i := range all {
		p.addEntry(&all[i], "h-entry", "h2", false)
	}
	p.Add(markup("</section>\n"))
	p.serve(w, r)
}

// profileOf is where somebody's profile is.
func (s *Site) profileOf(uri, page string) string {
	if path := s.own(uri); path != "" {
		return path
	}
	if to := href(page); to != "" {
		return to
	}
	return href(uri)
}
