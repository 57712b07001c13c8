package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"passerelle/internal/killtest"
)

const (
	childWriters = 8
	childAnswers = 400 // acknowledged writes after which the child is killed
)

// writeUntilKilled is the child process of TestKill: it writes users from several goroutines and prints the name of each one
// after its write was acknowledged.
func writeUntilKilled(args []string) error {
	database := args[0]
	opts := Options{Path: database, Key: testKey(1), Log: slog.New(slog.DiscardHandler)}
	if strings.HasPrefix(database, "postgresql:") {
		opts.Path, opts.URL = "", database
	}
	db, err := Open(context.Background(), opts)
	if err != nil {
		return err
	}
	failed := make(chan error, childWriters)
	for w := range childWriters {
		go func() {
			for i := 0; ; i++ {
				id := UserID{Domain: testDomain, JID: fmt.Sprintf("%d.%d@example.org", w, i)}
				err := db.Write(context.Background(), func(tx *Tx) error {
					ids, err := tx.AppendRoomLines([]RoomLine{{Domain: testDomain, Room: "#a", ID: id.JID, Nick: "alice", Stanza: id.JID}})
					if err != nil {
						return err
					}
					return errors.Join(tx.SetSecret(id, "s", "password", Secret(id.JID)), tx.ExtendSeen(id, "#a", ids[0], ids[0]))
				})
				if err == nil {
					_, err = fmt.Println(id.JID) // one write(2), which a pipe takes whole or not at all
				}
				if err != nil {
					failed <- err
					return
				}
			}
		}()
	}
	return <-failed
}

// TestKill kills a process in the middle of its writes. What it acknowledged must be there.
func TestKill(t *testing.T) {
	t.Parallel()
	onEach(t, testKill)
}

func testKill(t *testing.T, opts Options) {
	acknowledged := killtest.After(t, childAnswers, "write", opts.Path+opts.URL)
	db := openTest(t, opts)
	users := jids(t, db, testDomain)
	for _, jid := range acknowledged {
		if _, found := slices.BinarySearch(users, jid); !found {
			t.Errorf("%s was acknowledged and is not there", jid)
		}
	}
	for _, jid := range users {
		secret, found, err := db.Secret(t.Context(), UserID{Domain: testDomain, JID: jid}, "s", "password")
		if err != nil || !found || secret.Reveal() != jid {
			t.Errorf("%s is there by half: got %q, %v, %v", jid, secret.Reveal(), found, err)
		}
		wantRoom(t, db, RoomQuery{User: UserID{testDomain, jid}, Room: "#a"}, jid)
	}
	if opts.Path == "" {
		return
	}
	var check string
	if err := db.pool.read.QueryRowContext(t.Context(), `PRAGMA integrity_check`).Scan(&check); err != nil || check != "ok" {
		t.Errorf("integrity: got %s, %v", strings.TrimSpace(check), err)
	}
}
