// Command benchirc measures gateways to IRC beside each other: passerelle and biboumi in turn, on the same work, between an XMPP
// server and an IRC server that do as little as they can, so that the gateway is what is measured. It prints a table in Markdown.
//
// Each program runs as its users would run it, but for two things: no limit on how fast a user may send to IRC, which would be all
// that one measures, and none on how many connections a second are made. It is not in charge of judging: nothing here fails
// because it is slow.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
)

func main() {
	binary := flag.String("binary", "bin/passerelle", "the program to measure")
	only := flag.String("only", "", "of the programs, one whose name begins so, such as passerelle")
	work := flag.String("work", "", "of the works, one whose name begins so, such as messages")
	secure := flag.Bool("tls", false, "reach the IRC server over TLS")
	quick := flag.Bool("quick", false, "a tenth of the work, to see that it runs")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	b := bench{binary: *binary, secure: *secure, scale: 1}
	if *quick {
		b.scale = 10
	}
	if err := b.run(ctx, *only, *work); err != nil {
		fmt.Fprintln(os.Stderr, "benchirc:", err)
		os.Exit(1)
	}
}

// bench is one call of the program.
type bench struct {
	binary string
	secure bool
	scale  int // the work is divided by it
}

// program is something to be measured, in one of its configurations.
type program struct {
	name    string
	history bool // it keeps what is said
	start   func(*site) (*subject, error)
}

func (b *bench) programs() []program {
	return []program{
		{"biboumi, history on", true, startBiboumi},
		{"biboumi, off", false, startBiboumi},
		{"passerelle, history on", true, b.startPasserelle},
		{"passerelle, off", false, b.startPasserelle},
	}
}

func (b *bench) run(ctx context.Context, only, work string) error {
	t := newTable()
	for _, p := range b.programs() {
		if !strings.HasPrefix(p.name, only) {
			continue
		}
		for _, w := range works() {
			if !strings.HasPrefix(w.name, work) {
				continue
			}
			fmt.Fprintf(os.Stderr, "%s: %s\n", p.name, w.name)
			if err := b.measure(ctx, p, w, t); err != nil {
				return fmt.Errorf("%s: %s: %w", p.name, w.name, err)
			}
		}
	}
	fmt.Print(t.markdown())
	return nil
}

// measure starts a program afresh and has it do some work.
func (b *bench) measure(ctx context.Context, p program, w work, t *table) (err error) {
	s, err := newSite(p, b.secure)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	sub, err := p.start(s)
	if err != nil {
		return err
	}
	defer sub.stop()
	if err := s.xmpp.await(ctx); err != nil {
		return fmt.Errorf("%w\n%s", err, sub.process.Tail())
	}
	r := &run{site: s, subject: sub, scale: b.scale, report: func(row, format string, args ...any) {
		t.set(row, p.name, fmt.Sprintf(format, args...))
	}}
	if err := w.do(ctx, r); err != nil {
		return fmt.Errorf("%w\n%s", err, sub.process.Tail())
	}
	return nil
}

// table is what was measured, by row and program, both in the order in which they came.
type table struct {
	rows, columns []string
	cells         map[[2]string]string
}

func newTable() *table { return &table{cells: map[[2]string]string{}} }

func (t *table) set(row, column, cell string) {
	if !slices.Contains(t.rows, row) {
		t.rows = append(t.rows, row)
	}
	if !slices.Contains(t.columns, column) {
		t.columns = append(t.columns, column)
	}
	t.cells[[2]string{row, column}] = cell
}

func (t *table) markdown() string {
	var b strings.Builder
	line := func(first string, cell func(column string) string) {
		b.WriteString("| " + first)
		for _, c := range t.columns {
			b.WriteString(" | " + cell(c))
		}
		b.WriteString(" |\n")
	}
	line("work", func(c string) string { return c })
	line("---", func(string) string { return "---" })
	for _, row := range t.rows {
		line(row, func(c string) string { return t.cells[[2]string{row, c}] })
	}
	return b.String()
}
