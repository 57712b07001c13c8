// Package store keeps what must survive a restart: users, their settings and credentials, and the rooms they occupy.
//
// It is in charge of the database file, its schema and its transactions, and of sealing credentials before they reach the disk.
// It knows neither XMPP nor any network: to it a JID, a room and a nick are text. What it does not keep is what can be asked for
// again, such as rosters and presences.
//
// Writes go through one goroutine, the committer. It takes what queued while the last commit ran, runs it in one transaction and
// answers each caller after the commit, so a nil error from Write means that the data is on the disk. Reads have connections of
// their own and neither wait for the committer nor hold it up.
//
// The SQL is one text for SQLite and, later, PostgreSQL: $1, RETURNING, ON CONFLICT, times as Unix milliseconds. It stands beside
// the struct that it fills, one table a file. What only SQLite understands is in sqlite.go.
package store
