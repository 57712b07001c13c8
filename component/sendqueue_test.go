package component

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
)

// TestPour: who is sent very much at once leaves room for what others are sent meanwhile, and gets all of it in its order.
func TestPour(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := newSendQueue(sendQueueBytes)
		q.setUp(true)
		var want strings.Builder
		done := make(chan error, 1)
		var pieces []string
		for _, letter := range "abcdefghij" {
			piece := strings.Repeat(string(letter), 12<<10)
			pieces = append(pieces, piece)
			want.WriteString(piece)
		}
		go func() {
			for _, piece := range pieces {
				if err := q.pour(context.Background(), []byte(piece)); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
		synctest.Wait()
		if err := q.put(t.Context(), []byte("!")); err != nil {
			t.Fatal(err)
		}
		var got []byte
		for first := true; ; first = false {
			taken := q.take(nil)
			if before := bytes.IndexByte(taken, '!'); first && (before < 0 || before > pourBytes) {
				t.Errorf("another stanza is behind %d bytes, want at most %d", before, pourBytes)
			}
			if len(taken) == 0 {
				break
			}
			got = append(got, bytes.ReplaceAll(taken, []byte("!"), nil)...)
			synctest.Wait()
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if string(got) != want.String() {
			t.Error("what was poured came out otherwise")
		}
	})
}

// TestPourBesideTraffic: who is sent very much gets it even where others keep the queue filled.
func TestPourBesideTraffic(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := newSendQueue(sendQueueBytes)
		q.setUp(true)
		if err := q.put(t.Context(), make([]byte, pourBytes)); err != nil {
			t.Fatal(err)
		}
		if err := q.pour(t.Context(), []byte("a")); err != nil { // the fake clock goes on by itself
			t.Errorf("pour beside a queue that stays filled: got %v", err)
		}
	})
}

// TestPourOnce: what is sent anew after a stream is lost does not go out with the next one by itself.
func TestPourOnce(t *testing.T) {
	t.Parallel()
	q := newSendQueue(sendQueueBytes)
	ctx := t.Context()
	if err := q.pourOnce(ctx, []byte("x")); !errors.Is(err, errNoStream) {
		t.Errorf("without a stream: got %v, want %v", err, errNoStream)
	}
	q.setUp(true)
	for _, step := range []error{
		q.pourOnce(ctx, []byte("a")), q.put(ctx, []byte("b")), q.pourOnce(ctx, []byte("c")), q.pourOnce(ctx, []byte("d")), q.put(ctx, []byte("e")),
	} {
		if step != nil {
			t.Fatal(step)
		}
	}
	q.setUp(false)
	q.setUp(true)
	if got := string(q.take(nil)); got != "be" {
		t.Errorf("the next stream gets %q, want %q", got, "be")
	}
	if err := q.pourOnce(ctx, []byte("f")); err != nil {
		t.Fatal(err)
	}
	if got := string(q.take(nil)); got != "f" {
		t.Errorf("a stream that stays gets %q, want %q", got, "f")
	}
	q.setUp(false)
}

// TestQueueRests has a queue become long. Its buffers are used again while there is something to write, and let go after that.
func TestQueueRests(t *testing.T) {
	t.Parallel()
	q := newSendQueue(sendQueueBytes)
	flood := make([]byte, 2*keptBuffer)
	var spare []byte
	for range 3 {
		if err := q.offer(flood); err != nil {
			t.Fatal(err)
		}
		if q.rest() {
			t.Fatal("the queue is done with something in it")
		}
		spare = q.take(spare)
	}
	if cap(q.buf) < len(flood) {
		t.Errorf("after floods the queue has room for %d bytes, want for one more", cap(q.buf))
	}
	if q.rest() || q.buf != nil {
		t.Errorf("at rest the queue keeps %d bytes", cap(q.buf))
	}
	q.close()
	if !q.rest() {
		t.Error("the closed queue is not done")
	}
}
