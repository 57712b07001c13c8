package web

import (
	"context"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
)

// The socket for commands is its owner's alone, whoever may go into its directory; and its pages are for nobody who came otherwise.
func TestControl(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "passerelle.sock")
	pages := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { writeText(w, http.StatusOK, "done\n") })
	s, err := ListenControl(t.Context(), ControlOptions{Socket: path, Pages: pages, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if s.http.ReadTimeout < controlTimeout {
		t.Errorf("a command is cut off after %v", s.http.ReadTimeout)
	}
	serveUntilEnd(t, s)
	if info, err := os.Stat(path); err != nil || info.Mode() != fs.ModeSocket|0o600 {
		t.Errorf("it is %v, %v", info.Mode(), err)
	}
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}}
	defer transport.CloseIdleConnections()
	if status, body := get(t, &http.Client{Transport: transport}, "http://localhost/"); status != http.StatusOK || body != "done\n" {
		t.Errorf("its owner gets %d %q", status, body)
	}

	over := httptest.NewServer(ownerOnly(pages)) // over TCP
	defer over.Close()
	if status, _ := get(t, over.Client(), over.URL); status != http.StatusForbidden {
		t.Errorf("who comes over TCP gets %d", status)
	}
}
