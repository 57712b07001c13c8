package web

import (
	"bufio"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// scriptedListener gives connections of addresses that a test says.
type scriptedListener struct {
	net.Listener
	from chan net.Addr
}

type scriptedConn struct {
	net.Conn
	from net.Addr
}

func (c scriptedConn) RemoteAddr() net.Addr { return c.from }

func (l scriptedListener) Accept() (net.Conn, error) {
	from, ok := <-l.from
	if !ok {
		return nil, io.EOF
	}
	ours, theirs := net.Pipe()
	return scriptedConn{ours, from}, theirs.Close()
}

// One stranger does not take the connections of everybody, and the operator's proxy may take them all.
func TestPerAddress(t *testing.T) {
	t.Parallel()
	tcp := func(ip string) net.Addr { return &net.TCPAddr{IP: net.ParseIP(ip), Port: 1} }
	for name, test := range map[string]struct {
		first, second net.Addr
		want          bool // the second is taken when the first has all that one may have
	}{
		"the same":              {tcp("198.51.100.1"), tcp("198.51.100.1"), false},
		"the same, mapped":      {tcp("198.51.100.1"), tcp("::ffff:198.51.100.1"), false},
		"another":               {tcp("198.51.100.1"), tcp("198.51.100.2"), true},
		"the same network":      {tcp("2001:db8::1"), tcp("2001:db8::ffff:1"), false},
		"another network":       {tcp("2001:db8::1"), tcp("2001:db8:0:1::1"), true},
		"this machine":          {tcp("127.0.0.1"), tcp("127.0.0.1"), true},
		"this machine, IPv6":    {tcp("::1"), tcp("::1"), true},
		"a machine beside it":   {tcp("192.168.1.1"), tcp("192.168.1.1"), true},
		"a socket of the proxy": {&net.UnixAddr{Net: "unix"}, &net.UnixAddr{Net: "unix"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inner := scriptedListener{from: make(chan net.Addr, 2)}
			l := newCrowd(inner, 2*maxPerAddress)
			var conns []net.Conn
			for range maxPerAddress {
				inner.from <- test.first
				c, err := l.Accept()
				if err != nil {
					t.Fatal(err)
				}
				conns = append(conns, c)
			}
			other := tcp("203.0.113.9") // who is never refused
			inner.from <- test.second
			inner.from <- other
			c, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			if got := c.RemoteAddr() != other; got != test.want {
				t.Errorf("taken: %v, want %v", got, test.want)
			}
			for _, c := range append(conns, c, conns[0]) { // closing twice counts once
				if err := c.Close(); err != nil {
					t.Error(err)
				}
			}
			if !test.want {
				inner.from <- test.second
				if c, err := l.Accept(); err != nil || c.RemoteAddr() != test.second {
					t.Errorf("after the others ended: %v, %v", c, err)
				} else if err := c.Close(); err != nil {
					t.Error(err)
				}
			}
			if len(l.open) > 0 {
				t.Errorf("still counted: %v", l.open)
			}
		})
	}
}

// startCrowded serves for so many connections at a time until the test ends, and leaves those that are slow alone.
func startCrowded(t *testing.T, conns int, pages ...Page) string {
	t.Helper()
	s, err := listenPublic(t.Context(), PublicOptions{
		Listen: "127.0.0.1:0", URL: parseURL(t, "http://a.b"), Pages: pages, Log: slog.New(slog.DiscardHandler),
	}, conns)
	if err != nil {
		t.Fatal(err)
	}
	s.http.ReadHeaderTimeout, s.http.ReadTimeout, s.http.WriteTimeout, s.http.IdleTimeout = time.Hour, time.Hour, time.Hour, time.Hour
	serveUntilEnd(t, s)
	return s.Addr().String()
}

// dialSaying opens a connection and says something on it.
func dialSaying(t *testing.T, addr, said string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if _, err := io.WriteString(c, said); err != nil {
		t.Fatal(err)
	}
	return c
}

// Who takes his time, at whatever step of a request, keeps nobody else out however many connections he has.
func TestSlowOnesMakeRoom(t *testing.T) {
	t.Parallel()
	const conns = 5
	pages := []Page{
		{Pattern: "GET /hello", Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { writeText(w, http.StatusOK, "hello") })},
		{Pattern: "GET /much", Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.Copy(w, io.LimitReader(endless{}, 64<<20)) // its client goes away
		})},
		{Pattern: "POST /form", Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if _, err := io.ReadAll(r.Body); err != nil {
				http.Error(w, "half of it", http.StatusBadRequest)
			}
		})},
	}
	for name, said := range map[string]string{
		"nothing":                    "",
		"half a header":              "GET /hello HTTP/1.1\r\nHost: a",
		"half a body":                "POST /form HTTP/1.1\r\nHost: a.b\r\nContent-Length: 1000\r\n\r\nhalf",
		"half of what nobody reads":  "POST /hello HTTP/1.1\r\nHost: a.b\r\nContent-Length: 1000\r\n\r\nhalf",
		"a request and then nothing": "GET /hello HTTP/1.1\r\nHost: a.b\r\n\r\n",
		"an answer is not read":      "GET /much HTTP/1.1\r\nHost: a.b\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			addr := startCrowded(t, conns, pages...)
			for range 3 * conns {
				dialSaying(t, addr, said)
			}
			client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 20 * time.Second}
			if status, body := get(t, client, "http://"+addr+"/hello"); status != http.StatusOK || body != "hello" {
				t.Errorf("behind slow ones: %d %q", status, body)
			}
		})
	}
}

// endless is text without an end.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

// What is being worked on is not ended for who comes: he waits.
func TestBusyOnesStay(t *testing.T) {
	t.Parallel()
	const conns = 3
	begun, goOn := make(chan struct{}), make(chan struct{})
	addr := startCrowded(t, conns, Page{Pattern: "POST /work", Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		begun <- struct{}{}
		<-goOn
		writeText(w, http.StatusOK, "done: "+string(body))
	})})
	const request = "POST /work HTTP/1.1\r\nHost: a.b\r\nContent-Length: 4\r\nConnection: close\r\n\r\nthis"
	var all []net.Conn
	for range conns {
		all = append(all, dialSaying(t, addr, request))
		<-begun
	}
	all = append(all, dialSaying(t, addr, request)) // who waits
	timer := time.NewTimer(2 * patience)            // in which a slow one would have been ended
	defer timer.Stop()
	select {
	case <-begun:
		t.Fatal("there are more than may be")
	case <-timer.C:
	}
	go func() { <-begun }()
	close(goOn)
	for i, c := range all {
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil || !strings.HasPrefix(string(body), "done: this") {
			t.Errorf("connection %d: %q, %v", i, body, err)
		}
		if err := resp.Body.Close(); err != nil {
			t.Error(err)
		}
	}
}
