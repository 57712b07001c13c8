package biboumi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"passerelle/ircbridge"
	"passerelle/store"
	"passerelle/transports"
)

// Options say what Import does.
type Options struct {
	From   *Database
	Store  *store.DB // nil to write nothing and only count
	Domain string    // of our gateway, which was biboumi's
	Naming ircbridge.Naming
	// Check says what of a user's settings on a network the operator does not allow; nil where nobody knows.
	Check         func(on transports.Target, set map[string]string) transports.Faults
	StayByDefault bool // users stay in channels who do not say that they do not want to
	// Lines says whether the archive is wanted. OldestLine is the time before which ours deletes everything; zero if it keeps it for ever.
	Lines      bool
	OldestLine time.Time
	SkipOld    bool // leave out what is older, rather than refuse to begin
	// Progress is told how many lines of all are done, now and then.
	Progress func(done, all int64)
	Now      func() time.Time // time.Now where nil
}

// TooOldError says that the archive has lines that ours would delete at once.
type TooOldError struct{ Oldest time.Time }

func (e *TooOldError) Error() string {
	return "the oldest message is of " + e.Oldest.Format(time.DateOnly)
}

// progress is how far an import came, kept in our database along with what it brought.
type progress struct {
	Source   string // of which database of biboumi
	Settings bool   // are done
	Line     int64  // so far, by biboumi's number
	Done     bool   // all there was
}

// job is the name of an import.
func job(domain string) string { return "import from biboumi: " + domain }

// Unfinished reports whether an import into a domain began and did not end. Until it does the archives of rooms are not complete, and
// nothing may be appended to them.
func Unfinished(ctx context.Context, db *store.DB, domain string) (bool, error) {
	p, err := readProgress(ctx, db, domain)
	return err == nil && p.Source != "" && !p.Done, err
}

func readProgress(ctx context.Context, db *store.DB, domain string) (progress, error) {
	var p progress
	text, err := db.Progress(ctx, job(domain))
	if err == nil && text != "" {
		err = json.Unmarshal([]byte(text), &p)
	}
	return p, err
}

func (p progress) write(tx *store.Tx, domain string) error {
	text, err := json.Marshal(p)
	if err != nil {
		return err
	}
	return tx.SetProgress(job(domain), string(text))
}

// importer is an import under way.
type importer struct {
	Options
	progress progress
	summary  *Summary
	users    map[string]store.UserID // by what stands in rows; the zero UserID for what is nobody
	staying  []stay                  // who wants to, and where
	rooms    map[place]roomName      // the zero roomName for what is none
}

// Import takes the users over. What is there already of users who set something in our gateway is kept. Interrupted, it is called again
// and goes on; ended, it takes over what came since. Our gateway must not run.
func Import(ctx context.Context, o Options) (*Summary, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Progress == nil {
		o.Progress = func(int64, int64) {}
	}
	i := &importer{Options: o, summary: newSummary(), users: map[string]store.UserID{}, rooms: map[place]roomName{}}
	if err := i.checkAge(ctx); err != nil {
		return nil, err
	}
	if err := i.begin(ctx); err != nil {
		return nil, err
	}
	if !i.progress.Settings {
		if err := i.settings(ctx); err != nil {
			return i.summary, err
		}
	}
	if o.Lines {
		if err := i.lines(ctx); err != nil {
			return i.summary, err
		}
	}
	return i.summary, i.end(ctx)
}

// checkAge refuses to begin where the lines would be deleted at the next start.
func (i *importer) checkAge(ctx context.Context) error {
	if !i.Lines {
		return nil
	}
	oldest, err := i.From.oldest(ctx)
	if err != nil || oldest == 0 {
		return err
	}
	i.summary.Oldest = time.Unix(oldest, 0).UTC()
	if i.Store != nil && !i.SkipOld && i.summary.Oldest.Before(i.OldestLine) {
		return &TooOldError{i.summary.Oldest}
	}
	return nil
}

func (i *importer) begin(ctx context.Context) error {
	source, err := i.source(ctx)
	if err != nil || i.Store == nil {
		return err
	}
	if i.progress, err = readProgress(ctx, i.Store, i.Domain); err != nil {
		return err
	}
	switch i.progress.Source {
	case source:
		// What rooms have now may have come in between: nothing is set aside any more.
		i.summary.Again, i.progress.Done = true, false
		return nil
	case "":
		i.progress = progress{Source: source}
		return i.write(ctx, func(tx *store.Tx) error { return tx.SetRoomsAside(i.Domain) })
	}
	return errors.New("another database of biboumi was taken over before, and only one can be")
}

// source tells databases apart, by their first line.
func (i *importer) source(ctx context.Context) (string, error) {
	lines, err := i.From.linesAfter(ctx, 0, 1)
	if err != nil || len(lines) == 0 {
		return "empty", err
	}
	return fmt.Sprintf("%d %s %d", lines[0].id, lines[0].uuid, lines[0].date), nil
}

// end puts the lines that rooms had before behind those that came.
func (i *importer) end(ctx context.Context) error {
	if i.Store == nil {
		return nil
	}
	return finish(ctx, i.Store, i.Domain, i.progress)
}

// GiveUp ends an import that began and cannot go on, with what came so far.
func GiveUp(ctx context.Context, db *store.DB, domain string) error {
	p, err := readProgress(ctx, db, domain)
	if err == nil && p.Source != "" {
		err = finish(ctx, db, domain, p)
	}
	return err
}

func finish(ctx context.Context, db *store.DB, domain string, p progress) error {
	if err := db.PutRoomsBack(ctx, domain); err != nil {
		return err
	}
	p.Done = true
	return db.Write(ctx, func(tx *store.Tx) error { return p.write(tx, domain) })
}

// write makes a write together with the progress that it is. A write is not given up half-way.
func (i *importer) write(ctx context.Context, do func(*store.Tx) error) error {
	p := i.progress
	return i.Store.Write(context.WithoutCancel(ctx), func(tx *store.Tx) error {
		if err := do(tx); err != nil {
			return err
		}
		return p.write(tx, i.Domain)
	})
}

// user is the user that a row belongs to; ok is false where it is nobody.
func (i *importer) user(owner string) (id store.UserID, ok bool) {
	id, known := i.users[owner]
	if !known {
		if a, err := transports.ParseAddress(owner); err == nil {
			id = store.UserID{Domain: i.Domain, JID: a.Bare().String()}
		}
		i.users[owner] = id
	}
	return id, id.JID != ""
}
