package ircbridge

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"passerelle/internal/ircd"
	"passerelle/transports"
)

// ledger is a host that counts how often each request was answered.
type ledger struct {
	mu      sync.Mutex
	answers map[transports.Ref]int
	over    bool // the session has said that it is
	late    []string
}

func (l *ledger) Emit(_ context.Context, e transports.Event) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		l.late = append(l.late, describe(e))
	}
	switch e := e.(type) {
	case transports.State:
		l.over = !e.Online && e.Retry == 0
	case transports.Message:
		if e.Part == e.Of {
			l.answer(e.Ref)
		}
	case transports.Done:
		l.answer(e.Ref)
	case transports.Entered:
		l.answer(e.Ref)
	case transports.Renamed:
		l.answer(e.Ref)
	case transports.Subject:
		l.answer(e.Ref)
	case transports.ModesChanged:
		l.answer(e.Ref)
	case transports.BanList:
		l.answer(e.Ref)
	case transports.RoomList:
		l.answer(e.Ref)
	case transports.RawAnswer:
		l.answer(e.Ref)
	case transports.Told:
		l.answer(e.Ref)
	}
	return nil
}

func (l *ledger) answer(ref transports.Ref) {
	if ref != 0 {
		l.answers[ref]++
	}
}

// TestStorm has many users do what they like on a network that comes and goes: each request that was taken is answered, once, whatever happens
// meanwhile, and nothing is heard of a session behind its end.
func TestStorm(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		for name, caps := range map[string][]string{
			"plain": nil,
			"newer": {"echo-message", "labeled-response", "message-tags", "batch", "server-time", "message-redaction", "draft/multiline=max-bytes=4096,max-lines=24"},
		} {
			t.Run(fmt.Sprint(name, seed), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) { storm(t, rand.New(rand.NewPCG(seed, 1)), caps) }) //nolint:gosec // it is to be the same each time
			})
		}
	}
}

func storm(t *testing.T, r *rand.Rand, caps []string) {
	server := ircd.New(ircd.Options{Caps: caps})
	tr := newTransport(t, Options{
		Networks: plainNet("pipe.test:6667"), ConnectRate: 100,
		Dial: func(context.Context, string, string) (net.Conn, error) {
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
	const users, steps = 12, 150
	var working sync.WaitGroup
	for i := range users {
		own := rand.New(rand.NewPCG(r.Uint64(), 2)) //nolint:gosec // as above
		working.Go(func() { stormyUser(t, tr, own, i, users, steps) })
	}
	over := make(chan struct{})
	var chaos sync.WaitGroup
	chaos.Go(func() {
		for {
			select {
			case <-over:
				return
			case <-time.After(time.Duration(r.IntN(20_000)) * time.Millisecond):
			}
			switch r.IntN(3) {
			case 0:
				server.DropAll()
			case 1:
				server.Drop(fmt.Sprint("n", r.IntN(users)))
			case 2:
				server.Stall()
				time.Sleep(time.Duration(r.IntN(5000)) * time.Millisecond)
				server.Unstall()
			}
		}
	})
	working.Wait()
	close(over)
	chaos.Wait()
}

func stormyUser(t *testing.T, tr *Transport, r *rand.Rand, i, users, steps int) {
	user := transports.Address{Local: fmt.Sprint("u", i), Domain: "example.org"}
	var s transports.Session
	var l *ledger
	var asked map[transports.Ref]transports.Request
	ref := transports.Ref(0)
	check := func(all bool) {
		l.mu.Lock()
		defer l.mu.Unlock()
		for ref, n := range l.answers {
			q := asked[ref]
			_, said := q.(transports.Send)
			if q == nil || n > 1 && !said || n > 2 {
				t.Errorf("user %d: %T %+v was answered %d times", i, q, q, n)
			}
		}
		for ref, q := range asked {
			if all && l.answers[ref] == 0 {
				t.Errorf("user %d: %T %+v was not answered", i, q, q)
			}
		}
		if len(l.late) > 0 {
			t.Errorf("user %d: behind the end came %q", i, l.late)
		}
	}
	for range steps {
		time.Sleep(time.Duration(r.IntN(1500)) * time.Millisecond)
		if l != nil {
			l.mu.Lock()
			over := l.over
			l.mu.Unlock()
			if over {
				check(true)
				s = nil
			}
		}
		if s == nil {
			l, asked = &ledger{answers: make(map[transports.Ref]int)}, make(map[transports.Ref]transports.Request)
			var err error
			if s, err = tr.Open(context.Background(), user, testNet, l); err != nil {
				t.Error(err)
				return
			}
		}
		ref++
		room := roomOf(fmt.Sprint("#c", r.IntN(4)))
		other := fmt.Sprint("n", r.IntN(users))
		var q transports.Request
		switch r.IntN(20) {
		default:
			q = transports.Join{Ref: ref, Room: room, Nick: fmt.Sprint("n", i)}
		case 4, 5, 6:
			q = transports.Send{Ref: ref, To: room, Body: "one\ntwo", Receipt: true}
		case 7:
			q = transports.Send{Ref: ref, To: contact(other), Body: "hello", Receipt: true}
		case 8:
			_ = s.Do(context.Background(), transports.Leave{Room: room}) // nothing answers it
			continue
		case 9:
			q = transports.SetNick{Ref: ref, Nick: fmt.Sprint("n", r.IntN(2*users))}
		case 10:
			q = transports.SetSubject{Ref: ref, Room: room, Subject: fmt.Sprint(ref)}
		case 11:
			q = transports.Moderate{Ref: ref, Room: room, Who: transports.Person{Nick: other}, Kick: true, Ban: r.IntN(2) == 0}
		case 12:
			q = transports.Inspect{Ref: ref, Room: room, Bans: r.IntN(2) == 0}
		case 13:
			q = transports.Raw{Ref: ref, Line: "WHOIS " + other}
		case 14:
			q = transports.List{Ref: ref}
		case 15:
			q = transports.Invite{Ref: ref, Room: room, Nick: other}
		case 16:
			q = transports.Enquire{Ref: ref, Who: contact(other)}
		case 17:
			q = transports.Moderate{Ref: ref, Room: room, Who: transports.Person{Nick: other}, Grant: transports.RoleVoice}
		case 18:
			q = transports.Configure{Ref: ref, Room: room, Set: transports.ModeModerated}
		case 19:
			if r.IntN(4) == 0 {
				s.Close("bye")
				check(false)
				s, l = nil, nil
				continue
			}
			q = transports.React{Ref: ref, To: room, On: "x", Add: []string{"y"}}
		}
		l.mu.Lock() // an answer may be there before Do returns
		asked[ref] = q
		l.mu.Unlock()
		if err := s.Do(context.Background(), q); err != nil {
			l.mu.Lock()
			delete(asked, ref)
			l.mu.Unlock()
		}
	}
	if s != nil {
		time.Sleep(2 * registrationTimeout)
		time.Sleep(2 * requestTimeout)
		check(true)
		s.Close("bye")
	}
}
