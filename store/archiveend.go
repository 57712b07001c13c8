package store

import "database/sql"

// archiveEnd is an archive and its newest line; both are 0 where there is none.
type archiveEnd struct {
	archive int64
	last    LineID
}

// askEnds asks for those of many archives.
func (db *DB) askEnds(keys []archiveKey, answers []archiveEnd) error {
	ctx, cancel := db.bound()
	defer cancel()
	args := make([]any, 0, 3*maxGathered)
	for _, k := range keys {
		args = append(args, k.kind, k.domain, k.name)
	}
	with, args := db.dialect.keyed([]string{"kind", "domain", "name"}, len(keys), args)
	return db.query(ctx, func(rows *sql.Rows) error {
		var n int
		var end archiveEnd
		err := rows.Scan(&n, &end.archive, &end.last)
		if err == nil {
			answers[n] = end
		}
		return err
	}, with+`SELECT n, archive, last FROM asked CROSS JOIN archives AS a WHERE a.kind = asked.kind AND a.domain = asked.domain AND a.name = asked.name`, args...)
}
