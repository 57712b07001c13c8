package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// deleteChunk is how many rows one write deletes: everybody else's writes wait for it, so it is some milliseconds' work.
const deleteChunk = 500

// DeleteBefore deletes the lines of a domain that are older than a time, from all its archives, and returns how many. It takes as
// many small writes as it needs and other writes go on between them; stopped by ctx, it has deleted the oldest lines of each
// archive that it came to (XEP-0313 §3.2 asks for no holes).
func (db *DB) DeleteBefore(ctx context.Context, domain string, before time.Time) (int64, error) {
	var deleted int64
	archives, err := db.archives(ctx, selectArchives+`WHERE domain = $1 ORDER BY archive`, domain)
	for _, a := range archives {
		var n int64
		if n, err = db.deleteArchiveBefore(ctx, a, millis(before)); err != nil {
			break
		}
		deleted += n
	}
	if err != nil {
		return deleted, fmt.Errorf("delete old lines: %w", err)
	}
	return deleted, nil
}

func (db *DB) deleteArchiveBefore(ctx context.Context, a archive, before int64) (int64, error) {
	first, err := db.firstSince(ctx, a.span, before)
	if err != nil {
		return 0, err
	}
	return db.deleteLines(ctx, a.lo, first-1)
}

// CollectArchive deletes the lines that nobody can read: those of users who were removed, and those of rooms that all who heard
// them are gone from. Lines of rooms that came after the time are left, because somebody may still note that he heard them.
func (db *DB) CollectArchive(ctx context.Context, before time.Time) (int64, error) {
	deleted, err := db.collectGone(ctx)
	if err == nil {
		var n int64
		n, err = db.collectUnread(ctx, millis(before))
		deleted += n
	}
	if err == nil {
		err = db.collectRetracted(ctx, millis(before))
	}
	if err != nil {
		return deleted, fmt.Errorf("collect lines that nobody can read: %w", err)
	}
	return deleted, nil
}

func (db *DB) collectGone(ctx context.Context) (int64, error) {
	var deleted int64
	archives, err := db.archives(ctx, selectArchives+`WHERE kind = $1`, archiveGone)
	for _, a := range archives {
		n, err := db.deleteLines(ctx, a.lo, a.hi)
		deleted += n
		if err == nil {
			// The last number stays taken: whoever remembers lines of the archive must not find other ones under their numbers.
			err = db.Write(ctx, func(tx *Tx) error {
				return tx.exec(`DELETE FROM archives WHERE archive = $1 AND archive < (SELECT max(archive) FROM archives)`, a.number)
			})
		}
		if err != nil {
			return deleted, err
		}
	}
	return deleted, err
}

func (db *DB) collectUnread(ctx context.Context, before int64) (int64, error) {
	var deleted int64
	archives, err := db.archives(ctx, selectArchives+`WHERE kind = $1 ORDER BY archive`, archiveRoom)
	if err != nil {
		return 0, err
	}
	for _, a := range archives {
		n, err := db.collectRoom(ctx, a, before)
		deleted += n
		if err != nil {
			return deleted, err
		}
	}
	return deleted, nil
}

const selectSeenByAnybody = `SELECT lo, max(hi) FROM archive_seen WHERE archive = $1 AND lo >= $2 AND lo < $3
	GROUP BY lo ORDER BY lo LIMIT $4`

// collectRoom deletes what is between the ranges of all users.
func (db *DB) collectRoom(ctx context.Context, a archive, before int64) (int64, error) {
	end, err := db.firstSince(ctx, a.span, before)
	if err != nil {
		return 0, err
	}
	var deleted int64
	from, reach := a.lo, a.lo-1 // of which ranges to read, and how far somebody reads or nothing is left
	for n := seenBatch; n == seenBatch; {
		var ranges []seenRange // one for each beginning, the longest
		err := db.query(ctx, func(rows *sql.Rows) error {
			var r seenRange
			err := rows.Scan(&r.lo, &r.hi)
			ranges = append(ranges, r)
			return err
		}, selectSeenByAnybody, a.number, int64(from), int64(end), seenBatch)
		if err != nil {
			return deleted, err
		}
		if n = len(ranges); n < seenBatch {
			ranges = append(ranges, seenRange{end, end})
		}
		for _, r := range ranges {
			count, err := db.deleteLines(ctx, reach+1, r.lo-1)
			deleted += count
			if err != nil {
				return deleted, err
			}
			from, reach = r.lo+1, max(reach, r.hi)
		}
	}
	return deleted, nil
}

const (
	deleteSeenChunk = `DELETE FROM archive_seen WHERE (domain, jid, lo) IN
		(SELECT domain, jid, lo FROM archive_seen WHERE archive = $4 AND lo >= $1 AND lo <= $2 AND hi <= $2 ORDER BY lo LIMIT $3)`
	deleteLineChunk = `DELETE FROM archive_lines WHERE line >= $1 AND line <= (SELECT max(line) FROM
		(SELECT line FROM archive_lines WHERE line >= $1 AND line <= $2 ORDER BY line LIMIT $3) AS chunk)`
)

// deleteLines deletes lo..hi, the oldest first, and what users may read of it.
func (db *DB) deleteLines(ctx context.Context, lo, hi LineID) (int64, error) {
	if hi < lo {
		return 0, nil
	}
	if _, err := db.deleteChunks(ctx, deleteSeenChunk, int64(lo), int64(hi), deleteChunk, lo.of()); err != nil {
		return 0, err
	}
	// What reaches over the end begins behind it now: one range of each who heard the line there.
	if err := db.Write(ctx, func(tx *Tx) error {
		return tx.exec(`UPDATE archive_seen SET lo = $3 WHERE archive = $4 AND lo >= $1 AND lo <= $2 AND hi >= $3`,
			int64(lo), int64(hi), int64(hi+1), lo.of())
	}); err != nil {
		return 0, err
	}
	return db.deleteChunks(ctx, deleteLineChunk, int64(lo), int64(hi), deleteChunk)
}

// deleteChunks runs a statement that deletes deleteChunk rows until it finds fewer.
func (db *DB) deleteChunks(ctx context.Context, query string, args ...any) (int64, error) {
	var deleted int64
	for {
		counted := make(chan int64, 1) // the write may run after its caller gave up
		err := db.Write(ctx, func(tx *Tx) error {
			n, err := tx.count(query, args...)
			counted <- n
			return err
		})
		if err != nil {
			return deleted, err
		}
		n := <-counted
		deleted += n
		if n < deleteChunk {
			return deleted, nil
		}
	}
}

// archive is a row of archives.
type archive struct {
	number     int64
	kind, name string
	span
}

const selectArchives = `SELECT archive, kind, name, last FROM archives `

func (db *DB) archives(ctx context.Context, query string, args ...any) ([]archive, error) {
	var archives []archive
	err := db.query(ctx, func(rows *sql.Rows) error {
		var a archive
		err := rows.Scan(&a.number, &a.kind, &a.name, &a.hi)
		a.lo = archiveBase(a.number) + 1
		archives = append(archives, a)
		return err
	}, query, args...)
	return archives, err
}
