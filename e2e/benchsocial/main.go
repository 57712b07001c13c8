// Command benchsocial measures the social gateway: one post to many subscribers, slaps that come, and discovery. It prints a table in Markdown.
//
// The gateway stands between this program, which plays the other servers (500 hosts on one listener) and an XMPP server that does as little as
// it can. It runs as an operator runs it behind a proxy, which this program is too: requests come without TLS, and those to others go out with it. It
// is not in charge of judging: nothing here fails because it is slow.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"time"

	"passerelle/e2e/benchrig"
)

func main() {
	var b bench
	flag.StringVar(&b.binary, "binary", "bin/passerelle", "the program to measure")
	flag.IntVar(&b.subscribers, "subscribers", 10_000, "who is told of a post")
	flag.IntVar(&b.hosts, "hosts", 500, "on how many servers they are")
	flag.DurationVar(&b.latency, "latency", 0, "how long each subscriber takes to answer")
	flag.IntVar(&b.slaps, "slaps", 5_000, "how many mentions come")
	flag.Parse()
	benchrig.Main("benchsocial", b.run)
}

// bench is one call of the program.
type bench struct {
	binary                    string
	subscribers, hosts, slaps int
	latency                   time.Duration
}

// workTime is how long a work may take.
const workTime = 5 * time.Minute

func (b *bench) run(ctx context.Context) error {
	more := ""
	if b.latency > 0 {
		more = fmt.Sprintf(" Each subscriber takes %s to answer.", b.latency)
	}
	end := benchrig.Begin(more)
	s, err := newSite(ctx, b.binary, b.hosts, b.latency)
	if err != nil {
		return err
	}
	defer s.Stop()
	fmt.Println("\n| work | how many | a second | processor each: the gateway's, this program's |")
	fmt.Println("|---|---|---|---|")
	for _, work := range []struct {
		name string
		do   func(context.Context, *site) (int, error)
	}{
		{"subscriptions, each verified", b.subscribe},
		{"pushes of one post", b.push},
		{"pushes of the next one", b.push},
		{"slaps with known keys, to commit", b.slap},
		{"WebFinger", b.finger},
	} {
		limited, cancel := context.WithTimeoutCause(ctx, workTime, errors.New("it took too long"))
		used, start := benchrig.NewUsed(s.Gateway), time.Now()
		n, err := work.do(limited, s)
		cancel()
		switch took := time.Since(start); {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			fmt.Printf("| %s | %d | – | %v |\n", work.name, n, err)
		default:
			fmt.Printf("| %s | %d | %.0f | %s |\n", work.name, n, float64(n)/took.Seconds(), used.Each(n))
		}
	}
	end()
	return nil
}
