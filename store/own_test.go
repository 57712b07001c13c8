package store

import (
	"errors"
	"strings"
	"testing"
)

func testOwnSecret(t *testing.T, db *DB, _ *testClock) {
	made := 0
	create := func() (Secret, error) { made++; return "key", nil }
	for range 2 {
		if s, err := db.OwnSecret(t.Context(), "dkim", create); err != nil || s.Reveal() != "key" {
			t.Errorf("got %q, %v", s.Reveal(), err)
		}
	}
	if made != 1 {
		t.Errorf("it was made %d times", made)
	}
	if _, err := db.OwnSecret(t.Context(), "other", func() (Secret, error) { return "", errTest }); !errors.Is(err, errTest) {
		t.Errorf("got the error %v", err)
	}
	if _, err := db.OwnSecret(t.Context(), "other", func() (Secret, error) { return "second", nil }); err != nil {
		t.Error(err)
	}
	var text string
	if err := db.pool.read.QueryRowContext(t.Context(), `SELECT value FROM meta WHERE name = 'secret: dkim'`).Scan(&text); err != nil || strings.Contains(text, "key") {
		t.Errorf("kept is %q, %v", text, err)
	}
	raw(t, db, `UPDATE meta SET value = $1 WHERE name = 'secret: other'`, text)
	if s, err := db.OwnSecret(t.Context(), "other", create); err == nil {
		t.Errorf("a secret that was swapped: %q", s.Reveal())
	}
}
