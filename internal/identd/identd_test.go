package identd

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const wait = 10 * time.Second

func TestParseQuery(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]query{
		"6193, 23": {6193, 23}, "6193,23": {6193, 23}, " 6193 ,\t23 ": {6193, 23}, "65535,1": {65535, 1},
		"": {}, "6193": {}, "6193 23": {}, "0, 23": {}, "23, 0": {}, "65536, 1": {}, "-1, 1": {}, "1, 2, 3": {}, "a, b": {}, "+1, 2": {}, "1, 2 x": {},
	} {
		got, ok := parseQuery(line)
		if ok != (want != query{}) || ok && got != want {
			t.Errorf("parseQuery(%q) = %v, %v; want %v", line, got, ok, want)
		}
	}
}

// What is a question is answered in one line that repeats its ports and nothing else of it.
func FuzzParseQuery(f *testing.F) {
	for _, s := range []string{"6193, 23", "1,1", "0,0", " 1 , 2 ", "1,2 : USERID : UNIX : x", "\x00,\x00", "99999999999999999999,1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		q, ok := parseQuery(s)
		if !ok {
			return
		}
		again, ok := parseQuery(fmt.Sprintf("%d,%d", q.ours, q.theirs))
		if !ok || again != q || q.ours == 0 || q.theirs == 0 {
			t.Errorf("%q was read as %v", s, q)
		}
	})
}

// rig is a server that answers, and a network that users connect to.
type rig struct {
	table   *Table
	server  *Server
	network net.Listener
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{table: NewTable()}
	var err error
	if r.network, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	if r.server, err = Listen(context.Background(), Options{Listen: "127.0.0.1:0", Table: r.table, Log: slog.New(slog.DiscardHandler)}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.server.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := errors.Join(<-done, r.network.Close()); err != nil {
			t.Error(err)
		}
	})
	return r
}

// connect is a user's connection.
func (r *rig) connect(t *testing.T, user string) net.Conn {
	t.Helper()
	c, err := r.table.Dial(user, func() (net.Conn, error) { return net.Dial("tcp", r.network.Addr().String()) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// ask sends bytes from an address and gives what came back until the server hung up.
func (r *rig) ask(t *testing.T, from, said string) string {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	c, err := d.Dial("tcp", r.server.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(wait)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, said); err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(c)
	if err != nil && len(said) <= maxLine { // what was not read resets the connection
		t.Fatal(err)
	}
	return string(b)
}

func ports(c net.Conn) (ours, theirs int) {
	return c.LocalAddr().(*net.TCPAddr).Port, c.RemoteAddr().(*net.TCPAddr).Port
}

// The network that somebody is connected to learns his token, as long as he is; nobody else learns anything.
func TestAnswers(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	alice, bob := r.connect(t, "ualice"), r.connect(t, "ubob")
	a, network := ports(alice)
	b, _ := ports(bob)
	for _, test := range []struct{ name, from, said, want string }{
		{"alice", "127.0.0.1", fmt.Sprintf("%d, %d\r\n", a, network), fmt.Sprintf("%d , %d : USERID : UNIX : ualice\r\n", a, network)},
		{"bob, without CR", "127.0.0.1", fmt.Sprintf("%d,%d\n", b, network), fmt.Sprintf("%d , %d : USERID : UNIX : ubob\r\n", b, network)},
		{"another machine", "127.0.0.2", fmt.Sprintf("%d, %d\r\n", a, network), fmt.Sprintf("%d , %d : ERROR : NO-USER\r\n", a, network)},
		{"ports the wrong way round", "127.0.0.1", fmt.Sprintf("%d, %d\r\n", network, a), fmt.Sprintf("%d , %d : ERROR : NO-USER\r\n", network, a)},
		{"garbage", "127.0.0.1", "GET / HTTP/1.1\r\n", ""},
		{"endless", "127.0.0.1", strings.Repeat("1", 10*maxLine), ""},
	} {
		if got := r.ask(t, test.from, test.said); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
	if err := alice.Close(); err != nil {
		t.Fatal(err)
	}
	if got := r.ask(t, "127.0.0.1", fmt.Sprintf("%d, %d\r\n", a, network)); !strings.Contains(got, "NO-USER") {
		t.Errorf("after her connection: %q", got)
	}
	if len(r.table.conns) != 1 {
		t.Errorf("%d connections are kept", len(r.table.conns))
	}
}

// A network that asks before the connection is known gets the answer as soon as it is.
func TestAskedAtOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	answer := make(chan string, 1)
	c, err := r.table.Dial("ualice", func() (net.Conn, error) {
		c, err := net.Dial("tcp", r.network.Addr().String())
		if err != nil {
			return nil, err
		}
		ours, theirs := ports(c)
		q, err := net.Dial("tcp", r.server.Addr().String())
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(q, "%d, %d\r\n", ours, theirs)
		go func() {
			line, _ := bufio.NewReader(q).ReadString('\n')
			answer <- line
			q.Close()
		}()
		return c, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	select {
	case got := <-answer:
		if !strings.HasSuffix(got, ": ualice\r\n") {
			t.Errorf("got %q", got)
		}
	case <-time.After(wait):
		t.Fatal("no answer came")
	}
}

// Who opens connections without end is hung up on, and others are still answered.
func TestFlood(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	alice := r.connect(t, "ualice")
	for range 2 * maxFromOne {
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP("127.0.0.3")}}
		c, err := d.Dial("tcp", r.server.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	ours, theirs := ports(alice)
	if got := r.ask(t, "127.0.0.1", fmt.Sprintf("%d, %d\r\n", ours, theirs)); !strings.HasSuffix(got, ": ualice\r\n") {
		t.Errorf("got %q", got)
	}
}
