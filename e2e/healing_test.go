package e2e

import "testing"

// healing are what becomes of alice in #go when the network throws her out, and bob, who may do so, has changed something before she is back.
func healing() map[string]string {
	return map[string]string{
		"back": `
irc bob > KILL alice :a try
alice <* <message from='#go%$NET@$GW' type='groupchat'><body>$NET closed the connection: *a try*. Trying again in * s.</body></message>
irc bob <* :alice!* JOIN *#go
alice <* <presence from='#go%$NET@$GW/alice'><x xmlns='http://jabber.org/protocol/muc#user'><status code='110'/></x></presence>
alice <* <message from='#go%$NET@$GW' type='groupchat'><body>You are back in this room. Messages are missing here: there was no connection to $NET for * s.</body></message>
alice > <message to='#go%$NET@$GW' type='groupchat' id='m'><body>here I am</body></message>
irc bob <* :alice!* PRIVMSG #go :here I am
alice <* <message from='#go%$NET@$GW/alice' type='groupchat' id='m'/>
# What is missing is marked for whoever reads it later.
alice > <iq type='set' id='a' to='#go%$NET@$GW'><query xmlns='urn:xmpp:mam:2'><set xmlns='http://jabber.org/protocol/rsm'><before/><max>2</max></set></query></iq>
alice <* <message from='#go%$NET@$GW'><result xmlns='urn:xmpp:mam:2'><forwarded xmlns='urn:xmpp:forward:0'>
          <message xmlns='jabber:client' from='#go%$NET@$GW' type='groupchat'><body>*Messages are missing here: there was no connection to $NET for * s.</body></message></forwarded></result></message>
alice <* <message from='#go%$NET@$GW'><result xmlns='urn:xmpp:mam:2'><forwarded xmlns='urn:xmpp:forward:0'>
          <message xmlns='jabber:client' from='#go%$NET@$GW/alice' type='groupchat'><body>here I am</body></message></forwarded></result></message>
`,
		"back with the key": `
irc bob > MODE #go +k sesame
alice <* <message from='#go%$NET@$GW' type='groupchat'><body>*+k*</body></message>
irc bob > KILL alice :a try
irc bob <* :alice!* JOIN *#go
alice <* <message from='#go%$NET@$GW' type='groupchat'><body>You are back in this room.*</body></message>
`,
		"another key": `
irc bob > KILL alice :a try
irc bob > MODE #go +k other
irc bob <* * MODE #go +k *
alice <* <presence from='#go%$NET@$GW/alice' type='unavailable'>
          <status>#go on $NET has a password now: ask somebody inside for it, and join with it.</status>
          <x xmlns='http://jabber.org/protocol/muc#user'><item role='none'/><status code='110'/><status code='333'/></x></presence>
`,
		"full for a while": `
irc bob > KILL alice :a try
irc bob > MODE #go +l 1
irc bob <* * MODE #go +l *
alice <* <message from='#go%$NET@$GW' type='groupchat'><body>#go on $NET is full: *it is tried again by itself.</body></message>
irc bob > MODE #go -l
irc bob <* :alice!* JOIN *#go
alice <* <message from='#go%$NET@$GW' type='groupchat'><body>You are back in this room.*</body></message>
`,
		"banned meanwhile": `
irc bob > KILL alice :a try
irc bob > MODE #go +b alice!*@*
irc bob <* * MODE #go +b *
alice <* <presence from='#go%$NET@$GW/alice' type='unavailable'>
          <status>You are banned from #go on $NET: only its operators can change that.</status>
          <x xmlns='http://jabber.org/protocol/muc#user'><status code='110'/><status code='333'/></x></presence>
`,
	}
}

// TestHealing: whoever loses his connection comes back by himself, into all rooms that let him in, and is told once what is the matter.
func TestHealing(t *testing.T) {
	t.Parallel()
	program := build(t)
	for name, script := range healing() {
		for _, c := range cells()[1:] {
			if !c.takes(name) {
				continue
			}
			t.Run(name+"/"+c.name, func(t *testing.T) {
				t.Parallel()
				steps, err := parseScript(`
irc bob
irc bob > JOIN #go
irc bob < :bob!* JOIN *#go
xmpp alice
alice > <presence to='#go%$NET@$GW/alice'><x xmlns='http://jabber.org/protocol/muc'/></presence>
alice <* <message type='groupchat'><subject/></message>
irc bob < :alice!* JOIN *#go
` + operator + script)
				if err != nil {
					t.Fatal(err)
				}
				runScenario(t, steps, program, c.start(t))
			})
		}
	}
}
