package realservers

import (
	"errors"
	"net"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

func TestPackages(t *testing.T) {
	t.Parallel()
	got := Packages()
	for _, want := range []string{"prosody", "ngircd"} {
		if !slices.Contains(got, want) {
			t.Errorf("%q has no %s", got, want)
		}
	}
	for _, name := range got {
		if strings.ContainsAny(name, " #.") {
			t.Errorf("%q is no package", name)
		}
	}
}

// TestPortInUse: each server says so in its own words, and start understands them.
func TestPortInUse(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("needs real servers, and -short is set")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	taken := l.Addr().(*net.TCPAddr).Port

	n, err := StartNgircd(t.Context(), NgircdOptions{})
	if errors.Is(err, exec.ErrNotFound) {
		t.Skip(err) // package realtest sees to it that this does not go unnoticed
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = n.Stop() }()
	n.port = taken
	if err := n.Restart(t.Context()); !errors.Is(err, errInUse) {
		t.Errorf("ngircd: got %v, want %v", err, errInUse)
	}
	p, err := StartProsody(t.Context(), ProsodyOptions{Components: []Component{{"irc.localhost", "s"}}})
	if errors.Is(err, exec.ErrNotFound) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = p.Stop() }()
	for _, port := range []*int{&p.c2sPort, &p.componentPort} {
		free := *port
		*port = taken
		if err := p.Restart(t.Context()); !errors.Is(err, errInUse) {
			t.Errorf("prosody: got %v, want %v", err, errInUse)
		}
		*port = free
	}
}

func TestStartUnknownProgram(t *testing.T) {
	t.Parallel()
	if _, err := program("no-such-program"); !errors.Is(err, exec.ErrNotFound) {
		t.Errorf("got %v, want %v", err, exec.ErrNotFound)
	}
	if _, err := start(t.Context(), exec.Command("/no/such/program"), nil, nil, "x"); err == nil {
		t.Error("start: no error")
	}
	_, err := start(t.Context(), exec.Command("sh", "-c", "echo last words"), nil, []string{"never"}, "x")
	if err == nil || !strings.Contains(err.Error(), "last words") {
		t.Errorf("a program that ends: got %v, want its last words", err)
	}
}
