package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime/debug"
)

const (
	maxQueue = 1024 // operations that wait for the committer; a caller with one more waits for a place
	maxBatch = 256  // operations that share a commit
)

// operation is one call of Write on its way through the committer.
type operation struct {
	fn   func(*Tx) error
	err  error         // written by the committer before it closes done
	done chan struct{} // closed after the commit

	committed []func() // what follows the commit, see Tx.OnCommit
}

// Write runs fn in a transaction and returns nil once the commit is on the disk. Where fn fails or panics nothing of it is
// written, and its error is returned; other writes that share the commit are not touched by that.
//
// ctx bounds the waiting, never the write: a caller that gives up gets the cause of ctx, and if its operation had a place in the
// queue by then it is still made. So fn may run after Write has returned, on another goroutine, and must not touch what its
// caller goes on to use. Writes of one goroutine are made in its order.
//
// All writes of the process wait for fn: it must not wait for a network or a lock, and not call Write, which would wait for itself.
func (db *DB) Write(ctx context.Context, fn func(*Tx) error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("wait for a place in the write queue: %w", context.Cause(ctx))
	}
	select {
	case <-db.closing: // even if there is a place
		return ErrClosed
	default:
	}
	op := &operation{fn: fn, done: make(chan struct{})}
	select {
	case db.queue <- op:
	case <-db.closing:
		return ErrClosed
	case <-db.stopped: // without Close, see commit
		return ErrClosed
	case <-ctx.Done():
		return fmt.Errorf("wait for a place in the write queue: %w", context.Cause(ctx))
	}
	select {
	case <-op.done:
		return op.err
	case <-ctx.Done():
		return fmt.Errorf("wait for the commit: %w", context.Cause(ctx))
	case <-db.stopped:
		// The operation was answered by the last commit, or it came into the queue after that and nobody will take it.
		select {
		case <-op.done:
			return op.err
		default:
			return ErrClosed
		}
	}
}

// commitLoop is the committer. It ends when Close was called and the queue is empty.
func (db *DB) commitLoop() {
	defer close(db.stopped)
	batch := make([]*operation, 0, maxBatch)
	for {
		batch = db.next(batch)
		if len(batch) == 0 {
			return
		}
		err := db.commit(batch)
		for _, op := range batch {
			if op.err == nil {
				op.err = err
			}
			op.err = db.troubled(op.err)
			if op.err == nil {
				for _, f := range op.committed {
					f()
				}
			}
			close(op.done)
		}
		db.folder.wrote(db.pool.write)
		db.warmUp(db.life)
		clear(batch) // what the callers captured is not held until the next write
		batch = batch[:0]
	}
}

// next waits for an operation and takes what has queued behind it. There is no timer: while a commit runs the next batch gathers
// by itself, and when nothing runs nobody should wait. It returns none when there will be no more.
func (db *DB) next(batch []*operation) []*operation {
	select {
	case op := <-db.queue:
		batch = append(batch, op)
	case <-db.closing:
	}
	for len(batch) < maxBatch {
		select {
		case op := <-db.queue:
			batch = append(batch, op)
		default:
			return batch
		}
	}
	return batch
}

// commit runs the batch in one transaction. An operation that fails alone gets its own err; the error that is returned concerns
// all of them, and then nothing was written.
//
// No context of a caller is passed on: one who gives up must not undo what others write.
func (db *DB) commit(batch []*operation) error {
	ctx, cancel := db.bound()
	defer cancel()
	err := db.transact(ctx, batch)
	if err != nil {
		db.own.forgetSeries()
	}
	if err != nil && ctx.Err() != nil {
		err = fmt.Errorf("%w: %w", context.Cause(ctx), err)
	}
	return err
}

func (db *DB) transact(ctx context.Context, batch []*operation) error {
	sqlTx, err := db.pool.write.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin a transaction: %w", err)
	}
	// It does nothing after a commit. Deferred, it also serves the operation that ends this goroutine (runtime.Goexit, as a failing
	// test does): then the committer is gone, everybody gets ErrClosed, and Close still finds its connection.
	defer func() { _ = sqlTx.Rollback() }()
	if len(batch) == 1 {
		// Nobody shares its transaction: where it fails all of it goes. SQLite copies what is changed behind a savepoint.
		if batch[0].err = db.call(ctx, sqlTx, batch[0]); batch[0].err != nil {
			return batch[0].err
		}
	} else {
		for _, op := range batch {
			if err := db.apply(ctx, sqlTx, op); err != nil {
				return err
			}
		}
	}
	if !db.dialect.remote {
		if err := sqlTx.Commit(); err != nil {
			return fmt.Errorf("commit: %w", err)
		}
		return nil
	}
	mark := db.marks.next()
	if _, err := sqlTx.StmtContext(ctx, db.hot[upsertMeta]).ExecContext(ctx, metaCommit, mark); err != nil {
		return fmt.Errorf("mark a commit: %w", err)
	}
	if err := sqlTx.Commit(); err != nil {
		return db.settle(mark, err)
	}
	return nil
}

const (
	beginOperation = `SAVEPOINT operation`
	endOperation   = `RELEASE SAVEPOINT operation`
)

// apply runs one operation between savepoints. The error that it returns means that the transaction is lost.
func (db *DB) apply(ctx context.Context, sqlTx *sql.Tx, op *operation) error {
	if _, err := sqlTx.StmtContext(ctx, db.hot[beginOperation]).ExecContext(ctx); err != nil {
		return fmt.Errorf("begin a write: %w", err)
	}
	op.err = db.call(ctx, sqlTx, op)
	if op.err != nil {
		// A full disk or an I/O error may have rolled back everything, and then there is no savepoint to go back to.
		if _, err := sqlTx.ExecContext(ctx, `ROLLBACK TO SAVEPOINT operation`); err != nil {
			return fmt.Errorf("the transaction was lost: %w", errors.Join(op.err, err))
		}
	}
	if _, err := sqlTx.StmtContext(ctx, db.hot[endOperation]).ExecContext(ctx); err != nil {
		return fmt.Errorf("end a write: %w", err)
	}
	return nil
}

// call calls fn and turns a panic into an error: the committer serves everybody and must live.
func (db *DB) call(ctx context.Context, sqlTx *sql.Tx, op *operation) (err error) {
	tx := &Tx{box: db.box, ctx: ctx, sql: sqlTx, hot: db.hot, warm: &db.warm, dialect: db.dialect, now: millis(db.now()), lastOutgoing: &db.lastOutgoing, jobs: db.jobs, own: db.own}
	defer func() {
		tx.sql = nil
		if p := recover(); p != nil {
			db.log.Error("a write panicked", "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("the write panicked: %v", p)
		}
		if err != nil && tx.took {
			db.own.forgetSeries()
		}
	}()
	if err := op.fn(tx); err != nil {
		return err
	}
	op.committed = tx.committed
	return tx.err
}
