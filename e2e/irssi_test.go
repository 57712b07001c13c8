package e2e

import (
	"net"
	"testing"
)

// TestIrssi has somebody with the IRC client irssi share a channel with a user of the gateway, whom he knows from any other by
// nothing but the nick.
func TestIrssi(t *testing.T) { withClient(t, holdIrssi, "prosody", "ejabberd") }

func holdIrssi(p *party) {
	t, ctx := p.t, p.ctx
	program := findProgram(t, "irssi")
	host, port, err := net.SplitHostPort(p.ircAddr)
	if err != nil {
		t.Fatal(err)
	}
	home := shortTempDir(t)
	writeHome(t, home, "irssi/config", `settings = { core = { real_name = "Dan"; user_name = "dan"; cmd_queue_speed = "50msec"; }; };`+"\n")
	screen := openTerminal(ctx, t, home, program, "--home="+home+"/irssi", "--connect="+host, "--port="+port, "--nick=dan")
	do := func(line, pattern string) {
		t.Helper()
		screen.enter(ctx, line)
		screen.await(ctx, pattern)
	}
	r, known := newRunner(t, p.servers, p.gateway), knownActors()
	alice := func(script string) {
		t.Helper()
		steps, err := parseSteps(script, known)
		if err != nil {
			t.Fatal(err)
		}
		r.play(t, steps)
	}

	screen.await(ctx, `Welcome to .* dan`)
	do("/join #go", `\[Users #go\]`)
	alice(`
xmpp alice
alice > <presence to='#go%$NET@$GW/alice'><x xmlns='http://jabber.org/protocol/muc'/></presence>
alice <* <presence from='#go%$NET@$GW/dan'/>
alice <* <message type='groupchat' from='#go%$NET@$GW'><subject/></message>
`)
	screen.await(ctx, `alice \[\S+@\S+\] has joined #go`)
	do("hello from irssi", `dan> hello from irssi`)
	alice(`
alice <* <message type='groupchat' from='#go%$NET@$GW/dan'><body>hello from irssi</body></message>
alice > <message type='groupchat' to='#go%$NET@$GW' id='m1'><body>and from XMPP, naïvely ☃</body></message>
`)
	screen.await(ctx, `alice> and from XMPP, naïvely ☃`)
	do("/me waves", `\* dan waves`)
	alice(`
alice <* <message type='groupchat' from='#go%$NET@$GW/dan'><body>/me waves</body></message>
alice > <message type='groupchat' to='#go%$NET@$GW' id='m2'><body>/me waves back</body></message>
`)
	screen.await(ctx, `\* alice waves back`)

	// What is bold here is bold there, and coloured.
	screen.enter(ctx, "so \x02bold\x02 it is")
	alice(`
alice <* <message type='groupchat' from='#go%$NET@$GW/dan'><body>so \*bold\* it is</body><html xmlns='http://jabber.org/protocol/xhtml-im'><body xmlns='http://www.w3.org/1999/xhtml'><span style='font-weight: bold'>bold</span></body></html></message>
alice > <message type='groupchat' to='#go%$NET@$GW' id='f1'><body>as bold and red as this</body><html xmlns='http://jabber.org/protocol/xhtml-im'><body xmlns='http://www.w3.org/1999/xhtml'>as <strong>bold</strong> and <span style='color: red'>red</span> as this</body></html></message>
`)
	screen.awaitLook(ctx, `as \x1b\[1mbold\x1b\S*m and \x1b\[\S*91mred\x1b\S*m as this`)

	// A correction tells the words that changed.
	alice(`
alice > <message type='groupchat' to='#go%$NET@$GW' id='m3'><body>teh end</body></message>
alice <* <message type='groupchat' from='#go%$NET@$GW/alice' id='m3'><body>teh end</body></message>
alice > <message type='groupchat' to='#go%$NET@$GW' id='m4'><body>the end</body><replace xmlns='urn:xmpp:message-correct:0' id='m3'/></message>
`)
	screen.await(ctx, `alice> \*the`)

	// In private, both ways.
	do("/query alice", `alice`)
	do("just between us", `dan> just between us`)
	alice(`
alice <* <message type='chat' from='dan%$NET@$GW'><body>just between us</body></message>
alice > <message type='chat' to='dan%$NET@$GW' id='p1'><body>nobody else hears this</body></message>
`)
	screen.await(ctx, `alice> nobody else hears this`)
	do("/window close", `alice> and from XMPP`)

	// What an IRC client asks of others.
	do("/window goto 1", `Welcome to .* dan`)
	do("/whois alice", `End of WHOIS`)
	do("/ctcp alice PING", `CTCP PING reply from alice`)
	do("/window goto 2", `alice> and from XMPP`)

	// Ranks, subject and the end.
	p.irc(">", "MODE #go +o alice")
	alice(`
alice <* <presence from='#go%$NET@$GW/alice'><x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='admin'/></x></presence>
`)
	screen.await(ctx, `mode/#go \[\+o alice\] by bob`)
	alice(`
alice > <message type='groupchat' to='#go%$NET@$GW' id='s1'><subject>all about go</subject></message>
`)
	screen.await(ctx, `alice changed the topic of #go to: all about go`)
	alice(`
alice > <iq type='set' to='#go%$NET@$GW' id='k1'><query xmlns='http://jabber.org/protocol/muc#admin'><item nick='dan' role='none'><reason>be nice</reason></item></query></iq>
`)
	screen.await(ctx, `You have been kicked from #go by alice \[be nice\]|dan was kicked from #go by alice \[be nice\]`)
	do("/join #go", `Topic for #go: all about go`)
	alice(`
alice > <presence to='#go%$NET@$GW/alice' type='unavailable'><status>good night</status></presence>
`)
	screen.await(ctx, `alice \[\S+@\S+\] has quit \["good night"\]`) // it was her last room
	screen.enter(ctx, "/quit so long")
	screen.awaitEnd(ctx)
}
