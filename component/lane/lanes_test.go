package lane

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"passerelle/transports"
)

func address(i int) transports.Address {
	return transports.Address{Local: fmt.Sprint("user", i), Domain: "xmpp.example"}
}

// plain runs errands as they are.
func plain(do func()) { do() }

// Errands of one address are done in their order, whatever others wait for, and nothing is left of an address at rest.
func TestOrder(t *testing.T) {
	t.Parallel()
	l := Lanes{Guard: plain}
	stuck := make(chan struct{})
	l.Post(address(0), 0, func() { <-stuck })
	const users, errands = 20, 100
	var mu sync.Mutex
	done := map[int][]int{}
	for n := range errands {
		for u := 1; u <= users; u++ {
			if !l.Post(address(u), 0, func() {
				mu.Lock()
				defer mu.Unlock()
				done[u] = append(done[u], n)
			}) {
				t.Fatal("an errand is refused")
			}
		}
	}
	for u := 1; u <= users; u++ { // the last one in each lane
		if err := l.Wait(t.Context(), t.Context(), address(u), func(context.Context) error { return nil }); err != nil {
			t.Fatal(err)
		}
		mu.Lock()
		if got := done[u]; len(got) != errands || !slices.IsSorted(got) {
			t.Errorf("of %s was done %v", address(u), got)
		}
		mu.Unlock()
	}
	close(stuck)
	l.End()
	if len(l.m) > 0 {
		t.Errorf("%d lanes are left", len(l.m))
	}
	if l.Post(address(1), 0, func() { t.Error("it is done after the end") }) {
		t.Error("an errand is taken after the end")
	}
}

// What waits in a lane has bounds, in number and in bytes; one that is larger is taken where nothing else waits.
func TestBounds(t *testing.T) {
	t.Parallel()
	l := Lanes{Guard: plain}
	defer l.End()
	stuck, begun := make(chan struct{}), make(chan struct{})
	defer close(stuck)
	for i := range 2 {
		l.Post(address(i), 0, func() { begun <- struct{}{}; <-stuck })
		<-begun
	}
	taken := 0
	for l.Post(address(0), 0, func() {}) {
		taken++
	}
	if taken != maxErrands {
		t.Errorf("%d errands wait, want %d", taken, maxErrands)
	}
	if !l.Post(address(1), 2*maxErrandSize, func() {}) || l.Post(address(1), 1, func() {}) {
		t.Error("bytes are counted otherwise")
	}
}

// Who waits is told what became of it, that nothing runs, or that he has waited for long enough.
func TestWait(t *testing.T) {
	t.Parallel()
	l := Lanes{Guard: plain}
	errTest := errors.New("as the test says")
	do := func(context.Context) error { return errTest }
	if err := l.Wait(t.Context(), t.Context(), address(0), do); !errors.Is(err, errTest) {
		t.Errorf("got %v", err)
	}
	if err := l.Wait(t.Context(), nil, address(0), do); transports.AsError(err).Kind != transports.Busy {
		t.Errorf("while nothing runs: %v", err)
	}
	stuck := make(chan struct{})
	l.Post(address(0), 0, func() { <-stuck })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.Wait(ctx, t.Context(), address(0), do); transports.AsError(err).Kind != transports.Offline {
		t.Errorf("whoever has gone is told %v", err)
	}
	close(stuck)
	l.End()
	if err := l.Wait(t.Context(), t.Context(), address(0), do); transports.AsError(err).Kind != transports.Busy {
		t.Errorf("after the end: %v", err)
	}
}
