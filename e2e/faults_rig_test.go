package e2e

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"passerelle/internal/realservers"
	"passerelle/internal/realservers/freeport"
	"passerelle/internal/xmpptest"
)

// thorough says that the tests of faults take all the time and all the users that their figures in docs/perf.md are of, and not only some.
func thorough() bool { return os.Getenv("PASSERELLE_FAULTS") != "" }

// besideOthers has a test run beside others, unless its figures count.
func besideOthers(t *testing.T) {
	t.Helper()
	if !thorough() {
		t.Parallel()
	}
}

// cable is the way from the gateway to a server: it can be cut, it can stop carrying anything, and it remembers when somebody connected.
type cable struct {
	t      testing.TB
	Addr   string
	server string

	mu       sync.Mutex
	listener net.Listener // nil while it is cut
	conns    map[net.Conn]*bool
	came     []time.Time // connections
	hungUp   int         // by the server, while nothing was cut
	deaf     bool        // the gateway hears nothing of the server
	work     sync.WaitGroup
}

// newCable leads to the server at an address, until the end of the test.
func newCable(t testing.TB, server string) *cable {
	t.Helper()
	c := &cable{t: t, server: server, conns: make(map[net.Conn]*bool)}
	c.Mend()
	t.Cleanup(func() {
		c.Cut()
		c.work.Wait()
	})
	return c
}

// Cut closes all connections, and lets nobody connect.
func (c *cable) Cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.listener != nil {
		_ = c.listener.Close() // as somebody cuts a cable
		c.listener = nil
	}
	for conn := range c.conns {
		_ = conn.Close()
	}
	clear(c.conns)
}

// Dead has all connections that there are carry nothing any more, without anybody being told. New ones do.
func (c *cable) Dead() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, dead := range c.conns {
		*dead = true
	}
}

// Deaf has the gateway hear nothing of what the server says, which hears the gateway.
func (c *cable) Deaf(deaf bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deaf = deaf
}

// Mend lets everybody connect, and forgets when somebody did before.
func (c *cable) Mend() {
	c.t.Helper()
	l, err := freeport.Listen()
	if c.Addr != "" {
		l, err = freeport.ListenAgain(c.Addr)
	}
	if err != nil {
		c.t.Fatal(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.listener, c.Addr, c.came, c.hungUp = l, l.Addr().String(), nil, 0
	c.work.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return // it was cut
			}
			c.work.Go(func() { c.carry(conn) })
		}
	})
}

func (c *cable) carry(gateway net.Conn) {
	server, err := net.Dial("tcp", c.server)
	if err != nil {
		_ = gateway.Close() // the server is gone
		return
	}
	dead := new(bool)
	c.mu.Lock()
	if c.listener == nil {
		c.mu.Unlock()
		_ = errors.Join(gateway.Close(), server.Close())
		return
	}
	c.came = append(c.came, time.Now())
	c.conns[gateway], c.conns[server] = dead, dead
	c.mu.Unlock()
	ended := make(chan net.Conn, 2)
	for _, way := range [][2]net.Conn{{gateway, server}, {server, gateway}} {
		go func() {
			c.copy(way[1], way[0], dead, way[0] == server)
			ended <- way[0]
		}()
	}
	first := <-ended
	c.mu.Lock()
	if _, known := c.conns[gateway]; known && first == server && !*dead {
		c.hungUp++
	}
	delete(c.conns, gateway)
	delete(c.conns, server)
	c.mu.Unlock()
	_ = errors.Join(gateway.Close(), server.Close())
	<-ended
}

func (c *cable) copy(to io.Writer, from io.Reader, dead *bool, heard bool) {
	buf := make([]byte, 4<<10)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		c.mu.Lock()
		carries := !*dead && !(heard && c.deaf)
		c.mu.Unlock()
		if carries {
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
	}
}

// herd says how many connected, and how many of them in the busiest second.
func (c *cable) herd() (all, busiest, hungUp int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	first := 0
	for i, at := range c.came {
		for at.Sub(c.came[first]) >= time.Second {
			first++
		}
		busiest = max(busiest, i-first+1)
	}
	return len(c.came), busiest, c.hungUp
}

// farServer is another IRC server of a network, with any number of people on it (RFC 2813).
type farServer struct {
	conn net.Conn
	done chan struct{}
}

// linkFar links to ngIRCd as its peer, and brings people into a channel.
func linkFar(ctx context.Context, addr, name, channel string, people int) (*farServer, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	f := &farServer{conn: conn, done: make(chan struct{})}
	in := bufio.NewReader(conn)
	deadline, _ := ctx.Deadline()
	if err := conn.SetDeadline(deadline); err != nil {
		return nil, err
	}
	// RFC 2813 §4.1.1, §4.1.2
	if _, err := fmt.Fprintf(conn, "PASS %s 0210010000 IRC|aA\r\nSERVER %s 1 :far away\r\n", realservers.PeerPassword, name); err != nil {
		return nil, err
	}
	for line := ""; !strings.Contains(line, "SERVER "); {
		if line, err = in.ReadString('\n'); err != nil || strings.HasPrefix(line, "ERROR") {
			return nil, errors.Join(fmt.Errorf("link as a server: %q", line), err, conn.Close())
		}
	}
	var burst strings.Builder
	for i := range people { // RFC 2813 §4.1.3, §4.2.2
		fmt.Fprintf(&burst, ":%s NICK far%d 1 u host%d.example 1 + :Far\r\n", name, i, i)
	}
	for i := 0; i < people; i += 20 {
		var nicks []string
		for j := i; j < min(i+20, people); j++ {
			rank := ""
			if j%10 == 0 {
				rank = "+"
			}
			nicks = append(nicks, fmt.Sprint(rank, "far", j))
		}
		fmt.Fprintf(&burst, ":%s NJOIN %s :%s\r\n", name, channel, strings.Join(nicks, ","))
	}
	fmt.Fprintf(&burst, ":%s PING :%s\r\n", name, name)
	if _, err := io.WriteString(conn, burst.String()); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	for line := ""; !strings.Contains(line, "PONG "); { // what the server has on its side is of no interest
		if line, err = in.ReadString('\n'); err != nil {
			return nil, errors.Join(fmt.Errorf("link as a server: %w", err), conn.Close())
		}
	}
	go func() {
		defer close(f.done)
		_, _ = io.Copy(io.Discard, in) // until the split
	}()
	return f, conn.SetDeadline(time.Time{})
}

// Split is the end of the link.
func (f *farServer) Split() {
	_ = f.conn.Close()
	<-f.done
}

// hugeServer is an IRC server that has so many people in whatever channel one joins. It ends with the test.
func hugeServer(t testing.TB, members int) (addr string) {
	t.Helper()
	l, err := freeport.Listen()
	if err != nil {
		t.Fatal(err)
	}
	var work sync.WaitGroup
	t.Cleanup(func() { _ = l.Close(); work.Wait() })
	work.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return // the test is over
			}
			work.Go(func() {
				defer conn.Close() //nolint:errcheck // nobody is left to be told
				in := bufio.NewScanner(conn)
				nick := ""
				for in.Scan() {
					command, rest, _ := strings.Cut(in.Text(), " ")
					switch command {
					case "NICK":
						nick = rest
					case "USER":
						fmt.Fprintf(conn, ":h 001 %s :Hello\r\n:h 376 %s :End\r\n", nick, nick)
					case "PING":
						fmt.Fprintf(conn, ":h PONG h %s\r\n", rest)
					case "QUIT":
						return
					case "JOIN":
						var answer strings.Builder
						fmt.Fprintf(&answer, ":%s!u@h JOIN %s\r\n:h 353 %s = %s :%s", nick, rest, nick, rest, nick)
						for i := range members {
							if i%20 == 0 {
								fmt.Fprintf(&answer, "\r\n:h 353 %s = %s :", nick, rest)
							}
							fmt.Fprintf(&answer, "member%d ", i)
						}
						fmt.Fprintf(&answer, "\r\n:h 366 %s %s :End\r\n", nick, rest)
						_, _ = io.WriteString(conn, answer.String()) // the gateway tells
					}
				}
			})
		}
	})
	return l.Addr().String()
}

// crowd is users with one client each, who remember what rooms say to them.
type crowd struct {
	t       testing.TB
	members []*member
	work    sync.WaitGroup
}

type member struct {
	client *xmpptest.Client

	mu      sync.Mutex
	changed chan struct{} // closed and replaced when something came
	entered map[string]int
	words   []string // of rooms
	stanzas int
	errors  []string
}

// newCrowd logs users in.
func newCrowd(t testing.TB, server *xmpptest.Server, users int) *crowd {
	t.Helper()
	c := &crowd{t: t}
	for i := range users {
		client, err := server.Client(fmt.Sprintf("user%d@localhost/phone", i))
		if err != nil {
			t.Fatal(err)
		}
		m := &member{client: client, changed: make(chan struct{}), entered: make(map[string]int)}
		c.members = append(c.members, m)
		c.work.Go(func() {
			for {
				e, err := client.Receive(context.Background())
				if err != nil {
					return // it was closed
				}
				m.take(e)
			}
		})
	}
	t.Cleanup(func() {
		for _, m := range c.members {
			_ = m.client.Close() // the server may be gone
		}
		c.work.Wait()
	})
	return c
}

func (m *member) take(e *xmpptest.Element) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stanzas++
	room, nick, _ := strings.Cut(e.Get("from"), "/")
	switch {
	case e.Get("type") == "error":
		m.errors = append(m.errors, e.String())
	case e.Name.Local == "message" && e.Get("type") == "groupchat" && nick == "" && e.Child(xmpptest.NSClient, "body") != nil:
		m.words = append(m.words, e.Child(xmpptest.NSClient, "body").Text())
	case e.Name.Local == "presence" && e.Get("type") == "" && strings.Contains(e.String(), "code='110'"):
		m.entered[room]++
	}
	close(m.changed)
	m.changed = make(chan struct{})
}

// await waits until something is so with each of them.
func (c *crowd) await(ctx context.Context, what string, so func(i int, m *member) bool) {
	c.t.Helper()
	for i, m := range c.members {
		for {
			m.mu.Lock()
			done, changed := so(i, m), m.changed
			m.mu.Unlock()
			if done {
				break
			}
			select {
			case <-changed:
			case <-ctx.Done():
				c.t.Fatalf("this has not come about with user %d: %s; rooms %v, words %q, errors %q", i, what, m.entered, m.words, m.errors)
			}
		}
	}
}

// join sends everybody into his rooms, and waits until they are in.
func (c *crowd) join(ctx context.Context, network string, rooms func(user int) []string) {
	c.t.Helper()
	for i, m := range c.members {
		for _, room := range rooms(i) {
			if err := m.client.Send(ctx, fmt.Sprintf("<presence to='%s%%%s@%s/user%d'><x xmlns='http://jabber.org/protocol/muc'/></presence>", room, network, gatewayDomain, i)); err != nil {
				c.t.Fatal(err)
			}
		}
	}
	c.await(ctx, "he is in his rooms", func(i int, m *member) bool { return len(m.entered) == len(rooms(i)) })
}
