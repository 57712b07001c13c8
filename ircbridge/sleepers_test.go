package ircbridge

import (
	"testing"
	"time"

	"passerelle/internal/ircd"
	"passerelle/transports"
)

// sleep has a session rest as if nothing had been heard for a while, and waits until it does.
func sleep(t testing.TB, s *session) {
	t.Helper()
	s.mu.Lock()
	s.conn.heard = time.Now().Add(-restAfter)
	s.conn.expireAt(time.Now())
	s.mu.Unlock()
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for end := time.Now().Add(10 * time.Second); ; <-look.C {
		s.mu.Lock()
		rests := s.conn.restBy.IsZero()
		if !s.t.sleepers.refuse() {
			rests = s.conn.alarm != nil
		}
		s.mu.Unlock()
		if rests {
			return
		}
		if time.Now().After(end) {
			t.Fatal("it does not come to rest")
		}
	}
}

// refuse reports whether nobody is waited for.
func (l *sleepers) refuse() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.refuses
}

// TestSleepers: who rests hears what comes, does what is due, and may be closed, whether the system can wait for many sockets at once or
// not, and also where it fails to in the middle.
func TestSleepers(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(*sleepers){
		"together": func(*sleepers) {},
		"each":     func(l *sleepers) { l.refuses = true },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := startServer(t, ircd.Options{})
			tr := newTransport(t, Options{Networks: plainNet(server.Addr())})
			prepare(&tr.sleepers)
			opened, h := open(t, tr, alice)
			s := opened.(*session)
			enter(t, s, h, "#test", "Alice")
			bob := ircd.Dial(t, server.Addr(), "bob")
			bob.Send(t, "JOIN #test")
			bob.Expect(t, " 366 ")
			hears := func(text string) {
				t.Helper()
				bob.Send(t, "PRIVMSG #test :"+text)
				await(t, h, func(m transports.Message) bool { return m.Body == text })
			}
			for _, text := range []string{"one", "two"} {
				sleep(t, s)
				hears(text)
			}

			sleep(t, s)
			s.mu.Lock()
			s.conn.heard = time.Now().Add(-silenceTimeout)
			s.conn.expireAt(time.Now())
			s.mu.Unlock()
			// It asks whether the network is there, which answers.
			look := time.NewTicker(time.Millisecond)
			defer look.Stop()
			for end := time.Now().Add(10 * time.Second); ; <-look.C {
				s.mu.Lock()
				answered := time.Since(s.conn.heard) < silenceTimeout && s.conn.pinged.IsZero()
				s.mu.Unlock()
				if answered {
					break
				}
				if time.Now().After(end) {
					t.Fatal("at its deadline it does nothing")
				}
			}

			sleep(t, s)
			if name == "together" {
				tr.sleepers.close()
			}
			hears("three")
			sleep(t, s)
			s.Close("enough")
			bob.Expect(t, " QUIT :")
		})
	}
}

// TestSleepersLoseTheirLink: who rests notices when his connection ends.
func TestSleepersLoseTheirLink(t *testing.T) {
	t.Parallel()
	server, opened, h := entered(t, ircd.Options{})
	sleep(t, opened.(*session))
	server.DropAll()
	await(t, h, func(e transports.State) bool { return !e.Online && e.Err != nil })
}
