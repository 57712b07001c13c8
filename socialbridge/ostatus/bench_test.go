package ostatus

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"passerelle/socialbridge/salmon"
	"passerelle/store"
)

// crowd are subscribers on many hosts, which are addresses of the loopback interface, of which some do not answer.
type crowd struct {
	urls  []string
	mu    sync.Mutex
	told  map[string]int // how often, by path
	count atomic.Int64
	all   chan struct{} // closed when as many as want were told
	want  int64
}

// newCrowd listens as n hosts and has each of them answer for some subscribers.
func newCrowd(t testing.TB, hosts, subscribers, dead int) *crowd {
	t.Helper()
	c := &crowd{told: map[string]int{}, all: make(chan struct{}), want: int64(subscribers - subscribers/hosts*dead)}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		c.mu.Lock()
		c.told[r.Host+r.URL.Path]++
		c.mu.Unlock()
		if c.count.Add(1) == c.want {
			close(c.all)
		}
		w.WriteHeader(http.StatusNoContent)
	})
	for h := range hosts {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.%d.%d:0", 1+h/200, 1+h%200))
		if err != nil {
			t.Fatal(err)
		}
		for s := range subscribers / hosts {
			c.urls = append(c.urls, fmt.Sprintf("http://%s/%d", l.Addr(), s))
		}
		if h < dead {
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			continue
		}
		server := &http.Server{Handler: handler}
		done := make(chan struct{})
		go func() { defer close(done); _ = server.Serve(l) }()
		t.Cleanup(func() { _ = server.Close(); <-done })
	}
	return c
}

// subscribe gives each of a crowd a lease.
func (r *rig) subscribe(account int64, urls []string) {
	r.Helper()
	ids := make([]int64, 0, len(urls))
	for len(urls) > 0 {
		some := urls[:min(500, len(urls))]
		if err := r.db.Write(r.Context(), func(tx *store.Tx) error {
			for _, u := range some {
				id, err := tx.AskSocialSubscriber(account, u, siteOf(u), store.SocialAsk{Subscribe: true, Secret: "s3cret"})
				if err != nil {
					return err
				}
				ids = append(ids, id)
			}
			return nil
		}); err != nil {
			r.Fatal(err)
		}
		urls = urls[len(some):]
	}
	for len(ids) > 0 {
		some := ids[:min(500, len(ids))]
		all := make([]store.SocialSubscriber, 0, len(some))
		for _, id := range some {
			s, _, err := r.db.SocialSubscriber(r.Context(), id)
			if err != nil {
				r.Fatal(err)
			}
			all = append(all, s)
		}
		if err := r.db.Write(r.Context(), func(tx *store.Tx) error {
			for i := range all {
				if err := tx.SettleSocialSubscriber(&all[i], 20*24*time.Hour); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			r.Fatal(err)
		}
		ids = ids[len(some):]
	}
}

// BenchmarkFanOut publishes a post to 10,000 subscribers on 500 hosts, up to where all of them have it.
func BenchmarkFanOut(b *testing.B) {
	const subscribers = 10_000
	r := newRig(b, rigOptions{accounts: []string{"romeo"}})
	c := newCrowd(b, 500, subscribers, 0)
	r.subscribe(1, c.urls)
	var send time.Duration
	n := 0
	for b.Loop() {
		c.mu.Lock()
		c.count.Store(0)
		c.all = make(chan struct{})
		c.mu.Unlock()
		begun := time.Now()
		r.post("romeo", fmt.Sprintf("post%012d", n), "Hello <b>world</b>")
		send += time.Since(begun)
		<-c.all
		r.idle(kindPush)
		n++
	}
	b.ReportMetric(float64(subscribers*n)/b.Elapsed().Seconds(), "deliveries/s")
	b.ReportMetric(float64(send.Milliseconds())/float64(n), "ms/publish")
}

// BenchmarkSalmon takes replies of an actor whose key is known, many at a time, up to their commit, with the social core behind it.
func BenchmarkSalmon(b *testing.B) {
	w := newWhole(b, rigOptions{})
	r := w.rig
	site, users := r.site("alice")
	alice := users[0]
	if err := alice.Follow(b.Context(), "romeo@"+r.wire.host); err != nil {
		b.Fatal(err)
	}
	w.say("post Hello")
	r.eventually(site, "the post", func() bool { return len(alice.Pushed()) == 1 })
	post := alice.Pushed()[0].ID
	stopped := make(chan struct{})
	b.Cleanup(func() { close(stopped) })
	go func() {
		for {
			select {
			case <-w.xmpp.Delivered:
			case <-stopped:
				return
			}
		}
	}()
	bodies := make([][]byte, b.N)
	for i := range bodies {
		e := r.words(alice, "post", mentioned(r.base+"/u/romeo")+`<thr:in-reply-to ref="`+post+`"/>`)
		e.id = fmt.Sprintf("tag:127.0.0.1,2026:bench%d", i)
		bodies[i] = alice.Envelope(e.String())
	}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	b.Cleanup(client.CloseIdleConnections)
	var next atomic.Int64
	b.SetParallelism(32)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			body := bodies[next.Add(1)-1]
			resp, err := client.Post(r.base+"/salmon/romeo", salmon.MediaType, bytes.NewReader(body))
			if err != nil {
				b.Error(err)
				return
			}
			if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != 200 {
				b.Errorf("%d, %v", resp.StatusCode, err)
			}
			if err := resp.Body.Close(); err != nil {
				b.Error(err)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "slaps/s")
}

// BenchmarkWebFinger asks who somebody is, with the social core behind it.
func BenchmarkWebFinger(b *testing.B) {
	r := newWhole(b, rigOptions{}).rig
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	b.Cleanup(client.CloseIdleConnections)
	u := r.base + "/.well-known/webfinger?resource=" + url.QueryEscape("acct:romeo@"+r.wire.host)
	b.SetParallelism(16)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			resp, err := client.Get(u)
			if err != nil {
				b.Error(err)
				return
			}
			if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != 200 {
				b.Errorf("%d, %v", resp.StatusCode, err)
			}
			if err := resp.Body.Close(); err != nil {
				b.Error(err)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "answers/s")
}

// Of 10,000 subscribers on 500 hosts, of which 50 are dead, those who are there get each post once, and the dead ones hold nobody up.
func TestFanOutWithDead(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it tells 10,000 subscribers")
	}
	r := newRig(t, rigOptions{accounts: []string{"romeo"}})
	c := newCrowd(t, 500, 10_000, 50)
	c.want *= 2
	r.subscribe(1, c.urls)
	r.post("romeo", "abcdefghijklmnop1", "one")
	r.post("romeo", "abcdefghijklmnop2", "two")
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	select {
	case <-c.all:
	case <-ctx.Done():
		t.Fatalf("told were %d: %v", c.count.Load(), ctx.Err())
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, u := range c.urls[50*20:] {
		if n := c.told[u[len("http://"):]]; n != 2 {
			t.Fatalf("%s was told %d times", u, n)
		}
	}
	// Each of the dead is tried alone, so that what leads there does not take the place of others.
	for {
		waiting, err := r.db.WaitingJobs(t.Context(), kindPush, 2000)
		if err != nil {
			t.Fatal(err)
		}
		if len(waiting) == 50*20 {
			break
		}
		r.settle()
	}
}
