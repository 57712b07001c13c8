package ircbridge

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"passerelle/transports"
)

func TestISupport(t *testing.T) {
	t.Parallel()
	s := defaultISupport()
	s.apply([]string{
		"CASEMAPPING=ascii", "CHANTYPES=#", "PREFIX=(qaohvY)~&@%+!", "CHANMODES=beI,k,lH,imnpst", "NICKLEN=31",
		"TOPICLEN=390", "LINELEN=2048", "UTF8ONLY", "TARGMAX=NAMES:1,JOIN:4,PRIVMSG:,MONITOR:", "MODES=6", "MODES=0", "MONITOR=70", "=", "",
	})
	want := isupport{
		casemap: casemapASCII, chanTypes: "#", prefixModes: "qaohvY", prefixChars: "~&@%+!", listModes: "beI", paramModes: "k", setModes: "lH",
		nickLen: 31, topicLen: 390, lineLen: 2048, joinTargets: 4, monitor: 70, modes: 6, utf8Only: true,
	}
	if s != want {
		t.Errorf("got %+v, want %+v", s, want)
	}
	role, nick := s.cutRanks("!~@nick")
	if role != transports.RoleOwner|transports.RoleOp || nick != "nick" {
		t.Errorf("got role %d of %q", role, nick)
	}
	if s.takesParam('l', false) || !s.takesParam('l', true) || !s.takesParam('k', false) || s.takesParam('n', true) {
		t.Error("the parameters of modes are wrong")
	}
	s.apply([]string{"NICKLEN=0", "LINELEN=10", "PREFIX=(ov)@", "TOPICLEN=-1", "CHANTYPES=", "NICKLEN=" + strings.Repeat("1", 65)})
	if s != want {
		t.Errorf("nonsense was believed: got %+v", s)
	}
	s.apply([]string{"PREFIX=", "LINELEN=9999999"})
	if s.prefixModes != "" || s.lineLen != maxLine {
		t.Errorf("got %+v", s)
	}
}

// Each token does what it is for, and what makes no sense does nothing.
func TestISupportTokens(t *testing.T) {
	t.Parallel()
	for tokens, want := range map[string]func(s *isupport){
		"STATUSMSG=@+":                          func(s *isupport) { s.statusMsg = "@+" },
		"CHANNELLEN=64 CHANNELLEN=0":            func(s *isupport) { s.channelLen = 64 },
		"KICKLEN=180 KICKLEN=x":                 func(s *isupport) { s.kickLen = 180 },
		"AWAYLEN=90 AWAYLEN=-1":                 func(s *isupport) { s.awayLen = 90 },
		"NAMELEN=50":                            func(s *isupport) { s.nameLen = 50 },
		"USERLEN=10 HOSTLEN=64":                 func(s *isupport) { s.userLen, s.hostLen = 10, 64 },
		"EXCEPTS INVEX":                         func(s *isupport) {},
		"EXCEPTS=x INVEX=Z EXCEPTS=ab":          func(s *isupport) { s.listModes = "beIxZ" },
		"CHATHISTORY=100 CHATHISTORY=-1":        func(s *isupport) { s.history, s.historyTold = 100, true },
		"MSGREFTYPES=msgid,timestamp":           func(s *isupport) {},
		"MSGREFTYPES=timestamp":                 func(s *isupport) { s.historyNoID = true },
		"SAFELIST ELIST=CMNTU":                  func(s *isupport) { s.safeList, s.listUsers, s.listMasks = true, true, true },
		"ELIST=MNT":                             func(s *isupport) { s.listMasks = true },
		"EXTBAN=~,acR ACCOUNTEXTBAN=account,a":  func(s *isupport) { s.extBans, s.extBan, s.accountBan = true, "~", "account" },
		"EXTBAN=,acR ACCOUNTEXTBAN=R":           func(s *isupport) { s.extBans, s.accountBan = true, "R" },
		"EXTBAN=~~,a ACCOUNTEXTBAN=a:b":         func(s *isupport) {},
		`NETWORK=The\x20Net\x3D`:                func(s *isupport) { s.network = "The Net=" },
		`NETWORK=a\xZZ\x4`:                      func(s *isupport) { s.network = `a\xZZ\x4` },
		"draft/ICON=https://example.org/{size}": func(s *isupport) { s.icon = "https://example.org/{size}" },
		"NETWORKICON=https://example.org/i":     func(s *isupport) { s.icon = "https://example.org/i" },
		"ICON=" + strings.Repeat("x", 500):      func(s *isupport) {},
		"CASEMAPPING=rfc7613":                   func(s *isupport) { s.casemap = casemapUnicode },
		"CASEMAPPING=strict-rfc1459":            func(s *isupport) { s.casemap = casemapStrict },
		"TARGMAX=NAMES:1,JOIN:,KICK:4":          func(s *isupport) {},
		"MAXTARGETS=3":                          func(s *isupport) { s.joinTargets = 3 },
		"MONITOR":                               func(s *isupport) { s.monitor = maxWatched },
		"WHOX BOT=B UTF8ONLY":                   func(s *isupport) { s.whox, s.bot, s.utf8Only = true, 'B', true },
		"MAXLIST=b:60 MAXBANS=60 FNC KNOCK x=y": func(s *isupport) {},
	} {
		got, expect := defaultISupport(), defaultISupport()
		got.apply(strings.Fields(tokens))
		if want(&expect); got != expect {
			t.Errorf("%s: got %+v, want %+v", tokens, got, expect)
		}
	}
}

// What a network takes back is as it was.
func TestISupportWithdrawn(t *testing.T) {
	t.Parallel()
	tokens := strings.Fields("CASEMAPPING=ascii CHANTYPES=& PREFIX=(o)@ CHANMODES=b,c,d,e STATUSMSG=@ NICKLEN=9 TOPICLEN=100 CHANNELLEN=50 KICKLEN=50 AWAYLEN=50 " +
		"NAMELEN=50 USERLEN=8 HOSTLEN=40 CHATHISTORY=10 MSGREFTYPES=timestamp LINELEN=2048 MODES=5 MONITOR=3 CLIENTTAGDENY=* BOT=B UTF8ONLY WHOX SAFELIST ELIST=U EXTBAN=~,a ACCOUNTEXTBAN=a MAXTARGETS=2 NETWORK=x draft/ICON=y")
	s := defaultISupport()
	for _, token := range tokens {
		before := s
		if s.apply([]string{token}); s == before {
			t.Errorf("%s changes nothing", token)
		}
		name, _, _ := strings.Cut(token, "=")
		if s.apply([]string{"-" + name}); s != defaultISupport() {
			t.Errorf("-%s leaves %+v", name, s)
		}
	}
}

// The limits of a network are kept to, and what it can do is used.
func TestISupportInUse(t *testing.T) {
	t.Parallel()
	p, s, h := scripted(t, "")
	p.Expect(t, "JOIN #test")
	p.Send(t, ":irc.test 005 alice CHANNELLEN=20 KICKLEN=10 AWAYLEN=12 ELIST=U EXTBAN=$,a ACCOUNTEXTBAN=a STATUSMSG=@ CHANTYPES=#+ PREFIX=(ov)@+ :are supported",
		":alice!a@h JOIN #test", ":irc.test 353 alice = #test :@alice!a@h", ":irc.test 366 alice #test :End")
	await[transports.Entered](t, h)
	wantKind(t, s.Do(t.Context(), transports.Join{Ref: 2, Room: roomOf("#" + strings.Repeat("x", 20))}), transports.BadRequest)
	room := roomOf("#test")
	who := transports.Person{Nick: "bob", Host: "host.example", Account: "robert"}
	for _, tc := range []struct {
		ask  transports.Request
		want string
	}{
		{transports.Moderate{Ref: 10, Room: room, Who: who, Kick: true, Reason: "a reason that is long"}, "KICK #test bob :a reason"},
		{transports.Moderate{Ref: 11, Room: room, Who: who, Ban: true}, "MODE #test +bb *!*@host.example $a:robert"},
		{transports.Moderate{Ref: 12, Room: room, Who: who, Unban: true}, "MODE #test -bbb bob!*@* *!*@host.example $a:robert"},
		{transports.List{Ref: 13}, "LIST >1"},
	} {
		do(t, s, tc.ask)
		if line := p.Expect(t, tc.want); line != tc.want {
			t.Errorf("got %q, want %q", line, tc.want)
		}
	}
	p.Send(t, ":bob!b@h PRIVMSG @#test :for some", ":bob!b@h PRIVMSG +#test :not such a rank here")
	if m := await[transports.Message](t, h); m.Room != room || m.Body != "(to @#test) for some" {
		t.Errorf("got %s", describe(m))
	}
}

// Names are compared as the network says by now.
func TestCasemappingChanges(t *testing.T) {
	t.Parallel()
	p, _, h := scripted(t, "")
	p.Expect(t, "JOIN #test")
	p.Send(t, ":alice!a@h JOIN #test", ":irc.test 353 alice = #test :alice bob[", ":irc.test 005 alice CASEMAPPING=ascii :are supported",
		":irc.test 353 alice = #test :bob{", ":bob{!b@h NICK carol", ":irc.test 366 alice #test :End")
	e := await[transports.Entered](t, h)
	var nicks []string
	for _, m := range e.Members {
		nicks = append(nicks, m.Person.Nick)
	}
	if want := []string{"alice", "bob[", "carol"}; !slices.Equal(nicks, want) {
		t.Errorf("got %q, want %q", nicks, want)
	}
}

// TestISupportShared: connections share what their networks say alike, and what one says changes nothing for others.
func TestISupportShared(t *testing.T) {
	t.Parallel()
	var l isupports
	say := func(from *isupport, tokens ...string) *isupport { return l.hear(from, tokens) }
	first := say(&plainISupport, "NICKLEN=20", "CLIENTTAGDENY=*,-typing")
	if say(&plainISupport, "CLIENTTAGDENY=*,-typing", "NICKLEN=20") != first {
		t.Error("it is kept twice")
	}
	for _, tokens := range [][]string{{"NICKLEN=21"}, {"CLIENTTAGDENY=*"}, {"-CLIENTTAGDENY"}, {"CASEMAPPING=ascii"}} {
		if say(first, tokens...) == first {
			t.Errorf("%q is not heard", tokens)
		}
	}
	if first.nickLen != 20 || plainISupport != defaultISupport() {
		t.Error("what is shared has changed")
	}
	for i := range 2 * maxSaid {
		say(first, "TOPICLEN="+strconv.Itoa(i+1))
	}
	if len(l.said) != maxSaid || len(l.lines) > maxSaid {
		t.Errorf("%d and %d are kept, want %d at most", len(l.said), len(l.lines), maxSaid)
	}
}
