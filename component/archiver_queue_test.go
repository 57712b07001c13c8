package component

import (
	"log/slog"
	"strconv"
	"testing"

	"passerelle/store"
)

// What waits for the archive comes out in its order, in batches that are not too large for a write, also after one that could not be written.
func TestKeepQueue(t *testing.T) {
	t.Parallel()
	q := newKeepQueue(func() int { return 0 }, slog.New(slog.DiscardHandler))
	const lines = 2*maxKept + 10
	for i := range lines {
		if !q.add(keepItem{number: int64(i)}, &store.RoomLine{ID: strconv.Itoa(i)}) || !q.add(keepItem{number: int64(i), heard: true}, nil) {
			t.Fatalf("there is no room for line %d", i)
		}
	}
	q.addBarrier(new(barrier))
	q.add(keepItem{refused: "behind"}, nil)
	if b := q.take(); b.lines != maxKept {
		t.Errorf("a batch has %d lines", b.lines)
	} else {
		q.putBack(b)
	}
	next, behind := 0, false
	for b := q.take(); b != nil; b = q.take() {
		rooms := b.rooms
		for _, item := range b.items {
			switch {
			case item.refused != "":
				behind = next == lines && b.barrier == nil
			case item.room:
				if rooms[0].ID != strconv.Itoa(next) || item.number != int64(next) {
					t.Fatalf("got line %s as number %d, want %d", rooms[0].ID, item.number, next)
				}
				rooms = rooms[1:]
			case item.number != int64(next):
				t.Fatalf("got number %d, want %d", item.number, next)
			default:
				next++
			}
		}
		if last := next == lines && !behind; len(rooms) > 0 || last != (b.barrier != nil) {
			t.Errorf("after %d lines %d are left, barrier %v", next, len(rooms), b.barrier)
		}
		q.reuse(b)
	}
	if !behind || q.items != 0 || q.bytes != 0 {
		t.Errorf("%d lines came, what was behind the barrier %t, %d items are counted", next, behind, q.items)
	}
}
