package component

import (
	"slices"
	"strings"
	"testing"

	"passerelle/transports"
)

// TestConsentAtServers: a user's server does what he has told it himself, whatever the gateway asks for, and nothing that others ask for.
func TestConsentAtServers(t *testing.T) {
	t.Parallel()
	startServers(t, serverOptions{redirect: true, noArchive: true, sleep: 2}, func(t *testing.T, s xmppServer) {
		w := s.world(t)
		w.follow(followAlice, transports.WayModule, transports.FollowAll)
		phone, bob := s.login(t, "alice", "phone"), s.login(t, "bob", "desk")

		redirect := func(mode string) string { return "<redirect xmlns='" + nsRedirect + "' mode='" + mode + "'/>" }
		shape := func(s string) string { return s[strings.Index(s, "<error"):] }
		nothing, _ := bob.ask("set", "alice@localhost", "<nothing xmlns='urn:nothing'/>")
		for _, user := range []string{"alice@localhost", "dave@localhost", "nobody@localhost"} { // followed, not followed, not there
			for _, payload := range []string{redirect("none"), redirect("all"), "<catch-up xmlns='" + nsRedirect + "'/>"} {
				for _, typ := range []string{"get", "set"} {
					if got, _ := bob.ask(typ, user, payload); got.Get("type") != "error" || shape(got.String()) != shape(nothing.String()) {
						t.Errorf("bob asks %s for %s and gets %s", user, payload, got)
					}
				}
			}
		}
		bob.send("<message to='localhost'><speak xmlns='" + nsRedirect + "'><forwarded xmlns='urn:xmpp:forward:0'>" +
			"<message xmlns='jabber:client' from='alice@localhost' to='bob@localhost' type='chat'><body>forged</body></message></forwarded></speak></message>")
		if got := bob.got(); slices.Contains(got, "chat forged") {
			t.Error("bob speaks for alice")
		}

		// Without an archive, what the gateway has missed is what waits for the next client.
		bob.say("alice", "online")
		w.copied("online")
		if c := w.redirect.copies[0]; c.ArchiveID != "" || c.Offline {
			t.Errorf("got %+v", c)
		}
		w.stop()
		bob.say("alice", "lost")
		for body := ""; body != "lost"; { // she has it
			_, body = phone.bodyFrom()
		}
		if err := phone.Close(); err != nil {
			t.Fatal(err)
		}
		bob.say("alice", "waits1")
		bob.say("alice", "waits2")
		bob.got()
		w.again()
		w.copied("waits1", "waits2")
		phone = s.login(t, "alice", "phone")
		if got := phone.got(); !slices.Equal(got, []string{"chat waits1", "chat waits2"}) {
			t.Errorf("the phone got %q: what was kept for it is not to be touched", got)
		}

		// She says no to her server, which the gateway learns and cannot change.
		answer, _ := phone.ask("set", "", redirect("none"))
		if r := answer.Child(nsRedirect, "redirect"); r == nil || r.Get("mode") != "none" || r.Get("by") != "user" {
			t.Errorf("got %s", answer)
		}
		w.until("the way to be lost", func(r *scriptedRedirect) bool { return slices.Equal(r.lost, []transports.Way{transports.WayModule}) })
		if way, _, err := w.gateway.Followed(t.Context(), followAlice); way != transports.WayNone || err != nil {
			t.Errorf("got %v, %v", way, err)
		}
		err := w.gateway.Follow(t.Context(), followAlice, transports.WayModule, transports.FollowAll, "")
		if e := transports.AsError(err); e == nil || e.Kind != transports.Denied {
			t.Errorf("got %v", err)
		}
		bob.say("alice", "refused")
		w.follow(transports.Address{Local: "carol", Domain: "localhost"}, transports.WayModule, transports.FollowAll)
		bob.say("carol", "barrier")
		w.copied("barrier")
		if strings.Contains(w.told(), "refused") {
			t.Error("a message was copied of somebody who does not want it")
		}
		phone.ask("set", "alice@localhost", redirect("offline")) // by her own JID, and yes again
		w.follow(followAlice, transports.WayModule, transports.FollowAll)
		bob.say("alice", "again")
		w.copied("again")
	})
}

// TestConsentByCommand: a user says at his server by a command of it (XEP-0050) of what the gateway gets copies, which the gateway learns and cannot
// change. Each says it of himself.
func TestConsentByCommand(t *testing.T) {
	t.Parallel()
	startServers(t, serverOptions{redirect: true}, func(t *testing.T, s xmppServer) {
		w := s.world(t)
		w.follow(followAlice, transports.WayModule, transports.FollowAll)
		alice, bob := s.login(t, "alice", "phone"), s.login(t, "bob", "desk")
		const commands = "http://jabber.org/protocol/commands"
		if list, _ := alice.ask("get", "localhost", "<query xmlns='http://jabber.org/protocol/disco#items' node='"+commands+"'/>"); !strings.Contains(list.String(), nsRedirect) {
			t.Errorf("the commands are %s", list)
		}
		run := func(v *visitor, mode string) {
			t.Helper()
			form, _ := v.ask("set", "localhost", "<command xmlns='"+commands+"' node='"+nsRedirect+"' action='execute'/>")
			c := form.Child(commands, "command")
			if c == nil || c.Get("status") != "executing" || !strings.Contains(c.String(), "Which messages") {
				t.Fatalf("got %s", form)
			}
			done, _ := v.ask("set", "localhost", "<command xmlns='"+commands+"' node='"+nsRedirect+"' sessionid='"+c.Get("sessionid")+"' action='complete'>"+
				"<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>"+nsRedirect+"</value></field><field var='mode'><value>"+mode+"</value></field></x></command>")
			wrong := done.Get("type") == "error" || strings.Contains(done.String(), "Choose which messages.")
			if c := done.Child(commands, "command"); wrong != (mode == "whatever") || !wrong && (c == nil || c.Get("status") != "completed") {
				t.Errorf("%s: got %s", mode, done)
			}
		}
		run(bob, "none")
		run(alice, "whatever")
		bob.say("alice", "before")
		w.copied("before")
		run(alice, "none")
		w.until("the way to be lost", func(r *scriptedRedirect) bool { return slices.Equal(r.lost, []transports.Way{transports.WayModule}) })
		if err := w.gateway.Follow(t.Context(), followAlice, transports.WayModule, transports.FollowAll, ""); transports.AsError(err).Kind != transports.Denied {
			t.Errorf("got %v", err)
		}
		run(alice, "all")
		w.follow(followAlice, transports.WayModule, transports.FollowAll)
		bob.say("alice", "after")
		w.copied("after")
	})
}
