package benchrig

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// Main is a program that measures: it ends when it is interrupted, too, and says why it has failed.
func Main(name string, run func(ctx context.Context) error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		os.Exit(1)
	}
}

// Begin prints on what machine it is measured, and more about it in the same line. End prints how long that has taken.
func Begin(more string) (end func()) {
	begun := time.Now()
	fmt.Printf("%d cores, Go %s, load %s before.%s\n", runtime.NumCPU(), strings.TrimPrefix(runtime.Version(), "go"), Load(), more)
	return func() { fmt.Printf("\nIt took %.1f minutes; load %s after.\n", time.Since(begun).Minutes(), Load()) }
}
