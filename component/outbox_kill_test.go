package component

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"passerelle/internal/xmpptest"
	"passerelle/store"
)

// childEnv has the test program run a gateway that a test kills: its value is the address of the server and the path of the database.
const childEnv = "PASSERELLE_TEST_OUTBOX"

func TestMain(m *testing.M) {
	if how := os.Getenv(childEnv); how != "" {
		addr, path, _ := strings.Cut(how, " ")
		fmt.Fprintln(os.Stderr, deliverUntilKilled(addr, path))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// deliverUntilKilled runs a gateway, delivers letters and prints the id of each once it is written down.
func deliverUntilKilled(addr, path string) error {
	ctx := context.Background()
	db, err := store.Open(ctx, store.Options{Path: path, Key: make([]byte, store.KeySize), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	g, err := New(Options{
		Domain: testDomain, Secret: "s3cret", Server: addr, Store: db, Log: slog.New(slog.DiscardHandler),
		Transport: &scriptedPostal{scripted: newScripted()}, Metrics: NewMetrics(prometheus.NewRegistry()),
		Rules: Rules{OwnDomains: []string{"localhost"}},
	})
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- g.Run(ctx) }()
	for i := 0; ; i++ {
		id := fmt.Sprint(i)
		if err := db.Write(ctx, func(tx *store.Tx) error { return g.Deliver(tx, outboxUser, letterTo(id)) }); err != nil {
			return err
		}
		if _, err := fmt.Println(id); err != nil { // one write(2), which a pipe takes whole or not at all
			return err
		}
	}
}

// TestGatewayKilled kills a gateway while it delivers letters. The next one sends what was written down, and what comes twice has one id.
func TestGatewayKilled(t *testing.T) {
	t.Parallel()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	server := xmpptest.New(t, xmpptest.Options{Components: map[string]string{testDomain: "s3cret"}})
	alice, err := server.Client("alice@localhost/phone")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "db")
	child := osexec.CommandContext(t.Context(), exe)
	child.Env = append(os.Environ(), childEnv+"="+server.Addr()+" "+path)
	child.Stderr = t.Output()
	stdout, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	const enough = 300
	acknowledged := 0
	for lines := bufio.NewScanner(stdout); lines.Scan(); acknowledged++ {
		if acknowledged == enough {
			if err := child.Process.Kill(); err != nil {
				t.Error(err)
			}
		}
	}
	if err := child.Wait(); err == nil || acknowledged < enough {
		t.Fatalf("the child ended by itself after %d letters: %v", acknowledged, err)
	}

	w := newOutboxWorldAt(t, path, func(o *Options) { o.Server = server.Addr() })
	w.emptied()
	// The last one says that all others have come.
	w.deliver(outboxUser, letterTo("end"))
	got := map[string]int{}
	ctx, cancel := context.WithTimeout(t.Context(), testWait)
	defer cancel()
	for got["end"] == 0 {
		e, err := alice.Receive(ctx)
		if err != nil {
			t.Fatal(err)
		}
		got[e.Get("id")]++
	}
	delete(got, "end")
	twice := 0
	for i := range acknowledged {
		if got[fmt.Sprint(i)] == 0 {
			t.Errorf("the letter %d was written down and is lost", i)
		}
		twice += max(0, got[fmt.Sprint(i)]-1)
	}
	if len(got) > acknowledged+1 { // one may have been written down without its being said
		t.Errorf("%d letters came, want %d", len(got), acknowledged)
	}
	t.Logf("%d of %d came twice", twice, acknowledged)
}
