package component

import (
	"errors"
	"testing"
	"time"

	"passerelle/transports"
)

// event is an event of a node.
func feedEvent(from, to, node, content string) string {
	return "<message from='" + from + "' to='" + to + "' type='headline'><event xmlns='http://jabber.org/protocol/pubsub#event'><items node='" + node + "'>" + content + "</items></event></message>"
}

func feedItem(id, attrs string) string {
	return "<item id='" + id + "' " + attrs + "><entry xmlns='http://www.w3.org/2005/Atom'><title>" + id + "</title></entry></item>"
}

// TestForgedFeeds: nobody says what a user has published but his own account.
func TestForgedFeeds(t *testing.T) {
	t.Parallel()
	w := newFeedWorld(t, nil)
	w.connected()
	w.watch(followAlice)
	raw := func(xml string) {
		t.Helper()
		if err := w.xmpp.SendRaw(testDomain, xml); err != nil {
			t.Fatal(err)
		}
	}
	for from, id := range map[string]string{
		"eve@localhost": "unwatched", "alice@evil.example": "elsewhere", "alice@localhost/phone": "client", "localhost": "server",
		`alice\40localhost@` + testDomain: "contact", testDomain: "gateway",
	} {
		raw(feedEvent(from, testDomain, feedNode, feedItem(id, "")))
		raw(feedEvent(from, testDomain, feedNode, "<retract id='right'/>"))
	}
	raw(feedEvent("alice@localhost", `bob\40mail.example@`+testDomain, feedNode, feedItem("not for the gateway", "")))
	raw(feedEvent("alice@localhost", testDomain, feedNode, feedItem("others", "publisher='eve@localhost/x'")))
	raw(feedEvent("alice@localhost", testDomain, "urn:xmpp:else", feedItem("node", "")))
	raw(feedEvent("alice@localhost", testDomain, feedNode, "<item id='other'><data xmlns='urn:x'/></item>"+feedItem("0", "")+feedItem("", "")))
	raw(feedEvent("alice@localhost", testDomain, feedNode, feedItem("right", "publisher='alice@localhost/phone'")))
	raw(feedEvent("alice@localhost", testDomain, feedNode, feedItem("right", "")))
	raw("<presence from='" + testDomain + "' to='" + testDomain + "'/>")
	raw(feedEvent("alice@localhost", testDomain, feedNode, feedItem("last", "")))
	w.until("alice published last (private)")
	if got := w.posts(); got != "alice published right (private), alice published last (private)" {
		t.Errorf("got %s", got)
	}
}

// TestTrimmedItems: what a server says it has dropped to make room was not taken back by anybody; what is, is taken back even where the transport has to
// be asked twice.
func TestTrimmedItems(t *testing.T) {
	t.Parallel()
	w := newFeedWorld(t, nil)
	w.connected()
	w.watch(followAlice)
	for _, content := range []string{feedItem("one", ""), feedItem("two", ""), "<retract id='one'/>"} {
		if err := w.xmpp.SendRaw(testDomain, feedEvent("alice@localhost", testDomain, feedNode, content)); err != nil {
			t.Fatal(err)
		}
	}
	w.until("alice published two (private)")
	again := false
	w.feeds.mu.Lock()
	w.feeds.fail = func(string) error {
		if again {
			return nil
		}
		again = true
		return transports.NewError(transports.Busy, "", errors.New("not now"))
	}
	w.feeds.mu.Unlock()
	if err := w.xmpp.SendRaw(testDomain, feedEvent("alice@localhost", testDomain, feedNode, "<retract id='two'/>")); err != nil {
		t.Fatal(err)
	}
	w.until("alice withdrew two")
	if got := w.posts(); got != "alice published one (private), alice published two (private), alice withdrew two" {
		t.Errorf("got %s", got)
	}
}

func TestFeedAgain(t *testing.T) {
	t.Parallel()
	for n, want := range []time.Duration{5 * time.Second, 10 * time.Second, 20 * time.Second, 40 * time.Second} {
		if got := feedAgain(5*time.Second, n); got != want {
			t.Errorf("the %d. time after %v, want %v", n, got, want)
		}
	}
	for _, n := range []int{10, 20, 1 << 30} {
		if got := feedAgain(5*time.Second, n); got != maxFeedAgain {
			t.Errorf("the %d. time after %v", n, got)
		}
	}
}
