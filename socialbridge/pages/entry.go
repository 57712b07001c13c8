package pages

import (
	"html"
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"passerelle/socialbridge/activity"
)

// Bounds of what a page shows of something.
const (
	maxShownHTML  = 16 << 10 // bytes of a post among others; of a longer one its beginning is shown
	maxExcerpt    = 500      // characters of that
	maxShownName  = 80       // characters
	maxShownLines = 10       // of what somebody says of himself
	maxShownTags  = 32
	maxShownFiles = 16
	maxReplies    = 200
	maxBefore     = 20
)

// name is what somebody is called, in one line that does nothing to the text around it.
func name(a *activity.Actor) string {
	for _, s := range []string{a.Name, a.Nick, a.Acct, a.URI} {
		if s = line(s, maxShownName); s != "" {
			return s
		}
	}
	return "?"
}

// line is s without what is not seen, at most n characters long.
func line(s string, n int) string {
	s = s[:min(len(s), 16*n)]
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == utf8.RuneError || r == 0xfeff:
			return -1
		}
		return r
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return strings.TrimSpace(string([]rune(s)[:n-1])) + "…"
}

// lines are at most n lines of s, without those that are empty.
func lines(s string, n int) string {
	var all []string
	for l := range strings.SplitSeq(s, "\n") {
		if l = line(l, maxExcerpt); l == "" {
			continue
		}
		if len(all) == n {
			return strings.Join(all, "\n") + "…"
		}
		all = append(all, l)
	}
	return strings.Join(all, "\n")
}

// excerpt is how a piece of HTML begins, as text.
func excerpt(s string, n int) string {
	var b strings.Builder
	for b.Len() < 8*n {
		words, rest, tag := strings.Cut(s, "<")
		b.WriteString(words)
		if !tag {
			break
		}
		name, after, ends := strings.Cut(rest, ">")
		if !ends {
			break
		}
		switch name = strings.TrimSuffix(name, "/"); {
		case name == "br", strings.HasPrefix(name, "/p"), strings.HasPrefix(name, "/li"), strings.HasPrefix(name, "/h"), strings.HasPrefix(name, "/blockquote"):
			b.WriteByte(' ')
		}
		s = after
	}
	return line(html.UnescapeString(b.String()), n)
}

// href is a URL that a page may lead to.
func href(u string) string {
	if strings.HasPrefix(u, "https://") || strings.HasPrefix(u, "http://") {
		return u
	}
	return ""
}

// own is the path of what is on this site; empty for what is elsewhere, which a page does not bring.
func (s *Site) own(u string) string {
	if path, ok := strings.CutPrefix(u, s.Base); ok {
		u = path
	}
	if strings.HasPrefix(u, "/") && !strings.HasPrefix(u, "//") {
		return u
	}
	return ""
}

// picture is the path of a picture of somebody that is at least so many pixels wide, or the largest; empty where there is none on this site.
func (s *Site) picture(a *activity.Actor, pixels int) string {
	best, width := "", 0
	for _, p := range a.Pictures {
		if path := s.own(p.URL); path != "" && (best == "" || p.Width >= pixels && p.Width < width || width < pixels && p.Width > width) {
			best, width = path, p.Width
		}
	}
	return best
}

// addFace adds somebody's picture, or the first letter of his name. His name stands beside it, so neither is read out.
func (p *page) addFace(a *activity.Actor, pixels int, class markup) {
	if path := p.site.picture(a, pixels); path != "" {
		p.Add(markup(`<img class="face `+class+`" src="`), path, markup(`" alt="" width="`), pixels, markup(`" height="`), pixels, markup(`">`))
		return
	}
	first, _ := utf8.DecodeRuneInString(strings.TrimLeft(name(a), "@!"))
	p.Add(markup(`<span class="face" aria-hidden="true">`), string(unicode.ToUpper(first)), markup(`</span>`))
}

// addEntry adds a post. Class is the microformat that it is; heading is the element that a title of its own is in. Of one that is not shown whole
// there is the beginning.
func (p *page) addEntry(e *Entry, class, heading markup, whole bool) {
	p.Add(markup(`<article class="` + class + "\">\n"))
	if e.By != nil {
		p.Add(markup(`<p class="soft">`), p.say("Repeated by %s", name(e.By)))
		if !e.At.IsZero() {
			p.Add(markup(", "))
			p.addTime(e.At, "")
		}
		p.Add(markup("</p>\n"))
	}
	if e.Title != "" {
		p.addAuthor(e, "div")
	} else {
		p.addAuthor(e, heading) // by which who hears the page goes from post to post
	}
	if e.ReplyTo != "" {
		p.Add(markup(`<p class="soft">`))
		if to := href(e.ReplyPage); to != "" {
			p.Add(markup(`<a class="u-in-reply-to" href="`), to, markup(`">`), p.say("In answer to another post"), markup("</a>"))
		} else {
			p.Add(p.say("In answer to another post"))
		}
		p.Add(markup("</p>\n"))
	}
	if e.Title != "" {
		p.Add(markup("<"+heading+` class="p-name" dir="auto">`), line(e.Title, 2*maxShownName), markup("</"+heading+">\n"))
	}
	page := href(e.Page)
	if !whole && len(e.HTML) > maxShownHTML {
		p.Add(markup(`<div class="p-summary" dir="auto"><p>`), excerpt(e.HTML, maxExcerpt), markup("</p></div>\n"))
		if page != "" {
			p.Add(markup(`<p><a href="`), page, markup(`">`), p.say("Read all of it"), markup("</a></p>\n"))
		}
	} else {
		p.Add(markup(`<div class="e-content" dir="auto">`), markup(e.HTML), markup("</div>\n"))
	}
	p.addFiles(e)
	p.addTags(e.Tags)
	p.addCounts(e)
	p.Add(markup("</article>\n"))
}

// addAuthor adds who wrote a post, in an element, and when.
func (p *page) addAuthor(e *Entry, element markup) {
	p.Add(markup(`<div class="by"><` + element + ` class="p-author h-card">`))
	p.addFace(&e.Author, 48, "u-photo")
	to := href(e.Author.Page)
	if to == "" {
		to = href(e.Author.URI)
	}
	inner := func() {
		p.Add(markup(`<bdi class="p-name">`), name(&e.Author), markup("</bdi>"))
		if acct := line(e.Author.Acct, 2*maxShownName); acct != "" {
			p.Add(markup(` <bdi class="acct">@`), acct, markup("</bdi>"))
		}
	}
	if to != "" {
		p.Add(markup(`<a class="u-url" href="`), to, markup(`">`))
		inner()
		p.Add(markup("</a>"))
	} else {
		inner()
	}
	p.Add(markup("</" + element + ">"))
	if !e.Published.IsZero() {
		page := href(e.Page)
		if page != "" {
			p.Add(markup(`<a class="when u-url" href="`), page, markup(`">`))
		} else {
			p.Add(markup(`<span class="when">`))
		}
		p.addTime(e.Published, "dt-published")
		if page != "" {
			p.Add(markup("</a>"))
		} else {
			p.Add(markup("</span>"))
		}
	}
	p.Add(markup("</div>\n"))
}

func (p *page) addTime(t time.Time, class markup) {
	t = t.UTC()
	p.Add(markup("<time"))
	if class != "" {
		p.Add(markup(` class="` + class + `"`))
	}
	p.Add(markup(` datetime="`), t.Format(time.RFC3339), markup(`">`), t.Format("2006-01-02 15:04"), markup(" UTC</time>"))
}

// addFiles adds what stands beside a post: pictures and films of this site as they are, and where others are.
func (p *page) addFiles(e *Entry) {
	if len(e.Files) == 0 {
		return
	}
	hidden := e.Sensitive()
	if hidden {
		p.Add(markup(`<details><summary>`), p.say("Sensitive: show what belongs to it"), markup("</summary>\n"))
	}
	p.Add(markup("<ul class=\"files\">\n"))
	for i, f := range e.Files {
		if i == maxShownFiles {
			break
		}
		p.Add(markup("<li>"))
		p.addFile(&f)
		p.Add(markup("</li>\n"))
	}
	p.Add(markup("</ul>\n"))
	if hidden {
		p.Add(markup("</details>\n"))
	}
}

func (p *page) addFile(f *activity.File) {
	path, title := p.site.own(f.URL), line(f.Title, 2*maxShownName)
	switch kind, _, _ := strings.Cut(f.Type, "/"); {
	case path != "" && kind == "image":
		if title == "" {
			title = p.say("Picture without a description")
		}
		p.Add(markup(`<a href="`), path, markup(`"><img class="u-photo" src="`), path, markup(`" alt="`), title, markup(`" loading="lazy"></a>`))
	case path != "" && kind == "video":
		p.Add(markup(`<video class="u-video" controls preload="metadata" src="`), path, markup(`"></video>`))
	case path != "" && kind == "audio":
		p.Add(markup(`<audio class="u-audio" controls preload="metadata" src="`), path, markup(`"></audio>`))
	default:
		to := path
		if to == "" {
			to = href(f.URL)
		}
		if title == "" {
			title = line(strings.TrimPrefix(strings.TrimPrefix(f.URL, "https://"), "http://"), maxShownName)
		}
		if to == "" {
			p.Add(title)
			return
		}
		p.Add(markup(`<a class="u-attachment" rel="nofollow noopener" href="`), to, markup(`"><bdi>`), title, markup("</bdi></a>"))
		if f.Type != "" {
			p.Add(markup(` <span class="soft">`), line(f.Type, maxShownName), markup("</span>"))
		}
	}
}

func (p *page) addTags(tags []string) {
	if len(tags) == 0 {
		return
	}
	p.Add(markup(`<ul class="tags" aria-label="`), p.say("Tags"), markup("\">\n"))
	for i, t := range tags {
		if i == maxShownTags {
			p.Add(markup("<li>"), p.say("and %d more", len(tags)-i), markup("</li>\n"))
			break
		}
		p.Add(markup(`<li><a rel="tag nofollow" href="/tag/`), url.PathEscape(t), markup(`">#<bdi class="p-category">`), line(t, maxShownName), markup("</bdi></a></li>\n"))
	}
	p.Add(markup("</ul>\n"))
}

// addCounts adds how many liked, repeated and answered a post.
func (p *page) addCounts(e *Entry) {
	var counts []string
	for _, c := range []struct {
		n     int
		words string
	}{{e.Likes, p.say("Likes: %d", e.Likes)}, {e.Repeats, p.say("Repeated: %d", e.Repeats)}, {e.Answers, p.say("Answers: %d", e.Answers)}} {
		if c.n > 0 {
			counts = append(counts, c.words)
		}
	}
	if len(counts) > 0 {
		p.Add(markup(`<p class="soft">`), strings.Join(counts, " · "), markup("</p>\n"))
	}
}
