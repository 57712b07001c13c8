package e2e

import (
	"testing"

	"passerelle/internal/ircd"
)

// displayedBegin has alice in a room with bob, and another client of hers on the network, which marks what bob says there as read, and what he
// says to her alone, and answers that.
const displayedBegin = `
irc bob
irc bob > JOIN #go
irc bob < :bob!* JOIN *#go
xmpp alice
alice > <presence><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='urn:example:client' ver='x'/></presence>
alice <* <iq type='get' id='{d}'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>
alice > <iq type='result' id='$d' to='alice@localhost'><query xmlns='http://jabber.org/protocol/disco#info'><feature var='urn:xmpp:mds:displayed:0+notify'/></query></iq>
alice > <iq type='set' id='c'><enable xmlns='urn:xmpp:carbons:2'/></iq>
alice <* <iq type='result' id='c'/>
alice > <presence to='#go%$NET@$GW/alice'><x xmlns='http://jabber.org/protocol/muc'/></presence>
alice <* <message type='groupchat'><subject/></message>
irc phone
irc phone > CAP REQ :draft/read-marker echo-message message-tags server-time
irc phone <* *CAP * ACK *
irc phone > TWIN alice
irc phone < *TWIN alice
irc bob > PRIVMSG #go :read me
alice <* <message from='#go%$NET@$GW/bob' type='groupchat'><body>read me</body><stanza-id xmlns='urn:xmpp:sid:0' id='{one}'/></message>
irc phone < @*time={when}* PRIVMSG #go :read me
irc bob > PRIVMSG alice :and me
alice <* <message from='bob%$NET@$GW' type='chat' id='{two}'><body>and me</body></message>
irc phone < @*time={then}* PRIVMSG alice :and me
irc phone > MARKREAD #go timestamp=$when
alice <* <message from='#go%$NET@$GW/alice' type='groupchat'><displayed xmlns='urn:xmpp:chat-markers:0' id='$one'/></message>
`

// TestDisplayedElsewhere: what a user reads with another client of his on the network is displayed for his XMPP clients where his server lets the
// gateway say so (XEP-0490, XEP-0333 by XEP-0356), and what he writes there they see. ejabberd 23.01 has no such leave, and nothing else suffers.
func TestDisplayedElsewhere(t *testing.T) {
	t.Parallel()
	program := build(t)
	for xmpp, script := range map[string]string{
		"prosody": displayedBegin + `
alice <* <message from='alice@localhost' type='headline'><event xmlns='http://jabber.org/protocol/pubsub#event'><items node='urn:xmpp:mds:displayed:0'>
         <item id='#go%$NET@$GW'><displayed xmlns='urn:xmpp:mds:displayed:0'><stanza-id xmlns='urn:xmpp:sid:0' by='#go%$NET@$GW' id='$one'/></displayed></item>
         </items></event></message>
irc phone > MARKREAD bob timestamp=$then
alice <* <message type='chat' from='alice@localhost'><sent xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'>
         <message xmlns='jabber:client' type='chat' from='alice@localhost' to='bob%$NET@$GW'><displayed xmlns='urn:xmpp:chat-markers:0' id='$two'/></message></forwarded></sent></message>
irc phone > PRIVMSG bob :from the train
irc bob <* :alice!* PRIVMSG bob :from the train
alice <* <message type='chat' from='alice@localhost'><sent xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'>
         <message xmlns='jabber:client' type='chat' from='alice@localhost' to='bob%$NET@$GW'><body>from the train</body></message></forwarded></sent></message>
alice > <iq type='set' id='q' to='bob%$NET@$GW'><query xmlns='urn:xmpp:mam:2'/></iq>
alice <* <message><result xmlns='urn:xmpp:mam:2'><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' from='alice@localhost'><body>from the train</body></message></forwarded></result></message>
alice <* <iq type='result' id='q'/>
# It is not said again.
irc bob <! :alice!* PRIVMSG bob :from the train

# What another client of hers has displayed since, which says so to her own clients alone, the network learns when one of them goes away.
irc bob > PRIVMSG #go :and this
alice <* <message from='#go%$NET@$GW/bob' type='groupchat'><body>and this</body><stanza-id xmlns='urn:xmpp:sid:0' id='{three}'/></message>
irc phone <* @*time={later}* PRIVMSG #go :and this
alice > <iq type='set' id='p'><pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='urn:xmpp:mds:displayed:0'><item id='#go%$NET@$GW'>
        <displayed xmlns='urn:xmpp:mds:displayed:0'><stanza-id xmlns='urn:xmpp:sid:0' by='#go%$NET@$GW' id='$three'/></displayed></item></publish></pubsub></iq>
alice <* <iq type='result' id='p'/>
alice > <presence to='#go%$NET@$GW/alice'><show>away</show></presence>
irc phone <* * MARKREAD #go timestamp=$later
`,
		"ejabberd": displayedBegin + `
irc phone > MARKREAD bob timestamp=$then
irc phone > PRIVMSG bob :from the train
irc bob <* :alice!* PRIVMSG bob :from the train
# Where he answers, the gateway has heard what she said.
irc bob > PRIVMSG alice :which train?
alice <* <message from='bob%$NET@$GW' type='chat'><body>which train?</body></message>
alice > <iq type='set' id='q' to='bob%$NET@$GW'><query xmlns='urn:xmpp:mam:2'/></iq>
alice <* <message><result xmlns='urn:xmpp:mam:2'><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' from='alice@localhost'><body>from the train</body></message></forwarded></result></message>
alice <* <iq type='result' id='q'/>
alice > <message to='bob%$NET@$GW' type='chat' id='m'><body>and home</body></message>
irc bob < :alice!* PRIVMSG bob :and home
`,
	} {
		t.Run(xmpp, func(t *testing.T) {
			t.Parallel()
			s := xmppServer(t, xmpp, true)
			irc := newFakeIRC(t, ircd.Options{NickLen: 30, Caps: historyCaps(), History: &ircd.History{Limit: 5}})
			s.irc, s.ircAddr = irc, irc.addr
			steps, err := parseScript(script)
			if err != nil {
				t.Fatal(err)
			}
			runScenario(t, steps, program, s)
		})
	}
}
