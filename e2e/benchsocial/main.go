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
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
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
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := b.run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "benchsocial:", err)
		os.Exit(1)
	}
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
	begun := time.Now()
	fmt.Printf("%d cores, Go %s, load %s before.\n\n", runtime.NumCPU(), strings.TrimPrefix(runtime.Version(), "go"), benchrig.Load())
	if b.latency > 0 {
		fmt.Printf("Each subscriber takes %s to answer.\n\n", b.latency)
	}
	s, err := newSite(ctx, b.binary, b.hosts, b.latency)
	if err != nil {
		return err
	}
	defer s.stop()
	fmt.Println("| work | how many | a second | processor each: the gateway's, this program's |")
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
		used, start := benchrig.NewUsed(s.gateway), time.Now()
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
	fmt.Printf("\nIt took %.1f minutes; load %s after.\n", time.Since(begun).Minutes(), benchrig.Load())
	return nil
}
