package store

import (
	"database/sql"
	"fmt"
	"slices"
)

// own is what the committer knows without asking the database: one process has it for itself. It belongs to the committer.
type own struct {
	mailIDs, jobIDs, socialIDs, socialWireIDs series
	users                                     map[UserID]struct{} // some of those that are there
	subscribers                               map[int64]int64     // how many an account has, at most

	inserts map[insertText]string // the texts of statements that insert many rows
	scratch scratch
}

// series gives out ids, none of them twice, whatever becomes of the rows. It takes many at a time from the database; what a process has not given
// out when it ends is left out.
type series struct {
	take      string // takes seriesStep more and returns the last of them
	last, end int64
}

const (
	seriesStep = 1000
	// maxOwnUsers bounds the users that are known to be there; with more, all are asked for anew.
	maxOwnUsers = 10_000
)

var (
	takeMailIDs       = fmt.Sprintf(`UPDATE mail_ids SET last = last + %d RETURNING last`, seriesStep)
	takeJobIDs        = fmt.Sprintf(`UPDATE job_ids SET last = last + %d RETURNING last`, seriesStep)
	takeSocial        = fmt.Sprintf(`UPDATE social_ids SET last = last + %d RETURNING last`, seriesStep)
	takeSocialWireIDs = fmt.Sprintf(`UPDATE social_wire_ids SET last = last + %d RETURNING last`, seriesStep)
)

func newOwn() *own {
	return &own{
		mailIDs: series{take: takeMailIDs}, jobIDs: series{take: takeJobIDs}, socialIDs: series{take: takeSocial},
		socialWireIDs: series{take: takeSocialWireIDs}, users: make(map[UserID]struct{}), subscribers: make(map[int64]int64),
		inserts: make(map[insertText]string),
	}
}

// nextMailID is a new id in the tables of mail.
func (tx *Tx) nextMailID() (int64, error) { return tx.next(&tx.own.mailIDs) }

// nextSocialID is a new id in the tables of the social web.
func (tx *Tx) nextSocialID() (int64, error) { return tx.next(&tx.own.socialIDs) }

// next is a new id.
func (tx *Tx) next(s *series) (int64, error) {
	if s.last == s.end {
		tx.took = true
		err := tx.query(func(r *sql.Rows) error { return r.Scan(&s.end) }, s.take)
		if err != nil {
			return 0, err
		}
		s.last = s.end - seriesStep
	}
	s.last++
	return s.last, nil
}

// forgetSeries has ids taken anew: those that were taken are the database's again.
func (o *own) forgetSeries() {
	for _, s := range []*series{&o.mailIDs, &o.jobIDs, &o.socialIDs, &o.socialWireIDs} {
		s.last, s.end = 0, 0
	}
}

// insertText names the text of a statement that inserts many rows.
type insertText struct {
	into string
	rows int
}

// insert is the statement that inserts n rows.
func (o *own) insert(m manyInsert, d dialect, n int) string {
	text := insertText{m.into, n}
	query, known := o.inserts[text]
	if !known {
		query = m.sql(d, n)
		if slices.Contains(d.inserts, n) {
			o.inserts[text] = query
		}
	}
	return query
}

// addUser notes that a user is there.
func (o *own) addUser(id UserID) {
	if len(o.users) >= maxOwnUsers {
		clear(o.users)
	}
	o.users[id] = struct{}{}
}
