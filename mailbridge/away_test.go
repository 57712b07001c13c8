package mailbridge

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"passerelle/internal/postaltest"
	"passerelle/internal/realservers"
	"passerelle/internal/realservers/realtest"
	"passerelle/mailbridge/relay"
	"passerelle/transports"
)

// queued waits until the list of what waits says something, and passes time meanwhile.
func (r *rig) queued(says string, pass time.Duration) {
	r.t.Helper()
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	last := ""
	for end := time.Now().Add(postaltest.Patience); time.Now().Before(end); <-look.C {
		table, err := r.mail.listQueue(r.t.Context(), transports.Call{User: romeo, Lang: "en"}, transports.Page{Max: 10})
		if err != nil {
			r.t.Fatal(err)
		}
		if len(table.Rows) == 1 {
			if last = strings.Join(table.Rows[0].Cells, " | "); strings.Contains(last, says) {
				return
			}
		}
		if pass > 0 {
			r.pass(pass)
		}
	}
	r.t.Fatalf("the queue says %q, want %q", last, says)
}

// nextAfter is the next event for a user, for which time passes in steps.
func (r *rig) nextAfter(step time.Duration) transports.Event {
	r.t.Helper()
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for end := time.Now().Add(postaltest.Patience); time.Now().Before(end); {
		select {
		case d := <-r.xmpp.Delivered:
			return d.Event
		case <-look.C:
			r.pass(step)
		}
	}
	r.t.Fatal("nothing came")
	return nil
}

// TestSmarthostAway: mail waits for a smarthost that is away, and for one that takes nothing of those whom it does not know yet, as with greylists.
// Its user sees why, and it goes out once.
func TestSmarthostAway(t *testing.T) {
	t.Parallel()
	kept := t.TempDir()
	for _, dir := range []string{filepath.Dir(kept), kept} { // smtp-sink is somebody else
		if err := os.Chmod(dir, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	sink := realtest.Sink(t, realservers.SinkOptions{})
	smarthost, err := relay.New(relay.Options{
		Hostname: "mx.example", Smarthost: &relay.Smarthost{Addr: sink.Addr, TLS: relay.TLSNone}, Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(smarthost.Close)
	r := rigWith(t, func(o *Options) { o.Relay = smarthost })
	if err := sink.Stop(); err != nil {
		t.Fatal(err)
	}
	r.posted(transports.Letter{ID: "1", Body: "Hello", Receipt: true})
	r.flush()
	r.queued("connection refused", 0)
	if err := sink.Restart(t.Context(), realservers.SinkOptions{Args: []string{"-r", "RCPT"}}); err != nil {
		t.Fatal(err)
	}
	r.queued("command failed", time.Minute) // 450 4.3.0
	if err := sink.Restart(t.Context(), realservers.SinkOptions{Args: []string{"-d", kept + "/%M."}}); err != nil {
		t.Fatal(err)
	}
	r.pass(time.Hour)
	if e, ok := r.next().(transports.Receipt); !ok || e.ID != "1" {
		t.Errorf("got %+v, want the receipt", e)
	}
	r.pass(24 * time.Hour)
	r.posted(transports.Letter{ID: "2", Body: "Then", Receipt: true}) // in the same lane
	r.flush()
	if e, ok := r.next().(transports.Receipt); !ok || e.ID != "2" {
		t.Errorf("got %+v, want the second receipt", e)
	}
	if mails, err := os.ReadDir(kept); err != nil || len(mails) != 2 {
		t.Errorf("%d mails came, want 2: %v", len(mails), err)
	}
}

// TestDelaysAreTold: after hours a user hears that his mail waits, and after five days that nobody tries any more, and why.
func TestDelaysAreTold(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.relay.fate("juliet@example.com", relay.Result{Outcome: relay.Temporary, Code: 450, Enhanced: "4.7.1", Text: "Come back later"})
	r.posted(transports.Letter{ID: "1", Body: "Hello", Receipt: true})
	r.flush()
	r.sent()
	r.queued("The server said: Come back later", 0)
	begun := r.clock.Now()
	e, ok := r.nextAfter(20 * time.Minute).(transports.Remark)
	if !ok || e.With != juliet || !strings.Contains(e.Text, "has not arrived yet") || !strings.Contains(e.Text, "until 2026-12-01 10:0") {
		t.Errorf("got %+v", e)
	}
	if passed := r.clock.Now().Sub(begun); passed < 4*time.Hour {
		t.Errorf("it was said after %v", passed)
	}
	const failed = "Your mail to juliet@example.com did not arrive: its server could not be reached for days. The server said: Come back later"
	if e, ok := r.nextAfter(4 * time.Hour).(transports.Failure); !ok || e.ID != "1" || e.Client != client || transports.AsError(e.Err).Text != failed {
		t.Errorf("got %+v", e)
	}
	if passed := r.clock.Now().Sub(begun); passed < 5*24*time.Hour {
		t.Errorf("it was given up after %v", passed)
	}
	if e, ok := r.next().(transports.Remark); !ok || e.With != juliet || e.Text != failed {
		t.Errorf("got %+v", e)
	}
	for len(r.relay.mails) > 0 {
		r.sent()
	}
	r.pass(24 * time.Hour)
	r.posted(transports.Letter{ID: "2", Body: "Then"})
	r.flush()
	if m := r.sent(); said(m) != "Then" {
		t.Errorf("what was given up is tried again: %s", m.Body)
	}
}
