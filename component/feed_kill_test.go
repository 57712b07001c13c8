package component

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"passerelle/store"
	"passerelle/transports"
)

// feedEnv has the test program run a gateway that watches alice until it is killed: its value is the address of the server, the path of the
// database, and the item that is never written down, with spaces between.
const feedEnv = "PASSERELLE_TEST_FEED"

// slowFeeds is a Social transport that says what it is told, and takes for ever to write one item down.
type slowFeeds struct {
	*scriptedFeeds
	stuck string
}

func (s slowFeeds) Published(_ context.Context, _ transports.Address, e transports.Entry) error {
	fmt.Println("read", e.Item)
	if e.Item == s.stuck {
		select {}
	}
	fmt.Println("wrote", e.Item)
	return nil
}

func watchUntilKilled(args []string) error {
	ctx := context.Background()
	db, err := store.Open(ctx, store.Options{Path: args[1], Key: make([]byte, store.KeySize), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	feeds := &scriptedFeeds{
		scriptedPostal: &scriptedPostal{scripted: newScripted(), cards: map[string]transports.Card{}},
		watching:       []transports.Address{followAlice}, changed: make(chan struct{}),
	}
	g, err := New(Options{
		Domain: testDomain, Secret: "s3cret", Server: args[0], Store: db, Log: slog.New(slog.DiscardHandler),
		Transport: slowFeeds{feeds, args[2]}, Metrics: NewMetrics(prometheus.NewRegistry()), Rules: Rules{OwnDomains: []string{"localhost"}},
	})
	if err != nil {
		return err
	}
	return g.Run(ctx)
}

// TestFeedsKilled kills a gateway between reading something and writing it down. It comes again.
func TestFeedsKilled(t *testing.T) {
	t.Parallel()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	startServers(t, serverOptions{feeds: true}, func(t *testing.T, s xmppServer) {
		db := filepath.Join(t.TempDir(), "db")
		alice := s.login(t, "alice", "desk")
		alice.publish(feedNode, "one")
		alice.setNode(feedNode, nodeOption{"access_model", "open"}, nodeOption{"max_items", "20"})
		start := func(stuck string) (*osexec.Cmd, *bufio.Scanner) {
			child := osexec.CommandContext(t.Context(), exe)
			child.Env = append(os.Environ(), feedEnv+"="+strings.Join([]string{s.components, db, stuck}, " "))
			child.Stderr = t.Output()
			out, err := child.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := child.Start(); err != nil {
				t.Fatal(err)
			}
			return child, bufio.NewScanner(io.Reader(out))
		}
		until := func(lines *bufio.Scanner, want string) {
			t.Helper()
			for lines.Scan() {
				if lines.Text() == want {
					return
				}
			}
			t.Fatalf("the gateway did not say %q", want)
		}
		child, lines := start("two")
		until(lines, "wrote one")
		alice.publish(feedNode, "two")
		until(lines, "read two")
		if err := child.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = child.Wait() // it was killed
		child, lines = start("three")
		until(lines, "wrote two")
		alice.publish(feedNode, "three")
		until(lines, "read three")
		_ = child.Process.Kill() // the end
		_ = child.Wait()
	})
}
