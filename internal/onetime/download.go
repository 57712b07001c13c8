package onetime

import (
	"mime"
	"net/http"
	"time"

	"passerelle/internal/export"
	"passerelle/internal/text"
	"passerelle/store"
	"passerelle/transports"
)

// A file may take as long as a slow line needs for it, as long as something is taken now and then.
const (
	stalled     = time.Minute
	extendEvery = 10 * time.Second
)

// offer shows what there is to fetch. It is sent for by a button, since programs open links to preview them.
func (p page) offer(w http.ResponseWriter, link store.Link) {
	p.Title = text.Say(p.Lang, "Everything that is kept about you")
	p.Whose = text.Say(p.Lang, "This is for %s. If that is not you, or you did not ask for this page, close it.", link.JID)
	p.Help = text.Say(p.Lang, "You get a ZIP file with your settings, your contacts and all messages that you can read. It has private words in it, so keep it where nobody else can read it. With many messages it takes some minutes.")
	p.Send = text.Say(p.Lang, "Download")
	p.write(w, http.StatusOK)
}

// download hands out the file, which is made meanwhile. The link ends with that; it works again where not all of it was taken.
func (h *Handler) download(w http.ResponseWriter, r *http.Request, p page, token store.Secret, link store.Link) {
	user, err := transports.ParseAddress(link.JID)
	if err != nil {
		h.failed(w, p, err)
		return
	}
	taken, err := h.take(r.Context(), token)
	switch {
	case err != nil:
		h.failed(w, p, err)
		return
	case !taken:
		p.gone(w)
		return
	}
	d := &download{w: w, control: http.NewResponseController(w), name: export.FileName(link.JID, time.Now())}
	_ = d.control.SetReadDeadline(time.Time{}) // its end would end the context, as if the browser were gone
	if err = h.gateways[link.Domain].Export(r.Context(), user, p.Lang, d, nil); err == nil {
		h.gateways[link.Domain].Filled(link, p.Lang, text.Say(p.Lang, "Everything that is kept about you was handed over."))
		return
	}
	h.putBack(r.Context(), token)
	if d.extended.IsZero() {
		h.failed(w, p, err)
		return
	}
	if r.Context().Err() == nil {
		h.log.Error("an export ended before its time", "error", err)
	}
	panic(http.ErrAbortHandler) // the browser must not take what it has for all of it
}

// download is a file on its way.
type download struct {
	w        http.ResponseWriter
	control  *http.ResponseController
	name     string
	extended time.Time // when it was last given more time
}

// Write sends a part of the file, the headers before the first one.
func (d *download) Write(p []byte) (int, error) {
	if d.extended.IsZero() {
		header := d.w.Header()
		header.Set("Content-Type", "application/zip")
		header.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": d.name})) // RFC 6266
	}
	if now := time.Now(); now.Sub(d.extended) > extendEvery {
		d.extended = now
		_ = d.control.SetWriteDeadline(now.Add(stalled)) // in a test the writer may have none
	}
	return d.w.Write(p)
}
