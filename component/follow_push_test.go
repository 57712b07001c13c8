package component

import (
	"slices"
	"strings"
	"testing"
	"time"

	"passerelle/store"
	"passerelle/transports"
)

// TestPushes: what a server pushes to the gateway of whom, beside the pushes of his phone, over restarts of the gateway and of the server.
func TestPushes(t *testing.T) {
	t.Parallel()
	startServers(t, serverOptions{privileged: true, push: true}, func(t *testing.T, s xmppServer) {
		w := s.world(t)
		w.logged("the XMPP server grants privileges")
		offers, err := w.gateway.Offers(t.Context(), followAlice, "fr")
		offered := slices.ContainsFunc(offers, func(o transports.Offer) bool { return o.Way == transports.WayPush && o.Speaks && o.Marks && !o.Whole })
		if err != nil || offered != s.prosody {
			t.Fatalf("got %+v, %v", offers, err)
		}
		if !s.prosody { // it lets nobody enable pushes of others
			if err := w.gateway.Follow(t.Context(), followAlice, transports.WayPush, transports.FollowAll, ""); transports.AsError(err) == nil || transports.AsError(err).Kind != transports.Unsupported {
				t.Errorf("got %v", err)
			}
			return
		}
		service := s.pushService(t)
		phone := s.login(t, "alice", "phone")
		phone.ask("set", "", "<enable xmlns='urn:xmpp:push:0' jid='push.localhost' node='phone'/>")
		w.follow(followAlice, transports.WayPush, transports.FollowOffline)
		w.follow(followAlice, transports.WayPush, transports.FollowAll) // takes no other place
		bob := s.login(t, "bob", "desk")
		bob.say("alice", "online")
		w.copied("online")
		phone.sleepy()
		bob.say("alice", "asleep")
		w.copied("asleep")
		service.wait(t, "phone", 1)
		bob.send("<message to='alice@localhost' type='chat'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>")
		if c := w.redirect.copies[0]; !c.Partial || c.Peer != followBob || c.User != followAlice || c.Way != transports.WayPush {
			t.Errorf("got %+v", c)
		}

		w.stop()
		bob.say("alice", "away")
		service.wait(t, "phone", 2)
		row, err := w.db.Followed(t.Context(), w.gateway.userID(followAlice))
		if err != nil {
			t.Fatal(err)
		}
		row.ReachedAt = row.ReachedAt.Add(-time.Second) // what comes in the second of the last push is not counted
		if err := w.db.Write(t.Context(), func(tx *store.Tx) error { return tx.Reach(row) }); err != nil {
			t.Fatal(err)
		}
		if got := bob.got(); len(got) != 0 {
			t.Errorf("bob got %q", got)
		}
		w.again()
		w.until("how many came", func(r *scriptedRedirect) bool {
			return slices.ContainsFunc(r.copies, func(c transports.Copy) bool { return c.More > 0 && c.Partial })
		})
		bob.say("alice", "back")
		w.copied("back")
		service.wait(t, "phone", 3)

		s.kill()
		if err := s.restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.logged("lost the stream to the XMPP server", "connected to the XMPP server", "grants privileges") // else what came is counted
		bob = s.login(t, "bob", "desk")
		bob.say("alice", "restarted")
		w.copied("restarted")

		// Whoever finds out the node, or does not.
		forged := func(node string) string {
			return "<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='" + node + "'><item><notification xmlns='urn:xmpp:push:0'><x xmlns='jabber:x:data'>" +
				"<field var='last-message-sender'><value>eve@localhost</value></field><field var='last-message-body'><value>forged</value></field></x></notification></item></publish></pubsub>"
		}
		known, _ := bob.ask("set", testDomain, forged(row.Node))
		unknown, _ := bob.ask("set", testDomain, forged("another"))
		none, _ := bob.ask("set", testDomain, "<nothing xmlns='urn:nothing'/>")
		shape := func(s string) string { return s[strings.Index(s, "<error"):] }
		if shape(known.String()) != shape(unknown.String()) || shape(unknown.String()) != shape(none.String()) {
			t.Errorf("the answers differ:\n%s\n%s\n%s", known, unknown, none)
		}

		phone = s.login(t, "alice", "phone")
		if got := phone.got(); !slices.Contains(got, "chat restarted") {
			t.Errorf("the phone got %q: what was kept for it is not to be touched", got)
		}
		w.follow(transports.Address{Local: "carol", Domain: "localhost"}, transports.WayPush, transports.FollowAll)
		if err := w.gateway.Unfollow(t.Context(), followAlice); err != nil {
			t.Fatal(err)
		}
		before := len(w.redirect.copies)
		bob.say("alice", "unfollowed")
		bob.say("carol", "carol")
		w.copied("carol")
		if strings.Contains(w.told(), "forged") || len(w.redirect.copies) != before+1 {
			t.Errorf("got %s", w.told())
		}
	})
}

// TestWholePushes: with our module the gateway is pushed messages as they are, and the push service of a phone gets what it got before.
func TestWholePushes(t *testing.T) {
	t.Parallel()
	startServers(t, serverOptions{privileged: true, push: true, redirect: true}, func(t *testing.T, s xmppServer) {
		if !s.prosody {
			t.Skip("ejabberd 23.01 lets nobody enable pushes of others")
		}
		w := s.world(t)
		w.logged("the XMPP server grants privileges")
		w.follow(followAlice, transports.WayPush, transports.FollowAll)
		bob := s.login(t, "bob", "desk")
		bob.say("alice", "whole")
		w.copied("whole")
		if c := w.redirect.copies[0]; c.Partial || c.ID != "id-whole" || c.ArchiveID == "" || c.Way != transports.WayPush {
			t.Errorf("got %+v", c)
		}
	})
}
