package e2e

import (
	"testing"

	"passerelle/internal/realservers"
	"passerelle/internal/realservers/realtest"
)

// TestBookmarks: where a server lets the gateway publish for users (XEP-0356), a room that somebody asks the bot for is in his bookmarks
// (XEP-0402), which all his clients are told; who leaves for good has none any more. ejabberd 23.01 has no such leave, so the room comes as
// an invitation.
func TestBookmarks(t *testing.T) {
	t.Parallel()
	program := build(t)
	for xmpp, script := range map[string]string{
		"prosody": `
xmpp alice
alice > <presence><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='urn:example:client' ver='x'/></presence>
alice <* <iq type='get' id='{d}' from='alice@localhost'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>
alice > <iq type='result' id='$d' to='alice@localhost'><query xmlns='http://jabber.org/protocol/disco#info'><feature var='urn:xmpp:bookmarks:1+notify'/></query></iq>
alice > <message type='chat' to='help@$GW'><body>join #go $NET</body></message>
alice <* <message from='alice@localhost' type='headline'><event xmlns='http://jabber.org/protocol/pubsub#event'><items node='urn:xmpp:bookmarks:1'>
         <item id='#go%$NET@$GW'><conference xmlns='urn:xmpp:bookmarks:1' name='#go' autojoin='true'/></item></items></event></message>
alice <* <message type='chat' from='help@$GW'><body>#go on * is in your bookmarks*
xmpp:%23go%25$NET@$GW?join</body></message>
alice <! <message><x xmlns='jabber:x:conference'/></message>

# What somebody has set in a bookmark stays, but that it is entered.
alice > <iq type='set' id='p'><pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='urn:xmpp:bookmarks:1'><item id='#den%$NET@$GW'>
        <conference xmlns='urn:xmpp:bookmarks:1' name='my den' autojoin='false'><nick>ally</nick><password>sesame</password>
        <extensions><state xmlns='urn:example:client' minimized='true'/></extensions></conference></item></publish></pubsub></iq>
alice <* <iq type='result' id='p'/>
alice > <message type='chat' to='help@$GW'><body>join #den $NET</body></message>
alice <* <message type='chat' from='help@$GW'><body>#den on * is in your bookmarks*</body></message>
alice > <iq type='get' id='g'><pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:xmpp:bookmarks:1'><item id='#den%$NET@$GW'/></items></pubsub></iq>
alice <* <iq type='result' id='g'><pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:xmpp:bookmarks:1'><item id='#den%$NET@$GW'>
         <conference xmlns='urn:xmpp:bookmarks:1' name='my den' autojoin='true'><nick>ally</nick><password>sesame</password>
         <extensions><state xmlns='urn:example:client' minimized='true'/></extensions></conference></item></items></pubsub></iq>

alice > <message type='chat' to='help@$GW'><body>leave #go $NET</body></message>
alice <* <message from='alice@localhost' type='headline'><event xmlns='http://jabber.org/protocol/pubsub#event'><items node='urn:xmpp:bookmarks:1'>
         <retract id='#go%$NET@$GW'/></items></event></message>
alice <* <message type='chat' from='help@$GW'><body>You have left for good*</body></message>
# Nobody leaves what he is not in, nor has a bookmark of.
alice > <message type='chat' to='help@$GW'><body>leave #go $NET</body></message>
alice <* <message type='chat' from='help@$GW'><body>You are not in #go on *.</body></message>
`,
		"ejabberd": `
xmpp alice
alice > <message type='chat' to='help@$GW'><body>join #go $NET</body></message>
alice <* <message from='#go%$NET@$GW'><x xmlns='jabber:x:conference' jid='#go%$NET@$GW'/></message>
alice <* <message type='chat' from='help@$GW'><body>*accept the invitation*
xmpp:%23go%25$NET@$GW?join</body></message>
alice > <message type='chat' to='help@$GW'><body>leave #go $NET</body></message>
alice <* <message type='chat' from='help@$GW'><body>You are not in #go on *.</body></message>
`,
	} {
		t.Run(xmpp, func(t *testing.T) {
			t.Parallel()
			s := xmppServer(t, xmpp, true)
			n := realtest.Ngircd(t, realservers.NgircdOptions{Name: networkName})
			s.irc, s.ircAddr = n, n.Addr
			steps, err := parseScript(script)
			if err != nil {
				t.Fatal(err)
			}
			runScenario(t, steps, program, s)
		})
	}
}
