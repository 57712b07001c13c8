package ostatus

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"

	"passerelle/internal/jobs"
	"passerelle/socialbridge"
	"passerelle/socialbridge/activity"
	"passerelle/socialbridge/atom"
	"passerelle/socialbridge/webfinger"
	"passerelle/store"
	"passerelle/transports"
)

// maxOrigins bounds what one document has us fetch from the servers of others: feeds of GNU social have 20 entries.
const maxOrigins = 20

// takeFeed takes what is in the feed of an actor, the oldest first. It ends with an error where something could not be written down; what was by then
// comes again, and changes nothing.
func (w *Wire) takeFeed(ctx context.Context, of *socialbridge.KnownActor, f *atom.Feed, backlog bool) error {
	for _, fault := range f.Faults {
		w.log.Debug("an entry of a feed cannot be read", "host", hostOf(of.URI), "error", fault)
	}
	var elsewhere []activity.Activity
	for _, a := range slices.Backward(f.Entries) {
		err := w.takeEntry(ctx, of, &a, backlog)
		if errors.Is(err, errElsewhere) {
			elsewhere = append(elsewhere, a)
			continue
		}
		refused := errors.Is(err, errForeign) || errors.Is(err, errOwner) || errors.Is(err, errDenied)
		if err != nil && !refused && transports.AsError(err).Kind.Temporary() {
			return err
		}
		if err != nil {
			w.log.Debug("an entry of a feed was not taken", "host", hostOf(of.URI), "verb", a.Verb, "error", err)
		}
	}
	if n := len(elsewhere) - maxOrigins; n > 0 {
		w.log.Debug("a feed has too much that others have published", "host", hostOf(of.URI), "left", n)
		elsewhere = elsewhere[n:]
	}
	for i := range elsewhere {
		if err := w.fromOrigin(ctx, of, &elsewhere[i], backlog); err != nil {
			return err
		}
	}
	return nil
}

var (
	errForeign = errors.New("an entry is of somebody else than the feed")
	errOwner   = errors.New("an id is not one of the author's server")
	// errElsewhere is that an entry is to be fetched from where it was published: see fromOrigin.
	errElsewhere = errors.New("an entry is what somebody else has published")
)

// takeEntry takes an entry of somebody's feed. In that of a person only he says anything; in that of a group everybody does. What is of somebody
// else is to be fetched from where he has published it, unless one server has both.
func (w *Wire) takeEntry(ctx context.Context, of *socialbridge.KnownActor, a *activity.Activity, backlog bool) error {
	if a.Verb == activity.Unknown {
		return nil
	}
	if a.Actor.URI != of.URI && !mayBeIn(of, a) {
		return errForeign
	}
	if a.Actor.URI == of.URI {
		asKnown(&a.Actor, of)
	} else {
		w.asStranger(ctx, &a.Actor)
	}
	switch a.Verb {
	case activity.Post, activity.Share:
		if a.Note == nil {
			return nil
		}
		return w.takeNote(ctx, of, a, backlog)
	case activity.Delete:
		if !activity.Owns(of.URI, a.Object) {
			return errOwner
		}
	default:
		if a.Actor.URI != of.URI {
			return errForeign // that others like something they say themselves
		}
	}
	return w.core.Receive(ctx, socialbridge.Received{Activity: a, Feed: of, Backlog: backlog})
}

// mayBeIn reports whether somebody else may say something in a feed: in that of a group, what he has written himself, or what his server, which has the
// group too, could say of him wherever it wants.
func mayBeIn(of *socialbridge.KnownActor, a *activity.Activity) bool {
	if !of.Group {
		return false
	}
	if a.Note != nil && a.Note.Author.URI == a.Actor.URI {
		return true
	}
	return hostOf(a.Actor.URI) != "" && hostOf(a.Actor.URI) == hostOf(of.URI)
}

// takeNote takes what somebody has written or repeats, or says that it is elsewhere.
func (w *Wire) takeNote(ctx context.Context, of *socialbridge.KnownActor, a *activity.Activity, backlog bool) error {
	author := a.Note.Author.URI
	if name := w.noteName(a.Note.ID); name != "" { // it is one of ours that comes back
		ours, _, err := w.core.Note(ctx, name)
		if err != nil || ours.Note == nil {
			return err
		}
		note := *ours.Note
		if a.Note = &note; of.Group { // which has it, whoever says so
			a.Actor = of.Actor
		}
		return w.core.Receive(ctx, socialbridge.Received{Activity: a, Feed: of, Backlog: backlog})
	}
	switch host := hostOf(author); {
	case host == "" || host == w.host || !activity.Owns(author, a.Note.ID):
		return errOwner
	case !w.core.Allowed(host):
		return errDenied
	case author == of.URI:
		asKnown(&a.Note.Author, of)
	case host == hostOf(of.URI): // the server could say whatever it wants of its own people
		w.asStranger(ctx, &a.Note.Author)
	default:
		return errElsewhere
	}
	return w.core.Receive(ctx, socialbridge.Received{Activity: a, Feed: of, Backlog: backlog})
}

// asStranger gives an actor what is known of him.
func (w *Wire) asStranger(ctx context.Context, a *activity.Actor) {
	known, ok, err := w.core.Known(ctx, a.URI)
	if err != nil || !ok {
		known = &socialbridge.KnownActor{}
	}
	asKnown(a, known)
}

// originJob fetches a note from where it was published.
type originJob struct {
	Domain   string
	Feed     string // URI of the actor whose feed has it
	Activity activity.Activity
	Backlog  bool
}

// fromOrigin has a note fetched that is in a feed of somebody else.
func (w *Wire) fromOrigin(ctx context.Context, of *socialbridge.KnownActor, a *activity.Activity, backlog bool) error {
	bare := *a
	bare.HTML, bare.To = "", nil
	bare.Actor = activity.Actor{URI: a.Actor.URI}
	bare.Note = &activity.Note{ID: a.Note.ID, Page: a.Note.Page, Self: a.Note.Self, Author: activity.Actor{URI: a.Note.Author.URI}}
	p := originJob{Domain: w.domain, Feed: of.URI, Activity: bare, Backlog: backlog}
	return w.db.Write(ctx, func(tx *store.Tx) error {
		lane := seenKey(w.domain, a)
		if waits, err := tx.JobsWait(laneOf(kindOrigin, lane)); err != nil || waits {
			return err
		}
		return w.enqueue(tx, kindOrigin, lane, siteOf(a.Note.Author.URI), p, originFor)
	})
}

func (w *Wire) origin(ctx context.Context, j jobs.Job) jobs.Outcome {
	var p originJob
	if err := json.Unmarshal(j.Payload, &p); err != nil {
		return failed(err)
	}
	if p.Activity.Note == nil {
		return failed(errNobody)
	}
	done, err := w.read(ctx)
	if err != nil {
		return jobs.Outcome{Err: err}
	}
	defer done()
	of, err := w.watchedURI(ctx, p.Feed)
	if err != nil {
		return asOutcome(err)
	}
	note, err := w.search().note(ctx, p.Activity.Note, p.Activity.Self)
	if err != nil {
		if isAway(err) {
			return jobs.Outcome{Err: err, Away: true}
		}
		return failed(err)
	}
	a := p.Activity
	w.asStranger(ctx, &note.Author)
	if a.Note = note; a.Verb == activity.Post {
		a.Actor = note.Author
	} else {
		a.Actor = of.Actor
	}
	a.Public = note.Public
	if err := w.core.Receive(ctx, socialbridge.Received{Activity: &a, Feed: of, Backlog: p.Backlog}); err != nil {
		return asOutcome(err)
	}
	return jobs.Outcome{Verdict: jobs.Done}
}

// note fetches a note from its author's server: from its own URLs, or those to which its page leads.
func (s *search) note(ctx context.Context, claimed *activity.Note, self string) (*activity.Note, error) {
	host := hostOf(claimed.Author.URI)
	urls := []string{claimed.Self, self, claimed.ID, claimed.Page}
	var first error
	for i := 0; i < len(urls) && i < maxAsked; i++ {
		u := urls[i]
		if hostOf(u) != host || slices.Contains(urls[:i], u) {
			continue
		}
		a, err := s.get(ctx, u, typesAtom+", text/html;q=0.5", atom.MaxFeed)
		if err != nil {
			if first == nil {
				first = err
			}
			continue
		}
		if hostOf(a.URL) != host {
			continue
		}
		if e, err := atom.ParseEntry(a.Body); err == nil {
			if e.Note != nil && e.Verb == activity.Post && e.Note.ID == claimed.ID && e.Note.Author.URI == claimed.Author.URI {
				return e.Note, nil
			}
			continue
		}
		for _, l := range append(webfinger.HeaderLinks(a.Header.Values("Link")), webfinger.HTMLLinks(a.Body)...) {
			if at, err := webfinger.Resolve(a.URL, l.Href); err == nil && l.Rel == "alternate" && strings.HasPrefix(l.Type, typesAtom) && len(urls) < maxAsked/2 {
				urls = append(urls, at)
			}
		}
	}
	if first == nil {
		first = errors.New("its author's server has no such entry")
	}
	return nil, first
}

// watchedURI is the actor of a subscription.
func (w *Wire) watchedURI(ctx context.Context, uri string) (*socialbridge.KnownActor, error) {
	known, ok, err := w.core.Known(ctx, uri)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, transports.NewError(transports.NotFound, http.StatusText(http.StatusNotFound), nil)
	}
	return known, nil
}
