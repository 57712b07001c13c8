package ostatus

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"time"

	"passerelle/socialbridge"
	"passerelle/socialbridge/activity"
	"passerelle/socialbridge/atom"
	"passerelle/socialbridge/salmon"
	"passerelle/store"
	"passerelle/transports"
)

// What is said may be so old, or so far ahead of our clock, for what does not name itself for ever as posts do. It is remembered for longer than that.
const (
	oldest  = 7 * 24 * time.Hour
	oldPost = 28 * 24 * time.Hour // of posts, whose ids the core forgets no earlier than 30 days after they came
	ahead   = 10 * time.Minute
	seenFor = oldest + 24*time.Hour
)

// fault is why a stranger's words are not taken, with the status that says so.
type fault struct {
	status int
	text   string
}

func (f *fault) Error() string { return f.text }

func refuse(status int, text string) error { return &fault{status, text} }

// serveSlap takes what an actor tells an account (Salmon §4). It is answered once it is written down: GNU social says it once and never again.
func (w *Wire) serveSlap(rw http.ResponseWriter, r *http.Request) {
	err := w.takeSlap(r)
	if f, ok := errors.AsType[*fault](err); ok {
		say(rw, f.status, f.text)
		return
	}
	if err != nil {
		w.fail(rw, err)
		return
	}
	rw.WriteHeader(http.StatusOK)
}

// takeSlap checks what somebody says, one thing after the other, what costs least first.
func (w *Wire) takeSlap(r *http.Request) error {
	ctx := r.Context()
	// Salmon §8.1; GNU social sends it without parameters.
	if t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || t != salmon.MediaType {
		return refuse(http.StatusBadRequest, "The Content-Type is not "+salmon.MediaType+".")
	}
	account, err := w.core.Account(ctx, r.PathValue("name"))
	if err != nil {
		return err
	}
	body, err := readBody(r)
	if err != nil {
		return err
	}
	envelope, err := salmon.Parse(body)
	if errors.Is(err, salmon.ErrTooLarge) {
		return refuse(http.StatusRequestEntityTooLarge, "The envelope is too large.")
	}
	if err != nil {
		return refuse(http.StatusBadRequest, "That is no magic envelope: "+err.Error()+".")
	}
	a, err := atom.ParseEntry(envelope.Entry)
	if err != nil {
		return refuse(http.StatusBadRequest, "That is no entry: "+err.Error()+".")
	}
	host := hostOf(a.Actor.URI)
	switch {
	case host == "" || host == w.host:
		return refuse(http.StatusForbidden, "The author has no URI of another server.")
	case !w.core.Allowed(host):
		return refuse(http.StatusForbidden, "That server does not take part here.")
	case a.Verb == activity.Unknown:
		return nil // nothing to anybody; another answer would have it said again
	}
	if err := w.isFrom(ctx, a, envelope); err != nil {
		return err
	}
	if a.Note != nil && a.Verb == activity.Post && a.Note.Author.URI != a.Actor.URI {
		return refuse(http.StatusForbidden, "The author is not who says it.")
	}
	if !w.inContext(ctx, a, account) {
		return refuse(http.StatusBadRequest, "The owner of this endpoint was not in the context.") // as GNU social says it
	}
	if err := w.isFresh(a); err != nil {
		return err
	}
	if err := isOwned(a); err != nil {
		return err
	}
	if a.Verb == activity.Share && a.Note != nil { // what others have said is known from them
		of, err := w.watchedURI(ctx, a.Actor.URI)
		if err == nil {
			err = w.takeNote(ctx, of, a, false)
		}
		if errors.Is(err, errElsewhere) {
			err = w.fromOrigin(ctx, of, a, false)
		}
		if errors.Is(err, errOwner) || errors.Is(err, errDenied) {
			return refuse(http.StatusForbidden, "What is repeated is not its author's.")
		}
		return err
	}
	key := seenKey(w.domain, a)
	if a.Verb != activity.Post { // which is told by its id for ever
		seen, err := w.db.SocialSeen(ctx, key)
		if err != nil || seen {
			return err
		}
	}
	if err := w.core.Receive(ctx, socialbridge.Received{Activity: a, For: account}); err != nil {
		return err
	}
	if a.Verb == activity.Post {
		return nil
	}
	return w.db.Write(ctx, func(tx *store.Tx) error { w.tidyUp(tx); return tx.AddSocialSeen(key) })
}

func readBody(r *http.Request) ([]byte, error) {
	if r.ContentLength > maxBody {
		return nil, refuse(http.StatusRequestEntityTooLarge, "That is too large.")
	}
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxBody))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, refuse(http.StatusRequestEntityTooLarge, "That is too large.")
	}
	if err != nil {
		return nil, refuse(http.StatusBadRequest, "It did not come to its end.")
	}
	return body, nil
}

// isFrom proves that an envelope is from its author: with the key that we know, or where that does not fit with the one that his server gives now. Who
// he says he is does not count either: his name, and where he is told something, are those that we know.
func (w *Wire) isFrom(ctx context.Context, a *activity.Activity, e *salmon.Envelope) error {
	uri := a.Actor.URI
	known, ok, err := w.core.Known(ctx, uri)
	if err != nil {
		return err
	}
	if !ok || known.Key == nil || e.Verify(known.Key) != nil {
		if known, err = w.learn(ctx, uri, known); err != nil {
			return err
		}
		if known.Key == nil || e.Verify(known.Key) != nil {
			return refuse(http.StatusForbidden, "The signature is not of the author.")
		}
	}
	asKnown(&a.Actor, known)
	if a.Note != nil && a.Note.Author.URI == uri {
		asKnown(&a.Note.Author, known)
	}
	return nil
}

// learn looks an actor up whom somebody claims to be, not too often.
func (w *Wire) learn(ctx context.Context, uri string, known *socialbridge.KnownActor) (*socialbridge.KnownActor, error) {
	now := w.now()
	if known != nil && known.Key != nil && now.Sub(known.FetchedAt) < searchAgain || !w.finding.may(uri, now) {
		return nil, refuse(http.StatusForbidden, "The signature is not of the author.")
	}
	leave, err := w.finding.enterStranger()
	if err != nil {
		return nil, refuse(http.StatusServiceUnavailable, "Too many people are being looked for.")
	}
	defer leave()
	found, err := w.refresh(ctx, uri)
	if err != nil {
		if e := transports.AsError(err); e.Kind.Temporary() {
			return nil, refuse(http.StatusServiceUnavailable, "The author's server does not say who that is.")
		}
		w.log.Debug("who says something on the social web could not be found", "host", hostOf(uri), "error", err)
		return nil, refuse(http.StatusForbidden, "The author's server does not say who that is.")
	}
	return w.core.Keep(ctx, found)
}

// asKnown gives an actor what was proven of him, and nothing of that kind that he says himself.
func asKnown(a *activity.Actor, known *socialbridge.KnownActor) {
	a.Acct, a.Key, a.Routes, a.Group = known.Acct, known.Key, known.Routes, known.Group
}

// inContext reports whether what somebody says has to do with an account: nobody is told what he did not ask for.
func (w *Wire) inContext(ctx context.Context, a *activity.Activity, account *socialbridge.Account) bool {
	uri := w.profileURL(account.Name)
	if a.Object == uri || a.Owner == uri || slices.Contains(a.To, uri) {
		return true
	}
	ids := []string{a.Object}
	if a.Note != nil {
		if slices.ContainsFunc(a.Note.Mentions, func(m activity.Mention) bool { return m.URI == uri }) {
			return true
		}
		if a.Verb == activity.Share {
			ids = append(ids, a.Note.ID)
		}
		ids = append(ids, a.Note.ReplyTo)
	}
	for _, id := range ids {
		name := w.noteName(id)
		if name == "" {
			continue
		}
		if _, owner, err := w.core.Note(ctx, name); err == nil && owner.ID == account.ID || transports.AsError(err) != nil && transports.AsError(err).Kind == transports.Gone {
			return true
		}
	}
	// Who takes back what he has said need not say again to whom: whether it concerns anybody here is known by its id.
	return a.Verb == activity.Delete || a.Verb == activity.Update
}

// isFresh refuses what is old: with what was once signed nobody shall do it again.
func (w *Wire) isFresh(a *activity.Activity) error {
	now := w.now()
	if a.Verb == activity.Post || a.Verb == activity.Share && a.ID != "" {
		if a.Published.IsZero() || a.Published.Before(now.Add(-oldPost)) {
			return refuse(http.StatusBadRequest, "It was published too long ago.")
		}
		return nil
	}
	if a.Published.IsZero() || a.Published.Before(now.Add(-oldest)) || a.Published.After(now.Add(ahead)) {
		return refuse(http.StatusBadRequest, "It was said too long ago, or is yet to be said.")
	}
	return nil
}

// isOwned refuses ids of other servers: they are other people's posts.
func isOwned(a *activity.Activity) error {
	id := ""
	switch {
	case a.Verb == activity.Post && a.Note != nil:
		id = a.Note.ID
	case a.Verb == activity.Delete:
		id = a.Object
	default:
		return nil
	}
	if !activity.Owns(a.Actor.URI, id) {
		return refuse(http.StatusForbidden, "The id is not one of the author's server.")
	}
	return nil
}

// seenKey is what is said by whom, and when. The ids alone of GNU social's unfollow and unfavorite end in the year 1970 and are the same each time.
func seenKey(domain string, a *activity.Activity) string {
	h := sha256.New()
	for _, s := range []string{domain, a.Actor.URI, a.ID, a.Object, strconv.FormatInt(a.Published.UnixMilli(), 10), strconv.Itoa(int(a.Verb))} {
		h.Write([]byte(strconv.Itoa(len(s))))
		h.Write([]byte{' '})
		h.Write([]byte(s))
	}
	return hex.EncodeToString(h.Sum(nil))
}
