package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strconv"
	"sync"
	"time"
)

// ErrClosed says that a write came after Close and was not made.
var ErrClosed = errors.New("the database is closed")

// Options are what Open needs.
type Options struct {
	Path string // of SQLite's file; its directory must exist and be writable
	URL  string // of a PostgreSQL database, instead of Path: postgresql://user:password@host/database
	// Answered is a file of its own, see answered.go; by default it stands beside Path, and with URL there is none.
	Answered string
	Key      []byte           // KeySize bytes that seal credentials, see LoadKey
	Log      *slog.Logger     // required
	Now      func() time.Time // time.Now where nil

	// WriteTime is how long a server has for a write, and CloseTime how long Close waits for one; zero takes the defaults.
	WriteTime, CloseTime time.Duration
}

// What a server has time for. A write may be the removal of somebody with millions of lines, and Close is a part of an orderly stop.
const (
	writeTime = time.Minute
	closeTime = 5 * time.Second
)

// name is how errors call the database, without the password.
func (o Options) name() string {
	if o.URL == "" {
		return o.Path
	}
	u, err := url.Parse(o.URL)
	if err != nil || u.Host == "" && u.Path == "" || u.Opaque != "" || u.Scheme == "" {
		return "at a URL that cannot be read"
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String() // a password may stand behind the question mark too
}

// answered is where it stands what users have got; empty for nowhere.
func (o Options) answered() string {
	if o.Answered == "" && o.URL == "" {
		return o.Path + ".answered"
	}
	return o.Answered
}

// DB is an open database. Its methods are safe to call from any goroutine.
type DB struct {
	log     *slog.Logger
	now     func() time.Time
	box     *box
	pool    pool
	dialect dialect
	hot     map[string]*sql.Stmt // of write, see prepared.go
	warm    warm                 // the committer's
	reads   reads                // of read
	marks   *marks               // of the committer, see settle.go
	// lastOutgoing is the committer's.
	lastOutgoing OutgoingNumber
	answered     answered
	own          *own    // the committer's
	folder       *folder // nil for a server

	relations *gatherer[UserID, Relations]
	settings  *gatherer[UserID, []settingRow]
	ends      *gatherer[archiveKey, archiveEnd]

	life                 context.Context // ends when a server has had its time at the end
	die                  context.CancelCauseFunc
	writeTime, closeTime time.Duration

	pages   chan struct{}   // one for each page of an archive that is read, see maxPages
	jobs    chan struct{}   // has room for the word that jobs were added, see JobsAdded
	queue   chan *operation // bounded; a full queue makes writers wait
	closing chan struct{}   // closed when Close begins
	stopped chan struct{}   // closed when the committer gave its last answer
	close   func() error
}

// pool is the connections of a DB. Two pools and not one: the committer must never wait for a reader to give a connection back.
type pool struct {
	write *sql.DB // exactly one connection, the committer's
	read  *sql.DB // refuses to write
	fold  *sql.DB // folds the log of SQLite, see fold.go; nil for a server
}

// Open opens the database, makes it where there is none, brings its schema up to date and checks that its credentials were sealed
// with opts.Key. ctx bounds the opening alone; a migration that has begun runs to its end.
func Open(ctx context.Context, opts Options) (*DB, error) {
	if opts.Log == nil {
		return nil, errors.New("open the database: no logger was given")
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	box, err := newBox(opts.Key)
	if err != nil {
		return nil, fmt.Errorf("open the database %s: %w", opts.name(), err)
	}
	life, die := context.WithCancelCause(context.Background())
	var pool pool
	var d dialect
	switch {
	case opts.Path != "" && opts.URL != "":
		err = errors.New("both a path and a URL were given")
	case opts.URL != "":
		d = postgresDialect()
		pool, err = openPostgres(ctx, life, opts.URL)
	default:
		d = sqliteDialect()
		pool, err = openSQLite(ctx, opts.Path)
	}
	if err != nil {
		die(err)
		return nil, fmt.Errorf("open the database %s: %w", opts.name(), err)
	}
	db := &DB{
		log:     opts.Log,
		now:     opts.Now,
		box:     box,
		pool:    pool,
		dialect: d,
		marks:   newMarks(),
		own:     newOwn(),
		warm:    warm{runs: make(map[string]int)},
		pages:   make(chan struct{}, maxPages),
		jobs:    make(chan struct{}, 1),
		queue:   make(chan *operation, maxQueue),
		closing: make(chan struct{}),
		stopped: make(chan struct{}),
	}
	db.relations, db.settings, db.ends = newGatherer(db.askRelations), newGatherer(db.askSettings), newGatherer(db.askEnds)
	db.life, db.die = life, die
	db.writeTime, db.closeTime = cmp.Or(opts.WriteTime, writeTime), cmp.Or(opts.CloseTime, closeTime)
	db.close = sync.OnceValue(db.shutdown)
	steps, err := migrations()
	if err == nil {
		err = db.prepare(context.WithoutCancel(ctx), steps)
	}
	if err == nil {
		err = db.prepareHot(ctx)
	}
	if err == nil {
		err = db.openAnswered(context.WithoutCancel(ctx), opts.answered())
	}
	if err == nil {
		db.lastOutgoing, err = db.LastOutgoing(ctx)
		db.lastOutgoing = max(db.lastOutgoing, db.answered.last()) // what was answered for is nobody else's
	}
	if err != nil {
		err = errors.Join(fmt.Errorf("open the database %s: %w", opts.name(), err), db.answered.close(), pool.close())
		die(err)
		return nil, err
	}
	if pool.fold != nil {
		db.folder = newFolder(pool.fold, db.log)
	}
	go db.commitLoop()
	return db, nil
}

// Close makes the writes that are queued, answers them and closes the database. It waits for a disk that hangs, but for a server no longer
// than CloseTime: then what waits is answered by errors. Calling it again gives the same answer.
func (db *DB) Close() error { return db.close() }

func (db *DB) shutdown() error {
	close(db.closing)
	end := time.AfterFunc(db.closeTime, func() { db.die(errSlow) })
	<-db.stopped
	db.folder.close()
	err := errors.Join(db.answered.close(), db.pool.close())
	db.relations.close() // what is asked now fails
	db.settings.close()
	db.ends.close()
	if cause := context.Cause(db.life); cause != nil {
		err = errors.Join(cause, err)
	}
	end.Stop()
	db.die(ErrClosed)
	if err != nil {
		return fmt.Errorf("close the database: %w", err)
	}
	return nil
}

// close closes the readers first: the last connection to go folds the write-ahead log into the database, and a reader may not.
func (p pool) close() error {
	var fold error
	if p.fold != nil {
		fold = p.fold.Close()
	}
	return errors.Join(fold, p.read.Close(), p.write.Close())
}

// Ready tells whether the database takes writes: it makes a small one and waits for its commit.
func (db *DB) Ready(ctx context.Context) error {
	err := db.Write(ctx, func(tx *Tx) error {
		return tx.setMeta(metaReady, strconv.FormatInt(tx.now, 10))
	})
	if err != nil {
		return fmt.Errorf("write to the database: %w", err)
	}
	return nil
}

// millis is how times are stored.
func millis(t time.Time) int64 { return t.UnixMilli() }

// fromMillis is the inverse of millis, in UTC.
func fromMillis(ms int64) time.Time { return time.UnixMilli(ms).UTC() }
