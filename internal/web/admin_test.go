package web

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start serves until the test ends and returns a client and the address to ask.
func start(t *testing.T, o AdminOptions) (client *http.Client, base string, stop func() error) {
	t.Helper()
	o.Log = slog.New(slog.DiscardHandler)
	a, err := ListenAdmin(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- a.Serve(ctx) }()
	stop = func() error {
		cancel()
		err := <-served
		served <- err // for a second call
		return err
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Errorf("Serve = %v", err)
		}
	})
	var d net.Dialer
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return d.DialContext(ctx, a.Addr().Network(), a.Addr().String())
	}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}, "http://localhost", stop
}

// get is the status and the body of a page.
func get(t *testing.T, c *http.Client, url string) (int, string) {
	t.Helper()
	resp, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func healthy(context.Context) error { return nil }

func TestPages(t *testing.T) {
	t.Parallel()
	metrics := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { writeText(w, http.StatusOK, "up 1\n") })
	broken := []Check{
		{"store", healthy},
		{"component irc.example.org", func(context.Context) error { return errors.New("wrong\nsecret") }},
		{"queue", func(context.Context) error { return errors.New("stuck") }},
	}
	for _, test := range []struct {
		name, path string
		options    AdminOptions
		status     int
		body       string
	}{
		{"alive", "/healthz", AdminOptions{Checks: broken}, 200, "ok\n"},
		{"ready", "/readyz", AdminOptions{Checks: []Check{{"store", healthy}}}, 200, "ok\n"},
		{"nothing to check", "/readyz", AdminOptions{}, 200, "ok\n"},
		{"not ready", "/readyz", AdminOptions{Checks: broken}, 503, "component irc.example.org: wrong secret\nqueue: stuck\n"},
		{"metrics", "/metrics", AdminOptions{Metrics: metrics}, 200, "up 1\n"},
		{"no metrics", "/metrics", AdminOptions{}, 404, "404 page not found\n"},
		{"nothing else", "/", AdminOptions{}, 404, "404 page not found\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			for _, listen := range []string{"127.0.0.1:0", "unix:" + filepath.Join(t.TempDir(), "admin.sock")} {
				test.options.Listen = listen
				client, base, _ := start(t, test.options)
				if status, body := get(t, client, base+test.path); status != test.status || body != test.body {
					t.Errorf("%s on %s = %d %q, want %d %q", test.path, listen, status, body, test.status, test.body)
				}
			}
		})
	}
}

func TestOnlyGet(t *testing.T) {
	t.Parallel()
	client, base, _ := start(t, AdminOptions{Listen: "127.0.0.1:0"})
	resp, err := client.Post(base+"/healthz", "text/plain", strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST = %d, want 405", resp.StatusCode)
	}
}

func TestHeaderLimit(t *testing.T) {
	t.Parallel()
	client, base, _ := start(t, AdminOptions{Listen: "127.0.0.1:0"})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+"/healthz", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	// net/http allows 4 KiB on top of the limit.
	req.Header.Set("X-Long", strings.Repeat("x", maxHeaderBytes+8<<10))
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("status = %d, want 431", resp.StatusCode)
	}
}

// A request that runs when the process stops is answered, and new ones are refused.
func TestGracefulStop(t *testing.T) {
	t.Parallel()
	entered, leave := make(chan struct{}), make(chan struct{})
	client, base, stop := start(t, AdminOptions{
		Listen: "127.0.0.1:0",
		Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			close(entered)
			<-leave
			writeText(w, http.StatusOK, "last\n")
		}),
	})
	type answer struct {
		status int
		body   string
	}
	answered := make(chan answer, 1)
	go func() {
		status, body := get(t, client, base+"/metrics")
		answered <- answer{status, body}
	}()
	<-entered
	stopped := make(chan error, 1)
	go func() { stopped <- stop() }()
	for {
		// The listener closes before Serve waits for the request.
		resp, err := (&http.Client{Transport: client.Transport.(*http.Transport).Clone()}).Get(base + "/healthz")
		if err != nil {
			break
		}
		if err := resp.Body.Close(); err != nil {
			t.Error(err)
		}
	}
	close(leave)
	if got, want := <-answered, (answer{200, "last\n"}); got != want {
		t.Errorf("answer = %v, want %v", got, want)
	}
	if err := <-stopped; err != nil {
		t.Errorf("Serve = %v", err)
	}
}

func TestSocket(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "admin.sock")
	options := AdminOptions{Listen: "unix:" + path}
	client, base, stop := start(t, options)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode() != fs.ModeSocket|0o660 {
		t.Errorf("mode = %v, want a socket for owner and group", info.Mode())
	}

	options.Log = slog.New(slog.DiscardHandler)
	if _, err := ListenAdmin(t.Context(), options); err == nil || !strings.Contains(err.Error(), "another process listens") {
		t.Errorf("second listener on a socket in use: %v", err)
	}
	if status, _ := get(t, client, base+"/healthz"); status != http.StatusOK {
		t.Errorf("first listener = %d after the second was refused", status)
	}

	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("socket after the stop: %v, want none", err)
	}
}

// What a killed process left behind does not keep the next one from starting; what is no socket is left alone.
func TestStaleSocket(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "admin.sock")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	client, base, _ := start(t, AdminOptions{Listen: "unix:" + path})
	if status, _ := get(t, client, base+"/healthz"); status != http.StatusOK {
		t.Errorf("status = %d", status)
	}

	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ListenAdmin(t.Context(), AdminOptions{Listen: "unix:" + file, Log: slog.New(slog.DiscardHandler)}); err == nil || !strings.Contains(err.Error(), "is no socket") {
		t.Errorf("listener in place of a file: %v", err)
	}
	if data, err := os.ReadFile(file); err != nil || !bytes.Equal(data, []byte("x")) {
		t.Errorf("the file is %q, %v", data, err)
	}
}

func TestListenRefused(t *testing.T) {
	t.Parallel()
	taken, err := ListenAdmin(t.Context(), AdminOptions{Listen: "127.0.0.1:0", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ListenAdmin(t.Context(), AdminOptions{Listen: taken.Addr().String(), Log: slog.New(slog.DiscardHandler)}); err == nil {
		t.Error("a taken port was opened")
	}
	if err := taken.Close(); err != nil {
		t.Error(err)
	}
}

func TestReadyTimeout(t *testing.T) {
	t.Parallel()
	for name, check := range map[string]func(hang <-chan struct{}) func(context.Context) error{
		"obeys its context": func(<-chan struct{}) func(context.Context) error {
			return func(ctx context.Context) error {
				<-ctx.Done()
				return ctx.Err()
			}
		},
		"hangs": func(hang <-chan struct{}) func(context.Context) error {
			return func(context.Context) error {
				<-hang
				return nil
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				hang := make(chan struct{})
				var runs atomic.Int32
				run := check(hang)
				r := newReadiness([]Check{{"store", healthy}, {"slow", func(ctx context.Context) error {
					runs.Add(1)
					return run(ctx)
				}}})
				begun := time.Now()
				status, body := ask(r)
				if status != 503 || body != "slow: no answer in 2s\n" || time.Since(begun) != checkTimeout {
					t.Errorf("after %v: %d %q", time.Since(begun), status, body)
				}
				// However often it is asked, a check that hangs has one goroutine.
				synctest.Wait()
				status, body = ask(r)
				if want := map[string]int{"hangs": 1, "obeys its context": 2}[name]; status != 503 || int(runs.Load()) != want {
					t.Errorf("second time: %d %q after %d runs, want %d", status, body, runs.Load(), want)
				}
				synctest.Wait()
				err := r.stop()
				if hangs := name == "hangs"; (err != nil) != hangs {
					t.Errorf("stop = %v", err)
				}
				if status, body = ask(r); status != 503 {
					t.Errorf("after the stop: %d %q", status, body)
				}
				close(hang)
			})
		})
	}
}

// ask is what /readyz answers, without a network.
func ask(r *readiness) (int, string) {
	w := httptest.NewRecorder()
	r.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/readyz", http.NoBody))
	return w.Code, w.Body.String()
}
