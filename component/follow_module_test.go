package component

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"passerelle/transports"
)

// TestModules: what a module on a real server copies of whom, in each state that he may be in, over restarts of the gateway and of the server.
func TestModules(t *testing.T) {
	t.Parallel()
	startServers(t, serverOptions{redirect: true, sleep: 2}, func(t *testing.T, s xmppServer) {
		w := s.world(t)
		offers, err := w.gateway.Offers(t.Context(), followAlice, "en")
		if err != nil || len(offers) == 0 || offers[0].Way != transports.WayModule {
			t.Fatalf("got %+v, %v", offers, err)
		}
		bob := s.login(t, "bob", "desk")
		carolPhone := s.login(t, "carol", "phone")
		bob.say("alice", "before")
		bob.got()
		w.follow(followAlice, transports.WayModule, transports.FollowAll)
		carol := transports.Address{Local: "carol", Domain: "localhost"}
		w.follow(carol, transports.WayModule, transports.FollowOffline)

		bob.say("alice", "offline")
		bob.say("carol", "carol online")
		bob.say("dave", "not followed")
		w.copied("offline")
		bob.got() // by now it is kept for the phone
		phone := s.login(t, "alice", "phone")
		if got := phone.got(); !slices.Equal(got, []string{"chat before", "chat offline"}) {
			t.Errorf("the phone got %q: what was kept for it is not to be touched", got)
		}
		bob.say("alice", "online")
		w.copied("online")
		if _, known := w.gateway.Online(followAlice); known {
			t.Error("the gateway takes it for known whether alice is there, of which nobody tells it")
		}
		phone.say("bob", "answer")
		phone.send("<message to='bob@localhost/desk' type='chat'><displayed xmlns='urn:xmpp:chat-markers:0' id='id-online'/></message>")
		phone.send("<message to='bob@localhost/desk' type='chat'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>")
		w.copied("answer")
		w.until("a mark", func(r *scriptedRedirect) bool { return len(r.marks) > 0 })
		if m := w.redirect.marks[0]; m.Peer != followBob || m.ID != "id-online" || m.User != followAlice {
			t.Errorf("got the mark %+v", m)
		}
		phone.send("<inactive xmlns='urn:xmpp:csi:0'/>")
		bob.say("alice", "inactive")
		w.copied("inactive")
		phone.sleepy()
		bob.say("alice", "asleep")
		w.copied("asleep")
		if err := carolPhone.Close(); err != nil {
			t.Fatal(err)
		}
		bob.say("carol", "carol offline")
		w.copied("carol offline")

		// The gateway is away.
		w.stop()
		for _, b := range []string{"away1", "away2", "away3"} {
			bob.say("alice", b)
			bob.say("carol", "carol "+b)
		}
		if got := bob.got(); !slices.Equal(got, []string{"chat answer"}) {
			t.Errorf("bob got %q: he is not to know that the gateway is away", got)
		}
		w.again()
		w.copied("away1", "away2", "away3", "carol away1", "carol away2", "carol away3")

		// The server is started again.
		s.kill()
		if err := s.restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		bob = s.login(t, "bob", "desk")
		bob.say("alice", "restarted")
		w.copied("restarted")
		bob.say("carol", "carol restarted")
		w.copied("carol restarted")

		want := []string{
			"answer (sent)", "asleep", "away1", "away2", "away3", "carol away1 (offline)", "carol away2 (offline)", "carol away3 (offline)",
			"carol offline (offline)", "carol restarted (offline)", "inactive", "offline (offline)", "online", "restarted (offline)",
		}
		var got []string
		for said := range strings.SplitSeq(w.told(), ", ") {
			if !strings.HasPrefix(said, "carol") && (strings.HasPrefix(said, "a") || strings.HasPrefix(said, "inactive")) {
				said = strings.TrimSuffix(said, " (offline)") // the server waits for the phone for a time
			}
			got = append(got, said)
		}
		slices.Sort(got)
		if got = slices.Compact(got); !slices.Equal(got, want) {
			t.Errorf("got  %q\nwant %q", got, want)
		}
		for _, c := range w.redirect.copies {
			if c.ArchiveID == "" || c.ID != "id-"+c.Body || c.Way != transports.WayModule {
				t.Errorf("a copy is %+v", c)
			}
		}

		if err := w.gateway.Unfollow(t.Context(), followAlice); err != nil {
			t.Fatal(err)
		}
		bob.say("alice", "unfollowed")
		bob.say("carol", "last")
		w.copied("last")
		if strings.Contains(w.told(), "unfollowed") {
			t.Error("somebody is followed who is not")
		}

		s.login(t, "carol", "phone")
		room := func(said string) {
			bob.send("<message to='carol@localhost/phone' type='groupchat'><body>" + said + "</body></message>")
		}
		room("not of rooms")
		bob.got() // the server has it
		w.follow(carol, transports.WayModule, transports.FollowRooms)
		room("of rooms")
		w.until("what is said in a room", func(r *scriptedRedirect) bool {
			return slices.ContainsFunc(r.copies, func(c transports.Copy) bool { return c.Body == "of rooms" && c.Room && c.Nick == "desk" })
		})
		if strings.Contains(w.told(), "not of rooms") {
			t.Error("what is said in rooms is copied of somebody who does not want it")
		}
	})
}

// TestCopiesAgain: what the transport cannot take for now is asked for again, in its order, and nothing behind it is taken for all that came.
func TestCopiesAgain(t *testing.T) {
	t.Parallel()
	startServers(t, serverOptions{redirect: true}, func(t *testing.T, s xmppServer) {
		w := s.world(t)
		w.follow(followAlice, transports.WayModule, transports.FollowAll)
		failures := 0
		w.redirect.note(func() {
			w.redirect.fail = func(c transports.Copy) error { // of one user, so in one lane
				if failures++; failures < 20 && (failures%2 == 1 || c.Body == "m1") {
					return transports.NewError(transports.Busy, "", errors.New("the database is away"))
				}
				return nil
			}
		})
		bob := s.login(t, "bob", "desk")
		var all []string
		for i := range 5 {
			all = append(all, fmt.Sprint("m", i))
			bob.say("alice", all[i])
		}
		w.copied(all...)
		w.again()
		bob.say("alice", "end")
		w.copied("end")
	})
}

// TestContactsAreTold: who wrote is said to be in the contact list of the user, or not, as it comes and later.
func TestContactsAreTold(t *testing.T) {
	t.Parallel()
	startServers(t, serverOptions{redirect: true}, func(t *testing.T, s xmppServer) {
		w := s.world(t)
		w.follow(followAlice, transports.WayModule, transports.FollowAll)
		alice, bob, carol := s.login(t, "alice", "phone"), s.login(t, "bob", "desk"), s.login(t, "carol", "desk")
		alice.send("<presence to='bob@localhost' type='subscribe'/>")
		alice.got()
		bob.got()
		bob.send("<presence to='alice@localhost' type='subscribed'/>")
		bob.got()
		if err := alice.Close(); err != nil {
			t.Fatal(err)
		}
		say := func(n string) {
			t.Helper()
			bob.say("alice", "bob"+n)
			carol.say("alice", "carol"+n)
			bob.got()
			carol.got()
		}
		say("1")
		w.copied("bob1", "carol1")
		w.stop()
		say("2")
		w.again()
		w.copied("bob2", "carol2")
		w.redirect.mu.Lock()
		defer w.redirect.mu.Unlock()
		for _, c := range w.redirect.copies {
			if want := c.Peer == followBob; c.Contact != want {
				t.Errorf("%s: in the contact list %v, want %v", c.Body, c.Contact, want)
			}
		}
	})
}
