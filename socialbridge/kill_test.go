package socialbridge

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"passerelle/internal/killtest"
	"passerelle/socialbridge/activity"
	"passerelle/store"
	"passerelle/transports"
)

const (
	childTaken = 150 // posts after which it is
	childAgain = 20  // more of them that come when it is back
)

func TestMain(m *testing.M) {
	killtest.Main(func() { os.Exit(m.Run()) }, map[string]func([]string) error{"receive": receiveUntilKilled})
}

// outbox is a gateway that writes down what it is to deliver.
type outbox struct{ *xmppSide }

func (outbox) Deliver(tx *store.Tx, user transports.Address, e transports.Event) error {
	l, ok := e.(transports.Letter)
	if !ok {
		return nil
	}
	return tx.Send(&store.Outgoing{UserID: store.UserID{Domain: "social.xmpp.example", JID: user.String()}, Letter: l.ID, Stanza: l.Body, Time: tx.Now()})
}

// surviving opens what there is at a path.
func surviving(path string) (*store.DB, *Transport, error) {
	log := slog.New(slog.DiscardHandler)
	db, err := store.Open(context.Background(), store.Options{Path: path, Key: make([]byte, 32), Log: log})
	if err != nil {
		return nil, nil, err
	}
	s, err := New(Options{Domain: "social.xmpp.example", URL: &url.URL{Scheme: "https", Host: "social.example"}, Store: db, Log: log, Rules: Rules{Users: "xmpp.example", Kept: 10_000}})
	if err != nil {
		return db, nil, err
	}
	s.Serve(outbox{&xmppSide{}})
	return db, s, nil
}

// take receives a post that names romeo.
func take(s *Transport, a *Account, n int) error {
	by := actorAt("alice", "gs1.test")
	id := fmt.Sprintf("tag:gs1.test,2026-11-26:noticeId=%d", n)
	return s.Receive(context.Background(), Received{For: a, Activity: &activity.Activity{
		ID: id, Verb: activity.Post, Actor: activity.Actor{URI: by.URI}, Public: true,
		Note: &activity.Note{ID: id, HTML: "hello", Public: true, Mentions: []activity.Mention{{URI: a.URI}}},
	}})
}

// followAlice has romeo follow alice, who may write to him as often as she likes then.
func followAlice(db *store.DB, s *Transport) error {
	by, err := s.Keep(context.Background(), actorAt("alice", "gs1.test"))
	if err != nil {
		return err
	}
	return db.Write(context.Background(), func(tx *store.Tx) error {
		_, err := tx.FollowSocial(store.SocialFollowing{UserID: s.userID(romeo), Actor: by.ID})
		return err
	})
}

// receiveUntilKilled says of each post that it is taken once it is.
func receiveUntilKilled(args []string) error {
	db, s, err := surviving(args[0])
	if err != nil {
		return err
	}
	a, _, err := s.join(context.Background(), "en", romeo)
	if err != nil {
		return err
	}
	if err := followAlice(db, s); err != nil {
		return err
	}
	for n := 0; ; n++ {
		if err := take(s, a, n); err != nil {
			return err
		}
		if _, err := fmt.Println(n); err != nil {
			return err
		}
	}
}

// A gateway that is killed while things come has lost nothing that it has said it has, and what comes again is told nobody twice.
func TestKill(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "db")
	taken := len(killtest.After(t, childTaken, "receive", path)) - 1
	db, s, err := surviving(path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	a, err := s.accountOf(t.Context(), "en", romeo)
	if err != nil {
		t.Fatal(err)
	}
	for n := range taken + childAgain {
		if err := take(s, a, n); err != nil {
			t.Fatal(err)
		}
	}
	letters := map[string]int{}
	for after := store.OutgoingNumber(0); ; {
		all, err := db.Outgoing(t.Context(), "social.xmpp.example", after)
		if err != nil {
			t.Fatal(err)
		}
		if len(all) == 0 {
			break
		}
		for _, o := range all {
			letters[o.Letter]++
			after = o.Number
		}
	}
	if len(letters) < taken+childAgain {
		t.Errorf("%d letters of %d posts", len(letters), taken+childAgain)
	}
	for id, n := range letters {
		if n != 1 {
			t.Errorf("the letter %s is there %d times", id, n)
		}
	}
}

// Whatever somebody writes for an address is none, or one that stays the same when it is written and read again.
func FuzzAddress(f *testing.F) {
	for _, seed := range []string{"alice@gs1.test", "alice%gs1.test", "acct:A@B.C", "https://x.test/@alice", "a@münchen.example", "@@", "a@b:99999999", "!club@x.test", "xn--a@xn--b.c", "a@раураl.com", "tag:x.test,2026:1", "https://a@b:1/x?y#z", "-@t..", "0@\xaf"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if acct, ok := readAcct(s); ok {
			if again, ok := parseAcct(acct); !ok || again != acct {
				t.Fatalf("%q is %q, and that is %q, %v", s, acct, again, ok)
			}
			if _, err := transports.ParseAddress(transports.Escape(acct) + "@social.example"); err != nil {
				t.Fatalf("%q is %q, which no JID can have: %v", s, acct, err)
			}
		}
		if u := httpURL(s); u != "" && strings.ContainsAny(u, "\"<> \n") {
			t.Fatalf("%q is shown as %q", s, u)
		}
	})
}
