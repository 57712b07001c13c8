package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// An archive only grows at its end. Lines that are older than those of a room are put before them by setting the room's archive aside
// meanwhile: what is appended to the room then begins a new archive, and the old one is put behind it.

// SetRoomsAside sets the archives of all rooms of a domain aside. Nobody can read them until PutRoomsBack.
func (tx *Tx) SetRoomsAside(domain string) error {
	if err := tx.exec(`UPDATE archives SET kind = $1 WHERE kind = $2 AND domain = $3`, archiveAside, archiveRoom, domain); err != nil {
		return fmt.Errorf("set the archives of rooms aside: %w", err)
	}
	return nil
}

// PutRoomsBack puts what was set aside behind what the rooms have now. Interrupted, it may be called again.
func (db *DB) PutRoomsBack(ctx context.Context, domain string) error {
	archives, err := db.archives(ctx, selectArchives+`WHERE kind = $1 AND domain = $2 ORDER BY archive`, archiveAside, domain)
	for _, a := range archives {
		if err = db.Write(ctx, func(tx *Tx) error { return tx.putBack(domain, a) }); err != nil {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("put the archives of rooms back: %w", err)
	}
	return nil
}

func (tx *Tx) putBack(domain string, a archive) error {
	var room roomEnd
	var lastTime int64
	if err := tx.query(func(r *sql.Rows) error { return r.Scan(&room.archive, &room.last, &lastTime) },
		`SELECT archive, last, last_time FROM archives WHERE kind = $1 AND domain = $2 AND name = $3`, archiveRoom, domain, a.name); err != nil {
		return err
	}
	if room.archive == 0 {
		return tx.exec(`UPDATE archives SET kind = $1 WHERE archive = $2`, archiveRoom, a.number)
	}
	// One number stays free, so that no ranges of a user touch.
	by := room.last + 2 - a.lo
	last := a.hi + by
	if int64(last-archiveBase(room.archive)) > maxArchive {
		return errors.New("the archive is full")
	}
	if err := tx.exec(`UPDATE archive_lines SET line = line + $1, time = CASE WHEN time < $2 THEN $2 ELSE time END WHERE line >= $3 AND line <= $4`,
		int64(by), lastTime, int64(a.lo), int64(a.hi)); err != nil {
		return err
	}
	if err := tx.exec(`UPDATE archive_seen SET lo = lo + $1, hi = hi + $1, archive = $2 WHERE archive = $3`, int64(by), room.archive, a.number); err != nil {
		return err
	}
	if err := tx.exec(`UPDATE archives SET last = $1, last_time = (SELECT max(last_time) FROM archives WHERE archive IN ($2, $3)) WHERE archive = $2`,
		int64(last), room.archive, a.number); err != nil {
		return err
	}
	return tx.exec(`DELETE FROM archives WHERE archive = $1`, a.number)
}
