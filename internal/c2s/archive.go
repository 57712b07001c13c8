package c2s

import (
	"context"
	"errors"
	"strconv"
	"time"

	"passerelle/component/stanza"
)

const (
	nsMAM     = "urn:xmpp:mam:2"
	nsRSM     = "http://jabber.org/protocol/rsm"
	nsForward = "urn:xmpp:forward:0"
	nsDelay   = "urn:xmpp:delay"
	nsData    = "jabber:x:data"
)

// Bounds of reading an archive.
const (
	pageSize = 50
	maxPages = 100 // of one reading where nothing else is said; the next one goes on
	maxID    = 256 // bytes of an archive's id
)

// ErrNoArchive is what Archive and Last give where the server keeps none.
var ErrNoArchive = errors.New("the server has no archive")

// Place is where somebody was in an archive: the last message that he has read.
type Place struct {
	ID   string    // the archive's own, empty for none
	Time time.Time // when that message came, for where the archive knows it no more
}

// Kept is a message that a server keeps.
type Kept struct {
	ID      string          // the server's own for it
	Time    time.Time       // when it came; zero where that is not said
	Message *stanza.Element // valid until the function that got it returns
}

// Archive reads what came after a place, oldest first, and tells each of it one by one; its error ends the reading and is given back as it is.
// done is false where there is more than one reading takes: who goes on at the last that he got gets the rest. Where the archive knows the
// place no more, it is read from the place's time on, which may bring something again (XEP-0313 §3.2, §4.1).
func (s *Session) Archive(ctx context.Context, since Place, each func(Kept) error) (done bool, err error) {
	for range s.pages {
		page, err := s.page(ctx, since, false, each)
		if refusedAs(err, "item-not-found") && since.ID != "" && !since.Time.IsZero() {
			since.ID = ""
			continue
		}
		if err != nil || page.complete {
			return err == nil, err
		}
		if page.last == "" || page.last == since.ID {
			return false, fault(Garbled, "its archive has a page without end")
		}
		since = Place{ID: page.last, Time: page.time}
	}
	return false, nil
}

// Last is where an archive ends; ok is false where it is empty.
func (s *Session) Last(ctx context.Context) (last Place, ok bool, err error) {
	page, err := s.page(ctx, Place{}, true, func(k Kept) error {
		last, ok = Place{ID: k.ID, Time: k.Time}, true
		return nil
	})
	if err == nil && !page.complete && !ok {
		err = fault(Garbled, "its archive ends with nothing")
	}
	return last, ok, err
}

// page is how far a page of an archive has led.
type page struct {
	last     string
	time     time.Time
	complete bool
}

// callerError marks what a caller's function has answered, which is not the server's fault.
type callerError struct{ error }

// page reads a page of what came after a place, or the last message alone.
func (s *Session) page(ctx context.Context, since Place, end bool, each func(Kept) error) (page, error) {
	var p page
	query := stanza.NewID(time.Now())
	results := 0
	answer, err := s.ask(ctx, "set", "", func(b *stanza.Builder) {
		b.StartNS("query", nsMAM).Attr("queryid", query)
		if since.ID == "" && !since.Time.IsZero() {
			appendSince(b, since.Time)
		}
		b.StartNS("set", nsRSM).Start("max")
		if end {
			b.Text("1").End().Start("before").End()
		} else {
			b.Text(strconv.Itoa(pageSize)).End()
			if since.ID != "" {
				b.Start("after").Text(since.ID).End()
			}
		}
		b.End().End()
	}, func(e *stanza.Element) error {
		// XEP-0313 §9: what somebody else calls a result is none.
		result := e.Child(nsMAM, "result")
		if !e.Is(stanza.NSClient, "message") || result == nil || !s.account(e) || !result.AttrIs("queryid", query) {
			return nil
		}
		if results++; results > pageSize {
			return fault(Garbled, "a page of its archive has more than was asked for")
		}
		k, ok := readForwarded(result.Child(nsForward, "forwarded"), result.Attr("id"))
		if !ok {
			s.Skipped++
			return nil
		}
		p.last, p.time = k.ID, k.Time
		if err := each(k); err != nil {
			return callerError{err}
		}
		return nil
	})
	if e, ok := errors.AsType[callerError](err); ok {
		return p, e.error
	}
	if refusedAs(err, "feature-not-implemented", "service-unavailable") {
		return p, ErrNoArchive
	}
	if err != nil {
		return p, err
	}
	defer answer.Release()
	fin := answer.Root.Child(nsMAM, "fin")
	p.complete = fin.AttrIs("complete", "true") || fin.AttrIs("complete", "1")
	if last := fin.Child(nsRSM, "set").Child(nsRSM, "last").Text(); last != "" && len(last) <= maxID {
		p.last = last
	} else if results == 0 {
		p.complete = true // nothing there, and nothing said of more
	}
	if p.time.IsZero() {
		p.time = since.Time
	}
	return p, nil
}

// appendSince asks for what came from a time on (XEP-0313 §4.1.2).
func appendSince(b *stanza.Builder, t time.Time) {
	b.StartNS("x", nsData).Attr("type", "submit")
	b.Start("field").Attr("var", "FORM_TYPE").Attr("type", "hidden").Start("value").Text(nsMAM).End().End()
	b.Start("field").Attr("var", "start").Start("value").Text(t.UTC().Format(time.RFC3339Nano)).End().End()
	b.End()
}

// readForwarded reads a message that is handed on (XEP-0297).
func readForwarded(e *stanza.Element, id string) (Kept, bool) {
	k := Kept{ID: id, Message: e.Child(stanza.NSClient, "message")}
	if k.Message == nil || id == "" || len(id) > maxID {
		return k, false
	}
	k.Time = readDelay(e)
	return k, true
}

// readDelay is when something came, by its element of XEP-0203, or the zero time.
func readDelay(e *stanza.Element) time.Time {
	t, err := time.Parse(time.RFC3339, e.Child(nsDelay, "delay").Attr("stamp"))
	if err != nil {
		return time.Time{}
	}
	return t
}
