// Package store keeps what must survive a restart: users, their settings and credentials, the rooms they occupy, the files they
// share, the archive of what was said, and what is to be done towards other networks.
//
// It is in charge of the database, a file or a PostgreSQL server, of its schema and its transactions, and of sealing credentials
// before they reach the disk. It knows neither XMPP nor any network: to it a JID, a room and a nick are text. What it does not keep
// is what can be asked for again, such as rosters and presences.
//
// Writes go through one goroutine, the committer. It takes what queued while the last commit ran, runs it in one transaction and
// answers each caller after the commit, so a nil error from Write means that the data is on the disk. Reads have connections of
// their own and neither wait for the committer nor hold it up.
//
// The SQL is one text for SQLite and PostgreSQL: $1, RETURNING, ON CONFLICT, times as Unix milliseconds. It stands beside the
// struct that it fills. The few words that differ are in dialect.go, the connections in sqlite.go and postgres.go. Every behaviour
// is tested on both.
//
// The archive is three tables: archives (of rooms and of users), their lines, and which lines of rooms a user may read. Whether two
// sessions heard the same line is not decided here but in component/archive. XEP-0313 and XEP-0059 say what queries can ask.
package store
