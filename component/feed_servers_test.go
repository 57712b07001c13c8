package component

import (
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"passerelle/component/avatar"
	"passerelle/transports"
)

// TestFeedsWithoutSettings: servers as they are packaged, and two gateways at one. Where ejabberd is not set up for it, it says nothing of what is taken back.
func TestFeedsWithoutSettings(t *testing.T) {
	t.Parallel()
	startServers(t, serverOptions{}, func(t *testing.T, s xmppServer) {
		w, other := s.feeds(t, testDomain), s.feeds(t, "push.localhost")
		alice := s.login(t, "alice", "desk")
		alice.publish(feedNode, "before")
		w.watch(followAlice)
		alice.accept(testDomain)
		other.watch(followAlice)
		alice.accept("push.localhost")
		w.until("alice published before (private)")
		other.until("alice published before (private)")
		alice.publish(feedNode, "one")
		w.until("alice published one (private)")
		other.until("alice published one (private)")
		want := "alice published before (private), alice published one (private)"
		if s.prosody {
			alice.retract(feedNode, "one")
			w.until("alice withdrew one")
			other.until("alice withdrew one")
			want += ", alice withdrew one"
		}

		// Nobody but those whom he names may read it now.
		alice.setNode(feedNode, nodeOption{"access_model", "whitelist"})
		alice.publish(feedNode, "secret")
		err := w.gateway.CatchUp(t.Context(), followAlice)
		if s.prosody {
			if e := transports.AsError(err); e == nil || e.Kind != transports.Denied {
				t.Errorf("got %v", err)
			}
		} else if err != nil { // ejabberd shows it to those who were subscribed before
			t.Error(err)
		}
		alice.retract(feedNode, "secret") // else it is there when more may read it
		// What is for those who see his presence is not for everybody.
		alice.setNode(feedNode, nodeOption{"access_model", "presence"})
		alice.publish(feedNode, "friends")
		w.until("alice published friends (private)")
		other.until("alice published friends (private)")
		want += ", alice published friends (private)"
		for _, w := range []*feedWorld{w, other} {
			if err := w.gateway.CatchUp(t.Context(), followAlice); err != nil {
				t.Error(err)
			}
			if got := w.posts(); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		}
	})
}

// TestPrivilegedFeeds: where a server lets the gateway do it, nobody has to do anything (Prosody), and what he says here is in his node.
func TestPrivilegedFeeds(t *testing.T) {
	t.Parallel()
	startServers(t, serverOptions{privileged: true}, func(t *testing.T, s xmppServer) {
		w := s.feeds(t, testDomain)
		w.logged("the XMPP server grants privileges")
		alice := s.login(t, "alice", "desk")
		w.watch(followAlice)
		if !s.prosody { // it grants it, and fails
			alice.accept(testDomain)
		}
		alice.waitSubscription(testDomain, "both")
		alice.publish(feedNode, "one")
		w.until("alice published one (private)")

		e := transports.Entry{Item: "said", ID: "https://social.example/n/said", Body: "said here", Published: time.Date(2026, 11, 26, 13, 0, 0, 0, time.UTC)}
		own, err := w.gateway.Publish(t.Context(), followAlice, e)
		if err != nil || own != s.prosody {
			t.Fatalf("got %v, %v", own, err)
		}
		alice.publish(feedNode, "two")
		w.until("alice published two (private)")
		if got := w.posts(); got != "alice published one (private), alice published two (private)" {
			t.Errorf("got %s", got)
		}
		if bob, err := w.gateway.Publish(t.Context(), followBob, e); bob || err != nil {
			t.Errorf("of one who is not watched: %v, %v", bob, err)
		}
		if !s.prosody {
			return
		}
		// Of one without a node it is made, for everybody.
		w.watch(followBob)
		if own, err := w.gateway.Publish(t.Context(), followBob, e); err != nil || !own {
			t.Fatalf("got %v, %v", own, err)
		}
		items := alice.mustAsk("get", "bob@localhost", "<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='"+feedNode+"'/></pubsub>")
		for _, want := range []string{"said here", "https://social.example/n/said", "id='said'", "xmpp:bob@localhost"} {
			if !strings.Contains(items.String(), want) {
				t.Errorf("%s is not in\n%s", want, items)
			}
		}
	})
}

// TestFeedProfile: what users tell of themselves is told once each, without what is for their contacts alone.
func TestFeedProfile(t *testing.T) {
	t.Parallel()
	startServers(t, serverOptions{}, func(t *testing.T, s xmppServer) {
		w := s.feeds(t, testDomain)
		alice := s.login(t, "alice", "desk")
		w.watch(followAlice)
		alice.accept(testDomain)
		alice.publishAs(nsNick, "current", "<nick xmlns='"+nsNick+"'>Ali</nick>")
		w.until("alice is Ali")
		alice.publishAs(nodeVCard4, "current", "<vcard xmlns='"+nsVCard4+"'><fn><text>Alice Ipsum</text></fn><note><text>of home</text></note></vcard>", nodeOption{"access_model", "presence"})
		picture := "picture of alice"
		alice.publishAs(avatar.NSData, "1a2b", "<data xmlns='"+avatar.NSData+"'>"+base64.StdEncoding.EncodeToString([]byte(picture))+"</data>")
		alice.publishAs(avatar.NSMetadata, "1a2b", "<metadata xmlns='"+avatar.NSMetadata+"'><info id='1a2b' type='image/png' bytes='16'/></metadata>")
		w.until("alice is Ali with 16 bytes")
		w.feeds.mu.Lock()
		if p := w.feeds.profiles[len(w.feeds.profiles)-1]; string(p.Picture) != picture {
			t.Errorf("got %q", p.Picture)
		}
		w.feeds.mu.Unlock()
		alice.mustAsk("set", "", "<pubsub xmlns='http://jabber.org/protocol/pubsub#owner'><configure node='"+nodeVCard4+"'>"+optionForm("node_config", []nodeOption{{"access_model", "open"}})+"</configure></pubsub>")
		alice.publishAs(nodeVCard4, "current", "<vcard xmlns='"+nsVCard4+"'><nickname><text>A.</text></nickname><fn><text>Alice Ipsum</text></fn><note><text>writes</text></note>"+
			"<adr><locality>Lyon</locality><country>France</country><street>7 rue de rien</street></adr><url><uri>https://alice.example/</uri></url></vcard>")
		w.until("alice is Ali Alice Ipsum writes https://alice.example/ Lyon, France")
		alice.publishAs(avatar.NSMetadata, "none", "<metadata xmlns='"+avatar.NSMetadata+"'/>")
		told := w.until("alice is Ali Alice Ipsum writes https://alice.example/ Lyon, France with 0 bytes")
		for _, what := range told {
			if strings.Contains(what, "of home") {
				t.Errorf("what is for his contacts is told: %s", what)
			}
		}
	})
}

// TestFeedsTakenLater: what the transport cannot take now comes again, in the order in which it was published.
func TestFeedsTakenLater(t *testing.T) {
	t.Parallel()
	startServers(t, serverOptions{feeds: true}, func(t *testing.T, s xmppServer) {
		w := s.feeds(t, testDomain)
		alice := s.login(t, "alice", "desk")
		alice.publish(feedNode, "zero")
		alice.setNode(feedNode, nodeOption{"access_model", "open"}, nodeOption{"max_items", "20"})
		w.watch(followAlice)
		alice.accept(testDomain)
		w.until("alice published zero")
		var refused []string
		w.feeds.mu.Lock()
		w.feeds.fail = func(what string) error {
			if strings.Contains(what, " is") || slices.Contains(refused, what) {
				return nil
			}
			refused = append(refused, what)
			return transports.NewError(transports.Busy, "", errors.New("not now"))
		}
		w.feeds.mu.Unlock()
		alice.publish(feedNode, "one")
		w.until("alice published one")
		alice.retract(feedNode, "one")
		w.until("alice withdrew one")
		if got := w.posts(); got != "alice published zero, alice published one, alice withdrew one" {
			t.Errorf("got %s", got)
		}
	})
}
