package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// run is a program that does some work.
type run struct {
	*site
	*subject
	scale  int
	report func(row string, cells ...figure)

	memory int           // KiB of its own, at an earlier step
	cpu    time.Duration // up to an earlier step
	at     time.Time     // of it
}

func (r *run) stop() {
	r.subject.stop()
	if err := r.site.close(); err != nil {
		fmt.Fprintln(os.Stderr, "benchirc:", err)
	}
}

// work is something to measure, in steps. It begins with a program that has just started, and between the steps the programs rest.
type work struct {
	name  string
	steps []func(context.Context, *run) error
	once  bool // it takes biboumi long, and is done with history and without TLS alone, which make no difference to it
}

func works() []work {
	type steps = []func(context.Context, *run) error
	return []work{
		{"many sessions", steps{firstSession, manySessions, sessionsAtRest, sessionsRested}, false},
		{"messages", steps{messages}, false},
		{"large channels", steps{crowds, crowdsRested}, true},
	}
}

const (
	joinPatience = 15 * time.Second

	rest = 25 * time.Second // until a program has tidied up, and over which its rest is measured
	text = "a line of some ninety bytes, which is about what people say on IRC when they are at their talk"
)

func room(channel string) string { return channel + "%" + network + "@" + domain }

func joining(b *strings.Builder, i int, channel string) {
	fmt.Fprintf(b, "<presence from='%s/phone' to='%s/user%d'><x xmlns='http://jabber.org/protocol/muc'/></presence>", user(i), room(channel), i)
}

// join has users enter a channel each, all at once, and waits until they are in: a room's subject comes last.
func (r *run) join(ctx context.Context, from, to int, channel func(i int) string) error {
	var b strings.Builder
	for i := from; i < to; i++ {
		joining(&b, i, channel(i))
	}
	r.xmpp.expect("<subject", nil)
	r.xmpp.send(b.String())
	err := r.xmpp.waitWhile(ctx, to-from, joinPatience)
	if errors.Is(err, errSilent) { // a gateway on a machine that has too much to do may have turned somebody away: all ask once more
		r.xmpp.send(b.String())
		err = r.xmpp.wait(ctx, to-from)
	}
	if err != nil {
		return err
	}
	// The rest of that last message must not be taken for one of those that are counted next.
	r.xmpp.expect("there", nil)
	r.xmpp.send(fmt.Sprintf("<iq type='get' from='%s/phone' to='%s' id='there'><ping xmlns='urn:xmpp:ping'/></iq>", user(from), domain))
	return r.xmpp.wait(ctx, 1)
}

// costs runs f and says how long it took, and how much of the processor the program had.
func (r *run) costs(f func() error) (took, cpu time.Duration, err error) {
	before, err := r.process.CPU()
	if err != nil {
		return 0, 0, err
	}
	start := time.Now()
	if err := f(); err != nil {
		return 0, 0, err
	}
	took = time.Since(start)
	after, err := r.process.CPU()
	return took, after - before, err
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func own(i int) string { return fmt.Sprintf("#room%d", i) }

// firstSession has one user join: the code that it takes is then in memory, and is not counted as the sessions'.
func firstSession(ctx context.Context, r *run) error { return r.join(ctx, 0, 1, own) }

// manySessions has a thousand more join, each in a channel of his own.
func manySessions(ctx context.Context, r *run) (err error) {
	if r.memory, err = r.process.OwnKiB(); err != nil {
		return err
	}
	n := 1000 / r.scale
	took, cpu, err := r.costs(func() error { return r.join(ctx, 1, n+1, own) })
	if err == nil {
		r.report("1,000 joins", seconds(took), micros(cpu, n))
	}
	return err
}

// sessionsAtRest notes what they have taken up to then.
func sessionsAtRest(_ context.Context, r *run) (err error) {
	r.at = time.Now()
	r.cpu, err = r.process.CPU()
	return err
}

// sessionsRested reports what they take at rest.
func sessionsRested(_ context.Context, r *run) error {
	cpu, err := r.process.CPU()
	if err != nil {
		return err
	}
	r.report("1,000 sessions at rest", cores((cpu-r.cpu).Seconds()/time.Since(r.at).Seconds()))
	memory, err := r.process.ResidentKiB()
	if err != nil {
		return err
	}
	r.report("memory, 1,000 sessions in a channel each", megabytes(memory))
	own, err := r.process.OwnKiB()
	if err == nil {
		r.report("a further session", kibibytes(float64(own-r.memory)/float64(1000/r.scale)))
	}
	return err
}

// enough is how long a measure has to take to count.
func (r *run) enough() time.Duration { return 2500 * time.Millisecond / time.Duration(r.scale) }

// growing does some work n times, with n growing until it takes long enough, and reports its pace.
func (r *run) growing(row string, n, stanzas int, do func(n int) error) error {
	for {
		took, cpu, err := r.costs(func() error { return do(n) })
		if err != nil {
			return err
		}
		if took < r.enough() {
			n = int(float64(n) * min(10, 1.2*float64(r.enough())/float64(took)+0.1))
			continue
		}
		r.report(row, pace(float64(n*stanzas)/took.Seconds()), micros(cpu, n*stanzas))
		return nil
	}
}

// messages measures what is said, with 1,000 users there.
func messages(ctx context.Context, r *run) error {
	n := 1000 / r.scale
	if err := r.join(ctx, 0, n, own); err != nil {
		return err
	}
	err := r.growing("IRC→XMPP, 1 receiver", 500, 1, func(n int) error {
		r.xmpp.expect("</message>", nil)
		r.irc.say(own(0), text, n)
		return r.xmpp.wait(ctx, n)
	})
	if err != nil {
		return err
	}
	const fan = 50
	if err := r.join(ctx, 0, fan, func(int) string { return "#shared" }); err != nil {
		return err
	}
	err = r.growing("fan-out to 50", 20, fan, func(n int) error {
		r.xmpp.expect("</message>", nil)
		r.irc.say("#shared", text, n)
		return r.xmpp.wait(ctx, n*fan)
	})
	if err != nil {
		return err
	}
	err = r.growing("XMPP→IRC with reflection", 500, 1, func(n int) error { return r.talk(ctx, n, fan) })
	if err != nil {
		return err
	}
	return r.roundTrips(ctx, 200)
}

// talk has some users say n things in channels of their own, at the pace at which they see what they said: no more than so many a user
// are under way, since a gateway may refuse what somebody says without end.
func (r *run) talk(ctx context.Context, n, speakers int) error {
	const together, most = 20, 40 // messages a user, of a write and under way
	r.xmpp.expect("</message>", nil)
	said := r.irc.said.Load()
	for sent := 0; sent < n; {
		var b strings.Builder
		for end := min(n, sent+together*speakers); sent < end; sent++ {
			u := sent % speakers
			fmt.Fprintf(&b, "<message from='%s/phone' to='%s' type='groupchat' id='m%d'><body>%s</body></message>", user(u), room(own(u)), sent, text)
		}
		if _, err := io.WriteString(r.xmpp.Conn, b.String()); err != nil {
			return err
		}
		if err := r.xmpp.wait(ctx, sent-(most-together)*speakers); err != nil {
			return err
		}
	}
	if err := r.xmpp.wait(ctx, n); err != nil {
		return err
	}
	// It was written before it was reflected, or will be in a moment; what came back as an error was not.
	for range 1000 {
		if r.irc.said.Load()-said == int64(n) {
			return nil
		}
		if err := pause(ctx, time.Millisecond); err != nil {
			return err
		}
	}
	return fmt.Errorf("of %d messages %d reached IRC", n, r.irc.said.Load()-said)
}

// roundTrips has a user say something at a rate, and measures when another user of the gateway reads it.
func (r *run) roundTrips(ctx context.Context, rate int) error {
	n := 5 * rate / r.scale
	channel := fmt.Sprintf("#pair%d", rate)
	for _, u := range []int{1, 2} {
		if err := r.join(ctx, u, u+1, func(int) string { return channel }); err != nil {
			return err
		}
	}
	sent := make([]time.Time, n)
	var took []time.Duration
	done := make(chan struct{})
	mine := []byte("to='" + user(2))
	other := []byte(`to="` + user(2))
	r.xmpp.expect("", func(m []byte) {
		at := time.Now()
		_, id, ok := bytes.Cut(m, []byte("<body>trip "))
		if !ok || !bytes.Contains(m, mine) && !bytes.Contains(m, other) {
			return
		}
		digits, _, _ := bytes.Cut(id, []byte(" "))
		if i, err := strconv.Atoi(string(digits)); err == nil && i < n {
			if took = append(took, at.Sub(sent[i])); len(took) == n {
				close(done)
			}
		}
	})
	defer r.xmpp.expect("</message>", nil)
	tick := time.NewTicker(time.Second / time.Duration(rate))
	defer tick.Stop()
	var last error
	_, cpu, err := r.costs(func() error {
		for i := range n {
			stanza := fmt.Sprintf("<message from='%s/phone' to='%s' type='groupchat' id='t%d'><body>trip %d %s</body></message>", user(1), room(channel), i, i, text)
			<-tick.C
			r.xmpp.mu.Lock() // sent is read under it
			sent[i] = time.Now()
			r.xmpp.mu.Unlock()
			if _, last = io.WriteString(r.xmpp.Conn, stanza); last != nil {
				return last
			}
		}
		select {
		case <-done:
			return nil
		case <-time.After(60 * time.Second):
			return fmt.Errorf("%d of %d messages came back", len(took), n)
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	if err != nil {
		return err
	}
	slices.Sort(took)
	r.report(fmt.Sprintf("round trip at %d/s: p50, p99", rate), millis(took[n/2]), millis(took[n*99/100]), micros(cpu, n))
	return nil
}

// crowds measures users who enter channels of many people.
func crowds(ctx context.Context, r *run) error {
	const channels = 5
	n := 200 / r.scale
	presences := n * channels * (crowdSize + 1)
	took, cpu, err := r.costs(func() error {
		var b strings.Builder
		for c := range channels {
			for i := range n {
				joining(&b, i, fmt.Sprintf("#big%d", c))
			}
		}
		r.xmpp.expect("<subject", nil)
		r.xmpp.send(b.String())
		return r.xmpp.wait(ctx, n*channels)
	})
	if err != nil {
		return err
	}
	r.report(fmt.Sprintf("200 users enter 5 channels of 500: %s presences", thousands(float64(200*channels*(crowdSize+1)))), seconds(took), micros(cpu, presences))
	return nil
}

// crowdsRested reports what they take.
func crowdsRested(_ context.Context, r *run) error {
	memory, err := r.process.ResidentKiB()
	if err == nil {
		r.report("memory then", megabytes(memory))
	}
	return err
}
