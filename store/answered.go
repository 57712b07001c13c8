package store

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"sync"
	"time"
)

// How far an XMPP server has what was sent changes with every answer of its, too often for a commit each. So it stands in a file beside the
// database, which a process that is killed leaves as it was, and stanzas are deleted many at a time. Nothing is flushed to the disk: after a
// crash of the machine what the file says counts no more, and stanzas that are not deleted are sent again.

// Answered is how far an XMPP server has the stanzas of a domain.
type Answered struct {
	Stored OutgoingNumber // it keeps all up to this one
	Routed OutgoingNumber // it has taken all up to this one, and may still be about to store those behind Stored

	// At is when it said so, and Up since when it was running, in the time of the machine; zero where that is not known. It may have been running for
	// longer by Within.
	At, Up, Within time.Duration
}

const (
	metaRun = "run" // the last process that has opened the database

	answeredSlot = 512 // bytes for a domain, whose name has 255 at the most
	maxAnswered  = 64  // domains
)

var errAnsweredSlot = errors.New("there is no room for the domain in the file")

// answered is the file. It is safe to use from any goroutine.
type answered struct {
	run  string // of this process
	boot string // of the machine

	mu   sync.Mutex
	file *os.File // nil where there is none
	all  map[string]*answeredOf
	used int // slots
}

// answeredOf is a domain in it.
type answeredOf struct {
	Answered
	slot int
}

// answeredRecord is a slot as it is written. It counts where the database was opened last by Run, or by Next, which was about to.
type answeredRecord struct {
	Domain    string
	Run, Boot string
	Next      string `json:",omitempty"`
	Answered
}

// openAnswered reads what the process before has left, if that was the last one that has opened the database. Without a file everything that
// is not deleted is sent again.
func (db *DB) openAnswered(ctx context.Context, path string) error {
	a := &db.answered
	a.all = make(map[string]*answeredOf)
	if path == "" {
		return nil
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		db.log.Warn("what users have got is not noted: after a crash they may get it again", "error", err)
		return nil
	}
	a.file, a.run, a.boot = f, rand.Text(), bootID()
	tx, err := db.pool.write.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin a transaction: %w", err)
	}
	before, _, err := readMeta(ctx, tx, metaRun)
	if err == nil {
		err = a.take(before, db.log.Warn)
	}
	if err == nil {
		err = writeMeta(ctx, tx, metaRun, a.run)
	}
	if err != nil {
		return errors.Join(err, tx.Rollback())
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// take reads what counts and has it count for this process as well.
func (a *answered) take(before string, warn func(string, ...any)) error {
	slots, err := io.ReadAll(io.NewSectionReader(a.file, 0, maxAnswered*answeredSlot))
	if err != nil {
		return fmt.Errorf("read what users have got: %w", err)
	}
	for i := 0; (i+1)*answeredSlot <= len(slots); i++ {
		r, ok := readAnswered(slots[i*answeredSlot : (i+1)*answeredSlot])
		if ok && before != "" && (r.Run == before || r.Next == before) && r.Boot == a.boot {
			a.all[r.Domain] = &answeredOf{Answered: r.Answered, slot: a.used}
			a.used++
		}
	}
	for domain, of := range a.all {
		if err := a.write(answeredRecord{Domain: domain, Run: before, Next: a.run, Boot: a.boot, Answered: of.Answered}, of.slot); err != nil {
			warn("what users have got cannot be noted", "error", err)
		}
	}
	return nil
}

// last is the last stanza that it speaks of.
func (a *answered) last() (last OutgoingNumber) {
	for _, of := range a.all {
		last = max(last, of.Stored, of.Routed)
	}
	return last
}

// Answered is what a process before has noted of a domain, or this one.
func (db *DB) Answered(domain string) Answered {
	a := &db.answered
	a.mu.Lock()
	defer a.mu.Unlock()
	if of := a.all[domain]; of != nil {
		return of.Answered
	}
	return Answered{}
}

// NoteAnswered notes it, so that it is known when this process was killed. It does not wait for the disk.
func (db *DB) NoteAnswered(domain string, said Answered) error {
	a := &db.answered
	a.mu.Lock()
	defer a.mu.Unlock()
	of := a.all[domain]
	if of == nil {
		if a.used == maxAnswered {
			return fmt.Errorf("note what users have got: %w", errAnsweredSlot)
		}
		of = &answeredOf{slot: a.used}
		a.all[domain] = of
		a.used++
	}
	of.Answered = said
	if a.file == nil {
		return nil
	}
	if err := a.write(answeredRecord{Domain: domain, Run: a.run, Boot: a.boot, Answered: said}, of.slot); err != nil {
		return fmt.Errorf("note what users have got: %w", err)
	}
	return nil
}

// write fills a slot: a checksum, and a line that people can read as well.
func (a *answered) write(r answeredRecord, slot int) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	b := fmt.Appendf(make([]byte, 0, answeredSlot), "%08x %s", crc32.ChecksumIEEE(text), text)
	if len(b) >= answeredSlot {
		return errAnsweredSlot
	}
	b = append(b, bytes.Repeat([]byte{' '}, answeredSlot-1-len(b))...)
	_, err = a.file.WriteAt(append(b, '\n'), int64(slot)*answeredSlot)
	return err
}

// readAnswered is the inverse. What a crash has cut off, or somebody has written, is none.
func readAnswered(slot []byte) (r answeredRecord, ok bool) {
	sum, text, ok := bytes.Cut(bytes.TrimSpace(slot), []byte{' '})
	if !ok || string(sum) != fmt.Sprintf("%08x", crc32.ChecksumIEEE(text)) || json.Unmarshal(text, &r) != nil {
		return answeredRecord{}, false
	}
	return r, true
}

// close closes the file.
func (a *answered) close() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.file == nil {
		return nil
	}
	f := a.file
	a.file = nil
	return f.Close()
}

// bootID names the time from one start of the machine to the next. Where it is not known nothing of the file counts.
func bootID() string {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return rand.Text()
	}
	return string(bytes.TrimSpace(id))
}
