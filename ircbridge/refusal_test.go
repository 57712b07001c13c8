package ircbridge

import (
	"context"
	"strings"
	"testing"

	"passerelle/internal/ircd"
	"passerelle/transports"
)

// TestRefusedJoins has what servers say when they let somebody not into a channel, as their sources have it. Each is an error at once.
func TestRefusedJoins(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]struct {
		kind transports.Kind
		text string
	}{
		// ngIRCd 26: one number for many reasons.
		"403 alice #Test :No such channel":                                               {transports.NotFound, "has no channel"},
		"405 alice #Test :You have joined too many channels":                             {transports.Policy, "leave one before"},
		"471 alice #Test :Cannot join channel (+l) -- Channel is full, try later":        {transports.Full, "is full"},
		"471 alice #Test :Cannot join channel (+O) -- IRC opers only":                    {transports.Denied, "operators of the network"},
		"471 alice #Test :Cannot join channel (+R) -- Registered users only":             {transports.NotRegistered, "log in to yours with the command login"},
		"471 alice #Test :Cannot join channel (+z) -- SSL connections only":              {transports.Denied, "encrypted connections only"},
		"473 alice #Test :Cannot join channel (+i) -- Invited users only":                {transports.NotRegistered, "invited people only"},
		"474 alice #Test :Cannot join channel (+b) -- You are banned":                    {transports.Denied, "are banned from"},
		"475 alice #Test :Cannot join channel (+k) -- Wrong channel key":                 {transports.NeedPassword, "needs a password"},
		"476 alice #Test :Bad Channel Mask":                                              {transports.BadRequest, "takes no channel called"},
		"384 alice #Test :Cannot join channel, CBANed (spam)":                            {transports.Denied, "CBANed (spam)"}, // InspIRCd 3
		"437 alice #Test :This channel is temporarily unavailable (+j is set).":          {transports.Busy, "Try again in a few minutes"},
		"437 alice #Test :You must wait 5 seconds after being kicked to rejoin (+J)":     {transports.Busy, "wait 5 seconds"},
		"470 alice #Test #else :You may not join this channel":                           {transports.Denied, "Join #else, where it leads to"},
		"471 alice #Test :Cannot join channel (channel is full)":                         {transports.Full, "is full"},
		"473 alice #Test :Cannot join channel (invite only)":                             {transports.NotRegistered, "invited people only"},
		"474 alice #Test :Cannot join channel (you're banned)":                           {transports.Denied, "are banned from"},
		"475 alice #Test :Cannot join channel (incorrect channel key)":                   {transports.NeedPassword, "needs a password"},
		"477 alice #Test :You need to be identified to a registered account to join":     {transports.NotRegistered, "log in to yours with the command login"},
		"489 alice #Test :Cannot join channel; TLS (SSL) users only (+z is set)":         {transports.Denied, "encrypted connections only"},
		"520 alice #Test :Only server operators may join #test (+O is set)":              {transports.Denied, "operators of the network"},
		"609 alice #Test :This channel is temporarily unavailable (+j).":                 {transports.Busy, "Try again"},
		"926 alice #Test :Channel #test is forbidden: no":                                {transports.Denied, "is forbidden: no"},
		"448 alice #Test :Cannot join channel: This channel is forbidden":                {transports.BadRequest, "is forbidden"}, // UnrealIRCd 6
		"477 alice #Test :Cannot join channel (+R/+r)":                                   {transports.NotRegistered, "log in to yours with the command login"},
		"489 alice #Test :Cannot join channel (Secure connection is required)":           {transports.Denied, "encrypted connections only"},
		"490 alice #Test :all members must be connected via SSL":                         {transports.Denied, "encrypted connections only"},
		"500 alice #Test :Too many join requests. Please wait a while and try again.":    {transports.Busy, "Too many join requests"},
		"518 alice #Test :Cannot join, nobody can be invited":                            {transports.NotRegistered, "invited people only"},
		"519 alice #Test :Cannot join channel (Admin only)":                              {transports.Denied, "operators of the network"},
		"520 alice #Test :Cannot join channel (IRCops only)":                             {transports.Denied, "operators of the network"},
		"437 alice #Test :Nick/channel is temporarily unavailable":                       {transports.Busy, "temporarily unavailable"}, // solanum, charybdis
		"470 alice #Test ##test :Forwarding to another channel":                          {transports.Denied, "Join ##test"},
		"477 alice #Test :Cannot join channel (+r) - you need to be logged into":         {transports.NotRegistered, "log in to yours with the command login"},
		"479 alice #Test :Illegal channel name":                                          {transports.BadRequest, "Illegal channel name"},
		"480 alice #Test :Cannot join channel (+j) - throttle exceeded, try again later": {transports.Busy, "throttle exceeded"},
		"480 alice #Test :Cannot join channel (+S) - SSL/TLS required":                   {transports.Denied, "encrypted connections only"}, // hybrid as well
		"470 alice #Test :Cannot join channel (+O)":                                      {transports.Denied, "operators of the network"},
		"485 alice #Test :Cannot join channel (full of spam)":                            {transports.Denied, "full of spam"},
		"477 alice #Test :You must be registered to join that channel":                   {transports.NotRegistered, "log in to yours with the command login"}, // ergo
		"403 alice #Test :Only server operators can create new channels":                 {transports.NotFound, "has no channel"},
		"439 alice #Test :Target change too fast. Please wait 10 seconds.":               {transports.Busy, "wait 10 seconds"},              // ircu
		"488 alice #Test :Only secure SSL clients may join this channel (+S)":            {transports.Denied, "encrypted connections only"}, // bahamut
		"599 alice #Test :Something that nobody has heard of.":                           {transports.Denied, "does not let you into #test: Something that nobody has heard of."},
		"FAIL JOIN NO_WAY #Test :Not now":                                                {transports.Denied, "Not now"},                // IRCv3 standard replies
		"475 #Test :Cannot join channel (+k)":                                            {transports.NeedPassword, "needs a password"}, // our nick is left out
		"474 alice #Test":                                                                {transports.Denied, "are banned from"},
	} {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			script := ircd.NewScript(t, nil)
			s, h := open(t, newTransport(t, Options{Networks: plainNet(script.Addr)}), alice)
			do(t, s, transports.Join{Ref: 5, Room: roomOf("#test"), Nick: "alice"})
			p := script.Accept(t)
			p.Welcome(t, "alice")
			p.Expect(t, "JOIN #test")
			p.Send(t, ":irc.test "+line)
			d := await[transports.Done](t, h)
			e := wantKind(t, d.Err, want.kind)
			for _, says := range []string{"#test", testNet, want.text} {
				if !strings.Contains(e.Text, says) {
					t.Errorf("got text %q, want %q in it", e.Text, says)
				}
			}
			if d.Ref != 5 || !strings.HasSuffix(e.Text, ".") || strings.HasSuffix(e.Text, "..") {
				t.Errorf("got ref %d, text %q: want 5 and a sentence", d.Ref, e.Text)
			}
			wantKind(t, s.Do(context.Background(), transports.Send{To: roomOf("#test"), Body: "x"}), transports.NotJoined)
		})
	}
}

// TestTurnedOut has what servers say before they close a connection that they do not want.
func TestTurnedOut(t *testing.T) {
	t.Parallel()
	n := &Network{ID: testNet, Name: testNet}
	for words, want := range map[string]struct {
		kind  transports.Kind
		final bool
		text  string
	}{
		"Connection limit reached":                                                             {transports.Full, false, "takes no more connections from here at the moment: Connection limit reached."}, // ngIRCd
		"Connection refused, too many connections from your IP address":                        {transports.Full, false, "too many connections"},
		"Closing Link: alice[192.0.2.1] (No more connections allowed (client limit reached).)": {transports.Full, false, "moment: No more connections allowed (client limit reached)."}, // InspIRCd
		"Closing link: (~a@192.0.2.1) [Your IP range has been attempting to connect too many times in too short a duration. Wait a while, and you will be able to connect.]": {transports.Full, false, "Wait a while"},
		"Closing link: (~a@192.0.2.1) [G-lined: spam]":                 {transports.Denied, true, "has banned you: G-lined: spam. Only its operators"},
		"Closing Link: [192.0.2.1] (Throttled: Reconnecting too fast)": {transports.Full, false, "Throttled"}, // UnrealIRCd
		"Closing Link: [192.0.2.1] (You are not welcome: *** Banned)":  {transports.Denied, true, "has banned you"},
		"Closing Link: 192.0.2.1 (Server is full)":                     {transports.Full, false, "Server is full"}, // solanum
		"Closing Link: 192.0.2.1 (K-Lined)":                            {transports.Denied, true, "has banned you: K-Lined"},
		"Closing Link: 192.0.2.1 (Too many host connections (local))":  {transports.Full, false, "moment: Too many host connections (local)."},
		"Too many clients from your network":                           {transports.Full, false, "Too many clients"}, // ergo
		"You are banned from this server (2 hours)":                    {transports.Denied, true, "has banned you"},
		"Closing Link: alice[192.0.2.1] (Ping timeout: 240 seconds)":   {transports.Offline, false, "closed the connection: Ping timeout: 240 seconds."},
		"Closing Link: alice[192.0.2.1] (Killed (oper (be nice)))":     {transports.Offline, false, "closed the connection: Killed (oper (be nice))."},
		"Server going down": {transports.Offline, false, "closed the connection: Server going down."},
	} {
		got := n.turnedOut(words, nil)
		if got.err.Kind != want.kind || got.final != want.final || !strings.Contains(got.err.Text, want.text) {
			t.Errorf("%q: got %+v %v, want %+v", words, got.err, got.final, want)
		}
	}
}
