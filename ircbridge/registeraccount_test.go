package ircbridge

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"passerelle/internal/ircd"
	"passerelle/internal/realservers"
	"passerelle/transports"
)

// Services make an account of a nick, and it is logged in to from then on.
func TestRegisterAccountAtRealServices(t *testing.T) {
	t.Parallel()
	n := withServices(t, realservers.InspircdOptions{}, realservers.AthemeOptions{})
	wantSaid(t, run(t, n.tr, "register-account", map[string]string{"account": "liddell", "password": "looking", "email": "a@example.org"}),
		"registered no account", "somebody else is called liddell")
	if set := n.has(t); len(set) > 0 {
		t.Errorf("%v are set", slices.Sorted(maps.Keys(set)))
	}
	// In her session, since she goes by that nick there.
	s, h := open(t, n.tr, alice)
	enter(t, s, h, "#test", "alice")
	said := run(t, n.tr, "register-account", map[string]string{"account": "alice", "password": "looking", "email": "a@example.org"})
	wantSaid(t, said, "The account alice is registered", "let you in as account alice")
	if strings.Contains(said, "looking") {
		t.Errorf("the password is said: %s", said)
	}
	if set, want := n.has(t), map[string]string{SettingAccount: "alice", SettingAccountPassword: "looking"}; !maps.Equal(set, want) {
		t.Errorf("%v are set", slices.Sorted(maps.Keys(set)))
	}
	if got := n.account(t, "alice"); got != "alice" {
		t.Errorf("she is logged in to %q", got)
	}
	do(t, s, transports.Send{Ref: 9, To: roomOf("#test"), Body: "still here"})
	await(t, h, func(m transports.Message) bool { return m.Ref == 9 })
	wantSaid(t, run(t, n.tr, "register-account", map[string]string{"account": "alice", "password": "looking"}), "You are logged in to account alice")
	s.Close("")
	// Without one, and by a nick that is an account already.
	wantSaid(t, run(t, n.tr, "register-account", map[string]string{"account": "alice", "password": "through", "email": "a@example.org"}), "registered no account")
}

// An account that begins with a code is one once that is said.
func TestVerifyAccountAtRealServices(t *testing.T) {
	t.Parallel()
	n := withServices(t, realservers.InspircdOptions{}, realservers.AthemeOptions{Mail: true})
	wantSaid(t, run(t, n.tr, "verify-account", map[string]string{"code": "x"}), "No account of yours waits")
	said := run(t, n.tr, "register-account", map[string]string{"account": "alice", "password": "looking", "email": "alice@example.org"})
	wantSaid(t, said, "is registered once you write", "alice@example.org")
	if got, want := slices.Sorted(maps.Keys(n.has(t))), []string{SettingNewAccount, SettingNewPassword}; !slices.Equal(got, want) {
		t.Errorf("%v are set", got)
	}
	wantSaid(t, run(t, n.tr, "verify-account", map[string]string{"code": "wrong"}), "The code was not taken", "Invalid key")
	mails, err := n.services.Mails()
	if err != nil {
		t.Fatal(err)
	}
	code := regexp.MustCompile(`VERIFY REGISTER alice (\S+)`).FindStringSubmatch(mails)
	if code == nil {
		t.Fatalf("no code in %q", mails)
	}
	wantSaid(t, run(t, n.tr, "verify-account", map[string]string{"code": code[1]}), "let you in as account alice")
	if set, want := n.has(t), map[string]string{SettingAccount: "alice", SettingAccountPassword: "looking"}; !maps.Equal(set, want) {
		t.Errorf("%v are set", slices.Sorted(maps.Keys(set)))
	}
}

// registrar is a visit to a server that the test plays, with its capabilities, up to the end of the greeting.
func registrar(t *testing.T, script *ircd.Script, caps, nick string) *ircd.Peer {
	t.Helper()
	p := script.Accept(t)
	p.Expect(t, "USER ")
	p.Send(t, ":irc.test CAP * LS :"+caps)
	p.Expect(t, "CAP REQ")
	p.Send(t, ":irc.test CAP * ACK :draft/account-registration")
	p.Expect(t, "CAP END")
	p.Send(t, ":irc.test 001 "+nick+" :Welcome", ":irc.test 376 "+nick+" :End of MOTD")
	return p
}

// leaves closes the connection of somebody who says good-bye.
func leaves(t *testing.T, p *ircd.Peer) {
	t.Helper()
	p.Expect(t, "QUIT")
	if err := p.Conn.Close(); err != nil {
		t.Error(err)
	}
}

// TestAccountRegistration has a network that registers accounts itself (IRCv3 account-registration, a draft).
func TestAccountRegistration(t *testing.T) {
	t.Parallel()
	const offer = "draft/account-registration=before-connect,email-required,"
	for name, tc := range map[string]struct {
		caps, nick   string // as the network gives it
		email        string
		line, answer string
		said         []string
		waits        bool
	}{
		"refused":            {offer, "alice", "a@b.test", "REGISTER * a@b.test :looking", "FAIL REGISTER ACCOUNT_EXISTS alice :It is there already", []string{"no account", "It is there already"}, false},
		"a weak password":    {offer, "alice", "a@b.test", "REGISTER * a@b.test :looking", "FAIL REGISTER WEAK_PASSWORD alice :Choose better than looking", []string{"no account", "better than " + masked}, false},
		"a code":             {offer, "alice", "a@b.test", "REGISTER * a@b.test :looking", "REGISTER VERIFICATION_REQUIRED alice :Look into your mail", []string{"once you write", "Look into your mail"}, true},
		"another name":       {offer + "custom-account-name", "alice_", "a@b.test", "REGISTER alice a@b.test :looking", "REGISTER VERIFICATION_REQUIRED alice :Look", []string{"once you write"}, true},
		"no address":         {"draft/account-registration", "alice", "", "REGISTER * * :looking", "FAIL REGISTER TEMPORARILY_UNAVAILABLE alice :Later", []string{"Later"}, false},
		"address is needed":  {offer, "alice", "", "", "", []string{"asks for an email address"}, false},
		"another nick":       {offer, "alice_", "a@b.test", "", "", []string{"somebody else is called alice"}, false},
		"unknown after all":  {offer, "alice", "a@b.test", "REGISTER * a@b.test :looking", "421 alice REGISTER :Unknown command", []string{"Unknown command"}, false},
		"it closes on us":    {offer, "alice", "a@b.test", "REGISTER * a@b.test :looking", "ERROR :Closing link", []string{"no account"}, false},
		"says other things":  {offer, "alice", "a@b.test", "REGISTER * a@b.test :looking", "FAIL REGISTER\r\nREGISTER\r\nFAIL\r\nREGISTER VERIFICATION_REQUIRED alice :Look", []string{"once you write"}, true},
		"of another command": {offer, "alice", "a@b.test", "REGISTER * a@b.test :looking", "FAIL JOIN X y :z\r\nREGISTER VERIFICATION_REQUIRED alice :Look", []string{"once you write"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conf, roots := ircd.NewTLS(t, "127.0.0.1")
			script := ircd.NewScript(t, conf)
			set := &memorySettings{}
			tr := newTransport(t, Options{Networks: []Network{{ID: testNet, Addresses: []string{script.Addr}, RootCAs: roots}}, Settings: set})
			said := make(chan string, 1)
			go func() {
				said <- run(t, tr, "register-account", map[string]string{"account": "alice", "password": "looking", "email": tc.email})
			}()
			p := registrar(t, script, tc.caps, tc.nick)
			if tc.line != "" {
				if line := p.Expect(t, "REGISTER"); line != tc.line {
					t.Errorf("got %q, want %q", line, tc.line)
				}
				for line := range strings.SplitSeq(tc.answer, "\r\n") {
					if !strings.HasPrefix(line, "ERROR") {
						line = ":irc.test " + line
					}
					p.Send(t, line)
				}
				if strings.HasPrefix(tc.answer, "ERROR") {
					_ = p.Conn.Close() // as it said
				}
			}
			if !strings.HasPrefix(tc.answer, "ERROR") {
				leaves(t, p)
			}
			got := <-said
			wantSaid(t, got, tc.said...)
			if strings.Contains(got, "looking") {
				t.Errorf("the password is said: %s", got)
			}
			kept, err := set.Load(t.Context(), alice, Scope(testNet))
			if err != nil || (kept[SettingNewPassword] != "") != tc.waits || kept[SettingAccountPassword] != "" || kept[SettingTrial] != "" {
				t.Errorf("%v are set, error %v", slices.Sorted(maps.Keys(kept)), err)
			}
		})
	}
}

// The code is said to the network itself, which is then logged in to.
func TestAccountRegistrationCode(t *testing.T) {
	t.Parallel()
	conf, roots := ircd.NewTLS(t, "127.0.0.1")
	script := ircd.NewScript(t, conf)
	set := withSettings(map[string]string{SettingNewAccount: "alice", SettingNewPassword: "looking"})
	tr := newTransport(t, Options{Networks: []Network{{ID: testNet, Addresses: []string{script.Addr}, RootCAs: roots}}, Settings: set})
	said := make(chan string, 1)
	verify := func(code string) { said <- run(t, tr, "verify-account", map[string]string{"code": code}) }
	go verify("1234")
	p := registrar(t, script, "draft/account-registration", "alice")
	p.Expect(t, "VERIFY alice 1234")
	p.Send(t, ":irc.test FAIL VERIFY INVALID_CODE alice :This is not it")
	leaves(t, p)
	wantSaid(t, <-said, "The code was not taken", "This is not it")
	go verify("5678")
	p = registrar(t, script, "draft/account-registration", "alice")
	p.Expect(t, "VERIFY alice 5678")
	p.Send(t, ":irc.test VERIFY SUCCESS alice :Welcome")
	leaves(t, p)
	p = script.Accept(t)
	p.Expect(t, "USER ")
	p.Send(t, ":irc.test CAP * LS :sasl=PLAIN")
	p.Expect(t, "CAP REQ :sasl")
	p.Send(t, ":irc.test CAP * ACK :sasl")
	p.Expect(t, "AUTHENTICATE PLAIN")
	p.Send(t, "AUTHENTICATE +")
	p.Expect(t, "AUTHENTICATE ")
	p.Send(t, ":irc.test 900 * a!b@c alice :You are logged in", ":irc.test 903 * :success")
	p.Expect(t, "CAP END")
	p.Send(t, ":irc.test 001 alice :Welcome", ":irc.test 376 alice :End of MOTD")
	leaves(t, p)
	wantSaid(t, <-said, "let you in as account alice")
	if kept, err := set.Load(t.Context(), alice, Scope(testNet)); err != nil || !maps.Equal(kept, map[string]string{SettingAccount: "alice", SettingAccountPassword: "looking"}) {
		t.Errorf("%v are set, error %v", slices.Sorted(maps.Keys(kept)), err)
	}
}

func TestIsEmail(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]bool{
		"": true, "a@b": true, "a.b+c@d.example": true, "a": false, "@b": false, "a@": false, ":a@b": false, "a b@c": false, "a@b\r\nQUIT": false, "*": false, "a@" + strings.Repeat("b", 300): false,
	} {
		if got := isEmail(address); got != want {
			t.Errorf("%q: %t", address, got)
		}
	}
}
