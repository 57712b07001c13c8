package biboumi

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"modernc.org/sqlite"
)

// Tables of biboumi. Which of their columns there are depends on the version that made them.
const (
	tableLines    = "muclogline_"
	tableGlobal   = "globaloptions_"
	tableServers  = "ircserveroptions_"
	tableChannels = "ircchanneloptions_"
	tableCommands = "after_connection_commands_"
	tableRoster   = "roster"
)

// Database is a database of biboumi, which is only read.
type Database struct {
	db      *sql.DB
	columns string              // the query for the columns of a table
	lines   map[string]struct{} // columns of tableLines
}

// IsPostgres reports whether the name of a database is a URL.
func IsPostgres(name string) bool {
	return strings.HasPrefix(name, "postgresql://") || strings.HasPrefix(name, "postgres://")
}

// Open opens a database: a file of SQLite, or the URL of a PostgreSQL database.
func Open(ctx context.Context, name string) (*Database, error) {
	var d *Database
	var err error
	shown := name
	if IsPostgres(name) {
		shown = "at the URL of db_name" // it has a password
		d, err = openPostgres(name)
	} else {
		d, err = openSQLite(name)
	}
	if err == nil {
		if err = d.check(ctx); err != nil {
			err = errors.Join(explain(err), d.Close())
		}
	}
	if err != nil {
		return nil, fmt.Errorf("open biboumi's database %s: %w", shown, err)
	}
	return d, nil
}

// Close closes it.
func (d *Database) Close() error { return d.db.Close() }

// Result codes of SQLite, without what is in their upper bits.
const (
	sqliteBusy     = 5
	sqliteReadOnly = 8
)

// explain says in the operator's words what SQLite says in its own.
func explain(err error) error {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		switch e.Code() & 0xff {
		case sqliteBusy:
			return fmt.Errorf("biboumi is writing to it, so stop it first: %w", err)
		case sqliteReadOnly: // a journal must be rolled back, which is a write
			return fmt.Errorf("biboumi has died in the middle of a write, so start it and stop it once: %w", err)
		}
	}
	return err
}

func openSQLite(path string) (*Database, error) {
	if _, err := os.Stat(path); err != nil { // SQLite's own message does not say why
		return nil, err
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	connector, err := sqlite.NewConnector("file:" + (&url.URL{Path: path}).EscapedPath() + "?mode=ro&_query_only=on&_busy_timeout=5000")
	if err != nil {
		return nil, err
	}
	return &Database{db: sql.OpenDB(connector), columns: `SELECT lower(name) FROM pragma_table_info($1)`}, nil
}

func openPostgres(name string) (*Database, error) {
	config, err := pgx.ParseConfig(name)
	if err != nil {
		return nil, errors.New("the URL cannot be read") // the driver's error may quote it
	}
	config.RuntimeParams["default_transaction_read_only"] = "on"
	return &Database{
		db:      stdlib.OpenDB(*config),
		columns: `SELECT column_name::text FROM information_schema.columns WHERE table_name = $1 AND table_schema = ANY(current_schemas(false))`,
	}, nil
}

// check finds out what kind of database it is.
func (d *Database) check(ctx context.Context) error {
	var err error
	if d.lines, err = d.tableColumns(ctx, tableLines); err != nil {
		return err
	}
	servers, err := d.tableColumns(ctx, tableServers)
	if err != nil {
		return err
	}
	if len(d.lines) == 0 && len(servers) == 0 {
		return errors.New("it has no tables of biboumi")
	}
	for _, need := range []string{"id_", "owner_", "ircchanname_", "ircservername_", "date_", "body_", "nick_"} {
		if _, there := d.lines[need]; !there && len(d.lines) > 0 {
			return fmt.Errorf("its table %s has no column %s: let a newer biboumi start with it once", tableLines, need)
		}
	}
	return nil
}

func (d *Database) tableColumns(ctx context.Context, table string) (map[string]struct{}, error) {
	columns := map[string]struct{}{}
	err := d.query(ctx, func(rows *sql.Rows) error {
		var name string
		err := rows.Scan(&name)
		columns[name] = struct{}{}
		return err
	}, d.columns, table)
	return columns, err
}

func (d *Database) query(ctx context.Context, scan func(*sql.Rows) error, query string, args ...any) error {
	rows, err := d.db.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// row is a row of a small table, by column. What is missing or NULL is empty.
type row map[string]string

// each calls do for each row of a table, which need not be there.
func (d *Database) each(ctx context.Context, table, order string, do func(row)) error {
	columns, err := d.tableColumns(ctx, table)
	if err != nil || len(columns) == 0 {
		return err
	}
	names := make([]string, 0, len(columns))
	for name := range columns {
		names = append(names, name)
	}
	slices.Sort(names)
	if err := d.query(ctx, func(rows *sql.Rows) error {
		values, into := anyValues(len(names))
		if err := rows.Scan(into...); err != nil {
			return err
		}
		r := make(row, len(names))
		for i, name := range names {
			r[name] = asText(values[i])
		}
		do(r)
		return nil
	}, `SELECT `+strings.Join(names, ", ")+` FROM `+table+` ORDER BY `+order); err != nil {
		return fmt.Errorf("read biboumi's table %s: %w", table, err)
	}
	return nil
}

func anyValues(n int) (values, into []any) {
	values, into = make([]any, n), make([]any, n)
	for i := range values {
		into[i] = &values[i]
	}
	return values, into
}

// asText is a value of any type: SQLite's columns take them all.
func asText(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case []byte:
		return string(v)
	case int64:
		return strconv.FormatInt(v, 10)
	case bool:
		if v {
			return "1"
		}
		return "0"
	}
	return ""
}

// asNumber is a value as a number, 0 where it is none.
func asNumber(v any) int64 {
	n, err := strconv.ParseInt(asText(v), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// line is a row of the archive: what one user heard in a channel.
type line struct {
	id                                       int64
	uuid, owner, channel, server, body, nick string
	date                                     int64 // Unix seconds
}

// linesAfter returns the next lines behind a number, n at most, in the order in which they were written.
func (d *Database) linesAfter(ctx context.Context, after int64, n int) ([]line, error) {
	if len(d.lines) == 0 {
		return nil, nil
	}
	uuid := "uuid_"
	if _, there := d.lines[uuid]; !there {
		uuid = "''"
	}
	lines := make([]line, 0, n)
	values, into := anyValues(8)
	err := d.query(ctx, func(rows *sql.Rows) error {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		lines = append(lines, line{
			id: asNumber(values[0]), uuid: asText(values[1]), owner: asText(values[2]), channel: asText(values[3]),
			server: asText(values[4]), date: asNumber(values[5]), body: asText(values[6]), nick: asText(values[7]),
		})
		return nil
	}, `SELECT id_, `+uuid+`, owner_, ircchanname_, ircservername_, date_, body_, nick_ FROM muclogline_
		WHERE id_ > $1 ORDER BY id_ LIMIT $2`, after, n)
	if err != nil {
		return nil, fmt.Errorf("read biboumi's archive: %w", err)
	}
	return lines, nil
}

// number runs a query for one number, which may be NULL.
func (d *Database) number(ctx context.Context, query string, args ...any) (int64, error) {
	var n sql.NullInt64
	if len(d.lines) == 0 {
		return 0, nil
	}
	if err := d.db.QueryRowContext(ctx, query, args...).Scan(&n); err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, fmt.Errorf("read biboumi's archive: %w", err)
	}
	return n.Int64, nil
}

// last is the number of the last line, 0 without any.
func (d *Database) last(ctx context.Context) (int64, error) {
	return d.number(ctx, `SELECT max(id_) FROM muclogline_`)
}

// oldest is the first date in the archive that can be one, 0 without any.
func (d *Database) oldest(ctx context.Context) (int64, error) {
	return d.number(ctx, `SELECT min(CAST(date_ AS BIGINT)) FROM muclogline_ WHERE CAST(date_ AS BIGINT) > 0`)
}

// dateNear is the date of the last line up to a number that has one which can be true, else of the first behind it.
func (d *Database) dateNear(ctx context.Context, id, now int64) (int64, error) {
	const dates = `SELECT CAST(date_ AS BIGINT) FROM muclogline_ WHERE CAST(date_ AS BIGINT) > 0 AND CAST(date_ AS BIGINT) <= $1 AND `
	date, err := d.number(ctx, dates+`id_ <= $2 ORDER BY id_ DESC LIMIT 1`, now, id)
	if err == nil && date == 0 {
		date, err = d.number(ctx, dates+`id_ > $2 ORDER BY id_ LIMIT 1`, now, id)
	}
	return date, err
}
