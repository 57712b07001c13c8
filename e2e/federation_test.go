package e2e

import (
	"context"
	"testing"

	"passerelle/e2e/client"
	"passerelle/internal/realservers"
	"passerelle/internal/realservers/realtest"
)

// In these scripts alice is at home on the gateway's server, carol on the one that "xmppserver" means.
const (
	federationRoom = `
irc bob
irc bob > JOIN #go
irc bob < :bob!* JOIN *#go
xmpp alice
alice > <presence to='#go%$NET@$GW/alice'><x xmlns='http://jabber.org/protocol/muc'/></presence>
alice <* <message type='groupchat'><subject/></message>
irc bob < :alice!* JOIN *#go
xmpp carol
carol > <iq type='get' id='1' to='#go%$NET@$GW'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>
carol < <iq type='result' id='1'><query xmlns='http://jabber.org/protocol/disco#info'><identity category='conference' type='irc'/></query></iq>
carol > <presence to='#go%$NET@$GW/carol' id='2'><x xmlns='http://jabber.org/protocol/muc'/></presence>
carol <* <presence from='#go%$NET@$GW/carol' to='carol@b.localhost/home' id='2'><x xmlns='http://jabber.org/protocol/muc#user'><status code='110'/></x></presence>
carol < <message type='groupchat'><subject/></message>
alice < <presence from='#go%$NET@$GW/carol' to='alice@a.localhost/home'/>
irc bob < :carol!* JOIN *#go

carol > <message to='#go%$NET@$GW' type='groupchat' id='m1'><body>from afar</body></message>
irc bob < :carol!* PRIVMSG #go :from afar
carol < <message from='#go%$NET@$GW/carol' type='groupchat' id='m1'/>
alice < <message from='#go%$NET@$GW/carol' type='groupchat'><body>from afar</body></message>
irc bob > PRIVMSG #go :welcome
carol < <message from='#go%$NET@$GW/bob' type='groupchat'><body>welcome</body></message>
irc bob > PRIVMSG carol :psst
carol < <message from='bob%$NET@$GW' to='carol@b.localhost' type='chat'><body>psst</body></message>
`
	federationLeave = federationRoom + `
carol > <presence to='#go%$NET@$GW/carol' type='unavailable'/>
carol < <presence from='#go%$NET@$GW/carol' type='unavailable'><x xmlns='http://jabber.org/protocol/muc#user'><status code='110'/></x></presence>
irc bob < :carol!* *
alice <* <presence from='#go%$NET@$GW/carol' type='unavailable'/>
`
	// What cannot be delivered comes back to the gateway, which takes her out of the room.
	federationCrash = federationRoom + `
xmppserver kill
irc bob > PRIVMSG #go :anybody?
irc bob <* :carol!* QUIT *
xmppserver restart
xmpp carol
carol > <presence to='#go%$NET@$GW/carol' id='3'><x xmlns='http://jabber.org/protocol/muc'/></presence>
carol <* <presence from='#go%$NET@$GW/carol' id='3'><x xmlns='http://jabber.org/protocol/muc#user'><status code='110'/></x></presence>
`
)

// TestFederation: a user of another server takes part as one of the gateway's own does (RFC 6120 §10.4).
func TestFederation(t *testing.T) {
	t.Parallel()
	program := build(t)
	for name, script := range map[string]string{"leave": federationLeave, "crash": federationCrash} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			steps, err := parseScript(script)
			if err != nil {
				t.Fatal(err)
			}
			runScenario(t, steps, program, federatedServers(t))
		})
	}
}

// federatedServers are two Prosody servers and ngIRCd. They end with the test.
func federatedServers(t *testing.T) *servers {
	t.Helper()
	const home, away = "a.localhost", "b.localhost"
	federation := realtest.Federation(t,
		realservers.ProsodyOptions{
			Domain: home, Users: []realservers.Account{{Name: "alice", Password: password}},
			Components: []realservers.Component{{Domain: gatewayDomain, Secret: gatewaySecret}},
		},
		realservers.ProsodyOptions{Domain: away, Users: []realservers.Account{{Name: "carol", Password: password}}},
	)
	near, far := federation[0], federation[1]
	ngircd := realtest.Ngircd(t, realservers.NgircdOptions{Name: networkName})
	return &servers{
		xmpp: far, irc: ngircd, componentAddr: near.ComponentAddr, ircAddr: ngircd.Addr,
		login: func(ctx context.Context, user, resource string) (xmppClient, error) {
			if user == "carol" {
				return client.Login(ctx, far.C2SAddr, user+"@"+away, password, resource)
			}
			return client.Login(ctx, near.C2SAddr, user+"@"+home, password, resource)
		},
	}
}
