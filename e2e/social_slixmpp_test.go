package e2e

import (
	"errors"
	"net"
	"testing"
)

// TestSocialSlixmpp: two users of two gateways hold a conversation in public with a client library that many programs are made with.
func TestSocialSlixmpp(t *testing.T) {
	t.Parallel()
	python := findPython(t)
	w := newSocialWorld(t)
	one, two := w.gateway("one.example", xmppServer(t, "prosody", false), ""), w.gateway("two.example", xmppServer(t, "ejabberd", false), "")
	one.start()
	two.start()
	host1, port1, err1 := net.SplitHostPort(one.s.c2sAddr)
	host2, port2, err2 := net.SplitHostPort(two.s.c2sAddr)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	expect, end := startScript(t, python, "slixmpp/social.py", host1, port1, host2, port2, password, gatewayDomain, one.name, two.name)
	for _, want := range []string{
		`{"event": "takes part", "status": "completed"}`, `{"event": "takes part", "status": "completed"}`,
		`{"event": "subscribed", "state": "subscribed"}`,
		`{"event": "event", "type": "headline", "title": "On the balcony", "author": "alice", "tags": ["music"], "files": ["https://files.example/balcony.png"]}`,
		`{"event": "message", "type": "chat"}`,
		`{"event": "items", "titles": ["On the balcony"], "same": true}`,
		`{"event": "liked", "by": true}`,
		`{"event": "commented", "by": true}`,
		`{"event": "profile", "name": "Alice Capulet"}`,
		`{"event": "unsubscribed"}`,
		`{"event": "end"}`,
	} {
		expect(want)
	}
	end()
}
