package component

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"passerelle/internal/killtest"
	"passerelle/store"
	"passerelle/transports"
)

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

// watchUntilKilled runs a gateway that watches alice: its arguments are the address of the server, the path of the database, and the item that is never
// written down.
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
	startServers(t, serverOptions{feeds: true}, func(t *testing.T, s xmppServer) {
		db := filepath.Join(t.TempDir(), "db")
		alice := s.login(t, "alice", "desk")
		alice.publish(feedNode, "one")
		alice.setNode(feedNode, nodeOption{"access_model", "open"}, nodeOption{"max_items", "20"})
		child := killtest.Start(t, "watch", s.components, db, "two")
		child.Until("wrote one")
		alice.publish(feedNode, "two")
		child.Until("read two")
		child.Kill()
		child = killtest.Start(t, "watch", s.components, db, "three")
		child.Until("wrote two")
		alice.publish(feedNode, "three")
		child.Until("read three")
		child.Kill()
	})
}
