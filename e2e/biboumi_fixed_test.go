package e2e

import (
	"testing"

	"passerelle/internal/realservers"
)

// fixedName is what the only network is called: biboumi looks it up.
const fixedName = "localhost"

// beforeFixedImport is what users do with biboumi for one network.
const beforeFixedImport = `
irc dan
irc dan > JOIN #go
irc dan < :dan!* JOIN *#go
xmpp alice
alice > <iq type='set' id='a' to='$GW'><command xmlns='http://jabber.org/protocol/commands' node='server-configure' action='execute'/></iq>
alice <* <iq type='result' id='a'><command xmlns='http://jabber.org/protocol/commands' sessionid='{id}'/></iq>
alice > <iq type='set' id='b' to='$GW'><command xmlns='http://jabber.org/protocol/commands' node='server-configure' sessionid='$id' action='next'>
  <x xmlns='jabber:x:data' type='submit'><field var='ports'><value>$PORT</value></field><field var='tls_ports'/><field var='nick'><value>liddell</value></field></x></command></iq>
alice <* <iq type='result' id='b'><command xmlns='http://jabber.org/protocol/commands' status='completed'/></iq>
alice > <iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>
alice <* <iq type='result' id='r'/>
alice > <presence/>
alice > <presence type='subscribe' to='$GW'/>
alice <* <presence type='subscribed' from='$GW'/>
alice <* <presence type='subscribe' from='$GW'/>
alice > <presence type='subscribed' to='$GW'/>

alice > <presence to='#Go@$GW/alice'><x xmlns='http://jabber.org/protocol/muc'/></presence>
alice <* <presence from='#go@$GW/liddell'><x xmlns='http://jabber.org/protocol/muc#user'><status code='110'/></x></presence>
alice <* <message type='groupchat' from='#go@$GW'><subject/></message>
irc dan > PRIVMSG #go :first words
alice <* <message type='groupchat' from='#go@$GW/dan'><body>first words</body></message>
alice > <message type='chat' id='p' to='dan@$GW'><body>hi dan</body></message>
irc dan <* :liddell!* PRIVMSG dan :hi dan
alice > <iq type='set' id='c' to='#go@$GW'><command xmlns='http://jabber.org/protocol/commands' node='configure' action='execute'/></iq>
alice <* <iq type='result' id='c'><command xmlns='http://jabber.org/protocol/commands' sessionid='{id2}'/></iq>
alice > <presence to='#50%off@$GW/alice'><x xmlns='http://jabber.org/protocol/muc'/></presence>
alice <* <message type='groupchat' from='#50%off@$GW'><subject/></message>
alice > <message type='groupchat' id='m' to='#50%off@$GW'><body>a bargain</body></message>
alice <* <message type='groupchat' from='#50%off@$GW/liddell'><body>a bargain</body></message>
alice > <iq type='set' id='mam' to='#go@$GW'><query xmlns='urn:xmpp:mam:2' queryid='q1'/></iq>
alice <* <message><result xmlns='urn:xmpp:mam:2' queryid='q1' id='{first}'/></message>
alice <* <iq type='result' id='mam'/>
`

// afterFixedImport is what they find with passerelle.
const afterFixedImport = `
xmpp alice
alice > <presence/>
alice <* <presence from='$GW'><show>away</show></presence>
alice > <iq type='set' id='mam' to='#go@$GW'><query xmlns='urn:xmpp:mam:2' queryid='q1'/></iq>
alice <* <message from='#go@$GW'><result xmlns='urn:xmpp:mam:2' queryid='q1' id='$first'><forwarded xmlns='urn:xmpp:forward:0'>
  <message xmlns='jabber:client' type='groupchat' from='#go@$GW/dan' id='$first'><body>first words</body></message></forwarded></result></message>
alice <* <iq type='result' id='mam'><fin xmlns='urn:xmpp:mam:2' complete='true'/></iq>
alice > <iq type='set' id='mam2' to='#50%off@$GW'><query xmlns='urn:xmpp:mam:2' queryid='q2'/></iq>
alice < <message from='#50%off@$GW'><result xmlns='urn:xmpp:mam:2' queryid='q2'><forwarded xmlns='urn:xmpp:forward:0'>
  <message xmlns='jabber:client' from='#50%off@$GW/liddell'><body>a bargain</body></message></forwarded></result></message>
alice <* <iq type='result' id='mam2'/>
irc dan
irc dan > JOIN #go
irc dan < :dan!* JOIN *#go
alice > <presence to='#go@$GW/alice'><x xmlns='http://jabber.org/protocol/muc'/></presence>
alice <* <presence from='$GW'><c xmlns='http://jabber.org/protocol/caps'/></presence>
irc dan < :liddell!* JOIN *#go
alice <* <presence from='#go@$GW/liddell'><x xmlns='http://jabber.org/protocol/muc#user'><status code='110'/></x></presence>
alice <* <message type='groupchat' from='#go@$GW/dan'><body>first words</body></message>
`

// TestBiboumiFixed: who comes from biboumi with fixed_irc_server keeps the short addresses.
func TestBiboumiFixed(t *testing.T) {
	t.Parallel()
	program := build(t)
	for _, xmpp := range []string{"prosody", "ejabberd"} {
		t.Run(xmpp, func(t *testing.T) {
			t.Parallel()
			fromFixedBiboumi(t, program, xmpp)
		})
	}
}

func fromFixedBiboumi(t *testing.T, program, xmpp string) {
	t.Helper()
	r := leaveBiboumi(t, program, xmpp, realservers.BiboumiOptions{Fixed: fixedName}, beforeFixedImport)
	r.gateway.configure(t, "[[irc.network]]", `name = "`+fixedName+`"`)
	r.playScript(t, `
operator > import-biboumi data -dry-run $CFG
operator < 1 *fixed_irc_server=localhost*write fixed = "localhost" in [[irc]] $GW*
gateway set fixed = "localhost"
operator > import-biboumi data $CFG
operator < 0 *Brought*1 user*1 contact*2 messages of 2 rooms*
`)
	if err := r.gateway.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.playScript(t, afterFixedImport)
}
