package e2e

import (
	"strings"
	"testing"
)

// TestAwayNotify shows in rooms who goes away and comes back, with what he says of it, where the network tells of it by itself (IRCv3
// away-notify), as InspIRCd does and ngIRCd does not.
func TestAwayNotify(t *testing.T) {
	t.Parallel()
	steps, err := parseScript(`
irc bob
irc bob > JOIN #go
irc bob < :bob!* JOIN *#go
xmpp alice
alice > <presence to='#go%$NET@$GW/alice'><x xmlns='http://jabber.org/protocol/muc'/></presence>
alice <* <message type='groupchat'><subject/></message>
irc bob > AWAY :at lunch
alice <* <presence from='#go%$NET@$GW/bob'><show>away</show><status>at lunch</status><x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='admin' role='moderator'/></x></presence>
irc bob > AWAY :at lunch, still
alice < <presence from='#go%$NET@$GW/bob'><show>away</show><status>at lunch, still</status></presence>
irc bob > NICK robert
alice < <presence from='#go%$NET@$GW/bob' type='unavailable'/>
alice < <presence from='#go%$NET@$GW/robert'><show>away</show><status>at lunch, still</status></presence>
irc bob > AWAY
irc bob > PRIVMSG #go :hello
alice < <presence from='#go%$NET@$GW/robert'/>
alice < <message from='#go%$NET@$GW/robert' type='groupchat'><body>hello</body></message>
xmpp alice/phone
alice/phone > <presence to='#go%$NET@$GW/alice'><x xmlns='http://jabber.org/protocol/muc'/></presence>
alice/phone < <presence from='#go%$NET@$GW/robert'/>
alice/phone <! <presence from='#go%$NET@$GW/robert'><show>away</show></presence>
`)
	if err != nil {
		t.Fatal(err)
	}
	program := build(t)
	for _, c := range cells() {
		if !strings.HasSuffix(c.name, "-inspircd") {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			runScenario(t, steps, program, c.start(t))
		})
	}
}
