package ircbridge

import (
	"strings"
	"testing"
	"time"
	"unicode"

	"passerelle/internal/ircd"
	"passerelle/transports"
)

// What people say of themselves comes up once the network is told that one listens, and what makes no sense does not.
func TestMetadata(t *testing.T) {
	t.Parallel()
	p, s, h := scripted(t, "batch draft/metadata-2")
	if line := p.Expect(t, "METADATA"); line != "METADATA * SUB avatar display-name pronouns homepage status" {
		t.Errorf("got %q", line)
	}
	p.EnterChannel(t, "alice")
	await[transports.Entered](t, h)
	const long = maxDetail + 1
	for _, tc := range []struct {
		line string
		want transports.Described
	}{
		{":bob!b@h METADATA Bob avatar * :https://example.org/{size}/b.png", transports.Described{Of: contact("bob"), What: transports.DetailPicture, Value: "https://example.org/192/b.png"}},
		{":bob!b@h METADATA bob avatar * :javascript:alert(1)", transports.Described{Of: contact("bob"), What: transports.DetailPicture}},
		{":bob!b@h METADATA bob Homepage * :https://example.org/", transports.Described{Of: contact("bob"), What: transports.DetailHomepage, Value: "https://example.org/"}},
		{":irc.test METADATA bob display-name * :Bob \x02B\x02.", transports.Described{Of: contact("bob"), What: transports.DetailName, Value: "Bob B."}},
		{":irc.test METADATA bob display-name * :" + strings.Repeat("x", long), transports.Described{Of: contact("bob"), What: transports.DetailName}},
		{":irc.test METADATA bob pronouns *", transports.Described{Of: contact("bob"), What: transports.DetailPronouns}},
		{":irc.test METADATA #TEST avatar * :https://example.org/c", transports.Described{Of: roomOf("#test"), What: transports.DetailPicture, Value: "https://example.org/c"}},
		{":irc.test METADATA * status * :busy", transports.Described{Of: contact("alice"), What: transports.DetailStatus, Value: "busy"}},
		{":irc.test 761 alice carol display-name * :Carol", transports.Described{Of: contact("carol"), What: transports.DetailName, Value: "Carol"}},
	} {
		p.Send(t, tc.line)
		if d := await[transports.Described](t, h); d != tc.want {
			t.Errorf("%.60s: got %+v, want %+v", tc.line, d, tc.want)
		}
	}
	p.Send(t, ":irc.test METADATA", ":irc.test METADATA bob", ":irc.test METADATA bob avatar", ":irc.test METADATA bob color * :red", ":irc.test METADATA #elsewhere avatar * :x",
		":irc.test 766 alice bob avatar :no matching key", ":irc.test 770 alice :avatar", ":irc.test FAIL METADATA TOO_MANY_SUBS status :Too many",
		":irc.test 774 alice #elsewhere 4", ":irc.test 774", ":bob!b@h PRIVMSG #test :after")
	if m, ok := h.next(t).(transports.Message); !ok || m.Body != "after" {
		t.Errorf("got %s", describe(m))
	}
	_ = s
}

// What a network could not tell at once it is asked for later, a few times.
func TestMetadataLater(t *testing.T) {
	withClock(t, Options{}, func(t *testing.T, n *pipeNet, s transports.Session, h *recorder) {
		do(t, s, transports.Join{Ref: 1, Room: roomOf("#test"), Nick: "alice"})
		p := n.accept(t)
		p.Expect(t, "USER ")
		p.Send(t, ":irc.test CAP * LS :batch draft/metadata-2")
		p.Expect(t, "CAP REQ")
		p.Send(t, ":irc.test CAP * ACK :batch draft/metadata-2")
		p.Expect(t, "CAP END")
		p.Send(t, ":irc.test 001 alice :hi", ":irc.test 422 alice :none")
		p.EnterChannel(t, "alice")
		await[transports.Entered](t, h)
		for i := range maxSyncs {
			began := time.Now()
			p.Send(t, ":irc.test 774 alice #test 60")
			p.Expect(t, "METADATA #test SYNC")
			if d := time.Since(began); d < time.Minute {
				t.Errorf("asked for the %d. time after %s", i+1, d)
			}
		}
		p.Send(t, ":irc.test 774 alice #test 1", "PING :x")
		if line := p.Expect(t, "PONG"); line != "PONG :x" {
			t.Errorf("got %q", line)
		}
		time.Sleep(time.Minute)
		p.Send(t, "PING :y")
		if line, err := p.Line(); err != nil || line != "PONG :y" {
			t.Errorf("got %q, %v", line, err)
		}
	})
}

// What the network says of itself.
func TestNetworkDescribesItself(t *testing.T) {
	t.Parallel()
	script := ircd.NewScript(t, nil)
	s, h := open(t, newTransport(t, Options{Networks: plainNet(script.Addr)}), alice)
	do(t, s, transports.Join{Ref: 1, Room: roomOf("#test"), Nick: "alice"})
	p := script.Accept(t)
	p.Expect(t, "USER ")
	p.Send(t, ":irc.test CAP * LS :", ":irc.test 001 alice :hi", ":irc.test 005 alice NETWORK=The\\x20Net draft/ICON=https://example.org/i?s={size} :are supported", ":irc.test 422 alice :none")
	of := transports.Target{Kind: transports.TargetNetwork, Network: testNet}
	for _, want := range []transports.Described{
		{Of: of, What: transports.DetailName, Value: "The Net"},
		{Of: of, What: transports.DetailPicture, Value: "https://example.org/i?s=192"},
	} {
		if d := await[transports.Described](t, h); d != want {
			t.Errorf("got %+v, want %+v", d, want)
		}
	}
}

// FuzzMetadata has a network say what it likes of people, channels and itself: what comes up is short, of somebody, and where it is to be a link,
// one.
func FuzzMetadata(f *testing.F) {
	f.Add(":bob!b@h METADATA bob avatar * :https://example.org/{size}.png\n:irc.test METADATA #test homepage * :http://a\n:irc.test METADATA * status * :x")
	f.Add(":irc.test 761 alice bob display-name * :\x02B\x1d\x0304ob\n:irc.test 761 alice #test pronouns\n:irc.test 761\n:irc.test 766 alice bob avatar :no")
	f.Add(":irc.test 774 alice #test 4\n:irc.test 774 alice #test -1\n:irc.test 774 alice #test 99999999999999999999\nMETADATA\nFAIL METADATA SYNC_LATER #test 5 :x")
	f.Add(":irc.test 005 alice NETWORK=a\\x20b draft/ICON=https://a/{size}{size} :are supported\n:x METADATA \xff status * :\xc3\nMETADATA a@b avatar * :https://[::1")
	f.Fuzz(func(t *testing.T, lines string) {
		s, c := online(t)
		c.caps.on |= 1 << capMetadata
		for line := range strings.SplitSeq(lines, "\n") {
			s.handle(c, line)
		}
		s.describeNetwork(c)
		for _, e := range s.out {
			d, ok := e.(transports.Described)
			if !ok {
				continue
			}
			link := d.What == transports.DetailPicture || d.What == transports.DetailHomepage
			if d.Of.Kind != transports.TargetNetwork && (d.Of.ID == "" || len(d.Value) > maxDetail) || strings.ContainsFunc(d.Value, unicode.IsControl) || link && d.Value != "" && !isLink(d.Value) {
				t.Errorf("got %+v", d)
			}
		}
		if r := s.rooms; len(r) > 0 && (r[0].syncs > maxSyncs || time.Until(r[0].syncAt) > maxSyncDelay) {
			t.Errorf("it is asked again %d times, and in %s", r[0].syncs, time.Until(r[0].syncAt))
		}
	})
}
