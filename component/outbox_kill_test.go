package component

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"passerelle/internal/killtest"
	"passerelle/internal/xmpptest"
	"passerelle/store"
	"passerelle/transports"
)

func TestMain(m *testing.M) {
	killtest.Main(func() { os.Exit(m.Run()) }, map[string]func([]string) error{
		"deliver": deliverUntilKilled, "follow": followUntilKilled, "visit": visitUntilKilled, "watch": watchUntilKilled,
	})
}

// deliverUntilKilled runs a gateway, delivers letters and prints the number of each once it is written down. Some are written together, so that
// some always wait. Its arguments are the address of the server, the number of the first letter, how many users get letters, and the path of the
// database.
func deliverUntilKilled(how []string) error {
	ctx := context.Background()
	first, err := strconv.Atoi(how[1])
	if err != nil {
		return err
	}
	users, err := strconv.Atoi(how[2])
	if err != nil {
		return err
	}
	db, err := store.Open(ctx, store.Options{Path: how[3], Key: make([]byte, store.KeySize), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	g, err := New(Options{
		Domain: testDomain, Secret: "s3cret", Server: how[0], Store: db, Log: slog.New(slog.DiscardHandler),
		Transport: &scriptedPostal{scripted: newScripted()}, Metrics: NewMetrics(prometheus.NewRegistry()),
		Rules: Rules{OwnDomains: []string{"localhost"}}, Timing: Timing{RefusedWait: 100 * time.Millisecond},
	})
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- g.Run(ctx) }()
	for i := first; ; {
		n := 1 + i%7
		if err := db.Write(ctx, func(tx *store.Tx) error {
			for j := range n {
				if err := g.Deliver(tx, killedUser((i+j)%users), letterTo(fmt.Sprint(i+j))); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			return err
		}
		for range n {
			if _, err := fmt.Println(i); err != nil { // one write(2), which a pipe takes whole or not at all
				return err
			}
			i++
		}
	}
}

// killedUser is one of the users who get letters.
func killedUser(i int) transports.Address {
	if i == 0 {
		return outboxUser
	}
	return transports.Address{Local: fmt.Sprint("user", i), Domain: "localhost"}
}

// killedGateways runs gateways that deliver letters, one after the other, and kills each. It returns the numbers of the letters that are known to be
// written down.
func killedGateways(t *testing.T, server, path string, kills, letters, users int) (written []int) {
	t.Helper()
	for kill := range kills {
		const apart = 10_000 // more than one delivers
		for _, line := range killtest.After(t, letters+1, "deliver", server, strconv.Itoa(kill*apart), strconv.Itoa(users), path) {
			i, err := strconv.Atoi(line)
			if err != nil {
				t.Fatal(err)
			}
			written = append(written, i)
		}
	}
	return written
}

// checkKilled checks that each letter that was written down has come, and that no more came twice than gateways were killed.
func checkKilled(t *testing.T, got map[string]int, written []int, kills int) {
	t.Helper()
	twice := 0
	for _, i := range written {
		if got[fmt.Sprint(i)] == 0 {
			t.Errorf("the letter %d was written down and is lost", i)
		}
	}
	for _, n := range got {
		twice += n - 1
	}
	if twice > kills {
		t.Errorf("%d of %d letters came again after %d crashes", twice, len(got), kills)
	}
	t.Logf("%d of %d letters came again after %d crashes", twice, len(got), kills)
}

// TestGatewayKilled kills gateways while they deliver letters. The next one sends what was written down, and again only what was on its way. The
// server is none that has stored what it answers for, but it was not started meanwhile.
func TestGatewayKilled(t *testing.T) {
	t.Parallel()
	server := xmpptest.New(t, xmpptest.Options{Components: map[string]string{testDomain: "s3cret"}, KickOld: true})
	server.RunningSince(time.Now().Add(-time.Hour))
	alice, err := server.Client("alice@localhost/phone")
	if err != nil {
		t.Fatal(err)
	}
	const kills = 4
	path := filepath.Join(t.TempDir(), "db")
	got := map[string]int{}
	var reading sync.WaitGroup
	reading.Go(func() {
		for got["end"] == 0 {
			e, err := alice.Receive(t.Context())
			if err != nil {
				t.Error(err)
				return
			}
			got[e.Get("id")]++
		}
	})
	written := killedGateways(t, server.Addr(), path, kills, 300, 1)
	w := newOutboxWorldAt(t, path, func(o *Options) { o.Server = server.Addr() })
	w.emptied()
	w.deliver(outboxUser, letterTo("end")) // which says that all others have come
	reading.Wait()
	delete(got, "end")
	checkKilled(t, got, written, kills)
}

// TestGatewayKilledWithMany kills gateways while they deliver letters to several users. Each of them gets one again at the most.
func TestGatewayKilledWithMany(t *testing.T) {
	t.Parallel()
	server := xmpptest.New(t, xmpptest.Options{Components: map[string]string{testDomain: "s3cret"}, KickOld: true})
	server.RunningSince(time.Now().Add(-time.Hour))
	const kills, users = 4, 5
	path := filepath.Join(t.TempDir(), "db")
	all := make([]map[string]int, users)
	var reading sync.WaitGroup
	for i := range users {
		c, err := server.Client(killedUser(i).String() + "/phone")
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]int{}
		all[i] = got
		reading.Go(func() {
			last := ""
			for got["end"] == 0 {
				e, err := c.Receive(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				id := e.Get("id")
				if got[id]++; got[id] > 1 && id != last {
					t.Errorf("%s gets the letter %s again behind %s", killedUser(i), id, last)
				}
				last = id
			}
		})
	}
	written := killedGateways(t, server.Addr(), path, kills, 300, users)
	w := newOutboxWorldAt(t, path, func(o *Options) { o.Server = server.Addr() })
	w.emptied()
	for i := range users {
		w.deliver(killedUser(i), letterTo("end"))
	}
	reading.Wait()
	for i, got := range all {
		delete(got, "end")
		var his []int
		for _, n := range written {
			if n%users == i {
				his = append(his, n)
			}
		}
		checkKilled(t, got, his, kills)
	}
}
