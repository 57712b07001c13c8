package ircbridge

import (
	"crypto/x509"
	"maps"
	"strings"
	"testing"

	"passerelle/internal/ircd"
	"passerelle/internal/realservers"
	"passerelle/internal/realservers/realtest"
	"passerelle/transports"
)

// A network without SASL is logged in to by its services, before any channel is joined.
func TestIdentifyAtRealServices(t *testing.T) {
	t.Parallel()
	n := withServices(t, realservers.InspircdOptions{NoSASL: true}, realservers.AthemeOptions{})
	wantSaid(t, run(t, n.tr, "login", map[string]string{"account": "liddell", "password": "open"}), "as they were", "Invalid password for")
	if set := n.has(t); len(set) > 0 {
		t.Errorf("%v are set", set)
	}
	wantSaid(t, run(t, n.tr, "login", map[string]string{"account": "liddell", "password": "sesame"}), "let you in as account liddell", "It has no SASL")
	if set, want := n.has(t), map[string]string{SettingAccount: "liddell", SettingAccountPassword: "sesame", SettingSASL: saslServices}; !maps.Equal(set, want) {
		t.Errorf("%v is set", set)
	}
	n.owner.Send(t, "JOIN #test", "MODE #test +R") // none but those who are logged in
	n.owner.Expect(t, "MODE #test :+R")
	s, h := open(t, n.tr, alice)
	enter(t, s, h, "#test", "alice")
	if got := n.account(t, "alice"); got != "liddell" {
		t.Errorf("logged in to %q", got)
	}
	s.Close("")

	n.set.set(map[string]string{SettingAccount: "liddell", SettingAccountPassword: "open", SettingSASL: saslServices})
	s, h = open(t, n.tr, alice)
	do(t, s, transports.Join{Ref: 1, Room: roomOf("#other"), Nick: "alice"})
	wantSaid(t, wantKind(t, await[transports.Done](t, h).Err, transports.NeedPassword).Text, "does not log you in to account liddell", "Invalid password")
}

// Who took the nick of services that are away gets no password, and nobody gets into a channel by him.
func TestIdentifyToNoStranger(t *testing.T) {
	t.Parallel()
	server := realtest.Inspircd(t, realservers.InspircdOptions{TLS: true, Services: true, NoSASL: true})
	stranger := onNetwork(t, server.Addr, "NickServ")
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(server.Authority))
	login := map[string]string{SettingAccount: "liddell", SettingAccountPassword: "sesame", SettingSASL: saslServices}
	set := withSettings(login)
	tr := newTransport(t, Options{Networks: []Network{{ID: testNet, Addresses: []string{server.TLSAddr}, RootCAs: roots}}, Settings: set})
	s, h := open(t, tr, alice)
	do(t, s, transports.Join{Ref: 1, Room: roomOf("#test"), Nick: "alice"})
	wantSaid(t, wantKind(t, await[transports.Done](t, h).Err, transports.NeedPassword).Text, "not known to be its services", "nothing secret was said")
	await(t, h, func(e transports.State) bool { return !e.Online && e.Retry == 0 })

	// Who has set so goes on, and hears why he is not logged in.
	login[SettingLoginOptional] = "true"
	set.set(login)
	s, h = open(t, tr, alice)
	do(t, s, transports.Join{Ref: 1, Room: roomOf("#test"), Nick: "alice"})
	await(t, h, func(e transports.Notice) bool {
		return strings.Contains(e.Text, "not known to be its services") && strings.Contains(e.Text, "without being logged in")
	})
	await[transports.Entered](t, h)
	stranger.Send(t, "PING :end")
	for {
		line, err := stranger.Line()
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(line, "sesame") || strings.Contains(line, "PRIVMSG") {
			t.Errorf("the stranger heard %q", line)
		}
		if strings.Contains(line, "PONG") {
			break
		}
	}
}

// Without encryption nothing is said to services, wherever they are.
func TestIdentifyNeverInPlainText(t *testing.T) {
	t.Parallel()
	server := ircd.NewScript(t, nil)
	tr := newTransport(t, Options{
		Networks: plainNet(server.Addr), Settings: withSettings(map[string]string{SettingAccount: "liddell", SettingAccountPassword: "sesame", SettingSASL: saslServices}),
	})
	s, h := open(t, tr, alice)
	do(t, s, transports.Join{Ref: 1, Room: roomOf("#test"), Nick: "alice"})
	wantSaid(t, wantKind(t, await[transports.Done](t, h).Err, transports.NeedPassword).Text, "without encryption", "not said to its services")
	wantSaid(t, run(t, tr, "login", map[string]string{"account": "liddell", "password": "sesame"}), "without encryption")
	wantSaid(t, run(t, tr, "certfp", map[string]string{"action": "new", "account": "liddell", "password": "sesame"}), "without encryption")
}

// identifies is a session of alice's on a server that the test plays, by TLS and without SASL, up to WHOIS of NickServ.
func identifies(t *testing.T, account string) (*ircd.Peer, transports.Session, *recorder) {
	t.Helper()
	conf, roots := ircd.NewTLS(t, "127.0.0.1")
	script := ircd.NewScript(t, conf)
	tr := newTransport(t, Options{
		Networks: []Network{{ID: testNet, Addresses: []string{script.Addr}, RootCAs: roots}},
		Settings: withSettings(map[string]string{SettingAccount: account, SettingAccountPassword: "sesame", SettingSASL: saslServices}),
	})
	s, h := open(t, tr, alice)
	do(t, s, transports.Join{Ref: 1, Room: roomOf("#test"), Nick: "alice"})
	p := script.Accept(t)
	p.Welcome(t, "alice")
	p.Expect(t, "WHOIS NickServ")
	return p, s, h
}

// TestIdentifyAnswers has the words of each kind of services, and who may say them.
func TestIdentifyAnswers(t *testing.T) {
	t.Parallel()
	const (
		notice   = ":NickServ!services@services.test NOTICE alice :"
		stranger = ":NickServ!evil@services.test NOTICE alice :"
	)
	for name, tc := range map[string]struct {
		account, server string
		said            string // to them
		answers         []string
		in              bool
		why             string
	}{
		"Atheme":              {"liddell", "services.test", "IDENTIFY liddell sesame", []string{notice + "You are now identified for \x02liddell\x02."}, true, ""},
		"Anope":               {"alice", "services.test", "IDENTIFY sesame", []string{notice + "Password accepted - you are now recognized."}, true, ""},
		"Anope, wrong":        {"alice", "services.test", "IDENTIFY sesame", []string{notice + "Password incorrect."}, false, "Password incorrect"},
		"OFTC":                {"liddell", "services.oftc.net", "IDENTIFY sesame liddell", []string{notice + "You are successfully identified as \x02liddell\x02."}, true, ""},
		"by numeric":          {"liddell", "services.test", "IDENTIFY liddell sesame", []string{":irc.test 900 alice a!b@c liddell :You are now logged in"}, true, ""},
		"by mode":             {"liddell", "services.test", "IDENTIFY liddell sesame", []string{":NickServ!services@services.test MODE alice :+r"}, true, ""},
		"unknown account":     {"liddell", "services.test", "IDENTIFY liddell sesame", []string{notice + "liddell is not a registered nickname.", notice + "Your nick isn't registered."}, false, "not a registered nickname"},
		"too many":            {"liddell", "services.test", "IDENTIFY liddell sesame", []string{notice + "There are already 5 sessions logged in (maximum allowed: 5)."}, false, "maximum allowed"},
		"a stranger says so":  {"liddell", "services.test", "IDENTIFY liddell sesame", []string{stranger + "You are now identified.", notice + "Invalid password for liddell."}, false, "Invalid password"},
		"one's own mode":      {"liddell", "services.test", "IDENTIFY liddell sesame", []string{":alice!a@h MODE alice :+r", notice + "Invalid password for liddell."}, false, "Invalid password"},
		"services go":         {"liddell", "services.test", "IDENTIFY liddell sesame", []string{":irc.test 401 alice NickServ@services.test :No such nick"}, false, "are away"},
		"a greeting is no no": {"liddell", "services.test", "IDENTIFY liddell sesame", []string{notice + "This nickname is registered. Please choose another, or identify.", notice + "You are now logged in as liddell."}, true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, _, h := identifies(t, tc.account)
			p.Send(t, ":irc.test 311 alice NickServ services services.test * :Nickname Services", ":irc.test 312 alice NickServ "+tc.server+" :services", ":irc.test 318 alice NickServ :End")
			if got, want := p.Expect(t, "PRIVMSG"), "PRIVMSG NickServ@"+tc.server+" :"+tc.said; got != want {
				t.Errorf("said %q, want %q", got, want)
			}
			p.Send(t, tc.answers...)
			if tc.in {
				p.EnterChannel(t, "alice")
				await[transports.Entered](t, h)
				return
			}
			wantSaid(t, transports.AsError(await[transports.Done](t, h).Err).Text, tc.why)
			neverJoins(t, p)
		})
	}
}

// neverJoins reads until the session has gone, and fails where it joined anything.
func neverJoins(t *testing.T, p *ircd.Peer) {
	t.Helper()
	for {
		line, err := p.Line()
		if err != nil {
			return
		}
		if strings.HasPrefix(line, "JOIN") || strings.Contains(line, "sesame") {
			t.Errorf("said %q", line)
		}
	}
}

// TestWhoServicesAre has answers to WHOIS.
func TestWhoServicesAre(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		configured string
		lines      []string
		ok         bool
	}{
		"on a server for services":        {"", []string{"311 a NickServ s h * :x", "312 a NickServ services.oftc.net :x"}, true},
		"called a service":                {"", []string{"311 a NickServ s h * :x", "312 a NickServ irc.test :x", "313 a NickServ :is a Network Service"}, true},
		"an operator":                     {"", []string{"311 a NickServ s h * :x", "312 a NickServ irc.test :x", "313 a NickServ :is an IRC Operator"}, false},
		"says of himself that he is":      {"", []string{"311 a NickServ s services.test * :is a Network Service", "312 a NickServ irc.test :x"}, false},
		"nobody":                          {"", []string{"401 a NickServ :No such nick"}, false},
		"where the operator says":         {"stats.test", []string{"311 a NickServ s h * :x", "312 a NickServ Stats.test :x"}, true},
		"not where the operator says":     {"stats.test", []string{"311 a NickServ s h * :x", "312 a NickServ services.test :x", "313 a NickServ :is a Network Service"}, false},
		"of somebody else":                {"", []string{"312 a Nickserv2 services.test :x"}, false},
		"a server that is several":        {"", []string{"311 a NickServ s h * :x", "312 a NickServ services.test,evil :x"}, false},
		"a server that is all of a kind":  {"", []string{"311 a NickServ s h * :x", "312 a NickServ services.* :x"}, false},
		"a server that is a channel's":    {"", []string{"311 a NickServ s h * :x", "312 a NickServ services :x"}, false},
		"a server whose name has a space": {"", []string{"311 a NickServ s h * :x", "312 a NickServ :services. test"}, false},
	} {
		var s services
		for _, line := range append(tc.lines, "318 a NickServ :End") {
			s.hear(parse(":irc.test " + line))
		}
		if err := s.verify(&Network{Name: "Testnet", Services: tc.configured}); (err == nil) != tc.ok || !s.over {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzServices(f *testing.F) {
	f.Add("311 a NickServ s h * :x\n312 a NickServ services.test :x\n318 a NickServ :End")
	f.Add("401 a NickServ")
	f.Add("312 a NickServ\n313\n318 a nickserv")
	f.Fuzz(func(t *testing.T, lines string) {
		var s services
		for line := range strings.SplitSeq(lines, "\n") {
			if e := parse(line); e != nil {
				s.hear(e)
			}
		}
		if s.verify(&Network{Name: "x"}) == nil {
			if line := s.line("IDENTIFY x"); strings.ContainsAny(line[:strings.Index(line, " :")], ",*?\r\n") || strings.Count(line, "@") != 1 || strings.Count(line, " ") != 3 {
				t.Errorf("said by %q", line)
			}
		}
	})
}
