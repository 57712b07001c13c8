package e2e

import (
	"testing"

	"passerelle/internal/realservers"
	"passerelle/internal/realservers/realtest"
)

// What scripts of privileges have in common: alice's client wants to know of changes to her contact list (RFC 6121 §2.2).
const privilegesRegister = `
xmpp alice
alice > <iq type='get' id='a'><query xmlns='jabber:iq:roster'/></iq>
alice <* <iq type='result' id='a'><query xmlns='jabber:iq:roster'/></iq>
alice > <presence/>
alice > <iq type='set' id='s' to='$GW'><query xmlns='jabber:iq:register'><x xmlns='jabber:x:data' type='submit'/></query></iq>
`

// TestPrivileges: a server that lets the gateway change contact lists (XEP-0356 §4.2) is believed as far as it keeps its word.
func TestPrivileges(t *testing.T) {
	t.Parallel()
	program := build(t)
	for xmpp, script := range map[string]string{
		// The contacts are there without a question, are seen, are there at the next login, and go when the registration does. That one
		// was there before stays as the user has called it.
		"prosody": privilegesRegister + `
alice <* <iq type='result' id='s' from='$GW'/>
alice <* <iq type='set'><query xmlns='jabber:iq:roster'><item jid='$GW' name='*' subscription='both'/></query></iq>
alice <* <iq type='set'><query xmlns='jabber:iq:roster'><item jid='help@$GW' name='*' subscription='both'/></query></iq>
alice <* <presence from='help@$GW'/>
alice > <iq type='set' id='n'><query xmlns='jabber:iq:roster'><item jid='$GW' name='my gateway'/></query></iq>
alice <* <iq type='result' id='n'/>
alice > <iq type='set' id='again' to='$GW'><query xmlns='jabber:iq:register'><x xmlns='jabber:x:data' type='submit'/></query></iq>
alice <* <iq type='result' id='again' from='$GW'/>
alice <* <presence from='help@$GW'/>
alice > <iq type='get' id='kept'><query xmlns='jabber:iq:roster'/></iq>
alice <* <iq type='result' id='kept'><query xmlns='jabber:iq:roster'><item jid='$GW' name='my gateway' subscription='both'/></query></iq>
alice <! <presence type='subscribe'/>
alice close
xmpp alice
alice > <iq type='get' id='b'><query xmlns='jabber:iq:roster'/></iq>
alice <* <iq type='result' id='b'><query xmlns='jabber:iq:roster'><item jid='$GW' subscription='both'/></query></iq>
alice > <presence/>
alice <* <presence from='$GW'/>
alice > <iq type='set' id='d' to='$GW'><query xmlns='jabber:iq:register'><remove/></query></iq>
alice <* <iq type='result' id='d'/>
alice > <iq type='get' id='e'><query xmlns='jabber:iq:roster'/></iq>
alice <* <iq type='result' id='e'><query xmlns='jabber:iq:roster'/></iq>
`,
		// ejabberd 23.01 grants it and then answers with an error (processone/ejabberd#3942), so the gateway asks.
		"ejabberd": privilegesRegister + `
alice <* <iq type='result' id='s' from='$GW'/>
alice <* <presence type='subscribe' from='$GW'/>
alice > <presence type='subscribed' to='$GW'/>
alice > <presence type='subscribe' to='$GW'/>
alice <* <presence type='subscribed' from='$GW'/>
alice <* <presence from='$GW'/>
alice > <iq type='get' id='b'><query xmlns='jabber:iq:roster'/></iq>
alice <* <iq type='result' id='b'><query xmlns='jabber:iq:roster'><item jid='$GW' subscription='both'/></query></iq>
alice > <iq type='set' id='d' to='$GW'><query xmlns='jabber:iq:register'><remove/></query></iq>
alice <* <iq type='result' id='d'/>
alice <* <presence type='unsubscribed' from='$GW'/>
`,
	} {
		t.Run(xmpp, func(t *testing.T) {
			t.Parallel()
			s := xmppServer(t, xmpp, true)
			n := realtest.Ngircd(t, realservers.NgircdOptions{Name: networkName})
			s.irc, s.ircAddr = n, n.Addr
			// What else there is goes on as with a server that grants nothing.
			steps, err := parseScript(script + `
irc bob
irc bob > JOIN #go
irc bob < :bob!* JOIN *#go
alice > <presence to='#go%$NET@$GW/alice'><x xmlns='http://jabber.org/protocol/muc'/></presence>
alice <* <presence from='#go%$NET@$GW/alice'><x xmlns='http://jabber.org/protocol/muc#user'><status code='110'/></x></presence>
alice > <message to='#go%$NET@$GW' type='groupchat' id='m'><body>hello</body></message>
irc bob <* :alice!* PRIVMSG #go :hello
`)
			if err != nil {
				t.Fatal(err)
			}
			runScenario(t, steps, program, s)
		})
	}
}
