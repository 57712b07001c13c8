package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// Occupancy is a room that a client of a user is in. It is what lets rooms come back after the process died: the user's client
// believes that it is still inside. One without a resource is a room that the user stays in while no client of his is there.
type Occupancy struct {
	UserID
	Resource  string // of the client
	Room      string // local part of the room's JID
	Nick      string
	Password  Secret    // of the room; empty where it has none
	EnteredAt time.Time // set by the first Occupy; what its argument says is ignored
}

// Occupy notes that a client entered a room, or that its nick or the password changed.
func (tx *Tx) Occupy(o Occupancy) error {
	err := checkFields(field{"resource", o.Resource, maxPart}, field{"room", o.Room, maxPart}, field{"nick", o.Nick, maxPart})
	if err == nil && o.Room == "" {
		err = errors.New("it has no name")
	}
	if err == nil && len(o.Password) > maxValue {
		err = fmt.Errorf("the password has more than %d bytes", maxValue)
	}
	if err == nil {
		err = tx.addUser(o.UserID)
	}
	if err == nil {
		var sealed []byte
		if o.Password != "" {
			sealed = tx.box.seal(o.Password, "occupancies", "password", o.row()...)
		}
		err = tx.exec(occupy, o.Domain, o.JID, o.Resource, o.Room, o.Nick, sealed, tx.now)
	}
	if err != nil {
		return fmt.Errorf("occupy a room: %w", err)
	}
	return nil
}

const (
	occupy = `INSERT INTO occupancies (domain, jid, resource, room, nick, password, entered_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (domain, jid, resource, room) DO UPDATE SET nick = excluded.nick, password = excluded.password`
	vacate = `DELETE FROM occupancies WHERE domain = $1 AND jid = $2 AND resource = $3 AND room = $4`
)

// row is what identifies the row of o.
func (o Occupancy) row() []string { return []string{o.Domain, o.JID, o.Resource, o.Room} }

// Vacate notes that a client left a room. Leaving a room that it is not in is no error.
func (tx *Tx) Vacate(id UserID, resource, room string) error {
	if err := tx.exec(vacate, id.Domain, id.JID, resource, room); err != nil {
		return fmt.Errorf("vacate a room: %w", err)
	}
	return nil
}

// VacateUser notes that all clients of a user left all rooms of the domain.
func (tx *Tx) VacateUser(id UserID) error {
	if err := tx.exec(`DELETE FROM occupancies WHERE domain = $1 AND jid = $2`, id.Domain, id.JID); err != nil {
		return fmt.Errorf("vacate all rooms: %w", err)
	}
	return nil
}

// Occupancies returns who is in which room of the domain, in the order of entering. Rows whose password does not open are left out
// and counted in the error, and the others are returned beside it: one damaged row should not cost everybody their rooms.
func (db *DB) Occupancies(ctx context.Context, domain string) ([]Occupancy, error) {
	return db.occupancies(ctx, domain, `WHERE domain = $1`, domain)
}

// Stays returns the rooms that a user stays in while no client of his is there, as Occupancies does.
func (db *DB) Stays(ctx context.Context, id UserID) ([]Occupancy, error) {
	return db.occupancies(ctx, id.Domain, `WHERE domain = $1 AND jid = $2 AND resource = ''`, id.Domain, id.JID)
}

func (db *DB) occupancies(ctx context.Context, domain, where string, args ...any) ([]Occupancy, error) {
	var (
		occupancies []Occupancy
		damaged     int
		cause       error // why the last of them did not open
	)
	err := db.query(ctx, func(rows *sql.Rows) error {
		o := Occupancy{UserID: UserID{Domain: domain}}
		var sealed []byte
		var entered int64
		if err := rows.Scan(&o.JID, &o.Resource, &o.Room, &o.Nick, &sealed, &entered); err != nil {
			return err
		}
		o.EnteredAt = fromMillis(entered)
		if sealed != nil {
			var err error
			if o.Password, err = db.box.open(sealed, "occupancies", "password", o.row()...); err != nil {
				damaged, cause = damaged+1, err
				return nil
			}
		}
		occupancies = append(occupancies, o)
		return nil
	}, `SELECT jid, resource, room, nick, password, entered_at FROM occupancies `+where+` ORDER BY entered_at, jid, resource, room`, args...)
	if err != nil {
		return nil, fmt.Errorf("read occupancies: %w", err)
	}
	if damaged > 0 {
		return occupancies, fmt.Errorf("open the passwords of %d occupancies: %w", damaged, cause)
	}
	return occupancies, nil
}
