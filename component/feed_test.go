package component

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"passerelle/transports"
)

const (
	feedNode = transports.NodeFeed
)

// TestFeeds: what users publish comes once each, by the ways that their server has, over restarts of the gateway and of the server.
func TestFeeds(t *testing.T) {
	t.Parallel()
	startServers(t, serverOptions{feeds: true}, func(t *testing.T, s xmppServer) {
		w := s.feeds(t, testDomain)
		alice := s.login(t, "alice", "desk")
		alice.publish(feedNode, "before")
		w.watch(followAlice)
		alice.accept(testDomain)
		w.until("alice published before (private)") // PEP shows what is published to contacts alone, unless it is told otherwise
		alice.publish(feedNode, "one")
		w.until("alice published one (private)")

		// A node that everybody may read.
		alice.setNode(feedNode, nodeOption{"access_model", "open"}, nodeOption{"max_items", "20"})
		alice.publish(feedNode, "two")
		w.until("alice published two")
		alice.retract(feedNode, "two")
		w.until("alice withdrew two")
		alice.publish(feedNode, "two") // as it was
		w.untilTwice("alice published two")

		// What comes while the gateway is away, and while the server is.
		w.stop()
		alice.publish(feedNode, "away1")
		alice.publish(feedNode, "away2")
		w.again()
		w.until("alice published away1", "alice published away2")
		if err := s.restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.logged("connected to the XMPP server", "lost the stream", "connected to the XMPP server")
		alice = s.login(t, "alice", "desk")
		alice.publish(feedNode, "restarted")
		w.until("alice published restarted")

		// What comes without what it says (XEP-0472 §5.1).
		alice.setNode(feedNode, nodeOption{"deliver_payloads", "0"})
		alice.publish(feedNode, "fetched")
		w.until("alice published fetched")
		w.feeds.mu.Lock()
		last := w.feeds.entries[len(w.feeds.entries)-1]
		w.feeds.mu.Unlock()
		if last.Body != "fetched" || last.ID != "tag:localhost,2026:fetched" || !last.Published.Equal(time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)) {
			t.Errorf("got %+v", last)
		}

		// Another node of his is nobody's business, and so is he once he is not watched.
		alice.publish("urn:xmpp:else", "elsewhere")
		alice.publish(feedNode, "last")
		w.until("alice published last")
		w.gateway.Unwatch(t.Context(), followAlice)
		alice.waitSubscription(testDomain, "to")
		alice.publish(feedNode, "unwatched")
		w.watch(followBob)
		bob := s.login(t, "bob", "desk")
		bob.accept(testDomain)
		bob.publish(feedNode, "bob")
		told := w.until("bob published bob (private)")
		for _, what := range told {
			if strings.Contains(what, "elsewhere") || strings.Contains(what, "unwatched") {
				t.Errorf("%s", what)
			}
		}
		want := "alice published before (private), alice published one (private), alice published two, alice withdrew two, alice published two, " +
			"alice published one, alice published two, " + // a new process does not know that it has told them
			"alice published away1, alice published away2, alice published restarted, alice published fetched, alice published last, bob published bob (private)"
		if got := w.posts(); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	})
}

// TestFeedsUndated: what says not when it was published is told of as new where the node did not have it before.
func TestFeedsUndated(t *testing.T) {
	t.Parallel()
	const undated = `<entry xmlns='http://www.w3.org/2005/Atom'><title type='text'>undated</title></entry>`
	startServers(t, serverOptions{feeds: true}, func(t *testing.T, s xmppServer) {
		w := s.feeds(t, testDomain)
		alice := s.login(t, "alice", "desk")
		alice.publishAs(feedNode, "before", undated)
		w.watch(followAlice)
		alice.accept(testDomain)
		w.until("alice published before (private)")
		// His server may tell of it once more as the last one, and does not say that it is new.
		alice.publishAs(feedNode, "now", undated)
		w.until("alice published now (private)")
		w.again()
		w.untilTwice("alice published now (private)")
		var got []string
		w.feeds.mu.Lock()
		defer w.feeds.mu.Unlock()
		for _, e := range w.feeds.entries {
			got = append(got, fmt.Sprint(e.Item, " fresh: ", !e.Fresh.IsZero()))
		}
		if want := []string{"before fresh: false", "now fresh: true", "now fresh: false"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}
