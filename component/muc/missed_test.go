package muc

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"passerelle/transports"
)

// said is the bodies that clients got since the last time, with "…" in front of those that say when it was.
func (p *play) said() string {
	var all []string
	for _, s := range split(p.t, p.out.Stanzas.Bytes()) {
		if m := regexp.MustCompile(`<body>(.*)</body>`).FindStringSubmatch(s); m != nil {
			if strings.Contains(s, "<delay ") {
				m[1] = "…" + m[1]
			}
			all = append(all, m[1])
		}
	}
	p.out.Reset()
	return strings.Join(all, "|")
}

// then is a message that bob said some seconds ago.
func then(p *play, ago time.Duration, id, body string) transports.Message {
	return transports.Message{Room: goChannel, From: bob(), Body: body, ID: id, Time: p.now.Add(-ago), Clocked: true}
}

func members() []transports.Member {
	return []transports.Member{{Person: bob(), Role: transports.RoleOp}, {Person: &transports.Person{Nick: "alice"}}}
}

// TestMissed: who was in the room while the link was down is shown what he missed, each line once and with its time, and a gap is marked where
// there is one still.
func TestMissed(t *testing.T) {
	t.Parallel()
	const gap = "You are back in this room. Messages are missing here: there was no connection to irc.example for * s."
	for name, c := range map[string]struct {
		entered func(p *play) transports.Entered
		late    func(p *play) transports.Missed
		want    string
		after   string
	}{
		"all": {func(p *play) transports.Entered {
			return transports.Entered{Missed: &transports.Missed{Room: goChannel, Complete: true, Messages: []transports.Message{
				then(p, 61*time.Second, "a", "heard"), then(p, 50*time.Second, "b", "one"), then(p, 5*time.Second, "c", "two"),
			}}}
		}, nil, "You are back in this room, and nothing is missing.|…one|…two", ""},
		"some": {func(p *play) transports.Entered {
			return transports.Entered{Missed: &transports.Missed{Room: goChannel, Messages: []transports.Message{then(p, 5*time.Second, "c", "two")}}}
		}, nil, gap + "|…two", ""},
		"nothing": {func(p *play) transports.Entered {
			return transports.Entered{Missed: &transports.Missed{Room: goChannel, Complete: true}}
		}, nil, "You are back in this room, and nothing is missing.", ""},
		"late": {func(p *play) transports.Entered { return transports.Entered{Awaited: true} }, func(p *play) transports.Missed {
			return transports.Missed{Room: goChannel, Complete: true, Messages: []transports.Message{then(p, 50*time.Second, "b", "one")}}
		}, "", "…one"},
		"late, some": {func(p *play) transports.Entered { return transports.Entered{Awaited: true} }, func(p *play) transports.Missed {
			return transports.Missed{Room: goChannel, Messages: []transports.Message{then(p, 50*time.Second, "b", "one")}}
		}, "", gap + "|…one"},
		"not told": {func(p *play) transports.Entered { return transports.Entered{} }, nil, gap, ""},
		"the same again, by its words": {func(p *play) transports.Entered {
			return transports.Entered{Missed: &transports.Missed{Room: goChannel, Complete: true, Messages: []transports.Message{
				then(p, 61*time.Second, "", "heard"), then(p, 55*time.Second, "", "heard"),
			}}}
		}, nil, "You are back in this room, and nothing is missing.|…heard", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlay(t)
			p.enter()
			p.room.Event(then(p, 0, "a", "heard"), &p.out)
			p.now = p.now.Add(time.Second)
			p.room.Event(transports.State{Err: transports.NewError(transports.Offline, "Gone.", nil), Retry: time.Second}, &p.out)
			p.now = p.now.Add(time.Minute)
			p.said()
			if since, most := p.room.CatchUp(nil, 100); most != 100 || !since.Equal(p.now.Add(-61*time.Second)) {
				t.Errorf("asks for %d since %v", most, since)
			}
			e := c.entered(p)
			e.Room, e.Nick, e.Subject, e.Members = goChannel, "alice", "all things Go", members()
			p.room.Event(e, &p.out)
			check := func(want string) {
				t.Helper()
				form := strings.ReplaceAll(regexp.QuoteMeta(want), `\*`, `\d+`)
				if got := p.said(); !regexp.MustCompile("^" + form + "$").MatchString(got) {
					t.Errorf("got %q, want %q", got, want)
				}
			}
			check(c.want)
			if c.late != nil {
				p.room.Event(c.late(p), &p.out)
				check(c.after)
			}
			// Whoever comes has it in his history, each line once.
			p.stanza(joinLap)
			if n := strings.Count(p.log.String(), "<body>one</body>"); n > 1 {
				t.Errorf("it is %d times in the history", n)
			}
		})
	}
}

// TestMissedNotYet: where the link is gone again before what was missed has come, that is a gap.
func TestMissedNotYet(t *testing.T) {
	t.Parallel()
	p := newPlay(t)
	p.enter()
	lost := transports.State{Err: transports.NewError(transports.Offline, "Gone.", nil), Retry: time.Second}
	p.room.Event(lost, &p.out)
	p.room.Event(transports.Entered{Room: goChannel, Nick: "alice", Subject: "all things Go", Members: members(), Awaited: true}, &p.out)
	p.said()
	p.room.Event(lost, &p.out)
	if got := p.said(); !strings.Contains(got, "Messages are missing here") {
		t.Errorf("got %q", got)
	}
}

// TestReadMarks: what a client displays is read on the network, and what is read there is displayed here, each once.
func TestReadMarks(t *testing.T) {
	t.Parallel()
	p := newPlay(t)
	p.enter()
	one, two := then(p, 2*time.Second, "a", "one"), then(p, time.Second, "b", "two")
	p.event(one)
	p.event(two)
	id := regexp.MustCompile(`id='(id\d+)'><body>one`).FindStringSubmatch(p.log.String())[1]
	p.log.Reset()
	for range 2 {
		p.stanza(`<message from='alice@localhost/phone' to='#go%irc.example@irc.localhost' type='groupchat' id='d'><displayed xmlns='urn:xmpp:chat-markers:0' id='` + id + `'/></message>`)
	}
	p.stanza(`<message from='alice@localhost/phone' to='#go%irc.example@irc.localhost' type='groupchat' id='e'><displayed xmlns='urn:xmpp:chat-markers:0' id='nothing'/></message>`)
	if n := strings.Count(p.log.String(), "ask: transports.MarkRead"); n != 1 {
		t.Errorf("the network is told %d times:\n%s", n, p.log.String())
	}
	p.log.Reset()
	for _, at := range []time.Time{one.Time, two.Time, two.Time.Add(time.Hour)} {
		p.event(transports.Read{In: goChannel, Time: at})
	}
	if n := strings.Count(p.log.String(), "<displayed "); n != 1 || !strings.Contains(p.log.String(), "from='#go%irc.example@irc.localhost/alice'") {
		t.Errorf("it is shown %d times:\n%s", n, p.log.String())
	}
}
