package pages

import (
	"context"
	"errors"
	"net/http"
	"strings"
)

// serveAuthorize shows somebody of another server, whom a visitor wants to follow from here: he was sent by that server, since he has an account
// here (OStatus §3.5). Whoever he is, it is done by his XMPP client.
func (s *Site) serveAuthorize(w http.ResponseWriter, r *http.Request) {
	p := s.page(r)
	query := r.URL.Query()
	who := query.Get("uri")
	if who == "" {
		who = query.Get("profile") // GNU social calls it so
	}
	who = strings.TrimSpace(who)
	p.title = p.say("Follow somebody")
	if who == "" || len(who) > maxAsked {
		p.addAsk("", "")
		p.serve(w, r)
		return
	}
	var found *Found
	busy, err := s.lookup(r, func(ctx context.Context) (err error) { found, err = s.Source.Find(ctx, who); return err })
	if err == nil && found != nil && found.JID == "" { // XMPP has no name for him
		err = ErrNotFound
	}
	switch {
	case busy:
		w.Header().Set("Retry-After", "60")
		p.addAsk(who, p.say("Too many ask at the moment. Try again in a minute."))
		p.serveAs(w, http.StatusServiceUnavailable)
		return
	case err != nil:
		said := p.say("Nobody of that name was found.")
		status := http.StatusNotFound
		if refusal, ok := errors.AsType[Refusal](err); ok {
			said, status = p.say(string(refusal)), http.StatusUnprocessableEntity
		}
		p.addAsk(who, said)
		p.serveAs(w, status)
		return
	}
	p.title = p.say("Follow %s", name(&found.Actor))
	p.meta("name", "robots", "noindex")
	p.Add(markup("<h1>"), p.title, markup("</h1>\n"), markup(`<div class="h-card person">`))
	p.addFace(&found.Actor, 96, "u-photo")
	p.Add(markup(`<div><p><bdi class="p-name">`), name(&found.Actor), markup("</bdi></p>\n"), markup(`<p class="soft"><bdi>@`), line(found.Acct, 2*maxShownName), markup("</bdi></p>\n"))
	if found.Note != "" {
		p.Add(markup(`<p class="p-note" dir="auto">`), line(found.Note, maxExcerpt), markup("</p>\n"))
	}
	if page := href(found.Page); page != "" {
		p.Add(markup(`<p><a class="u-url" rel="nofollow noopener" href="`), page, markup(`">`), p.say("Profile"), markup("</a></p>\n"))
	}
	p.Add(markup("</div></div>\n"))
	p.Add(markup(`<p><a class="button" href="`), xmppLink(found.JID, "subscribe"), markup(`">`), p.say("Follow with your XMPP client"), markup("</a></p>\n"))
	p.Add(markup("<p>"), p.say("If nothing opens, add this contact, or write “follow %s” to %s:", found.Acct, s.Gateway), markup("</p>\n<p><code>"), found.JID, markup("</code></p>\n"))
	p.serve(w, r)
}

// addAsk adds the question whom somebody wants to follow.
func (p *page) addAsk(who, wrong string) {
	p.Add(markup("<h1>"), p.title, markup("</h1>\n"), markup(`<form method="get" action="/authorize">`), markup("\n"), markup(`<label for="uri">`),
		p.say("The address of whom you want to follow, such as alice@social.example, or of a profile"), markup("</label>\n"))
	if wrong != "" {
		p.Add(markup(`<p class="wrong" id="wrong" role="alert">`), wrong, markup("</p>\n"))
	}
	p.Add(markup(`<div class="row"><input id="uri" name="uri" type="text" inputmode="email" autocapitalize="none" spellcheck="false" autocomplete="off" required maxlength="2048" value="`), who, markup(`"`))
	p.AddIf(wrong != "", ` aria-invalid="true" aria-describedby="wrong"`)
	p.Add(markup("><button>"), p.say("Find"), markup("</button></div>\n</form>\n"))
}
