package pages

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"passerelle/socialbridge/activity"
)

// serveProfile shows somebody and what he has published.
func (s *Site) serveProfile(w http.ResponseWriter, r *http.Request) {
	p := s.page(r)
	var before int64
	if v := r.URL.Query().Get("before"); v != "" {
		var err error
		if before, err = strconv.ParseInt(v, 10, 64); err != nil || before <= 0 {
			p.failed(w, r, ErrNotFound)
			return
		}
	}
	person, err := s.Source.Person(r.Context(), r.PathValue("name"), before)
	if err != nil {
		p.failed(w, r, err)
		return
	}
	p.profile(person, before, "", "")
	p.serve(w, r)
}

// profile writes the page of somebody, with what was wrong with the address of whoever wants to follow him.
func (p *page) profile(a *Person, before int64, address, wrong string) {
	self := p.site.own(a.URI)
	feed := a.Routes.Feed
	p.title = name(&a.Actor) + " (@" + a.Acct + ")"
	p.changed = a.Changed
	p.about(p.title, a.Note, &a.Actor, "profile", a.Hidden)
	p.link("canonical", "", a.URI)
	p.link("alternate", "application/atom+xml", feed)
	p.link("lrdd", "application/jrd+json", p.site.Base+"/.well-known/webfinger?resource="+url.QueryEscape(a.URI))

	p.Add(markup(`<header class="h-card person">`), markup("\n"))
	p.addFace(&a.Actor, 96, "u-photo")
	p.Add(markup(`<div><h1 class="p-name" dir="auto">`), name(&a.Actor), markup("</h1>\n"))
	p.Add(markup(`<p class="soft"><a class="u-url u-uid" rel="me" href="`), a.URI, markup(`"><bdi>@`), a.Acct, markup("</bdi></a></p>\n"))
	p.Add(markup(`<p hidden class="p-nickname">`), a.Nick, markup("</p>\n"))
	if a.Note != "" {
		p.Add(markup(`<p class="p-note" dir="auto">`), lines(a.Note, maxShownLines), markup("</p>\n"))
	}
	p.addFacts(a)
	p.Add(markup("</div></header>\n"))
	p.addFollow(a, address, wrong)

	p.Add(markup(`<section class="h-feed" aria-labelledby="posts">`), markup("\n"), markup(`<h2 class="p-name" id="posts">`), p.say("Posts"), markup("</h2>\n"))
	if len(a.Posts) == 0 {
		p.Add(markup("<p>"), p.say("There is nothing here yet."), markup("</p>\n"))
	}
	for i := range a.Posts {
		p.addEntry(&a.Posts[i], "h-entry", "h3", false)
	}
	if a.Next != 0 || before != 0 {
		p.Add(markup(`<nav aria-label="`), p.say("More posts"), markup("\">\n"))
		if before != 0 {
			p.Add(markup(`<a href="`), self, markup(`">`), p.say("Newest posts"), markup("</a>\n"))
		}
		if a.Next != 0 {
			p.Add(markup(`<a rel="next" href="`), self+"?before="+strconv.FormatInt(a.Next, 10), markup(`">`), p.say("Older posts"), markup("</a>\n"))
		}
		p.Add(markup("</nav>\n"))
	}
	p.Add(markup("</section>\n"))
}

// about adds to the head what is shown of a page where there is a link to it.
func (p *page) about(title, what string, who *activity.Actor, kind string, hidden bool) {
	what = line(what, 200)
	p.meta("name", "description", what)
	p.meta("property", "og:type", kind)
	p.meta("property", "og:title", title)
	p.meta("property", "og:description", what)
	if path := p.site.picture(who, 96); path != "" {
		p.meta("property", "og:image", p.site.Base+path)
	}
	if hidden {
		p.meta("name", "robots", "noindex")
	}
}

// addFacts adds where somebody is, and how many follow him.
func (p *page) addFacts(a *Person) {
	p.Add(markup(`<ul class="facts">`), markup("\n"))
	if a.Place != "" {
		p.Add(markup(`<li><bdi class="p-locality">`), line(a.Place, maxShownName), markup("</bdi></li>\n"))
	}
	if home := href(a.Home); home != "" {
		p.Add(markup(`<li><a class="u-url" rel="me nofollow noopener" href="`), home, markup(`"><bdi>`), line(strings.TrimPrefix(strings.TrimPrefix(home, "https://"), "http://"), maxShownName), markup("</bdi></a></li>\n"))
	}
	if a.Followers >= 0 {
		p.Add(markup("<li>"), p.say("Followers: %d", a.Followers), markup("</li>\n"))
	}
	if a.Following >= 0 {
		p.Add(markup("<li>"), p.say("Following: %d", a.Following), markup("</li>\n"))
	}
	if feed := a.Routes.Feed; feed != "" {
		p.Add(markup(`<li><a type="application/atom+xml" href="`), feed, markup(`">`), p.say("Feed"), markup("</a></li>\n"))
	}
	p.Add(markup("</ul>\n"))
}

// addFollow adds how to follow somebody, from elsewhere and from XMPP.
func (p *page) addFollow(a *Person, address, wrong string) {
	p.Add(markup(`<section class="follow" aria-labelledby="follow">`), markup("\n"), markup(`<h2 id="follow">`), p.say("Follow"), markup("</h2>\n"))
	p.Add(markup(`<form method="post" action="`), p.site.own(a.URI), markup(`/follow">`), markup("\n"))
	p.Add(markup(`<label for="address">`), p.say("Your address on the social web, such as alice@social.example"), markup("</label>\n"))
	if wrong != "" {
		p.Add(markup(`<p class="wrong" id="wrong" role="alert">`), wrong, markup("</p>\n"))
	}
	p.Add(markup(`<div class="row"><input id="address" name="address" type="text" inputmode="email" autocapitalize="none" spellcheck="false" autocomplete="off" required maxlength="256" value="`), address, markup(`"`))
	p.AddIf(wrong != "", ` aria-invalid="true" aria-describedby="wrong"`)
	p.Add(markup("><button>"), p.say("Follow"), markup("</button></div>\n</form>\n"))
	p.Add(markup("<p>"), p.say("From XMPP: write “follow %s” to a gateway such as %s.", a.Acct, p.site.Gateway))
	if a.XMPP != "" {
		p.Add(markup(` <a class="u-impp" href="`), xmppLink(a.XMPP, "subscribe"), markup(`">`), p.say("Add %s to your contacts", a.XMPP), markup("</a>"))
	}
	p.Add(markup("</p>\n</section>\n"))
}

// serveFollow sends a visitor to his own server, to follow somebody there.
func (s *Site) serveFollow(w http.ResponseWriter, r *http.Request) {
	p := s.page(r)
	person, err := s.Source.Person(r.Context(), r.PathValue("name"), 0)
	if err != nil {
		p.failed(w, r, err)
		return
	}
	address := strings.TrimPrefix(strings.TrimSpace(r.PostFormValue("address")), "@")
	if len(address) > maxAsked {
		address = ""
	}
	wrong, status := p.say("There is no server that can be asked. Write your address as alice@social.example."), http.StatusUnprocessableEntity
	if address != "" {
		var template string
		busy, err := s.lookup(r, func(ctx context.Context) (err error) { template, err = s.Source.FollowPage(ctx, address); return err })
		if to := fill(template, person.URI); err == nil && to != "" {
			http.Redirect(w, r, to, http.StatusSeeOther)
			return
		}
		if busy {
			wrong, status = p.say("Too many ask at the moment. Try again in a minute."), http.StatusServiceUnavailable
		}
		if refusal, ok := errors.AsType[Refusal](err); ok {
			wrong = p.say(string(refusal))
		}
	}
	p.profile(person, 0, address, wrong)
	p.serveAs(w, status)
}

// fill puts a URI into a template of a link (OStatus §3.5); it is empty where that leads nowhere on the web.
func fill(template, uri string) string {
	before, after, ok := strings.Cut(template, "{uri}")
	if !ok {
		return ""
	}
	u, err := url.Parse(before + url.QueryEscape(uri) + after)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil {
		return ""
	}
	return u.String()
}

// xmppLink is a link to somebody on XMPP (RFC 5122 §2.7).
func xmppLink(jid, query string) string {
	local, domain, ok := strings.Cut(jid, "@")
	if !ok {
		return "xmpp:" + escape(jid) + "?" + query
	}
	return "xmpp:" + escape(local) + "@" + escape(domain) + "?" + query
}

// escape escapes all that a part of a URI may not have, wherever it stands.
func escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }
