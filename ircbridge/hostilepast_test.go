package ircbridge

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/lrstanley/girc"

	"passerelle/transports"
)

// TestEndlessPast: a network that answers each question for the past with what is no message, always from a little earlier, is asked no more in
// the end, and something is missing then.
func TestEndlessPast(t *testing.T) {
	t.Parallel()
	isup := defaultISupport()
	k := &catching{name: "#test", left: 100}
	at := time.Now()
	asked := 1
	for ; asked <= 2*maxPastPages; asked++ {
		b := &batch{kind: batchPast}
		k.question(&isup)
		for range k.page {
			at = at.Add(-time.Second)
			b.count++
			b.lines = append(b.lines, &girc.Event{
				Command: girc.JOIN, Params: []string{"#test"}, Timestamp: at, Tags: girc.Tags{"time": serverTime(at)},
			})
		}
		if !k.take(b, nil, &isup, maxPastBytes) {
			break
		}
	}
	if asked > maxPastPages || k.whole {
		t.Errorf("asked %d times, and all of it is there: %t", asked, k.whole)
	}
}

// TestHugePast: what a network says of the past of all channels is bounded, also where nothing tells the host of it; the newest counts.
func TestHugePast(t *testing.T) {
	t.Parallel()
	isup := defaultISupport()
	isup.historyTold, isup.history = true, 1
	s, c := &session{}, &conn{private: &privatePast{now: &catching{}}}
	took := 0
	for n := range 50 {
		k := &catching{name: fmt.Sprint("#", n), left: maxPast}
		s.rooms = append(s.rooms, &room{name: k.name, catch: k})
		for range 100 {
			k.question(&isup)
			page := []transports.Message{{Body: strings.Repeat("x", maxBody)}}
			cursor := &girc.Event{Timestamp: time.Unix(int64(took), 0), Tags: girc.Tags{"time": "x"}}
			more := k.take(&batch{kind: batchPast, count: 1, lines: []*girc.Event{cursor}}, page, &isup, s.pastRoom(c))
			if took += len(k.got); !more {
				break
			}
		}
		if n%2 == 0 { // the network does not say who is there
			s.rooms[n].catch, s.rooms[n].enter = nil, &entering{missed: k.missed(transports.Target{})}
		}
	}
	kept := 0
	for _, r := range s.rooms {
		if r.catch != nil {
			kept += len(r.catch.got)
		} else {
			kept += len(r.enter.missed.Messages)
		}
	}
	if kept*maxBody > maxPastBytes || kept*maxBody < maxPastBytes/2 {
		t.Errorf("%d MiB are kept", kept*maxBody>>20)
	}
	page := []transports.Message{{Body: "old"}, {Body: "new"}}
	if got, all := newest(page, 300); all || bodies(got) != "new" {
		t.Errorf("kept %q, all of it: %t", bodies(got), all)
	}
}

// TestHugeWhileEntering: what is said in a channel that is being entered is bounded in bytes too.
func TestHugeWhileEntering(t *testing.T) {
	t.Parallel()
	tr := newTransport(t, Options{})
	r := &room{target: roomOf("#test"), name: "#test", state: roomEntering, enter: &entering{}}
	s := &session{t: tr, rooms: []*room{r}}
	for range 2 * maxHeld {
		s.postIn(r.target, transports.Message{Room: r.target, Body: strings.Repeat("x", maxBody)})
	}
	size := 0
	for _, e := range r.enter.held {
		size += len(e.(transports.Message).Body)
	}
	if size > maxHeldFor || len(r.enter.held) == 0 {
		t.Errorf("%d bytes are held", size)
	}
}
