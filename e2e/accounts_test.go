package e2e

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"strings"
	"testing"

	"passerelle/internal/ircd"
	"passerelle/internal/realservers"
	"passerelle/internal/realservers/realtest"
	"passerelle/internal/xmpptest"
)

// What scripts of accounts have in common. The account is called liddell, alice's nick is not.
const (
	// bob watches; whoever has nothing to do with accounts is never held up by them.
	accountsBegin = `
irc bob
irc bob > JOIN #go
irc bob < :bob!* JOIN *#go
xmpp alice
`
	// The owner of the account registers it as one does on a network, and hangs up.
	accountsRegister = `
irc liddell
irc liddell > PRIVMSG NickServ :REGISTER sesame liddell@example.org
irc liddell < :NickServ!* NOTICE liddell :*liddell* is now registered*
`
	accountsJoin = `
alice > <presence to='#go%$NET@$GW/alice'><x xmlns='http://jabber.org/protocol/muc'/></presence>
`
	accountsIn = `
alice <* <presence from='#go%$NET@$GW/alice'><x xmlns='http://jabber.org/protocol/muc#user'><status code='110'/></x></presence>
irc bob < :alice!* JOIN *#go
irc bob > WHOIS alice
irc bob <* :$NET 330 bob alice liddell :*
`
	// She is not in, and no connection of hers is left on the network or was ever registered there.
	accountsOut = `
irc bob > WHOIS alice
irc bob <* :$NET 401 bob alice :*
irc bob > WHOWAS alice
irc bob <* :$NET 406 bob alice :*
irc bob <! :alice!*
`
)

// accountsSet is alice's command that sets the fields; name tells it from others in a script.
func accountsSet(name, fields string) string {
	return strings.ReplaceAll(strings.ReplaceAll(`
alice > <iq type='set' id='c' to='$NET@$GW'><command xmlns='http://jabber.org/protocol/commands' node='configure'/></iq>
alice <* <iq type='result' id='c'><command xmlns='http://jabber.org/protocol/commands' status='executing' sessionid='{NAME}'/></iq>
alice > <iq type='set' id='d' to='$NET@$GW'><command xmlns='http://jabber.org/protocol/commands' node='configure' sessionid='$NAME'>
          <x xmlns='jabber:x:data' type='submit'>FIELDS</x></command></iq>
alice <* <iq type='result' id='d'><command xmlns='http://jabber.org/protocol/commands' status='completed'/></iq>
`, "NAME", name), "FIELDS", fields)
}

// accountsRefused is the answer to her join: the condition of the error, and what its text says.
func accountsRefused(condition, says string) string {
	return `
alice <* <presence from='#go%$NET@$GW/alice' type='error'><error><` + condition + ` xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>
         <text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>*` + says + `*</text></error></presence>
`
}

func field(name, value string) string {
	return `<field var='` + name + `'><value>` + value + `</value></field>`
}

// TestAccounts: a login to an account on a network with services, by each mechanism that there is, and the ways in which it fails:
// closed, with the reason (IRCv3 sasl-3.1, sasl-3.2).
func TestAccounts(t *testing.T) {
	t.Parallel()
	program := build(t)
	account := field("account", "liddell")
	right, wrong := field("sasl_password", "sesame"), field("sasl_password", "open")
	certificate := field("certificate", "$CERT")
	const learnt = `
irc liddell > PRIVMSG NickServ :CERT ADD $FINGERPRINT
irc liddell <* :NickServ!* NOTICE liddell :Added fingerprint*
`
	for name, script := range map[string]string{
		"plain": accountsRegister + accountsSet("set", account+right) + accountsJoin + accountsIn + `
alice > <message to='#go%$NET@$GW' type='groupchat' id='m'><body>hello</body></message>
irc bob < :alice!* PRIVMSG #go :hello
`,
		"external": accountsRegister + learnt + accountsSet("set", certificate) + accountsJoin + accountsIn,
		// What the network does not know yet is no reason to stay out, where there is a password as well.
		"unknown certificate": accountsRegister + accountsSet("set", account+right+certificate) + accountsJoin + accountsIn,
		"only a certificate that is unknown": accountsRegister + accountsSet("set", certificate) + accountsJoin +
			accountsRefused("not-authorized", "does not know your certificate") + accountsOut,
		"wrong password": accountsRegister + accountsSet("set", account+wrong) + accountsJoin +
			accountsRefused("not-authorized", "refuses the password of account liddell") + accountsOut +
			accountsSet("again", account+right) + accountsJoin + accountsIn,
		"no such account": accountsSet("set", account+right) + accountsJoin +
			accountsRefused("not-authorized", "refuses the password of account liddell") + accountsOut,
		"mechanism that is not there": accountsRegister + accountsSet("set", account+right+field("sasl", "scram")) + accountsJoin +
			accountsRefused("not-authorized", "no way to log in that fits your settings") + accountsOut,
		// Nobody is let in while nobody can be asked who he is; once somebody can, the next join works. Services write down who
		// registered when they stop in order.
		"services down": accountsRegister + accountsSet("set", account+right) + `
irc liddell > MONITOR + NickServ
irc liddell <* :$NET 730 liddell :NickServ*
services restart
irc liddell <* :$NET 731 liddell :NickServ*
irc liddell <* :$NET 730 liddell :NickServ*
services kill
irc liddell <* :$NET 731 liddell :NickServ*
` + accountsJoin + accountsRefused("not-authorized", "offers no login") + accountsOut + `
services restart
` + accountsJoin + accountsIn,
		// Whoever is in stays in, and everybody else's business goes on.
		"services go": accountsRegister + accountsSet("set", account+right) + accountsJoin + accountsIn + `
services kill
alice > <message to='#go%$NET@$GW' type='groupchat' id='m'><body>still here</body></message>
irc bob < :alice!* PRIVMSG #go :still here
`,
		// The network comes back without its services. She waits for them, and is then who she was.
		"network returns": accountsRegister + accountsSet("set", account+right) + accountsJoin + accountsIn + `
services restart
services kill
ircserver kill
alice <* <message from='#go%$NET@$GW' type='groupchat'><body>*lost*</body></message>
ircserver restart
irc bob
irc bob > JOIN #go
irc bob < :bob!* JOIN *#go
alice <* <message from='#go%$NET@$GW' type='groupchat'><body>*offers no login*Trying again*</body></message>
services restart
irc bob < :alice!* JOIN *#go
irc bob > WHOIS alice
irc bob <* :$NET 330 bob alice liddell :*
`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			playAccounts(t, program, accountsServers(t), script)
		})
	}
	// Atheme has no SCRAM before 7.3, so these speak with a server of ours.
	for name, tc := range map[string]struct {
		mechanism, script string
	}{
		"scram": {"SCRAM-SHA-256", accountsSet("set", account+right) + accountsJoin + accountsIn},
		"scram with a wrong password": {"SCRAM-SHA-256", accountsSet("set", account+wrong) + accountsJoin +
			accountsRefused("not-authorized", "refuses the password of account liddell")},
		"a password in plain text": {"PLAIN", accountsSet("set", account+right) + accountsJoin +
			accountsRefused("not-authorized", "has no login that hides the password")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := xmppServer(t, "prosody", false)
			irc := newFakeIRC(t, ircd.Options{NickLen: 30, SASL: []string{tc.mechanism}, Accounts: map[string]string{"liddell": "sesame"}})
			s.irc, s.ircAddr = irc, irc.addr
			playAccounts(t, program, s, tc.script)
		})
	}
}

func playAccounts(t *testing.T, program string, s *servers, script string) {
	t.Helper()
	steps, err := parseScript(accountsBegin + script)
	if err != nil {
		t.Fatal(err)
	}
	runScenario(t, steps, program, s)
}

// accountsServers are Prosody and InspIRCd with services. Scripts have a certificate with its key, and its fingerprint.
func accountsServers(t *testing.T) *servers {
	t.Helper()
	s := xmppServer(t, "prosody", false)
	n := inspircd(t, s, realservers.InspircdOptions{Services: true})
	s.services = realtest.Atheme(t, realservers.AthemeOptions{Server: n})
	cert, key, err := realservers.NewCertificate("alice")
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode([]byte(cert))
	sum := sha256.Sum256(block.Bytes)
	s.vars = xmpptest.Vars{"CERT": cert + key, "FINGERPRINT": hex.EncodeToString(sum[:])}
	return s
}
