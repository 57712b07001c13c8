package ircbridge

import (
	"crypto/sha256"
	"encoding/hex"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"passerelle/internal/ircd"
	"passerelle/transports"
)

// over waits for the end of a session and wants it to say that.
func over(t *testing.T, h *recorder, kind transports.Kind, said string) {
	t.Helper()
	e := await(t, h, func(e transports.State) bool { return !e.Online })
	if err := wantKind(t, e.Err, kind); e.Retry != 0 || !strings.Contains(err.Text, said) {
		t.Errorf("got %s, want an end that says %q", describe(e), said)
	}
}

// A network that nobody may be on any more is left, in order and at once, and can be joined again as soon as that is allowed.
func TestReloadRemovesNetwork(t *testing.T) {
	t.Parallel()
	server := startServer(t, ircd.Options{})
	tr := newTransport(t, Options{Networks: plainNet(server.Addr())})
	s, h := open(t, tr, alice)
	enter(t, s, h, "#test", "alice")
	tr.Reload(Options{Burst: 1e6, Networks: []Network{{ID: "irc.other.example"}}})
	over(t, h, transports.NotFound, `does not connect to "`+testNet+`"`)
	if _, err := tr.Open(t.Context(), alice, testNet, newRecorder()); err == nil {
		t.Error("it was opened again")
	}
	tr.Reload(Options{Burst: 1e6, Networks: plainNet(server.Addr())})
	s, h = open(t, tr, alice)
	enter(t, s, h, "#test", "alice")
}

// What users name themselves is held to the lists of the moment: names, addresses and ports.
func TestReloadReach(t *testing.T) {
	t.Parallel()
	conf, _ := ircd.NewTLS(t)
	server := startServer(t, ircd.Options{TLS: conf})
	sum := sha256.Sum256(conf.Certificates[0].Certificate[0])
	_, p, err := net.SplitHostPort(server.Addr())
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.ParseUint(p, 10, 16)
	if err != nil {
		t.Fatal(err)
	}
	loopback := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	free := Reach{AllowAddresses: loopback, Ports: []uint16{uint16(port)}}
	for name, tc := range map[string]struct {
		change func(*Options)
		kind   transports.Kind // zero where the session stays
		said   string
	}{
		"closed":    {func(o *Options) { o.Open = false }, transports.NotFound, "does not connect"},
		"name":      {func(o *Options) { o.Reach.Deny = []string{"localhost"} }, transports.Denied, "does not let it connect"},
		"address":   {func(o *Options) { o.Reach.DenyAddresses = loopback }, transports.Denied, "to the address of localhost"},
		"private":   {func(o *Options) { o.Reach.AllowAddresses = nil }, transports.Denied, "not a server on the public internet"},
		"port":      {func(o *Options) { o.Reach.Ports = []uint16{1} }, transports.Denied, "to the address of localhost"},
		"unchanged": {func(*Options) {}, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := Options{Open: true, Reach: free, Settings: &memorySettings{values: map[string]map[string]string{
				alice.String() + " " + Scope("localhost"): {SettingFingerprint: hex.EncodeToString(sum[:])},
			}}}
			tr := newTransport(t, o)
			h := newRecorder()
			s, err := tr.Open(t.Context(), alice, "localhost", h)
			if err != nil {
				t.Fatal(err)
			}
			room := transports.Target{Kind: transports.TargetRoom, Network: "localhost", ID: "#test"}
			do(t, s, transports.Join{Ref: 1, Room: room, Nick: "alice" + name})
			await(t, h, func(e transports.Entered) bool { return e.Room == room })
			o.Burst = 1e6
			tc.change(&o)
			tr.Reload(o)
			if tc.kind != 0 {
				over(t, h, tc.kind, tc.said)
				return
			}
			do(t, s, transports.Leave{Room: room})
			do(t, s, transports.Join{Ref: 2, Room: room, Nick: "alice"})
			await(t, h, func(e transports.Entered) bool { return e.Ref == 2 })
		})
	}
}

// Who waits for a network that is not there finds it at once where it has gone.
func TestReloadMovesNetwork(t *testing.T) {
	t.Parallel()
	old, now := startServer(t, ircd.Options{}), startServer(t, ircd.Options{})
	tr := newTransport(t, Options{Networks: plainNet(old.Addr())})
	s, h := open(t, tr, alice)
	enter(t, s, h, "#test", "alice")
	if err := old.Stop(); err != nil {
		t.Fatal(err)
	}
	await(t, h, func(e transports.State) bool { return !e.Online && e.Retry > 0 })
	tr.Reload(Options{Burst: 1e6, Networks: plainNet(now.Addr())})
	if e := await(t, h, func(e transports.State) bool { return e.Online }); e.Link.Address != now.Addr() {
		t.Errorf("connected to %s, want %s", e.Link.Address, now.Addr())
	}
	await(t, h, func(e transports.Entered) bool { return e.Ref == 0 })
}
