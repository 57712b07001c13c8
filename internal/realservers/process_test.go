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
	for _, want := range []string{"prosody", "ejabberd", "ngircd", "inspircd"} {
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
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = other.Close() })
	taken := other.Addr().String()
	components := []Component{{Domain: "irc.localhost", Secret: "s"}}
	for name, start := range map[string]func() (*life, error){
		"prosody": func() (*life, error) {
			p, err := StartProsody(t.Context(), ProsodyOptions{Components: components, Uploads: 1000})
			if err != nil {
				return nil, err
			}
			return &p.life, nil
		},
		"ejabberd": func() (*life, error) {
			e, err := StartEjabberd(t.Context(), EjabberdOptions{Components: components, Uploads: 1000})
			if err != nil {
				return nil, err
			}
			return &e.life, nil
		},
		"ngircd": func() (*life, error) {
			n, err := StartNgircd(t.Context(), NgircdOptions{})
			if err != nil {
				return nil, err
			}
			return &n.life, nil
		},
		"inspircd": func() (*life, error) {
			n, err := StartInspircd(t.Context(), InspircdOptions{TLS: true})
			if err != nil {
				return nil, err
			}
			return &n.life, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := start()
			if errors.Is(err, exec.ErrNotFound) {
				t.Skip(err) // package realtest sees to it that this does not go unnoticed
			}
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := l.Stop(); err != nil {
					t.Error(err)
				}
			}()
			for _, addr := range l.listen {
				free := *addr
				*addr = taken
				if err := l.Restart(t.Context()); !errors.Is(err, errInUse) {
					t.Errorf("got %v, want %v", err, errInUse)
				}
				*addr = free
			}
		})
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
