package e2e

import (
	"context"
	"strings"
	"testing"
	"time"

	"passerelle/internal/xmpptest"
)

// actorStep is what a script makes an actor do, and what becomes of it.
type actorStep struct {
	step  string
	fault string // a part of the error, empty if there is none
}

// runSteps runs lines of a script without a gateway: what the clients get, they get from each other.
func runSteps(t *testing.T, steps []actorStep) {
	t.Helper()
	r := &runner{
		servers: fakeServers(t), xmpp: make(map[string]*xmppActor), irc: make(map[string]*ircActor),
		vars: xmpptest.Vars{"GW": gatewayDomain, "NET": networkName},
	}
	t.Cleanup(func() {
		if err := r.close(); err != nil {
			t.Error(err)
		}
	})
	known := map[string]bool{actorXMPP: true, actorIRC: true, "alice": true, "bob": true, "irc alice": true, "irc bob": true}
	for _, a := range steps {
		var s step
		s.parse(a.step)
		if err := s.check(known); err != nil {
			t.Fatalf("%s: %v", a.step, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		err := r.run(ctx, s)
		cancel()
		switch {
		case a.fault == "" && err != nil:
			t.Fatalf("%s: %v", a.step, err)
		case a.fault != "" && (err == nil || !strings.Contains(err.Error(), a.fault)):
			t.Fatalf("%s: got %v, want an error with %q", a.step, err, a.fault)
		}
	}
}

func TestXMPPActor(t *testing.T) {
	t.Parallel()
	runSteps(t, []actorStep{
		{step: "xmpp alice"},
		{step: "xmpp bob"},
		{step: "bob > <message to='$alice' id='1'/>"},
		{step: "bob > <message to='$alice' id='2'/>"},
		{step: "bob > <message to='$alice' id='3'/>"},
		{step: "alice < <message id='{n}' from='$bob'/>"},
		{step: "alice < <message id='$n'/>", fault: `id of <message> is "2", expected "1"`},
		{step: "alice <! <message id='4'/>"},
		{step: "alice <! <message id='3'/>", fault: "it came"},
		{step: "alice < <message id='3'/>"}, // "<!" took nothing away
		// Requests for discovery are aside, messages are not; "<*" passes both over.
		{step: "bob > <iq type='get' id='5' to='$alice'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>"},
		{step: "bob > <message to='$alice' id='6'/>"},
		{step: "alice < <message id='6'/>"},
		{step: "bob > <message to='$alice' id='7'/>"},
		{step: "bob > <message to='$alice' id='8'/>"},
		{step: "alice <* <message id='8'/>"},
		{step: "alice > <message to='$nobody'/>", fault: "$nobody has no value yet"},
		// Errors of the gateway are never aside.
		{step: "alice > <message to='$GW' id='9'/>"},
		{step: "alice < <message id='10'/>", fault: `it has the type "error"`},
		{step: "bob close"},
		{step: "bob > <message to='$alice'/>", fault: "not logged in any more"},
		{step: "xmppserver kill"},
		{step: "alice < <message/>", fault: "not logged in any more"},
	})
}

func TestIRCActor(t *testing.T) {
	t.Parallel()
	runSteps(t, []actorStep{
		{step: "irc alice"},
		{step: "irc bob"},
		{step: "irc alice > JOIN #go"},
		{step: "irc alice < :alice!* JOIN *#go"},
		{step: "irc bob > JOIN #go"},
		// The reply to alice's own JOIN is numeric, and passed over.
		{step: "irc alice < :bob!* JOIN *#go"},
		{step: `irc bob > PRIVMSG #go :one\x02`},
		{step: "irc bob > PRIVMSG #go :two"},
		{step: "irc bob > PRIVMSG #go :three"},
		{step: "irc bob <! *nothing*"}, // the server has all of it
		{step: `irc alice < :bob!* PRIVMSG #go :one\x02`},
		{step: "irc alice <! *PRIVMSG #go :four"},
		{step: "irc alice <! *PRIVMSG #go :three", fault: "it came"},
		{step: "irc alice < *PRIVMSG #go :three", fault: "it is another line"},
		{step: "irc alice < *PRIVMSG #go :three"},
		{step: "irc alice > TOPIC #go"},
		{step: "irc alice <* * 331 *"},
		{step: "irc bob close"},
		{step: "irc alice < :bob!* QUIT *"},
		{step: "irc bob > QUIT", fault: "not connected any more"},
		{step: "ircserver restart"},
		{step: "irc bob"},
		{step: "irc bob", fault: "register as bob"}, // the nick is taken
	})
}

func TestMatchLine(t *testing.T) {
	t.Parallel()
	tests := []struct {
		pattern, line string
		want          bool
	}{
		{":bob!* MODE #go +i", ":bob!bob@h MODE #go +i", true},
		{":bob!* MODE #go +i", ":bob!bob@h MODE #go :+i", true},
		{":bob!* MODE #go :+i", ":bob!bob@h MODE #go +i", false},
		{":bob!* PRIVMSG #go :hi", ":bob!bob@h PRIVMSG #go :hi", true},
		{":bob!* PRIVMSG #go hi you", ":bob!bob@h PRIVMSG #go :hi you", false},
		{":bob!* TOPIC #go ", ":bob!bob@h TOPIC #go :", false},
	}
	for _, test := range tests {
		if got := matchLine(test.pattern, test.line, nil); got != test.want {
			t.Errorf("%q, %q: got %t, want %t", test.pattern, test.line, got, test.want)
		}
	}
}
