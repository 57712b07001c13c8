package component

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"passerelle/internal/killtest"
	"passerelle/store"
	"passerelle/transports"
)

// writtenRedirect writes down what it is told before it says so.
type writtenRedirect struct {
	*scriptedRedirect
	file *os.File
}

func (r writtenRedirect) Copied(_ context.Context, c transports.Copy) error {
	_, err := fmt.Fprintf(r.file, "%s %s\n", c.ArchiveID, c.Body) // one write(2)
	return err
}

// followUntilKilled runs a gateway that follows alice: its arguments are the address of the server, the path of the database, and that of a file to
// which it writes what it was told.
func followUntilKilled(args []string) error {
	ctx := context.Background()
	db, err := store.Open(ctx, store.Options{Path: args[1], Key: make([]byte, store.KeySize), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	file, err := os.OpenFile(args[2], os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	r := writtenRedirect{&scriptedRedirect{scriptedPostal: &scriptedPostal{scripted: newScripted()}, changed: make(chan struct{})}, file}
	g, err := New(Options{
		Domain: testDomain, Secret: "s3cret", Server: args[0], Store: db, Log: slog.New(slog.DiscardHandler),
		Transport: r, Metrics: NewMetrics(prometheus.NewRegistry()), Rules: Rules{OwnDomains: []string{"localhost"}},
	})
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- g.Run(ctx) }()
	for way := transports.WayNone; way != transports.WayModule; {
		if way, _, err = g.Followed(ctx, followAlice); err != nil {
			return err
		}
		if way == transports.WayNone {
			_ = g.Follow(ctx, followAlice, transports.WayModule, transports.FollowAll, "") // as soon as there is a stream
		}
	}
	if _, err := fmt.Println("follows"); err != nil {
		return err
	}
	return <-ended
}

// TestFollowerKilled kills a gateway again and again while messages come for somebody whom it follows. Each is taken, and what comes twice has one id.
func TestFollowerKilled(t *testing.T) {
	t.Parallel()
	const rounds, each = 6, 60
	startServers(t, serverOptions{redirect: true}, func(t *testing.T, s xmppServer) {
		dir := t.TempDir()
		file := filepath.Join(dir, "copies")
		bob := s.login(t, "bob", "desk")
		var child *killtest.Child
		start := func() {
			child = killtest.Start(t, "follow", s.components, filepath.Join(dir, "db"), file)
			child.Until("follows")
		}
		n := 0
		say := func(many int) {
			for range many {
				bob.say("alice", fmt.Sprint("m", n))
				n++
			}
		}
		start()
		for range rounds {
			before := rand.IntN(each)
			say(before)
			bob.got() // the server has them, and the gateway some
			child.Kill()
			say(each - before)
			start()
		}
		look := time.NewTicker(20 * time.Millisecond)
		defer look.Stop()
		end := time.After(6 * testWait)
		for {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			lines := strings.Split(strings.TrimSpace(string(text)), "\n")
			ids, bodies := map[string]string{}, map[string]int{}
			for _, line := range lines {
				id, body, _ := strings.Cut(line, " ")
				if other, twice := ids[id]; twice && other != body {
					t.Fatalf("%q and %q have one id", other, body)
				}
				if _, twice := ids[id]; !twice {
					bodies[body]++
				}
				ids[id] = body
			}
			if len(bodies) == n {
				for body, times := range bodies {
					if times != 1 {
						t.Errorf("%s has %d ids", body, times)
					}
				}
				t.Logf("%d messages, %d of them told twice or more", n, len(lines)-n)
				break
			}
			select {
			case <-look.C:
			case <-end:
				t.Fatalf("%d of %d messages came", len(bodies), n)
			}
		}
		child.Kill()
	})
}
