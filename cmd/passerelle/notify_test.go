package main

import (
	"context"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSystemdIsTold: that passerelle is ready once it takes commands, that it lives, and that it stops.
func TestSystemdIsTold(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(c.dir, "notify"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	stderr := &watchedLog{seen: make(chan struct{})}
	env := c.env(new(strings.Builder), nil)
	env.stderr = stderr
	env.getenv = func(name string) string {
		return map[string]string{"NOTIFY_SOCKET": filepath.Join(c.dir, "notify"), "WATCHDOG_USEC": "20000"}[name]
	}
	done := make(chan int, 1)
	go func() { done <- run(ctx, env, []string{"serve", "-config", filepath.Join(c.dir, "p.toml")}) }()
	told := func() string {
		t.Helper()
		b := make([]byte, 100)
		n, err := socket.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		return string(b[:n])
	}
	seen := map[string]int{}
	for seen["READY=1"] == 0 || seen["WATCHDOG=1"] < 3 {
		state := told()
		if state == "READY=1" {
			if _, err := os.Stat(filepath.Join(c.dir, "data/passerelle.sock")); err != nil {
				t.Errorf("ready without taking commands: %v", err)
			}
		}
		seen[state]++
	}
	cancel()
	for seen["STOPPING=1"] == 0 {
		seen[told()]++
	}
	if code := <-done; code != exitOK || seen["READY=1"] != 1 {
		t.Errorf("exit code %d, told %v: %s", code, seen, stderr.String())
	}
}

func TestNobodyIsTold(t *testing.T) {
	t.Parallel()
	n := newNotifier(func(string) string { return "" }, slog.New(slog.DiscardHandler))
	n.tell("READY=1")
	if err := n.live(t.Context()); err != nil { // and does not wait for the end
		t.Error(err)
	}
}
