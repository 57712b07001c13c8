package mailbridge

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"passerelle/internal/jobs"
	"passerelle/internal/killtest"
	"passerelle/internal/postaltest"
	"passerelle/mailbridge/address"
	"passerelle/mailbridge/relay"
	"passerelle/store"
	"passerelle/transports"
)

func TestMain(m *testing.M) {
	killtest.Main(func() { goleak.VerifyTestMain(m) }, map[string]func([]string) error{"redirect": redirectUntilKilled})
}

// filed writes mails into a file, from which no kill takes them.
type filed struct{ *os.File }

func (filed) Site(address.Mailbox) string { return "smarthost" }

var saidInMail = regexp.MustCompile(`said-\d+-\d+\b`)

func (f filed) Send(_ context.Context, e relay.Envelope, mail []byte) []relay.Result {
	m := Mail{e, mail}
	r := relay.Result{To: e.To[0], Outcome: relay.Sent, Code: 250}
	if _, err := fmt.Fprintln(f.File, field(m, "Message-ID"), strings.Join(saidInMail.FindAllString(plainPart(m), -1), " ")); err != nil { // one write(2)
		r.Outcome = relay.Temporary
	}
	return []relay.Result{r}
}

const killUsers = 40

// killGateway is a gateway in a folder, whose clock runs 200 times too fast, with its jobs.
func killGateway(ctx context.Context, dir string, base time.Time) (t *Transport, db *store.DB, run func(), err error) {
	begun := time.Now()
	now := func() time.Time { return base.Add(200 * time.Since(begun)) }
	log := slog.New(slog.DiscardHandler)
	if db, err = store.Open(ctx, store.Options{Path: filepath.Join(dir, "db"), Key: make([]byte, 32), Log: log, Now: now}); err != nil {
		return nil, nil, nil, err
	}
	out, err := os.OpenFile(filepath.Join(dir, "mails"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, nil, nil, err
	}
	if t, err = New(Options{
		Domain: "mail.example", Hostname: "mx.example", Store: db, Tokens: address.NewTokens([]byte("key")), Relay: filed{out}, Log: log, Now: now,
		Rules: Rules{Domains: []Domain{{Name: "example.org", Users: "xmpp.example"}}, MaxSize: 25 << 20, Redirect: &RedirectRules{Sender: "redirect", Kept: 10_000}},
	}); err != nil {
		return nil, nil, nil, err
	}
	t.Serve(&xmppSide{XMPP: postaltest.NewXMPP()})
	d := &jobs.Dispatcher{Store: db, Kinds: Kinds(t), Log: log, Now: now}
	return t, db, func() {
		d.Run(ctx)
		_ = out.Close() // every write was checked
	}, nil
}

// redirectUntilKilled takes messages in a folder from some time on, and prints each once it is written down, while what is due is mailed.
func redirectUntilKilled(args []string) error {
	base, err := time.Parse(time.RFC3339, args[1])
	if err != nil {
		return err
	}
	ctx := context.Background()
	t, db, run, err := killGateway(ctx, args[0], base)
	if err != nil {
		return err
	}
	if err := db.Write(ctx, func(tx *store.Tx) error {
		for i := range killUsers {
			user := transports.Address{Local: fmt.Sprint("user", i), Domain: "xmpp.example"}
			if err := tx.SetRedirect(store.Redirect{
				UserID: t.userID(user), Mailbox: fmt.Sprintf("me%d@example.net", i), State: store.RedirectOn, Alias: user.Local, Rules: "do always",
			}); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		return err
	}
	go run()
	failed := make(chan error)
	for w := range 4 {
		go func() {
			for i := w; ; i += 4 {
				said := fmt.Sprintf("said-%d-%d", base.Unix(), i)
				talk := i / 50 // messages of each conversation
				err := t.Copied(ctx, transports.Copy{
					Way: transports.WayModule, User: transports.Address{Local: fmt.Sprint("user", talk%killUsers), Domain: "xmpp.example"},
					Peer: transports.Address{Local: fmt.Sprint("bob", talk), Domain: "jabber.example"}, ID: said, ArchiveID: said, Body: said,
				})
				if err == nil {
					_, err = fmt.Println(said) // one write(2), which a pipe takes whole or not at all
				}
				if err != nil {
					failed <- err
					return
				}
			}
		}()
	}
	return <-failed
}

// TestRedirectKilled kills a gateway again and again while it takes messages and mails them: each that it has taken is in one mail, and in one only.
func TestRedirectKilled(t *testing.T) {
	t.Parallel()
	dir, base := t.TempDir(), time.Now().UTC().Truncate(time.Second)
	var taken []string
	for _, enough := range []int{700, 300, 1100} {
		taken = append(taken, killtest.After(t, enough, "redirect", dir, base.Format(time.RFC3339))...)
		base = base.Add(24 * time.Hour)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	_, db, run, err := killGateway(ctx, dir, base)
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(run)
	for end := time.Now().Add(postaltest.Patience); ; {
		var waiting []store.WaitingJob
		for _, kind := range []string{kindDue, kindSend} {
			all, err := db.WaitingJobs(ctx, kind, 1)
			if err != nil {
				t.Fatal(err)
			}
			waiting = append(waiting, all...)
		}
		if len(waiting) == 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("jobs wait: %+v", waiting)
		}
	}
	cancel()
	running.Wait()
	if err := db.Close(); err != nil {
		t.Error(err)
	}
	raw, err := os.ReadFile(filepath.Join(dir, "mails"))
	if err != nil {
		t.Fatal(err)
	}
	mails := map[string]map[string]bool{} // of each message
	sent := 0
	for line := range strings.Lines(string(raw)) {
		words := strings.Fields(line)
		sent++
		for _, said := range words[1:] {
			if mails[said] == nil {
				mails[said] = map[string]bool{}
			}
			mails[said][words[0]] = true
		}
	}
	for _, said := range taken {
		if len(mails[said]) != 1 {
			t.Errorf("%s was taken and is in %d mails", said, len(mails[said]))
		}
	}
	if extra := len(mails) - len(taken); extra < 0 || extra > 4*3 { // some were written down without its being said
		t.Errorf("%d messages were mailed, of %d that were taken", len(mails), len(taken))
	}
	t.Logf("%d messages in %d mails", len(mails), sent)
}
