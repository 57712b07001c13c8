package files

import (
	"errors"
	"io/fs"
	"mime"
	"net/http"
	"os"
	"strings"
	"time"
)

// Pattern is where ServeHTTP stands on the public listener.
const Pattern = "GET /files/{secret}/{name}"

// secretLength is how long the secret of a link is: another length need not be looked up.
const secretLength = 26

// A download may take as long as a slow line needs for it.
const (
	slowest     = 16 << 10 // bytes a second
	serveTime   = 30 * time.Second
	longestTime = time.Hour
)

// ServeHTTP serves a file to whoever has its link, in ranges too.
func (k *Keeper) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	secret := r.PathValue("secret")
	if len(secret) != secretLength {
		http.NotFound(w, r)
		return
	}
	row, found, err := k.opt.Store.File(r.Context(), fileID(secret))
	switch {
	case err != nil:
		k.opt.Log.Error("a file cannot be looked up", "error", err)
		http.Error(w, "The file cannot be found at the moment. Try again later.", http.StatusServiceUnavailable)
		return
	// The name has to be the right one too: a link must not say that the file is something else.
	case !found || !time.Now().Before(row.Expires) || row.Name != r.PathValue("name"):
		http.NotFound(w, r)
		return
	}
	f, err := os.Open(k.file(row.ID))
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			k.opt.Log.Error("a file cannot be read", "error", err)
		}
		http.NotFound(w, r)
		return
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		http.Error(w, "The file cannot be read.", http.StatusInternalServerError)
		return
	}
	header := w.Header()
	// What people bring is shown by browsers as if it were the site's own: without scripts, forms, or an origin to do anything in.
	header.Set("Content-Security-Policy", "default-src 'none'; sandbox; frame-ancestors 'none'")
	header.Set("Cross-Origin-Resource-Policy", "cross-origin") // clients in the web show pictures
	header.Set("Cache-Control", "private, max-age=3600")
	header.Set("Content-Type", row.Type)
	if row.Type == "text/plain" {
		header.Set("Content-Type", "text/plain; charset=utf-8")
	}
	disposition := "attachment"
	if shown(row.Type) {
		disposition = "inline"
	}
	if d := mime.FormatMediaType(disposition, map[string]string{"filename": row.Name}); d != "" {
		disposition = d
	}
	header.Set("Content-Disposition", disposition) // RFC 6266
	// Where the writer has no deadlines, as in a test, it needs none.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(min(serveTime+time.Duration(row.Size/slowest)*time.Second, longestTime)))
	http.ServeContent(w, r, "", info.ModTime(), f)
}

// shown reports whether a browser may show a file instead of saving it: pictures, sound, films and plain text. SVG is a program.
func shown(mediaType string) bool {
	kind, sub, _ := strings.Cut(mediaType, "/")
	return mediaType == "text/plain" || (kind == "image" || kind == "audio" || kind == "video") && !strings.HasPrefix(sub, "svg")
}
