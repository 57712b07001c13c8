package e2e

import (
	"testing"

	"passerelle/internal/realservers"
)

// refusal is a join that an IRC server refuses: what happens before, and what alice is told. Where irc is not empty, only that server
// does so.
type refusal struct {
	irc, script     string
	limits          realservers.IRCLimits
	condition, says string
}

// operator has bob become one of the IRC network.
const operator = `
irc bob > OPER ` + realservers.OperName + ` ` + realservers.OperPassword + `
irc bob <* * 381 bob *
`

// refusals are those that take more than a channel: limits of the server, its operators, what only one of the servers has.
func refusals() map[string]refusal {
	return map[string]refusal{
		"too many channels": {
			limits: realservers.IRCLimits{Channels: 1}, script: `
alice > <presence to='#first%$NET@$GW/alice'><x xmlns='http://jabber.org/protocol/muc'/></presence>
alice <* <message type='groupchat'><subject/></message>
`,
			condition: "policy-violation", says: "leave one before you join #go",
		},
		"too many connections": {
			irc: "ngircd", limits: realservers.IRCLimits{Connections: 1},
			condition: "service-unavailable", says: "takes no more connections from here at the moment",
		},
		// It hangs up before there is TLS to say so by.
		"too many connections, without a word": {
			irc: "inspircd", limits: realservers.IRCLimits{Connections: 1},
			condition: "remote-server-timeout", says: "closed the connection before you were in, and did not say why. It may take no more connections from here",
		},
		"banned from InspIRCd": {
			irc: "inspircd", script: operator + `
alice > <presence to='#go%$NET@$GW/alice'><x xmlns='http://jabber.org/protocol/muc'/></presence>
alice <* <message type='groupchat'><subject/></message>
irc bob > KLINE u*@127.0.0.1 1h :no bridges
alice <* <presence from='#go%$NET@$GW/alice' type='unavailable'><status>*has banned you: *</status></presence>
`,
			condition: "forbidden", says: "has banned you: You're banned. Only its operators can lift that.",
		},
		"banned from ngIRCd": {
			irc: "ngircd", script: operator + `
alice > <presence to='#go%$NET@$GW/alice'><x xmlns='http://jabber.org/protocol/muc'/></presence>
alice <* <message type='groupchat'><subject/></message>
irc bob > KLINE alice!*@* 3600 :no bridges
alice <* <presence from='#go%$NET@$GW/alice' type='unavailable'><status>*has banned you: *no bridges*</status></presence>
`,
			condition: "forbidden", says: "has banned you: *no bridges*. Only its operators can lift that.",
		},
		"registered people, ngIRCd's +R": {
			irc: "ngircd", script: `
irc bob > MODE #go +R
irc bob < * MODE #go *+R
`,
			condition: "registration-required", says: "is for people with an account only: log in to yours",
		},
		"registered people, InspIRCd's +R": {
			irc: "inspircd", script: `
irc bob > MODE #go +R
irc bob < * MODE #go *+R
`,
			condition: "registration-required", says: "is for people with an account only: log in to yours",
		},
		"operators of the network": {
			script: operator + `
irc bob > MODE #go +O
irc bob < * MODE #go *+O
`,
			condition: "forbidden", says: "operators of the network only",
		},
		"encrypted connections": {
			irc: "ngircd", script: operator + `
irc bob > MODE #go +z
irc bob < * MODE #go *+z
`,
			condition: "forbidden", says: "encrypted connections only, and this gateway connects to $NET without",
		},
		"too many joins": {
			irc: "inspircd", script: `
irc bob > MODE #go +j 1:60
irc bob < * MODE #go +j *
irc carol
irc carol > JOIN #go
irc carol <* *closed to new users*
`,
			condition: "resource-constraint", says: "cannot be entered just now: *Try again in a few minutes.",
		},
		"kicked a moment ago": {
			irc: "inspircd", script: `
irc bob > MODE #go +J 60
irc bob < * MODE #go +J *
alice > <presence to='#stay%$NET@$GW/alice'><x xmlns='http://jabber.org/protocol/muc'/></presence>
alice <* <message type='groupchat'><subject/></message>
alice > <presence to='#go%$NET@$GW/alice'><x xmlns='http://jabber.org/protocol/muc'/></presence>
alice <* <message type='groupchat'><subject/></message>
irc bob > KICK #go alice :out
alice <* <presence from='#go%$NET@$GW/alice' type='unavailable'><x xmlns='http://jabber.org/protocol/muc#user'><status code='307'/></x></presence>
`,
			condition: "resource-constraint", says: "cannot be entered just now: You must wait * seconds*",
		},
		"forwarded": {
			irc: "inspircd", script: `
irc bob > JOIN #else
irc bob < :bob!* JOIN *#else
irc bob > MODE #go +lL 1 #else
irc bob < * MODE #go +*
`,
			condition: "forbidden", says: "does not let you into #go: *. Join #else, where it leads to.",
		},
		"closed by the network": {
			irc: "inspircd", script: operator + `
irc bob > PART #go
irc bob > CBAN #go 1h :spam
irc bob <! *CBAN*
`,
			condition: "forbidden", says: "does not let you into #go: Channel #go is CBANed: spam.",
		},
	}
}

// TestRefusals: whatever an IRC server has against a join is the error of the room at once, and says what to do (XEP-0045 §7.2). What any
// server has is in scenarios.
func TestRefusals(t *testing.T) {
	t.Parallel()
	program := build(t)
	for name, r := range refusals() {
		for _, xmpp := range []string{"prosody", "ejabberd"} {
			for _, irc := range []string{"ngircd", "inspircd"} {
				if r.irc != "" && r.irc != irc {
					continue
				}
				t.Run(name+"/"+xmpp+"-"+irc, func(t *testing.T) {
					t.Parallel()
					steps, err := parseScript(`
irc bob
irc bob > JOIN #go
irc bob < :bob!* JOIN *#go
xmpp alice
` + r.script + `
alice > <presence to='#go%$NET@$GW/alice' id='refused'><x xmlns='http://jabber.org/protocol/muc'/></presence>
alice <* <presence from='#go%$NET@$GW/alice' type='error' id='refused'><x xmlns='http://jabber.org/protocol/muc'/><error>
          <` + r.condition + ` xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>
          <text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>*` + r.says + `*</text></error></presence>
`)
					if err != nil {
						t.Fatal(err)
					}
					runScenario(t, steps, program, limitedServers(t, xmpp, irc, r.limits))
				})
			}
		}
	}
}
