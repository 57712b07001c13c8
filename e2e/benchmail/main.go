// Command benchmail measures the email gateway, and beside it, in the same run and with the same mails, the mail servers that operators know:
// Postfix that takes mail and throws it away, and Dovecot that keeps it on the disk. It prints a table in Markdown.
//
// The gateway stands between this program, which brings mail and plays an XMPP server that does as little as it can, and smtp-sink of
// Postfix, which takes what users send. It runs as an operator runs it, but without limits on how much anybody sends, and everybody is
// known. It is not in charge of judging: nothing here fails because it is slow.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"passerelle/e2e/benchrig"
	"passerelle/internal/realservers"
)

func main() {
	var b bench
	flag.StringVar(&b.binary, "binary", "bin/passerelle", "the program to measure")
	flag.IntVar(&b.mails, "mails", 5000, "how many mails each work takes")
	flag.BoolVar(&b.alone, "alone", false, "measure the gateway alone, without the others beside it")
	flag.StringVar(&b.only, "only", "", "measure only what comes in so, such as \"LMTP | 10 | 1\": a piece of the first columns")
	flag.IntVar(&b.atOnce, "large", 0, "measure in place of all that what so many of the largest mails take that come at once")
	flag.Parse()
	benchrig.Main("benchmail", b.run)
}

// bench is one call of the program.
type bench struct {
	binary string
	mails  int
	alone  bool
	only   string
	atOnce int
}

// load is how mails are brought: over how many sessions, and for how many recipients each.
type load struct{ sessions, recipients int }

var loads = []load{{1, 1}, {10, 1}, {10, 10}}

// maxRecipient is one more than the highest number of a recipient.
const maxRecipient = 100

// recipient is the number of one of those whom a session brings mail for. They are others in each.
func (l load) recipient(session, n int) int { return session + n*l.sessions }

// target is something that takes mail.
type target struct {
	name string
	addr string
	lmtp bool
	to   func(i int) string
	// Of the gateway: what comes out of it is counted, and its processor time.
	xmpp    *benchrig.XMPPServer
	process *realservers.Process
}

func (b *bench) run(ctx context.Context) error {
	if b.atOnce > 0 {
		s, err := newSite(ctx, b.binary, true)
		if err != nil {
			return err
		}
		defer s.Stop()
		return b.large(ctx, s)
	}
	end := benchrig.Begin(fmt.Sprintf(" %d mails of %d bytes each. One for ten recipients counts as ten.", b.mails, mailSize))
	fmt.Println("\n| in | sessions | recipients | committed/s | stanzas written/s | processor each: its own, of this program | 250 after p50 / p99 | the same with 100 mails/s |")
	fmt.Println("|---|---|---|---|---|---|---|---|")
	s, err := newSite(ctx, b.binary, b.alone)
	if err != nil {
		return err
	}
	defer s.Stop()
	for _, t := range s.targets {
		for _, l := range loads {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			row := fmt.Sprintf("| %s | %d | %d |", t.name, l.sessions, l.recipients)
			if !strings.Contains(row, b.only) {
				continue
			}
			if cells, err := b.in(t, l); err != nil {
				fmt.Println(row, "– | – | – | – |", err, "|")
			} else {
				fmt.Println(row, strings.Join(cells, " | "), "|")
			}
		}
	}
	if b.only != "" {
		return nil
	}
	if err := b.out(ctx, s); err != nil {
		return err
	}
	end()
	return nil
}

// in brings mails as fast as they are taken, and then 100 a second. It returns cells of the table.
func (b *bench) in(t target, l load) ([]string, error) {
	mails := b.mails
	if l.recipients > 1 {
		mails = b.mails * 3 / l.recipients
	}
	n := mails * l.recipients
	var written <-chan struct{}
	if t.xmpp != nil {
		written = t.xmpp.Expect(n)
	}
	used, begun := benchrig.NewUsed(t.process), time.Now()
	waits, err := bring(t, l, mails, 0)
	if err != nil {
		return nil, err
	}
	committed := rate(n, time.Since(begun))
	stanzas := "–"
	if written != nil {
		select {
		case <-written:
			stanzas = rate(n, time.Since(begun))
		case <-time.After(time.Minute):
			stanzas = fmt.Sprintf("%d of %d after a minute", t.xmpp.Count(), n)
		}
	}
	cost := used.Each(n)
	paced, err := bring(t, l, 1000, 10*time.Millisecond)
	if err != nil {
		return nil, err
	}
	return []string{committed, stanzas, cost, percentiles(waits), percentiles(paced)}, nil
}

// bring sends n mails, one each pace where there is one; it returns how long the answers took.
func bring(t target, l load, n int, pace time.Duration) ([]time.Duration, error) {
	type result struct {
		waits []time.Duration
		err   error
	}
	results := make([]result, l.sessions)
	due := make(chan struct{})
	go func() {
		defer close(due)
		var tick <-chan time.Time
		if pace > 0 {
			ticker := time.NewTicker(pace)
			defer ticker.Stop()
			tick = ticker.C
		}
		for range n {
			if tick != nil {
				<-tick
			}
			due <- struct{}{}
		}
	}()
	var wg sync.WaitGroup
	for i := range results {
		wg.Go(func() {
			r := &results[i]
			to := make([]string, l.recipients)
			for n := range to {
				to[n] = t.to(l.recipient(i, n))
			}
			var c *client
			if c, r.err = dialMail(t.addr, fmt.Sprintf("s%d-%d", i, time.Now().UnixNano()), t.lmtp); r.err == nil {
				defer c.close()
			}
			for range due {
				if r.err != nil {
					continue // nobody else would take them
				}
				var wait time.Duration
				if wait, r.err = c.send(to); r.err == nil {
					r.waits = append(r.waits, wait)
				}
			}
		})
	}
	wg.Wait()
	var all []time.Duration
	var errs []error
	for _, r := range results {
		all, errs = append(all, r.waits...), append(errs, r.err)
	}
	return all, errors.Join(errs...)
}

func rate(n int, d time.Duration) string { return fmt.Sprintf("%.0f", float64(n)/d.Seconds()) }

func percentiles(d []time.Duration) string {
	slices.Sort(d)
	at := func(p int) string { return fmt.Sprintf("%.1f", float64(d[len(d)*p/100].Microseconds())/1000) }
	return at(50) + " / " + at(99) + " ms"
}
