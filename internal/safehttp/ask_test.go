package safehttp

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func ask(t *testing.T, c *Client, method, u, body string) (*Answer, error) {
	t.Helper()
	return c.Ask(t.Context(), Request{
		Method: method, URL: u, Header: http.Header{"Content-Type": {"application/atom+xml"}}, Body: []byte(body), Limit: Limit{Bytes: 100, Time: 10 * time.Second},
	})
}

// A POST gets its answer, whatever it says, and is never told elsewhere.
func TestAsk(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	mux.HandleFunc("POST /take", func(w http.ResponseWriter, r *http.Request) {
		got, err := io.ReadAll(r.Body)
		if err != nil || r.ContentLength != int64(len(got)) || r.Header.Get("Content-Type") != "application/atom+xml" {
			t.Errorf("%d bytes, %v, %v", len(got), err, r.Header)
		}
		w.Header().Set("X-Told", string(got))
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, "taken")
	})
	mux.HandleFunc("POST /again", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = io.WriteString(w, "already exists"+strings.Repeat(".", 1000))
	})
	mux.HandleFunc("POST /elsewhere", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/take", http.StatusTemporaryRedirect)
	})
	mux.HandleFunc("GET /large", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(bytes.Repeat([]byte("x"), 101)) })
	mux.HandleFunc("GET /same", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotModified) })
	mux.HandleFunc("GET /moved", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/same", http.StatusFound) })
	base := "http://127.0.0.1:" + serve(t, "127.0.0.1", mux)
	c := newClient(t, Options{Permit: permitted, Redirects: 3})
	a, err := ask(t, c, "POST", base+"/take", "<feed/>")
	if err != nil || a.Status != 202 || string(a.Body) != "taken" || a.Header.Get("X-Told") != "<feed/>" || a.Err() != nil {
		t.Errorf("%+v, %v", a, err)
	}
	if a, err = ask(t, c, "POST", base+"/again", "x"); err != nil || a.Status != 500 || !strings.HasPrefix(string(a.Body), "already exists") || len(a.Body) != 100 {
		t.Errorf("%+v, %v", a, err)
	} else if e := because(t, a.Err(), Refused); e.Status != 500 {
		t.Errorf("error = %v", e)
	}
	if a, err = ask(t, c, "POST", base+"/elsewhere", "x"); err != nil || a.Status != 307 {
		t.Errorf("%+v, %v", a, err)
	}
	if a, err = ask(t, c, "GET", base+"/moved", ""); err != nil || a.Status != 304 || a.URL != base+"/same" {
		t.Errorf("%+v, %v", a, err)
	}
	_, err = ask(t, c, "GET", base+"/large", "")
	because(t, err, TooLarge)
	_, err = c.Ask(t.Context(), Request{Method: "GET", URL: base + "/same", HTTPS: true, Limit: Limit{Time: time.Second}})
	because(t, err, BadURL)
}

func TestHTTPSOnly(t *testing.T) {
	t.Parallel()
	base := "http://127.0.0.1:" + serve(t, "127.0.0.1", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it was reached") }))
	c := newClient(t, Options{Permit: permitted, HTTPS: true})
	_, err := ask(t, c, "POST", base, "x")
	because(t, err, BadURL)
	_, err = fetch(t, c, base, Limit{})
	because(t, err, BadURL)
}

// Of one server there are no more requests at a time than there should be; who waits for too long is told.
func TestPerHost(t *testing.T) {
	t.Parallel()
	begun, release := make(chan struct{}), make(chan struct{})
	var at, most atomic.Int32
	base := "http://127.0.0.1:" + serve(t, "127.0.0.1", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		n := at.Add(1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		begun <- struct{}{}
		<-release
		at.Add(-1)
		w.WriteHeader(http.StatusNoContent)
	}))
	c := newClient(t, Options{Permit: permitted, PerHost: 2, Keep: 8})
	ended := make(chan error)
	for range 6 {
		go func() {
			_, err := c.Ask(context.Background(), Request{Method: "POST", URL: base, Limit: Limit{Time: time.Minute}})
			ended <- err
		}()
	}
	<-begun
	<-begun
	_, err := c.Ask(t.Context(), Request{Method: "POST", URL: base, Limit: Limit{Time: time.Millisecond}})
	because(t, err, Slow)
	for range 4 {
		release <- struct{}{}
		<-begun
	}
	release <- struct{}{}
	release <- struct{}{}
	for range 6 {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	if n := most.Load(); n != 2 {
		t.Errorf("%d requests at a time", n)
	}
	c.hosts.mu.Lock()
	defer c.hosts.mu.Unlock()
	if len(c.hosts.known) != 0 {
		t.Errorf("%d servers are remembered for nothing", len(c.hosts.known))
	}
}

// A server that is away is left alone, and found to be back by one request.
func TestBreak(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := hosts{breaks: true, now: time.Now, known: map[string]*host{}}
		u, err := parseURL("https://away.example/x")
		if err != nil {
			t.Fatal(err)
		}
		try := func(answered bool) bool {
			leave, err := h.enter(t.Context(), u)
			if err != nil {
				because(t, err, Unreachable)
				return false
			}
			leave(answered)
			return true
		}
		if !try(false) || !try(true) || !try(false) || !try(false) || !try(false) {
			t.Fatal("it was left alone too early")
		}
		for _, pause := range []time.Duration{closedFirst, 2 * closedFirst, 4 * closedFirst} {
			if time.Sleep(pause - 1); try(true) {
				t.Fatalf("it was asked before %v", pause)
			}
			time.Sleep(time.Nanosecond)
			probe, err := h.enter(t.Context(), u)
			if err != nil || try(true) {
				t.Fatalf("after %v: %v, or somebody asked beside the one who finds out", pause, err)
			}
			probe(false)
		}
		time.Sleep(closedMost)
		for range 2 {
			if !try(true) || len(h.known) != 0 {
				t.Errorf("it is back, and known are %d", len(h.known))
			}
		}
	})
}

// What is remembered of servers has a bound, however many names a stranger makes up.
func TestManyHosts(t *testing.T) {
	t.Parallel()
	h := hosts{breaks: true, now: time.Now, known: map[string]*host{}}
	for i := range 3 * maxHosts {
		u, err := parseURL(fmt.Sprintf("https://h%d.example/", i))
		if err != nil {
			t.Fatal(err)
		}
		leave, failed := h.enter(t.Context(), u)
		if failed != nil {
			t.Fatal(failed)
		}
		leave(false)
	}
	if len(h.known) > maxHosts {
		t.Errorf("%d servers are remembered", len(h.known))
	}
}
