package ircbridge

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"passerelle/internal/ircd"
	"passerelle/transports"
)

func TestNickInUse(t *testing.T) {
	t.Parallel()
	server := startServer(t, ircd.Options{NickLen: 6})
	for _, taken := range []string{"Alice", "Alice_"} {
		ircd.Dial(t, server.Addr(), taken)
	}
	s, h := open(t, newTransport(t, Options{Networks: plainNet(server.Addr())}), alice)
	// The server takes neither long nicks nor those that are taken; nine characters are too many for it, so nothing is left.
	do(t, s, transports.Join{Ref: 1, Room: roomOf("#test"), Nick: "Alice"})
	wantKind(t, await[transports.Done](t, h).Err, transports.Conflict)
	if st := await[transports.State](t, h); st.Online || st.Retry != 0 {
		t.Errorf("got %+v, want the end", st)
	}

	server = startServer(t, ircd.Options{})
	ircd.Dial(t, server.Addr(), "Alice")
	s, h = open(t, newTransport(t, Options{Networks: plainNet(server.Addr())}), alice)
	if e := enter(t, s, h, "#test", "Alice"); e.Nick != "Alice_" {
		t.Errorf("got nick %q, want Alice_", e.Nick)
	}
}

func TestReconnectRejoins(t *testing.T) {
	t.Parallel()
	server, s, h := entered(t, ircd.Options{})
	bob := ircd.Dial(t, server.Addr(), "bob")
	bob.Send(t, "JOIN #key,#keep", "MODE #key +k sesame")
	bob.Expect(t, "MODE #key")
	do(t, s, transports.Join{Ref: 2, Room: roomOf("#key"), Password: "sesame"})
	await[transports.Entered](t, h)
	enter(t, s, h, "#keep", "")
	bob.Send(t, "MODE #keep +i")
	await(t, h, func(n transports.Notice) bool { return n.Text == "Mode #keep [+i] by bob" })
	server.Inject("Alice", "ERROR :Closing link: (ping timeout)")
	server.Stall() // so that the state of being offline can be looked at
	server.Inject("Alice", ":irc.test 999 Alice :last")
	await(t, h, func(n transports.Notice) bool { return n.Text == "last" })
	bobStays := server.Members("#key")
	if len(bobStays) != 2 {
		t.Fatalf("got %v", bobStays)
	}
	server.Unstall()
	dropOnly(t, server, "Alice")
	st := await[transports.State](t, h)
	if e := wantKind(t, st.Err, transports.Offline); st.Online || st.Retry <= 0 || st.Retry > 2*time.Second || !strings.Contains(e.Text, "ping timeout") {
		t.Errorf("got %+v with text %q, want a retry within two seconds and the server's words", st, e.Text)
	}
	if e := wantKind(t, s.Do(context.Background(), transports.Send{To: roomOf("#key"), Body: "x"}), transports.Offline); !strings.Contains(e.Text, "reconnecting in") {
		t.Errorf("got text %q", e.Text)
	}
	if st = await[transports.State](t, h); !st.Online {
		t.Errorf("got %+v, want online", st)
	}
	got := map[string]bool{}
	for len(got) < 3 {
		switch e := h.next(t).(type) {
		case transports.Entered:
			if e.Ref != 0 {
				t.Errorf("got ref %d after coming back", e.Ref)
			}
			got[e.Room.ID] = true
		case transports.Parted:
			wantKind(t, e.Err, transports.NotRegistered)
			if !e.Self || e.How != transports.PartLost || e.Room != roomOf("#keep") {
				t.Errorf("got %s", describe(e))
			}
			got["lost"] = true
		}
	}
	if !got["#test"] || !got["#key"] || !got["lost"] {
		t.Errorf("got %v, want #test and #key back and #keep lost", got)
	}
}

// dropOnly cuts one client's connection by having the server close it after its own QUIT.
func dropOnly(t *testing.T, server *ircd.Server, nick string) {
	t.Helper()
	if !server.Drop(nick) {
		t.Fatalf("%s is not connected", nick)
	}
}

func TestFirstConnectionFails(t *testing.T) {
	t.Parallel()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refusing := closed.Addr().String()
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	conf, _ := ircd.NewTLS(t, "127.0.0.1")
	untrusted := ircd.NewScript(t, conf)
	other, pool := ircd.NewTLS(t, "irc.elsewhere.test")
	wrongName := ircd.NewScript(t, other)
	for _, script := range []*ircd.Script{untrusted, wrongName} {
		done := make(chan struct{})
		t.Cleanup(func() { <-done })
		go func() {
			defer close(done)
			p := script.Accept(t)
			if _, err := p.Line(); err == nil {
				t.Error("the client spoke to a server that it must not trust")
			}
		}()
	}
	banning := ircd.NewScript(t, nil)
	banned := make(chan struct{})
	t.Cleanup(func() { <-banned })
	go func() {
		defer close(banned)
		p := banning.Accept(t)
		p.Expect(t, "USER ")
		p.Send(t, "ERROR :Closing Link: K-Lined")
		_ = p.Conn.Close()
	}()
	for name, tc := range map[string]struct {
		net  Network
		kind transports.Kind
		text string
	}{
		"refused":    {Network{Addresses: []string{refusing}, Plain: true}, transports.Offline, "refused"},
		"untrusted":  {Network{Addresses: []string{untrusted.Addr}}, transports.Offline, "not trusted: nobody known"},
		"wrong name": {Network{Addresses: []string{wrongName.Addr}, RootCAs: pool}, transports.Offline, "another name"},
		"no server":  {Network{Addresses: []string{"no.such.host.invalid:6697"}}, transports.NoServer, "no server called"},
		"banned":     {Network{Addresses: []string{banning.Addr}, Plain: true}, transports.Denied, "K-Lined"},
	} {
		t.Run(name, func(t *testing.T) {
			tc.net.ID = testNet
			s, h := open(t, newTransport(t, Options{Networks: []Network{tc.net}}), alice)
			do(t, s, transports.Join{Ref: 1, Room: roomOf("#a"), Nick: "alice"})
			if err := s.Do(context.Background(), transports.Join{Ref: 2, Room: roomOf("#b"), Nick: "alice"}); err == nil {
				for _, ref := range []transports.Ref{1, 2} {
					d := await[transports.Done](t, h)
					if e := wantKind(t, d.Err, tc.kind); d.Ref != ref || !strings.Contains(e.Text, tc.text) {
						t.Errorf("got ref %d text %q, want %d and %q", d.Ref, e.Text, ref, tc.text)
					}
				}
			}
			if st := await[transports.State](t, h); st.Online || st.Retry != 0 || st.Err == nil {
				t.Errorf("got %+v, want the end", st)
			}
			wantKind(t, s.Do(context.Background(), transports.Join{Room: roomOf("#a"), Nick: "alice"}), transports.Offline)
		})
	}
}

func TestTLS(t *testing.T) {
	t.Parallel()
	conf, pool := ircd.NewTLS(t, "127.0.0.1")
	server := startServer(t, ircd.Options{TLS: conf, Password: "secret"})
	settings := &memorySettings{}
	tr := newTransport(t, Options{Networks: []Network{{ID: testNet, Addresses: []string{server.Addr()}, RootCAs: pool}}, Settings: settings})
	s, h := open(t, tr, alice)
	do(t, s, transports.Join{Ref: 1, Room: roomOf("#test"), Nick: "alice"})
	wantKind(t, await[transports.Done](t, h).Err, transports.NeedPassword)
	if st := await[transports.State](t, h); st.Retry != 0 {
		t.Errorf("got %+v, want the end", st)
	}
	settings.set(map[string]string{SettingPassword: "secret", SettingNick: "Al"})
	s, h = open(t, tr, alice)
	if e := enter(t, s, h, "#test", "alice"); e.Nick != "Al" {
		t.Errorf("got nick %q, want the configured one", e.Nick)
	}
	do(t, s, transports.Send{Ref: 2, To: roomOf("#test"), Body: "over TLS"})
	if m := await[transports.Message](t, h); m.Ref != 2 {
		t.Errorf("got %s", describe(m))
	}
}

func TestStrangersServersMustBePublic(t *testing.T) {
	t.Parallel()
	tr := newTransport(t, Options{Open: true})
	h := newRecorder()
	for i, network := range []string{"127.0.0.1", "localhost", "10.1.2.3", "169.254.1.1", "0.0.0.0", "224.0.0.1", "100.64.0.1"} {
		s, err := tr.Open(context.Background(), alice, network, h)
		if err != nil {
			t.Fatal(err)
		}
		target := transports.Target{Kind: transports.TargetRoom, Network: network, ID: "#x"}
		do(t, s, transports.Join{Ref: transports.Ref(i + 1), Room: target, Nick: "alice"})
		d := await[transports.Done](t, h)
		wantKind(t, d.Err, transports.Denied)
		if st := await[transports.State](t, h); st.Retry != 0 {
			t.Errorf("%s: got %+v, want the end", network, st)
		}
	}
	if _, err := tr.Open(context.Background(), alice, "bad name", h); err == nil {
		t.Error("a name with a space was accepted")
	}
	shut := newTransport(t, Options{Networks: plainNet("127.0.0.1:1")})
	_, err := shut.Parse("irc.elsewhere.test")
	wantKind(t, err, transports.NotFound)
}

func TestOneSessionPerUserAndNetwork(t *testing.T) {
	t.Parallel()
	server := startServer(t, ircd.Options{})
	tr := newTransport(t, Options{Networks: plainNet(server.Addr())})
	s, h := open(t, tr, alice)
	enter(t, s, h, "#test", "alice")
	_, err := tr.Open(context.Background(), alice.WithResource("phone"), testNet, h)
	wantKind(t, err, transports.Conflict)
	s.Close("bye")
	s, h = open(t, tr, alice)
	enter(t, s, h, "#test", "alice2")
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	server := startServer(t, ircd.Options{})
	reg := prometheus.NewPedanticRegistry()
	s, h := open(t, newTransport(t, Options{Networks: plainNet(server.Addr()), Metrics: reg}), alice)
	enter(t, s, h, "#test", "alice")
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			labels := []string{f.GetName()}
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			got[strings.Join(labels, " ")] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	if got["passerelle_irc_connects_total network="+testNet+" result=ok"] != 1 || got["passerelle_irc_sessions state=online"] != 1 ||
		got["passerelle_irc_sessions state=connecting"] != 0 || got["passerelle_irc_lines_total dir=in"] < 10 {
		t.Errorf("got %v", got)
	}
}

func TestHostIsGone(t *testing.T) {
	t.Parallel()
	server := startServer(t, ircd.Options{})
	bob := ircd.Dial(t, server.Addr(), "bob")
	bob.Send(t, "JOIN #test")
	bob.Expect(t, " 366 ")
	tr := newTransport(t, Options{Networks: plainNet(server.Addr())})
	host := &goneHost{newRecorder()}
	s, err := tr.Open(t.Context(), alice, testNet, host)
	if err != nil {
		t.Fatal(err)
	}
	enter(t, s, host.recorder, "#test", "alice")
	bob.Send(t, "PRIVMSG #test :anybody?")
	bob.Expect(t, "alice!~alice@host.test QUIT")
	wantKind(t, s.Do(t.Context(), transports.List{}), transports.Offline)
}

// goneHost takes everything but messages.
type goneHost struct{ *recorder }

func (h *goneHost) Emit(ctx context.Context, e transports.Event) error {
	if _, ok := e.(transports.Message); ok {
		return errors.New("the user has gone")
	}
	return h.recorder.Emit(ctx, e)
}
