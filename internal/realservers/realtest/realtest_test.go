package realtest_test

import (
	"bufio"
	"context"
	"errors"
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

func TestProsody(t *testing.T) {
	t.Parallel()
	p := realtest.Prosody(t, realservers.ProsodyOptions{
		Components: []realservers.Component{{Domain: "irc.localhost", Secret: `odd " \secret`}},
		Users:      []realservers.Account{{Name: "alice", Password: "pw"}},
	})
	check := func() {
		t.Helper()
		ask(t, p.C2SAddr, "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='localhost' version='1.0'>"+
			"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGFsaWNlAHB3</auth>", "<success")
		ask(t, p.ComponentAddr, "<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' to='irc.localhost'>", " id=")
	}
	check()
	p.Kill()
	if conn, err := net.Dial("tcp", p.C2SAddr); err == nil {
		_ = conn.Close()
		t.Error("it listens after Kill")
	}
	for range 2 { // once after Kill, once while it runs
		if err := p.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		check()
	}
	for range 2 {
		if err := p.Stop(); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Restart(t.Context()); err == nil {
		t.Error("Restart after Stop: no error")
	}
}

func TestNgircd(t *testing.T) {
	t.Parallel()
	n := realtest.Ngircd(t, realservers.NgircdOptions{Name: "irc.one.example"})
	const hello = "NICK bob\r\nUSER bob 0 * :Bob\r\n"
	ask(t, n.Addr, hello, ":irc.one.example 001 bob ")
	n.Kill()
	for range 2 {
		if err := n.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		ask(t, n.Addr, hello, ":irc.one.example 376 bob ")
	}
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
		n := realtest.Ngircd(t, realservers.NgircdOptions{})
		if _, err := os.Stdout.WriteString("ADDRS " + p.C2SAddr + " " + n.Addr + "\n"); err != nil {
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
