package onetime

import (
	"context"
	"encoding/base64"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"passerelle/internal/text"
	"passerelle/internal/webpage"
	"passerelle/store"
	"passerelle/transports"
)

// Path is where the pages stand, in front of the token.
const Path = "/set/"

// tokenLength is that of 32 bytes in base64url.
const tokenLength = 43

// Gateway runs the commands of a domain.
type Gateway interface {
	Domain() string
	Operate(ctx context.Context, op transports.Operation) (transports.Outcome, error)
	Filled(l store.Link, lang, said string)
	Export(ctx context.Context, jid transports.Address, lang string, w io.Writer, progress func(done, all int64)) error
}

// Handler answers GET and POST of Path and a token. Safe for use by any goroutine.
type Handler struct {
	db       *store.DB
	log      *slog.Logger
	gateways map[string]Gateway
}

// NewHandler makes a handler for the links that the gateways give.
func NewHandler(db *store.DB, log *slog.Logger, gateways ...Gateway) *Handler {
	h := &Handler{db: db, log: log, gateways: make(map[string]Gateway)}
	for _, g := range gateways {
		h.gateways[g.Domain()] = g
	}
	return h
}

// ServeHTTP shows the form, or takes what was filled in.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p := page{Lang: webpage.Language(r.Header.Get("Accept-Language"))}
	token := store.Secret(r.PathValue("token"))
	link, ok, err := h.find(r.Context(), token)
	switch {
	case err != nil:
		h.log.Error("a one-time link could not be looked up", "error", err)
		p.show(w, http.StatusServiceUnavailable, text.Say(p.Lang, "This does not work at the moment. Try again in a minute."))
	case !ok:
		p.gone(w)
	case r.Method == http.MethodPost && !sameOrigin(r):
		// Who has no token cannot send a form here; this keeps out sites that have one.
		p.show(w, http.StatusForbidden, text.Say(p.Lang, "This form was sent by another site."))
	case link.Command == transports.ExportCommand && r.Method == http.MethodPost:
		h.download(w, r, p, token, link)
	case link.Command == transports.ExportCommand:
		p.offer(w, link)
	case r.Method == http.MethodPost:
		h.submit(w, r, p, token, link)
	default:
		h.form(w, r, p, link)
	}
}

// find looks up a link. What cannot be a token is not looked up.
func (h *Handler) find(ctx context.Context, token store.Secret) (store.Link, bool, error) {
	if len(token) != tokenLength {
		return store.Link{}, false, nil
	}
	if _, err := base64.RawURLEncoding.DecodeString(token.Reveal()); err != nil {
		return store.Link{}, false, nil
	}
	link, ok, err := h.db.Link(ctx, token)
	if ok && h.gateways[link.Domain] == nil { // the operator took it away
		ok = false
	}
	return link, ok, err
}

// sameOrigin reports whether a request comes from our own page, as far as the browser says (Fetch Metadata §2.3).
func sameOrigin(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
		return true
	}
	return false
}

// ask runs the command of a link, with values or without: then it is asked for its form.
func (h *Handler) ask(ctx context.Context, p page, link store.Link, values transports.Values) (transports.Outcome, error) {
	user, err := transports.ParseAddress(link.JID)
	if err != nil {
		return transports.Outcome{}, err
	}
	return h.gateways[link.Domain].Operate(ctx, transports.Operation{
		Command: link.Command, User: user, On: link.Target, Lang: p.Lang, Values: values, Max: 1,
	})
}

func (h *Handler) form(w http.ResponseWriter, r *http.Request, p page, link store.Link) {
	o, err := h.ask(r.Context(), p, link, nil)
	if err != nil || o.Form == nil {
		h.failed(w, p, err)
		return
	}
	p.showForm(w, http.StatusOK, link, o.Form, "")
}

// submit takes what was filled in. The link ends before the command runs, so that no two requests run it; where nothing was done, it is
// put back.
func (h *Handler) submit(w http.ResponseWriter, r *http.Request, p page, token store.Secret, link store.Link) {
	ctx := r.Context()
	if err := r.ParseForm(); err != nil {
		p.show(w, http.StatusBadRequest, text.Say(p.Lang, "The form is too long, or was not sent whole."))
		return
	}
	asked, err := h.ask(ctx, p, link, nil)
	if err != nil || asked.Form == nil {
		h.failed(w, p, err)
		return
	}
	taken, err := h.take(ctx, token)
	if err == nil && !taken {
		p.gone(w)
		return
	}
	var o transports.Outcome
	if err == nil {
		// A browser that goes away does not leave half of it undone.
		o, err = h.ask(context.WithoutCancel(ctx), p, link, readValues(asked.Form, r.PostForm))
	}
	if o.Form == nil && err == nil {
		h.gateways[link.Domain].Filled(link, p.Lang, o.Said)
		p.show(w, http.StatusOK, o.Said+" "+text.Say(p.Lang, "You can close this page."))
		return
	}
	if taken {
		h.putBack(ctx, token)
	}
	if o.Form != nil {
		said := ""
		if e := transports.AsError(err); e != nil {
			said = text.Say(p.Lang, e.Text) + " "
		}
		if slices.ContainsFunc(o.Form.Fields, func(f transports.Field) bool { return f.Type.Secret() }) {
			said += text.Say(p.Lang, "Write passwords once more: they are not kept here.")
		}
		p.showForm(w, http.StatusUnprocessableEntity, link, o.Form, said)
		return
	}
	h.failed(w, p, err)
}

// take ends a link, and reports whether it worked until now.
func (h *Handler) take(ctx context.Context, token store.Secret) (taken bool, err error) {
	err = h.db.Write(ctx, func(tx *store.Tx) (err error) { taken, err = tx.TakeLink(token); return err })
	return taken && err == nil, err
}

// putBack makes a link work again that was used for nothing.
func (h *Handler) putBack(ctx context.Context, token store.Secret) {
	if err := h.db.Write(context.WithoutCancel(ctx), func(tx *store.Tx) error { return tx.ReturnLink(token) }); err != nil {
		h.log.Error("a one-time link that was used for nothing could not be put back", "error", err)
	}
}

// failed says that something went wrong, in words that the user may read.
func (h *Handler) failed(w http.ResponseWriter, p page, err error) {
	e := transports.AsError(err)
	if e == nil || e.Text == "" {
		h.log.Error("the page of a one-time link failed", "error", err)
		p.show(w, http.StatusInternalServerError, text.Say(p.Lang, "That did not work: something went wrong in the gateway. Its operator finds it in the log."))
		return
	}
	p.show(w, http.StatusServiceUnavailable, text.Say(p.Lang, e.Text))
}

// Bounds of what a form may hold, as in XMPP.
const (
	maxValues = 256   // of one field
	maxValue  = 16384 // bytes of one field
)

// readValues reads what was filled in, for the fields of the form alone. A box that is not ticked is not sent by browsers.
func readValues(f *transports.Form, posted map[string][]string) transports.Values {
	values := make(transports.Values, len(f.Fields))
	for _, field := range f.Fields {
		vs, sent := posted[field.Name]
		vs = vs[:min(len(vs), maxValues)]
		switch field.Type {
		case transports.FieldBool:
			values[field.Name] = []string{"false"}
			if sent {
				values[field.Name] = []string{"true"}
			}
			continue
		case transports.FieldChoices:
			sent = true
		}
		if !sent {
			continue
		}
		clean := make([]string, len(vs))
		for i, v := range vs {
			clean[i] = strings.ReplaceAll(v[:min(len(v), maxValue)], "\r\n", "\n") // HTML §4.10.11.6: browsers send both
		}
		values[field.Name] = clean
	}
	return values
}
