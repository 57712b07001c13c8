package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// This file is all that knows the driver and PostgreSQL's own ways.

const (
	postgresReaders        = 4
	postgresConnectTimeout = 10 * time.Second // where the URL says nothing else
)

// openPostgres prepares the connections and makes the first one. The database of the URL must exist; its first schema in the
// search path is ours alone.
func openPostgres(ctx context.Context, url string) (pool, error) {
	config, err := parsePostgres(url)
	if err != nil {
		return pool{}, err
	}
	readConfig := config.Copy()
	readConfig.RuntimeParams["default_transaction_read_only"] = "on"
	p := pool{
		write: postgresPool(config, 1),
		read:  postgresPool(readConfig, postgresReaders),
	}
	if err := checkEncoding(ctx, p.write); err != nil {
		return pool{}, errors.Join(err, p.close())
	}
	return p, nil
}

func parsePostgres(url string) (*pgx.ConnConfig, error) {
	if !strings.HasPrefix(url, "postgresql://") && !strings.HasPrefix(url, "postgres://") {
		return nil, errors.New("the URL should begin with postgresql://")
	}
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("read the URL: %w", err)
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = postgresConnectTimeout
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "passerelle"
	}
	return config, nil
}

func postgresPool(config *pgx.ConnConfig, size int) *sql.DB {
	db := stdlib.OpenDB(*config, stdlib.OptionAfterConnect(func(ctx context.Context, conn *pgx.Conn) error {
		// With "off" a commit is answered before the disk has it. Anything stronger than "on" stays.
		_, err := conn.Exec(ctx, `SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'`)
		return err
	}))
	db.SetMaxOpenConns(size)
	db.SetMaxIdleConns(size)
	return db
}

// checkEncoding makes the first connection. In a database of another encoding than UTF-8 the first word from elsewhere would fail.
func checkEncoding(ctx context.Context, db *sql.DB) error {
	var encoding string
	if err := db.QueryRowContext(ctx, `SHOW server_encoding`).Scan(&encoding); err != nil {
		return err
	}
	if encoding != "UTF8" {
		return fmt.Errorf("its encoding is %s, it should be made with ENCODING 'UTF8'", encoding)
	}
	return nil
}
