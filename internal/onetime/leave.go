package onetime

import (
	"context"
	"log/slog"
	"net/http"

	"passerelle/internal/text"
	"passerelle/internal/webpage"
	"passerelle/transports"
)

// LeavePath is where the pages stand that end a redirect, in front of the token. They are links in mails, and work for as long as those are known.
const LeavePath = "/leave/"

// Redirects are those of a domain, which people leave by a link in a mail.
type Redirects interface {
	// LeavesFrom says where the mails go that the link of a token ends; ok is false where it is none of this domain.
	LeavesFrom(ctx context.Context, token string) (mailbox string, ok bool, err error)
	// Leave ends that. To end what has ended is no error.
	Leave(ctx context.Context, token string) error
}

// maxLeaveToken is longer than any token, in bytes.
const maxLeaveToken = 100

// LeaveHandler answers GET and POST of LeavePath and a token. Safe for use by any goroutine.
//
// GET changes nothing, since programs open links to look what is there. A POST comes from the page's button, or from a mail program whose user has
// pressed its own (RFC 8058 §3.1), which sends no cookies and needs no page.
type LeaveHandler struct {
	log *slog.Logger
	all []Redirects
}

// NewLeaveHandler makes a handler for the links in the mails of some domains.
func NewLeaveHandler(log *slog.Logger, all ...Redirects) *LeaveHandler {
	return &LeaveHandler{log: log, all: all}
}

// ServeHTTP shows the page, or ends the redirect.
func (h *LeaveHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p := page{Lang: webpage.Language(r.Header.Get("Accept-Language"))}
	p.Title = text.Say(p.Lang, "Messages from XMPP by mail")
	token := r.PathValue("token")
	redirects, mailbox, err := h.find(r.Context(), token)
	switch {
	case err != nil:
		h.failed(w, p, err)
	case redirects == nil:
		p.show(w, http.StatusNotFound, text.Say(p.Lang, "This link is not known, or too old. A newer mail has one that works."))
	case r.Method != http.MethodPost:
		p.Whose = text.Say(p.Lang, "Messages of XMPP come to %s. With this button nothing more comes.", mailbox)
		p.Send = text.Say(p.Lang, "Send nothing more")
		p.write(w, http.StatusOK)
	default:
		// Whoever goes away does not leave it undone.
		if err := redirects.Leave(context.WithoutCancel(r.Context()), token); err != nil {
			h.failed(w, p, err)
			return
		}
		p.show(w, http.StatusOK, text.Say(p.Lang, "Nothing more comes to %s.", mailbox)+" "+text.Say(p.Lang, "You can close this page."))
	}
}

// find looks for whose a token is.
func (h *LeaveHandler) find(ctx context.Context, token string) (Redirects, string, error) {
	if len(token) > maxLeaveToken {
		return nil, "", nil
	}
	for _, r := range h.all {
		mailbox, ok, err := r.LeavesFrom(ctx, token)
		if ok || err != nil {
			return r, mailbox, err
		}
	}
	return nil, "", nil
}

func (h *LeaveHandler) failed(w http.ResponseWriter, p page, err error) {
	h.log.Error("the page that ends a redirect failed", "error", transports.AsError(err).Err)
	p.show(w, http.StatusServiceUnavailable, text.Say(p.Lang, "This does not work at the moment. Try again in a minute."))
}
