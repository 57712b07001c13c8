package ircbridge

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"maps"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"passerelle/internal/ircd"
	"passerelle/transports"
)

// pemOf is the certificate and the key of a configuration, as a user pastes them.
func pemOf(t testing.TB, conf *tls.Config) string {
	t.Helper()
	key, err := x509.MarshalPKCS8PrivateKey(conf.Certificates[0].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: conf.Certificates[0].Certificate[0]})) +
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}))
}

// withSettings is a store in which alice has set something on the network.
func withSettings(set map[string]string) *memorySettings {
	m := &memorySettings{}
	m.set(set)
	return m
}

// TestLogin logs in to a server that computes its side itself.
func TestLogin(t *testing.T) {
	t.Parallel()
	conf, pool := ircd.NewTLS(t, "127.0.0.1")
	conf.ClientAuth = tls.RequestClientCert
	mine, _ := ircd.NewTLS(t)
	certificate := pemOf(t, mine)
	const named = "ircd test" // in the certificate
	all := []string{mechPlain, mechExternal, mechScram256, mechScram512}
	type settings = map[string]string
	password := settings{SettingAccount: "alice", SettingAccountPassword: "sesame"}
	with := func(more settings) settings {
		set := maps.Clone(password)
		maps.Copy(set, more)
		return set
	}
	for name, tc := range map[string]struct {
		offered   []string
		set       settings
		account   string
		mechanism string
	}{
		"the strongest":         {all, with(settings{SettingCertificate: certificate}), "alice", mechScram512},
		"SCRAM-SHA-256":         {[]string{mechPlain, mechScram256}, password, "alice", mechScram256},
		"SCRAM escapes":         {all, settings{SettingAccount: "a,b=c", SettingAccountPassword: "päss"}, "a,b=c", mechScram512},
		"EXTERNAL before PLAIN": {[]string{mechPlain, mechExternal}, with(settings{SettingCertificate: certificate}), named, mechExternal},
		"certificate alone":     {all, settings{SettingCertificate: certificate}, named, mechExternal},
		"PLAIN":                 {[]string{mechPlain}, password, "alice", mechPlain},
		"PLAIN wanted":          {all, with(settings{SettingSASL: saslPlain}), "alice", mechPlain},
		"SCRAM wanted":          {all, with(settings{SettingSASL: saslSCRAM}), "alice", mechScram512},
		"EXTERNAL wanted":       {all, with(settings{SettingSASL: saslExternal, SettingCertificate: certificate}), named, mechExternal},
		"account is the nick":   {[]string{mechPlain}, settings{SettingNick: "alice", SettingAccountPassword: "sesame"}, "alice", mechPlain},
		"no login":              {all, with(settings{SettingSASL: saslNone}), "", ""},
		"nothing set":           {all, nil, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := startServer(t, ircd.Options{
				TLS: conf, SASL: tc.offered, Caps: []string{"extended-join", "echo-message"},
				Accounts: map[string]string{"alice": "sesame", "a,b=c": "päss", named: "another"},
			})
			tr := newTransport(t, Options{
				Networks: []Network{{ID: testNet, Addresses: []string{server.Addr()}, RootCAs: pool}}, Settings: withSettings(tc.set),
			})
			s, h := open(t, tr, alice)
			e := enter(t, s, h, "#test", "alice")
			if account, mechanism := server.Login("alice"); account != tc.account || mechanism != tc.mechanism {
				t.Errorf("logged in to %q by %q, want %q by %q", account, mechanism, tc.account, tc.mechanism)
			}
			if !slices.ContainsFunc(e.Members, func(m transports.Member) bool { return m.Person.Nick == "alice" }) {
				t.Errorf("got %s", describe(e))
			}
			do(t, s, transports.Send{Ref: 2, To: roomOf("#test"), Body: "x"})
			if m := await(t, h, func(m transports.Message) bool { return m.Ref == 2 }); m.From.Account != "" && m.From.Account != tc.account {
				t.Errorf("got %s", describe(m))
			}
		})
	}
}

// TestLoginByFallback has a network that does not know the certificate, which is not to be the end where there is a password.
func TestLoginByFallback(t *testing.T) {
	t.Parallel()
	conf, pool := ircd.NewTLS(t, "127.0.0.1")
	conf.ClientAuth = tls.RequestClientCert
	server := startServer(t, ircd.Options{TLS: conf, SASL: []string{mechExternal, mechPlain}, Accounts: map[string]string{"alice": "sesame"}})
	tr := newTransport(t, Options{
		Networks: []Network{{ID: testNet, Addresses: []string{server.Addr()}, RootCAs: pool}},
		Settings: withSettings(map[string]string{SettingAccount: "alice", SettingAccountPassword: "sesame", SettingCertificate: pemOf(t, conf)}),
	})
	s, h := open(t, tr, alice)
	enter(t, s, h, "#test", "alice")
	if account, mechanism := server.Login("alice"); account != "alice" || mechanism != mechPlain {
		t.Errorf("logged in to %q by %q", account, mechanism)
	}
}

// TestLoginInPlainText sends no password where everybody can read it, but proves to have it.
func TestLoginInPlainText(t *testing.T) {
	t.Parallel()
	server := startServer(t, ircd.Options{SASL: []string{mechPlain, mechScram256}, Accounts: map[string]string{"alice": "sesame"}})
	tr := newTransport(t, Options{
		Networks: plainNet(server.Addr()), Settings: withSettings(map[string]string{SettingAccount: "alice", SettingAccountPassword: "sesame"}),
	})
	s, h := open(t, tr, alice)
	enter(t, s, h, "#test", "alice")
	if account, mechanism := server.Login("alice"); account != "alice" || mechanism != mechScram256 {
		t.Errorf("logged in to %q by %q", account, mechanism)
	}
}

// TestLoginPieces has responses around the length of a piece: "\0", the account, "\0", the password.
func TestLoginPieces(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 297, 298, 299, 300, 301, 302, 599, 600, 601, 900} {
		message := strings.Repeat("x", n)
		var encoded strings.Builder
		lines := authenticateLines([]byte(message))
		for i, line := range lines {
			piece, ok := strings.CutPrefix(line, "AUTHENTICATE ")
			if last := i == len(lines)-1; !ok || len(piece) > 400 || len(piece) == 0 || !last && len(piece) != 400 || last && len(piece) == 400 {
				t.Errorf("%d bytes: line %d of %d is %q", n, i+1, len(lines), line)
			}
			if piece != "+" {
				encoded.WriteString(piece)
			}
		}
		if got, err := base64.StdEncoding.DecodeString(encoded.String()); err != nil || string(got) != message {
			t.Errorf("%d bytes: got %d back, error %v", n, len(got), err)
		}
	}
	conf, pool := ircd.NewTLS(t, "127.0.0.1")
	for _, n := range []int{292, 293, 294, 295, maxAccountPassword} {
		password := strings.Repeat("x", n)
		server := startServer(t, ircd.Options{TLS: conf, SASL: []string{mechPlain}, Accounts: map[string]string{"long": password}})
		tr := newTransport(t, Options{
			Networks: []Network{{ID: testNet, Addresses: []string{server.Addr()}, RootCAs: pool}},
			Settings: withSettings(map[string]string{SettingAccount: "long", SettingAccountPassword: password}),
		})
		s, h := open(t, tr, alice)
		enter(t, s, h, "#test", "alice")
		if account, _ := server.Login("alice"); account != "long" {
			t.Errorf("not logged in with a password of %d bytes", n)
		}
	}
}

// exchanged is a script of one login: lines that begin with "<" are what the session must say next, up to that text; the others
// are the server's.
type exchanged struct {
	set   map[string]string // beside account and password
	plain bool
	lines []string
	kind  transports.Kind
	text  string // in the error
}

// TestLoginFails has every way in which a login can fail, and none of them lets the user in.
func TestLoginFails(t *testing.T) {
	t.Parallel()
	conf, pool := ircd.NewTLS(t, "127.0.0.1")
	start := func(sasl string, more ...string) []string {
		return append([]string{"<USER ", ":irc.test CAP * LS :multi-prefix " + sasl}, more...)
	}
	running := func(mechanism string, more ...string) []string {
		return start("sasl="+mechanism, append([]string{
			"<CAP REQ :sasl", ":irc.test CAP alice ACK :multi-prefix", ":irc.test CAP alice ACK :sasl", "<AUTHENTICATE " + mechanism,
		}, more...)...)
	}
	plain := func(more ...string) []string {
		return running(mechPlain, append([]string{"AUTHENTICATE +", "<AUTHENTICATE AGFsaWNlAHNlc2FtZQ=="}, more...)...)
	}
	const wrong = "Testnet refuses the password of account alice: set it with the command login."
	for name, tc := range map[string]exchanged{
		"no capabilities at all":     {lines: []string{"<USER ", ":irc.test 421 * CAP :Unknown command", ":irc.test 001 alice :Welcome", ":irc.test 376 alice :End"}, kind: transports.NeedPassword, text: "offers no login"},
		"empty list":                 {lines: []string{"<USER ", ":irc.test CAP * LS :"}, kind: transports.NeedPassword, text: "offers no login"},
		"not offered":                {lines: start(""), kind: transports.NeedPassword, text: "offers no login"},
		"not offered in two lines":   {lines: []string{"<USER ", ":irc.test CAP * LS * :batch", ":irc.test CAP * LS :multi-prefix"}, kind: transports.NeedPassword, text: "offers no login"},
		"capability refused":         {lines: start("sasl", "<CAP REQ :sasl", ":irc.test CAP alice NAK :sasl"), kind: transports.NeedPassword, text: "offers no login"},
		"capability withdrawn":       {lines: running(mechPlain, ":irc.test CAP alice DEL :sasl"), kind: transports.NeedPassword, text: "offers no login"},
		"mechanism missing":          {lines: start("sasl=GSSAPI,EXTERNAL"), kind: transports.NeedPassword, text: "no way to log in that fits"},
		"wanted mechanism missing":   {set: map[string]string{SettingSASL: saslSCRAM}, lines: start("sasl=PLAIN"), kind: transports.NeedPassword, text: "no way to log in that fits"},
		"PLAIN in plain text":        {plain: true, lines: start("sasl=PLAIN"), kind: transports.NeedPassword, text: "without encryption"},
		"nothing listed, in plain":   {plain: true, set: map[string]string{SettingSASL: saslPlain}, lines: start("sasl"), kind: transports.NeedPassword, text: "without encryption"},
		"welcome instead":            {lines: start("sasl=PLAIN", ":irc.test 001 alice :Welcome"), kind: transports.NeedPassword, text: "offers no login"},
		"welcome during the login":   {lines: plain(":irc.test 001 alice :Welcome", ":irc.test 376 alice :End"), kind: transports.NeedPassword, text: "offers no login"},
		"902":                        {lines: plain(":irc.test 902 alice :Account is frozen."), kind: transports.NeedPassword, text: "does not let account alice in: Account is frozen."},
		"904":                        {lines: plain(":irc.test 904 alice :SASL authentication failed"), kind: transports.NeedPassword, text: wrong},
		"904 without our nick":       {lines: plain(":irc.test 904 :SASL authentication failed"), kind: transports.NeedPassword, text: wrong},
		"904 before the password":    {lines: running(mechPlain, ":irc.test 904 alice :SASL authentication failed"), kind: transports.Offline, text: "logs nobody in at the moment"},
		"905":                        {lines: plain(":irc.test 905 alice :too long"), kind: transports.NeedPassword, text: "takes no password as long"},
		"906":                        {lines: plain(":irc.test 906 alice :aborted"), kind: transports.Offline, text: "broke the login off"},
		"907":                        {lines: plain(":irc.test 907 alice :already"), kind: transports.Offline, text: "makes no sense"},
		"908":                        {lines: running(mechPlain, ":irc.test 908 alice GSSAPI :are available", ":irc.test 904 alice :failed"), kind: transports.Offline, text: "logs nobody in at the moment"},
		"success before the login":   {lines: running(mechPlain, ":irc.test 900 alice a!b@c alice :You are logged in", ":irc.test 903 alice :success"), kind: transports.NeedPassword, text: "without proof"},
		"no base64":                  {lines: running(mechPlain, "AUTHENTICATE !"), kind: transports.Offline, text: "makes no sense"},
		"unexpected challenge":       {lines: running(mechPlain, "AUTHENTICATE AAAA"), kind: transports.Offline, text: "makes no sense"},
		"asked twice":                {lines: plain("AUTHENTICATE +"), kind: transports.Offline, text: "makes no sense"},
		"long piece":                 {lines: running(mechPlain, "AUTHENTICATE "+strings.Repeat("A", 401)), kind: transports.Offline, text: "makes no sense"},
		"endless pieces":             {lines: running(mechPlain, slices.Repeat([]string{"AUTHENTICATE " + strings.Repeat("A", 400)}, 21)...), kind: transports.Offline, text: "makes no sense"},
		"SCRAM, no proof":            {lines: running(mechScram256, "AUTHENTICATE +", "<AUTHENTICATE ", ":irc.test 903 alice :success"), kind: transports.NeedPassword, text: "without proof"},
		"SCRAM, unknown account":     {lines: running(mechScram256, "AUTHENTICATE +", "<AUTHENTICATE ", ":irc.test 904 alice :failed"), kind: transports.NeedPassword, text: "does not log in account alice"},
		"closed during the login":    {lines: plain("ERROR :Closing Link: K-Lined"), kind: transports.Denied, text: "K-Lined"},
		"EXTERNAL, not known":        {set: map[string]string{SettingAccountPassword: "", SettingCertificate: pemOf(t, conf)}, lines: running(mechExternal, "AUTHENTICATE +", "<AUTHENTICATE +", ":irc.test 904 alice :failed"), kind: transports.NeedPassword, text: "does not know your certificate"},
		"no password":                {set: map[string]string{SettingAccountPassword: ""}, kind: transports.NeedPassword, text: "takes an account and its password"},
		"no account":                 {set: map[string]string{SettingAccount: ""}, kind: transports.NeedPassword, text: "takes an account and its password"},
		"EXTERNAL, no certificate":   {set: map[string]string{SettingSASL: saslExternal}, kind: transports.NeedPassword, text: "takes an account and its password"},
		"certificate is no such":     {set: map[string]string{SettingCertificate: "x"}, kind: transports.NeedPassword, text: "cannot be read"},
		"no encryption for EXTERNAL": {plain: true, set: map[string]string{SettingSASL: saslExternal, SettingCertificate: pemOf(t, conf)}, lines: start("sasl=EXTERNAL"), kind: transports.NeedPassword, text: "without encryption"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			set := map[string]string{SettingAccount: "alice", SettingAccountPassword: "sesame"}
			maps.Copy(set, tc.set)
			n := Network{ID: testNet, Name: "Testnet", RootCAs: pool, Plain: tc.plain}
			script := ircd.NewScript(t, conf)
			if tc.plain {
				script = ircd.NewScript(t, nil)
			}
			n.Addresses = []string{script.Addr}
			s, h := open(t, newTransport(t, Options{Networks: []Network{n}, Settings: withSettings(set)}), alice)
			do(t, s, transports.Join{Ref: 1, Room: roomOf("#test"), Nick: "alice"})
			if tc.lines != nil {
				p := script.Accept(t)
				for _, line := range tc.lines {
					if want, ours := strings.CutPrefix(line, "<"); ours {
						p.Expect(t, want)
					} else {
						p.Send(t, line)
					}
				}
				if strings.HasPrefix(tc.lines[len(tc.lines)-1], "ERROR") {
					_ = p.Conn.Close() // the test's end
				}
				neverLetIn(t, p)
			}
			e := wantKind(t, await[transports.Done](t, h).Err, tc.kind)
			if !strings.Contains(e.Text, tc.text) || strings.Contains(e.Error(), "sesame") {
				t.Errorf("got %q, want %q in it", e.Error(), tc.text)
			}
			if st := await[transports.State](t, h); st.Online || st.Retry != 0 {
				t.Errorf("got %+v, want the end", st)
			}
		})
	}
}

// neverLetIn reads what the session still says until it hangs up, and fails if it lets itself be registered or joins.
func neverLetIn(t *testing.T, p *ircd.Peer) {
	t.Helper()
	for {
		line, err := p.Line()
		if err != nil {
			return
		}
		if strings.HasPrefix(line, "CAP END") || strings.HasPrefix(line, "JOIN") {
			t.Errorf("it went on with %q", line)
		}
	}
}

// TestLoginWrongPassword refuses after one attempt: more would bring the account nearer to being locked.
func TestLoginWrongPassword(t *testing.T) {
	t.Parallel()
	conf, pool := ircd.NewTLS(t, "127.0.0.1")
	for _, mechanism := range []string{mechPlain, mechScram256, mechScram512} {
		server := startServer(t, ircd.Options{TLS: conf, SASL: []string{mechanism, mechPlain}, Accounts: map[string]string{"alice": "sesame"}})
		tr := newTransport(t, Options{
			Networks: []Network{{ID: testNet, Addresses: []string{server.Addr()}, RootCAs: pool}},
			Settings: withSettings(map[string]string{SettingAccount: "alice", SettingAccountPassword: "wrong"}),
		})
		s, h := open(t, tr, alice)
		do(t, s, transports.Join{Ref: 1, Room: roomOf("#test"), Nick: "alice"})
		if e := wantKind(t, await[transports.Done](t, h).Err, transports.NeedPassword); !strings.Contains(e.Text, "refuses the password of account alice") {
			t.Errorf("%s: got %q", mechanism, e.Text)
		}
		if n := server.Refusals(); n != 1 {
			t.Errorf("%s: the password was refused %d times", mechanism, n)
		}
	}
}

// TestLoginOffersNothing is a network without version 302 of the capabilities: what it takes is found out by trying.
func TestLoginOffersNothing(t *testing.T) {
	t.Parallel()
	conf, pool := ircd.NewTLS(t, "127.0.0.1")
	script := ircd.NewScript(t, conf)
	tr := newTransport(t, Options{
		Networks: []Network{{ID: testNet, Addresses: []string{script.Addr}, RootCAs: pool}},
		Settings: withSettings(map[string]string{SettingAccount: "alice", SettingAccountPassword: "sesame"}),
	})
	s, h := open(t, tr, alice)
	do(t, s, transports.Join{Ref: 1, Room: roomOf("#test"), Nick: "alice"})
	p := script.Accept(t)
	p.Expect(t, "USER ")
	p.Send(t, ":irc.test CAP * LS :sasl echo-message")
	p.Expect(t, "CAP REQ :echo-message")
	p.Expect(t, "CAP REQ :sasl")
	p.Send(t, ":irc.test CAP * ACK :sasl ")
	p.Expect(t, "AUTHENTICATE SCRAM-SHA-512")
	p.Send(t, ":irc.test 908 * PLAIN,SCRAM-SHA-256 :are available SASL mechanisms", ":irc.test 904 * :failed")
	p.Expect(t, "AUTHENTICATE SCRAM-SHA-256")
	p.Send(t, "AUTHENTICATE +")
	p.Expect(t, "AUTHENTICATE biws") // and no verifier of that kind for this account
	p.Send(t, ":irc.test 904 * :failed")
	p.Expect(t, "AUTHENTICATE PLAIN")
	p.Send(t, "AUTHENTICATE +")
	p.Expect(t, "AUTHENTICATE AGFsaWNlAHNlc2FtZQ==")
	p.Send(t, ":irc.test 900 * *!a@h alice :You are now logged in as alice", ":irc.test 903 * :success")
	// The registration waits for the other capabilities, too.
	p.Send(t, ":irc.test CAP * NAK :echo-message")
	p.Expect(t, "CAP END")
	p.Send(t, ":irc.test 001 alice :Welcome", ":irc.test 376 alice :End of MOTD")
	p.EnterChannel(t, "alice")
	await[transports.Entered](t, h)
	do(t, s, transports.Send{Ref: 2, To: roomOf("#test"), Body: "x"})
	if m := await[transports.Message](t, h); m.From.Account != "alice" {
		t.Errorf("got %s, want the account", describe(m))
	}
	p.Send(t, ":irc.test 901 alice alice!a@h :You are now logged out", "AUTHENTICATE AAAA", ":irc.test 903 alice :again")
	await(t, h, func(n transports.Notice) bool { return n.Text == "You are now logged out" })
	do(t, s, transports.Send{Ref: 3, To: roomOf("#test"), Body: "y"})
	if m := await[transports.Message](t, h); m.From.Account != "" {
		t.Errorf("got %s, want no account", describe(m))
	}
}

func TestLoginStalls(t *testing.T) {
	set := withSettings(map[string]string{SettingAccount: "alice", SettingAccountPassword: "sesame"})
	withClock(t, Options{Settings: set}, func(t *testing.T, n *pipeNet, s transports.Session, h *recorder) {
		start := time.Now()
		do(t, s, transports.Join{Ref: 1, Room: roomOf("#test"), Nick: "alice"})
		p := n.accept(t)
		p.Expect(t, "USER ")
		p.Send(t, ":irc.test CAP * LS :sasl=SCRAM-SHA-256")
		p.Expect(t, "CAP REQ :sasl")
		p.Send(t, ":irc.test CAP * ACK :sasl")
		p.Expect(t, "AUTHENTICATE SCRAM-SHA-256") // and no answer
		if e := wantKind(t, await[transports.Done](t, h).Err, transports.Offline); !strings.Contains(e.Text, "does not answer the login") {
			t.Errorf("got %q", e.Text)
		}
		took(t, start, loginTimeout)
	})
}

// TestLoginAgainWhenServicesAreBack keeps the rooms of somebody whose network came back before its services did.
func TestLoginAgainWhenServicesAreBack(t *testing.T) {
	set := withSettings(map[string]string{SettingAccount: "alice", SettingAccountPassword: "sesame", SettingSASL: saslNone})
	withClock(t, Options{Settings: set}, func(t *testing.T, n *pipeNet, s transports.Session, h *recorder) {
		p := joined(t, n, s, h)
		set.set(map[string]string{SettingAccount: "alice", SettingAccountPassword: "sesame"})
		_ = p.Conn.Close() // the cable is cut
		for range 2 {
			if st := await(t, h, func(st transports.State) bool { return !st.Online }); st.Retry == 0 {
				t.Fatalf("got %+v, want another attempt", st)
			}
			p = n.accept(t)
			p.Expect(t, "USER ")
			p.Send(t, ":irc.test CAP * LS :multi-prefix") // the services are away
		}
		st := await(t, h, func(st transports.State) bool { return !st.Online })
		wantKind(t, st.Err, transports.NeedPassword)
		p = n.accept(t)
		p.Expect(t, "USER ")
		p.Send(t, ":irc.test CAP * LS :sasl=SCRAM-SHA-256")
		p.Expect(t, "CAP REQ :sasl")
		p.Send(t, ":irc.test CAP * ACK :sasl")
		p.Expect(t, "AUTHENTICATE SCRAM-SHA-256")
		p.Send(t, "AUTHENTICATE +")
		p.Expect(t, "AUTHENTICATE biws")
		p.Send(t, ":irc.test 904 * :failed")
		st = await(t, h, func(st transports.State) bool { return !st.Online })
		if wantKind(t, st.Err, transports.NeedPassword); st.Retry != 0 {
			t.Errorf("got %+v, want the end", st)
		}
	})
}

// TestLoginThatWorkedBefore is refused by services that have lost their data for a while, say: it is tried again, with long pauses, and not for
// ever. What never worked is not.
func TestLoginThatWorkedBefore(t *testing.T) {
	roots := x509.NewCertPool()
	withClock(t, Options{
		Networks: []Network{{ID: testNet, Addresses: []string{"pipe.test:6697"}, RootCAs: roots}},
		Settings: withSettings(map[string]string{SettingAccount: "alice", SettingAccountPassword: "sesame"}),
	}, func(t *testing.T, n *pipeNet, s transports.Session, h *recorder) {
		conf, _ := ircd.NewTLS(t, "pipe.test") // valid by the clock of the test
		certificate, err := x509.ParseCertificate(conf.Certificates[0].Certificate[0])
		if err != nil {
			t.Fatal(err)
		}
		roots.AddCert(certificate)
		answer := func(numeric string) *ircd.Peer {
			t.Helper()
			plain := n.accept(t)
			p := ircd.NewPeer(tls.Server(plain.Conn, conf))
			p.Timeout = plain.Timeout
			p.Expect(t, "USER ")
			p.Send(t, ":irc.test CAP * LS :sasl=PLAIN")
			p.Expect(t, "CAP REQ :sasl")
			p.Send(t, ":irc.test CAP * ACK :sasl")
			p.Expect(t, "AUTHENTICATE PLAIN")
			p.Send(t, "AUTHENTICATE +")
			p.Expect(t, "AUTHENTICATE ")
			p.Send(t, ":irc.test "+numeric+" * :so it is")
			return p
		}
		do(t, s, transports.Join{Ref: 1, Room: roomOf("#test"), Nick: "alice"})
		p := answer("903")
		p.Expect(t, "CAP END")
		p.Send(t, ":irc.test 001 alice :Welcome", ":irc.test 376 alice :End of MOTD")
		p.EnterChannel(t, "alice")
		await[transports.Entered](t, h)
		_ = p.Conn.Close() // the cable is cut
		if st := await(t, h, func(st transports.State) bool { return !st.Online }); st.Retry == 0 {
			t.Fatalf("got %+v, want another attempt", st)
		}
		for range maxDoubts {
			answer("904")
			st := await(t, h, func(st transports.State) bool { return !st.Online })
			if wantKind(t, st.Err, transports.NeedPassword); st.Retry < time.Minute {
				t.Fatalf("got %+v, want another attempt after a long pause", st)
			}
		}
		answer("904")
		st := await(t, h, func(st transports.State) bool { return !st.Online })
		if wantKind(t, st.Err, transports.NeedPassword); st.Retry != 0 {
			t.Errorf("got %+v, want the end", st)
		}
	})
}

func FuzzLogin(f *testing.F) {
	f.Add("AUTHENTICATE +\n:x 904 a :failed\nAUTHENTICATE +\n:x 903 a :ok")
	f.Add("AUTHENTICATE +\n:x 903 a :ok\nCAP * DEL :sasl")
	f.Add(":x 908 a PLAIN,x :y\n:x 904\nAUTHENTICATE " + strings.Repeat("A", 400) + "\nAUTHENTICATE +\n:x 907\n:x 900 a b c :d\n:x 907")
	f.Add("CAP * NAK :sasl\nCAP * ACK :sasl\n:x 001 a :hi\nAUTHENTICATE\nAUTHENTICATE !\n:x 902\n:x 905\n:x 906")
	f.Fuzz(func(t *testing.T, lines string) {
		tr, err := New(Options{Networks: plainNet("127.0.0.1:1")})
		if err != nil {
			t.Fatal(err)
		}
		s := newSession(tr, tr.rules().byID[testNet], alice, newRecorder())
		defer s.life.end()
		ours, theirs := net.Pipe()
		defer ours.Close()   //nolint:errcheck // a pipe
		defer theirs.Close() //nolint:errcheck // a pipe
		c := newConn(ours, new(Network), &tr.buffers, 1)
		s.conn, c.dead = c, true // so that no writer starts: what would be said stays in the queue
		c.login = &login{credentials: credentials{account: "alice", password: "sesame"}, wish: saslSCRAM}
		s.handle(c, "CAP * LS :sasl")
		s.handle(c, "CAP * ACK :sasl")
		for line := range strings.SplitSeq(lines, "\n") {
			if strings.HasPrefix(line, "AUTHENTICATE cj") && len(line) > 400 {
				return // a count of iterations may be in it: deriving keys is not what is looked at
			}
			s.handle(c, line)
			if c.fault == nil {
				s.respond(c)
			}
			if c.fault != nil {
				break
			}
		}
		if c.registered || slices.Contains(c.urgent, "CAP END") {
			t.Errorf("let in without a login by %q", lines)
		}
	})
}
