package safehttp

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// rawServer writes bytes to whoever asks, again and again where they are endless, and gives its URL.
func rawServer(t *testing.T, answer func(w *bufio.Writer, request string) error) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			request := make([]byte, 4096)
			n, _ := c.Read(request)
			w := bufio.NewWriter(c)
			if answer(w, string(request[:n])) == nil {
				_ = w.Flush()
			}
			_ = c.Close()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	return "http://" + l.Addr().String() + "/"
}

// What a server answers that speaks no HTTP, or lies, comes to an end with an error, which says nothing that the server wrote: it may
// repeat the secrets of the request.
func TestHostileServers(t *testing.T) {
	t.Parallel()
	repeat := func(s string) func(*bufio.Writer, string) error {
		return func(w *bufio.Writer, _ string) error {
			for {
				if _, err := w.WriteString(s); err != nil {
					return err
				}
			}
		}
	}
	once := func(s string) func(*bufio.Writer, string) error {
		return func(w *bufio.Writer, _ string) error { _, err := w.WriteString(s); return err }
	}
	for name, answer := range map[string]func(*bufio.Writer, string) error{
		"the request itself":      func(w *bufio.Writer, r string) error { _, err := w.WriteString(r); return err },
		"garbage":                 once("hunter2 hunter2 hunter2\r\n\r\n"),
		"a bad status":            once("HTTP/1.1 hunter2 OK\r\n\r\n"),
		"a bad header":            once("HTTP/1.1 200 OK\r\nhunter2\r\n\r\n"),
		"a bad length":            once("HTTP/1.1 200 OK\r\nContent-Length: hunter2\r\n\r\n"),
		"two lengths":             once("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"),
		"a bad transfer encoding": once("HTTP/1.1 200 OK\r\nTransfer-Encoding: hunter2\r\n\r\n"),
		"endless 1xx":             repeat("HTTP/1.1 103 Early Hints\r\nLink: <hunter2>\r\n\r\n"),
		"an endless header":       repeat("hunter2: hunter2\r\n"),
		"a protocol of its own":   once("HTTP/1.1 101 Switching Protocols\r\nUpgrade: hunter2\r\nConnection: Upgrade\r\n\r\n"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newClient(t, Options{Permit: permitted})
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			err := c.Put(ctx, rawServer(t, answer), http.Header{"Authorization": {"hunter2"}}, strings.NewReader("x"), 1)
			e, ok := errors.AsType[*Error](err)
			if !ok || e.Reason == Slow {
				t.Fatalf("got %v", err)
			}
			if s := fmt.Sprint(err); strings.Contains(s, "hunter2") {
				t.Errorf("the error says what the server wrote: %s", s)
			}
		})
	}
}
