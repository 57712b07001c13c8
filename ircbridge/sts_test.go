package ircbridge

import (
	"crypto/sha256"
	"encoding/hex"
	"net"
	"net/netip"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"passerelle/internal/ircd"
	"passerelle/transports"
)

func TestReadStrict(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]strict{
		"":                       {},
		"port=6697":              {port: 6697},
		"port=6697,duration=300": {port: 6697, lasts: true, duration: 5 * time.Minute},
		"duration=0":             {lasts: true},
		"x,duration=1,preload,port=1,port=2,duration=2": {port: 1, lasts: true, duration: time.Second},
		"port=0,duration=-1":                            {},
		"port=70000,duration=x":                         {},
		"duration=99999999999999999":                    {lasts: true, duration: maxStrict},
		"duration=99999999999999999999":                 {},
		strings.Repeat(",", 10_000) + "port=3":          {port: 3},
	} {
		if got := readStrict(value); got != want {
			t.Errorf("%.40q: got %+v, want %+v", value, got, want)
		}
	}
}

func FuzzPolicy(f *testing.F) {
	f.Add("irc.example.org 6697 1700000000")
	f.Add("::1 1 -1")
	f.Add("  ")
	f.Fuzz(func(t *testing.T, value string) {
		if p := readPolicy(value); p.port != 0 && readPolicy(p.String()) != p {
			t.Errorf("%q is read as %+v, written as %q", value, p, p)
		}
	})
}

// strictNet is a user's own network with a server without TLS and one with, and what he has set.
func strictNet(t *testing.T) (plain, secure *ircd.Script, set *memorySettings, opt Options) {
	t.Helper()
	conf, _ := ircd.NewTLS(t, "127.0.0.1")
	sum := sha256.Sum256(conf.Certificates[0].Certificate[0])
	plain, secure = ircd.NewScript(t, nil), ircd.NewScript(t, conf)
	set = withSettings(map[string]string{
		SettingAddress: "127.0.0.1", SettingPorts: strconv.Itoa(int(portOf(t, plain.Addr))), SettingFingerprint: hex.EncodeToString(sum[:]),
	})
	return plain, secure, set, Options{Open: true, Settings: set, Reach: Reach{
		Plain: true, UserPorts: []PortRange{{1, 65535}}, AllowAddresses: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
	}}
}

func portOf(t *testing.T, addr string) uint16 {
	t.Helper()
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		t.Fatal(err)
	}
	return uint16(n)
}

// A network that asks for TLS is reached with TLS from then on, over all connections, for as long as it asks for.
func TestStrictTransport(t *testing.T) {
	t.Parallel()
	plain, secure, set, opt := strictNet(t)
	tr := newTransport(t, opt)
	port := portOf(t, secure.Addr)
	s, h := open(t, tr, alice)
	do(t, s, transports.Join{Ref: 1, Room: roomOf("#test"), Nick: "alice"})
	p := plain.Accept(t)
	p.Expect(t, "USER ")
	p.Send(t, ":irc.test CAP * LS * :draft/sts=duration=5,port="+strconv.Itoa(int(port)), ":irc.test CAP * LS :multi-prefix")
	if line, err := p.Line(); err == nil {
		t.Errorf("got %q without TLS", line)
	}
	kept := func() strictPolicy {
		set, err := set.Load(t.Context(), alice, Scope(testNet))
		if err != nil {
			t.Fatal(err)
		}
		return readPolicy(set[settingSTS])
	}
	if p := kept(); p.port != 0 {
		t.Errorf("kept %s on the word of who knows whom", p)
	}
	// It is written beside the traffic.
	keeps := func(what string, is func(p strictPolicy) bool) strictPolicy {
		t.Helper()
		for deadline := time.Now().Add(10 * time.Second); ; runtime.Gosched() {
			p := kept()
			if is(p) {
				return p
			}
			if time.Now().After(deadline) {
				t.Fatalf("kept %s, want %s", p, what)
			}
		}
	}
	welcome := func(p *ircd.Peer, caps string) {
		t.Helper()
		p.Expect(t, "USER ")
		p.Send(t, ":irc.test CAP * LS :"+caps)
		p.Expect(t, "CAP END")
		p.Send(t, ":irc.test 001 alice :hi", ":irc.test 422 alice :none")
	}
	p = secure.Accept(t)
	welcome(p, "sts=duration=3600,port=1")
	p.EnterChannel(t, "alice")
	await[transports.Entered](t, h)
	first := keeps("something", func(p strictPolicy) bool { return p.port != 0 })
	if first.host != "127.0.0.1" || first.port != port || time.Until(first.until) < 50*time.Minute {
		t.Errorf("kept %s", first)
	}
	// It counts from the end of the connection on, however long that lasted.
	shorter := first
	shorter.until = time.Now().Add(time.Minute)
	values, err := set.Load(t.Context(), alice, Scope(testNet))
	if err != nil {
		t.Fatal(err)
	}
	values[settingSTS] = shorter.String()
	set.set(values)
	own := s.(*session)
	own.mu.Lock()
	own.conn.strict.kept = shorter
	own.mu.Unlock()
	s.Close("bye")
	if err := tr.Shutdown(t.Context(), "bye"); err != nil {
		t.Fatal(err)
	}
	if p := kept(); time.Until(p.until) < 50*time.Minute {
		t.Errorf("kept %s", p)
	}
	// Another connection of another process: there is no way back, even if nobody listens with TLS any more.
	s, h = open(t, newTransport(t, opt), alice)
	do(t, s, transports.Join{Ref: 2, Room: roomOf("#test"), Nick: "alice"})
	p = secure.Accept(t)
	welcome(p, "sts=duration=0")
	p.EnterChannel(t, "alice")
	await[transports.Entered](t, h)
	// It takes that back, and is reached as the user has set it.
	keeps("nothing", func(p strictPolicy) bool { return p.port == 0 })
	s.Close("bye")
	s, _ = open(t, newTransport(t, opt), alice)
	do(t, s, transports.Join{Ref: 3, Room: roomOf("#test"), Nick: "alice"})
	p = plain.Accept(t)
	welcome(p, "")
}

// strictTLS is strictNet for a user who has TLS set, with his settings to be changed.
func strictTLS(t *testing.T) (secure *ircd.Script, set *memorySettings, values map[string]string, opt Options) {
	t.Helper()
	_, secure, set, opt = strictNet(t)
	values, err := set.Load(t.Context(), alice, Scope(testNet))
	if err != nil {
		t.Fatal(err)
	}
	delete(values, SettingPorts)
	values[SettingTLSPorts] = strconv.Itoa(int(portOf(t, secure.Addr)))
	return secure, set, values, opt
}

// A network that asks for something else again and again does not have the database write each time, and goes on while that hangs.
func TestStrictTransportFlood(t *testing.T) {
	t.Parallel()
	secure, set, values, opt := strictTLS(t)
	set.set(values)
	set.hung = make(chan struct{})
	tr := newTransport(t, opt)
	s, h := open(t, tr, alice)
	do(t, s, transports.Join{Ref: 1, Room: roomOf("#test"), Nick: "alice"})
	p := secure.Accept(t)
	p.Expect(t, "USER ")
	p.Send(t, ":irc.test CAP * LS :sts=duration=3600")
	p.Expect(t, "CAP END")
	for n := range 100 {
		p.Send(t, ":irc.test CAP * NEW :sts=duration="+strconv.Itoa(n%2*3600))
	}
	p.Send(t, ":irc.test 001 alice :hi", ":irc.test 422 alice :none")
	p.EnterChannel(t, "alice")
	await[transports.Entered](t, h)
	close(set.hung)
	s.Close("bye")
	if err := tr.Shutdown(t.Context(), "bye"); err != nil {
		t.Fatal(err)
	}
	if set.saves > 2 {
		t.Errorf("the database wrote %d times", set.saves)
	}
}

// Who has his settings deleted while he is connected has none after that.
func TestStrictTransportForgotten(t *testing.T) {
	t.Parallel()
	secure, set, values, opt := strictTLS(t)
	values[settingSTS] = strictPolicy{host: "127.0.0.1", port: portOf(t, secure.Addr), until: time.Now().Add(time.Minute)}.String()
	set.set(values)
	tr := newTransport(t, opt)
	s, h := open(t, tr, alice)
	do(t, s, transports.Join{Ref: 1, Room: roomOf("#test"), Nick: "alice"})
	p := secure.Accept(t)
	p.Expect(t, "USER ")
	p.Send(t, ":irc.test CAP * LS :sts=duration=60")
	p.Expect(t, "CAP END")
	p.Send(t, ":irc.test 001 alice :hi", ":irc.test 422 alice :none")
	p.EnterChannel(t, "alice")
	await[transports.Entered](t, h)
	set.set(nil)
	p.Send(t, ":irc.test CAP * NEW :sts=duration=3600", ":bob!b@h PRIVMSG #test :heard")
	await(t, h, func(m transports.Message) bool { return m.Body == "heard" })
	s.Close("bye")
	if err := tr.Shutdown(t.Context(), "bye"); err != nil {
		t.Fatal(err)
	}
	if left, err := set.Load(t.Context(), alice, Scope(testNet)); err != nil || len(left) > 0 {
		t.Errorf("left is %v, %v", left, err)
	}
}

// No server with TLS, or another one in its place, is no way back.
func TestStrictTransportFails(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(set map[string]string)
		kind   transports.Kind
	}{
		"nobody listens":            {func(set map[string]string) {}, transports.Offline},
		"another certificate":       {func(set map[string]string) { set[SettingFingerprint] = strings.Repeat("0", 64) }, transports.Offline},
		"another, that is accepted": {func(set map[string]string) { set[SettingFingerprint], set[SettingVerify] = "", "false" }, transports.Offline},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, secure, set, opt := strictNet(t)
			opt.Reach.Unverified = true
			values, err := set.Load(t.Context(), alice, Scope(testNet))
			if err != nil {
				t.Fatal(err)
			}
			values[settingSTS] = strictPolicy{host: "127.0.0.1", port: portOf(t, secure.Addr), until: time.Now().Add(time.Hour)}.String()
			tc.change(values)
			set.set(values)
			if name == "nobody listens" {
				secure.Close(t)
			} else {
				go func() {
					if p, err := secure.Take(); err == nil {
						_, _ = p.Line() // the handshake fails
						_ = p.Conn.Close()
					}
				}()
			}
			s, h := open(t, newTransport(t, opt), alice)
			do(t, s, transports.Join{Ref: 1, Room: roomOf("#test"), Nick: "alice"})
			wantKind(t, await[transports.Done](t, h).Err, tc.kind)
		})
	}
}

// What does not hold: for another host, over, at a port that is not allowed, and where the operator knows better.
func TestStrictTransportDoesNotHold(t *testing.T) {
	t.Parallel()
	hour := time.Now().Add(time.Hour)
	for policy, secure := range map[strictPolicy]bool{
		{"irc.example.org", 6697, hour}:                              true,
		{"irc.example.net", 6697, hour}:                              false,
		{"irc.example.org", 6697, time.Now().Add(-time.Minute)}:      false,
		{"irc.example.org", 0, hour}:                                 false,
		{"irc.example.org", 25, time.Now().Add(30 * 24 * time.Hour)}: true, // it was reached there
	} {
		tr := newTransport(t, Options{Open: true, Reach: Reach{Plain: true, UserPorts: []PortRange{{6660, 6700}}}})
		n, why := tr.asSet(&Network{ID: "irc.example.org", Name: "x"}, map[string]string{SettingPorts: "6667", settingSTS: policy.String()})
		if why != nil || n.Plain == secure {
			t.Errorf("%s: got %+v, %+v", policy, n, why)
		}
	}
	// A port that users may not have anything connected to.
	plain, _, _, opt := strictNet(t)
	opt.Reach.UserPorts = []PortRange{{portOf(t, plain.Addr), portOf(t, plain.Addr)}}
	s, h := open(t, newTransport(t, opt), alice)
	do(t, s, transports.Join{Ref: 1, Room: roomOf("#test"), Nick: "alice"})
	p := plain.Accept(t)
	p.Expect(t, "USER ")
	p.Send(t, ":irc.test CAP * LS :sts=port=22")
	wantKind(t, await[transports.Done](t, h).Err, transports.Denied)

	script := ircd.NewScript(t, nil)
	s, h = open(t, newTransport(t, Options{Networks: plainNet(script.Addr)}), alice)
	do(t, s, transports.Join{Ref: 1, Room: roomOf("#test"), Nick: "alice"})
	p = script.Accept(t)
	p.Expect(t, "USER ")
	p.Send(t, ":irc.test CAP * LS :sts=port=6697")
	p.Expect(t, "CAP END")
	_ = h
}
