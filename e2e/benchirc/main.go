// Command benchirc measures gateways to IRC beside each other: passerelle and biboumi in turn, on the same work, between an XMPP
// server and an IRC server that do as little as they can, so that the gateway is what is measured. It prints tables in Markdown: without
// TLS to the IRC server and with it, with what was said kept and not.
//
// Each program runs as its users would run it, but for two things: no limit on how fast a user may send to IRC, which would be all
// that one measures, and none on how many connections a second are made. It is not in charge of judging: nothing here fails
// because it is slow.
//
// With -soak passerelle alone has very many sessions for a long time, see soak.go.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"passerelle/e2e/benchrig"
)

func main() {
	var b bench
	flag.StringVar(&b.binary, "binary", "bin/passerelle", "the program to measure")
	flag.StringVar(&b.only, "only", "", "of the programs, those whose name begins so, such as passerelle")
	flag.StringVar(&b.work, "work", "", "of the works, those whose name begins so, such as messages")
	secure := flag.String("tls", "both", "whether the IRC server is reached over TLS: off, on or both")
	quick := flag.Bool("quick", false, "a tenth of the work, to see that it runs")
	soaking := flag.Bool("soak", false, "passerelle alone, with very many sessions for a long time")
	var s soak
	flag.IntVar(&s.sessions, "sessions", 10_000, "with -soak, how many")
	flag.Float64Var(&s.minutes, "minutes", 10, "with -soak, how long")
	flag.IntVar(&s.rate, "rate", 1000, "with -soak, how many lines a second are said to them")
	flag.Parse()
	b.scale = 1
	if *quick {
		b.scale = 10
	}
	benchrig.Main("benchirc", func(ctx context.Context) error {
		if *soaking {
			return b.soak(ctx, s)
		}
		return b.tables(ctx, *secure)
	})
}

// bench is one call of the program.
type bench struct {
	binary, only, work string
	scale              int // the work is divided by it
}

// program is something to be measured, in one of its configurations.
type program struct {
	name    string
	history bool // it keeps what is said
	start   func(*site) (*subject, error)
}

func (p program) String() string {
	if p.history {
		return p.name + ", history on"
	}
	return p.name + ", history off"
}

func (b *bench) programs() []program {
	return []program{
		{"biboumi", true, startBiboumi},
		{"passerelle", true, b.startPasserelle},
		{"biboumi", false, startBiboumi},
		{"passerelle", false, b.startPasserelle},
	}
}

// tables measures everything without TLS, with it, or both.
func (b *bench) tables(ctx context.Context, tls string) error {
	end := benchrig.Begin("")
	for _, secure := range []bool{false, true} {
		if name := map[bool]string{false: "off", true: "on"}[secure]; tls != "both" && tls != name {
			continue
		}
		t := newTable(b.programs())
		for _, w := range works() {
			if strings.HasPrefix(w.name, b.work) && !(w.once && secure) {
				b.measure(ctx, w, secure, t)
			}
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		fmt.Printf("\n%s\n\n%s", map[bool]string{false: "Without TLS:", true: "With TLS:"}[secure], t.markdown())
	}
	end()
	return nil
}

// measure has the programs do a work, each step of it one program after the other, while the others are held: a thousand sessions at rest are half a
// core of biboumi's. While they rest they do so together. What fails, on a machine that has too much else to do, leaves its cells empty.
func (b *bench) measure(ctx context.Context, w work, secure bool, t *table) {
	runs := map[string]*run{}
	defer func() {
		for _, r := range runs {
			r.stop()
		}
	}()
	for i, step := range w.steps {
		for _, p := range b.programs() {
			name := p.String()
			if !strings.HasPrefix(name, b.only) || w.once && !p.history || ctx.Err() != nil {
				continue
			}
			fmt.Fprintf(os.Stderr, "%s: %s (%d of %d), TLS %t\n", name, w.name, i+1, len(w.steps), secure)
			var err error
			if i == 0 {
				runs[name], err = b.start(ctx, p, secure, t)
			}
			r := runs[name]
			if r == nil && err == nil {
				continue // it failed before
			}
			if err == nil {
				err = alone(r, runs, func() error { return step(ctx, r) })
			}
			if err != nil {
				fmt.Fprintf(os.Stderr, "%s: %s: %v\n", name, w.name, err)
			}
			if r != nil && (err != nil || i == len(w.steps)-1) {
				r.stop()
				delete(runs, name)
			}
		}
		if i < len(w.steps)-1 {
			_ = pause(ctx, rest/time.Duration(b.scale)) // whoever goes on sees that it was interrupted
		}
	}
}

// alone does something with one program while the others are held.
func alone(r *run, runs map[string]*run, do func() error) error {
	for _, other := range runs {
		if other != nil && other != r {
			other.process.Hold()
			defer other.process.Release()
		}
	}
	return do()
}

// start starts a program afresh.
func (b *bench) start(ctx context.Context, p program, secure bool, t *table) (*run, error) {
	s, err := newSite(p, secure)
	if err != nil {
		return nil, err
	}
	sub, err := p.start(s)
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	r := &run{site: s, subject: sub, scale: b.scale, report: func(row string, cells ...figure) { t.set(row, p, cells) }}
	if err := s.xmpp.Await(ctx); err != nil {
		err = fmt.Errorf("%w\n%s", err, sub.process.Tail())
		r.stop()
		return nil, err
	}
	return r, nil
}
