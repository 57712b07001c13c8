package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// This file is all that knows the driver and PostgreSQL's own ways.

const (
	postgresReaders        = 4
	postgresConnectTimeout = 10 * time.Second // where the URL says nothing else
	postgresIdleTime       = 30 * time.Second // between two statements of a transaction
)

// openPostgres prepares the connections and makes the first one. The database of the URL must exist; its first schema in the
// search path is ours alone. At the end of life all connections are closed, whoever waits for an answer.
func openPostgres(ctx, life context.Context, url string) (pool, error) {
	config, err := parsePostgres(life, url)
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

func parsePostgres(life context.Context, url string) (*pgx.ConnConfig, error) {
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
	// Somebody who vanishes without a word is found out while nothing is asked of him; what is asked has a deadline.
	dialer := &net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3}}
	config.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dialer.DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return mortal{conn, context.AfterFunc(life, func() { _ = conn.Close() })}, nil
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "passerelle"
	}
	return config, nil
}

// mortal is a connection that ends with something else.
type mortal struct {
	net.Conn
	outlive func() bool
}

func (c mortal) Close() error {
	c.outlive()
	return c.Conn.Close()
}

func postgresPool(config *pgx.ConnConfig, size int) *sql.DB {
	db := stdlib.OpenDB(*config, stdlib.OptionAfterConnect(func(ctx context.Context, conn *pgx.Conn) error {
		// With "off" a commit is answered before the disk has it. Anything stronger than "on" stays.
		_, err := conn.Exec(ctx, `SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'`)
		if err == nil {
			// A transaction that waits for somebody who is gone would hold its rows against the next one, for as long as TCP has hope.
			_, err = conn.Exec(ctx, `SELECT set_config('idle_in_transaction_session_timeout', $1, false) WHERE current_setting('idle_in_transaction_session_timeout') = '0'`,
				strconv.FormatInt(postgresIdleTime.Milliseconds(), 10))
		}
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
