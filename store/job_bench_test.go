package store

import (
	"fmt"
	"testing"
	"time"
)

// BenchmarkClaim takes a job and ends it, while others wait in another lane behind a head that is tried again later.
func BenchmarkClaim(b *testing.B) {
	for _, waiting := range []int{100, 100_000} {
		b.Run(fmt.Sprint("waiting=", waiting), func(b *testing.B) {
			benchEach(b, func(b *testing.B, db *DB) {
				c := JobClaim{
					Own: 1, Free: 1, PerSite: 4, Sites: map[string]int{}, Trying: func(string) bool { return false },
					After: func(string, int) time.Duration { return time.Hour }, SiteAfter: func(int) time.Duration { return time.Hour },
				}
				add := func(lane string, n int) {
					for n > 0 {
						some := min(n, 1000)
						write(b, db, func(tx *Tx) error {
							for range some {
								if _, err := tx.AddJob(NewJob{Lane: lane, Site: "x", Kind: "k", Expires: db.now().Add(24 * time.Hour)}); err != nil {
									return err
								}
							}
							return nil
						})
						n -= some
					}
				}
				add("retrying", waiting)
				var head JobTurn
				write(b, db, func(tx *Tx) (err error) { head, err = tx.TurnJobs(nil, c); return err })
				if len(head.Jobs) != 1 {
					b.Fatalf("taken are %v", head.Jobs)
				}
				// In one transaction, so that it is the claim and not the disk.
				write(b, db, func(tx *Tx) error {
					for b.Loop() {
						if _, err := tx.AddJob(NewJob{Lane: "other", Site: "x", Kind: "k", Expires: db.now().Add(24 * time.Hour)}); err != nil {
							return err
						}
						tx.now++
						got, err := tx.TurnJobs(nil, c)
						if err != nil || len(got.Jobs) != 1 || got.Jobs[0].Lane != "other" {
							return fmt.Errorf("taken are %v, %w", got.Jobs, err)
						}
						if _, err := tx.TurnJobs([]JobEnd{{Job: got.Jobs[0], What: JobDone}}, JobClaim{}); err != nil {
							return err
						}
					}
					return nil
				})
			})
		})
	}
}
