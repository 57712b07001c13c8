package store

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// fileContract is what every database must do with files.
var fileContract = []behaviour{
	{"files are added, found and expire", testFiles},
	{"a user's files have a quota", testFileQuota},
	{"many files expire in chunks", testFilesExpire},
}

func testFiles(t *testing.T, db *DB, clock *testClock) {
	f := File{UserID: user(1), ID: "a", Name: "message.txt", Type: "text/plain", Size: 7, Expires: clock.now.Add(time.Hour)}
	later := f
	later.ID, later.Expires = "b", clock.now.Add(2*time.Hour)
	write(t, db, func(tx *Tx) error { return errors.Join(tx.AddFile(f, 100), tx.AddFile(later, 100)) })
	got, ok, err := db.File(t.Context(), "a")
	if err != nil || !ok || !cmp.Equal(got, f) {
		t.Errorf("File = %+v, %v, %v; want %+v", got, ok, err, f)
	}
	if _, ok, err := db.File(t.Context(), "c"); ok || err != nil {
		t.Errorf("a file that is not there: %v, %v", ok, err)
	}
	if err := db.Write(t.Context(), func(tx *Tx) error { return tx.AddFile(f, 100) }); err == nil {
		t.Error("an id was taken twice")
	}
	if n, err := db.FilesSize(t.Context()); n != 14 || err != nil {
		t.Errorf("FilesSize = %d, %v", n, err)
	}
	if ids, err := db.ExpireFiles(t.Context(), f.Expires); err != nil || !cmp.Equal(ids, []string{"a"}) {
		t.Errorf("ExpireFiles = %v, %v", ids, err)
	}
	if _, ok, err := db.File(t.Context(), "a"); ok || err != nil {
		t.Errorf("an expired file: %v, %v", ok, err)
	}
	write(t, db, func(tx *Tx) error { return tx.RemoveUser(user(1)) })
	if n, err := db.FilesSize(t.Context()); n != 0 || err != nil {
		t.Errorf("FilesSize without the user = %d, %v", n, err)
	}
}

func testFileQuota(t *testing.T, db *DB, clock *testClock) {
	add := func(n int, id string, size int64) error {
		return db.Write(t.Context(), func(tx *Tx) error {
			return tx.AddFile(File{UserID: user(n), ID: id, Size: size, Expires: clock.now.Add(time.Hour)}, 100)
		})
	}
	if err := errors.Join(add(1, "a", 60), add(1, "b", 40), add(2, "c", 100)); err != nil {
		t.Fatal(err)
	}
	if err := add(1, "d", 1); !errors.Is(err, ErrFileQuota) {
		t.Errorf("error = %v, want ErrFileQuota", err)
	}
	if err := add(3, "e", 101); !errors.Is(err, ErrFileQuota) {
		t.Errorf("error = %v, want ErrFileQuota", err)
	}
}

func testFilesExpire(t *testing.T, db *DB, clock *testClock) {
	const files = deleteChunk + 1
	write(t, db, func(tx *Tx) error {
		for i := range files {
			if err := tx.AddFile(File{UserID: user(i % 3), ID: fmt.Sprint(i), Size: 1, Expires: clock.now}, files); err != nil {
				return err
			}
		}
		return nil
	})
	for _, want := range []int{deleteChunk, 1, 0} {
		if ids, err := db.ExpireFiles(t.Context(), clock.now); err != nil || len(ids) != want {
			t.Errorf("%d files expired, %v; want %d", len(ids), err, want)
		}
	}
}
