package e2e

import (
	"context"
	"testing"

	"passerelle/internal/realservers"
)

// TestBiboumiProfanity does by hand what an operator and a user do who come from biboumi: the user's Profanity, with a contact and a bookmark
// from before, runs on and is changed in nothing.
func TestBiboumiProfanity(t *testing.T) {
	t.Parallel()
	r, biboumi := startBiboumi(t, build(t), "prosody", realservers.BiboumiOptions{})
	ctx, cancel := context.WithTimeout(t.Context(), clientTime)
	defer cancel()
	r.playScript(t, `
xmpp alice
alice > <iq type='set' id='a' to='$NET@$GW'><command xmlns='http://jabber.org/protocol/commands' node='configure' action='execute'/></iq>
alice <* <iq type='result' id='a'><command xmlns='http://jabber.org/protocol/commands' sessionid='{id}'/></iq>
alice > <iq type='set' id='b' to='$NET@$GW'><command xmlns='http://jabber.org/protocol/commands' node='configure' sessionid='$id' action='next'>
  <x xmlns='jabber:x:data' type='submit'><field var='address'><value>127.0.0.1</value></field><field var='ports'><value>$PORT</value></field><field var='tls_ports'/>
  <field var='nick'><value>liddell</value></field></x></command></iq>
alice <* <iq type='result' id='b'><command xmlns='http://jabber.org/protocol/commands' status='completed'/></iq>
alice close
`)
	bob, err := dialIRC(ctx, r.servers.ircAddr, "bob")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = bob.conn.Close() })
	p := &party{servers: r.servers, t: t, ctx: ctx, bob: bob, gateway: r.gateway}
	p.irc(">", "JOIN #go")
	p.irc("<", ":bob!* JOIN *#go")
	screen := openProfanity(ctx, t, r.servers)
	do := func(line, pattern string) {
		t.Helper()
		screen.enter(ctx, line)
		screen.await(ctx, pattern)
	}
	do("/sub request "+gatewayDomain, `^\S+ - \+\+ `+gatewayDomain+` is online`)
	do("/join "+roomJID+" nick alice", `You have joined the room`)
	do("/bookmark", `^\S+ ! Bookmark added|Bookmark .*`)
	do("said by way of biboumi", `^\S+ - liddell: said by way of biboumi`)
	p.irc("<", ":liddell!* JOIN *#go")
	p.irc("<", ":liddell!* PRIVMSG #go :said by way of biboumi")
	p.irc(">", "PRIVMSG #go :heard by way of biboumi")
	screen.await(ctx, `^\S+ - bob: heard by way of biboumi`)

	if err := biboumi.Stop(); err != nil {
		t.Fatal(err)
	}
	p.irc("<", ":liddell!* QUIT *")
	r.playScript(t, `
operator > import-biboumi data $CFG
operator < 0 *Brought*1 user*3 settings*1 contact*2 messages of 1 room*
gateway restart
`)
	// The room is where it was, with what was said; the contact too.
	do("/join "+roomJID+" nick alice", `You have joined the room as liddell`)
	do("said by way of passerelle", `^\S+ - liddell: said by way of passerelle`)
	p.irc("<", ":liddell!* JOIN *#go")
	p.irc("<", ":liddell!* PRIVMSG #go :said by way of passerelle")
	// Its bookmark brings it back when it logs in anew.
	screen.enter(ctx, "/disconnect")
	p.irc("<", ":liddell!* *")
	do("/connect alice", `alice@localhost/profanity logged in successfully`)
	p.irc("<", ":liddell!* JOIN *#go")
	screen.await(ctx, `Autojoined `+roomJID)
	do("/win "+roomJID, `^\S+ - bob: heard by way of biboumi`)
	do("said from the bookmark", `^\S+ - liddell: said from the bookmark`)
	p.irc("<", ":liddell!* PRIVMSG #go :said from the bookmark")
}
