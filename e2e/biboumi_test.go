package e2e

import (
	"net"
	"testing"

	"passerelle/internal/realservers"
	"passerelle/internal/realservers/realtest"
)

// savedForm is what a client submits to biboumi, and goes on submitting.
const savedForm = `<x xmlns='jabber:x:data' type='submit'><field var='address'><value>127.0.0.1</value></field><field var='ports'><value>$PORT</value></field>
  <field var='tls_ports'/><field var='nick'><value>liddell</value></field><field var='username'><value>al</value></field>
  <field var='realname'><value>Alice L</value></field><field var='after_connect_commands'><value>NOTICE dan :here I am</value></field>
  <field var='encoding_in'><value>ISO-8859-2</value></field><field var='max_history_length'><value>200</value></field><field var='throttle_limit'><value>-1</value></field></x>`

// beforeImport is what users do with biboumi: settings, talk in channels, a roster.
const beforeImport = `
irc dan
irc dan > JOIN #go
irc dan < :dan!* JOIN *#go
xmpp alice
alice > <iq type='set' id='a' to='$NET@$GW'><command xmlns='http://jabber.org/protocol/commands' node='configure' action='execute'/></iq>
alice <* <iq type='result' id='a'><command xmlns='http://jabber.org/protocol/commands' sessionid='{id}'/></iq>
alice > <iq type='set' id='b' to='$NET@$GW'><command xmlns='http://jabber.org/protocol/commands' node='configure' sessionid='$id' action='next'>
` + savedForm + `</command></iq>
alice <* <iq type='result' id='b'><command xmlns='http://jabber.org/protocol/commands' status='completed'/></iq>
alice > <iq type='set' id='a2' to='other.example@$GW'><command xmlns='http://jabber.org/protocol/commands' node='configure' action='execute'/></iq>
alice <* <iq type='result' id='a2'><command xmlns='http://jabber.org/protocol/commands' sessionid='{id2}'/></iq>
alice > <iq type='set' id='b2' to='other.example@$GW'><command xmlns='http://jabber.org/protocol/commands' node='configure' sessionid='$id2' action='next'>
  <x xmlns='jabber:x:data' type='submit'><field var='sasl_password'><value>hunter2</value></field><field var='pass'><value>letmein</value></field></x></command></iq>
alice <* <iq type='result' id='b2'><command xmlns='http://jabber.org/protocol/commands' status='completed'/></iq>
alice > <iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>
alice <* <iq type='result' id='r'/>
alice > <presence/>
alice > <presence type='subscribe' to='$GW'/>
alice <* <presence type='subscribed' from='$GW'/>
alice <* <presence type='subscribe' from='$GW'/>
alice > <presence type='subscribed' to='$GW'/>
alice > <presence type='subscribe' to='$NET@$GW'/>
alice <* <presence type='subscribed' from='$NET@$GW'/>
alice <* <presence type='subscribe' from='$NET@$GW'/>
alice > <presence type='subscribed' to='$NET@$GW'/>

alice > <presence to='#Go%$NET@$GW/alice'><x xmlns='http://jabber.org/protocol/muc'/></presence>
alice <* <message type='groupchat'><subject/></message>
irc dan > PRIVMSG #go :first words <here> & there
alice <* <message type='groupchat'><body>first words*</body></message>
alice > <message type='groupchat' id='m' to='#go%$NET@$GW'><body>hello dan</body></message>
irc dan <* :liddell!* PRIVMSG #go :hello dan
xmpp bob
bob > <iq type='set' id='a' to='$NET@$GW'><command xmlns='http://jabber.org/protocol/commands' node='configure' action='execute'/></iq>
bob <* <iq type='result' id='a'><command xmlns='http://jabber.org/protocol/commands' sessionid='{id3}'/></iq>
bob > <iq type='set' id='b' to='$NET@$GW'><command xmlns='http://jabber.org/protocol/commands' node='configure' sessionid='$id3' action='next'>
  <x xmlns='jabber:x:data' type='submit'><field var='address'><value>127.0.0.1</value></field><field var='ports'><value>$PORT</value></field>
  <field var='tls_ports'/></x></command></iq>
bob <* <iq type='result' id='b'><command xmlns='http://jabber.org/protocol/commands' status='completed'/></iq>
bob > <presence to='#go%$NET@$GW/bobby'><x xmlns='http://jabber.org/protocol/muc'/></presence>
bob <* <message type='groupchat'><subject/></message>
irc dan > PRIVMSG #go :\x01ACTION waves\x01
alice <* <message type='groupchat'><body>/me waves</body></message>
bob <* <message type='groupchat'><body>/me waves</body></message>
irc dan > NOTICE #go :look \x02here\x02
alice <* <message type='groupchat'><body>*here</body></message>
irc dan > MODE #go +t
irc dan > PRIVMSG #go :last
bob <* <message type='groupchat'><body>last</body></message>
bob > <iq type='set' id='c' to='#go%$NET@$GW'><command xmlns='http://jabber.org/protocol/commands' node='configure' action='execute'/></iq>
bob <* <iq type='result' id='c'><command xmlns='http://jabber.org/protocol/commands' sessionid='{id4}'/></iq>
bob > <iq type='set' id='d' to='#go%$NET@$GW'><command xmlns='http://jabber.org/protocol/commands' node='configure' sessionid='$id4' action='next'>
  <x xmlns='jabber:x:data' type='submit'><field var='record_history'><value>false</value></field><field var='persistent'><value>true</value></field></x></command></iq>
bob <* <iq type='result' id='d'><command xmlns='http://jabber.org/protocol/commands' status='completed'/></iq>
alice > <iq type='set' id='enc' to='#true\2ffalse%$NET@$GW'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'>
  <field var='encoding_in'><value>KOI8-R</value></field><field var='persistent'><value>true</value></field></x></query></iq>
alice <* <iq type='result' id='enc'/>
bob > <iq type='set' id='e' to='$GW'><command xmlns='http://jabber.org/protocol/commands' node='configure' action='execute'/></iq>
bob <* <iq type='result' id='e'><command xmlns='http://jabber.org/protocol/commands' sessionid='{id5}'/></iq>
bob > <iq type='set' id='f' to='$GW'><command xmlns='http://jabber.org/protocol/commands' node='configure' sessionid='$id5' action='next'>
  <x xmlns='jabber:x:data' type='submit'><field var='max_history_length'><value>50</value></field></x></command></iq>
bob <* <iq type='result' id='f'><command xmlns='http://jabber.org/protocol/commands' status='completed'/></iq>
alice > <presence to='#true\2ffalse%$NET@$GW/alice'><x xmlns='http://jabber.org/protocol/muc'/></presence>
alice <* <message type='groupchat' from='#true\2ffalse%$NET@$GW'><subject/></message>
irc dan > JOIN #true/false
irc dan <* :dan!* JOIN *#true/false
irc dan > PRIVMSG #true/false :odd
alice <* <message type='groupchat' from='#true\2ffalse%$NET@$GW/dan'><body>odd</body></message>
alice > <iq type='set' id='mam' to='#go%$NET@$GW'><query xmlns='urn:xmpp:mam:2' queryid='q1'/></iq>
alice <* <message><result xmlns='urn:xmpp:mam:2' queryid='q1' id='{first}'/></message>
alice <* <message><result xmlns='urn:xmpp:mam:2' queryid='q1' id='{second}'/></message>
alice <* <message><result xmlns='urn:xmpp:mam:2' queryid='q1' id='{third}'/></message>
alice <* <iq type='result' id='mam'/>
bob > <iq type='set' id='mam' to='#go%$NET@$GW'><query xmlns='urn:xmpp:mam:2' queryid='q2'/></iq>
bob <* <message><result xmlns='urn:xmpp:mam:2' queryid='q2' id='{bobs}'/></message>
`

// afterImport is what they find when passerelle runs in its place.
const afterImport = `
xmpp alice
alice <* <presence from='$GW'/>
alice > <iq type='set' id='mam' to='#go%$NET@$GW'><query xmlns='urn:xmpp:mam:2' queryid='q1'/></iq>
alice <* <message from='#go%$NET@$GW'><result xmlns='urn:xmpp:mam:2' queryid='q1' id='$first'><forwarded xmlns='urn:xmpp:forward:0'>
  <delay xmlns='urn:xmpp:delay' stamp='20*T*Z'/><message xmlns='jabber:client' type='groupchat' from='#go%$NET@$GW/dan' id='$first'>
  <body>first words &lt;here&gt; &amp; there</body></message></forwarded></result></message>
alice < <message><result xmlns='urn:xmpp:mam:2' id='$second'><forwarded xmlns='urn:xmpp:forward:0'>
  <message xmlns='jabber:client' type='groupchat' from='#go%$NET@$GW/liddell'><body>hello dan</body></message></forwarded></result></message>
alice < <message><result xmlns='urn:xmpp:mam:2' id='$third'><forwarded xmlns='urn:xmpp:forward:0'>
  <message xmlns='jabber:client' type='groupchat' from='#go%$NET@$GW/dan'><body>/me waves</body></message></forwarded></result></message>
alice <* <iq type='result' id='mam'><fin xmlns='urn:xmpp:mam:2' complete='true'/></iq>

# A client that has read it with biboumi goes on from there.
alice > <iq type='set' id='more' to='#go%$NET@$GW'><query xmlns='urn:xmpp:mam:2'><set xmlns='http://jabber.org/protocol/rsm'><after>$third</after></set></query></iq>
alice < <message><result xmlns='urn:xmpp:mam:2'><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' from='#go%$NET@$GW/dan'><body>*look here</body></message></forwarded></result></message>
alice < <message><result xmlns='urn:xmpp:mam:2'><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' from='#go%$NET@$GW'><body>Mode #go [+t] by dan</body></message></forwarded></result></message>
alice < <message><result xmlns='urn:xmpp:mam:2' id='{last}'><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' from='#go%$NET@$GW/dan'><body>last</body></message></forwarded></result></message>
alice < <iq type='result' id='more'><fin xmlns='urn:xmpp:mam:2' complete='true'/></iq>

# His own: what was said before he came is not there, and neither are hers.
xmpp bob
bob > <iq type='set' id='mam' to='#go%$NET@$GW'><query xmlns='urn:xmpp:mam:2'/></iq>
bob < <message><result xmlns='urn:xmpp:mam:2' id='$bobs'><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' from='#go%$NET@$GW/dan'><body>/me waves</body></message></forwarded></result></message>
bob <* <iq type='result' id='mam'><fin xmlns='urn:xmpp:mam:2' complete='true'/></iq>
bob > <iq type='set' id='hers' to='#go%$NET@$GW'><query xmlns='urn:xmpp:mam:2'><set xmlns='http://jabber.org/protocol/rsm'><after>$first</after></set></query></iq>
bob < <iq type='error' id='hers'><error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>
bob > <iq type='get' id='prefs' to='$GW'><prefs xmlns='urn:xmpp:mam:2'/></iq>
bob < <iq type='result' id='prefs'><prefs xmlns='urn:xmpp:mam:2' default='never'><never><jid>#go%$NET@$GW</jid></never></prefs></iq>

# His settings.
bob > <iq type='get' id='own' to='#go%$NET@$GW'><query xmlns='http://jabber.org/protocol/muc#owner'/></iq>
bob < <iq type='result' id='own'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='form'>
  <field var='record_history'><value>false</value></field><field var='persistent'><value>true</value></field></x></query></iq>
bob > <iq type='set' id='all' to='$GW'><command xmlns='http://jabber.org/protocol/commands' node='configure'/></iq>
bob < <iq type='result' id='all'><command xmlns='http://jabber.org/protocol/commands'><x xmlns='jabber:x:data' type='form'>
  <field var='max_history_length'><value>50</value></field></x></command></iq>

# An awkward name is the same room.
alice > <iq type='set' id='odd' to='#true\2ffalse%$NET@$GW'><query xmlns='urn:xmpp:mam:2'/></iq>
alice < <message from='#true\2ffalse%$NET@$GW'><result xmlns='urn:xmpp:mam:2'><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' from='#true\2ffalse%$NET@$GW/dan'><body>odd</body></message></forwarded></result></message>
alice <* <iq type='result' id='odd'/>

# What she has set: the form is as it was, and can be saved as it was.
alice > <iq type='set' id='form' to='$NET@$GW'><command xmlns='http://jabber.org/protocol/commands' node='configure' action='execute'/></iq>
alice <* <iq type='result' id='form'><command xmlns='http://jabber.org/protocol/commands' sessionid='{id6}'/></iq>
alice > <iq type='set' id='save' to='$NET@$GW'><command xmlns='http://jabber.org/protocol/commands' node='configure' sessionid='$id6' action='next'>
  ` + savedForm + `</command></iq>
alice <* <iq type='result' id='save'><command xmlns='http://jabber.org/protocol/commands' status='completed'/></iq>
irc dan > JOIN #go
irc dan < :dan!* JOIN *#go
alice > <presence to='#go%$NET@$GW/alice'><x xmlns='http://jabber.org/protocol/muc'/></presence>
irc dan < :liddell!*al@* JOIN *#go
alice <* <presence from='#go%$NET@$GW/liddell'><x xmlns='http://jabber.org/protocol/muc#user'><status code='110'/></x></presence>
alice <* <message type='groupchat' from='#go%$NET@$GW/dan'><body>last</body><stanza-id xmlns='urn:xmpp:sid:0' by='#go%$NET@$GW' id='$last'/></message>
alice <* <message type='groupchat'><subject/></message>
irc dan > PRIVMSG #go :\xb3\xf3d\xbc
alice <* <message type='groupchat' from='#go%$NET@$GW/dan'><body>łódź</body></message>
alice > <presence to='#true\2ffalse%$NET@$GW/alice'><x xmlns='http://jabber.org/protocol/muc'/></presence>
alice <* <message type='groupchat' from='#true\2ffalse%$NET@$GW'><subject/></message>
irc dan > PRIVMSG #true/false :\xcd\xc9\xd2
alice <* <message type='groupchat' from='#true\2ffalse%$NET@$GW/dan'><body>мир</body></message>
irc dan > WHOIS liddell
irc dan <* * 311 dan liddell *al * * :Alice L
`

// TestBiboumi: who comes from biboumi finds his settings, his contacts and what he read there, under the same addresses and ids.
func TestBiboumi(t *testing.T) {
	t.Parallel()
	program := build(t)
	for _, on := range []struct{ xmpp, database string }{{"prosody", "sqlite"}, {"prosody", "postgresql"}, {"ejabberd", "sqlite"}} {
		t.Run(on.xmpp+"-"+on.database, func(t *testing.T) {
			t.Parallel()
			if on.database == "sqlite" {
				fromBiboumi(t, program, on.xmpp, "", "")
				return
			}
			o := realservers.PostgresOptions{Fast: true}
			fromBiboumi(t, program, on.xmpp, realtest.Postgres(t, o).URL, realtest.Postgres(t, o).URL)
		})
	}
}

// fromBiboumi has both gateways keep their data in these PostgreSQL databases, or in files of SQLite.
func fromBiboumi(t *testing.T, program, xmpp, database, ours string) {
	t.Helper()
	r := leaveBiboumi(t, program, xmpp, realservers.BiboumiOptions{Database: database}, beforeImport)
	if ours != "" {
		r.gateway.onPostgres(t, ours)
	}
	r.playScript(t, `
operator > import-biboumi data -dry-run $CFG
operator < 0 Nothing was written*2 users*11 messages of 2 rooms*
operator > import-biboumi data $CFG
operator < 0 *Brought*2 users*17 settings*3 of them passwords*2 contacts*1 channel that users are in at once*11 messages of 2 rooms*
operator > import-biboumi data $CFG
operator < 0 *Brought*besides*0 settings*0 messages*
`)
	// She is where she stayed without a client of hers, by her nick, her user name and her real name.
	r.playScript(t, `
irc dan
irc dan > JOIN #true/false
irc dan < :dan!* JOIN *#true/false
gateway restart
irc dan <* :liddell!* NOTICE dan :here I am
irc dan < :liddell!*al@* JOIN *#true/false
`+afterImport)
}

// leaveBiboumi plays what users do with biboumi, which it then stops. The gateway of the runner was not started yet.
func leaveBiboumi(t *testing.T, program, xmpp string, o realservers.BiboumiOptions, before string) *runner {
	t.Helper()
	r, b := startBiboumi(t, program, xmpp, o)
	r.playScript(t, before)
	if err := r.close(); err != nil { // a client that stays is told of the gateway's end
		t.Fatal(err)
	}
	if err := b.Stop(); err != nil {
		t.Fatal(err)
	}
	return r
}

// startBiboumi runs biboumi in the place of the runner's gateway, which was not started yet.
func startBiboumi(t *testing.T, program, xmpp string, o realservers.BiboumiOptions) (*runner, *realservers.Biboumi) {
	t.Helper()
	s := xmppServer(t, xmpp, false)
	n := realtest.Ngircd(t, realservers.NgircdOptions{Name: networkName})
	s.irc, s.ircAddr = n, n.Addr
	r := newRunner(t, s, newGateway(t, program, s))
	o.Dir, o.Component, o.ComponentAddr = t.TempDir(), realservers.Component{Domain: gatewayDomain, Secret: gatewaySecret}, s.componentAddr
	b := realtest.Biboumi(t, o)
	_, port, err := net.SplitHostPort(n.Addr)
	if err != nil {
		t.Fatal(err)
	}
	r.vars["PORT"], r.vars["CFG"] = port, b.Config
	return r, b
}
