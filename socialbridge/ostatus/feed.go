package ostatus

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"

	"passerelle/socialbridge"
	"passerelle/socialbridge/activity"
	"passerelle/socialbridge/atom"
)

// perPage is how many entries a page of a feed has.
const perPage = 20

// Atom serves feeds and entries: what of the patterns "GET /u/{name}" and "GET /n/{name}" ends in ".atom"; next has everything else.
func (w *Wire) Atom(next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		path, ok := strings.CutSuffix(r.URL.Path, ".atom")
		if !ok {
			next.ServeHTTP(rw, r)
			return
		}
		if name, ok := strings.CutPrefix(path, "/u/"); ok {
			w.serveFeed(rw, r, name)
			return
		}
		w.serveEntry(rw, r, strings.TrimPrefix(path, "/n/"))
	})
}

func (w *Wire) serveFeed(rw http.ResponseWriter, r *http.Request, name string) {
	account, err := w.core.Account(r.Context(), name)
	if err != nil {
		w.fail(rw, err)
		return
	}
	var before int64
	if s := r.URL.Query().Get("before"); s != "" {
		if before, err = strconv.ParseInt(s, 10, 64); err != nil || before <= 0 {
			say(rw, http.StatusBadRequest, "There is no such page.")
			return
		}
	}
	all, next, err := w.core.Outbox(r.Context(), account, before, perPage)
	if err != nil {
		w.fail(rw, err)
		return
	}
	f := w.feed(account, all)
	if before != 0 {
		f.Self += "?before=" + strconv.FormatInt(before, 10)
	}
	if next != 0 {
		f.Next = w.feedURL(account.Name) + "?before=" + strconv.FormatInt(next, 10)
	}
	writeAtom(rw, r, atom.MediaType, atom.AppendFeed(nil, f))
}

// feed is an account's feed with some entries.
func (w *Wire) feed(a *socialbridge.Account, entries []activity.Activity) *atom.Feed {
	self := w.self(a)
	f := &atom.Feed{ID: self.Routes.Feed, Self: self.Routes.Feed, Hub: self.Routes.Hub, Salmon: self.Routes.Slap, Author: self}
	for _, e := range entries {
		e.Actor = self // with the name that he has now
		if e.Self == "" && w.noteName(e.ID) != "" {
			e.Self = e.ID + ".atom"
		}
		if e.Note != nil {
			note := *e.Note
			if note.Author.URI == self.URI {
				note.Author = self
			}
			if e.Verb == activity.Share && note.Self == "" && w.noteName(note.ID) != "" {
				note.Self = note.ID + ".atom"
			}
			e.Note = &note
		}
		f.Entries = append(f.Entries, e)
	}
	return f
}

func (w *Wire) serveEntry(rw http.ResponseWriter, r *http.Request, name string) {
	a, account, err := w.core.Note(r.Context(), name)
	if err != nil {
		w.fail(rw, err)
		return
	}
	f := w.feed(account, []activity.Activity{*a})
	writeAtom(rw, r, atom.EntryType, atom.AppendEntry(nil, &f.Entries[0]))
}

// writeAtom answers with a feed or an entry, unless who asks has it already (RFC 9110 §13.1.2).
func writeAtom(rw http.ResponseWriter, r *http.Request, contentType string, body []byte) {
	sum := sha256.Sum256(body)
	tag := `"` + hex.EncodeToString(sum[:16]) + `"`
	rw.Header().Set("ETag", tag)
	rw.Header().Set("Cache-Control", "public, max-age=60")
	rw.Header().Set("Access-Control-Allow-Origin", "*")
	for t := range strings.SplitSeq(r.Header.Get("If-None-Match"), ",") {
		if strings.TrimPrefix(strings.TrimSpace(t), "W/") == tag {
			rw.WriteHeader(http.StatusNotModified)
			return
		}
	}
	rw.Header().Set("Content-Type", contentType)
	_, _ = rw.Write(body)
}
