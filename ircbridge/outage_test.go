package ircbridge

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"passerelle/internal/ircd"
	"passerelle/transports"
)

// TestTenMinutes has a network with 1,000 users that is gone for ten minutes: it is tried for about once a minute in all, and when it is there
// again everybody is back within seconds, each told once that the connection was lost and once why, and heard once.
func TestTenMinutes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		users := 1000
		if testing.Short() {
			users = 200
		}
		server := ircd.New(ircd.Options{})
		var down atomic.Bool
		var tries, busiest atomic.Int64
		perSecond := make(map[int64]int64) // of the dialer, which the gate calls one after the other
		tr := newTransport(t, Options{
			Networks: plainNet("pipe.test:6667"), ConnectRate: 100,
			Dial: func(context.Context, string, string) (net.Conn, error) {
				tries.Add(1)
				if down.Load() {
					return nil, errDown
				}
				second := time.Now().Unix()
				perSecond[second]++
				busiest.Store(max(busiest.Load(), perSecond[second]))
				ours, theirs := net.Pipe()
				server.Serve(theirs)
				return ours, nil
			},
		})
		defer func() {
			if err := tr.Shutdown(context.Background(), ""); err != nil {
				t.Error(err)
			}
			if err := server.Stop(); err != nil {
				t.Error(err)
			}
		}()
		sessions, hosts := make([]transports.Session, users), make([]*recorder, users)
		for i := range users {
			sessions[i], hosts[i] = open(t, tr, transports.Address{Local: fmt.Sprint("u", i), Domain: "example.org"})
			hosts[i].timeout = time.Hour
			do(t, sessions[i], transports.Join{Ref: 1, Room: roomOf(fmt.Sprint("#c", i/10)), Nick: fmt.Sprint("n", i)})
		}
		for _, h := range hosts {
			await[transports.Entered](t, h)
		}
		time.Sleep(stableTime)

		down.Store(true)
		tries.Store(0)
		server.DropAll()
		time.Sleep(10 * time.Minute)
		during := tries.Load()
		down.Store(false)
		busiest.Store(0)
		again := time.Now()
		for _, h := range hosts {
			await(t, h, func(e transports.Entered) bool { return e.Ref == 0 })
		}
		last := time.Since(again)
		t.Logf("%d tries of %d users in ten minutes; everybody was back %v after the network, at most %d connected in a second", during, users, last.Round(time.Second), busiest.Load())
		if during > 25+10 { // ten may be on their way when it is found out
			t.Errorf("the network was tried %d times", during)
		}
		if last > maxProbe+20*time.Second || busiest.Load() > 130 {
			t.Errorf("everybody was back after %v, %d in the busiest second", last, busiest.Load())
		}
		// What is said now is heard once, whatever was tried before.
		do(t, sessions[0], transports.Send{Ref: 9, To: roomOf("#c0"), Body: "once"})
		synctest.Wait()
		heard := 0
		for len(hosts[1].events) > 0 {
			if m, ok := (<-hosts[1].events).(transports.Message); ok && m.Body == "once" {
				heard++
			}
		}
		if heard != 1 {
			t.Errorf("heard %d times", heard)
		}
	})
}

// An outage that somebody else has found out is told at once, and tried again by who has somebody waiting, now and then.
func TestOutageIsKnown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		tr := newTransport(t, Options{Networks: plainNet("pipe.test:6667"), Dial: func(context.Context, string, string) (net.Conn, error) {
			tries++
			return nil, errDown
		}})
		for i, want := range []int{1, 1, 1, 2} {
			s, h := open(t, tr, transports.Address{Local: fmt.Sprint("u", i), Domain: "example.org"})
			do(t, s, transports.Join{Ref: 1, Room: roomOf("#a"), Nick: "n"})
			wantKind(t, await[transports.Done](t, h).Err, transports.Offline)
			if tries != want {
				t.Errorf("%d tries after user %d, want %d", tries, i, want)
			}
			time.Sleep(joinAgainAfter / 40)
			if i == 2 {
				time.Sleep(joinAgainAfter)
			}
		}
	})
}

// Users who call one server by names of their own do not learn from an outage what others call it.
func TestOutageByOtherNames(t *testing.T) {
	t.Parallel()
	names := []string{"alices.secret", "bobs"}
	settings := &memorySettings{values: make(map[string]map[string]string)}
	for _, id := range names {
		settings.values[alice.String()+" "+Scope(id)] = map[string]string{SettingAddress: "irc.test"}
	}
	tr := newTransport(t, Options{Open: true, Settings: settings, Dial: func(context.Context, string, string) (net.Conn, error) { return nil, errDown }})
	for _, id := range names {
		h := newRecorder()
		s, err := tr.Open(context.Background(), alice, id, h)
		if err != nil {
			t.Fatal(err)
		}
		do(t, s, transports.Join{Ref: 1, Room: transports.Target{Kind: transports.TargetRoom, Network: id, ID: "#test"}, Nick: "nick"})
		if err := done(t, h, 1); !strings.HasPrefix(err.Error(), id+" (irc.test) ") {
			t.Errorf("a user of %s is told: %v", id, err)
		}
	}
}
