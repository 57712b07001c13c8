package e2e

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"passerelle/internal/xmpptest"
)

// watcher is a client in a room with thousands of people, and what it gets.
type watcher struct {
	t   testing.TB
	ctx context.Context

	mu        sync.Mutex
	changed   chan struct{} // closed and replaced when something came
	present   int           // presences of who is there, since it joined
	in        bool
	presences int      // of all kinds, since reset
	words     []string // of the room, since reset
	heard     []string // what people said
}

// newWatcher logs in and joins a room.
func newWatcher(ctx context.Context, t testing.TB, s *servers, user, room string, resource ...string) *watcher {
	t.Helper()
	w := &watcher{t: t, ctx: ctx, changed: make(chan struct{})}
	client := enterRoom(ctx, t, s, user, strings.Join(append(resource, "watch"), "-"), room)
	t.Cleanup(receiveAll(client, func(e *xmpptest.Element) {
		w.mu.Lock()
		defer w.mu.Unlock()
		switch _, nick, _ := strings.Cut(e.Get("from"), "/"); {
		case e.Name.Local == "presence":
			w.presences++
			if e.Get("type") == "" {
				w.present++
			}
		case e.Child(xmpptest.NSClient, "subject") != nil:
			w.in = true
		case e.Name.Local == "message" && nick == "" && e.Child(xmpptest.NSClient, "body") != nil:
			w.words = append(w.words, e.Child(xmpptest.NSClient, "body").Text())
		case e.Name.Local == "message" && e.Child(xmpptest.NSClient, "body") != nil:
			w.heard = append(w.heard, e.Child(xmpptest.NSClient, "body").Text())
		}
		close(w.changed)
		w.changed = make(chan struct{})
	}))
	return w
}

// enterRoom logs in and asks for a room, whose nick is the user's name.
func enterRoom(ctx context.Context, t testing.TB, s *servers, user, resource, room string) xmppClient {
	t.Helper()
	client, err := s.login(ctx, user, resource)
	if err == nil {
		err = client.Send(ctx, fmt.Sprintf("<presence to='%s@%s/%s'><x xmlns='http://jabber.org/protocol/muc'/></presence>", room, gatewayDomain, user))
	}
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// receiveAll gives all that a client gets to take, until it is ended.
func receiveAll(client xmppClient, take func(*xmpptest.Element)) (end func()) {
	var work sync.WaitGroup
	work.Go(func() {
		for {
			e, err := client.Receive(context.Background())
			if err != nil {
				return // it was closed
			}
			take(e)
		}
	})
	return func() {
		_ = client.Close() // the server may be gone
		work.Wait()
	}
}

func (w *watcher) reset() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.presences, w.words = 0, nil
}

func (w *watcher) until(what string, so func(*watcher) bool) {
	w.t.Helper()
	for {
		w.mu.Lock()
		done, changed := so(w), w.changed
		w.mu.Unlock()
		if done {
			return
		}
		select {
		case <-changed:
		case <-w.ctx.Done():
			w.t.Fatalf("this has not come about: %s; %d presences, words %q", what, w.presences, w.words)
		}
	}
}

// talk is somebody on IRC who talks to bob on XMPP, each in a channel where nothing else goes on.
type talk struct {
	t      testing.TB
	ctx    context.Context
	talker *ircActor
	heard  chan int
	said   int
}

func newTalk(ctx context.Context, t testing.TB, s *servers) *talk {
	t.Helper()
	k := &talk{t: t, ctx: ctx, heard: make(chan int, 1)}
	in := make(chan struct{}, 1)
	t.Cleanup(receiveAll(enterRoom(ctx, t, s, "bob", "talk", "#quiet%"+networkName), func(e *xmpptest.Element) {
		body := e.Child(xmpptest.NSClient, "body")
		if e.Name.Local == "message" && e.Child(xmpptest.NSClient, "subject") != nil {
			in <- struct{}{}
		}
		if e.Name.Local != "message" || body == nil {
			return
		}
		if n, err := strconv.Atoi(strings.TrimPrefix(body.Text(), "t")); err == nil {
			k.heard <- n
		}
	}))
	select {
	case <-in:
	case <-ctx.Done():
		t.Fatal("bob is not in his room")
	}
	talker, err := dialIRC(ctx, s.ircAddr, "talker")
	if err == nil {
		err = talker.send(ctx, "JOIN #quiet")
	}
	if err == nil {
		err = talker.expect(ctx, "* 366 *", nil, true)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = talker.conn.Close() })
	k.talker = talker
	return k
}

// latency says things one after the other, 50 a second, and gives the median and the worst of the times until they were heard.
func (k *talk) latency(during time.Duration) string {
	k.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	var took []time.Duration
	for end := time.Now().Add(during); time.Now().Before(end); <-tick.C {
		k.said++
		start := time.Now()
		if err := k.talker.send(k.ctx, fmt.Sprintf("PRIVMSG #quiet :t%d", k.said)); err != nil {
			k.t.Fatal(err)
		}
		for heard := 0; heard != k.said; {
			select {
			case heard = <-k.heard:
			case <-k.ctx.Done():
				k.t.Fatal("bob hears nothing")
			}
		}
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	return fmt.Sprintf("%.1f and %.1f ms", ms(took[len(took)/2]), ms(took[len(took)-1]))
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
