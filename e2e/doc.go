// Package e2e is in charge of showing the gateway at work from the outside: scenarios/*.txtar, one behaviour each, run with the
// built program between an XMPP and an IRC server, first with those of internal/xmpptest and internal/ircd, then with Prosody and
// ejabberd, of which one has ngIRCd and the other one InspIRCd; with -everywhere each has both. A scenario cannot tell the difference. It is not in charge of anything inside the program.
//
// What only newer IRC has is in modern/*.txtar, and runs with InspIRCd and its services alone (TestModern). What messages carry beside text is in
// tags/*.txtar (TestTags); in the other scenarios networks carry text alone.
//
// Other tests hold conversations with clients that people use: the library slixmpp, Profanity on a screen of its own, the
// command line of Libervia, and irssi on the side of IRC. And one has users come from biboumi, which runs in the gateway's place before, with a client that is not changed.
//
// TestCompare plays testdata/compare/script.txt with biboumi and with passerelle, and compares what clients get stanza by stanza: what differs
// is in testdata/compare/differences.txt, with the reason. With -comparison FILE it writes all of it as a table.
//
// # Running
//
//	go test -short ./e2e                                           with servers in the process
//	go test ./e2e                                                  with real servers too
//	go test ./e2e -everywhere                                      with all pairs of them
//	go test ./e2e -run TestScenarios/ejabberd-inspircd             with a pair of them
//	go test ./e2e -run TestScenarios/.*/join-order                 one scenario
//
// PASSERELLE_FAULTS=1 has the tests of faults take the users and the times that docs/perf.md has figures of: some minutes, one of them eleven.
//
// A failure prints the line of the script, what was expected, what came, what had come before, and the end of the gateway's log.
//
// # A scenario
//
// The comment of the txtar archive says the behaviour and names its rule. The file "script" has one step a line; empty lines and
// lines that begin with # are passed over.
//
//	xmpp alice              alice logs in as alice@localhost/home; her name here is alice
//	xmpp alice/phone        alice logs in as alice@localhost/phone; her name here is alice/phone
//	alice > <stanza/>       she sends a stanza, which may go on over several lines
//	alice < <pattern/>      the next stanza that she gets is so
//	alice <* <pattern/>     so is one of those that she gets, the ones before it are passed over
//	alice <! <pattern/>     no such stanza has come by the time the gateway has answered a ping of hers
//	alice close             she logs out
//
//	irc bob                 an IRC client with that nick connects; its name here is irc bob
//	irc bob > JOIN #go      it sends a line
//	irc bob < pattern       the next line that it gets, numeric replies aside, is so; msgid={name} or time={name} in it captures that tag
//	irc bob <* pattern      so is one of those that it gets, numeric replies among them
//	irc bob <! pattern      no such line has come by the time the server has answered a ping of his
//	irc bob <~ pattern      so is one of those, some time: until then its last line is sent again
//	irc bob close           it disconnects without a word
//
//	gateway kill            the program is killed, as by a crash, and the XMPP server has noticed
//	gateway stop            it is stopped in order, and the XMPP server has noticed
//	gateway remembers 2     its database knows of two clients in rooms, so that a crash cannot make it forget them
//	gateway ages 3          while it is killed: all messages in its database are three days older, and when its users were seen
//	                        is three days longer ago
//	gateway set x = 1       that line is in the table [[irc]] of its configuration, in place of the one that has its key
//	gateway set [log] x = 1 so it is in another table
//	gateway restart         it runs, with the same configuration and database, and is ready
//	gateway reload          it reads its configuration again (SIGHUP), and has done so
//	xmppserver kill         the XMPP server is killed; XMPP clients are gone and log in again by "xmpp"
//	xmppserver restart      it runs, on the same ports, and the gateway has joined it
//	ircserver kill          the IRC server is killed; IRC clients are gone
//	ircserver restart       it runs, on the same port; what the gateway makes of it is for the script to expect
//	services kill           the services of the IRC network are killed, where it has some: in the scripts of TestAccounts
//	services restart        they run, and the IRC server has them back
//
//	operator > user list    the operator runs the program with these arguments (and that of the configuration); what
//	                        stands behind << is its standard input
//	operator < pattern      its exit code, and what it printed, was so
//
//	web follow irc bob      somebody opens the last link in what irc bob got, or alice
//	web again               and the same one once more
//	web press               and presses the button there; of a ZIP file all files are there, behind their names
//	web < 200 pattern       what is there is so, behind its status
//
// What a step waits for has to come within a minute.
//
// Patterns of stanzas are those of xmpptest.Match: a part of what came, with * for anything and {name} to capture a value; a
// stanza whose pattern names no type has none. Patterns of lines are the same kind of text. "<" passes over what a gateway may
// say at any time, unless the pattern asks for it: messages from the domain or a network itself, requests for discovery, and on
// IRC pings. The colon that a last parameter of IRC may have without need may be left out of a pattern.
//
// $name is a captured value or one of these: $GW, the domain of the gateway; $NET, the name of the network; $PORT, where it is without TLS; $alice, the full JID
// of alice, as she was last seen. $$ is a dollar sign. In lines of IRC, \xHH and \uHHHH stand for a byte and a character.
//
// Accounts are alice, bob, carol and mallory, of whom carol is an administrator of the gateway and mallory may not use it. Networks have no other clients than those of the script; the nick of the user in IRC is what
// he joins with.
package e2e
