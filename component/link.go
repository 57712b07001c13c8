package component

import (
	"crypto/rand"
	"encoding/base64"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"passerelle/internal/text"
	"passerelle/store"
	"passerelle/transports"
)

// Passwords do not belong into chat, where archives keep them, and many clients have no forms. So the bot gives a link to a page of the
// same form, which works once.

const (
	linkTime   = 10 * time.Minute
	tokenBytes = 32 // random ones
)

// hasSecret reports whether a form asks for something that is not taken in chat.
func hasSecret(f *transports.Form) bool {
	return f != nil && slices.ContainsFunc(f.Fields, func(field transports.Field) bool { return field.Type.Secret() })
}

// linksWork reports whether links can be given: passwords only go where nobody reads along.
func (g *Gateway) linksWork() bool {
	u, err := url.Parse(g.opt.LinkURL)
	if err != nil || u.Host == "" || g.opt.Store == nil {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Scheme == "https" || ip != nil && ip.IsLoopback()
}

// canLink reports whether a page can be filled in by a link. A page of the web stands alone, so it has to be the only one.
func (g *Gateway) canLink(x *execution, f *transports.Form) bool {
	return hasSecret(f) && !f.More && len(x.pages) == 1 && !x.command.Admin && g.linksWork()
}

// newToken makes what a one-time link ends with.
func newToken() string {
	raw := make([]byte, tokenBytes)
	rand.Read(raw) // never fails
	return base64.RawURLEncoding.EncodeToString(raw)
}

// linkTo is the link that ends with a token.
func (g *Gateway) linkTo(token string) string {
	return strings.TrimSuffix(g.opt.LinkURL, "/") + "/" + token
}

// sendLink makes a link to the form of a command and sends it to the client that asked, behind what it is about.
func (u *user) sendLink(s said, x *execution, about string) {
	token := newToken()
	link := store.Link{UserID: u.g.userID(u.jid), Command: x.command.Name, ExpiresAt: now().Add(linkTime)}
	if x.call.On.Kind != transports.TargetDomain {
		link.Target = u.g.opt.Transport.Format(x.call.On)
	}
	u.write(func(tx *store.Tx, _ store.UserID) error { return tx.AddLink(store.Secret(token), link) }, func(err error) {
		if err != nil {
			u.say(s, u.sayError(err).In(text.In(s.lang)))
			return
		}
		what := text.Say(s.lang, "For passwords, open this page. It works once, within 10 minutes:")
		if about != "" {
			what = about + text.Say(s.lang, "Open this page and fill it in. It works once, within 10 minutes:")
		}
		u.sayOnce(s, what+"\n"+u.g.linkTo(token))
	})
}

// Filled says that somebody filled in the page of a link, and what came of it: he is told, and his form in chat ends, since it shows
// what was there before. Safe to call from any goroutine.
func (g *Gateway) Filled(l store.Link, lang, said string) {
	jid, err := transports.ParseAddress(l.JID)
	if err != nil {
		return
	}
	u, ok := g.user(jid)
	if !ok {
		return
	}
	u.post(func() {
		for to, c := range u.chats {
			if c.x.command.Name == l.Command {
				u.end(c.x)
				delete(u.chats, to)
			}
		}
		body := text.Say(lang, "Somebody used your link.") + " " + said
		u.say(saidTo(g.botAddress(), jid, lang), body)
	})
}
