package pages

import (
	"mime"
	"net/http"
	"strings"
)

// forever is how long a file may be kept whose name changes with what is in it (RFC 8246).
const forever = "public, max-age=31536000, immutable"

// filePolicy keeps a file from doing anything, whatever a browser takes it for.
const filePolicy = "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'none'"

func (s *Site) serveAvatar(w http.ResponseWriter, r *http.Request) {
	f, err := s.Source.Avatar(r.Context(), r.PathValue("name"), r.PathValue("file"))
	s.serveFile(w, r, f, err)
}

func (s *Site) serveMedia(w http.ResponseWriter, r *http.Request) {
	f, err := s.Source.Media(r.Context(), r.PathValue("file"))
	s.serveFile(w, r, f, err)
}

// serveFile sends a file, or the part of it that is asked for.
func (s *Site) serveFile(w http.ResponseWriter, r *http.Request, f *File, err error) {
	if err != nil {
		s.page(r).failed(w, r, err)
		return
	}
	defer f.Content.Close()
	h := w.Header()
	h.Set("Cache-Control", forever)
	h.Set("ETag", `"`+strings.Map(func(r rune) rune {
		if r == '"' || r <= ' ' || r > '~' {
			return '_'
		}
		return r
	}, r.PathValue("file"))+`"`)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", filePolicy)
	h.Set("Access-Control-Allow-Origin", "*") // what everybody may read, pages of others may show
	typ, shown := shownAs(f.Type)
	h.Set("Content-Type", typ)
	if !shown {
		h.Set("Content-Disposition", "attachment")
	}
	http.ServeContent(w, r, "", f.Changed, f.Content)
}

// shownAs is the type that a file is sent with, and whether browsers show it: what could be a page is not.
func shownAs(typ string) (string, bool) {
	typ, _, err := mime.ParseMediaType(typ)
	if err != nil {
		return "application/octet-stream", false
	}
	switch kind, name, _ := strings.Cut(typ, "/"); {
	case typ == "image/svg+xml":
		return "application/octet-stream", false
	case kind == "image" || kind == "video" || kind == "audio":
		return typ, true
	case typ == "text/plain" || name == "pdf":
		return typ, false
	}
	return "application/octet-stream", false
}
