package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"passerelle/e2e/benchrig"
)

// soak is passerelle with very many always-on sessions for a long time: of every second user the client is there, and the others' have
// gone. Lines are said in the channels of all of them, one after the other. Each minute it prints the memory, how long it took from a line's
// being written to its stanza's being read where a client is there, and how many connections the program has lost.
type soak struct {
	sessions, rate int
	minutes        float64
}

const (
	joinedAtOnce = 200
	spareFiles   = 100    // beside those of the sessions
	loopback     = 28_000 // connections from one address to another, as many as there are ports for them
	soakMark     = "soak "
	keepAlive    = 10 * time.Second // at the latest the XMPP server says something, else the gateway takes it for dead
)

// delays are how long lines took. Safe for any goroutine.
type delays struct {
	mu   sync.Mutex
	sent []time.Time // of the last lines, by number
	took []time.Duration
	all  []time.Duration
	read int
}

func (b *bench) soak(ctx context.Context, s soak) error {
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		return err
	}
	if s.sessions > min(loopback, int(files.Cur)-spareFiles) || s.rate < 1 || s.sessions < 2 {
		return fmt.Errorf("%d sessions are too many or too few: there are %d files (ulimit -n) and %d ports", s.sessions, files.Cur, loopback)
	}
	site, err := newSite(program{history: true}, false)
	if err != nil {
		return err
	}
	site.options = fmt.Sprintf("always_on = \"default\"\nmax_connections = %d\n", s.sessions)
	sub, err := b.startPasserelle(site)
	if err != nil {
		return fmt.Errorf("%w; %w", err, site.close())
	}
	r := &run{site: site, subject: sub, scale: 1}
	defer r.stop()
	if err := site.xmpp.Await(ctx); err != nil {
		return fmt.Errorf("%w\n%s", err, sub.process.Tail())
	}
	if err := r.soak(ctx, s); err != nil {
		return fmt.Errorf("%w\n%s", err, sub.process.Tail())
	}
	return nil
}

func (r *run) soak(ctx context.Context, s soak) error {
	start := time.Now()
	for from := 0; from < s.sessions; from += joinedAtOnce {
		to := min(from+joinedAtOnce, s.sessions)
		if err := r.join(ctx, from, to, own); err != nil {
			return err
		}
		var gone strings.Builder
		for i := from + 1; i < to; i += 2 {
			fmt.Fprintf(&gone, "<presence type='unavailable' from='%s/phone' to='%s/user%d'/>", user(i), room(own(i)), i)
		}
		if _, err := io.WriteString(r.xmpp.Conn, gone.String()); err != nil {
			return err
		}
	}
	fmt.Printf("%d sessions joined in %.1f s; load %s.\n\n", s.sessions, time.Since(start).Seconds(), benchrig.Load())
	if err := pause(ctx, rest); err != nil {
		return err
	}
	lost := r.irc.lost.Load()
	d := &delays{sent: make([]time.Time, 60*s.rate)}
	r.xmpp.expect("", d.arrived)
	fmt.Println("| minute | lines | read | p50 | p99 | longest | memory | processor | connections lost |\n|---|---|---|---|---|---|---|---|---|")
	line := func(minute string, lines, read int, took []time.Duration, cpu, of time.Duration) error {
		memory, err := r.process.ResidentKiB()
		if err != nil {
			return err
		}
		slices.Sort(took)
		at := func(share float64) string {
			if len(took) == 0 {
				return "–"
			}
			return millis(took[min(len(took)-1, int(share*float64(len(took))))]).text
		}
		_, err = fmt.Fprintf(os.Stdout, "| %s | %d | %d | %s | %s | %s | %s | %s | %d |\n", minute, lines, read, at(0.5), at(0.99), at(1),
			megabytes(memory).text, cores(cpu.Seconds()/of.Seconds()).text, r.irc.lost.Load()-lost)
		return err
	}
	if err := line("0", 0, 0, nil, 0, time.Second); err != nil {
		return err
	}
	first, err := r.process.CPU()
	if err != nil {
		return err
	}
	begun, before, said := time.Now(), first, 0
	for left := time.Duration(s.minutes * float64(time.Minute)); left > 0; left -= time.Minute {
		since, saidBefore := time.Now(), said
		if said, err = r.talkFor(ctx, min(left, time.Minute), s, d, said); err != nil {
			return err
		}
		now, err := r.process.CPU()
		if err != nil {
			return err
		}
		took, read := d.take()
		if err := line(fmt.Sprintf("%.1f", time.Since(begun).Minutes()), said-saidBefore, read, took, now-before, time.Since(since)); err != nil {
			return err
		}
		before = now
	}
	if err := pause(ctx, time.Second); err != nil { // for what is still on its way
		return err
	}
	d.take()
	return line("all", said, len(d.all), d.all, before-first, time.Since(begun))
}

// talkFor says lines for a time, in the channels of all, and returns how many were said by then in all.
func (r *run) talkFor(ctx context.Context, how time.Duration, s soak, d *delays, said int) (int, error) {
	const together = 10 * time.Millisecond // lines of this time are said at once
	tick := time.NewTicker(together)
	defer tick.Stop()
	start, from := time.Now(), said
	var heard time.Time
	for time.Since(start) < how {
		if time.Since(heard) > keepAlive {
			heard = time.Now()
			r.xmpp.send(fmt.Sprintf("<iq type='get' from='%s/phone' to='%s' id='there'><ping xmlns='urn:xmpp:ping'/></iq>", user(0), domain))
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return said, ctx.Err()
		}
		for due := from + int(time.Since(start).Seconds()*float64(s.rate)); said < due; said++ {
			d.says(said)
			if !r.irc.tell(own(said%s.sessions), soakMark+strconv.Itoa(said)+" "+text) {
				return said, fmt.Errorf("nobody is in %s any more", own(said%s.sessions))
			}
		}
	}
	return said, nil
}

func (d *delays) says(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sent[n%len(d.sent)] = time.Now()
}

// arrived takes a message that the XMPP server was sent.
func (d *delays) arrived(m []byte) {
	at := time.Now()
	_, rest, ok := bytes.Cut(m, []byte("<body>"+soakMark))
	if !ok {
		return
	}
	number, _, _ := bytes.Cut(rest, []byte(" "))
	n, err := strconv.Atoi(string(number))
	if err != nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.read++
	d.took = append(d.took, at.Sub(d.sent[n%len(d.sent)]))
}

// take gives what was measured since the last time.
func (d *delays) take() (took []time.Duration, read int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	took, read = d.took, d.read
	d.all = append(d.all, took...)
	d.took, d.read = nil, 0
	return took, read
}
