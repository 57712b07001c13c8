package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"passerelle/internal/realservers"
	"passerelle/internal/realservers/realtest"
)

// terminal is a program on a screen of its own, in a tmux server of its own. It ends with the test.
type terminal struct {
	t      *testing.T
	socket string
}

const screenSize = "200x90" // wide enough that programs wrap no line of the tests, and high enough for a form

// findProgram skips the test where a program is not installed.
func findProgram(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		realtest.Missing(t, err)
	}
	return path
}

// openTerminal runs a program with nothing of the environment but home.
func openTerminal(ctx context.Context, t *testing.T, home string, command ...string) *terminal {
	t.Helper()
	tmux := findProgram(t, "tmux")
	term := &terminal{t: t, socket: filepath.Join(home, "tmux")}
	environment := []string{"HOME=" + home, "PATH=" + os.Getenv("PATH"), "LANG=C.UTF-8", "TERM=screen", "SHELL=/bin/sh"}
	server := exec.Command(tmux, "-D", "-S", term.socket, "-f", "/dev/null") // in the foreground, so that it ends with the test
	server.Env = environment
	process, err := realservers.Spawn(server, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(process.Stop)
	err = poll(ctx, func() error {
		_, err := os.Stat(term.socket)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	width, height, _ := strings.Cut(screenSize, "x")
	args := append([]string{"set-option", "-g", "remain-on-exit", "on", ";", "new-session", "-d", "-x", width, "-y", height, "--"}, command...)
	if out, err := term.tmux(ctx, args...); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	t.Cleanup(func() {
		if t.Failed() {
			screen, err := term.tmux(context.Background(), "capture-pane", "-p")
			t.Logf("the screen: %v\n%s", err, strings.TrimRight(screen, "\n "))
		}
	})
	return term
}

func (term *terminal) tmux(ctx context.Context, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, "tmux", append([]string{"-S", term.socket}, args...)...).CombinedOutput()
	return string(out), err
}

// enter types a line.
func (term *terminal) enter(ctx context.Context, line string) {
	term.t.Helper()
	out, err := term.tmux(ctx, "send-keys", "-l", "--", line, ";", "send-keys", "Enter")
	if err != nil {
		term.t.Fatalf("type %q: %v: %s", line, err, out)
	}
}

// awaitEnd waits until the program has ended, so that it writes nothing any more.
func (term *terminal) awaitEnd(ctx context.Context) {
	term.t.Helper()
	ctx, cancel := context.WithTimeout(ctx, stepTime)
	defer cancel()
	err := poll(ctx, func() error {
		dead, err := term.tmux(ctx, "display-message", "-p", "#{pane_dead}")
		if err == nil && strings.TrimSpace(dead) != "1" {
			err = errors.New("it runs")
		}
		return err
	})
	if err != nil {
		term.t.Fatalf("the end of the program: %v", err)
	}
}

// await waits until a line of the screen matches a regular expression.
func (term *terminal) await(ctx context.Context, pattern string) {
	term.t.Helper()
	term.awaitOf(ctx, pattern, "capture-pane", "-p")
}

// awaitLook is await for the screen with how it looks, as sequences of ECMA-48 say it (SGR).
func (term *terminal) awaitLook(ctx context.Context, pattern string) {
	term.t.Helper()
	term.awaitOf(ctx, pattern, "capture-pane", "-p", "-e")
}

func (term *terminal) awaitOf(ctx context.Context, pattern string, capture ...string) {
	term.t.Helper()
	wanted := regexp.MustCompile("(?m)" + pattern)
	ctx, cancel := context.WithTimeout(ctx, stepTime)
	defer cancel()
	var screen string
	err := poll(ctx, func() error {
		now, err := term.tmux(ctx, capture...)
		if err != nil {
			return errors.Join(errFinal, err)
		}
		screen = now
		if wanted.MatchString(screen) {
			return nil
		}
		if strings.Contains(screen, "Pane is dead") {
			return fmt.Errorf("%w: the program has ended", errFinal)
		}
		return errors.New("it is not there")
	})
	if err != nil {
		term.t.Fatalf("%q on the screen: %v\n%s", pattern, err, strings.TrimRight(screen, "\n "))
	}
}

// writeHome writes a file of a program's into its home.
func writeHome(t *testing.T, home, name, format string, args ...any) {
	t.Helper()
	path := filepath.Join(home, name)
	err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, fmt.Appendf(nil, format, args...), 0o600))
	if err != nil {
		t.Fatal(err)
	}
}
