package component

import (
	"fmt"
	"testing"

	"passerelle/transports"
)

// TestEndlessMissed: a network that tells the past of a room again and again, where its user is away, does not pile up look-ups in the archive.
func TestEndlessMissed(t *testing.T) {
	t.Parallel()
	w, db := stayWorld(t, StayDefault, nil)
	alice := w.client("alice@localhost/phone")
	s := w.enter(alice)
	alice.expect(beginsToStay)
	alice.send(leavesRoom)
	alice.expect(`<presence type='unavailable'/>`)
	waitOccupancies(t, w, 1)
	release := holdCommits(t, db)
	u, _ := w.gateway.user(transports.Address{Local: "alice", Domain: "localhost"})
	most := make(chan int, 1)
	for i := range 10 * maxAwaited {
		m := roomLine("bob", fmt.Sprint(i))
		m.Clocked, m.Time = true, now()
		s.emit(t, transports.Missed{Room: goRoom, Messages: []transports.Message{m}})
	}
	u.post(func() { most <- u.awaited })
	if got := <-most; got > maxAwaited {
		t.Errorf("%d look-ups wait, want at most %d", got, maxAwaited)
	}
	release()
}
