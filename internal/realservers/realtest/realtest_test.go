package realtest_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"passerelle/internal/realservers"
	"passerelle/internal/realservers/realtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// ask sends a line and reads until one with want in it comes.
func ask(t *testing.T, addr, line, want string) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	talk(t, conn, line, want)
}

func talk(t *testing.T, conn net.Conn, line, want string) {
	t.Helper()
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, line); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(conn)
	var got strings.Builder
	for !strings.Contains(got.String(), want) {
		b, err := r.ReadByte()
		if err != nil {
			t.Fatalf("read: %v; got %q, want %q in it", err, got.String(), want)
		}
		got.WriteByte(b)
	}
}

// TestXMPPServers: a server lets users and components in, survives a crash with its data, and stays away once it is stopped.
func TestXMPPServers(t *testing.T) {
	t.Parallel()
	type server interface {
		Kill()
		Restart(ctx context.Context) error
		Stop() error
	}
	components := []realservers.Component{{Domain: "irc.localhost", Secret: `odd " \secret`}}
	users := []realservers.Account{{Name: "alice", Password: "pw"}, {Name: "bob", Password: `odd " \wörd`}}
	for name, start := range map[string]func(t *testing.T) (s server, c2s, component string){
		"prosody": func(t *testing.T) (server, string, string) {
			p := realtest.Prosody(t, realservers.ProsodyOptions{Components: components, Users: users})
			return p, p.C2SAddr, p.ComponentAddr
		},
		"ejabberd": func(t *testing.T) (server, string, string) {
			e := realtest.Ejabberd(t, realservers.EjabberdOptions{Components: components, Users: users})
			return e, e.C2SAddr, e.ComponentAddr
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, c2s, component := start(t)
			check := func() {
				t.Helper()
				for _, u := range users {
					ask(t, c2s, "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='localhost' version='1.0'>"+
						"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>"+
						base64.StdEncoding.EncodeToString([]byte("\x00"+u.Name+"\x00"+u.Password))+"</auth>", "<success")
				}
				ask(t, component, "<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' to='irc.localhost'>", " id=")
			}
			check()
			s.Kill()
			if conn, err := net.Dial("tcp", c2s); err == nil {
				_ = conn.Close()
				t.Error("it listens after Kill")
			}
			for range 2 { // once after Kill, once while it runs
				if err := s.Restart(t.Context()); err != nil {
					t.Fatal(err)
				}
				check()
			}
			for range 2 {
				if err := s.Stop(); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.Restart(t.Context()); err == nil {
				t.Error("Restart after Stop: no error")
			}
		})
	}
}

// TestIRCServers: a server lets people in, and does so again after a crash.
func TestIRCServers(t *testing.T) {
	t.Parallel()
	const hello = "NICK bob\r\nUSER bob 0 * :Bob\r\n"
	check := func(addr string) {
		t.Helper()
		ask(t, addr, hello, ":irc.one.example 001 bob ")
	}
	t.Run("ngircd", func(t *testing.T) {
		t.Parallel()
		n := realtest.Ngircd(t, realservers.NgircdOptions{Name: "irc.one.example"})
		check(n.Addr)
		n.Kill()
		for range 2 {
			if err := n.Restart(t.Context()); err != nil {
				t.Fatal(err)
			}
			check(n.Addr)
		}
	})
	t.Run("inspircd", func(t *testing.T) {
		t.Parallel()
		n := realtest.Inspircd(t, realservers.InspircdOptions{Name: "irc.one.example", TLS: true})
		roots := x509.NewCertPool()
		if !roots.AppendCertsFromPEM([]byte(n.Authority)) {
			t.Fatalf("no certificate in %q", n.Authority)
		}
		secured := func() {
			t.Helper()
			conn, err := tls.Dial("tcp", n.TLSAddr, &tls.Config{RootCAs: roots})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			talk(t, conn, hello, ":irc.one.example 001 bob ")
		}
		check(n.Addr)
		secured()
		ask(t, n.Addr, "CAP LS 302\r\n", "echo-message ")
		n.Kill()
		for range 2 {
			if err := n.Restart(t.Context()); err != nil {
				t.Fatal(err)
			}
			check(n.Addr)
			secured()
		}
	})
}

// TestFolder: the temporary folder goes with the server, a given one stays.
func TestFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := realtest.Prosody(t, realservers.ProsodyOptions{Dir: dir})
	if err := p.Stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); err != nil {
		t.Errorf("the given folder: %v", err)
	}
}

func TestStartFails(t *testing.T) {
	t.Parallel()
	realtest.Prosody(t, realservers.ProsodyOptions{}) // skips where there is none
	ctx, cancel := context.WithCancelCause(t.Context())
	want := errors.New("changed my mind")
	cancel(want)
	_, err := realservers.StartProsody(ctx, realservers.ProsodyOptions{Dir: t.TempDir()})
	if !errors.Is(err, want) {
		t.Errorf("with an ended context: got %v, want %v", err, want)
	}
	_, err = realservers.StartProsody(t.Context(), realservers.ProsodyOptions{Users: []realservers.Account{{Name: "../x"}}})
	if err == nil || !strings.Contains(err.Error(), "characters") {
		t.Errorf("with a bad name: got %v", err)
	}
	_, err = realservers.StartEjabberd(t.Context(), realservers.EjabberdOptions{Users: []realservers.Account{{Name: "a@b"}}})
	if err == nil || !strings.Contains(err.Error(), "case_clause") {
		t.Errorf("ejabberd with a bad name: got %v", err)
	}
	file := t.TempDir() + "/file"
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = realservers.StartProsody(t.Context(), realservers.ProsodyOptions{Dir: file})
	if pathErr, ok := errors.AsType[*fs.PathError](err); !ok || pathErr.Path == "" {
		t.Errorf("in a file instead of a folder: got %v, want the path", err)
	}
}

// TestDieWithParent: servers end with the process that started them, even if that is killed. The test runs itself again as that
// process, which prints the addresses and waits for its end.
func TestDieWithParent(t *testing.T) {
	if os.Getenv("REALTEST_CHILD") == "1" {
		p := realtest.Prosody(t, realservers.ProsodyOptions{})
		e := realtest.Ejabberd(t, realservers.EjabberdOptions{})
		n := realtest.Ngircd(t, realservers.NgircdOptions{})
		i := realtest.Inspircd(t, realservers.InspircdOptions{})
		m := realtest.Postfix(t, realservers.PostfixOptions{})
		s := realtest.Sink(t, realservers.SinkOptions{})
		if _, err := fmt.Println("ADDRS", p.C2SAddr, e.C2SAddr, n.Addr, i.Addr, m.Addr, s.Addr); err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, os.Stdin)
		return
	}
	t.Parallel()
	realtest.Prosody(t, realservers.ProsodyOptions{}) // skips where there is none
	child := selfCommand(t, "TestDieWithParent")
	out := bufio.NewReader(child.out)
	var addrs []string
	for addrs == nil {
		line, err := out.ReadString('\n')
		if err != nil {
			t.Fatalf("read what the child prints: %v", err)
		}
		if rest, ok := strings.CutPrefix(line, "ADDRS "); ok {
			addrs = strings.Fields(rest)
		}
	}
	var conns []net.Conn
	for _, addr := range addrs {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		conns = append(conns, conn)
	}
	if err := syscall.Kill(child.pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for i, conn := range conns {
		if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
		_, err := io.Copy(io.Discard, conn)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("server %s lives on without its parent %s", addrs[i], strconv.Itoa(child.pid))
		}
	}
}
