package component

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// TestWriteSlowly: a server that reads slowly gets everything, however long that takes; one that reads nothing is given up.
func TestWriteSlowly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server, ours := net.Pipe()
		defer func() { _ = server.Close() }()
		q := newSendQueue(sendQueueBytes)
		ended := make(chan error, 1)
		go func() {
			err := (&xmlStream{conn: ours}).write(context.Background(), q)
			_ = ours.Close()
			ended <- err
		}()
		const pieces, size = 10, 4 << 10
		if err := q.put(t.Context(), make([]byte, pieces*size)); err != nil {
			t.Fatal(err)
		}
		for i := range pieces {
			time.Sleep(writeTimeout / 2) // of the fake clock
			if _, err := io.ReadFull(server, make([]byte, size)); err != nil {
				t.Fatalf("the piece %d of %d: %v", i+1, pieces, err)
			}
		}
		if err := q.put(t.Context(), make([]byte, size)); err != nil {
			t.Fatal(err)
		}
		if err := <-ended; !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("a server that reads nothing: got %v, want %v", err, os.ErrDeadlineExceeded)
		}
	})
}
